"""Amounts that one or a few contributors make up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.gate.dominance import check_dominance
from loader.gate.policy import Layout, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loader.gate import Rule

LAYOUT = Layout(("month", "supplier"), ("amount",))
BOTH = Policy("money", contributors=("supplier",))


def codes(amounts: Sequence[tuple[str, str]], policy: Policy = BOTH, layout: Layout = LAYOUT) -> list[str]:
    rows = pl.DataFrame(amounts, schema=["supplier", "amount"], orient="row")
    rows = rows.with_columns(month=pl.lit("2025-05"), line=pl.int_range(pl.len(), dtype=pl.Int64) + 2)
    rule: Rule = check_dominance
    return [problem.code for problem in rule(rows, policy, layout, "t.csv", "line")]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([("a", "75"), ("b", "15"), ("c", "10")], []),
        ([("a", "76"), ("b", "14"), ("c", "10")], ["GATE-35"]),
        ([("a", "50"), ("b", "46"), ("c", "4")], ["GATE-36"]),
        ([("a", "50"), ("b", "45"), ("c", "5")], []),
        ([("a", "100")], ["GATE-35", "GATE-36"]),
        ([("a", "50"), ("a", "40"), ("b", "10"), ("c", "10")], ["GATE-35"]),
        ([("a", "-76"), ("b", "14"), ("c", "-10")], ["GATE-35"]),
        ([("a", "30"), ("a", "-30"), ("b", "0")], []),
        ([("a", "[c]"), ("b", "40"), ("c", "40"), ("d", "20")], []),
    ],
)
def test_contributions_are_weighed(amounts: list[tuple[str, str]], expected: list[str]) -> None:
    assert codes(amounts) == expected


def test_the_rules_are_the_policys() -> None:
    amounts = [("a", "50"), ("b", "40"), ("c", "10")]
    assert codes(amounts) == []
    assert codes(amounts, Policy("money", contributors=("supplier",), dominance_n=2, dominance_k=89)) == ["GATE-35"]
    assert codes(amounts, Policy("money", contributors=("supplier",), dominance_n=2, dominance_k=90)) == []
    assert codes(amounts, Policy("money", contributors=("supplier",), p_percent=25)) == ["GATE-36"]


@pytest.mark.parametrize(
    "policy",
    [
        Policy("money"),
        Policy("counts", contributors=("supplier",)),
        Policy("money", contributors=("supplier",), exemptions={"dominance": "each payment is published by law"}),
    ],
)
def test_the_rules_are_asked_for(policy: Policy) -> None:
    assert codes([("a", "100")], policy) == []


def test_a_table_may_be_one_amount() -> None:
    assert codes([("a", "100")], BOTH, Layout(("supplier",), ("amount",))) == ["GATE-35", "GATE-36"]


def test_neither_contributor_nor_amount_is_told() -> None:
    rows = pl.DataFrame(
        {"month": ["2025-05"] * 2, "supplier": ["MR SMITH", "B"], "amount": ["98765", "1"], "line": [2, 3]}
    )
    problems = list(check_dominance(rows, BOTH, LAYOUT, "{}.csv", "line"))
    assert problems[0].where == "{}.csv:2, column 'amount'"
    assert problems[0].message == "one contributor makes up more than 75% of the amount (month 2025-05)"
    assert problems[1].message == "a contributor can tell another's part to within 10% from the amount (month 2025-05)"
