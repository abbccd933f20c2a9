"""Sheets of workbooks: what is refused before anything is read, and what cells are as text."""

from __future__ import annotations

import datetime
import re
import struct
import warnings
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from loader import workbooks
from loader.errors import ProblemsError
from loader.tidying import TidyReport
from loader.workbooks import choose_sheet, read_sheet, read_sheets
from tests.unit import formats

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
    assert problem.code in {"TIDY-07", "FILE-01", "SCREEN-02"}
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
    assert "not a whole XLSX or ODS workbook" in refusal(whole)


def test_damaged_part(whole: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        member = archive.getinfo("xl/worksheets/sheet1.xml")
    content = bytearray(whole.read_bytes())
    place = member.header_offset + 30 + len(member.filename) + 20
    content[place] ^= 0xFF
    whole.write_bytes(content)
    assert "ODS workbook" in refusal(whole) or "damaged" in refusal(whole)


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
    assert "neither an XLSX nor an ODS workbook" in refusal(path)


def test_sheet_that_cannot_be_read_is_not_taken_for_an_empty_one(whole: Path) -> None:
    broken = rewritten(whole, lambda name, content: None if name.endswith("sheet1.xml") else content)
    assert refusal(broken)
    empty = rewritten(whole, lambda name, content: b"<worksheet>" if name.endswith("sheet1.xml") else content)
    assert refusal(empty)


def test_a_part_that_is_larger_than_the_archive_says(whole: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        member = archive.getinfo("xl/worksheets/sheet1.xml")
        short = archive.read(member)[:100]
    content = whole.read_bytes()
    true = struct.pack("<LLL", member.CRC, member.compress_size, member.file_size)
    assert content.count(true) == 2
    whole.write_bytes(content.replace(true, struct.pack("<LLL", zlib.crc32(short), member.compress_size, 100)))
    assert "not as large as the archive says" in refusal(whole)


def test_document_type_in_a_part(whole: Path) -> None:
    def declare(name: str, content: bytes) -> bytes:
        return b'<!DOCTYPE x [<!ENTITY a "b">]>' + content if name.endswith("sheet1.xml") else content

    assert "document type" in refusal(rewritten(whole, declare))


def test_password(tmp_path: Path) -> None:
    manifest = '<m:manifest xmlns:m="x"><m:encryption-data/></m:manifest>'
    assert "password" in refusal(formats.ods(tmp_path / "book.ods", manifest=manifest))


# OpenDocument

ODS_ERROR = (
    '<table:table-cell xmlns:c="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
    'table:formula="of:=1/0" office:value-type="string" c:value-type="error"><text:p>#DIV/0!</text:p>'
    "</table:table-cell>"
)


def read(path: Path, sheet: str = "Data") -> list[list[str]]:
    return [cells for _, cells in read_sheet(path, sheet, TidyReport(path.name)) if any(cells)]


def test_ods_is_read_like_xlsx(tmp_path: Path) -> None:
    table = [list(map(str, row)) for row in (formats.HEADER, *formats.ROWS)]
    assert read(formats.ods(tmp_path / "book.ods")) == read(formats.xlsx(tmp_path / "book.xlsx")) == table


def test_ods_with_a_document_type(tmp_path: Path) -> None:
    path = formats.ods(tmp_path / "book.ods", prolog='<!DOCTYPE x [<!ENTITY a "b">]>')
    assert "document type" in refusal(path)


@pytest.mark.parametrize(("rows", "columns"), [(100_000, 1), (3, 16_000), (1_000_000, 16_000)])
def test_ods_with_cells_repeated_without_end(tmp_path: Path, rows: int, columns: int) -> None:
    cell = f'<table:table-cell table:number-columns-repeated="{columns}" office:value-type="float" office:value="1"/>'
    row = f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'
    path = formats.ods(tmp_path / "book.ods", f'<table:table table:name="Data">{row}</table:table>')
    if rows * columns > workbooks.MAX_SHEET_CELLS:
        assert "so far out" in refusal(path)
    else:
        assert len(read(path)) == rows


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('<table:table-cell table:formula="of:=1+1"/>', "no value"),
        ('<table:table-cell office:value-type="time" office:time-value="PT1H"/>', "duration"),
        (ODS_ERROR, "error"),
    ],
)
def test_ods_cells_without_a_value(tmp_path: Path, cell: str, words: str) -> None:
    rows = f"<table:table-row>{formats.ods_cell('a')}{cell}{formats.ods_cell('b')}</table:table-row>"
    path = formats.ods(tmp_path / "book.ods", f'<table:table table:name="Data">{rows}</table:table>')
    report = TidyReport("book.ods")
    read_sheet(path, "Data", report)
    (problem,) = report.problems
    assert (problem.code, problem.where) == ("SCREEN-05", "book.ods:Data!B1")
    assert words in problem.message


# Cells


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6575050, "6575050"),
        (36393.0, "36393"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333333333333"),
        (1e-12, "0.000000000001"),
        (99.99999999999, "99.99999999999"),
        (123456789.123456, "123456789.123456"),
        (1e21, "1000000000000000000000"),
        (-0.0, "0"),
        (-2.50, "-2.5"),
        (True, "true"),
        ("007", "007"),
        ("1.0", "1.0"),
        (datetime.date(2025, 4, 1), "2025-04-01"),
        (datetime.datetime(2025, 4, 1, 13, 5), "2025-04-01T13:05:00"),
        (datetime.time(13, 5), "13:05:00"),
        ("  ", ""),
    ],
)
@pytest.mark.parametrize("corner", ["A1", "C4"])
def test_cells_are_in_canonical_form(tmp_path: Path, value: object, text: str, corner: str) -> None:
    book = Workbook()
    page = book.worksheets[0]
    page.title = "Data"
    page[corner] = value
    page.cell(6, 6).value = "end"
    book.save(tmp_path / "book.xlsx")
    cells = [cell for row in read(tmp_path / "book.xlsx") for cell in row if cell]
    assert cells == ([text, "end"] if text else ["end"])


@pytest.mark.parametrize("value", [1 / 3, 99.99999999999, 1e-12])
def test_numbers_of_ods_are_exact(tmp_path: Path, value: float) -> None:
    (row,) = read(formats.ods(tmp_path / "book.ods", formats.ods_sheet("Data", [["a", value]])))
    assert float(row[1]) == pytest.approx(value, rel=1e-14)


def test_formulas_with_values_are_values(tmp_path: Path) -> None:
    cells = '<c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>A9</f><v></v></c><c r="C1"><v>3</v></c>'

    def calculated(name: str, content: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return content
        return re.sub(rb"<sheetData>.*</sheetData>", f"<sheetData><row>{cells}</row></sheetData>".encode(), content)

    report = TidyReport("book.xlsx")
    path = rewritten(formats.xlsx(tmp_path / "book.xlsx"), calculated)
    assert read_sheet(path, "Data", report) == [(1, ["2", "", "3"])]
    assert not report.problems


@pytest.mark.parametrize(("rows", "is_read"), [(10, True), (200_000, False)])
def test_a_fraction_repeated_in_ods(tmp_path: Path, rows: int, *, is_read: bool) -> None:
    cell = '<table:table-cell office:value-type="float" office:value="0.33333333333"/>'
    row = f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'
    path = formats.ods(tmp_path / "book.ods", f'<table:table table:name="Data">{row}</table:table>')
    report = TidyReport("book.ods")
    last = read_sheet(path, "Data", report)[-1]
    assert (last == (rows, ["0.33333333333"])) is is_read
    assert bool(report.problems) is not is_read


def test_error_cells_are_named(tmp_path: Path) -> None:
    def error(book: Workbook) -> None:
        cell = book.worksheets[0]["C2"]
        cell.value = "#N/A"
        cell.data_type = "e"

    report = TidyReport("book.xlsx")
    read_sheet(formats.xlsx(tmp_path / "book.xlsx", error), "Data", report)
    assert [(problem.code, problem.where) for problem in report.problems] == [("SCREEN-05", "book.xlsx:Data!C2")]
    assert "#N/A" in report.problems[0].message


# Sheets


def test_hidden_sheets_and_places(tmp_path: Path) -> None:
    def more(book: Workbook) -> None:
        hidden = book.create_sheet("Hidden")
        hidden["C2"] = "x"
        hidden.sheet_state = "hidden"

    sheets = read_sheets(formats.xlsx(tmp_path / "book.xlsx", more), TidyReport("book.xlsx"))
    assert [(sheet.name, sheet.is_visible) for sheet in sheets] == [("Data", True), ("Hidden", False)]
    assert sheets[1].place(*next((row, cells.index("x")) for row, cells in sheets[1].rows if any(cells))) == "Hidden!C2"
    assert choose_sheet(sheets, None) is sheets[0]
    assert choose_sheet(sheets, "Hidden") is sheets[1]
    assert choose_sheet(sheets, "None") is None


def test_hidden_sheets_of_ods(tmp_path: Path) -> None:
    both = formats.ods_sheet("Data") + formats.ods_sheet("Hidden", style="hidden")
    sheets = read_sheets(formats.ods(tmp_path / "book.ods", both), TidyReport("book.ods"))
    assert [(sheet.name, sheet.is_visible) for sheet in sheets] == [("Data", True), ("Hidden", False)]
