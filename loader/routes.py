"""Read a published file that is a tidy table already, whatever its format: the route in without a tidy.py.

The formats are CSV and other delimited text, SDMX-CSV, XLSX, ODS, JSON and SDMX-ML (docs/sources.md). Columns are found
by the titles or names of the mapping. All of them must be there, and no other: nobody has looked at those.
"""
# ruff: noqa: EM101 -- problem codes, not messages

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.cells import canonical_number
from loader.errors import ProblemsError
from loader.markers import NORMAL, status_columns
from loader.sdmx import read_message
from loader.tidying import MAX_TEXT_BYTES, read_text
from loader.workbooks import choose_sheet, read_sheet, read_sheets
from loader.xml_guard import xml_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from loader.mapping import PublishedFile, TableMapping
    from loader.tidying import TidyReport

BLANK: Final = "blank row"
MAX_JSON_DEPTH: Final = 32
SHOWN: Final = 20
_CHUNK: Final = 50_000
_DELIMITERS: Final = (",", "\t", ";", "|")
_LINES_OF_SNIFF: Final = 50
_TEXT_SUFFIXES: Final = frozenset({".csv", ".tsv", ".txt", ".tab"})
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""What a text may hold half a character by, once it is read."""
_FETCH: Final = "fetch the published file again"
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
_OTHERS: Final = {
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"PAR1": "a Parquet file",
    b"7z\xbc\xaf": "a 7z archive",
}
_SDMX_CSV: Final = frozenset({"dataflow", "structure"})
_OF_SDMX_CSV: Final = frozenset(
    {"dataflow", "structure", "structure id", "structure name", "action", "series key", "obs key"}
)
"""Columns of SDMX-CSV that say of what dataset a row is, and no component of it."""
_DELETION: Final = frozenset({"d", "delete"})

Row = tuple[int, "list[str]"]


class Format(StrEnum):
    """How a published file is written."""

    DELIMITED = "delimited text"
    WORKBOOK = "workbook"
    JSON = "JSON"
    XML = "XML"


@dataclass(frozen=True, slots=True)
class Header:
    """The header row of a table, and where its rows are."""

    row: int
    cells: tuple[str, ...]


def format_of(path: Path, report: TidyReport) -> Format:
    """Tell the format of a file by its content, then by its name.

    Raises ProblemsError for what no route reads: other workbooks, archives, documents and pictures.
    """
    with path.open("rb") as stream:
        start = stream.read(4096)
    if start.startswith(b"PK"):
        return Format.WORKBOOK
    if start.startswith(_OLD_WORKBOOK):
        message = "the file is a workbook of an older kind (.xls), or protected by a password"
        raise report.stop("SCREEN-01", "", message, "save it as .xlsx or .ods, without a password")
    called = next((name for magic, name in _OTHERS.items() if start.startswith(magic)), None)
    if called is not None:
        raise report.stop("SCREEN-01", "", f"the file is {called}, which is no table", _FETCH)
    suffix = path.suffix.casefold()
    if start and suffix in {".xlsx", ".ods", ".xlsm"}:
        raise report.stop("SCREEN-02", "", "the file is not a workbook, as its name says", _FETCH)
    first = start.decode("latin-1").removeprefix("\xef\xbb\xbf").lstrip("\0\xff\xfe \t\r\n")[:1]
    if first == "<":
        return Format.XML
    if suffix == ".json" or (first in {"{", "["} and suffix not in _TEXT_SUFFIXES):
        return Format.JSON
    return Format.DELIMITED


@dataclass(frozen=True, slots=True)
class DirectStep:
    """What stands in for the tidy step of a folder that has none: its published files are the tidy table."""

    table: TableMapping


def read_tidy_table(path: Path, published: PublishedFile, table: TableMapping, report: TidyReport) -> pl.DataFrame:
    """Read a published file that is a tidy table. Raises ProblemsError with everything that keeps it from being one.

    Columns of codes that markers fill (docs/markers.md) may be missing: they say then that all figures are normal.
    """
    before = len(report.problems)
    header, rows = _table(path, published, table, report)
    positions = _positions(header, table, report)
    frame = _frame(rows, header, positions, report)
    if len(report.problems) > before:
        raise ProblemsError(report.problems)
    if frame.is_empty():
        raise report.stop("FILE-01", "", "the table has a header and no rows", _FETCH)
    return _with_codes(frame, table)


def _with_codes(frame: pl.DataFrame, table: TableMapping) -> pl.DataFrame:
    """Put in the columns of codes that the file lacks."""
    columns = status_columns(table.table)
    required = columns.names.get("status") if columns.status_is_required else None
    missing = [name for name in columns.names.values() if name not in frame.columns]
    added = (pl.lit(NORMAL if name == required else None, pl.String).alias(name) for name in missing)
    return frame.with_columns(added).select(column.name for column in table.table.columns if not column.virtual)


def _table(
    path: Path, published: PublishedFile, table: TableMapping, report: TidyReport
) -> tuple[Header, Iterable[Row]]:
    """Give the header of the table in a file, and the rows below it."""
    form = format_of(path, report)
    if form is Format.JSON:
        return _records(read_json(path, report), report)
    if form is Format.XML:
        return _observations(path, report)
    if form is Format.WORKBOOK:
        return _below_header(iter(_sheet(path, published, report)), published, report)
    text = read_text(path, report)
    known = _known(table)
    sign = delimiter_of(text, known)
    return _without_sdmx_columns(_below_header(_delimited(text, sign, report), published, report), known, report)


def _sheet(path: Path, published: PublishedFile, report: TidyReport) -> list[Row]:
    if published.sheet is not None:
        return read_sheet(path, published.sheet, report)
    sheets = read_sheets(path, report)
    chosen = choose_sheet(sheets, None)
    if chosen is None:
        names = ", ".join(f"'{sheet.name}'" for sheet in sheets if sheet.is_visible and sheet.has_data) or "none"
        message = f"which sheet holds the table cannot be told; visible sheets with data: {names}"
        raise report.stop("TIDY-01", "", message, 'name it under [[files]] in source.toml: sheet = "…"')
    return read_sheet(path, chosen.name, report)


# Delimited text


def delimiter_of(text: str, known: Iterable[str] = ()) -> str:
    """Tell what separates the cells of a text: what finds most of the known columns, else most rows of one width."""
    lines = "\n".join(islice(io.StringIO(text), _LINES_OF_SNIFF))
    wanted = frozenset(known)

    def fit(sign: str) -> tuple[int, int, int]:
        rows = [cells for cells in _tried(lines, sign) if len(cells) > 1 or sign == _DELIMITERS[0]]
        found = max((len(wanted.intersection(map(key_of, cells))) for cells in rows), default=0)
        widths = Counter(len(cells) for cells in rows if len(cells) > 1)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        return found, count, width

    return max(_DELIMITERS, key=fit)


def _tried(text: str, sign: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=sign)
    except csv.Error:
        return


def _delimited(text: str, sign: str, report: TidyReport) -> Iterator[Row]:
    """Yield the line that each row starts on, and its cells. Raises ProblemsError if quotation marks do not match."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        hint = 'close every quotation mark, and double those inside a quoted cell: "say ""so"""'
        raise report.stop("TIDY-06", str(line), f"the row cannot be read: {error}", hint) from error


def _without_sdmx_columns(
    found: tuple[Header, Iterable[Row]], known: frozenset[str], report: TidyReport
) -> tuple[Header, Iterable[Row]]:
    """Leave out the columns by which SDMX-CSV says what dataset a row is of."""
    header, rows = found
    keys = [key_of(cell).partition("[")[0] for cell in header.cells]
    if not keys or keys[0] not in _SDMX_CSV or keys[0] in known:
        return found
    kept = [place for place, key in enumerate(keys) if key not in _OF_SDMX_CSV or key in known]
    action = keys.index("action") if "action" in keys else None
    return Header(header.row, tuple(header.cells[place] for place in kept)), _kept_cells(
        rows, kept, action, len(keys), report
    )


def _kept_cells(
    rows: Iterable[Row], kept: list[int], action: int | None, width: int, report: TidyReport
) -> Iterator[Row]:
    for line, cells in rows:
        if action is not None and len(cells) > action and cells[action].casefold() in _DELETION:
            message = "the row asks to delete observations: it holds no data to publish"
            raise report.stop("TIDY-06", str(line), message, "give the file with all observations")
        yield line, [cells[place] for place in kept] if len(cells) == width else cells


def _below_header(rows: Iterator[Row], published: PublishedFile, report: TidyReport) -> tuple[Header, Iterable[Row]]:
    """Find the header: the row that source.toml names, else the first that is not blank."""
    for line, cells in rows:
        if published.header_row is not None and line < published.header_row:
            continue
        if any(cells):
            filled = max(place for place, cell in enumerate(cells) if cell) + 1
            return Header(line, tuple(cells[:filled])), rows
        if published.header_row is not None:
            break
    raise report.stop("TIDY-01", "", "there is no header row", "check header_row in source.toml, and the file")


# JSON


class _RepeatedError(ValueError):
    """An object has two members of one name."""


def read_json(path: Path, report: TidyReport) -> object:
    """Read a JSON document; numbers stay text. Raises ProblemsError if it is not whole, ambiguous, or too deep."""
    text = read_text(path, report, "utf-8")
    try:
        document = _shallow(
            json.loads(
                text,
                parse_int=Number,
                parse_float=Number,
                parse_constant=Number,
                object_pairs_hook=_object,
            )
        )
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise report.stop("SCREEN-04", str(error.lineno), f"it is not JSON: {error.msg}", _FETCH) from error
    except _RepeatedError as error:
        raise report.stop("SCREEN-04", "", "an object has two members of one name", _FETCH) from error
    except (RecursionError, _TooDeepError) as error:
        message = f"it is nested more than {MAX_JSON_DEPTH} deep"
        raise report.stop("SCREEN-04", "", message, _FETCH) from error
    except UnicodeEncodeError as error:
        raise report.stop("SCREEN-04", "", "a text has half of a character (a lone surrogate)", _FETCH) from error
    return document


class Number(str):
    """A number of a JSON document, as it is written there."""

    __slots__ = ()


class _TooDeepError(ValueError):
    """A document is nested deeper than any table needs."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedError
    return found


def _shallow(document: object) -> object:
    level: list[object] = [document]
    for _ in range(MAX_JSON_DEPTH):
        level = [inner for value in level for inner in _within(value)]
        if not level:
            return document
    raise _TooDeepError


def _within(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _records(document: object, report: TidyReport) -> tuple[Header, Iterable[Row]]:
    """Give the keys and values of an array of flat objects; the first object is row 1."""
    hint = "give an array of objects, one for each observation; other JSON needs a tidy.py (docs/mappings.md)"
    if not isinstance(document, list) or not document:
        raise report.stop("TIDY-01", "", "the document is not an array of objects", hint)
    keys: dict[str, None] = {}
    for number, record in enumerate(document, 1):
        if not isinstance(record, dict):
            raise report.stop("TIDY-06", f"[{number - 1}]", "is not an object", hint)
        keys |= dict.fromkeys(record)
    names = tuple(keys)
    rows = ((n, [_scalar(record.get(key), n, key, report) for key in names]) for n, record in enumerate(document, 1))
    return Header(0, names), rows


def _scalar(value: object, number: int, key: str, report: TidyReport) -> str:
    """Write a value of a record in canonical form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        text = canonical_number(value)
        if text is None:
            report.problem("TIDY-02", f"[{number - 1}].{key}", "is not a number that can be read", _FETCH)
        return text or ""
    if isinstance(value, str):
        return value.strip()
    report.problem("TIDY-06", f"[{number - 1}].{key}", "is not one value", "give a text, a number, true, false or null")
    return ""


# SDMX-ML


def read_xml(path: Path, report: TidyReport) -> bytes:
    """Read an XML document that the guard lets pass. Raises ProblemsError if it does not."""
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise report.stop("FILE-04", "", f"the file has more than {MAX_TEXT_BYTES:,} bytes", "split the file")
    data = path.read_bytes()
    fault = xml_fault(data)
    if fault:
        raise report.stop("SCREEN-03", "", fault, _FETCH)
    return data


def _observations(path: Path, report: TidyReport) -> tuple[Header, Iterable[Row]]:
    found = read_message(read_xml(path, report), report)
    if not found:
        raise report.stop("FILE-01", "", "the message has no observations", _FETCH)
    names = tuple(dict.fromkeys(name for _, values in found for name in values))
    return Header(0, names), ((line, [values.get(name, "").strip() for name in names]) for line, values in found)


# Columns


def key_of(text: str) -> str:
    """Give a header as it is compared: without case, underscores and spaces alike and single."""
    return " ".join(text.replace("_", " ").casefold().split())


def _keys(table: TableMapping) -> dict[str, str]:
    """Give the name of each column of a table by what its header may be."""
    columns = [column for column in table.table.columns if not column.virtual]
    keys = {key_of(title.text): column.name for column in columns for title in column.titles}
    for column in columns:
        keys.setdefault(key_of(column.name), column.name)
    return keys


def _known(table: TableMapping) -> frozenset[str]:
    return frozenset(_keys(table))


def _positions(header: Header, table: TableMapping, report: TidyReport) -> dict[str, int]:
    """Find the place of each column. Raises ProblemsError if one is missing, there twice, or not in the mapping."""
    before = len(report.problems)
    keys = _keys(table)
    positions: dict[str, int] = {}
    where = str(header.row) if header.row else ""
    for place, cell in enumerate(header.cells):
        name = keys.get(key_of(cell))
        at = f"{where}, column {place + 1}".removeprefix(", ")
        if not cell:
            report.problem(
                "TIDY-01", at, "the column has no header", "give it one, or delete the column if it is empty"
            )
        elif name is None:
            # A header that nobody knows is not repeated: where the header row is missing, it is data.
            hint = f"it may hold personal data: a person must decide, then put it into {table.document.name}"
            report.problem("TIDY-01", at, "the header of the column is not in the mapping", hint)
        elif name in positions:
            report.problem("TIDY-01", at, f"the column '{cell}' is there twice", "leave one of the two out")
        else:
            positions[name] = place
    order = [column.name for column in table.table.columns if not column.virtual]
    optional = frozenset(status_columns(table.table).names.values())
    for name in order:
        if name not in positions and name not in optional:
            title = next((key for key, column in keys.items() if column == name), name)
            report.problem("TIDY-01", where, f"there is no column '{title}'", f"it is in {table.document.name}")
    if len(report.problems) > before:
        raise ProblemsError(report.problems)
    return {name: positions[name] for name in order if name in positions}


# Rows


def _frame(rows: Iterable[Row], header: Header, positions: dict[str, int], report: TidyReport) -> pl.DataFrame:
    """Gather the rows in pieces; count blank ones, and note those that have too few or too many cells."""
    width = len(header.cells)
    schema = dict.fromkeys(positions, pl.String)
    pieces = [pl.DataFrame(schema=schema)]
    stream = iter(rows)
    ragged = 0
    while piece := list(islice(stream, _CHUNK)):
        full: list[list[str]] = []
        for line, cells in piece:
            report.rows_read += 1
            if not any(cells):
                report.skip(line, BLANK)
            elif len(cells) < width or any(cells[width:]):
                ragged += 1
                if ragged <= SHOWN:
                    hint = "correct the row: a comma inside a cell needs quotation marks around the cell"
                    report.problem("TIDY-06", str(line), f"{len(cells)} cells; the header has {width}", hint)
            else:
                full.append(cells)
        columns = {name: [cells[place] for cells in full] for name, place in positions.items()}
        frame = pl.DataFrame(columns, schema=schema)
        pieces.append(frame.with_columns(pl.all().replace("", None)))
    if ragged > SHOWN:
        report.problem("TIDY-06", "", f"and {ragged - SHOWN:,} more rows like these")
    return pl.concat(pieces)
