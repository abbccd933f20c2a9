"""`/graphs`: the read side of the SPARQL 1.1 Graph Store HTTP Protocol, for every named graph of the release.

`?graph=IRI` names a graph, `?default` is the union of all; the graphs of RDF files have addresses of their own below
`/graphs/` (§4). A graph is answered as the query for all of its triples is: same forms, entity tags and limits. One
that is longer than a result may be is sent as the dumps are, in N-Triples, which is Turtle too.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse

from endpoint.answers import MAX_AGE_S, choose_form, entity_tag, is_current
from endpoint.guard import analyse
from endpoint.media import HTML, N_TRIPLES, RDF_FORMS, TURTLE
from endpoint.problems import RequestError, bad_request
from endpoint.site import node
from endpoint.source import Scope
from endpoint.sparql import Query, pairs
from loader.dumps import dump_names, graph_triples, triples
from loader.uris import Uris

if TYPE_CHECKING:
    from starlette.requests import Request

    from endpoint.serving import Serving
    from loader.release import Release

PLACE: Final = "/graphs"
_DIRECT: Final = re.compile(rf"{PLACE}/[^/.]+")


def is_graph(path: str) -> bool:
    """Tell whether a path is the service's, or that of a graph of a file."""
    return path == PLACE or _DIRECT.fullmatch(path) is not None


def long_graph(request: Request, serving: Serving, max_triples: int) -> Response | None:
    """Answer with a graph that is longer than a result may be; None if it is not, or another form is wanted."""
    graph = _asked(request, serving)
    if not is_long(serving.release, graph, max_triples):
        return None
    form = choose_form(request, (*RDF_FORMS, HTML))
    if form not in {N_TRIPLES, TURTLE}:
        return None
    tag = entity_tag(serving, form, f"whole {graph}")
    headers = {
        "Content-Type": form.content_type,
        "Vary": "Accept",
        "ETag": tag,
        "Cache-Control": f"public, max-age={MAX_AGE_S}",
    }
    if is_current(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    release = serving.release
    names = dump_names(release)
    pieces = triples(release, *names) if graph is None else graph_triples(release, graph)
    if request.method != "GET":
        pieces = iter(())
    first = next(pieces, b"")  # what cannot be read at all is not answered with 200
    return StreamingResponse(chain([first], pieces), headers=headers)


def is_long(release: Release, graph: str | None, max_triples: int) -> bool:
    """Tell whether a graph, or all of them, has more triples than a result may have."""
    quads = release.manifest.quads
    return (sum(quads.values()) if graph is None else quads.get(graph, 0)) > max_triples


def _asked(request: Request, serving: Serving) -> str | None:
    """Give the graph that a request names; None for the default graph."""
    path = request.url.path
    return _named(request) if path == PLACE else serving.site.iri(path)


def graph_query(request: Request, serving: Serving, max_triples: int) -> Query:
    """Give the query for the triples of the graph that a request names. Raises RequestError if there is none."""
    graph = _asked(request, serving)
    if is_long(serving.release, graph, max_triples):
        detail = f"The graph has more than {max_triples:,} triples: it is to be had as N-Triples or Turtle"
        raise bad_request(detail)
    if graph is None:
        return _query("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", Scope.UNION)
    if graph not in named_graphs(serving.release):
        detail = f"There is no graph <{graph}> here; the service description at /sparql lists those there are"
        raise RequestError(HTTPStatus.NOT_FOUND, detail)
    return _query(f"CONSTRUCT {{ ?s ?p ?o }} FROM <{graph}> WHERE {{ ?s ?p ?o }}", Scope.STATED)


def _query(text: str, scope: Scope) -> Query:
    return Query(text, scope, analyse(text), is_get=True)


def _named(request: Request) -> str | None:
    """Read which graph is meant; None for the default graph (§4.2)."""
    parameters = pairs(request.scope.get("query_string", b""))
    graphs = [value for name, value in parameters if name == "graph"]
    is_default = any(name == "default" for name, _ in parameters)
    if len(graphs) + is_default != 1:
        detail = "Name one graph, as ?graph=IRI, or the union of all as ?default"
        raise bad_request(detail)
    if graphs and node(graphs[0]) is None:
        detail = f"graph '{graphs[0][:100]}' is not an absolute IRI"
        raise bad_request(detail)
    return graphs[0] if graphs else None


def named_graphs(release: Release) -> frozenset[str]:
    """Give the addresses of all named graphs."""
    uris = Uris.of(release.manifest.base_uri)
    return frozenset((*release.manifest.quads, uris.ontology().value, uris.catalogue().value))
