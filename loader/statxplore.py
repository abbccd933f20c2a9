"""Read what DWP's Stat-Xplore gives: answers of its Open Data API, XLSX downloads and CSV downloads.

Each reader gives a `Table`: the fields crossed in it, and one `Cell` for each figure with its items, its text and its
place. `loader.crosstabs` makes observations of it.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loader.labels import normalised
from loader.tidying import read_rows, read_text
from loader.workbooks import read_sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from loader.tidying import TidyReport

DATA_SHEET: Final = "Data Sheet 0"
TOTAL: Final = "Total"

_COUNTING: Final = "Counting:"
_MARKS: Final = re.compile(r"\s*\((?P<marks>(?:[a-z]|[IVX]+)(?:[,\s]+(?:[a-z]|[IVX]+))*)\)$")
ASK_AGAIN: Final = "ask Stat-Xplore for the table again"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a field: a month, an area, a category, several of them recoded into one, or the total."""

    labels: tuple[str, ...]
    codes: tuple[str, ...] = ()
    """Last part of each value's address; empty for totals and in downloads, which give labels only."""
    marks: frozenset[str] = frozenset()
    """Symbols of the footnotes that hang on the item, such as 'p' for provisional."""
    is_total: bool = False

    @property
    def label(self) -> str:
        """What to call the item in a message."""
        return ", ".join(self.labels)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a table and its items, in the order of the table."""

    label: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: its items in the order of the table's fields, its text as published, and its place."""

    items: tuple[Item, ...]
    text: str
    line: int
    """Row of the sheet or line of the text; in an API answer, the number of the cell from 1."""
    where: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one measure."""

    measure: str
    fields: tuple[Field, ...]
    cells: tuple[Cell, ...]
    notes: Mapping[str, str]
    """Text of each footnote, by symbol."""


# The Open Data API: the JSON that POST /table answers.


@dataclass(frozen=True, slots=True)
class _Json:
    """A value of a JSON document and its place, read with checks. All numbers are kept as text."""

    value: object
    where: str
    report: TidyReport

    def member(self, key: str) -> _Json:
        if not isinstance(self.value, dict) or key not in self.value:
            hint = "check that the file is an answer of the Open Data API's /table, and not of another request"
            raise self.report.stop("TIDY-01", self.where, f"'{key}' is missing", hint)
        return _Json(self.value[key], f"{self.where}.{key}".removeprefix("."), self.report)

    def elements(self) -> list[_Json]:
        if not isinstance(self.value, list):
            raise self.report.stop("TIDY-06", self.where, "is not a list", ASK_AGAIN)
        return [_Json(value, f"{self.where}[{n}]", self.report) for n, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.report.stop("TIDY-06", self.where, "is not a text", ASK_AGAIN)
        return self.value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """Give the texts of a member; none if it is missing."""
        if not isinstance(self.value, dict) or key not in self.value:
            return ()
        return tuple(element.text() for element in self.member(key).elements())


def read_response(path: Path, report: TidyReport) -> Table:
    """Read an answer of the Open Data API. Raises ProblemsError if it is not one, or is not whole."""
    document = _Json(_parse_json(read_text(path, report), report), "", report)
    fields = tuple(_response_field(entry) for entry in document.member("fields").elements())
    measures = document.member("measures").elements()
    if len(measures) != 1 or not fields:
        message = f"the table has {len(measures)} measures and {len(fields)} fields"
        raise report.stop("TIDY-06", "", message, "ask for one measure and at least one field")
    address = measures[0].member("uri").text()
    values = document.member("cubes").member(address).member("values")
    cells = tuple(_response_cells(values, fields))
    report.rows_read += len(cells)
    return Table(measures[0].member("label").text(), fields, cells, _response_notes(document))


def _parse_json(text: str, report: TidyReport) -> object:
    try:
        document: object = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {error.msg} (column {error.colno})"
        raise report.stop("TIDY-07", str(error.lineno), message, f"the file may be cut short: {ASK_AGAIN}") from error
    except RecursionError as error:
        raise report.stop("TIDY-07", "", "the JSON is nested too deeply", ASK_AGAIN) from error
    return document


def _response_field(entry: _Json) -> Field:
    return Field(entry.member("label").text(), tuple(map(_response_item, entry.member("items").elements())))


def _response_item(item: _Json) -> Item:
    labels = item.texts("labels")
    if not labels:
        raise item.report.stop("TIDY-06", item.where, "the item has no label", ASK_AGAIN)
    is_total = item.member("type").text() == TOTAL
    codes = tuple(uri.rpartition(":")[2] for uri in item.texts("uris"))
    if not is_total and not codes:
        raise item.report.stop("TIDY-06", item.where, f"'{labels[0]}' has no code", ASK_AGAIN)
    return Item(labels, codes, frozenset(item.texts("annotationKeys")), is_total)


def _response_cells(values: _Json, fields: Sequence[Field]) -> Iterator[Cell]:
    """Walk the nested arrays, whose depth is the number of fields and whose lengths are those of their items."""
    for number, (items, value) in enumerate(_walk(values, fields, ()), 1):
        yield Cell(items, "" if value.value is None else value.text(), number, value.where)


def _walk(values: _Json, fields: Sequence[Field], items: tuple[Item, ...]) -> Iterator[tuple[tuple[Item, ...], _Json]]:
    if len(items) == len(fields):
        yield items, values
        return
    this = fields[len(items)]
    elements = values.elements()
    if len(elements) != len(this.items):
        message = f"{len(elements)} values for the {len(this.items)} items of '{this.label}'"
        raise values.report.stop("TIDY-06", values.where, message, ASK_AGAIN)
    for item, element in zip(this.items, elements, strict=True):
        yield from _walk(element, fields, (*items, item))


def _response_notes(document: _Json) -> dict[str, str]:
    if not isinstance(document.value, dict) or "annotationMap" not in document.value:
        return {}
    notes = document.member("annotationMap")
    if not isinstance(notes.value, dict):
        raise document.report.stop("TIDY-06", notes.where, "is not an object", ASK_AGAIN)
    return {symbol: notes.member(symbol).text() for symbol in notes.value}


# Downloads: XLSX and CSV have the same layout.


def read_workbook(path: Path, report: TidyReport) -> Table:
    """Read an XLSX download. Raises ProblemsError if it is not one, or is not whole."""
    rows = read_sheet(path, DATA_SHEET, report)
    return _Grid(rows, report, lambda line, column: f"{DATA_SHEET}!{_letters(column)}{line}").table()


def read_csv(path: Path, report: TidyReport) -> Table:
    """Read a CSV download. Raises ProblemsError if it is not one, or is not whole."""
    try:
        rows = list(read_rows(read_text(path, report)))
    except csv.Error as error:
        raise report.stop(
            "TIDY-06", "", f"not readable as CSV: {error}", "look for a quote that is not closed"
        ) from error
    return _Grid(rows, report, lambda line, column: f"{line}, column {column + 1}").table()


def _letters(column: int) -> str:
    """Give the letters of a column counted from 0: A, B, … Z, AA."""
    tens, ones = divmod(column, 26)
    return (_letters(tens - 1) if tens else "") + chr(ord("A") + ones)


@dataclass(frozen=True, slots=True)
class _Header:
    """The two rows above the figures: the items of the column field, and below them the names of the row fields."""

    position: int
    """Position of the first row of figures."""
    column_field: Field
    row_fields: tuple[tuple[int, str], ...]
    """Column and label of each."""
    first: int
    """First column of figures."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """The rows of a download, each with its line."""

    rows: Sequence[tuple[int, list[str]]]
    report: TidyReport
    place: Callable[[int, int], str]
    """Names a cell, from its line and its column counted from 0."""

    def table(self) -> Table:
        start, measure = self._counting()
        header = self._header(start)
        cells = tuple(self._cells(header, measure))
        if not cells:
            line = self.rows[header.position - 1][0]
            raise self.report.stop("TIDY-06", str(line), "no rows follow the header", ASK_AGAIN)
        self.report.rows_read += len(cells)
        names = [label for _, label in header.row_fields if normalised(label) != normalised(measure)]
        row_fields = tuple(
            Field(name, tuple(dict.fromkeys(cell.items[n] for cell in cells))) for n, name in enumerate(names)
        )
        return Table(measure, (*row_fields, header.column_field), cells, self._notes())

    def _counting(self) -> tuple[int, str]:
        for position, (_, cells) in enumerate(self.rows):
            if cells and cells[0].startswith(_COUNTING):
                return position + 1, cells[0].removeprefix(_COUNTING).strip()
        hint = "check that the file is a download of Stat-Xplore, in the layout it came in"
        raise self.report.stop("TIDY-01", "", f"no line starts with '{_COUNTING}'", hint)

    def _header(self, start: int) -> _Header:
        for position in range(start, len(self.rows) - 1):
            line, cells = self.rows[position]
            below = self.rows[position + 1][1]
            if cells and cells[0] and any(cells[1:]) and below and not below[0] and any(below):
                return self._read_header(position, line, cells, below)
        message = "no header: a row with a field and its items, and below it a row with the names of the other fields"
        hint = "lay the table out with one field in the columns and the others in the rows"
        raise self.report.stop("TIDY-01", "", message, hint)

    def _read_header(self, position: int, line: int, cells: list[str], below: list[str]) -> _Header:
        first = next(column for column, cell in enumerate(cells) if column and cell)
        last = max(column for column, cell in enumerate(cells) if cell)
        row_fields = tuple((column, cell) for column, cell in enumerate(below) if cell)
        if not all(cells[first : last + 1]) or any(column >= first for column, _ in row_fields):
            message = "the header has gaps, or more than one field in the columns"
            hint = "lay the table out with one field in the columns and the others in the rows"
            raise self.report.stop("TIDY-06", str(line), message, hint)
        items = tuple(map(_labelled_item, cells[first : last + 1]))
        return _Header(position + 2, Field(_marked(cells[0])[0], items), row_fields, first)

    def _cells(self, header: _Header, measure: str) -> Iterator[Cell]:
        """Yield the cells of each row down to the first blank one. A label stands only where it changes."""
        labels: dict[int, str] = {}
        innermost = header.row_fields[-1][0]
        width = header.first + len(header.column_field.items)
        for position in range(header.position, len(self.rows)):
            line, cells = self.rows[position]
            if not any(cells):
                self._check_rest(position)
                return
            if len(cells) < width or any(cells[width:]) or not cells[innermost]:
                self._note_shape(line, cells, width)
                continue
            labels |= {column: cells[column] for column, _ in header.row_fields if cells[column]}
            items = tuple(
                _labelled_item(labels.get(column, ""))
                for column, name in header.row_fields
                if normalised(name) != normalised(measure)
            )
            for column, item in enumerate(header.column_field.items, header.first):
                yield Cell((*items, item), cells[column], line, self.place(line, column))

    def _note_shape(self, line: int, cells: list[str], width: int) -> None:
        message = f"{len(cells)} cells where the header has {width}"
        if len(cells) >= width:
            message = "cells beyond the header" if any(cells[width:]) else "the row has no label"
        self.report.problem("TIDY-06", str(line), message, f"the file may be cut short or edited: {ASK_AGAIN}")

    def _check_rest(self, position: int) -> None:
        """Nothing below the table but its notes, which stand in the first two columns."""
        for line, cells in self.rows[position:]:
            if any(cells[2:]) or (cells and not cells[0] and any(cells)):
                message = "cells below the end of the table"
                self.report.problem(
                    "TIDY-06", str(line), message, "download one table without wafers, and do not edit it"
                )
                return

    def _notes(self) -> dict[str, str]:
        heads = [position for position, (_, cells) in enumerate(self.rows) if cells[:2] == ["Symbol", "Description"]]
        rows = (cells for _, cells in self.rows[heads[0] + 1 :]) if heads else ()
        return {cells[0]: cells[1] for cells in rows if len(cells) > 1 and cells[0] and cells[1]}


def _marked(label: str) -> tuple[str, frozenset[str]]:
    """Part a label from the symbols of footnotes behind it: 'May 2025 (p)' has 'p'."""
    match = _MARKS.search(label)
    if match is None:
        return label, frozenset()
    return label[: match.start()], frozenset(re.split(r"[,\s]+", match["marks"]))


def _labelled_item(text: str) -> Item:
    label, marks = _marked(text)
    return Item((label,), (), marks, label == TOTAL)
