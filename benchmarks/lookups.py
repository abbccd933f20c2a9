"""Small look-ups over HTTP, as many as can be had: `dwpld serve`, answers kept and not, against `oxigraph serve`.

    python -m benchmarks.lookups [OBSERVATIONS] [--runs 5] [--seconds 2] [--clients 8] [--oxigraph PROGRAM]

Some connections ask one query after the other, each when the one before is answered. The client is one process of raw
sockets, the same for both, and takes a part of the machine itself. Runs alternate between the servers, so that other
work on the machine falls on both; figures are medians of the runs, ratios medians of the ratios within a run.

Every query of `uncached` is different by a comment, so that no answer is kept; those of `cached` are the same few.
"""

from __future__ import annotations

import argparse
import re
import selectors
import socket
import statistics
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from benchmarks import servers
from benchmarks.made_up import HOUSEHOLDS
from benchmarks.servers import BASE
from benchmarks.serving import both
from ontology.terms import SKOS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ACCEPT: Final = "application/sparql-results+json"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
WARM_S: Final = 0.5
AREAS: Final = 7
"""Areas that look-ups are about; more than that would be no small set of popular questions."""
SHARE_UNCACHED: Final = 0.5
"""The least share of the peer's answers a second that is wanted although every query goes through a worker."""
LOOKUPS: Final = {
    "ASK {}": "ASK {}",
    "label of a code": f"SELECT ?label {{ <{BASE}/def/concept/area/area-%d> <{SKOS.prefLabel.value}> ?label }}",
    "description of a dataset": f"SELECT ?p ?o {{ <{BASE}/data/{HOUSEHOLDS}> ?p ?o }}",
}


@dataclass(slots=True)
class Connection:
    """A connection on which one query is asked at a time."""

    channel: socket.socket
    begun: float = 0.0
    received: bytes = b""
    ends_at: int = 0
    """Length of the whole answer; 0 while it is not known."""

    def is_answered(self) -> bool:
        """Read what has come, and tell whether that is all of the answer."""
        data = self.channel.recv(1 << 20)
        if not data:
            message = "the server closed a connection"
            raise SystemExit(message)
        self.received += data
        if not self.received.startswith(b"HTTP/1.1 200"[: len(self.received)]):
            raise SystemExit(self.received[:500].decode(errors="replace"))
        if not self.ends_at:
            head = self.received.find(b"\r\n\r\n") + 4
            if head < 4:
                return False
            length = LENGTH.search(self.received, 0, head)
            if length is None:  # chunked: the last chunk is empty
                return self.received.endswith(b"\r\n0\r\n\r\n")
            self.ends_at = head + int(length[1])
        return len(self.received) >= self.ends_at


@dataclass(slots=True)
class Rate:
    """What was answered in one run."""

    per_s: float = 0.0
    times_ms: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Give the time within which this share of the queries was answered."""
        return sorted(self.times_ms)[min(int(len(self.times_ms) * share), len(self.times_ms) - 1)]


class Asking:
    """Some connections to a server, on each of which one query after the other is asked."""

    def __init__(self, address: str, make: Callable[[int], str], clients: int, numbers: Iterator[int]) -> None:
        parts = urlsplit(address)
        place = parts.hostname or "", parts.port or 0
        self._before = f"GET {parts.path}?query=".encode()
        self._after = f" HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: {ACCEPT}\r\n\r\n".encode()
        self._make = make
        self._numbers = numbers
        self._connections = [Connection(socket.create_connection(place)) for _ in range(clients)]

    def run(self, seconds: float) -> Rate:
        """Ask as many queries as are answered within some seconds. Stops the program at an answer that is none."""
        times_ms: list[float] = []
        with selectors.DefaultSelector() as selector:
            for connection in self._connections:
                connection.channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection.channel, selectors.EVENT_READ, connection)
                self._ask(connection)
            start = time.perf_counter()
            while (now := time.perf_counter()) < start + seconds:
                for key, _ in selector.select(start + seconds - now):
                    if key.data.is_answered():
                        times_ms.append((time.perf_counter() - key.data.begun) * 1000)
                        self._ask(key.data)
            took_s = time.perf_counter() - start
        self._end()
        return Rate(len(times_ms) / took_s, times_ms)

    def _ask(self, connection: Connection) -> None:
        connection.received, connection.ends_at = b"", 0
        connection.begun = time.perf_counter()
        query = quote(self._make(next(self._numbers))).encode()
        connection.channel.sendall(self._before + query + self._after)

    def _end(self) -> None:
        """Take the last answers: a client that goes away costs a worker, which is not what is measured."""
        for connection in self._connections:
            while not connection.is_answered():
                pass
            connection.channel.close()


def drive(address: str, make: Callable[[int], str], clients: int, seconds: float, numbers: Iterator[int]) -> Rate:
    """Ask a server for some seconds."""
    return Asking(address, make, clients, numbers).run(seconds)


@dataclass(frozen=True, slots=True)
class Compared:
    """A look-up asked both servers, in several runs."""

    name: str
    ours: Sequence[Rate]
    peer: Sequence[Rate]
    goal: float

    @property
    def ratio(self) -> float:
        """How many times as many answers a second ours gives, in the middle of the runs."""
        return statistics.median(one.per_s / other.per_s for one, other in zip(self.ours, self.peer, strict=True))


def compare(ours: str, peer: str, name: str, query: str, options: argparse.Namespace, *, is_cached: bool) -> Compared:
    """Ask both servers in turn."""
    numbers = count()

    def make(number: int) -> str:
        text = query.replace("%d", str(number % AREAS + 1))
        return text if is_cached else f"{text} # {number}"

    rates: dict[str, list[Rate]] = {ours: [], peer: []}
    for address in rates:
        drive(address, make, options.clients, WARM_S, numbers)
    for _ in range(options.runs):
        for address, found in rates.items():
            found.append(drive(address, make, options.clients, options.seconds, numbers))
    kind, goal = ("kept", 1.0) if is_cached else ("not kept", SHARE_UNCACHED)
    return Compared(f"{name}, {kind}", rates[ours], rates[peer], goal)


def table(compared: Sequence[Compared]) -> list[str]:
    """Write the results as a table in Markdown."""
    lines = ["| look-up | ours /s | p50 ms | p99 ms | peer /s | p50 ms | p99 ms | ratio | goal |", "|---|" + "---|" * 8]
    for one in compared:
        cells = [one.name]
        for rates in (one.ours, one.peer):
            cells.append(f"{statistics.median(rate.per_s for rate in rates):,.0f}")
            cells += [f"{statistics.median(rate.percentile(share) for rate in rates):.2f}" for share in (0.5, 0.99)]
        lines.append(f"| {' | '.join([*cells, f'{one.ratio:.2f}', f'{one.goal:g}'])} |")
    return lines


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("observations", nargs="?", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--oxigraph", default=None, help="the peer's program")
    return parser.parse_args()


def main() -> None:
    """Ask the look-ups; exit 1 if a goal is missed."""
    options = arguments()
    with both(options.observations, options.oxigraph or servers.find_oxigraph(), None) as (ours, peer):
        compared = [
            compare(ours, peer, name, query, options, is_cached=is_cached)
            for is_cached in (False, True)
            for name, query in LOOKUPS.items()
        ]
    print("\n".join(table(compared)))
    if any(one.ratio < one.goal for one in compared):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
