"""The commands `dwpld convert` and `dwpld validate`."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final

from loader.csvw import rdf
from loader.csvw.annotate import AnnotatedTable, annotate
from loader.csvw.convert import column_wise, plan_fast_path
from loader.csvw.dialect import Dialect
from loader.csvw.fetch import Fetcher, Resource, to_url
from loader.csvw.findings import Findings, UnreadableError
from loader.csvw.iri import shown
from loader.csvw.keys import ForeignKeys, foreign_keys, primary_key
from loader.csvw.locate import Locator
from loader.csvw.report import Report
from loader.errors import MisuseError, Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.csvw.metadata import Table, TableGroup

log = logging.getLogger(__name__)

FORMATS: Final = {".nt": "nt", ".nq": "nt", ".ttl": "turtle"}
MODES: Final = ("standard", "minimal")
_FLUSH_LINES: Final = 2000


def convert(input: str, *, mode: str, metadata: str | None, output: str | None) -> int:  # noqa: A002
    """Convert a CSV file, or the tables of a metadata document, to RDF (csv2rdf). Return the exit code.

    `input` and `metadata` are paths or URLs. `output` is a file whose extension names the format (.nt, .nq, .ttl), or
    None or "-" for N-Triples on stdout. Nothing is written if there are errors. Raises `MisuseError`.
    """
    if mode not in MODES:
        message = f"the mode {mode!r} is not one of {', '.join(MODES)}"
        raise MisuseError(message)
    form = output_format(output)
    report = Report()
    with Fetcher() as fetcher, Output(output, form) as triples:
        try:
            group = Locator(fetcher, report).locate(to_url(input), metadata and to_url(metadata))
            for chunk in group_triples(group, fetcher, report, is_standard=mode == "standard"):
                triples.write(chunk)
        except ProblemsError as error:
            report.errors += error.problems
        except MisuseError:
            raise
        except Exception as error:  # a stack trace tells a publisher nothing
            report.error(unexpected(error))
        if not report.errors:
            triples.deliver()
    return finish(report)


def validate(input: str, *, metadata: str | None) -> int:  # noqa: A002
    """Check a CSV file, or the tables of a metadata document. Return the exit code."""
    report = Report(strict=True)
    with Fetcher() as fetcher:
        try:
            group = Locator(fetcher, report).locate(to_url(input), metadata and to_url(metadata))
            check_group(group, fetcher, report)
        except ProblemsError as error:
            report.errors += error.problems
        except Exception as error:
            report.error(unexpected(error))
    return finish(report)


def finish(report: Report) -> int:
    """Say what was found on stderr, and return the exit code."""
    for word, problems in (("warning", report.all_warnings()), ("error", report.problems())):
        for problem in problems:
            sys.stderr.write(f"{word}: {problem}\n")
    return 1 if report.errors else 0


# Tables


def open_table(table: Table, resource: Resource, stream: BinaryIO, report: Report, label: str) -> AnnotatedTable:
    """Put a table description and its file together. Raises `UnreadableError`."""
    lang = table.inherited.lang or resource.language
    table = replace(table, inherited=replace(table.inherited, lang=lang))
    findings = Findings(report, shown(resource.url))
    return annotate(table, stream, table.dialect or default_dialect(resource), findings, label)


def default_dialect(resource: Resource) -> Dialect:
    """Return the dialect of a file nothing is said about but by its server (Tabular Data Model §6.1)."""
    is_tsv = resource.media_type == "text/tab-separated-values"
    return Dialect(
        encoding=resource.charset or "utf-8",
        delimiter="\t" if is_tsv else ",",
        header_row_count=0 if resource.has_no_header else 1,
    )


def group_triples(group: TableGroup, fetcher: Fetcher, report: Report, *, is_standard: bool) -> Iterator[bytes]:
    """Yield the triples of a group of tables (csv2rdf §4.6); suppressed tables are read all the same."""
    if is_standard:
        yield "".join(rdf.group_lines(group)).encode()
    for number, table in enumerate(group.tables, 1):
        resource = fetcher.get(table.url)
        with resource.open() as stream:
            try:
                annotated = open_table(table, resource, stream, report, f"t{number}")
                yield from table_triples(group, annotated, resource.path, is_standard=is_standard)
            except UnreadableError:
                continue


def table_triples(group: TableGroup, annotated: AnnotatedTable, source: Path, *, is_standard: bool) -> Iterator[bytes]:
    """Yield the triples of one table, whose file is `source`."""
    table, converter = annotated.table, annotated.converter
    if table.suppress_output:
        for _ in annotated.rows():
            pass
        return
    if is_standard:
        converter.standard = True
        converter.subject = rdf.table_subject(table, annotated.label)
        yield "".join(rdf.table_lines(group, table, annotated.label)).encode()
    path = None if is_standard else plan_fast_path(annotated, source, ())
    if path is not None:
        yield from column_wise(annotated, path, source)
        return
    lines: list[str] = []
    for row, cells in annotated.rows():
        lines.append(converter.row(row, cells))
        if len(lines) >= _FLUSH_LINES:
            yield "".join(lines).encode()
            lines.clear()
    if is_standard:
        lines += rdf.comment_lines(table, annotated.label, annotated.reader.comments)
    yield "".join(lines).encode()


def check_group(group: TableGroup, fetcher: Fetcher, report: Report) -> None:
    """Check every cell and every key of a group of tables."""
    references = foreign_keys(group)
    for number, table in enumerate(group.tables, 1):
        resource = fetcher.get(table.url)
        with resource.open() as stream:
            try:
                check_table(open_table(table, resource, stream, report, f"t{number}"), references)
            except UnreadableError:
                continue
    references.check()


def check_table(annotated: AnnotatedTable, references: ForeignKeys) -> None:
    """Check every cell of a table, its primary key, and note its foreign keys."""
    keys, findings = primary_key(annotated.table), annotated.findings
    for row, cells in annotated.rows():
        if keys:
            keys.add(row, cells, findings)
        references.add(annotated.table, row, cells, findings)


# Output


def output_format(output: str | None) -> str:
    """Return the format an output file is to have. Raises `MisuseError`."""
    if output in (None, "-"):
        return "nt"
    suffix = Path(str(output)).suffix.lower()
    if suffix not in FORMATS:
        message = f"{output}: the extension must be one of {', '.join(FORMATS)}"
        raise MisuseError(message)
    return FORMATS[suffix]


class Output:
    """Where triples go: a file beside the target that takes its place when all is well, or a temporary file."""

    def __init__(self, output: str | None, form: str) -> None:
        self.target = None if output in (None, "-") else Path(str(output))
        self.form = form
        self.part = self.target.with_name(f"{self.target.name}.part") if self.target else None
        self.stack = ExitStack()
        self.stream: IO[bytes] | None = None

    def __enter__(self) -> Output:
        """Open the file. Raises `MisuseError`."""
        with self._writing():
            if self.part and self.form == "nt":
                self.stream = self.stack.enter_context(self.part.open("w+b"))
            else:
                self.stream = self.stack.enter_context(tempfile.TemporaryFile())
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was not delivered."""
        self.stack.close()
        if self.part:
            self.part.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Write N-Triples. Raises `MisuseError`."""
        assert self.stream
        with self._writing():
            self.stream.write(chunk)

    def deliver(self) -> None:
        """Put the triples where they belong, a file all at once. Raises `MisuseError`."""
        assert self.stream
        with self._writing():
            self.stream.flush()
            self.stream.seek(0)
            if self.part is None or self.target is None:
                shutil.copyfileobj(self.stream, sys.stdout.buffer)
                return
            if self.form == "turtle":
                with self.part.open("wb") as stream:
                    write_turtle(self.stream, stream)
            self.part.replace(self.target)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"{self.target or 'stdout'}: cannot be written: {error.strerror}"
            raise MisuseError(message) from None


def write_turtle(triples: IO[bytes], stream: BinaryIO) -> None:
    """Write N-Triples as Turtle, a triple at a time."""
    import pyoxigraph as ox

    from loader.csvw.json_ld import PREFIXES

    names = ("csvw", "dc", "dcat", "foaf", "qb", "rdf", "rdfs", "schema", "skos", "xsd")
    parsed = ox.parse(triples, format=ox.RdfFormat.N_TRIPLES, lenient=True)
    used = {name: PREFIXES[name] for name in names}
    ox.serialize((quad.triple for quad in parsed), stream, format=ox.RdfFormat.TURTLE, prefixes=used)


def unexpected(error: Exception) -> Problem:
    """Return what to say of a fault of our own; the stack trace goes to the log."""
    log.debug("unexpected", exc_info=error)
    return Problem("CSVW-INTERNAL", "dwpld", f"{type(error).__name__}: {error}", "please report this, with the input")
