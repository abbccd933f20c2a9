"""What data.gov.uk reads: its CKAN harvests an RDF feed, page by page, or `/data.json` (docs/catalogue.md).

The feed is DCAT as ckanext-dcat 1.4.0 with the profile euro_dcat_ap_2 takes it in: a format is a word, keywords have no
punctuation, pages are linked with both the old and the new term of Hydra, and nothing is a `dcat:Dataset` that is not
to become a dataset there.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from loader.uris import OGL_3
from ontology.terms import DCAT, DCT, FOAF, HYDRA, RDF, SKOS, VCARD, XSD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from endpoint.listing import Download, Entry, Listing

PAGE_SIZE: Final = 100
"""Datasets on a page of the feed: far below the 50 MB that CKAN reads of one."""
KEYWORD_LENGTHS: Final = range(2, 101)
IANA: Final = "https://www.iana.org/assignments/media-types/"
DATA_JSON: Final = "https://project-open-data.cio.gov/v1.1/schema"
INTERVALS: Final = {"MONTHLY": "R/P1M", "QUARTERLY": "R/P3M", "ANNUAL": "R/P1Y", "IRREG": "irregular"}
"""How often, as ISO 8601 says it; `data.json` has no word for never."""
_OGL_3: Final = re.compile(r"https?://(www\.)?nationalarchives\.gov\.uk/doc/open-government-licence/version/3(\.0)?/?")
_NOT_IN_KEYWORDS: Final = re.compile(r"[^\w .-]")


def page_count(listing: Listing) -> int:
    """Give the number of pages of the feed; an empty catalogue has one."""
    return max(-(-len(listing.entries) // PAGE_SIZE), 1)


def feed(listing: Listing, address: str, page: int) -> Iterator[Triple]:
    """Yield one page of the feed, counted from 1; `address` is that of the feed."""
    catalogue = NamedNode(listing.iri)
    yield Triple(catalogue, RDF.type, DCAT.Catalog)
    yield Triple(catalogue, DCT.title, _english(listing.title))
    yield from _pages(listing, address, page)
    for entry in listing.entries[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
        yield Triple(catalogue, DCAT.dataset, NamedNode(entry.iri))
        yield from _dataset(entry)


def page_address(address: str, page: int) -> str:
    """Give the address of a page of the feed."""
    return address if page == 1 else f"{address}?page={page}"


def _pages(listing: Listing, address: str, page: int) -> Iterator[Triple]:
    node, last = NamedNode(page_address(address, page)), page_count(listing)
    yield Triple(node, RDF.type, HYDRA.PagedCollection)
    yield Triple(node, HYDRA.totalItems, _number(len(listing.entries)))
    yield Triple(node, HYDRA.itemsPerPage, _number(PAGE_SIZE))
    yield Triple(node, HYDRA.firstPage, NamedNode(page_address(address, 1)))
    yield Triple(node, HYDRA.lastPage, NamedNode(page_address(address, last)))
    if page > 1:
        yield Triple(node, HYDRA.previousPage, NamedNode(page_address(address, page - 1)))
    if page < last:
        following = NamedNode(page_address(address, page + 1))
        yield Triple(node, HYDRA.nextPage, following)
        yield Triple(node, HYDRA.next, following)


def _dataset(entry: Entry) -> Iterator[Triple]:
    node, publisher = NamedNode(entry.iri), NamedNode(entry.publisher.iri)
    yield Triple(node, RDF.type, DCAT.Dataset)
    yield Triple(node, DCT.title, _english(entry.title))
    yield Triple(node, DCT.description, _english(entry.description))
    yield Triple(node, DCT.identifier, Literal(entry.iri))
    yield Triple(node, DCT.publisher, publisher)
    yield Triple(publisher, RDF.type, FOAF.Agent)
    yield Triple(publisher, FOAF.name, Literal(entry.publisher.name))
    yield Triple(node, DCT.issued, _day(entry.issued))
    yield Triple(node, DCT.modified, _day(entry.modified))
    yield Triple(node, DCT.language, Literal("en"))
    yield Triple(node, DCAT.version, Literal(entry.version))
    if entry.landing_page is not None:
        yield Triple(node, DCAT.landingPage, NamedNode(entry.landing_page))
    if entry.frequency is not None:
        yield Triple(node, DCT.accrualPeriodicity, NamedNode(entry.frequency))
    for keyword in keywords(entry):
        yield Triple(node, DCAT.keyword, _english(keyword))
    for theme in entry.themes:
        yield Triple(node, DCAT.theme, NamedNode(theme.iri))
    yield from _contact(entry)
    yield from _coverage(entry)
    for download in entry.downloads:
        yield Triple(node, DCAT.distribution, NamedNode(download.iri))
        yield from _download(download)


def _contact(entry: Entry) -> Iterator[Triple]:
    contact = NamedNode(entry.contact.iri)
    yield Triple(NamedNode(entry.iri), DCAT.contactPoint, contact)
    yield Triple(contact, RDF.type, VCARD.Organization)
    yield Triple(contact, VCARD.fn, Literal(entry.contact.name))
    if entry.email is not None:
        yield Triple(contact, VCARD.hasEmail, NamedNode(f"mailto:{entry.email}"))
    if entry.contact_page is not None:
        yield Triple(contact, VCARD.hasURL, NamedNode(entry.contact_page))


def _coverage(entry: Entry) -> Iterator[Triple]:
    node = NamedNode(entry.iri)
    if entry.first is not None and entry.last is not None:
        period = NamedNode(f"{entry.iri}/coverage")
        yield Triple(node, DCT.temporal, period)
        yield Triple(period, RDF.type, DCT.PeriodOfTime)
        yield Triple(period, DCAT.startDate, _day(entry.first))
        yield Triple(period, DCAT.endDate, _day(entry.last))
    for area in entry.areas:
        yield Triple(node, DCT.spatial, NamedNode(area.iri))
        yield Triple(NamedNode(area.iri), RDF.type, DCT.Location)
        yield Triple(NamedNode(area.iri), SKOS.prefLabel, _english(area.name))


def _download(download: Download) -> Iterator[Triple]:
    node = NamedNode(download.iri)
    yield Triple(node, RDF.type, DCAT.Distribution)
    yield Triple(node, DCT.title, _english(download.title))
    yield Triple(node, DCT.description, _english(download.description))
    yield Triple(node, DCAT.accessURL, NamedNode(download.access_url))
    yield Triple(node, DCAT.downloadURL, NamedNode(download.url))
    yield Triple(node, DCT.format, Literal(download.format))
    yield Triple(node, DCAT.mediaType, NamedNode(IANA + download.media_type))
    yield Triple(node, DCT.license, NamedNode(licence(download.licence)))
    if download.size_bytes is not None:
        yield Triple(node, DCAT.byteSize, _number(download.size_bytes))


def licence(iri: str) -> str:
    """Give the address of a licence as CKAN knows it."""
    return OGL_3 if _OGL_3.fullmatch(iri) else iri


def keywords(entry: Entry) -> list[str]:
    """Give the keywords in letters that CKAN takes; one that is too short or too long then is left out."""
    found = (" ".join(_NOT_IN_KEYWORDS.sub("", keyword).split()) for keyword in entry.keywords)
    return [keyword for keyword in dict.fromkeys(found) if len(keyword) in KEYWORD_LENGTHS]


def data_json(listing: Listing, address: str) -> bytes:
    """Write the catalogue as `data.json`; `address` is its own."""
    document = {
        "@context": "https://project-open-data.cio.gov/v1.1/schema/catalog.jsonld",
        "@id": address,
        "@type": "dcat:Catalog",
        "conformsTo": DATA_JSON,
        "dataset": [_json_dataset(entry) for entry in listing.entries],
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _json_dataset(entry: Entry) -> dict[str, object]:
    contact = {"@type": "vcard:Contact", "fn": entry.contact.name}
    if entry.email is not None:
        contact["hasEmail"] = f"mailto:{entry.email}"
    found: dict[str, object | None] = {
        "@type": "dcat:Dataset",
        "identifier": entry.iri,
        "title": entry.title,
        "description": entry.description,
        "keyword": keywords(entry),
        "issued": entry.issued,
        "modified": entry.modified,
        "publisher": {"@type": "org:Organization", "name": entry.publisher.name},
        "contactPoint": contact,
        "accessLevel": "public",
        "license": licence(entry.licence),
        "landingPage": entry.landing_page,
        "language": ["en"],
        "theme": [theme.name for theme in entry.themes] or None,
        "accrualPeriodicity": INTERVALS.get((entry.frequency or "").rpartition("/")[2]),
        "temporal": f"{entry.first}/{entry.last}" if entry.first and entry.last else None,
        "spatial": ", ".join(area.name for area in entry.areas) or None,
        "distribution": [_json_download(download) for download in entry.downloads],
    }
    return {key: value for key, value in found.items() if value is not None}


def _json_download(download: Download) -> dict[str, object]:
    return {
        "@type": "dcat:Distribution",
        "title": download.title,
        "description": download.description,
        "downloadURL": download.url,
        "mediaType": download.media_type,
        "format": download.format,
        "license": licence(download.licence),
    }


def _english(text: str) -> Literal:
    return Literal(text, language="en")


def _day(text: str) -> Literal:
    return Literal(text, datatype=XSD.date)


def _number(value: int) -> Literal:
    return Literal(str(value), datatype=XSD.integer)
