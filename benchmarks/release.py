"""From CSV to a release that can be queried, against loading the same triples: whole processes, in one run.

    python -m benchmarks.release [ROWS] [--runs 1] [--work DIR] [--oxigraph PROGRAM]

Ours is `dwpld build` of made-up mapping folders (`benchmarks/made_up.py`): two cubes of nine triples an observation and
their code lists, with every check and the gate. The peer's part begins when the triples are there: `oxigraph load` of
one N-Triples file into a new store, then `oxigraph optimize`. Times are medians; memory is the most of any run.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import servers
from benchmarks.made_up import shape_of, write_mappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.servers import Cost


def make_ours(work: Path) -> Cost:
    """Make a release where there is none."""
    shutil.rmtree(work / "out", ignore_errors=True)
    return servers.build(work / "mappings", work / "out")


def make_peer(work: Path, oxigraph: str) -> tuple[Cost, Cost]:
    """Load the triples into a new store, and optimise it."""
    shutil.rmtree(work / "store", ignore_errors=True)
    return servers.load(oxigraph, work / "all.nt", work / "store"), servers.optimise(oxigraph, work / "store")


def line(name: str, costs: Sequence[Cost]) -> str:
    """Describe what a step took."""
    seconds = statistics.median(cost.seconds for cost in costs)
    return f"{name:18} {seconds:8.1f} s {max(cost.peak_mib for cost in costs):9,.0f} MiB"


def compare(work: Path, rows: int, runs: int, oxigraph: str) -> None:
    """Measure both, taking turns, and print what they took and the ratio."""
    shape = shape_of(rows)
    write_mappings(work / "mappings", shape)
    make_ours(work)  # for the triples, and so that files are in memory for both
    triples = servers.write_triples(work / "out" / "current", work / "all.nt")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    print(f"{shape.observations:,} observations, {triples:,} triples, {runs} runs", flush=True)
    ours, loads, optimises = [], [], []
    for _ in range(runs):
        ours.append(make_ours(work))
        load, optimise = make_peer(work, oxigraph)
        loads.append(load)
        optimises.append(optimise)
    print(line("dwpld build", ours))
    print(line("oxigraph load", loads))
    print(line("oxigraph optimize", optimises))
    peer = [load.seconds + optimise.seconds for load, optimise in zip(loads, optimises, strict=True)]
    ratio = statistics.median(peer) / statistics.median(cost.seconds for cost in ours)
    print(f"ratio {ratio:.1f}", flush=True)


def main() -> None:
    """Measure in a directory that is thrown away, unless one is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--work", type=Path, help="a directory for all files, which must be empty and is kept")
    parser.add_argument("--oxigraph", help="the peer's program, if it is not beside this Python or on the PATH")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        work = options.work or Path(directory)
        compare(work, options.rows, options.runs, options.oxigraph or servers.find_oxigraph())


if __name__ == "__main__":
    main()
