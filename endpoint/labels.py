"""Names for things: their labels, sentences for observations that have none, or the last part of their address.

A page collects every term it shows and asks once. What was found is kept for the life of the release, within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pyoxigraph import Literal, NamedNode

from endpoint.source import page_query
from endpoint.words import is_number, literal_text, local_name, sentence
from ontology.terms import DCT, FOAF, QB, RDF, RDFS, SDMX_ATTRIBUTE, SDMX_CODE, SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyoxigraph import Triple

    from endpoint.source import QuadSource, Term

LABELS: Final = (SKOS.prefLabel, RDFS.label, DCT.title, FOAF.name)
KEPT: Final = 50_000
STATUSES: Final = (SDMX_ATTRIBUTE.confStatus, SDMX_ATTRIBUTE.obsStatus)
"""Attributes that say why an observation has no figure."""
_SAYS_NOTHING: Final = frozenset({*(f"obsStatus-{letter}" for letter in "ABEFIP"), "confStatus-F", "revised"})
"""Last parts of the codes that qualify a figure, and do not say why there is none."""
_MISSING: Final = NamedNode(f"{SDMX_CODE.obsStatus.value}-M")


@dataclass(frozen=True, slots=True)
class Component:
    """A component of a cube's structure."""

    property: NamedNode
    kind: str
    """`dimension`, `measure` or `attribute`."""
    code_list: NamedNode | None


@dataclass(frozen=True, slots=True)
class Observation:
    """An observation in words."""

    title: str
    """What is counted, where and when: `Households on Universal Credit, Hartlepool, May 2025`."""
    value: str
    """The figure with its unit: `12,345 households`; empty where none was published."""
    absence: str = ""
    """Why there is no figure, as far as its codes say: `withheld: confidential`."""

    @property
    def sentence(self) -> str:
        """Title and figure, or why there is none."""
        if self.value:
            return f"{self.title}: {self.value}"
        return f"{self.title} ({self.absence})" if self.absence else self.title


class Labels:
    """Names of things in one release."""

    def __init__(self, source: QuadSource) -> None:
        self._source = source
        self._known: dict[NamedNode, str] = {}
        self._structures: dict[NamedNode, tuple[Component, ...]] = {}

    def of(self, terms: Iterable[Term]) -> Mapping[NamedNode, str]:
        """Give a name for each IRI among some terms; observations are named in words."""
        wanted = {term for term in terms if isinstance(term, NamedNode)}
        known = self._known
        missing = wanted - known.keys()
        found: dict[NamedNode, str] = self._labelled(missing)
        found |= {node: words.sentence for node, words in self.observations(missing - found.keys()).items()}
        found |= {term: local_name(term.value) for term in missing - found.keys()}
        self._known = {**known, **found} if len(known) + len(found) <= KEPT else found
        return {term: found[term] if term in found else known[term] for term in wanted}

    def _plain(self, terms: Iterable[Term]) -> dict[NamedNode, str]:
        """Give names without sentences for observations, which may mention each other."""
        wanted = {term for term in terms if isinstance(term, NamedNode)}
        return {term: local_name(term.value) for term in wanted} | self._labelled(wanted)

    def _labelled(self, terms: Iterable[NamedNode]) -> dict[NamedNode, str]:
        best: dict[NamedNode, tuple[tuple[int, int], str]] = {}
        for triple in self._source.about(terms, *LABELS):
            if isinstance(triple.object, Literal) and isinstance(triple.subject, NamedNode):
                language = {"en": 0, None: 1}.get(triple.object.language, 2)
                rank = (language, LABELS.index(triple.predicate))
                if triple.subject not in best or rank < best[triple.subject][0]:
                    best[triple.subject] = (rank, triple.object.value)
        return {subject: sentence(text) for subject, (_, text) in best.items()}

    def structure(self, dataset: NamedNode) -> tuple[Component, ...]:
        """Give the components of a cube, in structure order; empty for a dataset that is none."""
        if dataset not in self._structures:
            rows = self._source.select(page_query("structure"), {"dataset": dataset})
            self._structures[dataset] = tuple(
                Component(row["property"], local_name(row["kind"].value).lower(), _node(row.get("codeList")))
                for row in rows
                if isinstance(row["property"], NamedNode) and isinstance(row["kind"], NamedNode)
            )
        return self._structures[dataset]

    def observations(self, nodes: Iterable[NamedNode]) -> dict[NamedNode, Observation]:
        """Say in words those of some things that are observations."""
        candidates = {
            triple.subject
            for triple in self._source.about(nodes, RDF.type)
            if triple.object == QB.Observation and isinstance(triple.subject, NamedNode)
        }
        facts: dict[NamedNode, dict[NamedNode, Term]] = {node: {} for node in candidates}
        codes: dict[NamedNode, list[Term]] = {node: [] for node in candidates}
        for triple in self._source.about(candidates):
            if isinstance(triple.subject, NamedNode):
                facts[triple.subject][triple.predicate] = triple.object
                if triple.predicate in STATUSES:
                    codes[triple.subject].append(triple.object)
        used = {term for about in facts.values() for term in (*about.keys(), *about.values())}
        names = self._plain(used.union(*codes.values()))
        return {node: self._in_words(node, about, codes[node], names) for node, about in facts.items()}

    def _in_words(
        self, node: NamedNode, about: Mapping[NamedNode, Term], codes: Iterable[Term], names: Mapping[NamedNode, str]
    ) -> Observation:
        dataset = about.get(QB.dataSet)
        parts = self.structure(dataset) if isinstance(dataset, NamedNode) else ()
        measure = about.get(QB.measureType)
        what = names[dataset].partition(" by ")[0] if isinstance(dataset, NamedNode) else ""
        if isinstance(measure, NamedNode) and (not what or sum(part.kind == "measure" for part in parts) > 1):
            what = f"{what}, {names[measure]}".removeprefix(", ")
        where = [
            value_text(about[name], names) if isinstance(about[name], NamedNode) else _numbered(name, about, names)
            for name in _distinguishing(node, about, parts)
        ]
        where = [text for text in where if not any(text != other and text in other for other in where)]
        figure = about.get(measure) if isinstance(measure, NamedNode) else None
        unit = about.get(SDMX_ATTRIBUTE.unitMeasure)
        of_what = names.get(unit) if isinstance(unit, NamedNode) else None
        title = ", ".join(filter(None, [what, *where])) or "Observation"
        absence = absence_text(codes, names) if figure is None else ""
        return Observation(title, figure_text(figure, of_what), absence)


def _distinguishing(node: NamedNode, about: Mapping[NamedNode, Term], parts: Iterable[Component]) -> list[NamedNode]:
    """Give the dimensions whose values are in the address of an observation; all of them, if it does not say which."""
    dimensions = [part.property for part in parts if part.kind == "dimension" and part.property != QB.measureType]
    dimensions = [name for name in dimensions if name in about]
    said = {unquote(text) for text in node.value.rpartition("/obs/")[2].rpartition("@")[0].split("/")}
    found = [name for name in dimensions if _written(about[name]) in said]
    return found if len(found) >= len(said) else dimensions


def _written(term: Term) -> str:
    return _last(term) if isinstance(term, NamedNode) else term.value if isinstance(term, Literal) else ""


def _numbered(name: NamedNode, about: Mapping[NamedNode, Term], names: Mapping[NamedNode, str]) -> str:
    """Give a value that is no code: a number alone would not say of what it is."""
    term = about[name]
    text = value_text(term, names)
    return f"{_lower(names[name])} {text}" if isinstance(term, Literal) and is_number(term) else text


def figure_text(figure: Term | None, unit: str | None) -> str:
    """Give a figure with its unit: `12,345 households`, `£45,000.00`, `3.2%`."""
    if not isinstance(figure, Literal):
        return ""
    text = literal_text(figure)
    if unit is None:
        return text
    if unit.lower() in {"pounds sterling", "pound sterling"}:
        return f"−£{text.removeprefix('-')}" if text.startswith("-") else f"£{text}"
    if unit.lower() in {"percent", "per cent", "percentage"}:
        return f"{text}%"
    return f"{text} {unit[:1].lower() + unit[1:]}"


def absence_text(codes: Iterable[Term], names: Mapping[NamedNode, str]) -> str:
    """Say why there is no figure, from the codes of its confidentiality and status; empty if they do not say."""
    said = [code for code in codes if isinstance(code, NamedNode) and _last(code) not in _SAYS_NOTHING]
    said.sort(key=lambda code: (not _is_confidential(code), code == _MISSING))
    if not said:
        return ""
    if said[0] == _MISSING:
        return "no figure: not available"
    return f"{'withheld' if _is_confidential(said[0]) else 'no figure'}: {_lower(value_text(said[0], names))}"


def _last(code: NamedNode) -> str:
    return code.value.replace("#", "/").rpartition("/")[2]


def _is_confidential(code: NamedNode) -> bool:
    return code.value.startswith(SDMX_CODE.confStatus.value)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def value_text(term: Term, names: Mapping[NamedNode, str]) -> str:
    """Give any term as text."""
    if isinstance(term, NamedNode):
        return names.get(term) or local_name(term.value)
    return literal_text(term) if isinstance(term, Literal) else str(term)


def triples_terms(triples: Iterable[Triple]) -> set[Term]:
    """Give every term that occurs in some triples."""
    return {term for triple in triples for term in (triple.subject, triple.predicate, triple.object)}


def _node(term: Term | None) -> NamedNode | None:
    return term if isinstance(term, NamedNode) else None
