"""The official SPARQL 1.1 evaluation tests, over data of which a part of the subjects are columns of cubes.

The answers wanted are those of the engine over all triples; `tests/unit/test_cube_queries.py` reads the same queries
and writes them again. Blank nodes become addresses first, since a release has none.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import BlankNode, NamedNode, QuerySolutions, RdfFormat, Store, parse

from endpoint.cubes.refusal import RefusalError
from endpoint.guard import analyse
from endpoint.problems import RequestError
from endpoint.source import Dataset, Scope
from tests.properties.cube_cases import BASE, Part, divide, multiset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.properties.cube_cases import Case

SPLITS = 2
TESTS = """
    PREFIX mf: <http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#>
    PREFIX qt: <http://www.w3.org/2001/sw/DataAccess/tests/test-query#>
    SELECT ?query ?data ?graph {
        ?test a mf:QueryEvaluationTest ; mf:action ?action . ?action qt:query ?query
        OPTIONAL { ?action qt:data ?data } OPTIONAL { ?action qt:graphData ?graph }
    }"""
FORMS = {".ttl": RdfFormat.TURTLE, ".nt": RdfFormat.N_TRIPLES, ".rdf": RdfFormat.RDF_XML}
UNSTEADY = ("RAND(", "UUID(", "NOW(", "BNODE(")
FOLDERS = (
    *("aggregates", "bind", "bindings", "cast", "construct", "exists", "functions", "grouping", "negation"),
    *("project-expression", "property-path", "subquery"),
)
REFUSED = (
    "a path repeats (*, + or ?) a property of observations",
    "a path within GRAPH ?g may have no length",
    "it selects all variables, and has none",
)


def evaluations(folder: Path) -> list[tuple[Path, frozenset[str], frozenset[str]]]:
    """Give the tests of a manifest: query, files of the default graph, files that are named graphs."""
    store = Store()
    store.load(path=str(folder / "manifest.ttl"), format=RdfFormat.TURTLE, base_iri="file:///")
    found: dict[str, tuple[set[str], set[str]]] = {}
    solutions = store.query(TESTS)
    assert isinstance(solutions, QuerySolutions), "it is a SELECT query"
    for row in solutions:
        files = found.setdefault(row["query"].value, (set(), set()))
        for place, name in enumerate(("data", "graph")):
            if row[name] is not None:
                files[place].add(row[name].value)
    return [
        (folder / query.rpartition("/")[2], frozenset(data), frozenset(graphs))
        for query, (data, graphs) in sorted(found.items())
    ]


def triples_of(folder: Path, address: str) -> list[str]:
    """Give the triples of a file, blank nodes as addresses."""
    path = folder / address.rpartition("/")[2]
    named: dict[str, str] = {}

    def written(term: object) -> str:
        if isinstance(term, BlankNode):
            return named.setdefault(str(term), f"<{BASE}/blank/{path.name}/{len(named)}>")
        return str(term)

    quads = parse(path=str(path), format=FORMS[path.suffix], base_iri=f"{BASE}/{path.name}")
    return [" ".join(map(written, (quad.subject, quad.predicate, quad.object))) for quad in quads]


def parts(graphs: Mapping[str, list[str]], chance: random.Random) -> Iterator[Part]:
    """Choose subjects that are in one graph only, and make them cubes, so that no other subject begins like them."""
    of_prefix: dict[str, set[str]] = defaultdict(set)
    subjects = {(line.split(" ", 1)[0][1:-1], graph) for graph, lines in graphs.items() for line in lines}
    for subject, _ in subjects:
        for end in {len(subject), len(subject) - 1, subject.rfind("/") + 1, subject.rfind("#") + 1} - {0}:
            of_prefix[subject[:end]] |= {graph for other, graph in subjects if other.startswith(subject[:end])}
    fit = sorted(prefix for prefix, found in of_prefix.items() if len(found) == 1)
    chance.shuffle(fit)
    chosen: list[str] = []
    for prefix in fit[: chance.randint(1, len(fit))] if fit else []:
        if not any(prefix.startswith(other) or other.startswith(prefix) for other in chosen):
            chosen.append(prefix)
            (graph,) = of_prefix[prefix]
            yield Part(
                f"cube{len(chosen)}",
                graph,
                prefix,
                [line for line in graphs[graph] if line.startswith(f"<{prefix}")],
            )


def case_of(path: Path, graphs: Mapping[str, list[str]], seed: int) -> Case:
    """Divide graphs into triples and cubes."""
    cubes = list(parts(graphs, random.Random(seed)))
    taken = {line for cube in cubes for line in cube.triples}
    left = {
        name: [*(line for line in lines if line not in taken), f"<{BASE}/extra> <{BASE}/extra> <{BASE}/extra>"]
        for name, lines in graphs.items()
    }
    return divide(path, left, cubes)


def shown(rows: Counter[tuple[str, ...]], text: str) -> Counter[tuple[str, ...]]:
    """Leave out of an answer what may differ from run to run."""
    upper = text.upper()
    if any(word in upper for word in UNSTEADY):
        return Counter({("rows",): sum(rows.values())})
    if "GROUP_CONCAT" in upper:  # its order is anybody's guess
        return Counter(tuple("".join(sorted(cell)) for cell in row) for row in rows.elements())
    return rows


def compare(case: Case, text: str, scope: Dataset | Scope) -> str:
    """Ask both ways; say how it went."""
    try:
        analyse(text)
        wanted = shown(multiset(case.plain.answer(text, scope)), text)
    except (RequestError, SyntaxError, OSError, RuntimeError, ValueError):
        return "no query"
    try:
        found = shown(multiset(case.columns.answer(text, scope)), text)
    except RefusalError as error:
        if error.reason not in REFUSED:
            raise
        return error.reason
    explained = case.columns.explain(text, scope).query
    assert found == wanted, f"{text}\n\n{explained}\n\ntoo many {found - wanted}\n\ntoo few {wanted - found}"
    return "rewritten" if explained else "same"


@cache
def graph_of(address: str) -> str:
    """Name the graph of a file."""
    return f"{BASE}/{address.rpartition('/')[2]}"


@pytest.mark.parametrize("name", FOLDERS)
def test_official_queries_over_divided_data_are_answered_as_over_all_triples(
    shared: Path, tmp_path: Path, name: str
) -> None:
    folder = shared / "w3c-sparql11-tests" / name
    went: Counter[str] = Counter()
    for number, (query, data, named) in enumerate(evaluations(folder)):
        text = query.read_text("utf-8")
        files = data | named
        has_dataset = " FROM " in text.replace("\n", " ").upper()
        if not files:
            files = frozenset(
                path.name for path in folder.iterdir() if path.suffix in FORMS and path.stem != "manifest"
            )
        graphs = {graph_of(file): triples_of(folder, file) for file in files}
        scope: Dataset | Scope = Dataset(
            tuple(NamedNode(graph_of(file)) for file in sorted(data)),
            tuple(NamedNode(graph_of(file)) for file in sorted(named)),
        )
        for seed in range(SPLITS):
            case = case_of(tmp_path / f"{number}-{seed}", graphs, seed)
            went[compare(case, text, Scope.STATED if has_dataset else scope)] += 1
    assert went["rewritten"] > sum(went.values()) / 3
