"""What somebody is told whose query is wrong, or names what is not there: as a document, as text and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from endpoint.app import create_app
from endpoint.settings import Settings
from tests.integration.asking import Client, asking
from tests.integration.small import BASE, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

JSON = "application/sparql-results+json"
SLIP = "SELECT *\nWHRE { ?s ?p ?o }"
FORGOTTEN = "SELECT * { ?s family-type:x ?o }"
ABSENT = "SELECT * { ?o <def/measure/housholds> ?n }"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with asking(create_app(Settings(make_release(tmp_path_factory.mktemp("mistakes")), workers=2))) as made:
        yield made


def ask(client: Client, query: str, accept: str = JSON) -> httpx.Response:
    return client.get(f"/sparql?query={quote(query)}", {"Accept": accept})


def test_a_problem_document_has_line_column_and_hint(client: Client) -> None:
    found = ask(client, SLIP)
    assert (found.status_code, found.headers["content-type"]) == (400, "application/problem+json")
    problem = found.json()
    assert (problem["line"], problem["column"], problem["hint"]) == (2, 1, "Did you mean WHERE?")
    assert problem["detail"] == "Syntax error at line 2, column 1, near 'WHRE'. Did you mean WHERE?"


@pytest.mark.parametrize("accept", ["text/plain, text/csv;q=0.1", "text/plain;q=0.9, text/html;q=0.1"])
def test_a_problem_is_text_for_who_asks_for_text(client: Client, accept: str) -> None:
    found = ask(client, SLIP, accept)
    assert (found.status_code, found.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert found.text == "400 Bad Request: Syntax error at line 2, column 1, near 'WHRE'. Did you mean WHERE?\n"


def test_the_page_says_the_same(client: Client) -> None:
    assert "Did you mean WHERE?" in ask(client, SLIP, "text/html").text


def test_prefixes_of_the_release_are_known(client: Client) -> None:
    assert ask(client, FORGOTTEN).json()["hint"] == (
        f"It is usually PREFIX family-type: <{BASE}/def/concept/family-type/>"
    )


@pytest.mark.parametrize("form", [JSON, "text/csv", "application/sparql-results+xml", "text/tab-separated-values"])
def test_an_empty_result_names_what_the_release_does_not_have(client: Client, form: str) -> None:
    found = ask(client, ABSENT, form)
    assert found.status_code == 200
    assert found.headers["x-sparql-hint"] == (
        f"<{BASE}/def/measure/housholds> is not in this release; near it: <{BASE}/def/measure/households>"
    )
    assert "X-SPARQL-Hint" in found.headers["access-control-expose-headers"]


def test_an_empty_page_says_it_too(client: Client) -> None:
    text = ask(client, ABSENT, "text/html").text
    assert 'id="result-hint"' in text
    assert f"{BASE}/def/measure/households&gt;" in text


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?o <def/measure/households> 'nothing' }",
        "SELECT * { ?s <http://elsewhere.example.org/def/measure/housholds> ?o }",
        f"SELECT * {{ GRAPH <{BASE}/data/households/editions/2025-05/versions/1> {{ ?s ?s ?s }} }}",
        "SELECT * { ?s ?p '<def/measure/housholds>' }",
        "PREFIX m: <def/measure/> SELECT * { ?s m:households 'nothing' }",
        "ASK { ?o <def/measure/housholds> ?n }",
        "SELECT (COUNT(*) AS ?n) { ?o <def/measure/housholds> ?n }",
    ],
)
def test_there_is_no_hint_where_nothing_is_missing_or_something_found(client: Client, query: str) -> None:
    assert "x-sparql-hint" not in ask(client, query).headers


@pytest.mark.parametrize(
    "query",
    [
        "PREFIX m: <def/measure/> SELECT * { ?o m:housholds ?n }",
        "BASE <https://data.example.org/def/> SELECT * { ?o <measure/housholds> ?n }",
        "CONSTRUCT { ?o ?n ?n } WHERE { ?o <def/measure/housholds> ?n }",
    ],
)
def test_names_are_found_however_they_are_written(client: Client, query: str) -> None:
    accept = "text/turtle" if query.startswith("CONSTRUCT") else JSON
    assert "def/measure/households>" in ask(client, query, accept).headers["x-sparql-hint"]
