"""A release published into graph stores of other people, and served out of them: the same answers as from itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from pyoxigraph import QuerySolutions, QueryTriples, RdfFormat, parse

from endpoint.app import create_app
from endpoint.guard import analyse
from endpoint.problems import RequestError
from endpoint.serving import Serving, Shelf, open_serving
from endpoint.settings import Settings
from endpoint.source import Dataset, Scope
from loader import publishing
from loader.build import Plan, build
from loader.bulk import OXIGRAPH, VIRTUOSO, write_bulk
from loader.dumps import graph_dumps, graph_triples
from loader.errors import MisuseError
from loader.graph_store import GraphStore
from loader.progress import LogWatcher
from loader.publishing import publish, read_record, wanted_record
from loader.release import Release, open_release
from loader.uris import Uris
from tests.integration import tiny
from tests.integration.asking import asking
from tests.integration.stores import OtherStore, oxigraph, oxigraph_program, virtuoso

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "http://127.0.0.1:8000"
ROOT = Path(__file__).resolve().parent.parent.parent
FOREIGN = "http://d.example/of-somebody-else"
KINDS = ("oxigraph", "virtuoso")
QUERIES = {
    "sum": "SELECT (SUM(?n) AS ?all) { ?o <def/measure/households> ?n }",
    "own base": f"BASE <{BASE}/def/> PREFIX m: <measure/> SELECT ?n {{ ?o m:households ?n }} ORDER BY ?n",
    "ask": "ASK { ?o <def/measure/households> 10 }",
    "ask not": "ASK { ?o <def/measure/households> 11 }",
    "construct": "CONSTRUCT { ?o a <x:T> } WHERE { ?o <def/measure/households> ?n }",
    "graphs": "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }",
    "count by graph": "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g",
    "from": "SELECT ?s ?o FROM <graphs/one> { ?s <u:b> ?o FILTER(ISIRI(?o)) }",
    "from no graph of ours": f"SELECT * FROM <{FOREIGN}> {{ ?s ?p ?o }}",
    "from named alone": "SELECT * FROM NAMED <graphs/one> { ?s ?p ?o }",
    "from alone": "SELECT * FROM <graphs/one> { GRAPH ?g { ?s ?p ?o } }",
    "values": "SELECT ?o { VALUES ?n { 10 20 99 } ?o <def/measure/households> ?n }",
    "tongues": 'SELECT ?l { ?s <http://www.w3.org/2000/01/rdf-schema#label> ?l FILTER(LANG(?l) = "en") }',
    "foreign": "SELECT ?o { <u:foreign> ?p ?o }",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("publish")
    (folder / "files").mkdir()
    (folder / "files/one.ttl").write_text("<u:a> <u:b> <u:c>, [ <u:d> 1 ; <u:e> 2 ] .")
    (folder / "files/two.nq").write_text("<u:a> <u:b> <u:e> <http://d.example/g1> .\n<u:a> <u:b> <u:f> <u:g2> .\n")
    plan = Plan(("tiny",), tiny.write_mapping(folder), base=BASE, graphs=(folder / "files",))
    return open_release(build(plan, folder / "out", LogWatcher()))


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The same without RDF files, and another figure."""
    folder = tmp_path_factory.mktemp("smaller")
    rows = ("E06000001,2025-04,11", *tiny.ROWS[1:])
    return open_release(
        build(Plan(("tiny",), tiny.write_mapping(folder, rows), base=BASE), folder / "out", LogWatcher())
    )


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherStore]:
    start = {"oxigraph": oxigraph, "virtuoso": virtuoso}[request.param]
    with pytest.MonkeyPatch.context() as patch, start(tmp_path_factory.mktemp("other") / "db") as running:
        if request.param == "virtuoso":
            patch.setenv("DWPLD_STORE_USER", "dba")
            patch.setenv("DWPLD_STORE_PASSWORD", "dba")
        with GraphStore(running.graphs) as graphs:
            graphs.put(FOREIGN, b"<u:foreign> <u:b> <u:c> .\n")
        yield running


@pytest.fixture
def published(store: OtherStore, release: Release) -> OtherStore:
    publish(release, store.graphs, LogWatcher())
    return store


def opened(release: Release, store: OtherStore) -> Serving:
    return open_serving(release.path, open_store=Settings(release.path, store=store.queries).open_store)


def in_store(store: OtherStore) -> dict[str, int]:
    """Count the triples of each graph that may be ours, or is FOREIGN."""
    text = "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"
    found = httpx.post(store.queries, data={"query": text}, headers={"Accept": "application/sparql-results+json"})
    rows = found.raise_for_status().json()["results"]["bindings"]
    counts = {row["g"]["value"]: int(row["n"]["value"]) for row in rows}
    return {graph: n for graph, n in counts.items() if graph.startswith((BASE, "http://d.example", "u:"))}


def record_node() -> str:
    return Uris.of(BASE).publication().value


def expected(release: Release) -> dict[str, int]:
    counts = {
        graph: sum(piece.count(b"\n") for piece in graph_triples(release, graph)) for graph in graph_dumps(release)
    }
    written = wanted_record(release).write(Uris.of(BASE).publication())
    return {**counts, record_node(): written.count(b"\n"), FOREIGN: 1}


def rows_of(serving: Serving, text: str, scope: Dataset | Scope | None = None) -> Counter[str] | bool:
    """Answer a query as a multiset of rows, or a truth value."""
    asked = scope or (Scope.STATED if analyse(text).has_dataset else Scope.UNION)
    found = serving.source.answer(text, asked)
    if isinstance(found, QuerySolutions):
        names = sorted(variable.value for variable in found.variables)
        return Counter(str([(name, str(row[name])) for name in names]) for row in found)
    return Counter(map(str, found)) if isinstance(found, QueryTriples) else bool(found)


def test_every_graph_is_there_and_nothing_else_is_touched(published: OtherStore, release: Release) -> None:
    assert in_store(published) == expected(release)
    assert sum(expected(release).values()) > 1_000


def test_what_has_not_changed_is_not_sent_again(
    published: OtherStore, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "put_graph", None)
    lines = publish(release, published.graphs, LogWatcher())
    assert lines == [f"0 put, {len(graph_dumps(release))} unchanged, 0 deleted: {release.id}"]
    shown = publish(release, published.graphs, LogWatcher(), is_fresh=True, show=True)
    assert len(shown) == 1 + len(graph_dumps(release))
    assert in_store(published) == expected(release)


def test_what_is_in_no_release_any_more_goes_if_it_was_ours(
    published: OtherStore, release: Release, smaller: Release
) -> None:
    lines = publish(smaller, published.graphs, LogWatcher())
    gone = set(graph_dumps(release)) - set(graph_dumps(smaller))
    assert {f"delete <{graph}>" for graph in gone} < set(lines)
    assert len(gone) == 3
    assert in_store(published) == expected(smaller)


def test_a_run_that_was_broken_off_is_gone_on_with(
    published: OtherStore, release: Release, smaller: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BrokenError(Exception):
        pass

    put = publishing.put_graph
    done: list[str] = []

    def put_two(release: Release, graph: str, store: GraphStore, watcher: LogWatcher) -> None:
        if len(done) == 2:
            raise BrokenError
        put(release, graph, store, watcher)
        done.append(graph)

    publish(smaller, published.graphs, LogWatcher())
    serving = opened(smaller, published)
    monkeypatch.setattr(publishing, "put_graph", put_two)
    with pytest.raises(BrokenError):
        publish(release, published.graphs, LogWatcher())
    with pytest.raises(RequestError, match="being replaced"):
        serving.source.answer(QUERIES["sum"], Scope.UNION)
    with pytest.raises(MisuseError, match="does not hold release"):
        opened(release, published)
    monkeypatch.setattr(publishing, "put_graph", put)
    lines = publish(release, published.graphs, LogWatcher())
    assert not [line for line in lines for graph in done if line == f"put <{graph}>"]
    assert in_store(published) == expected(release)


def test_large_graphs_go_in_pieces_and_blank_nodes_in_one(
    published: OtherStore, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []
    send = GraphStore._send

    def noted(self: GraphStore, method: str, graph: str, triples: bytes | None = None) -> httpx.Response | None:
        sent.append((method, graph))
        return send(self, method, graph, triples)

    monkeypatch.setattr(GraphStore, "_send", noted)
    monkeypatch.setattr(publishing, "CHUNK_BYTES", 1)
    publish(release, published.graphs, LogWatcher(), is_fresh=True)
    cube = f"{BASE}/data/tiny/editions/2025-05/versions/1"
    assert [method for method, graph in sent if graph == cube] == ["PUT", "POST"]
    assert [method for method, graph in sent if graph == f"{BASE}/graphs/one"] == ["PUT"]
    assert in_store(published) == expected(release)


@pytest.mark.parametrize("name", QUERIES)
def test_answers_are_those_of_the_release_itself(published: OtherStore, release: Release, name: str) -> None:
    remote, local = opened(release, published), open_serving(release.path)
    assert rows_of(remote, QUERIES[name]) == rows_of(local, QUERIES[name])


@pytest.mark.parametrize("scope", [Dataset((), ()), Dataset(), None], ids=["none", "empty", "union"])
def test_the_dataset_of_a_request_is_kept_to(published: OtherStore, release: Release, scope: Dataset | None) -> None:
    text = "SELECT ?s { ?s <u:b> <u:e> }"
    assert rows_of(opened(release, published), text, scope) == rows_of(open_serving(release.path), text, scope)


def test_our_own_queries_are_answered_alike(published: OtherStore, release: Release) -> None:
    remote, local = opened(release, published), open_serving(release.path)
    paths = [*(ROOT / "queries/examples").glob("*.rq"), *(ROOT / "queries/parts").glob("*.rq")]
    assert len(paths) > 8
    for path in paths:
        text = path.read_text("utf-8")
        assert rows_of(remote, text) == rows_of(local, text), path.name


def test_what_pages_ask_is_answered_alike(published: OtherStore, release: Release) -> None:
    remote, local = opened(release, published).source, open_serving(release.path).source
    dataset = Uris.of(BASE).dataset("tiny")
    things = [dataset, Uris.of(BASE).ontology(), Uris.of(BASE).node("data/nothing")]
    assert set(remote.about(things)) == set(local.about(things))
    assert [remote.has(thing) for thing in things] == [True, True, False]
    text = "SELECT ?dataset ?o { ?o <http://purl.org/linked-data/cube#dataSet> ?dataset }"
    found, known = (Counter(str(row) for row in one.select(text, {"dataset": dataset})) for one in (remote, local))
    assert found == known
    assert found.total() == 4
    assert len(list(remote.select(text, {"dataset": dataset}, 2))) == 2


def test_parts_of_what_there_is_add_up_to_all_of_it(published: OtherStore, release: Release) -> None:
    remote, local = opened(release, published).source, open_serving(release.path).source
    dataset, graph = Uris.of(BASE).dataset("tiny"), Uris.of(BASE).catalogue()
    pages = [remote.pointing_at(dataset, start, 20) for start in range(0, 60, 20)]
    assert Counter(triple for page in pages for triple in page) == Counter(local.pointing_at(dataset, 0, 60))
    assert len(pages[0]) > 5
    parts = [remote.subjects(graph, start, 40) for start in range(0, 120, 40)]
    assert Counter(iri for part in parts for iri in part) == Counter(local.subjects(graph, 0, 120))
    assert len(parts[0]) > 5


def test_the_endpoint_serves_out_of_a_store(published: OtherStore, release: Release) -> None:
    settings = Settings(release.path, store=published.queries, workers=2, max_rows=3)
    with asking(create_app(settings), {"Accept": "application/sparql-results+json"}) as client:
        answer = client.get(f"/sparql?query={quote(QUERIES['sum'])}")
        assert answer.json()["results"]["bindings"][0]["all"]["value"] == "100"
        tag = answer.headers["etag"]
        assert client.get(f"/sparql?query={quote(QUERIES['sum'])}", {"If-None-Match": tag}).status_code == 304
        cut = client.get(f"/sparql?query={quote('SELECT * { ?s ?p ?o }')}")
        assert (cut.headers["x-sparql-maxrows"], len(cut.json()["results"]["bindings"])) == ("3", 3)
        graph = client.get(
            f"/sparql?query={quote('CONSTRUCT WHERE { ?s ?p ?o }')}", {"Accept": "application/n-triples"}
        )
        assert graph.headers["x-sparql-maxrows"] == "3"
        assert len(list(parse(graph.content, format=RdfFormat.N_TRIPLES))) == 3
        assert client.get("/data/tiny", {"Accept": "text/html"}).status_code == 200
        assert client.get("/data/nothing", {"Accept": "text/html"}).status_code == 404
        wrong = client.get(f"/sparql?query={quote('SELECT * { ?s ?p }')}")
        assert "line 1, column 18" in wrong.json()["detail"]
        explained = client.get(f"/sparql?explain=1&query={quote(QUERIES['sum'])}").text
        assert f"<{BASE}/def/measure/households>" in explained


def test_a_release_is_served_once_the_store_holds_it(
    store: OtherStore, release: Release, smaller: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endpoint.serving.STORE_RETRY_S", -1.0)
    publish(release, store.graphs, LogWatcher())
    link = tmp_path / "current"
    link.symlink_to(release.path)
    shelf = Shelf(link, open_store=Settings(link, store=store.queries).open_store)
    link.unlink()
    link.symlink_to(smaller.path)
    assert shelf.current().release.id == release.id
    publish(smaller, store.graphs, LogWatcher())
    assert shelf.current().release.id == smaller.id
    assert rows_of(shelf.current(), QUERIES["sum"]) == rows_of(open_serving(smaller.path), QUERIES["sum"])


def test_bulk_files_load_into_oxigraph(release: Release, tmp_path: Path) -> None:
    lines = write_bulk(release, tmp_path / "files", LogWatcher())
    assert len(lines) == 1 + len(graph_dumps(release))
    path = f"{Path(oxigraph_program()).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["sh", str(tmp_path / "files" / OXIGRAPH), str(tmp_path / "db")]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": path})
    with oxigraph(tmp_path / "db") as store:
        assert in_store(store) | {FOREIGN: 1} == expected(release)
        assert rows_of(opened(release, store), QUERIES["sum"]) == rows_of(open_serving(release.path), QUERIES["sum"])


def test_bulk_files_load_into_virtuoso(release: Release, tmp_path: Path) -> None:
    with ExitStack() as stack:
        store = stack.enter_context(virtuoso(tmp_path / "db"))
        isql = shutil.which("isql-vt") or shutil.which("isql-v")
        if isql is None:
            pytest.skip("Virtuoso is here without its isql")
        write_bulk(release, store.directory / "files", LogWatcher())
        script = (store.directory / "files" / VIRTUOSO).read_bytes()
        for _ in range(2):  # the second time in place of the first
            subprocess.run(
                [isql, f"127.0.0.1:{store.sql_port}", "dba", "dba"], input=script, check=True, capture_output=True
            )
            assert in_store(store) | {FOREIGN: 1} == expected(release)
        assert rows_of(opened(release, store), QUERIES["sum"]) == rows_of(open_serving(release.path), QUERIES["sum"])


def test_files_go_into_a_directory_of_their_own(release: Release, tmp_path: Path) -> None:
    assert write_bulk(release, tmp_path / "new", LogWatcher(), show=True)
    assert not (tmp_path / "new").exists()
    (tmp_path / "other").touch()
    with pytest.raises(MisuseError, match="is not empty"):
        write_bulk(release, tmp_path, LogWatcher())


def test_a_record_is_read_as_it_was_written(release: Release) -> None:
    node = Uris.of(BASE).publication()
    wanted = wanted_record(release)
    assert read_record(wanted.write(node), node) == replace(wanted, graphs=dict(sorted(wanted.graphs.items())))
    with pytest.raises(MisuseError, match="did not give"):
        read_record(b"<html>", node)


@pytest.mark.parametrize("store", ["virtuoso"], indirect=True)
def test_a_store_that_wants_to_know_who_asks_says_so(
    store: OtherStore, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DWPLD_STORE_PASSWORD", "wrong")
    with pytest.raises(MisuseError, match=r"GET of <.*/publication> was answered 401 .*DWPLD_STORE_PASSWORD"):
        publish(release, store.graphs, LogWatcher())
