"""Look-ups are answered by the server itself, and byte for byte as a worker answers them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, QuerySolutions, Store

from endpoint.evaluation import produce
from endpoint.guard import analyse
from endpoint.jobs import Job
from endpoint.lookups import MOST_ROWS, look_up
from endpoint.results import forms_of_query
from endpoint.serving import open_serving
from endpoint.settings import Settings
from endpoint.source import Scope
from loader.release import open_release
from tests.integration.small import BASE, make_release
from tests.integration.test_operations import address, client_of, figures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from endpoint.jobs import Reply
    from endpoint.serving import Serving
    from loader.release import Release

LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
JSON = {"Accept": "application/sparql-results+json"}
EVERY = 997
"""Each so many quads, one is asked about."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("lookups"))


@pytest.fixture(scope="module")
def shipped(shipped_release: Release) -> Serving:
    return open_serving(shipped_release.path)


def jobs(query: str) -> Iterator[Job]:
    """Give a query in every form of its answer."""
    analysis = analyse(query)
    for form in forms_of_query(analysis.form):
        yield Job(query, Scope.UNION, analysis, form.suffix)


def by_worker(job: Job, serving: Serving) -> Reply:
    """Answer as a worker does that takes the query for one about anything."""
    anything = replace(job, analysis=replace(job.analysis, subject=None))
    return produce(anything, serving, Settings(serving.release.path))


def queries(subject: NamedNode, predicate: NamedNode, thing: NamedNode | Literal) -> list[str]:
    begun = f"{subject} {predicate}"
    patterns = [f"{begun} {thing}", f"{begun} ?o", f"{subject} ?p {thing}", f"{subject} ?p ?o"]
    return [
        "ASK {}",
        f"DESCRIBE {subject}",
        f"SELECT ?o {{ {begun} ?o . }}",
        f"SELECT ?o WHERE {{ {subject} a ?o }}",
        f"SELECT ?none {{ {subject} {predicate} ?o }} LIMIT 2",
        f"CONSTRUCT {{ ?o a {predicate} }} WHERE {{ {subject} {predicate} ?o . }}",
        *(f"ASK {{ {pattern} }}" for pattern in patterns),
        *(f"SELECT * WHERE {{ {pattern} }}" for pattern in patterns),
        *(f"CONSTRUCT WHERE {{ {pattern} }}" for pattern in patterns),
    ]


def test_an_answer_is_the_workers(shipped: Serving) -> None:
    answered = 0
    for number, quad in enumerate(open_release(shipped.release.path).store()):
        if number % EVERY or isinstance(quad.subject, BlankNode) or isinstance(quad.object, BlankNode):
            continue
        for query in queries(quad.subject, quad.predicate, quad.object):
            for job in jobs(query):
                if (found := look_up(job, shipped)) is not None:
                    assert found == by_worker(job, shipped), (query, job.suffix)
                    answered += 1
                assert produce(job, shipped, Settings(shipped.release.path)) == by_worker(job, shipped), query
    assert answered > 1_000


def only(query: str) -> Job:
    return next(jobs(query))


def test_an_observation_is_for_a_worker(shipped: Serving) -> None:
    cube = shipped.release.cubes()[0]
    found = shipped.source.answer(f"SELECT ?s {{ GRAPH <{cube.graph}> {{ ?s a ?type }} }} LIMIT 1", Scope.UNION)
    assert isinstance(found, QuerySolutions)
    subject = next(found)[0]
    assert subject.value.startswith(cube.prefix)
    for query in queries(subject, NamedNode("https://a.example/p"), Literal("x"))[1:]:
        assert look_up(only(query), shipped) is None
    described = produce(only(f"SELECT * {{ {subject} ?p ?o }}"), shipped, Settings(shipped.release.path))
    assert b'"bindings":[{' in described.body


def test_many_rows_and_none_are_for_a_worker(tmp_path: Path) -> None:
    path = make_release(tmp_path)
    store = Store(str(path / "graph"))
    for name, count in (("few", MOST_ROWS), ("many", MOST_ROWS + 1)):
        thing = NamedNode(f"{BASE}/id/{name}")
        store.extend(Quad(thing, thing, Literal(str(n)), NamedNode(f"{BASE}/catalogue")) for n in range(count))
    deep = NamedNode(f"{BASE}/id/deep")
    store.add(Quad(deep, deep, BlankNode("b"), NamedNode(f"{BASE}/catalogue")))
    store.flush()
    del store
    serving = open_serving(path)
    many = NamedNode(f"{BASE}/id/many")
    assert len(serving.source.values(many, many, 10) or ()) == 11, "it is known that there are more"
    assert look_up(only(f"SELECT ?o {{ {many} {many} ?o }}"), serving) is None
    for form in ("DESCRIBE {}", "SELECT * {{ {} ?p ?o }}", "CONSTRUCT WHERE {{ {} ?p ?o }}"):
        assert look_up(only(form.format(f"<{BASE}/id/few>")), serving) is not None
        assert look_up(only(form.format(f"<{BASE}/id/many>")), serving) is None
        assert look_up(only(form.format(f"<{BASE}/id/none>")), serving) is None
    assert look_up(only(f"DESCRIBE {deep}"), serving) is None
    assert look_up(only(f"ASK {{ <{BASE}/id/none> ?p ?o }}"), serving) is not None
    assert look_up(only(f"ASK {{ <{BASE}/id/many> ?p ?o }}"), serving) is not None


@pytest.mark.parametrize(
    "query", [f"SELECT ?x ?x {{ <{BASE}/id/note> {LABEL} ?x }} LIMIT 1.5", "ASK { <https://[> ?p ?o }"]
)
def test_what_the_engine_refuses_is_for_a_worker(small: Path, query: str) -> None:
    assert analyse(query).subject is not None
    assert look_up(only(query), open_serving(small)) is None


def test_graphs_of_the_request_pages_and_explanations_are_for_a_worker(small: Path) -> None:
    serving, job = open_serving(small), only(f"SELECT ?x {{ <{BASE}/id/note> {LABEL} ?x }}")
    assert look_up(job, serving) is not None
    for other in (replace(job, scope=Scope.STATED), replace(job, suffix="html"), replace(job, is_explained=True)):
        assert look_up(other, serving) is None


def test_no_worker_is_asked_and_the_answer_is_kept(small: Path) -> None:
    query = f"SELECT ?x {{ <{BASE}/id/note> {LABEL} ?x }}"
    with client_of(small) as client:
        first, again = client.get(address(query), JSON), client.get(address(query), JSON)
        other = client.get(address(f"{query} # from the server too"), JSON)
        one_more = client.get(address(f"{query} ORDER BY ?x"), JSON)
        found = figures(client)
    assert {answer.text for answer in (first, again, other, one_more)} == {first.text}
    assert first.json()["results"]["bindings"][0]["x"]["value"] == "first"
    assert first.headers["ETag"] == again.headers["ETag"]
    assert {key: value for key, value in first.headers.items() if key != "etag"} == {
        key: value for key, value in one_more.headers.items() if key != "etag"
    }
    assert found["dwpld_answers_total|server"] == 2
    assert found["dwpld_answers_total|kept"] == 1
    assert found["dwpld_answers_total|worker"] == 1
