"""What each kind of page shows, worked out from a description: dataset, code list, observation, or anything else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode

from endpoint.catalogue import edition_text, examples_of, folder_of, folder_stating
from endpoint.dumps import dump_links
from endpoint.labels import LABELS, STATUSES, absence_text, triples_terms
from endpoint.pages import Crumb, Reader, Shown
from endpoint.quality import files_of, quality_context, report_path
from endpoint.rows import row_subjects
from endpoint.schema_org import structured_data
from endpoint.source import page_query
from endpoint.words import days_text
from loader.kept import history_beside
from ontology.terms import ADMS, DCAT, DCT, DQV, PROV, QB, RDF, RDFS, SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyoxigraph import Triple

    from endpoint.describe import Description
    from endpoint.labels import Component
    from endpoint.serving import Serving
    from endpoint.source import Term
    from loader.release import FolderRecord

VALUES_SHOWN: Final = 50
"""Values of one property on a page; the other forms have them all."""
ROWS_ON_A_PAGE: Final = 20
CODES_ON_A_PAGE: Final = 200
TREE_UP_TO: Final = 600
"""A code list with more codes is shown in pages, not as a tree."""
NOTATION_SHOWN: Final = 20
"""Longer notations are the label in other letters."""
NOT_IN_TABLES: Final = frozenset({RDF.type, QB.dataSet, QB.measureType})
TITLES: Final = frozenset({RDF.type, *LABELS, DCT.description, SKOS.definition, RDFS.comment})
INVERSE: Final = {
    QB.dataSet: "Observations",
    QB.structure: "Datasets with this structure",
    QB.componentProperty: "Components with this property",
    SKOS.broader: "Narrower codes",
    SKOS.inScheme: "Codes",
    SKOS.topConceptOf: "Top codes",
    RDF.type: "Things of this class",
    RDFS.isDefinedBy: "Terms defined here",
    DCAT.dataset: "Catalogues with this dataset",
    DCAT.inSeries: "Datasets in this series",
    PROV.wasGeneratedBy: "Made by this",
}
SAID_TWICE: Final = frozenset({QB.dimension, QB.measure, QB.attribute})
"""Properties of components that say what `qb:componentProperty` says too."""


@dataclass(frozen=True, slots=True)
class Row:
    """A property of a thing and its values."""

    name: Shown
    values: list[Shown]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Things that point at a thing in one way."""

    title: str
    things: list[Shown]


@dataclass(frozen=True, slots=True)
class Pages:
    """Where in a paged list a page is."""

    number: int
    has_more: bool

    @property
    def is_needed(self) -> bool:
        """True if there is another page."""
        return self.number > 1 or self.has_more


@dataclass(frozen=True, slots=True)
class Table:
    """A table of observations or records."""

    columns: list[Shown]
    rows: list[tuple[Shown, list[list[Shown]]]]
    """For each row what it is about, and a list of values for each column."""
    first: int
    total: int | None
    pages: Pages


@dataclass(frozen=True, slots=True)
class File:
    """A table to download."""

    name: str
    href: str
    size_bytes: int
    metadata: str | None
    """Address of its CSVW description."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a code list, with those within it."""

    shown: Shown
    notation: str
    within: list[Code] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    """What a template gets, whatever the kind of page."""

    template: str
    title: str
    crumbs: list[Crumb]
    context: dict[str, object]


def view(serving: Serving, description: Description) -> View:
    """Choose the kind of page for a thing, and fill it."""
    types = description.types
    if DCAT.Dataset in types or QB.DataSet in types:
        return dataset_view(serving, description)
    if SKOS.ConceptScheme in types:
        return code_list_view(serving, description)
    if QB.Observation in types:
        return observation_view(serving, description)
    if DQV.QualityMetadata in types:
        return quality_view(serving, description)
    return thing_view(serving, description)


def quality_view(serving: Serving, description: Description) -> View:
    """Show what was measured of a dataset, and what it was made from."""
    reader = Reader(serving, triples_terms(description.triples))
    context = quality_context(serving, description) | {"is_sample": _is_sample(serving, description)}
    return View("quality.html", reader.name(description.subject), _crumbs(serving, description, reader), context)


def thing_view(serving: Serving, description: Description) -> View:
    """Show everything that is said of a thing, and what points at it."""
    reader = Reader(serving, triples_terms((*description.triples, *description.incoming)))
    context: dict[str, object] = {
        "types": [reader.show(term) for term in sorted(description.types, key=reader.name)],
        "lead": next(filter(None, map(description.text, (DCT.description, SKOS.definition, RDFS.comment))), None),
        "rows": property_rows(reader, description.triples, TITLES, description),
        "incoming": incoming_groups(serving, reader, description),
        "pages": Pages(description.page, description.has_more),
        "is_sample": _is_sample(serving, description),
        "has_document": "/id/" in description.subject.value,
    }
    title = reader.name(description.subject)
    if DCAT.Catalog in description.types:
        title = f"Catalogue of {title}"  # which is the name of the site
    return View("thing.html", title, _crumbs(serving, description, reader), context)


def property_rows(
    reader: Reader, triples: Iterable[Triple], hidden: frozenset[NamedNode], description: Description
) -> list[Row]:
    """Make a row of each property, by name; of labels, only those that are not the title."""
    grouped: dict[NamedNode, list[Term]] = {}
    title = reader.name(description.subject)
    for triple in triples:
        is_title = triple.predicate in LABELS and reader.name(triple.object).casefold() == title.casefold()
        if triple.predicate not in hidden or (triple.predicate in LABELS and not is_title):
            grouped.setdefault(triple.predicate, []).append(triple.object)
    return [
        _row(reader, predicate, values)
        for predicate, values in sorted(grouped.items(), key=lambda e: reader.name(e[0]))
    ]


def _row(reader: Reader, predicate: NamedNode, values: Sequence[Term]) -> Row:
    shown = [reader.show(term) for term in sorted(values, key=reader.name)[:VALUES_SHOWN]]
    return Row(reader.show(predicate), shown, max(len(values) - VALUES_SHOWN, 0))


def incoming_groups(serving: Serving, reader: Reader, description: Description) -> list[Group]:
    """Group what points at a thing by the way it does."""
    grouped: dict[NamedNode, list[Term]] = {}
    for triple in description.incoming:
        grouped.setdefault(triple.predicate, []).append(triple.subject)
    if QB.componentProperty in grouped:
        grouped = {predicate: things for predicate, things in grouped.items() if predicate not in SAID_TWICE}
    return [
        Group(_inverse(reader, predicate, things), _told_apart(serving, reader, sorted(things, key=reader.name)))
        for predicate, things in sorted(grouped.items(), key=lambda entry: reader.name(entry[0]))
    ]


def _inverse(reader: Reader, predicate: NamedNode, things: Iterable[Term]) -> str:
    """Name things that point at a thing in one way: observations by the component that they share."""
    name = reader.name(predicate)
    if predicate not in INVERSE and all("/obs/" in str(thing) for thing in things):
        return f"Observations with this {name[:1].lower()}{name[1:]}"
    return INVERSE.get(predicate) or f"“{name}” of"


def _told_apart(serving: Serving, reader: Reader, things: Sequence[Term]) -> list[Shown]:
    """Show things; those of one name with the dataset that they belong to."""
    shown = [reader.show(thing) for thing in things]
    names = [one.text for one in shown]
    folders = [
        folder_of(serving, thing) if names.count(one.text) > 1 else None
        for thing, one in zip(things, shown, strict=True)
    ]
    return [
        replace(one, text=f"{one.text}: {folder.title}") if folder is not None else one
        for one, folder in zip(shown, folders, strict=True)
    ]


def _crumbs(serving: Serving, description: Description, reader: Reader) -> list[Crumb]:
    """Lead from the start page to a thing, through what it belongs to."""
    home = Crumb("Home", "/")
    for predicate in (QB.dataSet, SKOS.inScheme, DCT.isVersionOf):
        wholes = [term for term in description.values(predicate) if isinstance(term, NamedNode)]
        if wholes:
            whole = min(wholes, key=lambda term: len(term.value))
            listed = Crumb("Code lists", "/#code-lists") if predicate == SKOS.inScheme else Crumb("Datasets", "/data")
            return [home, listed, Crumb(reader.name(whole), reader.href(whole))]
    folder = folder_of(serving, description.subject) or folder_stating(serving, description.subject)
    if folder is not None and folder.kind != "code-list":
        return [home, Crumb("Datasets", "/data"), Crumb(folder.title, f"/data/{folder.name}")]
    return [home]


def _is_sample(serving: Serving, description: Description) -> bool:
    folder = folder_of(serving, description.subject)
    if folder is None:
        folder = next((folder_of(serving, term) for term in description.values(QB.dataSet)), None)
    return ADMS.sample in description.values(ADMS.status) or (folder is not None and folder.is_sample)


def observation_view(serving: Serving, description: Description) -> View:
    """Show one figure in words, with what it is made of."""
    words = serving.labels.observations([description.subject])[description.subject]
    reader = Reader(serving, triples_terms((*description.triples, *description.incoming)))
    dataset = next((term for term in description.values(QB.dataSet) if isinstance(term, NamedNode)), None)
    parts = serving.labels.structure(dataset) if dataset is not None else ()
    measures = {term for term in description.values(QB.measureType) if isinstance(term, NamedNode)}
    order = [part.property for part in parts if part.property not in NOT_IN_TABLES]
    rows = [_row(reader, name, description.values(name)) for name in order if description.values(name)]
    rest = property_rows(reader, description.triples, frozenset({*order, *NOT_IN_TABLES}), description)
    context: dict[str, object] = {
        "words": words,
        "dataset": reader.show(dataset) if dataset is not None else None,
        "rows": rows + rest,
        "measures": [reader.show(term) for term in measures],
        "incoming": incoming_groups(serving, reader, description),
        "pages": Pages(description.page, description.has_more),
        "is_sample": _is_sample(serving, description),
    }
    return View("observation.html", words.title, _crumbs(serving, description, reader), context)


def dataset_view(serving: Serving, description: Description) -> View:
    """Show a dataset: what it is, how it is built, its first figures, its files and queries to start from."""
    subject = description.subject
    parts = serving.labels.structure(subject)
    folder = folder_of(serving, subject)
    lists = [part.code_list for part in parts if part.code_list is not None]
    properties = [part.property for part in parts]
    reader = Reader(serving, triples_terms(description.triples) | {*lists, *properties})
    table = _figures(serving, description, parts, folder)
    context: dict[str, object] = {
        "lead": description.text(DCT.description),
        "note": description.text(SKOS.note),
        "facts": _facts(serving, description, reader, folder),
        "parts": [_part(reader, part) for part in parts],
        "table": table,
        "files": _files(folder),
        "dumps": dump_links(folder),
        "quality": report_path(serving, subject),
        "made_from": [file for file in files_of(serving, folder) if not file.is_mapping] if folder is not None else [],
        "examples": examples_of(serving, folder.name) if folder is not None else [],
        "is_sample": _is_sample(serving, description),
        "structured": structured_data(
            serving.listing, subject.value, [reader.name(part.property) for part in parts if part.kind == "measure"]
        ),
    }
    return View("dataset.html", reader.name(subject), [Crumb("Home", "/"), Crumb("Datasets", "/data")], context)


def _part(reader: Reader, part: Component) -> tuple[Shown, str, Shown | None]:
    return reader.show(part.property), part.kind, reader.show(part.code_list) if part.code_list is not None else None


def _facts(serving: Serving, description: Description, reader: Reader, folder: FolderRecord | None) -> list[Row]:
    """Give the facts about a dataset that people look for first."""
    rows = [
        Row(Shown(title), [reader.show(term) for term in description.values(predicate)])
        for title, predicate in (
            ("Published by", DCT.publisher),
            ("Licence", DCT.license),
            ("Published on", DCT.issued),
            ("Frequency", DCT.accrualPeriodicity),
            ("Series", DCAT.inSeries),
            ("Area covered", DCT.spatial),
            ("Contact", DCAT.contactPoint),
            ("Where it comes from", DCAT.landingPage),
            ("Published files", PROV.wasDerivedFrom),
            ("Keywords", DCAT.keyword),
        )
    ]
    days = [reader.show(term) for term in description.values(DCT.temporal)]
    rows.insert(5, Row(Shown("Period covered"), [replace(one, text=days_text(one.text)) for one in days]))
    if folder is not None:
        edition = re.search("/editions/([^/]+)/", folder.graph)
        graph = serving.site.document(folder.graph)
        rows.insert(2, Row(Shown("Edition"), [Shown(edition_text(edition[1]), graph)] if edition else []))
        if history_beside(serving.release).of(folder.name):
            rows.insert(
                3, Row(Shown("Versions"), [Shown("All versions, and what changed", f"/data/{folder.name}/versions")])
            )
        rows.append(Row(Shown("Observations" if folder.kind == "cube" else "Records"), [Shown(f"{folder.rows:,}")]))
        rows.append(Row(Shown("Statements"), [Shown(f"{folder.quads:,} triples")]))
    return [row for row in rows if row.values]


def _files(folder: FolderRecord | None) -> list[File]:
    """List the published tables of a dataset, the main one first."""
    if folder is None:
        return []
    start = f"tables/{folder.name}/"
    sizes = {file.path.removeprefix(start): file.size_bytes for file in folder.outputs if file.path.startswith(start)}
    tables = sorted((name for name in sizes if name.endswith(".csv")), key=lambda name: name != f"{folder.name}.csv")
    place = f"/data/{folder.name}/"
    described = {name: f"{place}{name}-metadata.json" for name in tables if f"{name}-metadata.json" in sizes}
    return [File(name, f"{place}{name}", sizes[name], described.get(name)) for name in tables]


def _figures(
    serving: Serving, description: Description, parts: Sequence[Component], folder: FolderRecord | None
) -> Table | None:
    """Make a table of the observations of a cube, or of the records of another dataset."""
    start = (description.page - 1) * ROWS_ON_A_PAGE
    found = members(serving, description.subject, folder, start)
    shown = found[:ROWS_ON_A_PAGE]
    if not shown:
        return None
    facts: dict[NamedNode, dict[NamedNode, list[Term]]] = {node: {} for node in shown}
    for triple in serving.source.about(shown):
        if isinstance(triple.subject, NamedNode):
            facts[triple.subject].setdefault(triple.predicate, []).append(triple.object)
    columns = _columns(parts, facts.values())
    used = {term for about in facts.values() for name in (*columns, *STATUSES) for term in about.get(name, [])}
    reader = Reader(serving, used | set(columns) | (set() if parts else set(shown)))
    rows = [
        (
            Shown("Details" if parts else reader.name(node), serving.site.document(node.value)),
            [[reader.show(term) for term in about.get(name, [])] or _absence(reader, about, name) for name in columns],
        )
        for node, about in facts.items()
    ]
    pages = Pages(description.page, len(found) > ROWS_ON_A_PAGE)
    total = folder.rows if folder is not None else None
    return Table([reader.show(name) for name in columns], rows, start + 1, total, pages)


def _absence(reader: Reader, about: Mapping[NamedNode, list[Term]], column: NamedNode) -> list[Shown]:
    """Say in the column of the measure why an observation has no figure; nothing in other columns."""
    if column not in about.get(QB.measureType, []):
        return []
    codes = [term for name in STATUSES for term in about.get(name, [])]
    text = absence_text(codes, {term: reader.name(term) for term in codes if isinstance(term, NamedNode)})
    return [Shown(text)] if text else []


def members(serving: Serving, dataset: NamedNode, folder: FolderRecord | None, start: int) -> list[NamedNode]:
    """List what a dataset consists of, in the order of its published table: a page, and one more if there is more."""
    count = ROWS_ON_A_PAGE + 1
    if folder is not None:
        file = f"{folder.name}.csv"
        table = serving.release.table(folder.name, file)
        metadata = serving.release.table(folder.name, f"{file}-metadata.json")
        if table is not None and metadata is not None:
            found = row_subjects(table, metadata, serving.site.iri(f"/data/{folder.name}/{file}"), start, count)
            if found and all(map(serving.source.has, found)):
                return found
    rows = serving.source.select(page_query("observations"), {"dataset": dataset}, start + count)
    listed = (row["observation"] for row in islice(rows, start, start + count))
    return [term for term in listed if isinstance(term, NamedNode)]


def _columns(parts: Sequence[Component], rows: Iterable[dict[NamedNode, list[Term]]]) -> list[NamedNode]:
    """Choose the columns: the components of a cube that occur, or the commonest properties of records."""
    present: dict[NamedNode, int] = {}
    for row in rows:
        for name in row:
            present[name] = present.get(name, 0) + 1
    if parts:
        order = {"dimension": 0, "measure": 1, "attribute": 2}
        ranked = sorted(parts, key=lambda part: order[part.kind])
        return [part.property for part in ranked if part.property in present and part.property not in NOT_IN_TABLES]
    common = sorted((name for name in present if name not in {RDF.type, *LABELS}), key=lambda name: -present[name])
    return common[:5]


def code_list_view(serving: Serving, description: Description) -> View:
    """Show a code list: as a tree if it is one and not too long, else in pages."""
    subject = description.subject
    found: dict[NamedNode, dict[str, Term]] = {}
    for row in serving.source.select(page_query("codes"), {"scheme": subject}):
        node = row["code"]
        if isinstance(node, NamedNode):
            found.setdefault(node, row)
    start = (description.page - 1) * CODES_ON_A_PAGE
    is_tree = len(found) <= TREE_UP_TO and any(row.get("broader") in found for row in found.values())
    chosen = found if is_tree else dict(islice(found.items(), start, start + CODES_ON_A_PAGE))
    reader = Reader(serving, {*chosen, *triples_terms(description.triples)})
    codes = {node: Code(reader.show(node), _notation(row)) for node, row in chosen.items()}
    tops = list(codes.values())
    if is_tree:
        tops = _as_tree(codes, found)
    context: dict[str, object] = {
        "lead": description.text(DCT.description) or description.text(RDFS.comment),
        "rows": property_rows(reader, description.triples, TITLES, description),
        "codes": tops,
        "count": len(found),
        "is_tree": is_tree,
        "first": start + 1,
        "pages": Pages(description.page, not is_tree and len(found) > start + CODES_ON_A_PAGE),
        "used_by": _used_by(serving, subject),
        "is_sample": _is_sample(serving, description),
        "table_path": _code_table(serving, subject),
    }
    crumbs = [Crumb("Home", "/"), Crumb("Code lists", "/#code-lists")]
    return View("code_list.html", reader.name(subject), crumbs, context)


def _notation(row: dict[str, Term]) -> str:
    term = row.get("notation")
    return term.value if isinstance(term, Literal) and len(term.value) <= NOTATION_SHOWN else ""


def _as_tree(codes: dict[NamedNode, Code], rows: dict[NamedNode, dict[str, Term]]) -> list[Code]:
    tops: list[Code] = []
    for node, code in codes.items():
        broader = rows[node].get("broader")
        parent = codes.get(broader) if isinstance(broader, NamedNode) and broader != node else None
        (parent.within if parent is not None else tops).append(code)
    return tops


def _used_by(serving: Serving, scheme: NamedNode) -> list[Shown]:
    rows = serving.source.select(page_query("scheme-users"), {"scheme": scheme})
    found = [row["property"] for row in rows if isinstance(row["property"], NamedNode)]
    reader = Reader(serving, found)
    return [reader.show(term) for term in found]


def _code_table(serving: Serving, scheme: NamedNode) -> str | None:
    folder = folder_of(serving, scheme)
    if folder is None or serving.release.table(folder.name, f"{folder.name}.csv") is None:
        return None
    return f"{serving.site.document(scheme.value)}/{folder.name}.csv"
