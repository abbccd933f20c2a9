"""Questions of the kind that goes wrong, each asked of columns and of a store with every triple.

They are in `cube_questions.txt`, with what they are about; one that is found wrong is added there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import NamedNode, RdfFormat, parse

from endpoint.cubes.refusal import RefusalError
from endpoint.guard import analyse
from endpoint.source import Dataset, Scope
from tests.properties.cube_cases import BASE, PREFIXES, Case, Part, divide, multiset

NAMES = ("one", "two", "three")
PROLOGUE = PREFIXES + "".join(f"PREFIX o{n}: <{BASE}/data/{name}/obs/> " for n, name in enumerate(NAMES, 1))
HERE = Path(__file__).parent
FORMS = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE", "BASE", "PREFIX")
LINES = (HERE / "cube_questions.txt").read_text("utf-8").splitlines()
QUESTIONS = tuple(line for line in LINES if line.startswith(FORMS))
REFUSED = (
    "SELECT * { ?o :area?/:broader ?v }",
    "SELECT * { ?o :of+ ?q }",
    "SELECT * { ?o (:area/:broader)* ?v }",
    "SELECT * { GRAPH ?g { ?o :broader* ?v } }",
    "SELECT * { o1:0 (:area/:broader)|:period :p0 }",
    f"SELECT * FROM NAMED <{BASE}/graph/one> FROM NAMED <{BASE}/graph/one> {{ GRAPH ?g {{ ?o :value ?v }} }}",
    "SELECT * { GRAPH ?g { SELECT (EXISTS { ?o :value 1 } AS ?e) { ?o :area ?a } } }",
    "SELECT * { ?o ?p ?v ; ?q ?w ; ?r ?x ; ?s ?y }",
)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Three cubes with values of every kind, and triples about the same things."""
    triples: dict[str, list[str]] = {}
    for quad in parse((HERE / "cube_questions.trig").read_bytes(), format=RdfFormat.TRIG):
        name = str(quad.graph_name)[1:-1].rpartition("/")[2]
        triples.setdefault(name, []).append(f"{quad.subject} {quad.predicate} {quad.object}")
    cubes = [
        Part(
            name,
            f"{BASE}/graph/{name}",
            f"{BASE}/data/{name}/obs/",
            [line for line in triples[name] if line.startswith(f"<{BASE}/data/{name}/obs/")],
        )
        for name in NAMES
    ]
    taken = {line for cube in cubes for line in cube.triples}
    stored = {f"{BASE}/graph/{name}": [line for line in lines if line not in taken] for name, lines in triples.items()}
    return divide(tmp_path_factory.mktemp("corpus") / "release", stored, cubes)


def both(case: Case, query: str, scope: Dataset | Scope | None = None) -> None:
    """Ask both ways and compare."""
    text = query if query.startswith(("BASE", "PREFIX")) else PROLOGUE + query
    where = scope or (Scope.STATED if analyse(text).has_dataset else Scope.UNION)
    found, wanted = (multiset(source.answer(text, where)) for source in (case.columns, case.plain))
    assert found == wanted, case.columns.explain(text, where).query


@pytest.mark.parametrize("query", QUESTIONS)
def test_questions_that_went_wrong_or_might(case: Case, query: str) -> None:
    both(case, query)


@pytest.mark.parametrize("default", [(), ("one",), ("one", "two"), ("one", "one"), ("codes",), ("nothing",)])
@pytest.mark.parametrize("named", [(), ("two",), ("one", "three"), ("nothing",)])
def test_a_request_may_name_the_graphs(case: Case, default: tuple[str, ...], named: tuple[str, ...]) -> None:
    graphs = [tuple(NamedNode(f"{BASE}/graph/{name}") for name in names) for names in (default, named)]
    for query in (
        "SELECT * { ?o :area ?a ; :value ?v }",
        "SELECT * { GRAPH ?g { ?o :area ?a ; :value ?v } }",
        "SELECT ?a (COUNT(*) AS ?n) { ?o :area ?a . ?a :label ?l } GROUP BY ?a",
        "SELECT ?g (COUNT(DISTINCT ?o) AS ?n) { ?o :area ?a GRAPH ?g { ?a :label ?l } } GROUP BY ?g",
    ):
        both(case, query, Dataset(*graphs))


@pytest.mark.parametrize("query", REFUSED)
def test_what_cannot_be_answered_exactly_is_refused(case: Case, query: str) -> None:
    text = PROLOGUE + query
    with pytest.raises(RefusalError):
        case.columns.answer(text, Scope.STATED if analyse(text).has_dataset else Scope.UNION)


def test_narrowing_does_not_grow_with_nesting(case: Case) -> None:
    query = "?o :area ?a"
    for _ in range(12):
        query = f"?o :area ?a FILTER EXISTS {{ {query} }}"
    explained = case.columns.explain(f"{PROLOGUE} SELECT * {{ {query} }}", Scope.UNION)
    assert max(len(sql) for _, sql, _ in explained.stars) < 100_000
