"""What `source.toml` says for catalogues alone: contact, series, themes, coverage, next release (docs/catalogue.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from loader.source_toml import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

THEMES: Final = {
    "business-and-economy": ("Business and economy", "ECON"),
    "crime-and-justice": ("Crime and justice", "JUST"),
    "defence": ("Defence", "GOVE"),
    "digital-service-performance": ("Digital service performance", "GOVE"),
    "education": ("Education", "EDUC"),
    "environment": ("Environment", "ENVI"),
    "government": ("Government", "GOVE"),
    "government-reference-data": ("Government reference data", "GOVE"),
    "government-spending": ("Government spending", "GOVE"),
    "health": ("Health", "HEAL"),
    "mapping": ("Mapping", "REGI"),
    "society": ("Society", "SOCI"),
    "towns-and-cities": ("Towns and cities", "REGI"),
    "transport": ("Transport", "TRAN"),
}
"""The topics of data.gov.uk, and the data theme of European portals that is nearest to each."""
_AREA: Final = re.compile("[A-Z][0-9]{8}")
_SLUG: Final = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
_EMAIL: Final = re.compile(r"[^\s@<>\"()]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_COVERS: Final = re.compile(r"(\d{4}-\d\d-\d\d)/(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask about a dataset: a team or an organisation, never a person."""

    name: str
    email: str | None
    page: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """The recurring publication that a dataset is part of."""

    name: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a dataset's entry in a catalogue has besides its description."""

    contact: Contact | None = None
    series: Series | None = None
    themes: tuple[str, ...] = ()
    """Keys of `THEMES`."""
    areas: tuple[str, ...] = ()
    """Codes of the areas that the dataset covers, if its table does not say."""
    covers: tuple[date, date] | None = None
    """First and last day that the dataset covers, if its table does not say."""
    next_release: date | None = None
    """Day for which the publisher has announced the next edition."""


def read_entry(source: Source) -> Entry:
    """Read the keys for catalogues; what is wrong with them is noted."""
    return Entry(
        contact=_read_contact(source),
        series=_read_series(source),
        themes=_known(source, "themes", THEMES),
        areas=_areas(source),
        covers=_covers(source),
        next_release=source.get("next_release", date, "2025-08-12"),
    )


def _read_contact(source: Source) -> Contact | None:
    table = _table(source, "contact", '{ name = "Statistics team", email = "team@example.org" }')
    if table is None:
        return None
    name = table.need("name", '"Statistics team"')
    email = table.get("email", str, '"team@example.org"')
    if email is not None and not _EMAIL.fullmatch(email):
        table.note("MAP-05", "the email of the contact is none", 'write for instance email = "team@example.org"')
    contact = Contact(name, email, table.address("page"))
    table.note_unknown()
    return contact


def _read_series(source: Source) -> Series | None:
    table = _table(source, "series", '{ name = "statistics", title = "Statistics" }')
    if table is None:
        return None
    name = table.need("name", '"benefit-expenditure-tables"')
    if name and not _SLUG.fullmatch(name):
        hint = "use lower-case letters, digits and single hyphens: the name becomes part of an address"
        table.note("MAP-05", "the name of the series cannot be part of an address", hint)
    title = table.need("title", '"Benefit expenditure tables"')
    series = Series(name, title, table.get("description", str, '"…"') or title)
    table.note_unknown()
    return series


def _table(source: Source, key: str, example: str) -> Source | None:
    found = source.get(key, dict, example)
    return Source(source.path, source.problems, found) if found else None


def _known(source: Source, key: str, names: Iterable[str]) -> tuple[str, ...]:
    found = source.texts(key)
    for name in sorted(set(found) - set(names)):
        source.note("MAP-05", f"'{name[:60]}' is not known in '{key}'", f"use one of {', '.join(names)}")
    return found


def _areas(source: Source) -> tuple[str, ...]:
    found = source.texts("areas")
    if not all(map(_AREA.fullmatch, found)):
        source.note("MAP-05", "'areas' has something in it that is no code of an area", 'write areas = ["K03000001"]')
    return found


def _covers(source: Source) -> tuple[date, date] | None:
    text = source.get("covers", str, '"2012-04-01/2014-03-31"')
    match = _COVERS.fullmatch(text or "")
    try:
        first, last = map(date.fromisoformat, match.groups() if match else ())
    except ValueError:
        first, last = date.max, date.min
    if text is not None and first > last:
        source.note("MAP-05", "'covers' is no first and last day", 'write covers = "2012-04-01/2014-03-31"')
        return None
    return (first, last) if text is not None else None
