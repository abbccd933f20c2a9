"""The rows of a table as columns of terms: what the fast path says of observations, without writing it as triples.

Each triple of a row whose predicate is fixed and whose object depends on one column of the table is a `Statement`; the
terms of others are made row by row. Only the rows of one kind of subject are given this way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import polars as pl

from loader.csvw.emissions import Use, expression
from loader.csvw.values import INTEGER_RANGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from loader.csvw.columns import Dictionary
    from loader.csvw.datatypes import Datatype
    from loader.csvw.emissions import Derived, Emission, Part

END: Final = " .\n"
LARGEST: Final = 10**18
"""Integers below it, and decimals of fewer digits than it has, are kept as numbers."""
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Statement:
    """One triple a row whose predicate is the same in every row, and whose object depends on one column at most."""

    position: int
    """Its place among the triples of a row."""
    predicate: str
    constant: str | None
    """The object, if it is the same wherever there is one."""
    derived: Derived | None
    """The text of predicate, object and end; None if the object is constant."""
    guard: Derived | None
    """A text of the same column whose absence means that there is no triple."""

    @property
    def lane(self) -> str | None:
        """The column that the triple depends on; None if it is the same in every row."""
        source = self.derived or self.guard
        return None if source is None else source.column

    @property
    def is_literal(self) -> bool:
        """Say whether the object is a literal of what is in the cell."""
        return self.derived is not None and self.derived.name.startswith("literal ")

    def terms(self, texts: Callable[[Derived], pl.Series]) -> pl.Series:
        """Give the objects, null where there is no triple, from the texts of some cells or values."""
        if self.derived is None:
            assert self.guard is not None, "it depends on a column"
            terms = pl.lit(self.constant)
        else:
            terms = pl.lit(texts(self.derived)).str.strip_prefix(f"{self.predicate} ").str.strip_suffix(END)
        if self.guard is not None and self.guard != self.derived:
            terms = pl.when(pl.lit(texts(self.guard)).is_not_null()).then(terms)
        return pl.select(terms).to_series()

    def around(self) -> tuple[str, str]:
        """Give what a literal has before and after a cell that is plainly valid."""
        assert self.derived is not None
        assert self.derived.before is not None, "cells of its column are copied as they stand"
        return self.derived.before.removeprefix(f"{self.predicate} "), self.derived.after.removesuffix(END)


@dataclass(frozen=True, slots=True)
class ObservedRows:
    """Some rows of a table."""

    plan: Observed
    rows: int
    found: dict[str, pl.Series]
    """By column of the table: numbers of values (unsigned), cells as text, or what they are as numbers (signed)."""
    others: pl.DataFrame | None
    """What is no statement: `row`, `position`, `predicate` and `term` of each triple, by row and position."""

    def subjects(self, prefix: str) -> pl.Series:
        """Give the address of each row's subject, without what all begin with."""
        texts: list[pl.Series] = [self._text(part) for part in self.plan.subject]
        texts[0] = texts[0].str.strip_prefix(f"<{prefix}")
        texts[-1] = texts[-1].str.strip_suffix("> ")
        rows = [self._by_row(part, text) for part, text in zip(self.plan.subject, texts, strict=True)]
        return pl.select(pl.concat_str(rows)).to_series()

    def _text(self, part: Part) -> pl.Series:
        """Give the text of a part of the subject, by number of the value if the column of the table is numbers."""
        if isinstance(part, str):
            return pl.Series([part])
        derived = self.plan.derived[part.name]
        found = self.found[derived.column]
        lane = self.plan.lanes[derived.column]
        return lane.texts[derived.name] if found.dtype.is_unsigned_integer() else lane.text(found, derived)

    def _by_row(self, part: Part, text: pl.Series) -> pl.Expr:
        if isinstance(part, str):
            return pl.lit(text[0])
        found = self.found[self.plan.derived[part.name].column]
        return pl.lit(text.gather(found) if found.dtype.is_unsigned_integer() else text)


class Observer(Protocol):
    """Takes the observations of a table as columns, in the order of the rows."""

    prefix: str
    """What the addresses of observations begin with."""

    def take(self, rows: ObservedRows) -> None:
        """Take some rows."""
        ...


@dataclass(frozen=True, slots=True)
class Observed:
    """What the rows of one table say of their observations."""

    lanes: Mapping[str, Dictionary]
    derived: Mapping[str, Derived]
    subject: tuple[Part, ...]
    statements: tuple[Statement, ...]
    others: tuple[tuple[int, Emission], ...]
    """Triples that are no statement, with their positions."""

    def take(self, found: Mapping[str, pl.Series], rows: int) -> ObservedRows | None:
        """Take the columns of a block; None if two of its triples may have the same predicate."""
        others = self._others(found, rows)
        if others is not None:
            fixed = {statement.predicate for statement in self.statements}
            if not fixed.isdisjoint(others.get_column("predicate").unique()):
                return None
        kept: dict[str, pl.Series] = {}
        for name in self.names():
            lane = self.lanes[name]
            kept[name] = _narrow(as_numbers(found[name], lane.plan.column.datatype), lane.size)
        return ObservedRows(self, rows, kept, others)

    def names(self) -> tuple[str, ...]:
        """Give the columns of the table that are needed."""
        of_subject = (self.derived[part.name].column for part in self.subject if isinstance(part, Use))
        of_statements = (statement.lane for statement in self.statements if statement.lane is not None)
        return tuple(dict.fromkeys((*of_subject, *of_statements)))

    def _others(self, found: Mapping[str, pl.Series], rows: int) -> pl.DataFrame | None:
        """Make the triples that are no statement."""
        if not self.others:
            return None
        emissions = [emission for _, emission in self.others]
        texts = texts_of(emissions, self.derived, self.lanes, found, rows).with_row_index("row")
        parts = []
        for position, emission in self.others:
            is_there = pl.lit(value=True) if emission.guard is None else pl.col(emission.guard).is_not_null()
            split = expression(emission.rest).str.strip_suffix(END).str.splitn(" ", 2)
            fields = split.struct.rename_fields(["predicate", "term"]).struct.unnest()
            part = texts.filter(is_there).select("row", pl.lit(position).alias("position"), fields)
            parts.append(part)
        return pl.concat(parts).sort("row", "position")


def texts_of(
    emissions: Iterable[Emission],
    derived: Mapping[str, Derived],
    lanes: Mapping[str, Dictionary],
    found: Mapping[str, pl.Series],
    rows: int,
) -> pl.DataFrame:
    """Give the texts that some triples are made of, a column for each."""
    names = dict.fromkeys(name for emission in emissions for name in _names(emission) if name in derived)
    columns = {name: lanes[derived[name].column].text(found[derived[name].column], derived[name]) for name in names}
    return pl.DataFrame(columns or {"": pl.repeat(None, rows, eager=True)})


def _names(emission: Emission) -> Iterator[str]:
    yield from (part.name for part in (*emission.subject, *emission.rest) if isinstance(part, Use))
    if emission.guard is not None:
        yield emission.guard


def _narrow(values: pl.Series, size: int) -> pl.Series:
    """Give numbers of values in two bytes if they fit."""
    return values.cast(pl.UInt16) if values.dtype == pl.UInt32 and size <= 1 << 16 else values


def as_numbers(cells: pl.Series, datatype: Datatype) -> pl.Series:
    """Give cells that are plainly valid as numbers if they are short ones, whose spelling means nothing.

    It may in a datatype that has an address of its own: to who does not know it, its literals are their texts.
    """
    if cells.dtype != pl.String or datatype.id is not None:
        return cells
    if datatype.base == "decimal":
        return _as_decimals(cells)
    if datatype.base not in INTEGER_RANGES:
        return cells
    numbers = cells.cast(pl.Int64)
    least, most = numbers.min(), numbers.max()
    assert isinstance(least, int | None)
    assert isinstance(most, int | None)
    return numbers if (least or 0) > -LARGEST and (most or 0) < LARGEST else cells


def _as_decimals(cells: pl.Series) -> pl.Series:
    lengths = cells.str.len_bytes().cast(pl.Int64)
    fractions = lengths - cells.str.find(".", literal=True) - 1
    longest = _most(fractions)
    if _most(lengths) > _DIGITS:
        return cells
    is_odd = fractions.is_not_null() & cells.str.ends_with("0")
    places = _most(fractions.filter(~is_odd))
    if places < longest:
        places = max(
            places, _most(cells.filter(is_odd).str.strip_chars_end("0").str.extract(r"\.(.*)").str.len_bytes())
        )
    return cells.cast(pl.Decimal(38, longest)).cast(pl.Decimal(38, places))


def _most(lengths: pl.Series) -> int:
    found = lengths.max()
    return found if isinstance(found, int) else 0


def plan_observed(
    emissions: Sequence[Emission], derived: Mapping[str, Derived], lanes: Mapping[str, Dictionary], prefix: str
) -> tuple[Observed, list[Emission]] | None:
    """Find the triples about observations, and those about other things; None if that cannot be told beforehand."""
    start = f"<{prefix}"
    own = [(i, emission) for i, emission in enumerate(emissions) if emission.begins.startswith(start)]
    rest = [emission for emission in emissions if not emission.begins.startswith(start)]
    is_known = not any(start.startswith(emission.begins) for emission in rest)
    uses = {part for emission in emissions for part in (*emission.subject, *emission.rest) if isinstance(part, Use)}
    if not is_known or any(use.name not in derived for use in uses):
        return None
    if len({emission.subject for _, emission in own}) != 1 or all(emission.guard for _, emission in own):
        return None
    statements, others = _sorted_out(own, derived)
    return Observed(lanes, derived, own[0][1].subject, statements, others), rest


def _sorted_out(
    own: Sequence[tuple[int, Emission]], derived: Mapping[str, Derived]
) -> tuple[tuple[Statement, ...], tuple[tuple[int, Emission], ...]]:
    """Tell statements from other triples: those of a predicate that another triple of the row has too."""
    often = Counter(emission.predicate for _, emission in own)
    statements: list[Statement] = []
    others: list[tuple[int, Emission]] = []
    for position, emission in own:
        statement = _statement(position, emission, derived) if often[emission.predicate] == 1 else None
        if statement is None:
            others.append((position, emission))
        else:
            statements.append(statement)
    return tuple(statements), tuple(others)


def _statement(position: int, emission: Emission, derived: Mapping[str, Derived]) -> Statement | None:
    """Give a triple as a statement, None if its predicate is not fixed or its object depends on several columns."""
    if emission.predicate is None or len(emission.rest) != 1:
        return None
    guard = None if emission.guard is None else derived[emission.guard]
    predicate, part = emission.predicate.removesuffix(" "), emission.rest[0]
    if isinstance(part, str):
        constant = part.removeprefix(emission.predicate).removesuffix(END)
        return Statement(position, predicate, constant, None, guard)
    found = derived[part.name]
    if guard is not None and guard.column != found.column:
        return None
    return Statement(position, predicate, None, found, guard)
