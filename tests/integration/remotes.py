"""SPARQL services on loopback to be called: kind ones that answer from a few triples, and hostile ones."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from pyoxigraph import QueryResultsFormat, QuerySolutions, RdfFormat, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = "application/sparql-results+json"
BOMB = gzip.compress(b" " * 20_000_000, compresslevel=1)
NOBODY = b'{"head":{"vars":["o"]},"results":{"bindings":[]}}'


@dataclass
class Remote:
    """What services there are at one address, and what they were asked."""

    address: str = ""
    stores: dict[str, Store] = field(default_factory=dict)
    """What is at each path."""
    hostile: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    heard: list[tuple[str, str]] = field(default_factory=list)
    """Path and query of every request."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when those that never end should."""

    def add(self, path: str, turtle: str) -> str:
        """Add a service, and give its address."""
        store = self.stores[path] = Store()
        store.load(turtle.encode(), format=RdfFormat.TURTLE, base_iri="http://remote.example.org/")
        return f"{self.address}{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers POST of a form, as a SPARQL service does."""

    protocol_version = "HTTP/1.1"
    remote: Remote

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_form = self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        query = parse_qs(body).get("query", [""])[0] if is_form else body
        self.remote.heard.append((self.path, query))
        if self.path in self.remote.hostile:
            self.close_connection = True
            with suppress(OSError):
                self.remote.hostile[self.path](self)
            return
        self.send(self.answered(query))

    do_GET = do_POST  # noqa: N815

    def answered(self, query: str) -> bytes:
        found = self.remote.stores[self.path].query(query)
        assert isinstance(found, QuerySolutions)
        body = found.serialize(format=QueryResultsFormat.JSON)
        assert body is not None
        return body

    def send(self, body: bytes, status: int = 200, kind: str = JSON, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def remote_services() -> Iterator[Remote]:
    """Run services until the end of the block."""
    remote = Remote()
    handler = type("Handler", (Handler,), {"remote": remote})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    remote.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield remote
    finally:
        remote.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def silence(remote: Remote) -> Callable[[BaseHTTPRequestHandler], None]:
    """Say nothing until it is over."""

    def wait(_: BaseHTTPRequestHandler) -> None:
        remote.over.wait(30)

    return wait


def raw(data: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Send just this, and hang up."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)

    return send


def dripping(remote: Remote, head: bytes, drip: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Send a byte now and then, for ever."""

    def drip_on(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while not remote.over.wait(0.05):
            handler.wfile.write(drip)

    return drip_on


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Send for ever, as fast as can be."""
    handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\n\r\n{{".encode())
    while True:
        handler.wfile.write(b" " * 65_536)


def bomb(handler: BaseHTTPRequestHandler) -> None:
    """Send little that would be much."""
    assert isinstance(handler, Handler)
    handler.send(BOMB, Content_Encoding="gzip")
