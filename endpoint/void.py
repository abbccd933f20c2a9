"""`/.well-known/void`: what the site holds and how to get it, for crawlers (VoID, W3C Interest Group Note).

Numbers are counted in the release when the description is first asked for, and kept as long as it is served.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pyoxigraph import Literal, NamedNode, Triple

from endpoint.answers import answer, choose_form, entity_tag, link
from endpoint.dumps import ALL, PLACE
from endpoint.media import RDF_FORMS
from endpoint.results import write_graph
from endpoint.service_description import FORMATS
from endpoint.source import page_query
from loader.dumps import dump_folder, dump_names
from loader.uris import OGL_3, Uris
from ontology.terms import DCT, FOAF, OWL, RDF, RDFS, SKOS, VOID, XSD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.serving import Serving
    from endpoint.source import Term

PATH: Final = "/.well-known/void"
FEATURES: Final = ("Turtle", "N-Triples", "RDF_XML", "JSON-LD")
LINKS: Final = (SKOS.exactMatch, SKOS.closeMatch, SKOS.broadMatch, SKOS.relatedMatch, OWL.sameAs)
"""Properties that say what a thing is called elsewhere."""


def void_answer(request: Request, serving: Serving) -> Response:
    """Answer with the description, in the form asked for."""
    form = choose_form(request, RDF_FORMS)
    links = [link("/sparql", rel="service-desc"), link("/catalogue", rel="related")]
    tag = entity_tag(serving, form, "void")
    return answer(request, form, tag, links, lambda: write_graph(serving.void, form, serving.prefixes))


def describe_void(serving: Serving) -> list[Triple]:
    """Describe the whole dataset, its parts and its links."""
    uris = Uris.of(serving.release.manifest.base_uri)
    whole, document = uris.void("dataset"), uris.void()
    counted = {name: _counts(serving, name) for name in ("classes", "properties")}
    triples = [
        Triple(document, RDF.type, VOID.DatasetDescription),
        Triple(document, DCT.title, Literal("Description of the dataset", language="en")),
        Triple(document, FOAF.primaryTopic, whole),
        Triple(whole, RDF.type, VOID.Dataset),
        Triple(whole, DCT.title, Literal("Linked data of the Department for Work and Pensions", language="en")),
        Triple(whole, DCT.license, NamedNode(OGL_3)),
        Triple(whole, DCT.modified, Literal(serving.release.manifest.created, datatype=XSD.dateTime)),
        Triple(whole, VOID.uriSpace, Literal(uris.root)),
        Triple(whole, VOID.sparqlEndpoint, uris.sparql()),
        Triple(whole, VOID.dataDump, NamedNode(serving.site.iri(f"{PLACE}{ALL}.nq.gz"))),
        Triple(whole, VOID.rootResource, uris.catalogue()),
        Triple(whole, VOID.openSearchDescription, NamedNode(serving.site.iri("/opensearch.xml"))),
        Triple(whole, VOID.triples, _number(sum(counted["properties"].values()))),
        *(Triple(whole, VOID.feature, NamedNode(FORMATS + name)) for name in FEATURES),
        *(Triple(whole, VOID.exampleResource, node) for node in _examples(counted["classes"], serving)),
        *(Triple(whole, VOID.vocabulary, NamedNode(name)) for name in vocabularies(serving, counted)),
    ]
    return [
        *triples,
        *_partitions(serving, uris, counted["classes"], VOID.classPartition, VOID.class_, VOID.entities),
        *_partitions(serving, uris, counted["properties"], VOID.propertyPartition, VOID.property, VOID.triples),
        *_subsets(serving, uris),
        *_linksets(serving, uris),
    ]


def _number(number: int) -> Literal:
    return Literal(str(number), datatype=XSD.integer)


def _counts(serving: Serving, name: str) -> dict[NamedNode, int]:
    variable = {"classes": "class", "properties": "property"}[name]
    found: dict[NamedNode, int] = {}
    for row in serving.source.select(page_query(name), {}):
        term, count = row[variable], row["count"]
        if isinstance(term, NamedNode) and isinstance(count, Literal):
            found[term] = int(count.value)
    return found


def _examples(classes: dict[NamedNode, int], serving: Serving) -> Iterator[NamedNode]:
    """Give a thing of ours of each class."""
    given: set[str] = set()
    for kind in classes:
        for triple in serving.source.pointing_at(kind, 0, 50):
            subject = triple.subject
            is_ours = isinstance(subject, NamedNode) and serving.site.path(subject.value) is not None
            if isinstance(subject, NamedNode) and is_ours and triple.predicate == RDF.type:
                if subject.value not in given:
                    given.add(subject.value)
                    yield subject
                break


def vocabularies(serving: Serving, counted: dict[str, dict[NamedNode, int]]) -> list[str]:
    """Give the namespaces of the classes and properties in use, but for ours."""
    used = {
        term.value[: max(term.value.rfind("/"), term.value.rfind("#")) + 1] for one in counted.values() for term in one
    }
    return sorted(name for name in used if serving.site.path(name) is None)


def _partitions(
    serving: Serving, uris: Uris, counts: dict[NamedNode, int], kind: NamedNode, of: NamedNode, unit: NamedNode
) -> Iterator[Triple]:
    name, labels = "class" if kind == VOID.classPartition else "property", serving.labels.of(counts)
    for number, (term, count) in enumerate(counts.items(), 1):
        part = uris.void(f"{name}-{number}")
        yield Triple(uris.void("dataset"), kind, part)
        yield Triple(part, DCT.title, Literal(f"{name.capitalize()}: {labels[term]}", language="en"))
        yield Triple(part, of, term)
        yield Triple(part, unit, _number(count))


def _subsets(serving: Serving, uris: Uris) -> Iterator[Triple]:
    """Describe the named graphs that have a dump of their own."""
    for name in dump_names(serving.release):
        part, folder = uris.void(name), dump_folder(serving.release, name)
        yield Triple(uris.void("dataset"), VOID.subset, part)
        yield Triple(part, RDF.type, VOID.Dataset)
        yield Triple(part, DCT.title, Literal(folder.title if folder else name.capitalize(), language="en"))
        yield Triple(part, VOID.dataDump, NamedNode(serving.site.iri(f"{PLACE}{name}.nq.gz")))
        if folder is not None:
            yield Triple(part, VOID.triples, _number(folder.quads))
            yield Triple(part, VOID.rootResource, NamedNode(serving.site.iri(_root(serving, folder.graph))))
            yield from _stated(serving, uris, part, folder.name)


def _root(serving: Serving, graph: str) -> str:
    return (serving.site.path(graph) or "/").partition("/editions/")[0]


def _stated(serving: Serving, uris: Uris, part: NamedNode, name: str) -> Iterator[Triple]:
    """Repeat what the catalogue says of publisher and licence; the whole has every publisher."""
    for triple in serving.source.about([uris.dataset(name)], DCT.publisher, DCT.license):
        yield Triple(part, triple.predicate, triple.object)
        if triple.predicate == DCT.publisher:
            yield Triple(uris.void("dataset"), triple.predicate, triple.object)


def _linksets(serving: Serving, uris: Uris) -> Iterator[Triple]:
    """Describe the links to other sites: how many there are by property and site."""
    found: Counter[tuple[NamedNode, str]] = Counter()
    for predicate in LINKS:
        for row in serving.source.select(page_query("links"), {"property": predicate}):
            target = _site_of(row["value"])
            if target and serving.site.path(f"{target}/") is None:
                found[predicate, target] += 1
    for number, ((predicate, target), count) in enumerate(sorted(found.items(), key=str), 1):
        linkset, other = uris.void(f"linkset-{number}"), NamedNode(f"{target}/")
        title = f"{count:,} links to {urlsplit(target).netloc}"
        yield Triple(uris.void("dataset"), VOID.subset, linkset)
        yield Triple(linkset, RDF.type, VOID.Linkset)
        yield Triple(linkset, DCT.title, Literal(title, language="en"))
        yield Triple(linkset, VOID.subjectsTarget, uris.void("dataset"))
        yield Triple(linkset, VOID.objectsTarget, other)
        yield Triple(linkset, VOID.linkPredicate, predicate)
        yield Triple(linkset, VOID.triples, _number(count))
        yield Triple(other, RDFS.label, Literal(urlsplit(target).netloc))


def _site_of(term: Term) -> str:
    parts = urlsplit(term.value) if isinstance(term, NamedNode) else None
    return f"{parts.scheme}://{parts.netloc}" if parts is not None and parts.netloc else ""
