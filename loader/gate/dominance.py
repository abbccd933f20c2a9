"""Find amounts that one or a few contributors make up, where the table names who contributes.

Two rules, both on the contributions to one published amount, largest first, as sizes without sign:

    (n, k)   the n largest make up more than k per cent of the amount
    p%       what is left beside the two largest is less than p per cent of the largest, so that the second largest
             contributor, who knows its own part, can tell the largest to within p per cent
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import Problem
from loader.gate.counts import first_shown, number
from loader.gate.policy import DOMINANCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Dictionary

    from loader.gate.policy import Layout, Policy

_EDGE: Final = 1e-9
_HINT: Final = "publish the amount for a larger group, suppress it, or exempt the dataset with its reason"


def check_dominance(
    rows: pl.DataFrame, policy: Policy, layout: Layout, shown: str, line_column: str
) -> Iterator[Problem]:
    """Yield amounts that a few contributors dominate.

    An amount is the sum of the rows that agree in all dimensions but those that name contributors; what a contributor
    has in several rows counts together. No contributor and no figure is told.
    """
    if not policy.applies(DOMINANCE) or not policy.contributors:
        return
    keys = [name for name in layout.dimensions if name not in policy.contributors]
    for measure in layout.measures:
        amounts = _amounts(rows, keys, measure, policy, line_column)
        dominated = pl.col("largest_n") * 100 > policy.dominance_k * pl.col("total") * (1 + _EDGE)
        rest = pl.col("total") - pl.col("largest_two")
        exposed = rest * 100 < policy.p_percent * pl.col("largest") * (1 - _EDGE)
        who = "one contributor makes" if policy.dominance_n == 1 else f"{policy.dominance_n} contributors make"
        rules = (
            ("GATE-35", dominated, f"{who} up more than {policy.dominance_k}% of the amount"),
            (
                "GATE-36",
                exposed,
                f"a contributor can tell another's part to within {policy.p_percent}% from the amount",
            ),
        )
        for code, is_found, message in rules:
            found = (
                Problem(code, f"{shown}:{row['line']}, column '{measure}'", f"{message}{_key(row, keys)}", _HINT)
                for row in amounts.filter(is_found).iter_rows(named=True)
            )
            yield from first_shown(found, code, f"{shown}, column '{measure}'")


def _amounts(rows: pl.DataFrame, keys: list[str], measure: str, policy: Policy, line_column: str) -> pl.DataFrame:
    """Give each amount that is not nil, with its largest contributions and the first line it is made of."""
    size = pl.col("size").sort(descending=True)
    by_contributor = rows.group_by(*keys, *policy.contributors, maintain_order=True).agg(
        number(measure).sum().abs().alias("size"), pl.col(line_column).min().alias("line")
    )
    constant = [] if keys else [pl.lit("").alias(" ")]
    return (
        by_contributor.with_columns(constant)
        .group_by(keys or " ", maintain_order=True)
        .agg(
            size.sum().alias("total"),
            size.head(policy.dominance_n).sum().alias("largest_n"),
            size.head(2).sum().alias("largest_two"),
            size.max().alias("largest"),
            pl.col("line").min(),
        )
        .filter(pl.col("total") > 0)
    )


def _key(row: Dictionary[str, object], keys: list[str]) -> str:
    return f" ({', '.join(f'{name} {row[name]}' for name in keys)})" if keys else ""
