"""Messages over a worker's socket, however they arrive, and what is told when it ends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from endpoint.channels import Channel
from endpoint.jobs import message
from endpoint.patience import Patience
from endpoint.settings import Settings


async def connected() -> tuple[Channel, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    _, channel = await asyncio.get_running_loop().create_unix_connection(Channel, sock=ours)
    return channel, theirs


def test_messages_are_read_in_any_pieces() -> None:
    async def run() -> None:
        channel, theirs = await connected()
        text = message({"n": 1}, b"x" * 10_000) + message({"n": 2}) + message({"n": 3}, b"y")
        with theirs:
            for step in (1, 7, 300, len(text)):
                found, awaited = [], channel.receive()
                for start in range(0, len(text), step):
                    channel.data_received(text[start : start + step])
                    while awaited.done():
                        found.append(await awaited)
                        awaited = channel.receive()
                assert found == [({"n": 1}, b"x" * 10_000), ({"n": 2}, b""), ({"n": 3}, b"y")]
            channel.close()

    asyncio.run(run())


def test_what_awaits_a_worker_that_ends_is_told() -> None:
    async def run() -> None:
        channel, theirs = await connected()
        awaited = channel.ask(b"anything")
        assert theirs.recv(100) == b"anything"
        theirs.sendall(message({"half": 1})[:5])
        theirs.close()
        with pytest.raises(ConnectionResetError):
            await awaited
        assert channel.is_over
        with pytest.raises(ConnectionResetError):
            await channel.receive()

    asyncio.run(run())


def test_an_answer_that_nobody_awaits_any_more_is_passed_over() -> None:
    async def run() -> None:
        channel, theirs = await connected()
        with theirs:
            channel.receive().cancel()
            channel.data_received(message({}))
            channel.eof_received()
            channel.close()

    asyncio.run(run())


@pytest.mark.parametrize(("room", "is_early"), [(True, False), (False, True), (None, False)])
def test_a_long_query_makes_room_once_and_ends_at_last(*, room: bool | None, is_early: bool) -> None:
    asked = []

    def make_room() -> bool | None:
        asked.append(room)
        return room

    async def run() -> Patience:
        answer = asyncio.get_running_loop().create_future()
        pid = 0  # of no process: the clock decides
        patience = Patience(answer, pid, 0, Settings(Path(), timeout_s=0.3, long_s=0.02), make_room)
        with pytest.raises(TimeoutError):
            await answer
        patience.end()
        return patience

    assert asyncio.run(run()).is_early is is_early
    assert len(asked) == 1 if room is not None else len(asked) > 1


def test_a_query_that_had_little_of_the_processors_is_not_long() -> None:
    async def run() -> None:
        answer = asyncio.get_running_loop().create_future()
        patience = Patience(
            answer, 1, 1e9, Settings(Path(), timeout_s=0.2, long_s=0.01), lambda: pytest.fail("it is not long")
        )
        with pytest.raises(TimeoutError):
            await answer
        assert not patience.is_early

    asyncio.run(run())
