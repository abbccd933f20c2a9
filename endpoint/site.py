"""Addresses seen from the pages: which path leads to an IRI's description, and what a request's path is about.

Links are paths from the root of the server, whatever base a release was built for, so that a release for a public
address can be read on any machine. IRIs themselves are minted by `loader.uris` alone; here are only the addresses of
documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_from_bytes, unquote, unquote_to_bytes

from pyoxigraph import NamedNode

AREA: Final = "http://statistics.data.gov.uk/id/statistical-geography/"
PERIOD: Final = "http://reference.data.gov.uk/id/"
SAFE: Final = "/:@!$&'()*+,;=~-._"
"""Characters of a path that need no percent-encoding (RFC 3986 §3.3)."""
_ILLEGAL: Final = re.compile(r'[\x00-\x20<>"{}|\\^`]')
_BEYOND_ASCII: Final = re.compile("(?:%[89A-F][0-9A-F])+")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9.:_~+-]+")


@dataclass(frozen=True, slots=True)
class Site:
    """The addresses of one release."""

    base: str
    """Address the release was built for, without a trailing slash."""

    def iri(self, path: str) -> str:
        """Give the IRI of a path on this site, as published."""
        return f"{self.base}{path}"

    def path(self, iri: str) -> str | None:
        """Give the path of an IRI of this site; None for other people's."""
        return quote(iri.removeprefix(self.base), safe=f"{SAFE}%?#") if iri.startswith(f"{self.base}/") else None

    def document(self, iri: str) -> str:
        """Give the path of the document that describes any IRI, assuming that this release does."""
        own = self.path(iri)
        if own is not None:
            return own.replace("/id/", "/doc/", 1) if own.startswith("/id/") else own
        for place, start in (("/doc/area/", AREA), ("/doc/period/", PERIOD)):
            rest = iri.removeprefix(start)
            if rest != iri and all(_SEGMENT.fullmatch(part) for part in rest.split("/")):
                return place + rest
        return f"/doc/resource?uri={quote(iri, safe='')}"

    def document_iri(self, iri: str) -> str:
        """Give the address of the document that describes any IRI, as published."""
        return self.iri(self.document(iri).partition("#")[0])

    def subjects(self, path: str) -> list[NamedNode]:
        """Give what a path may be about, most likely first; `path` is as sent, still percent-encoded.

        The path as it is; with its percent-encoding in normal form, since clients may encode more than they need;
        and decoded, for an IRI that was minted with characters beyond ASCII. For `/doc/…`, the thing it describes.
        """
        for place, start in (("/doc/area/", AREA), ("/doc/period/", PERIOD)):
            if path.startswith(place):
                return _nodes([start + path.removeprefix(place)])
        target = path.replace("/doc/", "/id/", 1) if path.startswith("/doc/") else path
        normal = quote_from_bytes(unquote_to_bytes(target), safe=SAFE)
        spellings = dict.fromkeys((target, normal, _BEYOND_ASCII.sub(lambda match: unquote(match[0]), normal)))
        return _nodes([self.base + spelling for spelling in spellings])

    def prefixes(self) -> dict[str, str]:
        """Give prefixes for the parts of this site."""
        parts = ("dimension", "measure", "attribute", "unit", "concept-scheme")
        return {part: f"{self.base}/def/{part}/" for part in parts}


def _nodes(iris: list[str]) -> list[NamedNode]:
    return [found for iri in iris if (found := node(iri)) is not None]


def node(iri: str) -> NamedNode | None:
    """Take an IRI that a client gave; None if it is none."""
    if _ILLEGAL.search(iri) or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", iri):
        return None
    try:
        return NamedNode(iri)
    except ValueError:
        return None
