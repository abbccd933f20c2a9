"""What is noted of a request while it is answered, and what became of it: for the metrics and the log of queries."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

    from endpoint.kept import Answer

COURSE: Final = "dwpld.course"
"""Where it is found in the scope of a request."""
CLIENT_GONE: Final = 499
"""For accounts only: nobody is there to read it."""
ROUTES: Final = frozenset(
    {
        "assets",
        "catalogue",
        "context",
        "data",
        "def",
        "doc",
        "dumps",
        "events",
        "graphs",
        "harvest",
        "health",
        "id",
        "llms",
        "metrics",
        "openapi",
        "opensearch",
        "releases",
        "robots",
        "search",
        "series",
        "sitemap",
        "sitemaps",
        "sparql",
        "well-known",
    }
)
"""First parts of our addresses, without a dot before and a suffix behind."""


class Source(StrEnum):
    """Where the answer to a query came from."""

    NONE = "none"
    WORKER = "worker"
    SHARED = "shared"
    """From a worker that was at an equal query."""
    KEPT = "kept"
    SERVER = "server"
    """From the server itself, without a worker."""


class Outcome(StrEnum):
    """What became of a query."""

    ANSWERED = "answered"
    CUT = "cut"
    UNCHANGED = "unchanged"
    """The client had the answer already."""
    REFUSED = "refused"
    """It cannot be understood, or is not allowed."""
    BUSY = "busy"
    """It was not begun, because too much was asked."""
    TIME = "time"
    """It was stopped when its time was over."""
    MEMORY = "memory"
    GONE = "gone"
    """The client went away."""
    FAILED = "failed"
    """A fault of ours."""


@dataclass(slots=True)
class Course:
    """What is noted of a request."""

    route: str
    began: float = field(default_factory=time.perf_counter)
    text: str | None = None
    """The query; None if there is none."""
    form: str = ""
    """Suffix of the form of the answer, or `explain`."""
    source: Source = Source.NONE
    waited_s: float = 0.0
    is_cut: bool = False
    release: str = ""
    answer: Answer | None = None
    """The answer, if it may be given again."""
    status: int = CLIENT_GONE
    sent_bytes: int = 0
    is_busy: bool = False
    """True if the client is told when to try again."""
    is_memory: bool = False

    def found(self, answer: Answer) -> None:
        """Note an answer."""
        self.answer, self.is_cut, self.release = answer, answer.reply.is_cut, answer.serving.release.id

    def outcome(self) -> Outcome:
        """Say what became of the query."""
        if self.status in _OUTCOMES:
            return _OUTCOMES[self.status]
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return Outcome.BUSY if self.is_busy else Outcome.TIME
        if self.status < HTTPStatus.BAD_REQUEST:
            return Outcome.CUT if self.is_cut else Outcome.ANSWERED
        if self.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.MEMORY if self.is_memory else Outcome.REFUSED
        return Outcome.FAILED


NOTED: Final = tuple(one.name for one in fields(Course) if one.name not in {"answer", "began"})
"""What of a course another process is told."""
_OUTCOMES: Final = {
    CLIENT_GONE: Outcome.GONE,
    int(HTTPStatus.NOT_MODIFIED): Outcome.UNCHANGED,
    int(HTTPStatus.TOO_MANY_REQUESTS): Outcome.BUSY,
}


def course_of(request: Request) -> Course:
    """Give what is noted of a request."""
    found = request.scope[COURSE]
    assert isinstance(found, Course), "every request has it from the first"
    return found


def route_of(path: str) -> str:
    """Name the class of an address: few, whatever strangers ask for."""
    if path == "/":
        return "start"
    first = path.split("/", 2)[1].removeprefix(".").partition(".")[0] if path.startswith("/") else ""
    return first if first in ROUTES else "other"


def begin(scope: Scope) -> Course:
    """Begin to note."""
    course = Course(route_of(scope["path"]))
    scope[COURSE] = course
    return course
