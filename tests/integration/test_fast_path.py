"""A look-up on the fast path is answered byte for byte as in the usual way, and nothing else is on it."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
import uvicorn
from pyoxigraph import BlankNode

from endpoint.app import create_app
from endpoint.connections import connections
from endpoint.server import listen
from endpoint.settings import Settings
from loader.release import open_release
from tests.integration.small import BASE, make_release
from tests.integration.test_connections import receive
from tests.integration.test_lookups import queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from loader.release import Release

HEADERS = (
    "Accept: application/sparql-results+json\r\n",
    "Accept: text/csv;q=0.5, text/turtle\r\nAccept-Encoding: gzip\r\n",
    "ACCEPT: application/sparql-results+xml,application/rdf+xml\r\nAccept-Encoding: zstd;q=0.5, br\r\n",
    "Accept: text/tab-separated-values, application/n-triples\r\nX-Forwarded-For: a\r\nConnection: keep-alive\r\n",
)
EVERY = 4_999
"""Each so many quads, one is asked about."""


@dataclass
class Door:
    """A connection to the application, and which of its requests were answered without being read."""

    app: FastAPI
    channel: socket.socket
    were_fast: list[bool] = field(default_factory=list)

    def ask(self, query: str, headers: str = HEADERS[0], more: str = "") -> tuple[bytes, bytes]:
        """Ask a query with GET."""
        return self.send(f"GET /sparql?query={quote(query)}{more} HTTP/1.1\r\nHost: a.test\r\n{headers}\r\n".encode())

    def send(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request; give head, without the date, and body of the answer."""
        self.channel.sendall(request)
        return receive(self.channel)


@contextmanager
def door(
    release: Path, cache_bytes: int = 0, *, is_fast: bool = True, max_query_bytes: int = 262_144
) -> Iterator[Door]:
    """Serve a release, with the fast path or without."""
    app = create_app(
        Settings(release, cache_bytes=cache_bytes, metrics="any", workers=2, max_query_bytes=max_query_bytes)
    )
    found: list[bool] = []

    def again(data: bytes, host: str) -> tuple[bytes, bytes] | None:
        answered = app.state.again(data, host) if is_fast else None
        found.append(answered is not None)
        return answered

    config = uvicorn.Config(app, http=connections(again), log_level="warning", server_header=False)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0, is_shared=False) as listening:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            with socket.create_connection(listening.getsockname(), timeout=30) as channel:
                yield Door(app, channel, found)
        finally:
            server.should_exit = True
            thread.join(30)


def test_an_answer_is_that_of_the_usual_way(shipped_release: Release) -> None:
    asked, path = 0, shipped_release.path
    with door(path) as fast, door(path, is_fast=False) as usual:
        for number, quad in enumerate(open_release(shipped_release.path).store()):
            if number % EVERY or isinstance(quad.subject, BlankNode) or isinstance(quad.object, BlankNode):
                continue
            for query in queries(quad.subject, quad.predicate, quad.object):
                headers = HEADERS[asked % len(HEADERS)]
                assert fast.ask(query, headers) == usual.ask(query, headers), query
                asked += 1
    assert sum(fast.were_fast) > 100
    assert not any(usual.were_fast)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return make_release(tmp_path)


def label(number: int, name: str = "x") -> str:
    return f"SELECT ?{name} {{ <{BASE}/id/note> <http://www.w3.org/2000/01/rdf-schema#label> ?{name} }} # {number}"


def test_a_look_up_with_known_headers_is_on_it(small: Path) -> None:
    with door(small) as fast:
        answers = [fast.ask(label(number)) for number in range(4)]
    assert fast.were_fast == [True, True, True], "of the first, nothing was known"
    assert {body for _, body in answers} == {answers[0][1]}
    assert len({head for head, _ in answers}) == 4, "each has an entity tag of its own"


@pytest.mark.parametrize(
    "line",
    [
        f"GET /sparql?query={quote(label(1))}&format=csv HTTP/1.1",
        f"GET /sparql?format=csv&query={quote(label(1))} HTTP/1.1",
        f"GET /sparql?query={quote(label(1))}&query=ASK%7B%7D HTTP/1.1",
        f"GET /sparql?query={quote(label(1))}&default-graph-uri={quote(BASE)} HTTP/1.1",
        f"GET /sparql?query={quote(label(1))}&explain=1 HTTP/1.1",
        f"GET /sparql?query={quote(label(1))}#x HTTP/1.1",
        f"GET /sparql/?query={quote(label(1))} HTTP/1.1",
        f"GET //sparql?query={quote(label(1))} HTTP/1.1",
        f"GET http://a.test/sparql?query={quote(label(1))} HTTP/1.1",
        f"HEAD /sparql?query={quote(label(1))} HTTP/1.1",
        f"GET /sparql?query={quote(label(1))} HTTP/1.0",
        "GET /sparql?query= HTTP/1.1",
        "GET /sparql?query=ASK%7B%7D%FF HTTP/1.1",
        f"GET /sparql?query={quote('ASK { ?s ?p ?o }')} HTTP/1.1",
        f"GET /sparql?query={quote('INSERT DATA { <x:a> <x:b> <x:c> }')} HTTP/1.1",
        f"GET /sparql?query={quote('ASK { <https://a.example/> ?p ?o')} HTTP/1.1",
        f"GET /sparql?query={quote(label(1, 'y') + ' ' * 5_000)} HTTP/1.1",
    ],
)
def test_what_is_written_otherwise_is_not_on_it(small: Path, line: str) -> None:
    with door(small) as fast:
        fast.ask(label(0))
        fast.ask(label(1, "y"))
        assert fast.were_fast == [True]
    head = f"\r\nHost: a.test\r\n{HEADERS[0]}\r\n"
    assert fast.app.state.again(f"GET /sparql?query={quote(label(2))} HTTP/1.1{head}".encode(), "127.0.0.1") is not None
    assert fast.app.state.again(f"{line}{head}".encode(), "127.0.0.1") is None


@pytest.mark.parametrize(
    "headers",
    [
        "Accept: text/csv\r\n",
        f"{HEADERS[0]}If-None-Match: *\r\n",
        f"{HEADERS[0]}Connection: close\r\n",
        f" {HEADERS[0]}",
    ],
)
def test_other_headers_are_read(small: Path, headers: str) -> None:
    with door(small) as fast:
        fast.ask(label(0))
    request = f"GET /sparql?query={quote(label(1))} HTTP/1.1\r\nHost: a.test\r\n{headers}\r\n".encode()
    assert fast.app.state.again(request, "127.0.0.1") is None
    assert fast.app.state.again(request.replace(headers.encode(), HEADERS[0].encode()), "192.0.2.1") is None


def test_what_the_client_has_is_not_sent_again(small: Path) -> None:
    with door(small) as fast:
        fast.ask(label(0))
        head, _ = fast.ask(label(1))
        tag = re.findall(rb"\r\netag: ([^\r]*)", head)[0].decode()
        for _ in range(3):
            request = (
                f"GET /sparql?query={quote(label(1))} HTTP/1.1\r\nHost: a.test\r\n{HEADERS[0]}If-None-Match: {tag}"
            )
            fast.channel.sendall(f"{request}\r\n\r\n".encode())
            assert fast.channel.recv(65_536).startswith(b"HTTP/1.1 304 ")


def test_what_a_worker_says_besides_is_said_each_time(small: Path) -> None:
    query = f"SELECT ?o {{ <{BASE}/id/notes> <http://www.w3.org/2000/01/rdf-schema#label> ?o }}"
    known = (HEADERS[0], f"X-Other: 1\r\n{HEADERS[0]}")
    with door(small, 1 << 20) as fast:
        for headers in known:
            fast.ask(label(0), headers)
        answers = [fast.ask(query, headers) for headers in known for _ in range(4)]
    assert len(set(answers)) == 1
    assert b"x-sparql-hint: " in answers[0][0]


def test_a_query_that_is_too_long_is_refused(small: Path) -> None:
    with door(small, max_query_bytes=200) as fast:
        fast.ask(label(0))
        assert b" 413 " in fast.ask(f"{label(1)}{'x' * 200}")[0]
        assert not any(fast.were_fast)


def test_a_plus_is_a_space(small: Path) -> None:
    with door(small) as fast:
        first = fast.ask(label(0))
        request = f"GET /sparql?query={quote_plus(label(0))} HTTP/1.1\r\nHost: a.test\r\n{HEADERS[0]}\r\n"
        assert fast.send(request.encode()) == first
        assert fast.were_fast == [True]


def test_another_release_is_looked_into(tmp_path: Path) -> None:
    for note in ("first", "second"):
        make_release(tmp_path / note, note=note)
    (tmp_path / "current").symlink_to("first")
    with door(tmp_path / "current", 1 << 20) as fast:
        assert all(b"first" in fast.ask(label(number % 2))[1] for number in range(6))
        (tmp_path / "next").symlink_to("second")
        (tmp_path / "next").rename(tmp_path / "current")
        assert all(b"second" in fast.ask(label(number % 2))[1] for number in range(6))


def test_only_what_is_asked_again_is_kept(small: Path) -> None:
    def kept() -> int:
        _, body = fast.send(b"GET /metrics HTTP/1.1\r\nHost: a.test\r\n\r\n")
        return int(float(re.findall(rb"\ndwpld_cache_answers (\S+)", body)[0]))

    def sources() -> Counter[bytes]:
        _, body = fast.send(b"GET /metrics HTTP/1.1\r\nHost: a.test\r\n\r\n")
        found = re.findall(rb'dwpld_answers_total\{source="(\w+)"\} (\S+)', body)
        return Counter({name: int(float(number)) for name, number in found})

    with door(small, 1 << 20) as fast:
        for number in range(10):
            fast.ask(label(number))
        assert (kept(), sources()) == (1, {b"server": 10}), "the first was answered in the usual way"
        for number in (*range(10), *range(10)):
            fast.ask(label(number))
        assert kept() == 10
        before = sources()
        for number in range(10):
            fast.ask(label(number))
        assert sources() - before == {b"kept": 10}
