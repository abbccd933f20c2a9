"""Answers from columns are the answers of a store that holds every triple: generated cubes, generated queries."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from endpoint.cubes.refusal import RefusalError
from endpoint.guard import analyse
from endpoint.source import Scope
from tests.properties import sparql_cases
from tests.properties.cube_cases import NAMES, Case, make, multiset, queries, rows
from tests.properties.sparql_cases import Made, grammatical

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.properties.cube_cases import Row

Answers: TypeAlias = "Counter[tuple[str, ...]]"

EXAMPLES = 60
SEEDS = st.integers(0, 2**32)


def compare(case: Case, query: str, view: Callable[[Answers], Answers] = lambda rows: rows) -> bool:
    """Ask both ways and compare; False if the query was refused."""
    scope = Scope.STATED if analyse(query).has_dataset else Scope.UNION
    try:
        plain = case.plain.answer(query, scope)
    except SyntaxError:  # the generator is no grammar: a name may be bound twice
        event("no query")
        return True
    wanted = view(multiset(plain))
    try:
        found = view(multiset(case.columns.answer(query, scope)))
    except RefusalError as error:
        event(f"refused: {error.reason}")
        return False
    if found != wanted:
        note(f"query: {query}")
        if "DESCRIBE" not in query:
            note(f"rewritten: {case.columns.explain(query, scope).query}")
        note(f"too many: {found - wanted}\ntoo few: {wanted - found}")
    assert found == wanted
    return True


def view_of(made: Made) -> Callable[[Answers], Answers]:
    """Say what of the answers to a query must be the same."""
    if made.features & {"SAMPLE", "GROUP_CONCAT"}:
        return lambda rows: Counter({(): rows.total()})
    if "Reduced" in made.features:
        return lambda rows: Counter(rows.keys())
    if made.features & {"MIN", "MAX"}:  # 1 and 1.0 are equal, and either may be the least
        return lambda rows: Counter(tuple(map(_without_datatype, row)) for row in rows.elements())
    return lambda rows: rows


def _without_datatype(cell: str) -> str:
    return cell.partition("^^")[0].removesuffix(" (double)").replace('"', "")


def compare_some(case: Case, made: Made, whole: str) -> None:
    """Compare how many solutions there are, each of them one that there is without LIMIT."""
    scope = Scope.STATED if analyse(made.text).has_dataset else Scope.UNION
    try:
        wanted, every = (multiset(case.plain.answer(text, scope)) for text in (made.text, whole))
        found = multiset(case.columns.answer(made.text, scope))
    except (SyntaxError, RefusalError):
        return
    note(f"query: {made.text}")
    assert found.total() == wanted.total()
    assert found <= every


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_answers_are_those_of_a_store_with_every_triple(data: st.DataObject) -> None:
    tables: dict[str, list[Row]] = {name: data.draw(rows(name)) for name in NAMES}
    with tempfile.TemporaryDirectory() as directory:
        case = make(Path(directory) / "release", tables)
        for _ in range(5):
            compare(case, data.draw(queries()))


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_answers_to_any_query_of_the_grammar_are_those_of_a_store_with_every_triple(data: st.DataObject) -> None:
    tables: dict[str, list[Row]] = {name: data.draw(rows(name)) for name in NAMES}
    with tempfile.TemporaryDirectory() as directory:
        case = make(Path(directory) / "release", tables)
        for _ in range(5):
            made = data.draw(SEEDS.map(grammatical))
            if made.whole is not None and "Reduced" not in made.features:
                compare_some(case, made, made.whole)
            elif made.whole is None:
                compare(case, made.text, view_of(made))


def test_the_generator_makes_every_production_of_the_grammar() -> None:
    made = {feature for seed in range(400) for feature in grammatical(seed).features}
    assert made == sparql_cases.PRODUCTIONS
