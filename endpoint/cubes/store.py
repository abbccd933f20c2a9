"""What the rewriter asks the graph store: whether it may know a pattern, and small questions of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import Literal, NamedNode, QuerySolutions, RdfFormat, parse

from endpoint.cubes.syntax import Alt, Neg, Var

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyoxigraph import Store

    from endpoint.cubes.syntax import Pattern
    from endpoint.source import Answer


def to_term(text: str) -> NamedNode | Literal:
    """Read a term in N-Triples."""
    found = next(iter(parse(f"<x:s> <x:p> {text} .".encode(), format=RdfFormat.N_TRIPLES))).triple.object
    assert isinstance(found, NamedNode | Literal), "there are no blank nodes in releases"
    return found


class Stored:
    """The graph store, for one query and its dataset."""

    def __init__(self, store: Store, ask: Callable[[str], Answer]) -> None:
        self._store = store
        self._ask = ask
        self._known: dict[tuple[str | None, str | None, str | None], bool] = {}

    def may_know(self, patterns: Sequence[Pattern]) -> bool:
        """Tell whether each of some patterns alone has a match in any graph."""
        return all(self._may_know(pattern) for pattern in patterns)

    def _may_know(self, pattern: Pattern) -> bool:
        subject = None if isinstance(pattern.subject, Var) else pattern.subject
        target = None if isinstance(pattern.object, Var) else pattern.object
        predicate = pattern.predicate
        if isinstance(predicate, Alt):
            return any(self.has(subject, str(part), target) for part in predicate.parts)
        return self.has(subject, None if isinstance(predicate, Var | Neg) else str(predicate), target)

    def has(self, subject: str | None, predicate: str | None, target: str | None) -> bool:
        """Tell whether there is a triple with these terms in any graph."""
        key = (subject, predicate, target)
        if key not in self._known:
            one, two, three = (None if text is None else to_term(text) for text in key)
            if isinstance(one, Literal) or isinstance(two, Literal):
                return False
            found = self._store.quads_for_pattern(one, two, three, None)
            self._known[key] = next(found, None) is not None
        return self._known[key]

    def has_graph(self, graph: str) -> bool:
        """Tell whether a named graph has triples here."""
        return self._store.contains_named_graph(NamedNode(graph))

    def terms(self, query: str) -> list[str]:
        """Give the terms that the first variable of a query is bound to."""
        return [row[0] for row in self.rows(query)]

    def rows(self, query: str) -> list[list[str]]:
        """Give the solutions of a query that bind all its variables."""
        found = self._ask(query)
        assert isinstance(found, QuerySolutions), "these are SELECT queries"
        every = range(len(found.variables))
        return [[str(row[number]) for number in every] for row in found if all(row[n] is not None for n in every)]
