"""Look-ups answered from the bytes of their requests, in the manner of one with the same headers before.

Reading a request, finding its way and making an answer of it takes several times as long as a look-up does. So when a
look-up was answered in the usual way, the head of that answer is remembered with the headers of its request. When these
come again, byte by byte, below another query that is a look-up of the same form, its answer gets the same head, but for
the entity tag and the length. Everything else is read in the usual way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from endpoint.accounts import Source
from endpoint.codings import IDENTITY, WORTH_FROM, coding_of
from endpoint.connections import header_lines
from endpoint.guard import about_one, analyse, tokenise
from endpoint.jobs import Job, Reply
from endpoint.kept import SMALL_BYTES, Answer, Shortcut
from endpoint.lookups import looked_up
from endpoint.problems import RequestError
from endpoint.query_page import PATH
from endpoint.results import forms_of_query
from endpoint.source import Scope as Where
from endpoint.sparql import LONG, tag_of

if TYPE_CHECKING:
    from starlette.types import Message, Scope

    from endpoint.accounts import Course
    from endpoint.guard import Analysis
    from endpoint.kept import Kept
    from endpoint.media import Form
    from endpoint.serving import Serving, Shelf
    from endpoint.settings import Settings

_LINE: Final = re.compile(rb"GET %b\?query=([\w.~%%+!*'():@/?,$-]+) HTTP/1\.1\r\n" % PATH.encode())
"""The first line of a request that has a query and no other parameter, and no sign that might be read in two ways."""
LONGEST_HEADERS: Final = 4_096
MOST_MANNERS: Final = 256
"""Headers that are known, at most."""
MOST_SEEN: Final = 16_384
"""Look-ups that are remembered to have been asked, at most: what nobody asks again is not worth keeping."""
PACKED_BYTES: Final = 16_384
"""Longest answer that is compressed in the event loop."""
_OWN: Final = frozenset({b"etag", b"content-length"})
"""Headers that each answer has of its own, in this order."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How look-ups of a form with the same headers are answered."""

    form: Form
    coding: str
    """What a body that is long enough is compressed with."""
    client: str
    headers: tuple[tuple[bytes, bytes], ...]
    template: bytes
    """The headers as bytes, with places for those that each answer has of its own."""

    @classmethod
    def of(cls, form: Form, coding: str, answered: Shortcut) -> Manner:
        """Learn it from an answer."""
        headers = tuple(answered.start["headers"])
        assert [name for name, _ in headers if name in _OWN] == [b"etag", b"content-length"], "as we make them"
        places = ((name, b"%b" if name in _OWN else value.replace(b"%", b"%%")) for name, value in headers)
        return cls(form, coding, answered.client, headers, header_lines(places))

    def start(self, tag: bytes, length: bytes) -> Message:
        """Write the headers of an answer as a message."""
        own = {b"etag": tag, b"content-length": length}
        headers = [(name, own.get(name, value)) for name, value in self.headers]
        return {"type": "http.response.start", "status": HTTPStatus.OK.value, "headers": headers}


@dataclass(frozen=True, slots=True)
class Manners:
    """How look-ups with the same headers are answered, by their form, if the body is compressed and if not."""

    plain: dict[str, Manner] = field(default_factory=dict)
    packed: dict[str, Manner] = field(default_factory=dict)


class FastPath:
    """Learns from look-ups that were answered in the usual way, and answers others."""

    def __init__(self, shelf: Shelf, kept: Kept, settings: Settings) -> None:
        self._shelf = shelf
        self._kept = kept
        self._max_rows = settings.max_rows
        self._longest = min(LONG, settings.max_query_bytes)
        self._manners: dict[tuple[bytes, str], Manners] = {}
        self._seen: set[int] = set()

    def learn(self, data: bytes, host: str, scope: Scope, answered: Shortcut) -> None:
        """Remember how a look-up was answered whose request was these bytes, from this host, and no more."""
        match, request = _LINE.match(data), Request(scope)
        headers = data[match.end() :] if match is not None else b""
        if match is None or len(headers) > LONGEST_HEADERS or "if-none-match" in request.headers:
            return
        query_form = analyse(answered.text).form
        form = next(form for form in forms_of_query(query_form) if form.suffix == answered.form)
        is_packed = any(name == b"content-encoding" for name, _ in answered.start["headers"])
        if len(self._manners) >= MOST_MANNERS:
            self._manners.clear()
        known = self._manners.setdefault((headers, host), Manners())
        (known.packed if is_packed else known.plain)[query_form] = Manner.of(form, coding_of(request), answered)

    def answer(self, data: bytes, host: str, course: Course) -> tuple[str, bytes, bytes] | None:
        """Answer a look-up: the client, headers and body. None if the request must be read in the usual way."""
        match = _LINE.match(data)
        manners = self._manners.get((data[match.end() :], host)) if match is not None else None
        if match is None or manners is None or len(match[1]) > self._longest:
            return None
        try:
            text = unquote_to_bytes(match[1].replace(b"+", b" ")).decode()
            analysis = about_one(list(tokenise(text)), text)
        except (UnicodeDecodeError, RequestError):
            return None
        serving = self._shelf.settled()
        if analysis is None or serving is None:
            return None
        plain, packed = manners.plain.get(analysis.form), manners.packed.get(analysis.form)
        if (known := plain or packed) is None:
            return None
        is_again = self._is_asked_again(data)
        try:
            found = self._found(text, analysis, known.form, serving, is_again=is_again)
        except OSError:  # which is told and logged in the usual way
            return None
        if found is None:
            return None
        body, is_long = found.reply.body, len(found.reply.body) >= WORTH_FROM
        manner = packed if is_long and known.coding != IDENTITY else plain
        if manner is None or len(body) > (PACKED_BYTES if manner is packed else SMALL_BYTES):
            return None
        if manner is packed:
            body = found.pack(body, manner.coding)
            self._kept.count(found)
        course.text, course.form, course.source, course.status = text, manner.form.suffix, Source.SERVER, HTTPStatus.OK
        course.sent_bytes, course.release = len(body), serving.release.id
        tag, length = tag_of(serving, manner.form, text, Where.UNION, self._max_rows).encode(), b"%d" % len(body)
        if is_again:
            message = {"type": "http.response.body", "body": body}
            shortcut = Shortcut(found, manner.start(tag, length), message, manner.form.suffix, text, manner.client)
            self._kept.remember((data, host), shortcut)
        return manner.client, manner.template % (tag, length), body

    def _found(self, text: str, analysis: Analysis, form: Form, serving: Serving, *, is_again: bool) -> Answer | None:
        """Look it up; what was asked before is kept from now on."""
        key = None
        if is_again:
            key = (serving.release.path, *Job(text, Where.UNION, analysis, form.suffix).key)
            if (kept := self._kept.get(serving, key)) is not None:
                return kept if not kept.reply.headers else None  # a worker had more to say
        body = looked_up(text, analysis, form, serving)
        if body is None:
            return None
        found = Answer(serving, Reply(HTTPStatus.OK, body), key)
        self._kept.keep(found)
        return found

    def _is_asked_again(self, data: bytes) -> bool:
        number = hash(data)
        if number in self._seen:
            return True
        if len(self._seen) >= MOST_SEEN:
            self._seen.clear()
        self._seen.add(number)
        return False
