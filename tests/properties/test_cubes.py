"""Answers from columns are the answers of a store that holds every triple: generated cubes, generated queries."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from endpoint.cubes.refusal import RefusalError
from endpoint.guard import analyse
from endpoint.source import Scope
from tests.properties.cube_cases import Case, make, multiset, queries, rows

if TYPE_CHECKING:
    from tests.properties.cube_cases import Row

EXAMPLES = 60


def compare(case: Case, query: str) -> bool:
    """Ask both ways and compare; False if the query was refused."""
    scope = Scope.STATED if analyse(query).has_dataset else Scope.UNION
    try:
        plain = case.plain.answer(query, scope)
    except SyntaxError:  # the generator is no grammar: a name may be bound twice
        event("no query")
        return True
    wanted = multiset(plain)
    try:
        found = multiset(case.columns.answer(query, scope))
    except RefusalError as error:
        event(f"refused: {error.reason}")
        return False
    if found != wanted:
        note(f"query: {query}")
        if not query.split(" ", 6)[-1].startswith("DESCRIBE") and hasattr(case.columns, "explain"):
            note(f"rewritten: {case.columns.explain(query, scope).query}")
        note(f"too many: {found - wanted}\ntoo few: {wanted - found}")
    assert found == wanted
    return True


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_answers_are_those_of_a_store_with_every_triple(data: st.DataObject) -> None:
    tables: dict[str, list[Row]] = {name: data.draw(rows(name)) for name in ("one", "two")}
    with tempfile.TemporaryDirectory() as directory:
        case = make(Path(directory) / "release", tables)
        for _ in range(5):
            compare(case, data.draw(queries()))
