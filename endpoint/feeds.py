"""Let others stay in sync: a Linked Data Event Stream of versions (LDES, TREE) and an Atom feed of releases (RFC 4287).

`/events` describes the stream and `/events/{n}` are its pages, the oldest first: a page that is full never changes.
`/releases` and `/releases.atom` say the same by release, the newest first.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from pyoxigraph import NamedNode, Triple

from endpoint.answers import answer, choose_form, entity_tag, link
from endpoint.media import ATOM, HTML, PAGE_FORMS, RDF_FORMS, by_suffix
from endpoint.pages import alternates, render
from endpoint.problems import not_found
from endpoint.results import write_graph
from endpoint.version_documents import counted, event_triples, moment, name_of, numbered_events
from endpoint.versions import IMMUTABLE
from endpoint.words import date_text, time_text
from loader.kept import CHANGES, PUBLISHED, RESTORED, history_beside, stream_triples
from loader.uris import OGL_3, Uris
from ontology.terms import PROV, RDF, TREE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.serving import Serving
    from endpoint.settings import Settings
    from loader.kept import Event, History

MEMBERS: Final = 100
"""Events on a page of the stream."""
ENTRIES: Final = 50
"""Entries of the feed; the page has all of them."""
_NAMESPACE: Final = "http://www.w3.org/2005/Atom"
_EVENTS: Final = re.compile(r"/events(?:/([1-9][0-9]{0,6}))?(?:\.([a-z]+))?")
_RELEASES: Final = re.compile(r"/releases(?:\.(html|atom))?")
_WORDS: Final = {PUBLISHED: "published", RESTORED: "made current again"}

ET.register_namespace("", _NAMESPACE)


@dataclass(frozen=True, slots=True)
class Line:
    """What happened to one version."""

    text: str
    href: str
    iri: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A release that changed something, or a withdrawal."""

    id: str
    """Its IRI, with a fragment of the page of releases."""
    name: str
    title: str
    time: str
    heading: str
    """The title with the time of day: there may be several in a day."""
    date: str
    lines: tuple[Line, ...]


def feed_answer(request: Request, serving: Serving, settings: Settings) -> Response | None:
    """Answer for the event stream, the page of releases or the feed; None for any other address."""
    path = request.url.path
    if (match := _EVENTS.fullmatch(path)) is not None:
        return _stream(request, serving, settings, int(match[1]) if match[1] else None, match[2])
    if (match := _RELEASES.fullmatch(path)) is not None:
        return _releases(request, serving, settings, match[1])
    return None


def _stream(request: Request, serving: Serving, settings: Settings, number: int | None, suffix: str | None) -> Response:
    """Answer with the description of the stream, or with a page of it. Raises RequestError if there is no such page."""
    history = history_beside(serving.release)
    uris = Uris(serving.site.base)
    last = max(1, -(-len(history.events) // MEMBERS))
    form = by_suffix(suffix, PAGE_FORMS)
    if (suffix and form is None) or (number is not None and number > last):
        raise not_found(request.url.path)
    form = form or choose_form(request, PAGE_FORMS)
    node = uris.events() if number is None else uris.events_page(number)
    path = serving.site.document(node.value)
    links = [link(href, rel="alternate", type=other.media_type) for other, href in alternates(path, PAGE_FORMS)]
    links.append(link(node.value, rel="canonical"))
    if number is not None and number < last:
        links.append(link(serving.site.document(uris.events_page(number + 1).value), rel="next"))

    def write() -> bytes:
        if form == HTML:
            return _page(serving, settings, history, number, last)
        return write_graph(page_triples(history, uris, number, last), form, serving.prefixes)

    is_final = number is not None and number < last and form != HTML
    tag = entity_tag(serving, form, f"{node.value} {'full' if is_final else len(history.events)}")
    made = answer(request, form, tag, links, write)
    if is_final:
        made.headers["Cache-Control"] = IMMUTABLE
    return made


def page_triples(history: History, uris: Uris, number: int | None, last: int) -> list[Triple]:
    """Give the description of the stream and, for a page, its members in order of time and the way to the next page."""
    stream = uris.events()
    found = list(stream_triples(uris))
    if number is None:
        return found
    node = uris.events_page(number)
    found.append(Triple(node, RDF.type, TREE.Node))
    events = list(numbered_events(history, uris))
    start = (number - 1) * MEMBERS
    for event, member in events[start : start + MEMBERS]:
        found.append(Triple(stream, TREE.member, member))
        found += event_triples(history, event, member)
    if number < last:
        relation = uris.part(node, "next")
        time = moment(events[start + MEMBERS][0].time)
        found.append(Triple(node, TREE.relation, relation))
        found.append(Triple(relation, RDF.type, TREE.GreaterThanOrEqualToRelation))
        found.append(Triple(relation, TREE.path, PROV.generatedAtTime))
        found.append(Triple(relation, TREE.value, time))
        found.append(Triple(relation, TREE.node, uris.events_page(number + 1)))
    return found


def _page(serving: Serving, settings: Settings, history: History, number: int | None, last: int) -> bytes:
    """Show events, the oldest first; without a number, what the stream is and its pages."""
    uris = Uris(serving.site.base)
    events = list(numbered_events(history, uris))
    start = ((number or 1) - 1) * MEMBERS
    shown = events[start : start + MEMBERS] if number is not None else []
    node = uris.events() if number is None else uris.events_page(number)
    path = serving.site.document(node.value)
    return render(
        settings,
        "events.html",
        title="Event stream" if number is None else f"Event stream, page {number}",
        crumbs=[{"text": "Home", "href": "/"}, {"text": "Changes", "href": "/releases"}],
        canonical=node.value,
        alternates=alternates(path, RDF_FORMS),
        iri=node.value,
        lines=[
            {
                "time": time_text(event.time),
                "line": _line(serving, history, event),
                "href": serving.site.document(member.value),
            }
            for event, member in shown
        ],
        pages=[{"text": f"Page {page}", "href": f"/events/{page}"} for page in range(1, last + 1)],
        number=number,
    )


def _releases(request: Request, serving: Serving, settings: Settings, suffix: str | None) -> Response:
    """Answer with the page of releases, or with the feed."""
    history = history_beside(serving.release)
    form = {"html": HTML, "atom": ATOM}.get(suffix or "") or choose_form(request, (HTML, ATOM))
    tag = entity_tag(serving, form, f"releases {len(history.events)}")
    uris = Uris(serving.site.base)
    links = [
        link("/releases.atom", rel="alternate", type=ATOM.media_type),
        link(uris.releases().value, rel="canonical"),
    ]

    def write() -> bytes:
        found = entries(serving, history)
        return _releases_page(serving, settings, found) if form == HTML else feed(serving, settings, found)

    return answer(request, form, tag, links, write)


def _releases_page(serving: Serving, settings: Settings, found: list[Entry]) -> bytes:
    return render(
        settings,
        "releases.html",
        title="What each release changed",
        crumbs=[{"text": "Home", "href": "/"}],
        canonical=Uris(serving.site.base).releases().value,
        entries=found,
    )


def entries(serving: Serving, history: History) -> list[Entry]:
    """Group events by the release that they happened with, the newest first; a withdrawal is on its own."""
    uris = Uris(serving.site.base)
    met: dict[str, int] = {}
    found = []
    for _, group in groupby(history.events, key=lambda event: (event.release, "" if event.release else event.version)):
        events = list(group)
        first = events[0]
        name = first.release or f"withdrawn-{first.time[:10]}"
        met[name] = met.get(name, 0) + 1
        name = name if met[name] == 1 else f"{name}-again-{met[name] - 1}"
        date = date_text(first.time[:10])
        title = f"Release of {date}" if first.release else f"Withdrawal of {date}"
        heading = title.replace(date, time_text(events[-1].time))
        lines = tuple(_line(serving, history, event) for event in events)
        found.append(Entry(uris.release(name).value, name, title, events[-1].time, heading, date, lines))
    return found[::-1]


def _line(serving: Serving, history: History, event: Event) -> Line:
    """Say what happened to a version, and what had changed in it."""
    version = history.named(event.version)
    assert version is not None, "the index names every version of its events"
    changes = history.folder(version) / CHANGES
    known = event.kind == PUBLISHED and changes.is_file()
    told = counted(json.loads(changes.read_text("utf-8"))) if known else []
    if not event.release:
        node = Uris(serving.site.base).withdrawn(NamedNode(version.iri))
        text = f"{name_of(version)}: withdrawn. {event.reason}"
        return Line(text, serving.site.document(node.value), node.value, ())
    mark = " (invented sample)" if version.is_sample else ""
    text = f"{name_of(version)}{mark}: {_WORDS[event.kind]}"
    return Line(text, serving.site.document(version.iri), version.iri, tuple(told))


def feed(serving: Serving, settings: Settings, found: list[Entry]) -> bytes:
    """Write the feed (RFC 4287)."""
    uris = Uris(serving.site.base)
    root = ET.Element(_name("feed"), {"{http://www.w3.org/XML/1998/namespace}lang": "en"})
    _add(root, "id", uris.releases_feed().value)
    _add(root, "title", f"{settings.title}: releases")
    _add(root, "updated", found[0].time if found else serving.release.manifest.created)
    ET.SubElement(root, _name("link"), rel="self", type=ATOM.media_type, href=uris.releases_feed().value)
    ET.SubElement(root, _name("link"), rel="alternate", type=HTML.media_type, href=uris.releases().value)
    ET.SubElement(root, _name("link"), rel="license", href=OGL_3)
    _add(_add(root, "author", None), "name", settings.title)
    for entry in found[:ENTRIES]:
        _entry(root, entry)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode").encode()


def _entry(root: ET.Element, entry: Entry) -> None:
    node = _add(root, "entry", None)
    _add(node, "id", entry.id)
    _add(node, "title", entry.title)
    _add(node, "updated", entry.time)
    ET.SubElement(node, _name("link"), rel="alternate", type=HTML.media_type, href=entry.id)
    for line in entry.lines:
        ET.SubElement(node, _name("link"), rel="related", href=line.iri, title=line.text)
    texts = [f"{line.text}. {'; '.join(line.changes)}".removesuffix(". ") for line in entry.lines]
    _add(node, "summary", "\n".join(texts))


def _add(parent: ET.Element, name: str, text: str | None) -> ET.Element:
    child = ET.SubElement(parent, _name(name))
    child.text = text
    return child


def _name(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"
