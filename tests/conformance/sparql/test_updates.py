"""The updates of the W3C SPARQL 1.1 tests, sent to every door of the service: none is let in, and nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import pytest

from endpoint.media import N_TRIPLES
from tests.conformance.sparql.suite import ACCEPTED, BASE, REFUSED, UPDATES, Data, Entry, entries, params

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.sparql.service import Service

DATA: Final = Data("add", (f"{BASE}add/add-01-pre.ttl",), ())
EVERYTHING: Final = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
FORM: Final = "application/x-www-form-urlencoded"
DOORS: Final = {
    "the body of a POST": ("POST", "/sparql", "application/sparql-update", ""),
    "the body of a query's POST": ("POST", "/sparql", "application/sparql-query", ""),
    "update in a form": ("POST", "/sparql", FORM, "update"),
    "query in a form": ("POST", "/sparql", FORM, "query"),
    "update in an address": ("GET", "/sparql", "", "update"),
    "query in an address": ("GET", "/sparql", "", "query"),
    "update in an address, posted": ("POST", "/sparql", "application/sparql-query", "update"),
    "PUT": ("PUT", "/sparql", "application/sparql-update", ""),
    "PATCH of the graphs": ("PATCH", "/graphs", "application/sparql-update", ""),
    "POST to the graphs": ("POST", "/graphs", "application/sparql-update", ""),
}


def updates() -> list[tuple[str, Entry]]:
    return [(entry.id, entry) for entry in entries(*UPDATES, ACCEPTED, REFUSED) if entry.is_update]


def send(asked: Service, text: str, door: str) -> int:
    """Knock at a door; give the status."""
    method, path, kind, parameter = DOORS[door]
    sent = urlencode({parameter: text}) if parameter else text
    if parameter and kind != FORM:
        path, sent = f"{path}?{sent}", EVERYTHING
    headers = {"Content-Type": kind} if kind else {}
    return asked.client.request(method, path, headers, sent.encode() if kind else None).status_code


@pytest.mark.parametrize("entry", params(updates(), {}))
def test_an_update_is_refused_at_every_door(shared: Path, asked: Service, entry: Entry) -> None:
    assert shared.is_dir()
    asked.serve(DATA, is_columns=False)
    before = asked.ask(EVERYTHING, N_TRIPLES.media_type).text
    assert before.count("\n") > 1
    refused = {door: send(asked, entry.text, door) for door in DOORS}
    assert set(refused.values()) <= {400, 405}, refused
    assert asked.ask(EVERYTHING, N_TRIPLES.media_type).text == before
