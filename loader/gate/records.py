"""Find tables with one person a row (docs/gate.md).

Nothing in such a table need look like personal data: age, sex, district and date of claim are enough to find somebody.
So the gate looks at the shape of the table: what its columns are called, what they hold, whether anything is counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import Problem
from loader.gate.policy import COUNTS, MONEY, PERCENTAGES, RECORD_LEVEL, REFERENCE
from loader.persons import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.gate.policy import Layout, Policy

_TRAITS: Final = {
    "age": "age ages dob",
    "sex": "sex gender",
    "ethnicity": "ethnic ethnicity race",
    "nationality": "nationality citizenship",
    "religion": "religion faith",
    "disability": "disability disabled impairment",
    "health": "health condition conditions diagnosis",
    "family": "marital spouse children dependants",
    "work": "occupation employer employment",
    "home": "postcode lsoa msoa street address",
    "start of claim": "claim claimed started onset",
    "sanction": "sanction sanctioned decision",
}
"""What is true of a person, with the words that columns for it are called by."""
_TRAIT_OF: Final = {word: trait for trait, words in _TRAITS.items() for word in words.split()}

_IDENTIFIER: Final = frozenset(
    {"case", "claim", "id", "identifier", "number", "pseudonym", "record", "ref", "reference", "serial", "uid", "uuid"}
)
_REFERENCE: Final = (
    r"^(?:[A-Za-z]{0,4}[-/ ]?[0-9]{5,}[A-Za-z]?|[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12})$"
)
_NO_REFERENCE: Final = r"^[A-Z][0-9]{8}$|^[0-9]{4}(?:[0-9]{2}){0,2}$"
"""Codes of areas, and periods written without hyphens."""
_ONE: Final = r"^\+?1(?:\.0+)?$"
_MOSTLY: Final = 0.95
_FEW_ROWS: Final = 3
_SOME_ROWS: Final = 20
_SPARSE: Final = 0.01
"""Share of all combinations of codes under which a table is no cross-tabulation."""


def check_records(
    rows: pl.DataFrame, policy: Policy, layout: Layout, shown: str, line_column: str
) -> Iterator[Problem]:
    """Yield what shows that a table has a row for each person rather than figures about many."""
    if not policy.applies(RECORD_LEVEL) or rows.height < _FEW_ROWS:
        return
    names = [name for name in rows.columns if name != line_column]
    traits = _traits(name for name in names if name not in layout.measures)
    message = _one_person_a_row(rows, policy, layout, traits)
    if message is not None:
        hint = (
            "publish counts of people, not a row for each; or say in [policy.exemptions] why the rows are of no persons"
        )
        yield Problem("GATE-03", shown, f"the table seems to have one person a row: {message}", hint)
    if policy.kind in {COUNTS, PERCENTAGES}:
        for name in names:
            if name not in layout.measures and _is_identifier(rows[name], name):
                hint = "leave the column out: a figure about many people has no number of one of them"
                yield Problem("GATE-04", f"{shown}, column '{name}'", "each row has an identifier of its own", hint)


def _traits(names: Iterator[str]) -> list[str]:
    """Give the traits of persons that columns are called after, each once: a code and its label are one trait."""
    words = (word for name in names for word in words_of(name.replace("_", " ")))
    return list(dict.fromkeys(_TRAIT_OF[word] for word in words if word in _TRAIT_OF))


def _one_person_a_row(rows: pl.DataFrame, policy: Policy, layout: Layout, traits: list[str]) -> str | None:
    """Say what shows it, if anything does."""
    if len(traits) < 2:
        return None
    shown = ", ".join(traits)
    if not layout.measures:
        is_list = policy.kind == REFERENCE and len(traits) < 3
        return None if is_list else f"nothing is counted, and there are columns for {shown}"
    if policy.kind == COUNTS and policy.multiplier == 1:
        ones = rows.select(pl.col(list(layout.measures)).cast(pl.String).str.contains(_ONE).mean()).row(0)
        if all(share is not None and share >= _MOSTLY for share in ones):
            return f"its figures are 1, and there are columns for {shown}"
    if policy.kind in {MONEY, PERCENTAGES} and len(traits) > 2 and _is_scattered(rows, layout):
        return f"few combinations of its codes occur, and there are columns for {shown}"
    return None


def _is_scattered(rows: pl.DataFrame, layout: Layout) -> bool:
    """Say whether a table has so few of the combinations of its codes that it cannot be a cross-tabulation."""
    if rows.height < _SOME_ROWS or not layout.dimensions:
        return False
    counts = rows.select(pl.col(list(layout.dimensions)).n_unique()).row(0)
    combinations = 1
    for count in counts:
        combinations *= count
    return rows.height < _SPARSE * combinations


def _is_identifier(column: pl.Series, name: str) -> bool:
    """Say whether a column numbers persons: a value of its own in each row, called or shaped like a reference."""
    head = column.head(1000).cast(pl.String)
    if head.null_count() or head.n_unique() < head.len():  # most columns end here, at little cost
        return False
    words = set(words_of(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ")))
    is_called = bool(words & _IDENTIFIER)
    if not is_called and column.len() < _SOME_ROWS:
        return False
    shaped = head.str.contains(_REFERENCE) & ~head.str.contains(_NO_REFERENCE)
    if not is_called and not shaped.all():
        return False
    return not head.str.contains(_NO_REFERENCE).any() and column.null_count() == 0 and column.n_unique() == column.len()
