"""The W3C SPARQL 1.1 syntax tests of queries over HTTP: a query is answered, anything else is the client's fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.conformance.sparql.suite import ACCEPTED, REFUSED, Data, Entry, entries, params

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.sparql.service import Service

NOTHING: Final = Data("syntax-query", (), ())
SERVICE: Final = "SERVICE is refused"
GAPS: Final = {
    **{f"syntax-fed/test_{number}": SERVICE for number in (1, 2, 3)},
    "syntax-query/test_4": "a call of a function that is not there is refused, and not an error in every row (§17.6)",
}


def cases(kind: str) -> list[tuple[str, Entry]]:
    return [(entry.id, entry) for entry in entries(kind)]


@pytest.mark.parametrize("entry", params(cases(ACCEPTED), GAPS))
def test_a_query_is_accepted(shared: Path, asked: Service, entry: Entry) -> None:
    assert shared.is_dir()
    asked.serve(NOTHING, is_columns=False)
    found = asked.ask(entry.text, "*/*")
    assert found.status_code == 200, found.text


@pytest.mark.parametrize("entry", params(cases(REFUSED), {}))
def test_what_is_no_query_is_refused(shared: Path, asked: Service, entry: Entry) -> None:
    assert shared.is_dir()
    asked.serve(NOTHING, is_columns=False)
    found = asked.ask(entry.text, "*/*")
    assert found.status_code == 400, found.text
    assert found.json()["detail"]
