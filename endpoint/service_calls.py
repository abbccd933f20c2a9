"""Find the calls of other services in a query that the operator's list allows (SPARQL 1.1 Federated Query).

A call is let through only where its target is a constant that is, letter by letter, on the list: an absolute IRI, or a
name whose prefix the query declares as one. Everything else stays in the text, where `endpoint.guard` refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from endpoint.problems import bad_request

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from endpoint.guard import Token

SERVICE: Final = "SERVICE"
SILENT: Final = "SILENT"
MAX_CALLS: Final = 16
"""Most calls in a query, those within others included."""
_MASKS: Final = {SERVICE: "GRAPH", SILENT: ""}


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """`SERVICE <target> { … }`, by places in the text."""

    target: str
    start: int
    """Where the keyword is."""
    opening: int
    """Where the pattern begins, with its brace."""
    end: int
    """Where the text after it begins."""
    is_silent: bool = False

    def pattern(self, text: str) -> str:
        """Give what the service is asked for, with its braces."""
        return text[self.opening : self.end]


def service_calls(tokens: Sequence[Token], allowed: Collection[str]) -> list[ServiceCall]:
    """Give the calls of allowed services, in order; one may be within another. Raises RequestError for too many."""
    if not allowed:
        return []
    places = [place for place, token in enumerate(tokens) if token.kind == "word" and token.text.upper() == SERVICE]
    if len(places) > MAX_CALLS:
        detail = f"The query calls other services {len(places):,} times; it may do so {MAX_CALLS} times"
        raise bad_request(detail)
    prefixes = _declared(tokens)
    calls = (_call(tokens, place, prefixes) for place in places)
    return [call for call in calls if call is not None and call.target in allowed]


def _call(tokens: Sequence[Token], place: int, prefixes: dict[str, str]) -> ServiceCall | None:
    rest = tokens[place + 1 : place + 4]
    is_silent = bool(rest) and rest[0].kind == "word" and rest[0].text.upper() == SILENT
    rest = rest[is_silent:]
    if len(rest) < 2 or rest[1].text != "{":
        return None
    opening = place + 2 + is_silent
    return ServiceCall(_target(rest[0], prefixes), tokens[place].start, rest[1].start, _end(tokens, opening), is_silent)


def _target(token: Token, prefixes: dict[str, str]) -> str:
    """Give the IRI that a token is as it stands; empty for a variable, or what would have to be worked out."""
    if token.kind == "iri":
        return token.text[1:-1]
    prefix, _, name = token.text.partition(":")
    return prefixes.get(prefix, "") + name if token.kind == "name" and prefix in prefixes else ""


def _declared(tokens: Sequence[Token]) -> dict[str, str]:
    """Give the prefixes of a query."""
    found = {}
    for word, name, iri in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if word.kind == "word" and word.text.upper() == "PREFIX" and name.kind == "name" and iri.kind == "iri":
            found[name.text.partition(":")[0]] = iri.text[1:-1]
    return found


def _end(tokens: Sequence[Token], opening: int) -> int:
    depth = 0
    for token in tokens[opening:]:
        depth += (token.text == "{") - (token.text == "}") if token.kind == "sign" else 0
        if not depth:
            return token.start + 1
    return tokens[-1].start + len(tokens[-1].text)


def masked(text: str, tokens: Sequence[Token], calls: Sequence[ServiceCall]) -> str:
    """Write GRAPH in place of SERVICE, so that the text is as long, and has the same mistakes, but calls nobody."""
    starts = {call.start for call in calls}
    pieces, place = [], 0
    for token, after in pairwise(tokens):
        if token.start in starts:
            silent = after if after.text.upper() == SILENT else None
            for word in (token, silent) if silent is not None else (token,):
                pieces += [text[place : word.start], _MASKS[word.text.upper()].ljust(len(word.text))]
                place = word.start + len(word.text)
    return "".join([*pieces, text[place:]])
