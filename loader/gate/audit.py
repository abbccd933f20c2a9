"""Audit a table for suppressed cells that its totals give away: which codes are totals, what to say (docs/audit.md).

The policy and the code lists say which codes are totals of which; `loader.gate.intervals` works out what a reader can
know of each suppressed cell. Values are never told: a message names the cell, and the totals that give it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loader.errors import Problem
from loader.gate.counts import first_shown, read_figures
from loader.gate.intervals import AUDIT_S, Group, Need, audit
from loader.gate.policy import MONEY, RECOVERABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Mapping as Dictionary

    import polars as pl

    from loader.gate.intervals import Findings
    from loader.gate.policy import Layout, Policy

_TOTALS_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome for a table: what must be fixed, and remarks for the report."""

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def check_recoverable(
    rows: pl.DataFrame, policy: Policy, layout: Layout, shown: str, line_column: str
) -> Iterator[Problem]:
    """Yield suppressed cells that the table's own totals give away, and totals that are not the sum of their parts."""
    yield from audit_table(rows, policy, layout, shown, line_column).problems


def audit_table(
    rows: pl.DataFrame, policy: Policy, layout: Layout, shown: str, line_column: str, *, limit_s: float = AUDIT_S
) -> Audit:
    """Audit each measure of a table whose policy declares totals; a blank or any text is a suppressed cell.

    A row that is missing where its total and another part are there counts as suppressed: tidy steps leave rows
    without a figure out. It is no problem if it can only be 0.
    """
    if not policy.applies(RECOVERABLE):
        return Audit((), ())
    if policy.perturbed is not None:
        note = f"{shown}: suppressed cells not audited: the source perturbs its figures ({policy.perturbed})"
        return Audit((), (note,))
    groups = groups_of(rows, layout, policy)
    if not groups:
        return Audit((), (f"{shown}: suppressed cells not audited: the policy declares no totals of this table",))
    problems: list[Problem] = []
    notes: list[str] = []
    for measure in layout.measures:
        figures = read_figures(rows, layout.dimensions, measure, policy, line_column, layout.not_applicable)
        found = audit(figures, groups, need_of(policy), limit_s=limit_s)
        problems += explain(found, shown, measure, layout.dimensions, policy)
        notes.append(f"{shown}: {found.hidden:,} suppressed or missing cells of '{measure}' audited")
    return Audit(tuple(problems), tuple(notes))


def need_of(policy: Policy) -> Need:
    """Give the width that a policy asks for; for amounts also the share that the p% rule has."""
    share = policy.p_percent / 100 if policy.kind == MONEY else 0.0
    return Need(policy.threshold / policy.multiplier, share)


def groups_of(rows: pl.DataFrame, layout: Layout, policy: Policy) -> tuple[Group, ...]:
    """Find which codes of a table are totals of which: by nesting in the code list, then by the policy's totals.

    A level of the list that the table leaves out is stepped over. Codes of a nested dimension with nothing above them
    belong to the total of the policy, if there is one.
    """
    found: list[Group] = []
    for dimension in layout.dimensions:
        codes = set(rows[dimension].drop_nulls().unique())
        total = policy.totals.get(dimension)
        parents = layout.parents.get(dimension, {}) if dimension in policy.nested else {}
        parts: dict[str, list[str]] = {}
        for code in sorted(codes - {total}):
            above = _above(code, parents, codes, total)
            if above is not None:
                parts.setdefault(above, []).append(code)
        leaves = parents.keys() - codes - set(parents.values())
        partial = {_above(code, parents, codes, total) for code in leaves}
        found += [Group(dimension, code, tuple(parts[code]), code in partial) for code in sorted(parts)]
    return tuple(found)


def _above(code: str, parents: Dictionary[str, str], codes: set[str], total: str | None) -> str | None:
    """Give the nearest code above another that the table has."""
    seen = {code}
    above = parents.get(code)
    while above is not None and above not in codes and above not in seen:
        seen.add(above)
        above = parents.get(above)
    if above is None or above in seen:
        above = total
    return above if above in codes else None


def explain(found: Findings, shown: str, measure: str, dimensions: Sequence[str], policy: Policy) -> Iterator[Problem]:
    """Say what an audit found, without any figure."""
    column = f"{shown}, column '{measure}'"
    yield from first_shown(_leaks(found, shown, measure, dimensions, policy), "GATE-20", column)
    hint = "correct the figures, or declare in [policy] how the source rounds or perturbs them"
    sums = {True: "is not the sum of its parts", False: "cannot all be the sums of their parts"}
    broken = (f"{_listed(names)} {sums[len(names) == 1]}" for names in found.broken)
    yield from first_shown((Problem("GATE-21", column, message, hint) for message in broken), "GATE-21", column)
    hint = "publish the rest as a part, or withhold the total or another part"
    rests = (f"{name} exceeds its published parts by a count under {policy.threshold}" for name in found.rests)
    yield from first_shown((Problem("GATE-22", column, message, hint) for message in rests), "GATE-22", column)
    if found.undecided:
        message = f"time ran out before {found.undecided:,} suppressed cells were audited"
        yield Problem("GATE-23", column, message, "split the table, or declare fewer totals")


def _leaks(found: Findings, shown: str, measure: str, dimensions: Sequence[str], policy: Policy) -> Iterator[Problem]:
    hint = "suppress another cell under one of these totals, or withhold the total"
    needed = f"{policy.threshold} or {policy.p_percent}%" if policy.kind == MONEY else str(policy.threshold)
    for leak in found.intervals:
        key = ", ".join(f"{name} {code}" for name, code in zip(dimensions, leak.key, strict=True))
        what, line = ("missing", "") if leak.line is None else ("suppressed", f":{leak.line}")
        how_well = "exactly" if leak.low == leak.high else f"to within less than {needed}"
        message = f"the {what} cell ({key}) can be worked out {how_well} from {_listed(leak.totals)}"
        yield Problem("GATE-20", f"{shown}{line}, column '{measure}'", message, hint)


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _TOTALS_SHOWN} more totals"] if len(names) > _TOTALS_SHOWN else []
    return "; ".join([*names[:_TOTALS_SHOWN], *more])
