"""Verify a finished release: the queries of `queries/integrity/`, the shapes of `ontology/shapes/` (docs/integrity.md).

A build checks the same things, and more, on columns and before it publishes; this is the check that anybody can repeat
on what is published. Queries see everything. Shapes see structures, code lists and the catalogue, never observations.
"""

from __future__ import annotations

import importlib.resources
import io
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import QuerySolutions, QueryTriples, RdfFormat, Store, serialize

from loader.dumps import Stream, observations
from loader.errors import Problem
from loader.releases import explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyoxigraph import BlankNode, Literal, NamedNode, QuerySolution, Triple
    from rdflib import Graph
    from rdflib.term import Node

    from loader.progress import Watcher
    from loader.release import Release

    Term = NamedNode | BlankNode | Literal | Triple

SHOWN: Final = 20
"""Offenders of one query or shape that are named one by one; the rest is counted."""
HEADER: Final = "# "


@dataclass(frozen=True, slots=True)
class IntegrityQuery:
    """A query that lists what is wrong: a row for each offender, whose first variable is the thing at fault."""

    name: str
    title: str
    fix: str
    text: str


def integrity_queries() -> list[IntegrityQuery]:
    """Read the queries of `queries/integrity/`, by name."""
    return [_read_query(path) for path in sorted(_packaged("queries", "integrity").glob("*.rq"))]


def _packaged(package: str, folder: str) -> Path:
    return Path(str(importlib.resources.files(package))) / folder


def _read_query(path: Path) -> IntegrityQuery:
    text = path.read_text("utf-8")
    lines = [line.removeprefix(HEADER) for line in text.splitlines() if line.startswith(HEADER)]
    header = dict(line.split(": ", 1) for line in lines)
    return IntegrityQuery(path.stem, header["title"], header["fix"], text)


def verify(release: Release, watcher: Watcher) -> list[Problem]:
    """Run every query and every shape on a release; give all that they find."""
    base = f"{release.manifest.base_uri}/"
    problems: list[Problem] = []
    with whole(release) as store:
        for query in integrity_queries():
            problems += _timed(query.name, ask(store, query, base), watcher)
        for shapes in sorted(_packaged("ontology", "shapes").glob("*.ttl")):
            part = read_part(store, shapes.stem, base)
            problems += _timed(f"shapes of {shapes.stem}", conform(part, shapes), watcher)
    return problems


@contextmanager
def whole(release: Release) -> Iterator[Store]:
    """Give a store of every quad: that of the release, or a copy of it with the observations that are columns.

    Raises MisuseError if there is no room for it in the directory for temporary files.
    """
    served = release.store()
    if not release.cubes():
        yield served
        return
    with (
        explained("the release could not be loaded to be verified"),
        tempfile.TemporaryDirectory(prefix="dwpld-verify-", ignore_cleanup_errors=True) as directory,
    ):
        shutil.copytree(release.path / "graph", directory, dirs_exist_ok=True)
        store = Store(directory)
        quads = Stream(_column_quads(release))
        store.bulk_load(input=io.BufferedReader(quads, 1 << 20), format=RdfFormat.N_QUADS)
        store.optimize()
        yield store


def _column_quads(release: Release) -> Iterator[bytes]:
    for cube in release.cubes():
        yield from observations(cube, release.columns(cube), f" <{cube.graph}> .\n")


def _timed(name: str, found: Iterable[Problem], watcher: Watcher) -> list[Problem]:
    start = time.monotonic()
    problems = list(found)
    verdict = f"{len(problems):,} found" if problems else "nothing found"
    watcher.said(f"{name}: {verdict}, {time.monotonic() - start:.1f} s")
    return problems


def ask(store: Store, query: IntegrityQuery, base: str) -> Iterator[Problem]:
    """Yield what one query finds. The default graph is the union of the named ones, as everywhere."""
    found = store.query(query.text, base_iri=base, use_default_graph_as_union=True)
    assert isinstance(found, QuerySolutions), "every integrity query is a SELECT"
    file = f"queries/integrity/{query.name}.rq"
    names = [variable.value for variable in found.variables]
    for row in islice(found, SHOWN):
        yield Problem("CUBE-20", f"{file}, {_shown(row[0])}", _message(query.title, names, row), query.fix)
    more = sum(1 for _ in found)
    if more:
        yield Problem("CUBE-20", file, f"{query.title}: and {more:,} more")


def _message(title: str, names: list[str], row: QuerySolution) -> str:
    """Say what is wrong with an offender: the constraint it breaks, and the rest of the row."""
    rest = [f"{name} {_shown(row[name])}" for name in names[1:] if row[name] is not None]
    return ", ".join([f"breaks '{title}'", *rest])


def _shown(term: Term | None) -> str:
    return str(getattr(term, "value", term))


def read_part(store: Store, name: str, base: str) -> Graph:
    """Take the part of a release that the shapes of that name look at (`queries/parts/`)."""
    from rdflib import Graph

    text = (_packaged("queries", "parts") / f"{name}.rq").read_text("utf-8")
    found = store.query(text, base_iri=base, use_default_graph_as_union=True)
    assert isinstance(found, QueryTriples), "every query of parts is a CONSTRUCT"
    data = serialize(found, format=RdfFormat.N_TRIPLES)
    assert data is not None, "serialize() gives bytes when it is given no output"
    return Graph().parse(data=data, format="nt")


def conform(data: Graph, shapes: Path) -> Iterator[Problem]:
    """Yield what violates the shapes of a file, by the thing at fault and what is wrong with it."""
    from pyshacl import validate
    from rdflib import Graph
    from rdflib.namespace import RDF, SH

    rules = Graph().parse(shapes, format="turtle")
    _, report, _ = validate(data, shacl_graph=rules)
    assert isinstance(report, Graph), "pyshacl gives a graph unless asked for bytes, or its own validation failed"
    results = report.subjects(RDF.type, SH.ValidationResult)
    found = sorted(
        {_violation(report, rules, result, shapes) for result in results}, key=lambda one: (one.where, one.message)
    )
    yield from found[:SHOWN]
    if len(found) > SHOWN:
        yield Problem("CUBE-21", f"ontology/shapes/{shapes.name}", f"and {len(found) - SHOWN:,} more violations")


def _violation(report: Graph, rules: Graph, result: Node, shapes: Path) -> Problem:
    from rdflib.namespace import SH

    message = report.value(result, SH.resultMessage)
    value = report.value(result, SH.value)
    focus = report.value(result, SH.focusNode)
    rule = report.value(result, SH.sourceConstraint) or report.value(result, SH.sourceShape)
    hint = rules.value(rule, SH.description) if rule is not None else None
    shown = f"{message}: {value}" if value is not None and value != focus else f"{message}"
    return Problem("CUBE-21", f"ontology/shapes/{shapes.name}, {focus}", shown, str(hint or ""))
