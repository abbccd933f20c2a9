"""What is let through to the engine and what is not, and that the engine agrees."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import QueryBoolean, Store

from endpoint.guard import MAX_NESTING, analyse, position, tokenise, unescape
from endpoint.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

U = "<http://127.0.0.1:9/x>"
CALL = f"SERVICE {U} {{ ?s ?p ?o }}"
REFUSED = [
    f"SELECT * {{ {CALL} }}",
    f"SELECT * {{ SeRvIcE {U} {{}} }}",
    f"SELECT * {{ SERVICE SILENT {U} {{}} }}",
    f"SELECT * {{ {{}}SERVICESILENT{U}{{}} }}",
    f"SELECT * {{ {{}}UNION{{}}SERVICE{U}{{}} }}",
    f"SELECT * {{ FILTER(true)SERVICE{U}{{}} }}",
    f"SELECT * {{ ?s ?p trueSERVICE{U}{{}} }}",
    f"SELECT * {{ ?s ?p 1SERVICE{U}{{}} }}",
    f"SELECT * {{ VALUES ?u {{ {U} }} SERVICE ?u {{}} }}",
    f"SELECT * {{ # comment \r {CALL} }}",
    f"SELECT * {{ # comment \n {CALL} }}",
    f"PREFIX : {U} SELECT * {{ SERVICE:x {{}} }}",
    f"PREFIX service: <urn:a:> PREFIX : {U} SELECT * {{ FILTER(true) service:x {{}} }}",
    f"PREFIX : {U} SELECT * {{ FILTER(true) service:x {{}} }}",
    f"PREFIX : {U} SELECT * {{ ?s ?p trueSERVICE:x {{}} }}",
    f"SELECT * {{ FILTER EXISTS {{ {{ SELECT * {{ {CALL} }} }} }} }}",
    # what looks like an IRI and is less-than: to us the call would be in a text, to the engine it is none
    f'SELECT * {{ VALUES (?a ?b) {{ (1 2) }} FILTER(?a<?b#>"""\n) {CALL} #"""\n }}',
    f'SELECT * {{ VALUES ?a {{1}} FILTER(?a<\'>\'||\'"""\'||true) {CALL} #"""\n }}',
    # escapes that a processor may undo before it parses
    f"SELECT * {{ \\u0053ERVICE {U} {{}} }}",
    f"SELECT * {{ \\U00000053ERVICE {U} {{}} }}",
    f'SELECT * {{ BIND("\\u0022 AS ?x) {CALL} #" AS ?y) }}',
]
ACCEPTED = [
    "SELECT (1 AS ?service) {}",
    "SELECT $service { BIND(1 AS $service) }",
    'SELECT * { BIND("SERVICE <http://x> {}" AS ?x) }',
    "SELECT * { BIND('SERVICE' AS ?x) }",
    'SELECT * { BIND("""a\n SERVICE <u> {} "b" """ AS ?x) }',
    "SELECT * { BIND('''SERVICE''' AS ?x) }",
    'SELECT * { BIND("\\"SERVICE" AS ?x) }',
    "ASK {} # SERVICE <http://x> {}",
    "# SERVICE\nASK {}",
    "ASK { <http://example.org/SERVICE> ?p <http://example.org/service#x> }",
    "ASK { <service/x> ?p ?o }",
    "PREFIX service: <urn:a:> ASK { service:x service:y service:z . }",
    "PREFIX service: <urn:a:> ASK { GRAPH service:x { ?s ?p ?o } }",
    "PREFIX e: <urn:a:> ASK { e:service ?p e:SERVICE }",
    "ASK { _:service ?p 1 }",
    "ASK { ?s ?p 'x'@en-service }",
    "ASK { <def/measure#x> ?p <it's> }",
    "ASK { FILTER(1<2 && 3>2) }",
    "ASK { ?s ?p 'SERVICE at your caf\\u00e9' }",
]


@pytest.fixture(scope="module")
def calls() -> Iterator[tuple[str, list[str]]]:
    """A listener that must not be called, and the calls it got."""
    heard: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", heard
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("query", REFUSED)
def test_federation_is_refused_however_it_is_written(query: str) -> None:
    with pytest.raises(RequestError, match=r"SERVICE|Prefix|unexpected"):
        analyse(query)


@pytest.mark.parametrize("query", ACCEPTED)
def test_the_word_is_no_crime(query: str) -> None:
    analyse(query)
    Store().query(query, base_iri="http://example.org/")


PIECES = [
    *"<>(){}\"'#?a1.;,:!=&|\n ",
    "SERVICE",
    "service:x",
    "<CALL>",
    '"""',
    "'''",
    "FILTER(",
    "?a<",
    "{}",
    "UNION",
    "BIND(1 AS ?z)",
    "<x#",
    "\\",
    "\r",
    "true",
    " {?s ?p ?o} ",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_nothing_that_is_let_through_calls_anybody(calls: tuple[str, list[str]], pieces: list[str]) -> None:
    address, heard = calls
    text = "".join(pieces).replace("CALL", address)
    query = f"PREFIX : <{address}> PREFIX service: <urn:a:> SELECT * {{ VALUES ?a {{ 1 }} {text} }}"
    heard.clear()
    try:
        analyse(query)
        found = Store().query(query)
        if not isinstance(found, QueryBoolean):
            list(found)
    except (RequestError, SyntaxError, RuntimeError, OSError):
        pass
    assert not heard


@pytest.mark.parametrize(
    "query", ["INSERT DATA { }", "prefix a: <b> delete where { ?s ?p ?o }", "LOAD <x>", "CLEAR ALL"]
)
def test_updates_are_refused(query: str) -> None:
    with pytest.raises(RequestError, match="read-only"):
        analyse(query)


@pytest.mark.parametrize("signs", ["()", "[]", "{}"])
def test_nesting_is_bounded(signs: str) -> None:
    opening, closing = signs[0], signs[1]
    analyse("ASK { " + opening * (MAX_NESTING - 1) + closing * (MAX_NESTING - 1) + " }")
    with pytest.raises(RequestError, match="nested"):
        analyse("ASK { " + opening * MAX_NESTING + closing * MAX_NESTING + " }")


def test_brackets_in_a_comparison_that_looks_like_an_iri_are_counted() -> None:
    with pytest.raises(RequestError, match="nested"):
        analyse("ASK { FILTER(?a<" + "(" * 5000 + "1" + ")" * 5000 + ">0) }")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("ASK { ?s ?p 'open }", "line 1, column 13"),
        ("ASK {\n ?s ?p § }", "line 2, column 8"),
        ("ASK {\r\n\r\n no:such ?p ?o }", "line 3, column 2"),
        ("SELECT * {\n ?s ?p ] }", r"line 2, column 8: '\]' closes nothing"),
        ("SELECT * { ?s ?p ?o }}", "line 1, column 22: '}' closes nothing"),
        ("SELECT * {\n {", "'{' at line 2, column 2 is never closed"),
        ("", "empty"),
        ("# nothing\n", "empty"),
    ],
)
def test_mistakes_are_told_with_their_place(query: str, where: str) -> None:
    with pytest.raises(RequestError, match=where):
        analyse(query)


def test_what_is_known_of_a_query() -> None:
    found = analyse("PREFIX a: <b>\nselect * FROM <g> { ?s a:p ?o . FILTER(?s != $x) BIND(now() AS ?t) }")
    assert found.form == "SELECT"
    assert found.has_dataset
    assert not found.is_repeatable
    assert found.variables == ("s", "o", "x", "t")


def test_tokens_keep_their_place() -> None:
    text = "SELECT ?a { ?a <p> 'x'@en, 1.5e3 }"
    assert all(text.startswith(token.text, token.start) for token in tokenise(text))
    assert position("a\nb\r\nc", 5) == (3, 1)


def test_escapes_that_name_no_character_stay() -> None:
    assert unescape("\\u0041\\UFFFFFFFF\\uD800") == "A\\UFFFFFFFF\\uD800"


@pytest.mark.parametrize(
    "text", ['"' * 99_999, "<" * 99_999, "a:" * 50_000, "a." * 50_000, '"""' + '""a' * 40_000, "_:a." * 30_000]
)
def test_long_nonsense_takes_no_time(text: str) -> None:
    start = time.monotonic()
    with suppress(RequestError):
        analyse(text)
    assert time.monotonic() - start < 10


def test_what_the_engine_reads_is_let_through(shared: Path) -> None:
    """All queries of the W3C suite: the guard refuses federation and nothing else that the engine would take."""
    for path in sorted((shared / "w3c-sparql11-tests").rglob("*.rq")):
        text = path.read_text("utf-8")
        if path.parent.name in {"service", "syntax-fed"} and _is_refused(text):
            continue
        try:
            Store().query(text, base_iri="http://example.org/")
        except (SyntaxError, RuntimeError):
            continue
        assert not _is_refused(text), path


def _is_refused(text: str) -> bool:
    try:
        analyse(text)
    except RequestError:
        return True
    return False
