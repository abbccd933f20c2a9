"""A release small enough to read, made without the loader: two datasets, a code list, areas, and a thing with an /id/.

Its base is not the address it is served at, as when a release for a public address is tried on a developer's machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, RdfFormat, Store

from loader.release import MANIFEST_FORMAT, FileRecord, FolderRecord, Manifest, file_record

if TYPE_CHECKING:
    from pathlib import Path

BASE = "https://data.example.org"
PREFIXES = """
@base <https://data.example.org/> .
@prefix adms: <http://www.w3.org/ns/adms#> .
@prefix area: <http://statistics.data.gov.uk/id/statistical-geography/> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix month: <http://reference.data.gov.uk/id/month/> .
@prefix org: <http://www.w3.org/ns/org#> .
@prefix qb: <http://purl.org/linked-data/cube#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sdmx-attribute: <http://purl.org/linked-data/sdmx/2009/attribute#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
STRUCTURE = """
<data/households> a qb:DataSet ; rdfs:label "Households on benefit by area"@en ;
  qb:structure <data/households/structure> .
<data/households/structure> a qb:DataStructureDefinition ; rdfs:label "Structure of households"@en ;
  qb:component <data/households/component/area>, <data/households/component/period>,
    <data/households/component/households> .
<data/households/component/area> a qb:ComponentSpecification ; rdfs:label "Area (dimension)"@en ;
  qb:dimension <def/dimension/area> ; qb:componentProperty <def/dimension/area> ; qb:order 1 .
<data/households/component/period> a qb:ComponentSpecification ; rdfs:label "Period (dimension)"@en ;
  qb:dimension <def/dimension/period> ; qb:componentProperty <def/dimension/period> ; qb:order 2 .
<data/households/component/households> a qb:ComponentSpecification ; rdfs:label "Households (measure)"@en ;
  qb:measure <def/measure/households> ; qb:componentProperty <def/measure/households> ; qb:order 3 .
"""
OBSERVATION = """
<data/households/obs/{area}/2025-05@households> a qb:Observation ; qb:dataSet <data/households> ;
  <def/dimension/area> area:{area} ; <def/dimension/period> month:2025-05 ;
  qb:measureType <def/measure/households> ; <def/measure/households> {value} ;
  sdmx-attribute:unitMeasure <def/unit/household> .
"""
FIGURES = {f"E0600{number:04}": number * 1_111 for number in range(1, 31)}
HOUSEHOLDS = STRUCTURE + "".join(OBSERVATION.format(area=area, value=value) for area, value in FIGURES.items())
SECRETS = """
<data/made-up> a dcat:Dataset ; adms:status adms:sample .
<data/made-up/record/a%20b%2Fc> a foaf:Document ; rdfs:label "A record with a slash in its name"@en .
<data/made-up/record/caf\u00e9> a foaf:Document ; rdfs:label "Caf\u00e9"@en .
<data/made-up/record/x.ttl> a foaf:Document ; rdfs:label "Named like a file"@en .
<id/organisation/office> a org:Organization ; rdfs:label "An office"@en ; rdfs:comment "<b>bold</b> & 'quoted'"@en ;
  foaf:homepage <https://office.example.net/> ;
  org:subOrganizationOf <http://unknown.example.net/thing#DepartmentOfThings> .
"""
CATALOGUE = """
<catalogue> a dcat:Catalog ; rdfs:label "Catalogue"@en ; dcat:dataset <data/households>, <data/made-up> .
<data/households> a dcat:Dataset ; dct:title "Households on benefit by area"@en ;
  dct:description "Households that got a benefit. One line for each area.\\n\\nA second paragraph."@en ;
  dct:license <https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/> ;
  dct:issued "2025-07-15"^^xsd:date .
<data/made-up> a dcat:Dataset ; dct:title "Made-up records"@en ; dct:description "Invented for tests."@en .
<data/households/editions/2025-05/versions/1> dct:isVersionOf <data/households> ;
  rdfs:label "Households, edition 2025-05"@en .
<data/made-up/editions/2025/versions/1> dct:isVersionOf <data/made-up> ; rdfs:label "Made-up records, edition 2025"@en .
"""
VOCABULARY = """
<def> rdfs:label "Vocabulary"@en .
<def/dimension/area> a rdf:Property, qb:DimensionProperty ; rdfs:label "Area"@en ;
  qb:codeList <def/concept-scheme/area> .
<def/dimension/period> a rdf:Property, qb:DimensionProperty ; rdfs:label "Period"@en .
<def/measure/households> a rdf:Property, qb:MeasureProperty ; rdfs:label "Households"@en .
<def/unit/household> a skos:Concept ; skos:prefLabel "Households"@en .
qb:Observation rdfs:label "observation"@en .
"""
CODES = """
<def/concept-scheme/family-type> a skos:ConceptScheme ; skos:prefLabel "Family types"@en ;
  rdfs:label "Family types"@en .
<def/concept/family-type/all> a skos:Concept ; skos:inScheme <def/concept-scheme/family-type> ;
  skos:prefLabel "All families"@en ; skos:notation "all" .
<def/concept/family-type/couple> a skos:Concept ; skos:inScheme <def/concept-scheme/family-type> ;
  skos:prefLabel "Couple"@en, "P\u00e2r"@cy ; skos:notation "couple" ; skos:broader <def/concept/family-type/all> .
"""
AREAS = '<def/concept-scheme/area> a skos:ConceptScheme ; skos:prefLabel "Areas"@en .\n' + "".join(
    f'area:{area} a skos:Concept ; skos:inScheme <def/concept-scheme/area> ; skos:prefLabel "Town {number}"@en ; '
    f'skos:notation "{area}" .\n'
    for number, area in enumerate(FIGURES, 1)
)
METADATA = """{"@context": "http://www.w3.org/ns/csvw", "url": "households.csv", "tableSchema": {
  "aboutUrl": "obs/{area}/{period}@households",
  "columns": [{"name": "area"}, {"name": "period"}, {"name": "households"}, {"name": "type", "virtual": true}]}}
"""
TABLE = "Area,Month,Households\r\n" + "".join(f"{area},2025-05,{value}\r\n" for area, value in FIGURES.items())
GRAPHS = {
    "data/households/editions/2025-05/versions/1": HOUSEHOLDS,
    "data/made-up/editions/2025/versions/1": SECRETS,
    "catalogue": CATALOGUE,
    "def": VOCABULARY,
    "def/concept-scheme/family-type": CODES,
    "def/concept-scheme/area": AREAS,
}


def make_release(path: Path, *, note: str = "first") -> Path:
    """Write the release to a directory; `note` is a label in it by which two releases can be told apart."""
    path.mkdir(parents=True, exist_ok=True)
    store = Store(str(path / "graph"))
    for name, turtle in GRAPHS.items():
        graph = NamedNode(f"{BASE}/{name}")
        store.load((PREFIXES + turtle).encode(), format=RdfFormat.TURTLE, to_graph=graph)
    text = f'{PREFIXES} <id/note> rdfs:label "{note}"@en .'
    store.load(text.encode(), format=RdfFormat.TURTLE, to_graph=NamedNode(f"{BASE}/catalogue"))
    store.flush()
    del store
    files = _files(path)
    folders = (
        _folder("family-type", "code-list", "Family types", "def/concept-scheme/family-type", 2),
        _folder("households", "cube", "Households on benefit by area", next(iter(GRAPHS)), len(FIGURES), files),
        _folder("made-up", "records", "Made-up records", "data/made-up/editions/2025/versions/1", 3, is_sample=True),
    )
    Manifest(MANIFEST_FORMAT, BASE, "2026-01-01T00:00:00+00:00", {}, "0" * 64, folders).write(path / "manifest.json")
    return path


def _files(path: Path) -> tuple[FileRecord, ...]:
    folder = path / "tables" / "households"
    folder.mkdir(parents=True)
    (path / "queries" / "households").mkdir(parents=True)
    query = "# title: Five figures\n# description: Any five.\nSELECT * { ?s <def/measure/households> ?o } LIMIT 5\n"
    (path / "queries" / "households" / "five.rq").write_text(query, "utf-8")
    written = {"households.csv": TABLE, "households.csv-metadata.json": METADATA}
    for name, text in written.items():
        (folder / name).write_bytes(text.encode())
    return tuple(file_record(folder / name, f"tables/households/{name}") for name in written)


def _folder(
    name: str,
    kind: str,
    title: str,
    graph: str,
    rows: int,
    outputs: tuple[FileRecord, ...] = (),
    *,
    is_sample: bool = False,
) -> FolderRecord:
    edition = None if kind == "code-list" else "2025-05"
    made = ((), (), outputs, "", ())
    return FolderRecord(name, kind, title, f"{BASE}/{graph}", edition, is_sample, False, rows, rows, rows, {}, *made)
