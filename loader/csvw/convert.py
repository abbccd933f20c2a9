"""One local CSV file with its table description, to N-Triples: what the build uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Final

from loader.csvw.annotate import AnnotatedTable, annotate
from loader.csvw.dialect import Dialect
from loader.csvw.findings import Findings, UnreadableError
from loader.csvw.iri import is_iri, shown
from loader.csvw.keys import key_of, places_of, primary_key
from loader.csvw.rdf import COLUMN_VARIABLES, ROW_VARIABLES, label_for, template_iri
from loader.csvw.report import Report
from loader.csvw.tabular import RowReader
from loader.csvw.uri_template import parse_template
from loader.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.csvw.columns import ColumnPath, SeenKeys
    from loader.csvw.metadata import Table
    from loader.csvw.observed import Observer

CHUNK_CHARS: Final = 1 << 18
# The reference path is done with a smaller file before polars is loaded.
FAST_FILE_BYTES: Final = 1 << 18


def convert_table(
    table: Table, source: Path, *, report: Report | None = None, observer: Observer | None = None
) -> Iterator[bytes]:
    """Yield the triples of `source`, described by `table`, as chunks of N-Triples in row order (csv2rdf, minimal mode).

    An `observer` is given rows of observations as columns where that can be done, and their triples are not yielded; it
    is called between two chunks, in the order of the rows.

    Memory does not grow with the file, but for 8 bytes or so a row where there is a primary key. Every cell is checked;
    unlike csv2rdf, which warns of a wrong cell and keeps it as a string, a wrong cell is an error here. All problems
    are raised as one `ProblemsError` when the file has been read, or as soon as it cannot be read on; warnings go to
    `report`.
    """
    found = Report(strict=True)
    check_templates(table, found)
    found.raise_errors()
    findings = Findings(found, shown(source))
    try:
        yield from _convert(table, source, findings, observer)
    except UnreadableError:
        pass
    except OSError as error:
        hint = "check the name and the rights of the file"
        found.error(Problem("CSVW-FETCH", findings.file, f"cannot be read: {error.strerror}", hint))
    finally:
        if report:
            report.warnings += found.warnings
    found.raise_errors()


def _convert(table: Table, source: Path, findings: Findings, observer: Observer | None) -> Iterator[bytes]:
    """Yield the triples by the fast path if the file is worth it and the table fit for it."""
    with source.open("rb") as stream:
        dialect = table.dialect or Dialect()
        annotated = annotate(table, stream, dialect, findings, label_for(table.url), by_name=True)
        path = None if findings.report.errors else plan_fast_path(annotated, source, table.primary_key, observer)
        yield from row_wise(annotated) if path is None else column_wise(annotated, path, source, observer)
        if not annotated.reader.number and not findings.report.errors:
            hint = "the file may be cut short: give it its rows"
            findings.row(annotated.reader.header_line, "CSVW-EMPTY", "the table has a header and no rows", hint)


def plan_fast_path(
    annotated: AnnotatedTable, source: Path, primary_key: tuple[str, ...], observer: Observer | None = None
) -> ColumnPath | None:
    """Return the fast path if the file is worth it and the table fit for it."""
    if source.stat().st_size < FAST_FILE_BYTES:
        return None
    from loader.csvw.columns import plan_table  # polars takes half a second to load

    return plan_table(annotated.converter, annotated.reader.dialect, primary_key, observer)


def row_wise(annotated: AnnotatedTable) -> Iterator[bytes]:
    """Yield the triples of every row until something is wrong; then only look for what else is (reference path)."""
    keys, findings = primary_key(annotated.table), annotated.findings
    lines: list[str] = []
    size = 0
    for row, cells in annotated.rows():
        if keys:
            keys.add(row, cells, findings)
        if findings.report.errors:
            lines.clear()
            continue
        text = annotated.converter.row(row, cells)
        lines.append(text)
        size += len(text)
        if size >= CHUNK_CHARS:
            yield "".join(lines).encode()
            lines.clear()
            size = 0
    if lines:
        yield "".join(lines).encode()


def column_wise(
    annotated: AnnotatedTable, path: ColumnPath, source: Path, observer: Observer | None = None
) -> Iterator[bytes]:
    """Yield what `row_wise` yields, by columns; blocks that are handed back are read row by row."""
    from loader.csvw import blocks, columns

    findings, keys = annotated.findings, columns.SeenKeys()
    with source.open("rb") as stream:
        skipped = blocks.skip_header(stream, annotated.reader.dialect)
        if skipped is None:
            yield from row_wise(annotated)
            return
        at = Position(skipped + 1, 0, skipped)
        for block in columns.convert_blocks(path, stream, skipped + 1):
            if not block.rows or (path.counts_rows and block.row_number != at.number + 1):
                yield from _block_by_rows(annotated, path, block.data, at, keys)
                continue
            at.advance(block.rows)
            keys.add(block.keys)
            if not findings.report.errors:
                if block.observed is not None and observer is not None:
                    observer.take(block.observed)
                yield from block.chunks
    annotated.reader.number = at.number
    if keys.are_repeated():
        findings.report.clear()
        yield from _only_report(annotated, source)


@dataclass(slots=True)
class Position:
    """How far reading has come: the line to read next, and the numbers of the row read last."""

    line: int
    number: int
    source_number: int

    def advance(self, rows: int) -> None:
        """Go on by some rows of one line each."""
        self.line += rows
        self.number += rows
        self.source_number += rows


def _block_by_rows(
    annotated: AnnotatedTable, path: ColumnPath, data: bytes, at: Position, keys: SeenKeys
) -> Iterator[bytes]:
    """Yield the triples of a block by the reference path."""
    dialect = replace(annotated.reader.dialect, skip_rows=0, header_row_count=0)
    reader = RowReader(BytesIO(data), dialect, annotated.findings, begins_file=False)
    reader.line, reader.number, reader.source_number = at.line, at.number, at.source_number
    places = places_of(annotated.table, path.primary_key)
    lines, found = [], []
    for row, cells in annotated.rows(reader):
        lines.append(annotated.converter.row(row, cells))
        if places:
            found.append(key_of(cells, places))
    keys.add_keys(found)
    annotated.reader.comments += reader.comments
    at.line, at.number, at.source_number = reader.line, reader.number, reader.source_number
    if not annotated.findings.report.errors:
        yield "".join(lines).encode()


def _only_report(annotated: AnnotatedTable, source: Path) -> Iterator[bytes]:
    """Read the file once more, row by row, to say which keys are repeated; yields nothing."""
    with source.open("rb") as stream:
        dialect = annotated.reader.dialect
        again = annotate(annotated.table, stream, dialect, annotated.findings, annotated.label, by_name=True)
        for _ in row_wise(again):
            pass
    yield from ()


def check_templates(table: Table, report: Report) -> None:
    """Report templates that name no column, which by RFC 6570 would lose a part silently, or that make no IRI."""
    known = {column.name for column in table.columns} | COLUMN_VARIABLES | ROW_VARIABLES
    for column in table.columns if table.has_schema else ():
        for text in filter(None, (column.about_url, column.property_url, column.value_url)):
            where = f"{shown(table.url)}, column {column.name!r}"
            template = parse_template(text)
            for variable in template.names:
                if variable not in known:
                    message = f"the template {text!r} names {variable!r}, which is no column (RFC 6570 §2.3)"
                    names = ", ".join(other.name for other in table.columns if not other.virtual)
                    report.error(Problem("CSVW-TEMPLATE", where, message, f"the columns are {names}"))
            sample = template_iri(template, dict.fromkeys(template.names, "1"), table.url)
            if not is_iri(sample):
                message = f"the template {text!r} makes {sample!r}, which is not an IRI (RFC 3987)"
                report.error(Problem("CSVW-TEMPLATE", where, message, "begin it with http:// or https:// and a host"))
