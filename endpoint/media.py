"""Media types: one table of the forms an answer can take, and the choice among them (RFC 9110 §12.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_CHARS: Final = 256
"""Longest Accept header for which it is remembered what was chosen: few different ones are in use."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form an answer can take."""

    suffix: str
    """Name in `?format=` and in addresses, without the dot."""
    media_type: str
    title: str
    """What people call it."""
    aliases: tuple[str, ...] = ()
    """Other media types that ask for it."""

    @property
    def content_type(self) -> str:
        """Value of the Content-Type header: text is always UTF-8, and says so."""
        is_text = self.media_type.startswith("text/")
        return f"{self.media_type}; charset=utf-8" if is_text else self.media_type


HTML: Final = Form("html", "text/html", "HTML", ("application/xhtml+xml",))
TURTLE: Final = Form("ttl", "text/turtle", "Turtle", ("application/x-turtle", "application/turtle"))
N_TRIPLES: Final = Form("nt", "application/n-triples", "N-Triples", ("text/plain",))
RDF_XML: Final = Form("rdf", "application/rdf+xml", "RDF/XML", ("application/xml", "text/xml"))
JSON_LD: Final = Form("jsonld", "application/ld+json", "JSON-LD", ("application/json",))
JSON: Final = Form("json", "application/sparql-results+json", "JSON", ("application/json",))
XML: Final = Form("xml", "application/sparql-results+xml", "XML", ("application/xml", "text/xml"))
CSV: Final = Form("csv", "text/csv", "CSV")
TSV: Final = Form("tsv", "text/tab-separated-values", "TSV")
JSON_DOCUMENT: Final = Form("json", "application/json", "JSON")
XML_DOCUMENT: Final = Form("xml", "application/xml", "XML", ("text/xml",))
ATOM: Final = Form("atom", "application/atom+xml", "Atom", ("application/xml", "text/xml"))
OPENAPI: Final = Form("json", "application/vnd.oai.openapi+json", "OpenAPI", ("application/json",))
OPENSEARCH_FORM: Final = Form(
    "xml", "application/opensearchdescription+xml", "OpenSearch", ("application/xml", "text/xml")
)
TEXT: Final = Form("txt", "text/plain", "Text", ("text/markdown",))
PROBLEM: Final = Form("json", "application/problem+json", "JSON", ("application/json",))

RDF_FORMS: Final = (TURTLE, N_TRIPLES, RDF_XML, JSON_LD)
RESULT_FORMS: Final = (JSON, XML, CSV, TSV)
PAGE_FORMS: Final = (HTML, *RDF_FORMS)

ASSET_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Content types of the files that pages use, by the ends of their names."""


def negotiate(accept: str | None, offered: tuple[Form, ...]) -> Form | None:
    """Choose the form a client likes best; None if it accepts none of them.

    `offered` is in our own order of preference, which decides between forms the client likes equally. A form is worth
    the quality of the most specific range that names it. No header at all accepts everything.
    """
    return (_chosen if len(accept or "") > USUAL_CHARS else _remembered)(accept, offered)


def _chosen(accept: str | None, offered: tuple[Form, ...]) -> Form | None:
    ranges = qualities(accept) if accept and accept.strip() else {"*/*": 1.0}
    worth = [(_quality(form, ranges), -place) for place, form in enumerate(offered)]
    best, place = max(worth)
    return offered[-place] if best > 0 else None


_remembered: Final = lru_cache(maxsize=512)(_chosen)


def by_name(name: str, offered: Sequence[Form]) -> Form | None:
    """Find a form by its suffix or media type, as in `?format=csv`."""
    asked = name.strip().lower()
    return next((form for form in offered if asked in {form.suffix, form.media_type, *form.aliases}), None)


def by_suffix(suffix: str | None, offered: Sequence[Form]) -> Form | None:
    """Find a form by its suffix alone, as in addresses."""
    return next((form for form in offered if form.suffix == suffix), None)


def qualities(accept: str) -> dict[str, float]:
    """Give the quality of each range of a header; parameters other than q are ignored, a broken q counts as 1."""
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name:
            ranges[name] = next((_number(value[2:]) for value in parameters if value.startswith("q=")), 1.0)
    return ranges


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


def _quality(form: Form, ranges: dict[str, float]) -> float:
    main = form.media_type.partition("/")[0]
    if form.media_type in ranges:
        return ranges[form.media_type]
    named = [ranges[alias] for alias in form.aliases if alias in ranges]
    if named:
        return max(named)
    return ranges.get(f"{main}/*", ranges.get("*/*", 0.0))
