"""What watches over the server is told the truth: health, metrics, the log of queries; and kept answers are right."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from endpoint.app import create_app
from endpoint.query_log import Pseudonyms
from endpoint.settings import Settings, from_environment
from loader.errors import MisuseError
from tests.integration.asking import asking
from tests.integration.small import make_release
from tests.integration.test_workers import RUNAWAY, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.asking import Client
    from tests.integration.test_workers import Server

JSON = {"Accept": "application/sparql-results+json"}
GZIP = {**JSON, "Accept-Encoding": "gzip"}
ALL = "SELECT ?s ?p ?o { ?s ?p ?o } LIMIT 50"
NOTE = "SELECT ?note { <id/note> <http://www.w3.org/2000/01/rdf-schema#label> ?note }"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("operations"))


@contextmanager
def client_of(release: Path, **settings: object) -> Iterator[Client]:
    with asking(create_app(Settings(release, **{"workers": 2, **settings}))) as client:  # type: ignore[arg-type]
        yield client


@pytest.fixture
def client(release: Path) -> Iterator[Client]:
    with client_of(release) as made:
        yield made


def address(query: str) -> str:
    return f"/sparql?query={quote(query)}"


def figures(client: Client) -> dict[str, float]:
    """Read the metrics, by name and labels."""
    found = client.get("/metrics")
    assert found.status_code == 200
    samples = [sample for family in text_string_to_metric_families(found.text) for sample in family.samples]
    return {"|".join((one.name, *one.labels.values())): one.value for one in samples}


def test_health_is_ready_when_a_worker_has_the_release_open(client: Client, release: Path) -> None:
    assert client.get(address(ALL), JSON).status_code == 200
    found = client.get("/health")
    assert (found.status_code, found.headers["Cache-Control"]) == (200, "no-store")
    said = found.json()
    assert (said["status"], said["release_refused"]) == ("ready", None)
    assert said["release"] == release.name
    assert said["release_age_s"] > 0
    assert said["workers"]["alive"] >= 1


def test_health_is_not_ready_without_workers_and_live_all_the_same(release: Path) -> None:
    transport = httpx.ASGITransport(create_app(Settings(release)))  # not started, as a server whose workers are not

    async def ask(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.get(path)

    found = asyncio.run(ask("/health"))
    assert (found.status_code, found.json()["status"]) == (503, "starting")
    assert asyncio.run(ask("/health/live")).status_code == 200


def test_health_names_a_release_that_is_refused(tmp_path: Path) -> None:
    make_release(tmp_path / "first")
    (tmp_path / "current").symlink_to("first")
    with client_of(tmp_path / "current") as client:
        client.get(address("ASK {}"), JSON)
        (tmp_path / "broken").mkdir()
        (tmp_path / "next").symlink_to("broken")
        (tmp_path / "next").rename(tmp_path / "current")
        said = client.get("/health").json()
        assert (said["release"], said["release_refused"]) == ("first", "broken")
        assert figures(client)["dwpld_release_refused"] == 1


def test_metrics_count_what_became_of_queries(client: Client) -> None:
    for query in ("ASK {}", "ASK {}", "ASK {", "ASK { FILTER(NOW() > 1) }"):
        client.get(address(query), JSON)
    tag = client.get(address("ASK {}"), JSON).headers["ETag"]
    assert client.get(address("ASK {}"), {**JSON, "If-None-Match": tag}).status_code == 304
    client.get("/data/nothing-there", JSON)
    client.get("/strange/address", JSON)
    found = figures(client)
    assert found["dwpld_queries_total|answered"] == 4
    assert found["dwpld_queries_total|refused"] == 1
    assert found["dwpld_queries_total|unchanged"] == 1
    assert found["dwpld_answers_total|worker"] == 1
    assert found["dwpld_answers_total|server"] == 1
    assert found["dwpld_answers_total|kept"] == 2
    assert found["dwpld_query_duration_seconds_count"] == 6
    assert found["dwpld_query_wait_seconds_count"] == 1
    assert found["dwpld_requests_total|data|404"] == 1
    assert found["dwpld_requests_total|other|404"] == 1
    assert found["dwpld_workers|wanted"] == 2
    assert found["dwpld_cache_answers"] == 1
    assert found["dwpld_cache_bytes"] > 0
    assert found["process_resident_memory_bytes"] > 1_000_000
    assert found["dwpld_workers_resident_memory_bytes"] > 1_000_000


def test_metrics_hold_nothing_that_a_client_chose(client: Client) -> None:
    client.get("/secret-address?x=secret-value", {"User-Agent": "secret-agent"})
    client.get(address("ASK { <secret:thing> ?p ?o }"), JSON)
    assert "secret" not in client.get("/metrics").text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_metrics_are_for_this_machine(client: Client, header: str) -> None:
    assert client.get("/metrics").headers["Cache-Control"] == "no-store"
    assert client.get("/metrics", {header: "192.0.2.1"}).status_code == 404


@pytest.mark.parametrize(("setting", "status"), [("any", 200), ("off", 404)])
def test_metrics_may_be_for_everybody_or_nobody(release: Path, setting: str, status: int) -> None:
    with client_of(release, metrics=setting) as client:
        assert client.get("/metrics", {"X-Forwarded-For": "192.0.2.1"}).status_code == status


def test_a_kept_answer_is_the_same_answer(release: Path) -> None:
    with client_of(release) as client, client_of(release, cache_bytes=0) as plain:
        for headers in (JSON, GZIP, {"Accept": "text/html"}, {"Accept": "text/csv"}):
            wanted = plain.get(address(ALL), headers)
            for _ in range(3):
                found = client.get(address(ALL), headers)
                assert (found.content, found.headers) == (wanted.content, wanted.headers)
            head = client.head(address(ALL), headers)
            assert (head.content, head.headers) == (b"", wanted.headers)
        assert figures(client)["dwpld_answers_total|worker"] == 3  # gzip is of the same answer as JSON
        assert figures(plain)["dwpld_answers_total|worker"] == 12 / 3
        assert figures(plain)["dwpld_cache_answers"] == 0


def test_get_and_post_have_one_answer(client: Client) -> None:
    form = {**JSON, "Content-Type": "application/x-www-form-urlencoded"}
    direct = {**JSON, "Content-Type": "application/sparql-query"}
    first = client.get(address(ALL), JSON)
    assert client.request("POST", "/sparql", form, f"query={quote(ALL)}").content == first.content
    assert client.request("POST", "/sparql", direct, ALL).content == first.content
    assert client.get(f"{address(ALL)}&format=json").content == first.content
    assert figures(client)["dwpld_answers_total|worker"] == 1


def test_other_hosts_graphs_and_forms_have_other_answers(client: Client) -> None:
    pages = [client.get(address(ALL), {"Accept": "text/html", "Host": host}).text for host in ("one.test", "two.test")]
    assert "one.test" in pages[0]
    assert "one.test" not in pages[1]
    assert client.get(address(ALL), JSON).json()["results"]["bindings"]
    beside = f"{address(ALL)}&default-graph-uri={quote('https://data.example.org/no-graph')}"
    assert client.get(beside, JSON).json()["results"]["bindings"] == []


def test_what_differs_each_time_is_not_kept(client: Client) -> None:
    query = address("SELECT (UUID() AS ?x) {}")
    assert client.get(query, JSON).text != client.get(query, JSON).text


def test_what_is_cut_is_not_kept(release: Path) -> None:
    with client_of(release, max_rows=10) as client:
        for _ in range(2):
            assert client.get(address(ALL), JSON).headers["X-SPARQL-MaxRows"] == "10"
        assert figures(client)["dwpld_cache_answers"] == 0
        assert figures(client)["dwpld_queries_total|cut"] == 2


def test_nothing_is_kept_across_releases(tmp_path: Path) -> None:
    for note in ("first", "second"):
        make_release(tmp_path / note, note=note)
    (tmp_path / "current").symlink_to("first")
    with client_of(tmp_path / "current") as client:
        for _ in range(3):
            assert "first" in client.get(address(NOTE), JSON).text
        (tmp_path / "next").symlink_to("second")
        (tmp_path / "next").rename(tmp_path / "current")
        for _ in range(3):
            assert "second" in client.get(address(NOTE), JSON).text
        assert figures(client)["dwpld_cache_answers"] == 1


def test_memory_for_answers_is_bounded(release: Path) -> None:
    room = 400_000
    with client_of(release, cache_bytes=room) as client:
        for number in range(80):
            client.get(address(f"{ALL} OFFSET {number}"), GZIP)
            taken = figures(client)["dwpld_cache_bytes"]
            assert 0 < taken <= room
        assert figures(client)["dwpld_cache_answers"] < 80
        client.get(address(f"{ALL} OFFSET 79"), GZIP)
        assert figures(client)["dwpld_answers_total|kept"] == 1
        client.get(address(f"{ALL} OFFSET 0"), GZIP)
        assert figures(client)["dwpld_answers_total|kept"] == 1


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="processes are looked up in /proc")
def test_equal_queries_are_answered_once_and_outlive_the_first_client(release: Path) -> None:
    with serving(release, timeout_s=60, workers=3) as server, ThreadPoolExecutor(4) as pool:
        query = f"{RUNAWAY['values']} # the same"
        host, port = re.findall(r"//(.*):(\d+)/", server.address)[0]
        with socket.create_connection((host, int(port))) as first:
            first.sendall(f"GET {address(query)} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode())
            pid = server.busy()
            target = f"{server.address[:-1]}{address(query)}"
            others = [pool.submit(httpx.get, target, headers=JSON, timeout=60) for _ in range(2)]
            await_joined(server, 2)
        await_joined(server, 1)
        assert server.is_well()
        assert pid in server.workers()
        assert not any(other.done() for other in others)
        os.kill(pid, signal.SIGKILL)
        assert [other.result().status_code for other in others] == [500, 500]
        assert server.is_well()


def await_joined(server: Server, number: int) -> None:
    """Wait until so many queries wait for the answer to an equal one."""
    until = time.monotonic() + 30
    while f"dwpld_queries_joined {number}.0" not in httpx.get(f"{server.address}metrics").text:
        assert time.monotonic() < until


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_each_query_is_a_line_of_the_log(release: Path, tmp_path: Path) -> None:
    log = tmp_path / "queries.log"
    query = 'ASK { ?s ?p "two\\nlines \u2028 \x1b[31m" }\n# {"event": "query"}\u0085'
    with client_of(release, query_log=str(log)) as client:
        client.get(address(query), JSON)
        client.get(address(query), JSON)
        client.get(address("ASK {"), JSON)
        client.get("/data", JSON)
    first, second, third = lines_of(log)
    assert log.read_bytes().isascii()
    assert b"\x1b" not in log.read_bytes()
    assert first["query"] == query
    assert (first["outcome"], first["status"], first["source"], first["form"]) == ("answered", 200, "worker", "json")
    assert (second["source"], second["query_sha256"]) == ("kept", first["query_sha256"])
    assert (third["outcome"], third["status"], third["source"]) == ("refused", 400, "none")
    assert first["release"] == release.name
    assert isinstance(first["duration_s"], float)
    assert not {"client"} & {*first, *second, *third}


@pytest.mark.parametrize("wanted", ["hash", "address"])
def test_clients_are_logged_only_as_the_settings_say(release: Path, tmp_path: Path, wanted: str) -> None:
    log = tmp_path / "queries.log"
    with client_of(release, query_log=str(log), log_clients=wanted) as client:
        client.get(address("ASK {}"), JSON)
        client.get(address("ASK {}"), JSON)
    first, second = lines_of(log)
    assert first["client"] == second["client"]
    assert (first["client"] == "127.0.0.1") == (wanted == "address")


def test_hashes_of_clients_change_with_the_day_and_the_server() -> None:
    one = Pseudonyms()
    monday, again = one.of("192.0.2.1", "2026-01-05"), one.of("192.0.2.1", "2026-01-05")
    assert monday == again != one.of("192.0.2.2", "2026-01-05")
    assert one.of("192.0.2.1", "2026-01-06") != monday
    assert Pseudonyms().of("192.0.2.1", "2026-01-05") != monday


def logged(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """Give the lines of the log on standard error, where extensions that tests import may complain as a worker ends."""
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


def test_a_slow_query_is_logged_though_queries_are_not(release: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with client_of(release, slow_s=1e-9) as client:
        client.get(address(f"{ALL} # {'x' * 2_000}"), JSON)
    [text] = logged(capfd)
    line = json.loads(text)
    assert line["event"] == "slow query"
    assert len(line["query"]) > 2_000
    with client_of(release) as client:
        client.get(address(ALL), JSON)
    assert logged(capfd) == []


def test_a_log_that_cannot_be_written_is_misuse(release: Path, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="DWPLD_QUERY_LOG"):
        create_app(Settings(release, query_log=str(tmp_path / "nowhere" / "log")))


@pytest.mark.parametrize(
    ("name", "text"), [("METRICS", "all"), ("LOG_CLIENTS", "yes"), ("CACHE_BYTES", "-1"), ("SLOW_S", "inf")]
)
def test_a_setting_that_means_nothing_is_misuse(name: str, text: str) -> None:
    with pytest.raises(MisuseError, match=f"DWPLD_{name}={text}"):
        from_environment(Path("release"), {f"DWPLD_{name}": text})


@pytest.mark.parametrize("name", ["CACHE_BYTES", "SLOW_S"])
def test_zero_turns_it_off(name: str) -> None:
    found = from_environment(Path("release"), {f"DWPLD_{name}": "0"})
    assert getattr(found, name.lower()) == 0
