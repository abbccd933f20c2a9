"""Hostile and broken SDMX-ML as published files: exactly these problems each; nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.files import MESSAGE, observation, sdmx
from tests.hostile.places import NUMBER, PERSON, SECRETS, run_small, told_by_check
from tests.integration import tiny

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hostile.places import Place

FILE = "tiny-published.xml"
UNSAFE = [f"SCREEN-03 {FILE}"]
NO_MESSAGE = [f"TIDY-01 {FILE}"]
GOOD = sdmx()
ROW = "E06000001,2025-04,10"
LAUGHS = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))


def in_tidied(code: str, line: int = 2, column: str = "households") -> list[str]:
    return [f"{code} tiny.csv as tidied:{line}, column '{column}'"]


FILES: dict[str, tuple[bytes | Callable[[], bytes], list[str]]] = {
    "external entity of a file": (
        sdmx(observation("&x;,2025-04,10"), '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        UNSAFE,
    ),
    "external entity elsewhere": (sdmx(None, '<!DOCTYPE m [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>'), UNSAFE),
    "external document type": (sdmx(None, '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/x.dtd">'), UNSAFE),
    "parameter entity": (sdmx(None, '<!DOCTYPE m [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>'), UNSAFE),
    "billion laughs": (
        sdmx(observation("&i;,2025-04,10"), f'<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa">{LAUGHS}]>'),
        UNSAFE,
    ),
    "quadratic blow-up": (
        sdmx(observation("&a;" * 10_000 + ",2025-04,10"), f'<!DOCTYPE m [<!ENTITY a "{"a" * 50_000}">]>'),
        UNSAFE,
    ),
    "100,000 elements within each other": (sdmx("<Series>" * 100_000), UNSAFE),
    "500 elements within each other": (sdmx("<Series>" * 500 + "</Series>" * 500), UNSAFE),
    "cut short": (GOOD[:-30], UNSAFE),
    "something behind it": (GOOD + b"x", UNSAFE),
    "attribute twice": (sdmx(observation(ROW, ' area="x"')), UNSAFE),
    "another encoding than it says": (GOOD.replace(b"UTF-8", b"UTF-16"), UNSAFE),
    "encoding unknown": (GOOD.replace(b"UTF-8", b"x-no"), UNSAFE),
    "UTF-7": (GOOD.replace(b"UTF-8", b"UTF-7"), UNSAFE),
    "NUL": (GOOD.replace(b"E06", b"E\0", 1), UNSAFE),
    "character that is none": (sdmx(observation("&#1;,2025-04,10")), UNSAFE),
    "web page": (b"<html><body>x</body></html>", NO_MESSAGE),
    "structure and no data": (GOOD.replace(b"StructureSpecificData", b"Structure"), NO_MESSAGE),
    "error of the service": (GOOD.replace(b"StructureSpecificData", b"Error"), NO_MESSAGE),
    "no observations": (sdmx(""), [f"FILE-01 {FILE}"]),
    "inclusion of a file": (
        sdmx('<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>'),
        [f"FILE-01 {FILE}"],
    ),
    "dimension that the mapping lacks": (sdmx(observation(ROW, ' sex="F"')), [f"TIDY-01 {FILE}:column 4"]),
    "dimension missing": (sdmx(observation(ROW).replace(' period="2025-04"', "")), NO_MESSAGE),
    "observation twice": (
        sdmx(observation(ROW) * 2),
        in_tidied("CSVW-PRIMARY-KEY", 3, "area, period"),
    ),
    "not a number": (sdmx(observation("E06000001,2025-04,NaN")), in_tidied("CSVW-CELL")),
    "no figure": (sdmx(observation("E06000001,2025-04,")), in_tidied("CSVW-REQUIRED")),
    "number of a person in a comment": (
        GOOD.replace(b"<m:DataSet>", b"<m:DataSet><!-- AB123456C -->"),
        [f"GATE-12 {FILE}:1"],
    ),
    "number of a person in the header": (GOOD.replace(b"<m:ID>x", b"<m:ID>AB123456C"), [f"GATE-12 {FILE}:1"]),
    "empty": (b"", [f"FILE-01 {FILE}"]),
    "blank": (b" \n ", [f"FILE-01 {FILE}"]),
    "only a declaration": (b'<?xml version="1.0"?>', UNSAFE),
    "document type without entities": (sdmx(None, "<!DOCTYPE m>"), UNSAFE),
    "entity that nobody declared": (sdmx(observation("&x;,2025-04,10")), UNSAFE),
    "document type behind the message": (GOOD + b"<!DOCTYPE m []>", UNSAFE),
    "prefix that nobody declared": (sdmx("<x:Obs/>"), [f"SCREEN-03 {FILE}:1"]),
    "cp1252 in UTF-8": (GOOD.replace(b"E06", b"\xa306", 1), UNSAFE),
    "CDATA never closed": (sdmx("<![CDATA[" + observation(ROW)), UNSAFE),
    "observations in CDATA": (sdmx(f"<![CDATA[{observation(ROW)}]]>"), [f"FILE-01 {FILE}"]),
    "observations in a comment": (sdmx(f"<!-- {observation(ROW)} -->"), [f"FILE-01 {FILE}"]),
    "error below the data": (
        GOOD.replace(
            b"</m:DataSet>",
            f'</m:DataSet><f:Footer xmlns:f="{MESSAGE}/footer"><f:Message severity="Error"/></f:Footer>'.encode(),
        ),
        [f"TIDY-06 {FILE}:1"],
    ),
    "generic message": (GOOD.replace(b"StructureSpecificData", b"GenericData"), NO_MESSAGE * 3),
    "deletion": (GOOD.replace(b"<m:DataSet>", b'<m:DataSet action="Delete">'), [f"TIDY-06 {FILE}:1"]),
    "component of several values": (
        sdmx(f'{observation(ROW)[:-2]}><Comp id="x"><Value>1</Value></Comp></Obs>'),
        [f"TIDY-06 {FILE}:1"],
    ),
    "attribute of a group": (
        sdmx('<Group area="E06000001" sex="F"/>' + observation(ROW)),
        [f"TIDY-01 {FILE}:column 4"],
    ),
    "attribute of the dataset": (GOOD.replace(b"<m:DataSet>", b'<m:DataSet sex="F">'), [f"TIDY-01 {FILE}:column 1"]),
    "observation of nothing": (sdmx("<Obs/>"), NO_MESSAGE * 3),
    "infinity": (sdmx(observation("E06000001,2025-04,INF")), in_tidied("CSVW-CELL")),
    "10 MB for a cell": (lambda: sdmx(observation("E06000001,2025-04," + "9" * 10_500_000)), [f"SCREEN-03 {FILE}:1"]),
}
ACCEPTED = {
    "as it should be": GOOD,
    "UTF-16": GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "namespaces of another organisation": sdmx(None, "", "http://elsewhere.example/"),
    "series": sdmx(
        "".join(
            '<Series area="{}"><Obs period="{}" households="{}"/></Series>'.format(*row.split(",")) for row in tiny.ROWS
        )
    ),
    "references to characters": GOOD.replace(b"E06", b"&#69;06"),
    "spaces around a figure": GOOD.replace(b'"10"', b'" 10 "'),
    "style sheet elsewhere": sdmx(None, '<?xml-stylesheet href="http://127.0.0.1:9/x"?>'),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_gets_these_problems(place: Place, name: str) -> None:
    data, expected = FILES[name]
    assert place.try_sources("xml", data) == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_does_no_harm_is_published(place: Place, name: str) -> None:
    assert place.try_sources("xml", ACCEPTED[name]) == []
    assert {"10", "20", "30", "40"} <= place.literals()


PRIVATE: dict[str, tuple[bytes, list[str]]] = {
    "name in a comment": (sdmx(None, f"<!-- by {PERSON} -->"), [f"GATE-18 {FILE}:1"]),
    "name beside the observations": (sdmx(f"{observation(ROW)}Ask {PERSON}"), [f"GATE-18 {FILE}:1"]),
    "number in CDATA": (sdmx(f"{observation(ROW)}<![CDATA[{NUMBER}]]>"), [f"GATE-12 {FILE}:1"]),
    "name in an instruction": (sdmx(None, f"<?by {PERSON}?>"), [f"GATE-18 {FILE}:1"]),
    "component that asks for a person": (
        sdmx(observation(ROW, ' surname=""')),
        [f"GATE-10 {FILE}:1, column 'surname'", f"TIDY-01 {FILE}:column 4"],
    ),
    "name in an attribute that the mapping lacks": (
        sdmx(observation(ROW, f' remark="{PERSON}"')),
        [f"TIDY-01 {FILE}:column 4"],
    ),
}


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_personal_is_named_by_its_place_only(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, expected = PRIVATE[name]
    assert place.try_sources("xml", data) == expected
    told = told_by_check(place, monkeypatch, capsys)
    assert expected[0].partition(" ")[0] in told
    assert not [secret for secret in SECRETS if secret in told]


def test_the_sender_may_have_a_name(place: Place) -> None:
    sender = f'<m:Sender id="DWP"><m:Contact><Name>{PERSON}</Name></m:Contact></m:Sender></m:Header>'
    assert place.try_sources("xml", GOOD.replace(b"</m:Header>", sender.encode())) == []


def test_a_giant_message_takes_little_memory(place: Place, tmp_path: Path) -> None:
    place.try_sources("xml", b"<")
    (tmp_path / "tiny-published.xml").write_bytes(sdmx(observation("E06000001,2025-04," + "9" * 20_000_000)))
    done = run_small(["check", "tiny", "--mappings", str(place.mappings), "--sources", str(tmp_path)])
    assert done.returncode == 1
    assert "tiny-published.xml:1: the XML cannot be read" in done.stderr
