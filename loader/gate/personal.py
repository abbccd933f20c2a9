"""Find personal data in the cells, headers and notes of a table (docs/gate.md).

A column is searched with one expression in the regex engine of polars; only the few distinct texts that it lets through
are looked at one by one (`loader.gate.shapes`). A message gives line, column, kind and a mask, never what was found.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import Problem
from loader.gate.headers import check_headers
from loader.gate.shapes import (
    INVISIBLE,
    REVIEWABLE,
    SUSPECT,
    SUSPECT_OR_ODD,
    Found,
    Kind,
    find_personal,
    normalised,
    review_key,
)
from loader.persons import LEGAL_FORMS, TITLES, why_held
from loader.texts import distinct

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Mapping as Dictionary

    from loader.gate.policy import Policy

SHOWN: Final = 20
"""Problems of one kind in one column that are named one by one; the rest is counted."""
ENOUGH: Final = 1000
"""Distinct texts with personal data in one column after which the search in it ends."""
_SAMPLE: Final = 1000
_OF_NAMES: Final = frozenset({Kind.TITLE, Kind.TRADING})


def check_personal(
    rows: pl.DataFrame,
    policy: Policy,
    shown: str,
    line_column: str,
    *,
    titles: Dictionary[str, str] | None = None,
    reviewed: Collection[str] = frozenset(),
) -> Iterator[Problem]:
    """Yield the personal data in a table: its headers, then each column.

    All columns of `rows` are text but `line_column`, the source lines. `titles` are the headers by column name, where
    they differ; `reviewed` holds the keys of names found to be organisations (`loader.persons.read_reviewed`).
    """
    names = [name for name in rows.columns if name != line_column]
    headers = [(titles or {}).get(name, name) for name in names]
    yield from check_headers(headers, shown, policy, names=names)
    for name in _worth_a_look(rows, names):
        lines = _lines(rows, name, line_column)
        yield from _report(lines, _found_in(lines["text"], name, policy), _Place(shown, name))
    for name in names:
        if name in policy.supplier_columns:
            yield from _suppliers(_lines(rows, name, line_column), reviewed, _Place(shown, name))


def _lines(rows: pl.DataFrame, name: str, line_column: str) -> pl.DataFrame:
    return rows.select(pl.col(line_column).alias("line"), pl.col(name).alias("text"))


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of a table, as messages name it."""

    shown: str
    column: str

    def __str__(self) -> str:
        return f"{self.shown}, column '{self.column}'"

    def at(self, line: int) -> str:
        return f"{self.shown}:{line}, column '{self.column}'"


def _worth_a_look(rows: pl.DataFrame, names: list[str]) -> list[str]:
    """Give the columns with a text that may be personal data, all looked at together so that they share the cores."""
    if rows.is_empty():
        return []
    sample = rows.gather_every(max(1, rows.height // _SAMPLE)).select(pl.col(names).n_unique() * 2 < pl.len())
    repeats = sample.row(0, named=True) if names else {}
    # To find the distinct texts of a column is cheaper than to search it, if there are few.
    texts = [pl.col(name).unique().cast(pl.String) if repeats[name] else pl.col(name).cast(pl.String) for name in names]
    found = rows.select(text.str.contains(SUSPECT_OR_ODD).any() for text in texts).row(0, named=True)
    return [name for name in names if found[name]]


def check_texts(texts: Iterable[tuple[str, str]], policy: Policy | None = None) -> Iterator[Problem]:
    """Yield the personal data in texts that are in no column, each given with its place.

    For notes, titles and names of sheets, comments, descriptions: whatever a file has beside its table.
    """
    for where, text in texts:
        for form in dict.fromkeys(_forms(text)):
            found = list(_unreviewed(form, policy, is_free=True))
            yield from (piece.problem(where) for piece in found)
            if found:
                break


def _forms(text: str) -> Iterator[str]:
    for invisible in ("", " "):
        yield normalised(pl.Series([text]), invisible=invisible)[0]


def _found_in(column: pl.Series, name: str, policy: Policy) -> dict[Found, list[str]]:
    """Give what is found in a column, each piece with the cells that it stands in."""
    ignored = set(_OF_NAMES) if name in policy.supplier_columns else set()
    if name in policy.office_columns:
        ignored.add(Kind.POSTCODE)
    found: dict[Found, list[str]] = defaultdict(list)
    cells: set[str] = set()
    for cell, text in _suspects(column):
        for piece in _unreviewed(text, policy, is_free=name in policy.free_text_columns):
            if piece.kind not in ignored and cell not in found[piece]:
                found[piece].append(cell)
                cells.add(cell)
        if len(cells) >= ENOUGH:
            break
    return {piece: places for piece, places in found.items() if places}


def _suspects(column: pl.Series) -> Iterator[tuple[str, str]]:
    """Yield the distinct cells worth a closer look, each in normal form, in order of appearance."""
    texts = distinct(column)
    cells = texts.filter(texts.str.contains(SUSPECT_OR_ODD)).unique(maintain_order=True)
    if cells.is_empty():
        return
    # A character without width may stand between two words or within one: both readings are looked at.
    parted = cells.filter(cells.str.contains(INVISIBLE))
    forms = pl.DataFrame({"cell": cells, "text": normalised(cells)})
    if not parted.is_empty():
        forms = pl.concat([forms, pl.DataFrame({"cell": parted, "text": normalised(parted, invisible=" ")})])
    yield from forms.filter(pl.col("text").str.contains(SUSPECT)).iter_rows()


def _unreviewed(text: str, policy: Policy | None, *, is_free: bool) -> Iterator[Found]:
    """Find personal data, looking on behind what was reviewed as an office's."""
    reviewed = {review_key(piece) for piece in policy.reviewed} if policy is not None else set()
    for piece in find_personal(text, is_free=is_free):
        if piece.kind not in REVIEWABLE or piece.key not in reviewed:
            yield piece
            continue
        rest = _unreviewed(text.replace(piece.text, " ", 1), policy, is_free=is_free)
        yield from (other for other in rest if other.kind is piece.kind)


def _report(lines: pl.DataFrame, found: Dictionary[Found, list[str]], place: _Place) -> Iterator[Problem]:
    by_kind: dict[Kind, dict[str, Found]] = defaultdict(dict)
    for piece, cells in found.items():
        by_kind[piece.kind].update(dict.fromkeys(cells, piece))
    for pieces in by_kind.values():
        at = lines.filter(pl.col("text").is_in(list(pieces)))
        problems = [pieces[text].problem(place.at(line)) for line, text in at.head(SHOWN).iter_rows()]
        yield from problems
        if at.height > SHOWN:
            more = f"at least {at.height - SHOWN:,}" if len(pieces) >= ENOUGH else f"{at.height - SHOWN:,}"
            yield Problem(problems[0].code, str(place), f"and {more} more cells like these")


_PLAIN: Final = r"^[0-9A-Za-z &.,()+-]*$"
_LEGAL_FORM: Final = rf"(?i)\b(?:{'|'.join(sorted(LEGAL_FORMS))})\b"
_DOUBT: Final = rf"(?i)\b(?:{'|'.join(sorted(TITLES))}|ta|dba|t\W+a|d\W+b|c\W+o|(?:trading|care)\W+(?:as|of))\b"


def _clear(names: pl.Series) -> pl.Series:
    """Say which names `why_held` certainly lets pass, at a hundredth of its cost: most have a legal form."""
    return names.str.contains(_PLAIN) & names.str.contains(_LEGAL_FORM) & ~names.str.contains(_DOUBT)


def _suppliers(lines: pl.DataFrame, reviewed: Collection[str], place: _Place) -> Iterator[Problem]:
    """Yield the payees that nothing shows to be organisations; their names are not repeated, not even in part."""
    names = lines["text"].drop_nulls().unique().cast(pl.String)
    reasons = {text: why_held(text, reviewed) for text in names.filter(~_clear(names))}
    held = {text: reason for text, reason in reasons.items() if reason is not None}
    if not held:
        return
    at = lines.filter(pl.col("text").is_in(list(held)))
    hint = (
        "hold the row in the tidy step (loader.persons.why_held); if a review finds an organisation, add it to "
        "organisations.txt"
    )
    for line, text in at.head(SHOWN).iter_rows():
        yield Problem("GATE-19", place.at(line), held[text].value, hint)
    if at.height > SHOWN:
        yield Problem("GATE-19", str(place), f"and {at.height - SHOWN:,} more cells like these")
