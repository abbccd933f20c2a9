"""Files for bulk loaders, `dwpld publish --bulk DIR`: N-Triples for each named graph, and a script for each loader.

Virtuoso's loader takes the graph of a file from the file beside it that ends in `.graph`; Oxigraph's is told with each
file. The record of what was published (`loader.publishing`) is one of the graphs.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from loader.dumps import compressed, graph_dumps, graph_triples
from loader.errors import MisuseError
from loader.publishing import wanted_record
from loader.releases import explained
from loader.uris import Uris

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.progress import Watcher
    from loader.release import Release

VIRTUOSO: Final = "load-virtuoso.sql"
OXIGRAPH: Final = "load-oxigraph.sh"
RECORD: Final = "publication"


def write_bulk(release: Release, directory: Path, watcher: Watcher, *, show: bool = False) -> list[str]:
    """Write the files of a release into an empty or new directory; gives a line for each.

    Raises MisuseError if the directory is not empty or cannot be written.
    """
    files = file_names(release)
    with explained(f"{directory} was not written"):
        if directory.exists() and any(directory.iterdir()):
            message = f"{directory} is not empty: give a directory of its own, files of another release would be loaded"
            raise MisuseError(message)
        if not show:
            directory.mkdir(parents=True, exist_ok=True)
            for name, graph in files.items():
                watcher.started(name)
                watcher.finished(name, _write(release, directory / name, graph), "triples")
            (directory / VIRTUOSO).write_text(_for_virtuoso(directory, files), "utf-8")
            (directory / OXIGRAPH).write_text(_for_oxigraph(files), "utf-8")
    return [f"{directory / name} <{graph}>" for name, graph in files.items()]


def file_names(release: Release) -> dict[str, str]:
    """Give the name of a file for each named graph, numbered: the names of graphs are too free for names of files."""
    dumps = graph_dumps(release)
    node = Uris.of(release.manifest.base_uri).publication().value
    named = [*((dump, graph) for graph, dump in dumps.items()), (RECORD, node)]
    return {f"{number:04}-{name}.nt.gz": graph for number, (name, graph) in enumerate(named, 1)}


def _write(release: Release, path: Path, graph: str) -> int:
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for piece in _triples(release, graph):
            count += piece.count(b"\n")
            yield piece

    with path.open("wb") as file:
        for piece in compressed(counted()):
            file.write(piece)
    path.with_name(f"{path.name.removesuffix('.gz')}.graph").write_text(f"{graph}\n", "utf-8")
    return count


def _triples(release: Release, graph: str) -> Iterator[bytes]:
    node = Uris.of(release.manifest.base_uri).publication()
    return iter([wanted_record(release).write(node)]) if graph == node.value else graph_triples(release, graph)


def _for_virtuoso(directory: Path, files: dict[str, str]) -> str:
    """Give what isql runs: graphs of the same name go first, then all files are loaded, and kept."""
    place = _sql(str(directory.resolve()))
    ours = f"starts_with (ll_file, '{place}/')"
    lines = [
        "-- isql-v 1111 dba PASSWORD < load-virtuoso.sql; the directory must be among DirsAllowed of virtuoso.ini",
        "log_enable(3, 1);",
        *(f"SPARQL CLEAR GRAPH <{graph}>;" for graph in files.values()),
        f"DELETE FROM DB.DBA.load_list WHERE {ours};",
        f"ld_dir ('{place}', '*.nt.gz', NULL);",
        "rdf_loader_run ();",
        "log_enable(1, 1);",
        "checkpoint;",
        f"SELECT ll_file, ll_error FROM DB.DBA.load_list WHERE {ours} AND ll_error IS NOT NULL;",
    ]
    return "\n".join(lines) + "\n"


def _sql(text: str) -> str:
    return text.replace("'", "''")


def _for_oxigraph(files: dict[str, str]) -> str:
    lines = [
        "#!/bin/sh",
        "# sh load-oxigraph.sh LOCATION: into a new store, or one that has none of these graphs",
        "set -eu",
        'cd "$(dirname "$0")"',
        *(
            f'oxigraph load --location "$1" --graph {shlex.quote(graph)} --file {shlex.quote(name)}'
            for name, graph in files.items()
        ),
        'oxigraph optimize --location "$1"',
    ]
    return "\n".join(lines) + "\n"
