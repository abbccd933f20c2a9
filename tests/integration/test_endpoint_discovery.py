"""What crawlers look for first: robots.txt, sitemaps, VoID, llms.txt, and a search that can be described."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
import rdflib
from rdflib import RDF
from rdflib.namespace import VOID

from endpoint import discovery
from endpoint.app import create_app
from endpoint.rendered import Answers, Rendered
from endpoint.settings import Settings
from tests.integration.asking import asking
from tests.integration.small import BASE, FIGURES, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.asking import Client

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
WHOLE = rdflib.URIRef(f"{BASE}/.well-known/void#dataset")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with asking(create_app(Settings(make_release(tmp_path_factory.mktemp("small"))))) as found:
        yield found


def locations(client: Client, path: str) -> list[str]:
    root = ET.fromstring(client.get(path).content)
    assert all(entry.findtext(f"{NAMESPACE}lastmod") == "2026-01-01T00:00:00+00:00" for entry in root)
    return [(entry.findtext(f"{NAMESPACE}loc") or "").removeprefix(BASE) for entry in root]


def test_robots_are_let_in_and_told_of_the_sitemap(client: Client) -> None:
    found = client.get("/robots.txt")
    assert found.headers["content-type"] == "text/plain; charset=utf-8"
    assert f"Sitemap: {BASE}/sitemap.xml" in found.text
    assert "Disallow: /\n" not in found.text


def test_every_document_is_in_a_sitemap_and_answers(client: Client) -> None:
    paths = [path for part in locations(client, "/sitemap.xml") for path in locations(client, part)]
    assert {"/data/households", "/catalogue", "/def", "/doc/organisation/office"} <= set(paths)
    assert sum("/obs/" in path for path in paths) == len(FIGURES)
    assert not any("/id/" in path or "#" in path for path in paths)
    assert {client.head(path).status_code for path in paths} == {200}


def test_a_long_sitemap_is_divided(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [path for part in locations(client, "/sitemap.xml") for path in locations(client, part)]
    monkeypatch.setattr(discovery, "MOST", 7)
    parts = [locations(client, part) for part in locations(client, "/sitemap.xml")]
    assert max(map(len, parts)) == 7
    assert sorted(path for part in parts for path in part) == sorted(whole)


@pytest.mark.parametrize("path", ["/sitemaps/graph-99-1.xml", "/sitemaps/graph-1-9.xml", "/sitemaps/x.xml"])
def test_there_is_no_other_sitemap(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_void_describes_the_whole(client: Client) -> None:
    found = client.get("/.well-known/void")
    graph = rdflib.Graph().parse(data=found.text, format="turtle")
    assert (WHOLE, RDF.type, VOID.Dataset) in graph
    for name in ("sparqlEndpoint", "dataDump", "uriSpace", "exampleResource", "vocabulary", "feature", "subset"):
        assert list(graph.objects(WHOLE, VOID[name])), name
    counts = {
        str(graph.value(part, VOID["class"])): int(str(graph.value(part, VOID.entities)))
        for part in graph.objects(WHOLE, VOID.classPartition)
    }
    assert counts["http://purl.org/linked-data/cube#Observation"] == len(FIGURES)
    triples = [int(str(graph.value(part, VOID.triples))) for part in graph.objects(WHOLE, VOID.propertyPartition)]
    assert sum(triples) == int(str(graph.value(WHOLE, VOID.triples)))
    for example in graph.objects(WHOLE, VOID.exampleResource):
        assert client.get(str(example).removeprefix(BASE)).status_code in {200, 303}


def test_every_description_names_the_dataset_it_is_in(client: Client) -> None:
    graph = rdflib.Graph().parse(data=client.get("/doc/area/E06000001.ttl").text, format="turtle")
    assert (rdflib.URIRef(f"{BASE}/doc/area/E06000001"), VOID.inDataset, WHOLE) in graph


def test_the_overview_names_every_dataset_and_marks_samples(client: Client) -> None:
    text = client.get("/llms.txt").text
    assert f"({BASE}/data/households): Households that got a benefit." in text
    assert f"({BASE}/data/made-up): Invented for tests. Invented sample" in text


def test_the_search_is_described_and_finds_by_the_words_of_a_name(client: Client) -> None:
    root = ET.fromstring(client.get("/opensearch.xml").content)
    templates = {url.get("type"): url.get("template") or "" for url in root if url.tag.endswith("Url")}
    address = templates["application/json"].replace("{searchTerms}", "town%2012").replace("{startPage?}", "1")
    found = client.get(address.removeprefix(BASE)).json()
    assert [item["label"] for item in found["items"]] == ["Town 12"]
    assert found["items"][0]["document"] == f"{BASE}/doc/area/E06000012"
    page = client.get("/search?q=town", {"Accept": "text/html"}).text
    assert "30 found" in page
    assert 'href="?q=town&amp;page=2"' in page
    assert "Town 1<" in page


@pytest.mark.parametrize("query", ["q=nothing+has+this+name", "q=", "", "q=%3Cscript%3E"])
def test_a_search_may_find_nothing(client: Client, query: str) -> None:
    assert client.get(f"/search?{query}", {"Accept": "application/json"}).json()["items"] == []
    page = client.get(f"/search?{query}", {"Accept": "text/html"})
    assert page.status_code == 200
    assert "<script" not in page.text


def test_a_search_for_a_long_text_is_refused(client: Client) -> None:
    assert client.get(f"/search?q={'a' * 101}").status_code == 400


def test_answers_that_were_not_asked_for_longest_go_first() -> None:
    answers = Answers(most_bytes=25)
    made: list[str] = []

    def ask(name: str) -> bytes:
        def make() -> Rendered:
            made.append(name)
            return Rendered((), name.encode() * 10)

        return answers.get((name,), make).body

    for name in "abacab":
        assert ask(name) == name.encode() * 10
    assert made == ["a", "b", "c", "b"]
    assert answers.size_bytes == 20
