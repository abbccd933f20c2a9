"""`/sparql`: the query side of the SPARQL 1.1 Protocol, and a page to ask from.

A query is accepted here, in the server, and answered in a worker process (`endpoint.evaluation`). Every result is
written whole before its first byte is sent, so that what goes wrong is still an error and never half an answer. Nothing
over HTTP writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from endpoint.accounts import CLIENT_GONE, course_of
from endpoint.answers import answer, choose_form, entity_tag, is_current, link, problem
from endpoint.codings import WORTH_FROM, coding_of
from endpoint.completion import known_prefixes
from endpoint.guard import Analysis, analyse
from endpoint.jobs import Job
from endpoint.media import HTML, JSON, RDF_FORMS
from endpoint.mistakes import advised
from endpoint.problems import RequestError, bad_request
from endpoint.query_page import PATH, form_page
from endpoint.results import forms_of_query, write_graph
from endpoint.service_description import service_description
from endpoint.site import node
from endpoint.source import Dataset, Scope
from endpoint.workers import GoneError, client_name, unless_gone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyoxigraph import NamedNode
    from starlette.requests import Request

    from endpoint.answering import Answering
    from endpoint.media import Form
    from endpoint.serving import Serving, Shelf
    from endpoint.settings import Settings

METHODS: Final = ("GET", "HEAD", "POST", "OPTIONS")
FORM_BODY: Final = "application/x-www-form-urlencoded"
QUERY_BODY: Final = "application/sparql-query"
UPDATE_BODY: Final = "application/sparql-update"
READ_ONLY: Final = "This service is read-only: it takes queries, and no updates"
BODY_OVERHEAD: Final = 4
"""A form body may be this many times as long as the query in it: percent-encoding takes three bytes for one."""

LONG: Final = 4_000
"""Characters from which looking at a query would hold up the event loop for more than a millisecond or two."""
CUT_HEADER: Final = "X-SPARQL-MaxRows"
"""Says, on a result that is cut, after how many rows."""
SHOWN_WITH_QUERY: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""Errors that a person is told beside the query, to change it or try again."""

Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was accepted: its text, where it looks, and what is known of it."""

    text: str
    scope: Dataset | Scope
    analysis: Analysis
    is_get: bool
    is_explained: bool = False
    """True if not the answer is wanted, but how it is found."""


def tag_of(serving: Serving, form: Form, text: str, scope: Dataset | Scope, max_rows: int) -> str:
    """Name the answer to a query in a form."""
    return entity_tag(serving, form, f"{max_rows} {scope} {text}")


async def sparql(request: Request, shelf: Shelf, settings: Settings, answering: Answering) -> Response:
    """Answer a request to the query service. Raises RequestError if it is refused."""
    parameters = await read_parameters(request, settings)
    texts = [value for name, value in parameters if name == "query"]
    if not texts and request.method != "POST" and not parameters_beyond(parameters):
        return await run_in_threadpool(bare, request, await shelf.latest(), settings)
    course_of(request).text = "; ".join(texts)
    try:
        accept = partial(accept_query, texts, parameters, settings, is_get=request.method != "POST")
        is_long = sum(map(len, texts)) > LONG
        query = await run_in_threadpool(accept) if is_long else accept()
        return await evaluated(request, shelf, settings, answering, query)
    except RequestError as error:
        if error.status not in SHOWN_WITH_QUERY:
            raise
        text, serving = texts[0] if texts else "", await shelf.latest()
        error = await run_in_threadpool(advised, error, text, known_prefixes(serving))
        page = partial(form_page, address_of(request), serving, settings, query=text, error=error.detail)
        return problem(request, error, page)


async def evaluated(request: Request, shelf: Shelf, settings: Settings, answering: Answering, query: Query) -> Response:
    """Have an accepted query answered, as long as the client is there. Raises RequestError if that is refused."""
    try:
        return await unless_gone(request, run(request, shelf, settings, answering, query))
    except GoneError:
        return Response(status_code=CLIENT_GONE)


def address_of(request: Request) -> str:
    """Give the address of the query service, as the client reached it."""
    return f"{str(request.base_url).rstrip('/')}{PATH}"


def parameters_beyond(parameters: Parameters) -> bool:
    """Tell whether there are parameters of the protocol, so that a missing query is a mistake."""
    return any(name in {"update", "default-graph-uri", "named-graph-uri"} for name, _ in parameters)


async def read_parameters(request: Request, settings: Settings) -> Parameters:
    """Read the parameters of a request, from the address and the body (SPARQL 1.1 Protocol §2.1)."""
    parameters = pairs(request.scope.get("query_string", b""))
    if request.method != "POST":
        return parameters
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == UPDATE_BODY:
        raise bad_request(READ_ONLY)
    if kind not in {FORM_BODY, QUERY_BODY}:
        detail = f"The body must be {FORM_BODY} or {QUERY_BODY}, not '{kind[:60]}'"
        raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept-Post": f"{FORM_BODY}, {QUERY_BODY}"})
    body = await read_body(request, settings.max_query_bytes * (BODY_OVERHEAD if kind == FORM_BODY else 1), settings)
    if kind == FORM_BODY:
        return parameters + pairs(body)
    return [*parameters, ("query", decoded(body))]


async def read_body(request: Request, limit: int, settings: Settings) -> bytes:
    """Read the body, stopping as soon as it is too long."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise too_long(settings)
        pieces.append(piece)
    return b"".join(pieces)


def too_long(settings: Settings) -> RequestError:
    """Refuse a query for its length."""
    detail = f"The query is longer than {settings.max_query_bytes:,} bytes"
    return RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def decoded(text: bytes) -> str:
    """Decode UTF-8, the only encoding the protocol knows."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        detail = f"The query is not UTF-8: byte {error.start + 1} cannot be read"
        raise bad_request(detail) from error


def pairs(text: bytes) -> Parameters:
    """Split form data. Nothing in it is taken for a separator but `&`."""
    try:
        return parse_qsl(decoded(text), keep_blank_values=True, encoding="utf-8", errors="strict")
    except UnicodeDecodeError as error:
        detail = "The parameters are not UTF-8"
        raise bad_request(detail) from error


def accept_query(texts: Sequence[str], parameters: Parameters, settings: Settings, *, is_get: bool) -> Query:
    """Take the one query of a request, after every check that needs no store."""
    names = [name for name, _ in parameters]
    if {"update", "using-graph-uri", "using-named-graph-uri"}.intersection(names):
        raise bad_request(READ_ONLY)
    if len(texts) != 1:
        detail = (
            "Send one query, as the parameter 'query' or as the body" if texts else "The parameter 'query' is missing"
        )
        raise bad_request(detail)
    if len(texts[0].encode(errors="replace")) > settings.max_query_bytes:
        raise too_long(settings)
    analysis = analyse(texts[0], settings.services.split())
    default = graphs(parameters, "default-graph-uri")
    named = graphs(parameters, "named-graph-uri")
    scope: Dataset | Scope = Scope.STATED if analysis.has_dataset else Scope.UNION
    if default or named:
        scope = Dataset(default, named)
    is_explained = any(name == "explain" and value not in {"", "0"} for name, value in parameters)
    return Query(texts[0], scope, analysis, is_get, is_explained)


def graphs(parameters: Parameters, wanted: str) -> tuple[NamedNode, ...]:
    """Read the graphs a request names; none is ever fetched."""
    found = []
    for name, value in parameters:
        if name == wanted:
            iri = node(value)
            if iri is None:
                detail = f"{wanted} '{value[:100]}' is not an absolute IRI"
                raise bad_request(detail)
            found.append(iri)
    return tuple(found)


async def run(request: Request, shelf: Shelf, settings: Settings, answering: Answering, query: Query) -> Response:
    """Have an accepted query answered by a worker, unless the client has the answer already."""
    client, course = client_name(request), course_of(request)
    course.text = query.text
    if query.is_explained:
        course.form = "explain"
        job = Job(query.text, query.scope, query.analysis, JSON.suffix, is_explained=True)
        explained = await answering.answer(course, client, job)
        return PlainTextResponse(explained.reply.body, headers={"Vary": "Accept"})
    form = choose_form(request, (*forms_of_query(query.analysis.form), HTML))
    course.form = form.suffix
    has_tag = query.is_get and query.analysis.is_repeatable
    links = [link("/", rel="collection")]
    tagged = partial(tag_of, form=form, text=query.text, scope=query.scope, max_rows=settings.max_rows)
    tag = tagged(await shelf.latest()) if has_tag else None
    if tag is not None and is_current(request, tag):
        return answer(request, form, tag, links, bytes)
    address = address_of(request) if form == HTML else ""
    job = Job(query.text, query.scope, query.analysis, form.suffix, address)
    found = await answering.answer(course, client, job)
    tag = tagged(found.serving) if has_tag else None
    body = found.reply.body
    respond = partial(answer, request, form, tag, links, lambda: body, found.pack)
    is_quick = len(body) < WORTH_FROM or found.is_packed(coding_of(request))
    response = respond() if is_quick else await run_in_threadpool(respond)
    if not is_quick:
        answering.kept.count(found)  # it has grown by what is compressed
    response.headers.update(found.reply.headers)
    if found.reply.is_cut:
        response.headers[CUT_HEADER] = str(settings.max_rows)
    return response


def bare(request: Request, serving: Serving, settings: Settings) -> Response:
    """Answer a request without a query: a form for browsers, the service description for everything else."""
    form = choose_form(request, (*RDF_FORMS, HTML))
    tag = entity_tag(serving, form, f"service {settings.services}")
    links = [
        link(f"{PATH}?{urlencode({'format': one.suffix})}", rel=rel, type=one.media_type)
        for rel in ("describedby", "alternate")
        for one in RDF_FORMS
    ]
    links.append(link(serving.site.iri(PATH), rel="canonical"))
    if form == HTML:
        return answer(request, form, tag, links, lambda: form_page(address_of(request), serving, settings))
    described = service_description(serving, settings.services.split())
    return answer(request, form, tag, links, lambda: write_graph(described, form, serving.prefixes))


def refused_method(method: str) -> RequestError:
    """Refuse a method that is none of the protocol's."""
    allowed = ", ".join(METHODS)
    detail = f"{method} is not allowed here; use GET or POST"
    return RequestError(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})
