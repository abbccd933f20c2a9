"""Ask another SPARQL service: one POST, to an address that was looked at, with limits of time, bytes and rows.

The name is resolved once, and the connection is made to what came of that, so that nobody can answer one thing to who
checks and another to who connects. No redirect is followed, no proxy of the environment used, no coding undone, and
nothing of what a service says goes into a message.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import httpcore
from pyoxigraph import BlankNode, Literal, NamedNode

from endpoint.media import JSON
from endpoint.services import is_public
from endpoint.site import node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from endpoint.source import Term

MAX_BYTES: Final = 16 * 1024 * 1024
"""Longest answer of a service."""
RESULT_TYPES: Final = (JSON.media_type, *JSON.aliases)
HEADERS: Final[dict[bytes | str, bytes | str]] = {
    "Accept": f"{JSON.media_type}, application/json;q=0.5",
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "dwpld",
}
FAILURES: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError)

Row = tuple["Term | None", ...]


class ServiceError(Exception):
    """A service that did not answer as it should: what it did, to go after its name."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much a service may take."""

    until: float
    """When it must have answered, by the monotonic clock."""
    seconds: float
    """What that is from the beginning of the query."""
    max_rows: int

    def left(self) -> float:
        """Give the seconds left. Raises ServiceError if there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise self.spent()
        return left

    def spent(self) -> ServiceError:
        """Say that the time is over."""
        return ServiceError(f"did not answer in the {self.seconds:g} s that a query has for other services")


@dataclass(frozen=True, slots=True)
class Service:
    """A service that may be called."""

    iri: str
    is_inside: bool
    """True if it may be at any address."""

    def ask(self, query: str, names: tuple[str, ...], patience: Patience) -> list[Row]:
        """Ask a SELECT query, and give the values of some variables. Raises ServiceError."""
        body = self._fetch(urlencode({"query": query}).encode(), patience)
        return read_rows(body, names, patience.max_rows)

    def _fetch(self, form: bytes, patience: Patience) -> bytes:
        backend = _Backend(self, patience)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=_trusted(), network_backend=backend, retries=0) as pool,
                pool.stream("POST", self.iri, headers=HEADERS, content=form) as response,
            ):
                check_head(response)
                return _bounded(response.iter_stream())
        except httpcore.TimeoutException as error:
            raise patience.spent() from error
        except FAILURES as error:
            patience.left()
            reason = "cannot be reached" if isinstance(error, httpcore.ConnectError) else "broke off its answer"
            raise ServiceError(reason) from error

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve the name. Raises ServiceError if it leads to an address that is not allowed."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = "has a name that cannot be resolved"
            raise ServiceError(reason) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self.is_inside and not all(is_public(ipaddress.ip_address(each)) for each in addresses):
            reason = "is at an address that is not of the public internet, which the list of services does not allow"
            raise ServiceError(reason)
        return addresses


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that were looked at, and lets nothing take longer than there is time."""

    def __init__(self, service: Service, patience: Patience) -> None:
        self._service = service
        self._patience = patience
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - there is one for everything
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that takes the connection."""
        failed: Exception = httpcore.ConnectError("no address")
        for address in self._service.addresses(host, port):
            try:
                left = self._patience.left()
                stream = self._sockets.connect_tcp(address, port, left, local_address, socket_options)
                return _Stream(stream, self._patience)
            except httpcore.ConnectError as error:
                failed = error
        raise failed


class _Stream(httpcore.NetworkStream):
    """A connection that all of an answer must come over in time."""

    def __init__(self, stream: httpcore.NetworkStream, patience: Patience) -> None:
        self._stream = stream
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Read what there is."""
        return self._stream.read(max_bytes, self._patience.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send a piece."""
        self._stream.write(buffer, self._patience.left())

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Encrypt, and check that the certificate is for the name."""
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._patience.left()), self._patience)

    def get_extra_info(self, info: str) -> object:
        """Tell about the connection."""
        return self._stream.get_extra_info(info)


def check_head(response: httpcore.Response) -> None:
    """Refuse an answer that is none, before its body is read. Raises ServiceError."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if 300 <= response.status < 400:
        reason = "redirects, which is not followed"
    elif response.status != HTTPStatus.OK:
        reason = f"answered with status {response.status}"
    elif headers.get("content-encoding", "identity").strip().lower() != "identity":
        reason = "answered in a content coding that was not asked for"
    elif kind not in RESULT_TYPES:
        reason = f"did not answer with {JSON.media_type}"
    else:
        return
    raise ServiceError(reason)


def _bounded(pieces: Iterable[bytes]) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_BYTES:
            reason = f"answered with more than {MAX_BYTES >> 20} MiB"
            raise ServiceError(reason)
    return bytes(body)


def read_rows(body: bytes, names: tuple[str, ...], max_rows: int) -> list[Row]:
    """Read SPARQL 1.1 Query Results JSON. Raises ServiceError if it is none, or has too many rows."""
    try:
        document = json.loads(body)
        rows = document["results"]["bindings"]
        if len(rows) > max_rows:
            reason = f"has more than {max_rows:,} solutions for its part of the query"
            raise ServiceError(reason)
        return [tuple(_term(row[name]) if name in row else None for name in names) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = "answered with what is no result of a SELECT query"
        raise ServiceError(reason) from error


def _term(cell: dict[str, str]) -> Term:
    kind, value = cell["type"], cell["value"]
    if not isinstance(value, str):  # whatever the type checker was told, it is somebody else's
        raise TypeError(kind)
    if kind == "uri":
        found = node(value)
        if found is None:
            raise ValueError(kind)
        return found
    if kind == "bnode":
        return BlankNode(f"b{value.encode().hex()}")
    if kind not in {"literal", "typed-literal"}:
        raise ValueError(kind)
    if language := cell.get("xml:lang"):
        return Literal(value, language=language)
    return Literal(value, datatype=NamedNode(cell["datatype"])) if "datatype" in cell else Literal(value)
