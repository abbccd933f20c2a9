"""Who may ask now: so many queries at a time, the others in a queue of bounded length, and no client before its turn.

The next place goes to the waiting client that has the fewest queries running, and among those to the one that waited
longest for a place of its own. No client ever has all places, so that another is always answered, however long the
queries of the first may run. A query that takes long steps aside, where there is room for some, and its place is free.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from endpoint.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IPV6_NETWORK: Final = 64
"""Bits of an IPv6 address that tell one client from another: the rest is its own to choose."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many may ask."""

    places: int
    """Queries answered at a time."""
    waiting: int
    """Queries that wait, of all clients together."""
    waiting_each: int
    """Queries of one client that wait."""
    wait_s: float
    """Longest wait."""
    aside: int
    """Long queries answered beside those that have places."""

    @property
    def each(self) -> int:
        """Queries of one client that have places."""
        return max(1, self.places - 1)

    @property
    def aside_each(self) -> int:
        """Long queries of one client that are aside."""
        return max(1, self.aside - 1)


class Place:
    """Where a query is answered."""

    def __init__(self, admission: Admission, client: str) -> None:
        self._admission = admission
        self._client = client
        self.is_aside = False

    def step_aside(self) -> bool:
        """Let another query have the place, and go on beside it; False if there is no room."""
        self.is_aside = self.is_aside or self._admission.move_aside(self._client)
        return self.is_aside


class Admission:
    """The places and the queue; belongs to one event loop."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._running: Counter[str] = Counter()
        self._aside: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def running(self) -> int:
        """How many queries have places."""
        return self._running.total()

    @property
    def aside(self) -> int:
        """How many long queries are answered beside them."""
        return self._aside.total()

    @property
    def waiting(self) -> int:
        """How many queries wait."""
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[Place]:
        """Have a place, when it is this client's turn.

        Raises RequestError: 429 if this client has too many queries waiting, 503 if all clients together have, or if
        no place became free in time.
        """
        if self.running < self._bounds.places and self._running[client] < self._bounds.each:
            self._running[client] += 1  # nobody waits who could have it
        else:
            await self._wait(client)
        place = Place(self, client)
        try:
            yield place
        finally:
            self._leave(client, self._aside if place.is_aside else self._running)

    def move_aside(self, client: str) -> bool:
        """Take a query of a client out of its place, if there is room beside; then another may have that."""
        if self.aside >= self._bounds.aside or self._aside[client] >= self._bounds.aside_each:
            return False
        self._aside[client] += 1
        self._leave(client, self._running)
        return True

    async def _wait(self, client: str) -> None:
        self._refuse_more(client)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(client, deque()).append(turn)
        try:
            async with asyncio.timeout(self._bounds.wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave(client, self._running)  # its turn came at the same moment
            else:
                self._forget(client, turn)
            if isinstance(error, TimeoutError):
                detail = f"The service is busy: no query could be begun for {self._bounds.wait_s:g} s; try again later"
                raise self.busy(HTTPStatus.SERVICE_UNAVAILABLE, detail) from error
            raise

    def _refuse_more(self, client: str) -> None:
        if len(self._queues.get(client, ())) >= self._bounds.waiting_each:
            detail = (
                f"You have {self._bounds.waiting_each} queries waiting already; wait for answers before you ask more"
            )
            raise self.busy(HTTPStatus.TOO_MANY_REQUESTS, detail)
        if self.waiting >= self._bounds.waiting:
            detail = "The service is busy: too many queries are waiting; try again later"
            raise self.busy(HTTPStatus.SERVICE_UNAVAILABLE, detail)

    def busy(self, status: HTTPStatus, detail: str) -> RequestError:
        """Refuse what may be asked again later."""
        return RequestError(status, detail, {"Retry-After": f"{self._bounds.wait_s:.0f}"})

    def _leave(self, client: str, group: Counter[str]) -> None:
        group[client] -= 1
        if not group[client]:
            del group[client]
        self._call_next()

    def _forget(self, client: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(client, deque())
        if turn in queue:
            queue.remove(turn)
        if not queue:
            self._queues.pop(client, None)

    def _call_next(self) -> None:
        """Give free places away. The order of the queues is the order in which clients had their last turn."""
        while self.running < self._bounds.places:
            able = [client for client in self._queues if self._running[client] < self._bounds.each]
            if not able:
                return
            client = min(able, key=lambda name: self._running[name] + self._aside[name])
            queue = self._queues.pop(client)
            turn = queue.popleft()
            if queue:
                self._queues[client] = queue  # behind the others
            if not turn.done():  # or its client has gone, and will say so
                self._running[client] += 1
                turn.set_result(None)


@lru_cache(maxsize=1_024)
def client_of(host: str | None) -> str:
    """Tell clients apart by their address; all of one IPv6 network are one."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
    return str(address)
