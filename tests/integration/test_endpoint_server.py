"""A real server process: it starts, says where it is, follows the link to the release, and ends when told to."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from endpoint.commands import query, serve
from endpoint.server import listen
from endpoint.serving import Shelf
from loader.errors import MisuseError, ProblemsError
from tests.integration.small import make_release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTE = {"query": "SELECT ?note { <id/note> <http://www.w3.org/2000/01/rdf-schema#label> ?note }", "format": "csv"}


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """A folder as `dwpld build` leaves it, with a second release beside the current one."""
    for note in ("first", "second"):
        make_release(tmp_path / "releases" / note, note=note)
    (tmp_path / "current").symlink_to("releases/first")
    return tmp_path


def switch(releases: Path, name: str) -> None:
    link = releases / ".next"
    link.symlink_to(f"releases/{name}")
    link.rename(releases / "current")


@contextmanager
def server(release: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "endpoint", "--release", str(release), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        try:
            yield process, line.strip().rpartition(" at ")[2]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_starts_answers_and_stops(releases: Path, number: signal.Signals) -> None:
    with server(releases / "current") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        found = httpx.get(f"{address}data/households", headers={"Accept": "text/turtle"})
        assert found.status_code == 200
        assert httpx.head(f"{address}data/households").content == b""
        process.send_signal(number)
        assert process.wait(timeout=15) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_new_release_is_served_without_losing_a_request(releases: Path) -> None:
    heard: list[str] = []
    with server(releases / "current") as (_, address), httpx.Client() as client:

        def listen() -> None:
            heard.extend(client.get(f"{address}sparql", params=NOTE).text for _ in range(60))

        thread = threading.Thread(target=listen)
        thread.start()
        while len(heard) < 10:
            thread.join(0.01)
        switch(releases, "second")
        thread.join()
    answers = [text.split("\r\n")[1] for text in heard]
    assert set(answers) == {"first", "second"}
    assert answers == sorted(answers)


def test_a_damaged_release_is_passed_over(releases: Path) -> None:
    shelf = Shelf(releases / "current")
    (releases / "releases" / "second" / "manifest.json").write_text("{", "utf-8")
    switch(releases, "second")
    assert shelf.current().release.id == "first"
    shutil.rmtree(releases / "releases" / "second")
    make_release(releases / "releases" / "third")
    switch(releases, "third")
    assert shelf.current().release.id == "third"


def test_a_release_that_could_not_be_opened_is_tried_again(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endpoint.serving.RETRY_S", -1.0)
    shelf = Shelf(releases / "current")
    manifest = releases / "releases" / "second" / "manifest.json"
    whole = manifest.read_text("utf-8")
    manifest.write_text("{", "utf-8")
    switch(releases, "second")
    assert (shelf.current().release.id, shelf.settled()) == ("first", None)
    manifest.write_text(whole, "utf-8")
    assert shelf.current().release.id == "second"
    assert shelf.settled() is shelf.current()


def test_a_request_holds_one_release(releases: Path) -> None:
    shelf = Shelf(releases / "current")
    held = shelf.current()
    switch(releases, "second")
    assert shelf.current().release.id == "second"
    assert held.release.id == "first"
    assert next(held.source.select("SELECT ?x { <id/note> ?p ?x }", {}))["x"].value == "first"  # type: ignore[union-attr]


def test_a_missing_release_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="no release"):
        serve(tmp_path / "nothing", "127.0.0.1", 0, {})


def test_a_taken_port_is_misuse(releases: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MisuseError, match="--port"):
            serve(releases / "current", "127.0.0.1", taken.getsockname()[1], {})


def test_small_answers_are_sent_at_once() -> None:
    """Nagle's algorithm would keep back the body until the client has acknowledged the head: 40 ms an answer."""

    async def nodelay_of_an_answer() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = listen("127.0.0.1", 0, is_shared=False)
        async with await asyncio.start_server(connected, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            nodelay = await found
            writer.close()
            await writer.wait_closed()
            return nodelay

    assert asyncio.run(nodelay_of_an_answer())


def test_python_dash_m_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "endpoint", "--release", str(tmp_path / "nothing")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no release" in done.stderr


ROWS = "SELECT ?area ?n { ?o <def/dimension/area> ?area ; <def/measure/households> ?n } ORDER BY ?n LIMIT 1"


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        (ROWS, "csv", "area,n\r\nhttp://statistics.data.gov.uk/id/statistical-geography/E06000001,1111\r\n"),
        ("SELECT ?n { ?o <def/measure/households> ?n } ORDER BY ?n LIMIT 2", "table", "n\n----\n1111\n2222\n"),
        ("ASK {}", "table", "yes\n"),
        ("ASK {}", "json", '{"head":{},"boolean":true}\n'),
        ("CONSTRUCT { <s> <p> 1 } {}", "ttl", "<https://data.example.org/s> <https://data.example.org/p> 1 .\n"),
    ],
)
def test_a_query_from_a_file(
    releases: Path, capsys: pytest.CaptureFixture[str], text: str, form: str, expected: str
) -> None:
    file = releases / "q.rq"
    file.write_text(text, "utf-8")
    assert query(str(file), release=releases / "current", format=form) == 0
    out = capsys.readouterr().out
    assert out.endswith(expected) or out == expected


@pytest.mark.parametrize(("text", "form"), [("ASK {}", "ttl"), ("CONSTRUCT { <s> <p> 1 } {}", "csv")])
def test_a_form_that_does_not_fit_is_misuse(releases: Path, text: str, form: str) -> None:
    file = releases / "q.rq"
    file.write_text(text, "utf-8")
    with pytest.raises(MisuseError, match="--format"):
        query(str(file), release=releases / "current", format=form)


@pytest.mark.parametrize("text", ["SELECT", "SELECT * {", "SELECT * { SERVICE <x> {} }", "CLEAR ALL"])
def test_what_is_no_query_is_a_problem(releases: Path, text: str) -> None:
    file = releases / "q.rq"
    file.write_text(text, "utf-8")
    with pytest.raises(ProblemsError, match=r"q\.rq"):
        query(str(file), release=releases / "current", format="table")


def test_a_missing_query_is_misuse(releases: Path) -> None:
    with pytest.raises(MisuseError, match="cannot read"):
        query(str(releases / "no.rq"), release=releases / "current", format="table")
