"""The columns of the cubes of a release, asked in SQL: values as SQL, and relations of them.

A value is an SQL expression, and knows how the term it stands for is written and compared. A term of a column of
numbers is the shortest form of its number, so numbers are compared as numbers, and all else as text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from endpoint.cubes.engine import DuckEngine
from loader.release import DECIMAL, INTEGER, TERM
from ontology.terms import XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from endpoint.cubes.engine import CubeEngine, OpenEngine
    from endpoint.cubes.syntax import Term
    from loader.release import CubeColumn, CubeRecord, Release

SUBJECT: Final = "subject"
MAX_KNOWN: Final = 1_000
"""Rows of observations, and small answers, that are kept in mind."""
MAX_TERMS: Final = 20_000
"""Different terms of a column that are kept in mind."""
_INTEGER: Final = re.compile(rf'"(0|-?[1-9][0-9]*)"\^\^<{re.escape(XSD.integer.value)}>')
_DECIMAL: Final = re.compile(rf'"(-?[0-9]+(?:\.[0-9]+)?)"\^\^<{re.escape(XSD.decimal.value)}>')


def quoted(text: str) -> str:
    """Write a text in SQL."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Value:
    """The values of a variable: an SQL expression of a kind, or one constant term."""

    kind: str
    sql: str
    constant: str | None = None
    scale: int = 0
    largest: int = 0
    """Greatest absolute value of a number, rounded up."""
    is_optional: bool = False
    """True if it may be null: an unbound variable."""
    start: str = ""
    """How all its terms begin, if they do."""

    @classmethod
    def of_term(cls, term: str) -> Value:
        """Make a value of a constant term."""
        return cls(TERM, quoted(term), term)

    @property
    def is_number(self) -> bool:
        """True if the expression is a number."""
        return self.kind in {INTEGER, DECIMAL}

    @property
    def text(self) -> str:
        """The term in N-Triples, as SQL."""
        if self.kind == INTEGER:
            return f"('\"' || CAST({self.sql} AS VARCHAR) || '\"^^<{XSD.integer.value}>')"
        if self.kind == DECIMAL:
            return f"('\"' || {shortest(self.sql, self.scale)} || '\"^^<{XSD.decimal.value}>')"
        return self.sql

    @property
    def written(self) -> str:
        """The term as data of VALUES, as SQL: the shorter, the sooner read."""
        text = f"CAST({self.sql} AS VARCHAR)" if self.kind == INTEGER else self.text
        return f"coalesce({text}, 'UNDEF')" if self.is_optional else text

    def equals_term(self, term: str) -> str | None:
        """Give the condition that it is a term; None if it cannot be, empty if it always is."""
        if self.constant is not None:
            return "" if self.constant == term else None
        if self.is_number:
            match = (_INTEGER if self.kind == INTEGER else _DECIMAL).fullmatch(term)
            if match is None or len(match[1]) > 36:
                return None
            return f"{self.sql} = {match[1]}"
        return f"{self.sql} = {quoted(term)}" if term.startswith(self.start) else None

    def equals(self, other: Value) -> str | None:
        """Give the condition that two values are the same term; None if they cannot be, empty if they always are."""
        if self.constant is not None:
            return other.equals_term(self.constant)
        if other.constant is not None:
            return self.equals_term(other.constant)
        if self.is_number and other.is_number:
            return f"{self.sql} = {other.sql}" if self.kind == other.kind else None
        if (self.start and other.is_number) or (self.is_number and other.start):
            return None
        return "" if self.text == other.text else f"{self.text} = {other.text}"


def shortest(sql: str, scale: int) -> str:
    """Write a decimal without zeros at its end."""
    text = f"CAST({sql} AS VARCHAR)"
    return f"rtrim(rtrim({text}, '0'), '.')" if scale else text


@dataclass(frozen=True, slots=True)
class Cube:
    """A cube, as the tables of a query are named after it."""

    record: CubeRecord
    relation: str
    """What stands after FROM."""

    @property
    def names(self) -> list[str]:
        """Names of the columns of its file."""
        return [SUBJECT, *(column.name for column in self.record.columns if column.name is not None)]

    def columns_of(self, predicate: str) -> list[CubeColumn]:
        """Give the columns of a predicate, written as in N-Triples."""
        return [column for column in self.record.columns if f"<{column.predicate}>" == predicate]

    def subject(self, alias: str) -> Value:
        """Give the observations."""
        return Value(
            TERM, f"({quoted(f'<{self.record.prefix}')} || {alias}.{SUBJECT} || '>')", start=f"<{self.record.prefix}"
        )

    def is_subject(self, alias: str, term: str) -> str | None:
        """Give the condition that the observation is a term, in a form that looks at the column only."""
        start = f"<{self.record.prefix}"
        if not term.startswith(start):
            return None
        return f"{alias}.{SUBJECT} = {quoted(term.removeprefix(start).removesuffix('>'))}"

    def implied(self, term: str) -> list[tuple[str, str]]:
        """Give the terms that columns have if an observation's address follows from them, if that can be in one way."""
        address = term.removeprefix(f"<{self.record.prefix}").removesuffix(">")
        patterns = [
            "".join(re.escape(part.text) if part.column is None else group for part in self.record.key)
            for group in ("(.*?)", "(.*)")
        ]
        first, last = (re.fullmatch(pattern, address, re.DOTALL) for pattern in patterns)
        if not self.record.key or first is None or last is None or first.groups() != last.groups():
            return []
        columns = [part for part in self.record.key if part.column is not None]
        return [
            (str(part.column), f"{part.before}{text}{part.after}")
            for part, text in zip(columns, first.groups(), strict=True)
        ]


def value_of(column: CubeColumn, alias: str) -> Value:
    """Give the values of a column."""
    if column.term is not None:
        return Value.of_term(column.term)
    largest = int(float(column.largest)) + 1 if column.largest else 0
    return Value(column.kind, f"{alias}.{column.name}", None, column.scale, largest)


def _constant(value: object, column: CubeColumn) -> str:
    """Write a value of a column in SQL."""
    if column.kind == TERM:
        return "CAST(NULL AS VARCHAR)" if value is None else quoted(str(value))
    return f"CAST({'NULL' if value is None else value} AS DECIMAL(38, {column.scale}))"


@dataclass
class Columns:
    """The cubes of a release, opened."""

    cubes: tuple[Cube, ...]
    engine: CubeEngine
    by_predicate: dict[str, list[Cube]] = field(default_factory=lambda: defaultdict(list))
    _rows: dict[str, dict[str, object]] = field(default_factory=dict)
    _answers: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    _terms: dict[tuple[str, str], frozenset[str] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for cube in self.cubes:
            for predicate in {column.predicate for column in cube.record.columns}:
                self.by_predicate[f"<{predicate}>"].append(cube)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Ask; several threads may."""
        return self.engine.rows(sql)

    def known(self, sql: str) -> list[tuple[object, ...]]:
        """Ask what was asked before only once: a release does not change. For answers that are small."""
        found = self._answers.get(sql)
        if found is None:
            found = self.rows(sql)
            if len(self._answers) >= MAX_KNOWN:
                self._answers.clear()
            if len(found) <= MAX_KNOWN:
                self._answers[sql] = found
        return found

    def texts(self, sql: str) -> list[str]:
        """Ask for one column of text."""
        return [str(row[0]) for row in self.rows(sql) if row[0] is not None]

    def narrowed(self, cubes: tuple[Cube, ...], subject: Term) -> tuple[Cube, ...]:
        """Give of some cubes what is about a subject: the one row of an observation, or nothing; all for a variable."""
        if not isinstance(subject, str):
            return cubes
        cube = self.cube_of(subject)
        row = self.row(subject) if cube in cubes else None
        if cube is None or row is None:
            return ()
        named = [column for column in cube.record.columns if column.name is not None]
        values = [f"{_constant(row[column.name or ''], column)} AS {column.name}" for column in named]
        relation = f"(SELECT {', '.join([f'{quoted(str(row[SUBJECT]))} AS {SUBJECT}', *values])})"
        return (replace(cube, relation=relation),) * cubes.count(cube)

    def row(self, term: str) -> dict[str, object] | None:
        """Give the row of an observation, by the names of the columns; None if there is no such observation."""
        cube = self.cube_of(term)
        if cube is None:
            return None
        found = self._rows.get(term)
        if found is None:
            found = self._find(cube, term)
            if len(self._rows) >= MAX_KNOWN:
                self._rows.clear()
            if found is not None:
                self._rows[term] = found
        return found

    def find_rows(self, terms: Iterable[str]) -> None:
        """Look for the rows of several observations together, so that `row` has them in mind."""
        wanted: dict[str, list[str]] = {}
        for term in terms:
            if term not in self._rows and (cube := self.cube_of(term)) is not None:
                wanted.setdefault(cube.relation, []).append(term)
        for cube in self.cubes:
            if len(missing := wanted.get(cube.relation, [])) > 1:
                names, start = cube.names, f"<{cube.record.prefix}"
                subjects = ", ".join(quoted(term.removeprefix(start).removesuffix(">")) for term in missing)
                sql = f"SELECT {', '.join(names)} FROM {cube.relation} t WHERE t.{SUBJECT} IN ({subjects})"
                rows = [dict(zip(names, row, strict=True)) for row in self.rows(sql)]
                if len(self._rows) + len(rows) > MAX_KNOWN:
                    self._rows.clear()
                self._rows.update((f"{start}{row[SUBJECT]}>", row) for row in rows)

    def _find(self, cube: Cube, term: str) -> dict[str, object] | None:
        """Look for an observation, first where its address says it is."""
        names = cube.names
        text = f"SELECT {', '.join(names)} FROM {cube.relation} t WHERE {cube.is_subject('t', term)}"
        implied = [f"t.{name} = {quoted(value)}" for name, value in cube.implied(term)]
        for sql in [" AND ".join([text, *implied]), text] if implied else [text]:
            for found in self.rows(f"{sql} LIMIT 1"):
                return dict(zip(names, found, strict=True))
        return None

    def cube_of(self, term: str) -> Cube | None:
        """Give the cube a term would be an observation of."""
        return next((cube for cube in self.cubes if term.startswith(f"<{cube.record.prefix}")), None)

    def has_subject(self, term: str) -> bool:
        """Tell whether a term is an observation."""
        return self.row(term) is not None

    def has_node(self, term: str, cubes: list[Cube]) -> bool:
        """Tell whether an observation of some cubes is or mentions a term."""
        return (self.has_subject(term) and self.cube_of(term) in cubes) or any(
            self._mentions(cube, column, term) for cube in cubes for column in cube.record.columns
        )

    def _mentions(self, cube: Cube, column: CubeColumn, term: str) -> bool:
        condition = value_of(column, "t").equals_term(term)
        if not condition:
            return condition == ""
        return bool(self.rows(f"SELECT 1 FROM {cube.relation} t WHERE {condition} LIMIT 1"))

    def triples_of(self, term: str) -> Iterator[tuple[str, str, str]]:
        """Give the triples of an observation, in N-Triples: predicate, object and graph."""
        cube, row = self.cube_of(term), self.row(term)
        if cube is None or row is None:
            return
        for column in cube.record.columns:
            value = column.term if column.name is None else row[column.name]
            if value is not None:
                yield f"<{column.predicate}>", _written(value, column), f"<{cube.record.graph}>"

    def pointing_at(self, term: str, start: int, count: int) -> Iterator[tuple[str, str]]:
        """Give some of the observations whose columns have a term, with the predicate, cube by cube in their order.

        Passes over `start` of them, which are counted and not read.
        """
        for cube, column, where, total in self._having(term):
            if start < total and count > 0:
                found = self.texts(f"SELECT t.{SUBJECT} {where} LIMIT {count} OFFSET {start}")
                yield from ((f"<{cube.record.prefix}{subject}>", f"<{column.predicate}>") for subject in found)
                count -= len(found)
            start = max(start - total, 0)

    def subjects(self, graph: str, start: int, count: int) -> list[str]:
        """Give some of the observations of a graph, in the order of their columns."""
        found: list[str] = []
        for cube in self.cubes:
            if cube.record.graph == graph:
                sql = f"SELECT t.{SUBJECT} FROM {cube.relation} t LIMIT {count - len(found)} OFFSET {start}"
                found += [f"{cube.record.prefix}{subject}" for subject in self.texts(sql)]
                start = max(start - cube.record.rows, 0)
        return found

    def count_pointing_at(self, term: str) -> int:
        """Count what `pointing_at` can give."""
        return sum(total for _, _, _, total in self._having(term))

    def _having(self, term: str) -> Iterator[tuple[Cube, CubeColumn, str, int]]:
        """Give the columns that have a term, where in SQL, and how often."""
        for cube in self.cubes:
            for column in cube.record.columns:
                condition = value_of(column, "t").equals_term(term) if self._may_have(cube, column, term) else None
                if condition is not None:
                    where = f"FROM {cube.relation} t WHERE {condition or 'true'}"
                    yield cube, column, where, int(str(self.known(f"SELECT count(*) {where}")[0][0]))

    def _may_have(self, cube: Cube, column: CubeColumn, term: str) -> bool:
        """Tell whether a column can have a term: the different terms of a column are kept in mind, if they are few."""
        if column.name is None:
            return column.term == term
        if column.kind != TERM:
            return not term.startswith("<")
        key = (cube.relation, column.name)
        if key not in self._terms:
            sql = f"SELECT DISTINCT {column.name} FROM {cube.relation} t LIMIT {MAX_TERMS + 1}"
            found = frozenset(self.texts(sql))
            self._terms[key] = found if len(found) <= MAX_TERMS else None
        terms = self._terms[key]
        return terms is None or term in terms


def _written(value: object, column: CubeColumn) -> str:
    """Write a value of a column in N-Triples."""
    if column.name is None or column.kind == TERM:
        return str(value)
    if column.kind == INTEGER:
        return f'"{value}"^^<{XSD.integer.value}>'
    text = f"{value:f}"
    return f'"{text.rstrip("0").rstrip(".") if "." in text else text}"^^<{XSD.decimal.value}>'


def open_columns(release: Release, open_engine: OpenEngine = DuckEngine) -> Columns | None:
    """Open the cubes of a release; None if it has none."""
    cubes = tuple(Cube(record, f"cube{number}") for number, record in enumerate(release.cubes()))
    if not cubes:
        return None
    return Columns(cubes, open_engine({cube.relation: release.columns(cube.record) for cube in cubes}))
