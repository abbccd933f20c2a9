"""Describe the files that a dataset can be had as: tables, their CSVW metadata, and dumps (DCAT 3 §6.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from loader.catalogue import EU, checksum_triples, english
from loader.release import file_record
from ontology.terms import ADMS, DCAT, DCT, RDF, RDFS, SPDX, XSD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.mapping import Mapping
    from loader.uris import Uris

IANA: Final = "https://www.iana.org/assignments/media-types/"
FILE_TYPE: Final = f"{EU}file-type/"
TABLE_NOTE: Final = "Its cells are the texts that were read; RDF has their values in canonical form."
TABLE_STANDARD: Final = NamedNode("https://www.w3.org/TR/tabular-data-model/")


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a file has."""

    file_type: str
    """Code in the list of file types of European portals."""
    media_type: str
    """What the server says it is."""
    title: str


CSV: Final = Form("CSV", "text/csv", "table")
CSVW: Final = Form("JSON", "application/csvm+json", "metadata of the table (CSV on the Web)")
DUMPS: Final = {
    "parquet": Form("PARQUET", "application/vnd.apache.parquet", "table with labels (Parquet)"),
    "nt.gz": Form("RDF_N_TRIPLES", "application/gzip", "everything (N-Triples)"),
    "nq.gz": Form("RDF_N_QUADS", "application/gzip", "everything, with its graph (N-Quads)"),
}
"""Dumps by the ending of their names; those ending in gz are compressed."""


def distribution_triples(mapping: Mapping, uris: Uris, tables: list[Path]) -> Iterator[Triple]:
    """Yield the description of every file of a dataset, the table first."""
    for path in tables:
        yield from _file(mapping, uris, path.name, CSV, uris.download(mapping.name, path.name))
        node = uris.distribution(mapping.name, path.name)
        record, checksum = file_record(path, path.name), uris.part(node, "sha256")
        yield Triple(node, DCAT.byteSize, Literal(str(record.size_bytes), datatype=XSD.integer))
        yield Triple(node, SPDX.checksum, checksum)
        yield from checksum_triples(checksum, record)
        yield Triple(node, RDFS.comment, english(TABLE_NOTE))
        yield Triple(node, DCT.conformsTo, TABLE_STANDARD)
        document = f"{path.name}-metadata.json"
        yield from _file(mapping, uris, document, CSVW, uris.download(mapping.name, document))
    for ending, form in DUMPS.items():
        name = f"{mapping.name}.{ending}"
        yield from _file(mapping, uris, name, form, uris.dump(mapping.name, ending))
        if ending.endswith(".gz"):
            node = uris.distribution(mapping.name, name)
            yield Triple(node, DCAT.compressFormat, NamedNode(f"{IANA}application/gzip"))


def _file(mapping: Mapping, uris: Uris, name: str, form: Form, download: NamedNode) -> Iterator[Triple]:
    dataset = uris.dataset(mapping.name)
    node = uris.distribution(mapping.name, name)
    title = english(f"{mapping.description.title}: {name}")
    yield Triple(dataset, DCAT.distribution, node)
    yield Triple(node, RDF.type, DCAT.Distribution)
    yield Triple(node, RDFS.label, title)
    yield Triple(node, DCT.title, title)
    yield Triple(node, DCT.description, english(f"{mapping.description.title}: {form.title}."))
    yield Triple(node, DCAT.downloadURL, download)
    yield Triple(node, DCAT.accessURL, dataset)
    yield Triple(node, DCT.format, NamedNode(FILE_TYPE + form.file_type))
    yield Triple(node, DCAT.mediaType, NamedNode(IANA + form.media_type))
    yield Triple(node, DCT.license, NamedNode(mapping.description.licence))
    if mapping.description.is_sample:
        yield Triple(node, ADMS.status, ADMS.sample)
