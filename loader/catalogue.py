"""Describe datasets and code lists from their `source.toml`: DCAT, Dublin Core and SKOS triples (docs/catalogue.md).

The figures' own graph says what a dataset is to the Data Cube vocabulary; the catalogue graph says whose it is, under
which licence, what it covers, and where to get it. It has no clock: days that a release decides are added by whoever
serves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pyoxigraph import Literal, NamedNode, Triple

from loader.entry import THEMES, Contact, Series
from loader.errors import Problem
from loader.kept import stream_triples
from loader.uris import OGL_3, slug
from ontology.terms import ADMS, DCAT, DCT, FOAF, PROV, QB, RDF, RDFS, SD, SKOS, SPDX, VCARD, XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from loader.coverage import Coverage
    from loader.mapping import Mapping
    from loader.release import FileRecord
    from loader.uris import Uris

TITLE: Final = "DWP linked data"
EU: Final = "http://publications.europa.eu/resource/authority/"
EU_FREQUENCY: Final = f"{EU}frequency/"
FREQUENCIES: Final = {
    "monthly": "MONTHLY",
    "quarterly": "QUARTERLY",
    "annual": "ANNUAL",
    "irregular": "IRREG",
    "never": "NEVER",
}
RECURRING: Final = ("monthly", "quarterly", "annual")
"""Frequencies of what is a series without saying so."""
ENGLISH: Final = NamedNode(f"{EU}language/ENG")
PUBLIC: Final = NamedNode(f"{EU}access-right/PUBLIC")
TAXONOMY: Final = NamedNode(f"{EU}data-theme")
TOPICS: Final = "https://www.data.gov.uk/search?filters%5Btopic%5D="
AREA: Final = "http://statistics.data.gov.uk/id/statistical-geography/"
LICENCE: Final = NamedNode(OGL_3)
"""Of the catalogue itself."""
CUBE_STANDARD: Final = NamedNode("https://www.w3.org/TR/vocab-data-cube/")
SPARQL_STANDARD: Final = NamedNode("https://www.w3.org/TR/sparql11-protocol/")
SAMPLE_NOTE: Final = "Sample: the figures are invented to show the structure. They are not published statistics."
ABOUT_US: Final = "Whoever runs this site: not the department whose data is published here, unless it says so itself."


def english(text: str) -> Literal:
    """Make a literal of English text."""
    return Literal(text, language="en")


def day(value: date) -> Literal:
    """Make a literal of a day."""
    return Literal(value.isoformat(), datatype=XSD.date)


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


def dataset_triples(
    mapping: Mapping, uris: Uris, covered: Coverage, publisher: str, *, is_shipped: bool
) -> Iterator[Triple]:
    """Yield the catalogue's description of a dataset, but for its files; `publisher` is the name of its publisher.

    `is_shipped` says that the tables are those in the mapping folder, not read from published files.
    """
    node = uris.dataset(mapping.name)
    about = mapping.description
    yield Triple(uris.catalogue(), DCAT.dataset, node)
    yield Triple(uris.sparql(), DCAT.servesDataset, node)
    yield Triple(node, RDF.type, DCAT.Dataset)
    yield Triple(node, DCT.title, english(about.title))
    yield Triple(node, DCT.description, english(about.description))
    yield Triple(node, DCT.identifier, Literal(node.value))
    yield Triple(node, DCT.publisher, NamedNode(about.publisher))
    yield Triple(node, DCT.license, NamedNode(about.licence))
    yield Triple(node, DCT.language, ENGLISH)
    yield Triple(node, DCT.accessRights, PUBLIC)
    for keyword in about.keywords:
        yield Triple(node, DCAT.keyword, english(keyword))
    if about.landing_page:
        yield Triple(node, DCAT.landingPage, NamedNode(about.landing_page))
        yield from _outside_page(about.landing_page)
    if about.issued:
        yield Triple(node, DCT.issued, day(about.issued))
    if about.frequency:
        yield Triple(node, DCT.accrualPeriodicity, NamedNode(EU_FREQUENCY + FREQUENCIES[about.frequency]))
    if about.notes:
        yield Triple(node, SKOS.note, english(about.notes))
    if about.shipped_note and is_shipped:
        yield Triple(node, SKOS.note, english(about.shipped_note))
    yield from _themes(mapping, node)
    yield from _coverage(mapping, uris, covered)
    contact = contact_of(mapping, publisher)
    yield from _contact(contact, uris, node)
    yield from _series(mapping, contact, uris)
    yield from _sources(mapping, node)
    yield from _version(mapping, uris)


def _themes(mapping: Mapping, node: NamedNode) -> Iterator[Triple]:
    for theme in mapping.description.entry.themes:
        topic, code = THEMES[theme]
        yield Triple(node, DCAT.theme, NamedNode(TOPICS + topic.replace(" ", "+")))
        yield Triple(node, DCAT.theme, NamedNode(f"{TAXONOMY.value}/{code}"))


def _coverage(mapping: Mapping, uris: Uris, covered: Coverage) -> Iterator[Triple]:
    node = uris.dataset(mapping.name)
    for code in covered.areas:
        area = NamedNode(AREA + code)
        yield Triple(node, DCT.spatial, area)
        yield Triple(area, RDF.type, DCT.Location)
    if covered.first is not None and covered.last is not None:
        period = uris.coverage(mapping.name)
        yield Triple(node, DCT.temporal, period)
        yield Triple(period, RDF.type, DCT.PeriodOfTime)
        yield Triple(period, RDFS.label, english(f"{covered.first.isoformat()} to {covered.last.isoformat()}"))
        yield Triple(period, DCAT.startDate, day(covered.first))
        yield Triple(period, DCAT.endDate, day(covered.last))


def contact_of(mapping: Mapping, publisher: str) -> Contact:
    """Give whom to ask: the team that `source.toml` names, or else the publisher, at its own address."""
    address = mapping.description.publisher
    return mapping.description.entry.contact or Contact(publisher, None, address)


def _contact(contact: Contact, uris: Uris, node: NamedNode) -> Iterator[Triple]:
    vcard = uris.contact(slug(contact.name) or "publisher")
    yield Triple(node, DCAT.contactPoint, vcard)
    yield Triple(vcard, RDF.type, VCARD.Kind)
    yield Triple(vcard, RDF.type, VCARD.Organization)
    yield Triple(vcard, RDFS.label, english(contact.name))
    yield Triple(vcard, VCARD.fn, english(contact.name))
    if contact.email:
        yield Triple(vcard, VCARD.hasEmail, NamedNode(f"mailto:{contact.email}"))
    if contact.page:
        yield Triple(vcard, VCARD.hasURL, NamedNode(contact.page))


def series_of(mapping: Mapping) -> Series | None:
    """Give the series that a dataset is in: the one it names, or one of its own if it recurs."""
    about = mapping.description
    if about.entry.series is None and about.frequency in RECURRING:
        return Series(mapping.name, about.title, about.description)
    return about.entry.series


def _series(mapping: Mapping, contact: Contact, uris: Uris) -> Iterator[Triple]:
    about, series = mapping.description, series_of(mapping)
    dataset = uris.dataset(mapping.name)
    node = dataset if series is None else uris.series(series.name)
    if about.entry.next_release is not None:
        yield Triple(node, uris.property("next-release"), day(about.entry.next_release))
    if series is None:
        return
    yield Triple(dataset, DCAT.inSeries, node)
    yield Triple(node, RDF.type, DCAT.DatasetSeries)
    yield Triple(node, RDFS.label, english(f"{series.title} (series)"))
    yield Triple(node, DCT.title, english(series.title))
    yield Triple(node, DCT.description, english(series.description))
    yield Triple(node, DCT.publisher, NamedNode(about.publisher))
    if about.frequency:
        yield Triple(node, DCT.accrualPeriodicity, NamedNode(EU_FREQUENCY + FREQUENCIES[about.frequency]))
    yield from _contact(contact, uris, node)


def _sources(mapping: Mapping, node: NamedNode) -> Iterator[Triple]:
    """Name the published files. They are files, and no datasets, which `dct:source` would make of them."""
    for file in mapping.files:
        if file.url and file.url.startswith(("http://", "https://")):
            yield Triple(node, PROV.wasDerivedFrom, NamedNode(file.url))


def version_node(mapping: Mapping, uris: Uris) -> NamedNode:
    """Name the version of a dataset that its quads are in; for a code list, the list itself."""
    if mapping.is_code_list:
        return uris.scheme(mapping.name)
    return uris.version(mapping.name, mapping.description.edition or "current", mapping.description.version)


def _version(mapping: Mapping, uris: Uris) -> Iterator[Triple]:
    node = uris.dataset(mapping.name)
    about = mapping.description
    version = version_node(mapping, uris)
    label = f"{about.title}, edition {about.edition}, version {about.version}"
    number = Literal(f"{about.edition or 'current'}, version {about.version}")
    yield Triple(node, DCT.hasVersion, version)
    yield Triple(node, DCAT.hasCurrentVersion, version)
    yield Triple(node, DCAT.version, number)
    yield Triple(node, PROV.wasGeneratedBy, uris.build_of(version))
    yield Triple(version, DCT.isVersionOf, node)
    yield Triple(version, DCAT.isVersionOf, node)
    yield Triple(version, DCAT.version, number)
    yield Triple(version, RDFS.label, english(label))


def _outside_page(address: str) -> Iterator[Triple]:
    """Yield what a page of the publisher is."""
    page = NamedNode(address)
    yield Triple(page, RDF.type, FOAF.Document)
    yield Triple(page, RDFS.label, english(f"Page of the publisher at {urlsplit(address).hostname}"))


def disagreements(mappings: Iterable[Mapping]) -> Iterator[Problem]:
    """Yield the series and contacts of which two datasets say different things; everything else is said of one."""
    said: dict[tuple[str, str], tuple[Contact | Series, str]] = {}
    for mapping in mappings:
        entry = mapping.description.entry
        named: list[tuple[str, str, Contact | Series]] = []
        if (series := series_of(mapping)) is not None:
            named.append(("series", series.name, series))
        if entry.contact is not None:
            named.append(("contact", slug(entry.contact.name), entry.contact))
        for kind, name, value in named:
            first, folder = said.setdefault((kind, name), (value, mapping.name))
            if first != value:
                message = f"the {kind} '{name}' is described otherwise than in {folder}"
                hint = "say the same of it in both files, or give one of them another name"
                yield Problem("MAP-12", str(mapping.folder / "source.toml"), message, hint)


def checksum_triples(node: NamedNode, record: FileRecord) -> Iterator[Triple]:
    """Yield the SHA-256 of a file."""
    yield Triple(node, RDF.type, SPDX.Checksum)
    yield Triple(node, RDFS.label, Literal(f"SHA-256 {record.sha256}"))
    yield Triple(node, SPDX.algorithm, SPDX.checksumAlgorithm_sha256)
    yield Triple(node, SPDX.checksumValue, Literal(record.sha256, datatype=XSD.hexBinary))


def catalogue_triples(uris: Uris) -> Iterator[Triple]:
    """Yield the description of the catalogue itself, of who publishes it, and of the query service."""
    node, agent = uris.catalogue(), uris.catalogue_publisher()
    described = "Statistics, procurement and complaint data of the Department for Work and Pensions as linked data."
    yield Triple(node, RDF.type, DCAT.Catalog)
    yield Triple(node, RDFS.label, english(TITLE))
    yield Triple(node, DCT.title, english(TITLE))
    yield Triple(node, DCT.description, english(described))
    yield Triple(node, DCT.publisher, agent)
    yield Triple(node, DCT.license, LICENCE)
    yield Triple(node, DCT.language, ENGLISH)
    yield Triple(node, DCAT.themeTaxonomy, TAXONOMY)
    yield Triple(node, DCAT.service, uris.sparql())
    yield Triple(agent, RDF.type, FOAF.Agent)
    yield Triple(agent, RDFS.label, english(TITLE))
    yield Triple(agent, FOAF.name, english(TITLE))
    yield Triple(agent, RDFS.comment, english(ABOUT_US))
    yield Triple(node, RDFS.seeAlso, uris.events())
    yield from stream_triples(uris)
    yield from _service(uris)


def _service(uris: Uris) -> Iterator[Triple]:
    service, title = uris.sparql(), "SPARQL query service"
    described = "Answers SPARQL 1.1 queries about every dataset and code list. Without a query it describes itself."
    yield Triple(service, RDF.type, DCAT.DataService)
    yield Triple(service, RDFS.label, english(title))
    yield Triple(service, DCT.title, english(title))
    yield Triple(service, DCT.description, english(described))
    yield Triple(service, DCT.publisher, uris.catalogue_publisher())
    yield Triple(service, DCT.license, LICENCE)
    yield Triple(service, DCT.accessRights, PUBLIC)
    yield Triple(service, DCT.conformsTo, SPARQL_STANDARD)
    yield Triple(service, DCAT.endpointURL, service)
    yield Triple(service, DCAT.endpointDescription, service)


def graph_triples(mapping: Mapping, uris: Uris, *, is_cube: bool) -> Iterator[Triple]:
    """Yield what a dataset's own graph says of it: its label, and its data set if it is no cube."""
    if mapping.is_code_list:
        yield from scheme_triples(mapping, uris)
        return
    node = uris.dataset(mapping.name)
    yield Triple(node, RDFS.label, english(mapping.description.title))
    if is_cube:
        yield Triple(node, RDF.type, QB.DataSet)
        yield Triple(node, DCT.conformsTo, CUBE_STANDARD)
    if mapping.description.is_sample:
        yield Triple(node, ADMS.status, ADMS.sample)
        yield Triple(node, RDFS.comment, english(SAMPLE_NOTE))
