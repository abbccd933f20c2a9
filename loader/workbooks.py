"""Read the sheets of XLSX and ODS workbooks as rows of text, after checking that the file is whole and not a bomb.

The reader underneath (calamine) gives no rows at all for some broken workbooks, reserves memory for the whole rectangle
between the first cell and the last, and rounds numbers when it writes them as text. So the archive is checked first, no
rows is an error, and `loader.cells` says what numbers really are and which cells have no value to read.
"""
# ruff: noqa: EM101 -- problem codes, not messages

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import fastexcel

from loader.cells import WORKBOOK, CellScan, cell_name, scan_ods, scan_xlsx, xlsx_parts
from loader.xml_guard import xml_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from loader.tidying import TidyReport

MAX_UNPACKED_BYTES: Final = 200 * 1024 * 1024
MAX_SHEET_CELLS: Final = 10_000_000
SHOWN: Final = 20
"""Cells without a value that are named one by one."""

XLSX: Final = "XLSX"
ODS: Final = "ODS"
_ODS_TYPE: Final = b"application/vnd.oasis.opendocument.spreadsheet"
_FETCH: Final = "fetch the published workbook (.xlsx or .ods) again, and do not save it anew"
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
_CELL: Final = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"']")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)")
_ONLY_TIME: Final = frozenset({"1899-12-30", "1899-12-31", "1904-01-01"})
"""The days on which workbooks count from: a cell with one of them holds a time of day."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet, read."""

    name: str
    is_visible: bool
    first_column: int
    """Number, from 1, of the column that the first cell of each row stands in."""
    rows: tuple[tuple[int, list[str]], ...]
    """Row number from 1, and stripped cells; empty cells are empty texts."""

    @property
    def has_data(self) -> bool:
        """True if any cell is filled."""
        return any(any(cells) for _, cells in self.rows)

    def place(self, row: int, position: int) -> str:
        """Name a cell as messages do: 'Sheet!B2'; `position` counts from 0."""
        return f"{self.name}!{cell_name(row, self.first_column + position)}"


def read_sheet(path: Path, sheet: str, report: TidyReport) -> list[tuple[int, list[str]]]:
    """Give each row of a sheet as (row number from 1, stripped cells); empty cells are empty texts.

    A formula without a value, an error or a duration in a cell is noted as a problem. Raises ProblemsError if the file
    is no whole workbook, has no such sheet, or the sheet has no rows.
    """
    kind = check_archive(path, report)
    book = _open(path, report)
    if sheet not in book.sheet_names:
        message = f"no sheet '{sheet}'; there are: {', '.join(book.sheet_names)}"
        raise report.stop("TIDY-01", "", message, "check that this is the published workbook")
    scan = _scans(path, kind).get(sheet, CellScan())
    read = _read(book, sheet, scan, report)
    if not read.rows:
        raise report.stop("TIDY-07", sheet, "the sheet has no rows, or cannot be read", _FETCH)
    _note_unvalued(read.name, scan, report)
    return list(read.rows)


def read_sheets(path: Path, report: TidyReport) -> tuple[Sheet, ...]:
    """Read every sheet of a workbook, hidden ones too. Raises ProblemsError if it is not whole, or not safe to read."""
    kind = check_archive(path, report)
    book = _open(path, report)
    scans = _scans(path, kind)
    return tuple(_read(book, name, scans.get(name, CellScan()), report) for name in book.sheet_names)


def choose_sheet(sheets: Iterable[Sheet], wanted: str | None) -> Sheet | None:
    """Give the sheet asked for, or the only visible one with data; None if that leaves a choice."""
    if wanted is not None:
        return next((sheet for sheet in sheets if sheet.name == wanted), None)
    visible = [sheet for sheet in sheets if sheet.is_visible and sheet.has_data]
    return visible[0] if len(visible) == 1 else None


def _open(path: Path, report: TidyReport) -> fastexcel.ExcelReader:
    try:
        return fastexcel.read_excel(path.read_bytes())  # bytes: what the file is called says nothing
    except fastexcel.FastExcelError as error:
        reason = str(error).partition("\n")[0]
        raise report.stop("TIDY-07", "", f"not a readable workbook: {reason}", _FETCH) from error


def _read(book: fastexcel.ExcelReader, name: str, scan: CellScan, report: TidyReport) -> Sheet:
    try:
        loaded = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
        frame = loaded.to_polars()
    except fastexcel.FastExcelError as error:
        reason = str(error).partition("\n")[0]
        raise report.stop("TIDY-07", name, f"the sheet cannot be read: {reason}", _FETCH) from error
    first = scan.first_column(frame.width)
    if first is None:
        raise report.stop("TIDY-07", name, "the columns of the sheet cannot be told apart", _FETCH)
    rows = tuple((n, _texts(n, first, row, scan.numbers)) for n, row in enumerate(frame.iter_rows(), 1))
    return Sheet(name, loaded.visible == "visible", first, rows)


def _texts(row: int, first: int, cells: tuple[str | None, ...], numbers: Mapping[tuple[int, int], str]) -> list[str]:
    """Strip the cells of a row, and write numbers, days and times in canonical form."""
    texts = [(cell or "").strip() for cell in cells]
    for position, text in enumerate(texts):
        if not text or text[0] not in "-0123456789":
            continue
        exact = numbers.get((row, first + position))
        if exact is not None and _NUMBER.fullmatch(text):
            texts[position] = exact
        elif (match := _DATE.fullmatch(text)) is not None:
            texts[position] = _moment(match[1], match[2])
    return texts


def _moment(day: str, time: str) -> str:
    if day in _ONLY_TIME:
        return time
    return day if time == "00:00:00" else f"{day}T{time}"


def _scans(path: Path, kind: str) -> dict[str, CellScan]:
    """Scan the cells of every sheet, by name."""
    with zipfile.ZipFile(path) as archive:
        if kind == ODS:
            return scan_ods(archive.read("content.xml"))
        parts = xlsx_parts(archive)
        return {name: scan_xlsx(archive.read(part)) for name, part in parts.items() if part in archive.namelist()}


def _note_unvalued(name: str, scan: CellScan, report: TidyReport) -> None:
    hint = "open the workbook, let it calculate, correct what it cannot, and save it"
    for cell, message in scan.unvalued[:SHOWN]:
        report.problem("SCREEN-05", f"{name}!{cell}", message, hint)
    if len(scan.unvalued) > SHOWN:
        report.problem("SCREEN-05", name, f"and {len(scan.unvalued) - SHOWN:,} more cells like these", hint)


# The archive


def check_archive(path: Path, report: TidyReport) -> str:
    """Say whether a workbook is XLSX or ODS.

    Raises ProblemsError if the archive is broken, ambiguous, or much larger unpacked than any published workbook.
    """
    if not path.stat().st_size:
        raise report.stop("FILE-01", "", "the file is empty", "fetch the published file again")
    try:
        with zipfile.ZipFile(path) as archive:
            kind = _kind(archive)
            fault = "" if kind else "the archive is neither an XLSX nor an ODS workbook"
            fault = fault or _fault(archive) or _xml_fault(archive) or _size_fault(archive, kind)
    except _BROKEN as error:
        raise report.stop("SCREEN-02", "", f"not a whole XLSX or ODS workbook: {error}", _FETCH) from error
    if fault:
        raise report.stop("SCREEN-02", "", fault, _FETCH)
    return kind


def _kind(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if "mimetype" in names and "content.xml" in names and archive.getinfo("mimetype").file_size < 100:
        return ODS if archive.read("mimetype").strip() == _ODS_TYPE else ""
    return XLSX if WORKBOOK in names else ""


def _fault(archive: zipfile.ZipFile) -> str:
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES:
        return f"the workbook unpacks to {size:,} bytes, more than {MAX_UNPACKED_BYTES:,}"
    if len({member.filename.casefold() for member in members}) < len(members):
        return "the workbook has two parts of the same name"
    if any(member.flag_bits & 0x1 for member in members):
        return "the workbook is protected by a password"
    if liar := next((member.filename for member in members if not _is_as_large_as_it_says(archive, member)), ""):
        return f"the part {liar} of the workbook is damaged: it is not as large as the archive says"
    if broken := archive.testzip():
        return f"the part {broken} of the workbook is damaged"
    return ""


def _is_as_large_as_it_says(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Unpack a part no further than it should go: another reader may not stop where the archive's index says."""
    if member.compress_type == zipfile.ZIP_STORED:
        return member.compress_size == member.file_size
    if member.compress_type != zipfile.ZIP_DEFLATED:
        return False
    stream = archive.fp
    assert stream is not None, "the archive is open"
    stream.seek(member.header_offset + 26)
    name, extra = struct.unpack("<HH", stream.read(4))
    stream.seek(name + extra, 1)
    unpacked = zlib.decompressobj(-15)
    return len(unpacked.decompress(stream.read(member.compress_size), member.file_size + 1)) == member.file_size


def _xml_fault(archive: zipfile.ZipFile) -> str:
    """Refuse a part that declares a document type, and one that is encrypted in the manner of OpenDocument."""
    for member in archive.infolist():
        if not member.filename.endswith((".xml", ".rels")):
            continue
        data = archive.read(member)
        # A sheet may have a million cells, and the guard takes its time: it reads parts that can harm it or others.
        is_plain = data.lstrip()[:1] == b"<" and b"\0" not in data[:64] and b"<!DOCTYPE" not in data
        if not is_plain or member.filename == "content.xml":
            fault = xml_fault(data)
            if fault and data.strip():
                return f"the part {member.filename} of the workbook cannot be read: {fault}"
        if member.filename == "META-INF/manifest.xml" and b"encryption-data" in data:
            return "the workbook is protected by a password"
    return ""


def _size_fault(archive: zipfile.ZipFile, kind: str) -> str:
    for name, area in _areas(archive, kind):
        if area > MAX_SHEET_CELLS:
            return f"{name} has a cell so far out that the sheet would have more than {MAX_SHEET_CELLS:,} cells"
    return ""


def _areas(archive: zipfile.ZipFile, kind: str) -> Iterator[tuple[str, int]]:
    """Yield for each sheet the number of cells in the rectangle from A1 that holds all cells."""
    if kind == ODS:
        scans = scan_ods(archive.read("content.xml"))
        yield from ((f"sheet '{name}'", scan.area) for name, scan in scans.items())
        return
    for member in archive.infolist():
        if re.fullmatch(r"xl/worksheets/[^/]+\.xml", member.filename):
            rows = columns = 0
            for column, row in _references(archive.read(member)):
                rows, columns = max(rows, row), max(columns, column)
            yield member.filename, rows * columns


def _references(xml: bytes) -> Iterator[tuple[int, int]]:
    for match in _CELL.finditer(xml):
        column = 0
        for letter in match[1].upper():
            column = column * 26 + letter - ord("A") + 1
        yield column, int(match[2])
