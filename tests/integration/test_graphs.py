"""RDF files in a release: as they stand, each in its own graph, and known to everything that reads releases."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import BlankNode, RdfFormat, Store, parse
from typer.testing import CliRunner

from dwpld import app
from endpoint.app import create_app
from endpoint.service_description import service_description
from endpoint.serving import open_serving
from endpoint.settings import Settings
from endpoint.source import Scope
from loader import dumps
from loader.build import Plan, build, check
from loader.comparing import compare
from loader.errors import MisuseError, ProblemsError
from loader.progress import LogWatcher
from loader.release import open_release
from loader.releases import damage
from loader.verify import verify
from ontology.terms import SD
from tests.integration import tiny
from tests.integration.asking import asking

if TYPE_CHECKING:
    from pathlib import Path

    from loader.release import Release

BASE = "http://127.0.0.1:8000"
TURTLE = (
    "@prefix : <http://d.example/> .\n"
    '<#office> :p "0.70", 0.70, "Cymraeg"@cy ; :q [ :r "in a blank node" ], [ :r 2 ] .\n'
)
QUADS = (
    '<http://d.example/a> <http://d.example/p> "one" <http://d.example/graph/1> .\n'
    '<http://d.example/a> <http://d.example/p> "two" <http://d.example/graph/2> .\n'
    '<http://d.example/a> <http://d.example/p> "none" .\n'
    '_:b <http://d.example/p> "blank" <http://d.example/graph/1> .\n'
)
RDF_XML = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:d="http://d.example/">'
    '<rdf:Description rdf:about="http://d.example/x"><d:p>xml</d:p></rdf:Description></rdf:RDF>'
)
JSON_LD = '{"@id": "http://d.example/j", "http://d.example/p": "json"}'
FILES = {"Offices 2.ttl": TURTLE, "quads.nq": QUADS, "x.rdf": RDF_XML, "j.jsonld": JSON_LD}


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        data = text.encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def make(out: Path, *paths: Path, watcher: LogWatcher | None = None) -> Release:
    """Build a release of RDF files alone."""
    plan = Plan(graphs=paths, is_only_graphs=True, base=BASE)
    return open_release(build(plan, out, watcher or LogWatcher()))


def refused(out: Path, *paths: Path) -> list[str]:
    """Give code and place of each problem, and hold that nothing was made."""
    with pytest.raises(ProblemsError) as caught:
        make(out, *paths)
    assert not (out / "current").exists()
    return [f"{one.code} {one.where.rpartition('/')[2]}" for one in caught.value.problems]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("graphs")
    return make(folder / "out", write(folder / "files", FILES))


class Hearing(LogWatcher):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def said(self, text: str) -> None:
        """Keep it."""
        self.heard.append(text)


def test_quads_keep_their_graphs_and_triples_have_one_of_their_own(release: Release) -> None:
    found = {file.name: {one.graph: one.quads for one in file.graphs} for file in release.manifest.graph_files}
    assert found == {
        "offices-2": {f"{BASE}/graphs/offices-2": 7},
        "quads": {"http://d.example/graph/1": 2, "http://d.example/graph/2": 1, f"{BASE}/graphs/quads": 1},
        "x": {f"{BASE}/graphs/x": 1},
        "j": {f"{BASE}/graphs/j": 1},
    }


def test_relative_addresses_are_below_the_graph_of_the_file(release: Release) -> None:
    lines = b"".join(dumps.triples(release, "graphs-offices-2")).decode()
    assert f'<{BASE}/graphs/offices-2#office> <http://d.example/p> "Cymraeg"@cy .\n' in lines
    assert '"0.7"^^<http://www.w3.org/2001/XMLSchema#decimal>' in lines
    assert "Cymraeg" not in b"".join(dumps.triples(release, "graphs-quads")).decode()


def test_blank_nodes_are_kept_and_no_two_files_share_one(release: Release) -> None:
    whole = b"".join(dumps.quads(release, *dumps.dump_names(release)))
    dumped = Store()
    dumped.bulk_load(input=whole, format=RdfFormat.N_QUADS)
    assert len(dumped) == sum(1 for _ in release.store())
    rows = open_serving(release.path).source.answer("SELECT ?b ?o { ?b ?p ?o FILTER isBlank(?b) }", Scope.UNION)
    found = [(row["b"], row["o"].value) for row in rows]  # type: ignore[union-attr]
    assert len({node for node, _ in found}) == 3
    assert {text for _, text in found} == {"in a blank node", "2", "blank"}


def test_the_same_files_make_the_same_release(release: Release, tmp_path: Path) -> None:
    again = make(tmp_path / "out", write(tmp_path / "files", FILES))
    assert again.manifest.content_sha256 == release.manifest.content_sha256
    assert again.manifest.graph_files == release.manifest.graph_files
    zipped = make(tmp_path / "zipped", write(tmp_path / "gz", {f"{name}.gz": text for name, text in FILES.items()}))
    assert zipped.manifest.content_sha256 != release.manifest.content_sha256  # the catalogue names the files
    assert zipped.manifest.quads == release.manifest.quads


def test_an_unchanged_file_is_taken_over_and_a_damaged_dump_is_not(tmp_path: Path) -> None:
    files = write(tmp_path / "files", FILES)
    first, second = make(tmp_path / "out", files), make(tmp_path / "out", files)
    dump = "dumps/graphs-quads.nq.gz"
    assert (second.path / dump).samefile(first.path / dump)
    assert second.manifest.graph_files == first.manifest.graph_files
    (second.path / dump).write_bytes(gzip.compress(b""))
    third = make(tmp_path / "out", files)
    assert not (third.path / dump).samefile(second.path / dump)
    assert third.manifest.content_sha256 == first.manifest.content_sha256
    (files / "quads.nq").write_text(QUADS.replace("two", "three"))
    fourth = make(tmp_path / "out", files)
    assert fourth.manifest.content_sha256 != first.manifest.content_sha256
    assert not damage(fourth)


def test_damage_to_a_graph_is_found(tmp_path: Path) -> None:
    made = make(tmp_path / "out", write(tmp_path / "files", FILES))
    assert damage(made) == []
    store = Store(str(made.path / "graph"))
    quad = next(store.quads_for_pattern(None, None, None, next(parse(QUADS, format=RdfFormat.N_QUADS)).graph_name))
    store.remove(quad)
    store.flush()
    del store
    assert damage(made) == ["graph: http://d.example/graph/1 is not whole"]
    (made.path / "dumps/graphs-x.nq.gz").write_bytes(b"")
    assert "dumps/graphs-x.nq.gz: not as in manifest.json" in damage(made)


def test_files_are_compared_but_for_blank_nodes(release: Release, tmp_path: Path) -> None:
    changed = FILES | {
        "quads.nq": QUADS.replace("two", "three").replace("blank", "white"),
        "new.nt": "<u:a> <u:b> <u:c> .",
    }
    del changed["x.rdf"]
    after = make(tmp_path / "out", write(tmp_path / "files", changed))
    found = {one.name: one.triples for one in compare(release, after).folders}
    assert found.pop("catalogue") == {"added": 3, "removed": 3}
    assert found == {
        "graphs-quads": {"added": 1, "removed": 1},
        "graphs-new": {"added": 1, "removed": 0},
        "graphs-x": {"added": 0, "removed": 1},
    }


def test_a_release_of_files_alone_is_verified_served_and_described(release: Release) -> None:
    assert [one for one in verify(release, LogWatcher()) if "blank-nodes" in one.where] == []
    described = service_description(open_serving(release.path))
    names = {triple.object.value for triple in described if triple.predicate == SD.name}  # type: ignore[union-attr]
    assert names == set(release.manifest.quads)
    with asking(create_app(Settings(release.path))) as client:
        assert client.get("/").status_code == client.get("/data").status_code == 200
        for path in ("/graphs/offices-2", "/doc/resource?uri=http://d.example/a", "/dumps/graphs-quads.nt"):
            assert client.get(path).status_code == 200, path


def test_files_are_beside_datasets_and_repeated_triples_are_told(tmp_path: Path) -> None:
    area = "<http://statistics.data.gov.uk/id/statistical-geography/E06000001>"
    said = f'<{BASE}/data/tiny> <http://purl.org/dc/terms/title> "Tiny households"@en .\n{area} <u:p> _:b .\n'
    plan = Plan(("tiny",), tiny.write_mapping(tmp_path), base=BASE, graphs=(write(tmp_path / "f", {"a.nt": said}),))
    hearing = Hearing()
    made = open_release(build(plan, tmp_path / "out", hearing))
    assert made.manifest.folder("tiny") is not None
    assert [text for text in hearing.heard if "met" in text or "meet" in text] == [
        f"<{BASE}/graphs/a>: 1 of its triples are in other graphs too; queries meet them twice"
    ]
    assert damage(made) == []
    found = open_serving(made.path).source.answer(f"DESCRIBE {area}", Scope.UNION)
    said_of_it = {triple.predicate.value: triple.object for triple in found}  # type: ignore[union-attr]
    assert isinstance(said_of_it["u:p"], BlankNode)
    assert len(said_of_it) > 1


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        ({"a.ttl": "@prefix : <http://d.example/> .\n:a :b ."}, ["GRAPH-01 a.ttl:2"]),
        ({"a.nq": "<u:a> <u:b> <u:c> .\n<u:a> <u:b> <u:c .\n"}, ["GRAPH-01 a.nq:2"]),
        ({"a.jsonld": '{"@context": "http://d.example/c", "@id": "u:a"}'}, ["GRAPH-01 a.jsonld"]),
        ({"a.rdf": RDF_XML.replace("</d:p>", "")}, ["GRAPH-01 a.rdf:1"]),
        ({"a.rdf": '<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>' + RDF_XML}, ["GRAPH-01 a.rdf"]),
        ({"a.ttl": "<u:a> <u:b> <<( <u:a> <u:b> <u:c> )>> ."}, ["GRAPH-01 a.ttl"]),
        ({"a.csv": "a,b"}, ["GRAPH-02 a.csv"]),
        ({"….nt": ""}, ["GRAPH-02 ….nt"]),
        ({"a.nt": "", "A.ttl": ""}, ["GRAPH-02 a.nt"]),
        ({"a.trig": "_:g { <u:a> <u:b> <u:c> }"}, ["GRAPH-03 a.trig"]),
        ({"a.trig": "<def> { <u:a> <u:b> <u:c> }"}, []),
        ({"a.trig": "</def> { <u:a> <u:b> <u:c> }"}, ["GRAPH-03 a.trig"]),
        ({"a.nq": QUADS, "b.nq": QUADS}, ["GRAPH-03 b.nq", "GRAPH-03 b.nq"]),
    ],
)
def test_what_cannot_be_taken_is_a_problem(tmp_path: Path, files: dict[str, str], problems: list[str]) -> None:
    folder = write(tmp_path / "files", files)
    if problems:
        assert refused(tmp_path / "out", folder) == problems
    else:
        assert make(tmp_path / "out", folder).manifest.quads


def test_a_damaged_archive_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "a.nt.gz"
    file.write_bytes(gzip.compress(b"<u:a> <u:b> <u:c> .\n" * 10_000)[:-20])
    assert refused(tmp_path / "out", file) == ["GRAPH-01 a.nt.gz"]


@pytest.mark.parametrize(
    ("term", "code"),
    [
        ('"Ring QQ 12 34 56 C, or AB 12 34 56 C"', "GATE-12"),
        ('"write to a.tester@d.example"', "GATE-13"),
        ("<mailto:a.tester@d.example>", "GATE-13"),
        ("<tel:+44%207700%20900123>", "GATE-14"),
        ('"Mr A Tester"@en', "GATE-18"),
    ],
)
def test_personal_data_in_texts_is_refused_and_not_repeated(tmp_path: Path, term: str, code: str) -> None:
    folder = write(tmp_path / "f", {"a.nt": f"<http://d.example/a> <http://d.example/p> {term} .\n"})
    (problem,) = check(Plan(graphs=(folder,), is_only_graphs=True, base=BASE), LogWatcher())
    assert problem.code == code
    assert problem.where.endswith("a.nt, 'http://d.example/p' of 'http://d.example/a'")
    assert "Tester" not in str(problem)
    assert "tester" not in str(problem)


def test_an_observation_is_described_in_its_table_only(tmp_path: Path) -> None:
    said = f'<{BASE}/data/tiny/obs/E06000001/2025-04@households> <u:p> "more" .\n'
    plan = Plan(("tiny",), tiny.write_mapping(tmp_path), base=BASE, graphs=(write(tmp_path / "f", {"a.nt": said}),))
    with pytest.raises(ProblemsError) as caught:
        build(plan, tmp_path / "out", LogWatcher())
    assert [one.code for one in caught.value.problems] == ["CUBE-07"]


def test_the_command_line(tmp_path: Path) -> None:
    file = write(tmp_path / "f", {"a.nt": "<u:a> <u:b> <u:c> .\n"}) / "a.nt"
    out = ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["build", "--only-graphs", "--graphs", str(file), *out])
    assert done.exit_code == 0, done.output
    assert set(open_release(tmp_path / "out/current").manifest.quads) == {f"{BASE}/graphs/a"}
    for arguments in (["--only-graphs"], ["--only-graphs", "--graphs", str(file), "esa"], ["--graphs", "/no/file.nt"]):
        failed = CliRunner().invoke(app, ["build", *arguments, *out])
        assert isinstance(failed.exception, MisuseError), arguments
    listed = CliRunner().invoke(app, ["dump", "graphs-a", "--release", str(tmp_path / "out/current"), "--format", "nt"])
    assert listed.stdout == "<u:a> <u:b> <u:c> .\n"
