"""Builds from published files of every format, with and without a tidy step: none goes round the screening."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loader.build import Plan, build, check
from loader.progress import LogWatcher
from loader.shipping import ship
from tests.integration import tiny
from tests.unit import formats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpyxl import Workbook

    from loader.errors import Problem

NUMBER = "AB 12 34 56 C"
TIDY = """
import polars as pl
from loader.tidying import read_rows, read_text

def tidy(path, report):
    rows = [cells for _, cells in read_rows(read_text(path, report)) if len(cells) > 2 and cells[0]]
    return pl.LazyFrame(rows[1:], schema=["area", "period", "households"], orient="row")
"""
WRITERS: dict[str, Callable[[Path], Path]] = {
    "tiny.csv": formats.delimited,
    "tiny.xlsx": formats.xlsx,
    "tiny.ods": formats.ods,
    "tiny.json": formats.records,
    "tiny.xml": formats.sdmx,
}


def plan(tmp_path: Path, name: str, keys: str = "", tidy: str = "", document: str | None = None) -> Plan:
    """Plan a build of the tiny dataset from the published files in `sources`."""
    source = f'{tiny.SOURCE}\n[[files]]\npattern = "{name}"\n{keys}\n'
    mappings = tiny.write_mapping(tmp_path, source=source, document=document)
    if tidy:
        (mappings / "tiny" / "tidy.py").write_text(tidy, "utf-8")
    (tmp_path / "sources").mkdir()
    return Plan(datasets=("tiny",), mappings=mappings, sources=tmp_path / "sources")


def problems(planned: Plan) -> list[Problem]:
    found = check(planned, LogWatcher())
    assert not [problem for problem in found if "34 56" in str(problem)]
    return found


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_builds_the_same_table(tmp_path: Path, name: str) -> None:
    planned = plan(tmp_path, name)
    WRITERS[name](tmp_path / "sources" / name)
    release = build(planned, tmp_path / "out", LogWatcher())
    lines = (release / "tables/tiny/tiny.csv").read_text("utf-8").splitlines()
    assert lines == [",".join(map(str, row)) for row in (formats.HEADER, *formats.ROWS)]


def hide(cell: str, text: str) -> Callable[[Workbook], None]:
    def change(book: Workbook) -> None:
        page = book.create_sheet("Lists")
        page[cell] = text
        page.sheet_state = "veryHidden"

    return change


@pytest.mark.parametrize("tidy", ["", TIDY], ids=["direct", "with tidy.py"])
def test_text_beside_the_table_stops_every_route(tmp_path: Path, tidy: str) -> None:
    planned = plan(tmp_path, "tiny.csv", tidy=tidy)
    path = formats.delimited(tmp_path / "sources/tiny.csv")
    assert problems(planned) == []
    path.write_text(path.read_text("utf-8") + f"\nChecked against {NUMBER}\n", "utf-8")
    found = {(problem.code, problem.where) for problem in problems(planned)}
    assert ("GATE-12", "tiny.csv:6, cell 1") in found


@pytest.mark.parametrize(("cell", "text", "code"), [("C3", NUMBER, "GATE-12"), ("A1", "Surname", "GATE-10")])
def test_a_hidden_sheet_stops_the_build(tmp_path: Path, cell: str, text: str, code: str) -> None:
    planned = plan(tmp_path, "tiny.xlsx")
    formats.xlsx(tmp_path / "sources/tiny.xlsx", hide(cell, text))
    (problem,) = problems(planned)
    assert (problem.code, problem.where.partition(",")[0]) == (code, f"tiny.xlsx:Lists!{cell}")


def test_personal_data_in_the_table_itself_is_found_by_the_gate(tmp_path: Path) -> None:
    note: dict[str, object] = {"name": "note", "titles": "Remark", "suppressOutput": True}
    planned = plan(tmp_path, "tiny.csv", document=tiny.metadata([*tiny.COLUMNS[:3], note, *tiny.COLUMNS[3:]]))
    table = f"Area,Month,Households,Remark\nE06000001,2025-04,10,see {NUMBER}\n"
    (tmp_path / "sources/tiny.csv").write_text(table, "utf-8")
    (problem,) = problems(planned)
    assert (problem.code, problem.where) == ("GATE-12", "tiny.csv as tidied:2, column 'note'")


def test_a_dangerous_file_never_reaches_the_tidy_step(tmp_path: Path) -> None:
    planned = plan(tmp_path, "tiny.xml", tidy="def tidy(path, report):\n    raise SystemExit('was called')\n")
    formats.sdmx(tmp_path / "sources/tiny.xml", prolog='<!DOCTYPE x [<!ENTITY a "b">]>')
    assert [problem.code for problem in problems(planned)] == ["SCREEN-03"]


def test_a_raw_column_left_out_on_purpose_is_declared_with_a_reason(tmp_path: Path) -> None:
    for number, (keys, codes) in enumerate(
        {
            "": ["GATE-10"],
            'left_out = { "Telephone" = "of offices; in no table" }': [],
            'left_out = { "Telephone" = "" }': ["MAP-05"],
            'left_outs = { "Telephone" = "x" }': ["MAP-05"],
        }.items()
    ):
        place = tmp_path / str(number)
        planned = plan(place, "tiny.csv", keys, TIDY.replace("cells for _, cells", "cells[:3] for _, cells"))
        rows = "".join(f"{area},{period},{figure},\n" for area, period, figure in formats.ROWS)
        (place / "sources/tiny.csv").write_text(f"Area,Month,Households,Telephone\n{rows}", "utf-8")
        assert [problem.code for problem in problems(planned)] == codes


def test_sheet_and_header_row_are_read_from_source_toml(tmp_path: Path) -> None:
    def title(book: Workbook) -> None:
        book.worksheets[0].insert_rows(1, 2)
        book.worksheets[0]["A1"] = "Households by area"
        book.create_sheet("Notes")["A1"] = "Figures are rounded."

    planned = plan(tmp_path, "tiny.xlsx", 'sheet = "Data"\nheader_row = 3')
    formats.xlsx(tmp_path / "sources/tiny.xlsx", title)
    assert problems(planned) == []


@pytest.mark.parametrize("keys", ["header_row = 0", 'header_row = "3"', "sheet = 1", "left_out = []"])
def test_keys_that_are_not_what_they_should_be(tmp_path: Path, keys: str) -> None:
    assert "MAP-05" in {problem.code for problem in problems(plan(tmp_path, "tiny.csv", keys))}


def test_a_table_without_tidy_step_can_be_shipped(tmp_path: Path) -> None:
    planned = plan(tmp_path, "tiny.ods")
    formats.ods(tmp_path / "sources/tiny.ods")
    assert planned.sources is not None
    list(ship("tiny", planned.sources, planned.mappings, show=False))
    assert (tmp_path / "mappings/tiny/tiny.csv").read_text("utf-8").startswith("Area,Month,Households\nE06000001,")


def test_a_published_file_with_markers_needs_no_columns_of_codes(tmp_path: Path) -> None:
    attribute, code = "http://purl.org/linked-data/sdmx/2009/attribute#", "http://purl.org/linked-data/sdmx/2009/code#"
    figures = {key: value for key, value in tiny.COLUMNS[2].items() if key != "required"}
    codes: list[dict[str, object]] = [
        {
            "name": name,
            "titles": name.title(),
            "required": name == "status",
            "propertyUrl": f"{attribute}{short}",
            "valueUrl": f"{code}{short}-{{{name}}}",
        }
        for name, short in (("status", "obsStatus"), ("confidentiality", "confStatus"))
    ]
    document = tiny.metadata([*tiny.COLUMNS[:2], figures, *codes, *tiny.COLUMNS[3:]])
    planned = plan(tmp_path, "tiny.csv", document=document)
    source = tmp_path / "mappings" / "tiny" / "source.toml"
    policy = 'policy = { kind = "counts", markers = ["[c]", "[p]"] }'
    source.write_text(source.read_text("utf-8").replace(tiny.POLICY, policy), "utf-8")
    rows = ("E06000001,2025-04,10", "E06000001,2025-05,[c]", "W06000015,2025-04,30 [p]")
    (tmp_path / "sources" / "tiny.csv").write_text("\n".join([tiny.HEADER, *rows]) + "\n", "utf-8")
    release = build(planned, tmp_path / "out", LogWatcher())
    assert (release / "tables/tiny/tiny.csv").read_text("utf-8").splitlines() == [
        f"{tiny.HEADER},Status,Confidentiality",
        "E06000001,2025-04,10,A,",
        "E06000001,2025-05,,M,C",
        "W06000015,2025-04,30,P,",
    ]
