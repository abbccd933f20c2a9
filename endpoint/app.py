"""The application: which address leads where, and what every answer has in common."""

from __future__ import annotations

import logging
import uuid
from contextlib import asynccontextmanager
from functools import cache, partial
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

from endpoint.answering import Answering
from endpoint.answers import READ_METHODS, answer, choose_form, entity_tag, link, problem, problem_json
from endpoint.backend import Own
from endpoint.catalogue import code_lists, datasets, examples
from endpoint.codings import IDENTITY, coding_of, compressed
from endpoint.completion import PATH as TERMS
from endpoint.completion import terms_answer
from endpoint.discovery import PARTS as SITEMAPS
from endpoint.discovery import PATHS as DISCOVERY
from endpoint.discovery import discovery
from endpoint.dumps import PLACE as DUMPS
from endpoint.dumps import dump
from endpoint.exports import export
from endpoint.fast_path import FastPath
from endpoint.feeds import feed_answer
from endpoint.graph_store import graph_query, is_graph, long_graph
from endpoint.health import HEALTH, LIVE, METRICS, check_metrics, live_answer
from endpoint.jsonld import PATH as CONTEXT
from endpoint.jsonld import context_answer
from endpoint.media import ASSET_TYPES, HTML, OPENAPI, PROBLEM, TURTLE
from endpoint.metrics import Answered, Metrics
from endpoint.near_names import HEADER as HINT_HEADER
from endpoint.openapi import PATH as DESCRIPTION
from endpoint.openapi import described
from endpoint.pages import render
from endpoint.problems import RequestError, not_found
from endpoint.query_page import PATH as SPARQL
from endpoint.resources import dereference
from endpoint.search import PATH as SEARCH
from endpoint.search import search
from endpoint.serving import Serving, Shelf
from endpoint.sparql import CUT_HEADER, evaluated, refused_method, sparql
from endpoint.sparql import METHODS as SPARQL_METHODS
from endpoint.void import PATH as VOID
from endpoint.void import void_answer
from endpoint.watching import Watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from endpoint.backend import Backend
    from endpoint.settings import Settings

    MakeBackend = Callable[[Shelf], Backend]

log = logging.getLogger(__name__)

POLICY: Final = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
EXPOSED: Final = (
    "Link",
    "ETag",
    "Vary",
    "Content-Type",
    "Location",
    "Retry-After",
    "X-Request-Id",
    CUT_HEADER,
    HINT_HEADER,
)
HEADERS: Final = (
    (b"content-security-policy", f"{POLICY}frame-ancestors 'none'".encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
)
PREFLIGHT: Final = {
    "Access-Control-Allow-Headers": "Accept, Content-Type, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


class Common:
    """What every answer has in common: headers, preflight, no body for HEAD, and 500 without details.

    Plain ASGI, so that files are still streamed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name for name, _ in message["headers"]}
                missing = [header for header in HEADERS if header[0] not in present]
                message = {**message, "headers": [*message["headers"], *missing]}
            elif scope["method"] == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if scope["method"] == "OPTIONS":
            await preflight(scope["path"])(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:  # the last resort: the client learns nothing but a number to quote, the log everything
            number = uuid.uuid4().hex[:12]
            log.exception("request %s failed: %s %s", number, scope["method"], scope["path"])
            if started:
                raise
            await internal_error(number)(scope, receive, send_with_headers)


def preflight(path: str) -> Response:
    """Answer OPTIONS: which methods there are, for clients and for pages of other sites (CORS)."""
    methods = ", ".join(SPARQL_METHODS if path == SPARQL else READ_METHODS)
    headers = {"Allow": methods, "Access-Control-Allow-Methods": methods, **PREFLIGHT}
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


def internal_error(number: str) -> Response:
    """Admit a fault of ours."""
    detail = f"Something went wrong here. It was logged as request {number}."
    body = problem_json(HTTPStatus.INTERNAL_SERVER_ERROR, detail, {"instance": f"urn:request:{number}"})
    headers = {"Content-Type": PROBLEM.media_type, "X-Request-Id": number, "Cache-Control": "no-store"}
    return Response(body, HTTPStatus.INTERNAL_SERVER_ERROR, headers)


class Endpoint:
    """Answers requests out of the current release; each request holds one release from beginning to end."""

    def __init__(self, settings: Settings, make_backend: MakeBackend) -> None:
        self._settings = settings
        self._shelf = Shelf(settings.release, settings.open_engine, settings.open_store)
        self._backend = make_backend(self._shelf)
        self._answering = Answering(self._shelf, self._backend, settings.cache_bytes // self._backend.servers)
        self._watching: Watching | None = None
        self._metrics = Metrics(Answered(self._answering), *self._backend.collectors)

    def watching(self, app: ASGIApp) -> Watching:
        """Put what accounts for requests around an application."""
        kept = self._answering.kept
        fast_path = FastPath(self._shelf, kept, self._settings)
        self._watching = Watching(app, self._shelf, kept, fast_path, self._metrics, self._backend)
        return self._watching

    def again(self, data: bytes, host: str) -> tuple[bytes, bytes] | None:
        """Give the answer to a request that was answered before, for `endpoint.connections`."""
        return self._watching.again(data, host) if self._watching is not None else None

    def end(self) -> None:
        """Know that no more requests will come."""
        self._backend.end()

    def directly(self, app: ASGIApp) -> ASGIApp:
        """Take queries past the router, whose search for the one route there is takes as long as some answers."""

        async def direct(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == SPARQL:
                response = await self.respond(Request(scope, receive))
                await response(scope, receive, send)
            else:
                await app(scope, receive, send)

        return direct

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have worker processes, and a log."""
        await self._backend.start(self._metrics)
        try:
            yield
        finally:
            await self._backend.stop()

    async def respond(self, request: Request) -> Response:
        """Answer any request."""
        try:
            return await self._route(request)
        except RequestError as error:
            page = partial(self._problem_page, error)
            return await run_in_threadpool(problem, request, error, page)

    async def _route(self, request: Request) -> Response:
        if request.scope["path"] == SPARQL:  # before its address is put together again
            if request.method not in SPARQL_METHODS:
                raise refused_method(request.method)
            return await sparql(request, self._shelf, self._settings, self._answering)
        path = request.url.path
        if request.method not in READ_METHODS:
            detail = f"{request.method} is not allowed: this site can only be read"
            raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": ", ".join(READ_METHODS)})
        if is_graph(path):
            serving = await self._shelf.latest()
            long = await run_in_threadpool(long_graph, request, serving, self._settings.max_rows)
            if long is not None:
                return long
            query = graph_query(request, serving, self._settings.max_rows)
            return await evaluated(request, self._shelf, self._settings, self._answering, query)
        if path == HEALTH:
            return await self._backend.health()
        if path == LIVE:
            return live_answer()
        if path == METRICS:
            check_metrics(request, self._settings)
            return await self._backend.metrics()
        return await run_in_threadpool(self._read, request, path)

    def _read(self, request: Request, path: str) -> Response:
        if path.startswith("/assets/"):
            return asset(path, coding_of(request))
        serving = self._shelf.current()
        if path.startswith(DUMPS):
            return dump(request, serving, path)
        if path == TERMS:
            return terms_answer(request, serving)
        if path == DESCRIPTION:
            return described(request, serving, self._settings)
        if path in DISCOVERY or path.startswith(SITEMAPS):
            return discovery(request, serving, self._settings, path)
        if path == CONTEXT:
            return context_answer(request, serving)
        if path == VOID:
            return void_answer(request, serving)
        if path == SEARCH:
            return search(request, serving, self._settings)
        return self._document(request, serving, path)

    def _document(self, request: Request, serving: Serving, path: str) -> Response:
        if path == "/":
            return self._page(request, serving, "start.html", self._settings.title)
        if path == "/data":
            return self._page(request, serving, "datasets.html", "Datasets")
        if (found := export(request, serving, self._settings)) is not None:
            return found
        if (found := feed_answer(request, serving, self._settings)) is not None:
            return found
        return dereference(request, serving, self._settings)

    def _page(self, request: Request, serving: Serving, template: str, title: str) -> Response:
        form = choose_form(request, (HTML,))
        links = [
            link("/catalogue.ttl", rel="describedby", type=TURTLE.media_type),
            link(VOID, rel="describedby", type=TURTLE.media_type),
            link(SPARQL, rel="service-desc"),
            link(DESCRIPTION, rel="service-desc", type=OPENAPI.media_type),
        ]
        return answer(
            request, form, entity_tag(serving, form), links, partial(self._listing, request, serving, template, title)
        )

    def _listing(self, request: Request, serving: Serving, template: str, title: str) -> bytes:
        listed = datasets(serving)
        return render(
            self._settings,
            template,
            title=title,
            crumbs=[] if template == "start.html" else [{"text": "Home", "href": "/"}],
            canonical=serving.site.iri("/" if template == "start.html" else "/data"),
            datasets=listed,
            code_lists=code_lists(serving),
            examples=examples(),
            first_example=next(iter(examples()), None),
            sample_dataset=next((one.href for one in listed), None),
            host=str(request.base_url).rstrip("/"),
        )

    def _problem_page(self, error: RequestError) -> bytes:
        named = {HTTPStatus.NOT_FOUND: "Page not found", HTTPStatus.GONE: "Withdrawn"}
        title = named.get(error.status, error.status.phrase)
        crumbs = [{"text": "Home", "href": "/"}]
        return render(self._settings, "problem.html", title=title, detail=error.detail, ways=error.ways, crumbs=crumbs)


def asset(path: str, coding: str) -> Response:
    """Answer with a file of `endpoint/static/`, if it was built."""
    name = path.removeprefix("/assets/")
    kind = ASSET_TYPES.get(name[name.rfind(".") :])
    if "/" in name or kind is None or not resources.files("endpoint").joinpath("static", name).is_file():
        raise not_found(path)
    headers = {"Content-Type": kind, "Cache-Control": "public, max-age=86400", "Vary": "Accept-Encoding"}
    headers |= {"Content-Encoding": coding} if coding != IDENTITY else {}
    return Response(asset_bytes(name, coding), headers=headers)


@cache
def asset_bytes(name: str, coding: str) -> bytes:
    """Read a file of `endpoint/static/`, and compress it, once."""
    return compressed(resources.files("endpoint").joinpath("static", name).read_bytes(), coding)


def create_app(settings: Settings, make_backend: MakeBackend | None = None) -> FastAPI:
    """Make the application, with a backend of its own if none is given. Raises MisuseError if there is no release."""
    endpoint = Endpoint(settings, make_backend or partial(Own, settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with endpoint.running():
            yield

    app = FastAPI(title=settings.title, openapi_url=None, lifespan=lifespan)
    app.state.again = endpoint.again
    app.state.end = endpoint.end
    app.add_middleware(endpoint.directly)
    app.add_middleware(Common)
    app.add_middleware(endpoint.watching)
    app.router.default = request_response(endpoint.respond)  # no route takes every path and every method
    return app
