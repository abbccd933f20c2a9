"""How both ways of storing grow: making, memory, disk and the eight cube queries, from 10^5 to 10^7 observations.

    python benchmarks/growth.py [--sizes 100000 1000000 10000000] [--peer-up-to 1000000] [--work DIR] [--report]

Each measurement is a line of JSON in `DIR/measurements.jsonl`, written at once: a run that was stopped goes on where it
was, and what is there is not measured again unless its line is deleted. `--report` only writes what there is: tables to
stdout, and the plot to `--plot`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks import servers
from benchmarks.made_up import shape_of, write_mappings
from benchmarks.plot import Panel, draw
from benchmarks.serving import HEADERS, QUERIES, Compared, ask, compare, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.plot import Point

OURS, PEER = "dwpld", "oxigraph"
NAMES: Final = {OURS: "columns (dwpld)", PEER: "every triple (oxigraph)"}
BUILD, LOAD, OPTIMISE, SERVE = "build", "load", "optimise", "serve"
TITLE: Final = "Growth with the number of observations"
DESCRIPTION: Final = (
    "Time of queries, time to make, peak memory and size on disk; the tables beside this have the figures."
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing measured: of how many observations, in which way of storing, and which step or query it is."""

    observations: int
    engine: str
    step: str
    seconds: float
    peak_mib: float = 0.0
    size_bytes: int = 0
    rows: int = 0
    is_capped: bool = False
    """True if it was ended at the cap: it would have taken longer."""
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    """How many processes wanted a core then."""

    @property
    def key(self) -> tuple[int, str, str]:
        """What a later measurement replaces."""
        return self.observations, self.engine, self.step


class Log:
    """The measurements there are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self._found = {one.key: one for one in (Measurement(**json.loads(line)) for line in lines)}

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self._found.values())

    def get(self, observations: int, engine: str, step: str) -> Measurement | None:
        """Give a measurement, if there is one."""
        return self._found.get((observations, engine, step))

    def note(self, one: Measurement) -> None:
        """Add a measurement."""
        self._found[one.key] = one
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        said = f"{one.observations:,} {one.engine} {one.step}: {one.seconds:.4f} s"
        print(said, file=sys.stderr)

    @property
    def sizes(self) -> list[int]:
        """Give the numbers of observations, ascending."""
        return sorted({one.observations for one in self})


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure."""

    oxigraph: str | None
    """The peer's program; None if it is not measured."""
    cap_s: int
    runs: int


def measure(work: Path, observations: int, options: Options, log: Log) -> None:
    """Measure all that is missing for one number of observations."""
    shape = shape_of(observations)
    folder = work / str(observations)
    release = folder / "out" / "current"
    if log.get(shape.observations, OURS, BUILD) is None or not release.exists():
        shutil.rmtree(folder, ignore_errors=True)
        write_mappings(folder / "mappings", shape)
        cost = servers.build(folder / "mappings", folder / "out")
        size = servers.size_bytes(release / "graph", release / "cubes")
        log.note(Measurement(shape.observations, OURS, BUILD, cost.seconds, cost.peak_mib, size))
    if options.oxigraph is not None:
        make_peer(folder, release, shape.observations, options.oxigraph, log)
    ask_all(folder, release, shape.observations, options, log)


def make_peer(folder: Path, release: Path, observations: int, oxigraph: str, log: Log) -> None:
    """Load the peer's store and optimise it, unless that was done."""
    store, triples = folder / "store", folder / "all.nt"
    if log.get(observations, PEER, OPTIMISE) is not None and store.exists():
        return
    shutil.rmtree(store, ignore_errors=True)
    count = servers.write_triples(release, triples)
    cost = servers.load(oxigraph, triples, store)
    log.note(Measurement(observations, PEER, LOAD, cost.seconds, cost.peak_mib, servers.size_bytes(store), count))
    triples.unlink()
    cost = servers.optimise(oxigraph, store)
    log.note(Measurement(observations, PEER, OPTIMISE, cost.seconds, cost.peak_mib, servers.size_bytes(store), count))


def ask_all(folder: Path, release: Path, observations: int, options: Options, log: Log) -> None:
    """Ask the queries that were not asked yet; note what memory the servers needed."""
    engine = OURS if options.oxigraph is None else PEER
    missing = [name for name in QUERIES if log.get(observations, engine, name) is None]
    if not missing:
        return
    with ExitStack() as stack:
        here = stack.enter_context(servers.served(servers.serve_ours(release), "/sparql"))
        there = None
        if options.oxigraph is not None:
            command = servers.serve_peer(options.oxigraph, folder / "store", options.cap_s)
            there = stack.enter_context(servers.served(command, "/query"))
        for name in missing:
            if there is None:
                note_ours(here.address, observations, name, options.runs, log)
            else:
                compared = compare(here.address, there.address, name, QUERIES[name], options.runs)
                note_both(compared, observations, log)
    note_server(OURS, observations, here, log)
    if there is not None:
        note_server(PEER, observations, there, log)


def note_server(engine: str, observations: int, server: servers.Cost, log: Log) -> None:
    """Note the most memory that a server ever needed, if the queries were asked in several runs."""
    before = log.get(observations, engine, SERVE)
    peak = max(server.peak_mib, before.peak_mib if before else 0)
    log.note(Measurement(observations, engine, SERVE, server.seconds, peak))


def note_ours(address: str, observations: int, name: str, runs: int, log: Log) -> None:
    """Ask ours alone."""
    with httpx.Client(timeout=None, headers=HEADERS) as client:
        answered = ask(client, address, QUERIES[name], runs, float("inf"))
    if not answered.body:
        sys.exit(f"{name}: {answered.said}")
    log.note(Measurement(observations, OURS, name, answered.seconds, rows=rows_of(answered.body).total()))


def note_both(compared: Compared, observations: int, log: Log) -> None:
    """Note a query that was asked both."""
    rows, is_capped = compared.rows, compared.is_capped
    log.note(Measurement(observations, OURS, compared.name, compared.ours_s, rows=rows))
    log.note(Measurement(observations, PEER, compared.name, compared.peer_s, rows=rows, is_capped=is_capped))


def report(log: Log) -> list[str]:
    """Write the tables in Markdown, and how busy the machine was."""
    loads = [one.load for one in log]
    busy = f"Load averages of {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores."
    return [*making_table(log), "", *query_table(log), "", busy]


def making_table(log: Log) -> list[str]:
    """Write what making and keeping takes."""
    heads = ["observations", "", "made in, s", "peak memory, MiB", "on disk, MB", "server's peak memory, MiB"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for size in log.sizes:
        for engine in (OURS, PEER):
            made = making(log, size, engine)
            if made is None:
                continue
            server = log.get(size, engine, SERVE)
            memory = f"{server.peak_mib:,.0f}" if server else ""
            cells = (f"{size:,}", NAMES[engine], f"{made.seconds:,.1f}", f"{made.peak_mib:,.0f}", mb(made.size_bytes))
            lines.append(f"| {' | '.join([*cells, memory])} |")
    return lines


def mb(size_bytes: int) -> str:
    """Write a size in millions of bytes."""
    return f"{size_bytes / 1e6:,.1f}"


def making(log: Log, size: int, engine: str) -> Measurement | None:
    """Give what it takes to be ready to serve; for the peer, loading and optimising."""
    if engine == OURS:
        return log.get(size, OURS, BUILD)
    load, optimise = log.get(size, PEER, LOAD), log.get(size, PEER, OPTIMISE)
    if load is None or optimise is None:
        return None
    peak = max(load.peak_mib, optimise.peak_mib)
    return Measurement(size, PEER, "made", load.seconds + optimise.seconds, peak, optimise.size_bytes)


def query_table(log: Log) -> list[str]:
    """Write how long each query takes, and how many times longer with every triple."""
    sizes = log.sizes
    heads = ["query", *(f"{size:,}: columns, s | store, s | ratio" for size in sizes)]
    lines = [f"| {' | '.join(heads)} |", "|---" * (1 + 3 * len(sizes)) + "|"]
    lines += [
        f"| {name} | {' | '.join(cell for size in sizes for cell in query_cells(log, size, name))} |"
        for name in QUERIES
    ]
    cells = [cell for size in sizes for cell in mean_cells(log, size)]
    return [*lines, f"| geometric mean | {' | '.join(cells)} |"]


def mean_cells(log: Log, size: int) -> tuple[str, str, str]:
    """Write the geometric means of both, and their ratio."""
    ours, peer = mean(log, size, OURS), mean(log, size, PEER)
    is_capped = any(one.is_capped for one in log if one.observations == size)
    return cells_of(ours, peer, is_capped=is_capped)


def query_cells(log: Log, size: int, name: str) -> tuple[str, str, str]:
    """Write both times of a query, and their ratio."""
    ours, peer = log.get(size, OURS, name), log.get(size, PEER, name)
    is_capped = peer is not None and peer.is_capped
    return cells_of(ours.seconds if ours else None, peer.seconds if peer else None, is_capped=is_capped)


def cells_of(ours: float | None, peer: float | None, *, is_capped: bool) -> tuple[str, str, str]:
    """Write two times and their ratio; the peer's is a lower bound if it was ended."""
    least = "> " if is_capped else ""
    return figure(ours), least + figure(peer), f"{least}{peer / ours:,.1f}" if ours and peer else ""


def figure(seconds: float | None) -> str:
    """Write a time, to three digits."""
    return "" if seconds is None else f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.3g}"


def mean(log: Log, size: int, engine: str) -> float | None:
    """Give the geometric mean of the times of all queries, if all were asked."""
    found = [one.seconds for name in QUERIES if (one := log.get(size, engine, name)) is not None]
    return statistics.geometric_mean(found) if len(found) == len(QUERIES) else None


def panels(log: Log) -> list[Panel]:
    """Give the diagrams."""
    made = [one for size in log.sizes for engine in (OURS, PEER) if (one := making(log, size, engine)) is not None]
    means = [(size, engine, mean(log, size, engine)) for size in log.sizes for engine in (OURS, PEER)]
    return [
        panel("Eight queries: geometric mean, s", ((e, (size, value)) for size, e, value in means if value)),
        panel("Time to make, s", ((one.engine, (one.observations, one.seconds)) for one in made)),
        panel("Peak memory in making, MiB", ((one.engine, (one.observations, one.peak_mib)) for one in made)),
        panel("On disk, MB", ((one.engine, (one.observations, one.size_bytes / 1e6)) for one in made)),
    ]


def panel(title: str, points: Iterable[tuple[str, Point]]) -> Panel:
    """Give one diagram."""
    found: dict[str, list[Point]] = {}
    for engine, point in points:
        found.setdefault(NAMES[engine], []).append(point)
    return Panel(title, found)


def main() -> None:
    """Measure what is missing, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--peer-up-to", type=int, default=1_000_000, help="largest size that the peer gets")
    parser.add_argument("--cap", type=int, default=300, help="seconds after which the peer's query is ended")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--oxigraph", default=None, help="the peer's program")
    parser.add_argument("--work", type=Path, default=Path("build/growth"), help="where data and measurements are kept")
    parser.add_argument("--plot", type=Path, default=None, help="SVG file to write")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    log = Log(options.work / "measurements.jsonl")
    for size in [] if options.report else sorted(options.sizes):
        peer = (options.oxigraph or servers.find_oxigraph()) if size <= options.peer_up_to else None
        measure(options.work, size, Options(peer, options.cap, options.runs), log)
    print("\n".join(report(log)))
    if options.plot is not None:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        options.plot.write_text(draw(panels(log), TITLE, DESCRIPTION), "utf-8")


if __name__ == "__main__":
    main()
