"""Hostile and broken metadata: as a mapping, which gets exactly these problems, and from the command line."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.hostile.places import Place, run, run_small
from tests.integration import tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = tiny.metadata()
JSON = ["CSVW-JSON document"]
TABLE = ["MAP-03 tiny.csv-metadata.json"]
PLAIN = ["MAP-11 tiny.csv-metadata.json"]


def nested(depth: int) -> str:
    return '{"dc:y":' * depth + "1" + "}" * depth


def table(**more: object) -> bytes:
    return json.dumps(
        {**json.loads(GOOD), **{name.replace("at_", "@"): value for name, value in more.items()}}
    ).encode()


def schema(**more: object) -> bytes:
    document = json.loads(GOOD)
    document["tableSchema"] |= more
    return json.dumps(document).encode()


def column(number: int, **more: object) -> bytes:
    document = json.loads(GOOD)
    document["tableSchema"]["columns"][number] |= more
    return json.dumps(document).encode()


def without(*path: str) -> bytes:
    document = json.loads(GOOD)
    *outer, last = path
    inner = document
    for name in outer:
        inner = inner[name]
    del inner[last]
    return json.dumps(document).encode()


def wrong(path: str, code: str = "CSVW-PROPERTY") -> list[str]:
    return [f"{code} document, $.{path}"]


def of_columns(code: str, *names: str) -> list[str]:
    return [f"{code} tiny.csv-metadata.json, column '{name}'" for name in names]


ALL = ("area", "period", "households", "t", "d", "m", "u")
KEY = "tableSchema.primaryKey"

DOCUMENTS: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", JSON),
    "cut short": (GOOD[:-20].encode(), JSON),
    "something behind it": (f"{GOOD}}}".encode(), JSON),
    "UTF-16": (GOOD.encode("utf-16"), JSON),
    "not a number": (GOOD.replace('"tiny.csv"', "NaN").encode(), JSON),
    "number of 5,000 digits": (GOOD.replace('"tiny.csv"', "9" * 5000).encode(), JSON),
    "100,000 brackets": (b"[" * 100_000, JSON),
    "100,000 objects": (b'{"a":' * 100_000, JSON),
    "200 levels of annotations": (f'{{"dc:x": {nested(200)}, {GOOD[1:]}'.encode(), JSON),
    "comment": (GOOD.replace("{", "{// x\n", 1).encode(), JSON),
    "url twice": (f'{{"url": "other.csv", {GOOD[1:]}'.encode(), JSON),
    "required twice": (GOOD.replace('"required": true', '"required": true, "required": false', 1).encode(), JSON),
    "escaped surrogate": (GOOD.replace("Area", "\\ud800").encode(), JSON),
    "null": (b"null", ["CSVW-METADATA document, $"]),
    "array": (b"[]", ["CSVW-METADATA document, $"]),
    "no context": (without("@context"), wrong("@context", "CSVW-METADATA")),
    "another context": (table(at_context="http://elsewhere.example/"), wrong("@context", "CSVW-METADATA")),
    "another base": (
        table(at_context=["http://www.w3.org/ns/csvw", {"@base": "http://elsewhere.example/"}]),
        TABLE,
    ),
    "language breaks out": (
        table(at_context=["http://www.w3.org/ns/csvw", {"@language": "> <x>"}]),
        wrong("@context[1].@language"),
    ),
    "url climbs": (table(url="../../../etc/passwd"), TABLE),
    "url of a file": (table(url="file:///etc/passwd"), TABLE),
    "url of a device": (table(url="file:///dev/zero"), TABLE),
    "url from the root": (table(url="/etc/passwd"), TABLE),
    "url elsewhere": (table(url="http://127.0.0.1:9/x.csv"), TABLE),
    "url with a query": (table(url="tiny.csv?x"), TABLE),
    "url with NUL": (table(url="tiny.csv\0"), TABLE),
    "url of data": (table(url="data:text/csv,a"), TABLE),
    "url empty": (table(url=""), TABLE),
    "url null": (table(url=None), wrong("url", "CSVW-METADATA")),
    "schema of a file": (
        table(tableSchema="file:///etc/passwd"),
        ["MAP-03 tiny.csv-metadata.json: file:///etc/passwd"],
    ),
    "schema of a device": (table(tableSchema="file:///dev/zero"), ["MAP-03 tiny.csv-metadata.json: file:///dev/zero"]),
    "schema elsewhere": (
        table(tableSchema="http://127.0.0.1:9/x"),
        ["MAP-03 tiny.csv-metadata.json: http://127.0.0.1:9/x"],
    ),
    "schema is null": (table(tableSchema=None), wrong("tableSchema")),
    "schema is empty": (table(tableSchema={}), PLAIN),
    "schema is missing": (without("tableSchema"), PLAIN),
    "dialect elsewhere": (
        table(dialect="http://127.0.0.1:9/x"),
        ["MAP-03 tiny.csv-metadata.json: http://127.0.0.1:9/x"],
    ),
    "dialect hides a row from the gate": (table(dialect={"header": False}), PLAIN),
    "dialect hides rows as comments": (table(dialect={"commentPrefix": "E"}), PLAIN),
    "dialect with semicolons": (table(dialect={"delimiter": ";"}), PLAIN),
    "dialect skips 10^30 rows": (table(dialect={"skipRows": 10**30}), PLAIN),
    "dialect with an encoding of programs": (table(dialect={"encoding": "unicode_escape"}), wrong("dialect.encoding")),
    "dialect skips -1 rows": (table(dialect={"skipRows": -1}), wrong("dialect.skipRows")),
    "10,000 line terminators": (
        table(dialect={"lineTerminators": [str(n) for n in range(10_000)]}),
        wrong("dialect.lineTerminators"),
    ),
    "subject breaks out": (schema(aboutUrl="{area}> <http://x> <http://y/{period}"), of_columns("MAP-11", *ALL)),
    "property breaks out": (column(2, propertyUrl="> <http://x> <http://y>"), of_columns("MAP-11", "households")),
    "property with a space": (column(2, propertyUrl="http://x/a b"), of_columns("MAP-11", "households")),
    "property with a wrong escape": (column(2, propertyUrl="http://x/%zz"), of_columns("MAP-11", "households")),
    "value runs a script": (column(1, valueUrl="javascript:{period}"), of_columns("MAP-11", "period")),
    "template never closed": (schema(aboutUrl="{area"), wrong("tableSchema.aboutUrl")),
    "template of 3,000 variables": (schema(aboutUrl="{area}" * 3000), wrong("tableSchema.aboutUrl")),
    "template is a number": (schema(aboutUrl=1), wrong("tableSchema.aboutUrl")),
    "one address for all rows": (schema(aboutUrl="obs/1"), PLAIN),
    "one address for all months": (schema(aboutUrl="obs/{area}@households"), PLAIN),
    "rows without address": (without("tableSchema", "aboutUrl"), [*of_columns("MAP-11", *ALL), *PLAIN]),
    "no primary key": (without("tableSchema", "primaryKey"), PLAIN),
    "primary key unknown": (schema(primaryKey=["nope"]), wrong(KEY)),
    "primary key 100,000 times": (schema(primaryKey=["area"] * 100_000), wrong(KEY)),
    "columns null": (schema(columns=[None]), [*wrong("tableSchema.columns[0]"), *wrong(KEY)]),
    "column name twice": (column(1, name="area"), wrong("tableSchema.columns[1].name", "CSVW-METADATA")),
    "column name breaks out": (column(0, name="area> <x>"), [*wrong("tableSchema.columns[0].name"), *wrong(KEY)]),
    "title of 5 MB": (column(0, titles="x" * 5_000_000), of_columns("MAP-11", "area")),
    "property unknown": (table(nope=1), wrong("nope")),
    "property of a column misspelt": (column(0, propertyURL="x"), wrong("tableSchema.columns[0].propertyURL")),
    "datatype unknown": (column(2, datatype="int32"), wrong("tableSchema.columns[2].datatype")),
    "datatype breaks out": (
        column(2, datatype={"base": "integer", "@id": "http://x/> <y>"}),
        of_columns("MAP-11", "households"),
    ),
    "datatype of another name": (
        column(2, datatype={"base": "integer", "@id": "http://www.w3.org/2001/XMLSchema#string"}),
        wrong("tableSchema.columns[2].datatype.@id", "CSVW-METADATA"),
    ),
    "format that runs away": (
        column(0, datatype={"base": "string", "format": "(?=(a+)+$)"}),
        wrong("tableSchema.columns[0].datatype.format"),
    ),
    "format of 10,001 characters": (
        column(0, datatype={"base": "string", "format": "a" * 10_001}),
        wrong("tableSchema.columns[0].datatype.format"),
    ),
    "digits as group character": (
        column(2, datatype={"base": "integer", "format": {"groupChar": "0"}}),
        wrong("tableSchema.columns[2].datatype.format"),
    ),
    "language tag breaks out": (column(0, lang='en" <x>'), wrong("tableSchema.columns[0].lang")),
    "language tag of 100 characters": (column(0, lang="x" * 100), wrong("tableSchema.columns[0].lang")),
    "several values in a cell": (column(2, separator=" "), of_columns("MAP-11", "households")),
    "figure for a blank cell": (column(2, default="7", required=False), of_columns("MAP-11", "households")),
    "foreign key elsewhere": (
        schema(
            foreignKeys=[
                {"columnReference": "area", "reference": {"resource": "http://127.0.0.1:9/x", "columnReference": "a"}}
            ]
        ),
        ["CSVW-METADATA document, foreign key of http://127.0.0.1:8000/data/tiny/tiny.csv"],
    ),
    "nothing to publish": (table(suppressOutput=True), PLAIN),
    "the table twice": (
        json.dumps({"@context": "http://www.w3.org/ns/csvw", "tables": []}).encode(),
        wrong("tables", "CSVW-METADATA"),
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_broken_mapping_gets_these_problems(place: Place, name: str) -> None:
    data, expected = DOCUMENTS[name]
    (place.folder / "tiny.csv-metadata.json").write_bytes(data)
    assert place.read() == expected


@pytest.mark.parametrize("name", ["url twice", "schema of a device", "rows without address"])
def test_a_build_stops_there(place: Place, name: str) -> None:
    data, expected = DOCUMENTS[name]
    (place.folder / "tiny.csv-metadata.json").write_bytes(data)
    assert place.try_build() == expected


CELLS: dict[str, tuple[bytes, list[str]]] = {
    "template names no column": (
        column(1, valueUrl="http://x/{nope}"),
        ["CSVW-TEMPLATE tiny.csv, column 'period'"],
    ),
    "host that is none": (column(1, valueUrl="http://[/{period}"), ["CSVW-TEMPLATE tiny.csv, column 'period'"]),
    "cells as port": (
        column(1, valueUrl="http://x:{area}/"),
        [f"CSVW-TEMPLATE tiny.csv:{line}, column 'area'" for line in range(2, 6)],
    ),
    "property of this site that nothing declares": (
        column(2, propertyUrl="../../def/measure/nope"),
        ["MAP-10 tiny.csv-metadata.json, column 'households'"],
    ),
    "property of an unknown prefix": (
        column(2, propertyUrl="sdmx-measure:obsValue"),
        ["MAP-09 tiny.csv-metadata.json, column 'households'"],
    ),
    "primary key too small": (
        schema(primaryKey="area"),
        ["CSVW-PRIMARY-KEY tiny.csv:3, column 'area'", "CSVW-PRIMARY-KEY tiny.csv:5, column 'area'"],
    ),
    "figures that count as blank": (
        column(2, null=["10", "20"]),
        [f"CSVW-REQUIRED tiny.csv:{line}, column 'households'" for line in (2, 3)],
    ),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_mapping_that_does_not_fit_its_table(place: Place, name: str) -> None:
    data, expected = CELLS[name]
    (place.folder / "tiny.csv-metadata.json").write_bytes(data)
    assert place.try_build() == expected


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine, and those who called at it."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, caller = server.accept()
                except OSError:
                    return
                callers.append(str(caller))
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1], callers
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("name", ["url", "tableSchema", "dialect"])
def test_a_build_calls_nobody(place: Place, listener: tuple[int, list[str]], name: str) -> None:
    port, callers = listener
    (place.folder / "tiny.csv-metadata.json").write_bytes(table(**{name: f"http://127.0.0.1:{port}/x"}))
    assert place.try_build() != []
    assert callers == []


REGEXES = ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "^(.*)*$", "a*a*a*a*a*a*b", r"\s+$", "(a{1,30}){1,30}$", "(.*a){12}!"]


@pytest.mark.parametrize("regex", REGEXES)
def test_a_format_cannot_run_away(tmp_path: Path, regex: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"base": "string", "format": regex}
    schema = {"columns": [{"name": "a", "titles": "a", "datatype": data}]}
    document = {"@context": "http://www.w3.org/ns/csvw", "url": "t.csv", "tableSchema": schema}
    (tmp_path / "t.csv-metadata.json").write_text(json.dumps(document))
    (tmp_path / "t.csv").write_text("a\n" + "a" * 40 + "!\n" + " " * 200_000 + "x\n" + "a" * 200_000 + "\u00e9\n")
    assert run(["validate", str(tmp_path / "t.csv")], monkeypatch) in (0, 1)


COMMANDS: dict[str, tuple[object, str]] = {
    "schema of a device": ({"url": "t.csv", "tableSchema": "file:///dev/zero"}, "[CSVW-FETCH]"),
    "table of a device": ({"url": "file:///dev/zero"}, "[CSVW-FETCH]"),
    "table of a directory": ({"url": "."}, "[CSVW-FETCH]"),
    "table of another scheme": ({"url": "gopher://x/y"}, "[CSVW-FETCH]"),
    "table that is missing": ({"url": "../../../no-such.csv"}, "[CSVW-FETCH]"),
    "60,000 columns": ({"url": "t.csv", "tableSchema": {"columns": [{}] * 60_000}}, "[CSVW-HEADER]"),
    "300 levels of notes": ({"url": "t.csv", "notes": [json.loads(nested(300))]}, "[CSVW-JSON]"),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("command", ["validate", "convert"])
def test_the_command_line_refuses_it(tmp_path: Path, name: str, command: str) -> None:
    document, words = COMMANDS[name]
    assert isinstance(document, dict)
    (tmp_path / "t.csv").write_text("a\n1\n")
    (tmp_path / "m.json").write_text(json.dumps({"@context": "http://www.w3.org/ns/csvw", **document}))
    done = run_small([command, str(tmp_path / "m.json")])
    expected = (0, "") if (name, command) == ("60,000 columns", "convert") else (1, words)
    assert done.returncode == expected[0]
    assert expected[1] in done.stderr


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    done = run_small(["validate", str(tmp_path / "t.csv")])
    assert (done.returncode, "[CSVW-FETCH]" in done.stderr) == (1, True)


def test_brackets_under_a_name_that_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"{" + b"[" * 100_000)
    done = run_small(["validate", str(tmp_path / "data")])
    assert "CSVW-INTERNAL" not in done.stderr
