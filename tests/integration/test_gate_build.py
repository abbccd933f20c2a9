"""The gate stands in every build: nothing personal passes, and what it says repeats nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loader.build import Plan, check
from loader.progress import LogWatcher
from tests.integration import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from loader.errors import Problem

NOTE: dict[str, object] = {"name": "note", "titles": "Remark", "suppressOutput": True}


def problems_with(tmp_path: Path, note: str, title: str = "Remark", source: str = tiny.SOURCE) -> list[Problem]:
    """Check the tiny table with one more column, which goes into no triple but into the published table."""
    document = tiny.metadata([*tiny.COLUMNS[:3], NOTE | {"titles": title}, *tiny.COLUMNS[3:]])
    mappings = tiny.write_mapping(tmp_path, source=source, document=document)
    table = f"{tiny.HEADER},{title}\nE06000001,2025-04,10,fine\nE06000001,2025-05,20,{note}\n"
    (mappings / "tiny" / "tiny.csv").write_text(table, "utf-8")
    return check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())


@pytest.mark.parametrize(
    "note",
    [
        "claimant AB 12 34 56 C rang",
        "write to jane.roe@example.org",
        "rang from 07911 123456",
        "born 12/03/1980",
        "sort code 20-00-00 account 55779911",
        "lives at SW1A 2AA",
        "paid to MR J SMITH",
        "ＡＢ１２３４５６Ｃ",
    ],
)
def test_personal_data_stops_the_build_and_is_not_repeated(tmp_path: Path, note: str) -> None:
    problems = problems_with(tmp_path, note)
    assert problems
    for problem in problems:
        assert problem.code.startswith("GATE-")
        assert "tiny.csv:3, column 'note'" in problem.where
        assert note not in str(problem)
        assert problem.hint


@pytest.mark.parametrize("title", ["Surname", "Date of birth", "NI number", "E-mail"])
def test_a_personal_header_stops_the_build(tmp_path: Path, title: str) -> None:
    assert {problem.code for problem in problems_with(tmp_path, "", title)} == {"GATE-10"}


def test_harmless_text_passes(tmp_path: Path) -> None:
    assert problems_with(tmp_path, "revised figure for E06000001: see table 3 of 2025-05") == []


def test_small_counts_stop_a_table_of_counts(tmp_path: Path) -> None:
    source = f'{tiny.SOURCE}\n[policy]\nkind = "counts"\n'
    mappings = tiny.write_mapping(tmp_path, ("E06000001,2025-04,10", "E06000001,2025-05,3"), source=source)
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert [problem.where.rpartition("/")[2] for problem in problems] == ["tiny.csv:3, column 'households'"]


@pytest.mark.parametrize("policy", ['kind = "sundry"', 'kinds = "counts"', 'kind = "counts"\ntreshold = 3'])
def test_an_unknown_policy_stops_the_build(tmp_path: Path, policy: str) -> None:
    mappings = tiny.write_mapping(tmp_path, source=f"{tiny.SOURCE}\n[policy]\n{policy}\n")
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert {problem.code for problem in problems} == {"GATE-02"}
