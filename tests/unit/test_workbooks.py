"""Sheets of workbooks: what is refused before anything is read."""

from __future__ import annotations

import warnings
import zipfile
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from loader import workbooks
from loader.errors import ProblemsError
from loader.tidying import TidyReport
from loader.workbooks import read_sheet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    book = Workbook()
    page = book.worksheets[0]
    page.title = "Data"
    page["B2"] = " text "
    page["C3"] = 6575050
    page["D4"] = 0.1
    path = tmp_path / "book.xlsx"
    book.save(path)
    return path


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Copy a workbook, changing or leaving out its parts."""
    target = path.with_name("changed.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def refusal(path: Path) -> str:
    with pytest.raises(ProblemsError) as error:
        read_sheet(path, "Data", TidyReport(file=path.name))
    (problem,) = error.value.problems
    assert problem.code in {"TIDY-07", "FILE-01"}
    return problem.message


def test_rows_keep_their_numbers_and_figures_their_digits(whole: Path) -> None:
    rows = read_sheet(whole, "Data", TidyReport(file="book.xlsx"))
    assert [number for number, cells in rows if any(cells)] == [2, 3, 4]
    assert [[cell for cell in cells if cell] for _, cells in rows] == [[], ["text"], ["6575050"], ["0.1"]]


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"")
    assert refusal(path) == "the file is empty"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_workbook_cut_short(whole: Path, part: float) -> None:
    content = whole.read_bytes()
    whole.write_bytes(content[: int(len(content) * part)])
    assert "not a whole XLSX workbook" in refusal(whole)


def test_damaged_part(whole: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        member = archive.getinfo("xl/worksheets/sheet1.xml")
    content = bytearray(whole.read_bytes())
    place = member.header_offset + 30 + len(member.filename) + 20
    content[place] ^= 0xFF
    whole.write_bytes(content)
    assert "XLSX workbook" in refusal(whole) or "damaged" in refusal(whole)


def test_bomb(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_UNPACKED_BYTES", 100_000)
    bomb = rewritten(whole, lambda name, content: content + b" " * 200_000 if name.endswith("sheet1.xml") else content)
    assert bomb.stat().st_size < 20_000
    assert "more than 100,000" in refusal(bomb)


def test_cell_at_the_far_corner(whole: Path) -> None:
    far = rewritten(whole, lambda _, content: content.replace(b'r="D4"', b'r="XFD1048576"'))
    assert "a cell so far out" in refusal(far)


def test_two_parts_of_one_name(whole: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(whole, "a") as archive:
        warnings.simplefilter("ignore", UserWarning)
        archive.writestr("xl/worksheets/sheet1.xml", b"<worksheet/>")
    assert "two parts of the same name" in refusal(whole)


def test_archive_that_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "not a readable workbook" in refusal(path)


def test_sheet_that_cannot_be_read_is_not_taken_for_an_empty_one(whole: Path) -> None:
    broken = rewritten(whole, lambda name, content: None if name.endswith("sheet1.xml") else content)
    assert refusal(broken)
    empty = rewritten(whole, lambda name, content: b"<worksheet>" if name.endswith("sheet1.xml") else content)
    assert refusal(empty)
