"""Make HTTP answers: one way to say in which form, with which validators, links and compression.

Everything answered with 200 carries `Vary: Accept`, an ETag made of the release and the form, and CORS headers, so that
caches and browsers of other sites can use it (RFC 9110 §8.8, §12.5.5).
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from http import HTTPStatus
from importlib import metadata, resources
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from endpoint.codings import IDENTITY, WORTH_FROM, coding_of, compressed
from endpoint.media import HTML, PROBLEM, TEXT, by_name, negotiate
from endpoint.problems import bad_request, not_acceptable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request

    from endpoint.media import Form
    from endpoint.problems import RequestError
    from endpoint.serving import Serving

READ_METHODS: Final = ("GET", "HEAD", "OPTIONS")
MAX_AGE_S: Final = 300
"""How long a cache may answer by itself: a new release is seen within five minutes."""

_MAY_NAME_FORM: Final = re.compile(rb"(?:^|&)(?:format|output|[^=&]*%[^=&]*)(?:=|&|$)")
"""Parameters that are worth taking apart to find the form: a name with an escape may be any."""


def choose_form(request: Request, offered: tuple[Form, ...]) -> Form:
    """Choose the form of an answer: `?format=` or `?output=` if given, else what the Accept header likes best.

    Raises RequestError if there is none: 400 for an unknown name, 406 for a header nothing fits.
    """
    if named := named_form(request):
        form = by_name(named, offered)
        if form is None:
            names = ", ".join(form.suffix for form in offered)
            detail = f"'{named[:40]}' is not a format of this answer; it can be {names}"
            raise bad_request(detail)
        return form
    form = negotiate(request.headers.get("accept"), offered)
    if form is None:
        raise not_acceptable(", ".join(form.media_type for form in offered))
    return form


def named_form(request: Request) -> str:
    """Give what `?format=` or `?output=` names; empty if neither is given."""
    if not _MAY_NAME_FORM.search(request.scope.get("query_string", b"")):
        return ""
    return request.query_params.get("format") or request.query_params.get("output") or ""


def entity_tag(serving: Serving, form: Form, extra: str = "") -> str:
    """Name a representation: it changes with the release, the form and, for pages, with this software."""
    parts = (serving.release.id, form.media_type, extra, software() if form == HTML else "")
    return f'W/"{hashlib.sha256(repr(parts).encode()).hexdigest()[:20]}"'


@cache
def software() -> str:
    """Identify what pages are made with: this package's version and its templates and style sheet."""
    digest = hashlib.sha256(version().encode())
    for folder in ("templates", "static"):
        files = resources.files("endpoint").joinpath(folder)
        if files.is_dir():
            for file in sorted(files.iterdir(), key=lambda entry: entry.name):
                digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()[:12]


def version() -> str:
    """Give the version of this package."""
    try:
        return metadata.version("dwpld")
    except metadata.PackageNotFoundError:
        return "0"


def is_current(request: Request, tag: str) -> bool:
    """Tell whether the client has this representation already (If-None-Match, weak comparison)."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or tag.removeprefix("W/") in re.findall(r'"[^"]*"', known)


def answer(
    request: Request,
    form: Form,
    tag: str | None,
    links: Iterable[str],
    write: Callable[[], bytes],
    pack: Callable[[bytes, str], bytes] | None = None,
) -> Response:
    """Answer with what `write` makes, or with 304 if the client has it; `tag` is None for what must not be kept.

    `pack` compresses the body, if that may have been done before.
    """
    headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
    if tag is not None:
        headers |= {"ETag": tag, "Cache-Control": f"public, max-age={MAX_AGE_S}"}
    if joined := ", ".join(links):
        headers["Link"] = joined
    if tag is not None and is_current(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    body = write()
    coding = coding_of(request) if len(body) >= WORTH_FROM else IDENTITY
    if coding != IDENTITY:
        body = (pack or compressed)(body, coding)
        headers["Content-Encoding"] = coding
    return Response(body, headers={**headers, "Content-Type": form.content_type})


def link(path: str, **attributes: str) -> str:
    """Make one entry of a Link header (RFC 8288)."""
    ascii_path = re.sub(r"[^\x21-\x7e]|[<>]", "", path)
    return "; ".join([f"<{ascii_path}>", *(f'{name}="{value}"' for name, value in attributes.items())])


def problem(request: Request, error: RequestError, page: Callable[[], bytes]) -> Response:
    """Answer a refused request: a page for browsers, text if asked for, else `application/problem+json` (RFC 9457)."""
    headers = {"Vary": "Accept", "Cache-Control": "no-store", **error.headers}
    form = negotiate(request.headers.get("accept"), (PROBLEM, HTML, TEXT))
    if form == HTML:
        body = page()
    elif form == TEXT:
        body = f"{error.status.value} {error.status.phrase}: {error.detail}\n".encode()
    else:
        form, body = PROBLEM, problem_json(error.status, error.detail, error.members)
    return Response(body, error.status, {**headers, "Content-Type": form.content_type})


def problem_json(status: HTTPStatus, detail: str, extra: Mapping[str, str | int] | None = None) -> bytes:
    """Write a problem document."""
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **(extra or {}),
    }
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()
