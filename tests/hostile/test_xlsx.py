"""Hostile and broken workbooks of published files, read without a tidy.py: exactly these problems each."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.hostile.files import MAIN, OFFICE, RELATED, ROWS, cell, ods, sheet, sheet_data, xlsx, zipped
from tests.hostile.places import NUMBER, PERSON, SECRETS, run_small, told_by_check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hostile.places import Place

FILE = "tiny-published.xlsx"
UNSAFE = [f"SCREEN-02 {FILE}"]
GOOD = zipped(xlsx())
DATA = sheet_data()
FIGURE = '<c r="C2"><v>10</v></c>'
OTHER = "xl/worksheets/sheet1.xml"
LINKS = "xl/_rels/workbook.xml.rels"


def with_figure(written: str) -> bytes:
    assert FIGURE in DATA
    return zipped(xlsx(DATA.replace(FIGURE, written, 1)))


def part(name: str, content: str | bytes) -> bytes:
    return zipped({**xlsx(), name: content})


def without(name: str) -> bytes:
    return zipped({key: content for key, content in xlsx().items() if key != name})


def twice(name: str, content: str) -> bytes:
    return zipped([*xlsx().items(), (name, content)])


def encrypted(archive: bytes) -> bytes:
    """Set the flag of each entry in the archive's index."""
    flagged, at = bytearray(archive), -1
    while (at := archive.find(b"PK\x01\x02", at + 1)) >= 0:
        flagged[at + 8] |= 1
    return bytes(flagged)


def packed_as(method: int) -> bytes:
    stream = io.BytesIO(GOOD)
    with zipfile.ZipFile(stream, "a", method) as archive:
        archive.writestr("xl/x.xml", "<x/>")
    return stream.getvalue()


def with_text(written: str) -> bytes:
    return with_figure(f'<c r="C2" t="inlineStr"><is><t xml:space="preserve">{written}</t></is></c>')


def in_header(place: str, header: str) -> bytes:
    data, count = re.subn(f'(<c r="{place}" .*?<t>).*?(?=</t>)', lambda found: found[1] + header, DATA)
    assert count == 1
    return zipped(xlsx(data))


def linked_to(target: str) -> bytes:
    return part(LINKS, str(xlsx()[LINKS]).replace("worksheets/sheet1.xml", target))


def in_tidied(code: str, column: str = "households", line: int = 2) -> list[str]:
    return [f"{code} tiny.csv as tidied:{line}, column '{column}'"]


FILES: dict[str, tuple[bytes | Callable[[], bytes], list[str]]] = {
    "empty": (b"", [f"FILE-01 {FILE}"]),
    "no archive": (b"hello,world\n", UNSAFE),
    "cut short": (GOOD[: len(GOOD) // 2], UNSAFE),
    "archive of nothing": (zipped({}), UNSAFE),
    "index destroyed": (GOOD.replace(b"PK\x01\x02", b"XX\x01\x02"), UNSAFE),
    "bomb of 250 MB": (lambda: part("xl/media/a.bin", bytes(250_000_000)), UNSAFE),
    "part twice": (twice(OTHER, sheet("")), UNSAFE),
    "part twice but for case": (zipped([*xlsx().items(), ("XL/worksheets/Sheet1.xml", sheet(""))]), UNSAFE),
    "encrypted": (encrypted(GOOD), UNSAFE),
    "older kind or encrypted": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), [f"SCREEN-01 {FILE}"]),
    "sheet missing": (without(OTHER), [f"TIDY-07 {FILE}:Data"]),
    "workbook missing": (without("xl/workbook.xml"), UNSAFE),
    "no sheets": (part("xl/workbook.xml", f'<workbook xmlns="{MAIN}"><sheets/></workbook>'), [f"TIDY-01 {FILE}"]),
    "empty sheet": (zipped(xlsx("")), [f"TIDY-01 {FILE}"]),
    "header only": (zipped(xlsx(sheet_data(ROWS[:1]))), [f"FILE-01 {FILE}"]),
    "formula without value": (with_figure('<c r="C2"><f>5+5</f></c>'), [f"SCREEN-05 {FILE}:Data!C2"]),
    "error": (with_figure('<c r="C2" t="e"><v>#REF!</v></c>'), [f"SCREEN-05 {FILE}:Data!C2"]),
    "text that is not in the workbook": (with_figure('<c r="C2" t="s"><v>99</v></c>'), [f"TIDY-07 {FILE}:Data"]),
    "fraction": (with_figure('<c r="C2"><v>10.5</v></c>'), in_tidied("CSVW-CELL")),
    "number beyond all": (with_figure('<c r="C2"><v>1e999</v></c>'), in_tidied("CSVW-CELL")),
    "truth value": (with_figure('<c r="C2" t="b"><v>1</v></c>'), in_tidied("CSVW-CELL")),
    "month as number of a day": (zipped(xlsx(DATA.replace("2025-04", "45748", 1))), in_tidied("CSVW-CELL", "period")),
    "merged cells": (
        zipped(xlsx(DATA.replace(cell("E06000001", "A3"), ""))),
        in_tidied("CSVW-REQUIRED", "area", 3),
    ),
    "column more": (zipped(xlsx(sheet_data(tuple([*row, "x"] for row in ROWS)))), [f"TIDY-01 {FILE}:1, column 4"]),
    "last cell of all": (zipped(xlsx(DATA + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')), UNSAFE),
    "document type": (part(OTHER, '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + sheet(DATA)), UNSAFE),
    "billion laughs": (
        part(OTHER, '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + sheet(DATA)),
        UNSAFE,
    ),
    "sheet elsewhere": (linked_to("http://127.0.0.1:9/x.xml"), [f"TIDY-07 {FILE}:Data"]),
    "sheet outside the archive": (linked_to("../../../etc/passwd"), [f"TIDY-07 {FILE}:Data"]),
    "number of a person in a hidden sheet": (
        zipped(xlsx(None, Notes=sheet(f'<row r="1">{cell("AB123456C", "A1")}</row>'))),
        [f"GATE-12 {FILE}:Notes!A1"],
    ),
    "index cut": (GOOD[:-40], UNSAFE),
    "last byte gone": (GOOD[:-1], UNSAFE),
    "something before it": (b"MZ" + GOOD, UNSAFE),
    "web page": (b"<!DOCTYPE html><p>Not found", UNSAFE),
    "JSON": (b'[{"Area": "E06000001"}]', UNSAFE),
    "start of an archive": (b"PK\x03\x04" + bytes(500), UNSAFE),
    "part packed in another way": (packed_as(zipfile.ZIP_LZMA), UNSAFE),
    "relations missing": (without(LINKS), [f"TIDY-07 {FILE}"]),
    "sheet cut short": (part(OTHER, sheet(DATA)[:-60]), [f"TIDY-07 {FILE}:Data"]),
    "sheet of no bytes": (part(OTHER, ""), [f"TIDY-07 {FILE}:Data"]),
    "document type in UTF-16": (
        part(OTHER, f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE w []>{sheet(DATA)}'.encode("utf-16")),
        UNSAFE,
    ),
    "document type in the list of sheets": (
        part("xl/workbook.xml", f"<!DOCTYPE w []>{xlsx()['xl/workbook.xml']!s}"),
        UNSAFE,
    ),
    "laughing strings": (part("xl/sharedStrings.xml", '<!DOCTYPE s [<!ENTITY a "ha">]><sst>&a;</sst>'), UNSAFE),
    "100,000 rows within each other": (zipped(xlsx("<row>" * 100_000)), [f"TIDY-01 {FILE}"]),
    "text before the first": (with_figure('<c r="C2" t="s"><v>-1</v></c>'), [f"TIDY-07 {FILE}:Data"]),
    "text of a giant number": (with_figure(f'<c r="C2" t="s"><v>{"9" * 30}</v></c>'), [f"TIDY-07 {FILE}:Data"]),
    "cell of no known type": (with_figure('<c r="C2" t="zz"><v>10</v></c>'), [f"TIDY-07 {FILE}:Data"]),
    "cell of no place": (with_figure('<c r="0"><v>10</v></c>'), [f"TIDY-07 {FILE}:Data"]),
    "cell of row 0": (with_figure('<c r="C0"><v>10</v></c>'), [f"TIDY-07 {FILE}:Data"]),
    "cell beyond the last": (with_figure('<c r="XFE9999999"><v>10</v></c>'), UNSAFE),
    "cell twice": (with_figure(f'{FIGURE}<c r="C2"><v>11</v></c>'), [f"SCREEN-05 {FILE}:Data!C2"]),
    "row twice": (zipped(xlsx(f'{DATA}<row r="2"><c r="C2"><v>11</v></c></row>')), [f"SCREEN-05 {FILE}:Data!C2"]),
    "not a number": (with_figure('<c r="C2"><v>NaN</v></c>'), in_tidied("CSVW-CELL")),
    "space within a figure": (with_text("1 0"), in_tidied("CSVW-CELL")),
    "error as a text": (with_text("#REF!"), in_tidied("CSVW-CELL")),
    "formula as a text": (with_text("=5+5"), in_tidied("CSVW-CELL")),
    "month as a day": (
        zipped(xlsx(DATA.replace(cell("2025-04", "B2"), '<c r="B2" t="d"><v>2025-04-01T00:00:00</v></c>'))),
        in_tidied("CSVW-CELL", "period"),
    ),
    "header twice": (in_header("B1", "Area"), [f"TIDY-01 {FILE}:1, column 2", f"TIDY-01 {FILE}:1"]),
    "header blank": (in_header("B1", ""), [f"TIDY-01 {FILE}:1, column 2", f"TIDY-01 {FILE}:1"]),
    "column missing": (zipped(xlsx(sheet_data(tuple(row[:2] for row in ROWS)))), [f"TIDY-01 {FILE}:1"]),
    "cell beside the table": (zipped(xlsx(DATA.replace(FIGURE, FIGURE + cell("x", "D2")))), [f"TIDY-06 {FILE}:2"]),
}
ACCEPTED = {
    "as it should be": GOOD,
    "formula with its value": with_figure('<c r="C2"><f>5+5</f><v>10</v></c>'),
    "number with the noise of floating point": with_figure('<c r="C2"><v>10.000000000000002</v></c>'),
    "number with an exponent": with_figure('<c r="C2"><v>1E1</v></c>'),
    "part outside, which nobody unpacks": part("../../../tmp/outside.txt", "x"),
    "archive within, which nobody opens": part("xl/media/a.zip", zipped({"b": bytes(50_000_000)})),
    "something behind it": GOOD + b"\nappended\n",
    "another kind of workbook than its name says": zipped(ods()),
    "spaces around a figure": with_text(" 10 "),
    "text in pieces": with_figure('<c r="C2" t="inlineStr"><is><r><t>1</t></r><r><t>0</t></r></is></c>'),
    "cell that does not say its place": with_figure("<c><v>10</v></c>"),
    "blank rows": zipped(xlsx(DATA.replace('r="5"', 'r="9"').replace('5"', '9"'))),
    "macros, which nobody runs": part("xl/vbaProject.bin", b"x"),
    "hidden sheet without harm": zipped(xlsx(None, Notes=sheet(f'<row r="1">{cell("nothing", "A1")}</row>'))),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_gets_these_problems(place: Place, name: str) -> None:
    data, expected = FILES[name]
    assert place.try_sources("xlsx", data) == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_does_no_harm_is_published(place: Place, name: str) -> None:
    assert place.try_sources("xlsx", ACCEPTED[name]) == []
    assert {"10", "20", "30", "40"} <= place.literals()


def beside(name: str, content: str) -> bytes:
    return part(name, f'<x xmlns:r="{OFFICE}">{content}</x>')


def hidden(text: str) -> bytes:
    parts = xlsx(None, Notes=sheet(f'<row r="7">{cell(text, "B7")}</row>'))
    return zipped({**parts, "xl/workbook.xml": str(parts["xl/workbook.xml"]).replace('"hidden"', '"veryHidden"')})


PRIVATE: dict[str, tuple[bytes, list[str]]] = {
    "name in a very hidden sheet": (hidden(PERSON), [f"GATE-18 {FILE}:Notes!B7"]),
    "header in a very hidden sheet": (hidden("Surname"), [f"GATE-10 {FILE}:Notes!B7, column 'Surname'"]),
    "sheet called after a person": (zipped(xlsx(None, **{NUMBER: sheet("")})), [f"GATE-12 {FILE}:name of sheet 2"]),
    "note": (
        beside("xl/comments1.xml", f'<comment ref="B2"><text><t>{NUMBER}</t></text></comment>'),
        [f"GATE-12 {FILE}:part xl/comments1.xml!B2, note"],
    ),
    "name for a cell": (
        part(
            "xl/workbook.xml",
            str(xlsx()["xl/workbook.xml"]).replace(
                "</sheets>", f'</sheets><definedNames><definedName name="who">"{PERSON}"</definedName></definedNames>'
            ),
        ),
        [f"GATE-18 {FILE}:part xl/workbook.xml"],
    ),
    "link": (
        part(
            "xl/worksheets/_rels/sheet1.xml.rels",
            f'{RELATED}<Relationship Id="l" Type="{OFFICE}/hyperlink" Target="mailto:zebedee@example.com" '
            'TargetMode="External"/></Relationships>',
        ),
        [f"GATE-13 {FILE}:part xl/worksheets/_rels/sheet1.xml.rels, link"],
    ),
    "footer": (
        part(
            OTHER,
            sheet(DATA).replace(
                "</worksheet>", f"<headerFooter><oddFooter>{PERSON}</oddFooter></headerFooter></worksheet>"
            ),
        ),
        [f"GATE-18 {FILE}:Data"],
    ),
    "hidden row below the table": (
        zipped(xlsx(f'{DATA}<row r="9" hidden="1">{cell(f"Ask {PERSON}", "A9")}</row>')),
        [f"GATE-18 {FILE}:Data!A9"],
    ),
    "header that is a person": (
        in_header("B1", PERSON),
        [f"GATE-18 {FILE}:Data!B1", f"TIDY-01 {FILE}:1, column 2", f"TIDY-01 {FILE}:1"],
    ),
}


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_personal_is_named_by_its_place_only(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, expected = PRIVATE[name]
    assert place.try_sources("xlsx", data) == expected
    told = told_by_check(place, monkeypatch, capsys)
    assert expected[0].partition(" ")[0] in told
    assert not [secret for secret in SECRETS if secret in told]


def test_a_workbook_called_csv_is_a_workbook(place: Place) -> None:
    assert place.try_sources("csv", GOOD) == []
    assert {"10", "20", "30", "40"} <= place.literals()


def test_thousands_of_parts_take_little_memory(place: Place, tmp_path: Path) -> None:
    parts = xlsx() | {f"xl/media/{n}.bin": bytes(100_000) for n in range(2_200)}
    place.try_sources("xlsx", b"PK")
    (tmp_path / "tiny-published.xlsx").write_bytes(zipped(parts))
    done = run_small(["check", "tiny", "--mappings", str(place.mappings), "--sources", str(tmp_path)])
    assert done.returncode == 1
    assert "the workbook unpacks to" in done.stderr
