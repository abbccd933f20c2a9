"""Describe a thing: what is said of it in any graph, what points at it, and the labels of all that.

Every form of an address carries the same description, the page included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from endpoint.labels import LABELS
from endpoint.quality import quality_parts
from loader.uris import Uris
from ontology.terms import DCAT, DQV, FOAF, HYDRA, QB, RDF, RDFS, VOID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from endpoint.serving import Serving
    from endpoint.source import Term

INCOMING_ON_A_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Description:
    """What a release says of one thing."""

    subject: NamedNode
    triples: tuple[Triple, ...]
    incoming: tuple[Triple, ...]
    """What points at it: one page."""
    page: int
    has_more: bool
    """True if a further page of what points at it can be asked for."""

    @property
    def types(self) -> frozenset[Term]:
        """Classes of the thing."""
        return frozenset(triple.object for triple in self.triples if triple.predicate == RDF.type)

    def values(self, predicate: NamedNode) -> list[Term]:
        """Objects of one predicate."""
        return [triple.object for triple in self.triples if triple.predicate == predicate]

    def text(self, predicate: NamedNode) -> str | None:
        """First literal of a predicate, English before others."""
        found = [term for term in self.values(predicate) if isinstance(term, Literal)]
        return min(found, key=lambda term: (term.language or "en") != "en").value if found else None


def describe(serving: Serving, subject: NamedNode, page: int = 1) -> Description | None:
    """Describe a thing; None if nothing at all is said of it and nothing points at it."""
    triples = tuple(serving.source.about([subject]))
    if not triples:
        return None
    start = (page - 1) * INCOMING_ON_A_PAGE
    found = tuple(serving.source.pointing_at(subject, start, INCOMING_ON_A_PAGE + 1))
    return Description(subject, triples, found[:INCOMING_ON_A_PAGE], page, has_more=len(found) > INCOMING_ON_A_PAGE)


def graph(serving: Serving, description: Description, document: str) -> list[Triple]:
    """Give the description as triples, with the labels of what it mentions.

    An observation gets its sentence as its label, a quality report says all of its parts, and a document under `/doc/`
    says what it is about.
    """
    triples = dict.fromkeys((*description.triples, *description.incoming))
    if DQV.QualityMetadata in description.types:
        triples.update(dict.fromkeys(serving.source.about(quality_parts(serving, description))))
    if DCAT.Catalog in description.types:  # it announces the event stream
        announced = [term for term in description.values(RDFS.seeAlso) if isinstance(term, NamedNode)]
        triples.update(dict.fromkeys(serving.source.about(announced)))
    triples.update(dict.fromkeys(serving.source.about(_parts(description))))
    mentioned = {term for triple in triples for term in (triple.subject, triple.object) if isinstance(term, NamedNode)}
    triples.update(dict.fromkeys(serving.source.about(mentioned - {description.subject}, *LABELS)))
    if QB.Observation in description.types and not any(description.values(label) for label in LABELS):
        words = serving.labels.observations([description.subject])[description.subject]
        triples[Triple(description.subject, RDFS.label, Literal(words.sentence, language="en"))] = None
    if document != description.subject.value:
        triples[Triple(NamedNode(document), FOAF.primaryTopic, description.subject)] = None
    uris = Uris.of(serving.site.base)
    triples[Triple(NamedNode(document), VOID.inDataset, uris.void("dataset"))] = None
    return [*triples, *_pages(description, document)]


def _parts(description: Description) -> set[NamedNode]:
    """Give what is described with the thing: everything whose address is its own with a fragment."""
    start = f"{description.subject.value}#"
    near = (term for triple in description.triples + description.incoming for term in (triple.subject, triple.object))
    return {term for term in near if isinstance(term, NamedNode) and term.value.startswith(start)}


def _pages(description: Description, document: str) -> Iterator[Triple]:
    """Say which page of what points at a thing the document has, and where the others are (Hydra)."""
    number = description.page
    if number == 1 and not description.has_more:
        return
    pages = {HYDRA.first: 1} | ({HYDRA.previous: number - 1} if number > 1 else {})
    pages |= {HYDRA.next: number + 1} if description.has_more else {}
    view = _page_of(document, number)
    yield Triple(NamedNode(document), HYDRA.view, view)
    yield Triple(view, RDF.type, HYDRA.PartialCollectionView)
    yield from (Triple(view, name, _page_of(document, page)) for name, page in pages.items())


def _page_of(document: str, number: int) -> NamedNode:
    return NamedNode(f"{document}{'&' if '?' in document else '?'}page={number}")
