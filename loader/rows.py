"""Compare the observations of two releases as rows of their tables, by the columns that their address is made of."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
from pyoxigraph import NamedNode, RdfFormat, parse

from loader.canonical import canonical_lines
from loader.csvw.convert import convert_table
from loader.csvw.iri import resolve
from loader.csvw.metadata import read_metadata
from loader.csvw.report import Report
from loader.csvw.uri_template import parse_template
from loader.errors import MisuseError, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyoxigraph import BlankNode, Literal, Triple

    from loader.csvw.metadata import Column, Table

    Term = NamedNode | BlankNode | Literal | Triple
    Values = dict[NamedNode, list[Term]]

SLICE: Final = 5_000
"""Rows that are converted at a time when their changes are told one by one."""


@dataclass(frozen=True, slots=True)
class ObservationTable:
    """A published table of observations, and its description."""

    path: Path
    table: Table
    header: tuple[str, ...]
    """The first line of the file, to which the columns' names correspond in order."""
    about: str
    """Template of the observations' addresses."""

    @property
    def names(self) -> list[str]:
        """Names of the columns of the file."""
        return [column.name for column in self.table.columns if not column.virtual]

    @property
    def key(self) -> list[str]:
        """Columns that an observation's address is made of."""
        return [name for name in self.names if name in parse_template(self.about).names]

    @property
    def told(self) -> list[str]:
        """Columns that any triple is made of."""
        told = {column.name for column in self.table.columns if not column.suppress_output}
        for column in self.table.columns:
            if not column.suppress_output:
                told |= {name for text in _templates(column) for name in parse_template(text).names}
        return [name for name in self.names if name in told]

    def scan(self) -> pl.LazyFrame:
        """Read the file lazily, all cells as text."""
        return pl.scan_csv(self.path, infer_schema=False, new_columns=self.names)


def _templates(column: Column) -> list[str]:
    return [text for text in (column.about_url, column.property_url, column.value_url) if text is not None]


def open_table(path: Path, address: str) -> ObservationTable | None:
    """Open a table of a release; None if its rows have no address that columns alone make.

    Raises MisuseError if the release lacks the table or its metadata.
    """
    document = path.with_name(f"{path.name}-metadata.json")
    try:
        group = read_metadata(document.read_bytes(), base_url=address, report=Report())
        header = pl.read_csv(path, n_rows=0, infer_schema=False).columns
    except (OSError, ProblemsError, pl.exceptions.PolarsError) as error:
        message = f"{path} or its metadata is missing or damaged; build the release again"
        raise MisuseError(message) from error
    table = group.tables[0]
    abouts = {column.about_url for column in table.columns if not column.suppress_output}
    about = next(iter(abouts)) if len(abouts) == 1 else None
    names = {column.name for column in table.columns if not column.virtual}
    if about is None or about.startswith("{") or not names.issuperset(parse_template(about).names):
        return None
    return ObservationTable(path, table, tuple(header), about)


def subject_prefix(table: ObservationTable) -> str:
    """Give what the addresses of all observations of a table begin with."""
    return resolve(table.table.url, table.about.partition("{")[0])


@dataclass(frozen=True, slots=True)
class RowChanges:
    """The rows that differ, whole; `before` and `after` are the same observations, in the same order."""

    old: ObservationTable
    new: ObservationTable
    added: pl.DataFrame
    removed: pl.DataFrame
    before: pl.DataFrame
    after: pl.DataFrame
    notes: tuple[str, ...]
    """What changed about all observations at once."""

    @property
    def is_anything(self) -> bool:
        """Tell whether anything changed."""
        return bool(self.added.height or self.removed.height or self.before.height or self.notes)

    def head(self, number: int) -> RowChanges:
        """Keep the first rows of each kind, so many."""
        added, removed = self.added.head(number), self.removed.head(number)
        return replace(
            self, added=added, removed=removed, before=self.before.head(number), after=self.after.head(number)
        )

    def added_subjects(self) -> Iterator[NamedNode]:
        """Yield the observations that only the second table has."""
        for piece in self.added.iter_slices(SLICE):
            yield from _subjects(self.new, piece)

    def removed_subjects(self) -> Iterator[NamedNode]:
        """Yield the observations that only the first table has."""
        for piece in self.removed.iter_slices(SLICE):
            yield from _subjects(self.old, piece)

    def revised_subjects(self) -> Iterator[tuple[NamedNode, Values, Values]]:
        """Yield the observations that both have, with what is said of them before and after, by property."""
        pieces = zip(self.before.iter_slices(SLICE), self.after.iter_slices(SLICE), strict=True)
        for old, new in pieces:
            before, after = _subjects(self.old, old), _subjects(self.new, new)
            for subject in before:
                yield subject, before[subject], after.get(subject, {})


def compare_rows(old: ObservationTable, new: ObservationTable) -> RowChanges:
    """Find the rows that differ in any cell that says something; keys are unique, as every build checks (CUBE-02).

    Memory grows with the columns compared, and with the rows that differ.
    """
    notes = tuple(_notes(old, new))
    if old.about != new.about:
        nothing = old.scan().head(0).collect()
        return RowChanges(old, new, new.scan().collect(), old.scan().collect(), nothing, nothing, notes)
    told = [name for name in old.told if name in new.told]
    key = old.key
    gone = _only_in(old, new, told)
    come = _only_in(new, old, told)
    return RowChanges(
        old,
        new,
        added=_matching(come, gone, key, "anti"),
        removed=_matching(gone, come, key, "anti"),
        before=_matching(gone, come, key, "semi"),
        after=_matching(come, gone, key, "semi"),
        notes=notes,
    )


def _only_in(one: ObservationTable, other: ObservationTable, told: Sequence[str]) -> pl.DataFrame:
    """Give the rows of one table that the other has no equal of."""
    joined = one.scan().join(other.scan().select(told), on=told, how="anti", nulls_equal=True)
    return joined.collect(engine="streaming")


def _matching(one: pl.DataFrame, other: pl.DataFrame, key: list[str], how: str) -> pl.DataFrame:
    """Give the rows of one frame whose key the other has (`semi`) or has not (`anti`), by key."""
    kept = one.join(other.select(key), on=key, how="semi" if how == "semi" else "anti", nulls_equal=True)
    return kept.sort(key)


def _notes(old: ObservationTable, new: ObservationTable) -> Iterator[str]:
    """Say which columns are declared otherwise than before: what they say of every observation has changed."""
    if old.about != new.about:
        yield f"observations have other addresses: '{new.about}' instead of '{old.about}'"
    before = {column.name: column for column in old.table.columns if not column.suppress_output}
    after = {column.name: column for column in new.table.columns if not column.suppress_output}
    for name in sorted(before.keys() - after.keys()):
        yield f"column '{name}' is no longer given"
    for name in sorted(after.keys() - before.keys()):
        yield f"column '{name}' is new"
    for name in sorted(before.keys() & after.keys()):
        if _meaning(before[name]) != _meaning(after[name]):
            yield f"column '{name}' is declared otherwise"


def _meaning(column: Column) -> tuple[object, ...]:
    """Give what the triples of a column depend on besides its cells."""
    text = (column.default, column.lang, column.null, column.separator, column.ordered)
    return (column.property_url, column.value_url, column.datatype, column.virtual, *text)


def _subjects(table: ObservationTable, rows: pl.DataFrame) -> dict[NamedNode, Values]:
    """Convert some rows just as the build does, and give what they say of each subject, by property."""
    with tempfile.TemporaryDirectory(prefix="dwpld-diff-") as directory:
        path = Path(directory) / table.path.name
        named = dict(zip(rows.columns, table.header, strict=True))
        rows.rename(named).write_csv(path)
        triples = canonical_lines(b"".join(convert_table(table.table, path)))
    return values_by_subject(triples)


def values_by_subject(triples: bytes) -> dict[NamedNode, Values]:
    """Parse N-Triples, and give the values of each subject by property, in order of appearance."""
    subjects: dict[NamedNode, Values] = {}
    for quad in parse(triples, format=RdfFormat.N_TRIPLES):
        assert isinstance(quad.subject, NamedNode), "no blank node is ever published"
        subjects.setdefault(quad.subject, {}).setdefault(quad.predicate, []).append(quad.object)
    return subjects
