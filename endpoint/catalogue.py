"""What a release holds, for the start page and for lists: its datasets, code lists and example queries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from pyoxigraph import NamedNode

from endpoint.pages import Shown
from endpoint.source import page_query
from endpoint.words import date_text, first_sentence, period_text
from ontology.terms import DCT

if TYPE_CHECKING:
    from endpoint.serving import Serving
    from endpoint.source import Term
    from loader.release import FolderRecord

CODE_LIST: Final = "code-list"
_HEADER: Final = re.compile(r"^#\s*(title|description):\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """An example query, from a file with a header."""

    title: str
    description: str
    query: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A dataset in a list."""

    title: str
    href: str
    what: str
    """What is counted, in a sentence."""
    edition: str
    rows: int
    kind: str
    is_sample: bool


def folder_of(serving: Serving, term: Term) -> FolderRecord | None:
    """Find the folder whose dataset, code list or part of a dataset a thing is."""
    path = serving.site.path(term.value) if isinstance(term, NamedNode) else None
    match = re.match(r"/(data|def/concept-scheme)/([^/]+)", path or "")
    if match is None:
        return None
    is_code_list = match[1] != "data"
    folders = serving.release.manifest.folders
    return next((one for one in folders if one.name == match[2] and (one.kind == CODE_LIST) == is_code_list), None)


def folder_stating(serving: Serving, subject: NamedNode) -> FolderRecord | None:
    """Find the folder in whose named graph a thing is described: a record or supplier has no dataset in its address."""
    rows = serving.source.select(page_query("stated-in"), {"thing": subject})
    graphs = {row["graph"].value for row in rows if isinstance(row["graph"], NamedNode)}
    return next((one for one in serving.release.manifest.folders if one.graph in graphs), None)


def datasets(serving: Serving) -> list[Listed]:
    """List the datasets, by title."""
    found = [folder for folder in serving.release.manifest.folders if folder.kind != CODE_LIST]
    return [_listed(serving, folder) for folder in sorted(found, key=lambda folder: folder.title.casefold())]


def _listed(serving: Serving, folder: FolderRecord) -> Listed:
    node = NamedNode(serving.site.iri(f"/data/{folder.name}"))
    descriptions = [triple.object for triple in serving.source.about([node], DCT.description)]
    text = next((term.value for term in descriptions if hasattr(term, "value")), "")
    edition = re.search("/editions/([^/]+)/", folder.graph)
    return Listed(
        title=folder.title,
        href=f"/data/{folder.name}",
        what=first_sentence(text),
        edition=edition_text(edition[1]) if edition else "",
        rows=folder.rows,
        kind=folder.kind,
        is_sample=folder.is_sample,
    )


def edition_text(edition: str) -> str:
    """Give the name of an edition: a day, month, year or financial year."""
    return date_text(edition) if re.fullmatch(r"\d{4}(-\d\d){1,2}", edition) else period_text(edition)


def code_lists(serving: Serving) -> list[Shown]:
    """List the code lists, by name."""
    rows = serving.source.select(page_query("schemes"), {})
    found: dict[str, Shown] = {}
    for row in rows:
        node, label = row["scheme"], row["label"]
        if isinstance(node, NamedNode) and hasattr(label, "value"):
            found.setdefault(node.value, Shown(label.value, serving.site.document(node.value)))
    return list(found.values())


def examples_of(serving: Serving, folder: str) -> list[Example]:
    """Give the example queries that came with a dataset."""
    files = sorted((serving.release.path / "queries" / folder).glob("*.rq"))
    return [read_example(file.read_text(encoding="utf-8"), file.stem) for file in files]


@cache
def examples() -> tuple[Example, ...]:
    """Give the example queries over all datasets, `queries/examples/*.rq`."""
    files = sorted(resources.files("queries").joinpath("examples").iterdir(), key=lambda file: file.name)
    found = [(file.name, file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".rq")]
    return tuple(read_example(text, name.removesuffix(".rq")) for name, text in found)


def read_example(text: str, name: str) -> Example:
    """Read title and description from the header of a query; the query keeps the rest."""
    header = dict(_HEADER.findall(text))
    query = _HEADER.sub("", text).strip() + "\n"
    return Example(header.get("title") or name.replace("-", " ").capitalize(), header.get("description", ""), query)
