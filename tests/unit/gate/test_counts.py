"""Small counts, counts below zero, rounding and markers, cell by cell; figures as intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.gate import check_gate
from loader.gate.counts import check_counts, read_figures
from loader.gate.policy import Layout, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loader.gate import Rule

LAYOUT = Layout(("area",), ("n",))


def column(values: Sequence[str | None]) -> pl.DataFrame:
    rows = pl.DataFrame({"n": values}, schema={"n": pl.String})
    area = pl.format("E{}", pl.int_range(pl.len())).alias("area")
    return rows.with_columns(area, line=pl.int_range(pl.len(), dtype=pl.Int64) + 2)


def found(values: Sequence[str | None], policy: Policy) -> list[tuple[str, str]]:
    rule: Rule = check_counts
    problems = rule(column(values), policy, LAYOUT, "t.csv", "line")
    return [(problem.where.removeprefix("t.csv:").removesuffix(", column 'n'"), problem.code) for problem in problems]


def test_counts_under_the_threshold_are_found_and_not_repeated() -> None:
    values = ["0", "1", "4", " 4.0 ", "5", None, "12"]
    assert found(values, Policy("counts")) == [("3", "GATE-24"), ("4", "GATE-24"), ("5", "GATE-24")]
    problems = list(check_counts(column(["3"]), Policy("counts"), LAYOUT, "t.csv", "line"))
    assert problems[0].message == "a count under 5"
    assert "3" not in str(problems[0])


@pytest.mark.parametrize(("multiplier", "value", "codes"), [(1000, "0.005", []), (1000, "0.004", ["GATE-24"])])
def test_the_threshold_is_in_persons(multiplier: int, value: str, codes: list[str]) -> None:
    assert [code for _, code in found([value], Policy("counts", multiplier=multiplier))] == codes


@pytest.mark.parametrize(
    "policy", [Policy("counts", threshold=1), Policy("counts", exemptions={"small-counts": "why"})]
)
def test_small_counts_pass_where_the_policy_lets_them(policy: Policy) -> None:
    assert found(["1", "4"], policy) == []


@pytest.mark.parametrize("kind", ["money", "percentages", "reference", "records"])
def test_only_counts_are_counts(kind: str) -> None:
    assert found(["1", "-4"], Policy(kind)) == []


def test_a_count_below_zero_is_wrong() -> None:
    assert found(["-7"], Policy("counts")) == [("2", "GATE-25")]


@pytest.mark.parametrize(
    ("base", "values", "lines"),
    [(5, ["5", "10", "12", "0", None, "995"], ["4"]), (1000, ["15000", "15400"], ["3"]), (1, ["7", "8"], [])],
)
def test_figures_are_multiples_of_the_declared_base(base: int, values: list[str | None], lines: list[str]) -> None:
    assert found(values, Policy("counts", rounding_base=base)) == [(line, "GATE-26") for line in lines]


def test_amounts_are_held_to_their_base_too() -> None:
    assert found(["100", "99.5"], Policy("money", rounding_base=100)) == [("3", "GATE-26")]


def test_markers_must_be_declared() -> None:
    values = ["[c]", "..", "[x]", "12", None]
    assert found(values, Policy("counts", markers=("[c]", ".."))) == [("4", "GATE-27")]
    assert found(values, Policy("counts", exemptions={"markers": "why"})) == []


def test_a_marker_is_named_and_any_other_text_is_not() -> None:
    problems = list(check_counts(column(["[c]", "-", "JOHN SMITH", "7 or 8"]), Policy("counts"), LAYOUT, "t", "line"))
    assert [problem.message for problem in problems] == [
        "the marker '[c]' is not declared",
        "the marker '-' is not declared",
        "a text that is neither a number nor a declared marker",
        "a text that is neither a number nor a declared marker",
    ]


@pytest.mark.parametrize("text", ["NaN", "inf", "-inf", "1e400"])
def test_what_is_no_finite_number_is_a_text(text: str) -> None:
    assert found([text], Policy("counts")) == [("2", "GATE-27")]


def test_problems_of_a_column_are_counted_after_the_first() -> None:
    problems = list(check_counts(column(["1"] * 1000), Policy("counts"), LAYOUT, "t.csv", "line"))
    assert len(problems) == 21
    assert str(problems[-1]) == "t.csv, column 'n': and 980 more like these  [GATE-24]"


def ends(values: list[str | None], policy: Policy) -> list[tuple[float, float]]:
    read = read_figures(column(values), ("area",), "n", policy, "line").rows
    return list(read.select("low", "high").iter_rows())


def test_a_figure_is_what_it_may_have_been_before_rounding() -> None:
    assert ends(["10", "0", None], Policy("counts", rounding_base=5)) == [(8, 12), (0, 2), (0, math.inf)]
    assert ends(["10"], Policy("counts", rounding_base=10)) == [(5, 15)]
    assert ends(["10"], Policy("counts")) == [(10, 10)]
    assert ends(["10"], Policy("counts", multiplier=1000)) == [(9.5, 10.5)]
    assert ends(["10.0", "7.25"], Policy("counts", multiplier=1000)) == [(9.995, 10.005), (7.245, 7.255)]
    assert ends(["10.25"], Policy("money")) == [(10.25, 10.25)]
    assert ends(["10.25", "-3", None], Policy("money")) == [(10.25, 10.25), (-3, -3), (-math.inf, math.inf)]


def test_a_repeated_cell_is_read_once() -> None:
    rows = pl.DataFrame({"area": ["E1", "E1"], "n": ["10", "12"], "line": [2, 3]})
    assert read_figures(rows, ("area",), "n", Policy("counts"), "line").rows["line"].to_list() == [2]


def test_a_rate_beside_a_count_is_held_to_the_rules_on_rates() -> None:
    rows = column(["3", "3", "20"]).with_columns(measure=pl.Series(["rate", "claimants", "claimants"]))
    layout = Layout(("area", "measure"), ("n",), measure_column="measure")
    for kinds, lines in (({"rate": "percentages"}, ["t.csv:3"]), ({}, ["t.csv:2", "t.csv:3"])):
        problems = list(check_gate(rows, Policy("counts", kinds=kinds), layout, "t.csv", "line"))
        assert [problem.where.partition(",")[0] for problem in problems] == lines
        assert {problem.code for problem in problems} == {"GATE-24"}
