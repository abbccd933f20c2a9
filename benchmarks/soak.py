"""Sixteen clients for ten minutes, good queries and bad ones: nobody is told anything wrong, and the server stays up.

    python benchmarks/soak.py [RELEASE] [--minutes 10] [--clients 16] [--bad 0.2]

A release is served with the settings as they are. Each client has an address of its own, as behind a proxy, and asks
one query after the other, as fast as it is answered. Good are the example queries of all datasets and look-ups of
single things, always different by a comment, so that none has been kept; each was asked in peace before, and every
answer must be the same rows. Bad are joins and sorts without end, paths that explode, deep nesting, 10,000-way UNIONs,
requests to other services, connections that break off or half-close. What is reported: how good queries were answered
and how soon, what bad ones came to, the workers that were replaced, and the memory of all processes before and after.
As a floor, one client asks the good queries alone, in the same run. The program ends with 1 if a server was restarted
or failed, or if an answer was wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import socket
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import httpx

from benchmarks import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NUMBERS: Final = " ".join(map(str, range(300)))
VALUES: Final = " ".join(f"VALUES ?v{n} {{ {NUMBERS} }}" for n in range(5))
RUNAWAY: Final = {
    "join": f"SELECT (COUNT(*) AS ?n) {{ {' '.join(f'?s{n} ?p{n} ?o{n} .' for n in range(5))} }}",
    "values": f"SELECT (COUNT(*) AS ?n) {{ {VALUES} }}",
    "sort": f"SELECT * {{ {VALUES} }} ORDER BY ?v0 DESC(?v1) ?v2 ?v3 ?v4",
    "distinct": f"SELECT DISTINCT ?v0 ?v1 ?v2 ?v3 {{ {VALUES} }}",
    "path": "SELECT (COUNT(*) AS ?n) { ?a (!<x:x>|^!<x:x>)* ?b . ?c (!<x:x>|^!<x:x>)* ?d }",
    "nested": f"ASK {{ {'{' * 5_000} ?s ?p ?o {'}' * 5_000} }}",
    "unions": f"SELECT * {{ {' UNION '.join(['{ ?s ?p ?o }'] * 10_000)} }}",
    "service": "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "nonsense": "SELECT * { ?s ?p",
}
"""Queries that are refused or stopped."""
LIGHT: Final = """SELECT ?p ?o { ?s ?p ?o VALUES ?s { <%s> } }"""
JSON: Final = "application/sparql-results+json"
N_TRIPLES: Final = "application/n-triples"
BUSY: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
WARMING: Final = 8
SETTLE_S: Final = 15
"""Time after which idle workers have been replaced and memory is looked at."""


@dataclass(frozen=True, slots=True)
class Good:
    """A query with a known answer."""

    name: str
    text: str
    answer: str
    """Hash of its rows or triples, in any order."""


@dataclass(slots=True)
class Seen:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)
    """How long good queries took that were answered."""
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, outcome: str, seconds: float | None = None) -> None:
        """Note how a request went."""
        with self.lock:
            self.outcomes[kind, outcome] += 1
            if seconds is not None:
                self.seconds.append(seconds)

    def fault(self, said: str) -> None:
        """Note what must not be."""
        with self.lock:
            self.wrong.append(said)


def ask(client: httpx.Client, address: str, query: str, number: int) -> httpx.Response:
    """Ask a query as one of the clients."""
    headers = {"Accept": f"{JSON}, {N_TRIPLES};q=0.9", "X-Forwarded-For": f"192.0.2.{number}"}
    return client.post(address, data={"query": query}, headers=headers, timeout=90)


def like_no_other(query: str, client: int, number: int) -> str:
    """Make a query different from all before, so that its answer is not one that is kept."""
    return f"{query}\n# {client} {number}"


def hash_of(answer: httpx.Response) -> str:
    """Hash the rows of an answer; their order is no part of it."""
    if answer.headers["Content-Type"].startswith(JSON):
        found = answer.json()
        rows = [repr(found.get("boolean"))]
        rows += [repr(sorted(row.items())) for row in found.get("results", {}).get("bindings", ())]
    else:
        rows = answer.text.splitlines()
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def good_queries(address: str) -> list[Good]:
    """Ask every good query twice, and keep those that have one answer."""
    root = Path(__file__).parents[1]
    files = sorted((*root.glob("mappings/*/queries/*.rq"), *root.glob("queries/examples/*.rq")))
    texts = {file.stem: file.read_text("utf-8") for file in files}
    with httpx.Client() as client:
        things = ask(client, address, "SELECT DISTINCT ?s { ?s a ?c } ORDER BY ?s LIMIT 40", 0).json()
        iris = [row["s"]["value"] for row in things["results"]["bindings"]]
        texts |= {f"thing {number}": LIGHT % iri for number, iri in enumerate(iris)}
        known = []
        for name, text in texts.items():
            answers = [ask(client, address, text, 0) for _ in range(2)]
            if {one.status_code for one in answers} != {HTTPStatus.OK}:
                sys.exit(f"{name}: {answers[0].text}")
            hashes = {hash_of(one) for one in answers}
            known += [Good(name, text, hashes.pop())] if len(hashes) == 1 else []
    return known


class Client(threading.Thread):
    """One client."""

    def __init__(self, number: int, address: str, good: Sequence[Good], bad: float, until: float, seen: Seen) -> None:
        super().__init__(name=f"client {number}")
        self._number = number
        self._address = address
        self._good = good
        self._bad = bad
        self._until = until
        self._seen = seen
        self._random = random.Random(number)
        self._http = httpx.Client()
        self._asked = 0

    def run(self) -> None:
        """Ask until the time is over."""
        while time.monotonic() < self._until:
            try:
                if self._random.random() < self._bad:
                    self._ask_badly()
                else:
                    self._ask_well()
            except httpx.HTTPError as error:
                self._seen.fault(f"{self.name}: {error!r}")
        self._http.close()

    def _ask_well(self) -> None:
        query = self._random.choice(self._good)
        self._asked += 1
        start = time.monotonic()
        found = ask(self._http, self._address, like_no_other(query.text, self._number, self._asked), self._number)
        took_s = time.monotonic() - start
        if found.status_code in BUSY and "Retry-After" in found.headers:
            self._seen.note("good", "told to come again")
        elif found.status_code != HTTPStatus.OK:
            self._seen.note("good", f"{found.status_code}")
            self._seen.fault(f"{query.name}: {found.status_code} after {took_s:.1f} s: {found.text[:200]}")
        elif hash_of(found) != query.answer:
            self._seen.fault(f"{query.name}: another answer")
        else:
            self._seen.note("good", "answered", took_s)

    def _ask_badly(self) -> None:
        name = self._random.choice([*RUNAWAY, "gone", "half-closed", "half a request"])
        if name in RUNAWAY:
            found = ask(self._http, self._address, RUNAWAY[name], self._number)
            outcome = "told to come again" if "Retry-After" in found.headers else str(found.status_code)
            self._seen.note(name, outcome)
            if found.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and found.status_code not in BUSY:
                self._seen.fault(f"{name}: {found.status_code}: {found.text[:200]}")
        else:
            self._break_off(name)
            self._seen.note(name, "broken off")

    def _break_off(self, name: str) -> None:
        """Ask for what takes long, and go away."""
        parts = urlsplit(self._address)
        head = f"Host: {parts.netloc}\r\nX-Forwarded-For: 192.0.2.{self._number}\r\n"
        request = f"GET {parts.path}?query={quote(RUNAWAY['values'])} HTTP/1.1\r\n{head}\r\n".encode()
        with suppress(OSError), socket.create_connection((parts.hostname, parts.port), timeout=5) as broken:
            broken.sendall(request[: len(request) // 2] if name == "half a request" else request)
            if name == "half-closed":
                broken.shutdown(socket.SHUT_WR)
                broken.settimeout(0.5)
                broken.recv(1)
            if name == "gone":
                broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def family(pid: int) -> list[int]:
    """Give a process and all below it."""
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        return [pid, *(one for child in children for one in family(int(child)))]
    return [pid]


def memory_mib(pids: Sequence[int]) -> float:
    """Add up the memory of processes; what they share is counted once."""
    total_kib = 0
    for pid in pids:
        with suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
            total_kib += int(text.partition("Pss:")[2].split()[0])
    return total_kib / 1024


def listeners(pids: Sequence[int], port: int) -> set[int]:
    """Give the processes that listen at a port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"}
    found = set()
    for pid in pids:
        with suppress(OSError):
            if sockets.intersection(str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()):
                found.add(pid)
    return found


def count_files(pid: int) -> int:
    """Count the files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def percentile(values: Sequence[float], part: float) -> float:
    """Give the value below which so large a part lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def warm(address: str, good: Sequence[Good]) -> None:
    """Ask every good query of some workers at once, so that each has what it keeps of a release."""
    clients = [threading.Thread(target=floor, args=(address, good), name=f"warm {number}") for number in range(WARMING)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def floor(address: str, good: Sequence[Good]) -> list[float]:
    """Ask every good query alone."""
    times = []
    with httpx.Client() as client:
        for query in good:
            start = time.monotonic()
            ask(client, address, like_no_other(query.text, 0, time.monotonic_ns()), 0)
            times.append(time.monotonic() - start)
    return times


def wait(clients: Sequence[Client], pid: int, until: float, say: Callable[[str], None]) -> set[int]:
    """Wait for the clients, and give every process that was seen."""
    seen: set[int] = set()
    while any(client.is_alive() for client in clients):
        seen.update(family(pid))
        say(f"{max(0, until - time.monotonic()):4.0f} s left, {memory_mib(family(pid)):,.0f} MiB")
        clients[0].join(timeout=5) if clients[0].is_alive() else time.sleep(1)
    return seen


def report(seen: Seen, alone: Sequence[float], minutes: float) -> None:
    """Print what was seen."""
    answered = len(seen.seconds)
    quantiles = [percentile(seen.seconds, part) for part in (0.5, 0.9, 0.99)]
    base = [statistics.median(alone), percentile(alone, 0.9), max(alone)]
    print(f"good queries answered: {answered:,} ({answered / minutes / 60:.1f}/s)")
    print("| of good queries | one client alone | in the soak | ratio |\n|---|---|---|---|")
    for name, here, there in zip(("p50", "p90", "p99"), quantiles, base, strict=True):
        print(f"| {name} | {there * 1000:,.0f} ms | {here * 1000:,.0f} ms | {here / there:.1f} |")
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for (kind, outcome), count in sorted(seen.outcomes.items()):
        kinds[kind].append(f"{outcome} {count:,}")
    for kind, said in kinds.items():
        print(f"- {kind}: {', '.join(said)}")


def main() -> None:
    """Serve, ask, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", nargs="?", type=Path, default=Path("build/current"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--bad", type=float, default=0.2)
    options = parser.parse_args()
    seen = Seen()
    with servers.served(servers.serve_ours(options.release), "/sparql") as server:
        pid = next(pid for pid in family(os.getpid()) if pid != os.getpid())
        good = good_queries(server.address)
        warm(server.address, good)
        alone = floor(server.address, good)
        before, files = memory_mib(family(pid)), count_files(pid)
        port = urlsplit(server.address).port or 0
        started = listeners(family(pid), port)
        print(
            f"{len(good)} good queries, {options.clients} clients, {options.bad:.0%} bad, {options.minutes:g} minutes"
        )
        until = time.monotonic() + options.minutes * 60
        clients = [
            Client(number, server.address, good, options.bad, until, seen) for number in range(1, options.clients + 1)
        ]
        for client in clients:
            client.start()
        processes = wait(clients, pid, until, lambda said: print(said, end="\r", file=sys.stderr, flush=True))
        time.sleep(SETTLE_S)
        after_alone = floor(server.address, good)
        if listeners(family(pid), port) != started:
            seen.fault("a server was restarted")
        report(seen, alone, options.minutes)
        workers = len(processes - started) - 1  # one forks
        print(f"servers: {len(started)}; workers seen: {workers:,}")
        print(f"files open in the first server: {files} before, {count_files(pid)} after")
        print(f"memory of all processes: {before:,.0f} MiB before, {memory_mib(family(pid)):,.0f} MiB after")
        medians = [statistics.median(times) * 1000 for times in (alone, after_alone)]
        print(f"p50 alone: {medians[0]:.0f} ms before, {medians[1]:.0f} ms after")
    for said, count in Counter(seen.wrong).most_common(20):
        print(f"WRONG ({count}): {said}")
    sys.exit(bool(seen.wrong))


if __name__ == "__main__":
    main()
