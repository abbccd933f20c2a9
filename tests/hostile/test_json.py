"""Hostile and broken JSON as published files: exactly these problems each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from loader.errors import ProblemsError
from loader.mapping import find_folders, read_mapping
from loader.sources import find_published, run_tidy, step_of
from loader.uris import DEFAULT_BASE, Uris
from tests.hostile.files import ROWS
from tests.hostile.places import NUMBER, PERSON, SECRETS, said, told_by_check, within_limit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hostile.places import Place

FILE = "tiny-published.json"
RECORDS: list[dict[str, object]] = [{"Area": area, "Month": month, "Households": int(n)} for area, month, n in ROWS[1:]]
GOOD = json.dumps(RECORDS)
NOT_JSON = [f"SCREEN-04 {FILE}:1"]
AMBIGUOUS = [f"SCREEN-04 {FILE}"]
NO_NUMBER = [f"TIDY-02 {FILE}:[0].Households"]
SHAPE = [f"TIDY-01 {FILE}"]


def figure(written: str) -> bytes:
    assert " 10" in GOOD
    return GOOD.replace(" 10", f" {written}", 1).encode()


def in_tidied(code: str, line: int = 2, column: str = "households") -> str:
    return f"{code} tiny.csv as tidied:{line}, column '{column}'"


FILES: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", [f"FILE-01 {FILE}"]),
    "cut short": (GOOD[:-5].encode(), NOT_JSON),
    "something behind it": (f"{GOOD}x".encode(), NOT_JSON),
    "comment": (f"// x\n{GOOD}".encode(), NOT_JSON),
    "an object a line": ("\n".join(map(json.dumps, RECORDS)).encode(), [f"SCREEN-04 {FILE}:2"]),
    "100,000 brackets": (b"[" * 100_000, AMBIGUOUS),
    "40 levels": (b'[{"Area": ' + b"[" * 40 + b"]" * 40 + b"}]", AMBIGUOUS),
    "member twice": (GOOD.replace('"Area"', '"Area": "x", "Area"', 1).encode(), AMBIGUOUS),
    "UTF-16": (GOOD.encode("utf-16"), [f"FILE-02 {FILE}:1"]),
    "NUL": (GOOD.replace("E06", "E\0", 1).encode(), [f"FILE-02 {FILE}:1"]),
    "not UTF-8": (GOOD.encode().replace(b"E06", b"\xff06", 1), [f"FILE-03 {FILE}:1"]),
    "not a number": (figure("NaN"), NO_NUMBER),
    "infinity": (figure("-Infinity"), NO_NUMBER),
    "number beyond all": (figure("1e999"), NO_NUMBER),
    "number of a thousand million digits": (figure("1e999999999"), NO_NUMBER),
    "number of 5,000 digits": (figure("9" * 5000), NO_NUMBER),
    "leading zero": (figure("010"), NOT_JSON),
    "hexadecimal": (figure("0x1"), NOT_JSON),
    "thousands": (figure('"1,000"'), [in_tidied("CSVW-CELL")]),
    "fraction": (figure("10.5"), [in_tidied("CSVW-CELL")]),
    "truth value": (figure("true"), [in_tidied("CSVW-CELL")]),
    "null": (figure("null"), [in_tidied("CSVW-REQUIRED")]),
    "object for a figure": (figure('{"a": 1}'), [f"TIDY-06 {FILE}:[0].Households"]),
    "list for a figure": (figure("[1]"), [f"TIDY-06 {FILE}:[0].Households"]),
    "one object": (b"{}", SHAPE),
    "no objects": (b"[]", SHAPE),
    "one number": (b"1", SHAPE),
    "lists": (b"[[1]]", [f"TIDY-06 {FILE}:[0]"]),
    "members missing": (
        json.dumps([*RECORDS[:3], {"Area": "E06000001"}]).encode(),
        [in_tidied("CSVW-REQUIRED", 5, "period"), in_tidied("CSVW-REQUIRED", 5)],
    ),
    "member more": (json.dumps([{**RECORDS[0], "More": 1}]).encode(), [f"TIDY-01 {FILE}:column 4"]),
    "100,000 objects": (b'{"a":' * 100_000, AMBIGUOUS),
    "UTF-16 without mark": (GOOD.encode("utf-16-le"), [f"FILE-02 {FILE}:1"]),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + GOOD.encode(), NOT_JSON),
    "lone surrogate": (GOOD.replace("E06", "\\ud800E06", 1).encode(), AMBIGUOUS),
    "surrogate in a member": (GOOD.replace("Area", "Area\\udfff", 1).encode(), AMBIGUOUS),
    "figure without end written out": (figure('"Infinity"'), [in_tidied("CSVW-CELL")]),
    "figure with zeros before it as a text": (figure('"0x10"'), [in_tidied("CSVW-CELL")]),
    "figure in full-width digits": (figure('"\uff11\uff10"'), [in_tidied("CSVW-CELL")]),
    "line end in a text": (GOOD.replace("E06", "E\n06", 1).encode(), NOT_JSON),
    "single quotes": (GOOD.replace('"', "'").encode(), NOT_JSON),
    "comma at the end": (GOOD.replace("]", ",]").encode(), NOT_JSON),
    "text": (b'"Area"', SHAPE),
    "one null": (b"null", SHAPE),
    "records within an object": (json.dumps({"value": RECORDS}).encode(), SHAPE),
    "member in other cases": (GOOD.replace('"Area"', '"Area": "x", "AREA"', 1).encode(), [f"TIDY-01 {FILE}:column 2"]),
    "mixed records": (json.dumps([RECORDS[0], 1, None]).encode(), [f"TIDY-06 {FILE}:[1]"]),
    "member without a name": (GOOD.replace('"Area"', '"": 1, "Area"', 1).encode(), [f"TIDY-01 {FILE}:column 1"]),
    "nothing known": (b'[{"a": 1}]', [f"TIDY-01 {FILE}:column 1", *SHAPE * 3]),
    "empty objects": (b"[{}, {}]", SHAPE * 3),
}
ACCEPTED = {
    "as it should be": GOOD.encode(),
    "byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "members in another order": json.dumps([dict(reversed(record.items())) for record in RECORDS]).encode(),
    "figure with an exponent": figure("1e1"),
    "names in other cases": GOOD.replace("Area", "AREA").encode(),
    "escapes": GOOD.replace("E06", "\\u004506").encode(),
    "blank object": json.dumps([*RECORDS, {}]).encode(),
    "number as text": figure('"10"'),
    "number with a fraction of nothing": figure("10.0"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_gets_these_problems(place: Place, name: str) -> None:
    data, expected = FILES[name]
    assert place.try_sources("json", data) == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_does_no_harm_is_published(place: Place, name: str) -> None:
    assert place.try_sources("json", ACCEPTED[name]) == []
    assert {"10", "20", "30", "40"} <= place.literals()


PRIVATE: dict[str, tuple[bytes, list[str]]] = {
    "number in a member beside the records": (
        json.dumps({"value": RECORDS, "by": NUMBER}).encode(),
        [f"GATE-12 {FILE}:by", *SHAPE],
    ),
    "name far inside": (
        json.dumps({"value": RECORDS, "a": [{"b": [PERSON]}]}).encode(),
        [f"GATE-18 {FILE}:a[0].b[0]", *SHAPE],
    ),
    "name in a member not in use": (
        json.dumps([record | {"Remark": PERSON} for record in RECORDS]).encode(),
        [f"TIDY-01 {FILE}:column 4"],
    ),
    "header that asks for a person": (
        json.dumps([record | {"Surname": None} for record in RECORDS]).encode(),
        [f"GATE-10 {FILE}:keys, column 'Surname'", f"TIDY-01 {FILE}:column 4"],
    ),
    "number for a member": (
        json.dumps([record | {NUMBER: 1} for record in RECORDS]).encode(),
        [f"GATE-12 {FILE}:keys", f"TIDY-01 {FILE}:column 4"],
    ),
    "name in an object for a cell": (
        json.dumps([RECORDS[0] | {"Households": {"by": PERSON}}]).encode(),
        [f"GATE-18 {FILE}:[0].Households.by", f"TIDY-06 {FILE}:[0].Households"],
    ),
}


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_personal_is_named_by_its_place_only(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, expected = PRIVATE[name]
    assert place.try_sources("json", data) == expected
    told = told_by_check(place, monkeypatch, capsys)
    assert expected[0].partition(" ")[0] in told
    assert not [secret for secret in SECRETS if secret in told]


# The answers of Stat-Xplore, in the folder that reads them

DATASET = "universal-credit-households-family-type"
ANSWER = "api_table_uc_households_region_month_familytype.json"
VALUES = "cubes.str:count:UC_Households:V_F_UC_HOUSEHOLDS.values"
ANSWERS: dict[str, tuple[str, str, str]] = {
    "fields of another name": ('"fields"', '"feilds"', "TIDY-01 " + ANSWER),
    "cubes of another name": ('"cubes"', '"cube"', "TIDY-01 " + ANSWER),
    "figure is a list": ("36393.0", "[36393.0]", f"TIDY-06 {VALUES}[0][0][0]"),
    "figure is not a number": ("36393.0", "NaN", f"TIDY-02 {VALUES}[0][0][0]"),
    "figure beyond all": ("36393.0", "1e999", f"TIDY-02 {VALUES}[0][0][0]"),
    "figure is left out": ("36393.0,", "", f"TIDY-06 {VALUES}[0][0]"),
    "region of no list": ("E12000001", "E12999999", f"TIDY-04 {VALUES}[0][0][0]"),
    "query twice": ('"query"', '"query": {}, "query"', "SCREEN-04 " + ANSWER),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_another_shape(shared: Path, tmp_path: Path, name: str) -> None:
    old, new, expected = ANSWERS[name]
    text = (shared / "data/statxplore" / ANSWER).read_text("utf-8")
    assert old in text
    (tmp_path / ANSWER).write_text(text.replace(old, new), "utf-8")
    mapping = read_mapping(DATASET, find_folders(None)[DATASET], Uris(DEFAULT_BASE))
    with within_limit(), pytest.raises(ProblemsError) as caught:
        run_tidy(step_of(mapping), find_published(mapping, tmp_path), mapping.folder)
    assert said(caught.value.problems[0], mapping.folder).replace(f"{ANSWER}:", "") == expected
