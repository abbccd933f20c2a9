"""A query as any store can be sent it: every address in full, and the graphs it names apart from its text.

Stores differ in what a relative address, a prefix they know already or FROM beside a protocol parameter means; so none
of these is sent. Addresses that some stores take for calls of their own (`bif:`, `sql:`, `java:`) are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pyoxigraph import NamedNode, RdfFormat, Store, parse

from endpoint.guard import QUERY_FORMS, Token, tokenise
from endpoint.problems import bad_request
from endpoint.source import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from endpoint.source import Term

CALLS: Final = (
    "bif:",
    "sql:",
    "java:",
    "http://www.openlinksw.com/schemas/bif#",
    "http://www.openlinksw.com/schemas/sql#",
)
"""What addresses begin with that Virtuoso, or Jena, may take for its own functions, which do more than compute."""
_NODES: Final = frozenset({"iri", "name"})
_OPENING: Final = "{("
_CLOSING: Final = "})"


@dataclass(frozen=True, slots=True)
class Portable:
    """A query that means the same to every store."""

    tokens: tuple[Token, ...]
    """Its terminals; `start` is how many characters are before the next one, 0 or 1."""
    form: str
    dataset: Dataset | None
    """What its FROM clauses name; None if it has none."""

    @property
    def text(self) -> str:
        """The query as text."""
        return "".join(f"{' ' * token.start}{token.text}" for token in self.tokens)


def check_query(text: str, base_iri: str | None = None) -> None:
    """Have our own engine read a query. Raises SyntaxError if it is none, RequestError for unknown functions."""
    try:
        Store().query(text, base_iri=base_iri)
    except RuntimeError as error:  # how the engine says so
        raise bad_request(str(error)) from error


def portable(text: str, base_iri: str) -> Portable:
    """Rewrite a query that is one. Raises RequestError for what stores could take in another way."""
    prologue, tokens = _split(list(tokenise(text)))
    resolved = _resolved(prologue, tokens, base_iri)
    spaced = [
        token._replace(text=resolved.get(token.text, token.text) if token.kind in _NODES else token.text, start=gap)
        for token, gap in zip(tokens, _gaps(tokens), strict=True)
    ]
    kept, default, named = _dataset(spaced)
    form = next((token.text.upper() for token in kept if token.text.upper() in QUERY_FORMS), "")
    dataset = Dataset(tuple(default), tuple(named)) if default or named else None
    found = Portable(tuple(kept), form, dataset)
    _refuse_what_changed(found)
    return found


def _split(tokens: list[Token]) -> tuple[str, list[Token]]:
    """Take the declarations of BASE and PREFIX off."""
    place = 0
    while place < len(tokens) and tokens[place].text.upper() in {"BASE", "PREFIX"}:
        place += 2 if tokens[place].text.upper() == "BASE" else 3
    return " ".join(token.text for token in tokens[:place]), tokens[place:]


def _gaps(tokens: Sequence[Token]) -> Iterator[int]:
    """Tell where there was space or a comment."""
    if tokens:
        yield 0
    for before, token in pairwise(tokens):
        yield int(token.start > before.start + len(before.text))


def _resolved(prologue: str, tokens: Sequence[Token], base_iri: str) -> dict[str, str]:
    """Give every address in full, as the engine's own parser reads it."""
    texts = list(dict.fromkeys(token.text for token in tokens if token.kind in _NODES))
    document = "\n".join([prologue, *(f"<x:s> <x:p> {text} ." for text in texts)])
    nodes = [quad.object for quad in parse(document.encode(), format=RdfFormat.TURTLE, base_iri=base_iri)]
    for node in nodes:
        if isinstance(node, NamedNode) and node.value.lower().startswith(CALLS):
            detail = f"<{node.value[:100]}> names what only one kind of store has, and is not asked for"
            raise bad_request(detail)
    return {text: str(node) for text, node in zip(texts, nodes, strict=True)}


def _dataset(tokens: Sequence[Token]) -> tuple[list[Token], list[NamedNode], list[NamedNode]]:
    """Take FROM clauses out (SPARQL 1.1 Query §13.2)."""
    kept: list[Token] = []
    default: list[NamedNode] = []
    named: list[NamedNode] = []
    rest = iter(tokens)
    for token in rest:
        if token.kind != "word" or token.text.upper() != "FROM":
            kept.append(token)
            continue
        graph = next(rest)
        into = default
        if graph.text.upper() == "NAMED":
            graph, into = next(rest), named
        into.append(NamedNode(graph.text[1:-1]))
    return kept, default, named


def _refuse_what_changed(query: Portable) -> None:
    """Refuse a text that is no query any more: `?a<b` was cut as an address, and meant as less-than."""
    try:
        check_query(query.text)
    except SyntaxError as error:
        detail = "Write spaces around < and >, and addresses in full: they cannot be told apart here"
        raise bad_request(detail) from error


def limited(query: Portable, rows: int) -> Portable:
    """Have a store give no more rows than are wanted; one that sorts stays as it is: some limit how much they sort."""
    if query.form != "SELECT":
        return query
    outer = list(_outermost(query.tokens))
    words = {token.text.upper(): place for place, token in outer if token.kind == "word"}
    if "ORDER" in words:
        return query
    tokens = list(query.tokens)
    if (place := words.get("LIMIT")) is not None:
        number = tokens[place + 1]
        tokens[place + 1] = number._replace(text=str(min(int(number.text), rows)))
    else:
        end = words.get("VALUES", len(tokens))
        tokens[end:end] = [Token("word", "LIMIT", 1), Token("number", str(rows), 1)]
        tokens[end + 2 : end + 3] = [token._replace(start=1) for token in tokens[end + 2 : end + 3]]
    return replace(query, tokens=tuple(tokens))


def _outermost(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """Give the terminals that are in no brackets."""
    depth = 0
    for place, token in enumerate(tokens):
        if token.kind == "sign" and token.text in _OPENING:
            depth += 1
        elif token.kind == "sign" and token.text in _CLOSING:
            depth -= 1
        elif not depth:
            yield place, token


def bound(query: Portable, bindings: Mapping[str, Term]) -> Portable:
    """Put terms in the place of variables of a query of ours; they are projected no more."""
    first = next(place for place, token in enumerate(query.tokens) if token.text == "{")
    terms = {f"?{name}": str(term) for name, term in bindings.items()}
    tokens = [
        token._replace(text=terms.get(token.text, token.text)) if token.kind == "variable" else token
        for place, token in enumerate(query.tokens)
        if place > first or token.text not in terms
    ]
    return replace(query, tokens=tuple(tokens))
