"""A release keeps every integrity query and every shape; a damaged one is told what is wrong, and where."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import RdfFormat, Store
from rdflib import Graph

from loader.progress import LogWatcher
from loader.verify import conform, integrity_queries, read_part, verify

if TYPE_CHECKING:
    from loader.release import Release

ROOT = Path(__file__).resolve().parent.parent.parent
SHAPES = ROOT / "ontology" / "shapes"
BASE = "http://example.org/"
PREFIXES = """
@base <http://example.org/> .
@prefix adms: <http://www.w3.org/ns/adms#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix qb: <http://purl.org/linked-data/cube#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
CODES = """
<list> a skos:ConceptScheme ; skos:prefLabel "List"@en .
<a> a skos:Concept ; skos:prefLabel "A"@en, "A"@cy ; skos:notation "a" ; skos:inScheme <list> .
<b> a skos:Concept ; skos:prefLabel "B"@en ; skos:notation "b" ; skos:inScheme <list> ; skos:broader <a> .
"""
STRUCTURE = """
<cube> a qb:DataSet ; rdfs:label "Cube"@en ; qb:structure <structure> .
<structure> a qb:DataStructureDefinition ; rdfs:label "Structure"@en ; qb:component <c-area>, <c-people> .
<c-area> a qb:ComponentSpecification ; qb:componentProperty <area> ; qb:dimension <area> ; qb:order 1 .
<c-people> a qb:ComponentSpecification ; qb:componentProperty <people> ; qb:measure <people> ; qb:order 2 .
<area> a rdf:Property, qb:DimensionProperty, qb:CodedProperty ; rdfs:label "Area"@en ; rdfs:comment "Where."@en ;
  rdfs:range skos:Concept ; qb:codeList <list> .
<people> a rdf:Property, qb:MeasureProperty ; rdfs:label "People"@en ; rdfs:comment "How many."@en ;
  rdfs:range xsd:integer .
"""
CATALOGUE = """
<catalogue> a dcat:Catalog ; dct:title "All"@en ; dct:description "All there is."@en ; dcat:dataset <set> .
<set> a dcat:Dataset ; dct:title "Set"@en ; dct:description "A set."@en ; dct:publisher <publisher> ;
  dct:license <licence> ; dct:identifier "set" ; dct:hasVersion <version> ; dcat:distribution <file> .
<file> a dcat:Distribution ; dct:title "File"@en ; dcat:accessURL <set> ; dcat:downloadURL <set.csv> ;
  dct:license <licence> ; dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> ; dcat:byteSize 10 .
"""
WHOLE = {"codes": CODES, "structure": STRUCTURE, "catalogue": CATALOGUE}


@dataclass(frozen=True)
class Damage:
    """A text replaced, the thing at fault and a part of what must be said of it."""

    shapes: str
    old: str
    new: str
    focus: str
    said: str


DAMAGES = (
    Damage("codes", 'skos:prefLabel "A"@en, "A"@cy ;', 'skos:prefLabel "A"@cy ;', "a", "no name in English"),
    Damage("codes", '"A"@cy', '"Another"@en', "a", "more than one in a language"),
    Damage("codes", 'skos:notation "b" ;', "", "b", "no skos:notation"),
    Damage("codes", '"b" ; skos:inScheme <list>', '"b" ; skos:inScheme <other>', "b", "in no list"),
    Damage("codes", "skos:broader <a>", "skos:broader <c>", "b", "broader code is not described"),
    Damage("codes", "<list> a skos:ConceptScheme ;", "<empty> a skos:ConceptScheme ;", "empty", "has no code"),
    Damage("structure", " ; qb:structure <structure>", "", "cube", "not exactly one qb:structure"),
    Damage("structure", "qb:measure <people>", "qb:attribute <people>", "structure", "no measure"),
    Damage("structure", "qb:measure <people>", "qb:attribute <people>", "c-people", "not declared as qb:Attribute"),
    Damage("structure", "qb:dimension <area>", "qb:dimension <people>", "c-area", "not of its own property"),
    Damage("structure", " ; qb:order 2", "", "c-people", "qb:order"),
    Damage("structure", "rdfs:range xsd:integer", "rdfs:label 'Folk'@en", "people", "rdfs:range"),
    Damage("structure", " ; qb:codeList <list>", "", "area", "not exactly one qb:codeList"),
    Damage("catalogue", ' ; dct:description "A set."@en', "", "set", "no description"),
    Damage("catalogue", " ; dct:publisher <publisher>", "", "set", "publisher"),
    Damage("catalogue", "dct:license <licence> ; dct:identifier", "dct:identifier", "set", "licence"),
    Damage("catalogue", "; dcat:distribution <file>", "", "set", "no file to download"),
    Damage("catalogue", "dcat:byteSize 10", "dcat:byteSize 0", "file", "size of the file"),
    Damage("catalogue", "<set> a dcat:Dataset ;", "<set> a dcat:Dataset ; adms:status adms:sample ;", "set", "sample"),
)  # fmt: skip


def graph(turtle: str) -> Graph:
    return Graph().parse(data=PREFIXES + turtle, format="turtle")


def test_a_shipped_release_keeps_them_all(shipped_release: Release, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert verify(shipped_release, LogWatcher()) == []
    told = {message.partition(":")[0] for message in caplog.messages}
    shapes = {f"shapes of {path.stem}" for path in SHAPES.glob("*.ttl")}
    assert told == {query.name for query in integrity_queries()} | shapes


def test_the_parts_are_not_empty(shipped_release: Release) -> None:
    store = shipped_release.store()
    for name, least in {"catalogue": 200, "codes": 10_000, "structure": 500}.items():
        part = read_part(store, name, f"{shipped_release.manifest.base_uri}/")
        assert len(part) > least, name


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_graph_conforms(name: str) -> None:
    assert list(conform(graph(WHOLE[name]), SHAPES / f"{name}.ttl")) == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: f"{damage.shapes}-{damage.focus}-{damage.said}")
def test_a_damage_is_told(damage: Damage) -> None:
    assert damage.old in WHOLE[damage.shapes]
    turtle = WHOLE[damage.shapes].replace(damage.old, damage.new, 1)
    found = list(conform(graph(turtle), SHAPES / f"{damage.shapes}.ttl"))
    where = f"ontology/shapes/{damage.shapes}.ttl, {BASE}{damage.focus}"
    told = [problem for problem in found if problem.where == where and damage.said in problem.message]
    assert told, found
    assert all(problem.code == "CUBE-21" and problem.hint for problem in found)


def test_many_violations_are_counted() -> None:
    many = "".join(
        f'<n{number}> a skos:Concept ; skos:prefLabel "N"@en ; skos:inScheme <list> .' for number in range(30)
    )
    found = list(conform(graph(CODES + many), SHAPES / "codes.ttl"))
    assert len(found) == 21
    assert found[-1].message == "and 10 more violations"


def damaged(release: Release, tmp_path: Path) -> Path:
    """Copy a release, and say in it that some observation is of two data sets."""
    copy = tmp_path / "damaged"
    shutil.copytree(release.path, copy)
    store = Store(str(copy / "graph"))
    turtle = "<data/x/obs/1> a qb:Observation ; qb:dataSet <data/children-low-income>, <data/procurement-card> ."
    prefixes = PREFIXES.replace(BASE, f"{release.manifest.base_uri}/")
    store.load((prefixes + turtle).encode(), format=RdfFormat.TURTLE)
    store.flush()
    del store
    return copy


def test_the_command_names_what_is_wrong(shipped_release: Release, tmp_path: Path) -> None:
    copy = damaged(shipped_release, tmp_path)
    command = [sys.executable, "-m", "dwpld", "verify", "--release", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "queries/integrity/ic-01.rq, http://127.0.0.1:8000/data/x/obs/1: breaks 'IC-1: " in done.stderr
    assert "[CUBE-20]" in done.stderr
