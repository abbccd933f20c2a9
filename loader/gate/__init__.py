"""The gate between table and cube: it refuses and explains, and never alters data (docs/gate.md).

    policy        what a dataset declares about itself, and what the gate asks of it for that
    layout        which columns of a cube are what, and which codes lie above which
    shapes        personal data by its shape, in one text
    headers       headers that ask for personal data
    personal      personal data in the cells, headers and notes of a table
    formulas      cells that spreadsheets would run
    records       tables with one person a row
    counts        small counts, rounding, markers
    audit         suppressed cells that totals give away: which codes are totals, and what to say
    equations     which cells add up to which
    intervals     what a reader can know of a suppressed cell
    dominance     amounts that one contributor makes up
    differencing  small counts that two releases give away together

Every rule on a table has the same form, `Rule`; `check_gate` runs those that the policy asks for. Differencing compares
tables, not rows of one, and is called beside it (`loader.disclosure`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import polars as pl

from loader.gate.formulas import check_formulas
from loader.gate.personal import check_personal
from loader.gate.records import check_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from collections.abc import Mapping as Dictionary

    from loader.errors import Problem
    from loader.gate.policy import Layout, Policy


class Rule(Protocol):
    """A rule of the gate, applied to one table.

    `rows` has a column of text for each column of the table, null where blank, and in `line_column` the source line of
    each row as a 64-bit integer; `shown` is the table as messages name it. A rule first asks `policy.applies(…)`. It
    gives problems at most, never changes anything, and repeats in no message what must not be published.
    """

    def __call__(
        self, rows: pl.DataFrame, policy: Policy, layout: Layout, shown: str, line_column: str
    ) -> Iterator[Problem]:
        """Yield what is wrong with the table."""
        ...


def figure_rules() -> tuple[Rule, ...]:
    """Give the rules on figures; imported only when a cube is checked, because the audit needs a solver."""
    from loader.gate.audit import check_recoverable
    from loader.gate.counts import check_counts
    from loader.gate.dominance import check_dominance

    return (check_counts, check_recoverable, check_dominance)


def check_gate(
    rows: pl.DataFrame,
    policy: Policy,
    layout: Layout,
    shown: str,
    line_column: str,
    *,
    titles: Dictionary[str, str] | None = None,
    reviewed: Collection[str] = frozenset(),
) -> Iterator[Problem]:
    """Yield all that the gate has against one table.

    `policy` is that of the table (`Policy.of_table`); `layout` has no measures for a table that is no cube. `titles`
    are the headers by column name; `reviewed` the keys of payees found to be organisations
    (`loader.persons.read_reviewed`).
    """
    yield from check_personal(rows, policy, shown, line_column, titles=titles, reviewed=reviewed)
    yield from check_formulas(rows, shown, line_column)
    yield from check_records(rows, policy, layout, shown, line_column)
    if layout.measures:
        for part, own in by_kind(rows, policy, layout):
            for rule in figure_rules():
                yield from rule(part, own, layout, shown, line_column)


def by_kind(rows: pl.DataFrame, policy: Policy, layout: Layout) -> Iterator[tuple[pl.DataFrame, Policy]]:
    """Yield the rows of each kind of figure with the policy for them; all together unless the policy has `kinds`."""
    if not policy.kinds or layout.measure_column is None:
        yield rows, policy
        return
    kind = pl.col(layout.measure_column).replace_strict(policy.kinds, default=policy.kind, return_dtype=pl.String)
    for (name,), part in rows.group_by(kind.alias("kind of figure"), maintain_order=True):
        yield part, replace(policy, kind=str(name))
