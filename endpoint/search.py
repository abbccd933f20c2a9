"""`/search?q=`: things by the words of their names, as a page or as JSON_DOCUMENT."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode

from endpoint.answers import answer, choose_form, entity_tag
from endpoint.labels import LABELS
from endpoint.media import HTML, JSON_DOCUMENT
from endpoint.pages import Reader, Shown, render
from endpoint.problems import bad_request
from endpoint.resources import page_number
from endpoint.source import page_query
from endpoint.views import Pages
from ontology.terms import RDF, SKOS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.serving import Serving
    from endpoint.settings import Settings

PATH: Final = "/search"
ON_A_PAGE: Final = 20
LONGEST: Final = 100
"""Longest text that is looked up, in characters."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name of a thing."""

    iri: str
    label: str
    text: str
    """The name in small letters, its words apart."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A thing that was found, as a page shows it."""

    thing: Shown
    iri: str
    kinds: list[str]
    """Its classes in words."""
    code: str
    """Its notation, if it is a code."""
    lists: list[str]
    """Code lists that it is in."""


def index_names(serving: Serving) -> tuple[Named, ...]:
    """Collect the names of everything in a release but observations, which have none of their own."""
    found: dict[tuple[str, str], Named] = {}
    for predicate in LABELS:
        for row in serving.source.select(page_query("links"), {"property": predicate}):
            thing, label = row["thing"], row["value"]
            if isinstance(thing, NamedNode) and isinstance(label, Literal):
                text = f" {' '.join(words(label.value))}"
                found.setdefault((thing.value, text), Named(thing.value, label.value, text))
    return tuple(found.values())


def words(text: str) -> list[str]:
    """Give the words of a text, in small letters."""
    return re.findall(r"\w+", text.casefold())


def find(names: tuple[Named, ...], text: str) -> list[str]:
    """Find the things whose name has every word or its beginning: whole names first, then the shortest."""
    wanted = words(text)
    if not wanted:
        return []
    hits = [one for one in names if all(f" {word}" in one.text for word in wanted)]
    whole = " " + " ".join(wanted)
    hits.sort(key=lambda one: (one.text != whole, not one.text.startswith(whole), len(one.text), one.label, one.iri))
    return list(dict.fromkeys(one.iri for one in hits))


def search(request: Request, serving: Serving, settings: Settings) -> Response:
    """Answer with what has the words of `q` in its name, a page of it."""
    text, number = request.query_params.get("q", ""), page_number(request)
    if len(text) > LONGEST:
        detail = f"'q' may have up to {LONGEST} characters"
        raise bad_request(detail)
    form = choose_form(request, (HTML, JSON_DOCUMENT))
    found = find(serving.names, text)
    shown = _hits(serving, found[(number - 1) * ON_A_PAGE : number * ON_A_PAGE])
    tag = entity_tag(serving, form, repr(("search", text, number)))
    if form == HTML:
        pages = Pages(number, len(found) > number * ON_A_PAGE)
        return answer(request, form, tag, [], lambda: _page(serving, settings, text, len(found), shown, pages))
    return answer(request, form, tag, [], lambda: _json(serving, text, len(found), shown))


def _hits(serving: Serving, found: list[str]) -> list[Hit]:
    nodes = [NamedNode(iri) for iri in found]
    kinds: dict[NamedNode, list[NamedNode]] = {node: [] for node in nodes}
    lists: dict[NamedNode, list[NamedNode]] = {node: [] for node in nodes}
    codes: dict[NamedNode, str] = {}
    for triple in serving.source.about(nodes, RDF.type, SKOS.inScheme, SKOS.notation):
        subject, value = triple.subject, triple.object
        if isinstance(subject, NamedNode) and isinstance(value, NamedNode):
            (kinds if triple.predicate == RDF.type else lists)[subject].append(value)
        elif isinstance(subject, NamedNode) and isinstance(value, Literal):
            codes[subject] = value.value
    reader = Reader(serving, [*nodes, *chain.from_iterable([*kinds.values(), *lists.values()])])
    return [
        Hit(
            reader.show(node),
            node.value,
            sorted(map(reader.name, kinds[node])),
            codes.get(node, ""),
            sorted(map(reader.name, lists[node])),
        )
        for node in nodes
    ]


def _page(serving: Serving, settings: Settings, text: str, total: int, hits: list[Hit], pages: Pages) -> bytes:
    return render(
        settings,
        "search.html",
        title=f"Search for {text}" if text else "Search",
        crumbs=[{"text": "Home", "href": "/"}],
        canonical=serving.site.iri(PATH),
        text=text,
        total=total,
        hits=hits,
        pages=pages,
    )


def _json(serving: Serving, text: str, total: int, hits: list[Hit]) -> bytes:
    items = [
        {"iri": one.iri, "label": one.thing.text, "kinds": one.kinds, "document": serving.site.document_iri(one.iri)}
        for one in hits
    ]
    return (json.dumps({"query": text, "total": total, "items": items}, ensure_ascii=False) + "\n").encode()
