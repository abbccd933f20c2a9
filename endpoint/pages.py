"""Turn what was found into HTML: the template environment and the words that every page shares.

Templates escape everything; nothing is put into a page as markup. Pages need no JavaScript, and a style sheet only if
`endpoint/static/` was built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader, PrefixLoader
from pyoxigraph import Literal, NamedNode

from endpoint.answers import software
from endpoint.labels import value_text
from endpoint.site import PERIOD
from endpoint.words import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from endpoint.media import Form
    from endpoint.serving import Serving
    from endpoint.settings import Settings
    from endpoint.source import Term

STYLE_SHEET: Final = "site.css"
OTHERS: Final = ("http://", "https://", "mailto:")
"""Addresses that a browser can do something with, and that can do nothing to a page."""
_MOMENT: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
GOVUK: Final = "govuk_frontend_jinja"


@dataclass(frozen=True, slots=True)
class Shown:
    """A term as a page shows it."""

    text: str
    href: str | None = None
    iri: str | None = None
    """The IRI, where the link leads to our description of somebody else's identifier."""
    language: str | None = None
    is_number: bool = False
    value: str | None = None
    """The number, day, month or year itself, for a chart to be drawn of it."""


@dataclass(frozen=True, slots=True)
class Crumb:
    """A step of the way to a page."""

    text: str
    href: str


class Reader:
    """Shows terms of one release, with the names of all of them looked up together."""

    def __init__(self, serving: Serving, terms: Iterable[Term]) -> None:
        self._serving = serving
        self._names = serving.labels.of(terms)

    def name(self, term: Term) -> str:
        """Give a term as text."""
        return value_text(term, self._names)

    def show(self, term: Term) -> Shown:
        """Give a term as text and, for an IRI, where it leads."""
        if isinstance(term, NamedNode):
            href = self.href(term)
            is_foreign = self._serving.site.path(term.value) is None and href.startswith("/")
            return Shown(self.name(term), href, term.value if is_foreign else None, value=moment_of(term))
        if isinstance(term, Literal):
            language = term.language if term.language not in {None, "en"} else None
            value = term.value if is_number(term) or _MOMENT.fullmatch(term.value) else None
            return Shown(self.name(term), language=language, is_number=is_number(term), value=value)
        return Shown(str(term))

    def href(self, term: NamedNode) -> str:
        """Give the address that describes an IRI: here if this release says anything of it, else its own."""
        site = self._serving.site
        if site.path(term.value) is not None or self._serving.source.has(term):
            return site.document(term.value)
        return term.value if term.value.startswith(OTHERS) else site.document(term.value)


def moment_of(term: NamedNode) -> str | None:
    """Give the day, month or year that an IRI of reference.data.gov.uk stands for."""
    last = term.value.rpartition("/")[2]
    return last if term.value.startswith(PERIOD) and _MOMENT.fullmatch(last) else None


@cache
def environment() -> Environment:
    """Give the templates: ours, and those of GOV.UK Frontend's components."""
    loader = ChoiceLoader([PackageLoader("endpoint"), PrefixLoader({GOVUK: PackageLoader(GOVUK)})])
    made = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=ChainableUndefined
    )
    made.filters["number"] = lambda value: f"{value:,}"
    made.filters["paragraphs"] = lambda text: [part for part in text.split("\n\n") if part.strip()]
    made.filters["query"] = urlencode
    made.filters["filesize"] = size_text
    return made


@cache
def has_style_sheet() -> bool:
    """Tell whether the style sheet was built."""
    return resources.files("endpoint").joinpath("static", STYLE_SHEET).is_file()


def render(settings: Settings, template: str, **context: object) -> bytes:
    """Make a page."""
    shared: dict[str, object] = {
        "site_title": settings.title,
        "statement": settings.statement,
        "style_sheet": f"/assets/{STYLE_SHEET}?v={software()}" if has_style_sheet() else None,
    }
    return environment().get_template(template).render(shared | context).encode()


def alternates(path: str, forms: Iterable[Form], query: Mapping[str, str] | None = None) -> list[tuple[Form, str]]:
    """Give the address of each other form of a page: by suffix, or by `?format=` where the page has parameters."""
    if query:
        return [(form, f"{path}?{urlencode({**query, 'format': form.suffix})}") for form in forms]
    return [(form, f"{path}.{form.suffix}") for form in forms]


def size_text(size_bytes: int) -> str:
    """Give the size of a file: `820 bytes`, `12 KB`, `3.4 MB`."""
    if size_bytes < 1_000:
        return f"{size_bytes} bytes"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1_000:.0f} KB"
    return f"{size_bytes / 1_000_000:.1f} MB"
