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
import platform
import shutil
import tempfile
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import NamedNode, RdfFormat, Store, Triple, Variable

from loader.catalogue import catalogue_triples, dataset_triples, disagreements, named_graph_triples
from loader.coverage import coverage
from loader.disclosure import Built, check_overlaps
from loader.distributions import distribution_triples
from loader.dumps import Stream
from loader.errors import MisuseError, Problem, ProblemsError
from loader.folder import CodeLists, Converted, Once, Workshop, convert_folder, shown_name, to_ntriples
from loader.gate.discretion import discreet
from loader.graphs import Added, add_file, check_names, find_graph_files, take_over_file
from loader.history import keep as keep_versions
from loader.history import policy_notes, policy_of, record, settled_history
from loader.kept import History, history_beside
from loader.mapping import CODES, find_folders, read_mapping, select
from loader.provenance import agent_triples, commit_of
from loader.quality import labels_of
from loader.release import (
    CURRENT,
    MANIFEST_FORMAT,
    FolderRecord,
    Manifest,
    count_quads,
    file_record,
    open_release,
    read_cube,
)
from loader.releases import KEEP, claimed, explained, staging, swap_in
from loader.reuse import (
    Reusable,
    common_fingerprint,
    dated,
    find_reusable,
    fingerprint,
    folder_files,
    link_file,
    take_over,
)
from loader.sources import find_published
from loader.uris import DEFAULT_BASE, Uris
from loader.vocabulary import Vocabulary, packaged_ontology, read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loader.graphs import GraphFile
    from loader.mapping import Mapping
    from loader.progress import Watcher
    from loader.release import CubeRecord, Release

SOFTWARE: Final = ("dwpld", "polars", "pyoxigraph")
PARTS: Final = ("cubes", "dumps", "queries", "reports", "tables")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build, from what, and for which address."""

    datasets: tuple[str, ...] = ()
    mappings: Path | None = None
    sources: Path | None = None
    base: str = DEFAULT_BASE
    is_fresh: bool = False
    """True to convert everything again, changed or not."""
    graphs: tuple[Path, ...] = ()
    """RDF files, and folders of them, to add as they stand."""
    is_only_graphs: bool = False
    """True to take no mapping folder at all."""


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
    common: str
    """Fingerprint of what all folders have in common."""
    history: History
    """The versions published so far."""
    previous: Release | None = None
    """The release that is current: unchanged folders are taken over, and small counts of others compared."""
    problems: list[Problem] = field(default_factory=list)
    parts: list[Converted | Reusable] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)
    added: list[Added] = field(default_factory=list)
    """The RDF files, whose dumps are written."""


def check(plan: Plan, watcher: Watcher, earlier: Release | None = None) -> list[Problem]:
    """Do everything a build does short of making a release, in a directory that is thrown away; give all problems.

    Small counts are compared with the `earlier` release, if there is one; nothing is taken over from it.
    """
    with (
        explained("nothing could be checked"),
        tempfile.TemporaryDirectory(prefix="dwpld-check-", ignore_cleanup_errors=True) as directory,
    ):
        try:
            history = history_beside(earlier) if earlier is not None else History(Path(directory))
            return _convert_all(replace(plan, is_fresh=True), Path(directory), watcher, earlier, history).problems
        except ProblemsError as error:
            return list(error.problems)


def current_release(out: Path, watcher: Watcher) -> Release | None:
    """Open the release that is current; None if there is none, or none that this version can read."""
    try:
        return open_release(out / CURRENT) if (out / CURRENT).exists() else None
    except MisuseError as error:
        watcher.said(f"nothing is taken over from the release before, or compared with it: {error}")
        return None


def build(plan: Plan, out: Path, watcher: Watcher, *, keep: int = KEEP, is_waiting: bool = False) -> Path:
    """Make a release below `out` and make it current; give its path. `keep` releases stay, this one among them.

    Raises ProblemsError with every problem found, in which case nothing below `out` has changed; MisuseError if another
    build is at work there, unless this one is waiting for it.
    """
    with claimed(out, watcher.said if is_waiting else None), staging(out) as directory:
        history = settled_history(out, plan.base.rstrip("/"))
        work = _convert_all(plan, directory, watcher, current_release(out, watcher), history)
        if work.problems:
            raise ProblemsError(work.problems)
        manifest = _store(work)
        manifest.write(directory / "manifest.json")
        stamp = manifest.created.replace(":", "").replace("-", "").removesuffix("+0000")
        name = f"{stamp}-{manifest.content_sha256[:12]}"
        keep_versions(open_release(directory), history, name)
        path = swap_in(directory, out, name, keep)
        record(open_release(path), out)
        return path


def _convert_all(plan: Plan, directory: Path, watcher: Watcher, previous: Release | None, history: History) -> Work:
    """Convert the vocabulary and every folder chosen; after a problem the next folder is tried all the same."""
    uris = Uris.of(plan.base)
    if plan.sources is not None and not plan.sources.is_dir():
        message = f"no folder of published files at {plan.sources}"
        raise MisuseError(message)
    folders = {} if plan.is_only_graphs else select(find_folders(plan.mappings), plan.datasets)
    files = find_graph_files(plan.graphs, uris)
    vocabulary = read_vocabulary(packaged_ontology(), uris)
    code_lists = CodeLists()
    code_lists.note(vocabulary.triples)
    once = Once(vocabulary.triples)
    common = common_fingerprint(uris, folders)
    work = Work(plan, uris, directory, watcher, vocabulary, code_lists, once, common, history, previous)
    for part in (*PARTS, "triples"):
        (directory / part).mkdir()
    for name, folder in folders.items():
        try:
            work.parts.append(_convert(work, name, folder))
        except ProblemsError as error:
            work.problems += map(discreet, error.problems)
            # a list of which only a part was read would make a problem of every code in the other part
            code_lists.members.pop(uris.scheme(folder.name).value, None)
    _add_files(work, files)
    if not work.problems:
        known = {name for name in find_folders(plan.mappings) if not name.startswith(f"{CODES}/")}
        work.problems += check_overlaps(_cubes(work), known, vocabulary, uris, code_lists.broader, watcher.said)
    work.problems += disagreements(part.mapping for part in work.parts if not part.mapping.is_code_list)
    found = any(_is_published(part) for part in work.parts)
    if plan.sources is not None and not found and not work.problems:
        message = f"no published file of any dataset is below {plan.sources}; see [[files]] in each source.toml"
        raise MisuseError(message)
    return work


def _convert(work: Work, name: str, folder: Path) -> Converted | Reusable:
    """Take a folder over from the release before, or convert it if anything it is made from has changed."""
    work.watcher.started(name)
    mapping = read_mapping(name, folder, work.uris)
    for note in policy_notes(mapping, work.history):
        work.watcher.said(note)
    found = find_published(mapping, work.plan.sources) if work.plan.sources is not None else []
    work.fingerprints[mapping.name] = fingerprint(work.common, mapping, found)
    work.once.next_folder(mapping.name)
    reusable = None
    if not work.plan.is_fresh:
        reusable = find_reusable(mapping, work.fingerprints[mapping.name], work.previous)
    if reusable is not None and _still_holds(work, reusable):
        take_over(reusable, work.directory)
        work.watcher.unchanged(name, reusable.record.rows)
        return reusable
    converted = convert_folder(mapping, _workshop(work, name))
    work.watcher.finished(name, converted.rows)
    return converted


def _add_files(work: Work, files: list[GraphFile]) -> None:
    """Put RDF files into the release as they stand, or take over what was made of them before."""
    for file in files:
        name = file.dump.removeprefix("dumps/").removesuffix(".nq.gz")
        work.watcher.started(name)
        record = None if work.plan.is_fresh else take_over_file(file, work.previous, work.uris)
        try:
            if record is not None and work.previous is not None:
                link_file(record.output, work.previous.path, work.directory)
                graphs = tuple(graph.graph for graph in record.graphs)
                work.added.append(Added(file, record.input, graphs, record.fingerprint))
                continue
            work.added.append(add_file(file, work.directory, work.uris))
        except ProblemsError as error:
            work.problems += map(discreet, error.problems)
    own = [part.record.graph if isinstance(part, Reusable) else part.graph.value for part in work.parts]
    work.problems += check_names(work.added, [*own, work.uris.ontology().value, work.uris.catalogue().value])


def _still_holds(work: Work, part: Reusable) -> bool:
    """Say whether the triples of a graph belong there still, and if so, note them as stated.

    They do if what it left to other graphs is there still, and no folder before it states any of its own.
    """
    taken = {other.record.name for other in work.parts if isinstance(other, Reusable)}
    if not taken.issuperset(part.record.shared_with) or any(map(work.once.has, part.described(work.uris))):
        return False
    for lines in part.described(work.uris):
        work.once.new(lines)
        work.code_lists.note_lines(lines)
    return True


def _cubes(work: Work) -> list[Built]:
    """Give the main table of each dataset converted or taken over."""
    return [
        Built(
            mapping=part.mapping,
            table=work.directory / "tables" / part.mapping.name / part.mapping.main.csv.name,
            shown=shown_name(part.mapping.main, is_published=_is_published(part)),
        )
        for part in work.parts
        if not part.mapping.is_code_list
    ]


def _workshop(work: Work, name: str) -> Workshop:
    return Workshop(
        uris=work.uris,
        vocabulary=work.vocabulary,
        code_lists=work.code_lists,
        once=work.once,
        tables=work.directory / "tables",
        triples=work.directory / "triples",
        cubes=work.directory / "cubes",
        sources=work.plan.sources,
        earlier=work.previous,
        history=work.history,
        counted=lambda triples: work.watcher.counted(name, triples),
        said=work.watcher.said,
    )


def _is_published(part: Converted | Reusable) -> bool:
    """Say whether a folder was read from published files."""
    return part.record.is_published_file if isinstance(part, Reusable) else bool(part.tidied.readings)


def _store(work: Work) -> Manifest:
    """Load everything into the graph store, write the dumps, and list what there is."""
    work.watcher.started("graph store")
    store = Store(str(work.directory / "graph"))
    hashes = hashlib.sha256()
    # One bulk load for all: each call costs a tenth of a second, however little it loads.
    quads = Stream(_dump_all(work, hashes))
    store.bulk_load(input=io.BufferedReader(quads, 1 << 20), format=RdfFormat.N_QUADS)
    store.optimize()
    _check_observations(work, store)
    _say_repeated(work, store)
    counts = count_quads(store, filter(None, (_cube(work, part) for part in work.parts)))
    work.watcher.finished("graph store", sum(counts.values()), "quads")
    with gzip.open(work.directory / "dumps" / "catalogue.nq.gz") as dump:
        (work.directory / "catalogue.nq").write_bytes(dump.read())
    shutil.rmtree(work.directory / "triples")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    records = tuple(
        part.record if isinstance(part, Reusable) else _record(work, part, counts[part.graph.value])
        for part in work.parts
    )
    records = tuple(dated(record, work.previous, created) for record in records)
    software = _software() | commit_of(work.plan.mappings)
    files = tuple(added.record(work.directory, counts) for added in work.added)
    return Manifest(MANIFEST_FORMAT, work.uris.base, created, software, hashes.hexdigest(), records, files)


def _catalogue(work: Work) -> Iterator[Triple]:
    names = labels_of(work.vocabulary.triples)
    yield from catalogue_triples(work.uris)
    yield from agent_triples((part.mapping for part in work.parts), names, work.uris)
    for part in work.parts:
        if not part.mapping.is_code_list:
            folder = work.directory / "tables" / part.mapping.name
            publisher = part.mapping.description.publisher
            yield from dataset_triples(
                part.mapping,
                work.uris,
                coverage(part.mapping, folder),
                names.get(publisher, publisher),
                is_shipped=not _is_published(part),
            )
            yield from distribution_triples(part.mapping, work.uris, sorted(folder.glob("*.csv")))
    for added in work.added:
        for graph in added.graphs:
            yield from named_graph_triples(graph, added.input.path)


def _write(work: Work, name: str, triples: list[Triple]) -> Path:
    path = work.directory / "triples" / f"{name}.nt"
    path.write_bytes(to_ntriples(triples))
    return path


def _dump_all(work: Work, hashes: hashlib._Hash) -> Iterator[bytes]:
    """Yield the N-Quads of every graph for the store, and write its dump on the way, unless it is there already."""
    dumps = work.directory / "dumps"
    for part in work.parts:
        if isinstance(part, Reusable):
            quads = _unpacked(part.dump)
        else:
            lines = chain(_pieces(part.table), _pieces(part.triples))
            quads = _dump(lines, part.graph, dumps / f"{part.triples.stem}.nq.gz")
        yield from _hashed(quads, hashes)
        if (cube := _cube(work, part)) is not None:
            for kind in ("parquet", "json"):
                hashes.update(bytes.fromhex(file_record(work.directory / f"cubes/{cube.name}.{kind}", "").sha256))
    for added in work.added:
        yield from _hashed(_unpacked(work.directory / added.file.dump), hashes)
    for name, graph, triples in (
        ("ontology", work.uris.ontology(), work.vocabulary.triples),
        ("catalogue", work.uris.catalogue(), tuple(_catalogue(work))),
    ):
        path = _write(work, name, list(dict.fromkeys(triples)))
        yield from _hashed(_dump(_pieces(path), graph, dumps / f"{name}.nq.gz"), hashes)


def _cube(work: Work, part: Converted | Reusable) -> CubeRecord | None:
    """Give the columns of a folder, if it is a cube that has them."""
    if isinstance(part, Converted):
        return part.cube
    path = work.directory / "cubes" / f"{part.mapping.name}.json"
    return read_cube(path) if part.record.kind == "cube" and path.exists() else None


def _check_observations(work: Work, store: Store) -> None:
    """Check that no observation of a cube is a subject outside its columns. Raises ProblemsError."""
    cubes = [cube for part in work.parts if (cube := _cube(work, part)) is not None]
    if not cubes:
        return
    found = store.query("SELECT DISTINCT ?s ?g WHERE { GRAPH ?g { ?s ?p ?o } }")
    problems = []
    for row in found:  # type: ignore[union-attr]
        subject, graph = row["s"].value, row["g"].value
        if cube := next((cube for cube in cubes if subject.startswith(cube.prefix)), None):
            message = f"<{subject}> is an observation of {cube.name}, but is described outside its table as well"
            hint = "say it in a column of the table, or give the thing another address"
            problems.append(Problem("CUBE-07", graph, message, hint))
    if problems:
        raise ProblemsError(problems)


def _say_repeated(work: Work, store: Store) -> None:
    """Say how many triples of an RDF file are in another graph as well: a query of all graphs meets them twice."""
    for graph in [graph for added in work.added for graph in added.graphs]:
        found = store.query(
            "SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } "
            "FILTER EXISTS { GRAPH ?other { ?s ?p ?o } FILTER (?other != ?g) } } GROUP BY ?g",
            substitutions={Variable("g"): NamedNode(graph)},
        )
        for row in found:  # type: ignore[union-attr]
            count = int(row["n"].value)
            work.watcher.said(f"<{graph}>: {count:,} of its triples are in other graphs too; queries meet them twice")


def _hashed(quads: Iterator[bytes], hashes: hashlib._Hash) -> Iterator[bytes]:
    """Pass the pieces of a dump on, and add the hash of it all to `hashes`."""
    digest = hashlib.sha256()
    for piece in quads:
        digest.update(piece)
        yield piece
    hashes.update(digest.digest())


def _unpacked(dump: Path) -> Iterator[bytes]:
    with gzip.open(dump) as quads:
        while piece := quads.readlines(1 << 22):
            yield b"".join(piece)


def _pieces(triples: Path) -> Iterator[bytes]:
    with triples.open("rb") as lines:
        while piece := lines.readlines(1 << 22):
            yield b"".join(piece)


def _dump(pieces: Iterable[bytes], graph: NamedNode, target: Path) -> Iterator[bytes]:
    """Write N-Triples as compressed N-Quads of one graph, and yield the same uncompressed.

    No time or name goes into the gzip header, so equal content makes equal files.
    """
    end = f" <{graph.value}> .\n".encode()
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as dump,
    ):
        for piece in pieces:
            quads = piece.replace(b" .\n", end)
            dump.write(quads)
            yield quads


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
    if converted.cube is not None:
        outputs += [f"cubes/{mapping.name}.{kind}" for kind in ("parquet", "json")]
    rows_read = sum(reading.rows_read for reading in tidied.readings) if tidied.readings else converted.rows
    return FolderRecord(
        name=mapping.name,
        kind="code-list" if mapping.is_code_list else "cube" if converted.is_cube else "records",
        title=mapping.description.title,
        graph=converted.graph.value,
        edition=mapping.description.edition,
        is_sample=mapping.description.is_sample,
        is_published_file=bool(tidied.readings),
        rows=converted.rows,
        quads=quads,
        rows_read=rows_read,
        left_out=tidied.left_out,
        inputs=tuple(reading.record for reading in tidied.readings),
        mapping=folder_files(mapping.folder),
        outputs=tuple(file_record(work.directory / path, path) for path in outputs),
        fingerprint=work.fingerprints[mapping.name],
        shared_with=converted.shared_with,
    )


def _published(mapping: Mapping) -> list[str]:
    """Give the published tables of a folder and their metadata, the main table first."""
    folder = f"tables/{mapping.name}"
    names = [mapping.main.csv.name, *(table.csv.name for table in mapping.others)]
    documents = [table.document.name for table in mapping.tables]
    return [f"{folder}/{name}" for name in (*names, *documents)]


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
    policy = policy_of(converted.mapping)
    report = {"folder": converted.mapping.name, "rows": converted.rows, "policy_sha256": policy, "files": files}
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _software() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in SOFTWARE}
    return {"python": platform.python_version(), **versions}
