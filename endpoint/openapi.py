"""The HTTP interface as an OpenAPI 3.1 document, `/openapi.json`: every address, its forms, parameters and statuses.

A new address is one entry of `ROUTES`. What all have in common (methods, negotiation, entity tags, errors) is said
once, from the constants that the answers themselves are made with. `{names}` in paths are explained in `PARTS`,
parameters in `PARAMETERS`; names of datasets, code lists and dumps are those of the release that is served.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from endpoint.answers import READ_METHODS, answer, choose_form, entity_tag, software, version
from endpoint.catalogue import CODE_LIST
from endpoint.completion import LONGEST
from endpoint.completion import PATH as TERMS
from endpoint.discovery import LLMS, OPENSEARCH, ROBOTS, SITEMAP
from endpoint.discovery import PARTS as SITEMAPS
from endpoint.downloads import CSVW
from endpoint.dumps import ALL, TYPES
from endpoint.dumps import PLACE as DUMPS
from endpoint.exports import DATA_JSON, EXCHANGE_MODEL, HARVEST
from endpoint.graph_store import PLACE as GRAPHS
from endpoint.health import HEALTH, LIVE, METRICS
from endpoint.jsonld import PATH as CONTEXT
from endpoint.media import (
    ASSET_TYPES,
    ATOM,
    CSV,
    HTML,
    JSON_DOCUMENT,
    JSON_LD,
    OPENAPI,
    OPENSEARCH_FORM,
    PAGE_FORMS,
    PROBLEM,
    RDF_FORMS,
    RDF_XML,
    RESULT_FORMS,
    TEXT,
    XML_DOCUMENT,
    Form,
)
from endpoint.query_page import PATH as SPARQL
from endpoint.search import PATH as SEARCH
from endpoint.sparql import FORM_BODY, QUERY_BODY
from endpoint.sparql import METHODS as SPARQL_METHODS
from endpoint.void import PATH as VOID
from loader.dumps import dump_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.serving import Serving
    from endpoint.settings import Settings

PATH: Final = "/openapi.json"

Object = dict[str, object]

_TEXT: Final[Object] = {"type": "string"}
_WORD: Final[Object] = {"type": "string", "minLength": 1}
_QUERY: Final[Object] = {"type": "string", "minLength": 1, "format": "sparql-query"}
_OTHERS: Final = (JSON_DOCUMENT, XML_DOCUMENT, TEXT, ATOM, OPENSEARCH_FORM, OPENAPI)
_FORMS: Final = dict.fromkeys((*RESULT_FORMS, *PAGE_FORMS, *_OTHERS))
_NAMES: Final = dict.fromkeys(name for form in _FORMS for name in (form.suffix, form.media_type))
_FORM: Final[Object] = {"type": "string", "enum": list(_NAMES)}
_IRI: Final[Object] = {"type": "string", "format": "iri"}
_IRIS: Final[Object] = {"type": "array", "items": _IRI}

PARTS: Final[Mapping[str, tuple[str, Object]]] = {
    "dataset": ("A dataset of the release", _WORD),
    "list": ("A code list of the release", _WORD),
    "form": ("A suffix for one form", {"enum": [form.suffix for form in PAGE_FORMS]}),
    "table": ("A published table of the dataset", _WORD),
    "component": ("Name of a dimension, measure or attribute", _WORD),
    "measurement": ("A metric, and what it was measured of; it may have slashes", _WORD),
    "edition": ("An edition of the dataset", _WORD),
    "version": ("A version of an edition or a program", _WORD),
    "input": ("What a version was made from", {"enum": ["input", "mapping"]}),
    "file": ("A file", _WORD),
    "observation": ("Values of the dimensions, separated by slashes, and `@` with the measure", _WORD),
    "month": ("A month, as yyyy-mm", _WORD),
    "reference": ("A reference of the publisher", _WORD),
    "kind": ("A kind of thing", _WORD),
    "name": ("A name", _WORD),
    "notation": ("Notation of a code", _WORD),
    "gss": ("Code of an area (GSS)", _WORD),
    "value": ("A value", _WORD),
    "dump": ("A dump: a dataset, a code list as `codes-…`, an RDF file as `graphs-…`", _WORD),
    "ending": ("Form of the dump", {"enum": list(TYPES)}),
    "graph": ("Name of an RDF file that was added to the release", _WORD),
    "number": ("Number of a page", {"type": "integer", "minimum": 1}),
    "sitemap": ("A sitemap", _WORD),
    "download": ("The table, or a dump", _WORD),
    "asset": ("A file that pages use", _WORD),
}
PARAMETERS: Final[Mapping[str, tuple[str, Object]]] = {
    "format": ("Name or media type of the form of the answer; goes before the Accept header", _FORM),
    "output": ("The same as `format`", _FORM),
    "page": ("Page of the statements that point at the thing", {"type": "integer", "minimum": 1, "maximum": 9_999_999}),
    "uri": ("An identifier of somebody else", _IRI),
    "query": ("A SPARQL 1.1 query", _QUERY),
    "default-graph-uri": ("A graph of the release that is part of the default graph of the query", _IRIS),
    "named-graph-uri": ("A graph of the release that is a named graph of the query", _IRIS),
    "explain": ("`1` for how the query is answered, as text, in place of the answer", {"enum": ["0", "1"]}),
    "graph": ("Address of a named graph", _IRI),
    "default": ("The union of all named graphs", {"const": ""}),
    "q": ("Words that the names of terms begin with", {"type": "string", "maxLength": LONGEST}),
    "property": ("The property whose codes come first", _TEXT),
}
EXPLAINED: Final = "text/plain"
VERSION: Final = "/data/{dataset}/editions/{edition}/versions/{version}"

_ERRORS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)
"""What any address may answer: it is not understood, there is nothing, it is not for writing, it is our fault."""
_FILE: Final = (
    HTTPStatus.OK,
    HTTPStatus.PARTIAL_CONTENT,
    HTTPStatus.NOT_MODIFIED,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
)
_KEPT: Final = (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED, HTTPStatus.GONE)
_KEPT_FILES: Final = (CSV.media_type, *TYPES.values())
_QUERIED: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_SENT: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
_MEANINGS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.OK: "The answer",
    HTTPStatus.NO_CONTENT: "The methods there are",
    HTTPStatus.PARTIAL_CONTENT: "The part that was asked for",
    HTTPStatus.SEE_OTHER: "The document that describes the thing",
    HTTPStatus.NOT_MODIFIED: "What the client has is current",
    HTTPStatus.BAD_REQUEST: "The request cannot be understood, or asks for what is refused",
    HTTPStatus.NOT_FOUND: "Nothing is published here",
    HTTPStatus.METHOD_NOT_ALLOWED: "This service is read-only",
    HTTPStatus.NOT_ACCEPTABLE: "No form on offer is acceptable",
    HTTPStatus.GONE: "The version was withdrawn",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The query is too long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is neither a form nor a query",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "There is no such part",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many queries of one client wait",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the service, logged with the number that the answer gives",
    HTTPStatus.SERVICE_UNAVAILABLE: "The query took too long, or too many wait",
}
_BARE: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.SEE_OTHER, HTTPStatus.NOT_MODIFIED)
"""Answers without a body."""


@dataclass(frozen=True, slots=True)
class Route:
    """An address, or many of one pattern, and what it answers."""

    path: str
    summary: str
    types: tuple[str, ...]
    """Media types of its answers."""
    parameters: tuple[str, ...] = ()
    is_negotiated: bool = True
    """True if the Accept header or `?format=` chooses among the types."""
    statuses: tuple[HTTPStatus, ...] = (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)
    """What it answers, besides the errors that every address may answer."""
    methods: tuple[str, ...] = READ_METHODS

    @property
    def names(self) -> list[str]:
        """Names of the parts of the path that vary."""
        return re.findall(r"{([a-z]+)}", self.path)


def page(path: str, summary: str, *parameters: str) -> Route:
    """Describe addresses that are described as pages and as RDF."""
    return Route(path, summary, types(PAGE_FORMS), ("page", *parameters))


def table(path: str, summary: str, kind: str = CSV.media_type) -> Route:
    """Describe a file of a table, of which parts can be had."""
    return Route(path, summary, (kind,), is_negotiated=False, statuses=_FILE)


def tabular(path: str, summary: str) -> Route:
    """Describe addresses that are pages, RDF and, for those who ask for text/csv, a table."""
    return Route(path, summary, types((*PAGE_FORMS, CSV)), ("page",), statuses=_FILE)


def document(path: str, summary: str) -> Route:
    """Describe an address with a page and RDF, all at once."""
    return Route(path, summary, types(PAGE_FORMS))


def graph(path: str, summary: str, *parameters: str) -> Route:
    """Describe a graph that is answered as a query for it is."""
    statuses = (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED, *_QUERIED)
    return Route(path, summary, types((*RDF_FORMS, HTML)), parameters, statuses=statuses)


def thing(path: str, summary: str) -> Route:
    """Describe identifiers of things, which lead to their descriptions."""
    return Route(path, summary, (), is_negotiated=False, statuses=(HTTPStatus.SEE_OTHER,))


def types(forms: Sequence[Form]) -> tuple[str, ...]:
    """Give media types."""
    return tuple(form.media_type for form in forms)


ROUTES: Final = (
    Route("/", "Start page", types((HTML,))),
    Route("/data", "All datasets", types((HTML,))),
    Route(PATH, "This description", types((OPENAPI,))),
    Route(
        SPARQL,
        "Answer a SPARQL query; without one, a form or the service description",
        (*types((*RESULT_FORMS, *RDF_FORMS, HTML)), EXPLAINED),
        ("query", "default-graph-uri", "named-graph-uri", "explain"),
        statuses=(HTTPStatus.OK, HTTPStatus.NOT_MODIFIED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, *_QUERIED),
        methods=SPARQL_METHODS,
    ),
    Route(
        HEALTH,
        "Whether queries can be answered",
        types((JSON_DOCUMENT,)),
        is_negotiated=False,
        statuses=(HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE),
    ),
    Route(LIVE, "Whether the server answers at all", types((JSON_DOCUMENT,)), is_negotiated=False),
    Route(METRICS, "Figures for Prometheus, if they are given", ("text/plain",), is_negotiated=False),
    Route(TERMS, "Terms of the release by name", types((JSON_DOCUMENT,)), ("q", "property")),
    graph(GRAPHS, "A named graph as a whole (Graph Store Protocol)", "graph", "default"),
    graph(GRAPHS + "/{graph}", "The graph of an RDF file"),
    Route(
        DUMPS + "{dump}.{ending}", "Everything of a dataset or code list", tuple(TYPES.values()), is_negotiated=False
    ),
    Route("/assets/{asset}", "Style sheets, scripts and icon", tuple(ASSET_TYPES.values()), is_negotiated=False),
    page("/catalogue", "The catalogue"),
    page("/catalogue.{form}", "The catalogue in one form"),
    Route(EXCHANGE_MODEL, "The catalogue for the UK Cross-Government Metadata Exchange Model", types((JSON_DOCUMENT,))),
    Route(DATA_JSON, "The catalogue as data.json", types((JSON_DOCUMENT,))),
    Route(HARVEST, "The catalogue for data.gov.uk, in pages", types((RDF_XML,)), ("page",)),
    page("/series/{name}", "A series of datasets"),
    document("/events", "The stream of versions (LDES)"),
    document("/events/{number}", "A page of the stream"),
    Route("/releases", "What each release changed", types((HTML, ATOM))),
    Route("/releases.atom", "The same as a feed", types((ATOM,)), is_negotiated=False),
    Route(SEARCH, "Things by the words of their names", types((HTML, JSON_DOCUMENT)), ("q", "page")),
    Route(ROBOTS, "What robots may ask", types((TEXT,))),
    Route(SITEMAP, "All sitemaps", types((XML_DOCUMENT,))),
    Route(SITEMAPS + "{sitemap}", "Addresses of documents", types((XML_DOCUMENT,))),
    Route(LLMS, "An overview in plain words", types((TEXT,))),
    Route(OPENSEARCH, "How to search", types((OPENSEARCH_FORM,))),
    Route(VOID, "The release as a dataset (VoID)", types(RDF_FORMS)),
    Route(CONTEXT, "Prefixes of JSON-LD", types((JSON_LD,))),
    page("/def", "The vocabulary"),
    page("/def/{kind}/{name}", "A property, class, metric or unit"),
    page("/def/concept/{list}/{notation}", "A code"),
    tabular("/def/concept-scheme/{list}", "A code list"),
    table("/def/concept-scheme/{list}.csv", "A code list as a table"),
    tabular("/data/{dataset}", "A dataset"),
    page("/data/{dataset}.{form}", "A dataset in one form"),
    table("/data/{dataset}.csv", "The main table of a dataset"),
    table("/data/{dataset}/{table}.csv", "A published table"),
    table("/data/{dataset}/{table}.csv-metadata.json", "Its CSVW metadata", CSVW),
    page("/data/{dataset}/structure", "The structure of a dataset"),
    page("/data/{dataset}/component/{component}", "A component of the structure"),
    page("/data/{dataset}/coverage", "The time a dataset is about"),
    page("/data/{dataset}/quality", "What was measured of a dataset"),
    page("/data/{dataset}/quality/{measurement}", "A measurement"),
    page("/data/{dataset}/distribution/{file}", "A distribution of a dataset"),
    document("/data/{dataset}/versions", "All versions of a dataset"),
    Route(VERSION, "A version of an edition", types(PAGE_FORMS), statuses=_KEPT),
    Route(VERSION + "/changes", "What a version changed", types(PAGE_FORMS), statuses=_KEPT),
    Route(VERSION + "/{download}", "A file of a version", _KEPT_FILES, is_negotiated=False, statuses=_KEPT),
    page(VERSION + "/build", "The making of a version"),
    page(VERSION + "/{input}/{file}", "A file that a version was made from"),
    page("/data/{dataset}/obs/{observation}", "An observation"),
    page("/data/{dataset}/payment/{month}/{reference}", "A payment"),
    thing("/id/publisher", "Whoever publishes the catalogue"),
    page("/doc/publisher", "The description of whoever publishes the catalogue"),
    thing("/id/{kind}/{name}", "A thing that is no document"),
    thing("/id/{kind}/{name}/{version}", "A version of a thing, such as a program"),
    page("/doc/{kind}/{name}", "The description of a thing"),
    page("/doc/{kind}/{name}/{version}", "The description of a version of a thing"),
    page("/doc/area/{gss}", "The description of an area"),
    page("/doc/period/{kind}/{value}", "The description of a period"),
    page("/doc/resource", "The description of somebody else's identifier", "uri"),
)


def described(request: Request, serving: Serving, settings: Settings) -> Response:
    """Answer with the description."""
    form = choose_form(request, (OPENAPI,))
    tag = entity_tag(serving, form, software())
    return answer(request, form, tag, [], partial(write, serving, settings))


def write(serving: Serving, settings: Settings) -> bytes:
    """Write the description of a release's interface as JSON."""
    return (json.dumps(description(settings.title, known_names(serving)), ensure_ascii=False) + "\n").encode()


def known_names(serving: Serving) -> dict[str, list[str]]:
    """Give the names of what a release has, by the part of a path that names it."""
    folders = serving.release.manifest.folders
    return {
        "dataset": [folder.name for folder in folders if folder.kind != CODE_LIST],
        "list": [folder.name for folder in folders if folder.kind == CODE_LIST],
        "dump": [ALL, *dump_names(serving.release)],
    }


def description(title: str, names: Mapping[str, Sequence[str]]) -> Object:
    """Make the description. `names` are those that a part of a path can have."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version(), "summary": "Linked open data: read-only, without an account"},
        "servers": [{"url": "/"}],
        "paths": {route.path: _path(route) for route in ROUTES},
        "components": {
            "parameters": {
                **{f"path-{name}": _parameter(name, "path", *PARTS[name], names.get(name)) for name in PARTS},
                **{name: _parameter(name, "query", *PARAMETERS[name]) for name in PARAMETERS},
                "If-None-Match": _parameter("If-None-Match", "header", "Entity tags that the client has", _TEXT),
                "Range": _parameter("Range", "header", "The part of a file that is wanted", _TEXT),
            },
            "responses": {str(status.value): _error(status) for status in HTTPStatus if _is_error(status)},
            "schemas": {"Problem": PROBLEM_SCHEMA},
        },
    }


PROBLEM_SCHEMA: Final[Object] = {
    "description": "What is wrong (RFC 9457)",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "instance": {"type": "string", "format": "uri-reference"},
    },
}


def _is_error(status: HTTPStatus) -> bool:
    return status in _MEANINGS and status >= HTTPStatus.BAD_REQUEST


def _parameter(name: str, place: str, description: str, schema: Object, names: Sequence[str] | None = None) -> Object:
    made: Object = {"name": name, "in": place, "description": description}
    made |= {"required": True} if place == "path" else {}
    return made | {"schema": {"type": "string", "enum": list(names)} if names else schema}


def _path(route: Route) -> Object:
    """Describe what a path answers to each method."""
    operations: Object = {
        "summary": route.summary,
        "parameters": [_reference("parameters", one) for one in _given(route)],
    }
    for method in route.methods:
        name = re.sub("[^a-z]+", "-", f"{method} {route.path}".lower()).strip("-")
        operation: Object = {"operationId": name, "responses": _responses(route, method)}
        operations[method.lower()] = operation | ({"requestBody": _body()} if method == "POST" else {})
    return operations


def _given(route: Route) -> list[str]:
    """Name the parameters of a route."""
    found = [*(f"path-{name}" for name in route.names), *route.parameters]
    found += ["format", "output"] if route.is_negotiated else []
    found += ["If-None-Match"] if HTTPStatus.NOT_MODIFIED in route.statuses else []
    return found + (["Range"] if HTTPStatus.PARTIAL_CONTENT in route.statuses else [])


def _responses(route: Route, method: str) -> Object:
    if method == "OPTIONS":
        return {str(HTTPStatus.NO_CONTENT.value): {"description": _MEANINGS[HTTPStatus.NO_CONTENT]}}
    statuses = {*route.statuses, *_ERRORS, *(_SENT if method == "POST" else ())}
    statuses |= {HTTPStatus.NOT_ACCEPTABLE} if route.is_negotiated else set()
    return {str(status.value): _response(route, status) for status in sorted(statuses)}


def _response(route: Route, status: HTTPStatus) -> Object:
    if _is_error(status):
        return _reference("responses", str(status.value))
    said: Object = {"description": _MEANINGS[status]}
    return said if status in _BARE else said | {"content": {kind: {} for kind in dict.fromkeys(route.types)}}


def _error(status: HTTPStatus) -> Object:
    problem = {PROBLEM.media_type: {"schema": _reference("schemas", "Problem")}}
    content = {**problem, HTML.media_type: {}, TEXT.media_type: {}}
    return {"description": _MEANINGS[status], "content": content}


def _body() -> Object:
    names = ("query", "default-graph-uri", "named-graph-uri", "explain", "format", "output")
    properties = {name: PARAMETERS[name][1] for name in names}
    form: Object = {"type": "object", "required": ["query"], "properties": properties}
    return {"required": True, "content": {FORM_BODY: {"schema": form}, QUERY_BODY: {"schema": _QUERY}}}


def _reference(kind: str, name: str) -> Object:
    return {"$ref": f"#/components/{kind}/{name}"}
