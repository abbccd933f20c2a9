"""`/openapi.json`: it describes what the router knows, and a client that is made of it is answered as it says."""

from __future__ import annotations

import ast
import re
from collections import Counter
from inspect import getsource
from itertools import cycle
from textwrap import dedent
from typing import TYPE_CHECKING, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import sampled_from
from pyoxigraph import NamedNode
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from endpoint import app as router
from endpoint.app import create_app
from endpoint.openapi import PARAMETERS, PARTS, PATH, ROUTES
from endpoint.settings import Settings
from loader.build import Plan, build
from loader.progress import LogWatcher
from loader.release import open_release
from tests.integration import tiny
from tests.integration.asking import Client, asking
from tests.integration.holding import stored_quads
from tests.properties.cube_cases import queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from schemathesis import Case
    from schemathesis.specs.openapi.schemas import OpenApiOperation, OpenApiSchema

    from endpoint.openapi import Route

schemathesis.openapi.format("sparql-query", queries())
HOST: Final = "http://testserver"
OPERATIONS: Final = [f"{method} {route.path}" for route in ROUTES for method in route.methods]
EXAMPLES: Final = {"GET": 6, "POST": 25, "HEAD": 2, "OPTIONS": 1}
SEVERAL: Final = ("observation", "measurement")
"""Parts of paths that may have slashes."""
ABSENT: Final = {
    "/def/concept/{list}/{notation}",
    "/def/concept-scheme/{list}",
    "/def/concept-scheme/{list}.csv",
    "/data/{dataset}/editions/{edition}/versions/{version}/changes",
    "/data/{dataset}/payment/{month}/{reference}",
    "/id/{kind}/{name}",
    "/doc/{kind}/{name}",
}
"""What the release of these tests has none of."""
CHOSEN: Final = {"/sparql", "/catalogue.{form}", "/data/{dataset}.{form}"}
"""Where query or suffix choose among the types too."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
]
SERVICES: Final = {
    "/assets/{asset}": "/assets/favicon.svg",
    "/dumps/{dump}.{ending}": "/dumps/tiny.nq",
    "/graphs": "/graphs?default",
    "/graphs/{graph}": "/graphs/extra",
    "/sparql": "/sparql?query=ASK%20%7B%7D",
    "/doc/area/{gss}": "/doc/area/E06000001",
    "/doc/period/{kind}/{value}": "/doc/period/month/2025-04",
    "/doc/resource": "/doc/resource?uri=http://purl.org/linked-data/cube%23Observation",
    "/data/{dataset}.{form}": "/data/tiny.ttl",
    "/catalogue.{form}": "/catalogue.ttl",
    "/sitemaps/{sitemap}": "/sitemaps/graph-1-1.xml",
    "/data/{dataset}/versions": "/data/tiny/versions",
    "/data/{dataset}.csv": "/data/tiny.csv",
    "/data/{dataset}/{table}.csv": "/data/tiny/tiny.csv",
    "/data/{dataset}/{table}.csv-metadata.json": "/data/tiny/tiny.csv-metadata.json",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of one cube and a file."""
    root = tmp_path_factory.mktemp("openapi")
    (root / "extra.ttl").write_text("<http://example.org/a> <http://example.org/b> 1 .", "utf-8")
    return build(Plan(("tiny",), tiny.write_mapping(root), graphs=(root / "extra.ttl",)), root / "out", LogWatcher())


@pytest.fixture(scope="module")
def client(release: Path) -> Iterator[Client]:
    with asking(create_app(Settings(release))) as found:
        yield found


@pytest.fixture(scope="module")
def schema(client: Client) -> OpenApiSchema:
    return schemathesis.openapi.from_dict(client.get(PATH).json())


def steady(examples: int) -> settings:
    """Try so many examples, the same every time."""
    unhurried = list(HealthCheck)
    return settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=unhurried
    )


def send(client: Client, case: Case[OpenApiOperation], accept: str) -> httpx.Response:
    sent = requests.Request(**case.as_transport_kwargs(base_url=HOST)).prepare()
    assert sent.body is None or isinstance(sent.body, str | bytes)
    headers = {name: value if isinstance(value, str) else value.decode() for name, value in sent.headers.items()}
    return client.request(sent.method or "", sent.path_url, {**headers, "Accept": accept}, sent.body)


@pytest.mark.parametrize("label", OPERATIONS)
def test_answers_are_as_described(client: Client, schema: OpenApiSchema, label: str) -> None:
    method, path = label.split(" ")
    operation: OpenApiOperation = schema[path][method]
    accepted = ("*/*", "image/png", *next(route.types for route in ROUTES if route.path == path))
    for mode in GenerationMode:

        @steady(EXAMPLES[method])
        @given(case=operation.as_strategy(mode), accept=sampled_from(accepted))
        def run(case: Case[OpenApiOperation], accept: str) -> None:
            case.validate_response(send(client, case, accept), checks=CHECKS)

        try:
            run()
        except Unsatisfiable:  # of what has no parameters nothing can be got wrong
            assert mode is GenerationMode.NEGATIVE


def test_the_client_asks_for_what_there_is(client: Client, schema: OpenApiSchema) -> None:
    found: Counter[int] = Counter()

    @steady(60)
    @given(case=schema["/sparql"]["GET"].as_strategy(), accept=sampled_from(("text/csv", "text/turtle")))
    def run(case: Case[OpenApiOperation], accept: str) -> None:
        found[send(client, case, accept).status_code] += 1

    run()
    assert found[200] > 10
    assert found[406] > 1


def test_every_path_that_the_router_looks_for_is_described() -> None:
    tree = ast.parse(dedent(getsource(router.Endpoint)))
    names = {ast.unparse(one) for node in ast.walk(tree) for one in looked_for(node)}
    assert {"DUMPS", "'/'", "is_graph"} <= names
    for name in names:
        sought = eval(name, vars(router))
        paths = [route.path for route in ROUTES]
        if isinstance(sought, frozenset):
            assert sought <= set(paths), name
        elif callable(sought):
            assert any(sought(filled(path)) for path in paths), name
        else:
            assert sought in paths or any(path.startswith(sought) and sought.endswith("/") for path in paths), name


def looked_for(node: ast.AST) -> Iterator[ast.expr]:
    """Give what the variable `path` is compared with, what it may start with, and the functions asked of it alone."""
    if isinstance(node, ast.Compare) and ast.unparse(node.left) == "path":
        yield node.comparators[0]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "path.startswith":
        yield node.args[0]
    elif isinstance(node, ast.Call) and not node.keywords and [ast.unparse(one) for one in node.args] == ["path"]:
        yield node.func


def filled(path: str) -> str:
    return re.sub("{[a-z]+}", "x", path)


def test_every_address_of_a_release_is_described(release: Path) -> None:
    for path in addresses(release):
        assert any(pattern(route).fullmatch(path) for route in ROUTES), path


def addresses(release: Path) -> set[str]:
    """Give the paths of everything that a release says something of, and of its descriptions."""
    found = {quad.subject.value for quad in stored_quads(open_release(release)) if isinstance(quad.subject, NamedNode)}
    base = open_release(release).manifest.base_uri
    paths = {iri.removeprefix(base).partition("#")[0] for iri in found if iri.startswith(f"{base}/")}
    return paths | {path.replace("/id/", "/doc/", 1) for path in paths if path.startswith("/id/")}


def pattern(route: Route) -> re.Pattern[str]:
    parts = re.split("{([a-z]+)}", route.path)
    return re.compile(
        "".join(
            (".+" if part in SEVERAL else "[^/]+") if is_name else re.escape(part)
            for part, is_name in zip(parts, cycle((False, True)), strict=False)
        )
    )


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_what_is_described_is_there(client: Client, release: Path, route: Route) -> None:
    path = SERVICES.get(route.path) or next(filter(pattern(route).fullmatch, sorted(addresses(release))), route.path)
    if "{" in path:
        assert route.path in ABSENT
        return
    asked = client.get(path)
    assert asked.status_code == (200 if route.types else 303)
    for kind in route.types if route.is_negotiated and route.path not in CHOSEN else ():
        found = client.get(path, {"Accept": kind})
        assert found.status_code == 200, kind
        assert found.headers["content-type"].partition(";")[0] == kind


def test_names_are_those_of_the_release_and_all_are_used(client: Client) -> None:
    made = client.get(PATH).json()["components"]["parameters"]
    assert made["path-dataset"]["schema"]["enum"] == ["tiny"]
    assert "graphs-extra" in made["path-dump"]["schema"]["enum"]
    assert {name for route in ROUTES for name in route.names} == set(PARTS)
    given = {name for route in ROUTES for name in route.parameters}
    assert given | {"format", "output"} == set(PARAMETERS)


def test_the_start_page_leads_to_it(client: Client) -> None:
    assert f'<{PATH}>; rel="service-desc"' in client.get("/").headers["link"]
    assert client.get(PATH).headers["content-type"] == "application/vnd.oai.openapi+json"
    assert client.get(PATH, {"Accept": "application/json"}).json()["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("bytes=0-3", 206, "bytes 0-3/106"),
        ("bytes=-3", 206, "bytes 103-105/106"),
        ("bytes=106-", 416, "bytes */106"),
        ("bytes=3-1", 200, None),
        ("bytes=0-1,3-4", 200, None),
        ("lines=1", 200, None),
    ],
)
def test_parts_of_a_table(client: Client, asked: str, status: int, said: str | None) -> None:
    found = client.get("/data/tiny.csv", {"Range": asked})
    assert found.status_code == status
    assert found.headers.get("content-range") == said
    other = client.get("/data/tiny.csv", {"Range": asked, "If-Range": '"another"'})
    assert other.status_code == 200


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/sparql", "/data/tiny"])
def test_a_method_that_is_not_known_is_refused_as_others_are(client: Client, path: str, method: str) -> None:
    found = client.request(method, path)
    assert found.status_code == 405
    assert found.headers["content-type"] == "application/problem+json"
    assert "GET" in found.headers["allow"]


def test_an_address_with_a_line_break_is_not_there(client: Client) -> None:
    found = client.get("/data/a%0Ab")
    assert found.status_code == 404
    assert found.json()["title"] == "Not Found"
