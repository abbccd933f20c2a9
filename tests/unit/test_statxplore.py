"""Readers of Stat-Xplore's answers and downloads: shapes, places and what is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from loader.errors import ProblemsError
from loader.statxplore import Item, read_csv, read_response, read_workbook
from loader.tidying import TidyReport

if TYPE_CHECKING:
    from pathlib import Path

MEASURE = "str:count:UC:V"
DOWNLOAD = (
    '\ufeff"Relative Low Income (I\nII)",,,\n'
    "National - Regional - LA - OAs by Year,,,\n"
    "Counting: Relative Low Income,,,\n"
    ",,,\n"
    "Filters:,,,\n"
    "Default Summation,Relative Low Income,,\n"
    ",,,\n"
    "Year,,2022/23,2023/24 (p)\n"
    ",National - Regional - LA - OAs,,\n"
    ",Darlington,12,13\n"
    ',"Armagh City, Banbridge and Craigavon",1,2\n'
    ",Unknown,..,..\n"
    ",Total,13,15"
)


def item(label: str, code: str = "", *marks: str) -> dict[str, object]:
    if not code:
        return {"type": "Total", "labels": [label]}
    return {"type": "RecodeItem", "uris": [f"str:value:UC:{code}"], "labels": [label], "annotationKeys": list(marks)}


def answer() -> dict[str, object]:
    return {
        "measures": [{"uri": MEASURE, "label": "Households on Universal Credit"}],
        "fields": [
            {"label": "Region", "items": [item("North East", "E12000001"), item("Total")]},
            {"label": "Month", "items": [item("May 2018", "201805", "r"), item("June 2018", "201806")]},
        ],
        "cubes": {MEASURE: {"values": [[1.0, 2.0], [3.0, 4.0]], "precision": "0"}},
        "annotationMap": {"r": "Figures marked r have been revised."},
    }


def written(folder: Path, content: str | bytes, name: str = "file") -> tuple[Path, TidyReport]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, TidyReport(file=name)


def workbook(folder: Path, rows: list[list[str | int | None]], sheet: str = "Data Sheet 0") -> tuple[Path, TidyReport]:
    book = Workbook()
    page = book.worksheets[0]
    page.title = sheet
    for row in rows:
        page.append(row)
    path = folder / "file.xlsx"
    book.save(path)
    return path, TidyReport(file="file.xlsx")


def sheet_rows() -> list[list[str | int | None]]:
    return [
        [],
        ["Households on Universal Credit (I\nz)"],
        ["Counting: Households on Universal Credit"],
        [],
        ["Month", None, None, "May 2025 (p)", "June 2025 (p, r)"],
        [None, "Households on Universal Credit", "Area", None, None],
        [None, "Households on Universal Credit", "Darlington", 12146, 12147],
        [None, None, "Total", 6575050, ".."],
        [],
        ["INFO", "Disclosure control has been applied."],
        ["Symbol", "Description"],
        [],
        ["p", "Provisional."],
        ["Source: Department for Work and Pensions"],
    ]


def codes(error: pytest.ExceptionInfo[ProblemsError]) -> list[str]:
    return [problem.code for problem in error.value.problems]


def test_answer_gives_cells_in_order_of_the_fields(tmp_path: Path) -> None:
    path, report = written(tmp_path, json.dumps(answer()))
    table = read_response(path, report)
    assert table.measure == "Households on Universal Credit"
    assert [[part.label for part in cell.items] + [cell.text] for cell in table.cells] == [
        ["North East", "May 2018", "1.0"],
        ["North East", "June 2018", "2.0"],
        ["Total", "May 2018", "3.0"],
        ["Total", "June 2018", "4.0"],
    ]
    assert table.cells[0].items[0] == Item(("North East",), ("E12000001",))
    assert table.cells[0].items[1].marks == {"r"}
    assert table.cells[2].items[0].is_total
    assert table.cells[3].where == f"cubes.{MEASURE}.values[1][1]"
    assert (table.cells[3].line, report.rows_read) == (4, 4)
    assert table.notes == {"r": "Figures marked r have been revised."}


def test_numbers_of_an_answer_are_kept_as_written(tmp_path: Path) -> None:
    text = json.dumps(answer()).replace("3.0", "1e999999999").replace("4.0", "NaN").replace("2.0", "null")
    path, report = written(tmp_path, text)
    assert [cell.text for cell in read_response(path, report).cells] == ["1.0", "", "1e999999999", "NaN"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"fields"', '"feilds"', "TIDY-01"),
        ('"cubes"', '"cube"', "TIDY-01"),
        ('"labels": ["Total"]', '"labels": []', "TIDY-06"),
        ('"labels": ["Total"]', '"labels": [7, {}]', "TIDY-06"),
        ('"uris": ["str:value:UC:201805"]', '"uris": []', "TIDY-06"),
        ("[3.0, 4.0]", "[3.0]", "TIDY-06"),
        ("[3.0, 4.0]", "3.0", "TIDY-06"),
        ("4.0", "true", "TIDY-06"),
        ("4.0", "[4.0]", "TIDY-06"),
        ('"annotationMap": {', '"annotationMap": [], "other": {', "TIDY-06"),
        ('"measures": [', '"measures": [{}, ', "TIDY-06"),
        ("[[1.0", "[" * 100_000, "TIDY-07"),
    ],
)
def test_answer_of_another_shape_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    text = json.dumps(answer())
    assert old in text
    path, report = written(tmp_path, text.replace(old, new))
    with pytest.raises(ProblemsError) as error:
        read_response(path, report)
    assert codes(error) == [code]


@pytest.mark.parametrize("keep", [1, 40, 200, 500, 600])
def test_answer_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    path, report = written(tmp_path, json.dumps(answer())[:keep])
    with pytest.raises(ProblemsError) as error:
        read_response(path, report)
    assert codes(error) == ["TIDY-07"]
    assert "cut short" in str(error.value)


@pytest.mark.parametrize("text", ["[]", "7", '"text"', "null", '{"type": "RATE_LIMIT", "message": "slow down"}'])
def test_json_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    path, report = written(tmp_path, text)
    with pytest.raises(ProblemsError) as error:
        read_response(path, report)
    assert codes(error) == ["TIDY-01"]


@pytest.mark.parametrize("reader", [read_response, read_csv, read_workbook])
@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"\0\1\2", b"\xff\xfe\xfa", b"PK\3\4 no archive", b"rubbish", b"a,b\n1,2\n"]
)
def test_rubbish_is_a_problem(tmp_path: Path, reader: object, content: bytes) -> None:
    assert callable(reader)
    path, report = written(tmp_path, content)
    with pytest.raises(ProblemsError) as error:
        reader(path, report)
    assert all(problem.where.startswith("file:") or problem.where == "file" for problem in error.value.problems)


def test_csv_download_gives_cells_with_lines(tmp_path: Path) -> None:
    path, report = written(tmp_path, DOWNLOAD)
    table = read_csv(path, report)
    assert table.measure == "Relative Low Income"
    assert [entry.label for entry in table.fields] == ["National - Regional - LA - OAs", "Year"]
    assert [part.label for part in table.cells[2].items] == ["Armagh City, Banbridge and Craigavon", "2022/23"]
    assert table.cells[1].items[1].marks == {"p"}
    assert (table.cells[2].text, table.cells[2].line, table.cells[2].where) == ("1", 12, "12, column 3")
    assert table.cells[-1].items[0].is_total
    assert report.rows_read == len(table.cells) == 8


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Counting:", "Count of", "TIDY-01"),
        ("Year,,2022/23,2023/24 (p)", ",,,", "TIDY-01"),
        ("Year,,2022/23,2023/24 (p)", "Year,,2022/23,,2023/24", "TIDY-06"),
        (",Darlington,12,13\n", "", ""),
        (",Darlington,12,13", ",Darlington,12", "TIDY-06"),
        (",Darlington,12,13", ",Darlington,12,13,14", "TIDY-06"),
        (",Darlington,12,13", ",,12,13", "TIDY-06"),
        (",Unknown,..,..\n", ",Unknown,..,..\n,,,\n", "TIDY-06"),
        (",Unknown,..,..", ',"Unknown,..,..', "TIDY-06"),
    ],
)
def test_csv_download_of_another_shape_is_a_problem(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in DOWNLOAD
    path, report = written(tmp_path, DOWNLOAD.replace(old, new))
    with suppress(ProblemsError):
        read_csv(path, report)
    assert [problem.code for problem in report.problems] == ([code] if code else [])


def test_csv_without_rows_below_the_header_is_refused(tmp_path: Path) -> None:
    path, report = written(tmp_path, DOWNLOAD[: DOWNLOAD.index(",Darlington")])
    with pytest.raises(ProblemsError) as error:
        read_csv(path, report)
    assert codes(error) == ["TIDY-06"]


def test_a_quotation_mark_that_is_not_closed_is_a_problem(tmp_path: Path) -> None:
    path, report = written(tmp_path, '"' + "x" * 200_000)
    with pytest.raises(ProblemsError) as error:
        read_csv(path, report)
    assert codes(error) == ["TIDY-01"]


def test_workbook_gives_cells_with_places(tmp_path: Path) -> None:
    path, report = workbook(tmp_path, sheet_rows())
    table = read_workbook(path, report)
    assert [entry.label for entry in table.fields] == ["Area", "Month"]
    assert [(cell.where, cell.text) for cell in table.cells] == [
        ("Data Sheet 0!D7", "12146"),
        ("Data Sheet 0!E7", "12147"),
        ("Data Sheet 0!D8", "6575050"),
        ("Data Sheet 0!E8", ".."),
    ]
    assert [part.marks for part in table.fields[1].items] == [{"p"}, {"p", "r"}]
    assert table.notes == {"p": "Provisional."}
    assert report.rows_read == 4
    assert not report.problems


def test_workbook_without_the_data_sheet_is_refused(tmp_path: Path) -> None:
    path, report = workbook(tmp_path, sheet_rows(), sheet="Sheet1")
    with pytest.raises(ProblemsError) as error:
        read_workbook(path, report)
    assert codes(error) == ["TIDY-01"]
    assert "there are: Sheet1" in str(error.value)


def test_row_inserted_in_a_workbook_is_a_problem(tmp_path: Path) -> None:
    rows = sheet_rows()
    rows.insert(7, [])
    path, report = workbook(tmp_path, rows)
    read_workbook(path, report)
    assert [problem.code for problem in report.problems] == ["TIDY-06"]
    assert "9" in report.problems[0].where


def test_parentheses_that_are_no_marks_stay_in_the_label(tmp_path: Path) -> None:
    path, report = written(tmp_path, DOWNLOAD.replace("2023/24 (p)", "201811 (Nov-18)"))
    table = read_csv(path, report)
    assert table.fields[1].items[1] == Item(("201811 (Nov-18)",))
