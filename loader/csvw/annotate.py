"""Putting a table description and a file together (Tabular Data Model §6.1, Metadata Vocabulary §5.4.3 and §5.5.1)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO

from loader.csvw.addresses import HINT, MAX_CHARS, AddressCheck, address_check
from loader.csvw.datatypes import shorten
from loader.csvw.findings import MODEL, Findings
from loader.csvw.json_ld import LangString
from loader.csvw.metadata import Column, Inherited, Table, default_name, make_column
from loader.csvw.rdf import TableConverter, plan_columns
from loader.csvw.tabular import Row, RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.csvw.cells import Cell
    from loader.csvw.dialect import Dialect

_SHOWN = 3
"""Titles of one column that a message names."""


@dataclass(slots=True)
class AnnotatedTable:
    """A table whose columns are known, with the reader of its file."""

    table: Table
    reader: RowReader
    findings: Findings
    converter: TableConverter = field(init=False)
    label: str = "t"
    addresses: AddressCheck = field(init=False)

    def __post_init__(self) -> None:
        plans = plan_columns(self.table, self.reader.dialect.skip_columns)
        self.converter = TableConverter(self.table, plans, self.label)
        self.addresses = address_check(self.converter)

    def rows(self, reader: RowReader | None = None) -> Iterator[tuple[Row, list[Cell]]]:
        """Yield each row with its parsed cells; what is wrong is reported. Raises `UnreadableError`.

        `reader` may be that of a piece of the file.
        """
        plans = self.converter.plans
        parsers = [plan.parser for plan in plans]
        names = [plan.column.name for plan in plans]
        virtual = [""] * sum(plan.column.virtual for plan in plans)
        width = len(plans) - len(virtual)
        for row in (reader or self.reader).rows():
            texts = row.cells
            if len(texts) != width:
                self._report_width(row, width)
                texts = [*texts[:width], *[""] * (width - len(texts))]
            cells = [parser.parse(text) for parser, text in zip(parsers, [*texts, *virtual], strict=True)]
            for name, cell in zip(names, cells, strict=True):
                for code, message in cell.problems:
                    self.findings.cell(row.line, name, code, message, hint_for(code))
            self._check_addresses(row, cells)
            yield row, cells

    def _check_addresses(self, row: Row, cells: list[Cell]) -> None:
        """Report cells that make no address. Raises `UnreadableError` for one that would make it of any length."""
        if name := self.addresses.too_long(cells):
            message = f"the cell of column {name!r} is longer than the {MAX_CHARS:,} characters an address may take up"
            raise self.findings.stop(row.line, "CSVW-SIZE", message, HINT)
        if self.findings.report.strict:
            for name, message in self.addresses.faults(row, cells, self.converter):
                self.findings.cell(row.line, name, "CSVW-TEMPLATE", message, HINT)

    def _report_width(self, row: Row, width: int) -> None:
        message = f"{len(row.cells)} cells, but the table has {width} columns ({MODEL} §8)"
        hint = "look for a missing or an unquoted delimiter; an empty line is a row too, unless skipBlankRows is set"
        self.findings.row(row.line, "CSVW-WIDTH", message, hint)


def hint_for(code: str) -> str:
    """Say what to do about a wrong cell."""
    if code == "CSVW-REQUIRED":
        return 'fill the cell, or drop "required" from the column'
    if code == "CSVW-BOUNDS":
        return "correct the cell, or the bounds of the datatype"
    return 'correct the cell, list a marker under "null", or give the datatype a "format"'


def annotate(
    table: Table, stream: BinaryIO, dialect: Dialect, findings: Findings, label: str, *, by_name: bool = False
) -> AnnotatedTable:
    """Read the header and settle the columns. Raises `UnreadableError`.

    `by_name` lets a column that has a name and no titles stand for the header cell of that name; by the letter
    (Metadata Vocabulary §5.5.1) this is so for converters only.
    """
    reader = RowReader(stream, dialect, findings)
    reader.read_header()
    if not table.has_schema:
        columns = embedded_columns(table, reader)
    else:
        described = [column for column in table.columns if not column.virtual]
        check_compatible(table, described, reader, findings, by_name=by_name)
        columns = [*described, *(make_column(n + 1, Inherited()) for n in range(len(described), reader.width))]
        columns += [column for column in table.columns if column.virtual]
    return AnnotatedTable(replace(table, columns=tuple(columns)), reader, findings, label)


def embedded_columns(table: Table, reader: RowReader) -> list[Column]:
    """Return the columns the header describes (Tabular Data Model §8.2)."""
    lang = table.inherited.lang or "und"
    columns = []
    for number in range(1, reader.width + 1):
        texts = reader.titles[number - 1] if number <= len(reader.titles) else []
        titles = tuple(LangString(text, lang) for text in texts)
        columns.append(make_column(number, table.inherited, titles=titles, lang=lang))
    return columns


def check_compatible(
    table: Table, described: list[Column], reader: RowReader, findings: Findings, *, by_name: bool
) -> None:
    """Report a header that does not fit the schema (Metadata Vocabulary §5.5.1)."""
    if reader.width != len(described) and (reader.width or reader.titles):
        message = f"{reader.width} columns, but the schema describes {len(described)} (Metadata Vocabulary §5.5.1)"
        more = undescribed(described, reader)
        message += f"; it does not describe {', '.join(map(repr, more))}" if more else ""
        findings.row(reader.header_line, "CSVW-HEADER", message, "describe every column of the file, in its order")
        return
    lang = table.inherited.lang or "und"
    is_strict = findings.report.strict
    for column, texts in zip(described, reader.titles, strict=False):
        is_left_blank = not texts and not by_name  # which §5.5.1 allows
        if is_left_blank or is_compatible(column, texts, lang, is_strict=is_strict, by_name=by_name):
            continue
        wanted = " or ".join(shorten(title.text) for title in column.titles[:_SHOWN])
        wanted = wanted or f"any title: it has only a name ({shorten(column.name)})"
        said = " / ".join(map(shorten, texts[:_SHOWN])) or "nothing"
        message = f"the header says {said}, the schema {wanted} (Metadata Vocabulary §5.5.1)"
        hint = 'make the header and the "titles" of the column the same, and their order'
        findings.cell(reader.header_line, column.name, "CSVW-HEADER", message, hint)


def undescribed(described: list[Column], reader: RowReader) -> list[str]:
    """Name the columns that the schema lacks; none if the first row may be data: messages must not repeat that."""
    known = {title.text for column in described for title in column.titles}
    headers = {" / ".join(texts) for texts in reader.titles}
    return sorted(headers - known) if known and known <= headers else []


def is_compatible(column: Column, texts: list[str], lang: str, *, is_strict: bool, by_name: bool) -> bool:
    """Say whether a column description fits a header cell."""
    if column.titles:
        return any(title.text in texts and do_languages_match(title.lang, lang) for title in column.titles)
    if not column.has_name or not is_strict:
        return True
    names = {default_name((LangString(text, lang),), lang, column.number) for text in texts}
    return by_name and (column.name in names or column.name in texts)


def do_languages_match(one: str, other: str) -> bool:
    """Say whether two language tags are equal up to the length of the shorter; "und" matches any."""
    if "und" in (one, other):
        return True
    parts = list(zip(one.lower().split("-"), other.lower().split("-"), strict=False))
    return all(a == b for a, b in parts)
