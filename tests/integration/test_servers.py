"""Several servers are as one: who is connected to which makes no difference, and none is missed when it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import httpx
import pytest

from endpoint.metrics import Metrics
from tests.integration.small import make_release
from tests.integration.test_workers import NOTE, RUNAWAY, SLOW, SMALL, await_end, serving_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.test_workers import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a port is shared on Linux only")

JSON = "application/sparql-results+json"
CLIENTS = 12
"""So many connections are not all with one of two servers: the odds are one in two thousand."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("servers"))


@contextmanager
def two_servers(release: Path, **settings: float | str) -> Iterator[Server]:
    with serving_any(release, **{"servers": 2, **settings}) as server:
        await_ready(server)
        yield server


def await_ready(server: Server, servers: int = 2) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with suppress(httpx.HTTPError):
            said = httpx.get(f"{server.address}health").json()
            if said["servers"]["alive"] == servers and said["workers"]["alive"] == said["workers"]["wanted"]:
                return
        time.sleep(0.05)
    raise AssertionError("the servers are not ready")


def listening(server: Server) -> set[int]:
    """Give the processes below the first server that listen where it does."""
    port = urlsplit(server.address).port or 0
    lines = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"}
    return {pid for pid in server.processes() if sockets.intersection(files_of(pid))}


def files_of(pid: int) -> set[str]:
    with suppress(OSError):
        return {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()}  # noqa: PTH115 - it names no path
    return set()


def each(server: Server, query: str, **headers: str) -> list[httpx.Response]:
    """Ask a query on many connections at once, each time a little different."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda _: server.ask(query, **headers), range(CLIENTS)))


def figures(server: Server) -> dict[str, float]:
    found = httpx.get(f"{server.address}metrics").text
    return {name: float(value) for name, value in re.findall(r"^(dwpld_\w+(?:\{.*\})?) (\S+)$", found, re.MULTILINE)}


@pytest.fixture(scope="module")
def both(release: Path) -> Iterator[tuple[Server, Server]]:
    """Give two servers as one, and a single one."""
    wanted = {"max_waiting_each": 64, "long_queries": CLIENTS}
    with two_servers(release, **wanted) as two, serving_any(release, **wanted) as one:
        yield two, one


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (SMALL, 200),
        ("ASK { ?s ?p ", 400),
        ("SELECT ?s { ?s ?p }", 400),
        ("SELECT * { ?s <https://a.example/none> ?o }", 200),
        (RUNAWAY["values"], 503),
    ],
)
def test_an_answer_is_that_of_one_server(both: tuple[Server, Server], query: str, status: int) -> None:
    two, one = both
    alone = one.ask(query)
    found = each(two, query)
    assert alone.status_code == status
    own = {"date", "etag", "content-length"}
    headers = {name: value for name, value in alone.headers.items() if name not in own}
    for answer in found:
        assert (answer.status_code, answer.text) == (alone.status_code, alone.text)
        assert {name: value for name, value in answer.headers.items() if name not in own} == headers


def test_what_is_counted_is_added_up(release: Path) -> None:
    with two_servers(release) as server:
        each(server, SMALL)
        label = quote("ASK {}")
        for number in range(CLIENTS):
            httpx.get(f"{server.address}sparql?query={label}%23{number}", headers={"Accept": JSON})
        found = [figures(server) for _ in range(4)]
        pids = listening(server)
    assert len(pids) == 1, "one beside the first"
    for one in found:
        assert one['dwpld_answers_total{source="worker"}'] == CLIENTS
        assert one['dwpld_answers_total{source="server"}'] == CLIENTS
        assert one["dwpld_query_duration_seconds_count"] == 2 * CLIENTS
        assert one['dwpld_query_duration_seconds_bucket{le="+Inf"}'] == 2 * CLIENTS
        assert one["dwpld_cache_answers"] == 2 * CLIENTS
        assert one["dwpld_servers"] == 2


def test_both_have_connections(release: Path) -> None:
    with two_servers(release) as server:
        port = urlsplit(server.address).port or 0
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(CLIENTS)]
        for channel in held:
            channel.sendall(b"GET /health/live HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert channel.recv(4096).startswith(b"HTTP/1.1 200")
        (other,) = listening(server)
        lines = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        open_there = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "01"}
        shares = [len(open_there & files_of(pid)) for pid in (server.process.pid, other)]
        for channel in held:
            channel.close()
    assert sum(shares) == CLIENTS
    assert all(shares)


def test_a_server_that_ends_is_replaced_and_the_others_answer(release: Path) -> None:
    with two_servers(release) as server:
        each(server, SMALL)
        counted = figures(server)
        (before,) = listening(server)
        os.kill(before, signal.SIGKILL)
        assert await_end({before}) == set()
        assert (
            figures(server)['dwpld_answers_total{source="worker"}'] == counted['dwpld_answers_total{source="worker"}']
        )
        assert [answer.status_code for answer in each(server, SMALL)] == [200] * CLIENTS
        await_ready(server)
        (after,) = listening(server)
        assert after != before
        assert [answer.status_code for answer in each(server, SMALL)] == [200] * CLIENTS


def test_who_goes_away_costs_no_worker_its_time(release: Path) -> None:
    with two_servers(release, timeout_s=60, max_waiting_each=64) as server:
        port, query = urlsplit(server.address).port or 0, quote(RUNAWAY["values"])
        for number in range(CLIENTS):
            with socket.create_connection(("127.0.0.1", port)) as channel:
                request = f"GET /sparql?query={query}%23{number} HTTP/1.1\r\nHost: a.test\r\n\r\n"
                channel.sendall(request.encode())
                time.sleep(0.2)
        until = time.monotonic() + 20
        while (found := figures(server))['dwpld_workers{state="busy"}'] and time.monotonic() < until:
            time.sleep(0.1)
        assert found['dwpld_workers{state="busy"}'] == 0
        assert found['dwpld_workers_killed_total{reason="client gone"}'] == CLIENTS
        assert server.is_well()


def test_another_release_is_served_by_both(tmp_path: Path) -> None:
    for note in ("first", "second"):
        make_release(tmp_path / note, note=note)
    (tmp_path / "current").symlink_to("first")
    with two_servers(tmp_path / "current") as server:
        assert all("first" in answer.text for answer in each(server, NOTE))
        (tmp_path / "next").symlink_to("second")
        (tmp_path / "next").rename(tmp_path / "current")
        assert all("second" in answer.text for answer in each(server, NOTE))


def test_queries_that_run_are_answered_when_the_server_is_told_to_end(release: Path) -> None:
    with two_servers(release, timeout_s=20, workers=4) as server:
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(server.ask, SLOW) for _ in range(4)]
            time.sleep(0.7)
            server.process.terminate()
            answers = [one.result() for one in asked]
        assert [answer.status_code for answer in answers] == [200] * 4
        assert server.process.wait(30) == 0


def test_no_connection_is_taken_when_the_server_is_told_to_end(release: Path) -> None:
    with two_servers(release, timeout_s=20) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.ask, SLOW)
        time.sleep(0.3)
        server.process.terminate()
        time.sleep(0.3)
        address = ("127.0.0.1", urlsplit(server.address).port or 0)
        for _ in range(CLIENTS):
            with pytest.raises(ConnectionError):
                socket.create_connection(address)
        assert asked.result().status_code == 200


def test_equal_queries_at_once_cost_one_worker_in_each_server(release: Path) -> None:
    with two_servers(release, max_waiting_each=64, timeout_s=20) as server:
        with ThreadPoolExecutor(CLIENTS) as pool:
            data = {"query": SLOW}
            asked = [pool.submit(httpx.post, f"{server.address}sparql", data=data, timeout=60) for _ in range(CLIENTS)]
            assert {one.result().status_code for one in asked} == {200}
        found = figures(server)
    assert found['dwpld_workers_killed_total{reason="client gone"}'] == 0
    assert found['dwpld_answers_total{source="worker"}'] <= 2
    assert sum(n for name, n in found.items() if name.startswith("dwpld_answers_total")) == CLIENTS


def test_all_end_when_the_first_is_killed(release: Path) -> None:
    with two_servers(release) as server:
        pids = server.processes()
        assert len(pids) > 3
        server.process.kill()
        assert await_end(pids) == set()


def test_the_log_of_queries_is_one(release: Path, tmp_path: Path) -> None:
    path = tmp_path / "queries.log"
    with two_servers(release, query_log=str(path), log_clients="hash") as server:
        each(server, SMALL)
        for number in range(CLIENTS):
            httpx.get(f"{server.address}sparql?query=ASK%7B%7D%23{number}", headers={"Accept": JSON})
    lines = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert Counter(line["source"] for line in lines) == {"worker": CLIENTS, "server": CLIENTS}
    assert len({line["client"] for line in lines}) == 1
    assert {line["outcome"] for line in lines} == {"answered"}


def test_a_port_of_another_is_not_shared(release: Path) -> None:
    with two_servers(release) as server:
        port = str(urlsplit(server.address).port)
        command = [sys.executable, "-m", "endpoint", "--release", str(release), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert "--port" in done.stderr


def test_a_server_that_cannot_open_the_release_is_tried_again_ever_later(tmp_path: Path) -> None:
    make_release(tmp_path / "first")
    (tmp_path / "current").symlink_to("first")
    with two_servers(tmp_path / "current") as server:
        (tmp_path / "broken").mkdir()
        (tmp_path / "next").symlink_to("broken")
        (tmp_path / "next").rename(tmp_path / "current")
        (before,) = listening(server)
        os.kill(before, signal.SIGKILL)
        assert [answer.status_code for answer in each(server, SMALL)] == [200] * CLIENTS
        (tmp_path / "next").symlink_to("first")
        (tmp_path / "next").rename(tmp_path / "current")
        await_ready(server)


def test_samples_of_others_are_added_by_name_and_labels() -> None:
    one = ("dwpld_requests_total", {"route": "data", "status": "200"}, 2.0)
    written = Metrics().write([{"dwpld_requests": [one]}, {"dwpld_requests": [one], "other": [one]}]).decode()
    assert 'dwpld_requests_total{route="data",status="200"} 4.0' in written
