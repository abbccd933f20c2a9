"""`convert_table`: the triples of a table, and what a publisher is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from loader.csvw import blocks, columns, convert
from loader.csvw.metadata import read_metadata
from loader.csvw.report import Report
from loader.errors import ProblemsError

if TYPE_CHECKING:
    from pathlib import Path

    from loader.errors import Problem

COLUMNS: list[object] = [
    {"name": "area", "titles": "Area", "required": True, "propertyUrl": "http://ex.org/area"},
    {
        "name": "count",
        "titles": "Count",
        "datatype": "integer",
        "null": ["", ".."],
        "propertyUrl": "http://ex.org/count",
    },
    {"virtual": True, "propertyUrl": "rdf:type", "valueUrl": "qb:Observation"},
]


@pytest.fixture(params=["rows", "columns"], autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on both paths."""
    monkeypatch.setattr(convert, "FAST_FILE_BYTES", 0 if request.param == "columns" else 1 << 60)


def run(folder: Path, content: bytes | str, described: list[object] | None = None, **schema: object) -> str:
    source = folder / "t.csv"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    table_schema = {"columns": described or COLUMNS, "aboutUrl": "http://ex.org/{area}", **schema}
    document = {"@context": "http://www.w3.org/ns/csvw", "url": "t.csv", "tableSchema": table_schema}
    table = read_metadata(document, base_url="http://ex.org/t.csv-metadata.json").tables[0]
    return b"".join(convert.convert_table(table, source, report=Report())).decode()


def problems(
    folder: Path, content: bytes | str, described: list[object] | None = None, **schema: object
) -> list[Problem]:
    with pytest.raises(ProblemsError) as caught:
        run(folder, content, described, **schema)
    return list(caught.value.problems)


def test_triples_in_row_order(tmp_path: Path) -> None:
    assert run(tmp_path, "Area,Count\nE1,5\nW 2,..\n") == (
        '<http://ex.org/E1> <http://ex.org/area> "E1" .\n'
        '<http://ex.org/E1> <http://ex.org/count> "5"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
        "<http://ex.org/E1> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
        " <http://purl.org/linked-data/cube#Observation> .\n"
        '<http://ex.org/W%202> <http://ex.org/area> "W 2" .\n'
        "<http://ex.org/W%202> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
        " <http://purl.org/linked-data/cube#Observation> .\n"
    )


def test_a_file_with_a_header_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match=r"t\.csv:1: the table has a header and no rows"):
        run(tmp_path, "Area,Count\n")


@pytest.mark.parametrize(
    ("content", "code", "line", "column"),
    [
        ("Area,Count\nE1,5\nE2,1o\n", "CSVW-CELL", 3, "count"),
        ('Area,Count\n"E\n1",5\nE2,1o\n', "CSVW-CELL", 4, "count"),
        ("Area,Count\n,5\n", "CSVW-REQUIRED", 2, "area"),
        ("Area,Count\nE1\n", "CSVW-WIDTH", 2, None),
        ("Area,Count\nE1,5\n\nE2,6\n", "CSVW-WIDTH", 3, None),
        ("Area,Count,Extra\n", "CSVW-HEADER", 1, None),
        ("Count,Area\n", "CSVW-HEADER", 1, "area"),
        ("Area,Count\nE1,5\nE2,\0\n", "CSVW-BINARY", 3, None),
        (b"Area,Count\nE1,5\ncaf\xe9,6\n", "CSVW-ENCODING", 3, None),
        ('Area,Count\nE"1,5\n', "CSVW-QUOTE", 2, None),
    ],
)
def test_problems_say_what_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | str, code: str, line: int, column: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    found = problems(tmp_path, content)[0]
    assert found.code == code
    assert found.where == f"t.csv:{line}" + (f", column {column!r}" if column else "")
    assert "§" in found.message
    assert found.hint


def test_an_empty_file(tmp_path: Path) -> None:
    assert [problem.code for problem in problems(tmp_path, "")] == ["CSVW-EMPTY"]


def test_a_missing_file(tmp_path: Path) -> None:
    table = read_metadata({"@context": "http://www.w3.org/ns/csvw", "url": "t.csv"}, base_url="http://ex.org/").tables[
        0
    ]
    with pytest.raises(ProblemsError, match="CSVW-FETCH"):
        list(convert.convert_table(table, tmp_path / "none.csv"))


def test_repeated_keys(tmp_path: Path) -> None:
    found = problems(tmp_path, "Area,Count\nE1,5\nE2,6\nE1,7\nE2,8\n", primaryKey="area")
    assert [(problem.code, problem.where.rpartition(":")[2]) for problem in found] == [
        ("CSVW-PRIMARY-KEY", "4, column 'area'"),
        ("CSVW-PRIMARY-KEY", "5, column 'area'"),
    ]
    assert "'E1'" in found[0].message


def test_problems_are_found_together_and_capped(tmp_path: Path) -> None:
    found = problems(tmp_path, "Area,Count\n" + "E1,x\n" * 250)
    assert len(found) == 101
    assert found[-1].message == "and 150 more"


def test_templates_that_name_no_column(tmp_path: Path) -> None:
    found = problems(tmp_path, "Area,Count\n", aboutUrl="http://ex.org/{aera}")
    assert found[0].code == "CSVW-TEMPLATE"
    assert "'aera'" in found[0].message
    assert "area, count" in found[0].hint


def test_templates_that_make_no_iri(tmp_path: Path) -> None:
    assert problems(tmp_path, "Area,Count\n", aboutUrl="http://[{area}")[0].code == "CSVW-TEMPLATE"


def test_a_column_with_a_name_only_fits_its_header(tmp_path: Path) -> None:
    described: list[object] = [{"name": "area"}, {"name": "count"}]
    assert run(tmp_path, "area,count\nE1,5\n", described)
    assert problems(tmp_path, "area,number\nE1,5\n", described)[0].code == "CSVW-HEADER"


def test_literals_are_escaped(tmp_path: Path) -> None:
    described: list[object] = [
        {"name": "area", "titles": "Area", "aboutUrl": "#r{_row}", "propertyUrl": "#p", "lang": "cy"}
    ]
    lines = run(tmp_path, 'Area\n"a""b\\\n\tc"\ncafé\n', described).splitlines()
    assert lines == [
        r'<http://ex.org/t.csv#r1> <http://ex.org/t.csv#p> "a\"b\\\n\tc"@cy .',
        '<http://ex.org/t.csv#r2> <http://ex.org/t.csv#p> "café"@cy .',
    ]


def test_lists(tmp_path: Path) -> None:
    described: list[object] = [
        {"name": "area", "titles": "Area", "aboutUrl": "#s", "propertyUrl": "#p", "separator": ";", "ordered": True},
    ]
    lines = run(tmp_path, "Area\na;b\n", described).splitlines()
    assert len(lines) == 5
    assert lines[-1].endswith("<http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .")


def test_memory_does_not_grow_with_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(columns, "SLICE_ROWS", 100)
    source = tmp_path / "t.csv"
    source.write_text("Area,Count\n" + "".join(f"E{i % 50},{i}\n" for i in range(20_000)), "utf-8")
    document = {"@context": "http://www.w3.org/ns/csvw", "url": "t.csv", "tableSchema": {"columns": COLUMNS}}
    table = read_metadata(json.dumps(document).encode(), base_url="http://ex.org/m.json").tables[0]
    sizes = [len(chunk) for chunk in convert.convert_table(table, source)]
    assert len(sizes) > 5
    assert max(sizes) < 1 << 20


def test_stopping_half_way_leaves_nothing_running(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("Area,Count\n" + "E1,5\n" * 100_000, "utf-8")
    document = {"@context": "http://www.w3.org/ns/csvw", "url": "t.csv", "tableSchema": {"columns": COLUMNS}}
    chunks = convert.convert_table(read_metadata(document, base_url="http://ex.org/m.json").tables[0], source)
    assert next(iter(chunks))
    chunks.close()  # type: ignore[attr-defined]


def test_a_column_without_output_makes_no_address(tmp_path: Path) -> None:
    unused = {"name": "count", "titles": "Count", "suppressOutput": True, "aboutUrl": "http://ex.org/x/{count}"}
    assert run(tmp_path, "Area,Count\nE1,..\n", [COLUMNS[0], unused]) == (
        '<http://ex.org/E1> <http://ex.org/area> "E1" .\n'
    )
