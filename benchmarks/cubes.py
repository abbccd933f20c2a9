"""Cube queries: from columns, against the graph store with every triple, optimised, in the same run.

    python benchmarks/cubes.py [OBSERVATIONS] [--without-store]

Two made-up cubes of areas, months and ages, half of the observations each. Times are medians of what a client
waits for, in one process: reading, rewriting, asking, taking every row. Memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import NamedNode, QueryBoolean, RdfFormat, Store

from endpoint.cubes.columns import open_columns
from endpoint.cubes.source import CubeSource
from endpoint.source import Scope, StoreSource
from loader.columns import Observations
from loader.release import MANIFEST_FORMAT, Manifest, Release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from endpoint.source import QuadSource

BASE: Final = "http://example.org"
AREAS, AGES, REGIONS, REPEATS = 400, 10, 10, 3
PREFIXES: Final = f"""PREFIX : <{BASE}/> PREFIX qb: <http://purl.org/linked-data/cube#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
"""
QUERIES: Final = {
    "slice of one period": "SELECT ?a ?g ?v { ?o qb:dataSet :one ; :period :m3 ; :area ?a ; :age ?g ; :value ?v }",
    "sum by area, one period": "SELECT ?a (SUM(?v) AS ?s) { ?o :period :m3 ; :area ?a ; :value ?v } GROUP BY ?a",
    "sum by area": "SELECT ?a (SUM(?v) AS ?s) { ?o qb:dataSet :one ; :area ?a ; :value ?v } GROUP BY ?a",
    "series of one area": "SELECT ?p (SUM(?v) AS ?s) { ?o :area :a7 ; :period ?p ; :value ?v } GROUP BY ?p",
    "distinct areas": "SELECT DISTINCT ?a { ?o qb:dataSet :one ; :area ?a }",
    "top 10 in a region": "SELECT ?a ?l (SUM(?v) AS ?s) { ?o :period :m3 ; :area ?a ; :value ?v . "
    "?a skos:broader+ :r2 ; skos:prefLabel ?l } GROUP BY ?a ?l ORDER BY DESC(?s) LIMIT 10",
    "cross-tab": "SELECT ?a ?g (SUM(?v) AS ?s) { ?o qb:dataSet :one ; :area ?a ; :age ?g ; :value ?v } GROUP BY ?a ?g",
    "ratio of two cubes": "SELECT ?a ?p (?w / ?v AS ?ratio) { ?o qb:dataSet :one ; :age :g1 ; :area ?a ; :period ?p ; "
    ":value ?v . ?q qb:dataSet :two ; :age :g1 ; :area ?a ; :period ?p ; :amount ?w . FILTER(?p = :m3) }",
    "count of everything": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }",
    "classes and their sizes": "SELECT ?c (COUNT(*) AS ?n) { ?s a ?c } GROUP BY ?c",
    "properties and their sizes": "SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p",
    "graphs": "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g",
    "ten triples": "SELECT * { ?s ?p ?o } LIMIT 10",
    "one subject": f"SELECT * {{ <{BASE}/data/one/obs/11> ?p ?o }}",
    "what points at a code": "SELECT ?s ?p { ?s ?p :a7 } LIMIT 1000",
}


def codes() -> Iterator[str]:
    """Yield what is said of the codes."""
    label, broader = (f"<http://www.w3.org/2004/02/skos/core#{name}>" for name in ("prefLabel", "broader"))
    for area in range(AREAS):
        yield f'<{BASE}/a{area}> {label} "Area {area}"@en .\n'
        yield f"<{BASE}/a{area}> {broader} <{BASE}/r{area % REGIONS}> .\n"
    for region in range(REGIONS):
        yield f'<{BASE}/r{region}> {label} "Region {region}"@en .\n'


def chunks(name: str, measure: str, count: int) -> Iterator[bytes]:
    """Yield the triples of a cube, some thousand observations at a time."""
    qb = "http://purl.org/linked-data/cube#"
    rdf_type, kind = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>", f"<{qb}Observation>"
    lines: list[str] = []
    for row in range(count):
        s = f"<{BASE}/data/{name}/obs/{row}>"
        area, age, month = row % AREAS, row // AREAS % AGES, row // (AREAS * AGES)
        value = row * 7919 % 100_003
        literal = f'"{value}"^^<http://www.w3.org/2001/XMLSchema#integer>'
        if measure == "amount":
            literal = f'"{value}.{row % 9 + 1}"^^<http://www.w3.org/2001/XMLSchema#decimal>'
        lines += [
            f"{s} <{BASE}/area> <{BASE}/a{area}> .\n{s} <{BASE}/age> <{BASE}/g{age}> .\n",
            f"{s} <{BASE}/period> <{BASE}/m{month}> .\n{s} <{BASE}/{measure}> {literal} .\n",
            f"{s} {rdf_type} {kind} .\n{s} <{qb}dataSet> <{BASE}/{name}> .\n",
            f"{s} <{qb}measureType> <{BASE}/{measure}> .\n{s} <{BASE}/status> <{BASE}/A> .\n",
            f"{s} <{BASE}/unit> <{BASE}/person> .\n",
        ]
        if len(lines) > 20_000:
            yield "".join(lines).encode()
            lines = []
    yield "".join(lines).encode()


def timed(source: QuadSource, query: str, repeats: int) -> tuple[float, int]:
    """Give the median time in seconds, and the number of rows."""
    times, count = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        found = source.answer(PREFIXES + query, Scope.UNION)
        count = 1 if isinstance(found, QueryBoolean) else sum(1 for _ in found)
        times.append(time.perf_counter() - start)
    return statistics.median(times), count


def main() -> None:
    """Make both, ask both, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("observations", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--without-store", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        run(Path(directory), options.observations, is_compared=not options.without_store)


def run(path: Path, observations: int, *, is_compared: bool) -> None:
    """Measure."""
    (path / "cubes").mkdir()
    stored, full = Store(), Store(str(path / "full"))
    spent = {"columns": 0.0, "store": 0.0}
    for store in (stored, full):
        store.bulk_load(input="".join(codes()).encode(), format=RdfFormat.N_TRIPLES)
    for name, measure in (("one", "value"), ("two", "amount")):
        found = Observations(f"{BASE}/data/{name}/obs/")
        for chunk in chunks(name, measure, observations // 2):
            start = time.perf_counter()
            found.note(chunk)
            spent["columns"] += time.perf_counter() - start
            if is_compared:
                with (path / f"{name}.nt").open("ab") as file:
                    file.write(chunk)
        start = time.perf_counter()
        assert found.write(path / "cubes" / f"{name}.parquet", name, f"{BASE}/graph/{name}") is not None
        spent["columns"] += time.perf_counter() - start
        if is_compared:
            start = time.perf_counter()
            graph = full_graph(name)
            full.bulk_load(path=path / f"{name}.nt", format=RdfFormat.N_TRIPLES, to_graph=graph)
            spent["store"] += time.perf_counter() - start
    start = time.perf_counter()
    full.optimize()
    spent["store"] += time.perf_counter() - start
    print(f"{observations:,} observations: columns {spent['columns']:.1f} s, store {spent['store']:.1f} s")
    columns = open_columns(Release(path, Manifest(MANIFEST_FORMAT, BASE, "", {}, "", ())))
    assert columns is not None
    report(CubeSource(stored, columns, BASE), StoreSource(full, BASE) if is_compared else None)


def full_graph(name: str) -> NamedNode:
    """Give the graph of a cube."""
    return NamedNode(f"{BASE}/graph/{name}")


def report(columns: QuadSource, store: QuadSource | None) -> None:
    """Ask every query both ways and print the times."""
    ratios = []
    print(f"{'query':28} {'rows':>8} {'columns':>9} {'store':>9} {'ratio':>7}")
    for name, query in QUERIES.items():
        seconds, count = timed(columns, query, REPEATS)
        if store is None:
            print(f"{name:28} {count:8,} {seconds:9.3f}")
            continue
        stored, stored_count = timed(store, query, 1)
        assert count == stored_count, name
        ratios.append(stored / seconds)
        print(f"{name:28} {count:8,} {seconds:9.3f} {stored:9.3f} {ratios[-1]:7.1f}")
    if ratios:
        print(f"geometric mean of the first eight: {statistics.geometric_mean(ratios[:8]):.1f}; of all: ", end="")
        print(f"{statistics.geometric_mean(ratios):.1f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
