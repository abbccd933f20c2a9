"""Where what a page says comes from: version, table, mapping and release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from endpoint.catalogue import CODE_LIST, folder_of
from endpoint.pages import Shown
from endpoint.words import time_text
from ontology.terms import QB, SKOS

if TYPE_CHECKING:
    from endpoint.describe import Description
    from endpoint.serving import Serving


@dataclass(frozen=True, slots=True)
class Origin:
    """What a thing was made from and when."""

    whole: Shown
    """The version of the dataset, or the code list."""
    table: Shown | None
    mapping: Shown | None
    release: str
    created: str


def origin_of(serving: Serving, description: Description) -> Origin | None:
    """Give the origin of a thing that is, or is in, a dataset or code list; None for anything else."""
    wholes = (description.subject, *description.values(QB.dataSet), *description.values(SKOS.inScheme))
    folder = next(filter(None, (folder_of(serving, term) for term in wholes)), None)
    if folder is None:
        return None
    place = "def/concept-scheme" if folder.kind == CODE_LIST else "data"
    files = [f"{folder.name}.csv", f"{folder.name}.csv-metadata.json"]
    table, mapping = (
        Shown(file, f"/{place}/{folder.name}/{file}") if serving.release.table(folder.name, file) else None
        for file in files
    )
    whole = Shown(folder.title, serving.site.document(folder.graph))
    manifest = serving.release.manifest
    return Origin(whole, table, mapping, serving.release.id, time_text(manifest.created))
