"""The catalogue of a release, read once: the statements of its graph, and each dataset's entry as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from endpoint.catalogue import CODE_LIST
from endpoint.labels import LABELS
from endpoint.source import page_query
from loader.uris import Uris
from ontology.terms import ADMS, DCAT, DCT, DQV, FOAF, RDF, SKOS, SPDX, VCARD, XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from endpoint.serving import Serving
    from endpoint.source import Term
    from loader.release import Manifest

MAIL: Final = "mailto:"
MEDIA_TYPE: Final = re.compile(r".*/media-types/(.+)")
FROM_OTHER_GRAPHS: Final = (ADMS.status, DCT.conformsTo, DQV.hasQualityMetadata)
"""What datasets' own graphs say that belongs into the catalogue."""
LEFT_OUT: Final = (DCT.hasVersion, SPDX.checksum)
"""DCAT-AP takes every version for a catalogued dataset; dcat:hasCurrentVersion says the same, and does not. Its shapes
know the algorithms of checksums under other addresses than SPDX gives them."""
OF_THE_MENTIONED: Final = (RDF.type, *LABELS, SKOS.inScheme)
"""What is said of whatever entries mention: enough to know it by."""


@dataclass(frozen=True, slots=True)
class Named:
    """Something with an address and a name."""

    iri: str
    name: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file of a dataset."""

    iri: str
    title: str
    description: str
    url: str
    access_url: str
    media_type: str
    format: str
    """What people call its format."""
    licence: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the catalogue says of a dataset."""

    iri: str
    title: str
    description: str
    publisher: Named
    licence: str
    landing_page: str | None
    keywords: tuple[str, ...]
    themes: tuple[Named, ...]
    areas: tuple[Named, ...]
    first: str | None
    """First day covered, ISO 8601."""
    last: str | None
    frequency: str | None
    """Its address in the list of European portals."""
    issued: str
    """When the publisher published the edition, or else when it was first published here; a day."""
    modified: str
    """When what is published here last changed; a day."""
    version: str
    contact: Named
    email: str | None
    contact_page: str | None
    downloads: tuple[Download, ...]


class Statements:
    """Statements by subject and predicate, in their order."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self._objects: dict[tuple[str, NamedNode], list[Term]] = {}
        for triple in triples:
            assert isinstance(triple.subject, NamedNode), "no blank node is ever published"
            self._objects.setdefault((triple.subject.value, triple.predicate), []).append(triple.object)

    def terms(self, subject: str, predicate: NamedNode) -> list[Term]:
        """Give the values of a property."""
        return self._objects.get((subject, predicate), [])

    def all(self, subject: str, predicate: NamedNode) -> list[str]:
        """Give the values of a property as text, in order of the text."""
        return sorted(term.value for term in self.terms(subject, predicate) if isinstance(term, NamedNode | Literal))

    def one(self, subject: str, predicate: NamedNode) -> str | None:
        """Give one value of a property as text, if there is any."""
        return next(iter(self.all(subject, predicate)), None)

    def name(self, subject: str) -> str:
        """Give the name of something, or its address if it has none."""
        found = (self.one(subject, predicate) for predicate in (FOAF.name, *LABELS, DCT.title))
        return next(filter(None, found), subject)


@dataclass(frozen=True, slots=True)
class Listing:
    """The catalogue of a release."""

    iri: str
    triples: tuple[Triple, ...]
    """The whole catalogue, samples included, with what its values are and the days that the release decides."""
    entries: tuple[Entry, ...]
    """The datasets, by title. Samples are left out: their figures are invented, and no other catalogue would say so."""
    title: str


def read_listing(serving: Serving) -> Listing:
    """Read the catalogue of a release."""
    uris = Uris.of(serving.release.manifest.base_uri)
    catalogue = uris.catalogue()
    triples = dict.fromkeys(_graph(serving, catalogue))
    datasets = [node for node in _objects(triples, DCAT.dataset) if isinstance(node, NamedNode)]
    triples.update(dict.fromkeys(serving.source.about(datasets, *FROM_OTHER_GRAPHS)))
    mentioned = {term for triple in triples for term in (triple.subject, triple.object) if isinstance(term, NamedNode)}
    triples.update(dict.fromkeys(serving.source.about(mentioned, *OF_THE_MENTIONED)))
    triples.update(dict.fromkeys(_days(serving.release.manifest, catalogue, Statements(triples))))
    triples.update((Triple(catalogue, DCT.spatial, area), None) for area in _objects(triples, DCT.spatial))
    checksums = set(_objects(triples, SPDX.checksum))
    told = (one for one in triples if one.predicate not in LEFT_OUT and one.subject not in checksums)
    ordered = tuple(sorted(map(_counted, told), key=str))
    said = Statements(ordered)
    entries = [_entry(node.value, said) for node in datasets if ADMS.sample not in said.terms(node.value, ADMS.status)]
    entries.sort(key=lambda entry: (entry.title.casefold(), entry.iri))
    return Listing(catalogue.value, ordered, tuple(entries), said.name(catalogue.value))


def _graph(serving: Serving, graph: NamedNode) -> list[Triple]:
    found = []
    for row in serving.source.select(page_query("catalogue"), {"graph": graph}):
        subject, predicate = row["subject"], row["predicate"]
        assert isinstance(subject, NamedNode), "no blank node is ever published"
        assert isinstance(predicate, NamedNode), "RDF has no other predicates"
        found.append(Triple(subject, predicate, row["object"]))
    return found


def _counted(triple: Triple) -> Triple:
    """Give a size the type that DCAT asks for, which the store does not keep apart from other integers."""
    if triple.predicate != DCAT.byteSize or not isinstance(triple.object, Literal):
        return triple
    return Triple(triple.subject, triple.predicate, Literal(triple.object.value, datatype=XSD.nonNegativeInteger))


def _objects(triples: Iterable[Triple], predicate: NamedNode) -> list[Term]:
    return [triple.object for triple in triples if triple.predicate == predicate]


def _days(manifest: Manifest, catalogue: NamedNode, said: Statements) -> Iterator[Triple]:
    """Say when datasets were issued and changed: a release knows, its graph has no clock."""
    uris, created = Uris.of(manifest.base_uri), manifest.created
    folders = [folder for folder in manifest.folders if folder.kind != CODE_LIST]
    yield Triple(catalogue, DCT.modified, _day(created))
    yield Triple(catalogue, DCT.issued, _day(min((folder.first or created for folder in folders), default=created)))
    for folder in folders:
        node = uris.dataset(folder.name)
        yield Triple(node, DCT.modified, _day(folder.changed or created))
        if not said.terms(node.value, DCT.issued):
            yield Triple(node, DCT.issued, _day(folder.first or created))


def _day(moment: str) -> Literal:
    return Literal(date.fromisoformat(moment[:10]).isoformat(), datatype=XSD.date)


def _entry(iri: str, said: Statements) -> Entry:
    publisher = said.one(iri, DCT.publisher) or ""
    contact = said.one(iri, DCAT.contactPoint) or publisher
    period = said.one(iri, DCT.temporal) or ""
    email = said.one(contact, VCARD.hasEmail)
    return Entry(
        iri=iri,
        title=said.one(iri, DCT.title) or said.name(iri),
        description=said.one(iri, DCT.description) or said.name(iri),
        publisher=Named(publisher, said.name(publisher)),
        licence=said.one(iri, DCT.license) or "",
        landing_page=said.one(iri, DCAT.landingPage),
        keywords=tuple(said.all(iri, DCAT.keyword)),
        themes=tuple(Named(theme, said.name(theme)) for theme in said.all(iri, DCAT.theme)),
        areas=tuple(Named(area, said.name(area)) for area in said.all(iri, DCT.spatial)),
        first=said.one(period, DCAT.startDate),
        last=said.one(period, DCAT.endDate),
        frequency=said.one(iri, DCT.accrualPeriodicity),
        issued=said.one(iri, DCT.issued) or "",
        modified=said.one(iri, DCT.modified) or "",
        version=said.one(iri, DCAT.version) or "",
        contact=Named(contact, said.one(contact, VCARD.fn) or said.name(contact)),
        email=email.removeprefix(MAIL) if email is not None else None,
        contact_page=said.one(contact, VCARD.hasURL),
        downloads=tuple(_download(file, said) for file in said.all(iri, DCAT.distribution)),
    )


def _download(iri: str, said: Statements) -> Download:
    access = said.one(iri, DCAT.accessURL) or iri
    media_type = said.one(iri, DCAT.mediaType) or ""
    match = MEDIA_TYPE.fullmatch(media_type)
    size = said.one(iri, DCAT.byteSize)
    format_iri = said.one(iri, DCT.format) or ""
    return Download(
        iri=iri,
        title=said.one(iri, DCT.title) or said.name(iri),
        description=said.one(iri, DCT.description) or said.name(iri),
        url=said.one(iri, DCAT.downloadURL) or access,
        access_url=access,
        media_type=match[1] if match else "application/octet-stream",
        format=said.name(format_iri),
        licence=said.one(iri, DCT.license) or "",
        size_bytes=int(size) if size else None,
    )
