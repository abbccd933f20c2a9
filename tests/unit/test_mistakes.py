"""Where queries go wrong, and what is said about common slips."""

from __future__ import annotations

import pytest
from pyoxigraph import Store

from endpoint.guard import analyse
from endpoint.mistakes import advised, syntax_error
from endpoint.near_names import near_names
from endpoint.problems import RequestError

PREFIXES = {"qb": "http://purl.org/linked-data/cube#", "skos": "http://www.w3.org/2004/02/skos/core#"}
BASE = "https://data.example.org/"


def refused(query: str) -> RequestError:
    """Do with a query what the service does with one that is wrong."""
    try:
        analyse(query)
        Store().query(query, base_iri=BASE)
    except SyntaxError as error:
        return advised(syntax_error(str(error), query, BASE), query, PREFIXES)
    except RequestError as error:
        return advised(error, query, PREFIXES)
    raise AssertionError("it is not wrong")


@pytest.mark.parametrize(
    ("query", "line", "column"),
    [
        ("SELECT *\n\t{ ?s ?p }", 2, 10),
        ("SELECT *\r\n\t{ ?s ?p }", 2, 10),
        ("SELECT *\r{ ?s ?p }", 2, 9),
        ("SELECT *\r\n# a\r# b\n\t\tWHRE { ?s ?p ?o }", 4, 3),
        ("SELECT * { # \U0001f600\n '\U0001f600' ?p }", 2, 9),
        ("SELECT * { ?s ?p '\U0001f600\U0001f600' } \U0001f600", 1, 25),
        ("SELECT * { ?s ?p '\U0001f600', '\u00e9' . FLITER(?s) }", 1, 29),
        ("SELECT * { ?s ?p '\u2028\x0b' . ?s ?p }", 1, 31),
        ("SELECT * { ?s ?p '''\n\n\U0001f600''' ?s ?p ?o }", 3, 6),
        ("SELECT * { ?s ?p ?o } LIMIT x", 1, 29),
        ("SELECT * { ?s ?p ?o } LIMIT", 1, 28),
        ("SELECT", 1, 7),
        ("SELECT * { BIND(1 AS ?s) BIND(2 AS ?s) }", 1, 40),
        ("SELECT WHERE {", 1, 14),
        ("SELECT * { ?s ?p , ?o }", 1, 18),
        ("SELECT * { ?s ?p ?o", 1, 10),
        ("SELECT * { ?s ?p ?o }}", 1, 22),
    ],
)
def test_the_place_is_that_of_the_mistake(query: str, line: int, column: int) -> None:
    error = refused(query)
    assert (error.members["line"], error.members["column"]) == (line, column), error.detail
    assert f"line {line}, column {column}" in error.detail


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("SELCT * { ?s ?p ?o }", "Did you mean SELECT?"),
        ("SELECT * WHRE { ?s ?p ?o }", "Did you mean WHERE?"),
        ("SELECT * { ?s ?p ?o } ODER BY ?s", "Did you mean ORDER?"),
        ("SELECT * { OPTINAL { ?s ?p ?o } }", "Did you mean OPTIONAL?"),
        ("SELECT * { ?s ?p ?o FILTER(CONTANS(?o, 'a')) }", "Did you mean CONTAINS?"),
        ("SELECT * { ?s ?p ?o FILTER(?o > 1 AND ?o < 3) }", "SPARQL has no AND: write '&&'"),
        ("SELECT * { ?s ?p ?o FILTER(?o == 1) }", "To compare, write a single ="),
        ("SELECT * { ?s ?p ?o . FILTER(?o <> 3) }", "If two things are to differ, write !="),
        ("SELECT * { ?s ?p ?o FILTER ?o > 3 }", "Put the condition in brackets: FILTER(…)"),
        ("SELECT ?a, ?b { ?a ?p ?b }", "Variables are separated by spaces, without commas"),
        ("SELECT COUNT(*) AS ?n { ?s ?p ?o }", "brackets and name it: (COUNT(…) AS ?name)"),
        ("SELECT * { ?s ?p ?o ?s ?p ?o }", "Perhaps a '.', ';' or ',' is missing before it"),
        ("SELECT * { ?s ?p \u201cx\u201d }", 'Write a straight quotation mark, "'),
        ("SELECT\u00a0* { ?s ?p ?o }", "Write a plain space"),
        ("ASK { ?s a qb:Observation }", "It is usually PREFIX qb: <http://purl.org/linked-data/cube#>"),
        (
            "ASK { ?s skso:notation ?o }",
            "If 'skos:' is meant, that is PREFIX skos: <http://www.w3.org/2004/02/skos/core#>",
        ),
    ],
)
def test_what_was_probably_meant_is_said(query: str, hint: str) -> None:
    error = refused(query)
    assert hint in str(error.members["hint"])
    assert error.detail.endswith(hint)


@pytest.mark.parametrize(
    "query", ["SELECT ?x { ?s ?p ?o } GROUP BY ?s", "ASK { ?s zzz:y ?o }", "SELECT * { ?s ?p ?o } LIMIT 5, 6"]
)
def test_nothing_is_guessed_without_reason(query: str) -> None:
    assert "hint" not in refused(query).members


def test_what_the_engine_says_in_words_is_passed_on() -> None:
    assert "The SELECT contains a variable that is unbound" in refused("SELECT ?x { ?s ?p ?o } GROUP BY ?s").detail


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("def/measure/housholds", ["def/measure/households"]),
        ("def/dimension/households", ["def/measure/households"]),
        ("def/measure/zzz", []),
    ],
)
def test_near_names_differ_in_the_last_part_or_before_it(name: str, near: list[str]) -> None:
    known = [f"{BASE}{one}" for one in ("def/measure/households", "def/measure/amount", "def/dimension/area")]
    assert near_names(f"{BASE}{name}", known) == [f"{BASE}{one}" for one in near]
