"""Compare two releases: what was added, removed and revised (docs/comparing.md).

Observations are compared as rows of the published tables, by the columns that their address is made of; everything else
as the triples of the dumps, by subject. A folder whose dump and columns are the same in both is not looked into.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from loader.dumps import quads, rest
from loader.errors import MisuseError
from loader.release import CURRENT, RELEASES, open_release
from loader.rows import compare_rows, open_table, subject_prefix, values_by_subject
from loader.uris import Uris
from ontology.terms import QB, RDF, SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pyoxigraph import NamedNode

    from loader.release import FileRecord, FolderRecord, Release
    from loader.rows import ObservationTable, RowChanges, Term, Values

ADDED: Final = "added"
REMOVED: Final = "removed"
REVISED: Final = "revised"
KINDS: Final = (ADDED, REMOVED, REVISED)
OBSERVATION: Final = "observation"
CODE: Final = "code"
STRUCTURE: Final = "part of the structure"
THING: Final = "thing"
SORTS: Final = (OBSERVATION, CODE, STRUCTURE, THING)
CODE_LIST: Final = "code-list"
CUBE: Final = "cube"
STRUCTURES: Final = frozenset({QB.DataSet, QB.DataStructureDefinition, QB.ComponentSpecification})


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that was replaced; None where there was none before, or is none after."""

    property: NamedNode
    before: Term | None
    after: Term | None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was added, removed or revised. Only what was revised says how."""

    kind: str
    sort: str
    """`observation`, `code`, `part of the structure` or `thing`."""
    thing: NamedNode
    differences: tuple[Difference, ...] = ()

    @property
    def is_relabelled(self) -> bool:
        """True for a code with another name than before."""
        return (
            self.kind == REVISED and self.sort == CODE and any(d.property == SKOS.prefLabel for d in self.differences)
        )


@dataclass(frozen=True, slots=True)
class FolderChanges:
    """What changed in a folder, RDF file, the catalogue or the vocabulary: there is something, or it is not given."""

    name: str
    node: NamedNode
    """The dataset, code list, graph, catalogue or vocabulary."""
    before: FolderRecord | None
    after: FolderRecord | None
    rows: RowChanges | None
    """Of the observations; None where they are the same, or compared as triples."""
    others: tuple[Change, ...]
    """Of everything else, by address."""
    triples: dict[str, int] = field(default_factory=dict)
    """Triples added and removed, those of observations not counted."""

    @property
    def is_whole(self) -> bool:
        """True if the folder itself was added or removed; what is in it is then not given one by one."""
        return (self.before is None) != (self.after is None)

    @property
    def is_anything(self) -> bool:
        """Tell whether anything changed."""
        return self.is_whole or bool(self.rows) or bool(self.others)

    @property
    def notes(self) -> tuple[str, ...]:
        """What changed about all observations at once."""
        return self.rows.notes if self.rows else ()

    def counts(self) -> dict[tuple[str, str], int]:
        """Count changes by sort and kind, without those of which there are none."""
        counts = Counter((change.sort, change.kind) for change in self.others)
        if self.rows:
            heights = (self.rows.added.height, self.rows.removed.height, self.rows.before.height)
            counts.update({(OBSERVATION, kind): height for kind, height in zip(KINDS, heights, strict=True)})
        return {(sort, kind): counts[sort, kind] for sort in SORTS for kind in KINDS if counts[sort, kind]}

    def head(self, number: int) -> FolderChanges:
        """Keep the first changes of each sort and kind, so many."""
        met: Counter[tuple[str, str]] = Counter()
        kept = []
        for change in self.others:
            met[change.sort, change.kind] += 1
            if met[change.sort, change.kind] <= number:
                kept.append(change)
        return replace(self, rows=self.rows.head(number) if self.rows else None, others=tuple(kept))

    def changes(self) -> Iterator[Change]:
        """Yield every change: observations added, removed and revised, then everything else."""
        if self.rows:
            yield from (Change(ADDED, OBSERVATION, node) for node in self.rows.added_subjects())
            yield from (Change(REMOVED, OBSERVATION, node) for node in self.rows.removed_subjects())
            for node, before, after in self.rows.revised_subjects():
                yield Change(REVISED, OBSERVATION, node, differences(before, after))
        yield from self.others


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one release to another, folder by folder; only those with changes."""

    before: Release
    after: Release
    folders: tuple[FolderChanges, ...]


def find_release(name: Path, out: Path) -> Release:
    """Open a release by its directory, or by its id (or `current`) below the directory where releases are kept."""
    kept = out / CURRENT if str(name) == CURRENT else out / RELEASES / name
    return open_release(kept if kept.is_dir() and not name.is_dir() else name)


def compare(before: Release, after: Release) -> Comparison:
    """Compare two releases. Raises MisuseError if they are published under different addresses."""
    bases = [before.manifest.base_uri, after.manifest.base_uri]
    if bases[0] != bases[1]:
        message = f"{before.id} is published under {bases[0]}, {after.id} under {bases[1]}: no address is in both"
        raise MisuseError(message)
    uris = Uris(bases[0])
    found = [_compare_folder(before, after, *pair, uris) for pair in _pairs(before, after)]
    files = {one.name for release in (before, after) for one in release.manifest.graph_files}
    found += [_compare_files(before, after, name, uris) for name in sorted(files)]
    found.append(_compare_dumps(before, after, "catalogue", uris.catalogue()))
    found.append(_compare_dumps(before, after, "ontology", uris.ontology()))
    settled = [_settle(folder) for folder in _without_moved(found)]
    return Comparison(before, after, tuple(folder for folder in settled if folder.is_anything))


def compare_dataset(before: Release, after: Release, name: str) -> FolderChanges:
    """Compare a dataset that both releases have, but for what is said of the version itself and of its quality."""
    old, new = before.manifest.folder(name), after.manifest.folder(name)
    assert old is not None, "the dataset is in the release before"
    assert new is not None, "the dataset is in the release"
    found = _compare_folder(before, after, old, new, Uris(after.manifest.base_uri))
    own = tuple(f"<{iri}".encode() for iri in (old.graph, new.graph, f"{found.changes.node.value}/quality"))
    gone, come = (frozenset(line for line in lines if not _names(line, own)) for lines in (found.gone, found.come))
    return _settle(replace(found, gone=gone, come=come))


def _names(line: bytes, starts: tuple[bytes, ...]) -> bool:
    """Tell whether a triple is about something, or says something of it, whose address begins so."""
    return line.startswith(starts) or line.rpartition(b" ")[2].startswith(starts)


Pair = tuple["FolderRecord | None", "FolderRecord | None"]


def _pairs(before: Release, after: Release) -> list[Pair]:
    """Give the folders of two releases, each with its counterpart, by kind and name."""
    sides = [{_stem(folder): folder for folder in side.manifest.folders} for side in (before, after)]
    return [(sides[0].get(stem), sides[1].get(stem)) for stem in sorted(sides[0].keys() | sides[1].keys())]


def _stem(folder: FolderRecord) -> str:
    return f"codes-{folder.name}" if folder.kind == CODE_LIST else folder.name


@dataclass(frozen=True, slots=True)
class _Compared:
    """A folder compared, its triples as lines still: which of them only moved here from another is not known yet."""

    changes: FolderChanges
    gone: frozenset[bytes] = frozenset()
    come: frozenset[bytes] = frozenset()


def _compare_folder(
    before: Release, after: Release, old: FolderRecord | None, new: FolderRecord | None, uris: Uris
) -> _Compared:
    record = new or old
    assert record is not None, "a pair has one folder at least"
    node = uris.scheme(record.name) if record.kind == CODE_LIST else uris.dataset(record.name)
    name = _stem(record)
    changes = FolderChanges(record.name, node, old, new, None, ())
    if old is None or new is None:
        owner = after if old is None else before
        lines = frozenset(_lines(owner, name, _table(owner, record, uris)))
        return _Compared(changes, come=lines) if old is None else _Compared(changes, gone=lines)
    if _content(old) == _content(new):
        return _Compared(changes)
    tables = _tables(before, after, old, new, uris)
    if tables is None:
        return _Compared(changes, *_line_changes(before, after, name, (None, None)))
    rows = compare_rows(*tables)
    gone, come = _line_changes(before, after, name, tables)
    return _Compared(replace(changes, rows=rows if rows.is_anything else None), gone, come)


def _compare_dumps(before: Release, after: Release, name: str, node: NamedNode) -> _Compared:
    gone, come = _line_changes(before, after, name, (None, None))
    return _Compared(FolderChanges(name, node, None, None, None, ()), gone, come)


def _compare_files(before: Release, after: Release, name: str, uris: Uris) -> _Compared:
    """Compare what an RDF file put into two releases, but for blank nodes, which have no name to be known by."""
    changes = FolderChanges(f"graphs-{name}", uris.graph(name), None, None, None, ())
    files = [next((one for one in side.manifest.graph_files if one.name == name), None) for side in (before, after)]
    if files[0] is not None and files[1] is not None and files[0].output == files[1].output:
        return _Compared(changes)
    old, new = (
        frozenset(_lines(side, changes.name, None)) if file is not None else frozenset[bytes]()
        for side, file in zip((before, after), files, strict=True)
    )
    return _Compared(changes, *(frozenset(filter(_has_names, lines)) for lines in (old - new, new - old)))


def _has_names(line: bytes) -> bool:
    """Tell whether neither end of a triple is a blank node."""
    return not line.startswith(b"_:") and not line.split(b" ", 2)[2].startswith(b"_:")


def _content(folder: FolderRecord) -> frozenset[FileRecord]:
    """Give the files that hold the triples of a folder."""
    return frozenset(file for file in folder.outputs if file.path.startswith(("dumps/", "cubes/")))


def _tables(
    before: Release, after: Release, old: FolderRecord, new: FolderRecord, uris: Uris
) -> tuple[ObservationTable, ObservationTable] | None:
    """Open the tables of observations of a cube in both releases; None if either cannot be compared by row."""
    tables = [_table(before, old, uris), _table(after, new, uris)]
    return (tables[0], tables[1]) if tables[0] is not None and tables[1] is not None else None


def _table(release: Release, folder: FolderRecord, uris: Uris) -> ObservationTable | None:
    if folder.kind != CUBE:
        return None
    base = uris.folder_document(folder.name, is_code_list=False, file=f"{folder.name}.csv-metadata.json")
    return open_table(release.path / "tables" / folder.name / f"{folder.name}.csv", base)


def _observations(table: ObservationTable | None) -> str:
    """Give what the addresses of observations begin with that are compared as rows; empty if none are."""
    return subject_prefix(table) if table is not None else ""


def _lines(release: Release, name: str, table: ObservationTable | None) -> Iterator[bytes]:
    """Yield the lines of a dump as N-Triples, without those about observations if a table has them as rows.

    Where observations are no columns they stand together, millions of lines; whether a piece is of nothing else is
    counted, which is four times as fast as looking at each line.
    """
    start = f"<{_observations(table) or ' '}".encode()
    for piece in quads(release, name) if table is None else rest(release, name):
        if not piece.startswith(start) or piece.count(b"\n" + start) < piece.count(b"\n") - 1:
            yield from (line[: line.rindex(b" <")] for line in piece.splitlines() if not line.startswith(start))


def _line_changes(
    before: Release, after: Release, name: str, tables: tuple[ObservationTable | None, ObservationTable | None]
) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Give the lines that only the first dump of that name has, and those that only the second has."""
    old = frozenset(_lines(before, name, tables[0]))
    new = frozenset(_lines(after, name, tables[1]))
    return old - new, new - old


def _without_moved(found: list[_Compared]) -> Iterator[_Compared]:
    """Take out what one folder stated before and another states now: nothing changed for whoever asks."""
    gone = frozenset[bytes]().union(*(one.gone for one in found))
    come = frozenset[bytes]().union(*(one.come for one in found))
    moved = gone & come
    for one in found:
        yield replace(one, gone=one.gone - moved, come=one.come - moved)


def _settle(compared: _Compared) -> FolderChanges:
    """Make changes of the lines that are left; of a folder that came or went as a whole, only their number."""
    changes = compared.changes
    triples = {ADDED: len(compared.come), REMOVED: len(compared.gone)}
    if changes.is_whole:
        return replace(changes, triples=triples)
    others = sorted(_others(compared), key=lambda change: (SORTS.index(change.sort), change.thing.value))
    return replace(changes, others=tuple(others), triples=triples)


def _by_subject(lines: Iterable[bytes]) -> dict[NamedNode, Values]:
    """Parse lines of N-Triples, and give the values of each subject by property."""
    return values_by_subject(b" .\n".join([*sorted(lines), b""]))


def _others(compared: _Compared) -> Iterator[Change]:
    gone, come = _by_subject(compared.gone), _by_subject(compared.come)
    for thing in gone.keys() | come.keys():
        before, after = gone.get(thing, {}), come.get(thing, {})
        sort = _sort(compared.changes, thing, before, after)
        if RDF.type in before and not after:
            yield Change(REMOVED, sort, thing)
        elif RDF.type in after and not before:
            yield Change(ADDED, sort, thing)
        else:
            yield Change(REVISED, sort, thing, differences(before, after))


def _sort(folder: FolderChanges, thing: NamedNode, before: Values, after: Values) -> str:
    types = {*before.get(RDF.type, ()), *after.get(RDF.type, ())}
    parts = (f"{folder.node.value}/structure", f"{folder.node.value}/component/")
    if QB.Observation in types:
        return OBSERVATION
    if types & STRUCTURES or thing.value.startswith(parts):
        return STRUCTURE
    is_list = folder.after is not None and folder.after.kind == CODE_LIST
    told = {SKOS.inScheme, SKOS.prefLabel, SKOS.notation, SKOS.broader} & {*before, *after}
    return CODE if thing != folder.node and (is_list or told) else THING


def differences(before: Values, after: Values) -> tuple[Difference, ...]:
    """Pair the values that are gone with those that came, property by property; values in both are no difference."""
    found = []
    for name in sorted(before.keys() | after.keys(), key=lambda node: node.value):
        old = [value for value in before.get(name, ()) if value not in after.get(name, ())]
        new = [value for value in after.get(name, ()) if value not in before.get(name, ())]
        pairs = zip_longest(sorted(old, key=str), sorted(new, key=str))
        found += [Difference(name, one, other) for one, other in pairs]
    return tuple(found)
