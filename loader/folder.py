"""Convert one mapping folder: its tables to triples, with everything that is derived from them, checked.

What comes out is a file of N-Triples, the tables as published, and the figures for the manifest. Nothing of it counts
until the whole build is without problems.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, RdfFormat, Triple, serialize

from loader.canonical import canonical_lines
from loader.catalogue import graph_triples, version_node
from loader.columns import Observations
from loader.csvw.convert import convert_table
from loader.disclosure import check_release
from loader.errors import Problem, ProblemsError
from loader.gate import check_gate
from loader.gate.layout import read_layout
from loader.gate.personal import check_texts
from loader.gate.policy import Layout
from loader.history import numbered
from loader.integrity import LINE, check_cube, read_cells
from loader.keyed import promised_key
from loader.markers import take_out_markers
from loader.persons import reviewed_in
from loader.provenance import provenance_triples
from loader.quality import Findings, labels_of, quality_triples
from loader.reuse import folder_files
from loader.sources import Tidied, find_published, take_shipped, tidy_published
from loader.structure import derive_structure, structure_triples
from loader.vocabulary import Vocabulary, read_vocabulary
from ontology.terms import SKOS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import polars as pl
    from pyoxigraph import NamedNode

    from loader.integrity import Cells
    from loader.kept import History
    from loader.mapping import Mapping, TableMapping
    from loader.release import CubeRecord, Release
    from loader.uris import Uris

_OF_CODE: Final = re.compile(
    rb"^<([^>]*)> <(%b|%b)> <([^>]*)> \.$" % (SKOS.inScheme.value.encode(), SKOS.broader.value.encode()), re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class CodeLists:
    """What the code lists met so far say, by IRI."""

    members: dict[str, set[str]] = field(default_factory=dict)
    """The codes of each list."""
    broader: dict[str, set[str]] = field(default_factory=dict)
    """The codes directly above a code."""

    def note(self, triples: Iterable[Triple]) -> None:
        """Add what some triples say of codes."""
        self.note_lines(to_ntriples(triples))

    def note_lines(self, chunk: bytes) -> None:
        """Add what some lines of N-Triples say of codes."""
        for code, said, other in _OF_CODE.findall(chunk):
            if said == SKOS.inScheme.value.encode():
                self.members.setdefault(other.decode(), set()).add(code.decode())
            else:
                self.broader.setdefault(code.decode(), set()).add(other.decode())


class Once:
    """Keeps every triple in one graph only: that of the first folder to state it.

    Queries see the union of the named graphs, and the store repeats a triple that is in two of them: a sum joined with
    the label of a supplier that two datasets describe would count twice.
    """

    def __init__(self, triples: Iterable[Triple]) -> None:
        """Begin with the triples of the vocabulary, which has a graph of its own."""
        self._earlier: dict[bytes, str] = {}
        self._current: dict[bytes, str] = {}
        self._folder = ""
        self.shared_with: set[str] = set()
        """The folders that have stated triples of the current one before it."""
        self.new(to_ntriples(triples))

    def new(self, lines: bytes) -> bytes:
        """Give those lines of N-Triples that have not been stated yet, by an earlier folder or this one."""
        kept = []
        for line in lines.splitlines(keepends=True):
            digest = _digest(line)
            earlier = self._earlier.get(digest)
            if earlier is None and digest not in self._current:
                self._current[digest] = self._folder
                kept.append(line)
            elif earlier:  # what the vocabulary states is the same for every build of this software
                self.shared_with.add(earlier)
        return b"".join(kept)

    def has(self, lines: bytes) -> bool:
        """Say whether an earlier folder has stated any of these lines."""
        return any(_digest(line) in self._earlier for line in lines.splitlines(keepends=True))

    def next_folder(self, name: str) -> None:
        """Close the books on a folder and open those of the next."""
        self._earlier |= self._current
        self._current = {}
        self._folder = name
        self.shared_with = set()


def _digest(line: bytes) -> bytes:
    return blake2b(line, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Converted:
    """A folder, converted."""

    mapping: Mapping
    tidied: Tidied
    graph: NamedNode
    table: Path
    """N-Triples of the main table; if it has columns, those that are not in them."""
    triples: Path
    """N-Triples of everything else in the folder's graph."""
    rows: int
    is_cube: bool
    shared_with: tuple[str, ...]
    """Folders in whose graphs the triples are that this one states as well."""
    cube: CubeRecord | None
    """Its observations as columns; None if it has none, or they are stored as triples."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What converting a folder needs from the build around it."""

    uris: Uris
    vocabulary: Vocabulary
    code_lists: CodeLists
    once: Once
    tables: Path
    """Directory for published tables, a folder for each mapping."""
    triples: Path
    """Directory for N-Triples."""
    cubes: Path
    """Directory for the columns of cubes."""
    sources: Path | None
    earlier: Release | None
    """The release that is current, with which small counts are compared."""
    history: History
    """The versions published under this base, withdrawn ones too."""
    counted: Callable[[int], None]
    """Is told how many more triples are written."""
    said: Callable[[str], None]


def to_ntriples(triples: Iterable[Triple]) -> bytes:
    """Serialise triples as canonical N-Triples."""
    data = serialize(triples, format=RdfFormat.N_TRIPLES)
    assert data is not None, "serialize() gives bytes when it is given no output"
    return canonical_lines(data)


def triples_of(table: TableMapping, path: Path, observer: Observations | None = None) -> Iterator[bytes]:
    """Yield what a table says as canonical N-Triples, but for what the observer takes as columns."""
    return map(canonical_lines, convert_table(table.table, path, observer=observer))


def convert_folder(mapping: Mapping, shop: Workshop) -> Converted:
    """Convert a folder. Raises ProblemsError with everything found wrong in it."""
    tidied = _tables_of(mapping, shop)
    is_published = bool(tidied.readings)
    own = _own_vocabulary(mapping, shop)
    shown = shown_name(mapping.main, is_published=is_published)
    take_out_markers(mapping, tidied.tables[mapping.main.name], shown, shop.vocabulary.with_more(own))
    path = shop.triples / f"{'codes-' if mapping.is_code_list else ''}{mapping.name}.nt"
    problems: list[Problem] = []
    observations = Observations(shop.uris.observations(mapping.name))
    main = path.with_suffix(".table.nt")
    main.touch()
    with path.open("wb") as stream:
        stream.write(shop.once.new(declarations := to_ntriples(own.triples)))
        observations.note_other(declarations)
        for table in mapping.tables:
            if table is mapping.main and not mapping.is_code_list:
                _observe(table, tidied, observations, main, shop, problems, is_published=is_published)
                continue
            for chunk in _checked(table, tidied, problems, is_published=is_published):
                shop.counted(chunk.count(b"\n"))
                shop.code_lists.note_lines(chunk)
                observations.note_other(chunk)
                stream.write(shop.once.new(chunk))
        if problems:
            raise ProblemsError(problems)
        cube = None if mapping.is_code_list else _columns(mapping, tidied, observations, main, shop)
        cells = _cells(mapping.main, tidied, is_published=is_published)
        declared = mapping.description.edition
        mapping = _dated(mapping, cells.rows, is_published=is_published)
        mapping = numbered(mapping, shop.tables / mapping.name, shop.history, shop.earlier, shop.uris)
        structure = derive_structure(mapping, cells.rows, shop.vocabulary.with_more(own), shop.uris)
        if structure is not None:
            members = {scheme: frozenset(codes) for scheme, codes in shop.code_lists.members.items()}
            problems += check_cube(structure, mapping.main, cells, members)
            stream.write(shop.once.new(to_ntriples(structure_triples(mapping, structure, shop.uris))))
        others = [(table, _cells(table, tidied, is_published=is_published)) for table in mapping.others]
        layout = read_layout(mapping, structure, cells.rows, shop.code_lists.broader, problems)
        problems += _gate(mapping, [(mapping.main, cells), *others], layout)
        problems += check_texts(_texts(mapping, own), mapping.policy)
        problems += check_release(mapping, cells, layout, shop.earlier, shop.uris.base, shop.said)
        described = graph_triples(mapping, shop.uris, is_cube=structure is not None)
        stream.write(shop.once.new(to_ntriples(described)))
        if not problems and not mapping.is_code_list:
            issued = mapping.description.issued if mapping.description.edition == declared else None
            tables = ((mapping.main, cells), *others)
            lists, labels = shop.code_lists.members.keys(), labels_of(shop.vocabulary.triples)
            findings = Findings(mapping, tables, structure, tidied.readings, issued, lists, labels)
            stream.write(to_ntriples(quality_triples(findings, shop.uris)))
            made_from = provenance_triples(mapping, folder_files(mapping.folder), tidied, shop.uris)
            stream.write(to_ntriples(made_from))
    if problems:
        raise ProblemsError(problems)
    for table in mapping.tables:
        shutil.copy(table.document, shop.tables / mapping.name)
    graph = version_node(mapping, shop.uris)
    shared_with = tuple(sorted(shop.once.shared_with))
    if cube is not None:
        cube = _settled(mapping, tidied, cube, main, shop, is_cube=structure is not None)
    return Converted(mapping, tidied, graph, main, path, cells.rows.height, structure is not None, shared_with, cube)


def _observe(
    table: TableMapping,
    tidied: Tidied,
    observations: Observations,
    main: Path,
    shop: Workshop,
    problems: list[Problem],
    *,
    is_published: bool,
) -> None:
    """Take the observations of the main table as columns, and write what else it says as triples.

    What a table of observations or records says of its rows, no other dataset says: nothing is looked for elsewhere.
    """
    with main.open("wb") as stream:
        for chunk in _checked(table, tidied, problems, observations, is_published=is_published):
            shop.counted(chunk.count(b"\n"))
            observations.note(chunk)
            stream.write(observations.others(chunk))


def _columns(
    mapping: Mapping, tidied: Tidied, observations: Observations, main: Path, shop: Workshop
) -> CubeRecord | None:
    """Write the observations as columns; if they cannot be, write the whole main table as triples, and say why."""
    parquet = shop.cubes / f"{mapping.name}.parquet"
    key = promised_key(mapping.main.table, observations.prefix)
    cube = observations.write(parquet, mapping.name, "", key)
    if cube is None and observations.is_uncertain:  # rows that follow one another may be one observation
        observations = Observations(observations.prefix)
        for chunk in triples_of(mapping.main, tidied.tables[mapping.main.name]):
            observations.note(chunk)
        cube = observations.write(parquet, mapping.name, "", key)
    if cube is None and not observations.is_none:
        shop.said(f"{mapping.name}: its observations are stored as triples, because {observations.unfit}")
        _write_triples(mapping, tidied, main)
    return cube


def _settled(
    mapping: Mapping, tidied: Tidied, cube: CubeRecord, main: Path, shop: Workshop, *, is_cube: bool
) -> CubeRecord | None:
    """Say which graph the columns are of, now that it is known; throw them away if the table is no cube after all."""
    described = shop.cubes / f"{mapping.name}.json"
    if not is_cube:
        described.unlink()
        described.with_suffix(".parquet").unlink()
        _write_triples(mapping, tidied, main)
        return None
    cube = replace(cube, graph=version_node(mapping, shop.uris).value)
    cube.write(described)
    return cube


def _write_triples(mapping: Mapping, tidied: Tidied, main: Path) -> None:
    """Write all that the main table says as triples."""
    with main.open("wb") as stream:
        stream.writelines(triples_of(mapping.main, tidied.tables[mapping.main.name]))


def _tables_of(mapping: Mapping, shop: Workshop) -> Tidied:
    """Get the folder's tables from published files, or as shipped where there are none."""
    target = shop.tables / mapping.name
    files = find_published(mapping, shop.sources) if shop.sources is not None else []
    if files:
        return tidy_published(mapping, files, target)
    if shop.sources is not None and mapping.files:
        patterns = ", ".join(file.pattern for file in mapping.files)
        shop.said(f"{mapping.name}: no published file ({patterns}) below --sources; using the table in its folder")
    return take_shipped(mapping, target)


def _cells(table: TableMapping, tidied: Tidied, *, is_published: bool) -> Cells:
    return read_cells(table, tidied.tables[table.name], shown_name(table, is_published=is_published))


def _gate(mapping: Mapping, tables: Iterable[tuple[TableMapping, Cells]], layout: Layout) -> Iterator[Problem]:
    """Yield what the gate has against the tables of the folder (docs/gate.md); `layout` is that of the main one."""
    reviewed = frozenset[str]()
    if mapping.organisations is not None:
        reviewed = reviewed_in(mapping.organisations)
    for table, cells in tables:
        is_main = table is mapping.main
        yield from check_gate(
            cells.rows,
            mapping.policy.of_table(table.name, is_main=is_main),
            layout if is_main else Layout(),
            cells.shown,
            LINE,
            titles={column.name: column.titles[0].text for column in table.table.columns if column.titles},
            reviewed=reviewed,
        )


def _texts(mapping: Mapping, own: Vocabulary) -> Iterator[tuple[str, str]]:
    """Give the texts that are published beside the tables, each with its place: descriptions, reasons, declarations."""
    about, policy = mapping.description, mapping.policy
    source = str(mapping.folder / "source.toml")
    texts = [about.title, about.description, about.notes, about.shipped_note, policy.perturbed]
    entry = about.entry
    if entry.contact is not None:
        texts.append(entry.contact.name)
    if entry.series is not None:
        texts += [entry.series.title, entry.series.description]
    yield from ((source, text) for text in (*texts, *about.keywords, *policy.exemptions.values()) if text)
    for triple in own.triples:
        if isinstance(triple.object, Literal):
            yield str(mapping.components), triple.object.value
    for query in mapping.queries:
        yield str(query), query.read_text("utf-8", errors="replace")


def _dated(mapping: Mapping, rows: pl.DataFrame, *, is_published: bool) -> Mapping:
    """Give the mapping the edition that was read: the latest value of the edition's column."""
    column = mapping.description.edition_column
    if not is_published or column is None or column not in rows.columns:
        return mapping
    latest = rows[column].drop_nulls().max()
    description = replace(mapping.description, edition=str(latest) if latest else mapping.description.edition)
    return replace(mapping, description=description)


def _own_vocabulary(mapping: Mapping, shop: Workshop) -> Vocabulary:
    """Read what the folder declares for itself; it is published in the folder's graph."""
    own = read_vocabulary([mapping.components] if mapping.components else [], shop.uris)
    shop.code_lists.note(own.triples)
    return own


def shown_name(table: TableMapping, *, is_published: bool) -> str:
    """Name a table in messages: its file, or the table that the tidy step made of published files."""
    return f"{table.csv.name} as tidied" if is_published else str(table.csv)


def _checked(
    table: TableMapping,
    tidied: Tidied,
    problems: list[Problem],
    observer: Observations | None = None,
    *,
    is_published: bool,
) -> Iterator[bytes]:
    """Yield the triples of one table; its problems are noted under the name that the publisher knows."""
    path = tidied.tables[table.name]
    try:
        yield from triples_of(table, path, observer)
    except ProblemsError as error:
        shown = shown_name(table, is_published=is_published)
        problems += [_renamed(problem, path, shown) for problem in error.problems]


def _renamed(problem: Problem, path: Path, shown: str) -> Problem:
    """Put the name people know in place of the working copy's, however it was shortened."""
    head, name, rest = problem.where.partition(path.name)
    where = f"{shown}{rest}" if name else f"{shown}: {head}"
    return Problem(problem.code, where, problem.message, problem.hint)
