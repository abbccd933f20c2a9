"""One of several servers of a release: a process with an event loop of its own, and workers lent by the first.

It is forked by `endpoint.worker` when `endpoint.servers` asks for it, and accepts connections from the socket it is
given. It ends when the first says so, and with the process that forked it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.responses import Response

from endpoint.accounts import NOTED
from endpoint.answering import JoinedError
from endpoint.app import create_app
from endpoint.channels import Channel
from endpoint.connections import connections
from endpoint.jobs import Reply, message
from endpoint.problems import RequestError
from endpoint.query_log import is_noted
from endpoint.servers import server_count
from endpoint.workers import WorkerError
from loader.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastapi import FastAPI
    from prometheus_client.registry import Collector

    from endpoint.accounts import Course
    from endpoint.jobs import Header, Job
    from endpoint.metrics import Metrics
    from endpoint.serving import Serving, Shelf
    from endpoint.settings import Settings

    Message = tuple[Header, bytes]

log = logging.getLogger(__name__)

BACKLOG: Final = 2_048
"""Connections that may wait to be accepted."""
TRIES: Final = 3
"""Times that a query is asked while the two servers change from one release to another."""
TRY_S: Final = 0.2
"""Time between them."""


class Lent:
    """The workers and the log of the first server, as another has them; belongs to one event loop."""

    def __init__(self, settings: Settings, shelf: Shelf, connection: socket.socket, stop: Callable[[], None]) -> None:
        """Take the connection to the first server, and what is to be done when this server is to end."""
        self._settings = settings
        self._shelf = shelf
        self._connection = connection
        self._stop = stop
        self._channel: Channel | None = None
        self._task: asyncio.Task[None] | None = None
        self._metrics: Metrics | None = None
        self._numbers = count()
        self._awaited: dict[int, tuple[asyncio.Future[Message], Callable[[], None]]] = {}

    @property
    def servers(self) -> int:
        """As many as the first server has."""
        return server_count(self._settings)

    @property
    def collectors(self) -> Sequence[Collector]:
        """Nothing is counted here."""
        return ()

    async def start(self, metrics: Metrics) -> None:
        """Begin to listen to the first server."""
        self._metrics = metrics
        self._connection.setblocking(False)
        loop = asyncio.get_running_loop()
        _, self._channel = await loop.create_unix_connection(Channel, sock=self._connection)
        self._task = loop.create_task(self._listen())
        self._send({"ready": True})

    def end(self) -> None:
        """Do nothing: the first server knows."""

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def answer(self, client: str, job: Job, begin: Callable[[], None]) -> tuple[Serving, Reply]:
        """Have a query answered by a worker of the first server, out of the release that both serve."""
        for _ in range(TRIES):
            header, body = await self._ask({"client": client, "job": job.header()}, begin)
            serving = await self._shelf.latest()
            reply = header["reply"]
            assert isinstance(reply, dict), "the first server wrote it"
            if header["release"] == str(serving.release.path):
                return serving, Reply.of(reply, body)
            begin = _nothing  # it has begun
            await asyncio.sleep(TRY_S)
        log.error("the first server serves %s, and this one %s", header["release"], serving.release.path)
        detail = "The service changes from one release to another; try again later"
        raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})

    def note(self, course: Course, took_s: float, client: str) -> None:
        """Have a query logged, if it is to be."""
        if is_noted(self._settings, took_s):
            noted = {name: getattr(course, name) for name in NOTED}
            self._send({"note": noted, "took_s": took_s, "client": client})

    async def health(self) -> Response:
        """Give what the first server says."""
        return await self._told("health")

    async def metrics(self) -> Response:
        """Give what the first server says."""
        return await self._told("metrics")

    async def _told(self, what: str) -> Response:
        header, body = await self._ask({"tell": what}, _nothing)
        headers = header["headers"]
        assert isinstance(headers, dict), "the first server wrote it"
        return Response(body, int(str(header["status"])), headers)

    def _send(self, header: Header) -> None:
        assert self._channel is not None, "it was started"
        self._channel.send(message(header))

    async def _ask(self, header: Header, begin: Callable[[], None]) -> Message:
        number = next(self._numbers)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._awaited[number] = future, begin
        try:
            self._send({"number": number, **header})
            return await future
        except (asyncio.CancelledError, JoinedError):
            self._send({"leave": number})
            raise
        finally:
            del self._awaited[number]

    async def _listen(self) -> None:
        assert self._channel is not None, "it was started"
        try:
            while True:
                self._take(*await self._channel.receive())
        except OSError as error:
            for future, _ in self._awaited.values():
                if not future.done():
                    future.set_exception(WorkerError(f"the first server is gone: {error}"))
            self._stop()

    def _take(self, header: Header, body: bytes) -> None:
        if "stop" in header:
            self._stop()
        elif "give" in header:
            assert self._metrics is not None, "it was started"
            self._send({"given": self._metrics.samples()})
        else:
            future, begin = self._awaited.get(int(str(header["number"])), (None, _nothing))
            if future is not None and not future.done():
                settle(future, begin, header, body)


def settle(future: asyncio.Future[Message], begin: Callable[[], None], header: Header, body: bytes) -> None:
    """Pass on what the first server says of a query."""
    match header:
        case {"begun": _}:
            try:
                begin()
            except JoinedError as error:
                future.set_exception(error)
        case {"joined": _}:
            future.set_exception(JoinedError())
        case {"failed": str(detail)}:
            future.set_exception(WorkerError(detail))
        case {"refused": {"status": status, "detail": detail, "headers": headers, "members": members}}:
            future.set_exception(RequestError(HTTPStatus(status), detail, headers, members))
        case _:
            future.set_result((header, body))


def _nothing() -> None:
    pass


def serve(channel: socket.socket, host: str, port: int, settings: Settings) -> None:
    """Serve a release until the first server ends, or says so. Raises MisuseError if it cannot."""
    servers: list[Server] = []

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    app = create_app(settings, lambda shelf: Lent(settings, shelf, channel, stop))
    servers.append(Server(app, settings))
    with listen(host, port, is_shared=True) as listening:
        servers[0].run(sockets=[listening])


def listen(host: str, port: int, *, is_shared: bool) -> socket.socket:
    """Take a port, together with other servers if it is shared. Raises MisuseError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # without the protocol's number asyncio leaves Nagle's algorithm on: most small answers would wait 40 ms
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if is_shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind((host, port))
        taken.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        taken.close()
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot listen on {host} port {port}: {reason}; choose another with --port"
        raise MisuseError(message) from error
    return taken


class Server(uvicorn.Server):
    """A server of ours: how it runs, and how it ends."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._end = app.state.end
        config = uvicorn.Config(
            app,
            http=connections(app.state.again),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.patience_s,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and have those that depend on it end at the same time."""
        self._end()
        await super().shutdown(sockets)
