"""What is worked out in columns is what a store with every triple says, and needs few rows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyoxigraph import QuerySolutions

from endpoint.cubes import cost, filling
from endpoint.cubes.refusal import RefusalError
from endpoint.source import Scope
from tests.properties.cube_cases import BASE, PREFIXES, XSD, make, multiset

if TYPE_CHECKING:
    from tests.properties.cube_cases import Case, Row

TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
ROWS = 240
MOST = 60
"""Rows that may be handed over one by one: fewer than either cube has."""


def observation(name: str, number: int) -> Row:
    """Make an observation: the same areas, periods and ages in both cubes, whole numbers in one and decimals in two."""
    row: Row = {TYPE: [f"<{BASE}/Observation>"], "dataSet": [f"<{BASE}/data/{name}>"]}
    row["area"] = [f"<{BASE}/a{number % 4}>"]
    row["period"] = [f"<{BASE}/p{number // 4 % 10}>"]
    row["age"] = [f"<{BASE}/g{number // 40}>"]
    if name == "one":
        row["value"] = [f'"{number * 37 % 101 - 20}"^^<{XSD}integer>']
        row["note"] = [f'"note {number % 7}"{"@en" if number % 2 else ""}']
    else:
        row["amount"] = [f'"{number * 53 % 97}.{number % 10}0"^^<{XSD}decimal>']
        if number % 3:
            row["area"].append(f"<{BASE}/a9>")
    return row


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Give two cubes, as columns and as triples."""
    tables = {name: [observation(name, number) for number in range(ROWS)] for name in ("one", "two")}
    return make(tmp_path_factory.mktemp("cubes") / "release", tables)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow few rows, so that a query is only answered if most was done in the columns."""
    monkeypatch.setattr(filling, "MAX_ROWS", MOST)


PAIR = "?o :value ?v ; :area ?a ; :period ?p ; :age ?g . ?q :amount ?w ; :area ?a ; :period ?p ; :age ?g"
LATER = 'REGEX(STR(?p), "p[1-2]$") && REGEX(STR(?a), "a1$")'
QUESTIONS = (
    # sums of expressions
    "SELECT ?a (SUM(?v * 2) AS ?s) { ?o :area ?a ; :value ?v } GROUP BY ?a",
    "SELECT ?a (SUM(-?v) AS ?s) (AVG(?v + 1) AS ?m) { ?o :area ?a ; :value ?v } GROUP BY ?a",
    "SELECT (SUM(3 - ?v) AS ?s) (MAX(?w) AS ?t) { { ?o :value ?v } { SELECT (SUM(?x) AS ?w) { ?q :amount ?x } } }",
    "SELECT ?a (SUM(?w * 0.25) AS ?s) (SUM(?w / 1000) AS ?t) { ?o :area ?a ; :amount ?w } GROUP BY ?a",
    "SELECT ?a (SUM(IF(?g = :g1, ?v, 0)) AS ?s) { ?o :area ?a ; :age ?g ; :value ?v } GROUP BY ?a",
    "SELECT ?a (SUM(IF(?g = :g1, ?w, 0)) / SUM(?w) AS ?s) { ?o :area ?a ; :age ?g ; :amount ?w } GROUP BY ?a",
    "SELECT (SUM(IF(?g = :g99, ?w, 0)) AS ?s) { ?o :age ?g ; :amount ?w }",
    "SELECT ?p (SUM(xsd:decimal(?v)) AS ?s) (AVG(xsd:integer(?v)) AS ?m) { ?o :period ?p ; :value ?v } GROUP BY ?p",
    "SELECT (SUM(IF(?g = :g1, 1/0, ?v)) AS ?s) (COUNT(IF(?g = :g1, 1/0, 1)) AS ?n) { ?o :age ?g ; :value ?v }",
    "SELECT ?a (COUNT(STR(?g)) AS ?n) (MIN(STR(?g)) AS ?l) { ?o :area ?a ; :age ?g ; :value ?v } GROUP BY ?a",
    f"SELECT ?a (SUM(?v * ?w) / SUM(?w) AS ?m) (SUM(?v * ?v) AS ?t) {{ {PAIR} }} GROUP BY ?a",
    "SELECT ?a (MIN(?v) AS ?l) (MAX(?v) AS ?h) { ?o :area ?a ; :value ?v } GROUP BY ?a",
    "SELECT (SUM(STRLEN(STR(?a))) AS ?s) { ?o :area ?a ; :value ?v }",
    "SELECT ?g (SUM(?v) AS ?s) { ?o :age ?g ; :value ?v } GROUP BY ?g HAVING(SUM(?v) > 10 && COUNT(?v) > 3)",
    # unions, subqueries, what is bound in between
    (
        "SELECT ?a (SUM(?x) AS ?s) (COUNT(*) AS ?n) { { ?o :area ?a ; :value ?x } UNION { ?o :area ?a ; :amount ?x } } "
        "GROUP BY ?a"
    ),
    "SELECT (SUM(?v) AS ?s) (COUNT(?g) AS ?n) { { ?o :value ?v } UNION { ?o :amount ?v ; :age ?g } }",
    (
        "SELECT ?a (?s / ?t AS ?r) { { SELECT ?a (SUM(?v) AS ?s) { ?o :area ?a ; :value ?v } GROUP BY ?a } "
        "{ SELECT (SUM(?v) AS ?t) { ?o :value ?v } } }"
    ),
    (
        "SELECT ?a ?s (COUNT(?b) AS ?n) { { SELECT ?a (SUM(?v) AS ?s) { ?o :area ?a ; :value ?v } GROUP BY ?a } "
        "{ SELECT (?a AS ?b) (SUM(?v) AS ?t) { ?o :area ?a ; :value ?v } GROUP BY ?a } "
        "FILTER(?t >= ?s) } GROUP BY ?a ?s"
    ),
    "SELECT ?y (SUM(?v) AS ?s) { ?o :period ?p ; :value ?v BIND(STRAFTER(STR(?p), '/p') AS ?y) } GROUP BY ?y",
    f"SELECT ?a (SUM(?w) / SUM(?v) AS ?r) {{ {PAIR} }} GROUP BY ?a",
    # counts of different values
    "SELECT ?p (COUNT(DISTINCT ?s) AS ?n) (COUNT(*) AS ?m) { ?s ?p ?o } GROUP BY ?p",
    "SELECT ?p (COUNT(DISTINCT ?o) AS ?n) { ?s ?p ?o } GROUP BY ?p",
    "SELECT (COUNT(DISTINCT ?s) AS ?n) (COUNT(DISTINCT ?p) AS ?m) (COUNT(DISTINCT ?o) AS ?k) { ?s ?p ?o }",
    "SELECT ?c (COUNT(DISTINCT ?s) AS ?n) { ?s a ?c } GROUP BY ?c",
    "SELECT ?a (COUNT(DISTINCT ?s) AS ?n) { ?s :area ?a } GROUP BY ?a",
    "SELECT ?o (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o } GROUP BY ?o",
    "SELECT ?o (COUNT(DISTINCT ?s) AS ?n) { ?s :area|:period ?o } GROUP BY ?o",
    # filters
    f"SELECT ?o ?v {{ ?o :period ?p ; :area ?a ; :value ?v FILTER({LATER}) }}",
    "SELECT ?o { ?o :value ?v FILTER(?v > 3 * 25) }",
    f"SELECT (COUNT(*) AS ?n) {{ {PAIR} FILTER(?w > ?v) }}",
    f"SELECT ?o ?q {{ {PAIR} FILTER(?w = ?v) }}",
    "SELECT (COUNT(DISTINCT ?o) AS ?n) { ?s ?p ?o FILTER(!isLiteral(?o)) }",
    "SELECT ?p (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o FILTER(LANG(?o) = 'en') } GROUP BY ?p",
    f"SELECT (COUNT(DISTINCT ?s) AS ?n) {{ ?s ?p ?o FILTER(DATATYPE(?o) = <{XSD}decimal>) }}",
    "SELECT DISTINCT ?p ?l { ?s ?p ?l FILTER(isLiteral(?l) && CONTAINS(LCASE(STR(?l)), 'note 3')) }",
    "SELECT ?s ?v { ?s :value ?v FILTER(STRENDS(STR(?s), 'obs/7')) }",
    "SELECT ?s ?v { ?s :value ?v FILTER(CONTAINS(STR(?s), 'one/obs/23')) }",
    "SELECT ?s ?v { ?s :value ?v FILTER(STRSTARTS(STR(?s), 'http://x/data/one/obs/20')) }",
    "SELECT ?s { ?s :value ?v FILTER(CONTAINS(STR(?v), '7') && ?v < 30) }",
    # one observation
    "SELECT * { <http://x/data/one/obs/7> ?p ?o }",
    "SELECT * { <http://x/data/two/obs/7> ?p ?o ; :amount ?w }",
    "SELECT * { <http://x/data/two/obs/7> :area ?a . ?q :area ?a ; :value ?v FILTER(?v > 70) }",
    "SELECT * { <http://x/data/one/obs/nothing> ?p ?o }",
    "SELECT ?g ?p { GRAPH ?g { <http://x/data/one/obs/7> ?p ?o } }",
    "ASK { <http://x/data/one/obs/7> :value ?v }",
    "DESCRIBE <http://x/data/one/obs/7>",
    "SELECT * { { <http://x/data/one/obs/7> ?p ?o } UNION { ?s ?p <http://x/data/one/obs/7> } }",
)


@pytest.mark.parametrize("query", QUESTIONS)
def test_questions_are_answered_from_few_rows(case: Case, query: str) -> None:
    wanted = multiset(case.plain.answer(PREFIXES + query, Scope.UNION))
    assert wanted or "nothing" in query
    assert multiset(case.columns.answer(PREFIXES + query, Scope.UNION)) == wanted


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?o ?v { ?o :value ?v } ORDER BY ?o LIMIT 10 OFFSET 7",
        "SELECT ?o ?v { ?o :value ?v } ORDER BY DESC(?o) LIMIT 10",
        "SELECT ?o ?v { ?o :value ?v } ORDER BY ?v ?o LIMIT 10 OFFSET 3",
        "SELECT ?o ?v ?p { ?o :value ?v ; :period ?p } ORDER BY ?p ?o LIMIT 12",
        "SELECT ?o ?w { ?o :amount|:value ?w } ORDER BY DESC(?w) ?o LIMIT 12",
    ],
)
def test_the_first_rows_come_in_the_order_asked_for(case: Case, query: str) -> None:
    found, wanted = (
        [[str(term) for term in row] for row in solutions]
        for source in (case.columns, case.plain)
        if isinstance(solutions := source.answer(PREFIXES + query, Scope.UNION), QuerySolutions)
    )
    assert found == wanted


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?s ?p ?o } LIMIT 25",
        "SELECT DISTINCT ?p ?o { ?s ?p ?o } LIMIT 25",
        "SELECT ?s { ?s ?p :a1 } LIMIT 9",
    ],
)
def test_the_first_page_is_some_of_the_rows(case: Case, query: str) -> None:
    text, _, limit = query.partition("LIMIT ")
    found = multiset(case.columns.answer(PREFIXES + query, Scope.UNION))
    assert sum(found.values()) == int(limit)
    assert found <= multiset(case.plain.answer(PREFIXES + text, Scope.UNION))


@pytest.mark.parametrize(
    ("query", "is_refused"),
    [
        ("SELECT * { ?o :value ?v ; :period :p1 . ?q :amount ?w ; :period :p2 FILTER(?v < ?w) }", True),
        ("SELECT * { ?o :value ?v ; :period :p1 ; :area ?a . ?q :amount ?w ; :period :p2 ; :area ?a }", False),
        ("SELECT (COUNT(*) AS ?n) { ?o :value ?v ; :period :p1 . ?q :amount ?w ; :period :p2 }", False),
        (
            (
                "SELECT * { { ?o :value ?v ; :period :p1 OPTIONAL { ?o :other ?x } } "
                "{ ?q :amount ?w ; :period :p2 OPTIONAL { ?q :other ?x } } }"
            ),
            True,
        ),
    ],
)
def test_pairs_of_rows_that_nothing_links_are_refused_if_they_are_many(
    case: Case, monkeypatch: pytest.MonkeyPatch, query: str, *, is_refused: bool
) -> None:
    monkeypatch.setattr(filling, "MAX_ROWS", 1000)
    monkeypatch.setattr(cost, "MAX_PAIRS", 200)
    if is_refused:
        with pytest.raises(RefusalError, match="share no variable"):
            case.columns.answer(PREFIXES + query, Scope.UNION)
        return
    wanted = multiset(case.plain.answer(PREFIXES + query, Scope.UNION))
    assert multiset(case.columns.answer(PREFIXES + query, Scope.UNION)) == wanted
