"""The catalogue in the UK Cross-Government Metadata Exchange Model (docs/catalogue.md).

Records of datasets and of their files; each is valid against the class of the model that its `type` names. The query
service has none: its publisher would have to be one of the government organisations that the model lists.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Final

from endpoint.words import first_sentence

if TYPE_CHECKING:
    from endpoint.listing import Download, Entry, Listing

log = logging.getLogger(__name__)

FREQUENCIES: Final = {"MONTHLY": "freq:monthly", "QUARTERLY": "freq:quarterly", "ANNUAL": "freq:annual"}
IRREGULAR: Final = "freq:irregular"
"""Also of what never changes: the model has no word for it."""
SUMMARY_CHARACTERS: Final = 250
_ORGANISATION: Final = re.compile(r"https://www\.gov\.uk/government/organisations/([a-z0-9-]+)/?")


def exchange_model(listing: Listing, site: str, contact: str) -> bytes:
    """Write the records; `contact` is the address of whoever runs the `site`, for datasets that name none.

    A dataset that then has no address to write to, or whose publisher is no organisation of GOV.UK, is left out: the
    model has no record without them.
    """
    datasets: list[dict[str, object]] = []
    files: list[dict[str, object]] = []
    for entry in listing.entries:
        organisation = _ORGANISATION.fullmatch(entry.publisher.iri)
        name, email = (entry.contact.name, entry.email) if entry.email else (site, contact)
        if organisation is None or not email:
            lacking = "email" if organisation is not None else "organisation of GOV.UK"
            log.warning("%s is not in the exchange model: it has no %s", entry.iri, lacking)
            continue
        datasets.append(_dataset(entry, organisation[1], {"contactName": name, "email": email}))
        files += [_file(download, entry) for download in entry.downloads]
    document = {"Dataset": datasets, "Distribution": files}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _dataset(entry: Entry, organisation: str, contact: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = {
        "type": "dcat:Dataset",
        "identifier": entry.iri,
        "title": entry.title,
        "description": entry.description,
        "licence": entry.licence,
        "version": entry.version,
        "accessRights": "OPEN",
        "securityClassification": "OFFICIAL",
        "creator": [organisation],
        "publisher": organisation,
        "contactPoint": contact,
        "issued": entry.issued,
        "modified": entry.modified,
        "updateFrequency": FREQUENCIES.get((entry.frequency or "").rpartition("/")[2], IRREGULAR),
        "keyword": list(entry.keywords),
        "theme": [theme.iri for theme in entry.themes],
        "distribution": [download.iri for download in entry.downloads],
    }
    summary = " ".join(first_sentence(entry.description).split())
    return found | ({"summary": summary} if 0 < len(summary) <= SUMMARY_CHARACTERS else {})


def _file(download: Download, entry: Entry) -> dict[str, object]:
    found: dict[str, object] = {
        "type": "dcat:Distribution",
        "identifier": download.iri,
        "title": download.title,
        "description": download.description,
        "licence": download.licence,
        "accessRights": "OPEN",
        "mediaType": download.media_type,
        "downloadURL": download.url,
        "modified": entry.modified,
    }
    return found | ({"byteSize": download.size_bytes} if download.size_bytes else {})
