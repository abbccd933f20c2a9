"""A client for the application itself, without a server, that sends just the headers a test gives."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI


class Client:
    """Asks the application, one request after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self._loop = loop
        self._client = client
        self._headers = headers

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, content: bytes | str | None = None
    ) -> httpx.Response:
        """Send a request; redirects are not followed."""
        request = httpx.Request(method, f"http://testserver{path}", content=content)
        for name in ("accept", "accept-encoding", "user-agent"):
            request.headers.pop(name, None)
        request.headers.update({**self._headers, **(headers or {})})
        return self._loop.run_until_complete(self._client.send(request))

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path, headers)

    def head(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a HEAD request."""
        return self.request("HEAD", path, headers)


@contextmanager
def asking(app: FastAPI, headers: dict[str, str] | None = None) -> Iterator[Client]:
    """Start the application, give a client for it, and stop it."""
    loop = asyncio.new_event_loop()
    lifespan = app.router.lifespan_context(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport)
    try:
        loop.run_until_complete(lifespan.__aenter__())
        yield Client(loop, client, headers or {})
    finally:
        loop.run_until_complete(client.aclose())
        loop.run_until_complete(lifespan.__aexit__(None, None, None))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
