"""A graph store as SPARQL 1.1 Graph Store HTTP Protocol has it: named graphs put, added to, fetched and deleted.

Graphs are identified indirectly (§4.2, `?graph=IRI`), which every store understands. Bodies are N-Triples, sent as
whole bytes, because a request that is answered 401 is sent again.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx

from loader.credentials import PASSWORD, USER, store_auth, store_url
from loader.errors import MisuseError

if TYPE_CHECKING:
    from types import TracebackType

N_TRIPLES: Final = "application/n-triples"
PATIENCE: Final = httpx.Timeout(600, connect=10)
"""Seconds; a store may take minutes to take in, or to delete, a large graph."""
MAX_GRAPH_BYTES: Final = 16 * 1024 * 1024
"""Longest graph that is fetched: only our own record is."""
_REASON_CHARS: Final = 200


class GraphStore:
    """A graph store, over HTTP. Every method raises MisuseError, with status and graph, for what does not succeed."""

    def __init__(self, url: str) -> None:
        self.url = store_url(url)
        self._client = httpx.Client(auth=store_auth(), timeout=PATIENCE, trust_env=False)

    def __enter__(self) -> GraphStore:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close connections."""
        self._client.close()

    def get(self, graph: str) -> bytes | None:
        """Fetch a small graph as N-Triples; None if it is not there."""
        response = self._send("GET", graph)
        if response is not None and len(response.content) > MAX_GRAPH_BYTES:
            message = f"{self.url}: <{graph}> is longer than {MAX_GRAPH_BYTES >> 20} MiB, and cannot be our record"
            raise MisuseError(message)
        return None if response is None else response.content

    def put(self, graph: str, triples: bytes) -> None:
        """Make a graph of these triples, in place of the one that may be there (§5.3)."""
        self._send("PUT", graph, triples)

    def post(self, graph: str, triples: bytes) -> None:
        """Add triples to a graph (§5.5)."""
        self._send("POST", graph, triples)

    def delete(self, graph: str) -> None:
        """Delete a graph, if it is there (§5.4)."""
        self._send("DELETE", graph)

    def _send(self, method: str, graph: str, triples: bytes | None = None) -> httpx.Response | None:
        headers = {"Accept": N_TRIPLES} if method == "GET" else {}  # Virtuoso answers others with 406 then
        headers |= {"Content-Type": N_TRIPLES} if triples is not None else {}
        url = httpx.URL(self.url).copy_merge_params({"graph": graph})
        try:
            response = self._client.request(method, url, content=triples, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or error.__class__.__name__
            message = f"{self.url}: {method} of <{graph}> got no answer ({reason})"
            raise MisuseError(message) from error
        if response.status_code == HTTPStatus.NOT_FOUND and triples is None:
            return None
        if not response.is_success:
            raise MisuseError(self._refused(method, graph, response))
        return response

    def _refused(self, method: str, graph: str, response: httpx.Response) -> str:
        status = response.status_code
        said = f"{self.url}: {method} of <{graph}> was answered {status} {response.reason_phrase}".rstrip()
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return f"{said}: say in {USER} and {PASSWORD} who may write there"
        if response.is_redirect:
            return f"{said}: give the address it leads to, {response.headers.get('location', '')[:_REASON_CHARS]}"
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            return f"{said}: is this the address of the Graph Store Protocol? docs/operations.md names some"
        reason = " ".join(response.text.split())[:_REASON_CHARS] if "html" not in _kind(response) else ""
        return f"{said}: {reason}" if reason else said


def _kind(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", ""))
