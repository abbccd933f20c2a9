"""Small counts that two releases, or two tables, give away together."""

from __future__ import annotations

import polars as pl
import pytest

from loader.gate.audit import Audit
from loader.gate.differencing import Published, check_overlapping, check_revisions
from loader.gate.policy import Layout, Policy

COUNTS = Policy("counts")


def table(text: str) -> pl.DataFrame:
    """Make the rows of a table from lines of text; a blank cell is `.`, the first line names the columns."""
    header, *lines = (line.split() for line in text.strip().splitlines())
    cells = [[None if cell == "." else cell for cell in line] for line in lines]
    rows = pl.DataFrame(cells, schema=dict.fromkeys(header, pl.String), orient="row")
    return rows.with_columns(line=pl.int_range(pl.len(), dtype=pl.Int64) + 2)


def revised(new: str, old: str, policy: Policy = COUNTS) -> list[str]:
    layout = Layout(("area", "period"), ("n",))
    found = check_revisions(table(f"area period n\n{new}"), table(f"area period n\n{old}"), policy, layout, "t", "line")
    return [f"{problem.where}: {problem.message} {problem.code}" for problem in found]


def test_a_small_difference_between_releases_is_a_small_count() -> None:
    assert revised("E1 1 103\nE2 1 90\nE3 1 7\nE4 2 1", "E2 1 90\nE1 1 100\nE3 1 20") == [
        "t:2, column 'n': the figure (area E1, period 1) differs by a count under 5 from the release before GATE-30"
    ]


@pytest.mark.parametrize(("new", "old", "count"), [("100", "104", 1), ("100", "105", 0), ("100", "100", 0)])
def test_the_difference_is_held_to_the_threshold(new: str, old: str, count: int) -> None:
    assert len(revised(f"E1 1 {new}", f"E1 1 {old}")) == count


@pytest.mark.parametrize(
    "policy",
    [
        Policy("counts", perturbed="changed at random"),
        Policy("counts", exemptions={"differencing": "provisional figures are revised every month"}),
        Policy("money"),
        Policy("counts", threshold=3),
    ],
)
def test_sources_that_revise_or_perturb_are_not_asked(policy: Policy) -> None:
    assert revised("E1 1 103", "E1 1 100", policy) == []


def test_a_cell_suppressed_now_stands_in_the_release_before() -> None:
    assert revised("E1 1 .\nE2 1 [c]\nE3 1 .", "E1 1 6\nE2 1 80\nE3 1 .") == [
        "t:2, column 'n': the suppressed cell (area E1, period 1) is published in the release before GATE-31",
        "t:3, column 'n': the suppressed cell (area E2, period 1) is published in the release before GATE-31",
    ]


def test_a_row_left_out_counts_if_its_codes_are_still_in_use() -> None:
    assert revised("E1 1 60\nE2 2 70", "E1 1 60\nE2 1 50\nE9 1 40\nE1 0 30") == [
        "t, column 'n': the missing cell (area E2, period 1) is published in the release before GATE-31"
    ]


NESTING = {"area": {"E1": "R", "E2": "R"}}
NESTED = Policy("counts", nested=("area",))


def published(text: str, shown: str, policy: Policy = NESTED) -> Published:
    rows = table(text)
    names = tuple(name for name in rows.columns if name not in ("n", "line"))
    parents = NESTING if "area" in policy.nested else {}
    return Published(rows, policy, Layout(names, ("n",), parents=parents), shown, "line", "n")


def together(*tables: Published) -> list[str]:
    return [f"{problem.where}: {problem.message} {problem.code}" for problem in check_overlapping(tables).problems]


def test_a_region_and_its_authorities_in_two_tables_give_a_cell_away() -> None:
    authorities = published("area period n\nE1 1 .\nE2 1 17", "authorities.csv")
    regions = published("area period n\nR 1 41", "regions.csv")
    cell = "authorities.csv:2, column 'n': the suppressed cell (area E1, period 1)"
    told = "can be worked out from these tables together: the total of area (R) for period 1 GATE-33"
    assert together(authorities, regions) == [f"{cell} {told}"]


def test_a_table_without_a_dimension_stands_at_its_total() -> None:
    by_kind = published("area kind n\nE1 a .\nE1 b 17", "kinds.csv", Policy("counts", totals={"kind": "T"}))
    areas = published("area n\nE1 41", "areas.csv", COUNTS)
    cell = "kinds.csv:2, column 'n': the suppressed cell (area E1, kind a)"
    told = "can be worked out from these tables together: the total of kind (T) for area E1 GATE-33"
    assert together(by_kind, areas) == [f"{cell} {told}"]


def test_a_cell_suppressed_in_one_table_and_published_in_another() -> None:
    one, other = published("area n\nE1 .\nE2 9", "one", COUNTS), published("area n\nE1 6\nE2 9", "other", COUNTS)
    expected = ["one:2, column 'n': the suppressed cell (area E1) is published in another table GATE-33"]
    assert together(one, other) == expected
    assert together(other, one) == expected


@pytest.mark.parametrize(("figure", "much"), [("102", " by a count under 5"), ("150", "")])
def test_two_figures_for_one_cell(figure: str, much: str) -> None:
    one, other = published("area n\nE1 100", "one", COUNTS), published(f"area n\nE1 {figure}", "other", COUNTS)
    assert together(one, other) == [
        f"one:2, column 'n': another table gives a figure for the same cell (area E1) that differs{much} GATE-32"
    ]


def test_figures_rounded_differently_agree() -> None:
    one = published("area n\nE1 102", "one", COUNTS)
    assert together(one, published("area n\nE1 100", "other", Policy("counts", rounding_base=5))) == []


def test_totals_of_another_table_that_are_no_sums() -> None:
    authorities = published("area period n\nE1 1 20\nE2 1 17", "authorities.csv")
    found = together(authorities, published("area period n\nR 1 41", "regions.csv"))
    told = "parts in other tables do not add up to the total of area (R) for period 1 GATE-34"
    assert found == [f"authorities.csv with regions.csv: {told}"]


def test_what_a_table_gives_away_alone_is_not_repeated() -> None:
    whole = published("area n\nE1 .\nE2 17\nR 41", "one")
    assert together(whole, published("area n\nR 41", "other")) == []


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (Policy("counts", perturbed="at random"), "the source of one perturbs its figures"),
        (Policy("counts", multiplier=1000), "they do not hold figures of one kind and unit"),
        (COUNTS, "two has no 'kind', and no policy says which code is its total"),
    ],
)
def test_tables_that_cannot_be_compared_are_noted(other: Policy, reason: str) -> None:
    tables = published("area kind n\nE1 a 20", "one", COUNTS), published("area n\nE1 20", "two", other)
    assert check_overlapping(tables) == Audit((), (f"one with two: not audited together: {reason}",))


def test_exempt_tables_are_not_compared() -> None:
    exempt = Policy("counts", exemptions={"differencing": "why"})
    tables = published("area n\nE1 .", "one", exempt), published("area n\nE1 20", "two", COUNTS)
    assert check_overlapping(tables) == Audit((), ())
