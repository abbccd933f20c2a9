"""Dumps are what the mappings gave, in canonical form, however it is stored; and the same by file and over HTTP."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest
from pyoxigraph import DefaultGraph, RdfFormat, Store
from typer.testing import CliRunner

from dwpld import app
from endpoint.app import create_app
from endpoint.settings import Settings
from loader import dumps
from loader.build import Plan, build
from loader.csvw.convert import convert_table
from loader.errors import MisuseError
from loader.mapping import find_folders, read_mapping
from loader.progress import LogWatcher
from loader.release import DECIMAL, TERM, CubeColumn, CubeRecord, Release, open_release
from loader.uris import Uris
from loader.verify import whole
from tests.integration import tiny
from tests.integration.asking import asking

if TYPE_CHECKING:
    from pathlib import Path

    from loader.mapping import Mapping

XSD = "http://www.w3.org/2001/XMLSchema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
CORNERS: dict[str, tuple[dict[str, object], tuple[str, ...], str]] = {
    "decimals": ({"datatype": "decimal"}, ("0.70", "-0.0", "12", "1.250"), f'"0.7"^^<{XSD}decimal>'),
    "one decimal": ({"datatype": "decimal"}, ("0.70",) * 4, f'"0.7"^^<{XSD}decimal>'),
    "one value, several ways": ({"datatype": "decimal"}, ("1.0", "1.00", "1", "01"), f'"1"^^<{XSD}decimal>'),
    "counts": ({"datatype": "nonNegativeInteger"}, ("007", "5", "", "0"), f'"7"^^<{XSD}integer>'),
    "long numbers": ({"datatype": "integer"}, ("99999999999999999999", "1", "-0", ""), f'"0"^^<{XSD}integer>'),
    "floating": ({"datatype": "double"}, ("1.5E0", "INF", "NaN", "-0"), f'"1.5"^^<{XSD}double>'),
    "languages": ({"lang": "EN-gb"}, ("a", "b", "a", ""), '"a"@en-gb'),
    "no word at all": ({"lang": "en"}, ("", "", "", "one"), '"one"@en'),
    "odd text": ({}, ("'\u00e9\u4e2d'", "a,b", 'x"y', "back\\slash\ttab"), '"back\\\\slash\\ttab"'),
    "lines": ({}, ("one\ntwo .", " . ", "<x>", "a <b> ."), '"one\\ntwo ."'),
    "dates": ({"datatype": {"base": "date", "format": "d/M/yyyy"}}, ("1/2/2025",) * 4, f'"2025-02-01"^^<{XSD}date>'),
    "a type of others": (
        {"datatype": {"base": "decimal", "@id": "http://x/pounds"}},
        ("0.70", "1", "1.0", ""),
        '"0.70"^^<http://x/pounds>',
    ),
    "truth": ({"datatype": "boolean"}, ("1", "true", "0", ""), f'"true"^^<{XSD}boolean>'),
}


def written(root: Path, cells: tuple[str, ...], column: dict[str, object], source: str = tiny.SOURCE) -> Path:
    """Write the tiny mapping with one more column."""
    mappings = tiny.write_mapping(root, source=source)
    note = {"name": "note", "titles": "Note", "propertyUrl": f"{SKOS}note", **column}
    (mappings / "tiny/tiny.csv-metadata.json").write_text(tiny.metadata([*tiny.COLUMNS[:3], note, *tiny.COLUMNS[3:]]))
    quoted = (f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells)
    rows = [f"{row},{cell}" for row, cell in zip(tiny.ROWS, quoted, strict=True)]
    (mappings / "tiny/tiny.csv").write_text("\n".join([f"{tiny.HEADER},Note", *rows]) + "\n", "utf-8")
    return mappings


def made(root: Path, mappings: Path) -> Release:
    return open_release(build(Plan(("tiny",), mappings), root / "out", LogWatcher()))


def given(release: Release, mapping: Mapping) -> list[str]:
    """Give the lines that the mapping makes of the published main table, with terms as the store writes them."""
    path = release.path / "tables" / mapping.name / mapping.main.csv.name
    store = Store()
    store.bulk_load(input=b"".join(convert_table(mapping.main.table, path)), format=RdfFormat.N_TRIPLES)
    return (store.dump(format=RdfFormat.N_TRIPLES, from_graph=DefaultGraph()) or b"").decode().split("\n")[:-1]


def told(release: Release, name: str) -> tuple[list[str], list[str]]:
    """Give the lines of a dump about observations, and the others."""
    lines = b"".join(dumps.triples(release, name)).decode().split("\n")[:-1]
    start = f"<{Uris.of(release.manifest.base_uri).observations(name)}"
    return [line for line in lines if line.startswith(start)], [line for line in lines if not line.startswith(start)]


@pytest.mark.parametrize("corner", CORNERS)
def test_terms_are_canonical(tmp_path: Path, corner: str) -> None:
    column, cells, expected = CORNERS[corner]
    mappings = written(tmp_path, cells, column)
    release = made(tmp_path, mappings)
    (cube,) = release.cubes()
    observed, _ = told(release, "tiny")
    uris = Uris.of(release.manifest.base_uri)
    assert set(observed) == set(given(release, read_mapping("tiny", mappings / "tiny", uris)))
    assert len(observed) == len(set(observed)) == cube.triples
    assert any(line.endswith(f"<{SKOS}note> {expected} .") for line in observed)


def test_columns_of_one_predicate_are_several_lines(tmp_path: Path) -> None:
    """As lists of a cell are, or a second type; and a number, constants and gaps in every way there is."""

    def column(name: str | None, term: str | None = None, missing: int = 0, **more: str) -> CubeColumn:
        return CubeColumn("x:p", more.pop("kind", TERM), name, term, missing, 1, "", **more)

    rows = pl.DataFrame(
        {
            "subject": ["1", "2"],
            "c1": ['"a"@en', None],
            "c2": [None, "<x:b>"],
            "c3": ["0.5", "7.0"],
        },
        schema_overrides={"c1": pl.Categorical},
    ).with_columns(pl.col("c3").cast(pl.Decimal(18, 1)))
    rows.write_parquet(tmp_path / "d.parquet")
    columns = (
        column("c1", missing=1),
        column("c2", missing=1),
        column("c3", kind=DECIMAL),
        column(None, '"b"@en'),
    )
    cube = CubeRecord("d", "x:g", "x:o/", 2, 8, columns)
    assert b"".join(dumps.observations(cube, tmp_path / "d.parquet")).decode().splitlines() == [
        '<x:o/1> <x:p> "a"@en .',
        f'<x:o/1> <x:p> "0.5"^^<{XSD}decimal> .',
        '<x:o/1> <x:p> "b"@en .',
        "<x:o/2> <x:p> <x:b> .",
        f'<x:o/2> <x:p> "7"^^<{XSD}decimal> .',
        '<x:o/2> <x:p> "b"@en .',
    ]


def test_every_shipped_table_is_in_its_dump_in_its_order(shipped_release: Release) -> None:
    uris = Uris.of(shipped_release.manifest.base_uri)
    folders = find_folders(None)
    assert shipped_release.cubes()
    for cube in shipped_release.cubes():
        observed, others = told(shipped_release, cube.name)
        mapping = read_mapping(cube.name, folders[cube.name], uris)
        expected = given(shipped_release, mapping)
        assert set(observed) == {line for line in expected if line.startswith(f"<{cube.prefix}")}
        assert set(expected) <= {*observed, *others}
        table = shipped_release.path / "tables" / cube.name / mapping.main.csv.name
        lines = b"".join(convert_table(mapping.main.table, table)).decode().splitlines()
        subjects = (line.partition(" ")[0] for line in lines if line.startswith(f"<{cube.prefix}"))
        assert list(dict.fromkeys(line.partition(" ")[0] for line in observed)) == list(dict.fromkeys(subjects))


def test_quads_and_triples_say_the_same(shipped_release: Release) -> None:
    for name in dumps.dump_names(shipped_release):
        folder = dumps.dump_folder(shipped_release, name)
        graph = {"ontology": "def", "catalogue": "catalogue"}.get(name, "")
        end = f" <{folder.graph if folder else f'{shipped_release.manifest.base_uri}/{graph}'}> .\n"
        quads = b"".join(dumps.quads(shipped_release, name)).decode()
        assert quads.count(end) == quads.count("\n") > 0
        assert quads.replace(end, " .\n") == b"".join(dumps.triples(shipped_release, name)).decode()


def test_no_line_is_there_twice(shipped_release: Release) -> None:
    lines = b"".join(dumps.quads(shipped_release, *dumps.dump_names(shipped_release))).splitlines()
    assert len(lines) == len(set(lines))


def test_pieces_are_whole_lines_wherever_they_are_cut(
    shipped_release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = b"".join(dumps.quads(shipped_release, "children-low-income"))
    monkeypatch.setattr(dumps, "ROWS", 1000)
    monkeypatch.setattr(dumps, "PIECE_BYTES", 2000)
    pieces = list(dumps.quads(shipped_release, "children-low-income"))
    assert len(pieces) > 10
    assert all(piece.endswith(b" .\n") for piece in pieces)
    assert b"".join(pieces) == whole


def test_a_dump_under_way_ends_well_without_its_release(tmp_path: Path, shipped_release: Release) -> None:
    copied = tmp_path / shipped_release.id
    shutil.copytree(shipped_release.path, copied, ignore=shutil.ignore_patterns("graph"))
    names = dumps.dump_names(shipped_release)
    whole = b"".join(dumps.quads(shipped_release, *names))
    pieces = dumps.quads(open_release(copied), *names)
    first = next(pieces)
    shutil.rmtree(copied)
    assert b"".join([first, *pieces]) == whole


@pytest.mark.parametrize("file", ["dumps/tiny.nq.gz", "cubes/tiny.parquet"])
def test_a_damaged_release_is_said_to_be(tmp_path: Path, file: str) -> None:
    release = made(tmp_path, tiny.write_mapping(tmp_path))
    os.truncate(release.path / file, 90)
    with pytest.raises(MisuseError, match="is damaged"):
        list(dumps.quads(release, "tiny"))
    (release.path / file).unlink()
    with pytest.raises(MisuseError, match="is damaged"):
        list(dumps.quads(release, "tiny"))


def test_what_is_verified_is_what_is_dumped(sample: Release) -> None:
    dumped = Store()
    dumped.bulk_load(input=b"".join(dumps.quads(sample, *dumps.dump_names(sample))), format=RdfFormat.N_QUADS)
    assert sample.cubes()
    with whole(sample) as store:
        assert set(store) == set(dumped)


def command(*arguments: object) -> bytes:
    done = CliRunner().invoke(app, ["dump", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout_bytes


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of a sample."""
    root = tmp_path_factory.mktemp("sample")
    cells = ("0.70", "", "12", "1.25")
    return made(root, written(root, cells, {"datatype": "decimal"}, source=f"{tiny.SOURCE}sample = true\n"))


def test_the_command_writes_what_the_name_of_the_file_says(sample: Release, tmp_path: Path) -> None:
    everything = b"".join(dumps.quads(sample, *dumps.dump_names(sample)))
    assert command("--release", sample.path) == everything
    told_of = b"".join(dumps.triples(sample, "tiny", "ontology"))
    for form, options in {"nt": (), "txt": ("--format", "nt")}.items():
        for end in ("", ".gz"):
            out = tmp_path / f"two.{form}{end}"
            assert command("tiny", "ontology", "--release", sample.path, "--out", out, *options) == b""
            content = out.read_bytes()
            assert (gzip.decompress(content) if end else content) == told_of
    table = command("tiny", "--release", sample.path, "--format", "csv")
    assert table == (sample.path / "tables/tiny/tiny.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["two.nt", "two.nt.gz", "two.txt", "two.txt.gz"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "no dump 'nothing'; there are .*tiny, ontology, catalogue"),
        (("--format", "csv"), "give the name of one"),
        (("ontology", "--format", "parquet"), "give the name of one"),
        (("--out", "/nowhere/at-all.nq"), "No such file"),
        (("--out", "/dev/full"), "No space left"),
    ],
)
def test_what_cannot_be_written_is_explained(sample: Release, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        command(*arguments, "--release", sample.path)


def test_parquet_is_the_table_with_types_and_addresses(sample: Release) -> None:
    data = command("tiny", "--release", sample.path, "--format", "parquet")
    table = pl.read_parquet(io.BytesIO(data))
    assert table.schema == {
        "observation": pl.String,
        "Area": pl.String,
        "Month": pl.String,
        "Households": pl.Int64,
        "Note": pl.Decimal(38, 2),
    }
    first, second, *_ = table.rows()
    place = Uris.of(sample.manifest.base_uri).observations("tiny")
    assert [str(cell) for cell in first] == [
        f"{place}{first[1]}/2025-04@households",
        "E06000001",
        "2025-04",
        "10",
        "0.70",
    ]
    assert second[4] is None
    known = pl.read_parquet_metadata(io.BytesIO(data))
    assert known["title"] == "Tiny households"
    assert known["sample"].startswith("Sample: the figures are invented")


@pytest.mark.parametrize(
    ("column", "cells", "kind"),
    [
        ({"datatype": "integer"}, ("99999999999999999999", "1", "2", "3"), pl.String),
        ({"datatype": {"base": "integer", "format": "#,##0"}}, ("1,000", "1", "2", "3"), pl.String),
        ({"datatype": "integer", "null": ["-"]}, ("-", "1", "2", "3"), pl.Int64),
        ({"datatype": "date"}, ("2025-02-01", "", "2024-02-29", "2000-01-01"), pl.Date),
        ({"datatype": "double"}, ("1.5E0", "INF", "2", ""), pl.Float64),
        ({}, ("1", "2", "3", "4"), pl.String),
    ],
)
def test_cells_have_types_where_nothing_is_lost(
    tmp_path: Path, column: dict[str, object], cells: tuple[str, ...], kind: pl.DataType
) -> None:
    release = made(tmp_path, written(tmp_path, cells, column))
    table = pl.read_parquet(io.BytesIO(command("tiny", "--release", release.path, "--format", "parquet")))
    assert table.schema["Note"] == kind
    assert table["Note"].null_count() == sum(cell in {"", "-"} for cell in cells)


def test_every_shipped_table_is_parquet(shipped_release: Release) -> None:
    for name in dumps.dump_names(shipped_release)[:-2]:
        folder = dumps.dump_folder(shipped_release, name)
        assert folder is not None
        table = pl.read_parquet(io.BytesIO(b"".join(dumps.parquet(shipped_release, folder))))
        text = pl.read_csv(shipped_release.path / f"tables/{folder.name}/{folder.name}.csv", infer_schema=False)
        assert table.select(pl.exclude("observation")).shape == text.shape
        assert table.null_count().sum_horizontal().item() == text.null_count().sum_horizontal().item()
        assert ("observation" in table.columns) == (folder.kind == "cube")


def test_dumps_are_served(sample: Release) -> None:
    with asking(create_app(Settings(release=sample.path))) as client:
        whole = b"".join(dumps.quads(sample, *dumps.dump_names(sample)))
        for name, form, kind, content in (
            ("all", "nq.gz", "application/gzip", whole),
            ("all", "nq", "application/n-quads", whole),
            ("tiny", "nt.gz", "application/gzip", b"".join(dumps.triples(sample, "tiny"))),
            ("ontology", "nt", "application/n-triples", b"".join(dumps.triples(sample, "ontology"))),
        ):
            answer = client.get(f"/dumps/{name}.{form}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
            assert "content-encoding" not in answer.headers
            assert (gzip.decompress(answer.content) if form.endswith("gz") else answer.content) == content
            shown = client.head(f"/dumps/{name}.{form}")
            assert (shown.status_code, shown.content) == (200, b"")
            assert "content-length" not in shown.headers
            known = ("content-type", "content-disposition", "etag", "cache-control")
            assert [shown.headers[key] for key in known] == [answer.headers[key] for key in known]
            tag = {"If-None-Match": answer.headers["etag"]}
            assert client.get(f"/dumps/{name}.{form}", tag).status_code == 304
        table = client.get("/dumps/tiny.parquet")
        assert table.headers["content-type"] == "application/vnd.apache.parquet"
        assert pl.read_parquet(io.BytesIO(table.content)).height == 4


def test_the_file_of_a_sample_says_so(sample: Release, shipped_release: Release) -> None:
    with asking(create_app(Settings(release=sample.path))) as client:
        said = client.head("/dumps/tiny.nq.gz").headers["content-disposition"]
        assert said == 'attachment; filename="tiny-sample.nq.gz"'
    with asking(create_app(Settings(release=shipped_release.path))) as client:
        said = client.head("/dumps/codes-area.nt").headers["content-disposition"]
        assert said == 'attachment; filename="codes-area.nt"'


@pytest.mark.parametrize("path", ["/dumps/nothing.nq.gz", "/dumps/tiny.csv", "/dumps/", "/dumps/tiny.nq.gz/x"])
def test_where_there_is_no_dump_those_there_are_are_named(sample: Release, path: str) -> None:
    with asking(create_app(Settings(release=sample.path))) as client:
        answer = client.get(path)
    assert answer.status_code == 404
    detail = json.loads(answer.content)["detail"]
    assert "of all, " in detail
    assert detail.endswith("tiny, ontology, catalogue")


def test_only_folders_are_tables(sample: Release) -> None:
    with asking(create_app(Settings(release=sample.path))) as client:
        assert client.get("/dumps/all.parquet").status_code == 404
        assert client.get("/dumps/catalogue.parquet").status_code == 404


def test_the_page_of_a_dataset_leads_to_its_dumps(sample: Release) -> None:
    with asking(create_app(Settings(release=sample.path)), {"accept": "text/html"}) as client:
        page = client.get("/data/tiny").text
        for form in ("nq.gz", "nt.gz", "parquet"):
            assert f'href="/dumps/tiny.{form}"' in page


def test_a_dump_that_cannot_be_made_is_our_fault(sample: Release, tmp_path: Path) -> None:
    copied = tmp_path / sample.id
    shutil.copytree(sample.path, copied)
    with asking(create_app(Settings(release=copied))) as client:
        (copied / "tables/tiny/tiny.csv-metadata.json").unlink()
        assert client.get("/dumps/tiny.parquet").status_code == 500
