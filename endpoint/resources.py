"""Dereference: every address of the release answers, in the form asked for (Cool URIs for the Semantic Web §4.2).

`/data/…` and `/def/…` name documents and answer 200; `/id/…` names things, which are no documents, and answers 303 to
`/doc/…`. Other people's identifiers are described under `/doc/area/`, `/doc/period/` and `/doc/resource?uri=`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pyoxigraph import NamedNode
from starlette.responses import RedirectResponse

from endpoint.answers import answer, choose_form, entity_tag, link
from endpoint.catalogue import folder_of
from endpoint.describe import describe, graph
from endpoint.downloads import download
from endpoint.jsonld import CONTEXT_LINK
from endpoint.media import HTML, JSON_LD, PAGE_FORMS, RDF_FORMS, TURTLE
from endpoint.origin import origin_of
from endpoint.pages import alternates, render
from endpoint.problems import bad_request, not_found
from endpoint.rendered import Rendered
from endpoint.results import write_graph
from endpoint.site import node
from endpoint.versions import dataset_links, version_answer
from endpoint.views import view
from ontology.terms import DCAT, DCT, QB, SKOS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.describe import Description
    from endpoint.media import Form
    from endpoint.serving import Serving
    from endpoint.settings import Settings

OUTSIDE: Final = "/doc/resource"
WHOLES: Final = (QB.dataSet, SKOS.inScheme, DCT.isVersionOf)
"""Properties that lead to what a thing belongs to."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a request's path leads to."""

    subject: NamedNode
    path: str
    """Path of its document, without a suffix."""
    form: Form | None
    """The form that the suffix asks for."""


def dereference(request: Request, serving: Serving, settings: Settings) -> Response:
    """Answer for any address that is not a service of its own. Raises RequestError if nothing is published there."""
    path = raw_path(request)
    if (file := download(request, serving, path)) is not None:
        return file
    if (version := version_answer(request, serving, settings, path)) is not None:
        return version
    found = find(serving, path, request.query_params.get("uri"))
    if found is None:
        raise not_found(path)
    if path.startswith("/id/"):
        where = path.replace("/id/", "/doc/", 1)
        headers = {"Vary": "Accept", "Link": link(where, rel="describedby")}
        return RedirectResponse(where, HTTPStatus.SEE_OTHER, headers)
    page = page_number(request)
    form = found.form or choose_form(request, PAGE_FORMS)
    key = (found.subject.value, found.path, form.suffix, f"{page}")
    made = serving.answers.get(key, lambda: make(serving, settings, found, form, page))
    return answer(request, form, entity_tag(serving, form, f"{page}"), made.links, lambda: made.body)


def make(serving: Serving, settings: Settings, found: Found, form: Form, page: int) -> Rendered:
    """Describe a thing in one form. Raises RequestError if nothing is said of it."""
    description = describe(serving, found.subject, page)
    if description is None:
        raise not_found(found.path)
    links = tuple(links_of(serving, found, description))
    if form == HTML:
        return Rendered(links, page_of(serving, settings, found, description))
    document = serving.site.iri(found.path) if found.path.startswith("/doc/") else found.subject.value
    triples = graph(serving, description, document)
    links += (CONTEXT_LINK,) if form == JSON_LD else ()
    return Rendered(links, write_graph(triples, form, serving.prefixes))


def raw_path(request: Request) -> str:
    """Give the path as the client sent it: decoding it would confuse `%2F` with `/`."""
    raw = request.scope.get("raw_path") or quote(request.url.path).encode()
    return bytes(raw).split(b"?")[0].decode("latin-1")


def page_number(request: Request) -> int:
    """Read `?page=`; 1 without it."""
    text = request.query_params.get("page", "1")
    if not re.fullmatch("[1-9][0-9]{0,6}", text):
        detail = f"page={text[:20]} is not the number of a page"
        raise bad_request(detail)
    return int(text)


def find(serving: Serving, path: str, uri: str | None) -> Found | None:
    """Find what a path is about: as it is, else without its suffix."""
    for stem, form in ((path, None), *split_suffix(path)):
        if stem == OUTSIDE:
            outside = node(uri or "")
            return Found(outside, f"{OUTSIDE}?uri={quote(uri or '', safe='')}", form) if outside is not None else None
        for subject in serving.site.subjects(stem):
            if serving.source.has(subject):
                return Found(subject, stem, form)
    return None


def split_suffix(path: str) -> list[tuple[str, Form]]:
    """Take a known suffix off a path."""
    stem, _, suffix = path.rpartition(".")
    return [(stem, form) for form in PAGE_FORMS if form.suffix == suffix and stem]


def links_of(serving: Serving, found: Found, description: Description) -> list[str]:
    """Give the Link headers: other forms, the canonical address, the licence, the next page (signposting)."""
    links = [link(href, rel="alternate", type=form.media_type) for form, href in other_forms(found, PAGE_FORMS)]
    own = serving.site.path(found.subject.value)
    links.append(link(canonical(serving, found), rel="canonical"))
    if own is None or own.startswith("/id/"):
        links.append(link(found.subject.value, rel="describes"))
    links += [
        link(term.value, rel="license") for term in description.values(DCT.license) if isinstance(term, NamedNode)
    ]
    links += dataset_links(serving, found.subject)
    links += related(serving, description)
    if description.has_more:
        joint = "&" if "?" in found.path else "?"
        links.append(link(f"{found.path}{joint}page={description.page + 1}", rel="next"))
    return links


def related(serving: Serving, description: Description) -> list[str]:
    """Give the Link headers to what a thing belongs to, and what describes its tables."""
    wholes = [term for name in WHOLES for term in description.values(name)]
    links = [link(whole.value, rel="collection") for whole in wholes if isinstance(whole, NamedNode)]
    if DCAT.Dataset in description.types:
        links.append(link("/.well-known/void", rel="describedby", type=TURTLE.media_type))
        if (folder := folder_of(serving, description.subject)) is not None:
            metadata = f"/data/{folder.name}/{folder.name}.csv-metadata.json"
            is_there = serving.release.table(folder.name, metadata.rpartition("/")[2]) is not None
            links += [link(metadata, rel="describedby", type="application/csvm+json")] if is_there else []
    return links


def canonical(serving: Serving, found: Found) -> str:
    """Give the published address of the document."""
    if found.path.startswith("/doc/"):
        return serving.site.iri(found.path)
    return found.subject.value


def other_forms(found: Found, forms: tuple[Form, ...]) -> list[tuple[Form, str]]:
    """Give the addresses of the document's forms."""
    if found.path.startswith(OUTSIDE):
        return [(form, f"{found.path}&format={form.suffix}") for form in forms]
    return alternates(found.path, forms)


def page_of(serving: Serving, settings: Settings, found: Found, description: Description) -> bytes:
    """Make the page of a thing."""
    made = view(serving, description)
    return render(
        settings,
        made.template,
        title=made.title,
        crumbs=[{"text": crumb.text, "href": crumb.href} for crumb in made.crumbs],
        canonical=canonical(serving, found),
        alternates=other_forms(found, RDF_FORMS),
        iri=found.subject.value,
        origin=origin_of(serving, description),
        **made.context,
    )
