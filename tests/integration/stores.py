"""Graph stores of other people, started by tests: where each speaks which protocol, and how it is stopped."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 60
VIRTUOSO_INI = """[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
[TempDatabase]
DatabaseFile = virtuoso-temp.db
TransactionFile = virtuoso-temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
DisableUnixSocket = 1
NumberOfBuffers = 10000
MaxDirtyBuffers = 6000
DirsAllowed = .
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = .
ServerThreads = 6
[SPARQL]
ResultSetMaxRows = 200001
MaxQueryExecutionTime = 30
"""


@dataclass(frozen=True, slots=True)
class OtherStore:
    """A store that runs."""

    name: str
    graphs: str
    """Where it speaks the Graph Store Protocol."""
    queries: str
    """Where it answers queries."""
    directory: Path
    sql_port: int = 0
    """Where Virtuoso's isql reaches it."""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def oxigraph(directory: Path, *options: str) -> Iterator[OtherStore]:
    """Run `oxigraph serve` on a directory."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [oxigraph_program(), "serve", "--location", str(directory), "--bind", f"127.0.0.1:{port}", *options]
    with running(command, directory.parent, f"{address}/query?query=ASK%7B%7D"):
        yield OtherStore("oxigraph", f"{address}/store", f"{address}/query", directory)


def oxigraph_program() -> str:
    """Find `oxigraph`, beside this Python or anywhere; it is one of the packages of tests."""
    beside = Path(sys.executable).with_name("oxigraph")
    return str(beside) if beside.exists() else shutil.which("oxigraph") or "oxigraph"


@contextmanager
def virtuoso(directory: Path) -> Iterator[OtherStore]:
    """Run Virtuoso on a new directory, or skip where it is not installed."""
    program = shutil.which("virtuoso-t")
    if program is None:
        pytest.skip("no virtuoso-t here: install virtuoso-opensource-7 and virtuoso-opensource-7-bin, as .ci/run does")
    directory.mkdir(parents=True)
    http, sql = free_port(), free_port()
    (directory / "virtuoso.ini").write_text(VIRTUOSO_INI.format(http=http, sql=sql), "utf-8")
    address = f"http://127.0.0.1:{http}"
    command = [program, "+foreground", "+configfile", "virtuoso.ini"]
    with running(command, directory, f"{address}/sparql?query=ASK%7B%7D"):
        graphs = f"{address}/sparql-graph-crud-auth"
        yield OtherStore("virtuoso", graphs, f"{address}/sparql", directory, sql)


@contextmanager
def running(command: list[str], directory: Path, probe: str) -> Iterator[None]:
    """Run a server until it is not needed any more; it has started when it answers at `probe`."""
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + START_S
            while not answers(probe):
                assert process.poll() is None, f"{command[0]} ended"
                assert time.monotonic() < until, f"{command[0]} does not answer"
            yield
        finally:
            process.kill()


def answers(probe: str) -> bool:
    """Tell whether a server answers."""
    with suppress(httpx.HTTPError):
        return httpx.get(probe, timeout=5, trust_env=False).is_success
    return False
