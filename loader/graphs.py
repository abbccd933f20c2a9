"""RDF files that a release takes as they stand, each statement in a named graph of its own (docs/graphs.md).

Files are read once, in pieces: what they take in memory grows with the number of their blank nodes, not of their quads.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, Final, TypeVar, cast
from urllib.parse import unquote

import polars as pl
from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, RdfFormat, Triple, parse, serialize

from loader.canonical import canonical_lines
from loader.errors import MisuseError, Problem, ProblemsError
from loader.gate.personal import check_texts
from loader.gate.shapes import SUSPECT_OR_ODD
from loader.release import GraphFileRecord, NamedGraphRecord, file_record
from loader.reuse import is_whole, software_fingerprint
from loader.uris import slug
from loader.xml_guard import xml_fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from loader.release import FileRecord, Release
    from loader.uris import Uris

    Term = NamedNode | BlankNode | Literal | Triple

T = TypeVar("T", bound="Term")

FORMATS: Final = {
    ".nq": RdfFormat.N_QUADS,
    ".trig": RdfFormat.TRIG,
    ".ttl": RdfFormat.TURTLE,
    ".nt": RdfFormat.N_TRIPLES,
    ".rdf": RdfFormat.RDF_XML,
    ".jsonld": RdfFormat.JSON_LD,
}
GZIP: Final = ".gz"
SHOWN: Final = 20
"""Texts with personal data in one file that are named one by one."""
_PIECE_QUADS: Final = 4096
_CONTACTS: Final = ("mailto:", "tel:", "sms:")
"""What the addresses begin with that hold an e-mail address or a telephone number."""
_HINT: Final = (
    "take it out of the file; what may be published of an office is told in a mapping folder, whose policy says so "
    "(docs/gate.md)"
)


@dataclass(frozen=True, slots=True)
class GraphFile:
    """A file of RDF: its format, and where its triples go that are in no named graph."""

    path: Path
    name: str
    """Name of its dump, `graphs-{name}`, and the end of the address of its own graph."""
    format: RdfFormat
    own: NamedNode

    @property
    def dump(self) -> str:
        """Path of its dump in a release."""
        return f"dumps/graphs-{self.name}.nq.gz"

    def open(self) -> IO[bytes]:
        """Open it, decompressed."""
        if self.path.suffix == GZIP:
            return cast("IO[bytes]", gzip.open(self.path))
        return self.path.open("rb")


@dataclass(frozen=True, slots=True)
class Added:
    """A file whose dump is in the release being built."""

    file: GraphFile
    input: FileRecord
    graphs: tuple[str, ...]
    """Named graphs that it has quads in, in order of appearance."""
    fingerprint: str

    def record(self, directory: Path, counts: dict[str, int]) -> GraphFileRecord:
        """Give the figures for the manifest; `counts` are the quads of each named graph."""
        graphs = tuple(NamedGraphRecord(graph, counts.get(graph, 0)) for graph in self.graphs)
        output = file_record(directory / self.file.dump, self.file.dump)
        return GraphFileRecord(self.file.name, self.input, graphs, output, self.fingerprint)


def find_graph_files(paths: Sequence[Path], uris: Uris) -> list[GraphFile]:
    """Give the files named, and those directly in folders named, by name. Raises ProblemsError, MisuseError."""
    files: dict[str, GraphFile] = {}
    problems: list[Problem] = []
    for path in [file for named in paths for file in _files_at(named)]:
        plain = path.with_suffix("") if path.suffix == GZIP else path
        name, kind = slug(plain.stem), FORMATS.get(plain.suffix)
        if kind is None or not name:
            wanted = f"call it NAME and one of {', '.join(FORMATS)}, with {GZIP} if it is compressed"
            problems.append(Problem("GRAPH-02", str(path), "the name does not say which form of RDF this is", wanted))
        elif name in files:
            message = f"its graph would be {uris.graph(name).value}, as that of {files[name].path} is"
            problems.append(Problem("GRAPH-02", str(path), message, "give one of them another name"))
        else:
            files[name] = GraphFile(path, name, kind, uris.graph(name))
    if problems:
        raise ProblemsError(problems)
    return [files[name] for name in sorted(files)]


def _files_at(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
    if not path.is_file():
        message = f"no file of RDF at {path}"
        raise MisuseError(message)
    return [path]


def add_file(file: GraphFile, directory: Path, uris: Uris) -> Added:
    """Check a file and write its dump. Raises ProblemsError with what is wrong in it."""
    record = file_record(file.path, file.path.name)
    reader = _Reader(file)
    target = directory / file.dump
    with target.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as dump:
        quads = reader.quads()
        while piece := list(islice(quads, _PIECE_QUADS)):
            reader.search(piece)
            dump.write(canonical_lines(serialize(piece, format=RdfFormat.N_QUADS) or b""))
    if reader.problems:
        raise ProblemsError(reader.problems)
    return Added(file, record, tuple(reader.graphs), _fingerprint(file, record, uris))


def take_over_file(file: GraphFile, previous: Release | None, uris: Uris) -> GraphFileRecord | None:
    """Find what an earlier release made of the same file, whole and by the same software; None if it did not."""
    records = () if previous is None else previous.manifest.graph_files
    record = next((one for one in records if one.name == file.name), None)
    if previous is None or record is None or not is_whole(previous.path, record.output):
        return None
    made = _fingerprint(file, file_record(file.path, file.path.name), uris)
    return record if record.fingerprint == made else None


def check_names(added: Sequence[Added], taken: Collection[str]) -> Iterator[Problem]:
    """Yield the graphs that are the release's own, `taken`, or in several files: a graph is what one of them says."""
    owners: dict[str, str] = dict.fromkeys(taken, "the release itself")
    for one in added:
        for graph in one.graphs:
            if graph in owners:
                message = f"<{graph}> is a graph of {owners[graph]} already"
                yield Problem("GRAPH-03", str(one.file.path), message, "give the graph another name")
            owners.setdefault(graph, str(one.file.path))


def _fingerprint(file: GraphFile, record: FileRecord, uris: Uris) -> str:
    """Hash all that a dump is made from and by."""
    made_from = f"{software_fingerprint()}\n{uris.base}\n{file.path.name}\n{record.sha256}\n"
    return hashlib.sha256(made_from.encode()).hexdigest()


class _Reader:
    """Reads one file, and notes what is wrong and which graphs there are."""

    def __init__(self, file: GraphFile) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.graphs: dict[str, None] = {}
        self._blank: dict[str, BlankNode] = {}
        self._start = "b" + hashlib.sha256(file.name.encode()).hexdigest()[:8]

    def quads(self) -> Iterator[Quad]:
        """Yield its quads, each in a named graph. What cannot be read any further is a problem."""
        try:
            with self.file.open() as content:
                if self._is_safe(content):
                    content.seek(0)
                    yield from self._parsed(content)
        except SyntaxError as error:
            self._note("GRAPH-01", _reason(error), "correct the file, or export it again", error.lineno)
        except (OSError, EOFError, zlib.error) as error:
            self._note("GRAPH-01", f"the file cannot be read: {error}", "fetch it again")

    def _is_safe(self, content: IO[bytes]) -> bool:
        """Look through XML for what could do harm."""
        fault = xml_fault(content) if self.file.format == RdfFormat.RDF_XML else ""
        if fault:
            line = re.search(r"line (\d+)", fault)
            hint = "write out what the entities stand for, or convert the file to another form of RDF"
            self._note("GRAPH-01", fault, hint, int(line[1]) if line else None)
        return not fault

    def _parsed(self, content: IO[bytes]) -> Iterator[Quad]:
        for quad in parse(content, format=self.file.format, base_iri=self.file.own.value):
            graph = self.file.own if isinstance(quad.graph_name, DefaultGraph) else quad.graph_name
            if isinstance(graph, BlankNode):
                self._note("GRAPH-03", "the name of a graph is a blank node", "give the graph an address")
                return
            if isinstance(quad.subject, Triple) or isinstance(quad.object, Triple):
                self._note("GRAPH-01", "a triple has a triple as its value (RDF 1.2)", "say it with rdf:Statement")
                return
            self.graphs.setdefault(graph.value)
            yield Quad(self._relabelled(quad.subject), quad.predicate, self._relabelled(quad.object), graph)

    def _note(self, code: str, message: str, hint: str, line: int | None = None) -> None:
        where = f"{self.file.path}:{line}" if line else str(self.file.path)
        self.problems.append(Problem(code, where, message, hint))

    def _relabelled(self, term: T) -> T | BlankNode:
        """Number blank nodes in order of appearance, so that equal files make equal dumps, and no two the same node."""
        if not isinstance(term, BlankNode):
            return term
        found = self._blank.get(term.value)
        if found is None:
            found = self._blank[term.value] = BlankNode(f"{self._start}x{len(self._blank)}")
        return found

    def search(self, quads: Sequence[Quad]) -> None:
        """Search texts, and addresses of mail and telephone, for personal data; which the quads then are is told."""
        texts = [_text(quad.object) for quad in quads]
        found = pl.Series(texts, dtype=pl.String).str.contains(SUSPECT_OR_ODD).arg_true()
        for number in found:
            if len(self.problems) >= SHOWN:
                return
            where = f"{self.file.path}, {_place(quads[number])}"
            self.problems += [replace(one, hint=_HINT) for one in check_texts([(where, texts[number])])]


def _text(term: Term) -> str:
    """Give what a term says to people."""
    if isinstance(term, Literal):
        return term.value
    is_contact = isinstance(term, NamedNode) and term.value.lower().startswith(_CONTACTS)
    return unquote(term.value.partition(":")[2]) if isinstance(term, NamedNode) and is_contact else ""


def _place(quad: Quad) -> str:
    subject = f"'{quad.subject.value}'" if isinstance(quad.subject, NamedNode) else "a blank node"
    return f"'{quad.predicate.value}' of {subject}"


def _reason(error: SyntaxError) -> str:
    if "LoadDocumentCallback" in str(error.msg):
        return "its context is at another address, and nothing is fetched: write the context into the file"
    return f"this is not RDF as the name of the file says: {error.msg}"
