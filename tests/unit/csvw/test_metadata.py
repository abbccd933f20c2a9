"""Metadata documents: what is read, what is repaired, what is refused (Metadata Vocabulary §5 and §6)."""

from __future__ import annotations

import json

import pytest

from loader.csvw.json_ld import LiteralValue, NodeValue
from loader.csvw.metadata import Column, TableGroup, read_metadata
from loader.csvw.report import Report
from loader.errors import ProblemsError

BASE = "http://example.org/dir/t.csv-metadata.json"
CONTEXT = "http://www.w3.org/ns/csvw"


def read(properties: dict[str, object] | None = None, report: Report | None = None) -> TableGroup:
    return read_metadata({"@context": CONTEXT, "url": "t.csv", **(properties or {})}, base_url=BASE, report=report)


def columns(*described: object, **schema: object) -> tuple[Column, ...]:
    return read({"tableSchema": {"columns": list(described), **schema}}).tables[0].columns


def test_urls_resolve_against_the_document() -> None:
    assert read().tables[0].url == "http://example.org/dir/t.csv"
    document = {"@context": [CONTEXT, {"@base": "../x/", "@language": "cy"}], "url": "t.csv", "dc:title": "Teitl"}
    table = read_metadata(document, base_url=BASE).tables[0]
    assert table.url == "http://example.org/x/t.csv"
    assert table.annotations[0].values == (LiteralValue("Teitl", lang="cy"),)


def test_inherited_properties_come_down() -> None:
    first, second = columns(
        {"name": "a"}, {"name": "b", "null": ["-"], "lang": "fr"}, null="..", lang="en", required=True
    )
    assert (first.null, first.lang, first.required) == (("..",), "en", True)
    assert (second.null, second.lang) == (("-",), "fr")


def test_column_names_come_from_titles() -> None:
    found = columns({"titles": "Area code"}, {"titles": {"en": "x"}}, {"titles": ["a-b", "c"]}, {})
    assert [column.name for column in found] == ["Area%20code", "_col.2", "a%2Db", "_col.4"]
    assert not any(column.has_name for column in found)


def test_datatype_names_are_canonical() -> None:
    found = columns({"datatype": "number"}, {"datatype": {"base": "datetime"}}, {"datatype": "any"}, {})
    assert [column.datatype.base for column in found] == ["double", "dateTime", "anyAtomicType", "string"]


def test_annotations_are_ready_for_rdf() -> None:
    table = read(
        {"dc:publisher": [{"@id": "/dwp", "@type": "org:Organization", "rdfs:label": "DWP"}], "dc:extent": 5}
    ).tables[0]
    publisher, extent = table.annotations
    assert publisher.property == "http://purl.org/dc/terms/publisher"
    node = publisher.values[0]
    assert isinstance(node, NodeValue)
    assert (node.id, node.types) == ("http://example.org/dwp", ("http://www.w3.org/ns/org#Organization",))
    assert extent.values == (LiteralValue("5", "http://www.w3.org/2001/XMLSchema#integer"),)


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"url": 5}, "$.url"),
        ({"@type": "TableGroup"}, "$.tables"),
        ({"@id": "_:x"}, "$.@id"),
        ({"@foo": 1}, "$.@foo"),
        ({"dc:x": {"@value": "a", "dc:y": 1}}, "$.dc:x.dc:y"),
        ({"dc:x": [{"@list": []}]}, "$.dc:x[0].@list"),
        ({"tableSchema": {"columns": [{"name": "a"}, {"name": "a"}]}}, "$.tableSchema.columns[1].name"),
        ({"tableSchema": {"columns": [{"virtual": True}, {"name": "a"}]}}, "$.tableSchema.columns[1]"),
        (
            {"tableSchema": {"columns": [{"datatype": {"base": "date", "length": 1}}]}},
            "$.tableSchema.columns[0].datatype",
        ),
        ({"tableSchema": {"foreignKeys": [{"columnReference": "a"}]}}, "$.tableSchema.foreignKeys[0].reference"),
        ({"transformations": [{}]}, "$.transformations[0]"),
    ],
)
def test_errors_say_where(properties: dict[str, object], path: str) -> None:
    if "@type" in properties:
        properties = {**properties, "tables": []}
    with pytest.raises(ProblemsError) as caught:
        read(properties)
    problem = caught.value.problems[0]
    assert problem.where == f"{BASE}, {path}"
    assert "§" in problem.message


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"null": 5}, "$.null"),
        ({"lang": "english!"}, "$.lang"),
        ({"aboutUrl": "{x"}, "$.aboutUrl"),
        ({"aboutUrl": ["x"]}, "$.aboutUrl"),
        ({"title": "x"}, "$.title"),
        ({"dialect": {"headerRowCount": -1}}, "$.dialect.headerRowCount"),
        ({"dialect": {"encoding": "rot13"}}, "$.dialect.encoding"),
        ({"datatype": {"base": "decimal", "format": "0#"}}, "$.datatype.format"),
        ({"datatype": {"format": "("}}, "$.datatype.format"),
        ({"datatype": "text"}, "$.datatype"),
        ({"tableSchema": {"columns": [{"name": "_a"}]}}, "$.tableSchema.columns[0].name"),
        ({"tableSchema": {"primaryKey": "nope"}}, "$.tableSchema.primaryKey"),
    ],
)
def test_warnings_say_where(properties: dict[str, object], path: str) -> None:
    report = Report()
    read(properties, report)
    assert [problem.where for problem in report.warnings] == [f"{BASE}, {path}"]
    assert "§" in report.warnings[0].message


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b'{"@context": NaN}',
        b"[" * 100_000,
        b'{"@context":"http://www.w3.org/ns/csvw","url":"t.csv","dc:x":' + b'{"dc:x":' * 20_000 + b"1" + b"}" * 20_001,
        b'{"url": "\\ud800"}',
        b'{"url": ' + b"9" * 5000 + b"}",
        json.dumps({"url": "t.csv"}).encode(),
    ],
)
def test_hostile_documents_are_refused(document: bytes) -> None:
    with pytest.raises(ProblemsError):
        read_metadata(document, base_url=BASE)


def test_a_schema_elsewhere_is_loaded() -> None:
    def load(url: str) -> bytes:
        assert url == "http://example.org/dir/schemas/s.json"
        return json.dumps({"@context": CONTEXT, "columns": [{"name": "a", "propertyUrl": "#p"}]}).encode()

    document = {"@context": CONTEXT, "url": "t.csv", "tableSchema": "schemas/s.json"}
    table = read_metadata(document, base_url=BASE, load=load).tables[0]
    assert table.columns[0].name == "a"
    with pytest.raises(ProblemsError, match="nothing is fetched here"):
        read_metadata(document, base_url=BASE)


def test_a_dialect_description_has_comments_unless_it_says_otherwise() -> None:
    assert read().tables[0].dialect is None
    dialects = [
        read({"dialect": dialect}).tables[0].dialect
        for dialect in ({}, {"commentPrefix": None}, {"commentPrefix": "//"})
    ]
    assert [dialect and dialect.comment_prefix for dialect in dialects] == ["#", None, "//"]
