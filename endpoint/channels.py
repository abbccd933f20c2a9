"""An end of a socket between processes: a message at a time, awaited as a future, so that no task waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from endpoint.jobs import LENGTHS, read_header

if TYPE_CHECKING:
    from endpoint.jobs import Header

    Message = tuple[Header, bytes]


class Channel(asyncio.Protocol):
    """Reads messages (endpoint.jobs) and writes them; belongs to one event loop."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._wanted = LENGTHS.size
        """Bytes of the message that is coming, or of its lengths while those are not known."""
        self._awaited: asyncio.Future[Message] | None = None
        self.is_over = False
        """True if nothing more will come."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(
            "asyncio.WriteTransport", transport
        )  # it is a socket's; uvloop's are of no class of ours

    def data_received(self, data: bytes) -> None:
        """Take what has come, and give the message to who awaits it if that is all of it."""
        self._pieces.append(data)
        self._size += len(data)
        self._read()

    def eof_received(self) -> None:
        """Note that the other process has ended; the transport closes by itself."""
        self._end(ConnectionResetError("the other process has ended"))

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the other process cannot be reached."""
        self._end(error or ConnectionResetError("the other process cannot be reached"))

    def send(self, text: bytes) -> None:
        """Write a message."""
        assert self._transport is not None, "it is connected"
        self._transport.write(text)

    def ask(self, text: bytes) -> asyncio.Future[Message]:
        """Write a message, and give the future of the one that answers it."""
        awaited = self.receive()
        self.send(text)
        return awaited

    def receive(self) -> asyncio.Future[Message]:
        """Give the future of the next message; it raises OSError if the other process has ended."""
        self._awaited = awaited = asyncio.get_running_loop().create_future()
        if self.is_over:
            awaited.set_exception(ConnectionResetError("the other process has ended"))
        else:
            self._read()
        return awaited

    def close(self) -> None:
        """Close the socket: a worker ends when it has answered, if it is not killed before."""
        if self._transport is not None:
            self._transport.close()

    def _read(self) -> None:
        if self._size < self._wanted or self._awaited is None or self._awaited.done():
            return  # what comes after the future was given up is of no use: the worker is killed
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = [data]
        header, body = LENGTHS.unpack_from(data)
        start = LENGTHS.size + header
        self._wanted = start + body
        if self._size >= self._wanted:
            message = read_header(data[LENGTHS.size : start]), data[start : self._wanted]
            self._pieces, self._size = [data[self._wanted :]], self._size - self._wanted
            self._wanted = LENGTHS.size
            self._awaited.set_result(message)

    def _end(self, error: Exception) -> None:
        self.is_over = True
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(error)
