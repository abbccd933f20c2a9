"""`/sparql/terms.json`: the terms of a release by name, for the editor of the query page to complete what is typed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode

from endpoint.answers import answer, choose_form, entity_tag
from endpoint.catalogue import CODE_LIST
from endpoint.media import JSON_DOCUMENT
from endpoint.problems import bad_request
from endpoint.results import PREFIXES
from endpoint.site import AREA, PERIOD
from endpoint.source import page_query
from endpoint.words import local_name
from ontology import terms
from ontology.terms import DCAT, QB, RDF, RDFS, SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.serving import Serving

PATH: Final = "/sparql/terms.json"
MOST: Final = 10
"""Most terms given for a text: as many as the editor shows without a scroll bar."""
LONGEST: Final = 100
"""Longest text that is looked up, in characters."""
KINDS: Final = {
    QB.DimensionProperty: "dimension",
    QB.MeasureProperty: "measure",
    QB.AttributeProperty: "attribute",
    DCAT.Dataset: "dataset",
    SKOS.ConceptScheme: "code list",
    RDFS.Class: "class",
    RDF.Property: "property",
}
"""What a term is called by its type; the first type it has decides. Kinds come in this order, and codes last."""
CODE: Final = "code"
_RANKS: Final = {kind: rank for rank, kind in enumerate([*KINDS.values(), CODE])}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
"""Local names that need no escape in SPARQL (§19.8, PN_LOCAL), though not all of them."""
_PERIODS: Final = ("month", "quarter", "year", "government-year", "day")


@dataclass(frozen=True, slots=True)
class VocabularyTerm:
    """A term as the editor offers it."""

    iri: str
    label: str
    kind: str
    notation: str = ""
    lists: tuple[str, ...] = ()
    """IRIs of the code lists that a code is in, or that the values of a property are from."""
    text: str = field(default="", compare=False)
    """Label, notation and last part of the address in small letters: what is searched."""


@dataclass(frozen=True, slots=True)
class TermIndex:
    """All terms of a release, and the prefixes to write them with."""

    terms: tuple[VocabularyTerm, ...]
    prefixes: Mapping[str, str]
    labels: Mapping[str, str]
    """Names of code lists."""

    def find(self, text: str, about: str = "") -> list[VocabularyTerm]:
        """Find terms by words of their names, best first; codes of the property `about` before everything else."""
        words = re.split(r"[\s_:/#-]+", text.casefold().strip("<>:"))
        wanted = [word for word in words if word]
        lists = next((set(term.lists) for term in self.terms if term.iri == about), set())
        found = (term for term in self.terms if all(word in term.text for word in wanted))
        return sorted(found, key=lambda term: _rank(term, " ".join(wanted), lists))[:MOST]

    def name(self, iri: str) -> tuple[str, str]:
        """Give the prefix and namespace to abbreviate an IRI with; both empty if it cannot be."""
        cut = max(iri.rfind("/"), iri.rfind("#")) + 1
        prefix = next((prefix for prefix, namespace in self.prefixes.items() if namespace == iri[:cut]), "")
        return (prefix, iri[:cut]) if prefix and _PLAIN_NAME.fullmatch(iri[cut:]) else ("", "")


def _rank(term: VocabularyTerm, text: str, lists: set[str]) -> tuple[bool, int, int, int, str]:
    is_value = term.kind == CODE and not lists.isdisjoint(term.lists)
    label = term.label.casefold()
    if text in {label, term.notation.casefold()}:
        place = 0
    elif label.startswith(text) or (term.notation and term.notation.casefold().startswith(text)):
        place = 1
    else:
        place = 2 if f" {text}" in term.text else 3
    return not is_value, place, _RANKS[term.kind], len(label), term.iri


def index_terms(serving: Serving) -> TermIndex:
    """Collect the terms of a release: what it declares, the terms of vocabularies it uses, and every code."""
    declared = {one.iri: one for one in _declared(serving)}
    standard = [one for one in _standard() if one.iri not in declared]
    found = (*declared.values(), *standard, *_codes(serving))
    labels = {one.iri: one.label for one in declared.values() if one.kind == KINDS[SKOS.ConceptScheme]}
    return TermIndex(found, prefixes(serving, labels), labels)


def prefixes(serving: Serving, lists: Iterable[str]) -> dict[str, str]:
    """Give prefixes for everything there is: vocabularies, parts of this site, areas, periods, codes by their list."""
    start = serving.site.iri("/def/concept-scheme/")
    names = [iri.removeprefix(start) for iri in lists if iri.startswith(start)]
    codes = {name: serving.site.iri(f"/def/concept/{name}/") for name in names if _PLAIN_NAME.fullmatch(name)}
    periods = {name: f"{PERIOD}{name}/" for name in _PERIODS}
    parts = {"data": serving.site.iri("/data/"), "property": serving.site.iri("/def/property/")}
    return codes | periods | {"area": AREA} | parts | serving.prefixes


def known_prefixes(serving: Serving) -> dict[str, str]:
    """Give the same without collecting terms: code lists are those that have a folder."""
    lists = (folder.name for folder in serving.release.manifest.folders if folder.kind == CODE_LIST)
    return prefixes(serving, (serving.site.iri(f"/def/concept-scheme/{name}") for name in lists))


def _declared(serving: Serving) -> Iterator[VocabularyTerm]:
    types: dict[NamedNode, set[NamedNode]] = {}
    lists: dict[NamedNode, dict[str, None]] = {}
    for row in serving.source.select(page_query("vocabulary"), {}):
        term, kind, code_list = row["term"], row["type"], row.get("codeList")
        if isinstance(term, NamedNode) and isinstance(kind, NamedNode):
            types.setdefault(term, set()).add(kind)
            lists.setdefault(term, {}).update({code_list.value: None} if isinstance(code_list, NamedNode) else {})
    names = serving.labels.of(types)
    for term, of_term in types.items():
        kind_text = next(text for kind, text in KINDS.items() if kind in of_term)
        yield _term(term.value, names[term], kind_text, lists=tuple(lists[term]))


def _standard() -> Iterator[VocabularyTerm]:
    for vocabulary in vars(terms).values():
        if isinstance(vocabulary, type) and getattr(vocabulary, "NAMESPACE", None) in PREFIXES.values():
            for term in vars(vocabulary).values():
                if isinstance(term, NamedNode):
                    last = re.split("[/#]", term.value)[-1]
                    kind = KINDS[RDFS.Class if last[:1].isupper() else RDF.Property]
                    yield _term(term.value, local_name(term.value), kind)


def _codes(serving: Serving) -> Iterator[VocabularyTerm]:
    names: dict[str, tuple[str, str]] = {}
    lists: dict[str, dict[str, None]] = {}
    for row in serving.source.select(page_query("code-names"), {}):
        code, scheme, label, notation = (row.get(name) for name in ("code", "scheme", "label", "notation"))
        if isinstance(code, NamedNode) and isinstance(scheme, NamedNode) and isinstance(label, Literal):
            names.setdefault(code.value, (label.value, notation.value if isinstance(notation, Literal) else ""))
            lists.setdefault(code.value, {})[scheme.value] = None
    for iri, (text, short) in names.items():
        yield _term(iri, text, CODE, notation=short, lists=tuple(lists[iri]))


def _term(iri: str, label: str, kind: str, *, notation: str = "", lists: tuple[str, ...] = ()) -> VocabularyTerm:
    last = re.split("[/#]", iri)[-1].replace("-", " ")
    text = f" {label} {notation} {last}".casefold()
    return VocabularyTerm(iri, label, kind, notation, lists, text)


def terms_answer(request: Request, serving: Serving) -> Response:
    """Answer with the terms that fit `q`, or without it with the prefixes and everything but codes."""
    text, about = (request.query_params.get(name, "") for name in ("q", "property"))
    if len(text) > LONGEST:
        detail = f"'q' may have up to {LONGEST} characters"
        raise bad_request(detail)
    form = choose_form(request, (JSON_DOCUMENT,))
    tag = entity_tag(serving, form, repr(("terms", text, about)))
    return answer(request, form, tag, [], partial(terms_document, serving.terms, text, about))


def terms_document(index: TermIndex, text: str, about: str = "") -> bytes:
    """Write terms as JSON."""
    document: dict[str, object] = {}
    if text.strip():
        found = index.find(text, about)
    else:
        document["prefixes"] = index.prefixes
        found = [term for term in index.terms if term.kind != CODE]
    document["terms"] = [_entry(index, term) for term in found]
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


def _entry(index: TermIndex, term: VocabularyTerm) -> dict[str, str]:
    prefix, namespace = index.name(term.iri)
    entry = {"iri": term.iri, "label": term.label, "kind": term.kind}
    entry |= {"prefix": prefix, "namespace": namespace} if prefix else {}
    name = next((index.labels[one] for one in term.lists if one in index.labels), "")
    return entry | ({"list": name} if name and term.kind == CODE else {})
