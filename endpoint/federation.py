"""Answer the parts of a query that are for other services, and put what they say into the query, as VALUES.

SERVICE is a multiset of solutions that is joined with what is around it (SPARQL 1.1 Federated Query §4), and so is
VALUES: the engine, which calls any address, never sees the word. Where what comes before a call in its group has few
solutions, their values are sent with the question, so that a service gives only what can be joined.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pyoxigraph import BlankNode, QuerySolutions, Store

from endpoint.cubes.parser import read_query
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.syntax import (
    HIDDEN,
    Bind,
    Filter,
    Graph,
    Group,
    Item,
    Minus,
    Optional,
    Query,
    Triples,
    Union,
    Values,
    visible,
)
from endpoint.cubes.writing import write_query
from endpoint.guard import analyse, tokenise
from endpoint.problems import RequestError
from endpoint.service_calls import masked, service_calls
from endpoint.service_client import Patience, Service, ServiceError
from loader.uris import Uris

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from endpoint.cubes.syntax import Element
    from endpoint.service_calls import ServiceCall
    from endpoint.service_client import Row
    from endpoint.services import Services
    from endpoint.source import Answer, Term

SHARE: Final = 0.7
"""Part of a query's time that other services may take together."""
MAX_BINDINGS: Final = 500
"""Most solutions whose values are sent with a question."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A service that was asked."""

    target: str
    query: str
    """Empty if there was nothing to ask for."""
    rows: int


@dataclass(frozen=True, slots=True)
class Federated:
    """A query without calls, and what was asked for it."""

    text: str
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Federation:
    """How queries to other services are answered."""

    services: Services
    base: str
    """Base of the release, without a trailing slash."""
    timeout_s: float
    """Longest time of a whole query."""
    max_rows: int

    def federate(self, text: str, ask: Callable[[str], Answer]) -> Federated:
        """Answer the calls in a query that `endpoint.guard` let through; `ask` answers what has none.

        Raises SyntaxError if the text is no query, RequestError if a service fails that is not called SILENT.
        """
        tokens = list(tokenise(text))
        calls = service_calls(tokens, self.services.allowed)
        plain = masked(text, tokens, calls)
        analyse(plain)
        Store().query(plain, base_iri=f"{self.base}/")
        seconds = self.timeout_s * SHARE
        patience = Patience(time.monotonic() + seconds, seconds, self.max_rows)
        task = _Task(self, text, calls, ask, patience)
        task.run()
        analyse(task.spliced(is_empty=True))  # nothing of what services say is a call, or could be taken for one
        return Federated(task.spliced(), tuple(task.asked))


@dataclass(slots=True)
class _Task:
    """The calls of one query."""

    federation: Federation
    text: str
    calls: list[ServiceCall]
    ask: Callable[[str], Answer]
    patience: Patience
    asked: list[Asked] = field(default_factory=list)
    found: dict[int, Values] = field(default_factory=dict)
    """What has been answered: rows by number of the call."""
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)

    def run(self) -> None:
        """Answer every call that is not within another, those first for which values can be sent."""
        parsed = read_query(self.marked(), f"{self.federation.base}/")
        groups = dict(self.groups_of(parsed))
        for number, around in self.walk(parsed.where, []):
            self.found[number] = self.answer(number, groups[number], parsed, around)
        for number in self.outermost():
            if number not in self.found:
                self.found[number] = self.answer(number, groups[number], parsed, [])

    def outermost(self) -> list[int]:
        """Give the calls that are within no other."""
        found: list[int] = []
        for number, call in enumerate(self.calls):
            if not found or call.start >= self.calls[found[-1]].end:
                found.append(number)
        return found

    def marked(self) -> str:
        """Write each call as GRAPH with a name that is found again."""
        pieces, place = [], 0
        for number, call in enumerate(self.calls):
            pieces += [self.text[place : call.start], f"GRAPH <{self.mark(number)}> "]
            place = call.opening
        return "".join([*pieces, self.text[place:]])

    def mark(self, number: int) -> str:
        return f"urn:uuid:{self.nonce}:{number}"

    def number(self, element: Element) -> int | None:
        """Tell which call an element stands for, if any."""
        if not isinstance(element, Graph) or not isinstance(element.name, str) or self.nonce not in element.name:
            return None
        return int(element.name[1:-1].rpartition(":")[2])

    def groups_of(self, parsed: Query) -> Iterator[tuple[int, Group]]:
        """Give the pattern of each call, wherever it is."""
        for element in _elements(parsed):
            number = self.number(element)
            if number is not None and isinstance(element, Graph):
                yield number, element.group

    def walk(self, group: Group, before: Sequence[Element]) -> Iterator[tuple[int, list[Element]]]:
        """Give calls with what is joined with them and comes before; what is found takes their place.

        Only where restricting a call to what is compatible with that changes nothing: not within MINUS, where it is
        the variables in common that count, nor GRAPH or EXISTS, which give the pattern another meaning.
        """
        for place, element in enumerate(group.elements):
            around = [*before, *_joined(group, place)]
            number = self.number(element)
            match element:
                case Graph() if number is not None:
                    yield number, around
                    group.elements[place] = self.found[number]
                case Optional(inner):
                    yield from self.walk(inner, around)
                case Union(groups):
                    for inner in groups:
                        yield from self.walk(inner, around)
                case Query():
                    yield from self.walk(element.where, [])

    def answer(self, number: int, group: Group, parsed: Query, around: Sequence[Element]) -> Values:
        """Ask a service, and give its rows. Raises RequestError if it fails and may not."""
        call = self.calls[number]
        names = tuple(visible(group))
        bindings = self.bindings(parsed, around, names)
        if bindings is not None and not bindings.data:
            self.asked.append(Asked(call.target, "", 0))
            return Values(names, "")
        query = self.question(call, parsed.prologue, names, bindings)
        service = Service(call.target, call.target in self.federation.services.inside)
        try:
            rows = service.ask(query, names, self.patience)
        except ServiceError as error:
            if call.is_silent:
                return Values((), "()")
            detail = f"The service <{call.target}> {error}"
            raise RequestError(HTTPStatus.BAD_GATEWAY, detail) from error
        self.asked.append(Asked(call.target, query, len(rows)))
        return Values(names, self.data(number, rows))

    def question(self, call: ServiceCall, prologue: str, names: Sequence[str], bindings: Values | None) -> str:
        """Write what a service is asked."""
        selected = " ".join(f"?{name}" for name in names) or "(1 AS ?solution)"
        pattern = call.pattern(self.text)
        if bindings is not None:
            pattern = f"{{ {_values(bindings)} {pattern} }}"
        head = f"BASE <{self.federation.base}/>\n{prologue}".strip()
        return f"{head}\nSELECT {selected} WHERE {pattern} LIMIT {self.federation.max_rows + 1}"

    def bindings(self, parsed: Query, around: Sequence[Element], names: Sequence[str]) -> Values | None:
        """Give the values of what comes before, of variables that it always binds; None if they are too many."""
        shared = [name for name in visible(Group(list(around))) if name in names]
        if not shared:
            return None
        query = Query("SELECT", Group(list(around)), parsed.prologue, "DISTINCT", [Item(None, name) for name in shared])
        query.default_graphs, query.named_graphs = parsed.default_graphs, parsed.named_graphs
        query.limit = MAX_BINDINGS + 1
        text = _shown(write_query(query))
        if self.nonce in text:  # a call that is not answered yet
            return None
        try:
            found = self.ask(text)
        except RefusalError:
            return None
        assert isinstance(found, QuerySolutions), "it is a SELECT"
        rows = [[row[name] for name in shared] for row in found]
        kept = [
            n for n in range(len(shared)) if not any(row[n] is None or isinstance(row[n], BlankNode) for row in rows)
        ]
        if len(rows) > MAX_BINDINGS or not kept:
            return None
        data = {f"({' '.join(str(row[n]) for n in kept)})" for row in rows}
        return Values(tuple(shared[n] for n in kept), " ".join(sorted(data)))

    def data(self, number: int, rows: Sequence[Row]) -> str:
        """Write rows for VALUES; a blank node becomes an IRI, which is nobody else's."""
        blanks: dict[BlankNode, str] = {}
        uris = Uris(self.federation.base)

        def cell(term: Term | None) -> str:
            if isinstance(term, BlankNode):
                return blanks.setdefault(term, str(uris.genid(f"{self.nonce}-{number}-{len(blanks)}")))
            return "UNDEF" if term is None else str(term)

        return " ".join(f"({' '.join(map(cell, row))})" for row in rows)

    def spliced(self, *, is_empty: bool = False) -> str:
        """Write the query with what was found in place of the calls, or without any rows."""
        pieces, place = [], 0
        for number in self.outermost():
            call, found = self.calls[number], self.found[number]
            pieces += [
                self.text[place : call.start],
                f"{{ {_values(Values(found.variables, '') if is_empty else found)} }}",
            ]
            place = call.end
        return "".join([*pieces, self.text[place:]])


def _values(values: Values) -> str:
    return f"VALUES ({' '.join(f'?{name}' for name in values.variables)}) {{ {values.data} }}"


def _joined(group: Group, place: int) -> Iterator[Element]:
    """Give what is joined with an element of a group and comes before it, and filters that only look at that."""
    before = [element for element in group.elements[:place] if not isinstance(element, Filter | Minus)]
    yield from before
    patterns = (pattern for element in before if isinstance(element, Triples) for pattern in element.patterns)
    certain = {name for pattern in patterns for name in pattern.variables}
    for element in group.elements:
        if isinstance(element, Filter) and not element.expression.groups and element.expression.variables <= certain:
            yield element


def _elements(part: Element | Query) -> Iterator[Element]:
    """Give every element within a part of a query."""
    groups: list[Group] = []
    match part:
        case Query():
            groups = [part.where, *(group for expression in part.expressions for group in expression.groups)]
        case Optional(group) | Minus(group) | Graph(_, group):
            groups = [group]
        case Union(inner):
            groups = inner
        case Filter(expression) | Bind(expression, _):
            groups = expression.groups
    for group in groups:
        for element in group.elements:
            yield element
            yield from _elements(element)


def _shown(text: str) -> str:
    """Give the variables that blank nodes were made into names that may be in a query."""
    prefix = "blank"
    while prefix in text:
        prefix += "k"
    pieces, place = [], 0
    for token in tokenise(text):
        if token.kind == "variable" and token.text.endswith(HIDDEN):
            pieces += [text[place : token.start], f"?{prefix}{token.text[1:-1]}"]
            place = token.start + len(token.text)
    return "".join([*pieces, text[place:]])
