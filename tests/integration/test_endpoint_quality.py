"""The page of a quality report, its data, and what a dataset's page says of where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin

import pytest
from pyoxigraph import NamedNode, RdfFormat, parse

from endpoint.app import create_app
from endpoint.settings import Settings
from loader.build import Plan, build
from loader.progress import LogWatcher
from ontology.terms import DQV
from tests.integration import tiny
from tests.integration.asking import Client, asking
from tests.integration.small import make_release
from tests.integration.test_endpoint_resources import BROWSER, Page
from tests.integration.test_quality_build import SOURCE, TIDY

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "http://127.0.0.1:8000"
PAGE = "/data/tiny/quality"
POLICY = """
[policy]
kind = "counts"
threshold = 7
perturbed = "figures changed for tests"
[policy.exemptions]
recoverable = "Totals are perturbed too."
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root = tmp_path_factory.mktemp("quality")
    source = "sample = true\n" + SOURCE.replace(tiny.POLICY, "") + POLICY
    mappings = tiny.write_mapping(root, source=source)
    (mappings / "tiny" / "tidy.py").write_text(TIDY, "utf-8")
    sources = root / "sources"
    sources.mkdir()
    rows = [tiny.HEADER, *tiny.ROWS, "Total,2025-05,100", "Secret,2025-05,7"]
    (sources / "published-1.csv").write_text("\n".join(rows) + "\n", "utf-8")
    release = build(Plan(("tiny",), mappings, sources), root / "out", LogWatcher())
    with asking(create_app(Settings(release=release)), {"Accept": BROWSER}) as made:
        yield made


def test_the_page_has_the_six_dimensions_and_the_figures(client: Client) -> None:
    found = client.get(PAGE)
    assert found.status_code == 200
    for title in ("Completeness", "Uniqueness", "Consistency", "Timeliness", "Validity", "Accuracy"):
        assert f">{title}</h2>" in found.text
    for expected in ("total row", "held for review", "Days to publication", "(IC-12)", "Disclosure control"):
        assert expected in found.text
    assert Page(found.text).headings == 1


def test_what_was_chosen_is_called_a_choice(client: Client) -> None:
    text = client.get(PAGE).text
    assert "It is not a rule of the department" in text
    assert "smaller than 7." in text
    assert text.count("figures changed for tests") == 2, "as a note on accuracy, and as disclosure control"
    assert "Totals are perturbed too." in text


def test_a_sample_is_said_to_be_one(client: Client) -> None:
    assert "Invented sample" in client.get(PAGE).text


def test_the_files_are_named_with_their_hashes(client: Client) -> None:
    text = client.get(PAGE).text
    assert "published-1.csv" in text
    assert 'href="https://www.example.org/published"' in text
    page = client.get("/data/tiny").text
    assert f'href="{PAGE}"' in page
    assert "published-1.csv" in page
    assert "source.toml" in text
    assert "source.toml" not in page


def test_the_file_has_an_address_with_its_checksum(client: Client) -> None:
    found = client.get("/data/tiny/editions/2025-05/versions/1/input/published-1.csv")
    assert found.status_code == 200
    assert "SHA-256" in found.text


@pytest.mark.parametrize("suffix", ["ttl", "nt", "rdf", "jsonld"])
def test_every_form_says_every_measurement(client: Client, suffix: str) -> None:
    found = client.get(f"{PAGE}.{suffix}")
    assert found.status_code == 200
    formats = {
        "ttl": RdfFormat.TURTLE,
        "nt": RdfFormat.N_TRIPLES,
        "rdf": RdfFormat.RDF_XML,
        "jsonld": RdfFormat.JSON_LD,
    }
    triples = [quad.triple for quad in parse(found.content, format=formats[suffix])]
    report = NamedNode(f"{BASE}{PAGE}")
    parts = {t.object for t in triples if t.subject == report and t.predicate.value.endswith("hasPart")}
    measured = {t.subject for t in triples if t.predicate == DQV.value}
    assert len(measured) > 20
    assert measured <= parts
    policy = NamedNode(f"{BASE}{PAGE}/policy")
    assert any(t.subject == policy and t.predicate.value.endswith("/smallest-count") for t in triples)
    exemption = NamedNode(f"{BASE}{PAGE}/policy/recoverable")
    assert any(t.subject == exemption and t.predicate.value.endswith("/reason") for t in triples)


def test_every_link_of_the_page_leads_somewhere(client: Client) -> None:
    page = Page(client.get(PAGE).text)
    paths = {urldefrag(urljoin(PAGE, href))[0] for href, _ in page.links if href.startswith(("/", "?"))}
    assert len(paths) > 20
    for path in paths:
        assert client.get(path).status_code == 200, path


def test_a_dataset_without_a_report_has_a_page_all_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    release = make_release(tmp_path_factory.mktemp("small"))
    with asking(create_app(Settings(release=release)), {"Accept": BROWSER}) as client:
        found = client.get("/data/households")
        assert found.status_code == 200
        assert "Quality" not in found.text
        assert client.get("/data/households/quality").status_code == 404
