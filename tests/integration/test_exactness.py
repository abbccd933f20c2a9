"""One value has one lexical form wherever a release gives it (docs/decisions/0010-lexical-forms.md)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import polars as pl
import pytest
from pyoxigraph import Literal, NamedNode, RdfFormat, Store, parse

from endpoint.app import create_app
from endpoint.settings import Settings
from loader import columns, dumps
from loader.build import Plan, build
from loader.canonical import canonical_lines
from loader.csvw.convert import convert_table
from loader.csvw.metadata import read_metadata
from loader.progress import LogWatcher
from loader.release import Release, open_release
from loader.uris import Uris
from tests.integration import tiny
from tests.integration.asking import Client, asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from loader.release import FolderRecord

XSD = "http://www.w3.org/2001/XMLSchema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
AWKWARD: dict[str, tuple[dict[str, object], tuple[str, str, str, str]]] = {
    "note": ({"datatype": "decimal"}, ("0.70", "-0.0", "12", "1.250")),
    "example": ({"datatype": "nonNegativeInteger"}, ("007", "5", "0", "12")),
    "changeNote": ({"datatype": "double"}, ("1.5E0", "INF", "NaN", "-0")),
    "historyNote": ({"datatype": "boolean"}, ("1", "true", "0", "false")),
    "scopeNote": ({"lang": "EN-gb"}, ("a", 'said "x"', "back\\slash", "é")),
    "definition": ({"datatype": "dateTime"}, ("2025-01-01T00:00:00+00:00", "2025-01-01T24:00:00", "", "")),
    "editorialNote": ({"datatype": {"base": "decimal", "@id": "http://x/pounds"}}, ("0.70", "1", "1.0", "")),
    "altLabel": ({"datatype": "integer"}, ("99999999999999999999", "+5", "-0", "")),
    "prefLabel": ({"datatype": {"base": "decimal", "format": "#,##0.00"}}, ("1,234.50", "0.00", "7.10", "")),
    "hiddenLabel": ({"datatype": "duration"}, ("P12M", "PT36H", "P0D", "")),
}
AS_TEXT = {f"<{SKOS}altLabel>", f"<{SKOS}prefLabel>"}
"""Numbers that are text in Parquet: one is too long, one has a format."""
FILE = f"""
@prefix x: <http://x/> . @prefix xsd: <{XSD}> .
x:thing x:says 0.70, "007"^^xsd:long ; x:says "a"@CY, 1.50E2 ;
  x:at "2025-01-01T00:00:00.50+00:00"^^xsd:dateTime, "2025-02-30"^^xsd:date .
x:thing x:again 1.0, 1.00 .
"""
LITERALS = "SELECT DISTINCT ?o WHERE { ?s ?p ?o FILTER isLiteral(?o) }"


def awkward_release(root: Path) -> Release:
    """Make a release of literals that the store writes in another way."""
    mappings = tiny.write_mapping(root)
    described = [{"name": n, "titles": n, "propertyUrl": f"{SKOS}{n}", **column} for n, (column, _) in AWKWARD.items()]
    (mappings / "tiny/tiny.csv-metadata.json").write_text(
        tiny.metadata([*tiny.COLUMNS[:3], *described, *tiny.COLUMNS[3:]])
    )
    with (mappings / "tiny/tiny.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*tiny.HEADER.split(","), *AWKWARD])
        for number, row in enumerate(tiny.ROWS):
            writer.writerow([*row.split(","), *(cells[number] for _, cells in AWKWARD.values())])
    (root / "odd.ttl").write_text(FILE, "utf-8")
    return open_release(build(Plan(("tiny",), mappings, graphs=(root / "odd.ttl",)), root / "out", LogWatcher()))


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of awkward literals in columns."""
    return awkward_release(tmp_path_factory.mktemp("awkward"))


@pytest.fixture(scope="module")
def awkward_triples(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of awkward literals in triples, for there are too many columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "MAX_COLUMNS", 5)
        return awkward_release(tmp_path_factory.mktemp("awkward-triples"))


@pytest.fixture(scope="module", params=["awkward", "awkward_triples", "shipped_release"])
def release(request: pytest.FixtureRequest) -> Release:
    """The releases of awkward literals, and that of all tables that the mapping folders ship."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Release)
    return found


@pytest.fixture(scope="module")
def client(release: Release) -> Iterator[Client]:
    with asking(create_app(Settings(release=release.path, max_rows=1_000_000, timeout_s=120))) as client:
        yield client


@pytest.fixture(scope="module")
def dumped(release: Release) -> dict[str, set[str]]:
    """The triples of each named graph, as lines of its dump."""
    graphs: dict[str, set[str]] = {}
    for line in b"".join(dumps.quads(release, *dumps.dump_names(release))).decode().split("\n")[:-1]:
        triple, _, graph = line.removesuffix("> .").rpartition(" <")
        graphs.setdefault(graph, set()).add(f"{triple} .")
    return graphs


def lines_of(content: bytes) -> set[str]:
    return set(content.decode().split("\n")[:-1])


def terms_of(lines: Iterable[str]) -> set[str]:
    """Give the literals of lines."""
    objects = (line.removesuffix(" .").split(" ", 2)[2] for line in lines)
    return {term for term in objects if term.startswith('"')}


def test_nothing_in_a_dump_would_be_written_in_another_way(dumped: dict[str, set[str]]) -> None:
    for lines in dumped.values():
        text = "".join(f"{line}\n" for line in sorted(lines))
        store = Store()
        store.bulk_load(input=text.encode(), format=RdfFormat.N_TRIPLES)
        assert {f"{quad.subject} {quad.predicate} {quad.object} ." for quad in store} == lines


def test_queries_and_graphs_give_what_dumps_have(client: Client, dumped: dict[str, set[str]]) -> None:
    for graph, lines in dumped.items():
        query = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"
        assert lines_of(client.get(f"/sparql?query={quote(query)}&format=nt").content) == lines
        answer = client.get(f"/graphs?graph={quote(graph)}", {"accept": "application/n-triples"})
        assert lines_of(answer.content) == lines


def test_every_form_of_a_result_has_the_literals_of_dumps(client: Client, dumped: dict[str, set[str]]) -> None:
    found = {term: Literal("") for lines in dumped.values() for term in terms_of(lines)}
    text = "".join(f"<x:s> <x:p> {term} .\n" for term in found)
    wanted = {quad.object for quad in parse(text.encode(), format=RdfFormat.N_TRIPLES)}
    assert len(wanted) == len(found) > 10
    address = f"/sparql?query={quote(LITERALS)}&format="
    rows = [row["o"] for row in json.loads(client.get(f"{address}json").content)["results"]["bindings"]]
    told = {
        Literal(row["value"], language=row["xml:lang"])
        if "xml:lang" in row
        else Literal(row["value"], datatype=NamedNode(row.get("datatype", f"{XSD}string")))
        for row in rows
    }
    assert told == wanted
    lines = client.get(f"{address}csv").content.decode()
    assert {row[0] if row else "" for row in list(csv.reader(io.StringIO(lines, newline="")))[1:]} == {
        literal.value for literal in wanted if isinstance(literal, Literal)
    }


def one_of_each_kind(lines: Iterable[str]) -> set[str]:
    """Choose the subject of one literal of each property and datatype or language, and of each odd one."""
    chosen: dict[tuple[str, str], str] = {}
    for line in sorted(lines):
        subject, predicate, term = line.removesuffix(" .").split(" ", 2)
        if term.startswith('"') and not term.endswith('"') and subject.startswith("<http://127.0.0.1:8000/"):
            chosen.setdefault((predicate, term.rpartition('"')[2]), subject)
    return set(chosen.values())


CATALOGUE = "<http://127.0.0.1:8000/catalogue>"


@pytest.mark.parametrize("form", ["nt", "ttl", "jsonld", "rdf"])
def test_pages_give_what_dumps_have(client: Client, dumped: dict[str, set[str]], form: str) -> None:
    """But for an observation's label, which is worked out."""
    kind = {"nt": RdfFormat.N_TRIPLES, "ttl": RdfFormat.TURTLE, "jsonld": RdfFormat.JSON_LD, "rdf": RdfFormat.RDF_XML}
    every = set().union(*dumped.values())
    subjects = one_of_each_kind(every)
    assert subjects
    for subject in sorted(subjects):
        if "#" in subject or subject == CATALOGUE:
            continue  # described with its whole; in the form that other catalogues ask for
        path = subject[1:-1].removeprefix("http://127.0.0.1:8000").replace("/id/", "/doc/", 1)
        answer = client.get(f"{path}.{form}" if path != "/" else path)
        assert answer.status_code == 200, path
        told = {
            f"{quad.subject} {quad.predicate} {quad.object} ."
            for quad in parse(answer.content, format=kind[form], base_iri="http://127.0.0.1:8000/")
        }
        wanted = {line for line in every if line.startswith(f"{subject} ")}
        assert wanted <= told
        assert not terms_of(line for line in told - every if RDFS_LABEL not in line)


def folders(release: Release) -> list[FolderRecord]:
    return [folder for folder in release.manifest.folders if folder.kind != "code-list"]


def test_the_table_is_as_published_and_its_values_are_those_of_the_dump(
    client: Client, release: Release, dumped: dict[str, set[str]]
) -> None:
    """What the table and its metadata say, to any reader of CSVW, is what is in the graph, value by value."""
    every = set().union(*dumped.values())
    for folder in folders(release):
        file = f"{folder.name}.csv"
        path = release.table(folder.name, file)
        assert path is not None
        assert client.get(f"/data/{file}").content == path.read_bytes()
        document = client.get(f"/data/{folder.name}/{file}-metadata.json").content
        address = f"{release.manifest.base_uri}/data/{folder.name}/{file}"
        table = read_metadata(document, base_url=address).tables[0]
        assert lines_of(canonical_lines(b"".join(convert_table(table, path)))) <= every


def test_numbers_of_parquet_are_those_of_the_dump(
    client: Client, release: Release, dumped: dict[str, set[str]]
) -> None:
    found = 0
    for cube in release.cubes():
        table = pl.read_parquet(io.BytesIO(client.get(f"/dumps/{cube.name}.parquet").content))
        if "observation" not in table.columns:
            continue
        typed = table.select("observation", pl.selectors.integer() | pl.selectors.decimal())
        cells = {
            (f"<{row[0]}>", canonical_number(str(cell)))
            for row in typed.iter_rows()
            for cell in row[1:]
            if cell is not None
        }
        wanted = set()
        for line in dumped[cube.graph]:
            subject, predicate, term = line.removesuffix(" .").split(" ", 2)
            text, _, kind = term[1:].rpartition('"^^')
            if kind in {f"<{XSD}integer>", f"<{XSD}decimal>"} and cube.prefix in subject and predicate not in AS_TEXT:
                wanted.add((subject, text))
        assert wanted <= cells
        found += len(cells)
    assert bool(found) == bool(release.cubes())


def canonical_number(text: str) -> str:
    line = f'<x:s> <x:p> "{text}"^^<{XSD}decimal> .\n'.encode()
    return canonical_lines(line).decode().split('"')[1]


def test_provenance_leads_from_an_observation_to_the_text_that_was_read(awkward: Release) -> None:
    query = f"""
        PREFIX qb: <http://purl.org/linked-data/cube#> PREFIX dcat: <http://www.w3.org/ns/dcat#>
        PREFIX dct: <http://purl.org/dc/terms/> PREFIX prov: <http://www.w3.org/ns/prov#>
        PREFIX spdx: <http://spdx.org/rdf/terms#>
        SELECT ?value ?table ?sha256 {{
          ?observation qb:dataSet ?dataset ; <{SKOS}note> ?value .
          ?dataset dct:hasVersion ?version .
          ?version prov:wasDerivedFrom ?file .
          ?file dcat:downloadURL ?table ; spdx:checksum/spdx:checksumValue ?sha256 .
        }} ORDER BY DESC(?value)"""
    uris = Uris.of(awkward.manifest.base_uri)
    with asking(create_app(Settings(release=awkward.path))) as client:
        rows = json.loads(client.get(f"/sparql?query={quote(query)}&format=json").content)["results"]["bindings"]
        values = [row["value"]["value"] for row in rows]
        assert values == ["12", "1.25", "0.7", "0"]
        (address,) = {row["table"]["value"] for row in rows}
        (sha256,) = {row["sha256"]["value"] for row in rows}
        content = client.get(address.removeprefix(uris.base)).content
    assert hashlib.sha256(content).hexdigest() == sha256
    cells = [row["note"] for row in csv.DictReader(io.StringIO(content.decode()))]
    assert cells == ["0.70", "-0.0", "12", "1.250"]
