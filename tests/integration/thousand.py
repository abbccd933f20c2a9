"""A release with as many datasets in its catalogue as asked for, and nothing else; made without the loader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, RdfFormat, Store

from loader.release import MANIFEST_FORMAT, FolderRecord, Manifest

if TYPE_CHECKING:
    from pathlib import Path

OGL = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
PREFIXES = """@base <{base}/> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
<catalogue> a dcat:Catalog ; dct:title "Synthetic catalogue"@en ; rdfs:label "Synthetic catalogue"@en .
<id/organisation/publisher> foaf:name "Synthetic publisher" .
<id/contact/team> vcard:fn "Synthetic team" ; vcard:hasEmail <mailto:team@example.org> .
<def/csv> rdfs:label "CSV" .
"""
DATASET = """
<catalogue> dcat:dataset <data/set-{n}> .
<data/set-{n}> a dcat:Dataset ; dct:title "Synthetic dataset {n}"@en ; dct:description "Invented for a test."@en ;
  dct:publisher <id/organisation/publisher> ; dct:license <{ogl}> ; dcat:contactPoint <id/contact/team> ;
  dcat:keyword "synthetic"@en, "over £25,000"@en, "x"@en ; dcat:distribution <data/set-{n}/distribution/set-{n}.csv> .
<data/set-{n}/distribution/set-{n}.csv> a dcat:Distribution ; dct:title "Table {n}"@en ; dct:license <{ogl}> ;
  dcat:accessURL <data/set-{n}> ; dcat:downloadURL <data/set-{n}/set-{n}.csv> ; dct:format <def/csv> ;
  dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> .
"""


def make_catalogue(path: Path, base: str, count: int) -> Path:
    """Write the release to a directory."""
    path.mkdir(parents=True, exist_ok=True)
    turtle = PREFIXES.format(base=base) + "".join(DATASET.format(n=n, ogl=OGL) for n in range(count))
    store = Store(str(path / "graph"))
    store.load(turtle.encode(), format=RdfFormat.TURTLE, to_graph=NamedNode(f"{base}/catalogue"))
    store.flush()
    del store
    folders = tuple(_folder(f"set-{n}", base) for n in range(count))
    Manifest(MANIFEST_FORMAT, base, "2026-01-01T00:00:00+00:00", {}, "0" * 64, folders).write(path / "manifest.json")
    return path


def _folder(name: str, base: str) -> FolderRecord:
    graph = f"{base}/data/{name}/editions/2025/versions/1"
    return FolderRecord(name, "records", name, graph, "2025", False, False, 1, 1, 1, {}, (), (), (), "", ())
