"""The catalogue in forms that other catalogues read: which address gives which (docs/catalogue.md)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from endpoint.answers import answer, choose_form, entity_tag, link
from endpoint.exchange_model import exchange_model
from endpoint.harvest import data_json, feed, page_address, page_count
from endpoint.media import HTML, JSON_DOCUMENT, PAGE_FORMS, RDF_FORMS, RDF_XML, Form
from endpoint.problems import not_found
from endpoint.resources import page_number
from endpoint.results import write_graph
from loader.uris import Uris

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.serving import Serving
    from endpoint.settings import Settings

CATALOGUE: Final = "/catalogue"
HARVEST: Final = "/harvest/datagovuk.rdf"
DATA_JSON: Final = "/data.json"
EXCHANGE_MODEL: Final = "/catalogue/uk-mem.json"


def export(request: Request, serving: Serving, settings: Settings) -> Response | None:
    """Answer with the catalogue in the form that the path names; None if it names none, or asks for the page.

    Raises RequestError for a page of the feed that there is not.
    """
    path = request.url.path
    if path == HARVEST:
        return _harvest(request, serving)
    if path == DATA_JSON:
        return _json(request, serving, lambda: data_json(serving.listing, serving.site.iri(DATA_JSON)))
    if path == EXCHANGE_MODEL:
        write = partial(exchange_model, serving.listing, settings.title, settings.contact)
        return _json(request, serving, write, f"{settings.title} {settings.contact}")
    form = _form(request, path)
    return _catalogue(request, serving, form) if form is not None else None


def _form(request: Request, path: str) -> Form | None:
    """Give the form of RDF that the catalogue is asked for in."""
    if path == CATALOGUE:
        form = choose_form(request, PAGE_FORMS)
        return form if form != HTML else None
    return next((form for form in RDF_FORMS if path == f"{CATALOGUE}.{form.suffix}"), None)


def _catalogue(request: Request, serving: Serving, form: Form) -> Response:
    """Answer with the whole catalogue, samples and all: they say that they are (DCAT-AP 3)."""
    links = [link(f"{CATALOGUE}.{one.suffix}", rel="alternate", type=one.media_type) for one in PAGE_FORMS]
    links.append(link(Uris.of(serving.site.base).catalogue().value, rel="canonical"))
    tag = entity_tag(serving, form, CATALOGUE)
    return answer(request, form, tag, links, lambda: write_graph(serving.listing.triples, form, serving.prefixes))


def _harvest(request: Request, serving: Serving) -> Response:
    page, address = page_number(request), serving.site.iri(HARVEST)
    listing = serving.listing
    if page > page_count(listing):
        beyond = page_address(HARVEST, page)
        raise not_found(beyond)
    links = [link(CATALOGUE, rel="canonical")]
    if page < page_count(listing):
        links.append(link(page_address(HARVEST, page + 1), rel="next"))
    tag = entity_tag(serving, RDF_XML, f"{HARVEST} {page}")
    write = partial(write_graph, form=RDF_XML, prefixes=serving.prefixes)
    return answer(request, RDF_XML, tag, links, lambda: write(feed(listing, address, page)))


def _json(request: Request, serving: Serving, write: Callable[[], bytes], extra: str = "") -> Response:
    links = [link(CATALOGUE, rel="canonical")]
    return answer(
        request, JSON_DOCUMENT, entity_tag(serving, JSON_DOCUMENT, f"{request.url.path} {extra}"), links, write
    )
