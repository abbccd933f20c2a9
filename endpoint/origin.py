"""Where what a page says comes from: version, table, row, mapping and release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyoxigraph import NamedNode

from endpoint.catalogue import CODE_LIST, folder_of, folder_stating
from endpoint.pages import Shown
from endpoint.table_rows import row_of
from endpoint.words import time_text
from ontology.terms import QB, SKOS

if TYPE_CHECKING:
    from endpoint.describe import Description
    from endpoint.serving import Serving
    from loader.release import FolderRecord


@dataclass(frozen=True, slots=True)
class Origin:
    """What a thing was made from and when."""

    whole: Shown
    """The version of the dataset, or the code list."""
    table: Shown | None
    row: Shown | None
    """The row of the table that the thing was made from, titles counted."""
    mapping: Shown | None
    release: str
    created: str


def origin_of(serving: Serving, description: Description) -> Origin | None:
    """Give the origin of a thing that is, or is in, a dataset or code list; None for anything else."""
    wholes = (description.subject, *description.values(QB.dataSet), *description.values(SKOS.inScheme))
    found = (folder_of(serving, term) for term in wholes)
    folder = next(filter(None, found), None) or folder_stating(serving, description.subject)
    if folder is None:
        return None
    place = f"/{'def/concept-scheme' if folder.kind == CODE_LIST else 'data'}/{folder.name}/"
    file, row = _row(serving, folder, description.subject, place)
    table, mapping = (
        Shown(name, place + name) if serving.release.table(folder.name, name) else None
        for name in (file, f"{file}-metadata.json")
    )
    graph = NamedNode(folder.graph)
    whole = Shown(serving.labels.of([graph])[graph], serving.site.document(folder.graph))
    manifest = serving.release.manifest
    return Origin(whole, table, row, mapping, serving.release.id, time_text(manifest.created))


def _row(serving: Serving, folder: FolderRecord, subject: NamedNode, place: str) -> tuple[str, Shown | None]:
    """Give the table that a thing was made from, and its row as a fragment of it (RFC 7111); else the main table."""
    start, main = f"tables/{folder.name}/", f"{folder.name}.csv"
    names = {file.path.removeprefix(start) for file in folder.outputs if file.path.startswith(start)}
    for name in sorted((name for name in names if name.endswith(".csv")), key=lambda name: (name != main, name)):
        table = serving.release.table(folder.name, name)
        metadata = serving.release.table(folder.name, f"{name}-metadata.json")
        if table is not None and metadata is not None:
            number = row_of(table, metadata, serving.site.iri(place + name), subject.value)
            if number is not None:
                return name, Shown(f"row {number:,}", f"{place}{name}#row={number}")
    return main, None
