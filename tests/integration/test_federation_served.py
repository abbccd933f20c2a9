"""Two endpoints of ours that federate over HTTP, each with its own worker processes and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.small import BASE, FIGURES, make_release
from tests.integration.test_workers import Server, pytestmark, serving_any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["pytestmark"]
SD = "http://www.w3.org/ns/sparql-service-description#"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The query service of another endpoint."""
    with serving_any(make_release(tmp_path_factory.mktemp("there")), timeout_s=10) as server:
        yield f"{server.address}sparql"


@pytest.fixture(scope="module")
def here(there: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    release = make_release(tmp_path_factory.mktemp("here"))
    nowhere = "http://127.0.0.1:9/sparql"
    lists = {"services": f"{there} {nowhere}", "services_inside": f"{there} {nowhere}"}
    with serving_any(release, timeout_s=10, max_service_rows=25, **lists) as server:
        yield server


def query(there: str, more: str = "") -> str:
    call = f"SERVICE <{there}> {{ ?area <http://www.w3.org/2004/02/skos/core#prefLabel> ?name }}"
    return f"SELECT * {{ ?o <def/dimension/area> ?area ; <def/measure/households> ?n {more} {call} }}"


def test_figures_here_are_joined_with_names_there(here: Server, there: str) -> None:
    found = here.ask(query(there, "FILTER(?n > 30000)"))
    assert found.status_code == 200, found.text
    rows = found.json()["results"]["bindings"]
    assert sorted(int(row["n"]["value"]) for row in rows) == sorted(n for n in FIGURES.values() if n > 30_000)
    assert all(row["name"]["value"].startswith("Town ") and row["name"]["xml:lang"] == "en" for row in rows)
    assert found.headers["cache-control"] == "no-store"
    assert "etag" not in found.headers


def test_what_a_service_gives_is_bounded_and_its_failure_is_a_502(here: Server, there: str) -> None:
    found = here.ask(query(there))
    assert found.status_code == 502
    assert found.json()["detail"] == f"The service <{there}> has more than 25 solutions for its part of the query"
    away = query("http://127.0.0.1:9/sparql")
    assert "cannot be reached" in here.ask(away).json()["detail"]
    page = here.ask(away, "text/html")
    assert (page.status_code, "cannot be reached" in page.text, "<textarea" in page.text) == (502, True, True)
    silent = here.ask(away.replace("SERVICE", "SERVICE SILENT"))
    assert len(silent.json()["results"]["bindings"]) == len(FIGURES)


def test_explaining_says_what_was_asked_of_whom(here: Server, there: str) -> None:
    text = httpx.get(f"{here.address}sparql", params={"query": query(there, "FILTER(?n < 3000)"), "explain": "1"}).text
    assert f"# SERVICE <{there}>\n# 2 rows\nBASE <{BASE}/>" in text
    assert "E06000001> ) " not in text
    assert "VALUES (?area)" in text


def test_the_description_names_the_services(here: Server, there: str) -> None:
    text = httpx.get(f"{here.address}sparql", headers={"Accept": "application/n-triples"}).text
    assert f"<{SD}feature> <{SD}BasicFederatedQuery>" in text
    assert f"<{SD}endpoint> <{there}>" in text
    assert "BasicFederatedQuery" not in httpx.get(there, headers={"Accept": "application/n-triples"}).text


def test_services_that_are_not_listed_are_refused(here: Server) -> None:
    found = here.ask(query(f"{here.address}sparql"))
    assert found.status_code == 400
    assert "queries to services other than" in found.json()["detail"]
