"""Keep messages from repeating personal data: what is wrong with a cell is often said by quoting it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.gate.shapes import find_personal, normalised

if TYPE_CHECKING:
    from loader.errors import Problem

_QUOTED: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
HIDDEN: Final = "'…'"
"""What stands in a message in place of a quoted text that seems to hold personal data."""
WITHHELD: Final = "what is wrong here is not repeated, because it seems to hold personal data"


def discreet(problem: Problem) -> Problem:
    """Give a problem whose texts repeat nothing that seems to be personal data; most are given as they are."""
    place, message, hint = problem.where, _without_quotes(problem.message), _without_quotes(problem.hint)
    if _is_personal(message):
        message = WITHHELD
    return replace(problem, where=_without_quotes(place), message=message, hint="" if _is_personal(hint) else hint)


def _without_quotes(text: str) -> str:
    return _QUOTED.sub(lambda match: HIDDEN if _is_personal(match[0][1:-1]) else match[0], text)


def _is_personal(text: str) -> bool:
    plain = normalised(pl.Series([text], dtype=pl.String))[0]
    return next(find_personal(plain, is_free=True), None) is not None
