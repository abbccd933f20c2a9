"""What is around every request: its account, and the shortest way to an answer that is kept.

Plain ASGI, and outermost. A GET request that is letter by letter the same as one before, in all that the answer depends
on, gets the same answer without its query being read again, as long as that is kept and the release is served.
"""

from __future__ import annotations

import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from endpoint.accounts import Course, Source, begin
from endpoint.connections import HEAD
from endpoint.kept import SMALL_BYTES, Shortcut
from endpoint.query_page import PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from endpoint.backend import Backend
    from endpoint.fast_path import FastPath
    from endpoint.kept import Kept, Shape
    from endpoint.metrics import Metrics
    from endpoint.serving import Shelf

LONGEST_ADDRESS: Final = 8_192
"""Bytes of parameters up to which a request is known again."""
READ: Final = frozenset({"GET", "HEAD"})


class Watching:
    """Passes requests on, answers those it has answered before, and accounts for all."""

    def __init__(
        self, app: ASGIApp, shelf: Shelf, kept: Kept, fast_path: FastPath, metrics: Metrics, backend: Backend
    ) -> None:
        self._app = app
        self._shelf = shelf
        self._kept = kept
        self._fast_path = fast_path
        self._metrics = metrics
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it, and account for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        course = begin(scope)
        shape = shape_of(scope)
        try:
            shortcut = None
            if shape is not None and self._kept.known(shape) is not None:
                shortcut = self._kept.shortcut(await self._shelf.latest(), shape)
            if shortcut is not None:
                await self._answer_again(scope, send, course, shortcut)
            else:
                await self._pass_on(scope, receive, send, course, shape)
        finally:
            self._kept.follow(self._shelf.serving)
            self._account(course, host_of(scope))

    def _account(self, course: Course, client: str) -> None:
        took_s = time.perf_counter() - course.began
        self._metrics.note(course, took_s)
        if course.text is not None:
            self._backend.note(course, took_s, client)

    def again(self, data: bytes, host: str) -> tuple[bytes, bytes] | None:
        """Give headers and body of the answer to a request of these bytes, if it is kept or a look-up."""
        course = Course("sparql")
        shortcut = self._kept_again((data, host))
        if shortcut is None:
            found = self._fast_path.answer(data, host, course)
            if found is not None:
                client, head, body = found
                self._account(course, client)
                return head, body
            return None
        note_again(course, shortcut)
        course.sent_bytes = len(shortcut.body["body"])
        self._account(course, shortcut.client)
        return shortcut.head, shortcut.body["body"]

    def _kept_again(self, shape: Shape) -> Shortcut | None:
        if self._kept.known(shape) is None:
            return None
        serving = self._shelf.settled()
        return self._kept.shortcut(serving, shape) if serving is not None else None

    async def _answer_again(self, scope: Scope, send: Send, course: Course, shortcut: Shortcut) -> None:
        note_again(course, shortcut)
        if HEAD in scope and scope["method"] == "GET" and len(shortcut.body["body"]) <= SMALL_BYTES:
            self._kept.remember(scope[HEAD], replace(shortcut, client=host_of(scope)))
        await send(shortcut.start)
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        course.sent_bytes = len(shortcut.body["body"])
        await send(shortcut.body)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, course: Course, shape: Shape | None) -> None:
        started: Message = {}

        async def noting(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = message
                course.status = message["status"]
                course.is_busy = any(name == b"retry-after" for name, _ in message["headers"])
            elif message["type"] == "http.response.body":
                course.sent_bytes += len(message.get("body", b""))
                if shape is not None and course.answer is not None and course.status == HTTPStatus.OK:
                    text, client = course.text or "", host_of(scope)
                    shortcut = Shortcut(course.answer, started, message, course.form, text, client)
                    self._kept.remember(shape, shortcut)
                    if HEAD in scope and course.source is Source.SERVER:
                        data, host = scope[HEAD]
                        self._fast_path.learn(data, host, scope, shortcut)
            await send(message)

        await self._app(scope, receive, noting)


def note_again(course: Course, shortcut: Shortcut) -> None:
    """Note that a request was answered as one before."""
    course.found(shortcut.answer)
    course.source, course.text, course.form = Source.KEPT, shortcut.text, shortcut.form
    course.status = shortcut.start["status"]


def host_of(scope: Scope) -> str:
    """Give the address that a request came from."""
    return str((scope.get("client") or ("",))[0])


def shape_of(scope: Scope) -> Shape | None:
    """Give all of a request that its answer depends on; None if it has no shortcut."""
    if scope["path"] != PATH or scope["method"] not in READ or not 0 < len(scope["query_string"]) <= LONGEST_ADDRESS:
        return None
    accept = encoding = host = None
    for name, value in scope["headers"]:
        if name == b"accept":
            accept = accept or value
        elif name == b"accept-encoding":
            encoding = encoding or value
        elif name == b"host":
            host = host or value
        elif name == b"if-none-match":
            return None
    return scope["query_string"], accept, encoding, host, scope["scheme"], scope.get("root_path")
