"""Ask a release as the endpoint does, and list every quad it holds, in the store and in the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, Quad

from endpoint.cubes.columns import open_columns
from endpoint.cubes.store import to_term
from endpoint.serving import open_serving
from endpoint.source import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from endpoint.source import Answer
    from loader.release import Release


def ask(release: Release, query: str) -> Answer:
    """Answer a query over the union of the graphs."""
    return open_serving(release.path).source.answer(query, Scope.UNION)


def stored_quads(release: Release) -> Iterator[Quad]:
    """Give the quads of the store, then those of the columns."""
    yield from release.store()
    yield from column_quads(release)


def column_quads(release: Release) -> Iterator[Quad]:
    """Give the quads of the columns."""
    columns = open_columns(release)
    for cube in columns.cubes if columns is not None else ():
        assert columns is not None
        for subject in columns.texts(f"SELECT {cube.subject('t').text} FROM {cube.relation} t"):
            for predicate, term, graph in columns.triples_of(subject):
                names = [NamedNode(text[1:-1]) for text in (subject, predicate, graph)]
                yield Quad(names[0], names[1], to_term(term), names[2])
