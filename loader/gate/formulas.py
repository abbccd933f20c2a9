"""Find cells that a spreadsheet would run as a formula when somebody opens the published table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import Problem
from loader.integrity import SHOWN
from loader.texts import distinct

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMULA: Final = r"^\s*(?:[=@]|[+\-][\p{L}_(@\'\"])"
"""What begins a formula. A sign before a digit is a number; a sign alone is a marker."""


def check_formulas(rows: pl.DataFrame, shown: str, line_column: str) -> Iterator[Problem]:
    """Yield the cells that begin like formulas; what they say is not repeated."""
    hint = "take the first character out of the published file, or have the tidy step do so"
    names = [name for name in rows.columns if name != line_column and _worth_a_look(distinct(rows[name])).any()]
    for name in names:
        texts = rows[name].cast(pl.String)
        is_worth = _worth_a_look(texts)
        found = rows[line_column].filter(is_worth).filter(texts.filter(is_worth).str.contains(_FORMULA))
        for line in found.head(SHOWN):
            message = "the cell begins like a formula, which spreadsheets run when they open the published table"
            yield Problem("GATE-05", f"{shown}:{line}, column '{name}'", message, hint)
        if found.len() > SHOWN:
            more = f"and {found.len() - SHOWN:,} more cells like these, in column '{name}'"
            yield Problem("GATE-05", shown, more, hint)


def _worth_a_look(texts: pl.Series) -> pl.Series:
    """Let through what begins with a space, a sign, = or @, and little else; comparing is quicker than matching."""
    return (texts < "0") | ((texts >= "=") & (texts < "A"))
