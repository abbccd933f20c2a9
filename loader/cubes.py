"""One column of a cube: gathered in parts while its table is read, then typed.

A part is terms, a term or none for many rows, or what a statement makes of a column of the table; the terms of the last
are looked up when the column is written, so that a row takes two to eight bytes until then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from loader.canonical import DIGITS, Numbers, canonical_terms, kind_of_literals, numbers_of
from loader.csvw.columns import wrap
from loader.release import DECIMAL, INTEGER, TERM, CubeColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loader.csvw.observed import ObservedRows, Statement

ENUM_TERMS: Final = 1 << 12
"""A column of more terms is text in Parquet, for the file lists the values of an enumeration."""


@dataclass(frozen=True, slots=True)
class Run:
    """The same term, or none, in some rows."""

    term: str | None
    rows: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What a statement says in some rows."""

    statement: Statement
    source: ObservedRows

    @property
    def values(self) -> pl.Series:
        """The column of the table."""
        return self.source.found[self.statement.lane or ""]

    @property
    def is_coded(self) -> bool:
        """Say whether the column of the table is numbers of values."""
        return self.values.dtype.is_unsigned_integer()

    @property
    def is_number(self) -> bool:
        """Say whether the column of the table is the numbers that the terms are."""
        return self.statement.is_literal and self.values.dtype.is_numeric() and not self.is_coded

    def terms_by_code(self) -> pl.Series:
        """Give the term for each value of the column of the table."""
        texts = self.source.plan.lanes[self.statement.lane or ""].texts
        return self.statement.terms(lambda derived: texts[derived.name])

    def terms(self) -> pl.Series:
        """Give the terms of the rows."""
        if self.is_coded:
            return self.terms_by_code().gather(self.values)
        cells = self.values.cast(pl.String)
        return self.statement.terms(lambda derived: wrap(cells, derived))

    def first(self) -> int | None:
        """Give the first row with a term, None if there is none."""
        terms = self.terms()
        return terms.is_not_null().arg_max() if terms.null_count() < len(terms) else None


Part: TypeAlias = "Run | Looked | pl.Series"


@dataclass(slots=True)
class ColumnBuilder:
    """The terms of one column so far, null where a row has none."""

    dtype: pl.Categorical = field(default_factory=lambda: pl.Categorical(pl.Categories.random()))
    parts: list[Part] = field(default_factory=list)
    rows: int = 0
    keeper: pl.Series = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = pl.Series([], dtype=self.dtype)  # categories live as long as a series that has them

    def extend_to(self, rows: int) -> None:
        """Add rows without a value until there are so many."""
        if rows > self.rows:
            self.add(Run(None, rows - self.rows))

    def add(self, part: Run | Looked) -> None:
        """Add some rows."""
        last = self.parts[-1] if self.parts else None
        if isinstance(part, Run) and isinstance(last, Run) and last.term == part.term:
            self.parts[-1] = Run(part.term, last.rows + part.rows)
        else:
            self.parts.append(part)
        self.rows += part.rows if isinstance(part, Run) else part.source.rows

    def add_terms(self, places: pl.Series, terms: pl.Series, rows: int) -> None:
        """Add a block of so many rows, with terms in some of them."""
        if len(places) < rows:
            terms = pl.Series([None], dtype=pl.String).new_from_index(0, rows).scatter(places, terms)
        self.parts.append(self.codes(terms))
        self.rows += rows

    def codes(self, terms: pl.Series) -> pl.Series:
        """Give the number of each term."""
        return terms.cast(self.dtype).to_physical()


@dataclass(frozen=True, slots=True)
class Values:
    """What a column has in its rows: values, or a value for each number of one."""

    values: pl.Series
    codes: pl.Series | None = None

    def slice(self, start: int, rows: int) -> pl.Series:
        """Give the values of some rows."""
        if self.codes is None:
            return self.values.slice(start, rows).rechunk()
        return self.values.gather(self.codes.slice(start, rows))


@dataclass(frozen=True, slots=True)
class Column:
    """A column, ready to be written."""

    described: CubeColumn
    values: Values | None
    """None if all rows have the same term."""

    def slice(self, start: int, rows: int) -> list[pl.Series]:
        """Give what is written for some rows: a column or none."""
        if self.values is None or self.described.name is None:
            return []
        return [self.values.slice(start, rows).alias(self.described.name)]


def _terms(builder: ColumnBuilder, parts: Iterable[Looked | pl.Series]) -> pl.Series:
    """Give the terms of a column by number, in canonical form; null where no row has the number."""
    codes = [part for part in parts if isinstance(part, pl.Series)]
    used = pl.concat(codes).unique().drop_nulls() if codes else pl.Series([], dtype=pl.UInt32)
    every = builder.dtype.categories.to_series()
    terms = canonical_terms(every.gather(used))
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(every)).scatter(used, terms)


def finished(builder: ColumnBuilder, predicate: str, name: str) -> Column:
    """Finish a column: choose what it is by its terms."""
    described = CubeColumn(predicate.removeprefix("<").removesuffix(">"), TERM, name, None, 0, 0, "")
    parts = _resolved(builder)
    column = _of_numbers(described, parts, _terms(builder, parts))
    if column is None:
        codes = [part if isinstance(part, pl.Series) else builder.codes(part.terms()) for part in parts]
        column = _of_terms(described, pl.concat(codes, rechunk=True), _terms(builder, codes))
    return column


def _resolved(builder: ColumnBuilder) -> list[Looked | pl.Series]:
    """Give the parts of a column as numbers of its terms, but for those that are numbers themselves."""
    known: dict[int, pl.Series] = {}
    found: list[Looked | pl.Series] = []
    for part in builder.parts:
        if isinstance(part, Run):
            found.append(builder.codes(pl.Series([part.term], dtype=pl.String)).new_from_index(0, part.rows))
        elif isinstance(part, pl.Series) or part.is_number:
            found.append(part)
        elif part.is_coded:
            statement = id(part.statement)
            if statement not in known:
                known[statement] = builder.codes(part.terms_by_code())
            found.append(known[statement].gather(part.values))
        else:
            found.append(builder.codes(part.terms()))
    builder.parts.clear()
    return found


def _of_terms(described: CubeColumn, codes: pl.Series, terms: pl.Series) -> Column:
    """Make a column of terms."""
    distinct = terms.drop_nulls().unique().sort()
    described = replace(described, missing=codes.null_count())
    if len(distinct) == 1 and not described.missing:
        return _of_one_term(described, distinct[0])
    dtype = pl.Enum(distinct) if len(distinct) <= ENUM_TERMS else pl.String()
    return Column(described, Values(terms.cast(dtype), codes))


def _of_one_term(described: CubeColumn, term: str) -> Column:
    """Make a column of the same term in every row."""
    return Column(CubeColumn(described.predicate, TERM, None, term, 0, 0, ""), None)


def _of_numbers(described: CubeColumn, parts: Sequence[Looked | pl.Series], terms: pl.Series) -> Column | None:
    """Make a column of numbers; None if some of its terms are none, or have too many digits."""
    is_empty = terms.null_count() == len(terms)
    known = None if is_empty else numbers_of(terms)
    if known is None and not is_empty:
        return None
    every = [] if known is None else [known]
    looked = [part for part in parts if isinstance(part, Looked)]
    if looked:
        kind = kind_of_literals(*looked[0].statement.around())
        if kind is None:
            return None
        every += [Numbers(kind, part.values) for part in looked]
    dtype = _dtype(every)
    if dtype is None:
        return None
    values = [_numbers_in(part, known, dtype) for part in parts]
    numbers = Numbers(every[0].kind, pl.concat(values, rechunk=True))
    missing = numbers.values.null_count()
    if not missing and numbers.values.min() == numbers.values.max():
        return _of_one_term(described, numbers.terms()[0])
    described = replace(described, kind=numbers.kind, missing=missing, scale=numbers.places, largest=numbers.largest())
    return Column(described, Values(numbers.values))


def _dtype(every: Sequence[Numbers]) -> pl.DataType | None:
    """Give the type that holds all numbers; None if they are not all of a kind, or have too many digits."""
    kinds = {one.kind for one in every}
    if kinds == {INTEGER}:
        return pl.Int64()
    places, digits = max(one.places for one in every), max(one.digits for one in every)
    return pl.Decimal(DIGITS, places) if kinds == {DECIMAL} and places + digits <= DIGITS else None


def _numbers_in(part: Looked | pl.Series, known: Numbers | None, dtype: pl.DataType) -> pl.Series:
    """Give the numbers of a part."""
    if isinstance(part, Looked):
        return part.values.cast(dtype)
    if known is None:  # it has nothing but gaps
        return pl.Series([None], dtype=dtype).new_from_index(0, len(part))
    return known.values.cast(dtype).gather(part)
