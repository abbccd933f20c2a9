"""Pages and RDF documents a second over HTTP, next to the same bytes from disk.

    python -m benchmarks.dereferencing RELEASE [--seconds 3] [--things 50]

`dwpld serve` and a server of files (the same uvicorn and framework, and nothing of ours) are asked for the same
addresses over one connection each: first once, when nothing is kept, then again and again, in turns. The files are the
very answers of the first. A ratio is the files' answers a second over ours: what dereferencing costs over the floor.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from pyoxigraph import NamedNode
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from benchmarks import servers
from endpoint.media import HTML, JSON_LD, TURTLE
from endpoint.serving import open_serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from endpoint.media import Form

FORMS: Final = (HTML, TURTLE, JSON_LD)
TURNS: Final = 5
FLOOR: Final = """import sys, uvicorn
from benchmarks.dereferencing import files
config = uvicorn.Config(files(sys.argv[1]), port=int(sys.argv[2]), log_level="info", access_log=False)
uvicorn.Server(config).run()"""


@dataclass(frozen=True, slots=True)
class Measured:
    """How many answers a second there are of one form."""

    form: Form
    first: float
    kept: float
    floor: float


def files(directory: str) -> Starlette:
    """Make the server of files."""
    return Starlette(routes=[Mount("/", StaticFiles(directory=directory))])


def paths_of(release: Path, count: int) -> list[str]:
    """Choose documents: as many of every named graph."""
    serving = open_serving(release)
    graphs = [folder.graph for folder in serving.release.manifest.folders]
    each = max(count // len(graphs), 1)
    found = [iri for graph in graphs for iri in serving.source.subjects(NamedNode(graph), 0, each)]
    documents = [serving.site.document_iri(iri).removeprefix(serving.site.base) for iri in found]
    return list(dict.fromkeys(path for path in documents if not path.endswith(".csv")))[:count]


def rate(client: httpx.Client, addresses: Sequence[tuple[str, str]], seconds: float) -> float:
    """Ask for addresses, each with its Accept header, for a time or once if it is 0; give answers a second."""
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < seconds:
        for address, accept in addresses:
            client.get(address, headers={"Accept": accept}).raise_for_status()
            count += 1
    return count / (time.perf_counter() - start)


def measure(ours: str, floor: str, directory: Path, paths: Sequence[str], form: Form, seconds: float) -> Measured:
    """Measure one form; the first answers of ours become the files."""
    asked = [(ours + path, form.media_type) for path in paths]
    with httpx.Client(timeout=None, headers={"Accept-Encoding": "identity"}) as client:
        first = rate(client, asked, 0)
        for number, (address, accept) in enumerate(asked):
            content = client.get(address, headers={"Accept": accept}).content
            (directory / f"{number}.{form.suffix}").write_bytes(content)
        written = [(f"{floor}/{number}.{form.suffix}", "*/*") for number in range(len(asked))]
        turns = [(rate(client, asked, seconds / TURNS), rate(client, written, seconds / TURNS)) for _ in range(TURNS)]
    return Measured(form, first, *(statistics.median(turn[which] for turn in turns) for which in (0, 1)))


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--things", type=int, default=50)
    options = parser.parse_args()
    release: Path = options.release.resolve()
    paths = paths_of(release, options.things)
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-c", FLOOR, name, str(servers.free_port())]
        with servers.served(servers.serve_ours(release), "") as here, servers.served(command, "") as there:
            measured = [
                measure(here.address, there.address, Path(name), paths, form, options.seconds) for form in FORMS
            ]
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"{len(paths)} documents; {os.cpu_count()} cores, Python {platform.python_version()}, {load}\n")
    print("| form | first time, a second | kept, a second | from disk, a second | disk : kept | disk : first |")
    print("|---|---|---|---|---|---|")
    for one in measured:
        ratios = f"{one.floor / one.kept:.2f} | {one.floor / one.first:.1f}"
        print(f"| {one.form.title} | {one.first:,.0f} | {one.kept:,.0f} | {one.floor:,.0f} | {ratios} |")


if __name__ == "__main__":
    main()
