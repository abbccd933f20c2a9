"""From published files to tidy tables: find and screen them, run the folder's tidy step, write its tables as CSV.

A folder without a tidy step reads files that are tidy tables already (`loader.routes`). Every file is screened first,
whatever reads it (`loader.screening`). Without `--sources` the tables in the mapping folder are taken as they are.
"""

from __future__ import annotations

import csv
import importlib.util
import logging
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import Problem, ProblemsError
from loader.release import FileRecord, file_record
from loader.routes import DirectStep, read_tidy_table
from loader.screening import screen
from loader.tidying import HeldName, LeftOut, TidyReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Mapping as Dictionary
    from types import ModuleType

    from loader.mapping import Mapping, PublishedFile, TableMapping

log = logging.getLogger(__name__)
MAX_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True)
class FileReading:
    """What became of one published file."""

    record: FileRecord
    url: str | None
    rows_read: int
    rows_loaded: int
    skipped: tuple[LeftOut, ...]
    """Rows that are no data."""
    held: tuple[LeftOut, ...]
    """Rows that must not be published."""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """All rows that are not in the table."""
        return (*self.skipped, *self.held)


@dataclass(frozen=True, slots=True)
class Tidied:
    """A folder's tables, written out."""

    tables: dict[str, Path]
    """CSV by table name, in the order of the mapping."""
    readings: tuple[FileReading, ...]
    """One for each published file read; empty if the shipped tables were used."""
    shipped: tuple[str, ...]
    """Tables that were taken from the mapping folder as they are."""

    @property
    def left_out(self) -> dict[str, int]:
        """Rows left out of all files, by reason."""
        return dict(Counter(row.reason for reading in self.readings for row in reading.left_out).most_common())


def find_published(mapping: Mapping, sources: Path) -> list[tuple[Path, PublishedFile]]:
    """Find the published files of a folder anywhere below `sources`, sorted by name; each once.

    Raises ProblemsError if two different files of one name match: which is meant cannot be known.
    """
    found: dict[str, tuple[Path, PublishedFile]] = {}
    for published in mapping.files:
        for path in sorted(sources.rglob(published.pattern)):
            if not path.is_file():
                continue
            earlier = found.get(path.name)
            if earlier is not None and earlier[0] != path and earlier[0].read_bytes() != path.read_bytes():
                message = f"two different files are called {path.name}: {earlier[0]} and {path}"
                raise ProblemsError([Problem("FILE-06", str(path), message, "keep one of them below --sources")])
            found.setdefault(path.name, (path, published))
    return [found[name] for name in sorted(found)]


def take_shipped(mapping: Mapping, target: Path) -> Tidied:
    """Copy the tables of the mapping folder. Raises ProblemsError if one is missing."""
    missing = [table for table in mapping.tables if not table.csv.is_file()]
    if missing:
        hint = "put the table there, or give the published files with --sources"
        raise ProblemsError([Problem("FILE-05", str(table.csv), "the table is missing", hint) for table in missing])
    packed = [table for table in mapping.tables if _is_packed(table.csv)]
    if packed:
        hint = "unpack it: a shipped table is plain CSV"
        raise ProblemsError([Problem("FILE-02", str(table.csv), "the file is compressed", hint) for table in packed])
    target.mkdir(parents=True, exist_ok=True)
    copies = {table.name: Path(shutil.copy(table.csv, target)) for table in mapping.tables}
    return Tidied(copies, (), tuple(copies))


def _is_packed(path: Path) -> bool:
    """Say whether a file begins as gzip, zlib or Zstandard do; the reader of columns would unpack it unasked."""
    with path.open("rb") as stream:
        return stream.read(4).startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda", b"\x28\xb5\x2f\xfd"))


def tidy_published(mapping: Mapping, files: Sequence[tuple[Path, PublishedFile]], target: Path) -> Tidied:
    """Run the tidy step on the published files and write the folder's tables to `target`.

    Raises ProblemsError with everything the tidy step found wrong in all files.
    """
    step = step_of(mapping)
    frame, readings = run_tidy(step, files, mapping.folder)
    tables = {mapping.main.name: frame} | companions(step, frame)
    target.mkdir(parents=True, exist_ok=True)
    shipped = tuple(table.name for table in mapping.tables if table.name not in tables)
    return Tidied(write_tables(mapping, tables, target), readings, shipped)


def step_of(mapping: Mapping) -> ModuleType | DirectStep:
    """Give the tidy step of a folder; without a tidy.py, published files are read as they are."""
    return DirectStep(mapping.main) if mapping.tidy is None else load_tidy(mapping.tidy, mapping.name)


def load_tidy(path: Path, name: str) -> ModuleType:
    """Import a folder's tidy.py, which is code of whoever wrote the mapping `name`."""
    spec = importlib.util.spec_from_file_location(f"tidy_{name.replace('-', '_')}", path)
    assert spec is not None, "a .py path always has a spec"
    assert spec.loader is not None, "a file's spec always has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses of the module look themselves up there
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        message = f"not valid Python: {error.msg}"
        raise ProblemsError([Problem("MAP-06", f"{path}:{error.lineno}", message, "correct the tidy step")]) from error
    return module


def run_tidy(
    step: ModuleType | DirectStep,
    files: Sequence[tuple[Path, PublishedFile]],
    folder: Path,
    names: list[HeldName] | None = None,
) -> tuple[pl.DataFrame, tuple[FileReading, ...]]:
    """Screen the files, call the tidy step and stack what it gives; count rows loaded for each file.

    A file that must not be read any further is not given to the tidy step. `names` takes the names of rows held.
    """
    reports = [TidyReport(path.name, published.encoding, folder, names=names) for path, published in files]
    is_safe = [_is_safe(path, published, report) for (path, published), report in zip(files, reports, strict=True)]
    if hasattr(step, "tidy_all"):
        call = partial(step.tidy_all, [path for path, _ in files], reports)
        frames = [_collected(call, reports) if all(is_safe) else None]
        loaded = [report.rows_read - len(report.skipped) - len(report.held) for report in reports]
    else:
        frames = [
            _collected(_tidying(step, path, published, report), [report]) if safe else None
            for (path, published), report, safe in zip(files, reports, is_safe, strict=True)
        ]
        loaded = [0 if frame is None else frame.height for frame in frames]
    problems = [problem for report in reports for problem in report.problems]
    if problems:
        raise ProblemsError(_capped(problems))
    frame = pl.concat([frame for frame in frames if frame is not None])
    readings = tuple(
        FileReading(
            record=file_record(path, path.name),
            url=published.url,
            rows_read=report.rows_read,
            rows_loaded=rows,
            skipped=tuple(report.skipped),
            held=tuple(report.held),
        )
        for (path, published), report, rows in zip(files, reports, loaded, strict=True)
    )
    return frame, readings


def _is_safe(path: Path, published: PublishedFile, report: TidyReport) -> bool:
    """Screen a file; what is found joins its report."""
    try:
        screen(path, published, report)
    except ProblemsError as error:
        _join(error, [report])
        return False
    return True


def _tidying(
    step: ModuleType | DirectStep, path: Path, published: PublishedFile, report: TidyReport
) -> Callable[[], pl.LazyFrame | pl.DataFrame]:
    """Give the call that makes a tidy table of one file."""
    if isinstance(step, DirectStep):
        return partial(read_tidy_table, path, published, step.table, report)
    return partial(step.tidy, path, report)


def _capped(problems: Sequence[Problem]) -> list[Problem]:
    more = len(problems) - MAX_PROBLEMS
    if more <= 0:
        return list(problems)
    place = problems[0].where.partition(":")[0]
    return [*problems[:MAX_PROBLEMS], Problem("FILE-07", place, f"and {more:,} more problems")]


def _collected(call: Callable[[], pl.LazyFrame | pl.DataFrame], reports: Sequence[TidyReport]) -> pl.DataFrame | None:
    """Run one call of a tidy step; what it raises as problems joins the report, so that all files are read."""
    try:
        frame = call()
        return frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    except csv.Error as error:
        hint = "look for a quotation mark that is not closed"
        reports[0].problem("TIDY-06", "", f"not a delimited table: {error}", hint)
        return None
    except ProblemsError as error:
        _join(error, reports)
        return None


def _join(error: ProblemsError, reports: Sequence[TidyReport]) -> None:
    """Put the problems of an error that no report has yet into the first."""
    known = {id(problem) for report in reports for problem in report.problems}
    reports[0].problems += [problem for problem in error.problems if id(problem) not in known]


def companions(step: ModuleType | DirectStep, main: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Give the folder's further tables, which the tidy step derives from the main one."""
    return dict(step.companions(main)) if hasattr(step, "companions") else {}


def write_tables(mapping: Mapping, tables: Dictionary[str, pl.DataFrame], target: Path) -> dict[str, Path]:
    """Write each table of the mapping as UTF-8 CSV with LF line ends and the titles of the mapping as header.

    A table that the tidy step does not give is taken from the mapping folder.
    """
    written: dict[str, Path] = {}
    for table in mapping.tables:
        path = target / table.csv.name
        frame = tables.get(table.name)
        if frame is not None:
            _write_table(table, frame, path)
        elif table.csv.is_file():
            shutil.copy(table.csv, path)
        else:
            hint = f"return it from companions() in {mapping.folder}/tidy.py"
            raise ProblemsError([Problem("MAP-07", str(table.document), "nothing gives this table", hint)])
        written[table.name] = path
    return written


def _write_table(table: TableMapping, frame: pl.DataFrame, path: Path) -> None:
    columns = [column for column in table.table.columns if not column.virtual]
    names = [column.name for column in columns]
    if frame.columns != names:
        message = f"the tidy step gives the columns {frame.columns}, the mapping has {names}"
        raise ProblemsError([Problem("MAP-08", str(table.document), message, "make them the same, in the same order")])
    with path.open("w", encoding="utf-8", newline="") as stream:
        titles = [column.titles[0].text if column.titles else column.name for column in columns]
        csv.writer(stream, lineterminator="\n").writerow(titles)
        frame.write_csv(stream, include_header=False, null_value="", quote_style="necessary")
