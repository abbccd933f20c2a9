"""Files that are tidy tables already: the same table whatever the format, and nothing guessed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from openpyxl.cell.cell import Cell

from loader.errors import ProblemsError
from loader.mapping import PublishedFile, read_mapping
from loader.routes import delimiter_of, read_tidy_table
from loader.sdmx import read_message
from loader.tidying import TidyReport
from loader.uris import DEFAULT_BASE, Uris
from tests.integration import tiny
from tests.unit import formats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl
    from openpyxl import Workbook

    from loader.errors import Problem
    from loader.mapping import TableMapping

EXPECTED = [tuple(map(str, row)) for row in formats.ROWS]


@pytest.fixture
def table(tmp_path: Path) -> TableMapping:
    """The tiny table; its figures may also go by the name that generic SDMX has for every figure."""
    titles = [column | {"titles": ["Households", "OBS_VALUE"]} for column in tiny.COLUMNS[2:3]]
    document = tiny.metadata([*tiny.COLUMNS[:2], *titles, *tiny.COLUMNS[3:]])
    folder = tiny.write_mapping(tmp_path / "tiny", document=document) / "tiny"
    return read_mapping("tiny", folder, Uris(DEFAULT_BASE)).main


def published(sheet: str | None = None, header_row: int | None = None, encoding: str = "utf-8") -> PublishedFile:
    return PublishedFile("*", None, encoding, sheet, header_row)


def read(path: Path, table: TableMapping, how: PublishedFile | None = None) -> pl.DataFrame:
    how = how or published()
    return read_tidy_table(path, how, table, TidyReport(path.name, how.encoding))


def refusal(path: Path, table: TableMapping, how: PublishedFile | None = None) -> Problem:
    with pytest.raises(ProblemsError) as caught:
        read(path, table, how)
    assert all(problem.where.startswith(path.name) for problem in caught.value.problems)
    return caught.value.problems[0]


WRITERS: dict[str, Callable[[Path], Path]] = {
    "data.csv": formats.delimited,
    "data.tsv": lambda path: formats.delimited(path, "\t"),
    "semicolons.csv": lambda path: formats.delimited(path, ";"),
    "mark.csv": lambda path: formats.delimited(path, encoding="utf-8-sig"),
    "data.xlsx": formats.xlsx,
    "called-otherwise.csv": formats.xlsx,
    "data.ods": formats.ods,
    "data.json": formats.records,
    "2.1.xml": formats.sdmx,
    "3.0.xml": lambda path: formats.sdmx(path, version="v3_0"),
    "generic.xml": formats.generic_sdmx,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path: Path, table: TableMapping, name: str) -> None:
    frame = read(WRITERS[name](tmp_path / name), table)
    assert frame.columns == ["area", "period", "households"]
    assert frame.rows() == EXPECTED


def test_columns_are_found_by_title_or_name_in_any_order(tmp_path: Path, table: TableMapping) -> None:
    path = tmp_path / "data.csv"
    path.write_text(" HOUSEHOLDS ,period,aREA\n10,2025-04,E06000001\n", "utf-8")
    assert read(path, table).rows() == [("E06000001", "2025-04", "10")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Area,Month,Households,Extra\nE06000001,2025-04,10,x\n", "not in the mapping"),
        ("Area,Month,Households,\nE06000001,2025-04,10,x\n", "4 cells"),
        ("Area,Month,,Households\nE06000001,2025-04,x,10\n", "no header"),
        ("Area,Month\nE06000001,2025-04\n", "no column 'households'"),
        ("Area,Month,Households,Area\nE06000001,2025-04,10,E06000001\n", "there twice"),
        ("Area,Month,Households\nE06000001,2025-04\n", "2 cells"),
        ("Area,Month,Households\nE06000001,2025-04,1,000\n", "4 cells"),
        ('Area,Month,Households\n"E06000001,2025-04,10\n', "cannot be read"),
        ("Area,Month,Households\n", "no rows"),
        ("\n\n,,\n", "no header row"),
        ("", "empty"),
    ],
)
def test_a_text_that_is_not_the_table_stops(tmp_path: Path, table: TableMapping, text: str, words: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text, "utf-8")
    assert words in str(refusal(path, table))


def test_a_header_that_nobody_knows_is_not_repeated(tmp_path: Path, table: TableMapping) -> None:
    path = tmp_path / "data.csv"
    path.write_text("E06000001,2025-04,Zebedee Fictitious\n", "utf-8")
    assert "Zebedee" not in str(refusal(path, table))


def test_blank_rows_are_counted_with_their_lines(tmp_path: Path, table: TableMapping) -> None:
    path = tmp_path / "data.csv"
    path.write_text('Area,Month,Households\n\nE06000001,2025-04,"10"\n,,\n', "utf-8")
    report = TidyReport("data.csv")
    assert read_tidy_table(path, published(), table, report).height == 1
    assert [(row.line, row.reason) for row in report.skipped] == [(2, "blank row"), (4, "blank row")]
    assert report.rows_read == 3


def test_encoding_and_header_row_are_those_of_source_toml(tmp_path: Path, table: TableMapping) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("Table £1,,\n\nArea,Month,Households\nE06000001,2025-04,10\n".encode("cp1252"))
    assert read(path, table, published(header_row=3, encoding="cp1252")).height == 1
    assert refusal(path, table).code == "FILE-03"
    assert refusal(path, table, published(header_row=2, encoding="cp1252")).code == "TIDY-01"


def test_blank_cells_are_null(tmp_path: Path, table: TableMapping) -> None:
    path = tmp_path / "data.csv"
    path.write_text("Area,Month,Households\nE06000001,2025-04, \n", "utf-8")
    assert read(path, table).row(0) == ("E06000001", "2025-04", None)


# SDMX-CSV


@pytest.mark.parametrize(
    "header",
    ["DATAFLOW,AREA,PERIOD,OBS_VALUE", "STRUCTURE,STRUCTURE_ID,ACTION,AREA,PERIOD,OBS_VALUE"],
)
def test_sdmx_csv(tmp_path: Path, table: TableMapping, header: str) -> None:
    path = tmp_path / "data.csv"
    lead = "dataflow,X:Y(1.0),A" if "ACTION" in header else "X:Y(1.0)"
    path.write_text(f"{header}\n{lead},E06000001,2025-04,10\n", "utf-8")
    assert read(path, table).rows() == [("E06000001", "2025-04", "10")]


def test_sdmx_csv_that_deletes_stops(tmp_path: Path, table: TableMapping) -> None:
    path = tmp_path / "data.csv"
    path.write_text("STRUCTURE,STRUCTURE_ID,ACTION,AREA,PERIOD,OBS_VALUE\ndataflow,X,D,E06000001,2025-04,10\n", "utf-8")
    assert "delete" in refusal(path, table).message


# Workbooks


def with_value(cell: str, value: object) -> Callable[[Workbook], None]:
    def change(book: Workbook) -> None:
        page = book.worksheets[0]
        target = page[cell]
        assert isinstance(target, Cell)
        target.value = value

    return change


def test_the_sheet_must_be_told_if_there_are_two(tmp_path: Path, table: TableMapping) -> None:
    def more(book: Workbook) -> None:
        book.create_sheet("Notes")["A1"] = "a note"

    path = formats.xlsx(tmp_path / "data.xlsx", more)
    assert "'Data', 'Notes'" in refusal(path, table).message
    assert read(path, table, published(sheet="Data")).height == 3
    assert refusal(path, table, published(sheet="Missing")).code == "TIDY-01"


def test_hidden_and_empty_sheets_leave_no_choice(tmp_path: Path, table: TableMapping) -> None:
    def more(book: Workbook) -> None:
        book.create_sheet("Empty")
        hidden = book.create_sheet("Lists")
        hidden["A1"] = "a"
        hidden.sheet_state = "veryHidden"

    assert read(formats.xlsx(tmp_path / "data.xlsx", more), table).height == 3


@pytest.mark.parametrize("value", ["=1+1", "=A1&B1"])
def test_a_formula_without_a_value_is_named(tmp_path: Path, table: TableMapping, value: str) -> None:
    problem = refusal(formats.xlsx(tmp_path / "data.xlsx", with_value("C3", value)), table)
    assert (problem.code, problem.where) == ("SCREEN-05", "data.xlsx:Data!C3")


# JSON


@pytest.mark.parametrize(
    ("value", "text"), [(36393.0, "36393"), (0.1, "0.1"), (1e3, "1000"), ("1,5", "1,5"), (True, "true"), (None, None)]
)
def test_values_of_json_are_in_canonical_form(
    tmp_path: Path, table: TableMapping, value: object, text: str | None
) -> None:
    path = formats.records(tmp_path / "data.json", {"Households": value})
    assert read(path, table)["households"][0] == text


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ('{"Area": 1}', "TIDY-01"),
        ("[]", "TIDY-01"),
        ("[1]", "TIDY-06"),
        ('[{"Area": ["a"], "Month": 1, "Households": 1}]', "TIDY-06"),
        ('[{"Area": "a", "Month": 1, "Households": NaN}]', "TIDY-02"),
        ('[{"Area": "a", "Area": "b", "Month": 1, "Households": 1}]', "SCREEN-04"),
        ("[" * 100_000, "SCREEN-04"),
        ("[" * 40 + "]" * 40, "SCREEN-04"),
        ('[{"Area": ', "SCREEN-04"),
        ('[{"Area": "a", "Month": "b", "Households": 1e9999999}]', "TIDY-02"),
    ],
)
def test_json_that_is_not_the_table_stops(tmp_path: Path, table: TableMapping, document: str, code: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(document, "utf-8")
    assert refusal(path, table).code == code


def test_members_that_a_record_does_not_have_are_null(tmp_path: Path, table: TableMapping) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"Area": "a", "Month": "b", "Households": 1}, {"Area": "a"}]), "utf-8")
    assert read(path, table).row(1) == ("a", None, None)


# SDMX-ML


@pytest.mark.parametrize(
    ("extra", "observation", "expected"),
    [
        ('<Group AREA="E06000001" UNIT="H"/>', "", ["H", "H", None]),
        ("", ' STATUS="A"', None),
    ],
)
def test_attributes_of_groups_and_observations(
    tmp_path: Path, extra: str, observation: str, expected: list[str | None] | None
) -> None:
    path = formats.sdmx(tmp_path / "data.xml", extra=extra, observation=observation)
    rows = read_message(path.read_bytes(), TidyReport("data.xml"))
    found = [values.get("UNIT") for _, values in rows] if expected else [values.get("STATUS") for _, values in rows]
    assert found == (expected or ["A", "A", "A"])


def test_messages_that_are_published(shared: Path) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        return [values for _, values in read_message((shared / "data/sdmx" / name).read_bytes(), TidyReport(name))]

    specific, generic = rows("ecb-exr-structurespecific-ts-2.1.xml"), rows("ecb-exr-generic-ts-2.1.xml")
    assert specific == generic
    assert len(specific) == 12
    assert len(rows("ecb-exr-3.0.xml")) == 116
    assert len(rows("eurostat-tps00001-generic-2.0.xml")) == 455
    by_measure = rows("estat-demography-xs-2.1.xml")
    assert len(by_measure) == 60
    assert by_measure[0]["DEMO"] == "TFRNSI"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('s:action="Append"', 's:action="Delete"', "delete"),
        ("StructureSpecificData", "Structure", "no data message"),
        ("<Series ", '<Series><Comp id="X"/></Series><Series ', "several values"),
    ],
)
def test_messages_that_are_not_read(tmp_path: Path, table: TableMapping, old: str, new: str, words: str) -> None:
    path = formats.sdmx(tmp_path / "data.xml")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert words in refusal(path, table).message


def test_an_undeclared_component_stops(tmp_path: Path, table: TableMapping) -> None:
    path = formats.sdmx(tmp_path / "data.xml", observation=' STATUS="A"')
    assert "not in the mapping" in refusal(path, table).message


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p "x"> %p;]>',
    ],
)
def test_a_document_type_is_refused(tmp_path: Path, table: TableMapping, prolog: str) -> None:
    problem = refusal(formats.sdmx(tmp_path / "data.xml", prolog=prolog), table)
    assert problem.code == "SCREEN-03"
    assert "document type" in problem.message


def test_xml_too_deep_or_cut_short_is_refused(tmp_path: Path, table: TableMapping) -> None:
    path = formats.sdmx(tmp_path / "data.xml", extra="<A>" * 100 + "</A>" * 100)
    assert "deep" in refusal(path, table).message
    text = formats.sdmx(path).read_text("utf-8")
    path.write_text(text[: len(text) // 2], "utf-8")
    assert "well-formed" in refusal(path, table).message


# What separates cells


@pytest.mark.parametrize(
    ("text", "known", "sign"),
    [
        ("a,b\n1,2\n", (), ","),
        ("a\tb\n1,5\t2,5\n3\t4\n", (), "\t"),
        ("area;rate\nx;1,5\ny;2,5\n", ("area", "rate"), ";"),
        ('"a, b, c";d\n1;2\n', (), ";"),
        ("a\n1\n", (), ","),
        ("", (), ","),
    ],
)
def test_what_separates_cells(text: str, known: tuple[str, ...], sign: str) -> None:
    assert delimiter_of(text, known) == sign
