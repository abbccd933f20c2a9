"""Answers as an independent reader understands them, and when two of them are the same.

Tables are compared as multisets of rows, or as sequences where the query orders them; blank nodes up to isomorphism;
numbers, times and truth values by what they mean, within their datatype.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from rdflib import RDF, XSD, BNode, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic
from rdflib.query import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rdflib.term import Node

RS: Final = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/result-set#")
GRAPHS: Final = {".ttl": "turtle", ".rdf": "xml", ".nt": "nt"}
TABLES: Final = {".srx": "xml", ".srj": "json", ".csv": "csv", ".tsv": "tsv"}
DIGITS: Final = 15
"""Digits of a number that are compared: engines divide with different precision."""
_NUMBERS: Final = {XSD.integer, XSD.decimal, XSD.double, XSD.float}

Row = dict[str, "Node"]


@dataclass(frozen=True, slots=True)
class Table:
    """The result of a SELECT."""

    variables: frozenset[str]
    rows: tuple[Row, ...]


Answer = Table | Graph | bool


def read(content: bytes, ending: str, address: str = "") -> Answer:
    """Read an answer; `ending` is that of its file."""
    if ending in TABLES:
        found = _read_table(Result.parse(io.BytesIO(content), format=TABLES[ending]))
        return _numbered(found) if ending == ".csv" and isinstance(found, Table) else found
    graph = Graph().parse(data=content, format=GRAPHS[ending], publicID=address)
    result_set = graph.value(None, RDF.type, RS.ResultSet)
    return graph if result_set is None else _read_result_set(graph, result_set)


def _read_table(result: Result) -> Table | bool:
    if result.type == "ASK":
        assert result.askAnswer is not None, "it has an answer"
        return result.askAnswer
    rows: list[Row] = [dict(zip(map(str, row), row.values(), strict=True)) for row in result.bindings]
    return Table(frozenset(map(str, result.vars or ())), tuple(rows))


def _numbered(table: Table) -> Table:
    """Take the cells of CSV that look like numbers for numbers, which they do not tell."""

    def numbered(term: Node) -> Node:
        return Literal(_number(str(term))) if isinstance(term, Literal) else term

    rows = ({name: numbered(term) for name, term in row.items()} for row in table.rows)
    return Table(table.variables, tuple(rows))


def _read_result_set(graph: Graph, result_set: Node) -> Table | bool:
    """Read a result that is written as a graph."""
    truth = graph.value(result_set, RS.boolean)
    if truth is not None:
        return str(truth) == "true"
    solutions = list(graph.objects(result_set, RS.solution))
    solutions.sort(key=lambda solution: int(str(graph.value(solution, RS["index"]) or 0)))
    rows = [
        {str(graph.value(binding, RS.variable)): _given(graph, binding) for binding in graph.objects(one, RS.binding)}
        for one in solutions
    ]
    return Table(frozenset(map(str, graph.objects(result_set, RS.resultVariable))), tuple(rows))


def _given(graph: Graph, binding: Node) -> Node:
    value = graph.value(binding, RS.value)
    assert value is not None, "a binding has a value"
    return value


def difference(wanted: Answer, found: Answer, *, is_ordered: bool) -> str:
    """Say how two answers differ; empty if they are the same."""
    if isinstance(wanted, Table) and isinstance(found, Table):
        return _table_difference(wanted, found, is_ordered=is_ordered)
    if isinstance(wanted, Graph) and isinstance(found, Graph):
        same = isomorphic(_meant(wanted), _meant(found))
        return "" if same else f"wanted {wanted.serialize()}\nfound {found.serialize()}"
    return "" if wanted is found else f"wanted {wanted}, found {found}"


def _table_difference(wanted: Table, found: Table, *, is_ordered: bool) -> str:
    said = f"wanted {wanted}\nfound {found}"
    if wanted.variables != found.variables:
        return f"other variables: {said}"
    if is_ordered and [*map(_shape, wanted.rows)] != [*map(_shape, found.rows)]:
        return f"other order: {said}"
    return "" if isomorphic(_as_graph(wanted.rows), _as_graph(found.rows)) else said


def _shape(row: Row) -> frozenset[tuple[str, Node | None]]:
    """Give a row without telling its blank nodes apart."""
    return frozenset((name, None if isinstance(term, BNode) else meaning(term)) for name, term in row.items())


def _as_graph(rows: Sequence[Row]) -> Graph:
    """Write a multiset of rows as a graph, so that graphs are isomorphic if the multisets are the same."""
    graph = Graph()
    for row, times in Counter(frozenset((n, meaning(term)) for n, term in row.items()) for row in rows).items():
        node = BNode()
        graph.add((node, URIRef("urn:times"), Literal(times)))
        for name, term in row:
            graph.add((node, URIRef(f"urn:variable:{name}"), term))
    return graph


def _meant(graph: Graph) -> Graph:
    meant = Graph()
    for subject, predicate, value in graph:
        meant.add((subject, predicate, meaning(value)))
    return meant


def meaning(term: Node) -> Node:
    """Give the one term for all that mean the same."""
    if not isinstance(term, Literal):
        return term
    if term.language:
        return Literal(str(term), lang=term.language.lower())
    if term.datatype in {None, XSD.string}:
        return Literal(str(term))
    if term.datatype in _NUMBERS:
        return Literal(_number(str(term)), datatype=term.datatype, normalize=False)
    return term


def _number(text: str) -> str:
    try:
        return str(Decimal(text).normalize(Context(prec=DIGITS)))
    except InvalidOperation:  # it is ill-typed, or infinite in the way of XML Schema
        return text


def is_ordered(query: str) -> bool:
    """Tell whether a query orders its rows itself, and not only in a subquery."""
    return re.search(r"ORDER\s+BY[^}]*$", query, re.IGNORECASE) is not None
