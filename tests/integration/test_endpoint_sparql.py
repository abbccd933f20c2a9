"""The query side of the SPARQL 1.1 Protocol, over HTTP."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest
import rdflib

from endpoint.app import create_app
from endpoint.settings import Settings
from tests.integration.asking import Client, asking
from tests.integration.small import BASE, FIGURES, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

JSON = "application/sparql-results+json"
FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FAMILIES = f"{BASE}/def/concept-scheme/family-type"
COUNT = "PREFIX m: <def/measure/> SELECT (SUM(?n) AS ?all) { ?o m:households ?n }"
CONSTRUCT = "CONSTRUCT { ?s ?p ?o } WHERE { VALUES ?s { <def/unit/household> } ?s ?p ?o }"
LIMIT = 4_096

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # by rdflib's own JSON-LD parser


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    release = make_release(tmp_path_factory.mktemp("small"))
    settings = Settings(release=release, max_query_bytes=LIMIT, html_rows=10, workers=2)
    with asking(create_app(settings)) as made:
        yield made


def ask(client: Client, query: str, how: str = "get", accept: str | None = JSON, **more: str) -> httpx.Response:
    headers = {"Accept": accept} if accept else {}
    named = [(name.replace("_", "-"), value) for name, value in more.items()]
    if how == "get":
        return client.get(f"/sparql?{urlencode([('query', query), *named])}", headers)
    if how == "form":
        body = urlencode([("query", query), *named])
        return client.request("POST", "/sparql", {**headers, "Content-Type": f"{FORM}; charset=UTF-8"}, body)
    target = f"/sparql?{urlencode(named)}" if named else "/sparql"
    return client.request("POST", target, {**headers, "Content-Type": QUERY}, query.encode())


@pytest.mark.parametrize("how", ["get", "form", "direct"])
class TestEveryDoor:
    """GET, a form, and the query as body."""

    def test_relative_addresses_are_those_of_the_release(self, client: Client, how: str) -> None:
        found = ask(client, COUNT, how)
        assert found.status_code == 200
        assert found.headers["content-type"] == JSON
        assert found.json()["results"]["bindings"][0]["all"]["value"] == str(sum(FIGURES.values()))

    def test_graphs_can_be_chosen(self, client: Client, how: str) -> None:
        query = "ASK { ?s <http://www.w3.org/2004/02/skos/core#prefLabel> 'Couple'@en }"
        assert ask(client, query, how).json()["boolean"]
        assert ask(client, query, how, default_graph_uri=FAMILIES).json()["boolean"]
        assert not ask(client, query, how, default_graph_uri=f"{BASE}/def").json()["boolean"]
        assert not ask(client, query, how, named_graph_uri=FAMILIES).json()["boolean"]
        named = f"ASK {{ GRAPH <{FAMILIES}> {{ ?s ?p 'Couple'@en }} }}"
        assert ask(client, named, how, named_graph_uri=FAMILIES).json()["boolean"]
        assert not ask(client, named, how, default_graph_uri=FAMILIES).json()["boolean"]

    def test_the_query_can_choose_and_the_request_wins(self, client: Client, how: str) -> None:
        query = f"ASK FROM <{BASE}/def> {{ ?s ?p 'Couple'@en }}"
        assert not ask(client, query, how).json()["boolean"]
        assert ask(client, query, how, default_graph_uri=FAMILIES).json()["boolean"]

    def test_text_is_unicode(self, client: Client, how: str) -> None:
        text = "é 中 😀 + & = %41 #"
        found = ask(client, f"SELECT ('{text}' AS ?x) {{}}", how)
        assert found.json()["results"]["bindings"][0]["x"]["value"] == text

    @pytest.mark.parametrize(
        "query",
        [
            "SELECT WHERE {",
            "ASK { no:such ?p ?o }",
            "INSERT DATA { <urn:a> <urn:b> <urn:c> }",
            "SELECT * { SERVICE <http://127.0.0.1:9/> {} }",
            "",
        ],
    )
    def test_what_cannot_be_answered_is_a_bad_request(self, client: Client, how: str, query: str) -> None:
        found = ask(client, query, how)
        assert found.status_code == 400
        assert found.headers["content-type"] == "application/problem+json"
        assert len(found.json()["detail"]) > 10

    def test_length_is_bounded(self, client: Client, how: str) -> None:
        assert ask(client, f"ASK {{}} #{'x' * LIMIT}", how).status_code == 413
        assert ask(client, f"ASK {{}} #{'é' * (LIMIT // 2 - 10)}", how).status_code == 200


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/tab-separated-values", "text/tab-separated-values; charset=utf-8"),
        (BROWSER, "text/html; charset=utf-8"),
    ],
)
def test_tables_come_in_the_form_asked_for(client: Client, accept: str | None, expected: str) -> None:
    found = ask(client, COUNT, accept=accept)
    assert found.headers["content-type"] == expected
    assert "Accept" in found.headers["vary"]


@pytest.mark.parametrize(
    ("name", "parser"),
    [("ttl", "turtle"), ("nt", "nt"), ("rdf", "xml"), ("jsonld", "json-ld"), ("text/turtle", "turtle")],
)
@pytest.mark.parametrize("query", [CONSTRUCT, "DESCRIBE <def/unit/household>"])
def test_graphs_come_in_the_form_named(client: Client, name: str, parser: str, query: str) -> None:
    found = ask(client, query, accept="image/png", format=name)
    assert len(rdflib.Graph().parse(data=found.content, format=parser)) == 2


def test_graphs_are_turtle_unless_asked_otherwise(client: Client) -> None:
    assert ask(client, CONSTRUCT, accept=None).headers["content-type"] == "text/turtle; charset=utf-8"


@pytest.mark.parametrize(
    ("query", "accept", "more", "status"),
    [
        (COUNT, "image/png", {}, 406),
        (COUNT, "text/turtle", {}, 406),
        (CONSTRUCT, JSON, {}, 406),
        (COUNT, JSON, {"format": "xlsx"}, 400),
        (COUNT, JSON, {"output": "csv"}, 200),
        (COUNT, JSON, {"unknown": "x"}, 200),
        (COUNT, JSON, {"default_graph_uri": "not an IRI"}, 400),
        (COUNT, JSON, {"update": "CLEAR ALL"}, 400),
        (COUNT, JSON, {"using_graph_uri": "urn:x"}, 400),
    ],
)
def test_requests_are_refused_precisely(
    client: Client, query: str, accept: str, more: dict[str, str], status: int
) -> None:
    assert ask(client, query, accept=accept, **more).status_code == status


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM, "", 400),
        (FORM, "foo=bar", 400),
        (FORM, "query=ASK%7B%7D&query=ASK%7B%7D", 400),
        (FORM, urlencode({"update": "CLEAR ALL"}), 400),
        (FORM, "query=%FF", 400),
        (QUERY, b"ASK { ?s ?p '\xff' }", 400),
        ("application/sparql-update", "CLEAR ALL", 400),
        ("Application/SPARQL-Query; charset=utf-8", "ASK {}", 200),
        ("application/json", "ASK {}", 415),
        ("text/plain", "ASK {}", 415),
        ("", "ASK {}", 415),
    ],
)
def test_bodies(client: Client, kind: str, body: bytes | str, status: int) -> None:
    found = client.request("POST", "/sparql", {"Content-Type": kind, "Accept": JSON}, body)
    assert found.status_code == status


def test_a_query_in_the_address_and_in_the_body_is_one_too_many(client: Client) -> None:
    found = client.request("POST", "/sparql?query=ASK%7B%7D", {"Content-Type": QUERY}, "ASK {}")
    assert found.status_code == 400


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    found = client.request(method, "/sparql?query=ASK%7B%7D", {"Content-Type": QUERY}, "ASK {}")
    assert found.status_code == 405
    assert "POST" in found.headers["allow"]


def test_pages_of_other_sites_may_ask(client: Client) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    found = client.request("OPTIONS", "/sparql", asked)
    assert found.status_code == 204
    assert "POST" in found.headers["access-control-allow-methods"]
    assert "Content-Type" in found.headers["access-control-allow-headers"]
    assert ask(client, COUNT).headers["access-control-allow-origin"] == "*"


def test_a_second_answer_is_saved(client: Client) -> None:
    tag = ask(client, COUNT).headers["etag"]
    again = client.get(f"/sparql?query={quote(COUNT)}", {"Accept": JSON, "If-None-Match": tag})
    assert again.status_code == 304
    assert ask(client, COUNT, accept="text/csv").headers["etag"] != tag
    assert "etag" not in ask(client, "SELECT (RAND() AS ?x) {}").headers


def test_head_says_what_get_would(client: Client) -> None:
    found = client.head(f"/sparql?query={quote(COUNT)}", {"Accept": JSON})
    assert (found.status_code, found.content) == (200, b"")
    assert found.headers["content-type"] == JSON


def test_without_a_query_programs_get_the_service_description(client: Client) -> None:
    for accept in (None, "text/turtle", "*/*"):
        found = client.get("/sparql", {"Accept": accept} if accept else {})
        graph = rdflib.Graph().parse(data=found.content, format="turtle")
        sd = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
        service = rdflib.URIRef(f"{BASE}/sparql")
        assert (service, sd.endpoint, service) in graph
        assert (service, sd.feature, sd.UnionDefaultGraph) in graph
        assert len(list(graph.objects(None, sd.namedGraph))) == 3


def test_without_a_query_people_get_a_form(client: Client) -> None:
    found = client.get("/sparql", {"Accept": BROWSER})
    assert "<textarea" in found.text
    assert "Local authorities with most households" in found.text


def test_people_get_results_as_a_table_with_names(client: Client) -> None:
    found = ask(
        client, "SELECT ?area ?n { ?o <def/dimension/area> ?area ; <def/measure/households> ?n }", accept=BROWSER
    )
    assert "The first 10 of 30 rows are shown" in found.text
    assert 'href="/doc/area/E0600' in found.text
    assert ">Town " in found.text
    assert "format=csv" in found.text
    assert "Yes" in ask(client, "ASK {}", accept=BROWSER).text
    assert "observation" in ask(client, "DESCRIBE <http://purl.org/linked-data/cube#Observation>", accept=BROWSER).text


def test_people_are_told_what_is_wrong_with_their_query(client: Client) -> None:
    found = ask(client, "SELECT * { ?s ?p '<script>' ", accept=BROWSER)
    assert found.status_code == 400
    assert "never closed" in found.text
    assert "&lt;script&gt;" in found.text
    assert "'<script>" not in found.text


@pytest.mark.parametrize("where", ["BIND(<f>(1) AS ?x)", "?s ?p ?o FILTER EXISTS { ?o ?q ?r FILTER(<f>(?r)) }"])
@pytest.mark.parametrize("accept", [BROWSER, "text/csv"])
def test_a_function_that_is_not_there_is_the_mistake_of_the_query(client: Client, where: str, accept: str) -> None:
    found = ask(client, f"SELECT * {{ {where} }}", accept=accept)
    assert found.status_code == 400
    assert "no function" in found.text


def test_csv_is_right_where_the_engine_is_not(client: Client) -> None:
    found = ask(client, "SELECT ?a { VALUES ?a { <http://example.org/x,y> } }", accept="text/csv")
    assert list(csv.reader(io.StringIO(found.text))) == [["a"], ["http://example.org/x,y"]]


def test_all_examples_are_queries(root: Path) -> None:
    from endpoint.guard import analyse

    files = sorted((root / "queries/examples").glob("*.rq"))
    assert len(files) >= 6
    for file in files:
        text = file.read_text("utf-8")
        assert "# title: " in text
        assert "# description: " in text
        analyse(text)


def test_page_queries_have_headers(root: Path) -> None:
    for file in (root / "queries/pages").glob("*.rq"):
        header = [line.partition(":")[0] for line in file.read_text("utf-8").splitlines()[:3]]
        assert header == ["# title", "# parameters", "# result"], file


def test_results_are_json(client: Client) -> None:
    assert json.loads(ask(client, "SELECT * { ?s ?p ?o } LIMIT 3").content)["head"]["vars"]


def test_a_long_query_does_not_end_the_process(client: Client) -> None:
    deep = f"ASK {{ FILTER({'!' * (LIMIT - 20)}1) }}"
    assert ask(client, deep, "direct").status_code == 200
