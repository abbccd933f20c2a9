"""Hostile and broken OpenDocument workbooks of published files: exactly these problems each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.files import MANIFEST, ods, ods_cell, xlsx, zipped
from tests.hostile.places import NUMBER, PERSON, SECRETS, told_by_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hostile.places import Place

FILE = "tiny-published.ods"
UNSAFE = [f"SCREEN-02 {FILE}"]
GOOD = zipped(ods())
ONE = '<table:table-cell office:value-type="float" office:value="10"><text:p>10</text:p></table:table-cell>'
X = '<table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell>'


def repeated(times: str, cells: str) -> bytes:
    return zipped(ods(f'<table:table-row table:number-rows-repeated="{times}">{cells}</table:table-row>'))


def with_figure(written: str) -> bytes:
    content = str(ods()["content.xml"])
    assert ONE in content
    return zipped({**ods(), "content.xml": content.replace(ONE, written, 1)})


def content(change: Callable[[str], str]) -> bytes:
    return zipped({**ods(), "content.xml": change(str(ods()["content.xml"]))})


def table(name: str, cells: str) -> str:
    return f'<table:table table:name="{name}"><table:table-row>{cells}</table:table-row></table:table>'


TIDIED = "tiny.csv as tidied:2, column 'households'"
ERROR = (
    '<table:table-cell xmlns:c="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
    'office:value-type="string" c:value-type="error"><text:p>#REF!</text:p></table:table-cell>'
)
FILES: dict[str, tuple[bytes | Callable[[], bytes], list[str]]] = {
    "empty": (b"", [f"FILE-01 {FILE}"]),
    "cut short": (GOOD[:200], UNSAFE),
    "bomb of 250 MB": (lambda: zipped({**ods(), "content.xml": bytes(250_000_000)}), UNSAFE),
    "17 thousand million cells": (
        repeated("1048576", X.replace("<table:table-cell", '<table:table-cell table:number-columns-repeated="16384"')),
        UNSAFE,
    ),
    "10^20 rows": (repeated("99999999999999999999", X), [f"TIDY-07 {FILE}"]),
    "-1 rows": (repeated("-1", X), [f"TIDY-07 {FILE}"]),
    "external entity": (zipped(ods(before='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>')), UNSAFE),
    "content twice": (zipped([*ods().items(), ("content.xml", "<x/>")]), UNSAFE),
    "no content": (zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), UNSAFE),
    "encrypted": (
        zipped(
            {
                **ods(),
                "META-INF/manifest.xml": MANIFEST.replace(
                    "<manifest:file", "<manifest:encryption-data/><manifest:file"
                ),
            }
        ),
        UNSAFE,
    ),
    "formula without value": (
        with_figure('<table:table-cell table:formula="of:=5+5"/>'),
        [f"SCREEN-05 {FILE}:Data!C2"],
    ),
    "last byte gone": (GOOD[:-1], UNSAFE),
    "something before it": (b"MZ" + GOOD, UNSAFE),
    "text": (b"Area,Month,Households\n", UNSAFE),
    "kind of another document": (zipped({**ods(), "mimetype": "application/vnd.oasis.opendocument.text"}), UNSAFE),
    "content cut short": (content(lambda xml: xml[:-80]), UNSAFE),
    "content of 100,000 levels": (zipped({**ods(), "content.xml": "<a>" * 100_000}), UNSAFE),
    "content in an encoding that is none": (
        content(lambda xml: xml.replace('"1.0"', '"1.0" encoding="x-no"', 1)),
        UNSAFE,
    ),
    "document type in the styles": (zipped({**ods(), "styles.xml": "<!DOCTYPE x []><x/>"}), UNSAFE),
    "error": (with_figure(ERROR), [f"SCREEN-05 {FILE}:Data!C2"]),
    "duration": (
        with_figure('<table:table-cell office:value-type="time" office:time-value="PT10H"/>'),
        [f"SCREEN-05 {FILE}:Data!C2"],
    ),
    "figure that is none": (with_figure(ONE.replace('value="10"', 'value="NaN"')), [f"CSVW-CELL {TIDIED}"]),
    "figure beyond all": (with_figure(ONE.replace('value="10"', 'value="1e999"')), [f"CSVW-CELL {TIDIED}"]),
    "figure without value": (with_figure(ONE.replace(' office:value="10"', "")), [f"CSVW-REQUIRED {TIDIED}"]),
    "fraction": (with_figure(ONE.replace('value="10"', 'value="10.5"')), [f"CSVW-CELL {TIDIED}"]),
    "truth value": (
        with_figure('<table:table-cell office:value-type="boolean" office:boolean-value="true"/>'),
        [f"CSVW-CELL {TIDIED}"],
    ),
    "figure that reaches over two columns": (
        with_figure(ONE.replace("<table:table-cell", '<table:table-cell table:number-columns-repeated="2"')),
        [f"TIDY-06 {FILE}:2"],
    ),
    "row for two": (
        repeated("2", "".join(map(ods_cell, ("W06000015", "2025-05", "40")))),
        [f"CSVW-PRIMARY-KEY tiny.csv as tidied:{line}, column 'area, period'" for line in (6, 7)],
    ),
    "two sheets": (
        content(lambda xml: xml.replace("</office:spreadsheet>", f"{table('More', X)}</office:spreadsheet>")),
        [f"TIDY-01 {FILE}"],
    ),
}
ACCEPTED = {
    "as it should be": GOOD,
    "another kind of workbook than its name says": zipped(xlsx()),
    "figure shown in another way": with_figure(ONE.replace("<text:p>10<", "<text:p>ten<")),
    "formula with its value": with_figure(
        ONE.replace("<table:table-cell", '<table:table-cell table:formula="of:=5+5"')
    ),
    "rest of the sheet, blank": repeated("1048570", '<table:table-cell table:number-columns-repeated="16384"/>'),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_gets_these_problems(place: Place, name: str) -> None:
    data, expected = FILES[name]
    assert place.try_sources("ods", data) == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_does_no_harm_is_published(place: Place, name: str) -> None:
    assert place.try_sources("ods", ACCEPTED[name]) == []
    assert {"10", "20", "30", "40"} <= place.literals()


STYLE = (
    '<office:automatic-styles xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"><style:style '
    'style:name="hidden" style:family="table"><style:table-properties table:display="false"/></style:style>'
    "</office:automatic-styles><office:body>"
)


def hidden(text: str) -> bytes:
    sheet = table("Lists", X + ods_cell(text)).replace(" table:name", ' table:style-name="hidden" table:name')
    return content(
        lambda xml: xml.replace("</office:spreadsheet>", f"{sheet}</office:spreadsheet>").replace(
            "<office:body>", STYLE
        )
    )


PRIVATE: dict[str, tuple[bytes, list[str]]] = {
    "number in a hidden sheet": (hidden(NUMBER), [f"GATE-12 {FILE}:Lists!B1"]),
    "name in a hidden sheet": (hidden(PERSON), [f"GATE-18 {FILE}:Lists!B1"]),
    "note": (
        with_figure(
            ONE.replace("<text:p>", f"<office:annotation><text:p>{NUMBER}</text:p></office:annotation><text:p>")
        ),
        [f"GATE-12 {FILE}:Data!C2, note"],
    ),
    "row below the table": (
        zipped(ods(f"<table:table-row>{ods_cell(f'Ask {PERSON}')}</table:table-row>")),
        [f"GATE-18 {FILE}:Data!A6"],
    ),
    "sheet called after a person": (
        content(lambda xml: xml.replace('"Data"', f'"{NUMBER}"')),
        [f"GATE-12 {FILE}:name of sheet 1"],
    ),
}


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_personal_is_named_by_its_place_only(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, expected = PRIVATE[name]
    assert place.try_sources("ods", data) == expected
    told = told_by_check(place, monkeypatch, capsys)
    assert expected[0].partition(" ")[0] in told
    assert not [secret for secret in SECRETS if secret in told]
