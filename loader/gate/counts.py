"""Check the figures of a table one by one: small counts, counts below zero, rounding, markers; read them as intervals.

One pass over a column for each rule. A message never repeats a small count: it says that it is under the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import Problem
from loader.gate.policy import COUNTS, MARKERS, MONEY, ROUNDING, SMALL_COUNTS
from loader.integrity import SHOWN
from loader.markers import STANDARD
from loader.texts import distinct, numbered, repeated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Mapping as Dictionary

    import numpy as np
    from numpy.typing import NDArray

    from loader.gate.policy import Layout, Policy

NOT_APPLICABLE: Final = "[z]"
"""The marker of a cell that cannot have a value; a reader takes it as nil."""
_MARKER_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one measure as a reader sees them.

    `rows` has the dimension columns, coded; `low` and `high`, between which the true figure lies, equal for a figure
    given exactly; `is_hidden` for a suppressed cell, `is_absent` for one that may be nil as well; and the `line`.
    """

    rows: pl.DataFrame
    dimensions: tuple[str, ...]
    is_whole: bool = True
    """True if the figures count things one by one."""


def check_counts(rows: pl.DataFrame, policy: Policy, layout: Layout, shown: str, line_column: str) -> Iterator[Problem]:
    """Yield counts that are too small, figures off the rounding base, and markers that the policy does not declare."""
    for measure in layout.measures:
        read = rows.select(
            pl.col(line_column).alias("line"), pl.col(measure).alias("text"), number(measure).alias("value")
        )
        where = f"{shown}, column '{measure}'"
        for code, found in _findings(read, policy):
            named = (
                Problem(code, f"{shown}:{line}, column '{measure}'", message, hint) for line, message, hint in found
            )
            yield from first_shown(named, code, where)


def _findings(read: pl.DataFrame, policy: Policy) -> Iterator[tuple[str, Iterable[tuple[int, str, str]]]]:
    """Yield code after code, with the line, message and hint of each problem."""
    if policy.applies(SMALL_COUNTS):
        yield "GATE-24", _small(read, policy)
    if policy.kind == COUNTS:
        yield "GATE-25", _negative(read)
    if policy.applies(ROUNDING) and policy.rounding_base > 1:
        yield "GATE-26", _off_base(read, policy.rounding_base)
    if policy.applies(MARKERS):
        yield "GATE-27", _undeclared(read, policy.markers)


def number(column: str) -> pl.Expr:
    """Read a column of text as numbers; null where it is none."""
    value = pl.col(column).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def _small(read: pl.DataFrame, policy: Policy) -> Iterator[tuple[int, str, str]]:
    persons = pl.col("value") * policy.multiplier
    # A sum of decimals may miss a whole number by a hair: 0.005 thousands are 5.
    small = read.filter((persons > 0) & (persons < policy.threshold - 1e-9))
    hint = "suppress the cell and enough others, or publish a larger group; the threshold is [policy] threshold"
    for line in small["line"]:
        yield line, f"a count under {policy.threshold}", hint


def _negative(read: pl.DataFrame) -> Iterator[tuple[int, str, str]]:
    for line in read.filter(pl.col("value") < 0)["line"]:
        yield line, "a count below zero", "correct the figure; a change is no count and needs a policy of its own"


def _off_base(read: pl.DataFrame, base: int) -> Iterator[tuple[int, str, str]]:
    rest = (pl.col("value") / base - (pl.col("value") / base).round()).abs()
    hint = "round the figure as the source says it does, or correct [policy] rounding_base"
    for line in read.filter(rest > 1e-9)["line"]:
        yield line, f"the figure is no multiple of {base}, although figures are declared as rounded to it", hint


def _undeclared(read: pl.DataFrame, declared: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    odd = read.filter(pl.col("value").is_null()).with_columns(pl.col("text").cast(pl.String).str.strip_chars())
    odd = odd.filter((pl.col("text") != "") & ~pl.col("text").is_in(list(declared)))
    for line, text in odd.select("line", "text").iter_rows():
        if text in STANDARD or (len(text) <= _MARKER_LENGTH and not any(c.isalnum() for c in text)):
            message = f"the marker '{text}' is not declared"
        else:  # it may be anything, so it is not repeated
            message = "a text that is neither a number nor a declared marker"
        yield line, message, "find out what it means, then add it to [policy] markers, or correct the cell"


def first_shown(problems: Iterable[Problem], code: str, where: str) -> Iterator[Problem]:
    """Yield the first problems one by one, then how many more there are."""
    more = 0
    for position, problem in enumerate(problems):
        if position < SHOWN:
            yield problem
        else:
            more += 1
    if more:
        yield Problem(code, where, f"and {more:,} more like these")


def read_figures(
    rows: pl.DataFrame,
    dimensions: Sequence[str],
    measure: str,
    policy: Policy,
    line_column: str,
    not_applicable: Dictionary[str, str] | None = None,
) -> Figures:
    """Read the cells of a measure as intervals: a rounded figure stands for all figures that are rounded to it.

    `not_applicable` gives, by column of statuses, the code that says that a cell cannot have a value.
    """
    text = pl.col(measure).cast(pl.String).str.strip_chars()
    places = _places(distinct(rows[measure]))
    is_whole = policy.kind == COUNTS and policy.multiplier == 1 and places is None
    half = _half_width(policy, places or 0, is_whole=is_whole)
    is_signed = policy.kind == MONEY and not rows.filter(number(measure) < 0).is_empty()
    floor = -math.inf if is_signed else 0.0
    value = number(measure)
    said = [pl.col(name) == code for name, code in (not_applicable or {}).items() if name in rows.columns]
    is_absent = value.is_null() & pl.any_horizontal(text == NOT_APPLICABLE, *said).fill_null(value=False)
    read = rows.select(
        [pl.col(name).fill_null("").cast(pl.Categorical) for name in dimensions]
        + [
            # A count below zero is a problem of its own; here it must not make the table a contradiction.
            pl.max_horizontal(value - half, pl.min_horizontal(value, pl.lit(floor))).fill_null(floor).alias("low"),
            (value + half).fill_null(math.inf).alias("high"),
            (value.is_null() & is_absent.not_()).alias("is_hidden"),
            is_absent.alias("is_absent"),
            pl.col(line_column).cast(pl.Int64).alias("line"),
        ]
    )
    is_again = repeated(*_numbered(read, dimensions))
    return Figures(read.filter(~is_again) if is_again.size else read, tuple(dimensions), is_whole)


def _numbered(read: pl.DataFrame, dimensions: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    (numbers,), size = numbered([read], dimensions)
    return numbers, size


def _places(texts: pl.Series) -> int | None:
    """Give how many places the figures among some texts have after the point; None if all are whole."""
    texts = texts.filter(texts.str.contains(".", literal=True))
    places = pl.col(texts.name).str.strip_chars().str.extract(r"\.(\d*[1-9])0*$").str.len_chars().max()
    found = texts.to_frame().filter(number(texts.name).is_not_null()).select(places).item()
    return None if found is None else int(found)


def _half_width(policy: Policy, places: int, *, is_whole: bool) -> float:
    """Give how far a true figure may lie from the published one, in the unit of the table.

    Figures in thousands are rounded to their last place, unless the policy has a larger base.
    """
    if is_whole:
        return float(policy.rounding_base // 2)
    step = 10.0**-places if policy.multiplier > 1 else 0.0
    return (float(policy.rounding_base) if policy.rounding_base > 1 else step) / 2
