"""What the XML of a workbook says of single cells: exact numbers, cells without a value, and how far a sheet goes."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from loader.xml_guard import elements, local_name

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

    from loader.xml_guard import Element

WORKBOOK: Final = "xl/workbook.xml"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_CALC: Final = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_RELATION_STRICT: Final = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_DIGITS: Final = 15
"""Significant digits that a spreadsheet keeps: what comes after them is noise of binary fractions."""
_ERROR: Final = re.compile(r"#[A-Z/]{1,10}[0-9]?[!?]?")
SHOWS_ERROR: Final = "the cell shows an error"
NO_VALUE: Final = "the cell has a formula and no value: nobody has calculated it"
OUT_OF_ORDER: Final = "the cell is there twice, or out of order: which value is meant cannot be known"
MAX_REPEATS: Final = 100_000
"""Cells of a sheet that may share one number with a fraction."""


@dataclass(slots=True)
class CellScan:
    """What was found of the cells of one sheet. Rows and columns count from 1."""

    numbers: dict[tuple[int, int], str] = field(default_factory=dict)
    """Canonical form of numbers that are no plain integers, by row and column."""
    unvalued: list[tuple[str, str]] = field(default_factory=list)
    """Cells that show something that cannot be read as a value, with what to say of them."""
    last_row: int = 0
    columns: tuple[int, int] = (0, 0)
    """First and last column with a filled cell; 0 if there is none."""
    columns_present: tuple[int, int] = (0, 0)
    """First and last column with a cell that has a value, if only an empty text."""

    @property
    def area(self) -> int:
        """Number of cells in the rectangle from A1 that holds all filled cells."""
        return self.last_row * self.columns[1]

    def first_column(self, width: int) -> int | None:
        """Say where rows of this many cells start; None if no rows of that width can be of this sheet."""
        if not width:
            return 1
        spans = (self.columns, self.columns_present, (1, self.columns[1]), (1, self.columns_present[1]))
        return next((first for first, last in spans if first and last - first + 1 == width), None)

    def fill(self, row: int, first: int, last: int, *, is_filled: bool) -> None:
        """Note cells that have a value."""
        self.columns_present = _spanned(self.columns_present, first, last)
        if is_filled:
            self.columns = _spanned(self.columns, first, last)
            self.last_row = max(self.last_row, row)


def _spanned(span: tuple[int, int], first: int, last: int) -> tuple[int, int]:
    return min(span[0] or first, first), max(span[1], last)


def cell_name(row: int, column: int) -> str:
    """Name a cell: row 2, column 28 is 'AB2'."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def column_number(letters: str) -> int:
    """Give the number of a column: 'AB' is 28."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def canonical_number(text: str) -> str | None:
    """Write a number in canonical form, plain and without superfluous zeros; None if it is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 400:
        return None
    plain = f"{number:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


def _kept(text: str) -> str | None:
    """Give the canonical form of a number as a spreadsheet keeps it."""
    try:
        return canonical_number(f"{float(text):.{_DIGITS}g}")
    except ValueError:
        return None


# XLSX


def xlsx_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Give the part of each sheet of a workbook, by the name of the sheet."""
    targets = relations(archive, WORKBOOK)
    parts: dict[str, str] = {}
    if WORKBOOK not in archive.namelist():
        return parts
    for event, element in elements(archive.read(WORKBOOK)):
        if event == "end" and local_name(element.tag) == "sheet":
            relation = element.get(_RELATION) or element.get(_RELATION_STRICT) or ""
            parts[element.get("name") or ""] = targets.get(relation, "")
    return parts


def relations(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    """Give the parts, or addresses, that a part refers to, by identifier."""
    folder, _, name = part.rpartition("/")
    path = f"{folder}/_rels/{name}.rels"
    if path not in archive.namelist():
        return {}
    found: dict[str, str] = {}
    for event, element in elements(archive.read(path)):
        if event == "end" and local_name(element.tag) == "Relationship":
            target = element.get("Target") or ""
            if element.get("TargetMode") != "External":
                target = (
                    target.removeprefix("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
                )
            found[element.get("Id") or ""] = target
    return found


def scan_xlsx(data: bytes) -> CellScan:
    """Scan the cells of a worksheet."""
    scan = CellScan()
    row = column = 0
    last = (0, 0)
    try:
        for event, element in elements(data):
            name = local_name(element.tag)
            if event == "start" and name == "row":
                row = int(element.get("r") or row + 1)
                column = 0
            elif event == "end" and name == "c":
                match = _REFERENCE.fullmatch(element.get("r") or "")
                row, column = (int(match[2]), column_number(match[1])) if match else (row, column + 1)
                _scan_xlsx_cell(scan, row, column, element)
                if (row, column) <= last:
                    scan.unvalued.append((cell_name(row, column), OUT_OF_ORDER))
                last = max(last, (row, column))
            elif event == "end" and name == "row":
                element.clear()
    except ValueError:
        return scan  # the reader says what is wrong with it
    return scan


def _scan_xlsx_cell(scan: CellScan, row: int, column: int, cell: Element) -> None:
    children = {local_name(child.tag): child for child in cell}
    value, kind = children.get("v"), cell.get("t") or "n"
    text = "" if value is None else (value.text or "").strip()
    is_named = _ERROR.fullmatch(text) is not None
    if kind == "e":
        scan.unvalued.append((cell_name(row, column), f"the cell shows an error, {text}" if is_named else SHOWS_ERROR))
    elif "f" in children and not text and (value is None or kind != "str"):
        scan.unvalued.append((cell_name(row, column), NO_VALUE))
    if value is not None or "is" in children:
        scan.fill(row, column, column, is_filled=bool(text) or "is" in children)
    if kind == "n" and not text.isdecimal() and (number := _kept(text)) is not None:
        scan.numbers[row, column] = number
    elif kind == "n" and len(text) > _DIGITS:
        scan.numbers[row, column] = _kept(text) or text


# ODS


def scan_ods(data: bytes) -> dict[str, CellScan]:
    """Scan the cells of every sheet of an OpenDocument spreadsheet, by the name of the sheet."""
    scans: dict[str, CellScan] = {}
    scan, row, nested = CellScan(), 0, 0
    try:
        for event, element in elements(data):
            if element.tag == f"{_TABLE}table":
                nested += 1 if event == "start" else -1
                if event == "start" and nested == 1:
                    scan, row = scans.setdefault(element.get(f"{_TABLE}name") or "", CellScan()), 0
            elif event == "end" and element.tag == f"{_TABLE}table-row":
                row = _scan_ods_row(scan, row, element)
                element.clear()
    except ValueError:
        return scans
    return scans


def _scan_ods_row(scan: CellScan, row: int, element: Element) -> int:
    """Note the cells of a row, which may stand for several; give the number of the last of them."""
    times = _repeats(element, "rows")
    column = 0
    for cell in element:
        if local_name(cell.tag) not in {"table-cell", "covered-table-cell"}:
            continue
        first, column = column + 1, column + _repeats(cell, "columns")
        kind = cell.get(f"{_OFFICE}value-type") or cell.get(f"{_CALC}value-type")
        if kind is not None:
            scan.fill(row + times, first, column, is_filled=True)
        _scan_ods_cell(scan, _Block(row + 1, times, first, column), cell, kind)
    return row + times


@dataclass(frozen=True, slots=True)
class _Block:
    """The places of a cell that stands for several."""

    row: int
    rows: int
    first: int
    last: int

    @property
    def is_listed(self) -> bool:
        return self.rows * (self.last - self.first + 1) <= MAX_REPEATS

    def places(self) -> Iterator[tuple[int, int]]:
        yield from ((self.row + n, column) for n in range(self.rows) for column in range(self.first, self.last + 1))


def _scan_ods_cell(scan: CellScan, block: _Block, cell: Element, kind: str | None) -> None:
    name = cell_name(block.row, block.first)
    if cell.get(f"{_CALC}value-type") == "error":
        scan.unvalued.append((name, SHOWS_ERROR))
    elif kind is None and cell.get(f"{_TABLE}formula") is not None:
        scan.unvalued.append((name, NO_VALUE))
    elif kind == "time":
        scan.unvalued.append((name, "the cell holds a duration, which is not read: write it as text"))
    value = cell.get(f"{_OFFICE}value")
    if value is None or value.isdecimal() or (number := _kept(value)) is None:
        return
    if block.is_listed:
        scan.numbers |= dict.fromkeys(block.places(), number)
    else:
        scan.unvalued.append((name, f"the number is repeated in more than {MAX_REPEATS:,} cells, which is not read"))


def _repeats(element: Element, what: str) -> int:
    text = element.get(f"{_TABLE}number-{what}-repeated") or "1"
    return int(text) if text.isdecimal() and len(text) < 10 else 1
