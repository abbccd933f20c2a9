"""Connections that answer a request without reading it, if it is byte by byte one whose answer is kept.

What uvicorn's protocol does with a request takes longer than looking up a small answer. So the bytes of a GET request
that arrived alone and whole are remembered with its answer, and when the same bytes come again, on a connection on
which nothing else is under way, they are answered at once. Whatever is not so goes to uvicorn as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HEAD: Final = "dwpld.head"
"""Where the bytes of a request are found in its scope, with the host they came from."""
LONGEST_HEAD: Final = 16_384
_OTHERWISE: Final = (b"\r\ncontent-length:", b"\r\ntransfer-encoding:", b"\r\nupgrade:", b"\r\nexpect:")
"""Headers after which a request may not be over at the empty line, or is no plain one."""
_KEEP: Final = b"\r\nconnection: keep-alive\r\n"


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write headers as they are sent."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def is_whole(data: bytes) -> bool:
    """Tell whether bytes are one GET request without a body, after which the connection stays."""
    if not data.startswith(b"GET ") or data.find(b"\r\n\r\n") != len(data) - 4 or len(data) > LONGEST_HEAD:
        return False
    head = data.lower()
    if not head[: head.index(b"\r\n")].endswith(b" http/1.1") or any(name in head for name in _OTHERWISE):
        return False
    return b"\r\nconnection:" not in head or (_KEEP in head and head.count(b"\r\nconnection:") == 1)


class KeptProtocol(HttpToolsProtocol):
    """A connection."""

    again: ClassVar[Callable[[bytes, str], tuple[bytes, bytes] | None]]
    """Gives the answer to a request that was answered before: headers but for those of every answer, and body."""
    _every: ClassVar[tuple[list[tuple[bytes, bytes]], bytes]] = ([], b"")
    """Headers of every answer, which are new each second, and the bytes that an answer with them begins with."""
    _is_clean: bool = True
    """True as long as all that came were whole requests, so that uvicorn's parser holds no part of another."""
    _whole: bytes | None = None
    _answered_s: float = 0.0
    """When a request was last answered here, since uvicorn began to wait for the next."""

    def data_received(self, data: bytes) -> None:
        """Answer a request, or have uvicorn read it."""
        is_idle = self._is_clean and self.timeout_keep_alive_task is not None and not self.flow.write_paused
        found = type(self).again(data, self.client[0] if self.client else "") if is_idle else None
        if found is not None:
            self.transport.write(b"%b%b\r\n%b" % (self._begun(), *found))
            self.server_state.total_requests += 1
            self._answered_s = self.loop.time()
            return
        self._is_clean = self._is_clean and is_whole(data)
        self._whole = data if self._is_clean else None
        super().data_received(data)

    def _begun(self) -> bytes:
        """Give the bytes that an answer begins with."""
        headers = self.server_state.default_headers
        if headers is not KeptProtocol._every[0]:
            KeptProtocol._every = headers, b"HTTP/1.1 200 OK\r\n" + header_lines(headers)
        return KeptProtocol._every[1]

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, unless a request was answered here since."""
        left_s = self._answered_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        """Put the bytes of a whole request into its scope."""
        super().on_message_begin()
        if self._whole is not None:
            self.scope[HEAD] = self._whole, self.client[0] if self.client else ""  # type: ignore[typeddict-unknown-key]


def connections(again: Callable[[bytes, str], tuple[bytes, bytes] | None]) -> type[KeptProtocol]:
    """Make the protocol of one server."""
    return type("Connection", (KeptProtocol,), {"again": staticmethod(again)})
