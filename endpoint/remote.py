"""A release in a graph store elsewhere, asked over HTTP with the SPARQL 1.1 Protocol.

The store holds every triple (`dwpld publish`); a query of a client is sent with all its addresses in full and with the
graphs of the release as its dataset, so that nothing else in the store is seen and its own default graph means nothing.
Before and after, the store is asked which release it holds: no answer is ever of two.
"""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Final

import httpx
from pyoxigraph import (
    Literal,
    NamedNode,
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    QueryTriples,
    RdfFormat,
    Store,
    Triple,
    parse,
    parse_query_results,
)

from endpoint.graph_store import named_graphs
from endpoint.media import JSON, N_TRIPLES, TURTLE, XML
from endpoint.portable import Portable, bound, check_query, limited, portable
from endpoint.problems import RequestError, bad_request
from endpoint.source import Dataset, Explained, Scope
from loader.credentials import store_auth, store_url
from loader.errors import MisuseError
from loader.uris import Uris
from ontology.terms import SPDX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from endpoint.source import Answer, Term
    from loader.release import Release

log = logging.getLogger(__name__)

RESULT_FORMATS: Final = {
    JSON.media_type: QueryResultsFormat.JSON,
    "application/json": QueryResultsFormat.JSON,
    XML.media_type: QueryResultsFormat.XML,
}
RDF_FORMATS: Final = {
    N_TRIPLES.media_type: RdfFormat.N_TRIPLES,
    "text/plain": RdfFormat.N_TRIPLES,
    TURTLE.media_type: RdfFormat.TURTLE,
}
ACCEPT_RESULTS: Final = f"{JSON.media_type}, {XML.media_type};q=0.8"
ACCEPT_RDF: Final = f"{N_TRIPLES.media_type}, {TURTLE.media_type};q=0.8"
MAX_BYTES: Final = 256 * 1024 * 1024
"""Longest answer of a store: it is held in memory until it is read."""
PIECE_BYTES: Final = 1 << 20
SUBJECTS: Final = 100
"""Things that are asked about at a time; stores limit how long a query may be."""
NOTHING: Final = NamedNode("urn:dwpld:nothing")
"""A graph that is nowhere: some stores take a dataset without named graphs for one with all of them."""
CUT: Final = ("X-SQL-State", "X-SPARQL-MaxRows")
"""Headers with which Virtuoso says that it has cut an answer off, for time or for rows."""
RETRY_S: Final = 2
REASON_CHARS: Final = 300
_BEING_REPLACED: Final = "The data is being replaced by another release; try again in a moment"
_UNAVAILABLE: Final = "The graph store behind this service cannot be asked at the moment; try again later"


@dataclass(frozen=True, slots=True)
class Remote:
    """A store that can be queried, and the bounds of what it is asked."""

    url: str
    timeout_s: float
    rows: int
    """Most rows of a result that are of use."""

    def open(self, release: Release) -> RemoteSource:
        """Give a release out of the store. Raises MisuseError if the store cannot be asked or holds another."""
        return RemoteSource(self, release)


class RemoteSource:
    """A release in a graph store elsewhere, as a set of quads."""

    def __init__(self, remote: Remote, release: Release) -> None:
        self._url = store_url(remote.url)
        self._rows = remote.rows
        uris = Uris.of(release.manifest.base_uri)
        self._base_iri = uris.root
        self._record = uris.publication()
        self._content = release.manifest.content_sha256
        graphs = tuple(map(NamedNode, sorted(named_graphs(release))))
        self._all = Dataset(graphs, graphs)
        timeout = httpx.Timeout(remote.timeout_s, connect=min(remote.timeout_s, 5))
        self._client = httpx.Client(auth=store_auth(), timeout=timeout, trust_env=False)
        weakref.finalize(self, self._client.close)  # when no request needs this release any more
        try:
            held = self._held()
        except RequestError as error:
            message = f"{self._url}: {error.detail}"
            raise MisuseError(message) from error
        if held != self._content:
            message = f"{self._url} does not hold release {release.id}, or not all of it: `dwpld publish` loads it"
            raise MisuseError(message)

    def answer(self, query: str, scope: Dataset | Scope) -> Answer:
        """Answer a query of a client. Raises RequestError for what the store refuses or cannot do."""
        wanted = self._wanted(query)
        self._check_held()
        found = self._ask(wanted, self._dataset(wanted, scope))
        self._check_held()
        return found

    def look_up(self, query: str, form: str, subject: NamedNode | None) -> None:
        """Give nothing: what takes a store elsewhere how long is not known."""

    def values(self, subject: NamedNode, predicate: NamedNode, limit: int) -> None:
        """Give nothing, for the same reason."""

    def explain(self, query: str, scope: Dataset | Scope) -> Explained:
        """Tell what the store is asked."""
        wanted = self._wanted(query)
        dataset = self._dataset(wanted, scope)
        graphs = len({*dataset.default, *dataset.named})
        return Explained((), f"# A store elsewhere is asked, about {graphs:,} graphs\n{wanted.text}")

    def select(self, query: str, bindings: Mapping[str, Term], limit: int | None = None) -> Iterator[dict[str, Term]]:
        """Give the rows of one of our own SELECT queries."""
        wanted = bound(portable(query, self._base_iri), bindings)
        found = self._ask(limited(wanted, limit) if limit is not None else wanted, self._all)
        assert isinstance(found, QuerySolutions), "select() takes a SELECT query"
        names = [variable.value for variable in found.variables]
        for row in islice(found, limit):
            yield {**bindings, **{name: term for name in names if (term := row[name]) is not None}}

    def about(self, subjects: Iterable[NamedNode], *predicates: NamedNode) -> Iterator[Triple]:
        """Give the triples of some subjects in any graph, each once."""
        rest = iter(dict.fromkeys(subjects))
        among = f"VALUES ?p {{ {' '.join(map(str, predicates))} }} " if predicates else ""
        while some := list(islice(rest, SUBJECTS)):
            text = f"SELECT DISTINCT ?s ?p ?o {{ VALUES ?s {{ {' '.join(map(str, some))} }} {among}?s ?p ?o }}"
            found: dict[NamedNode, list[Triple]] = {subject: [] for subject in some}
            for row in self.select(text, {}):
                subject, predicate = row["s"], row["p"]
                assert isinstance(subject, NamedNode), "it was asked about"
                assert isinstance(predicate, NamedNode), "RDF has no others"
                found[subject].append(Triple(subject, predicate, row["o"]))
            for triples in found.values():
                yield from triples

    def pointing_at(self, target: NamedNode, start: int, count: int) -> list[Triple]:
        """Give some of the triples that point at something."""
        text = f"SELECT DISTINCT ?s ?p {{ ?s ?p {target} }} ORDER BY ?p ?s OFFSET {start} LIMIT {count}"
        found = []
        for row in self.select(text, {}):
            subject, predicate = row["s"], row["p"]
            assert isinstance(predicate, NamedNode), "RDF has no others"
            assert not isinstance(subject, Literal), "RDF has none as subjects"
            found.append(Triple(subject, predicate, target))
        return found

    def subjects(self, graph: NamedNode, start: int, count: int) -> list[str]:
        """Give some of the IRIs that a graph says something of."""
        among = f"GRAPH {graph} {{ ?s ?p ?o }} FILTER(isIRI(?s))"
        text = f"SELECT DISTINCT ?s {{ {among} }} ORDER BY ?s OFFSET {start} LIMIT {count}"
        return [row["s"].value for row in self.select(text, {}) if isinstance(row["s"], NamedNode)]

    def has(self, subject: NamedNode) -> bool:
        """Tell whether anything is said of a subject. Raises RequestError while the release is being replaced."""
        self._check_held()
        return next(self.select("SELECT ?o { ?s ?p ?o }", {"s": subject}, 1), None) is not None

    def _held(self) -> str:
        """Ask for the hash of the release that the store holds; empty if it holds none, or not all of one."""
        text = f"SELECT ?sha256 {{ {self._record} {SPDX.checksumValue} ?sha256 }}"
        found = self._ask(portable(text, self._base_iri), Dataset((self._record,)))
        assert isinstance(found, QuerySolutions), "it was asked to SELECT"
        return next((row["sha256"].value for row in found), "")

    def _check_held(self) -> None:
        if self._held() != self._content:
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, _BEING_REPLACED, {"Retry-After": f"{RETRY_S}"})

    def _wanted(self, query: str) -> Portable:
        """Give what a query of a client is to the store. Raises SyntaxError, in our engine's words, if it is none."""
        check_query(query, self._base_iri)
        return limited(portable(query, self._base_iri), self._rows + 1)

    def _dataset(self, query: Portable, scope: Dataset | Scope) -> Dataset:
        """Give the graphs to look at: those of the request, of the query, or all of the release; no others."""
        wanted = scope if isinstance(scope, Dataset) else query.dataset
        if wanted is None:
            return self._all
        known = set(self._all.default)
        default, named = (tuple(g for g in graphs if g in known) for graphs in (wanted.default, wanted.named))
        return Dataset(default, named)

    def _ask(self, query: Portable, dataset: Dataset) -> Answer:
        fields = {
            "query": query.text,
            "default-graph-uri": [graph.value for graph in dataset.default or (NOTHING,)],
            "named-graph-uri": [graph.value for graph in dataset.named or (NOTHING,)],
        }
        is_graph = query.form in {"CONSTRUCT", "DESCRIBE"}
        accept = ACCEPT_RDF if is_graph else ACCEPT_RESULTS
        try:
            with self._client.stream("POST", self._url, data=fields, headers={"Accept": accept}) as response:
                _refuse(response)
                return _graph(response, self._rows + 1) if is_graph else _results(response, query.form)
        except httpx.ReadTimeout as error:
            detail = "The graph store took too long to answer. Ask for less at a time, or for what is more selective"
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, detail) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unavailable(self._url, str(error) or error.__class__.__name__) from error
        except (SyntaxError, ValueError) as error:
            raise unavailable(self._url, f"it gave what cannot be read: {error}") from error


def unavailable(url: str, reason: str) -> RequestError:
    """Say that the store is at fault: why is for the log."""
    log.error("%s: %s", url, reason)
    return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, _UNAVAILABLE, {"Retry-After": f"{RETRY_S}"})


def _refuse(response: httpx.Response) -> None:
    """Raise RequestError for what is no whole answer."""
    cut = [f"{name}: {response.headers[name]}" for name in CUT if name in response.headers]
    if response.status_code == HTTPStatus.OK and not cut:
        return
    reason = " ".join(b"".join(islice(response.iter_bytes(4_096), 1)).decode(errors="replace").split())[:REASON_CHARS]
    if response.status_code == HTTPStatus.OK:
        detail = "The graph store has cut its answer off, for time or for rows: ask for less at a time"
        raise bad_request(detail)
    if response.status_code == HTTPStatus.BAD_REQUEST or "Virtuoso 4" in reason:
        detail = f"The graph store does not answer this query: {reason}"
        raise bad_request(detail)
    raise unavailable(str(response.url), f"{response.status_code} {reason}")


def _kind(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _bounded(response: httpx.Response) -> Iterator[bytes]:
    """Yield an answer in pieces. Raises RequestError where it becomes too long."""
    size = 0
    for piece in response.iter_bytes(PIECE_BYTES):
        size += len(piece)
        if size > MAX_BYTES:
            detail = f"The graph store's answer is longer than {MAX_BYTES >> 20} MiB; ask for fewer rows, or add LIMIT"
            raise bad_request(detail)
        yield piece


def _results(response: httpx.Response, form: str) -> QuerySolutions | QueryBoolean:
    """Read a table, or a truth value. Raises ValueError if it is neither."""
    known = RESULT_FORMATS.get(_kind(response))
    if known is None:
        message = f"results as '{_kind(response)[:60]}'"
        raise ValueError(message)
    found = parse_query_results(b"".join(_bounded(response)), known)
    if form == "ASK" and isinstance(found, QuerySolutions):  # Virtuoso gives a table of one number, or of none
        is_true = any(row[0].value in {"1", "true"} for row in found)
        found = parse_query_results(f'{{"head":{{}},"boolean":{str(is_true).lower()}}}', QueryResultsFormat.JSON)
    return found


def _graph(response: httpx.Response, triples: int) -> QueryTriples:
    """Read a graph, or so many triples of it. Raises ValueError if it is none."""
    known = RDF_FORMATS.get(_kind(response))
    if known is None:
        message = f"triples as '{_kind(response)[:60]}'"
        raise ValueError(message)
    pieces = _bounded(response)
    text = b"".join(_lines(pieces, triples) if known == RdfFormat.N_TRIPLES else pieces)
    store = Store()
    store.extend(parse(text, format=known))
    found = store.query("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }")
    assert isinstance(found, QueryTriples), "it was asked to CONSTRUCT"
    return found


def _lines(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Yield whole lines, each once, until there are so many."""
    seen: set[bytes] = set()
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip() and line not in seen:
                seen.add(line)
                yield line + b"\n"
                if len(seen) == count:
                    return
    yield rest
