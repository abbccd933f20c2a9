"""Describe datasets and code lists from their `source.toml`: DCAT, Dublin Core and SKOS triples.

The figures' own graph says what a dataset is to the Data Cube vocabulary; the catalogue graph says whose it is, under
which licence, and where to get it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from loader.release import file_record
from ontology.terms import ADMS, DCAT, DCT, QB, RDF, RDFS, SD, SKOS, SPDX, XSD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.mapping import Mapping
    from loader.release import FileRecord
    from loader.uris import Uris

EU_FREQUENCY: Final = "http://publications.europa.eu/resource/authority/frequency/"
FREQUENCIES: Final = {
    "monthly": "MONTHLY",
    "quarterly": "QUARTERLY",
    "annual": "ANNUAL",
    "irregular": "IRREG",
    "never": "NEVER",
}
IANA: Final = "https://www.iana.org/assignments/media-types/"
TABLE_NOTE: Final = "The table itself: its cells are the texts that were read. RDF has their values in canonical form."
SAMPLE_NOTE: Final = "Sample: the figures are invented to show the structure. They are not published statistics."


def english(text: str) -> Literal:
    """Make a literal of English text."""
    return Literal(text, language="en")


def scheme_triples(mapping: Mapping, uris: Uris) -> Iterator[Triple]:
    """Yield the description of a code list."""
    node = uris.scheme(mapping.name)
    about = mapping.description
    yield Triple(node, RDF.type, SKOS.ConceptScheme)
    yield Triple(node, RDFS.label, english(about.title))
    yield Triple(node, SKOS.prefLabel, english(about.title))
    yield Triple(node, DCT.description, english(about.description))
    yield Triple(node, DCT.publisher, NamedNode(about.publisher))
    yield Triple(node, DCT.license, NamedNode(about.licence))
    if about.notes:
        yield Triple(node, SKOS.note, english(about.notes))


def named_graph_triples(graph: str, file: str) -> Iterator[Triple]:
    """Yield the description of a named graph that is in the release as a file has it."""
    node = NamedNode(graph)
    yield Triple(node, RDF.type, SD.NamedGraph)
    yield Triple(node, SD.name, node)
    yield Triple(node, RDFS.label, english(f"Named graph of the file {file}"))


def dataset_triples(mapping: Mapping, uris: Uris, tables: list[Path], *, is_shipped: bool) -> Iterator[Triple]:
    """Yield the catalogue's description of a dataset and of its downloadable tables.

    `is_shipped` says that the tables are those in the mapping folder, not read from published files.
    """
    node = uris.dataset(mapping.name)
    about = mapping.description
    yield Triple(uris.catalogue(), DCAT.dataset, node)
    yield Triple(node, RDF.type, DCAT.Dataset)
    yield Triple(node, DCT.title, english(about.title))
    yield Triple(node, DCT.description, english(about.description))
    yield Triple(node, DCT.identifier, Literal(node.value))
    yield Triple(node, DCT.publisher, NamedNode(about.publisher))
    yield Triple(node, DCT.license, NamedNode(about.licence))
    for keyword in about.keywords:
        yield Triple(node, DCAT.keyword, english(keyword))
    if about.landing_page:
        yield Triple(node, DCAT.landingPage, NamedNode(about.landing_page))
    if about.issued:
        yield Triple(node, DCT.issued, Literal(about.issued.isoformat(), datatype=XSD.date))
    if about.frequency:
        yield Triple(node, DCT.accrualPeriodicity, NamedNode(EU_FREQUENCY + FREQUENCIES[about.frequency]))
    if about.notes:
        yield Triple(node, SKOS.note, english(about.notes))
    if about.shipped_note and is_shipped:
        yield Triple(node, SKOS.note, english(about.shipped_note))
    yield from _sources(mapping, node)
    yield from _version(mapping, uris)
    for path in tables:
        yield from _distribution(mapping, uris, path)


def _sources(mapping: Mapping, node: NamedNode) -> Iterator[Triple]:
    for file in mapping.files:
        if file.url and file.url.startswith(("http://", "https://")):
            yield Triple(node, DCT.source, NamedNode(file.url))


def version_node(mapping: Mapping, uris: Uris) -> NamedNode:
    """Name the version of a dataset that its quads are in; for a code list, the list itself."""
    if mapping.is_code_list:
        return uris.scheme(mapping.name)
    return uris.version(mapping.name, mapping.description.edition or "current", mapping.description.version)


def _version(mapping: Mapping, uris: Uris) -> Iterator[Triple]:
    node = uris.dataset(mapping.name)
    version = version_node(mapping, uris)
    label = f"{mapping.description.title}, edition {mapping.description.edition}, version {mapping.description.version}"
    yield Triple(node, DCT.hasVersion, version)
    yield Triple(version, DCT.isVersionOf, node)
    yield Triple(version, RDFS.label, english(label))


def checksum_triples(node: NamedNode, record: FileRecord) -> Iterator[Triple]:
    """Yield the SHA-256 of a file."""
    yield Triple(node, RDF.type, SPDX.Checksum)
    yield Triple(node, RDFS.label, Literal(f"SHA-256 {record.sha256}"))
    yield Triple(node, SPDX.algorithm, SPDX.checksumAlgorithm_sha256)
    yield Triple(node, SPDX.checksumValue, Literal(record.sha256, datatype=XSD.hexBinary))


def _distribution(mapping: Mapping, uris: Uris, path: Path) -> Iterator[Triple]:
    dataset = uris.dataset(mapping.name)
    node = uris.distribution(mapping.name, path.name)
    download = uris.download(mapping.name, path.name)
    title = f"{mapping.description.title}: {path.name}"
    yield Triple(dataset, DCAT.distribution, node)
    yield Triple(node, RDF.type, DCAT.Distribution)
    yield Triple(node, RDFS.label, english(title))
    yield Triple(node, DCT.title, english(title))
    yield Triple(node, DCAT.downloadURL, download)
    yield Triple(node, DCAT.accessURL, dataset)
    yield Triple(node, DCT.format, Literal("CSV"))
    yield Triple(node, DCAT.mediaType, NamedNode(f"{IANA}text/csv"))
    record, checksum = file_record(path, path.name), uris.part(node, "sha256")
    yield Triple(node, DCT.description, english(TABLE_NOTE))
    yield Triple(node, DCAT.byteSize, Literal(str(record.size_bytes), datatype=XSD.integer))
    yield Triple(node, SPDX.checksum, checksum)
    yield from checksum_triples(checksum, record)
    yield Triple(node, DCT.license, NamedNode(mapping.description.licence))
    if mapping.description.is_sample:
        yield Triple(node, ADMS.status, ADMS.sample)


def catalogue_triples(uris: Uris) -> Iterator[Triple]:
    """Yield the description of the catalogue itself and of the query service."""
    node = uris.catalogue()
    service = uris.sparql()
    title = "DWP linked data"
    yield Triple(node, RDF.type, DCAT.Catalog)
    yield Triple(node, RDFS.label, english(title))
    yield Triple(node, DCT.title, english(title))
    yield Triple(
        node,
        DCT.description,
        english("Statistics, procurement and complaint data of the Department for Work and Pensions as linked data."),
    )
    yield Triple(node, DCAT.service, service)
    yield Triple(service, RDF.type, DCAT.DataService)
    yield Triple(service, RDFS.label, english("SPARQL query service"))
    yield Triple(service, DCT.title, english("SPARQL query service"))
    yield Triple(service, DCAT.endpointURL, service)


def graph_triples(mapping: Mapping, uris: Uris, *, is_cube: bool) -> Iterator[Triple]:
    """Yield what a dataset's own graph says of it: its label, and its data set if it is no cube."""
    if mapping.is_code_list:
        yield from scheme_triples(mapping, uris)
        return
    node = uris.dataset(mapping.name)
    yield Triple(node, RDFS.label, english(mapping.description.title))
    if is_cube:
        yield Triple(node, RDF.type, QB.DataSet)
    if mapping.description.is_sample:
        yield Triple(node, ADMS.status, ADMS.sample)
        yield Triple(node, RDFS.comment, english(SAMPLE_NOTE))
