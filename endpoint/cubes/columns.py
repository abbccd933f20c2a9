"""The columns of the cubes of a release, asked with DuckDB: values as SQL, and relations of them.

A value is an SQL expression, and knows how the term it stands for is written and compared. A term of a column of
numbers is the shortest form of its number, so numbers are compared as numbers, and all else as text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import duckdb

from loader.release import DECIMAL, INTEGER, TERM
from ontology.terms import XSD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.release import CubeColumn, CubeRecord, Release

SUBJECT: Final = "subject"
MEMORY: Final = "1GB"
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
        return f"{self.sql} = {quoted(term)}"

    def equals(self, other: Value) -> str | None:
        """Give the condition that two values are the same term; None if they cannot be, empty if they always are."""
        if self.constant is not None:
            return other.equals_term(self.constant)
        if other.constant is not None:
            return self.equals_term(other.constant)
        if self.is_number and other.is_number:
            return f"{self.sql} = {other.sql}" if self.kind == other.kind else None
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

    def columns_of(self, predicate: str) -> list[CubeColumn]:
        """Give the columns of a predicate, written as in N-Triples."""
        return [column for column in self.record.columns if f"<{column.predicate}>" == predicate]

    def subject(self, alias: str) -> Value:
        """Give the observations."""
        return Value(TERM, f"({quoted(f'<{self.record.prefix}')} || {alias}.{SUBJECT} || '>')")

    def is_subject(self, alias: str, term: str) -> str | None:
        """Give the condition that the observation is a term, in a form that looks at the column only."""
        start = f"<{self.record.prefix}"
        if not term.startswith(start):
            return None
        return f"{alias}.{SUBJECT} = {quoted(term.removeprefix(start).removesuffix('>'))}"


def value_of(column: CubeColumn, alias: str) -> Value:
    """Give the values of a column."""
    if column.term is not None:
        return Value.of_term(column.term)
    largest = int(float(column.largest)) + 1 if column.largest else 0
    return Value(column.kind, f"{alias}.{column.name}", None, column.scale, largest)


@dataclass
class Columns:
    """The cubes of a release, opened."""

    cubes: tuple[Cube, ...]
    connection: duckdb.DuckDBPyConnection
    by_predicate: dict[str, list[Cube]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for cube in self.cubes:
            for predicate in {column.predicate for column in cube.record.columns}:
                self.by_predicate[f"<{predicate}>"].append(cube)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Ask; in a cursor of its own, so that several threads may."""
        return self.connection.cursor().execute(sql).fetchall()

    def texts(self, sql: str) -> list[str]:
        """Ask for one column of text."""
        return [str(row[0]) for row in self.rows(sql) if row[0] is not None]

    def cube_of(self, term: str) -> Cube | None:
        """Give the cube a term would be an observation of."""
        return next((cube for cube in self.cubes if term.startswith(f"<{cube.record.prefix}")), None)

    def has_subject(self, term: str) -> bool:
        """Tell whether a term is an observation."""
        cube = self.cube_of(term)
        if cube is None:
            return False
        return bool(self.rows(f"SELECT 1 FROM {cube.relation} t WHERE {cube.is_subject('t', term)} LIMIT 1"))

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
        cube = self.cube_of(term)
        if cube is None:
            return
        values = [value_of(column, "t").text for column in cube.record.columns]
        for row in self.rows(f"SELECT {', '.join(values)} FROM {cube.relation} t WHERE {cube.is_subject('t', term)}"):
            for column, value in zip(cube.record.columns, row, strict=True):
                if value is not None:
                    yield f"<{column.predicate}>", str(value), f"<{cube.record.graph}>"


def open_columns(release: Release) -> Columns | None:
    """Open the cubes of a release; None if it has none."""
    records = release.cubes()
    if not records:
        return None
    connection = duckdb.connect(config={"memory_limit": MEMORY, "enable_external_access": "true"})
    cubes = []
    for number, record in enumerate(records):
        relation = f"cube{number}"
        path = quoted(str(release.columns(record)))
        connection.execute(f"CREATE VIEW {relation} AS SELECT * FROM read_parquet({path})")
        cubes.append(Cube(record, relation))
    return Columns(tuple(cubes), connection)
