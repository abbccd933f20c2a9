"""The read side of the Graph Store Protocol: every named graph as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from pyoxigraph import RdfFormat, parse

from endpoint.app import create_app
from endpoint.settings import Settings
from loader import dumps
from loader.build import Plan, build
from loader.progress import LogWatcher
from loader.release import Release, open_release
from tests.integration import tiny
from tests.integration.asking import Client, asking

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "http://127.0.0.1:8000"
TURTLE = "text/turtle"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("store")
    (folder / "files").mkdir()
    (folder / "files/one.ttl").write_text("<u:a> <u:b> <u:c>, [ <u:d> 1 ] .")
    (folder / "files/two.nq").write_text("<u:a> <u:b> <u:e> <http://d.example/graph> .\n")
    plan = Plan(("tiny",), tiny.write_mapping(folder), base=BASE, graphs=(folder / "files",))
    return open_release(build(plan, folder / "out", LogWatcher()))


@pytest.fixture(scope="module")
def client(release: Release) -> Iterator[Client]:
    with asking(create_app(Settings(release.path)), {"Accept": "application/n-triples"}) as client:
        yield client


def count(text: str) -> int:
    return len(list(parse(text.encode(), format=RdfFormat.N_TRIPLES)))


def test_every_named_graph_is_there_and_whole(client: Client, release: Release) -> None:
    known = release.manifest.quads
    assert {f"{BASE}/graphs/one", "http://d.example/graph", f"{BASE}/def/concept-scheme/area"} < set(known)
    found = {graph: client.get(f"/graphs?graph={quote(graph, safe='')}") for graph in (*known, f"{BASE}/def")}
    assert {answer.status_code for answer in found.values()} == {200}
    assert {graph: count(found[graph].text) for graph in known} == known
    vocabulary = b"".join(dumps.triples(release, "ontology"))
    assert count(found[f"{BASE}/def"].text) == count(vocabulary.decode())


def test_the_default_graph_is_the_union(client: Client, release: Release) -> None:
    lines = b"".join(dumps.triples(release, *dumps.dump_names(release))).decode()
    assert count(client.get("/graphs?default").text) == len(set(lines.splitlines()))


def test_the_graph_of_a_file_has_an_address_of_its_own(client: Client) -> None:
    answer = client.get("/graphs/one", {"Accept": TURTLE})
    assert answer.headers["content-type"].startswith(TURTLE)
    assert answer.text == client.get(f"/graphs?graph={BASE}/graphs/one", {"Accept": TURTLE}).text
    assert "Named graph of the file one.ttl" in client.get("/graphs/one.ttl").text


def test_head_entity_tags_and_forms_are_those_of_a_query(client: Client) -> None:
    answer = client.head("/graphs/one")
    assert (answer.status_code, answer.content) == (200, b"")
    tag = answer.headers["etag"]
    assert client.get("/graphs/one", {"If-None-Match": tag}).status_code == 304
    assert client.get("/graphs/one", {"If-None-Match": tag, "Accept": TURTLE}).status_code == 200
    assert "accept" in answer.headers["vary"].lower()
    assert "<table" in client.get("/graphs/one", {"Accept": "text/html"}).text
    assert client.get("/graphs/one?format=jsonld").headers["content-type"].startswith("application/ld+json")
    assert client.get("/graphs/one", {"Accept": "image/png"}).status_code == 406


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/graphs", 400),
        ("/graphs?default&graph=http://d.example/graph", 400),
        ("/graphs?graph=u:a&graph=u:b", 400),
        ("/graphs?graph=relative", 400),
        ("/graphs?graph=http://d.example/none", 404),
        ("/graphs?graph=http://d.example/a%3E%20WHERE", 400),
        ("/graphs/none", 404),
    ],
)
def test_a_graph_that_cannot_be_meant_is_refused(client: Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_nothing_writes(client: Client, method: str) -> None:
    answer = client.request(method, f"/graphs?graph={BASE}/graphs/one", {"Content-Type": TURTLE}, "<u:x> <u:y> <u:z> .")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert "u:x" not in client.get("/graphs/one").text


@pytest.fixture(scope="module")
def strict(release: Release) -> Iterator[Client]:
    """A service whose results have three triples at most."""
    with asking(create_app(Settings(release.path, max_rows=3)), {"Accept": TURTLE}) as client:
        yield client


@pytest.mark.parametrize("form", [TURTLE, "application/n-triples", "*/*"])
def test_a_long_graph_is_sent_whole_as_the_dumps_are(
    strict: Client, client: Client, release: Release, form: str
) -> None:
    lines = b"".join(dumps.triples(release, *dumps.dump_names(release)))
    assert strict.get("/graphs?default", {"Accept": form}).content == lines
    answer = strict.get(f"/graphs?graph={BASE}/def/concept-scheme/area", {"Accept": form})
    assert set(answer.text.splitlines()) == set(b"".join(dumps.triples(release, "codes-area")).decode().splitlines())
    assert answer.headers["content-type"].startswith(TURTLE if form == "*/*" else form)
    again = {"Accept": form, "If-None-Match": answer.headers["etag"]}
    assert strict.get(f"/graphs?graph={BASE}/def/concept-scheme/area", again).status_code == 304
    assert client.get("/graphs/one", again).status_code == 200


def test_a_long_graph_has_no_other_form(strict: Client) -> None:
    for form in ("application/rdf+xml", "application/ld+json", "text/html"):
        refused = strict.get("/graphs?default", {"Accept": form})
        assert refused.status_code == 400
        assert "N-Triples or Turtle" in refused.text
    head = strict.head("/graphs?default")
    assert (head.status_code, head.content) == (200, b"")


def test_a_graph_of_a_file_is_told_from_the_others_in_it(release: Release) -> None:
    found = {graph: b"".join(dumps.graph_triples(release, graph)).count(b"\n") for graph in release.manifest.quads}
    assert found == release.manifest.quads


def test_a_short_graph_is_a_result(strict: Client) -> None:
    assert strict.get("/graphs/one").status_code == 200
