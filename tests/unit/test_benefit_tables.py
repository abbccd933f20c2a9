"""The benefit expenditure and caseload tables: lines, years, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from loader.benefit_tables import Wanted, tidy_benefit_table
from loader.errors import ProblemsError
from loader.tidying import TidyReport

if TYPE_CHECKING:
    from pathlib import Path

WANTED = Wanted(
    "Table 1a: Expenditure by benefit",
    "£ million, nominal terms",
    "expenditure",
    ("total-in-dwp-annually-managed-expenditure",),
)
TABLE = """\
Contents page,Information,,,,
Autumn Statement,"Table 1a: Expenditure by benefit,",,2021/22,2022/23,2023/24
2023,"£ million, nominal terms",Benefit type,Outturn,Outturn,Forecast
,,,,,
,Attendance Allowance,(NC / NIR),-,"1,003 ",6.5
,Jobseeker's Allowance,,"3 ","-0 ",
,of which contributory,(C),1,,
,of which income-based,(IR),2,-,
,Total in DWP Annually Managed Expenditure,,,,7
,    of which inside Welfare Cap,,,,5
,,,,,
,Reconciliation with OBR Economic & Fiscal Outlook,,,,
,Total in DWP Annually Managed Expenditure (see Row 9),,,,7
,rounding variance ,,,,-1
,DWP Social Security spending as shown in the Supplementary Fiscal Table 3.7 OBR Economic and Fiscal Outlook Published 22 November 2023,,,,6
,of which within Welfare Cap,,,,4
"""  # noqa: E501


def tidied(folder: Path, text: str) -> tuple[list[dict[str, str]], TidyReport]:
    path = folder / "1a.csv"
    path.write_bytes(text.replace("\n", "\r").encode("cp1252"))
    report = TidyReport(file="1a.csv", encoding="cp1252")
    with suppress(ProblemsError):
        return tidy_benefit_table(path, report, WANTED).collect().to_dicts(), report
    return [], report


def test_figures_of_lines_parts_and_sections(tmp_path: Path) -> None:
    rows, report = tidied(tmp_path, TABLE)
    assert [str(problem) for problem in report.problems] == []
    assert [(row["benefit"], row["period"], row["status"], row["expenditure"]) for row in rows] == [
        ("attendance-allowance", "2022-2023", "A", "1003"),
        ("attendance-allowance", "2023-2024", "F", "6.5"),
        ("jobseekers-allowance", "2021-2022", "A", "3"),
        ("jobseekers-allowance", "2022-2023", "A", "0"),
        ("jobseekers-allowance--contributory", "2021-2022", "A", "1"),
        ("jobseekers-allowance--income-based", "2021-2022", "A", "2"),
        ("total-in-dwp-annually-managed-expenditure", "2023-2024", "F", "7"),
        ("total-in-dwp-annually-managed-expenditure--inside-welfare-cap", "2023-2024", "F", "5"),
        ("reconciliation--total-in-dwp-annually-managed-expenditure", "2023-2024", "F", "7"),
        ("reconciliation--rounding-variance", "2023-2024", "F", "-1"),
        ("reconciliation--dwp-social-security-spending-in-obr-table-3-7", "2023-2024", "F", "6"),
        ("reconciliation--dwp-social-security-spending-in-obr-table-3-7--within-welfare-cap", "2023-2024", "F", "4"),
    ]
    assert rows[4]["benefit_name"] == "Jobseeker's Allowance: of which contributory"
    assert report.reasons() == {"no figure: blank": 19, "no figure: '-'": 2}
    assert report.rows_read == len(rows) + len(report.skipped)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("6.5", "6.5x", ("TIDY-02", "1a.csv:5, column 6")),
        ("6.5", "(6)", ("TIDY-02", "1a.csv:5, column 6")),
        ("1,003 ", "1,03", ("TIDY-02", "1a.csv:5, column 5")),
        ("Attendance Allowance", "Attendance Allowances", ("TIDY-05", "1a.csv:5")),
        ("of which contributory", "of which other", ("TIDY-05", "1a.csv:7")),
        (",Attendance Allowance", ",", ("TIDY-06", "1a.csv:5")),
        ("6.5", "6.5,7", ("TIDY-06", "1a.csv:5")),
        (",6.5", "", ("TIDY-06", "1a.csv:5")),
        ("of which income-based,(IR)", "of which contributory,(C)", ("TIDY-08", "1a.csv:8")),
        ("(NC / NIR)", "(C)", ("TIDY-05", "1a.csv:5, column 3")),
        ("(NC / NIR)", "(X)", ("TIDY-05", "1a.csv:5, column 3")),
        ("2022/23", "2022/24", ("TIDY-03", "1a.csv:2, column 5")),
        ("Outturn,Forecast", "Outturn,Guess", ("TIDY-05", "1a.csv:3, column 6")),
        ("Table 1a", "Table 1b", ("TIDY-01", "1a.csv:2")),
        ("nominal terms", "real terms", ("TIDY-01", "1a.csv:2")),
        ("2021/22,2022/23,2023/24", "2021,2022,2023", ("TIDY-01", "1a.csv")),
        ("Contents page", '"Contents page', ("TIDY-01", "1a.csv")),
    ],
)
def test_faults_are_noted_where_they_are(tmp_path: Path, old: str, new: str, problem: tuple[str, str]) -> None:
    assert old in TABLE
    _, report = tidied(tmp_path, TABLE.replace(old, new, 1))
    assert [(found.code, found.where) for found in report.problems] == [problem]


def test_year_left_out_of_the_header_is_noticed(tmp_path: Path) -> None:
    _, report = tidied(tmp_path, TABLE.replace("2023/24", "2024/25"))
    assert [(found.code, found.where) for found in report.problems] == [("TIDY-03", "1a.csv:2, column 6")]


def test_labels_may_differ_in_case_spaces_and_apostrophes(tmp_path: Path) -> None:
    text = TABLE.replace("Jobseeker's Allowance", "JOBSEEKER’S  Allowance").replace(
        "of which inside", "Of which inside"
    )
    rows, report = tidied(tmp_path, text)
    assert not report.problems
    assert rows == tidied(tmp_path, TABLE)[0]


@pytest.mark.parametrize("keep", [3, 30, 90, 150, 230, 300, 340])
def test_table_cut_short_is_never_a_traceback(tmp_path: Path, keep: int) -> None:
    _, report = tidied(tmp_path, TABLE[:keep])
    assert report.problems


def test_table_cut_between_lines_lacks_its_total(tmp_path: Path) -> None:
    _, report = tidied(tmp_path, "".join(TABLE.splitlines(keepends=True)[:7]))
    assert [(found.code, found.where) for found in report.problems] == [("TIDY-06", "1a.csv")]
    assert "'total-in-dwp-annually-managed-expenditure'" in report.problems[0].message


def test_table_without_figures_is_refused(tmp_path: Path) -> None:
    _, report = tidied(tmp_path, "".join(TABLE.splitlines(keepends=True)[:4]))
    assert {found.code for found in report.problems} == {"TIDY-06"}
