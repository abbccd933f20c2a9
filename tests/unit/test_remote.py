"""What a graph store elsewhere may answer: read if it is whole and of the right kind, and told in words if not."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx
import pytest
from pyoxigraph import QueryBoolean, QuerySolutions, QueryTriples

from endpoint.problems import RequestError
from endpoint.remote import MAX_BYTES, NOTHING, Remote
from endpoint.source import Dataset, Scope
from loader.credentials import PASSWORD, USER, StoreAuth, store_auth, store_url
from loader.errors import MisuseError
from loader.graph_store import GraphStore
from loader.release import Release, open_release
from tests.integration.small import make_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from endpoint.source import Answer

    Store = Callable[[httpx.Request], httpx.Response]

URL = "https://store.example.net/sparql"
JSON = "application/sparql-results+json"
XML = "application/sparql-results+xml"
HELD = "0" * 64
EMPTY = b'{"head":{"vars":[]},"results":{"bindings":[]}}'
ONE = b'{"head":{"vars":["n"]},"results":{"bindings":[{"n":{"type":"typed-literal","value":"1"}}]}}'
ONE_XML = (
    b'<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="n"/></head><results>'
    b'<result><binding name="n"><literal>1</literal></binding></result></results></sparql>'
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return open_release(make_release(tmp_path_factory.mktemp("small")))


def said(kind: str, body: bytes, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers={"content-type": kind, **named}, content=body)


def asked(
    monkeypatch: pytest.MonkeyPatch, release: Release, query: str, store: Store, scope: Dataset | Scope = Scope.UNION
) -> Answer:
    """Ask a store that holds the release, and answers queries of clients as `store` says."""

    def answer(request: httpx.Request) -> httpx.Response:
        text = parse_qs(request.content.decode())["query"][0]
        held = ONE.replace(b'"n"', b'"sha256"').replace(b'"1"', f'"{HELD}"'.encode())
        return said(JSON, held) if "?sha256" in text else store(request)

    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(answer)))
    return Remote(URL, 5, 2).open(release).answer(query, scope)


@pytest.mark.parametrize(("kind", "body"), [(JSON, ONE), (f"{XML}; charset=utf-8", ONE_XML), ("application/json", ONE)])
def test_tables_are_read(monkeypatch: pytest.MonkeyPatch, release: Release, kind: str, body: bytes) -> None:
    found = asked(monkeypatch, release, "SELECT ?n { }", lambda _: said(kind, body))
    assert isinstance(found, QuerySolutions)
    assert [row["n"].value for row in found] == ["1"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'{"head":{},"boolean":true}', True), (ONE, True), (EMPTY, False), (ONE.replace(b"1", b"0"), False)],
)
def test_truth_values_are_read(monkeypatch: pytest.MonkeyPatch, release: Release, body: bytes, expected: bool) -> None:
    found = asked(monkeypatch, release, "ASK { }", lambda _: said(JSON, body))
    assert isinstance(found, QueryBoolean)
    assert bool(found) is expected


@pytest.mark.parametrize("kind", ["application/n-triples", "text/plain", "text/turtle"])
def test_graphs_are_read(monkeypatch: pytest.MonkeyPatch, release: Release, kind: str) -> None:
    body = b"<u:a> <u:b> 1 .\n" if kind == "text/turtle" else b"<u:a> <u:b> <u:c> .\n" * 3 + b"<u:a> <u:b> _:c ."
    found = asked(monkeypatch, release, "DESCRIBE <u:a>", lambda _: said(kind, body))
    assert isinstance(found, QueryTriples)
    assert len(list(found)) == (1 if kind == "text/turtle" else 2)


def test_a_graph_is_read_as_far_as_it_is_wanted(monkeypatch: pytest.MonkeyPatch, release: Release) -> None:
    body = b"".join(b"<u:a> <u:b> <u:%d> .\n" % number for number in range(100))
    found = asked(monkeypatch, release, "CONSTRUCT WHERE { ?s ?p ?o }", lambda _: said("text/plain", body))
    assert isinstance(found, QueryTriples)
    assert len(list(found)) == 3


@pytest.mark.parametrize(
    ("response", "status", "words"),
    [
        (said(JSON, ONE, 206), HTTPStatus.SERVICE_UNAVAILABLE, "cannot be asked"),
        (said(JSON, ONE, X_SQL_State="S1TAT"), HTTPStatus.BAD_REQUEST, "cut its answer off"),
        (said("text/plain", b"no such thing", 400), HTTPStatus.BAD_REQUEST, "no such thing"),
        (said("text/plain", b"secret", 401), HTTPStatus.SERVICE_UNAVAILABLE, "cannot be asked"),
        (said("text/plain", b"secret", 500), HTTPStatus.SERVICE_UNAVAILABLE, "cannot be asked"),
        (said("text/html", b"secret"), HTTPStatus.SERVICE_UNAVAILABLE, "cannot be asked"),
        (said("text/html", b"", 302, Location="http://127.0.0.1/"), HTTPStatus.SERVICE_UNAVAILABLE, "cannot be asked"),
        (said(JSON, b'{"head": {'), HTTPStatus.SERVICE_UNAVAILABLE, "cannot be asked"),
        (said(JSON, b" " * (MAX_BYTES + 1)), HTTPStatus.BAD_REQUEST, "longer than 256 MiB"),
    ],
)
def test_what_is_no_whole_answer_is_none(
    monkeypatch: pytest.MonkeyPatch, release: Release, response: httpx.Response, status: HTTPStatus, words: str
) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        asked(monkeypatch, release, "SELECT ?n { }", lambda _: response)
    assert caught.value.status == status
    assert "secret" not in caught.value.detail


def test_a_store_that_is_gone_or_slow_is_told(monkeypatch: pytest.MonkeyPatch, release: Release) -> None:
    def gone(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    def slow(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    with pytest.raises(RequestError, match="cannot be asked"):
        asked(monkeypatch, release, "ASK { }", gone)
    with pytest.raises(RequestError, match="too long to answer"):
        asked(monkeypatch, release, "ASK { }", slow)
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(gone)))
    with pytest.raises(MisuseError, match="cannot be asked"):
        Remote(URL, 5, 2).open(release)


def test_the_dataset_is_always_named(monkeypatch: pytest.MonkeyPatch, release: Release) -> None:
    sent: list[dict[str, list[str]]] = []

    def noted(request: httpx.Request) -> httpx.Response:
        sent.append(parse_qs(request.content.decode()))
        return said(JSON, EMPTY)

    asked(monkeypatch, release, "SELECT * { ?s ?p ?o }", noted)
    ours = f"{release.manifest.base_uri}/catalogue"
    asked(monkeypatch, release, "SELECT * FROM <catalogue> FROM <u:other> { ?s ?p ?o }", noted, Scope.STATED)
    every, one = sent
    assert ours in every["default-graph-uri"]
    assert every["default-graph-uri"] == every["named-graph-uri"]
    assert (one["default-graph-uri"], one["named-graph-uri"]) == ([ours], [NOTHING.value])


@pytest.mark.parametrize("scheme", ["Digest", "Basic"])
def test_a_password_is_sent_as_the_store_asks_for_it(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("authorization", ""))
        challenge = f'{scheme} realm="r", nonce="n", qop="auth", algorithm="MD5"'
        return httpx.Response(200) if sent[-1] else httpx.Response(401, headers={"www-authenticate": challenge})

    monkeypatch.setenv(USER, "name")
    monkeypatch.setenv(PASSWORD, "word")
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(answer)))
    with GraphStore(URL) as store:
        store.put("u:g", b"")
        store.delete("u:g")
    assert sent[0] == ""
    assert sent[-1].startswith(f"{scheme} ")
    assert "word" not in " ".join(sent)


def test_the_address_of_a_store_holds_no_password() -> None:
    with pytest.raises(MisuseError) as caught:
        store_url("http://name:word@store.example.net/")
    assert "word@" not in str(caught.value)
    for text in (
        "store.example.net",
        "ftp://store.example.net/",
        "http://",
        "http://[/",
        "http://store.example.net/#x",
    ):
        with pytest.raises(MisuseError, match="is not the address of a store"):
            store_url(text)
    assert store_url(URL) == URL
    assert store_auth({}) is None
    assert isinstance(store_auth({USER: "name"}), StoreAuth)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "give the address it leads to, http://e/"),
        (403, PASSWORD),
        (405, "is this the address"),
        (500, "disk full"),
    ],
)
def test_what_a_store_refuses_is_told_with_status_and_graph(
    monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return said("text/plain", b"disk full", status, Location="http://e/")

    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(answer)))
    with GraphStore(URL) as store, pytest.raises(MisuseError, match=f"PUT of <u:g> was answered {status}") as caught:
        store.put("u:g", b"")
    assert words in str(caught.value)


def test_a_path_of_files_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="is not the address of a store"):
        GraphStore(str(tmp_path))
