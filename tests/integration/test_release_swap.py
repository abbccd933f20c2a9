"""A server under load moves between releases: no answer fails, none is mixed, and nothing old is held on to."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import statistics
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from endpoint.serving import Shelf
from loader.build import Plan, build
from loader.errors import MisuseError
from loader.progress import LogWatcher
from loader.release import open_release
from loader.releases import ids, rollback
from tests.integration import tiny
from tests.integration.test_endpoint_server import server

CLIENTS, SWAPS, ANSWERS_BETWEEN = 8, 20, 40
OBSERVATION = "data/tiny/obs/E06000001/2025-04@households"
QUERY = """SELECT ?a ?b {
  <data/tiny/obs/E06000001/2025-04@households> <def/measure/households> ?a .
  <data/tiny/obs/W06000015/2025-05@households> <def/measure/households> ?b }"""
FIGURE = re.compile(r"\b([1-9]),?0[1-4]0\b")
"""A figure of a release: its thousands say which."""


def make(mappings: Path, out: Path, thousands: int) -> Path:
    """Build a release whose figures are 1010 to 1040, 2010 to 2040 and so on."""
    rows = [f"{row.rpartition(',')[0]},{thousands}0{number}0" for number, row in enumerate(tiny.ROWS, 1)]
    (mappings / "tiny" / "tiny.csv").write_text("\n".join([tiny.HEADER, *rows]) + "\n", "utf-8")
    return build(Plan(("tiny",), mappings), out, LogWatcher())


@dataclass
class Crowd:
    """Clients that ask until they are told to stop."""

    address: str
    tables: dict[str, str]
    """Release by the hash of its table."""
    seen: dict[str, set[str]] = field(default_factory=dict)
    """Releases that answered, by what was asked."""
    wrong: list[str] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    told: threading.Condition = field(default_factory=threading.Condition)
    is_over: bool = False

    def asked(self) -> dict[str, httpx.Request]:
        """Give each thing that is asked, by its name."""
        html, turtle, csv = ({"Accept": kind} for kind in ("text/html", "text/turtle", "text/csv"))
        return {
            "page of the dataset": httpx.Request("GET", f"{self.address}data/tiny", headers=html),
            "page of an observation": httpx.Request("GET", self.address + OBSERVATION, headers=html),
            "triples": httpx.Request("GET", self.address + OBSERVATION, headers=turtle),
            "query": httpx.Request("GET", f"{self.address}sparql", params={"query": QUERY}, headers=csv),
            "table": httpx.Request("GET", f"{self.address}data/tiny/tiny.csv"),
        }

    def ask(self, number: int) -> None:
        """Ask one thing after the other, every other time whether it has changed."""
        tags: dict[str, str] = {}
        with httpx.Client(timeout=30) as client:
            for turn in itertools.count(number):
                name, request = list(self.asked().items())[turn % 5]
                if name in tags and turn % 2:
                    request.headers["If-None-Match"] = tags[name]
                start = time.monotonic()
                try:
                    found = client.send(request)
                except httpx.HTTPError as error:
                    self.note(name, set(), f"{name}: {error!r}", 0)
                    return
                took_s = time.monotonic() - start
                tags[name] = found.headers.get("ETag", "")
                self.note(name, *self.judge(name, found), took_s)
                if self.is_over:
                    return

    def judge(self, name: str, found: httpx.Response) -> tuple[set[str], str]:
        """Say which release an answer is of, and what is wrong with it."""
        if found.status_code == httpx.codes.NOT_MODIFIED:
            return set(), ""
        releases = set(FIGURE.findall(found.text))
        if name == "table":
            digest = hashlib.sha256(found.content).hexdigest()
            if self.tables.get(digest) not in releases or found.headers["ETag"] != f'"{digest[:32]}"':
                return releases, f"table {digest} with {found.headers['ETag']}"
        is_right = found.status_code == httpx.codes.OK and len(releases) == 1
        return releases, "" if is_right else f"{name}: {found.status_code} of {releases}: {found.text[:200]}"

    def note(self, name: str, releases: set[str], wrong: str, took_s: float) -> None:
        """Keep what came of a request."""
        with self.told:
            self.seen.setdefault(name, set()).update(releases)
            self.took_s.append(took_s)
            if wrong:
                self.wrong.append(wrong)
            self.told.notify_all()

    def wait_for(self, more: int) -> None:
        """Wait until so many more answers have come, or one was wrong."""
        with self.told:
            goal = len(self.took_s) + more
            assert self.told.wait_for(lambda: len(self.took_s) >= goal or self.wrong, timeout=60)


def open_below(pid: int, folder: Path) -> list[Path]:
    """Give the files below a folder that a process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(entry.readlink())
    return [path for path in found if path.is_relative_to(folder)]


def resident_bytes(pid: int) -> int:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
    assert match is not None
    return int(match[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are looked up in /proc")
def test_swaps_under_load(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    made = {str(number): make(mappings, out, number) for number in (1, 2)}
    tables = {
        hashlib.sha256((path / "tables/tiny/tiny.csv").read_bytes()).hexdigest(): name for name, path in made.items()
    }
    with server(out / "current") as (process, address):
        crowd = Crowd(address, tables)
        threads = [threading.Thread(target=crowd.ask, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for swap in range(SWAPS):
            crowd.wait_for(ANSWERS_BETWEEN)
            if swap == 4:  # all there is to cache has been cached
                at_first = resident_bytes(process.pid)
            rollback(out, made["12"[swap % 2]].name)
        crowd.wait_for(ANSWERS_BETWEEN)
        crowd.is_over = True
        for thread in threads:
            thread.join()
        assert {httpx.get(f"{address}data/tiny").status_code for _ in range(20)} == {200}  # so each server is asked
        opened = open_below(process.pid, out)
        grown = resident_bytes(process.pid) - at_first
    assert crowd.wrong == []
    assert crowd.seen == {name: {"1", "2"} for name in crowd.asked()}
    assert len(crowd.took_s) >= SWAPS * ANSWERS_BETWEEN
    current = (out / "current").resolve()
    assert opened
    assert [path for path in opened if not path.is_relative_to(current)] == []
    assert grown < 100_000_000
    ms = [cut * 1000 for cut in statistics.quantiles(crowd.took_s, n=100)]
    print(f"{len(crowd.took_s)} answers, p50 {ms[49]:.0f} ms, p99 {ms[98]:.0f} ms, {grown / 1e6:.1f} MB more")


def test_a_release_that_is_removed_is_served_to_the_end(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    first = make(mappings, out, 1)
    shelf = Shelf(out / "current")
    held = shelf.current()
    make(mappings, out, 2)
    third = make(mappings, out, 3)
    assert not first.exists()
    rows = held.source.select("SELECT ?n { ?o <def/measure/households> ?n }", {})
    assert sorted(row["n"].value for row in rows) == ["1010", "1020", "1030", "1040"]  # type: ignore[union-attr]
    assert shelf.current().release.path == third


def test_a_release_with_a_damaged_graph_is_passed_over(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    first = make(mappings, out, 1)
    shelf = Shelf(out / "current")
    second = make(mappings, out, 2)
    largest = max((second / "graph").glob("*.sst"), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    with pytest.raises(MisuseError, match="graph cannot be opened"):
        open_release(second).store()
    assert shelf.current().release.path == first
    assert len(ids(out)) == 2
