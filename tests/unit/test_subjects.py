"""Which queries are known to be about one subject: a few, written plainly; every other one may be about anything."""

from __future__ import annotations

import pytest

from endpoint.guard import analyse

ONE = "https://a.example/one"
RDFS = "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>"
OURS = "PREFIX a: <https://a.example/>"


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ("ASK {}", ""),
        ("ask where{} # with a comment", ""),
        (f"DESCRIBE <{ONE}>", ONE),
        (f"{OURS} DESCRIBE a:one", ONE),
        (f"SELECT * {{ <{ONE}> ?p ?o }}", ONE),
        (f"SELECT ?p ?o WHERE {{ <{ONE}> ?p ?o . }} LIMIT 5", ONE),
        (f"{OURS} {RDFS} SELECT ?label {{ a:one rdfs:label ?label }}", ONE),
        (f"SELECT?o{{<{ONE}>a?o}}", ONE),
        (f"SELECT ?p {{ <{ONE}> ?p 'x'@en }}", ONE),
        (f"SELECT ?p {{ <{ONE}> ?p '1'^^<https://a.example/type> }}", ONE),
        (f"ASK {{ <{ONE}> <{ONE}> 1.5 }}", ONE),
        (f"ASK {{ <{ONE}> <{ONE}> true }}", ONE),
        (f"CONSTRUCT WHERE {{ <{ONE}> ?p ?o }}", ONE),
        (f"CONSTRUCT {{ <https://a.example/two> a ?o }} WHERE {{ <{ONE}> ?p ?o }}", ONE),
        ("PREFIX : <https://b.example/> PREFIX : <https://a.example/> ASK { :one ?p ?o }", ONE),
    ],
)
def test_what_is_about_one_subject(query: str, subject: str) -> None:
    assert analyse(query).subject == subject


@pytest.mark.parametrize(
    "query",
    [
        "ASK { ?s ?p ?o }",
        "ASK { [] ?p ?o }",
        "ASK { _:b ?p ?o }",
        "ASK { { } }",
        "SELECT * {}",
        f"DESCRIBE <{ONE}> <https://a.example/two>",
        f"DESCRIBE <{ONE}> {{ ?s ?p ?o }}",
        f"DESCRIBE ?s {{ <{ONE}> ?p ?s }}",
        f"SELECT ?p {{ <{ONE}> ?p ?p }}",
        f"SELECT ?p {{ <{ONE}> ?p ?o ; ?q ?r }}",
        f"SELECT ?p {{ <{ONE}> ?p ?o , ?q }}",
        f"SELECT ?p {{ <{ONE}> ?p ?o . <{ONE}> ?q ?r }}",
        f"SELECT ?p {{ <{ONE}> ?p ( 1 ) }}",
        f"SELECT ?p {{ <{ONE}> ?p [] }}",
        f"SELECT ?p {{ <{ONE}> ?p -1 }}",
        f"SELECT ?o {{ <{ONE}> a* ?o }}",
        f"SELECT ?o {{ <{ONE}> ^a ?o }}",
        f"SELECT ?o {{ <{ONE}> a/a ?o }}",
        f"SELECT ?o {{ <{ONE}> a|a ?o }}",
        f"SELECT ?o {{ <{ONE}> !a ?o }}",
        f"SELECT DISTINCT ?o {{ <{ONE}> a ?o }}",
        f"SELECT (COUNT(*) AS ?n) {{ <{ONE}> a ?o }}",
        f"SELECT ?o {{ <{ONE}> a ?o FILTER(?o = 1) }}",
        f"SELECT ?o {{ <{ONE}> a ?o }} ORDER BY ?o",
        f"SELECT ?o {{ <{ONE}> a ?o }} OFFSET 1",
        f"SELECT ?o {{ <{ONE}> a ?o }} VALUES ?o {{ 1 }}",
        f"SELECT ?o FROM <{ONE}> {{ <{ONE}> a ?o }}",
        f"SELECT ?o {{ GRAPH ?g {{ <{ONE}> a ?o }} }}",
        f"SELECT ?o {{ OPTIONAL {{ <{ONE}> a ?o }} }}",
        f"SELECT ?o {{ <{ONE}> a ?o\u00b7 }}",
        "SELECT ?o { <one> a ?o }",
        f"BASE <{ONE}> SELECT ?o {{ <https://a.example/> a ?o }}",
        "PREFIX a: <../a/> SELECT ?o { a:one a ?o }",
        "SELECT ?o { <https://a.example/x/../one> a ?o }",
        "SELECT ?o { <https://a.example/./one> a ?o }",
        "PREFIX a: <https://a.example/x/.> SELECT ?o { a:one a ?o }",
        r"SELECT ?o { <https://a.example/\u006fne> a ?o }",
        r"PREFIX a: <https://a.example/> SELECT ?o { a:on\-e a ?o }",
        f"ASK {{ <{ONE}> ?p ?o }} ASK {{}}",
        f"SELECT {' '.join(f'?v{n}' for n in range(100))} {{ <{ONE}> ?p ?o }}",
    ],
)
def test_what_may_be_about_anything(query: str) -> None:
    assert analyse(query).subject is None
