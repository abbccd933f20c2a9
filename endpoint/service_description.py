"""Describe the query service to programs (SPARQL 1.1 Service Description)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from loader.uris import Uris
from ontology.terms import DCT, RDF, RDFS, SD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from endpoint.serving import Serving

FORMATS: Final = "http://www.w3.org/ns/formats/"
RESULT_FORMATS: Final = (
    "SPARQL_Results_JSON",
    "SPARQL_Results_XML",
    "SPARQL_Results_CSV",
    "SPARQL_Results_TSV",
    "Turtle",
    "N-Triples",
    "RDF_XML",
    "JSON-LD",
)


def service_description(serving: Serving, others: Iterable[str] = ()) -> list[Triple]:
    """Give the description as triples: what is understood, how it answers, and which graphs there are.

    `others` are the services that queries may call.
    """
    uris = Uris.of(serving.release.manifest.base_uri)
    service = uris.sparql()
    dataset, default = NamedNode(f"{service.value}#dataset"), NamedNode(f"{service.value}#default-graph")
    triples = [
        Triple(service, RDF.type, SD.Service),
        Triple(service, RDFS.label, Literal("SPARQL query service", language="en")),
        Triple(service, SD.endpoint, service),
        Triple(service, SD.supportedLanguage, SD.SPARQL11Query),
        Triple(service, SD.feature, SD.UnionDefaultGraph),
        *(Triple(service, SD.resultFormat, NamedNode(FORMATS + name)) for name in RESULT_FORMATS),
        Triple(service, SD.defaultDataset, dataset),
        Triple(dataset, RDF.type, SD.Dataset),
        Triple(dataset, SD.defaultGraph, default),
        Triple(default, RDF.type, SD.Graph),
    ]
    for number, (graph, title) in enumerate(_graphs(serving), 1):
        named = NamedNode(f"{service.value}#graph-{number}")
        triples += [
            Triple(dataset, SD.namedGraph, named),
            Triple(named, RDF.type, SD.NamedGraph),
            Triple(named, SD.name, NamedNode(graph)),
            Triple(named, DCT.title, Literal(title, language="en")),
        ]
    for number, other in enumerate(sorted(others), 1):
        called, address = NamedNode(f"{service.value}#service-{number}"), NamedNode(other)
        triples += [
            *([Triple(service, SD.feature, SD.BasicFederatedQuery)] if number == 1 else []),
            Triple(service, DCT.references, called),
            Triple(called, RDF.type, SD.Service),
            Triple(called, SD.endpoint, address),
        ]
    return triples


def _graphs(serving: Serving) -> list[tuple[str, str]]:
    """Give the named graphs of datasets, code lists and RDF files, each with what it is called."""
    manifest = serving.release.manifest
    files = [(one.graph, f"File {file.input.path}") for file in manifest.graph_files for one in file.graphs]
    return [*((folder.graph, folder.title) for folder in manifest.folders), *files]
