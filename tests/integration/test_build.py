"""A build makes a whole release or changes nothing, and says what is wrong."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pyoxigraph import NamedNode

from loader.build import Plan, build, check
from loader.dumps import dump_names, quads, triples
from loader.errors import MisuseError, ProblemsError
from loader.mapping import packaged_mappings
from loader.progress import LogWatcher
from loader.release import Release, open_release
from tests.integration import tiny
from tests.integration.holding import ask, stored_quads
from tests.integration.permission import bound_by_permissions

BASE = "http://127.0.0.1:8000"
QB = "PREFIX qb: <http://purl.org/linked-data/cube#> "


def plan(mappings: Path, **more: object) -> Plan:
    return Plan(datasets=("tiny",), mappings=mappings, **more)  # type: ignore[arg-type]


def test_a_release_answers_queries(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = build(plan(tiny.write_mapping(tmp_path)), out, LogWatcher())
    release = open_release(out / "current")
    assert release.path == path
    record = release.manifest.folder("tiny")
    assert record is not None
    assert (record.kind, record.rows, record.rows_read, record.is_sample) == ("cube", 4, 4, False)
    rows = ask(
        release,
        QB + f"SELECT (SUM(?n) AS ?sum) (COUNT(?o) AS ?count) WHERE {{ ?o qb:dataSet <{BASE}/data/tiny> ; "
        f"<{BASE}/def/measure/households> ?n }}",
    )
    row = next(iter(rows))  # type: ignore[arg-type]
    assert (row["sum"].value, row["count"].value) == ("100", "4")


def test_the_structure_is_derived_in_column_order(tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(plan(tiny.write_mapping(tmp_path)), out, LogWatcher())
    rows = (
        open_release(out / "current")
        .store()
        .query(
            QB + f"SELECT ?p WHERE {{ <{BASE}/data/tiny/structure> qb:component ?c . ?c qb:componentProperty ?p ; "
            "qb:order ?n } ORDER BY ?n",
            use_default_graph_as_union=True,
        )
    )
    names = [row["p"].value.replace("#", "/").rpartition("/")[2] for row in rows]  # type: ignore[union-attr]
    assert names == ["area", "period", "households", "measureType", "unitMeasure"]


def test_each_folder_has_its_own_graph(tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(plan(tiny.write_mapping(tmp_path)), out, LogWatcher())
    release = open_release(out / "current")
    graphs = {graph.value for graph in release.store().named_graphs() if isinstance(graph, NamedNode)}
    assert graphs == {folder.graph for folder in release.manifest.folders} | {f"{BASE}/def", f"{BASE}/catalogue"}
    assert f"{BASE}/data/tiny/editions/2025-05/versions/1" in graphs


def test_building_twice_gives_the_same_quads(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    first = open_release(build(plan(mappings), tmp_path / "a", LogWatcher()))
    second = open_release(build(plan(mappings), tmp_path / "b", LogWatcher()))
    assert first.manifest.content_sha256 == second.manifest.content_sha256
    for part in ("dumps", "cubes"):
        for file in sorted((first.path / part).iterdir()):
            assert file.read_bytes() == (second.path / part / file.name).read_bytes(), file.name


def test_the_dumps_are_the_store(tmp_path: Path) -> None:
    release = open_release(build(plan(tiny.write_mapping(tmp_path)), tmp_path / "out", LogWatcher()))
    lines = b"".join(quads(release, *dump_names(release))).decode().splitlines()
    assert set(lines) == {f"{quad} ." for quad in stored_quads(release)}


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        ("E06000001,2025-04,1o", "CSVW", "'1o'"),
        ("E06999999,2025-04,10", "CODE-01", "E06999999"),
        ("E06000001,2025-13,10", "CSVW", "2025-13"),
        ("E06000001,2025-04", "CSVW", "cells"),
        ("E06000001,2025-04,10,11", "CSVW", "cells"),
        (",2025-04,10", "CSVW", "required"),
        ("E06000001,2025-05,99", "CSVW", "key"),
        ("E06000001,1850-01,10", "CODE-01", "1850-01"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, code: str, words: str) -> None:
    rows = ("E06000001,2025-05,20", row, "W06000015,2025-05,40")
    problems = check(plan(tiny.write_mapping(tmp_path, rows)), LogWatcher())
    assert problems[0].code.startswith(code), problems
    assert words in str(problems[0])
    for problem in problems:
        assert "tiny.csv:3" in problem.where
        assert problem.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "tiny.csv"),
        (b"Area,Month,Households\nE06000001,2025-04,\xa310\n", "tiny.csv:2"),
        (b"Area,Month\nE06000001,2025-04\n", "tiny.csv:1"),
        (b"Area,Month,Homes\nE06000001,2025-04,10\n", "Homes"),
    ],
    ids=["empty", "binary", "cp1252", "column missing", "column renamed"],
)
def test_a_file_that_is_no_such_table_is_explained(tmp_path: Path, content: bytes, words: str) -> None:
    mappings = tiny.write_mapping(tmp_path)
    (mappings / "tiny" / "tiny.csv").write_bytes(content)
    problems = check(plan(mappings), LogWatcher())
    assert problems
    assert all("tiny.csv" in problem.where for problem in problems)
    assert words in "\n".join(str(problem) for problem in problems)


def test_all_problems_are_reported_together_and_nothing_changes(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    before = build(plan(mappings), out, LogWatcher())
    (mappings / "tiny" / "tiny.csv").write_text("Area,Month,Households\nE06000001,2025-04,x\nE06000001,2025-05,y\n")
    with pytest.raises(ProblemsError) as caught:
        build(plan(mappings), out, LogWatcher())
    assert len(caught.value.problems) == 2
    assert (out / "current").resolve() == before
    assert sorted(path.name for path in (out / "releases").iterdir()) == [before.name]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('title = "Tiny households"', "", "MAP-05"),
        ('edition = "2025-05"', 'edition = "soon"', "MAP-05"),
        ('frequency = "monthly"', 'frequency = "sometimes"', "MAP-05"),
        ('licence = "https', 'licence = "htps', "MAP-05"),
        ("title = ", "title ", "MAP-04"),
    ],
)
def test_a_faulty_source_toml_is_explained(tmp_path: Path, old: str, new: str, code: str) -> None:
    problems = check(plan(tiny.write_mapping(tmp_path, source=tiny.SOURCE.replace(old, new, 1))), LogWatcher())
    assert code in {problem.code for problem in problems}
    assert all("source.toml" in problem.where for problem in problems)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"../../def/dimension/area"', '"../../def/dimension/aera"', "MAP-10"),
        ('"http://purl.org/linked-data/sdmx/2009/attribute#unitMeasure"', '"sdmx-attribute:unitMeasure"', "MAP-09"),
        ('"url": "tiny.csv"', '"url": "other.csv"', "MAP-03"),
        ('"qb:dataSet"', '"rdfs:seeAlso"', "CUBE-05"),
        ('"qb:measureType"', '"rdfs:seeAlso"', "CUBE-05"),
        ('{"@context"', '{"@contxt"', "CSVW"),
        ('{"@context"', '["@context"', "CSVW"),
    ],
)
def test_a_faulty_mapping_is_explained(tmp_path: Path, old: str, new: str, code: str) -> None:
    document = tiny.metadata()
    assert old in document
    problems = check(plan(tiny.write_mapping(tmp_path, document=document.replace(old, new))), LogWatcher())
    assert any(problem.code.startswith(code) for problem in problems), problems
    assert all("tiny.csv-metadata.json" in problem.where for problem in problems)


def test_a_misspelt_property_gets_a_suggestion(tmp_path: Path) -> None:
    document = tiny.metadata().replace("dimension/area", "dimension/aera")
    problems = check(plan(tiny.write_mapping(tmp_path, document=document)), LogWatcher())
    assert "did you mean http://127.0.0.1:8000/def/dimension/area" in problems[0].hint


def test_a_faulty_code_list_does_not_make_every_code_a_problem(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    area = mappings / "codes" / "area"
    shutil.copytree(packaged_mappings() / "codes" / "area", area)
    table = area / "area.csv"
    table.write_text("\n".join([*table.read_text("utf-8").splitlines()[:3], "E99,broken"]) + "\n", "utf-8")
    problems = check(plan(mappings), LogWatcher())
    assert problems
    assert all("codes/area" in problem.where for problem in problems), problems


def test_a_dataset_cannot_have_the_name_of_a_code_list(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    (mappings / "tiny").rename(mappings / "area")
    with pytest.raises(MisuseError, match="area: a dataset and a code list cannot have one name"):
        check(Plan(mappings=mappings), LogWatcher())


def test_unknown_datasets_are_misuse(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="no mapping is called nothing"):
        check(Plan(datasets=("nothing",), mappings=tiny.write_mapping(tmp_path)), LogWatcher())


def test_sources_without_any_published_file_are_misuse(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    with pytest.raises(MisuseError, match="no published file"):
        check(plan(tiny.write_mapping(tmp_path), sources=tmp_path / "sources"), LogWatcher())


def test_a_directory_that_cannot_be_written_is_misuse(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(stat.S_IRUSR | stat.S_IXUSR)
    mappings = str(tiny.write_mapping(tmp_path))
    command = [sys.executable, "-m", "dwpld", "build", "--mappings", mappings, "--out", str(out)]
    done = subprocess.run(bound_by_permissions(command), capture_output=True, text=True, check=False)
    assert (done.returncode, list(out.iterdir())) == (2, [])
    assert "cannot write" in done.stderr


def test_the_release_before_stays_and_older_ones_go(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    paths = []
    for households in (10, 20, 30):
        (mappings / "tiny" / "tiny.csv").write_text(f"{tiny.HEADER}\nE06000001,2025-04,{households}\n")
        paths.append(build(plan(mappings), out, LogWatcher()))
    assert [path.is_dir() for path in paths] == [False, True, True]
    assert (out / "current").resolve() == paths[-1]


def test_what_a_folder_declares_is_published_with_it(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path, document=tiny.metadata().replace("measure/households", "measure/homes"))
    (mappings / "tiny" / "components.ttl").write_text(
        "@prefix qb: <http://purl.org/linked-data/cube#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        "<def/measure/homes> a qb:MeasureProperty ; rdfs:label 'Homes'@en ; "
        "rdfs:range <http://www.w3.org/2001/XMLSchema#integer> ."
    )
    release = open_release(build(plan(mappings), tmp_path / "out", LogWatcher()))
    asked = f"ASK {{ GRAPH <{BASE}/data/tiny/editions/2025-05/versions/1> {{ <{BASE}/def/measure/homes> ?p ?o }} }}"
    assert bool(release.store().query(asked))


def test_no_triple_is_in_two_graphs(shipped_release: Release) -> None:
    """The union of graphs would repeat it, and sums over joins with it would be wrong."""
    first: dict[str, str] = {}
    for name in dump_names(shipped_release):
        for line in set(b"".join(triples(shipped_release, name)).decode().splitlines()):
            assert first.setdefault(line, name) == name, line


def test_a_supplier_of_two_datasets_is_described_once(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    for name in ("tiny", "tinier"):
        folder = mappings / name
        if name == "tinier":
            shutil.copytree(mappings / "tiny", folder)
            for path in list(folder.glob("tiny*")):
                path.rename(folder / path.name.replace("tiny", name, 1))
            document = folder / "tinier.csv-metadata.json"
            document.write_text(document.read_text().replace("tiny.csv", "tinier.csv").replace("../tiny", "../tinier"))
        (folder / "suppliers.csv").write_text("Id,Name\nabc,Acme plc\n")
        (folder / "suppliers.csv-metadata.json").write_text(
            '{"@context": "http://www.w3.org/ns/csvw", "url": "suppliers.csv", "tableSchema": {"aboutUrl": '
            '"../../id/supplier/{id}", "columns": [{"name": "id", "titles": "Id", "suppressOutput": true}, '
            '{"name": "label", "titles": "Name", "propertyUrl": "rdfs:label"}]}}'
        )
    path = build(Plan(datasets=("tiny", "tinier"), mappings=mappings), tmp_path / "out", LogWatcher())
    asked = f"SELECT ?l WHERE {{ <{BASE}/id/supplier/abc> ?p ?l }}"
    assert len(list(open_release(path).store().query(asked, use_default_graph_as_union=True))) == 1  # type: ignore[arg-type]


def test_a_sample_is_marked_in_the_data(tmp_path: Path) -> None:
    source = tiny.SOURCE + "sample = true\n"
    release = open_release(build(plan(tiny.write_mapping(tmp_path, source=source)), tmp_path / "out", LogWatcher()))
    asked = f"ASK {{ <{BASE}/data/tiny> <http://www.w3.org/ns/adms#status> <http://www.w3.org/ns/adms#sample> }}"
    assert bool(release.store().query(asked, use_default_graph_as_union=True))
    record = release.manifest.folder("tiny")
    assert record is not None
    assert record.is_sample


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dwpld", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def test_exit_codes_and_streams(tmp_path: Path) -> None:
    tiny.write_mapping(tmp_path)
    done = run("build", "tiny", "--mappings", "mappings", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).is_dir() or (tmp_path / done.stdout.splitlines()[-1]).is_dir()
    assert "tiny: 4 rows" in done.stderr
    (tmp_path / "mappings/tiny/tiny.csv").write_text("Area,Month,Households\nE06000001,2025-04,x\n")
    failed = run("build", "tiny", "--mappings", "mappings", "--out", "out", cwd=tmp_path)
    assert failed.returncode == 1
    assert not failed.stdout
    assert "mappings/tiny/tiny.csv:2, column" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert run("build", "nothing", cwd=tmp_path).returncode == 2
    assert run("build", "--no-such-option", cwd=tmp_path).returncode == 2
    assert run("check", "tiny", "--mappings", "mappings", cwd=tmp_path).returncode == 1


def test_help_is_everywhere(tmp_path: Path) -> None:
    for command in ("check", "build", "releases", "rollback", "tidy", "new", "convert", "validate", "query", "serve"):
        shown = run(command, "--help", cwd=tmp_path)
        assert shown.returncode == 0
        assert "Usage" in shown.stdout


def test_the_manifest_lists_every_output_with_its_hash(tmp_path: Path) -> None:
    release = open_release(build(plan(tiny.write_mapping(tmp_path)), tmp_path / "out", LogWatcher()))
    raw = json.loads((release.path / "manifest.json").read_text("utf-8"))
    assert raw["software"]["dwpld"]
    for folder in release.manifest.folders:
        for record in folder.outputs:
            assert (release.path / record.path).stat().st_size == record.size_bytes
