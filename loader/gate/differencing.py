"""Find small counts that two tables give away together: two releases of one cube, or tables that overlap.

Between releases, what is published twice must not differ by a small count, and what is suppressed now must not stand in
the release before. Tables that overlap are laid over one another and audited as one (`loader.gate.intervals`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from loader.errors import Problem
from loader.gate.audit import Audit, groups_of, need_of
from loader.gate.counts import Figures, first_shown, number, read_figures
from loader.gate.intervals import AUDIT_S, Leak, audit
from loader.gate.policy import DIFFERENCING, Layout, Policy
from loader.texts import firsts, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Mapping as Dictionary

    from numpy.typing import NDArray

_EDGE: Final = 1e-9
_INTERVAL: Final = ("low", "high", "is_hidden", "is_absent", "line")
_SAME: Final = "correct the figures; tables that count different things are not to be compared"


@dataclass(frozen=True, slots=True)
class Published:
    """One measure of a table, as it is to be published beside others."""

    rows: pl.DataFrame
    policy: Policy
    layout: Layout
    shown: str
    line_column: str
    measure: str

    def figures(self) -> Figures:
        """Read the measure as intervals."""
        absent = self.layout.not_applicable
        return read_figures(self.rows, self.layout.dimensions, self.measure, self.policy, self.line_column, absent)


def check_revisions(
    rows: pl.DataFrame, previous: pl.DataFrame, policy: Policy, layout: Layout, shown: str, line_column: str
) -> Iterator[Problem]:
    """Yield what a table gives away beside `previous`, the same table of the release before, with the same columns.

    Sources that perturb their figures, or revise them as a matter of course, are not asked: the latter by an exemption.
    """
    if not policy.applies(DIFFERENCING) or policy.is_perturbed:
        return
    keys = list(layout.dimensions)
    for measure in layout.measures:
        where = f"{shown}, column '{measure}'"
        changes = _changes(rows, previous, keys, measure)
        lined = rows.select(*keys, pl.col(line_column).alias("line"))
        yield from first_shown(_revised(lined, changes.figures, keys, measure, policy, shown), "GATE-30", where)
        suppressed = lined[np.flatnonzero(changes.is_suppressed)]
        yield from first_shown(_withdrawn(suppressed, changes.gone, keys, measure, shown), "GATE-31", where)


@dataclass(frozen=True, slots=True)
class _Changes:
    """What became of the figures of the release before."""

    figures: NDArray[np.float64]
    """By row, by how much a figure differs; not a number where one of the two is not there."""
    is_suppressed: NDArray[np.bool_]
    """By row, whether its figure is there no more."""
    gone: pl.DataFrame
    """Rows of the release before that are there no more, although all their codes are still in use."""


def _changes(rows: pl.DataFrame, previous: pl.DataFrame, keys: list[str], measure: str) -> _Changes:
    new, old = (_figures(table, measure) for table in (rows, previous))
    (numbers, before), size = numbered([rows, previous], keys)
    given = np.flatnonzero(~np.isnan(old))
    first = firsts(before[given], size)
    at = first[numbers]
    old = np.append(old[given], np.nan)[at]  # those that were not there are -1: the last
    first[numbers] = -1
    gone = previous.select(keys)[np.sort(given[first[first >= 0]])]
    for name in keys:
        (used, codes), count = numbered([rows, gone], [name])
        is_used = np.zeros(count, np.bool_)
        is_used[used] = True
        gone = gone.filter(is_used[codes])
    return _Changes(np.abs(new - old), np.isnan(new) & (at >= 0), gone)


def _figures(table: pl.DataFrame, measure: str) -> NDArray[np.float64]:
    """Give the figures of a measure; not a number where there is none."""
    return table.select(number(measure).fill_null(math.nan)).to_series().to_numpy()


def _revised(
    rows: pl.DataFrame, changes: NDArray[np.float64], keys: list[str], measure: str, policy: Policy, shown: str
) -> Iterator[Problem]:
    persons = changes * policy.multiplier
    hint = "keep the figure as it was, or exempt a source that revises its figures ([policy.exemptions] differencing)"
    found = np.flatnonzero((persons > _EDGE) & (persons < policy.threshold - _EDGE))
    for row in rows[found].iter_rows(named=True):
        message = f"the figure ({_key(row, keys)}) differs by a count under {policy.threshold} from the release before"
        yield Problem("GATE-30", f"{shown}:{row['line']}, column '{measure}'", message, hint)


def _withdrawn(
    suppressed: pl.DataFrame, gone: pl.DataFrame, keys: list[str], measure: str, shown: str
) -> Iterator[Problem]:
    """Find cells that are suppressed now, or missing although all their codes are still in use."""
    hint = "publish the figure again, or withdraw the release before as well: it stays public otherwise"
    for row in suppressed.iter_rows(named=True):
        message = f"the suppressed cell ({_key(row, keys)}) is published in the release before"
        yield Problem("GATE-31", f"{shown}:{row['line']}, column '{measure}'", message, hint)
    for row in gone.iter_rows(named=True):
        message = f"the missing cell ({_key(row, keys)}) is published in the release before"
        yield Problem("GATE-31", f"{shown}, column '{measure}'", message, hint)


def _key(row: Dictionary[str, object], keys: Sequence[str]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in keys)


def check_overlapping(tables: Sequence[Published], *, limit_s: float = AUDIT_S) -> Audit:
    """Audit tables of one measure together. They share dimensions by name; one a table lacks stands at its total.

    What a table gives away alone is found by the audit of that table, and not repeated.
    """
    shown = " with ".join(table.shown for table in tables)
    if not all(table.policy.applies(DIFFERENCING) for table in tables):
        return Audit((), ())
    reason = _incomparable(tables)
    if reason:
        return Audit((), (f"{shown}: not audited together: {reason}",))
    policy, layout = _common(tables)
    keys = list(layout.dimensions)
    cells = _overlaid(tables, policy, keys)
    figures = Figures(cells.select(*keys, *_INTERVAL), layout.dimensions, all(t.figures().is_whole for t in tables))
    found = audit(figures, groups_of(cells, layout, policy), need_of(policy), limit_s=limit_s)
    alone = {key for table in tables for key in _known_alone(table, policy, layout)}
    places = {tuple(row[:-1]): row[-1] for row in cells.select(*keys, "place").iter_rows()}
    together = (leak for leak in found.intervals if leak.key not in alone)
    broken = (f"parts in other tables do not add up to {'; '.join(names)}" for names in found.broken)
    problems = [
        *first_shown(_conflicts(cells, keys, policy), "GATE-32", shown),
        *first_shown(_given(cells, keys), "GATE-33", shown),
        *first_shown((_leak(leak, keys, places.get(leak.key) or shown) for leak in together), "GATE-33", shown),
        *first_shown((Problem("GATE-34", shown, message, _SAME) for message in broken), "GATE-34", shown),
    ]
    if found.undecided:
        message = f"time ran out before {found.undecided:,} suppressed cells were audited"
        problems.append(Problem("GATE-23", shown, message, "compare fewer tables, or declare fewer totals"))
    return Audit(tuple(problems), (f"{shown}: {found.hidden:,} suppressed or missing cells audited together",))


def _incomparable(tables: Sequence[Published]) -> str:
    """Say why tables cannot be laid over one another; nothing if they can."""
    if any(table.policy.is_perturbed for table in tables):
        return "the source of one perturbs its figures"
    if len({(table.policy.kind, table.policy.multiplier) for table in tables}) > 1:
        return "they do not hold figures of one kind and unit"
    policy, layout = _common(tables)
    for table in tables:
        for name in layout.dimensions:
            if name not in table.layout.dimensions and name not in policy.totals:
                return f"{table.shown} has no '{name}', and no policy says which code is its total"
    return ""


def _common(tables: Sequence[Published]) -> tuple[Policy, Layout]:
    """Give the policy and layout of tables taken together: all dimensions and totals, the largest threshold."""
    names = tuple(dict.fromkeys(name for table in tables for name in table.layout.dimensions))
    nested = tuple(dict.fromkeys(name for table in tables for name in table.policy.nested))
    totals = {name: code for table in reversed(tables) for name, code in table.policy.totals.items()}
    parents: dict[str, dict[str, str]] = {}
    for table in tables:
        for name, above in table.layout.parents.items():
            parents.setdefault(name, {}).update(above)
    threshold = max(table.policy.threshold for table in tables)
    policy = replace(tables[0].policy, threshold=threshold, totals=totals, nested=nested)
    return policy, Layout(names, (tables[0].measure,), parents=parents)


def _overlaid(tables: Sequence[Published], policy: Policy, keys: list[str]) -> pl.DataFrame:
    """Lay tables over one another: each cell once, with all that any table tells of it."""
    frames = []
    for table in tables:
        before, after = pl.lit(f"{table.shown}:"), pl.lit(f", column '{table.measure}'")
        place = pl.concat_str(before, pl.col("line").cast(pl.String), after).alias("place")
        lacking = [
            pl.lit(policy.totals[name], pl.Categorical).alias(name)
            for name in keys
            if name not in table.layout.dimensions
        ]
        frames.append(table.figures().rows.with_columns(place, *lacking).select(*keys, *_INTERVAL, "place"))
    low, high, is_given = pl.col("low"), pl.col("high"), ~(pl.col("is_hidden") | pl.col("is_absent"))
    is_disputed = low.max() > high.min() + _EDGE
    return (
        pl.concat(frames)
        .group_by(keys, maintain_order=True)
        .agg(
            pl.when(is_disputed).then(low.first()).otherwise(low.max()).alias("low"),
            pl.when(is_disputed).then(high.first()).otherwise(high.min()).alias("high"),
            pl.col("is_hidden").all(),
            (pl.col("is_absent").any() & ~is_given.any()).alias("is_absent"),
            pl.col("line").first(),
            pl.col("place").sort_by("is_hidden", descending=True, maintain_order=True).first(),
            (low.max() - high.min()).alias("apart"),
            (pl.col("is_hidden").any() & is_given.any()).alias("is_given"),
        )
        .with_columns((pl.col("is_hidden") & ~pl.col("is_absent")).alias("is_hidden"))
    )


def _known_alone(table: Published, policy: Policy, layout: Layout) -> Iterator[tuple[str, ...]]:
    """Yield the cells that a table gives away by itself, by their codes in all dimensions."""
    own = replace(table.policy, threshold=policy.threshold)
    names = table.layout.dimensions
    for leak in audit(table.figures(), groups_of(table.rows, table.layout, own), need_of(own)).intervals:
        codes = dict(zip(names, leak.key, strict=True))
        yield tuple(codes[name] if name in codes else policy.totals[name] for name in layout.dimensions)


def _conflicts(cells: pl.DataFrame, keys: list[str], policy: Policy) -> Iterator[Problem]:
    for row in cells.filter(pl.col("apart") > _EDGE).iter_rows(named=True):
        is_small = row["apart"] * policy.multiplier < policy.threshold - _EDGE
        much = f" by a count under {policy.threshold}" if is_small else ""
        message = f"another table gives a figure for the same cell ({_key(row, keys)}) that differs{much}"
        yield Problem("GATE-32", row["place"], message, _SAME)


def _given(cells: pl.DataFrame, keys: list[str]) -> Iterator[Problem]:
    for row in cells.filter("is_given").iter_rows(named=True):
        message = f"the suppressed cell ({_key(row, keys)}) is published in another table"
        yield Problem("GATE-33", row["place"], message, "suppress it there as well, or publish it here")


def _leak(leak: Leak, keys: list[str], place: str) -> Problem:
    key = _key(dict(zip(keys, leak.key, strict=True)), keys)
    what = "missing" if leak.line is None else "suppressed"
    message = f"the {what} cell ({key}) can be worked out from these tables together: {'; '.join(leak.totals[:4])}"
    return Problem("GATE-33", place, message, "suppress another cell under one of these totals, or withhold the total")
