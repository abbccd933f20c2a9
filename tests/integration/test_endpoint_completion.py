"""The terms of a release by name, and what the query page says around the query."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from endpoint.app import create_app
from endpoint.settings import Settings
from tests.integration.asking import asking
from tests.integration.small import BASE, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx import Response

    from tests.integration.asking import Client

AREA = "http://statistics.data.gov.uk/id/statistical-geography/"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    settings = Settings(make_release(tmp_path_factory.mktemp("small")), max_query_bytes=12_345, html_rows=7)
    with asking(create_app(settings)) as found:
        yield found


def terms(client: Client, **parameters: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = get(client, None, **parameters).json()["terms"]
    return found


def get(client: Client, headers: dict[str, str] | None = None, /, **parameters: str) -> Response:
    return client.get(f"/sparql/terms.json?{urlencode(parameters)}", headers)


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
def test_a_term_is_found_by_label_code_or_address(client: Client, text: str, iri: str) -> None:
    assert iri in [term["iri"] for term in terms(client, q=text.rpartition(":")[2])[:3]]


def test_a_term_comes_with_how_to_write_it_and_what_it_is(client: Client) -> None:
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


def test_codes_of_the_property_come_first(client: Client) -> None:
    assert terms(client, q="a")[0]["kind"] != "code"
    found = terms(client, q="town", property=f"{BASE}/def/dimension/area")
    assert {term["kind"] for term in found} == {"code"}
    assert len(found) == 10


def test_without_a_text_there_are_the_prefixes_and_no_codes(client: Client) -> None:
    document = get(client).json()
    assert document["prefixes"]["measure"] == f"{BASE}/def/measure/"
    assert document["prefixes"]["area"] == AREA
    assert document["prefixes"]["qb"] == "http://purl.org/linked-data/cube#"
    assert {term["kind"] for term in document["terms"]} >= {"dimension", "measure", "dataset", "code list", "property"}
    assert "code" not in {term["kind"] for term in document["terms"]}


def test_terms_are_kept_by_caches_until_the_release_changes(client: Client) -> None:
    first = get(client, q="town")
    tag = {"If-None-Match": first.headers["etag"]}
    assert first.headers["cache-control"] == "public, max-age=300"
    assert get(client, tag, q="town").status_code == 304
    assert get(client, tag, q="towns").status_code == 200


def test_what_is_no_question_for_terms_is_refused(client: Client) -> None:
    assert get(client, q="x" * 101).status_code == 400
    assert get(client, {"Accept": "text/turtle"}).status_code == 406
    assert client.request("POST", "/sparql/terms.json").status_code == 405


def page(client: Client, query: str = "") -> Response:
    return client.get(f"/sparql?{urlencode({'query': query})}" if query else "/sparql", {"Accept": "text/html"})


def post(client: Client, path: str, query: str) -> Response:
    headers = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded"}
    return client.request("POST", path, headers, urlencode({"query": query}))


def test_the_page_states_the_limits_that_are_set(client: Client) -> None:
    assert "12,345 bytes" in page(client).text
    assert "10 seconds" in page(client).text
    assert "1,024 MiB" in page(client).text


def test_the_page_has_the_examples_of_every_dataset(client: Client) -> None:
    for text in ("All datasets", "Households on benefit by area", "Five figures", "Any five."):
        assert text in page(client).text


def test_exact_values_are_in_the_table_for_charts(client: Client) -> None:
    query = (
        f"SELECT ?n ?month {{ ?s <{BASE}/def/measure/households> ?n ; <{BASE}/def/dimension/period> ?month }} LIMIT 1"
    )
    text = page(client, query).text
    assert 'data-value="2025-05"><a' in text
    assert 'govuk-table__cell--numeric" data-value="' in text


def test_a_long_query_is_downloaded_by_post(client: Client) -> None:
    query = f"SELECT * {{ ?s ?p ?o }} LIMIT 1 # {'x' * 8_000}"
    text = post(client, "/sparql", query).text
    assert 'formaction="/sparql?format=csv"' in text
    assert "Link to this query" not in text
    answer = post(client, "/sparql?format=csv", query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


def test_scripts_are_served_compressed_and_with_their_type(client: Client) -> None:
    if "sparql.js" not in page(client).text:
        pytest.skip("endpoint/static/ is not built")
    found = client.get("/assets/sparql.js", {"Accept-Encoding": "gzip"})
    assert found.headers["content-type"] == "text/javascript; charset=utf-8"
    assert found.headers["content-encoding"] == "gzip"
    assert int(found.headers["content-length"]) < 200_000
    plain = client.get("/assets/sparql.js", {"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == found.content
