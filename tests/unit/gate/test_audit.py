"""Suppressed cells that totals give away, and totals that are not sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.gate.audit import Audit, audit_table, check_recoverable, groups_of
from loader.gate.counts import read_figures
from loader.gate.intervals import Group, audit
from loader.gate.policy import Layout, Policy

if TYPE_CHECKING:
    from loader.gate import Rule

AREAS = {"E1": "R1", "E2": "R1", "E3": "R2", "E4": "R2", "E9": "R2", "R1": "GB", "R2": "GB"}


def table(text: str) -> pl.DataFrame:
    """Make the rows of a table from lines of text; a blank cell is `.`, the first line names the columns."""
    header, *lines = (line.split() for line in text.strip().splitlines())
    cells = [[None if cell == "." else cell for cell in line] for line in lines]
    rows = pl.DataFrame(cells, schema=dict.fromkeys(header, pl.String), orient="row")
    return rows.with_columns(line=pl.int_range(pl.len(), dtype=pl.Int64) + 2)


def run(rows: pl.DataFrame, policy: Policy, layout: Layout | None = None, limit_s: float = 60.0) -> Audit:
    names = tuple(name for name in rows.columns if name not in ("n", "line"))
    return audit_table(rows, policy, layout or Layout(names, ("n",)), "t.csv", "line", limit_s=limit_s)


def texts(result: Audit) -> list[str]:
    return [f"{problem.where}: {problem.message} {problem.code}" for problem in result.problems]


ONE_HIDDEN = """
area period n
E1   2025   .
E2   2025   17
T    2025   41
"""
TOTALS = {"area": "T"}


def test_a_single_suppressed_part_is_given_away_and_no_figure_is_told() -> None:
    result = run(table(ONE_HIDDEN), Policy("counts", totals=TOTALS))
    where = "t.csv:2, column 'n': the suppressed cell (area E1, period 2025) can be worked out exactly"
    assert texts(result) == [f"{where} from the total of area (T) for period 2025 GATE-20"]
    assert "suppress another cell" in result.problems[0].hint
    assert not any(figure in str(result.problems[0]) for figure in ("24", "17", "41"))


def test_the_rule_gives_the_problems_of_the_audit() -> None:
    rule: Rule = check_recoverable
    rows, policy, layout = table(ONE_HIDDEN), Policy("counts", totals=TOTALS), Layout(("area", "period"), ("n",))
    assert tuple(rule(rows, policy, layout, "t.csv", "line")) == run(rows, policy).problems


@pytest.mark.parametrize("cell", ["[c]", "..", "under 5"])
def test_any_text_in_place_of_a_figure_is_a_suppressed_cell(cell: str) -> None:
    rows = table(ONE_HIDDEN).with_columns(pl.col("n").fill_null(cell))
    assert [problem.code for problem in run(rows, Policy("counts", totals=TOTALS)).problems] == ["GATE-20"]


def test_a_row_that_is_left_out_is_found_missing() -> None:
    rows = table("area period n\nE1 2024 9\nE2 2024 8\nT 2024 17\nE2 2025 17\nT 2025 41")
    missing = "t.csv, column 'n': the missing cell (area E1, period 2025)"
    told = "can be worked out exactly from the total of area (T) for period 2025 GATE-20"
    assert texts(run(rows, Policy("counts", totals=TOTALS))) == [f"{missing} {told}"]


@pytest.mark.parametrize("last", ["T 2025 17", "E1 2025 [z]\nT 2025 17"])
def test_a_cell_that_can_only_be_nil_may_be_missing_or_not_applicable(last: str) -> None:
    rows = table(f"area period n\nE1 2024 9\nE2 2024 8\nT 2024 17\nE2 2025 17\n{last}")
    assert run(rows, Policy("counts", totals=TOTALS)).problems == ()


def test_a_suppressed_cell_that_can_only_be_nil_is_given_away() -> None:
    rows = table("area n\nE1 .\nE2 17\nT 17")
    assert [problem.code for problem in run(rows, Policy("counts", totals=TOTALS)).problems] == ["GATE-20"]


@pytest.mark.parametrize(("rest", "refused"), [(4, 2), (5, 0), (9, 0)])
def test_two_suppressed_parts_hide_one_another_if_their_sum_is_large_enough(rest: int, refused: int) -> None:
    rows = table(f"area n\nE1 .\nE2 .\nE3 10\nT {rest + 10}")
    result = run(rows, Policy("counts", totals=TOTALS))
    assert len(result.problems) == refused
    assert all("to within less than 5" in problem.message for problem in result.problems)


def test_the_threshold_is_the_policys() -> None:
    rows = table("area n\nE1 .\nE2 .\nE3 10\nT 17")
    assert run(rows, Policy("counts", totals=TOTALS)).problems == ()
    assert len(run(rows, Policy("counts", totals=TOTALS, threshold=10)).problems) == 2


def test_a_figure_in_thousands_is_held_to_the_threshold_in_persons() -> None:
    rows = table("area n\nE1 .\nE2 .\nE3 1.000\nT 1.004")
    assert run(rows, Policy("counts", totals=TOTALS, multiplier=1000, threshold=10)).problems
    assert not run(rows, Policy("counts", totals=TOTALS, multiplier=1000, threshold=4)).problems


def test_rounding_protects_and_explains_sums_that_miss_a_little() -> None:
    rows = table("area n\nE1 .\nE2 20\nE3 15\nT 45")
    rounded = Policy("counts", totals=TOTALS, rounding_base=5)
    assert run(rows, rounded).problems == ()
    assert [p.code for p in run(rows, Policy("counts", totals=TOTALS, rounding_base=5, threshold=20)).problems] == [
        "GATE-20"
    ]
    assert run(table("area n\nE1 20\nE2 15\nT 40"), rounded).problems == ()


def test_a_chain_of_totals_gives_a_cell_away_and_all_are_named() -> None:
    # E1 is found from its row, then E2 from its column, then the second cell of E2's row.
    rows = table("area kind n\nE1 a .\nE1 b 9\nE1 T 30\nE2 a .\nE2 b .\nE2 T 25\nT a 31\nT b 24\nT T 55")
    result = run(rows, Policy("counts", totals={"area": "T", "kind": "T"}))
    assert [problem.where for problem in result.problems] == [f"t.csv:{n}, column 'n'" for n in (2, 5, 6)]
    assert "the total of kind (T) for area E1" in result.problems[1].message
    assert "the total of area (T) for kind a" in result.problems[1].message


def test_a_linear_program_finds_what_no_single_total_gives_away() -> None:
    # Two by two cells are hidden in the first two rows and columns; the sums leave one cell no choice.
    rows = table(
        "area kind n\nE1 a .\nE1 b .\nE1 T 30\nE2 a .\nE2 b .\nE2 T 30\nE3 a 5\nE3 b 6\nE3 T 11\nT a 65\nT b 6\nT T 71"
    )
    result = run(rows, Policy("counts", totals={"area": "T", "kind": "T"}))
    assert len(result.problems) == 4
    rows = table("area kind n\nE1 a .\nE1 b .\nE1 T 12\nE2 a .\nE2 b .\nE2 T 40\nT a 49\nT b 3\nT T 52")
    narrow = run(rows, Policy("counts", totals={"area": "T", "kind": "T"}))
    assert len(narrow.problems) == 4
    assert all("to within less than 5" in problem.message for problem in narrow.problems)
    assert all("the total of area (T) for kind b" in problem.message for problem in narrow.problems)


NESTED = """
area n
E1   .
E2   7
E3   8
E4   9
R1   .
R2   17
GB   40
"""


def test_totals_at_several_levels_are_used_together() -> None:
    layout = Layout(("area",), ("n",), parents={"area": {k: v for k, v in AREAS.items() if k != "E9"}})
    result = run(table(NESTED), Policy("counts", nested=("area",)), layout)
    assert [problem.where for problem in result.problems] == ["t.csv:2, column 'n'", "t.csv:6, column 'n'"]
    assert "the total of area (R1); the total of area (GB)" in result.problems[0].message.replace("(GB); ", "")


def test_groups_step_over_levels_that_the_table_leaves_out() -> None:
    rows = table("area n\nE1 1\nE2 2\nE3 3\nGB 6\nUK 7\nXX 1")
    layout = Layout(("area",), ("n",), parents={"area": AREAS})
    policy = Policy("counts", nested=("area",), totals={"area": "UK"})
    assert groups_of(rows, layout, policy) == (
        Group("area", "GB", ("E1", "E2", "E3"), is_partial=True),
        Group("area", "UK", ("GB", "XX")),
    )


def test_a_code_list_that_goes_round_ends() -> None:
    layout = Layout(("area",), ("n",), parents={"area": {"E1": "a", "a": "b", "b": "a"}})
    assert groups_of(table("area n\nE1 1"), layout, Policy("counts", nested=("area",))) == ()


PARTIAL = Layout(("area", "period"), ("n",), parents={"area": {"E1": "R", "E2": "R", "E9": "R"}})


@pytest.mark.parametrize(("total", "codes"), [(100, []), (20, ["GATE-22"]), (17, []), (16, ["GATE-21"])])
def test_a_small_rest_of_a_total_is_a_small_count(total: int, codes: list[str]) -> None:
    rows = table(f"area period n\nE1 1 8\nE2 1 9\nR 1 {total}")
    result = run(rows, Policy("counts", nested=("area",)), PARTIAL)
    assert [problem.code for problem in result.problems] == codes


def test_parts_never_shown_count_as_nil_if_a_total_is_the_sum_of_the_others() -> None:
    rows = table("area period n\nE1 1 8\nE2 1 9\nR 1 17\nE1 2 .\nE2 2 9\nR 2 20")
    policy = Policy("counts", nested=("area",))
    assert [problem.code for problem in run(rows, policy, PARTIAL).problems] == ["GATE-20"]
    unsure = table("area period n\nE1 1 8\nE2 1 9\nR 1 57\nE1 2 .\nE2 2 9\nR 2 20")
    assert run(unsure, policy, PARTIAL).problems == ()


def test_a_total_that_is_no_sum_is_refused_unless_the_source_perturbs() -> None:
    rows = table("area n\nE1 8\nE2 9\nT 18")
    result = run(rows, Policy("counts", totals=TOTALS))
    assert texts(result) == ["t.csv, column 'n': the total of area (T) is not the sum of its parts GATE-21"]
    perturbed = run(rows, Policy("counts", totals=TOTALS, perturbed="figures are changed at random"))
    assert perturbed.problems == ()
    assert perturbed.notes == (
        "t.csv: suppressed cells not audited: the source perturbs its figures (figures are changed at random)",
    )


def test_totals_that_contradict_each_other_are_named_together() -> None:
    rows = table("area kind n\nE1 a .\nE1 b .\nE1 T 30\nE2 a .\nE2 b .\nE2 T 30\nT a 40\nT b 10\nT T 60")
    result = run(rows, Policy("counts", totals={"area": "T", "kind": "T"}))
    assert [problem.code for problem in result.problems][:1] == ["GATE-21"]
    rows = table("area kind n\nE1 a .\nE1 b .\nE1 T 3\nE2 a .\nE2 b .\nE2 T 3\nT a 7\nT b .\nT T .")
    together = run(rows, Policy("counts", totals={"area": "T", "kind": "T"}))
    assert any("cannot all be the sums of their parts" in problem.message for problem in together.problems)


def test_missing_totals_and_breakdowns_are_no_problem() -> None:
    rows = table("area kind n\nE1 a 8\nE1 b 9\nE2 a 7\nE2 b 6\nT a 30\nT b 30\nE3 T 14\nE4 T 16\nT T 60")
    assert run(rows, Policy("counts", totals={"area": "T", "kind": "T"})).problems == ()


def test_amounts_must_not_be_known_to_within_a_share() -> None:
    rows = table("area n\nE1 .\nE2 .\nE3 900000\nT 900060.50")
    policy = Policy("money", totals=TOTALS)
    assert run(rows, policy).problems == ()
    assert len(run(rows, Policy("money", totals=TOTALS, threshold=100)).problems) == 2
    alone = run(table("area n\nE1 .\nE3 900000.25\nT 900060.50"), policy)
    assert "exactly" in alone.problems[0].message


def test_amounts_below_zero_leave_suppressed_ones_open() -> None:
    rows = table("area n\nE1 .\nE2 .\nE3 -10.5\nT -10.5")
    assert run(rows, Policy("money", totals=TOTALS)).problems == ()
    assert run(table("area n\nE1 .\nE2 .\nE3 10.5\nT 10.5"), Policy("money", totals=TOTALS)).problems


def test_an_audit_that_runs_out_of_time_fails() -> None:
    rows = table("area kind n\nE1 a .\nE1 b .\nE1 T 12\nE2 a .\nE2 b .\nE2 T 40\nT a 49\nT b 3\nT T 52")
    result = run(rows, Policy("counts", totals={"area": "T", "kind": "T"}), limit_s=-1.0)
    assert [problem.code for problem in result.problems] == ["GATE-23"]


@pytest.mark.parametrize(
    "policy",
    [Policy("percentages", totals=TOTALS), Policy("counts", totals=TOTALS, exemptions={"recoverable": "why"})],
)
def test_an_exempt_table_is_not_audited(policy: Policy) -> None:
    assert run(table(ONE_HIDDEN), policy) == Audit((), ())


def test_a_table_without_totals_is_noted() -> None:
    result = run(table(ONE_HIDDEN), Policy("counts"))
    assert result == Audit((), ("t.csv: suppressed cells not audited: the policy declares no totals of this table",))


def test_many_problems_are_counted() -> None:
    lines = "\n".join(f"E1 {n} .\nE2 {n} 17\nT {n} 41" for n in range(30))
    result = run(table(f"area period n\n{lines}"), Policy("counts", totals=TOTALS))
    assert len(result.problems) == 21
    assert result.problems[-1].message == "and 10 more like these"


def test_empty_tables_pass() -> None:
    rows = table(ONE_HIDDEN).clear()
    assert run(rows, Policy("counts", totals=TOTALS)).problems == ()


def test_a_total_that_no_other_equation_is_about_is_not_asked_to_add_up() -> None:
    rows = table("area period n\nE1 2024 -3\nE2 2024 -4\nE1 2025 5\nE2 2025 8\nT 2025 13")
    assert texts(run(rows, Policy("counts", totals=TOTALS))) == []


def test_a_code_may_be_a_part_of_several_totals() -> None:
    rows = table("area n\nE1 .\nE2 17\nE3 .\nE4 9\nR1 41\nR2 20\nT 41")
    figures = read_figures(rows, ("area",), "n", Policy("counts"), "line")
    groups = [Group("area", "R1", ("E1", "E2")), Group("area", "R2", ("E3", "E4")), Group("area", "T", ("E1", "E2"))]
    found = audit(figures, groups, None)
    assert [(leak.key, leak.low, leak.high) for leak in found.intervals] == [(("E1",), 24, 24), (("E3",), 11, 11)]
