"""A build says what it measured and what it was made from; the same files give the same quads, whenever that is."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import QuerySolutions

from loader.build import Plan, build
from loader.dumps import dump_names, quads
from loader.progress import LogWatcher
from loader.release import Release, open_release
from tests.integration import tiny
from tests.integration.holding import ask

if TYPE_CHECKING:
    from pathlib import Path

BASE = "http://127.0.0.1:8000"
PREFIXES = """
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX dqv: <http://www.w3.org/ns/dqv#>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX qb: <http://purl.org/linked-data/cube#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX spdx: <http://spdx.org/rdf/terms#>
"""
TIDY = '''
"""Reads the published file of the tests."""

import polars as pl
from loader.tidying import read_rows, read_text

NAMES = ("area", "period", "households")


def tidy(path, report):
    found = []
    for line, cells in list(read_rows(read_text(path, report)))[1:]:
        report.rows_read += 1
        if cells[0] == "Total":
            report.skip(line, "total row")
        elif cells[0] == "Secret":
            report.hold(line, "held for review")
        else:
            found.append(cells)
    return pl.DataFrame(found, schema=list(NAMES), orient="row")
'''
FILES = """
[[files]]
pattern = "published-*.csv"
url = "https://www.example.org/published"
"""
SOURCE = tiny.SOURCE.replace("keywords", 'issued = 2025-07-15\nedition_column = "period"\nkeywords') + FILES


def plan(mappings: Path, sources: Path | None = None) -> Plan:
    return Plan(datasets=("tiny",), mappings=mappings, sources=sources)


def select(release: Release, query: str) -> list[list[str]]:
    found = ask(release, PREFIXES + query)
    assert isinstance(found, QuerySolutions)
    return [[term.value if term is not None else "" for term in row] for row in found]


def measured(release: Release) -> dict[str, str]:
    """Give what is measured of the dataset itself, by metric."""
    rows = select(
        release,
        "SELECT ?metric ?value { <data/tiny> dqv:hasQualityMeasurement ?m . ?m dqv:computedOn <data/tiny> ; "
        "dqv:isMeasurementOf ?metric ; dqv:value ?value . FILTER NOT EXISTS { ?m <def/property/reason> ?why } }",
    )
    assert len(rows) == len({metric for metric, _ in rows})
    return {metric.rpartition("/")[2]: value for metric, value in rows}


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Path]:
    """Write a mapping with a tidy step, and a published file of six rows, of which one is a total and one is held."""
    mappings = tiny.write_mapping(tmp_path, source=SOURCE)
    (mappings / "tiny" / "tidy.py").write_text(TIDY, "utf-8")
    sources = tmp_path / "sources"
    sources.mkdir()
    rows = [tiny.HEADER, *tiny.ROWS, "Total,2025-05,100", "Secret,2025-05,7"]
    (sources / "published-1.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return mappings, sources


def test_a_release_says_what_was_read_and_left_out(published: tuple[Path, Path], tmp_path: Path) -> None:
    release = open_release(build(plan(*published), tmp_path / "out", LogWatcher()))
    found = measured(release)
    counts = {name: found[name] for name in ("rows-published", "rows-read", "rows-left-out", "rows-held")}
    assert counts == {"rows-published": "4", "rows-read": "6", "rows-left-out": "2", "rows-held": "1"}
    assert (found["rows-unaccounted"], found["duplicate-keys"], found["codes-outside-list"]) == ("0", "0", "0")
    assert (found["ic-12"], found["days-to-publication"]) == ("true", "45")
    reasons = select(release, "SELECT ?why ?n { ?m <def/property/reason> ?why ; dqv:value ?n } ORDER BY ?why")
    assert reasons == [["held for review", "1"], ["total row", "1"]]
    columns = select(
        release,
        "SELECT ?title ?n { ?m dqv:isMeasurementOf <def/metric/cells-filled> ; dqv:value ?n ; dqv:computedOn ?on . "
        "?on a <http://www.w3.org/ns/csvw#Column> ; rdfs:label ?title } ORDER BY ?title",
    )
    assert columns == [["Area", "4"], ["Households", "4"], ["Month", "4"]]


def test_a_table_of_the_folder_was_not_read_from_anywhere(tmp_path: Path) -> None:
    release = open_release(build(plan(tiny.write_mapping(tmp_path)), tmp_path / "out", LogWatcher()))
    found = measured(release)
    assert found["rows-published"] == "4"
    assert not {"rows-read", "rows-left-out", "rows-held", "days-to-publication"} & found.keys()


def test_days_to_publication_are_of_the_edition_that_was_read(published: tuple[Path, Path], tmp_path: Path) -> None:
    """The day in source.toml is that of the edition named there, and of no other."""
    mappings, sources = published
    file = sources / "published-1.csv"
    file.write_text(file.read_text("utf-8").replace("2025-05", "2025-06"), "utf-8")
    release = open_release(build(plan(mappings, sources), tmp_path / "out", LogWatcher()))
    assert "/editions/2025-06/" in next(one.graph for one in release.manifest.folders if one.name == "tiny")
    assert "days-to-publication" not in measured(release)


def test_an_observation_leads_to_the_files_it_was_made_from(published: tuple[Path, Path], tmp_path: Path) -> None:
    mappings, sources = published
    release = open_release(build(plan(mappings, sources), tmp_path / "out", LogWatcher()))
    rows = select(
        release,
        "SELECT DISTINCT ?name ?sha256 ?source ?program { GRAPH ?version { ?o a qb:Observation } "
        "?version prov:wasGeneratedBy ?build . ?build prov:used ?file ; prov:wasAssociatedWith/rdfs:label ?program . "
        "?file rdfs:label ?name ; spdx:checksum/spdx:checksumValue ?sha256 . OPTIONAL { ?file dct:source ?source } }",
    )
    files = {name: (sha256, source) for name, sha256, source, _ in rows}
    expected = {"published-1.csv": sources / "published-1.csv"}
    expected |= {name: mappings / "tiny" / name for name in ("source.toml", "tidy.py", "tiny.csv-metadata.json")}
    assert {name: sha256 for name, (sha256, _) in files.items()} == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in expected.items()
    }
    assert files["published-1.csv"][1] == "https://www.example.org/published"
    assert {program for *_, program in rows} == {f"dwpld {release.manifest.software['dwpld']}"}


def test_no_triple_is_in_two_graphs_and_nothing_is_blank(published: tuple[Path, Path], tmp_path: Path) -> None:
    mappings, sources = published
    shutil.copytree(mappings / "tiny", mappings / "small")
    for path in (mappings / "small").glob("tiny.*"):
        path.rename(path.with_name(path.name.replace("tiny", "small", 1)))
    document = mappings / "small" / "small.csv-metadata.json"
    document.write_text(document.read_text("utf-8").replace("tiny.csv", "small.csv").replace("../tiny", "../small"))
    work = Plan(datasets=("small", "tiny"), mappings=mappings, sources=sources)
    release = open_release(build(work, tmp_path / "out", LogWatcher()))
    assert not select(
        release, "SELECT ?s ?p ?o { GRAPH ?a { ?s ?p ?o } GRAPH ?b { ?s ?p ?o } FILTER(?a != ?b) } LIMIT 5"
    )
    assert not select(release, "SELECT ?s ?o { ?s ?p ?o FILTER(isBlank(?s) || isBlank(?o)) } LIMIT 5")
    shared = {name for one in release.manifest.folders if one.kind != "code-list" for name in one.shared_with}
    assert not shared, "a dataset must not depend on what is measured of another"


def test_when_and_from_which_commit_is_in_the_manifest_only(published: tuple[Path, Path], tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git on PATH")
    mappings, sources = published
    before = open_release(build(plan(mappings, sources), tmp_path / "a", LogWatcher()))
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    for arguments in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "--no-gpg-sign", "-m", "All")):
        subprocess.run(["git", "-C", str(mappings), *arguments], check=True, capture_output=True, timeout=30)
    after = open_release(build(plan(mappings, sources), tmp_path / "b", LogWatcher()))
    commit = after.manifest.software["mappings"]
    assert "mappings" not in before.manifest.software
    assert len(commit) == 40
    assert after.manifest.content_sha256 == before.manifest.content_sha256
    for name in dump_names(after):
        content = b"".join(quads(after, name))
        assert content == b"".join(quads(before, name)), name
        assert commit.encode() not in content
        assert after.manifest.created[:10].encode() not in content


def test_one_byte_of_a_published_file_shows(published: tuple[Path, Path], tmp_path: Path) -> None:
    """A line end at the end changes no figure, and is another file all the same."""
    mappings, sources = published
    before = open_release(build(plan(mappings, sources), tmp_path / "a", LogWatcher()))
    file = sources / "published-1.csv"
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    after = open_release(build(plan(mappings, sources), tmp_path / "b", LogWatcher()))
    assert after.manifest.content_sha256 != before.manifest.content_sha256


def test_figures_of_a_published_table(published_release: Release) -> None:
    rows = select(
        published_release,
        "SELECT ?metric ?value { <data/benefit-expenditure> dqv:hasQualityMeasurement ?m . "
        "?m dqv:isMeasurementOf ?metric ; dqv:value ?value . FILTER NOT EXISTS { ?m <def/property/reason> ?why } "
        "FILTER NOT EXISTS { ?m <def/property/status> ?status } }",
    )
    found = {metric.rpartition("/")[2]: int(value) for metric, value in rows if value.isdecimal()}
    assert found["rows-read"] == found["rows-published"] + found["rows-left-out"] == 7_614
    record = published_release.manifest.folder("benefit-expenditure")
    assert record is not None
    assert found["rows-published"] == record.rows
    assert found["rows-left-out"] == sum(record.left_out.values())
