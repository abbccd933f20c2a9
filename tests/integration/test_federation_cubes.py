"""Figures that are columns, joined with what another service says of their codes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import QuerySolutions

from endpoint.federation import Federation
from endpoint.services import Services
from endpoint.serving import open_serving
from endpoint.source import Scope
from loader.build import Plan, build
from loader.progress import LogWatcher
from tests.integration import tiny
from tests.integration.remotes import Remote, remote_services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from endpoint.serving import Serving

NAMES = """@prefix area: <http://statistics.data.gov.uk/id/statistical-geography/> .
area:E06000001 <urn:x:name> "Hartlepool" . area:W06000015 <urn:x:name> "Cardiff"@cy .
area:E06000002 <urn:x:name> "Other" ."""
FIGURES = "?o <def/dimension/area> ?area ; <def/dimension/period> ?p ; <def/measure/households> ?n"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    folder = tmp_path_factory.mktemp("cubes")
    plan = Plan(("tiny",), tiny.write_mapping(folder))
    return open_serving(build(plan, folder / "out", LogWatcher()))


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    with remote_services() as services:
        services.add("/names", NAMES)
        yield services


SOME, ONE = ["Hartlepool 10", "None 20"], ["Hartlepool 10", "Hartlepool 20"]
TINY = "<def/measure/households> 10"
SUMS = f"{{ SELECT ?area (SUM(?n) AS ?s) {{ {FIGURES} }} GROUP BY ?area }}"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (f"SELECT ?name ?n {{ {FIGURES} CALL }}", ["Cardiff 30", "Cardiff 40", "Hartlepool 10", "Hartlepool 20"]),
        (f"SELECT ?name (SUM(?n) AS ?s) {{ {FIGURES} CALL }} GROUP BY ?name", ["Cardiff 70", "Hartlepool 30"]),
        (f"SELECT ?name ?n {{ CALL {FIGURES} FILTER(?n > 30) }}", ["Cardiff 40"]),
        (f"SELECT ?name ?n {{ {FIGURES} FILTER(?n > 30) CALL }}", ["Cardiff 40"]),
        (f"SELECT ?name ?n {{ {FIGURES} OPTIONAL {{ CALL FILTER(?n < 15) }} FILTER(?n < 30) }}", SOME),
        (f"SELECT ?name ?s {{ {SUMS} CALL }}", ["Cardiff 70", "Hartlepool 30"]),
        (f"SELECT ?name ?n {{ {FIGURES} . [] <def/dimension/area> ?area ; {TINY} CALL }}", ONE),
    ],
)
def test_columns_are_joined_with_a_service(serving: Serving, remote: Remote, query: str, wanted: list[str]) -> None:
    iri = f"{remote.address}/names"
    federation = Federation(Services.of(iri, iri), serving.site.base, 10, 100)
    ask = partial(serving.source.answer, scope=Scope.UNION)
    text = federation.federate(query.replace("CALL", f"SERVICE <{iri}> {{ ?area <urn:x:name> ?name }}"), ask).text
    found = ask(text)
    assert isinstance(found, QuerySolutions)
    assert sorted(" ".join(getattr(row[n], "value", "None") for n in (0, 1)) for row in found) == wanted
    is_first = "?n { CALL" in query
    assert ("VALUES (?area)" in remote.heard[-1][1]) is not is_first
