"""What stands beside the data of a published file is screened, whatever the format; the data itself is not."""

from __future__ import annotations

import contextlib
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

from loader.errors import ProblemsError
from loader.gate.policy import COUNTS, Policy
from loader.mapping import PublishedFile
from loader.screening import MAX_PROBLEMS, screen
from loader.tidying import TidyReport
from tests.unit import formats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpyxl import Workbook

    from loader.errors import Problem

NUMBER = "AB 12 34 56 C"
NAME = "Mr Zebedee Fictitious"
SECRETS = ("34 56", "Zebedee", "Fictitious", "7700 900")


def screened(
    path: Path,
    *,
    sheet: str | None = None,
    header_row: int | None = None,
    left_out: tuple[str, ...] = (),
    policy: Policy | None = None,
) -> list[Problem]:
    published = PublishedFile("*", None, "utf-8", sheet, header_row, left_out, policy or Policy(COUNTS))
    report = TidyReport(path.name)
    with contextlib.suppress(ProblemsError):
        screen(path, published, report)
    for problem in report.problems:
        assert problem.where.startswith((path.name, "name of a published file"))
        assert not [secret for secret in SECRETS if secret in str(problem)]
    return report.problems


def found(path: Path, **options: object) -> list[tuple[str, str]]:
    problems = screened(path, **options)  # type: ignore[arg-type]
    return [(problem.code, problem.where.removeprefix(f"{path.name}:")) for problem in problems]


CLEAN: dict[str, Callable[[Path], Path]] = {
    "data.csv": formats.delimited,
    "data.xlsx": formats.xlsx,
    "data.ods": formats.ods,
    "data.json": formats.records,
    "data.xml": formats.sdmx,
    "generic.xml": formats.generic_sdmx,
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_files_pass(tmp_path: Path, name: str) -> None:
    assert screened(CLEAN[name](tmp_path / name)) == []


# Text


def text_file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


DATA = ("E06000001,2025-04,10", "E06000001,2025-05,20", "W06000015,2025-05,40")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((f"Ask {NAME},,", "", "Area,Month,Households", *DATA), ("GATE-18", "1, cell 1")),
        (("Area,Month,Households", *DATA, "", f"Note: {NUMBER}"), ("GATE-12", "6, cell 1")),
        (("Area,Month,Surname", *DATA), ("GATE-10", "1, cell 3, column 'Surname'")),
        (("Area,Month,Surname", "E06000001,2025-04,"), ("GATE-10", "1, cell 3, column 'Surname'")),
        (("Area,Month,Telephone", *DATA), ("GATE-10", "1, cell 3, column 'Telephone'")),
        (("Area,Month,Households", *DATA, "", "Area,Month,Forename"), ("GATE-10", "6, cell 3, column 'Forename'")),
        (("Area;Month;Surname", "E06000001;2025-04;x"), ("GATE-10", "1, cell 3, column 'Surname'")),
        (("Area,Month,me@example.gov.uk", *DATA), ("GATE-13", "1, cell 3")),
    ],
)
def test_what_surrounds_a_text_table(tmp_path: Path, lines: tuple[str, ...], expected: tuple[str, str]) -> None:
    assert found(text_file(tmp_path, *lines)) == [expected]


def test_cells_of_the_table_are_judged_after_tidying(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Supplier,Date,Amount,Name", f"{NAME},01/04/2025,10,x", f"{NUMBER},02/04/2025,20,x")
    assert screened(path) == []


def test_a_header_left_out_on_purpose(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Area,Month,Households,Contact  telephone", *(f"{line}," for line in DATA))
    assert found(path) == [("GATE-10", "1, cell 4, column 'Contact  telephone'")]
    assert found(path, left_out=("contact Telephone",)) == []


def test_offices_and_reviewed_contacts_pass_by_policy(tmp_path: Path) -> None:
    path = text_file(tmp_path, "team@example.gov.uk,,", "Area,Month,Postcode", *DATA)
    assert len(screened(path)) == 2
    reviewed = {"team@example.gov.uk": "address of the team that publishes the file"}
    assert screened(path, policy=Policy(COUNTS, office_columns=("office_postcode",), reviewed=reviewed)) == []


def test_the_header_row_of_source_toml(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Table,1,2", "Sheet,3,4", "Area,Month,Surname", *DATA)
    assert screened(path) == []  # the first row looks like the header, the second like data
    assert found(path, header_row=3) == [("GATE-10", "3, cell 3, column 'Surname'")]


def test_first_rows_of_a_table_of_texts_are_no_headers(tmp_path: Path) -> None:
    assert screened(text_file(tmp_path, "Supplier,Purpose", f"{NAME},training", f"{NAME},travel")) == []


def test_wide_rows_above_the_header_row(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Table,1,2", f"{NAME},3,4", "Area,Month,Households", *DATA)
    assert found(path, header_row=3) == [("GATE-18", "2, cell 1")]


def test_headers_of_two_rows(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Where,When,Who", "Area,Month,Surname", *DATA)
    assert found(path) == [("GATE-10", "2, cell 3, column 'Surname'")]


def test_the_name_of_a_file(tmp_path: Path) -> None:
    path = formats.delimited(tmp_path / "AB123456C_caseload.csv")
    report = TidyReport("file")
    with pytest.raises(ProblemsError):
        screen(path, PublishedFile("*", None, "utf-8"), report)
    assert [(problem.code, problem.where) for problem in report.problems] == [("GATE-12", "name of a published file")]


def test_problems_of_one_file_end(tmp_path: Path) -> None:
    notes = [f"Note: AB 12 34 {number // 10:02} C{number}" for number in range(0, 9990, 10)]
    path = text_file(tmp_path, "Area,Month,Households", *DATA, *notes)
    report = TidyReport("data.csv")
    screen(path, PublishedFile("*", None, "utf-8"), report)
    assert len(report.problems) <= MAX_PROBLEMS


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "FILE-01"),
        (b"a,b\n1,\0\n", "FILE-02"),
        (b"a,b\n1,\xff\n", "FILE-03"),
        (b"%PDF-1.7", "SCREEN-01"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "SCREEN-01"),
        (b"PK\x03\x04 and no more", "SCREEN-02"),
        (b"<!DOCTYPE html><html></html>", "SCREEN-03"),
        ("<!DOCTYPE html><html></html>".encode("utf-16"), "SCREEN-03"),
    ],
)
def test_files_that_must_not_be_read(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert [problem.code for problem in screened(path)] == [code]


def test_a_text_called_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "data.xlsx"
    path.write_text("a,b\n1,2\n", "utf-8")
    assert found(path) == [("SCREEN-02", path.name)]


# Workbooks


def hidden(state: str, *cells: tuple[str, str]) -> Callable[[Workbook], None]:
    def change(book: Workbook) -> None:
        page = book.create_sheet("Lists")
        page.sheet_state = state
        for cell, text in cells:
            page[cell] = text

    return change


@pytest.mark.parametrize("state", ["visible", "hidden", "veryHidden"])
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([("C4", NUMBER)], ("GATE-12", "Lists!C4")),
        ([("B2", f"Checked by {NAME}")], ("GATE-18", "Lists!B2")),
        ([("B2", "Area"), ("C2", "Surname")], ("GATE-10", "Lists!C2, column 'Surname'")),
        ([("A1", "A title"), ("A3", "Surname"), ("A4", "x")], ("GATE-10", "Lists!A3, column 'Surname'")),
        ([("AB7", "Date of birth"), ("AC7", "Count")], ("GATE-10", "Lists!AB7, column 'Date of birth'")),
    ],
)
def test_other_sheets(tmp_path: Path, state: str, cells: list[tuple[str, str]], expected: tuple[str, str]) -> None:
    path = formats.xlsx(tmp_path / "data.xlsx", hidden(state, *cells))
    assert found(path, sheet="Data") == [expected]


def test_notes_may_speak_of_what_persons_have(tmp_path: Path) -> None:
    cells = (
        ("A1", "National Insurance number allocations to adult overseas nationals"),
        ("A3", "Figures are by date of birth of the claimant; a National Insurance number is counted once."),
    )
    assert found(formats.xlsx(tmp_path / "data.xlsx", hidden("visible", *cells)), sheet="Data") == []


def test_all_sheets_are_searched_if_it_is_not_told_which_is_read(tmp_path: Path) -> None:
    def more(book: Workbook) -> None:
        book.worksheets[0]["A2"] = NAME
        book.create_sheet("Other")["A1"] = "x"

    path = formats.xlsx(tmp_path / "data.xlsx", more)
    assert found(path) == [("GATE-18", "Data!A2")]
    assert found(path, sheet="Data") == []


def test_the_sheet_that_is_read(tmp_path: Path) -> None:
    def more(book: Workbook) -> None:
        book.worksheets[0]["C1"] = "Customer name"
        book.worksheets[0]["A2"] = NAME
        book.worksheets[0]["A7"] = f"Ask {NAME}"

    path = formats.xlsx(tmp_path / "data.xlsx", more)
    assert found(path) == [("GATE-10", "Data!C1, column 'Customer name'"), ("GATE-18", "Data!A7")]


@pytest.mark.parametrize("name", [NUMBER, "j.bloggs@example.com"])
def test_a_sheet_named_after_a_person_is_not_named(tmp_path: Path, name: str) -> None:
    def more(book: Workbook) -> None:
        book.create_sheet(name)["A1"] = NUMBER

    problems = screened(formats.xlsx(tmp_path / "data.xlsx", more))
    assert [problem.where for problem in problems] == ["data.xlsx:name of sheet 2"]
    assert name not in str(problems[0])


def test_notes_on_cells_and_their_authors(tmp_path: Path) -> None:
    def more(book: Workbook) -> None:
        book.properties.creator = NAME
        book.worksheets[0]["B2"].comment = Comment(f"{NUMBER} counted twice", "Dr Zebedee Fictitious")

    assert found(formats.xlsx(tmp_path / "data.xlsx", more)) == [("GATE-12", "Data!B2, note")]


def test_links_names_footers_and_prompts(tmp_path: Path) -> None:
    def more(book: Workbook) -> None:
        page = book.worksheets[0]
        page["B2"].hyperlink = "mailto:zebedee.fictitious@example.com"
        page.oddFooter.center.text = NAME
        book.defined_names["who"] = DefinedName("who", attr_text=f'"{NUMBER}"')

    codes = {code for code, _ in found(formats.xlsx(tmp_path / "data.xlsx", more))}
    assert codes == {"GATE-12", "GATE-13", "GATE-18"}


@pytest.mark.parametrize(
    ("part", "content", "expected"),
    [
        ("xl/drawings/drawing9.xml", f"<d><a><t>Ask Mr </t></a><p><r><t>{NAME}</t></r></p></d>", "GATE-18"),
        ("xl/pivotCache/pivotCacheDefinition1.xml", '<p><cacheField name="Surname"/></p>', "GATE-10"),
        ("xl/pivotCache/pivotCacheRecords1.xml", f'<p><r><s v="{NUMBER}"/></r></p>', "GATE-12"),
        ("xl/externalLinks/externalLink1.xml", f"<e><cell><v>{NUMBER}</v></cell></e>", "GATE-12"),
        (
            "xl/threadedComments/threadedComment1.xml",
            f'<t><threadedComment ref="B2"><text>{NUMBER}</text></threadedComment></t>',
            "GATE-12",
        ),
        ("customXml/item1.xml", "<broken", "SCREEN-03"),
        ("customXml/item1.xml", "<!DOCTYPE x><x/>", "SCREEN-02"),
    ],
)
def test_parts_that_no_sheet_shows(tmp_path: Path, part: str, content: str, expected: str) -> None:
    path = formats.xlsx(tmp_path / "data.xlsx")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(part, content)
    assert {code for code, _ in found(path)} == {expected}


@pytest.mark.parametrize("style", ["shown", "hidden"])
def test_other_sheets_and_notes_of_ods(tmp_path: Path, style: str) -> None:
    other = formats.ods_sheet("Lists", [["Area", "Surname"], ["x", NUMBER]], style)
    path = formats.ods(tmp_path / "data.ods", formats.ods_sheet("Data") + other)
    assert set(found(path, sheet="Data")) == {("GATE-10", "Lists!B1, column 'Surname'"), ("GATE-12", "Lists!B2")}


def test_notes_on_cells_of_ods(tmp_path: Path) -> None:
    note = f"<office:annotation><dc:creator>{NAME}</dc:creator><text:p>{NUMBER}</text:p></office:annotation>"
    row = f"<table:table-row>{formats.ods_cell('a')}{formats.ods_cell('b', note)}</table:table-row>"
    path = formats.ods(tmp_path / "data.ods", f'<table:table table:name="Data">{row}</table:table>')
    assert found(path) == [("GATE-12", "Data!B1, note")]


# JSON


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"note": NUMBER, "rows": [{"a": NAME}]}, ("GATE-12", "note")),
        ({"meta": {"by": [NAME]}}, ("GATE-18", "meta.by[0]")),
        ([{"area": "x", "surname": None}], ("GATE-10", "keys, column 'surname'")),
        ({"rows": {NUMBER: {"remark": NAME}}}, ("GATE-18", "rows.member 1.remark")),
    ],
)
def test_json(tmp_path: Path, document: object, expected: tuple[str, str]) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(document), "utf-8")
    assert expected in found(path)


def test_members_left_out_on_purpose(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"buyer": {"contactPoint": {"email": "a@example.com"}}, "x": 1}), "utf-8")
    assert len(screened(path)) == 2
    assert screened(path, left_out=("email",)) == []


def test_random_identifiers_are_not_searched(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"id": "6667abcd-77bc-4123-9567-c0ab123456ce"}), "utf-8")
    assert screened(path) == []


# XML


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (f"<Annotations><Text>{NUMBER}</Text></Annotations>", "GATE-12"),
        (f"<!-- checked by {NAME} -->", "GATE-18"),
        ('<Series SURNAME="x"/>', "GATE-10"),
        ("<Surname/>", "GATE-10"),
        (f"<Text>as <b>noted</b> by {NAME}</Text>", "GATE-18"),
    ],
)
def test_xml(tmp_path: Path, extra: str, expected: str) -> None:
    assert [code for code, _ in found(formats.sdmx(tmp_path / "data.xml", extra=extra))] == [expected]


def test_senders_of_a_message_are_not_published(tmp_path: Path) -> None:
    path = formats.sdmx(tmp_path / "data.xml")
    sender = f'<m:Sender id="X"><m:Contact><Name>{NAME}</Name></m:Contact></m:Sender>'
    path.write_text(path.read_text("utf-8").replace("<m:ID>", f"{sender}<m:ID>"), "utf-8")
    assert screened(path) == []
