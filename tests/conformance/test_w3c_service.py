"""The W3C tests of SPARQL 1.1 Federated Query, with servers on loopback in place of the services they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyoxigraph import QueryResultsFormat, QuerySolutions, RdfFormat, Store, parse_query_results

from endpoint.guard import analyse
from endpoint.problems import RequestError
from endpoint.services import Services
from tests.integration.remotes import remote_services
from tests.integration.test_federation import answered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.integration.test_federation import Rows

INVALID = "http://invalid.endpoint.org/sparql"
ONE, TWO, ONLY = "http://example1.org/sparql", "http://example2.org/sparql", "http://example.org/sparql"
TESTS: list[tuple[str, str, str, Mapping[str, str]]] = [
    ("service01", "service01", "data01", {ONLY: "data01endpoint"}),
    ("service02", "service02", "", {ONE: "data02endpoint1", TWO: "data02endpoint2"}),
    ("service03", "service03", "", {ONE: "data03endpoint1", TWO: "data03endpoint2"}),
    ("service04a", "service04", "data04", {ONLY: "data04endpoint"}),
    ("service06", "service06", "", {ONE: "data06endpoint1"}),
    ("service07", "service07", "data07", {}),
]
VARIABLE: str = "service05"
"""Its service is a variable, which is refused: there is no list that says beforehand who would be called."""


@pytest.mark.parametrize(("name", "result", "data", "services"), TESTS, ids=[test[0] for test in TESTS])
def test_the_answer_is_the_official_one(
    shared: Path, name: str, result: str, data: str, services: Mapping[str, str]
) -> None:
    folder = shared / "w3c-sparql11-tests" / "service"
    query = (folder / f"{name}.rq").read_text("utf-8")
    store = Store()
    if data:
        store.load(path=str(folder / f"{data}.ttl"), format=RdfFormat.TURTLE)
    with remote_services() as remote:
        addresses = {INVALID: "http://127.0.0.1:9/sparql"}
        for number, (iri, file) in enumerate(services.items()):
            addresses[iri] = remote.add(f"/{number}", (folder / f"{file}.ttl").read_text("utf-8"))
        for iri, address in addresses.items():
            query = query.replace(f"<{iri}>", f"<{address}>")
        listed = " ".join(addresses.values())
        found = answered(store, Services.of(listed, listed), query)
    assert found == official(folder / f"{result}.srx")


def official(path: Path) -> Rows:
    found = parse_query_results(path=str(path), format=QueryResultsFormat.XML)
    assert isinstance(found, QuerySolutions)
    names = [variable.value for variable in found.variables]
    return sorted(({n: str(row[n]) for n in names if row[n] is not None} for row in found), key=repr)


def test_every_test_is_run_or_named(shared: Path) -> None:
    files = (shared / "w3c-sparql11-tests" / "service").glob("*.rq")
    assert {path.stem for path in files} == {test[0] for test in TESTS} | {VARIABLE}


def test_a_variable_for_a_service_is_refused(shared: Path) -> None:
    text = (shared / "w3c-sparql11-tests" / "service" / f"{VARIABLE}.rq").read_text("utf-8")
    with pytest.raises(RequestError, match="SERVICE"):
        analyse(text, [ONE, TWO])
