"""The service over the data of the tests: one application, whose release is exchanged as a build exchanges it."""

from __future__ import annotations

import gzip
from contextlib import contextmanager
from itertools import count
from os.path import commonprefix
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from pyoxigraph import RdfFormat, Store, parse

from endpoint.app import create_app
from endpoint.settings import Settings
from loader.release import MANIFEST_FORMAT, FileRecord, FolderRecord, Manifest, file_record
from tests.conformance.sparql.suite import BASE, Data, local
from tests.integration.asking import Client, asking
from tests.properties.cube_columns import write_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import httpx

FORMS: Final = {".ttl": RdfFormat.TURTLE, ".nt": RdfFormat.N_TRIPLES, ".rdf": RdfFormat.RDF_XML}
QUERY_BODY: Final = {"Content-Type": "application/sparql-query"}


class Service:
    """Answers as `/sparql` does, over the data of one test after the other."""

    def __init__(self, root: Path, client: Client) -> None:
        self.client = client
        self._root = root
        self._numbers = count(1)
        self._releases: dict[tuple[Data, bool], Path] = {}

    def serve(self, data: Data, *, is_columns: bool) -> None:
        """Serve some data from now on; with `is_columns` as much of it as may be is columns of cubes."""
        release = self._releases.get((data, is_columns))
        if release is None:
            release = make_release(self._root / f"release-{next(self._numbers)}", data, is_columns=is_columns)
            self._releases[data, is_columns] = release
        point(self._root, release)

    def ask(self, text: str, accept: str, graphs: Sequence[tuple[str, str]] = ()) -> httpx.Response:
        """Send a query as the body of a POST, which keeps it as it is. Raises RuntimeError if the service fails."""
        address = f"/sparql?{urlencode(graphs)}" if graphs else "/sparql"
        found = self.client.request("POST", address, {**QUERY_BODY, "Accept": accept}, text.encode())
        if found.is_server_error:
            raise RuntimeError(found.text)
        return found


@contextmanager
def service(root: Path) -> Iterator[Service]:
    """Start the service, on a release of nothing."""
    point(root, make_release(root / "release-0", Data("", (), ()), is_columns=False))
    with asking(create_app(Settings(root / "current", workers=1))) as client:
        yield Service(root, client)


def point(root: Path, release: Path) -> None:
    """Make a release current."""
    link = root / ".next"
    link.symlink_to(release.name)
    link.rename(root / "current")


def make_release(path: Path, data: Data, *, is_columns: bool) -> Path:
    """Write a release of some files, each the graph of its address, blank nodes as they are."""
    graphs = {address: subjects(address) for address in data.files}
    cubes = dict(divided(graphs)) if is_columns else {}
    (path / "dumps").mkdir(parents=True)
    folders = []
    for number, (prefix, graph) in enumerate(cubes.items(), 1):
        taken = [subject for subject in graphs[graph] if subject.startswith(f"<{prefix}")]
        lines = [line for subject in taken for line in graphs[graph].pop(subject)]
        write_columns(path / "cubes", f"cube{number}", graph, prefix, lines)
        folders.append(_folder(f"cube{number}", graph, _dump(path, f"cube{number}", ())))
    rest = [f"{line} <{graph}> .\n" for graph, found in graphs.items() for lines in found.values() for line in lines]
    _dump(path, "ontology", rest)
    _dump(path, "catalogue", ())
    store = Store(str(path / "graph"))
    store.load("".join(rest).encode(), format=RdfFormat.N_QUADS)
    store.flush()
    base = f"{BASE}{data.folder}"
    Manifest(MANIFEST_FORMAT, base, "", {}, "0" * 64, tuple(folders)).write(path / "manifest.json")
    return path


def subjects(address: str) -> dict[str, list[str]]:
    """Read a file: the triples of each subject."""
    path = local(address)
    found: dict[str, list[str]] = {}
    for quad in parse(path=str(path), format=FORMS[path.suffix], base_iri=address, rename_blank_nodes=True):
        found.setdefault(str(quad.subject), []).append(str(quad.triple))
    return found


def divided(graphs: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[tuple[str, str]]:
    """Choose subjects that become cubes: addresses, in one graph only, that say nothing of blank nodes.

    Gives what their addresses begin with, and their graph: one cube for all subjects of a graph if that may be, else
    one for each subject.
    """
    everywhere = [(subject[1:], graph) for graph, found in graphs.items() for subject in found]
    for graph, found in graphs.items():
        fit = [one[1:-1] for one, lines in found.items() if not any(map(_has_blank, lines))]

        def is_own(prefix: str, graph: str = graph, fit: Sequence[str] = fit) -> bool:
            begun = [(one, where) for one, where in everywhere if one.startswith(prefix)]
            return all(where == graph and one[:-1] in fit for one, where in begun)

        together = commonprefix(fit)  # noqa: RUF071 - of texts, not of paths
        if together and is_own(together):
            yield together, graph
        else:
            others = [one for one in fit if sum(other.startswith(one) for other in fit) == 1]
            yield from ((one, graph) for one in others if is_own(one))


def _has_blank(line: str) -> bool:
    return " _:" in line or line.startswith("_:")


def _dump(path: Path, name: str, lines: Sequence[str]) -> FileRecord:
    file = path / "dumps" / f"{name}.nq.gz"
    file.write_bytes(gzip.compress("".join(lines).encode()))
    return file_record(file, f"dumps/{name}.nq.gz")


def _folder(name: str, graph: str, dump: FileRecord) -> FolderRecord:
    return FolderRecord(name, "cube", name, graph, None, False, False, 0, 0, 0, {}, (), (), (dump,), "", ())
