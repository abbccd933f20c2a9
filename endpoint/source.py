"""The seam between HTTP and the store: what pages and queries need from a release, and nothing more.

Pages ask with queries of ours and bound terms; `/sparql` passes on queries of other people, which `endpoint.guard` has
checked. In both, the default graph is the union of all named graphs unless a query says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from pyoxigraph import NamedNode, QueryBoolean, QuerySolutions, QueryTriples, Store, Triple, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyoxigraph import BlankNode, DefaultGraph, Literal

    from loader.release import Release

    Term = NamedNode | BlankNode | Literal | Triple
    Answer = QuerySolutions | QueryTriples | QueryBoolean


@dataclass(frozen=True, slots=True)
class Dataset:
    """The graphs a request says to look at (SPARQL 1.1 Protocol §2.1.4); any of its kind it does not name is empty."""

    default: tuple[NamedNode, ...] = ()
    named: tuple[NamedNode, ...] = ()


class Scope(Enum):
    """Where to look when the request names no graphs."""

    UNION = "union"
    """In all named graphs, merged."""
    STATED = "stated"
    """In the graphs that the query's own FROM clauses name."""


@dataclass(frozen=True, slots=True)
class Explained:
    """How a query is answered."""

    stars: tuple[tuple[str, str, int], ...] = ()
    """What the columns answer: for each part its patterns, the SQL, and how many rows came of it."""
    query: str = ""
    """What the store is asked; empty if that is the query as it was, of the store or of one with every triple."""


class QuadSource(Protocol):
    """A release as a set of quads."""

    def answer(self, query: str, scope: Dataset | Scope) -> Answer:
        """Answer a query of a client, which was checked before. Raises SyntaxError if the text is no query."""
        ...

    def explain(self, query: str, scope: Dataset | Scope) -> Explained:
        """Tell how a query of a client is answered."""
        ...

    def look_up(self, query: str, form: str, subject: NamedNode | None) -> Answer | None:
        """Answer a query of this form that is about one subject or nothing (endpoint.subjects), in all graphs, at once.

        None if not all that is said of the subject is in a graph store in this process.
        """
        ...

    def values(self, subject: NamedNode, predicate: NamedNode, limit: int) -> list[Term] | None:
        """Give the values of a property, each once, at once: as many as the limit, or one more if there are more.

        None if not all that is said of the subject is in a graph store in this process.
        """
        ...

    def select(self, query: str, bindings: Mapping[str, Term], limit: int | None = None) -> Iterator[dict[str, Term]]:
        """Give the rows of one of our own SELECT queries, as they are found, or the first so many of them.

        A bound variable must be projected too.
        """
        ...

    def about(self, subjects: Iterable[NamedNode], *predicates: NamedNode) -> Iterator[Triple]:
        """Give the triples of some subjects in any graph, each once; of these predicates only, if any is given."""
        ...

    def pointing_at(self, target: NamedNode, start: int, count: int) -> list[Triple]:
        """Give `count` of the triples that point at something, after the first `start`, in an order that stays."""
        ...

    def subjects(self, graph: NamedNode, start: int, count: int) -> list[str]:
        """Give `count` of the IRIs that a graph says something of, after the first `start`, in an order that stays."""
        ...

    def has(self, subject: NamedNode) -> bool:
        """Tell whether anything is said of a subject."""
        ...


class OpenStore(Protocol):
    """Opens a release in a store elsewhere."""

    def __call__(self, release: Release) -> QuadSource:
        """Give it. Raises MisuseError if it is not there."""
        ...


class StoreSource:
    """A release's Oxigraph store, opened read-only in this process."""

    def __init__(self, store: Store, base: str) -> None:
        self._store = store
        self._base_iri = f"{base}/"

    def answer(self, query: str, scope: Dataset | Scope) -> Answer:
        """Answer a query of a client."""
        if isinstance(scope, Dataset):
            default: list[NamedNode | BlankNode | DefaultGraph] = [*scope.default]
            named: list[NamedNode | BlankNode] = [*scope.named]
            return self._store.query(query, base_iri=self._base_iri, default_graph=default, named_graphs=named)
        is_union = scope is Scope.UNION  # told so, the engine would pass over FROM
        return self._store.query(query, base_iri=self._base_iri, use_default_graph_as_union=is_union)

    def look_up(self, query: str, form: str, subject: NamedNode | None) -> Answer:  # noqa: ARG002 (nothing is elsewhere)
        """Answer a query that is about one subject, or about nothing, and so true."""
        return self.answer(query, Scope.UNION) if subject is not None else _true()

    def values(self, subject: NamedNode, predicate: NamedNode, limit: int) -> list[Term]:
        """Give the values of a property."""
        found: dict[Term, None] = {}
        for quad in self._store.quads_for_pattern(subject, predicate, None, None):
            found[quad.object] = None
            if len(found) > limit:
                break
        return list(found)

    def explain(self, query: str, scope: Dataset | Scope) -> Explained:
        """Tell that the store answers the query as it is."""
        self.answer(query, scope)
        return Explained()

    def select(self, query: str, bindings: Mapping[str, Term], limit: int | None = None) -> Iterator[dict[str, Term]]:
        """Give the rows of one of our own SELECT queries."""
        solutions = self._store.query(
            query,
            base_iri=self._base_iri,
            use_default_graph_as_union=True,
            substitutions={Variable(name): term for name, term in bindings.items()},
        )
        assert isinstance(solutions, QuerySolutions), "select() takes a SELECT query"
        names = [variable.value for variable in solutions.variables]
        for row in islice(solutions, limit):
            found = ((name, row[name]) for name in names)
            yield {name: term for name, term in found if term is not None}

    def about(self, subjects: Iterable[NamedNode], *predicates: NamedNode) -> Iterator[Triple]:
        """Give the triples of some subjects in any graph, each once."""
        for subject in dict.fromkeys(subjects):
            found: dict[Triple, None] = {}
            for predicate in predicates or (None,):
                found.update(
                    (quad.triple, None) for quad in self._store.quads_for_pattern(subject, predicate, None, None)
                )
            yield from found

    def pointing_at(self, target: NamedNode, start: int, count: int) -> list[Triple]:
        """Give some of the triples that point at something; no triple is in two graphs."""
        return [quad.triple for quad in islice(self._store.quads_for_pattern(None, None, target), start, start + count)]

    def subjects(self, graph: NamedNode, start: int, count: int) -> list[str]:
        """Give some of the IRIs that a graph says something of."""
        quads = self._store.quads_for_pattern(None, None, None, graph)
        found = dict.fromkeys(quad.subject.value for quad in quads if isinstance(quad.subject, NamedNode))
        return list(islice(found, start, start + count))

    def has(self, subject: NamedNode) -> bool:
        """Tell whether anything is said of a subject."""
        return next(self._store.quads_for_pattern(subject, None, None, None), None) is not None


@cache
def _true() -> Answer:
    return Store().query("ASK {}")


@cache
def page_query(name: str) -> str:
    """Read one of the queries that pages use, `queries/pages/<name>.rq`."""
    return resources.files("queries").joinpath(f"pages/{name}.rq").read_text(encoding="utf-8")
