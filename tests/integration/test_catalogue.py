"""The catalogue of a release, in every form that other catalogues read."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import jsonschema
import pyshacl
import pytest
import rdflib
from rdflib.namespace import DCTERMS, RDF, SH

from endpoint.app import create_app
from endpoint.settings import Settings
from loader.build import Plan, build
from loader.progress import LogWatcher
from tests.integration import tiny
from tests.integration.asking import Client, asking
from tests.integration.thousand import OGL, make_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loader.release import Release

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # by rdflib's own JSON-LD parser
BASE = "https://data.example.org"
HARVEST = "/harvest/datagovuk.rdf"
DCAT = rdflib.Namespace("http://www.w3.org/ns/dcat#")  # rdflib's own is of version 2, which has no series
HYDRA = rdflib.Namespace("http://www.w3.org/ns/hydra/core#")
SHAPES = (
    "dcat-ap-SHACL.ttl",
    "html-shapes.ttl",
    "html-shapes_recommended.ttl",
    "html-range.ttl",
    "html-mdr-vocabularies.shape.ttl",
    "html-deprecateduris.ttl",
)
MEDIA_TYPES = {"ttl": "turtle", "rdf": "xml", "jsonld": "json-ld", "nt": "nt"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A site with a dataset that has everything, one that has little, and an invented one."""
    root = tmp_path_factory.mktemp("catalogue")
    mappings = tiny.write_mapping(root)
    write(mappings, "invented", lambda text: "sample = true\n" + text)
    write(mappings, "little", lambda text: text.replace('frequency = "monthly"\n', ""))
    write(mappings, "tiny", everything)
    path = build(
        Plan(datasets=("tiny", "little", "invented"), mappings=mappings, base=BASE), root / "out", LogWatcher()
    )
    with asking(create_app(Settings(release=path))) as made:
        yield made


def everything(text: str) -> str:
    more = 'themes = ["society"]\nnext_release = 2030-01-08\nissued = 2025-07-15\nlanding_page = "https://www.example.org/"\n'
    title = text.replace("Tiny households", "Tiny </script><b>households</b>")
    contact = '\n[contact]\nname = "Statistics team"\nemail = "team@example.org"\n'
    return more + title + contact + '[series]\nname = "tables"\ntitle = "Tables"\n'


def write(mappings: Path, name: str, change: Callable[[str], str]) -> None:
    folder = mappings / name
    if name != "tiny":
        shutil.copytree(mappings / "tiny", folder)
        for path in list(folder.glob("tiny*")):
            text = path.read_text("utf-8").replace("tiny.csv", f"{name}.csv").replace("../tiny", f"../{name}")
            (folder / path.name.replace("tiny", name, 1)).write_text(text, "utf-8")
            path.unlink()
    source = folder / "source.toml"
    source.write_text(change(source.read_text("utf-8")), "utf-8")


@pytest.fixture(scope="module")
def shipped(shipped_release: Release) -> Iterator[Client]:
    with asking(create_app(Settings(release=shipped_release.path, contact="team@example.org"))) as made:
        yield made


def graph(client: Client, path: str, form: str = "turtle") -> rdflib.Graph:
    found = client.get(path)
    assert found.status_code == 200
    return rdflib.Graph().parse(data=found.content, format=form)


def test_every_form_of_the_catalogue_says_the_same(client: Client) -> None:
    graphs = [set(graph(client, f"/catalogue.{suffix}", form)) for suffix, form in MEDIA_TYPES.items()]
    assert all(found == graphs[0] for found in graphs)
    assert set(graph(client, "/catalogue.ttl")) == set(
        rdflib.Graph().parse(data=client.get("/catalogue", {"Accept": "text/turtle"}).content, format="turtle")
    )
    assert not [term for triple in graphs[0] for term in triple if isinstance(term, rdflib.BNode)]
    assert client.get("/catalogue", {"Accept": "text/html"}).headers["content-type"].startswith("text/html")


def test_a_dataset_has_everything_the_mapping_and_the_release_know(client: Client) -> None:
    found = graph(client, "/catalogue.ttl")
    node = rdflib.URIRef(f"{BASE}/data/tiny")
    period = found.value(node, DCTERMS.temporal)
    assert (str(found.value(period, DCAT.startDate)), str(found.value(period, DCAT.endDate))) == (
        "2025-04-01",
        "2025-05-31",
    )
    assert str(found.value(node, DCTERMS.spatial)).endswith("/K04000001")
    assert str(found.value(node, DCTERMS.issued)) == "2025-07-15"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(found.value(node, DCTERMS.modified)))
    series = found.value(node, DCAT.inSeries)
    assert series == rdflib.URIRef(f"{BASE}/series/tables")
    assert (series, RDF.type, DCAT.DatasetSeries) in found
    assert str(found.value(series, rdflib.URIRef(f"{BASE}/def/property/next-release"))) == "2030-01-08"
    assert {
        str(found.value(file, DCAT.downloadURL)).removeprefix(BASE) for file in found.objects(node, DCAT.distribution)
    } == {
        "/data/tiny/tiny.csv",
        "/data/tiny/tiny.csv-metadata.json",
        "/dumps/tiny.parquet",
        "/dumps/tiny.nt.gz",
        "/dumps/tiny.nq.gz",
    }
    assert client.get("/series/tables", {"Accept": "text/turtle"}).status_code == 200


def test_every_download_is_what_the_catalogue_says(client: Client) -> None:
    found = graph(client, "/catalogue.ttl")
    for file, url in found.subject_objects(DCAT.downloadURL):
        answer = client.head(str(url).removeprefix(BASE))
        assert answer.status_code == 200
        media_type = str(found.value(file, DCAT.mediaType)).partition("media-types/")[2]
        assert answer.headers["content-type"].split(";")[0] == media_type


@pytest.mark.parametrize("name", SHAPES)
def test_the_catalogue_keeps_the_shapes_of_dcat_ap(name: str, shipped: Client, shared: Path) -> None:
    shapes = rdflib.Graph().parse(shared / "shapes" / "dcat-ap-3.0.1" / name)
    for shape, part in list(shapes.subject_objects(SH.property)):
        if shapes.value(part, SH.path) is None:  # two of 3.0.1 are of nothing, and pyshacl refuses them
            shapes.remove((shape, SH.property, part))
    shapes.remove((None, SH.pattern, rdflib.Literal("^https://spdx.org/rdf/terms")))  # its terms begin with http:
    _, report, text = pyshacl.validate(
        graph(shipped, "/catalogue.ttl"), shacl_graph=shapes, do_owl_imports=False, meta_shacl=False
    )
    broken = [found for found in report.objects(None, SH.result) if (found, SH.resultSeverity, SH.Violation) in report]
    assert not broken, text


def test_the_exchange_model_is_valid(shipped: Client, shared: Path) -> None:
    schema = json.loads((shared / "shapes/uk-mem/uk-mem.schema.json").read_text("utf-8"))
    records = shipped.get("/catalogue/uk-mem.json").json()
    assert len(records["Dataset"]) == 10
    assert {record["identifier"] for record in records["Distribution"]} == {
        file for record in records["Dataset"] for file in record["distribution"]
    }
    for name, found in records.items():
        for record in found:
            jsonschema.validate(
                record, {**schema, "$ref": f"#/$defs/{name}"}, format_checker=jsonschema.FormatChecker()
            )


def test_a_dataset_without_an_address_to_write_to_is_not_in_the_exchange_model(client: Client) -> None:
    records = client.get("/catalogue/uk-mem.json").json()["Dataset"]
    assert [(record["identifier"], record["contactPoint"]["email"]) for record in records] == [
        (f"{BASE}/data/tiny", "team@example.org")
    ]


def test_samples_are_in_the_catalogue_but_in_nothing_that_others_harvest(client: Client) -> None:
    assert (rdflib.URIRef(f"{BASE}/data/invented"), RDF.type, DCAT.Dataset) in graph(client, "/catalogue.ttl")
    for path in (HARVEST, "/data.json", "/catalogue/uk-mem.json"):
        text = client.get(path).text
        assert "/data/tiny" in text
        assert "/data/invented" not in text
    assert 'application/ld+json">' not in client.get("/data/invented.html").text


def test_the_feed_has_what_datagovuk_shows(client: Client) -> None:
    found = graph(client, HARVEST, "xml")
    datasets = set(found.subjects(RDF.type, DCAT.Dataset))
    assert datasets == {rdflib.URIRef(f"{BASE}/data/tiny"), rdflib.URIRef(f"{BASE}/data/little")}
    assert all(found.value(node, DCTERMS.title) for node in datasets)
    files = set(found.subjects(RDF.type, DCAT.Distribution))
    assert {str(found.value(file, DCTERMS.license)) for file in files} == {OGL}
    assert {str(found.value(file, DCTERMS["format"])) for file in files} == {
        "CSV",
        "JSON",
        "Parquet",
        "N-Triples",
        "N-Quads",
    }
    assert client.head(HARVEST).status_code == 200


def test_data_json_has_every_dataset(client: Client) -> None:
    document = client.get("/data.json").json()
    found = {dataset["identifier"]: dataset for dataset in document["dataset"]}
    assert set(found) == {f"{BASE}/data/tiny", f"{BASE}/data/little"}
    tiny_one = found[f"{BASE}/data/tiny"]
    assert tiny_one["contactPoint"]["hasEmail"] == "mailto:team@example.org"
    assert tiny_one["accrualPeriodicity"] == "R/P1M"
    assert tiny_one["temporal"] == "2025-04-01/2025-05-31"


def test_search_engines_read_a_dataset_in_its_page(client: Client) -> None:
    answer = client.get("/data/tiny.html")
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', answer.text, re.DOTALL)
    found = json.loads(block)
    assert found["@type"] == "Dataset"
    assert found["name"] == "Tiny </script><b>households</b>"  # which has not ended the block
    assert found["variableMeasured"] == ["Households"]
    assert all(file["contentUrl"] and file["encodingFormat"] for file in found["distribution"])
    assert "unsafe-inline" not in answer.headers["content-security-policy"]


def test_a_thousand_datasets_are_harvested_page_by_page(tmp_path: Path) -> None:
    release = make_catalogue(tmp_path, BASE, 1_000)
    seen: list[str] = []
    path: str | None = HARVEST
    pages = 0
    with asking(create_app(Settings(release=release))) as client:
        while path is not None:
            found = graph(client, path, "xml")
            seen += sorted(str(node) for node in found.subjects(RDF.type, DCAT.Dataset))
            (page,) = found.subjects(RDF.type, HYDRA.PagedCollection)
            assert str(page) == BASE + path
            following = found.value(page, HYDRA.nextPage)
            assert following == found.value(page, HYDRA.next)
            path = str(following).removeprefix(BASE) if following is not None else None
            pages += 1
        assert client.get(f"{HARVEST}?page={pages + 1}").status_code == 404
        assert len(client.get("/data.json").json()["dataset"]) == 1_000
        assert {str(word) for word in found.objects(None, DCAT.keyword)} == {"synthetic", "over 25000"}
    assert pages == 10
    assert len(seen) == len(set(seen)) == 1_000
