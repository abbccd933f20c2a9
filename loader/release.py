"""A release: a directory, complete and never changed, that the endpoint serves.

    OUT/releases/<time>-<hash>/
        graph/           Oxigraph store: every quad but those in cubes/, each dataset in its own named graph
        dumps/           <folder>.nq.gz: every quad of a folder but those in cubes/ (code lists: codes-<list>.nq.gz);
                         graphs-<name>.nq.gz: every quad of an RDF file that was added as it stands
        cubes/           <folder>.parquet: the observations of a cube, not in graph/; <folder>.json: its columns
        tables/          <folder>/<table>.csv and its metadata, as published for download
        reports/         <folder>.json, named as the dumps: rows read, loaded and left out, by file and reason
        queries/         example queries of the datasets, <folder>/<name>.rq
        catalogue.nq     the catalogue graph
        manifest.json    what went in and what came out, with SHA-256 of each
    OUT/current          symbolic link to the release being served, replaced by one rename

This module knows the layout and reads it; `loader.build` fills it and `loader.releases` swaps it in. It is the only
part of the loader (with `loader.errors` and `loader.uris`) that the endpoint imports.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from loader.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pyoxigraph import Store

MANIFEST_FORMAT: Final = 4
CURRENT: Final = "current"
RELEASES: Final = "releases"
TERM: Final = "term"
INTEGER: Final = "integer"
DECIMAL: Final = "decimal"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that went in or came out. `path` is relative: to the sources, the mapping folder or the release."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CubeColumn:
    """What one column of a cube holds: the values of a predicate, one a row at most."""

    predicate: str
    kind: str
    """`term`: terms in N-Triples; `integer`, `decimal`: numbers, of which the terms are the shortest forms."""
    name: str | None
    """Name of the column in the Parquet file; None if every row has the same value."""
    term: str | None
    """The term that every row has; None if they differ."""
    missing: int
    """Rows without a value."""
    scale: int
    """Decimal places of the numbers."""
    largest: str
    """Greatest absolute value of the numbers; empty for terms."""


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A part of the addresses of observations: text that all have, or what a column says."""

    text: str
    """Text that all have; empty if a column says it."""
    column: str | None = None
    """Name of a column of terms in the Parquet file."""
    before: str = ""
    """What each term of the column begins with, that is no part of the address."""
    after: str = ""
    """What each term of the column ends with, that is no part of the address."""


@dataclass(frozen=True, slots=True)
class CubeRecord:
    """A cube whose observations are columns: `cubes/<folder>.json`.

    Everything whose address begins with `prefix` is an observation in it, and is a subject nowhere else in the release.
    """

    name: str
    graph: str
    prefix: str
    rows: int
    triples: int
    columns: tuple[CubeColumn, ...]
    key: tuple[KeyPart, ...] = ()
    """How addresses follow from columns, in order and after `prefix`; empty if that is not known."""

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class FolderRecord:
    """What one mapping folder put into the release."""

    name: str
    """Folder name: the dataset's slug, or the code list's."""
    kind: str
    """`cube`, `records` or `code-list`."""
    title: str
    graph: str
    """Named graph of its quads."""
    edition: str | None
    """Edition of the dataset in this release; None for code lists."""
    is_sample: bool
    is_published_file: bool
    """True if it was read from published files (`--sources`), false if from the table in the mapping folder."""
    rows: int
    """Rows of the main table: observations, codes or records."""
    quads: int
    """Distinct quads of its named graph."""
    rows_read: int
    """Data rows (or cells of a wide table) of the published files; equals rows when the shipped table was used."""
    left_out: dict[str, int]
    """Rows of the published files that did not become rows of the table, by reason."""
    inputs: tuple[FileRecord, ...]
    mapping: tuple[FileRecord, ...]
    outputs: tuple[FileRecord, ...]
    fingerprint: str
    """Hash of all that it was made from and by (`loader.reuse`): equal fingerprint, equal part of a release."""
    shared_with: tuple[str, ...]
    """Folders in whose graphs the triples are that this folder states as well."""
    first: str = ""
    """When a release first had the folder, as far as the releases before say; as `created`."""
    changed: str = ""
    """When a release was made in which what it publishes was other than before; as `created`."""


@dataclass(frozen=True, slots=True)
class NamedGraphRecord:
    """A named graph of an RDF file."""

    graph: str
    quads: int
    """Distinct quads."""


@dataclass(frozen=True, slots=True)
class GraphFileRecord:
    """What one RDF file put into the release, as it stands (docs/graphs.md)."""

    name: str
    """Name of the file without its endings, as addresses have it."""
    input: FileRecord
    graphs: tuple[NamedGraphRecord, ...]
    output: FileRecord
    """Its dump."""
    fingerprint: str
    """Hash of all that the dump was made from and by."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`: everything a release was made from and by what."""

    format: int
    base_uri: str
    created: str
    """UTC time, ISO 8601; the only clock reading in a release."""
    software: dict[str, str]
    content_sha256: str
    """Hash over the hashes of all dumps and columns: equal content, equal hash, whenever it was built."""
    folders: tuple[FolderRecord, ...]
    graph_files: tuple[GraphFileRecord, ...] = ()

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """The files that were made of folders and of RDF files."""
        made = (file for folder in self.folders for file in folder.outputs)
        return (*made, *(one.output for one in self.graph_files))

    @property
    def quads(self) -> dict[str, int]:
        """How many distinct quads each named graph has, but for vocabulary and catalogue."""
        graphs = {graph.graph: graph.quads for one in self.graph_files for graph in one.graphs}
        return {folder.graph: folder.quads for folder in self.folders} | graphs

    def folder(self, name: str) -> FolderRecord | None:
        """Find a folder's record by its name; datasets come before code lists."""
        return next((folder for folder in self.folders if folder.name == name), None)

    def write(self, path: Path) -> None:
        """Write as JSON with sorted keys."""
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class Release:
    """An opened release directory."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """Directory name: time and content hash."""
        return self.path.name

    def store(self) -> Store:
        """Open the graph read-only; several processes may do so at once. The union of graphs is up to the query.

        Raises MisuseError if it is missing or damaged, as far as opening it shows.
        """
        from pyoxigraph import Store

        try:
            return Store.read_only(str(self.path / "graph"))
        except (OSError, RuntimeError) as error:  # the engine says RuntimeError for what is damaged
            message = f"{self.path}: the graph cannot be opened ({error}); run `dwpld build`"
            raise MisuseError(message) from error

    def cubes(self) -> tuple[CubeRecord, ...]:
        """Give the cubes whose observations are columns. Raises MisuseError if one is damaged."""
        return tuple(read_cube(path) for path in sorted((self.path / "cubes").glob("*.json")))

    def columns(self, cube: CubeRecord) -> Path:
        """Give the Parquet file of a cube."""
        return self.path / "cubes" / f"{cube.name}.parquet"

    def table(self, folder: str, file: str) -> Path | None:
        """Find a published table (or its metadata) of a folder; None if the release has no such file."""
        path = self.path / "tables" / folder / file
        record = self.manifest.folder(folder)
        known = record is not None and any(out.path == f"tables/{folder}/{file}" for out in record.outputs)
        return path if known else None


def count_quads(store: Store, cubes: Iterable[CubeRecord]) -> dict[str, int]:
    """Count the quads of each named graph, in the store and in columns."""
    found = store.query("SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
    counts = {row["g"].value: int(row["n"].value) for row in found}  # type: ignore[union-attr]
    for cube in cubes:
        counts[cube.graph] = counts.get(cube.graph, 0) + cube.triples
    return counts


def file_record(path: Path, name: str) -> FileRecord:
    """Hash a file, in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return FileRecord(name, digest.hexdigest(), path.stat().st_size)


def read_manifest(path: Path) -> Manifest:
    """Read `manifest.json`. Raises MisuseError if it is missing, damaged or of another format."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        if raw["format"] != MANIFEST_FORMAT:
            message = f"{path}: format {raw['format']}, this version reads {MANIFEST_FORMAT}; build the release again"
            raise MisuseError(message)
        folders = tuple(_folder_record(folder) for folder in raw.pop("folders"))
        graph_files = tuple(_graph_file_record(file) for file in raw.pop("graph_files", ()))
        return Manifest(**raw, folders=folders, graph_files=graph_files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path.parent} is not a release ({error.__class__.__name__} in {path.name}); run `dwpld build`"
        raise MisuseError(message) from error


def _folder_record(raw: dict[str, object]) -> FolderRecord:
    for key in ("inputs", "mapping", "outputs"):
        raw[key] = tuple(FileRecord(**record) for record in raw[key])  # type: ignore[attr-defined]
    raw["shared_with"] = tuple(raw["shared_with"])  # type: ignore[arg-type]
    return FolderRecord(**raw)  # type: ignore[arg-type]


def _graph_file_record(raw: dict[str, object]) -> GraphFileRecord:
    for key in ("input", "output"):
        raw[key] = FileRecord(**raw[key])  # type: ignore[arg-type]
    raw["graphs"] = tuple(NamedGraphRecord(**graph) for graph in raw["graphs"])  # type: ignore[attr-defined]
    return GraphFileRecord(**raw)  # type: ignore[arg-type]


def read_cube(path: Path) -> CubeRecord:
    """Read what the columns of a cube are. Raises MisuseError if that is damaged."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        columns = tuple(CubeColumn(**column) for column in raw.pop("columns"))
        key = tuple(KeyPart(**part) for part in raw.pop("key"))
        return CubeRecord(**raw, columns=columns, key=key)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is damaged ({error.__class__.__name__}); run `dwpld build`"
        raise MisuseError(message) from error


def open_release(path: Path) -> Release:
    """Open the release at `path`: a release directory, or a link to one such as `build/current`."""
    real = path.resolve()
    if not real.is_dir():
        message = f"no release at {path}; run `dwpld build` first"
        raise MisuseError(message)
    return Release(real, read_manifest(real / "manifest.json"))
