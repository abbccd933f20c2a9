"""A release whose cubes are columns: what is in it, what it answers, what it refuses."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from pyoxigraph import NamedNode, RdfFormat, Store

from endpoint.app import create_app
from endpoint.commands import query as run_query
from endpoint.cubes import filling, whole
from endpoint.cubes import source as cube_source
from endpoint.cubes.refusal import RefusalError
from endpoint.serving import open_serving
from endpoint.settings import Settings
from endpoint.source import Explained, Scope, StoreSource, page_query
from loader import dumps
from loader.build import Plan, build
from loader.dumps import Stream
from loader.errors import ProblemsError
from loader.progress import LogWatcher
from loader.release import open_release
from tests.integration import tiny
from tests.integration.asking import asking
from tests.integration.holding import column_quads
from tests.properties.cube_cases import multiset

if TYPE_CHECKING:
    from loader.release import Release

BASE = "http://127.0.0.1:8000"
ROOT = Path(__file__).resolve().parent.parent.parent
QUERIES = sorted([*(ROOT / "queries").rglob("*.rq"), *(ROOT / "mappings").glob("*/queries/*.rq")])
PREFIXES = (
    "PREFIX qb: <http://purl.org/linked-data/cube#> PREFIX d: <def/dimension/> PREFIX m: <def/measure/> "
    "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> PREFIX dct: <http://purl.org/dc/terms/> "
    "PREFIX sa: <http://purl.org/linked-data/sdmx/2009/attribute#> "
)
ENGLAND = "<http://statistics.data.gov.uk/id/statistical-geography/E92000001>"
ASKED = (
    "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }",
    "SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o }",
    "SELECT (COUNT(DISTINCT ?o) AS ?n) { ?s ?p ?o }",
    "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g",
    "SELECT ?c (COUNT(?s) AS ?n) (COUNT(DISTINCT ?s) AS ?m) { ?s a ?c } GROUP BY ?c",
    "SELECT ?p (COUNT(*) AS ?n) (COUNT(DISTINCT ?o) AS ?m) { ?s ?p ?o } GROUP BY ?p",
    f"SELECT ?s ?p {{ ?s ?p {ENGLAND} }}",
    "SELECT * { ?o a qb:Observation ; m:children ?v OPTIONAL { ?o sa:obsStatus ?t } OPTIONAL { ?o d:age-band ?b } }",
    "SELECT ?a (SUM(?v) AS ?t) (AVG(?v) AS ?x) (MAX(?v) AS ?h) { ?o d:area ?a ; m:children ?v } GROUP BY ?a",
    "SELECT ?a (SUM(?v) AS ?t) (COUNT(DISTINCT ?v) AS ?n) { ?o d:area ?a ; m:children ?v } GROUP BY ?a",
    "SELECT ?l (SUM(?v) AS ?t) { ?o d:area ?a ; m:amount|m:children ?v . ?a skos:prefLabel ?l } GROUP BY ?l",
    "SELECT (AVG(?v) AS ?x) (SUM(?v)/COUNT(*) AS ?y) { ?o m:amount ?v FILTER(?v > 100000.5) }",
    "SELECT ?d (COUNT(*) AS ?n) { ?o qb:dataSet ?d MINUS { ?o d:age-band ?x } } GROUP BY ?d",
    "SELECT * { ?o m:children ?v ; d:period ?p FILTER NOT EXISTS { ?o sa:obsStatus ?x } }",
    f"SELECT (COUNT(*) AS ?n) {{ ?o d:area/skos:broader* {ENGLAND} }}",
    "SELECT (COUNT(*) AS ?n) { ?o d:area/skos:broader* ?x }",
    "SELECT ?a ?x ?y { ?o d:area ?a ; m:children ?x ; d:period ?p . ?q d:area ?a ; m:households ?y }",
    "SELECT ?d ?t (SUM(?v) AS ?s) { ?o qb:dataSet ?d ; m:children ?v . ?d dct:title ?t } GROUP BY ?d ?t",
    "CONSTRUCT { ?a <x:y> ?v } WHERE { ?o d:area ?a ; m:children ?v }",
    "DESCRIBE ?o { ?o m:children ?v FILTER(?v > 2000000) }",
    "DESCRIBE <data/children-low-income>",
    "SELECT ?o ?g { GRAPH ?g { ?o a qb:Observation } GRAPH ?h { ?o a qb:Observation } FILTER(?g = ?h) }",
    "SELECT ?o ?v { ?o m:children ?v } ORDER BY DESC(?v) ?o LIMIT 10 OFFSET 2",
    "SELECT ?o ?v { ?o m:children ?v } ORDER BY ?v ?o LIMIT 20",
    "SELECT ?o ?v { ?o m:amount|m:children ?v } ORDER BY ASC(?v) ?o LIMIT 20",
    "SELECT ?a (SUM(?v) AS ?t) { { ?o m:children ?v ; d:area ?a } UNION { ?a m:households ?v } } GROUP BY ?a",
)


@pytest.fixture(scope="module")
def plain(shipped_release: Release) -> StoreSource:
    """A store with every triple of the release."""
    store = Store()
    for name in dumps.dump_names(shipped_release):
        store.bulk_load(input=b"".join(dumps.quads(shipped_release, name)), format=RdfFormat.N_QUADS)
    return StoreSource(store, BASE)


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_our_own_queries_find_what_a_store_with_every_triple_finds(
    shipped_release: Release, plain: StoreSource, query: Path
) -> None:
    text = query.read_text("utf-8")
    found = open_serving(shipped_release.path).source.answer(text, Scope.UNION)
    assert multiset(found) == multiset(plain.answer(text, Scope.UNION))


@pytest.mark.parametrize("query", ASKED)
def test_questions_find_what_a_store_with_every_triple_finds(
    shipped_release: Release, plain: StoreSource, query: str
) -> None:
    found = open_serving(shipped_release.path).source.answer(PREFIXES + query, Scope.UNION)
    assert multiset(found) == multiset(plain.answer(PREFIXES + query, Scope.UNION))


@pytest.mark.parametrize(
    "query", ["SELECT * { ?s ?p ?o } LIMIT 10", "SELECT DISTINCT ?a { ?o d:area ?a } LIMIT 7 OFFSET 3"]
)
def test_a_limit_gives_some_of_the_rows(shipped_release: Release, plain: StoreSource, query: str) -> None:
    found = multiset(open_serving(shipped_release.path).source.answer(PREFIXES + query, Scope.UNION))
    every = multiset(plain.answer(PREFIXES + query.partition("LIMIT")[0], Scope.UNION))
    assert sum(found.values()) == int(query.partition("LIMIT ")[2].split()[0])
    assert found <= every


def test_an_observation_is_a_subject_in_its_cube_and_nowhere_else(shipped_release: Release) -> None:
    cubes = shipped_release.cubes()
    assert {cube.name for cube in cubes} == {
        folder.name for folder in shipped_release.manifest.folders if folder.kind == "cube"
    }
    subjects = [quad.subject.value for quad in shipped_release.store() if isinstance(quad.subject, NamedNode)]
    for cube in cubes:
        assert not [subject for subject in subjects if subject.startswith(cube.prefix)]
        assert [other.name for other in cubes if other.prefix.startswith(cube.prefix)] == [cube.name]


def test_the_columns_say_what_the_dumps_say(shipped_release: Release) -> None:
    found: dict[str, set[str]] = {}
    for quad in column_quads(shipped_release):
        found.setdefault(str(quad.graph_name), set()).add(f"{quad.subject} {quad.predicate} {quad.object}")
    assert found
    for cube in shipped_release.cubes():
        store = Store()
        store.load(b"".join(dumps.quads(shipped_release, cube.name)), format=RdfFormat.N_QUADS)
        triples = {
            f"{q.subject} {q.predicate} {q.object}" for q in store if str(q.subject).startswith(f"<{cube.prefix}")
        }
        assert triples == found[f"<{cube.graph}>"]
        assert len(triples) == cube.triples


def test_a_piece_of_nothing_but_observations_does_not_end_the_load() -> None:
    assert io.BufferedReader(Stream(iter([b"", b"a", b"", b"", b"b", b""])), 16).read() == b"ab"


def describe_observation(folder: Path, about: str) -> None:
    """Add a table that labels an observation of the tiny table."""
    (folder / "extra.csv").write_text("Id,Name\nE06000001/2025-04@households,Extra\n")
    columns = [{"name": "id", "titles": "Id", "suppressOutput": True}]
    columns.append({"name": "label", "titles": "Name", "propertyUrl": "rdfs:label"})
    schema = {"aboutUrl": about, "columns": columns}
    document = {"@context": "http://www.w3.org/ns/csvw", "url": "extra.csv", "tableSchema": schema}
    (folder / "extra.csv-metadata.json").write_text(json.dumps(document))


def test_observations_described_by_another_table_are_triples(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    describe_observation(mappings / "tiny", "obs/{+id}")
    release = open_release(build(Plan(("tiny",), mappings), tmp_path / "out", LogWatcher()))
    assert release.cubes() == ()
    query = "SELECT * { ?o <def/measure/households> ?v ; <http://www.w3.org/2000/01/rdf-schema#label> ?l }"
    assert sum(multiset(open_serving(release.path).source.answer(query, Scope.UNION)).values()) == 1


def test_an_observation_described_by_another_folder_stops_the_build(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    shutil.copytree(mappings / "tiny", mappings / "other")
    for path in list((mappings / "other").glob("tiny*")):
        path.rename(path.with_name(path.name.replace("tiny", "other", 1)))
    document = mappings / "other/other.csv-metadata.json"
    document.write_text(document.read_text().replace("tiny.csv", "other.csv").replace("../tiny", "../other"))
    describe_observation(mappings / "other", "../tiny/obs/{+id}")
    with pytest.raises(ProblemsError) as raised:
        build(Plan(("tiny", "other"), mappings), tmp_path / "out", LogWatcher())
    assert [problem.code for problem in raised.value.problems] == ["CUBE-07"]


@pytest.mark.parametrize(
    ("name", "bindings"),
    [
        ("observations", {"dataset": f"<{BASE}/data/children-low-income>"}),
        ("structure", {"dataset": f"<{BASE}/data/children-low-income>"}),
        ("codes", {"scheme": f"<{BASE}/def/concept-scheme/age-band>"}),
    ],
)
def test_queries_of_pages_find_the_same(
    shipped_release: Release, plain: StoreSource, name: str, bindings: dict[str, str]
) -> None:
    bound = {variable: NamedNode(term[1:-1]) for variable, term in bindings.items()}
    source = open_serving(shipped_release.path).source
    found, wanted = (
        [sorted(map(str, row.items())) for row in one.select(page_query(name), bound)] for one in (source, plain)
    )
    assert wanted
    assert sorted(found) == sorted(wanted)
    assert len(list(source.select(page_query(name), bound, 3))) == min(3, len(wanted))


@pytest.mark.parametrize(
    "target",
    [
        ENGLAND,
        f"<{BASE}/def/measure/children>",
        f"<{BASE}/data/children-low-income>",
        f"<{BASE}/def/concept-scheme/age-band>",
        "<http://purl.org/linked-data/cube#Observation>",
        f"<{BASE}/nothing/points/here>",
    ],
)
def test_pages_of_what_points_at_a_thing_have_everything_once(
    shipped_release: Release, plain: StoreSource, target: str
) -> None:
    node, source = NamedNode(target[1:-1]), open_serving(shipped_release.path).source
    wanted = sorted(map(str, plain.pointing_at(node, 0, 1_000_000)))
    found: list[str] = []
    while page := source.pointing_at(node, len(found), 700):
        found += map(str, page)
    assert sorted(found) == wanted


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/data/children-low-income", "2017-2018"),
        ("/data/children-low-income/obs/E06000047/2017-2018@children", "County Durham"),
        ("/doc/area/E06000047", "County Durham"),
    ],
)
def test_pages_show_what_is_in_columns(shipped_release: Release, path: str, words: str) -> None:
    with asking(create_app(Settings(release=shipped_release.path))) as client:
        page = client.get(path, {"Accept": "text/html"})
        turtle = client.get(path, {"Accept": "text/turtle"})
    assert (page.status_code, turtle.status_code) == (200, 200)
    assert words in page.text
    if "/obs/" in path:
        assert "cube#Observation" in turtle.text or "qb:Observation" in turtle.text


def test_what_is_too_much_is_refused_and_says_what_to_do(
    shipped_release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "MAX_ROWS", 100)
    monkeypatch.setattr(whole, "MAX_TRIPLES", 0)
    source = open_serving(shipped_release.path).source
    with pytest.raises(RefusalError) as refused:
        source.answer(f"{PREFIXES} SELECT * {{ ?o m:children ?v ; d:area ?a }}", Scope.UNION)
    assert "more than 100 rows of children-low-income" in refused.value.detail
    assert "dumps/children-low-income.nq.gz" in refused.value.detail
    counted = source.answer(f"{PREFIXES} SELECT (SUM(?v) AS ?s) {{ ?o m:children ?v ; d:area ?a }}", Scope.UNION)
    assert sum(multiset(counted).values()) == 1


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_INNER_ROWS"])
def test_of_a_small_release_everything_is_answered(
    shipped_release: Release, plain: StoreSource, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(filling, limit, 100)
    source = open_serving(shipped_release.path).source
    for query in (
        "SELECT * { ?o m:children ?v ; d:area ?a }",
        "SELECT * { ?a skos:broader ?b OPTIONAL { ?o m:children ?v ; d:area ?a } }",
    ):
        assert multiset(source.answer(PREFIXES + query, Scope.UNION)) == multiset(
            plain.answer(PREFIXES + query, Scope.UNION)
        )


def test_more_rows_than_are_joined_soon_are_asked_of_a_store_with_every_triple(
    shipped_release: Release, plain: StoreSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cube_source, "MANY_ROWS", 10)
    query = f"{PREFIXES} SELECT * {{ ?o m:children ?v ; d:area ?a . ?a skos:prefLabel ?l }}"
    source = open_serving(shipped_release.path).source
    assert source.explain(query, Scope.UNION) == Explained()
    assert multiset(source.answer(query, Scope.UNION)) == multiset(plain.answer(query, Scope.UNION))


@pytest.mark.parametrize("depth", [5, 60, 199])
def test_what_is_nested_deeply_is_answered_or_refused(shipped_release: Release, plain: StoreSource, depth: int) -> None:
    groups = f"SELECT * {'{' * depth} ?o m:children 3383129 {'}' * depth}"
    paths = f"SELECT * {{ ?o {'(' * depth} m:children {')' * depth} 3383129 }}"
    for query in (PREFIXES + groups, PREFIXES + paths):
        try:
            found = open_serving(shipped_release.path).source.answer(query, Scope.UNION)
        except RefusalError:
            assert depth > 100
        else:
            assert multiset(found) == multiset(plain.answer(query, Scope.UNION))


def test_an_explanation_can_be_read(shipped_release: Release) -> None:
    text = f"{PREFIXES} SELECT ?a (SUM(?v) AS ?s) {{ ?o d:area ?a ; m:children ?v }} GROUP BY ?a ORDER BY ?s"
    shown = open_serving(shipped_release.path).source.explain(text, Scope.UNION).query.splitlines()
    assert max(map(len, shown)) == 2000
    assert [line for line in shown if line.startswith("# and ") and line.endswith(" characters more")]
    assert shown[-1].startswith("ORDER BY")


def test_it_explains_itself(shipped_release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"{PREFIXES} SELECT ?a (SUM(?v) AS ?s) {{ ?o m:children ?v ; d:area ?a }} GROUP BY ?a"
    with asking(create_app(Settings(release=shipped_release.path))) as client:
        answer = client.get(f"/sparql?{urlencode({'query': text, 'explain': '1'})}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    (tmp_path / "q.rq").write_text(text)
    run_query(str(tmp_path / "q.rq"), release=shipped_release.path, format="table", is_explained=True)
    shown = capsys.readouterr().out
    assert shown.partition("VALUES")[0] == answer.text.partition("VALUES")[0]  # groups come in any order
    assert "GROUP BY" in answer.text
    assert "VALUES" in answer.text
