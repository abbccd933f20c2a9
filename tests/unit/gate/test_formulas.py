"""Cells that a spreadsheet would run."""

from __future__ import annotations

import polars as pl
import pytest

from loader.gate.formulas import check_formulas


def lines(text: str) -> list[str]:
    rows = pl.DataFrame({"label": ["plain", text, None], "line": [2, 3, 4]})
    found = list(check_formulas(rows, "a.csv", "line"))
    assert not [problem for problem in found if text in str(problem)]
    return [problem.where for problem in found]


@pytest.mark.parametrize(
    "text",
    ['=HYPERLINK("http://example.org")', "=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-cmd|x", "  =A1", "+(1)", "\t=A1"],
)
def test_formulas_are_found_and_not_repeated(text: str) -> None:
    assert lines(text) == ["a.csv:3, column 'label'"]


@pytest.mark.parametrize("text", ["-", "-12.5", "+44", "a = b", "- of which", "..", "– none", "x@example", "1=1"])
def test_numbers_markers_and_words_are_none(text: str) -> None:
    assert lines(text) == []
