"""What the gate says of a table does not depend on which of its columns are coded (`loader.texts`)."""

from __future__ import annotations

import itertools
import re

import polars as pl
import pytest

from loader.gate import check_gate
from loader.gate.differencing import Published, check_overlapping, check_revisions
from loader.gate.policy import Layout, Policy

NAMES = ("area", "age", "payee", "note", "n")
TEXT = """
north young SMITH 1 [c]
north old SMITH 2 [c]
north total BIG-LTD 3 40
south young BIG-LTD 4 [c]
south old BIG-LTD 5 17
south total BIG-LTD 6 20
all young BIG-LTD 7 12
all old BIG-LTD =SUM(A1) 51.5
all total BIG-LTD jo@example.org 61
west young BIG-LTD 7 3
west young BIG-LTD 7 3
west old BIG-LTD @x ..
west total . 7 -3
. total BIG-LTD 7 [z]
"""
POLICY = Policy(
    "counts",
    threshold=5,
    rounding_base=1,
    markers=("[c]", "[z]"),
    supplier_columns=("payee",),
    totals={"age": "total", "area": "all"},
    nested=("area",),
)
LAYOUT = Layout(("area", "age"), ("n",), parents={"area": {"north": "all", "south": "all", "west": "all"}})


def table(text: str, coded: tuple[str, ...]) -> pl.DataFrame:
    cells = [[None if cell == "." else cell for cell in line.split()] for line in text.strip().splitlines()]
    rows = pl.DataFrame(cells, dict.fromkeys(NAMES, pl.String), orient="row")
    return rows.cast(dict.fromkeys(coded, pl.Categorical)).with_columns(line=pl.int_range(pl.len(), dtype=pl.Int64) + 2)


def said(policy: Policy, new: tuple[str, ...], old: tuple[str, ...]) -> list[str]:
    """Give all that is said of the table, of it beside the release before, and of it beside another."""
    rows = table(TEXT, new)
    other = table(TEXT.replace("17", "16").replace("north total", "north elderly").replace("[c]", "30", 1), old)
    found = [*check_gate(rows, policy, LAYOUT, "t", "line"), *check_revisions(rows, other, policy, LAYOUT, "t", "line")]
    tables = [Published(rows, policy, LAYOUT, "t", "line", "n"), Published(other, policy, LAYOUT, "u", "line", "n")]
    return [str(problem) for problem in (*found, *check_overlapping(tables).problems)]


@pytest.mark.parametrize("policy", [POLICY, Policy("money", totals=POLICY.totals, contributors=("age",))])
def test_coded_columns_change_nothing(policy: Policy) -> None:
    expected = said(policy, (), ())
    coded = [names for size in (1, 2, 5) for names in itertools.combinations(NAMES, size)]
    for new, old in zip(coded, reversed(coded), strict=True):
        assert said(policy, new, old) == expected, (new, old)


def test_the_table_has_something_of_every_rule_that_looks_at_rows() -> None:
    codes = set(re.findall(r"GATE-\d\d", " ".join(said(POLICY, NAMES, NAMES))))
    assert codes >= {"GATE-05", "GATE-13", "GATE-19", "GATE-20", "GATE-21", "GATE-24", "GATE-25", "GATE-27"}
    assert codes >= {"GATE-30", "GATE-31", "GATE-32", "GATE-33"}
