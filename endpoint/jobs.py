"""What the server and its worker processes say to each other: a query and its answer, as messages over a socket.

A message is the length of a header and of a body, then the header, as JSON, then the body, as bytes. Nothing in it is
ever run.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from typing import Final

from pyoxigraph import NamedNode

from endpoint.guard import Analysis
from endpoint.source import Dataset, Scope

LENGTHS: Final = struct.Struct("!IQ")
"""Lengths of header and body, in bytes."""
TOO_MUCH_MEMORY: Final = (
    "The query needs more memory than one query may have. Ask for less at a time: fewer areas or periods, "
    "no cross join, ORDER BY or DISTINCT over fewer rows"
)

_ANALYSED: Final = tuple(known.name for known in fields(Analysis))

Header = dict[str, object]


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted query, as a worker is given it."""

    text: str
    scope: Dataset | Scope
    analysis: Analysis
    suffix: str
    """The form its answer takes."""
    address: str = ""
    """Address of the query service, as the client reached it, for a page."""
    is_explained: bool = False

    @property
    def is_repeatable(self) -> bool:
        """True if its answer is the same whenever the same release is asked."""
        return self.analysis.is_repeatable and not self.is_explained

    @property
    def key(self) -> tuple[object, ...]:
        """Tell its answer from others out of the same release."""
        return self.text, self.scope, self.suffix, self.address

    def header(self) -> Header:
        """Give it as JSON can hold it."""
        graphs: object = self.scope.value if isinstance(self.scope, Scope) else None
        if isinstance(self.scope, Dataset):
            graphs = [[graph.value for graph in part] for part in (self.scope.default, self.scope.named)]
        return {
            "text": self.text,
            "scope": graphs,
            "analysis": {name: getattr(self.analysis, name) for name in _ANALYSED},
            "suffix": self.suffix,
            "address": self.address,
            "is_explained": self.is_explained,
        }

    @classmethod
    def of(cls, header: Header) -> Job:
        """Read it."""
        graphs, analysis = header["scope"], header["analysis"]
        scope: Dataset | Scope
        if isinstance(graphs, list):
            default, named = (tuple(NamedNode(iri) for iri in part) for part in graphs)
            scope = Dataset(default, named)
        else:
            scope = Scope(graphs)
        assert isinstance(analysis, dict), "the server wrote it"
        known = Analysis(**{**analysis, "variables": tuple(analysis["variables"])})
        suffix, address = str(header["suffix"]), str(header["address"])
        return cls(str(header["text"]), scope, known, suffix, address, is_explained=bool(header["is_explained"]))


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a query."""

    status: HTTPStatus
    body: bytes = b""
    is_cut: bool = False
    """True if there are more rows than are given."""
    detail: str = ""
    """What is wrong, if anything is."""
    headers: dict[str, str] = field(default_factory=dict)
    members: dict[str, str | int] = field(default_factory=dict)
    """What a problem document says besides `detail`."""
    is_spent: bool = False
    """True if the worker is to be replaced: it holds much of the memory it may have."""
    spent_s: float = 0.0
    """Processors' time that the worker has had, since it began."""

    def header(self) -> Header:
        """Give all but the body as JSON can hold it."""
        return {
            "status": self.status.value,
            "is_cut": self.is_cut,
            "detail": self.detail,
            "headers": self.headers,
            "members": self.members,
            "is_spent": self.is_spent,
            "spent_s": self.spent_s,
        }

    def message(self) -> bytes:
        """Write it."""
        return message(self.header(), self.body)

    @classmethod
    def of(cls, header: Header, body: bytes) -> Reply:
        """Read it."""
        headers, members = header["headers"], header["members"]
        assert isinstance(headers, dict), "a worker wrote it"
        assert isinstance(members, dict), "a worker wrote it"
        status = HTTPStatus(int(str(header["status"])))
        is_cut, is_spent, spent_s = bool(header["is_cut"]), bool(header["is_spent"]), float(str(header["spent_s"]))
        return cls(status, body, is_cut, str(header["detail"]), headers, members, is_spent, spent_s)


def message(header: Header, body: bytes = b"") -> bytes:
    """Write a message."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def read_header(text: bytes) -> Header:
    """Read the header of a message."""
    header = json.loads(text)
    assert isinstance(header, dict), "a header is an object"
    return header
