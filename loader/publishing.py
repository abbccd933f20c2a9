"""The command `dwpld publish --to`: a release into the named graphs of a store, and out of it what is in none of them.

What was put there is recorded in the store, in a graph of its own: each graph with the hash of what it was made from,
and the release once all of it is there. So what has not changed is not sent again, what was begun is done again, and
nothing is deleted that this program did not put there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse, serialize

from loader.dumps import dump_hash, graph_dumps, graph_triples
from loader.errors import MisuseError
from loader.graph_store import GraphStore
from loader.uris import Uris
from ontology.terms import DCT, SPDX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loader.progress import Watcher
    from loader.release import Release

CHUNK_BYTES: Final = 8 * 1024 * 1024
"""Bytes of one request, at least: a graph of more is put with the first, and the others are added to it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What this program has put into a store."""

    graphs: Mapping[str, str] = field(default_factory=dict)
    """Each named graph, and the hash of what it was made from: empty until all of it is there."""
    release: str = ""
    """Id of the release; empty until all of it is there."""
    content_sha256: str = ""
    """The release's hash; empty until all of it is there."""

    def write(self, node: NamedNode) -> bytes:
        """Give it as N-Triples; `node` is the record."""
        triples = [Triple(node, DCT.hasPart, NamedNode(graph)) for graph in self.graphs]
        triples += [
            Triple(NamedNode(graph), SPDX.checksumValue, Literal(sha256))
            for graph, sha256 in self.graphs.items()
            if sha256
        ]
        if self.content_sha256:
            triples.append(Triple(node, DCT.identifier, Literal(self.release)))
            triples.append(Triple(node, SPDX.checksumValue, Literal(self.content_sha256)))
        return serialize(triples, format=RdfFormat.N_TRIPLES) or b""


def read_record(text: bytes, node: NamedNode) -> Record:
    """Read a record. Raises MisuseError if it is none."""
    parts: list[str] = []
    hashes: dict[str, str] = {}
    release = ""
    try:
        for quad in parse(text, format=RdfFormat.N_TRIPLES):
            value = getattr(quad.object, "value", "")
            if quad.predicate == DCT.hasPart:
                parts.append(value)
            elif quad.predicate == DCT.identifier:
                release = value
            elif quad.predicate == SPDX.checksumValue and isinstance(quad.subject, NamedNode):
                hashes[quad.subject.value] = value
    except SyntaxError as error:
        message = f"the store did not give <{node.value}> as N-Triples: {error.msg}"
        raise MisuseError(message) from error
    graphs = {graph: hashes.get(graph, "") for graph in sorted(parts)}
    return Record(graphs, release, hashes.get(node.value, ""))


@dataclass(frozen=True, slots=True)
class Steps:
    """What there is to do, by named graph."""

    put: tuple[str, ...]
    keep: tuple[str, ...]
    delete: tuple[str, ...]


def wanted_record(release: Release) -> Record:
    """Give the record of a store that has all of a release."""
    graphs = {graph: dump_hash(release, dump) for graph, dump in graph_dumps(release).items()}
    return Record(graphs, release.id, release.manifest.content_sha256)


def plan_steps(wanted: Record, found: Record, *, is_fresh: bool) -> Steps:
    """Compare what is wanted with what is there."""
    kept = [graph for graph, sha256 in wanted.graphs.items() if found.graphs.get(graph) == sha256 and not is_fresh]
    put = [graph for graph in wanted.graphs if graph not in set(kept)]
    return Steps(tuple(put), tuple(kept), tuple(graph for graph in found.graphs if graph not in wanted.graphs))


def publish(release: Release, url: str, watcher: Watcher, *, is_fresh: bool = False, show: bool = False) -> list[str]:
    """Load a release into a store, or only tell what that would be; gives a line for each step and one for the whole.

    Raises MisuseError if the store refuses; the next run goes on where this one ended.
    """
    node = Uris.of(release.manifest.base_uri).publication()
    wanted = wanted_record(release)
    with GraphStore(url) as store:
        text = store.get(node.value)
        steps = plan_steps(wanted, read_record(text or b"", node), is_fresh=is_fresh)
        if not show:
            _carry_out(release, store, steps, watcher)
    done = [("delete", graph) for graph in steps.delete] + [("put", graph) for graph in steps.put]
    total = f"{len(steps.put)} put, {len(steps.keep)} unchanged, {len(steps.delete)} deleted: {release.id}"
    return [*(f"{verb} <{graph}>" for verb, graph in done), total]


def _carry_out(release: Release, store: GraphStore, steps: Steps, watcher: Watcher) -> None:
    """Change the store. The record says before each change what is no longer whole, and after it what is."""
    node = Uris.of(release.manifest.base_uri).publication()
    wanted = wanted_record(release)
    kept = {graph: wanted.graphs[graph] for graph in steps.keep}
    begun = dict.fromkeys((*steps.put, *steps.delete), "")
    if begun:
        store.put(node.value, Record(kept | begun).write(node))
    for graph in steps.delete:
        store.delete(graph)
    for graph in steps.put:
        put_graph(release, graph, store, watcher)
        done = Triple(NamedNode(graph), SPDX.checksumValue, Literal(wanted.graphs[graph]))
        store.post(node.value, serialize([done], format=RdfFormat.N_TRIPLES) or b"")
    store.put(node.value, wanted.write(node))


def put_graph(release: Release, graph: str, store: GraphStore, watcher: Watcher) -> None:
    """Put a graph into a store, in as many requests as it takes."""
    watcher.started(graph)
    count = 0
    is_whole = has_blank_nodes(release, graph)
    for number, chunk in enumerate(chunks(graph_triples(release, graph), None if is_whole else CHUNK_BYTES)):
        (store.post if number else store.put)(graph, chunk)
        lines = chunk.count(b"\n")
        watcher.counted(graph, lines)
        count += lines
    watcher.finished(graph, count, "triples")


def has_blank_nodes(release: Release, graph: str) -> bool:
    """Tell whether a graph may have blank nodes: two requests would make two nodes of one, so it must go in one."""
    is_file = any(named.graph == graph for file in release.manifest.graph_files for named in file.graphs)
    return is_file and any(b"_:" in piece for piece in graph_triples(release, graph))


def chunks(pieces: Iterator[bytes], size_bytes: int | None) -> Iterator[bytes]:
    """Join pieces until there are so many bytes, or all if None; at least one chunk, which may be empty."""
    held: list[bytes] = []
    length = 0
    is_first = True
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if size_bytes is not None and length >= size_bytes:
            yield b"".join(held)
            held, length, is_first = [], 0, False
    if held or is_first:
        yield b"".join(held)
