"""Say in RDF what a version of a dataset was made from, by which program, for whom (PROV-O; docs/quality.md).

The files and their hashes decide what is published, so they stand in the dataset's own graph. When it was made and
from which commit of the mappings does not: equal files would no longer give equal quads. That is in `manifest.json`.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from loader.catalogue import checksum_triples, english, version_node
from loader.mapping import packaged_mappings
from ontology.terms import DCAT, DCT, FOAF, OWL, PROV, RDF, RDFS, SPDX, XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Dictionary
    from pathlib import Path

    from loader.mapping import Mapping
    from loader.release import FileRecord
    from loader.sources import Tidied
    from loader.uris import Uris

log = logging.getLogger(__name__)

PROGRAM: Final = "dwpld"
MAPPINGS: Final = "mappings"
_INPUT: Final = "input"
_MAPPING: Final = "mapping"
_GIT_TIMEOUT_S: Final = 10
_NOT_MAPPING: Final = ("expected.ttl", "queries")
"""What is in a mapping folder and does not decide what is made of the published files."""


def input_node(mapping: Mapping, file: str, uris: Uris) -> NamedNode:
    """Name a file that was read for the edition of a dataset that the mapping is of."""
    return uris.made_from(version_node(mapping, uris), _INPUT, file)


def provenance_triples(mapping: Mapping, files: Iterable[FileRecord], tidied: Tidied, uris: Uris) -> Iterator[Triple]:
    """Yield what the graph of a dataset was made from; `files` are those of the mapping folder."""
    version = version_node(mapping, uris)
    activity = uris.build_of(version)
    yield Triple(version, RDF.type, PROV.Entity)
    yield Triple(version, PROV.wasGeneratedBy, activity)
    yield Triple(version, PROV.wasAttributedTo, NamedNode(mapping.description.publisher))
    yield Triple(activity, RDF.type, PROV.Activity)
    yield Triple(activity, RDFS.label, english(f"Conversion of {mapping.description.title}"))
    yield Triple(activity, PROV.wasAssociatedWith, software_node(uris))
    for table in mapping.tables:
        yield Triple(version, PROV.wasDerivedFrom, uris.distribution(mapping.name, table.csv.name))
    files = list(files)
    for record, url in _inputs(mapping, files, tidied):
        node = input_node(mapping, record.path, uris)
        yield Triple(version, PROV.wasDerivedFrom, node)
        yield Triple(activity, PROV.used, node)
        yield Triple(node, PROV.wasAttributedTo, NamedNode(mapping.description.publisher))
        yield from _file(node, record, uris)
        if url is not None and url.startswith(("http://", "https://")):
            yield Triple(node, DCT.source, NamedNode(url))
    tables = {table.csv.name for table in mapping.tables}
    for record in files:
        if record.path not in tables and record.path.partition("/")[0] not in _NOT_MAPPING:
            node = uris.made_from(version, _MAPPING, record.path)
            yield Triple(activity, PROV.used, node)
            yield Triple(node, RDF.type, PROV.Plan)
            yield from _file(node, record, uris)


def _inputs(mapping: Mapping, files: list[FileRecord], tidied: Tidied) -> Iterator[tuple[FileRecord, str | None]]:
    """Yield the files that rows came from: published files, and tables of the mapping folder that were taken."""
    for reading in tidied.readings:
        yield reading.record, reading.url
    taken = {table.csv.name for table in mapping.tables if table.name in tidied.shipped}
    yield from ((record, None) for record in files if record.path in taken)


def _file(node: NamedNode, record: FileRecord, uris: Uris) -> Iterator[Triple]:
    checksum = uris.part(node, "sha256")
    yield Triple(node, RDF.type, PROV.Entity)
    yield Triple(node, RDFS.label, Literal(record.path))
    yield Triple(node, DCAT.byteSize, Literal(str(record.size_bytes), datatype=XSD.integer))
    yield Triple(node, SPDX.checksum, checksum)
    yield from checksum_triples(checksum, record)


def software_node(uris: Uris) -> NamedNode:
    """Name this version of this program."""
    return uris.software(PROGRAM, importlib.metadata.version(PROGRAM))


def agent_triples(mappings: Iterable[Mapping], names: Dictionary[str, str], uris: Uris) -> Iterator[Triple]:
    """Yield what is said of program and publishers. Datasets share them, so it goes into the catalogue's graph.

    `names` are those the vocabulary gives, by IRI; a publisher that has none there is called by its address.
    """
    version = importlib.metadata.version(PROGRAM)
    node = software_node(uris)
    yield Triple(node, RDF.type, PROV.SoftwareAgent)
    yield Triple(node, RDFS.label, Literal(f"{PROGRAM} {version}"))
    yield Triple(node, OWL.versionInfo, Literal(version))
    for publisher in dict.fromkeys(mapping.description.publisher for mapping in mappings if not mapping.is_code_list):
        yield Triple(NamedNode(publisher), RDF.type, PROV.Agent)
        yield Triple(NamedNode(publisher), RDF.type, PROV.Organization)
        if publisher not in names:
            yield Triple(NamedNode(publisher), RDF.type, FOAF.Agent)
            yield Triple(NamedNode(publisher), FOAF.name, Literal(publisher))


def commit_of(mappings: Path | None) -> dict[str, str]:
    """Say which commit the mappings are of, for the list of software in `manifest.json`; nothing if none is certain."""
    commit = mapping_commit(packaged_mappings() if mappings is None else mappings)
    return {} if commit is None else {MAPPINGS: commit}


def mapping_commit(folder: Path) -> str | None:
    """Give the commit that a folder of mappings is exactly as in; None if it is in none, or changed since."""
    git = shutil.which("git")
    if git is None or not _asked(git, folder, "ls-files", "--", "."):
        return None
    if _asked(git, folder, "status", "--porcelain", "--", ".") != "":
        return None
    return _asked(git, folder, "rev-parse", "--verify", "HEAD^{commit}") or None


def _asked(git: str, folder: Path, *question: str) -> str | None:
    """Ask git about a folder, whatever repository the environment speaks of; None if it does not know."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [git, "--no-optional-locks", "-C", str(folder), *question]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("the commit of %s is not known: %s", folder, error)
        return None
    return done.stdout.strip() if done.returncode == 0 else None
