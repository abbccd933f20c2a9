"""Eight cube queries over HTTP: `dwpld serve`, cubes as columns, against `oxigraph serve`, every triple, optimised.

    python benchmarks/serving.py [OBSERVATIONS] [--runs 5] [--cap 300] [--oxigraph PROGRAM]

One client asks both, one query at a time, for `application/sparql-results+json`, and reads the whole answer. Answers
are compared as multisets of rows; numbers by value and datatype, because a store writes 0.70 as 0.7. A time is a
median: of `--runs` answers, and of the peer's as many as begin within twenty seconds. A query that the peer does not
answer within `--cap` seconds counts as answered then, and its ratio is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks import servers
from benchmarks.made_up import EXPENDITURE, HOUSEHOLDS, shape_of, write_mappings
from benchmarks.servers import BASE
from ontology.terms import QB, SKOS, XSD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HEADERS: Final = {"Accept": "application/sparql-results+json", "Accept-Encoding": "identity"}
PEER_BUDGET_S: Final = 20.0
GOAL: Final = 25.0
PREFIXES: Final = f"""PREFIX qb: <{QB.NAMESPACE}> PREFIX skos: <{SKOS.NAMESPACE}>
PREFIX data: <{BASE}/data/> PREFIX dimension: <{BASE}/def/dimension/> PREFIX measure: <{BASE}/def/measure/>
PREFIX area: <{BASE}/def/concept/area/> PREFIX age: <{BASE}/def/concept/age-band/>
PREFIX month: <http://reference.data.gov.uk/id/month/>
"""
QUERIES: Final = {
    "slice of one period": f"""SELECT ?area ?age ?figure {{ ?o qb:dataSet data:{HOUSEHOLDS} ;
        dimension:period month:2010-01 ; dimension:area ?area ; dimension:age-band ?age ;
        measure:households ?figure }}""",
    "sum by area for one period": """SELECT ?area (SUM(?figure) AS ?sum) { ?o dimension:period month:2010-01 ;
        dimension:area ?area ; measure:households ?figure } GROUP BY ?area""",
    "sum by area": f"""SELECT ?area (SUM(?figure) AS ?sum) {{ ?o qb:dataSet data:{EXPENDITURE} ; dimension:area ?area ;
        measure:expenditure ?figure }} GROUP BY ?area""",
    "time series of one area": """SELECT ?period (SUM(?figure) AS ?sum) { ?o dimension:area area:area-7 ;
        dimension:period ?period ; measure:households ?figure } GROUP BY ?period ORDER BY ?period""",
    "distinct values of a dimension": f"""SELECT DISTINCT ?area {{ ?o qb:dataSet data:{HOUSEHOLDS} ;
        dimension:area ?area }}""",
    "top 10 with labels in a region": """SELECT ?area ?label (SUM(?figure) AS ?sum) {
        ?o dimension:period month:2010-01 ; dimension:area ?area ; measure:households ?figure .
        ?area skos:broader+ area:region-2 ; skos:prefLabel ?label }
        GROUP BY ?area ?label ORDER BY DESC(?sum) ?area LIMIT 10""",
    "cross-tab of two dimensions": f"""SELECT ?area ?period (SUM(?figure) AS ?sum) {{ ?o qb:dataSet data:{HOUSEHOLDS} ;
        dimension:area ?area ; dimension:period ?period ; measure:households ?figure }} GROUP BY ?area ?period""",
    "ratio of two cubes": f"""SELECT ?area ?period (?spent / ?households AS ?ratio) {{
        ?o qb:dataSet data:{HOUSEHOLDS} ; dimension:age-band age:age-1 ;
        dimension:area ?area ; dimension:period ?period ; measure:households ?households .
        ?q qb:dataSet data:{EXPENDITURE} ; dimension:age-band age:age-1 ;
        dimension:area ?area ; dimension:period ?period ; measure:expenditure ?spent }}""",
}
NUMBERS: Final = {XSD.decimal.value, XSD.integer.value}

Row = tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """How a query was answered."""

    seconds: float
    """The median."""
    body: bytes
    """The last answer; empty if there is none, because it was not finished within the cap."""
    said: str = ""
    """What was said instead."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A query asked both servers."""

    name: str
    rows: int
    ours_s: float
    peer_s: float
    is_capped: bool
    """True if the peer did not answer in time."""

    @property
    def ratio(self) -> float:
        """How many times sooner ours answers, or at least."""
        return self.peer_s / self.ours_s


def ask(client: httpx.Client, address: str, query: str, runs: int, budget_s: float) -> Answered:
    """Ask a query several times, as long as there is time for another."""
    times: list[float] = []
    body = b""
    while len(times) < runs and sum(times) < budget_s:
        start = time.perf_counter()
        answer = client.get(address, params={"query": PREFIXES + query})
        times.append(time.perf_counter() - start)
        if answer.status_code != HTTPStatus.OK or not is_whole(answer.content):
            return Answered(times[-1], b"", answer.text[-200:])
        body = answer.content
    return Answered(statistics.median(times), body)


def is_whole(body: bytes) -> bool:
    """Tell whether an answer is all there: the peer begins it, with 200, and breaks off when its time is over."""
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def rows_of(body: bytes) -> Counter[Row]:
    """Read an answer as a multiset of rows."""
    bindings: list[dict[str, dict[str, str]]] = json.loads(body)["results"]["bindings"]
    return Counter(tuple(sorted((name, *_term(term)) for name, term in row.items())) for row in bindings)


def _term(term: Mapping[str, str]) -> tuple[str, str, str]:
    """Give a term's type, value and datatype or language."""
    value, datatype = term["value"], term.get("datatype", term.get("xml:lang", ""))
    if datatype in NUMBERS and "." in value:
        value = value.rstrip("0").removesuffix(".")
    return term["type"], value, datatype


def compare(ours: str, peer: str, name: str, query: str, runs: int) -> Compared:
    """Ask both servers the same. Stops the program if their answers differ."""
    with httpx.Client(timeout=None, headers=HEADERS) as client:
        here = ask(client, ours, query, runs, float("inf"))
        there = ask(client, peer, query, runs, PEER_BUDGET_S)
    if not here.body or (there.body and not are_same(here.body, there.body, query)):
        message = f"{name}: {here.said or 'the answers differ'}"
        raise SystemExit(message)
    return Compared(name, rows_of(here.body).total(), here.seconds, there.seconds, is_capped=not there.body)


def are_same(one: bytes, other: bytes, query: str) -> bool:
    """Tell whether two answers are the same; of any so many rows, only whether they are so many."""
    if "LIMIT" in query and "ORDER BY" not in query:
        return rows_of(one).total() == rows_of(other).total()
    return rows_of(one) == rows_of(other)


def table(compared: Sequence[Compared]) -> list[str]:
    """Write the results as a table in Markdown."""
    lines = ["| query | rows | columns, s | store, s | ratio |", "|---|---|---|---|---|"]
    for one in compared:
        least = "> " if one.is_capped else ""
        cells = (one.name, f"{one.rows:,}", f"{one.ours_s:.4f}", f"{least}{one.peer_s:.3f}", f"{least}{one.ratio:,.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def verdict(compared: Sequence[Compared]) -> tuple[str, bool]:
    """Say what comes out of it, and whether that is the goal."""
    ratios = [one.ratio for one in compared]
    mean, least = statistics.geometric_mean(ratios), "at least " if any(one.is_capped for one in compared) else ""
    said = f"Geometric mean {least}{mean:,.1f}, lowest {min(ratios):,.1f}; goal {GOAL:g}, none below 1."
    return said, mean >= GOAL and min(ratios) >= 1


@contextmanager
def both(observations: int, oxigraph: str, cap_s: int | None) -> Iterator[tuple[str, str]]:
    """Make both from the same data, and run both servers; give where ours answers, and where the peer does."""
    shape = shape_of(observations)
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        release, store = work / "out" / "current", work / "store"
        write_mappings(work / "mappings", shape)
        servers.build(work / "mappings", work / "out")
        triples = servers.write_triples(release, work / "all.nt")
        servers.load(oxigraph, work / "all.nt", store)
        servers.optimise(oxigraph, store)
        print(f"{shape.observations:,} observations, {triples:,} triples; {os.cpu_count()} cores, ", end="")
        print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}", end="", flush=True)
        ours = servers.served(servers.serve_ours(release), "/sparql")
        peer = servers.served(servers.serve_peer(oxigraph, store, cap_s), "/query")
        with ours as here, peer as there:
            yield here.address, there.address
        print(f" to {os.getloadavg()[0]:.1f}\n")


def arguments(description: str | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("observations", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cap", type=int, default=300, help="seconds after which the peer's query is ended")
    parser.add_argument("--oxigraph", default=None, help="the peer's program")
    return parser.parse_args()


def compare_all(queries: Mapping[str, str], description: str | None) -> list[Compared]:
    """Make both, ask both every query, print a table."""
    options = arguments(description)
    with both(options.observations, options.oxigraph or servers.find_oxigraph(), options.cap) as (ours, peer):
        compared = [compare(ours, peer, name, query, options.runs) for name, query in queries.items()]
    print("\n".join(table(compared)))
    return compared


def main() -> None:
    """Ask the eight queries; exit 1 if the goal is missed."""
    said, is_met = verdict(compare_all(QUERIES, __doc__))
    print(f"\n{said}")
    if not is_met:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
