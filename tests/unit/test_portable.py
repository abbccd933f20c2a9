"""Queries as any store can be sent them: addresses in full, the dataset apart, and no more rows than are wanted."""

from __future__ import annotations

import pytest
from pyoxigraph import Literal, NamedNode

from endpoint.portable import bound, check_query, limited, portable
from endpoint.problems import RequestError
from endpoint.source import Dataset

BASE = "http://d.example/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * { <a> ?p ?o }", "SELECT * { <http://d.example/a> ?p ?o }"),
        ("BASE <http://b.example/> SELECT*{<a> a <b>}", "SELECT*{<http://b.example/a> a <http://b.example/b>}"),
        ("PREFIX e: <x#>\nASK { ?s e:p 'e:q' # e:r\n }", "ASK { ?s <http://d.example/x#p> 'e:q' }"),
        ("ASK { ?s <u:\\u0061> 1 }", "ASK { ?s <u:a> 1 }"),
        ("PREFIX e: <u:> ASK { ?s e:p%20\\- 0.70 }", "ASK { ?s <u:p%20-> 0.70 }"),
        ("ASK { FILTER(?a < ?b && ?c > ?d) }", "ASK { FILTER(?a < ?b && ?c > ?d) }"),
    ],
)
def test_addresses_are_written_in_full(text: str, expected: str) -> None:
    assert portable(text, BASE).text == expected


def test_the_dataset_is_taken_out_of_the_text() -> None:
    found = portable("PREFIX e: <u:> SELECT * FROM e:g FROM <h> FROM NAMED <n> WHERE { ?s ?p ?o }", BASE)
    assert found.text == "SELECT * WHERE { ?s ?p ?o }"
    graphs = (NamedNode("u:g"), NamedNode(f"{BASE}h"))
    assert found.dataset == Dataset(graphs, (NamedNode(f"{BASE}n"),))
    assert portable("ASK { }", BASE).dataset is None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (<bif:f>(1) AS ?x) { }",
        "PREFIX e: <SQL:> SELECT (e:f(1) AS ?x) { }",
        "BASE <java:a> SELECT (<java:b>(1) AS ?x) { }",
        "ASK { ?s <http://www.openlinksw.com/schemas/bif#contains> 'x' }",
        "ASK { ?s <\\u0062if:contains> 'x' }",
    ],
)
def test_calls_of_a_store_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match="only one kind of store"):
        portable(text, BASE)


def test_what_could_be_cut_in_two_ways_is_refused() -> None:
    with pytest.raises(RequestError, match="spaces around <"):
        portable("ASK { FILTER(?a<?b&&?c>?d) }", BASE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * { ?s ?p ?o }", "SELECT * { ?s ?p ?o } LIMIT 5"),
        ("SELECT * { ?s ?p ?o } LIMIT 3", "SELECT * { ?s ?p ?o } LIMIT 3"),
        ("SELECT * { ?s ?p ?o } LIMIT 30 OFFSET 2", "SELECT * { ?s ?p ?o } LIMIT 5 OFFSET 2"),
        ("SELECT * { ?s ?p ?o } OFFSET 2", "SELECT * { ?s ?p ?o } OFFSET 2 LIMIT 5"),
        ("SELECT * { ?s ?p ?o } VALUES ?s { <u:a> }", "SELECT * { ?s ?p ?o } LIMIT 5 VALUES ?s { <u:a> }"),
        ("SELECT * { { SELECT * { ?s ?p ?o } LIMIT 9 } }", "SELECT * { { SELECT * { ?s ?p ?o } LIMIT 9 } } LIMIT 5"),
        ("SELECT * { ?s ?p ?o } ORDER BY ?s", "SELECT * { ?s ?p ?o } ORDER BY ?s"),
        ("SELECT (EXISTS { ?a ?b 1 } AS ?x) { }", "SELECT (EXISTS { ?a ?b 1 } AS ?x) { } LIMIT 5"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "CONSTRUCT WHERE { ?s ?p ?o }"),
        ("ASK { ?s ?p ?o }", "ASK { ?s ?p ?o }"),
    ],
)
def test_no_more_rows_than_are_wanted_are_asked_for(text: str, expected: str) -> None:
    assert limited(portable(text, BASE), 5).text == expected


def test_terms_are_put_in_the_place_of_variables() -> None:
    query = portable("SELECT DISTINCT ?s ?o { ?s <u:p> ?o . ?x <u:q> ?s }", BASE)
    found = bound(query, {"s": NamedNode("u:a"), "x": Literal('"?s"')})
    assert found.text == 'SELECT DISTINCT ?o { <u:a> <u:p> ?o . "\\"?s\\"" <u:q> <u:a> }'


def test_what_is_no_query_here_is_none_for_a_store() -> None:
    with pytest.raises(SyntaxError):
        check_query("SELECT * { ?s ?p }")
    with pytest.raises(RequestError, match="custom function"):
        check_query("SELECT (<u:f>(1) AS ?x) { }")
