"""Ask a release as the endpoint does, and list every quad it holds, in the store and in the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyoxigraph import NamedNode, Quad

from endpoint.cubes.columns import open_columns, value_of
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
    if columns is None:
        return
    for cube in columns.cubes:
        graph = NamedNode(cube.record.graph)
        values = ", ".join(value_of(column, "t").text for column in cube.record.columns)
        for subject, *terms in columns.rows(f"SELECT {cube.subject('t').text}, {values} FROM {cube.relation} t"):
            for column, term in zip(cube.record.columns, terms, strict=True):
                if term is not None:
                    yield Quad(NamedNode(str(subject)[1:-1]), NamedNode(column.predicate), to_term(str(term)), graph)
