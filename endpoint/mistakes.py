"""Say where a query goes wrong, and for common slips what was probably meant.

The engine says how far it got with its longest guess, which may be past the mistake: a place that our own reader of
queries or an unknown word gives goes before it.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from endpoint.cubes.parser import refused_at
from endpoint.guard import position, tokenise
from endpoint.problems import RequestError, bad_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from endpoint.guard import Token

_POSITION: Final = re.compile(r"error at (\d+):(\d+): expected (?:one of )?(.*)", re.DOTALL)
_PROSE: Final = re.compile(r"[A-Z][a-z]+ [A-Za-z ]+")
_WORDS: Final = """
A ABS ADD ADJUST ALL AS ASC ASK AVG BASE BIND BNODE BOUND BY CEIL COALESCE CONCAT CONSTRUCT CONTAINS COUNT
DATATYPE DAY DESC DESCRIBE DISTINCT ENCODE_FOR_URI EXISTS FALSE FILTER FLOOR FROM GRAPH GROUP GROUP_CONCAT
HAVING HOURS IF IN IRI ISBLANK ISIRI ISLITERAL ISNUMERIC ISTRIPLE ISURI LANG LANGDIR LANGMATCHES LATERAL LCASE
LIMIT MAX MD5 MIN MINUS MINUTES MONTH NAMED NOT NOW OBJECT OFFSET OPTIONAL ORDER PREDICATE PREFIX RAND REDUCED
REGEX REPLACE ROUND SAMETERM SAMPLE SECONDS SELECT SEPARATOR SERVICE SHA1 SHA256 SHA384 SHA512 SILENT STR
STRAFTER STRBEFORE STRDT STRENDS STRLANG STRLANGDIR STRLEN STRSTARTS STRUUID SUBJECT SUBSTR SUM TIMEZONE TRIPLE
TRUE TZ UCASE UNDEF UNION URI UUID VALUES VERSION WHERE YEAR HASLANG HASLANGDIR
"""
KEYWORDS: Final = frozenset(_WORDS.split())
MEANT: Final = {
    "AND": "'&&'",
    "OR": "'||'",
    "LIKE": "CONTAINS(…, '…') or REGEX(…, '…')",
    "TOP": "LIMIT, at the end",
    "JOIN": "patterns one after another, which are joined as they are",
    "NULL": "BOUND(…) or !BOUND(…)",
    "IS": "'=' or BOUND(…)",
}
"""Words of other languages."""
SIGNS: Final = {
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", 'a straight quotation mark, "'),
    **dict.fromkeys("\u2018\u2019\u201a\u00b4\u2032", "a straight quotation mark, '"),
    **dict.fromkeys("\u2012\u2013\u2014\u2212", "a plain hyphen, -"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f\u200b\ufeff", "a plain space"),
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2260": "!=",
}
"""Signs that text programs put in place of others."""
_ENDS: Final = frozenset({"variable", "iri", "name", "string", "number", "blank", "tag"})
_TERMS: Final = _ENDS - {"tag"}


def syntax_error(message: str, text: str, base: str) -> RequestError:
    """Make an answer of what the engine says of a query."""
    match = _POSITION.match(message)
    if match is None:
        return bad_request(f"The query cannot be read: {message}")
    prose = [part for part in match[3].split(", ") if _PROSE.fullmatch(part.strip())]
    place = _place_of(match, text, base, is_known=bool(prose))
    line, column = position(text, place)
    rest = text[place:].split(maxsplit=1)
    said = f", near '{rest[0][:40]}'" if rest else ", at the end of the query"
    reasons = f": {'; '.join(prose)}" if prose else ""
    return bad_request(f"Syntax error at line {line}, column {column}{said}{reasons}", line=line, column=column)


def _place_of(match: re.Match[str], text: str, base: str, *, is_known: bool) -> int:
    """Give the place of a mistake: that of the engine if it `is_known` what is wrong."""
    lines = text.split("\n")
    line, column = min(int(match[1]), len(lines)), int(match[2])
    start = sum(len(one) + 1 for one in lines[: line - 1])
    furthest = min(start + column - 1, len(text))
    if is_known:
        return furthest
    tokens = list(tokenise(text))
    word = _unknown_word(tokens)
    place = word.start if word is not None else refused_at(text, base)
    if place is not None:
        return place
    starts = {token.start for token in tokens}
    guessed = [start + column - 1 - len(word.strip('"')) for word in match[3].split(", ") if not word.startswith("[")]
    return max((place for place in guessed if place in starts), default=max(furthest - 1, 0))


def _unknown_word(tokens: Sequence[Token]) -> Token | None:
    """Give the first word that SPARQL does not have."""
    return next((token for token in tokens if token.kind == "word" and token.text.upper() not in KEYWORDS), None)


def advised(error: RequestError, text: str, prefixes: Mapping[str, str]) -> RequestError:
    """Add to a syntax error what was probably meant, if that can be told."""
    line, column = error.members.get("line"), error.members.get("column")
    if not isinstance(line, int) or not isinstance(column, int):
        return error
    hint = next(_advice(text, _place_at(text, line, column), prefixes), "")
    if not hint:
        return error
    return RequestError(error.status, f"{error.detail}. {hint}", error.headers, {**error.members, "hint": hint})


def _place_at(text: str, line: int, column: int) -> int:
    """Give the place in a text of a line and column, as `endpoint.guard` counts them."""
    ends = [match.end() for match in re.finditer(r"\r\n|\r|\n", text)]
    return [0, *ends][line - 1] + column - 1


def _advice(text: str, place: int, prefixes: Mapping[str, str]) -> Iterator[str]:
    """Give what may be meant, the surest first."""
    if meant := SIGNS.get(text[place : place + 1]):
        yield f"Write {meant}"
    tokens: list[Token] = []
    try:
        tokens += tokenise(text)
    except RequestError:
        return
    number = next((number for number, token in enumerate(tokens) if token.start >= place), len(tokens))
    if number < len(tokens):
        yield from _about(tokens, number, prefixes)
    if any(token.text == "<>" for token in tokens):
        yield "If two things are to differ, write !="


def _about(tokens: Sequence[Token], number: int, prefixes: Mapping[str, str]) -> Iterator[str]:
    """Say what may be meant by a token."""
    token, before = tokens[number], tokens[number - 1] if number else None
    if token.kind == "name" and token.text.partition(":")[0] not in _declared(tokens):
        yield from _prefix(token.text.partition(":")[0], prefixes)
        return
    if token.kind == "word" and token.text.upper() not in KEYWORDS:
        yield from _word(token.text.upper())
    if before is None:
        return
    word = before.text.upper()
    if word in {"SELECT", "DISTINCT", "REDUCED"} and token.kind == "word":
        yield f"Put what is worked out in brackets and name it: ({token.text}(…) AS ?name)"
    if token.text == "," and before.kind in {"variable", "sign"}:
        yield "Variables are separated by spaces, without commas"
    if word == "FILTER" and token.text != "(":
        yield "Put the condition in brackets: FILTER(…)"
    if (before.text, token.text) == ("=", "="):
        yield "To compare, write a single ="
    if token.kind in _TERMS and before.kind in _ENDS:
        yield "Perhaps a '.', ';' or ',' is missing before it"


def _declared(tokens: Sequence[Token]) -> set[str]:
    return {name.text.partition(":")[0] for word, name in pairwise(tokens) if word.text.upper() == "PREFIX"}


def _prefix(prefix: str, prefixes: Mapping[str, str]) -> Iterator[str]:
    near = [prefix] if prefix in prefixes else get_close_matches(prefix, prefixes, n=1, cutoff=0.6)
    for name in near:
        meant = "It is usually" if name == prefix else f"If '{name}:' is meant, that is"
        yield f"{meant} PREFIX {name}: <{prefixes[name]}>"


def _word(word: str) -> Iterator[str]:
    if word in MEANT:
        yield f"SPARQL has no {word}: write {MEANT[word]}"
    for meant in get_close_matches(word, sorted(KEYWORDS), n=1, cutoff=0.7):
        yield f"Did you mean {meant}?"
