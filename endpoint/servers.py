"""The processes that answer requests beside this one, as this one sees them: started, lent workers, and replaced.

One event loop uses one processor. So `dwpld serve` forks more servers (endpoint.server), which listen where it does:
the system gives each some of the connections (SO_REUSEPORT), and each answers and keeps by itself. Workers stay here,
where alone it is known who waits for how long: a server sends the queries it cannot answer, and is told what came of
them. It is also told what `/health` and `/metrics` say, and has its queries logged here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from endpoint.accounts import Course, Source
from endpoint.answering import JoinedError
from endpoint.channels import Channel
from endpoint.jobs import Job, message
from endpoint.metrics import counters, total
from endpoint.problems import RequestError
from endpoint.workers import WorkerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping

    from starlette.responses import Response

    from endpoint.jobs import Header
    from endpoint.metrics import Samples
    from endpoint.query_log import QueryLog
    from endpoint.settings import Settings
    from endpoint.workers import Workers

    Address = tuple[str, int]
    Told = Mapping[str, Callable[[], Awaitable[Response]]]

MOST: Final = 4
"""Servers that are started if nobody says how many: then workers have processors too."""
AGAIN_S: Final = 0.5
"""Time after which a server that ended is replaced; twice as long each time that it ends soon, up to a minute."""
LONG_S: Final = 60
GIVE_S: Final = 2
"""Longest time that a server may take to say what it has counted."""

log = logging.getLogger(__name__)


def server_count(settings: Settings) -> int:
    """Give the number of servers, this one included: one for each processor, up to a few; one on systems but Linux."""
    if sys.platform != "linux":  # others let processes share a port, and give all connections to one
        return 1
    return settings.servers or min(os.cpu_count() or 1, MOST)


class Servers:
    """The servers beside this one; belongs to one event loop."""

    def __init__(self, settings: Settings, workers: Workers, query_log: QueryLog, tell: Told) -> None:
        """Take what they are lent, and what they may be told, by name."""
        self._settings = settings
        self._workers = workers
        self._log = query_log
        self._tell = tell
        self._peers: list[Peer] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._past: Samples = {}
        """What servers that have ended had counted, as far as they had said so."""
        self._ending = asyncio.Event()

    def start(self, address: Address) -> None:
        """Start them, without waiting for them; they will listen where this one does."""
        count = server_count(self._settings) - 1
        self._tasks = [asyncio.get_running_loop().create_task(self._keep(address)) for _ in range(count)]

    def end(self) -> None:
        """Have them take no more connections, answer what they are at, and end."""
        self._ending.set()
        for peer in self._peers:
            peer.end()

    async def stop(self) -> None:
        """Wait until they have ended, as long as queries may take."""
        self.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.patience_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def ready(self) -> int:
        """How many answer requests, besides this one."""
        return sum(peer.is_ready for peer in self._peers)

    async def samples(self) -> list[Samples]:
        """Ask what each has counted, and give it with what those had counted that have ended."""
        return [self._past, *await asyncio.gather(*(peer.samples() for peer in self._peers))]

    async def _keep(self, address: Address) -> None:
        """Have a server, again and again."""
        wait_s = AGAIN_S
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                await self._have(address)
            except Exception:  # whatever is wrong with one, there is to be another
                log.exception("a server cannot be had")
            if self._ending.is_set():
                return
            lasted_s = time.monotonic() - began
            wait_s = AGAIN_S if lasted_s > LONG_S else min(2 * wait_s, LONG_S)
            log.error("a server ended after %.0f s, and is replaced in %.0f s", lasted_s, wait_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._ending.wait()

    async def _have(self, address: Address) -> None:
        """Have a server, until it ends."""
        host, port = address
        settings: Header = {**asdict(self._settings), "release": None}
        release = str(self._settings.release.absolute())
        channel = self._workers.fork({"host": host, "port": port, "release": release, "settings": settings})
        _, connected = await asyncio.get_running_loop().create_unix_connection(Channel, sock=channel)
        peer = Peer(connected, self._workers, self._log, self._tell)
        self._peers.append(peer)
        if self._ending.is_set():
            peer.end()
        try:
            await peer.listen()
        finally:
            self._peers.remove(peer)
            self._past = total([self._past, counters(peer.last)])


class Peer:
    """One server, at the other end of a channel."""

    def __init__(self, channel: Channel, workers: Workers, query_log: QueryLog, tell: Told) -> None:
        self._channel = channel
        self._workers = workers
        self._log = query_log
        self._tell = tell
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._given: asyncio.Future[Samples] | None = None
        self._running: set[Hashable] = set()
        """Queries of this server that have begun, and that an equal one is to join there."""
        self.is_ready = False
        """True if it answers requests."""
        self.last: Samples = {}
        """What it last said that it had counted."""

    async def listen(self) -> None:
        """Do what the server asks for until it ends."""
        try:
            while True:
                header, _ = await self._channel.receive()
                self._take(header)
        except OSError:
            pass  # it has ended
        finally:
            self._channel.close()
            for task in self._tasks.values():
                task.cancel()

    def end(self) -> None:
        """Have the server end when it has answered what it is at."""
        self._channel.send(message({"stop": True}))

    async def samples(self) -> Samples:
        """Ask what it has counted; what it last said, if it does not answer soon."""
        if not self.is_ready:
            return {}
        if self._given is None or self._given.done():
            self._given = asyncio.get_running_loop().create_future()
            self._channel.send(message({"give": True}))
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVE_S):
                await asyncio.shield(self._given)
        return self.last

    def _take(self, header: Header) -> None:
        match header:
            case {"number": int(number), "client": str(client), "job": dict(job)}:
                self._begin(number, self._answer(number, client, Job.of(job)))
            case {"number": int(number), "tell": str(what)}:
                self._begin(number, self._told(number, what))
            case {"leave": int(number)}:
                if (task := self._tasks.get(number)) is not None:
                    task.cancel()
            case {"note": dict(course), "took_s": float(took_s), "client": str(client)}:
                self._log.note(Course(**{**course, "source": Source(course["source"])}), took_s, client)
            case {"ready": True}:
                self.is_ready = True
            case {"given": dict(samples)} if self._given is not None and not self._given.done():
                self.last = samples
                self._given.set_result(samples)

    def _begin(self, number: int, work: Coroutine[None, None, None]) -> None:
        self._tasks[number] = task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _answer(self, number: int, client: str, job: Job) -> None:
        begun: set[Hashable] = set()

        def begin() -> None:
            if job.is_repeatable:
                if job.key in self._running:
                    raise JoinedError
                begun.add(job.key)
                self._running.update(begun)
            self._channel.send(message({"number": number, "begun": True}))

        try:
            serving, reply = await self._workers.answer(client, job, begin)
        except JoinedError:
            self._channel.send(message({"number": number, "joined": True}))
        except RequestError as error:
            refused: Header = {"status": error.status.value, "detail": error.detail}
            refused |= {"headers": error.headers, "members": error.members}
            self._channel.send(message({"number": number, "refused": refused}))
        except Exception as error:  # the other server logs it, as it does what goes wrong there
            said = str(error) if isinstance(error, WorkerError) else traceback.format_exc()
            self._channel.send(message({"number": number, "failed": said}))
        else:
            reply_of: Header = {"number": number, "reply": reply.header(), "release": str(serving.release.path)}
            self._channel.send(message(reply_of, reply.body))
        finally:
            self._running -= begun

    async def _told(self, number: int, what: str) -> None:
        try:
            response = await self._tell[what]()
        except Exception:  # as above
            self._channel.send(message({"number": number, "failed": traceback.format_exc()}))
            return
        said: Header = {"number": number, "status": response.status_code, "headers": dict(response.headers)}
        self._channel.send(message(said, bytes(response.body)))
