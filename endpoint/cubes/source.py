"""A release whose cubes are columns, as a set of quads: the store and the columns together (docs/cubes.md)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pyoxigraph import NamedNode, Quad, QuerySolutions, QueryTriples, Store, Triple

from endpoint.cubes.filling import Filler
from endpoint.cubes.parser import read_query
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.rewrite import Context, Rewriter, parts_of
from endpoint.cubes.stars import Place
from endpoint.cubes.store import Stored, to_term
from endpoint.cubes.syntax import HIDDEN, Answered, Graph, Item, Query, Triples, Var, visible
from endpoint.cubes.writing import write_pattern, write_query
from endpoint.source import Dataset, Explained, Scope, StoreSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from endpoint.cubes.columns import Columns, Cube
    from endpoint.cubes.syntax import Element, Expression, Group
    from endpoint.cubes.whole import Whole
    from endpoint.source import Answer, Term


SHOWN_CHARS: Final = 2_000
"""Characters that are shown of a line of a rewritten query."""
MANY_ROWS: Final = 20_000
"""More rows than this are joined sooner in a store that has them, where there is one."""


class CubeSource:
    """The graph store of a release, and the columns of its cubes."""

    def __init__(self, store: Store, columns: Columns, base: str, whole: Whole | None = None) -> None:
        """Take a store without observations, their columns, and a store of both if the release is small."""
        self._quads = store
        self._whole = whole
        self._store = StoreSource(store, base)
        self._columns = columns
        self._base_iri = f"{base}/"

    def answer(self, query: str, scope: Dataset | Scope) -> Answer:
        """Answer a query of a client. Raises RefusalError if that cannot be done within the limits."""
        Store().query(query, base_iri=self._base_iri)  # whether it is a query
        try:
            return self._answer(query, scope)
        except RefusalError:
            if self._whole is None:
                raise
            return self._whole.source().answer(query, scope)

    def look_up(self, query: str, form: str, subject: NamedNode | None) -> Answer | None:
        """Answer a query that is about one subject, if that is no observation: then no column has anything of it."""
        if subject is not None and self._columns.cube_of(str(subject)) is not None:
            return None
        found = self._store.look_up(query, form, subject)
        return _described(found) if form == "DESCRIBE" else found  # type: ignore[arg-type]

    def values(self, subject: NamedNode, predicate: NamedNode, limit: int) -> list[Term] | None:
        """Give the values of a property, if it is of no observation."""
        if self._columns.cube_of(str(subject)) is not None:
            return None
        return self._store.values(subject, predicate, limit)

    def _answer(self, query: str, scope: Dataset | Scope) -> Answer:
        try:
            parsed = read_query(query, self._base_iri)
            if parsed.form == "DESCRIBE":
                return self._describe(parsed, scope)
            rewritten = self._rewritten(parsed, scope, {})
        except RecursionError as error:
            msg = "it is nested too deeply"
            raise RefusalError(msg, "write it with fewer brackets") from error
        if self._whole is not None and self._is_for_whole(rewritten):
            return self._whole.source().answer(query, scope)
        if rewritten.query and not needs_store(parsed):
            return Store().query(rewritten.query, base_iri=self._base_iri)
        return self._store.answer(rewritten.query or query, scope)

    def _is_for_whole(self, rewritten: Explained) -> bool:
        return self._whole is not None and sum(rows for _, _, rows in rewritten.stars) > MANY_ROWS

    def explain(self, query: str, scope: Dataset | Scope) -> Explained:
        """Show how a query is answered."""
        Store().query(query, base_iri=self._base_iri)
        parsed = read_query(query, self._base_iri)
        is_made = parsed.form == "DESCRIBE"
        try:
            found = self._rewritten(_as_select(parsed) if is_made else parsed, scope, {}, is_made=is_made)
        except RefusalError:
            if self._whole is None:
                raise
            return Explained()
        return Explained() if self._is_for_whole(found) else replace(found, query=shortened(found.query))

    def _rewritten(
        self, query: Query, scope: Dataset | Scope, known: Mapping[str, str], *, is_made: bool = False
    ) -> Explained:
        default, named = self._cubes(query, scope)
        dataset = " ".join(
            [f"FROM {g}" for g in query.default_graphs] + [f"FROM NAMED {g}" for g in query.named_graphs]
        )
        stored = Stored(self._quads, partial(self._store.answer, scope=scope))
        rewriter = Rewriter(self._columns, stored, query.prologue, dataset)
        rewriter.query(query, Context(Place(default), named, known=dict(known)))
        if not rewriter.found and not rewriter.is_changed and not is_made:
            return Explained((), "")
        if query.selected == []:
            msg = "it selects all variables, and has none"
            raise RefusalError(msg, "ask with ASK, or give the blank nodes names")
        filler = Filler(rewriter, query)
        filler.fill()
        stars = tuple((" ".join(map(write_pattern, block.patterns)), sql, rows) for block, sql, rows in filler.asked)
        return Explained(stars, write_query(query))

    def _cubes(self, query: Query, scope: Dataset | Scope) -> tuple[tuple[Cube, ...], tuple[Cube, ...]]:
        """Give the cubes in the default graph and those in named graphs, each as often as its graph is named."""
        every = self._columns.cubes
        if scope is Scope.UNION:
            return every, every
        if isinstance(scope, Dataset):
            default, named = [str(graph) for graph in scope.default], [str(graph) for graph in scope.named]
        else:
            default, named = query.default_graphs, query.named_graphs
        return (
            tuple(cube for graph in default for cube in every if f"<{cube.record.graph}>" == graph),
            tuple(cube for graph in named for cube in every if f"<{cube.record.graph}>" == graph),
        )

    def _describe(self, query: Query, scope: Dataset | Scope) -> Answer:
        """Answer DESCRIBE: what the store says of each thing, and what the columns say."""
        cubes, _ = self._cubes(query, scope)
        dataset = " ".join(f"FROM {graph}" for graph in query.default_graphs)
        constants = [term for term in query.described if not isinstance(term, Var)]
        select = _as_select(query)
        found = self._store.answer(self._rewritten(select, scope, {}, is_made=True).query, scope)
        assert isinstance(found, QuerySolutions), "it was made a SELECT"
        rows = list(found)
        count = len(found.variables)
        things = dict.fromkeys(constants if rows else ())
        things.update((str(row[n]), None) for row in rows for n in range(count) if isinstance(row[n], NamedNode))
        others = [thing for thing in things if thing.startswith("<")]
        triples: dict[Triple, None] = {}
        for thing in others:
            cube = self._columns.cube_of(thing)
            if cube is not None and cube in cubes:
                node, said = NamedNode(thing[1:-1]), self._columns.triples_of(thing)
                triples.update((Triple(node, NamedNode(p[1:-1]), to_term(o)), None) for p, o, _ in said)
        if others:
            described = self._store.answer(f"DESCRIBE {' '.join(others)} {dataset}", scope)
            triples.update((triple, None) for triple in described)  # type: ignore[union-attr]
        return _described(triples)

    def select(self, query: str, bindings: Mapping[str, Term], limit: int | None = None) -> Iterator[dict[str, Term]]:
        """Give the rows of one of our own SELECT queries."""
        parsed = read_query(query, self._base_iri)
        if limit is not None and parsed.limit is None:
            parsed.limit = limit
        known = {name: str(term) for name, term in bindings.items()}
        return self._store.select(self._rewritten(parsed, Scope.UNION, known, is_made=True).query, bindings)

    def about(self, subjects: Iterable[NamedNode], *predicates: NamedNode) -> Iterator[Triple]:
        """Give the triples of some subjects in any graph, each once."""
        wanted = {str(predicate) for predicate in predicates}
        different = dict.fromkeys(subjects)
        self._columns.find_rows(map(str, different))
        for subject in different:
            if self._columns.cube_of(str(subject)) is None:
                yield from self._store.about([subject], *predicates)
                continue
            for predicate, target, _ in self._columns.triples_of(str(subject)):
                if not wanted or predicate in wanted:
                    yield Triple(subject, NamedNode(predicate[1:-1]), to_term(target))

    def pointing_at(self, target: NamedNode, start: int, count: int) -> list[Triple]:
        """Give some of the triples that point at something: those of the columns, then those of the store."""
        found = [
            Triple(NamedNode(subject[1:-1]), NamedNode(predicate[1:-1]), target)
            for subject, predicate in self._columns.pointing_at(str(target), start, count)
        ]
        if len(found) == count:
            return found
        before = self._columns.count_pointing_at(str(target))
        return found + self._store.pointing_at(target, max(start - before, 0), count - len(found))

    def subjects(self, graph: NamedNode, start: int, count: int) -> list[str]:
        """Give some of the IRIs that a graph says something of: the observations, then all else."""
        total = sum(cube.record.rows for cube in self._columns.cubes if cube.record.graph == graph.value)
        found = self._columns.subjects(graph.value, start, count) if start < total else []
        if len(found) == count:
            return found
        return found + self._store.subjects(graph, max(start - total, 0), count - len(found))

    def has(self, subject: NamedNode) -> bool:
        """Tell whether anything is said of a subject."""
        return self._columns.has_subject(str(subject)) or self._store.has(subject)


def _described(triples: Iterable[Triple]) -> QueryTriples:
    """Give triples as an answer; a query cannot name the blank nodes of files that were added as they stand."""
    made = Store()
    made.extend(Quad(*triple) for triple in triples)
    found = made.query("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }")
    assert isinstance(found, QueryTriples), "it is a CONSTRUCT"
    return found


def _as_select(query: Query) -> Query:
    """Ask for what DESCRIBE is about."""
    names = [term.name for term in query.described if isinstance(term, Var)]
    if not query.described:
        names = visible(query.where)
    query.form = "SELECT"
    query.selected = [Item(None, name) for name in names or [f"none{HIDDEN}"]]
    query.described = []
    if query.limit is None and query.offset is None:
        query.duplicates = "DISTINCT"
    return query


def shortened(query: str) -> str:
    """Leave out most of what is long in a query that is to be read: rows of VALUES."""
    lines = []
    for line in query.splitlines():
        more = len(line) - SHOWN_CHARS
        lines += [f"{line[:SHOWN_CHARS]}", f"# and {more:,} characters more"] if more > SHOWN_CHARS else [line]
    return "\n".join(lines)


def needs_store(part: Element | Group | Expression) -> bool:
    """Tell whether anything is left of a rewritten query for which the store must be looked into."""
    match part:
        case Query():
            return needs_store(part.where) or any(map(needs_store, part.expressions))
        case Triples(patterns):
            return bool(patterns)
        case Graph():
            return True
        case Answered():
            return bool(part.stored)
        case _:
            return any(map(needs_store, parts_of(part)))
