"""A request that is byte by byte one before is answered as that was, and nothing else is taken for one."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from endpoint.connections import is_whole
from tests.integration.small import make_release
from tests.integration.test_workers import serving_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.test_workers import Server

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="processes are looked up in /proc")

NOTE = (
    b"GET /sparql?format=csv&query=SELECT%20%3Fnote%20%7B%20%3Cid%2Fnote%3E%20"
    b"%3Chttp%3A%2F%2Fwww.w3.org%2F2000%2F01%2Frdf-schema%23label%3E%20%3Fnote%20%7D HTTP/1.1\r\nHost: a.test\r\n\r\n"
)
ASK = b"GET /sparql?query=ASK%7B%7D HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n"


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    for note in ("first", "second"):
        make_release(tmp_path / note, note=note)
    (tmp_path / "current").symlink_to("first")
    return tmp_path


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    host, port = re.findall(r"//(.*):(\d+)/", server.address)[0]
    with socket.create_connection((host, int(port)), timeout=30) as channel:
        yield channel


def receive(channel: socket.socket) -> tuple[bytes, bytes]:
    """Read one answer: its head without the date, and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += channel.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
    while len(body) < length:
        body += channel.recv(65_536)
    assert len(body) == length
    assert re.search(rb"\r\ndate: ", head)
    return re.sub(rb"\r\ndate: [^\r]*", b"", head), body


def ask(channel: socket.socket, request: bytes) -> tuple[bytes, bytes]:
    channel.sendall(request)
    return receive(channel)


def kept(server: Server) -> int:
    found = re.findall(r'dwpld_answers_total\{source="kept"\} (\d+)', httpx.get(f"{server.address}metrics").text)
    return int(found[0]) if found else 0


def test_the_same_bytes_have_the_same_answer_until_another_release(releases: Path) -> None:
    with serving_any(releases / "current") as server, connected(server) as channel:
        answers = [ask(channel, NOTE) for _ in range(6)]
        assert len(set(answers)) == 1
        assert b"first" in answers[0][1]
        assert kept(server) == 5
        (releases / "next").symlink_to("second")
        (releases / "next").rename(releases / "current")
        assert [b"second" in ask(channel, NOTE)[1] for _ in range(4)] == [True] * 4


def test_what_comes_in_pieces_or_at_once_is_read_as_it_is(releases: Path) -> None:
    with serving_any(releases / "current") as server, connected(server) as channel:
        note, yes = ask(channel, NOTE), ask(channel, ASK)
        assert (ask(channel, NOTE), ask(channel, ASK)) == (note, yes)
        channel.sendall(NOTE + ASK + NOTE[:30])
        assert sorted((receive_one(channel), receive_one(channel))) == sorted((note, yes))
        channel.sendall(NOTE[30:])
        assert receive_one(channel) == note
        assert ask(channel, ASK) == yes


def receive_one(channel: socket.socket) -> tuple[bytes, bytes]:
    """Read exactly one answer, byte by byte, as another may come behind it."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += channel.recv(1)
    length = int(re.findall(rb"(?i)content-length: (\d+)", data)[0])
    body = channel.recv(length, socket.MSG_WAITALL)
    return re.sub(rb"\r\ndate: [^\r]*", b"", data[:-4]), body


def test_a_request_inside_of_another_is_none(releases: Path) -> None:
    with serving_any(releases / "current") as server, connected(server) as channel:
        note = [ask(channel, NOTE) for _ in range(3)]
        channel.sendall(ASK + b"GET /nothing-there HTTP/1.1\r\nAccept: text/plain\r\nX-Inside: ")
        assert receive_one(channel)[1] != note[0][1]
        channel.sendall(NOTE)  # goes on with the header
        assert b" 404 " in receive_one(channel)[0]


def test_the_rest_of_a_body_is_never_taken_for_a_request(releases: Path) -> None:
    with serving_any(releases / "current") as server, connected(server) as channel:
        note = [ask(channel, NOTE) for _ in range(3)]
        head = "POST /sparql HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/sparql-query"
        head += f"\r\nContent-Length: {len(NOTE)}"
        channel.sendall(f"{head}\r\n\r\n".encode())
        channel.sendall(NOTE)  # it is the query, and no good one
        status, _ = receive_one(channel)
        assert b" 400 " in status
        assert ask(channel, NOTE) == note[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", True),
        (b"Connection: keep-alive\r\n", True),
        (b"Connection: close\r\n", False),
        (b"Connection: keep-alive\r\nConnection: close\r\n", False),
        (b"CONTENT-LENGTH: 3\r\n", False),
        (b"Transfer-Encoding: chunked\r\n", False),
        (b"Upgrade: websocket\r\n", False),
        (b"Expect: 100-continue\r\n", False),
        (b"\r\nGET / HTTP/1.1\r\n", False),
    ],
)
def test_only_a_plain_request_is_whole(line: bytes, expected: bool) -> None:
    assert is_whole(b"GET / HTTP/1.1\r\nHost: a.test\r\n" + line + b"\r\n") is expected


@pytest.mark.parametrize("data", [b"POST / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\n", b""])
def test_what_is_no_such_request_is_not_whole(data: bytes) -> None:
    assert not is_whole(data)
