"""The worker processes as the server sees them: started, asked, killed when they pass a limit, and replaced.

Each answers one query at a time, from one release. When another release is served, idle workers are replaced at once
and the others when they have answered. A worker that is killed costs the next query nothing if another is idle, and a
fork and the opening of the release otherwise.

A query that takes longer than a moment steps aside: its worker goes on with less claim to the processors, and another
worker takes its place. When as many are aside as may be and others wait, it is stopped: short queries come first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from endpoint.admission import Admission, Bounds, client_of
from endpoint.channels import Channel
from endpoint.jobs import TOO_MUCH_MEMORY, Header, Job, Reply, message, read_header
from endpoint.patience import Patience
from endpoint.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from starlette.requests import Request

    from endpoint.admission import Place
    from endpoint.serving import Serving, Shelf
    from endpoint.settings import Settings

KILLED_FOR: Final = ("time", "others", "memory", "client gone", "unknown")
START_S: Final = 60
"""Longest time for a worker to open a release."""
START_TRIES: Final = 3
STOP_S: Final = 5
QUICK_S: Final = 0.05
"""Time after which it is looked whether the client is still there; most queries have been answered by then."""
NICENESS: Final = 10
"""What a worker is worth whose query is long: a tenth of another's claim to the processors."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class WorkerError(RuntimeError):
    """A worker ended, or failed, and not for what the query asked."""


class GoneError(Exception):
    """The client has gone."""


def worker_count(settings: Settings) -> int:
    """Give the number of workers: one for each processor, and one more, which a single client never has."""
    return settings.workers or max(2, min(os.cpu_count() or 1, 16)) + 1


@dataclass(eq=False)
class Worker:
    """A worker process."""

    release: Path
    channel: Channel
    pid: int = 0
    spent_s: float = 0.0
    """Processors' time that it had had when it last answered."""
    is_spent: bool = False
    """True if it is of no more use."""
    ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Its exit code; negative for the signal that ended it."""


class Workers:
    """The worker processes of one server; belongs to one event loop."""

    def __init__(self, settings: Settings, shelf: Shelf) -> None:
        self._settings = settings
        self._shelf = shelf
        self._count = worker_count(settings)
        bounds = Bounds(
            self._count, settings.max_waiting, settings.max_waiting_each, settings.max_wait_s, settings.long_queries
        )
        self.admission = Admission(bounds)
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._aside: set[Worker] = set()
        self._starting = 0
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._release: Path | None = None
        self._forker: Forker | None = None
        self._turns: list[asyncio.Future[Worker]] = []
        """Who waits for a worker; never more than are being started."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.killed: Counter[str] = Counter()
        """How many workers were killed or ended in a query, by reason: one of KILLED_FOR."""

    @property
    def count(self) -> int:
        """How many workers there should be."""
        return self._count

    @property
    def pids(self) -> list[int]:
        """The processes of the workers there are."""
        every = (*self._idle, *self._busy, *self._aside)
        return [worker.pid for worker in every if not worker.channel.is_over]

    @property
    def busy(self) -> int:
        """How many workers answer a query."""
        return len(self._busy) + len(self._aside)

    def start(self) -> None:
        """Start the workers, without waiting for them."""
        self._forker = Forker(self._ended)
        self._move_to(self._shelf.current().release.path)

    async def stop(self) -> None:
        """End all workers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in (*self._idle, *self._busy, *self._aside):
            worker.channel.close()
        if self._forker is not None:
            await asyncio.to_thread(self._forker.stop)
            self._forker.close()

    def fork(self, order: Header) -> socket.socket:
        """Have a process forked that does what it is told over the socket that is given."""
        if self._forker is None or not self._forker.is_running:
            self._forker = Forker(self._ended)
        return self._forker.fork(order)

    async def answer(self, client: str, job: Job, begin: Callable[[], None]) -> tuple[Serving, Reply]:
        """Answer a query when it is the client's turn, from the release served then; `begin` is told when it is.

        Raises RequestError if the query is refused or passes a limit, WorkerError if a worker fails, and what `begin`
        raises.
        """
        async with self.admission.place(client) as place:
            begin()
            async with self._worker() as (serving, worker):
                reply = await self._ask(worker, job, place)
        if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise WorkerError(reply.detail)
        if reply.status != HTTPStatus.OK:
            raise RequestError(reply.status, reply.detail, reply.headers, reply.members)
        return serving, reply

    async def _ask(self, worker: Worker, job: Job, place: Place) -> Reply:
        answer = worker.channel.ask(message(job.header()))
        make_room = partial(self._make_room, worker, place)
        patience = Patience(answer, worker.pid, worker.spent_s, self._settings, make_room)
        try:
            reply = Reply.of(*await answer)
        except TimeoutError as error:
            self.killed["others" if patience.is_early else "time"] += 1
            raise self._stopped(is_early=patience.is_early) from error
        except OSError as error:
            if await self._exit_code(worker) == -signal.SIGABRT:  # how the engine says that it has no memory
                self.killed["memory"] += 1
                raise RequestError(HTTPStatus.BAD_REQUEST, TOO_MUCH_MEMORY) from error
            self.killed["unknown"] += 1
            said = f"worker {worker.pid} ended while it answered"
            raise WorkerError(said) from error
        except asyncio.CancelledError:
            self.killed["client gone"] += 1
            raise
        finally:
            patience.end()
        worker.is_spent, worker.spent_s = worker.is_spent or reply.is_spent, reply.spent_s
        return reply

    def _make_room(self, worker: Worker, place: Place) -> bool | None:
        """Have a long query step aside: True if it did, False if it must be stopped, for others to be answered."""
        if not place.step_aside():
            return False if self.admission.waiting else None
        worker.is_spent = True  # it stays as it is now
        with suppress(OSError):  # it has ended this moment
            os.setpriority(os.PRIO_PROCESS, worker.pid, NICENESS)
        self._busy.discard(worker)
        self._aside.add(worker)
        self._refill()
        return True

    def _stopped(self, *, is_early: bool) -> RequestError:
        limit_s, long_s = self._settings.timeout_s, self._settings.long_s
        detail = f"The query was stopped after {limit_s:g} s. Ask for less at a time, or for what is more selective"
        if not is_early:
            return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, detail)
        detail = (
            f"The service is busy, and the query takes more than {long_s:g} s: it was stopped, so that shorter ones "
            "are answered. Try again later, or ask for less at a time"
        )
        return self.admission.busy(HTTPStatus.SERVICE_UNAVAILABLE, detail)

    async def _exit_code(self, worker: Worker) -> int | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                return await asyncio.shield(worker.ended)
        return None

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[tuple[Serving, Worker]]:
        """Have a worker and the release it has open; after any failure it is killed and replaced."""
        serving = await self._shelf.latest()
        worker = await self._have(serving.release.path)
        while worker.release != serving.release.path:  # another release came to be served meanwhile
            self._give_back(worker)
            serving = await self._shelf.latest()
            worker = await self._have(serving.release.path)
        try:
            yield serving, worker
        except BaseException:  # whatever it was, the worker may still be at work
            worker.is_spent = True
            raise
        finally:
            self._give_back(worker)

    async def _have(self, release: Path) -> Worker:
        """Take an idle worker, or the next that is started or given back. Raises RequestError if none can be."""
        self._move_to(release)
        while self._idle:
            worker = self._idle.pop()
            if not worker.channel.is_over:
                self._busy.add(worker)
                return worker
            self._end(worker)
        turn: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        self._refill()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back(turn.result())
            raise

    def _give_back(self, worker: Worker) -> None:
        """Take a worker that does nothing: for who waits for one, to be idle, or to end if there is no use for it."""
        self._busy.discard(worker)
        self._aside.discard(worker)
        turn = self._next_turn()
        if worker.is_spent or worker.release != self._release or self._total() >= self._count:
            self._end(worker)
            self._refill()
        elif turn is not None:
            self._turns.remove(turn)
            self._busy.add(worker)
            turn.set_result(worker)
        else:
            self._idle.append(worker)

    def _next_turn(self) -> asyncio.Future[Worker] | None:
        self._turns = [turn for turn in self._turns if not turn.done()]
        return self._turns[0] if self._turns else None

    def _total(self) -> int:
        return len(self._idle) + len(self._busy) + self._starting

    def _move_to(self, release: Path) -> None:
        """Have idle workers for this release only."""
        if release == self._release:
            return
        self._release = release
        for worker in self._idle:
            self._end(worker)
        self._idle.clear()
        self._refill()

    def _refill(self) -> None:
        """Start as many workers as are missing, in the background."""
        assert self._release is not None, "workers were started"
        for _ in range(self._count - self._total()):
            self._starting += 1
            task = asyncio.get_running_loop().create_task(self._add(self._release))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _add(self, release: Path) -> None:
        try:
            worker = await self._started_at_last(release)
        except RequestError as error:
            self._starting -= 1
            if (turn := self._next_turn()) is not None:
                turn.set_exception(error)
        else:
            self._starting -= 1
            self._give_back(worker)

    async def _started_at_last(self, release: Path) -> Worker:
        for _ in range(START_TRIES - 1):
            with suppress(RequestError):
                return await self._started(release)
        return await self._started(release)

    async def _started(self, release: Path) -> Worker:
        """Start a worker and wait until it has opened the release. Raises RequestError if it cannot."""
        settings: Header = {**asdict(self._settings), "release": None}
        channel = self.fork({"release": str(release), "settings": settings})
        _, connected = await asyncio.get_running_loop().create_unix_connection(Channel, sock=channel)
        worker = Worker(release, connected)
        try:
            async with asyncio.timeout(START_S):
                said, _ = await connected.receive()
        except OSError as error:  # TimeoutError is one
            said = {"refused": f"it ended with {error!r}"}
        except asyncio.CancelledError:
            worker.channel.close()
            raise
        if "pid" in said:
            worker.pid, worker.spent_s = int(str(said["pid"])), float(str(said["spent_s"]))
            self._ended[worker.pid] = worker.ended
            return worker
        worker.channel.close()
        log.error("a worker could not open %s: %s", release, said["refused"])
        detail = "The service cannot answer queries at the moment; try again later"
        raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": f"{self._settings.max_wait_s:.0f}"})

    def _end(self, worker: Worker) -> None:
        """End a worker at once, whatever it does."""
        worker.channel.close()
        if self._forker is not None:
            self._forker.kill(worker.pid)


class Forker:
    """The process that forks workers (endpoint.worker)."""

    def __init__(self, ended: dict[int, asyncio.Future[int]]) -> None:
        self._ended = ended
        self._control, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "endpoint.worker", str(number)]
            # In a session of its own: Ctrl-C is for the server, which lets queries end.
            self._process = subprocess.Popen(
                command, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        self._control.setblocking(False)
        self._received = b""
        self.is_running = True
        asyncio.get_running_loop().add_reader(self._control, self._listen)

    def fork(self, order: Header) -> socket.socket:
        """Have a process forked; it will answer over the socket that is given."""
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):  # then it is gone, and so will be the other
            socket.send_fds(self._control, [f"{json.dumps(order)}\n".encode()], [theirs.fileno()])
        ours.setblocking(False)
        return ours

    def kill(self, pid: int) -> None:
        """Have a worker killed."""
        with suppress(OSError):
            self._control.send(f"{json.dumps({'kill': pid})}\n".encode())

    def stop(self) -> None:
        """End the process, and all workers with it; not in the event loop."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Listen to the process no more."""
        if self.is_running:
            self.is_running = False
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()

    def _listen(self) -> None:
        """Note which workers have ended."""
        try:
            data = self._control.recv(65_536)
        except OSError:
            data = b""
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            said = read_header(line)
            future = self._ended.pop(int(str(said["ended"])), None)  # none for one that could not open its release
            if future is not None and not future.done():
                future.set_result(int(str(said["code"])))
        if not data:
            self.close()
            self._process.kill()
            self._process.wait()


async def unless_gone(request: Request, work: Coroutine[object, object, T]) -> T:
    """Do work for a client. Raises GoneError if it goes away, and the work is cancelled."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None, "this is a coroutine"
    watches: list[asyncio.Task[None]] = []

    def look() -> None:
        watches.append(loop.create_task(_gone(request)))
        watches[0].add_done_callback(lambda watch: watch.cancelled() or task.cancel())

    timer = loop.call_later(QUICK_S, look)
    before = task.cancelling()
    try:
        return await work
    except asyncio.CancelledError:
        if any(watch.done() for watch in watches) and task.uncancel() <= before:
            raise GoneError from None
        raise
    finally:
        timer.cancel()
        for watch in watches:
            watch.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def client_name(request: Request) -> str:
    """Tell clients apart."""
    return client_of(request.client.host if request.client else None)
