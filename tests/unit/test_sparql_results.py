"""Results are written so that independent readers read them back."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
import rdflib
from pyoxigraph import BlankNode, Literal, NamedNode, QuerySolutions, QueryTriples, Store, Triple

from endpoint.media import CSV, JSON, RDF_FORMS, TSV, Form
from endpoint.results import PREFIXES, write_answer, write_csv, write_graph, write_tsv
from ontology.terms import XSD

if TYPE_CHECKING:
    from endpoint.source import Term

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # by rdflib's own JSON-LD parser
IRI = NamedNode("http://example.org/a,b")
RDFLIB = {"ttl": "turtle", "nt": "nt", "rdf": "xml", "jsonld": "json-ld"}
AWKWARD: list[Literal | NamedNode] = [
    Literal("plain"),
    Literal(""),
    Literal("français", language="fr"),
    Literal('tab\tnl\nquote"comma,back\\slash\r'),
    Literal("1", datatype=XSD.integer),
    Literal("1.50", datatype=XSD.decimal),
    Literal("中文 😀 <&>"),
    IRI,
]


def solutions(query: str) -> QuerySolutions:
    found = Store().query(query)
    assert isinstance(found, QuerySolutions)
    return found


def test_csv_quotes_what_needs_it() -> None:
    text = write_csv(["a", "b"], [[IRI, None], [Literal('say "x"'), Literal("1", datatype=XSD.integer)]]).decode()
    assert text == 'a,b\r\n"http://example.org/a,b",\r\n"say ""x""",1\r\n'


@pytest.mark.parametrize("term", AWKWARD, ids=str)
def test_csv_is_read_back(term: Literal | NamedNode) -> None:
    rows = list(csv.reader(io.StringIO(write_csv(["x", "y"], [[term, term]]).decode(), newline="")))
    assert rows == [["x", "y"], [term.value, term.value]]


def test_tsv_writes_terms() -> None:
    rows: list[list[Term | None]] = [[IRI, None, BlankNode("b")], [AWKWARD[3], AWKWARD[2], AWKWARD[4]]]
    lines = write_tsv(["a", "b", "c"], rows).decode().split("\n")
    assert lines[0] == "?a\t?b\t?c"
    assert lines[1] == "<http://example.org/a,b>\t\t_:b"
    integer = '"1"^^<http://www.w3.org/2001/XMLSchema#integer>'
    assert lines[2] == f'"tab\\tnl\\nquote\\"comma,back\\\\slash\\r"\t"français"@fr\t{integer}'
    assert lines[3:] == [""]


def test_columns_of_a_star_come_in_the_order_of_the_query() -> None:
    found = solutions("SELECT * { VALUES (?z ?a) { (1 2) } }")
    assert write_answer(found, CSV, ["z", "a"], {}) == b"z,a\r\n1,2\r\n"


def test_no_rows_keep_the_header() -> None:
    assert write_answer(solutions("SELECT ?x ?y { FILTER(false) }"), TSV, [], {}) == b"?x\t?y\n"


@pytest.mark.parametrize("form", RDF_FORMS, ids=lambda form: form.suffix)
def test_graphs_are_read_back(form: Form) -> None:
    subject, predicate = NamedNode("http://example.org/s"), NamedNode("http://purl.org/dc/terms/title")
    triples = [Triple(subject, predicate, term) for term in AWKWARD]
    read = rdflib.Graph().parse(data=write_graph(triples, form, PREFIXES), format=RDFLIB[form.suffix])
    expected = rdflib.Graph().parse(data=write_graph(triples, RDF_FORMS[1], {}), format="nt")
    assert set(read) == set(expected)
    assert len(read) == len(AWKWARD)


def test_turtle_declares_only_prefixes_it_uses() -> None:
    title = NamedNode("http://purl.org/dc/terms/title")
    text = write_graph([Triple(IRI, title, Literal("x"))], RDF_FORMS[0], PREFIXES).decode()
    assert text.count("@prefix") == 1
    assert "dct:title" in text


def test_an_empty_graph_is_still_a_graph() -> None:
    found = Store().query("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }")
    assert isinstance(found, QueryTriples)
    assert len(rdflib.Graph().parse(data=write_answer(found, RDF_FORMS[2], [], {}), format="xml")) == 0


def test_a_truth_value_in_every_form() -> None:
    answers = [Store().query("ASK {}") for _ in range(3)]
    assert json.loads(write_answer(answers[0], JSON, [], {})) == {"head": {}, "boolean": True}
    assert write_answer(answers[1], CSV, [], {}) == b"true\n"
    assert write_answer(answers[2], TSV, [], {}) == b"true\n"
