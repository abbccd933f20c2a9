"""Worker processes: what passes a limit is stopped, and everybody else is answered as if nothing had been."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest

from tests.integration.small import make_release
from tests.integration.test_release_swap import open_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.release import Release

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="processes are looked up in /proc")

JSON = "application/sparql-results+json"
TIMEOUT_S = 1.0
MEMORY_BYTES = 256 * 1024 * 1024
ROWS = 100
NUMBERS = " ".join(map(str, range(300)))
VALUES = " ".join(f"VALUES ?v{n} {{ {NUMBERS} }}" for n in range(5))
TRIPLES = " ".join(f"?s{n} ?p{n} ?o{n} ." for n in range(5))
RUNAWAY = {
    "join": f"SELECT (COUNT(*) AS ?n) {{ {TRIPLES} }}",
    "values": f"SELECT (COUNT(*) AS ?n) {{ {VALUES} }}",
    "sort": f"SELECT (COUNT(*) AS ?n) {{ {{ SELECT * {{ {VALUES} }} ORDER BY RAND() LIMIT 1 }} }}",
    "path": "SELECT (COUNT(*) AS ?n) { ?a (!<x:x>|^!<x:x>)* ?b . ?c (!<x:x>|^!<x:x>)* ?d . ?e (!<x:x>|^!<x:x>)* ?f }",
    "nested": f"SELECT * {{ {VALUES} FILTER(?v0 + ?v1 + ?v2 + ?v3 + ?v4 < -1) {'{' * 190} ?s ?p ?o {'}' * 190} }}",
    "union": f"SELECT (COUNT(*) AS ?n) {{ {VALUES} {' UNION '.join(['{ ?s ?p ?o }'] * 2_000)} }}",
}
HOG = f"SELECT * {{ {VALUES} }} ORDER BY ?v0 ?v1 ?v2 ?v3 ?v4"
NOTE = "SELECT ?note { <id/note> <http://www.w3.org/2000/01/rdf-schema#label> ?note }"
SLOW = f"""SELECT ?note {{ <id/note> <http://www.w3.org/2000/01/rdf-schema#label> ?note
  {{ SELECT (COUNT(*) AS ?n) {{ {" ".join(f"VALUES ?v{n} {{ {NUMBERS} }}" for n in range(3))} }} }} }}"""
SMALL = "SELECT (COUNT(*) AS ?n) { ?o <def/measure/households> ?h }"


class Server:
    """A server process, and what can be seen of it from outside."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address
        self._numbers = count()

    def ask(self, query: str, accept: str = JSON, **headers: str) -> httpx.Response:
        """Ask a query, which is like no other, so that a worker answers it."""
        headers = {"Accept": accept, **headers}
        query = f"{query}\n# {next(self._numbers)}"
        return httpx.post(f"{self.address}sparql", data={"query": query}, headers=headers, timeout=30)

    def is_well(self) -> bool:
        """Tell whether a small query is answered rightly."""
        found = self.ask(SMALL)
        return found.status_code == 200 and found.json()["results"]["bindings"][0]["n"]["value"] == "30"

    def processes(self) -> set[int]:
        """Give the process that forks, and the workers."""
        forkers = children(self.process.pid)
        return forkers.union(*(children(pid) for pid in forkers))

    def workers(self) -> set[int]:
        """Give the workers."""
        return set().union(*(children(pid) for pid in children(self.process.pid)))

    def opened(self, folder: Path) -> list[Path]:
        """Give the files below a folder that workers have open."""
        return [path for pid in self.workers() for path in open_below(pid, folder)]

    def busy(self) -> int:
        """Give a worker that works at something: the one with most time spent, once it is more than opening takes."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            spent = {pid: seconds_spent(pid) for pid in self.workers()}
            pid = max(spent, key=lambda each: spent[each], default=0)
            if pid and spent[pid] > 0.3:
                return pid
        raise AssertionError("no worker works")


def children(pid: int) -> set[int]:
    with suppress(OSError):
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()))
    return set()


def seconds_spent(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in "ZX"
    return False


def await_end(pids: set[int], seconds: float = 10) -> set[int]:
    """Wait until processes have ended, and give those that have not."""
    until = time.monotonic() + seconds
    while (left := {pid for pid in pids if is_running(pid)}) and time.monotonic() < until:
        os.sched_yield()
    return left


@contextmanager
def serving(release: Path, **settings: float) -> Iterator[Server]:
    with serving_any(release, **settings) as server:
        assert server.is_well()
        yield server


@contextmanager
def serving_any(release: Path, **settings: float | str) -> Iterator[Server]:
    limits: dict[str, float | str] = {
        "timeout_s": TIMEOUT_S,
        "max_memory_bytes": MEMORY_BYTES,
        "max_rows": ROWS,
        "workers": 3,
        "servers": 1,
    }
    limits |= settings
    environment = {**os.environ, **{f"DWPLD_{name.upper()}": str(value) for name, value in limits.items()}}
    command = [sys.executable, "-m", "endpoint", "--release", str(release), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        address = process.stderr.readline().strip().rpartition(" at ")[2]
        draining = threading.Thread(target=process.stderr.read)
        draining.start()
        server = Server(process, address)
        try:
            yield server
        finally:
            pids = server.processes()
            process.terminate()
            process.wait(30)
            draining.join()
            assert await_end(pids) == set()


WHOLE = "SELECT (COUNT(*) AS ?n) { ?o <http://purl.org/linked-data/cube#dataSet>+ ?d }"
"""What columns cannot answer: a store of every triple is made for it."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def server(release: Path) -> Iterator[Server]:
    with serving(release) as made:
        yield made


@pytest.mark.parametrize("name", RUNAWAY)
def test_a_runaway_query_is_stopped_and_the_next_is_answered(server: Server, name: str) -> None:
    start = time.monotonic()
    found = server.ask(RUNAWAY[name])
    took_s = time.monotonic() - start
    is_out_of_memory = found.status_code == 400 and "more memory" in found.text  # whichever limit it passes first
    assert is_out_of_memory or (found.status_code == 503 and "stopped after 1 s" in found.text), found.text
    assert is_out_of_memory or took_s >= TIMEOUT_S
    assert took_s < TIMEOUT_S + 5
    assert server.is_well()


def test_a_query_that_takes_too_much_memory_is_the_querys_fault(release: Path) -> None:
    with serving(release, timeout_s=30) as server:
        before = server.workers()
        found = server.ask(HOG)
        assert found.status_code == 400, found.text
        assert "memory" in found.json()["detail"]
        assert server.is_well()
        assert len(before & server.workers()) == len(before) - 1


def test_a_person_is_told_beside_the_query(server: Server) -> None:
    found = server.ask(RUNAWAY["values"], "text/html")
    assert found.status_code == 503
    assert "stopped after 1 s" in found.text
    assert "VALUES ?v4" in found.text


def test_the_query_of_a_page_has_the_same_limits(server: Server) -> None:
    cut = server.ask("SELECT ?x ?y { VALUES ?x { 1 2 3 4 5 6 7 8 9 0 } ?s ?p ?y }", "text/html")
    assert cut.headers["X-SPARQL-MaxRows"] == str(ROWS)
    assert "it is cut after 100" in cut.text


@pytest.mark.parametrize("query", ["SELECT ?s ?p ?o { ?s ?p ?o }", "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"])
def test_a_cut_result_says_so_or_is_refused(server: Server, query: str) -> None:
    is_table = query.startswith("SELECT")
    forms = [JSON, "application/sparql-results+xml"] if is_table else ["text/turtle", "application/n-triples"]
    refused = ["text/csv", "text/tab-separated-values"] if is_table else ["application/ld+json"]
    for form in forms if is_table else [*forms, "application/rdf+xml"]:
        found = server.ask(query, form)
        assert found.status_code == 200
        assert found.headers["X-SPARQL-MaxRows"] == str(ROWS)
        assert f"#cut-after-{ROWS}" in found.text
    for form in refused:
        found = server.ask(query, form)
        assert found.status_code == 400
        assert "more than 100" in found.json()["detail"]
    whole = server.ask(f"{query} LIMIT {ROWS}", forms[0])
    assert "X-SPARQL-MaxRows" not in whole.headers
    assert "cut-after" not in whole.text


def test_a_worker_killed_from_outside_fails_one_query(release: Path) -> None:
    with serving(release, timeout_s=60) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.ask, RUNAWAY["values"])
        os.kill(server.busy(), signal.SIGKILL)
        found = asked.result()
        assert found.status_code == 500
        assert "logged as request" in found.json()["detail"]
        assert server.is_well()


def test_idle_workers_killed_from_outside_fail_none(server: Server) -> None:
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
        assert await_end({pid}) == set()
    assert server.is_well()


def test_the_process_that_forks_is_replaced(server: Server) -> None:
    forkers, workers = children(server.process.pid), server.workers()
    for pid in forkers:
        os.kill(pid, signal.SIGKILL)
    assert await_end(forkers | workers) == set()
    assert server.is_well()
    assert not forkers & children(server.process.pid)


def test_a_client_that_goes_away_stops_its_query(release: Path) -> None:
    with serving(release, timeout_s=60) as server:
        host, port = re.findall(r"//(.*):(\d+)/", server.address)[0]
        with socket.create_connection((host, int(port))) as client:
            target = f"/sparql?query={quote(RUNAWAY['values'])}"
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: {JSON}\r\n\r\n".encode())
            worker = server.busy()
        assert await_end({worker}) == set()
        assert server.is_well()


def test_one_client_does_not_starve_another(release: Path) -> None:
    with serving(release, timeout_s=30) as server, ThreadPoolExecutor(6) as pool:
        flood = [pool.submit(server.ask, RUNAWAY["values"], **{"X-Forwarded-For": "192.0.2.1"}) for _ in range(6)]
        server.busy()
        start = time.monotonic()
        for _ in range(10):
            assert server.is_well()
        assert time.monotonic() - start < 10
        assert all("Retry-After" in one.result().headers for one in flood if one.done())
        server.process.kill()
        for asked in flood:
            assert isinstance(asked.exception(), httpx.HTTPError | None)


def test_a_client_with_too_many_queries_is_told_to_wait(release: Path) -> None:
    with serving(release, max_waiting_each=2, timeout_s=2) as server, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.ask, [RUNAWAY["values"]] * 8))
        statuses = sorted(found.status_code for found in answers)
        assert statuses == [429] * 4 + [503] * 4 or statuses.count(429) >= 4
        told = next(found for found in answers if found.status_code == 429)
        assert int(told.headers["Retry-After"]) > 0
        assert server.is_well()


def test_no_process_survives_the_server(release: Path) -> None:
    with serving(release, timeout_s=60) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.ask, RUNAWAY["values"])
        server.busy()
        pids = server.processes()
        assert len(pids) == 4
        server.process.kill()
        assert isinstance(asked.exception(), httpx.HTTPError)
        assert await_end(pids) == set()


def test_a_server_that_is_told_to_end_answers_first(release: Path) -> None:
    with serving(release, timeout_s=2) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.ask, RUNAWAY["values"])
        server.busy()
        pids = server.processes()
        for pid in (server.process.pid, *pids):  # as a service manager does
            os.kill(pid, signal.SIGTERM)
        assert asked.result().status_code == 503
        assert "stopped after 2 s" in asked.result().json()["detail"]
        assert server.process.wait(10) == 0
        assert await_end(pids) == set()


def test_a_query_under_way_ends_with_the_release_it_began_with(tmp_path: Path) -> None:
    for note in ("first", "second"):
        make_release(tmp_path / "releases" / note, note=note)
    (tmp_path / "current").symlink_to("releases/first")
    with serving(tmp_path / "current", timeout_s=60) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.ask, SLOW)
        server.busy()
        (tmp_path / "next").symlink_to("releases/second")
        (tmp_path / "next").rename(tmp_path / "current")
        assert {noted(server.ask(NOTE)) for _ in range(6)} == {"second"}
        assert not asked.done()
        assert noted(asked.result()) == "first"
        assert {noted(server.ask(NOTE)) for _ in range(6)} == {"second"}
        assert server.opened(tmp_path / "releases" / "second")
        assert not server.opened(tmp_path / "releases" / "first")


def noted(found: httpx.Response) -> str:
    assert found.status_code == 200, found.text
    return str(found.json()["results"]["bindings"][0]["note"]["value"])


def test_memory_is_back_where_it_was_after_many_kills(release: Path) -> None:
    with serving(release, timeout_s=0.1) as server, ThreadPoolExecutor(2) as pool:
        list(pool.map(server.ask, [RUNAWAY["values"]] * 10))
        before, open_before = resident_bytes(server.process.pid), open_files(server.process.pid)
        assert {found.status_code for found in pool.map(server.ask, [RUNAWAY["values"]] * 40)} == {503}
        assert server.is_well()
        assert resident_bytes(server.process.pid) - before < 10_000_000
        assert open_files(server.process.pid) <= open_before + 1
        until = time.monotonic() + 10
        while (
            len(server.workers()) > 3 and time.monotonic() < until
        ):  # the last that was killed may not have been reaped
            time.sleep(0.05)
        assert len(server.workers()) <= 3


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_short_queries_are_answered_while_long_ones_run(release: Path) -> None:
    forever = RUNAWAY["values"]
    with serving(release, timeout_s=20, long_s=0.1, long_queries=2, workers=2) as server:

        def ask(number: int, query: str) -> tuple[float, httpx.Response]:
            start = time.monotonic()
            found = server.ask(query, **{"X-Forwarded-For": f"192.0.2.{number}"})
            return time.monotonic() - start, found

        with ThreadPoolExecutor(10) as pool:
            long = [pool.submit(ask, number, forever) for number in range(6)]
            short = [future.result() for future in [pool.submit(ask, number, SMALL) for number in range(10, 14)]]
            assert {found.status_code for _, found in short} == {200}
            assert max(seconds for seconds, _ in short) < 10
            found = [future.result()[1] for future in long]
        early = [one for one in found if "Retry-After" in one.headers]
        assert {one.status_code for one in found} == {503}
        assert len(early) >= 2  # of six, two are aside and two may have places until the end
        assert all("the service is busy" in one.text.lower() for one in early)
        assert server.is_well()


def test_what_a_worker_loads_for_good_does_not_count_as_a_querys(shipped_release: Release) -> None:
    with serving_any(shipped_release.path, timeout_s=60, long_s=60, workers=1, max_memory_bytes=512 << 20) as server:
        assert server.ask("ASK { ?s ?p ?o }").status_code == 200
        pids = server.workers()
        found = [server.ask(WHOLE) for _ in range(3)]
        assert {answer.status_code for answer in found} == {200}
        assert int(found[0].json()["results"]["bindings"][0]["n"]["value"]) > 10_000
        assert server.workers() == pids
