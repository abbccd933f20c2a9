"""A query in other languages: each program holds exactly the query, whatever signs are in it."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess

import pytest

from endpoint.snippets import snippets

ENDPOINT = "http://127.0.0.1:8000/sparql"
QUERIES = [
    "SELECT * { ?s ?p ?o }",
    "SELECT *\n{ ?s ?p 'it''s', \"quoted\" }",
    'SELECT * { ?s ?p "\\u00e9\\n" }',
    'SELECT * { ?s ?p """three""" }',
    "SELECT * { ?s ?p 'a`b${c}\\\\d' }",
    'ASK { ?s ?p "ends"',
    'SELECT * { ?s ?p ")-", ")--" }',
]


def codes(query: str, form: str = "SELECT") -> dict[str, str]:
    return {one.id: one.code for one in snippets(ENDPOINT, query, form)}


@pytest.mark.parametrize("query", QUERIES)
def test_curl_holds_the_query(query: str) -> None:
    words = shlex.split(codes(query)["curl"].replace(" \\\n", " "))
    assert words == ["curl", ENDPOINT, "-H", "Accept: text/csv", "--data-urlencode", f"query={query}"]


@pytest.mark.parametrize("query", QUERIES)
def test_python_holds_the_query(query: str) -> None:
    program = ast.parse(codes(query)["python"])
    found = [
        node.value for node in program.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    ]
    assert [node.value for node in found] == [query]


@pytest.mark.parametrize("query", QUERIES)
def test_r_holds_the_query(query: str) -> None:
    match = re.search(r'query <- r"(-*)\((.*?)\)\1"', codes(query)["r"], re.DOTALL)
    assert match is not None
    assert match[2] == query


@pytest.mark.parametrize("query", QUERIES)
def test_javascript_holds_the_query(query: str) -> None:
    if shutil.which("node") is None:
        pytest.skip("no node on PATH")
    program = codes(query)["javascript"].partition("const answer")[0] + "console.log(JSON.stringify(query));"
    found = subprocess.run(["node", "-e", program], capture_output=True, check=True, timeout=30)
    assert json.loads(found.stdout) == query


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("SELECT", "text/csv"), ("ASK", "application/sparql-results+json"), ("CONSTRUCT", "text/turtle")],
)
def test_what_is_asked_for_fits_the_query(form: str, media_type: str) -> None:
    assert all(media_type in code for code in codes("SELECT * { }", form).values())


def test_line_ends_of_a_form_are_line_feeds() -> None:
    assert "\r" not in "".join(codes("SELECT *\r\n{ }").values())
