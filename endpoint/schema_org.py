"""A dataset as schema.org describes it, for search engines: `Dataset` JSON-LD in the page (docs/catalogue.md).

It stands in a `script` element of a type that is no script. Browsers do not run such data blocks, and so Content
Security Policy does not ask about them (HTML, "prepare the script element").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from endpoint.listing import Download, Entry, Listing

CONTEXT: Final = "https://schema.org/"
DESCRIPTION_CHARACTERS: Final = 5_000
"""Longer descriptions are refused by Google's Dataset Search; shorter than 50 characters too."""


def structured_data(listing: Listing, iri: str, measures: Iterable[str]) -> dict[str, object] | None:
    """Describe a dataset; None if the catalogue does not list it, or it is a sample. `measures` is what it measures."""
    entry = next((entry for entry in listing.entries if entry.iri == iri), None)
    if entry is None:
        return None
    publisher = {"@type": "Organization", "name": entry.publisher.name, "url": entry.publisher.iri}
    found: dict[str, object] = {
        "@context": CONTEXT,
        "@type": "Dataset",
        "@id": entry.iri,
        "url": entry.iri,
        "identifier": entry.iri,
        "name": entry.title,
        "description": entry.description[:DESCRIPTION_CHARACTERS],
        "creator": publisher,
        "publisher": publisher,
        "license": entry.licence,
        "version": entry.version,
        "datePublished": entry.issued,
        "dateModified": entry.modified,
        "isAccessibleForFree": True,
        "inLanguage": "en",
        "includedInDataCatalog": {"@type": "DataCatalog", "name": listing.title, "url": listing.iri},
        "distribution": [_download(download) for download in entry.downloads],
    }
    return found | _where_known(entry, [*measures])


def _where_known(entry: Entry, measures: list[str]) -> dict[str, object]:
    contact = {"@type": "ContactPoint", "name": entry.contact.name, "email": entry.email}
    found = {
        "keywords": [*entry.keywords],
        "temporalCoverage": f"{entry.first}/{entry.last}" if entry.first and entry.last else None,
        "spatialCoverage": [{"@type": "Place", "name": area.name, "identifier": area.iri} for area in entry.areas],
        "variableMeasured": measures,
        "isBasedOn": entry.landing_page,
        "contactPoint": contact if entry.email else None,
    }
    return {key: value for key, value in found.items() if value}


def _download(download: Download) -> dict[str, object]:
    found: dict[str, object] = {
        "@type": "DataDownload",
        "@id": download.iri,
        "name": download.title,
        "contentUrl": download.url,
        "encodingFormat": download.media_type,
        "license": download.licence,
    }
    return found | ({"contentSize": f"{download.size_bytes} B"} if download.size_bytes else {})
