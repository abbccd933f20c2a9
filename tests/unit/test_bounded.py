"""Answers of a bounded length: written as the engine writes them, and never cut in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from pyoxigraph import BlankNode, QueryResultsFormat, QuerySolutions, Store

from endpoint import bounded
from endpoint.bounded import Limit, write_bounded
from endpoint.media import CSV, JSON, JSON_LD, N_TRIPLES, RDF_XML, TSV, TURTLE, XML, Form
from endpoint.problems import RequestError
from endpoint.results import RDF_WRITERS
from endpoint.settings import Settings, from_environment
from loader.errors import MisuseError

if TYPE_CHECKING:
    from pathlib import Path

TERMS = r"""VALUES (?a ?b) {
  (<http://example.org/é?a=1&b=2> "x") ("quote \" slash \\ <&> \u0001\u001F\u007F\u2028 tab\t line\n return\r" 1)
  ("Pâr"@cy 2.50) (UNDEF true) (UNDEF UNDEF) ("2025-05"^^<http://www.w3.org/2001/XMLSchema#gYearMonth> "")
  (<<( <urn:s> <urn:p> "o"@en )>> "x"^^<urn:t'y>) ("😀" 1e3) }"""
NOTICE = "https://data.example.org/sparql#cut-after-2"


def ask(text: str) -> QuerySolutions:
    found = Store().query(text)
    assert isinstance(found, QuerySolutions)
    return found


def test_json_is_what_the_engine_would_write() -> None:
    text = f"SELECT * {{ {TERMS} }}"
    expected = ask(text).serialize(format=QueryResultsFormat.JSON)
    assert expected is not None
    written = write_bounded(ask(text), JSON, (), {}, Limit(8, NOTICE))
    assert not written.is_cut
    assert json.loads(written.body) == json.loads(expected)


def test_xml_is_what_the_engine_would_write() -> None:
    text = f"SELECT * {{ {TERMS} }}".replace(r"\u0001\u001F", "")  # no reader of XML takes these
    expected = ask(text).serialize(format=QueryResultsFormat.XML)
    assert expected is not None
    written = write_bounded(ask(text), XML, (), {}, Limit(8, NOTICE))
    assert canonical(written.body) == canonical(expected.replace(b"\r", b"&#xD;"))


def canonical(xml: bytes) -> str:
    return ElementTree.canonicalize(xml.decode())


def test_blank_nodes() -> None:
    assert bounded.write_json(["a"], [[BlankNode("b")]], None).endswith(b'[{"a":{"type":"bnode","value":"b"}}]}}')
    assert b"<bnode>b</bnode>" in bounded.write_xml(["a"], [[BlankNode("b")]], None)


@pytest.mark.parametrize("form", [JSON, XML])
def test_a_cut_table_says_so(form: Form) -> None:
    query = "SELECT ?x { VALUES ?x { 1 2 3 } }"
    written = write_bounded(ask(query), form, (), {}, Limit(2, NOTICE))
    assert written.is_cut
    if form == JSON:
        found = json.loads(written.body)
        assert found["head"] == {"vars": ["x"], "link": [NOTICE]}
        assert [row["x"]["value"] for row in found["results"]["bindings"]] == ["1", "2"]
    else:
        head, results = ElementTree.fromstring(written.body)
        assert [child.attrib for child in head] == [{"name": "x"}, {"href": NOTICE}]
        assert len(results) == 2
    assert not write_bounded(ask(query), form, (), {}, Limit(3, NOTICE)).is_cut


@pytest.mark.parametrize("form", [TURTLE, N_TRIPLES, RDF_XML])
def test_a_cut_graph_says_so(form: Form) -> None:
    found = Store().query("CONSTRUCT { <urn:s> <urn:p> ?x } { VALUES ?x { 1 2 3 } }")
    written = write_bounded(found, form, (), {}, Limit(2, NOTICE))
    assert written.is_cut
    assert NOTICE in written.body.decode()
    store = Store()
    store.load(written.body, format=RDF_WRITERS[form])
    assert sorted(quad.object.value for quad in store) == ["1", "2"]


@pytest.mark.parametrize("form", [CSV, TSV, JSON_LD])
def test_a_form_that_cannot_say_so_is_refused(form: Form) -> None:
    head = "CONSTRUCT { <urn:s> <urn:p> ?x }" if form == JSON_LD else "SELECT ?x"
    query = f"{head} {{ VALUES ?x {{ 1 2 3 }} }}"
    with pytest.raises(RequestError, match=r"400 The result has more than 2 .*" + form.title):
        write_bounded(Store().query(query), form, (), {}, Limit(2, NOTICE))
    assert write_bounded(Store().query(query), form, (), {}, Limit(3, NOTICE)).body


def test_a_long_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_ANSWER_BYTES", 1_000)
    with pytest.raises(RequestError, match="longer than"):
        write_bounded(ask(f"SELECT ?x {{ BIND('{'x' * 1_000}' AS ?x) }}"), JSON, (), {}, Limit(9, NOTICE))


def test_settings_come_from_the_environment(root: Path) -> None:
    found = from_environment(root, {"DWPLD_TIMEOUT_S": "2.5", "DWPLD_WORKERS": "0", "DWPLD_TITLE": "T", "OTHER": "x"})
    assert found == Settings(root, title="T", timeout_s=2.5, workers=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIMEOUT_S", "soon"), ("TIMEOUT_S", "0"), ("TIMEOUT_S", "inf"), ("MAX_ROWS", "1.5"), ("WORKERS", "-1")],
)
def test_settings_that_cannot_be_are_misuse(root: Path, name: str, value: str) -> None:
    with pytest.raises(MisuseError, match=f"DWPLD_{name}"):
        from_environment(root, {f"DWPLD_{name}": value})
