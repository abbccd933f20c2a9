"""Tell from its terminals whether a query is about one subject: `DESCRIBE` of an IRI, or one triple pattern of an IRI.

What is let through is a small part of the grammar (SPARQL 1.1 Query §19.8): prefixes; `SELECT` of variables or `*`,
`ASK`, `CONSTRUCT`; a pattern of an IRI, an IRI or variable, and any other term, or for `ASK` none; for `SELECT` a
LIMIT. Whatever else there is, the query is taken for one about anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from endpoint.guard import Token

MOST_TOKENS: Final = 80
_PLAIN: Final = re.compile(r"<[A-Za-z][A-Za-z0-9+-]*://(?!.*/\.)[^\\]*>")
"""An IRI that means the same to every reader: absolute, without escapes, and without `/.`, which may be resolved."""
_LETTERS: Final = {"iri": "i", "name": "i", "string": "s", "number": "n", "tag": "t"}
_PATTERN: Final = r"(?:i[iav](?:i|v|n|b|s(?:t|\^i)?)\.?)"
_SHAPES: Final = re.compile(
    rf"S(?:v+|\*)W?\{{{_PATTERN}\}}(?:Ln)?|AW?\{{{_PATTERN}?\}}|CW?\{{{_PATTERN}\}}|C\{{{_PATTERN}\}}W?\{{{_PATTERN}\}}|Di"
)
_VALUES: Final = re.compile(r"SvW?\{iiv\.?\}")
_WORDS: Final = {"SELECT": "S", "ASK": "A", "CONSTRUCT": "C", "DESCRIBE": "D", "WHERE": "W", "LIMIT": "L"}
_WRITTEN: Final = {"a": "a", "true": "b", "false": "b", "{": "{", "}": "}", ".": ".", "*": "*", "^^": "^"}


class About(NamedTuple):
    """What a query is about."""

    form: str
    """`SELECT`, `ASK`, `CONSTRUCT` or `DESCRIBE`."""
    subject: str
    """An IRI; empty for `ASK {}`, which is about nothing."""
    predicate: str | None = None
    """The property, if it asks for all its values and for nothing else."""


def about_of(tokens: Sequence[Token]) -> About | None:
    """Tell what a query is about; None if that may be anything."""
    if len(tokens) > MOST_TOKENS:
        return None
    start, prefixes = _prefixes(tokens)
    body = tokens[start:]
    letters = "".join(map(_letter, body))
    if not _SHAPES.fullmatch(letters):
        return None
    iris = [_iri(token, prefixes) for token, letter in zip(body, letters, strict=True) if letter == "i"]
    if not all(map(_PLAIN.fullmatch, iris)) or _is_repeated(body, letters):
        return None
    if not iris:  # what is about nothing is not read by the engine, nor what is about a property
        return About(body[0].text.upper(), "") if not start else None
    is_property = not start and _VALUES.fullmatch(letters) and body[1].text[1:] == body[letters.rfind("v")].text[1:]
    return About(body[0].text.upper(), iris[_subject(letters)][1:-1], iris[1][1:-1] if is_property else None)


def _prefixes(tokens: Sequence[Token]) -> tuple[int, dict[str, str]]:
    """Give the place after the declarations of prefixes, and what they stand for."""
    start, found = 0, {}
    while start + 2 < len(tokens) and tokens[start].text.upper() == "PREFIX":
        _, name, iri = tokens[start : start + 3]
        if name.kind != "name" or name.text.find(":") != len(name.text) - 1 or not _PLAIN.fullmatch(iri.text):
            break
        found[name.text] = iri.text[:-1]
        start += 3
    return start, found


def _letter(token: Token) -> str:
    kind, text, _ = token
    if kind == "variable":
        return "v" if text.isascii() else "?"
    return _LETTERS.get(kind) or _WRITTEN.get(text) or _WORDS.get(text.upper(), "?")


def _iri(token: Token, prefixes: dict[str, str]) -> str:
    if token.kind == "iri":
        return token.text
    prefix, _, name = token.text.partition(":")
    return f"{prefixes.get(f'{prefix}:', '')}{name}>"


def _is_repeated(body: Sequence[Token], letters: str) -> bool:
    """Tell whether the pattern has a variable twice: then the engine may look at many triples to find none."""
    names = [token.text[1:] for token in body[letters.rfind("{") + 1 :] if token.kind == "variable"]
    return len(set(names)) < len(names)


def _subject(letters: str) -> int:
    """Give the place among the IRIs of that which the pattern begins with; a template may come before it."""
    return letters.count("i", 0, max(letters.rfind("{"), 0))
