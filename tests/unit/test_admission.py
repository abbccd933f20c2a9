"""Who may ask now: the queue is fair, bounded, and left by who goes away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from endpoint.admission import Admission, Bounds, client_of
from endpoint.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BOUNDS = Bounds(places=3, waiting=6, waiting_each=4, wait_s=30)


class Asking:
    """Queries that run until they are told to end."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.admission = Admission(bounds)
        self.begun: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ends: dict[str, asyncio.Event] = {}

    async def ask(self, *names: str) -> None:
        """Ask queries; the first letter of a name is the client."""
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.ensure_future(self._run(name))
            await turn_over()

    async def _run(self, name: str) -> None:
        async with self.admission.place(name[0]):
            self.begun.append(name)
            await self.ends[name].wait()

    async def end(self, *names: str) -> None:
        """End queries."""
        for name in names:
            self.ends[name].set()
            await turn_over()

    async def cancel(self, name: str) -> None:
        """Go away."""
        self.tasks[name].cancel()
        await turn_over()


async def turn_over() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Callable[[Asking], Awaitable[None]], bounds: Bounds = BOUNDS) -> None:
    async def whole() -> None:
        asking = Asking(bounds)
        await test(asking)
        for task in asking.tasks.values():
            task.cancel()
        await asyncio.gather(*asking.tasks.values(), return_exceptions=True)
        assert (asking.admission.running, asking.admission.waiting) == (0, 0)

    asyncio.run(whole())


def test_no_client_has_every_place() -> None:
    async def test(asking: Asking) -> None:
        await asking.ask("a1", "a2", "a3", "b1")
        assert asking.begun == ["a1", "a2", "b1"]

    run(test)


def test_clients_take_turns() -> None:
    async def test(asking: Asking) -> None:
        await asking.ask("a1", "a2", "b1", "a3", "a4", "a5", "b2", "b3", "c1")
        await asking.end("b1", "a1", "a2", "c1", "b2")
        assert asking.begun == ["a1", "a2", "b1", "b2", "c1", "a3", "b3", "a4"]

    run(test)


def test_who_goes_away_leaves_the_queue() -> None:
    async def test(asking: Asking) -> None:
        await asking.ask("a1", "b1", "c1", "a2", "b2")
        await asking.cancel("a2")
        assert asking.admission.waiting == 1
        await asking.end("a1")
        assert asking.begun == ["a1", "b1", "c1", "b2"]

    run(test)


def test_who_goes_away_as_its_turn_comes_passes_it_on() -> None:
    async def test(asking: Asking) -> None:
        async with asking.admission.place("a"):
            await asking.ask("b1", "c1", "d1", "e1")
        asking.tasks["d1"].cancel()  # before it hears that its turn has come
        await turn_over()
        assert asking.begun == ["b1", "c1", "e1"]

    run(test)


def test_the_queue_is_bounded() -> None:
    async def test(asking: Asking) -> None:
        await asking.ask("a1", "a2", *(f"a{n}" for n in range(3, 8)))
        error = asking.tasks["a7"].exception()
        assert isinstance(error, RequestError)
        assert error.status == 429
        await asking.ask("b1", "b2", "c1", "d1")
        refused = asking.tasks["d1"].exception()
        assert isinstance(refused, RequestError)
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "30"

    run(test)


def test_a_wait_is_bounded() -> None:
    async def test(asking: Asking) -> None:
        await asking.ask("a1", "b1")
        with pytest.raises(RequestError, match="503"):
            await asking.tasks["b1"]
        await asking.end("a1")
        await asking.ask("b2")
        assert asking.begun == ["a1", "b2"]

    run(test, Bounds(places=1, waiting=6, waiting_each=4, wait_s=0.01))


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_clients_are_told_apart(host: str | None, client: str) -> None:
    assert client_of(host).replace("::ffff:c000:201", "::ffff:192.0.2.1") == client
