"""`/sparql`: the query side of the SPARQL 1.1 Protocol, and a page to ask from.

Every result is written whole before its first byte is sent, so that what goes wrong is still an error and never a
cut-off answer. Nothing over HTTP writes.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from pyoxigraph import NamedNode, QueryBoolean, QuerySolutions
from starlette.responses import PlainTextResponse

from endpoint.answers import answer, choose_form, entity_tag, link, problem
from endpoint.catalogue import examples
from endpoint.editor import LONGEST_ADDRESS, assets, example_groups, limits, shared_link
from endpoint.guard import Analysis, analyse
from endpoint.media import HTML, RDF_FORMS
from endpoint.pages import Reader, Shown, alternates, render
from endpoint.problems import RequestError, bad_request
from endpoint.results import forms_of_query, ordered, write_answer, write_graph
from endpoint.service_description import service_description
from endpoint.serving import contained
from endpoint.site import node
from endpoint.snippets import snippets
from endpoint.source import Dataset, Explained, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.media import Form
    from endpoint.serving import Serving
    from endpoint.settings import Settings

PATH: Final = "/sparql"
METHODS: Final = ("GET", "HEAD", "POST", "OPTIONS")
FORM_BODY: Final = "application/x-www-form-urlencoded"
QUERY_BODY: Final = "application/sparql-query"
UPDATE_BODY: Final = "application/sparql-update"
READ_ONLY: Final = "This service is read-only: it takes queries, and no updates"
BODY_OVERHEAD: Final = 4
"""A form body may be this many times as long as the query in it: percent-encoding takes three bytes for one."""
_UNKNOWN_FUNCTION: Final = re.compile(r"The custom function (<.*>) is not supported")
_POSITION: Final = re.compile(r"error at (\d+):(\d+): expected (?:one of )?(.*)", re.DOTALL)

T = TypeVar("T")

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

    @property
    def key(self) -> str:
        """Tell it from other queries, for the entity tag."""
        return hashlib.sha256(repr((self.text, self.scope)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """A result as its page shows it."""

    columns: list[str]
    rows: list[list[Shown | None]]
    total: int
    truth: bool | None = None
    form: str = "SELECT"
    """Form of the query."""

    @property
    def is_cut(self) -> bool:
        """True if the page does not show every row."""
        return len(self.rows) < self.total


async def sparql(request: Request, serving: Serving, settings: Settings, threads: Executor) -> Response:
    """Answer a request to the query service. Raises RequestError if it is refused."""
    parameters = await read_parameters(request, settings)
    texts = [value for name, value in parameters if name == "query"]
    if not texts and request.method != "POST" and not parameters_beyond(parameters):
        return bare(request, serving, settings)
    try:
        query = accept_query(texts, parameters, settings, is_get=request.method != "POST")
        return await evaluated(request, serving, settings, threads, query)
    except RequestError as error:
        if error.status != HTTPStatus.BAD_REQUEST:
            raise
        page = partial(form_page, request, serving, settings, query=texts[0] if texts else "", error=error.detail)
        return problem(request, error, page)


async def evaluated(
    request: Request, serving: Serving, settings: Settings, threads: Executor, query: Query
) -> Response:
    """Answer an accepted query in a query thread."""
    work = partial(run, request, serving, settings, query)
    return await asyncio.get_running_loop().run_in_executor(threads, contained, work)


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
    analysis = analyse(texts[0])
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


def run(request: Request, serving: Serving, settings: Settings, query: Query) -> Response:
    """Answer an accepted query; called in a query thread, where everything the engine makes also ends."""
    if query.is_explained:
        return PlainTextResponse(explained(understood(serving.source.explain, query)), headers={"Vary": "Accept"})
    forms = forms_of_query(query.analysis.form)
    form = choose_form(request, (*forms, HTML))
    tag = entity_tag(serving, form, query.key) if query.is_get and query.analysis.is_repeatable else None
    links = [link("/", rel="collection")]
    if form == HTML:
        return answer(request, form, tag, links, lambda: result_page(request, serving, settings, query))
    return answer(request, form, tag, links, lambda: evaluate(serving, query, form))


def evaluate(serving: Serving, query: Query, form: Form) -> bytes:
    """Run a query and write its answer. Raises RequestError if the engine does not understand it."""
    found = understood(serving.source.answer, query)
    return write_answer(found, form, query.analysis.variables, serving.prefixes)


def understood(ask: Callable[[str, Dataset | Scope], T], query: Query) -> T:
    """Ask a query. Raises RequestError if the engine does not understand it."""
    try:
        return ask(query.text, query.scope)
    except SyntaxError as error:
        raise bad_request(syntax_text(str(error), query.text)) from error
    except RuntimeError as error:
        if (function := _UNKNOWN_FUNCTION.search(str(error))) is None:
            raise
        detail = f"There is no function {function[1]} here; the functions are those of SPARQL 1.1 and the casts of XSD"
        raise bad_request(detail) from error


def explained(found: Explained) -> str:
    """Say how a query is answered: what the columns were asked, and what the store is then."""
    parts = [f"# {patterns}\n# {rows:,} rows\n{sql}\n" for patterns, sql, rows in found.stars]
    return "\n".join([*parts, found.query or "# A store answers the query as it is."]) + "\n"


def syntax_text(message: str, text: str) -> str:
    """Say where a query goes wrong, and at what; of what the engine would have understood, only what is a sentence."""
    match = _POSITION.match(message)
    if match is None:
        return f"The query cannot be read: {message}"
    line, column = int(match[1]), int(match[2])
    reasons = [part.strip() for part in match[3].split(", ")]
    prose = [part for part in reasons if re.fullmatch(r"[A-Z][a-z]+ [A-Za-z ]+", part)]
    lines = text.splitlines() or [""]
    rest = lines[line - 1][column - 1 :].split() if line <= len(lines) else []
    is_end = not rest and not "".join(lines[line:]).strip()
    near = f"near '{rest[0][:40]}'" if rest else "at the end of the query" if is_end else "at the end of the line"
    return f"Syntax error at line {line}, column {column}, {near}{': ' if prose else ''}{'; '.join(prose)}"


def result_page(request: Request, serving: Serving, settings: Settings, query: Query) -> bytes:
    """Make the page of a result: a table with links and labels, and the way to the other forms."""
    found = understood(serving.source.answer, query)
    limit, form = settings.html_rows, query.analysis.form
    if isinstance(found, QueryBoolean):
        result = Result([], [], 0, bool(found), form)
    else:
        if isinstance(found, QuerySolutions):
            columns = ordered(found, query.analysis.variables)
            names = [column.value for column in columns]
            rows = ([row[column] for column in columns] for row in found)
        else:
            names = ["subject", "predicate", "object"]
            rows = ([triple.subject, triple.predicate, triple.object] for triple in found)
        first = list(islice(rows, limit))
        total = len(first) + sum(1 for _ in rows)
        reader = Reader(serving, {term for row in first for term in row if term is not None})
        shown = [[reader.show(term) if term is not None else None for term in row] for row in first]
        result = Result(names, shown, total, form=form)
    return form_page(request, serving, settings, query=query.text, result=result)


def form_page(
    request: Request,
    serving: Serving,
    settings: Settings,
    *,
    query: str = "",
    error: str | None = None,
    result: Result | None = None,
) -> bytes:
    """Make the page of the query service."""
    forms = forms_of_query(result.form) if result else ()
    link = shared_link(PATH, query) if query else None
    endpoint = f"{str(request.base_url).rstrip('/')}{PATH}"
    return render(
        settings,
        "sparql.html",
        title="Query result" if result else "SPARQL",
        crumbs=[{"text": "Home", "href": "/"}, *([{"text": "SPARQL", "href": PATH}] if result or error else [])],
        query=query or examples()[0].query,
        error=error,
        result=result,
        forms=forms,
        alternates=alternates(PATH, forms, {"query": query}) if link else (),
        link=link,
        snippets=snippets(endpoint, query, result.form) if result else (),
        example_groups=example_groups(serving),
        limits=limits(settings),
        base=serving.site.base,
        longest_address=LONGEST_ADDRESS,
        **assets(),
    )


def bare(request: Request, serving: Serving, settings: Settings) -> Response:
    """Answer a request without a query: a form for browsers, the service description for everything else."""
    form = choose_form(request, (*RDF_FORMS, HTML))
    tag = entity_tag(serving, form, "service")
    links = [
        link(f"{PATH}?{urlencode({'format': one.suffix})}", rel="describedby", type=one.media_type) for one in RDF_FORMS
    ]
    if form == HTML:
        return answer(request, form, tag, links, lambda: form_page(request, serving, settings))
    return answer(request, form, tag, links, lambda: write_graph(service_description(serving), form, serving.prefixes))


def refused_method(method: str) -> RequestError:
    """Refuse a method that is none of the protocol's."""
    allowed = ", ".join(METHODS)
    detail = f"{method} is not allowed here; use GET or POST"
    return RequestError(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})
