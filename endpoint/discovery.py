"""What crawlers look for before they ask for anything: robots.txt, sitemaps, llms.txt and the OpenSearch description.

A sitemap lists documents, not things: `/doc/…` in place of `/id/…`, and no fragments. All have the addresses of the
release's base, whatever address the server listens on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from pyoxigraph import NamedNode

from endpoint.answers import answer, choose_form, entity_tag
from endpoint.catalogue import code_lists, datasets
from endpoint.dumps import ALL
from endpoint.dumps import PLACE as DUMPS
from endpoint.media import OPENSEARCH_FORM, TEXT, XML_DOCUMENT
from endpoint.problems import not_found
from endpoint.void import PATH as VOID

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.media import Form
    from endpoint.serving import Serving
    from endpoint.settings import Settings

ROBOTS: Final = "/robots.txt"
SITEMAP: Final = "/sitemap.xml"
LLMS: Final = "/llms.txt"
OPENSEARCH: Final = "/opensearch.xml"
PATHS: Final = frozenset({ROBOTS, SITEMAP, LLMS, OPENSEARCH})
PARTS: Final = "/sitemaps/"
MOST: Final = 50_000
"""Most addresses in a sitemap (sitemaps.org)."""
NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_PART: Final = re.compile(rf"{PARTS}graph-([1-9][0-9]{{0,5}})-([1-9][0-9]{{0,5}})\.xml")


def discovery(request: Request, serving: Serving, settings: Settings, path: str) -> Response:
    """Answer with one of the documents. Raises RequestError if there is no such sitemap."""
    if path.startswith(PARTS):
        return _send(request, serving, XML_DOCUMENT, path, lambda: _sitemap(serving, path))
    form, write = {
        ROBOTS: (TEXT, lambda: robots(serving)),
        SITEMAP: (XML_DOCUMENT, lambda: sitemap_index(serving)),
        LLMS: (TEXT, lambda: overview(serving, settings)),
        OPENSEARCH: (OPENSEARCH_FORM, lambda: search_description(serving, settings)),
    }[path]
    return _send(request, serving, form, path, write)


def _send(request: Request, serving: Serving, form: Form, path: str, write: Callable[[], str]) -> Response:
    body = write().encode()
    return answer(request, choose_form(request, (form,)), entity_tag(serving, form, path), [], lambda: body)


def robots(serving: Serving) -> str:
    """Let everybody in; queries and searches are no pages to follow links to."""
    rules = ["User-agent: *", "Disallow: /sparql?", "Disallow: /search?", "Allow: /", ""]
    return "\n".join([*rules, f"Sitemap: {serving.site.iri(SITEMAP)}", ""])


def sitemap_index(serving: Serving) -> str:
    """List the sitemaps: of each named graph as many as it takes."""
    changed = serving.release.manifest.created
    lines = [
        f"<sitemap><loc>{escape(serving.site.iri(f'{PARTS}graph-{number}-{part}.xml'))}</loc>"
        f"<lastmod>{changed}</lastmod></sitemap>"
        for number, graph in enumerate(graphs(serving), 1)
        for part in range(1, _parts(serving, graph) + 1)
    ]
    return _document("sitemapindex", lines)


def graphs(serving: Serving) -> list[NamedNode]:
    """Give the named graphs of a release: the catalogue and the vocabulary, then those of the folders."""
    folders = [folder.graph for folder in serving.release.manifest.folders]
    return [NamedNode(iri) for iri in dict.fromkeys([*map(serving.site.iri, ("/catalogue", "/def")), *folders])]


def _parts(serving: Serving, graph: NamedNode) -> int:
    """Count the sitemaps of a graph: as many times `MOST` as it has subjects."""
    number = 1
    while serving.source.subjects(graph, number * MOST, 1):
        number += 1
    return number


def _sitemap(serving: Serving, path: str) -> str:
    match, known = _PART.fullmatch(path), graphs(serving)
    if match is None or int(match[1]) > len(known):
        raise not_found(path)
    found = serving.source.subjects(known[int(match[1]) - 1], (int(match[2]) - 1) * MOST, MOST)
    if not found:
        raise not_found(path)
    changed = serving.release.manifest.created
    pages = [iri for iri in found if not iri.endswith(".csv")]  # tables are files, whatever is said of them
    addresses = dict.fromkeys(serving.site.document_iri(iri) for iri in pages)
    return _document(
        "urlset", [f"<url><loc>{escape(one)}</loc><lastmod>{changed}</lastmod></url>" for one in addresses]
    )


def _document(root: str, lines: list[str]) -> str:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">'
    return "\n".join([head, *lines, f"</{root}>", ""])


def overview(serving: Serving, settings: Settings) -> str:
    """Say in plain words what there is and how to ask for it, with links (llmstxt.org)."""
    iri = serving.site.iri
    listed = [
        f"- [{one.title}]({iri(one.href)}): {one.what}{' Invented sample, not published statistics.' * one.is_sample}"
        for one in datasets(serving)
    ]
    return "\n".join(
        [
            f"# {settings.title}",
            "",
            f"> {settings.statement} Every figure has an address, and all of them can be queried together.",
            "",
            "Any address answers as HTML, Turtle, N-Triples, RDF/XML or JSON-LD: by the Accept header or by a suffix:",
            ".html, .ttl, .nt, .rdf or .jsonld. Datasets and code lists also answer as CSV (.csv).",
            "",
            "## Datasets",
            "",
            *listed,
            "",
            "## Code lists",
            "",
            *(f"- [{one.text}]({iri(one.href or '/')})" for one in code_lists(serving)),
            "",
            "## Asking",
            "",
            f"- [SPARQL]({iri('/sparql')}): queries over everything; JSON, XML, CSV, TSV, Turtle",
            f"- [Search]({iri('/search')}): things by name; add `&format=json`",
            f"- [Catalogue]({iri('/catalogue')}): DCAT",
            f"- [VoID]({iri(VOID)}): classes, properties, links and dumps",
            f"- [Everything]({iri(f'{DUMPS}{ALL}.nq.gz')}): N-Quads",
            f"- [Sitemap]({iri(SITEMAP)}): every document",
            "",
        ]
    )


def search_description(serving: Serving, settings: Settings) -> str:
    """Describe the search (OpenSearch 1.1)."""
    place = serving.site.iri("/search?q={searchTerms}&amp;page={startPage?}")
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">',
            f"<ShortName>{escape(settings.title[:16])}</ShortName>",
            f"<LongName>{escape(settings.title[:48])}</LongName>",
            "<Description>Datasets, code lists, codes and everything else that has a name</Description>",
            f'<Url type="text/html" template="{place}"/>',
            f'<Url type="application/json" template="{place}&amp;format=json"/>',
            "<InputEncoding>UTF-8</InputEncoding>",
            "</OpenSearchDescription>",
            "",
        ]
    )
