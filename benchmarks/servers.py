"""The same triples in two servers, each made and run by whole processes: `dwpld` with columns, `oxigraph` with triples.

The peer has every triple in its default graph, so that it need not merge graphs, and its store is optimised.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loader.dumps import dump_names, triples
from loader.release import open_release

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BASE: Final = "https://data.example.org"
LAUNCHER: Final = """import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))"""
"""Starts a process, and is small: what Linux calls the peak of a process includes that of the one that started it."""
_ADDRESS: Final = re.compile(r"http://[^\s/]+")


@dataclass(slots=True)
class Cost:
    """What a process took: time from start to end, and peak memory, which is known when it has ended."""

    seconds: float = 0.0
    peak_mib: float = 0.0
    address: str = field(default="", repr=False)
    """Where it answers queries, if it is a server."""


def dwpld(*arguments: str) -> list[str]:
    """Give a command of ours."""
    return [sys.executable, "-m", "dwpld", *arguments]


def find_oxigraph() -> str:
    """Find the peer's program, beside this Python or anywhere."""
    beside = Path(sys.executable).with_name("oxigraph")
    found = str(beside) if beside.exists() else shutil.which("oxigraph")
    if found is None:
        sys.exit("no oxigraph: install the project's dev extra, or say where it is with --oxigraph")
    return found


def run(command: Sequence[str]) -> Cost:
    """Run a process to its end."""
    done = subprocess.run([sys.executable, "-c", LAUNCHER, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, peak_kib = done.stdout.split()
    return Cost(float(seconds), int(peak_kib) / 1024)


@contextmanager
def served(command: Sequence[str], path: str) -> Iterator[Cost]:
    """Run a server that answers queries at a path; `seconds` is how long it takes to listen."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None, "it was asked for"
        cost = Cost()
        for line in process.stderr:
            if match := _ADDRESS.search(line):
                cost.address, cost.seconds = match[0] + path, time.perf_counter() - start
                break
        assert cost.address, "the server ended before it listened"
        threading.Thread(target=deque(maxlen=0).extend, args=(process.stderr,), daemon=True).start()
        try:
            yield cost
        finally:
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
            cost.peak_mib = int(status.partition("VmHWM:")[2].split()[0]) / 1024
            process.terminate()


def build(mappings: Path, out: Path) -> Cost:
    """Make a release."""
    return run(dwpld("build", "--mappings", str(mappings), "--out", str(out), "--base-uri", BASE, "--fresh"))


def write_triples(release: Path, path: Path) -> int:
    """Write every triple of a release as N-Triples; give their number."""
    opened, count = open_release(release), 0
    with path.open("wb") as file:
        for name in dump_names(opened):
            for lines in triples(opened, name):
                file.write(lines)
                count += lines.count(b"\n")
    return count


def serve_ours(release: Path) -> list[str]:
    """Give the command that serves a release on any free port."""
    return dwpld("serve", "--release", str(release), "--port", "0")


def load(oxigraph: str, file: Path, store: Path) -> Cost:
    """Load triples into a new store of the peer."""
    return run([oxigraph, "load", "--location", str(store), "--file", str(file)])


def optimise(oxigraph: str, store: Path) -> Cost:
    """Optimise a store of the peer."""
    return run([oxigraph, "optimize", "--location", str(store)])


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def serve_peer(oxigraph: str, store: Path, cap_s: int | None) -> list[str]:
    """Give the command that serves a store of the peer on a free port, and ends queries after `cap_s`, if it is given.

    With a time to end queries at, the peer has a thread for each query that waits until then, and soon no more threads.
    """
    bind = f"127.0.0.1:{free_port()}"
    limit = [] if cap_s is None else ["--timeout-s", str(cap_s)]
    return [oxigraph, "serve", "--location", str(store), "--bind", bind, *limit]


def size_bytes(*paths: Path) -> int:
    """Add up the sizes of files and of all files in folders."""
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file())
