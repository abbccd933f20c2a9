"""Every address of a release answers, in the form asked for."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
import rdflib

from endpoint.app import create_app
from endpoint.settings import Settings
from tests.integration.asking import Client, asking
from tests.integration.small import BASE, TABLE, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx import Response

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # by rdflib's own JSON-LD parser
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
RDF = {
    "text/turtle": "turtle",
    "application/n-triples": "nt",
    "application/rdf+xml": "xml",
    "application/ld+json": "json-ld",
}
OBSERVATION = "/data/households/obs/E06000001/2025-05@households"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    release = make_release(tmp_path_factory.mktemp("small"))
    with asking(create_app(Settings(release=release))) as made:
        yield made


def get(client: Client, path: str, accept: str | None = None, **headers: str) -> Response:
    return client.get(path, headers={**({"Accept": accept} if accept else {}), **headers})


class Page(HTMLParser):
    """What a test looks at in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.headings = 0
        self.scripts = 0
        self._open: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert "style" not in found
        assert not any(name.startswith("on") for name in found)
        self.headings += tag == "h1"
        is_data = found.get("type") == "application/ld+json"  # which no browser runs
        self.scripts += tag in {"script", "style"} and not is_data
        if tag == "a":
            self._open = [found.get("href") or "", ""]

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open[1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open is not None:
            self.links.append((self._open[0], self._open[1].strip()))
            self._open = None


@pytest.mark.parametrize(
    "path",
    [
        "/data/households",
        OBSERVATION,
        "/data/households/structure",
        "/data/households/editions/2025-05/versions/1",
        "/def/dimension/area",
        "/def/concept-scheme/family-type",
        "/def/concept/family-type/couple",
        "/doc/organisation/office",
        "/doc/area/E06000001",
        "/doc/resource?uri=http%3A%2F%2Fpurl.org%2Flinked-data%2Fcube%23Observation",
        "/data/made-up/record/a%20b%2Fc",
        "/data/made-up/record/caf%C3%A9",
        "/catalogue",
    ],
)
def test_every_form_says_the_same(client: Client, path: str) -> None:
    graphs = []
    for media_type, parser in RDF.items():
        found = get(client, path, media_type)
        assert found.status_code == 200
        assert found.headers["content-type"].split(";")[0] == media_type
        assert "Accept" in found.headers["vary"]
        graphs.append(set(rdflib.Graph().parse(data=found.content, format=parser)))
    assert graphs[0]
    assert all(graph == graphs[0] for graph in graphs)
    page = get(client, path, BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    seen = Page(page.text)
    assert seen.headings == 1
    assert not seen.scripts
    assert all(text and not re.match("https?://", text) for _, text in seen.links)


def test_a_description_has_labels_and_what_points_there(client: Client) -> None:
    graph = rdflib.Graph().parse(data=get(client, "/doc/area/E06000001", "text/turtle").content)
    area = rdflib.URIRef("http://statistics.data.gov.uk/id/statistical-geography/E06000001")
    observation = rdflib.URIRef(BASE + OBSERVATION)
    assert (observation, rdflib.URIRef(f"{BASE}/def/dimension/area"), area) in graph
    scheme = rdflib.URIRef(f"{BASE}/def/concept-scheme/area")
    assert (scheme, rdflib.SKOS.prefLabel, rdflib.Literal("Areas", lang="en")) in graph


def test_an_observation_is_told_in_words(client: Client) -> None:
    words = "Households on benefit, Town 1, May 2025"
    assert words in get(client, OBSERVATION, BROWSER).text
    assert "1,111 households" in get(client, OBSERVATION, BROWSER).text
    graph = rdflib.Graph().parse(data=get(client, OBSERVATION, "text/turtle").content)
    label = rdflib.Literal(f"{words}: 1,111 households", lang="en")
    assert (rdflib.URIRef(BASE + OBSERVATION), rdflib.RDFS.label, label) in graph


def test_things_redirect_to_their_documents(client: Client) -> None:
    found = get(client, "/id/organisation/office", "text/turtle")
    assert found.status_code == 303
    assert found.headers["location"] == "/doc/organisation/office"
    assert found.headers["vary"] == "Accept"
    document = get(client, found.headers["location"], "text/turtle")
    graph = rdflib.Graph().parse(data=document.content)
    thing = rdflib.URIRef(f"{BASE}/id/organisation/office")
    assert (rdflib.URIRef(f"{BASE}/doc/organisation/office"), rdflib.FOAF.primaryTopic, thing) in graph
    assert f'<{thing}>; rel="describes"' in document.headers["link"]


@pytest.mark.parametrize("suffix", ["ttl", "nt", "rdf", "jsonld", "html"])
@pytest.mark.parametrize("path", ["/data/households", OBSERVATION, "/doc/organisation/office", "/doc/area/E06000001"])
def test_suffixes_choose_the_form(client: Client, path: str, suffix: str) -> None:
    found = get(client, f"{path}.{suffix}", "image/png")
    media_type = {"ttl": "text/turtle", "nt": "application/n-triples", "rdf": "application/rdf+xml"}
    media_type |= {"jsonld": "application/ld+json", "html": "text/html"}
    assert found.status_code == 200
    assert found.headers["content-type"].startswith(media_type[suffix])


def test_a_thing_may_be_named_like_a_file(client: Client) -> None:
    assert "Named like a file" in get(client, "/data/made-up/record/x.ttl", BROWSER).text


@pytest.mark.parametrize("path", ["/data/households/obs/E06000001/2025-05%40households", "/%64ata/households"])
def test_needless_percent_encoding_is_understood(client: Client, path: str) -> None:
    assert get(client, path, "text/turtle").status_code == 200


def test_encoded_slashes_are_not_slashes(client: Client) -> None:
    assert "slash in its name" in get(client, "/data/made-up/record/a%20b%2Fc", BROWSER).text
    assert get(client, "/data/made-up/record/a%20b/c", BROWSER).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/id/nothing",
        "/doc/nothing",
        "/data/nothing.csv",
        "/doc/resource",
        "/doc/resource?uri=http://nowhere.example/",
        "/doc/resource?uri=<script>",
        "/data/households/../../../etc/passwd",
        "/data/households/..%2F..%2Fmanifest.json",
        "/assets/../app.py",
        "/%ff",
        "//",
    ],
)
def test_unknown_addresses_are_not_found(client: Client, path: str) -> None:
    page = get(client, path, BROWSER)
    assert page.status_code == 404
    assert "<h1" in page.text
    assert "<script" not in page.text
    problem = get(client, path, "text/turtle")
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == 404


def test_what_nobody_can_have_is_not_acceptable(client: Client) -> None:
    found = get(client, "/data/households", "application/x-nobody")
    assert found.status_code == 406
    assert "text/turtle" in found.json()["detail"]


def test_a_client_that_takes_anything_gets_the_page(client: Client) -> None:
    for path, accept in (("/data/households", "*/*"), (OBSERVATION, "*/*"), (OBSERVATION, None)):
        assert get(client, path, accept).headers["content-type"].startswith("text/html")


def test_a_client_that_does_not_say_what_it_takes_gets_the_table_of_a_dataset(client: Client) -> None:
    found = get(client, "/data/households")
    assert found.text == TABLE
    assert found.headers["vary"] == "Accept, Accept-Encoding"
    metadata = re.search('<([^>]+)>; rel="describedby"', found.headers["link"])
    assert metadata is not None
    assert get(client, metadata[1]).status_code == 200


def test_json_ld_has_the_names_of_the_published_context(client: Client) -> None:
    found = get(client, OBSERVATION, "application/ld+json")
    context = get(client, "/context.jsonld").json()["@context"]
    assert '</context.jsonld>; rel="http://www.w3.org/ns/json-ld#context"' in found.headers["link"]
    document = found.json()
    assert document["@context"].items() <= context.items()
    (own,) = [node for node in document["@graph"] if node["@id"] == BASE + OBSERVATION]
    assert own["@type"] == "qb:Observation"
    assert own["qb:dataSet"] == {"@id": f"{BASE}/data/households"}


def test_a_long_description_says_where_its_other_pages_are(client: Client) -> None:
    hydra = rdflib.Namespace("http://www.w3.org/ns/hydra/core#")
    document = rdflib.URIRef(f"{BASE}/doc/area/E06000001")
    for path, has_more in (("/data/households", False), ("/doc/area/E06000001", False)):
        found = rdflib.Graph().parse(data=get(client, path, "text/turtle").text)
        assert bool(list(found.objects(None, hydra.view))) == has_more
    found = rdflib.Graph().parse(data=get(client, "/doc/area/E06000001?page=2", "text/turtle").text)
    assert set(found.objects(document, hydra.view)) == {rdflib.URIRef(f"{document}?page=2")}
    assert set(found.objects(None, hydra.previous)) == {rdflib.URIRef(f"{document}?page=1")}


def test_links_lead_to_what_a_thing_is_part_of(client: Client) -> None:
    links = get(client, OBSERVATION, "text/turtle").headers["link"]
    assert f'<{BASE}/data/households>; rel="collection"' in links
    links = get(client, "/data/households", "text/turtle").headers["link"]
    assert '</data/households/households.csv-metadata.json>; rel="describedby"' in links
    assert '</.well-known/void>; rel="describedby"' in links


@pytest.mark.parametrize("accept", [BROWSER, "text/turtle", "application/ld+json"])
def test_validators_save_a_second_answer(client: Client, accept: str) -> None:
    first = get(client, "/data/households", accept)
    again = get(client, "/data/households", accept, **{"If-None-Match": f'"x", {first.headers["etag"]}'})
    assert again.status_code == 304
    assert not again.content
    other = get(client, "/data/households", "application/rdf+xml")
    assert other.headers["etag"] != first.headers["etag"]


def test_head_is_get_without_a_body(client: Client) -> None:
    found = client.head("/data/households", headers={"Accept": "text/turtle"})
    assert found.status_code == 200
    assert not found.content
    assert found.headers["content-type"].startswith("text/turtle")


def test_links_tell_machines_where_to_go(client: Client) -> None:
    links = get(client, "/data/households", BROWSER).headers["link"]
    assert '</data/households.ttl>; rel="alternate"; type="text/turtle"' in links
    assert f'<{BASE}/data/households>; rel="canonical"' in links
    assert 'open-government-licence/version/3/>; rel="license"' in links


def test_other_sites_may_read(client: Client) -> None:
    found = get(client, "/data/households", "text/turtle", Origin="https://elsewhere.example")
    assert found.headers["access-control-allow-origin"] == "*"
    assert "Link" in found.headers["access-control-expose-headers"]
    assert client.request("OPTIONS", "/data/households").headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(client: Client, method: str) -> None:
    found = client.request(method, "/data/households", content=b"x")
    assert found.status_code == 405
    assert found.headers["allow"] == "GET, HEAD, OPTIONS"


def test_compression_is_offered(client: Client) -> None:
    found = get(client, "/data/households", BROWSER, **{"Accept-Encoding": "gzip"})
    assert found.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in get(client, "/data/households", BROWSER, **{"Accept-Encoding": "gzip;q=0"}).headers


@pytest.mark.parametrize("path", ["/data/households/households.csv", "/data/households.csv"])
def test_tables_are_served_as_published(client: Client, path: str) -> None:
    found = get(client, path, "image/png")
    assert found.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert found.text == TABLE.replace("\r\n", "\n") or found.content == TABLE.encode()
    again = get(client, path, **{"If-None-Match": found.headers["etag"]})
    assert again.status_code == 304
    assert client.head(path).headers["content-length"] == str(len(TABLE.encode()))


def test_a_dataset_can_be_asked_for_as_a_table(client: Client) -> None:
    found = get(client, "/data/households", "text/csv")
    assert found.content == TABLE.encode()
    assert "Accept" in found.headers["vary"]
    assert get(client, "/data/households", f"{BROWSER}, text/csv;q=0.1").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("name", ["format", "output"])
def test_a_format_in_the_address_goes_before_what_the_headers_say(client: Client, name: str) -> None:
    assert get(client, f"/data/households?{name}=csv", "text/turtle").content == TABLE.encode()
    assert get(client, f"/data/households?{name}=ttl", "text/csv").headers["content-type"].startswith("text/turtle")
    assert get(client, f"/data/households?{name}=ttl").headers["content-type"].startswith("text/turtle")


def test_metadata_comes_with_the_table(client: Client) -> None:
    found = get(client, "/data/households/households.csv-metadata.json")
    assert found.headers["content-type"] == "application/csvm+json"
    assert found.json()["url"] == "households.csv"


@pytest.mark.parametrize("page", ["0", "-1", "x", "1" * 30, "²"])
def test_pages_are_numbers(client: Client, page: str) -> None:
    assert get(client, f"/data/households?page={page}", BROWSER).status_code == 400


@pytest.mark.parametrize("path", ["/data/households", OBSERVATION, "/def/concept/family-type/couple"])
def test_pages_say_where_what_they_show_comes_from(client: Client, path: str) -> None:
    text = get(client, path, BROWSER).text
    assert "Where this comes from" in text
    assert "of 1 January 2026 at 12:00am" in text
    if "family-type" not in path:
        assert 'href="/data/households/editions/2025-05/versions/1"' in text
        assert 'href="/data/households/households.csv-metadata.json"' in text
    row = '<a class="govuk-link" href="/data/households/households.csv#row=2">row 2</a> of'
    assert (row in text) == (path == OBSERVATION)


def test_the_named_graph_says_where_a_thing_without_a_dataset_comes_from(client: Client) -> None:
    text = get(client, "/doc/organisation/office", BROWSER).text
    assert 'href="/data/made-up/editions/2025/versions/1">Made-up records, edition 2025</a>' in text
    assert '<a class="govuk-breadcrumbs__link" href="/data/made-up">' in text
