"""The columns of a cube: its observations as Parquet, a column for each predicate, instead of as triples in the store.

The columns are made of the triples that the mapping gives, so they say the same. Each value is the term as the graph
store would hold it (it writes `0.70` as `0.7` and `@EN` as `@en`), because answers are to be those of the store.
What does not fit (a blank node, an observation in two places of the table) is stored as triples, as it would be anyway.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Final

import polars as pl
from pyoxigraph import NamedNode, RdfFormat, Store

from loader.release import DECIMAL, INTEGER, TERM, CubeColumn, CubeRecord
from ontology.terms import XSD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_COLUMNS: Final = 200
"""A cube with more columns than this has values in lists, and is stored as triples."""
SUBJECT: Final = "subject"
_INTEGER: Final = rf'^"(0|-?[1-9][0-9]{{0,17}})"\^\^<{re.escape(XSD.integer.value)}>$'
_DECIMAL: Final = (
    r'^"(0|-?[1-9][0-9]{0,17}(?:\.[0-9]{0,17}[1-9])?|-?0\.[0-9]{0,17}[1-9])"'
    rf"\^\^<{re.escape(XSD.decimal.value)}>$"
)
_DECIMAL_DIGITS: Final = 18

Key = tuple[str, int]
"""A predicate, and the how-manieth of its values in a row."""


class UnfitError(Exception):
    """The observations cannot be columns; says why."""


@dataclass(slots=True)
class ColumnBuilder:
    """The terms of one column so far, null where a row has none."""

    dtype: pl.Categorical = field(default_factory=lambda: pl.Categorical(pl.Categories.random()))
    parts: list[pl.Series] = field(default_factory=list)
    rows: int = 0

    def extend_to(self, rows: int) -> None:
        """Add rows without a value until there are so many."""
        if rows > self.rows:
            self.parts.append(pl.Series([None], dtype=pl.String).new_from_index(0, rows - self.rows).cast(self.dtype))
            self.rows = rows

    def add(self, places: pl.Series, terms: pl.Series, rows: int) -> None:
        """Add a block of so many rows, with terms in some of them."""
        if len(places) < rows:
            terms = pl.Series([None], dtype=pl.String).new_from_index(0, rows).scatter(places, terms)
        self.parts.append(terms.cast(self.dtype))
        self.rows += rows

    def finish(self) -> pl.Series:
        """Give the whole column."""
        return pl.concat(self.parts)


@dataclass(slots=True)
class Observations:
    """The observations of one table, taken from its triples as they pass."""

    prefix: str
    """What the address of every observation begins with, and of nothing else."""
    subjects: list[pl.Series] = field(default_factory=list)
    columns: dict[Key, ColumnBuilder] = field(default_factory=dict)
    rows: int = 0
    unfit: str = ""
    """Why the observations cannot be columns, once that is known."""
    elsewhere: str = ""
    """An observation that something else than the table describes, if there is one."""
    held: bytes = b""
    """Lines of the last row, of which there may be more to come."""

    def note(self, chunk: bytes) -> None:
        """Take the observations from some lines of N-Triples."""
        if self.unfit:
            return
        data = self.held + chunk
        start = f"<{self.prefix}".encode()
        last = data.rfind(b"\n" + start) + 1
        if not last and not data.startswith(start):
            self.held = b""
            return
        subject = data[last : data.index(b" ", last) + 1]
        while last and data.startswith(subject, before := data.rfind(b"\n", 0, last - 1) + 1):
            last = before
        self.held = data[last:]
        self._add(data[:last])

    def note_other(self, chunk: bytes) -> None:
        """Look for observations in lines that are not of the table."""
        found = re.search(rb"^<" + re.escape(self.prefix.encode()) + rb"[^>]*>", chunk, re.MULTILINE)
        if found:
            self.elsewhere = found[0].decode()

    def _add(self, data: bytes) -> None:
        lines = _lines(data)
        lines = lines.filter(lines.str.starts_with(f"<{self.prefix}"))
        if lines.is_empty():
            return
        split = lines.str.strip_suffix(" .").str.splitn(" ", 3).struct.unnest()
        subject, predicate, term = split.get_columns()
        if term.str.starts_with("_:").any():
            self.unfit = "it has blank nodes"
            return
        row = (subject != subject.shift(1)).fill_null(value=True).cum_sum().cast(pl.Int64) - 1
        rows = int(row[-1]) + 1
        self.subjects.append(subject.filter((row != row.shift(1)).fill_null(value=True)))
        frame = pl.DataFrame({"row": row, "predicate": predicate, "term": term})
        for part in frame.partition_by("predicate", maintain_order=True):
            for number, values in enumerate(_layers(part)):
                self._extend((part["predicate"][0], number), values, rows)
        self.rows += rows
        for column in self.columns.values():
            column.extend_to(self.rows)

    def _extend(self, key: Key, values: pl.DataFrame, rows: int) -> None:
        column = self.columns.setdefault(key, ColumnBuilder())
        if len(self.columns) > MAX_COLUMNS:
            self.unfit = f"it has more than {MAX_COLUMNS} columns"
            return
        column.extend_to(self.rows)
        column.add(values["row"], values["term"], rows)

    def write(self, parquet: Path, name: str, graph: str) -> CubeRecord | None:
        """Write the columns, and what they are beside them; None if they cannot be, for the reason in `unfit`."""
        rest, self.held = self.held, b""
        if not self.unfit:
            self._add(rest)
        if self.elsewhere:
            self.unfit = f"{self.elsewhere} is described outside the table as well"
        if self.unfit or not self.rows:
            self.unfit = self.unfit or "it has no observations"
            return None
        subjects = pl.concat(self.subjects)
        if subjects.n_unique() != self.rows:
            self.unfit = "an observation is in two places of the table"
            return None
        local = subjects.str.strip_prefix(f"<{self.prefix}").str.strip_suffix(">").alias(SUBJECT)
        data, columns = [local], []
        for number, (key, builder) in enumerate(self.columns.items(), 1):
            column, values = _described(key[0], f"c{number}", builder.finish())
            columns.append(column)
            data += [] if values is None else [values]
        table = pl.DataFrame(data)
        if _is_repeated(columns, table):
            self.unfit = "two values of a cell are the same to the store"
            return None
        table.write_parquet(parquet, compression="zstd", row_group_size=1 << 17)
        triples = sum(self.rows - column.missing for column in columns)
        record = CubeRecord(name, graph, self.prefix, self.rows, triples, tuple(columns))
        text = json.dumps(asdict(record), indent=1, ensure_ascii=False)
        parquet.with_suffix(".json").write_text(f"{text}\n", "utf-8")
        return record


def _lines(data: bytes) -> pl.Series:
    """Cut N-Triples into lines; there is no control character in them."""
    if not data:
        return pl.Series([], dtype=pl.String)
    schema = {"line": pl.String}
    return pl.read_csv(data, has_header=False, separator="\x01", quote_char=None, schema=schema).to_series()


def _layers(part: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Give the values of one predicate, in as many columns as a row has different ones at most."""
    if not (part["row"] == part["row"].shift(1)).any():
        yield part
        return
    # the order within a row means nothing in RDF; sorted, a value stated for every row stays in one column
    part = part.unique().sort("row", "term")
    part = part.with_columns(layer=pl.int_range(pl.len()).over("row"))
    for number in part["layer"].unique().sort():
        yield part.filter(pl.col("layer") == number)


def _described(predicate: str, name: str, terms: pl.Series) -> tuple[CubeColumn, pl.Series | None]:
    """Describe a column, and give it typed; no values if they are all the same term."""
    iri = predicate.removeprefix("<").removesuffix(">")
    distinct = terms.drop_nulls().unique().cast(pl.String)
    missing = terms.null_count()
    known = stored_terms(distinct)
    if known.n_unique() == 1 and not missing:
        return CubeColumn(iri, TERM, None, known[0], 0, 0, ""), None
    texts = _replaced(terms, distinct, known)
    number = _numbers(texts, known)
    if number is None:
        # counted after storing, where two spellings may have become one term
        return CubeColumn(iri, TERM, name, None, missing, 0, ""), texts.alias(name)
    kind, values, scale = number
    largest = str(values.cast(pl.Decimal(38, scale)).abs().max())
    return CubeColumn(iri, kind, name, None, missing, scale, largest), values.alias(name)


def _replaced(terms: pl.Series, distinct: pl.Series, known: pl.Series) -> pl.Series:
    if (distinct == known).all():
        return terms.cast(pl.String)
    return terms.cast(pl.String).replace_strict(distinct, known)


def _numbers(texts: pl.Series, distinct: pl.Series) -> tuple[str, pl.Series, int] | None:
    """Give the numbers of a column of nothing but integers or decimals, and how many places they have."""
    if distinct.str.contains(_INTEGER).all():
        return INTEGER, texts.str.extract(_INTEGER).cast(pl.Int64), 0
    if not distinct.str.contains(_DECIMAL).all():
        return None
    parts = distinct.str.extract(_DECIMAL).str.strip_chars_start("-").str.splitn(".", 2).struct.unnest()
    whole, places = (max(part.str.len_chars().drop_nulls().to_list(), default=0) for part in parts.get_columns())
    if whole + places > _DECIMAL_DIGITS:
        return None
    return DECIMAL, texts.str.extract(_DECIMAL).cast(pl.Decimal(_DECIMAL_DIGITS, places)), places


def stored_terms(terms: pl.Series) -> pl.Series:
    """Give terms as the graph store holds them: numbers in their shortest form, language tags in lower case."""
    is_same = terms.str.starts_with("<") | terms.str.contains(_INTEGER) | terms.str.contains(_DECIMAL)
    is_same |= terms.str.contains(r'^"[^"]*"$')
    odd = terms.filter(~is_same)
    if odd.is_empty():
        return terms
    store = Store()
    lines = "".join(f"<x:{number}> <x:p> {term} .\n" for number, term in enumerate(odd))
    store.bulk_load(input=lines.encode(), format=RdfFormat.N_TRIPLES)
    found: list[str] = [""] * len(odd)
    for quad in store:
        assert isinstance(quad.subject, NamedNode), "it was made one five lines up"
        found[int(quad.subject.value[2:])] = str(quad.object)
    return terms.replace(odd, pl.Series(found))


def _is_repeated(columns: Sequence[CubeColumn], data: pl.DataFrame) -> bool:
    """Say whether a row has a term in two columns of one predicate: two spellings of the table, one in the store."""
    return any(
        data.select((_text(one) == _text(other)).any()).item()
        for one, other in combinations(columns, 2)
        if one.predicate == other.predicate
    )


def _text(column: CubeColumn) -> pl.Expr:
    return pl.lit(column.term) if column.name is None else pl.col(column.name).cast(pl.String)
