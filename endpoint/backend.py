"""What a server has workers, a log and an account of itself from: itself, or the first of several servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prometheus_client import ProcessCollector
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from endpoint.health import NO_STORE, health_answer
from endpoint.metrics import CONTENT_TYPE, State
from endpoint.query_log import QueryLog
from endpoint.servers import Servers, server_count
from endpoint.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prometheus_client.registry import Collector

    from endpoint.accounts import Course
    from endpoint.jobs import Job, Reply
    from endpoint.metrics import Metrics
    from endpoint.serving import Serving, Shelf
    from endpoint.settings import Settings


class Backend(Protocol):
    """What stands behind a server."""

    @property
    def servers(self) -> int:
        """How many servers there are, this one included."""
        ...

    @property
    def collectors(self) -> Sequence[Collector]:
        """What it counts itself."""
        ...

    async def start(self, metrics: Metrics) -> None:
        """Begin; `metrics` are the server's."""
        ...

    def end(self) -> None:
        """Know that the server takes no more requests."""
        ...

    async def stop(self) -> None:
        """End."""
        ...

    async def answer(self, client: str, job: Job, begin: Callable[[], None]) -> tuple[Serving, Reply]:
        """Have a worker answer a query, as `Workers.answer`."""
        ...

    def note(self, course: Course, took_s: float, client: str) -> None:
        """Log a query that has come to an end, if it is to be."""
        ...

    async def health(self) -> Response:
        """Tell how all servers are."""
        ...

    async def metrics(self) -> Response:
        """Tell what all servers have counted."""
        ...


class Own:
    """Workers and a log of this process, and other servers beside it if it has a port to share with them."""

    def __init__(self, settings: Settings, shelf: Shelf, address: tuple[str, int] | None = None) -> None:
        self._settings = settings
        self._shelf = shelf
        self._address = address
        self._workers = Workers(settings, shelf)
        self._log = QueryLog(settings)
        self._servers = Servers(settings, self._workers, self._log, {"health": self.health, "metrics": self.metrics})
        self._metrics: Metrics | None = None
        self.answer = self._workers.answer
        self.note = self._log.note

    @property
    def servers(self) -> int:
        """One, unless there is a port to share."""
        return 1 if self._address is None else server_count(self._settings)

    @property
    def collectors(self) -> Sequence[Collector]:
        """What is counted besides requests."""
        return ProcessCollector(registry=None), State(
            self._shelf, self._workers, self._log, lambda: 1 + self._servers.ready
        )

    async def start(self, metrics: Metrics) -> None:
        """Start workers, the log and other servers."""
        self._metrics = metrics
        self._log.start()
        self._workers.start()
        if self._address is not None:
            self._servers.start(self._address)

    def end(self) -> None:
        """Have other servers take no more requests."""
        self._servers.end()

    async def stop(self) -> None:
        """End the others, then the workers."""
        await self._servers.stop()
        await self._workers.stop()
        await run_in_threadpool(self._log.stop)

    async def health(self) -> Response:
        """Tell whether queries can be answered."""
        servers = {"wanted": self.servers, "alive": 1 + self._servers.ready}
        return await health_answer(self._shelf, self._workers, servers)

    async def metrics(self) -> Response:
        """Add up what is counted here and in the other servers."""
        assert self._metrics is not None, "it was started"
        written = self._metrics.write(await self._servers.samples())
        return Response(written, headers={**NO_STORE, "Content-Type": CONTENT_TYPE})
