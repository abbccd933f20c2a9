"""Answers to queries: one that is kept, or from a worker that is at an equal query, or from a worker of their own.

Equal queries at the same time are answered once. Only a query that has begun is joined: one that waits would share the
wait of its client, who may have many waiting. The answer is made as long as one of the clients is there.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from endpoint.accounts import Source
from endpoint.jobs import TOO_MUCH_MEMORY
from endpoint.kept import Answer, Kept
from endpoint.lookups import look_up
from endpoint.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from endpoint.accounts import Course
    from endpoint.backend import Backend
    from endpoint.jobs import Job
    from endpoint.serving import Shelf


class JoinedError(Exception):
    """An equal query of somebody else has begun, or was answered, meanwhile."""


@dataclass(slots=True, eq=False)
class Flight:
    """A query that is being answered, and how many wait for it."""

    task: asyncio.Task[Answer] | None = None
    waiting: int = 0

    async def landed(self) -> Answer:
        """Wait for the answer; it is given up when nobody waits any more."""
        assert self.task is not None, "it was begun"
        self.waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self.task.cancel()


class Answering:
    """Answers queries; belongs to one event loop."""

    def __init__(self, shelf: Shelf, backend: Backend, cache_bytes: int) -> None:
        self._shelf = shelf
        self._backend = backend
        self._flights: dict[Hashable, Flight] = {}
        self.kept = Kept(cache_bytes)

    @property
    def joined(self) -> int:
        """How many queries wait for the answer to an equal one."""
        return sum(max(0, flight.waiting - 1) for flight in self._flights.values())

    async def answer(self, course: Course, client: str, job: Job) -> Answer:
        """Answer a query. Raises RequestError if it is refused or passes a limit, WorkerError if a worker fails."""
        try:
            answer = await self._answer(course, client, job)
        except RequestError as error:
            course.is_memory = error.detail == TOO_MUCH_MEMORY
            raise
        course.found(answer)
        return answer

    async def _answer(self, course: Course, client: str, job: Job) -> Answer:
        start = time.perf_counter()
        key = None
        while True:
            if job.is_repeatable:
                serving = await self._shelf.latest()
                key = (serving.release.path, *job.key)
                if (kept := self.kept.get(serving, key)) is not None:
                    course.source = Source.KEPT
                    return kept
                if (reply := look_up(job, serving)) is not None:
                    course.source = Source.SERVER
                    return self._keep(Answer(serving, reply, key))
                if (running := self._running(key)) is not None:
                    course.source = Source.SHARED
                    return await running.landed()
            try:
                course.source = Source.WORKER
                return await self._fly(course, client, job, key, start)
            except JoinedError:
                continue

    def _keep(self, answer: Answer) -> Answer:
        self.kept.keep(answer)
        return answer

    def _running(self, key: Hashable) -> Flight | None:
        found = self._flights.get(key)
        return found if found is not None and found.waiting else None  # else it is being given up

    async def _fly(self, course: Course, client: str, job: Job, key: Hashable, start: float) -> Answer:
        flight = Flight()

        def begin() -> None:
            course.waited_s = time.perf_counter() - start
            if key is not None:
                if self._running(key) is not None or key in self.kept:
                    raise JoinedError
                self._flights[key] = flight

        async def make() -> Answer:
            try:
                serving, reply = await self._backend.answer(client, job, begin)
            finally:
                if key is not None and self._flights.get(key) is flight:
                    del self._flights[key]
            return self._keep(Answer(serving, reply, key))

        flight.task = asyncio.ensure_future(make())
        flight.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # it may be that nobody asks
        return await flight.landed()
