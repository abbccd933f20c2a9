"""Read a sheet of an XLSX workbook as rows of text, after checking that the file is whole and not a bomb.

The reader underneath (calamine) gives no rows at all for some broken workbooks, and reserves memory for the whole
rectangle between the first cell and the last. So the archive is checked first, and no rows is an error.
"""
# ruff: noqa: EM101 -- problem codes, not messages

from __future__ import annotations

import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

import fastexcel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.tidying import TidyReport

MAX_UNPACKED_BYTES: Final = 200 * 1024 * 1024
MAX_SHEET_CELLS: Final = 10_000_000

_FETCH: Final = "fetch the published workbook (.xlsx) again, and do not save it anew"
_CELL: Final = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"']")
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


def read_sheet(path: Path, sheet: str, report: TidyReport) -> list[tuple[int, list[str]]]:
    """Give each row of a sheet as (row number from 1, stripped cells); empty cells are empty texts.

    Raises ProblemsError if the file is no whole workbook, has no such sheet, or the sheet has no rows.
    """
    _check_archive(path, report)
    try:
        reader = fastexcel.read_excel(path)
        if sheet not in reader.sheet_names:
            message = f"no sheet '{sheet}'; there are: {', '.join(reader.sheet_names)}"
            raise report.stop("TIDY-01", "", message, "check that this is the published workbook")
        frame = reader.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        reason = str(error).partition("\n")[0]
        raise report.stop("TIDY-07", "", f"not a readable workbook: {reason}", _FETCH) from error
    if not frame.height:
        raise report.stop("TIDY-07", sheet, "the sheet has no rows, or cannot be read", _FETCH)
    return [(n, [(cell or "").strip() for cell in row]) for n, row in enumerate(frame.iter_rows(), 1)]


def _check_archive(path: Path, report: TidyReport) -> None:
    """Refuse an archive that is broken, ambiguous, or much larger unpacked than any published workbook."""
    if not path.stat().st_size:
        raise report.stop("FILE-01", "", "the file is empty", "fetch the published file again")
    try:
        with zipfile.ZipFile(path) as archive:
            fault = _fault(archive)
    except _BROKEN as error:
        raise report.stop("TIDY-07", "", f"not a whole XLSX workbook: {error}", _FETCH) from error
    if fault:
        raise report.stop("TIDY-07", "", fault, _FETCH)


def _fault(archive: zipfile.ZipFile) -> str:
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES:
        return f"the workbook unpacks to {size:,} bytes, more than {MAX_UNPACKED_BYTES:,}"
    if len({member.filename for member in members}) < len(members):
        return "the workbook has two parts of the same name"
    if any(member.flag_bits & 0x1 for member in members):
        return "the workbook is protected by a password"
    if broken := archive.testzip():
        return f"the part {broken} of the workbook is damaged"
    for member in members:
        if re.fullmatch(r"xl/worksheets/[^/]+\.xml", member.filename) and _area(archive, member) > MAX_SHEET_CELLS:
            return (
                f"{member.filename} has a cell so far out that the sheet would have more than {MAX_SHEET_CELLS:,} cells"
            )
    return ""


def _area(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Give the number of cells in the rectangle from A1 that holds all cells of a sheet."""
    rows = columns = 0
    for name, row in _references(archive.read(member)):
        rows, columns = max(rows, row), max(columns, name)
    return rows * columns


def _references(xml: bytes) -> Iterator[tuple[int, int]]:
    for match in _CELL.finditer(xml):
        column = 0
        for letter in match[1].upper():
            column = column * 26 + letter - ord("A") + 1
        yield column, int(match[2])
