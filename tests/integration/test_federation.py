"""Queries that call other services: answered from real servers on loopback, and refused or failed in good time."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import NamedNode, QueryBoolean, QuerySolutions, RdfFormat, Store

from endpoint.federation import MAX_BINDINGS, Federation
from endpoint.guard import analyse
from endpoint.problems import RequestError
from endpoint.service_client import MAX_BYTES
from endpoint.services import Services
from endpoint.source import Scope, StoreSource
from tests.integration.remotes import (
    JSON,
    NOBODY,
    Handler,
    Remote,
    bomb,
    dripping,
    endless,
    raw,
    remote_services,
    silence,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "https://data.example.org"
HERE = """@prefix : <http://remote.example.org/> .
:a :p 1 ; :label "one" . :b :p 2 ; :label "two" . :c :p 3 ."""
THERE = """@prefix : <http://remote.example.org/> .
:a :q "x"@en-GB, 1.50 . :b :q "07"^^<http://www.w3.org/2001/XMLSchema#date>, "a \\"quoted\\"\\nSERVICE <x> { }" .
:d :q :a . _:n :r _:n, _:m . :a :r _:n ."""
PREFIX = "PREFIX : <http://remote.example.org/>"
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    with remote_services() as services:
        services.add("/one", THERE)
        services.add("/two", HERE)
        yield services


def run(remote: Remote, query: str, here: str = HERE, *, rows: int = 1000, timeout_s: float = 5) -> Rows:
    """Answer a query over a few triples, which may call every service of `remote`."""
    store = Store()
    store.load(here.encode(), format=RdfFormat.TURTLE)
    allowed = " ".join(f"{remote.address}{path}" for path in (*remote.stores, *remote.hostile))
    return answered(store, Services.of(allowed, allowed), query, rows=rows, timeout_s=timeout_s)


def answered(store: Store, services: Services, query: str, *, rows: int = 1000, timeout_s: float = 5) -> Rows:
    source = StoreSource(store, BASE)
    assert analyse(query, services.allowed).is_federated
    federation = Federation(services, BASE, timeout_s, rows)
    text = federation.federate(query, lambda plain: source.answer(plain, Scope.STATED)).text
    found = source.answer(text, Scope.STATED)
    assert isinstance(found, QuerySolutions)
    names = [variable.value for variable in found.variables]
    got = [{name: str(row[name]) for name in names if row[name] is not None} for row in found]
    return sorted(got, key=repr)


def test_a_pattern_is_joined_with_what_a_service_says(remote: Remote) -> None:
    found = run(remote, f"{PREFIX} SELECT ?l ?v {{ ?s :label ?l SERVICE <{remote.address}/one> {{ ?s :q ?v }} }}")
    assert found == [
        {"l": '"one"', "v": '"1.5"^^<http://www.w3.org/2001/XMLSchema#decimal>'},
        {"l": '"one"', "v": '"x"@en-gb'},
        {"l": '"two"', "v": '"07"^^<http://www.w3.org/2001/XMLSchema#date>'},
        {"l": '"two"', "v": '"a \\"quoted\\"\\nSERVICE <x> { }"'},
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "?s :p ?n SERVICE <HERE/one> { ?s :q ?v }",
        "?s :p ?n OPTIONAL { SERVICE <HERE/one> { ?s :q ?v } }",
        "?s :p ?n OPTIONAL { SERVICE <HERE/one> { ?s :q ?v FILTER(isLiteral(?v)) } FILTER(?n > 1) }",
        "?s :p ?n MINUS { SERVICE <HERE/one> { ?s :q ?v } }",
        "?s :p ?n MINUS { SERVICE <HERE/one> { OPTIONAL { ?s :nothing ?v } } }",
        "?s :p ?n FILTER EXISTS { SERVICE <HERE/one> { ?s :q ?v } }",
        "?s :p ?n FILTER NOT EXISTS { { SELECT ?s { service silent <HERE/one> { ?s :q ?v } } } }",
        "{ SELECT ?s (COUNT(*) AS ?k) { SERVICE <HERE/one> { ?s :q ?v } } GROUP BY ?s }",
        "?s :p ?n { SERVICE <HERE/one> { ?s :q ?v } } UNION { SERVICE <HERE/two> { ?s :label ?v } }",
        "SERVICE <HERE/one> { ?s :q ?v } OPTIONAL { SERVICE <HERE/two> { ?s :label ?l } }",
        "VALUES (?s ?v) { (:a UNDEF) (:b 1) } SERVICE <HERE/one> { ?s :q ?v }",
        "?s :p ?n FILTER(?n = 1) SERVICE <HERE/one> { ?s :q ?v } FILTER(?v != 'zz')",
        "?s :p ?n FILTER(?v != 'x') SERVICE <HERE/one> { ?s :q ?v }",
        "?s :p ?n OPTIONAL { ?s :label ?l } SERVICE <HERE/two> { ?x :label ?l }",
        "[] :p ?n . ?s :p ?n SERVICE <HERE/one> { { SELECT ?s { ?s :q ?v } ORDER BY ?v LIMIT 3 } }",
        "?s :p ?n SERVICE <HERE/one> { :a :q 1.5 }",
        "?s :p ?n SERVICE <HERE/one> { :a :q 99 }",
        "?s :p ?n SERVICE <HERE/one> { ?s :q ?v } SERVICE <HERE/two> { ?s :label ?w }",
        "?s :p ?n FILTER(?n > 7) SERVICE <HERE/one> { ?s :q ?v }",
        "SERVICE <HERE/one> { VALUES ?x { 'SERVICE' '}' } # }\n ?s :q ?v }",
        "SERVICE <HERE/one> { ?s :q ?v } VALUES ?n { 1 }",
        "BIND(:a AS ?s) SERVICE <HERE/one> { OPTIONAL { ?s :r ?none . ?none :nothing ?v } }",
    ],
)
def test_what_services_say_counts_as_if_it_were_a_graph(remote: Remote, pattern: str) -> None:
    """A service over a graph, and GRAPH with the same triples, have the same solutions (all without blank nodes)."""
    query = f"{PREFIX} SELECT * {{ {pattern} }}".replace("HERE", remote.address)
    found = run(remote, query)
    store = Store()
    for path, name in (("/one", THERE), ("/two", HERE)):
        store.load(name.encode(), format=RdfFormat.TURTLE, to_graph=NamedNode(f"{remote.address}{path}"))
    store.load(HERE.encode(), format=RdfFormat.TURTLE)
    plain = store.query(query.replace("service silent", "GRAPH").replace("SERVICE <", "GRAPH <"))
    assert isinstance(plain, QuerySolutions)
    names = [variable.value for variable in plain.variables]
    wanted = [{name: str(row[name]) for name in names if row[name] is not None} for row in plain]
    assert [row for row in found if "_:" not in repr(row)] == sorted(wanted, key=repr)


def test_few_values_are_sent_with_the_question_and_many_are_not(remote: Remote) -> None:
    query = f"{PREFIX} SELECT * {{ ?s :p ?n FILTER(?n < 3) SERVICE <{remote.address}/one> {{ ?s :q ?v }} }}"
    assert len(run(remote, query)) == 4
    assert "VALUES (?s) { (<http://remote.example.org/a>) (<http://remote.example.org/b>) }" in remote.heard[-1][1]
    many = PREFIX.replace("PREFIX", "@prefix") + " . " + " ".join(f":x{n} :p 1 ." for n in range(MAX_BINDINGS + 1))
    run(remote, query, many)
    assert "VALUES" not in remote.heard[-1][1]


def test_nobody_is_asked_what_nothing_can_be_joined_with(remote: Remote) -> None:
    before = len(remote.heard)
    assert run(remote, f"{PREFIX} SELECT * {{ ?s :p 99 SERVICE <{remote.address}/one> {{ ?s :q ?v }} }}") == []
    assert len(remote.heard) == before


def test_blank_nodes_of_a_service_are_the_same_within_an_answer_and_nobody_elses(remote: Remote) -> None:
    call = f"SERVICE <{remote.address}/one> {{ ?x :r ?y }}"
    found = run(remote, f"{PREFIX} SELECT * {{ {call} }}")
    own = [row for row in found if row["x"] == row["y"]]
    assert len(own) == 1
    assert own[0]["x"].startswith(f"<{BASE}/.well-known/genid/")
    assert len({row["x"] for row in found} | {row["y"] for row in found}) == 3  # :a and two blank nodes
    again = run(remote, f"{PREFIX} SELECT * {{ {call} FILTER(?x = ?y) }}")
    assert again[0]["x"] != own[0]["x"]


@pytest.mark.parametrize("keyword", ["SERVICE", "SERVICE SILENT"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("silent", "did not answer in the 0.7 s"),
        ("slow-head", "did not answer in the 0.7 s"),
        ("slow-body", "did not answer in the 0.7 s"),
        ("endless", f"more than {MAX_BYTES >> 20} MiB"),
        ("away", "redirects"),
        ("page", "did not answer with application/sparql-results"),
        ("huge", "more than 20 solutions"),
        ("bomb", "content coding"),
        ("broken", "no result"),
        ("nested", "no result"),
        ("ask", "no result"),
        ("iri", "no result"),
        ("number", "no result"),
        ("short", "broke off"),
        ("noise", "broke off"),
        ("gone", "status 503"),
    ],
)
def test_what_a_hostile_service_does_ends_in_time(hostile: Remote, name: str, said: str, keyword: str) -> None:
    query = f"SELECT * {{ {keyword} <{hostile.address}/{name}> {{ ?s ?p ?o }} }}"
    started = time.monotonic()
    before = len(hostile.heard)
    timeout_s = 1 if "0.7 s" in said else 10
    if "SILENT" in keyword:
        assert run(hostile, query, rows=20, timeout_s=timeout_s) == [{}]
    else:
        with pytest.raises(RequestError, match=said) as failed:
            run(hostile, query, rows=20, timeout_s=timeout_s)
        assert failed.value.status == 502
        assert f"<{hostile.address}/{name}>" in failed.value.detail
        assert "secret" not in failed.value.detail
    assert time.monotonic() - started < timeout_s + 3
    assert [path for path, _ in hostile.heard[before:]] == [f"/{name}"]


@pytest.fixture(scope="module")
def hostile() -> Iterator[Remote]:
    with remote_services() as services:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\n".encode()
        many = ",".join(['{"o":{"type":"uri","value":"urn:x"}}'] * 21)

        def sends(body: bytes, kind: str = JSON) -> Callable[[object], None]:
            def send(handler: object) -> None:
                assert isinstance(handler, Handler)
                handler.send(body, kind=kind)

            return send

        def cell(text: str) -> bytes:
            return NOBODY.replace(b"[]", f'[{{"o":{text}}}]'.encode())

        services.hostile |= {
            "/silent": silence(services),
            "/slow-head": dripping(services, head, b"X: y\r\n"),
            "/slow-body": dripping(services, head + b"\r\n", b" "),
            "/endless": endless,
            "/away": lambda handler: redirect(handler, f"{services.address}/secret"),
            "/page": sends(b"<p>secret</p>", kind="text/html"),
            "/huge": sends(NOBODY.replace(b"[]", f"[{many}]".encode())),
            "/bomb": bomb,
            "/broken": sends(b'{"head":{"vars":["secret"]}'),
            "/nested": sends(b"[" * 100_000),
            "/ask": sends(b'{"head":{},"boolean":true}'),
            "/iri": sends(cell('{"type":"uri","value":"urn:x> } INSERT secret <urn:y"}')),
            "/number": sends(cell('{"type":"literal","value":7}')),
            "/short": raw(head + b"Content-Length: 99\r\n\r\n{"),
            "/noise": raw(b"secret\x00" * 99),
            "/gone": lambda handler: handler.send_error(503, "secret"),
        }
        yield services


def redirect(handler: object, target: str) -> None:
    assert isinstance(handler, Handler)
    handler.send(b"", status=307, Location=target)


def test_a_service_inside_is_not_called_unless_the_list_says_so(remote: Remote) -> None:
    iri = f"{remote.address}/one"
    query = f"SELECT * {{ SERVICE <{iri}> {{ ?s ?p ?o }} }}"
    before = len(remote.heard)
    with pytest.raises(RequestError, match="not of the public internet") as failed:
        answered(Store(), Services.of(iri, ""), query)
    assert failed.value.status == 502
    assert len(remote.heard) == before
    assert answered(Store(), Services.of(iri, iri), query)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]", "0"])
def test_a_name_that_leads_inside_is_not_called(remote: Remote, host: str) -> None:
    iri = remote.address.replace("127.0.0.1", host) + "/one"
    before = len(remote.heard)
    with pytest.raises(RequestError, match=r"not of the public internet|cannot be re"):
        answered(Store(), Services.of(iri, ""), f"SELECT * {{ SERVICE <{iri}> {{ ?s ?p ?o }} }}")
    assert len(remote.heard) == before


def test_a_name_is_resolved_once_and_what_came_of_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    called: list[object] = []

    def resolve(host: str, port: int, **_: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(host)
        address = "192.0.2.1" if len(asked) > 1 else "8.8.8.8"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(address: object, *_: object, **__: object) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    iri = "http://rebinding.example.org:81/sparql"
    with pytest.raises(RequestError, match="cannot be reached"):
        answered(Store(), Services.of(iri, ""), f"SELECT * {{ SERVICE <{iri}> {{ ?s ?p ?o }} }}")
    assert asked == ["rebinding.example.org"]
    assert called == [("8.8.8.8", 81)]


def test_a_mistake_is_found_before_anybody_is_asked(remote: Remote) -> None:
    before = len(remote.heard)
    with pytest.raises(SyntaxError, match="error at 1:"):
        run(remote, f"SELECT * {{ SERVICE <{remote.address}/one> {{ ?s ?p ?o }} FILTER ?s }}")
    assert len(remote.heard) == before


def test_no_proxy_of_the_environment_is_used(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert run(remote, f"{PREFIX} SELECT * {{ SERVICE <{remote.address}/one> {{ :d :q ?v }} }}") == [
        {"v": "<http://remote.example.org/a>"}
    ]


def test_a_service_without_a_certificate_is_not_asked(remote: Remote) -> None:
    iri = f"{remote.address}/one".replace("http:", "https:")
    before = len(remote.heard)
    with pytest.raises(RequestError, match="cannot be reached"):
        answered(Store(), Services.of(iri, iri), f"SELECT * {{ SERVICE <{iri}> {{ ?s ?p ?o }} }}")
    assert len(remote.heard) == before


def test_graphs_and_truth_values_are_made_of_what_services_say(remote: Remote) -> None:
    iri = f"{remote.address}/one"
    federation = Federation(Services.of(iri, iri), BASE, 5, 100)
    call = f"SERVICE <{iri}> {{ ?s :q :a }}"

    def found(query: str) -> str:
        text = federation.federate(f"{PREFIX} {query}", lambda plain: Store().query(plain)).text
        answer = Store().query(text)
        return str(bool(answer)) if isinstance(answer, QueryBoolean) else " ".join(map(str, answer))

    assert found(f"ASK {{ {call} }}") == "True"
    assert found(f"ASK {{ {call} FILTER(?s = :a) }}") == "False"
    assert found(f"CONSTRUCT {{ ?s a :D }} {{ {call} }}").startswith(
        "<http://remote.example.org/d> <http://www.w3.org/"
    )
