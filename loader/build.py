"""Make a release from mapping folders: read, check, convert, store, swap in.

The flow is one way (docs/architecture.md): each folder's tables come from published files through its tidy step, or are
the ones in the folder; CSVW makes triples of them; structures and descriptions are derived; and only when nothing at
all is wrong does the finished directory become the current release.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import NamedNode, RdfFormat, Store, Triple

from loader.catalogue import catalogue_triples, dataset_triples
from loader.errors import MisuseError, Problem, ProblemsError
from loader.folder import CodeLists, Converted, Once, Workshop, convert_folder, to_ntriples
from loader.mapping import find_folders, read_mapping, select
from loader.release import MANIFEST_FORMAT, RELEASES, STAGING, FileRecord, FolderRecord, Manifest, file_record, swap_in
from loader.uris import DEFAULT_BASE, Uris
from loader.vocabulary import Vocabulary, packaged_ontology, read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from loader.mapping import Mapping
    from loader.progress import Watcher

SOFTWARE: Final = ("dwpld", "polars", "pyoxigraph")
PARTS: Final = ("dumps", "queries", "reports", "tables")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build, from what, and for which address."""

    datasets: tuple[str, ...] = ()
    mappings: Path | None = None
    sources: Path | None = None
    base: str = DEFAULT_BASE


@dataclass(slots=True)
class Work:
    """A build under way: where its files go, and what it has found so far."""

    plan: Plan
    uris: Uris
    directory: Path
    watcher: Watcher
    vocabulary: Vocabulary
    code_lists: CodeLists
    once: Once
    problems: list[Problem] = field(default_factory=list)
    converted: list[Converted] = field(default_factory=list)


def check(plan: Plan, watcher: Watcher) -> list[Problem]:
    """Do everything a build does short of making a release, in a directory that is thrown away; give all problems."""
    with tempfile.TemporaryDirectory(prefix="dwpld-check-") as directory:
        try:
            return _convert_all(plan, Path(directory), watcher).problems
        except ProblemsError as error:
            return list(error.problems)


def build(plan: Plan, out: Path, watcher: Watcher) -> Path:
    """Make a release below `out` and make it current; give its path.

    Raises ProblemsError with every problem found, in which case nothing below `out` has changed.
    """
    with _staging(out) as directory:
        work = _convert_all(plan, directory, watcher)
        if work.problems:
            raise ProblemsError(work.problems)
        manifest = _store(work)
        manifest.write(directory / "manifest.json")
        stamp = manifest.created.replace(":", "").replace("-", "").removesuffix("+0000")
        return swap_in(directory, out, f"{stamp}-{manifest.content_sha256[:12]}")


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Give a directory beside the releases to build in; it is removed if the build does not finish."""
    try:
        (out / RELEASES).mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out / RELEASES)
        directory = Path(tempfile.mkdtemp(prefix=f"{STAGING}{os.getpid()}-", dir=out / RELEASES))
    except OSError as error:
        message = f"cannot write to {out}: {error.strerror}"
        raise MisuseError(message) from error
    directory.chmod(0o755)
    try:
        yield directory
    except OSError as error:
        message = f"the build stopped: {error.strerror} ({error.filename or out}); the release before is untouched"
        raise MisuseError(message) from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_abandoned(releases: Path) -> None:
    """Remove what builds that were killed left behind; those of running processes stay."""
    for directory in releases.glob(f"{STAGING}*"):
        owner = directory.name.removeprefix(STAGING).partition("-")[0]
        try:
            os.kill(int(owner), 0)
        except ProcessLookupError:
            shutil.rmtree(directory, ignore_errors=True)
        except (ValueError, PermissionError):
            continue


def _convert_all(plan: Plan, directory: Path, watcher: Watcher) -> Work:
    """Convert the vocabulary and every folder chosen; after a problem the next folder is tried all the same."""
    uris = Uris.of(plan.base)
    if plan.sources is not None and not plan.sources.is_dir():
        message = f"no folder of published files at {plan.sources}"
        raise MisuseError(message)
    folders = select(find_folders(plan.mappings), plan.datasets)
    vocabulary = read_vocabulary(packaged_ontology(), uris)
    code_lists = CodeLists({})
    code_lists.note(vocabulary.triples)
    once = Once(vocabulary.triples)
    work = Work(plan, uris, directory, watcher, vocabulary, code_lists, once)
    for part in (*PARTS, "triples"):
        (directory / part).mkdir()
    for name, folder in folders.items():
        try:
            work.converted.append(_convert(work, name, folder))
        except ProblemsError as error:
            work.problems += error.problems
            # a list of which only a part was read would make a problem of every code in the other part
            code_lists.members.pop(uris.scheme(folder.name).value, None)
    found = any(converted.tidied.readings for converted in work.converted)
    if plan.sources is not None and not found and not work.problems:
        message = f"no published file of any dataset is below {plan.sources}; see [[files]] in each source.toml"
        raise MisuseError(message)
    return work


def _convert(work: Work, name: str, folder: Path) -> Converted:
    work.watcher.started(name)
    shop = Workshop(
        uris=work.uris,
        vocabulary=work.vocabulary,
        code_lists=work.code_lists,
        once=work.once,
        tables=work.directory / "tables",
        triples=work.directory / "triples",
        sources=work.plan.sources,
        counted=lambda triples: work.watcher.counted(name, triples),
        said=work.watcher.said,
    )
    converted = convert_folder(read_mapping(name, folder, work.uris), shop)
    work.watcher.finished(name, converted.rows)
    return converted


def _store(work: Work) -> Manifest:
    """Load everything into the graph store, write the dumps, and list what there is."""
    work.watcher.started("graph store")
    store = Store(str(work.directory / "graph"))
    graphs = {converted.triples: converted.graph for converted in work.converted}
    graphs[_write(work, "ontology", list(work.vocabulary.triples))] = work.uris.ontology()
    graphs[_write(work, "catalogue", list(_catalogue(work)))] = work.uris.catalogue()
    hashes = hashlib.sha256()
    # One bulk load for all: each call costs a tenth of a second, however little it loads.
    quads = Stream(_dump_all(graphs, work.directory / "dumps", hashes))
    store.bulk_load(input=io.BufferedReader(quads, 1 << 20), format=RdfFormat.N_QUADS)
    store.optimize()
    counts = _count(store)
    work.watcher.finished("graph store", sum(counts.values()), "quads")
    with gzip.open(work.directory / "dumps" / "catalogue.nq.gz") as dump:
        (work.directory / "catalogue.nq").write_bytes(dump.read())
    shutil.rmtree(work.directory / "triples")
    records = tuple(_record(work, converted, counts[converted.graph.value]) for converted in work.converted)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Manifest(MANIFEST_FORMAT, work.uris.base, created, _software(), hashes.hexdigest(), records)


def _catalogue(work: Work) -> Iterator[Triple]:
    yield from catalogue_triples(work.uris)
    for converted in work.converted:
        if not converted.mapping.is_code_list:
            tables = sorted(converted.tidied.tables.values())
            is_shipped = not converted.tidied.readings
            yield from dataset_triples(converted.mapping, work.uris, tables, is_shipped=is_shipped)


def _write(work: Work, name: str, triples: list[Triple]) -> Path:
    path = work.directory / "triples" / f"{name}.nt"
    path.write_bytes(to_ntriples(triples))
    return path


def _dump_all(graphs: dict[Path, NamedNode], dumps: Path, hashes: hashlib._Hash) -> Iterator[bytes]:
    """Write a dump of each file of N-Triples, and yield its N-Quads for the store on the way."""
    for path, graph in graphs.items():
        digest = hashlib.sha256()
        for quads in _dump(path, graph, dumps / f"{path.stem}.nq.gz"):
            digest.update(quads)
            yield quads
        hashes.update(digest.digest())


def _dump(triples: Path, graph: NamedNode, target: Path) -> Iterator[bytes]:
    """Write N-Triples as compressed N-Quads of one graph, and yield the same uncompressed.

    No time or name goes into the gzip header, so equal content makes equal files.
    """
    end = f" <{graph.value}> .\n".encode()
    with (
        triples.open("rb") as lines,
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as dump,
    ):
        while piece := lines.readlines(1 << 22):
            quads = b"".join(piece).replace(b" .\n", end)
            dump.write(quads)
            yield quads


class Stream(io.RawIOBase):
    """A readable file made of pieces of bytes, as they come."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self.pieces = pieces
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer with the next bytes; 0 at the end."""
        if not self.rest:
            self.rest = memoryview(next(self.pieces, b""))
        target = memoryview(buffer)
        size = min(len(target), len(self.rest))
        target[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


def _count(store: Store) -> dict[str, int]:
    """Count the quads of each named graph."""
    found = store.query("SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
    return {row["g"].value: int(row["n"].value) for row in found}  # type: ignore[union-attr]


def _record(work: Work, converted: Converted, quads: int) -> FolderRecord:
    mapping, tidied = converted.mapping, converted.tidied
    stem = converted.triples.stem
    _report(converted, work.directory / "reports" / f"{stem}.json")
    queries = work.directory / "queries" / mapping.name
    for query in mapping.queries:
        queries.mkdir(exist_ok=True)
        shutil.copy(query, queries)
    outputs = [*_published(mapping), f"dumps/{stem}.nq.gz", f"reports/{stem}.json"]
    outputs += [f"queries/{mapping.name}/{query.name}" for query in mapping.queries]
    rows_read = sum(reading.rows_read for reading in tidied.readings) if tidied.readings else converted.rows
    return FolderRecord(
        name=mapping.name,
        kind="code-list" if mapping.is_code_list else "cube" if converted.is_cube else "records",
        title=mapping.description.title,
        graph=converted.graph.value,
        is_sample=mapping.description.is_sample,
        is_published_file=bool(tidied.readings),
        rows=converted.rows,
        quads=quads,
        rows_read=rows_read,
        left_out=tidied.left_out,
        inputs=tuple(reading.record for reading in tidied.readings),
        mapping=_mapping_files(mapping),
        outputs=tuple(file_record(work.directory / path, path) for path in outputs),
    )


def _published(mapping: Mapping) -> list[str]:
    """Give the published tables of a folder and their metadata, the main table first."""
    folder = f"tables/{mapping.name}"
    names = [mapping.main.csv.name, *(table.csv.name for table in mapping.others)]
    documents = [table.document.name for table in mapping.tables]
    return [f"{folder}/{name}" for name in (*names, *documents)]


def _mapping_files(mapping: Mapping) -> tuple[FileRecord, ...]:
    """Hash every file of a mapping folder that decides what comes out."""
    files = sorted(path for path in mapping.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return tuple(file_record(path, path.relative_to(mapping.folder).as_posix()) for path in files)


def _report(converted: Converted, path: Path) -> None:
    """Write what became of every row of the published files: by file and reason, with lines and amounts."""
    files = []
    for reading in converted.tidied.readings:
        reasons: dict[str, dict[str, object]] = {}
        for row in reading.left_out:
            entry = reasons.setdefault(row.reason, {"rows": 0, "amount": "0", "lines": []})
            entry["rows"] = int(str(entry["rows"])) + 1
            entry["amount"] = str(Decimal(str(entry["amount"])) + (row.amount or 0))
            lines = entry["lines"]
            assert isinstance(lines, list), "it was made a list two lines up"
            lines.append(row.line)
        files.append(
            {
                **asdict(reading.record),
                "url": reading.url,
                "rows_read": reading.rows_read,
                "rows_loaded": reading.rows_loaded,
                "left_out": reasons,
            }
        )
    report = {"folder": converted.mapping.name, "rows": converted.rows, "files": files}
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _software() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in SOFTWARE}
    return {"python": platform.python_version(), **versions}
