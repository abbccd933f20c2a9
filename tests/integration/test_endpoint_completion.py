"""The terms of a release by name, and what the query page says around the query."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from endpoint.app import create_app
from endpoint.settings import Settings
from tests.integration.small import BASE, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx import Response

AREA = "http://statistics.data.gov.uk/id/statistical-geography/"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(make_release(tmp_path_factory.mktemp("small")), max_query_bytes=12_345, html_rows=7)
    with TestClient(create_app(settings)) as found, closing(found):
        yield found


def terms(client: TestClient, **parameters: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = client.get("/sparql/terms.json", params=parameters).json()["terms"]
    return found


@pytest.mark.parametrize(
    ("text", "iri"),
    [
        ("househ", f"{BASE}/def/measure/households"),
        ("Households on benefit", f"{BASE}/data/households"),
        ("family", f"{BASE}/def/concept-scheme/family-type"),
        ("measure:househ", f"{BASE}/def/measure/households"),
        ("town 30", f"{AREA}E06000030"),
        ("e06000007", f"{AREA}E06000007"),
        ("inScheme", "http://www.w3.org/2004/02/skos/core#inScheme"),
        ("observation", "http://purl.org/linked-data/cube#Observation"),
    ],
)
def test_a_term_is_found_by_label_code_or_address(client: TestClient, text: str, iri: str) -> None:
    assert iri in [term["iri"] for term in terms(client, q=text.rpartition(":")[2])[:3]]


def test_a_term_comes_with_how_to_write_it_and_what_it_is(client: TestClient) -> None:
    namespace = f"{BASE}/def/concept/family-type/"
    assert terms(client, q="coup") == [
        {
            "iri": f"{namespace}couple",
            "label": "Couple",
            "kind": "code",
            "prefix": "family-type",
            "namespace": namespace,
            "list": "Family types",
        }
    ]


def test_codes_of_the_property_come_first(client: TestClient) -> None:
    assert terms(client, q="a")[0]["kind"] != "code"
    found = terms(client, q="town", property=f"{BASE}/def/dimension/area")
    assert {term["kind"] for term in found} == {"code"}
    assert len(found) == 10


def test_without_a_text_there_are_the_prefixes_and_no_codes(client: TestClient) -> None:
    document = client.get("/sparql/terms.json").json()
    assert document["prefixes"]["measure"] == f"{BASE}/def/measure/"
    assert document["prefixes"]["area"] == AREA
    assert document["prefixes"]["qb"] == "http://purl.org/linked-data/cube#"
    assert {term["kind"] for term in document["terms"]} >= {"dimension", "measure", "dataset", "code list", "property"}
    assert "code" not in {term["kind"] for term in document["terms"]}


def test_terms_are_kept_by_caches_until_the_release_changes(client: TestClient) -> None:
    first = client.get("/sparql/terms.json", params={"q": "town"})
    tag = {"If-None-Match": first.headers["etag"]}
    assert first.headers["cache-control"] == "public, max-age=300"
    assert client.get("/sparql/terms.json", params={"q": "town"}, headers=tag).status_code == 304
    assert client.get("/sparql/terms.json", params={"q": "towns"}, headers=tag).status_code == 200


def test_what_is_no_question_for_terms_is_refused(client: TestClient) -> None:
    assert client.get("/sparql/terms.json", params={"q": "x" * 101}).status_code == 400
    assert client.get("/sparql/terms.json", headers={"Accept": "text/turtle"}).status_code == 406
    assert client.post("/sparql/terms.json").status_code == 405


def page(client: TestClient, query: str = "", *, post: bool = False) -> Response:
    headers = {"Accept": "text/html"}
    if post:
        return client.post("/sparql", data={"query": query}, headers=headers)
    return client.get("/sparql", params={"query": query} if query else None, headers=headers)


def test_the_page_states_the_limits_that_are_set(client: TestClient) -> None:
    assert "12,345 bytes" in page(client).text
    assert "7; downloads have every row" in page(client).text


def test_the_page_has_the_examples_of_every_dataset(client: TestClient) -> None:
    for text in ("All datasets", "Households on benefit by area", "Five figures", "Any five."):
        assert text in page(client).text


def test_exact_values_are_in_the_table_for_charts(client: TestClient) -> None:
    query = (
        f"SELECT ?n ?month {{ ?s <{BASE}/def/measure/households> ?n ; <{BASE}/def/dimension/period> ?month }} LIMIT 1"
    )
    text = page(client, query).text
    assert 'data-value="2025-05"><a' in text
    assert 'govuk-table__cell--numeric" data-value="' in text


def test_a_long_query_is_downloaded_by_post(client: TestClient) -> None:
    query = f"SELECT * {{ ?s ?p ?o }} LIMIT 1 # {'x' * 8_000}"
    text = page(client, query, post=True).text
    assert 'formaction="/sparql?format=csv"' in text
    assert "Link to this query" not in text
    answer = client.post("/sparql?format=csv", data={"query": query}, headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


def test_scripts_are_served_compressed_and_with_their_type(client: TestClient) -> None:
    if "sparql.js" not in page(client).text:
        pytest.skip("endpoint/static/ is not built")
    found = client.get("/assets/sparql.js", headers={"Accept-Encoding": "gzip"})
    assert found.headers["content-type"] == "text/javascript; charset=utf-8"
    assert found.headers["content-encoding"] == "gzip"
    assert int(found.headers["content-length"]) < 200_000
    plain = client.get("/assets/sparql.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == found.content
