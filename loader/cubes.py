"""One column of a cube: gathered in parts while its table is read, then typed, as stored and as published.

A part is terms, a term or none for many rows, or what a statement makes of a column of the table; the terms of the last
are looked up when the column is written, so that a row takes two to eight bytes until then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from loader.csvw.columns import wrap
from loader.release import DECIMAL, INTEGER, TERM, CubeColumn
from loader.stored import DIGITS, Numbers, kind_of_literals, numbers_of, stored_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loader.csvw.observed import ObservedRows, Statement

PUBLISHED: Final = "_published"
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
        if self.odd is not None:
            cells = pl.select(pl.coalesce(pl.lit(self.odd), pl.lit(cells))).to_series()
        return self.statement.terms(lambda derived: wrap(cells, derived))

    @property
    def odd(self) -> pl.Series | None:
        """Cells that are numbers in another than the shortest form."""
        return self.source.odd.get(self.statement.lane or "")

    def odd_terms(self) -> pl.Series:
        """Give the terms that are not the shortest form of their numbers, null for others."""
        odd = self.odd
        if odd is None:
            return pl.Series([None], dtype=pl.String).new_from_index(0, self.source.rows)
        before, after = self.statement.around()
        return pl.select(pl.concat_str(pl.lit(before), pl.lit(odd), pl.lit(after))).to_series()

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
    published: Values | None
    """Terms as published where they are not as stored; None if they all are, or are the same in every row."""

    def slice(self, start: int, rows: int) -> list[pl.Series]:
        """Give what is written for some rows: one, two or no columns."""
        found = []
        if self.values is not None and self.described.name is not None:
            found.append(self.values.slice(start, rows).alias(self.described.name))
        if self.published is not None and self.described.published is not None:
            found.append(self.published.slice(start, rows).alias(self.described.published))
        return found

    def terms(self, rows: int) -> pl.Series:
        """Give the terms of so many rows."""
        if self.values is None:
            return pl.repeat(self.described.term, rows, dtype=pl.String, eager=True)
        values = self.values.slice(0, rows)
        return values.cast(pl.String) if self.described.kind == TERM else Numbers(self.described.kind, values).terms()


@dataclass(frozen=True, slots=True)
class _Terms:
    """The terms of a column by number, null where no row has the number."""

    published: pl.Series
    stored: pl.Series
    """The same as the store would have them."""

    @classmethod
    def of(cls, builder: ColumnBuilder, parts: Iterable[Looked | pl.Series]) -> _Terms:
        """Find the terms that rows have."""
        codes = [part for part in parts if isinstance(part, pl.Series)]
        used = pl.concat(codes).unique().drop_nulls() if codes else pl.Series([], dtype=pl.UInt32)
        every = builder.dtype.categories.to_series()
        found = every.gather(used)
        return cls(_placed(found, used, len(every)), _placed(stored_terms(found), used, len(every)))

    @property
    def is_empty(self) -> bool:
        """Say whether no row has a term."""
        return self.stored.null_count() == len(self.stored)

    @property
    def odd(self) -> pl.Series | None:
        """The terms that the store would write in another way; None if there is none."""
        is_odd = self.published != self.stored
        return pl.select(pl.when(is_odd).then(self.published)).to_series() if is_odd.any() else None


def _placed(values: pl.Series, places: pl.Series, size: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, size).scatter(places, values)


def finished(builder: ColumnBuilder, predicate: str, name: str) -> Column:
    """Finish a column: choose what it is by its terms, as the store would have them."""
    described = CubeColumn(predicate.removeprefix("<").removesuffix(">"), TERM, name, None, 0, 0, "")
    parts = _resolved(builder)
    column = _of_numbers(described, parts, _Terms.of(builder, parts))
    if column is None:
        codes = [part if isinstance(part, pl.Series) else builder.codes(part.terms()) for part in parts]
        column = _of_terms(described, pl.concat(codes, rechunk=True), _Terms.of(builder, codes))
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


def _of_terms(described: CubeColumn, codes: pl.Series, terms: _Terms) -> Column:
    """Make a column of terms."""
    distinct = terms.stored.drop_nulls().unique().sort()
    dtype = pl.Enum(distinct) if len(distinct) <= ENUM_TERMS else pl.String()
    values = Values(terms.stored.cast(dtype), codes)
    published = None if terms.odd is None else Values(terms.odd, codes)
    described = replace(described, missing=codes.null_count())
    if len(distinct) == 1 and not described.missing:
        return _of_one_term(described, distinct[0], published, len(codes))
    return _with_published(described, values, published)


def _of_one_term(described: CubeColumn, term: str, published: Values | None, rows: int) -> Column:
    """Make a column of the same term in every row, which may have been written in several ways."""
    one = CubeColumn(described.predicate, TERM, None, term, 0, 0, "")
    spelt = None if published is None else published.slice(0, rows).unique()
    if spelt is not None and len(spelt) == 1:
        return Column(replace(one, published_term=spelt[0]), None, None)
    return Column(replace(one, published=_published_name(described, published)), None, published)


def _published_name(described: CubeColumn, published: Values | None) -> str | None:
    return None if published is None else f"{described.name}{PUBLISHED}"


def _with_published(described: CubeColumn, values: Values, published: Values | None) -> Column:
    return Column(replace(described, published=_published_name(described, published)), values, published)


def _of_numbers(described: CubeColumn, parts: Sequence[Looked | pl.Series], terms: _Terms) -> Column | None:
    """Make a column of numbers; None if some of its terms are none, or have too many digits."""
    known = None if terms.is_empty else numbers_of(terms.stored)
    if known is None and not terms.is_empty:
        return None
    every = [] if known is None else [known]
    is_same = True
    looked = [part for part in parts if isinstance(part, Looked)]
    if looked:
        made = kind_of_literals(*looked[0].statement.around())
        if made is None:
            return None
        kind, is_same = made
        every += [Numbers(kind, part.values) for part in looked]
    dtype = _dtype(every)
    if dtype is None:
        return None
    values = [_numbers_in(part, known, dtype) for part in parts]
    numbers = Numbers(every[0].kind, pl.concat(values, rechunk=True))
    spelt = [_spelt_in(part, terms.odd, is_same=is_same) for part in parts]
    published = Values(pl.concat(spelt)) if any(len(part) > part.null_count() for part in spelt) else None
    missing = numbers.values.null_count()
    described = replace(described, kind=numbers.kind, missing=missing, scale=numbers.places, largest=numbers.largest())
    if not missing and numbers.values.min() == numbers.values.max():
        return _of_one_term(described, numbers.terms()[0], published, len(numbers.values))
    return _with_published(described, Values(numbers.values), published)


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


def _spelt_in(part: Looked | pl.Series, odd: pl.Series | None, *, is_same: bool) -> pl.Series:
    """Give the terms of a part as published where the store would write them in another way."""
    if isinstance(part, Looked):
        return part.odd_terms() if is_same else part.terms()
    if odd is None:
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(part))
    return odd.gather(part)
