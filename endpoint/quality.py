"""What the page of a quality report shows: figures by dimension, rows left out, disclosure control, and files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode

from endpoint.catalogue import folder_of
from endpoint.pages import Reader, Shown
from endpoint.source import page_query
from endpoint.words import number_text
from ontology.terms import DCT, DQV, FOAF, OA, RDF, SKOS, XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from endpoint.describe import Description
    from endpoint.serving import Serving
    from endpoint.source import Term
    from loader.release import FolderRecord

    Row = dict[str, Term]

DIMENSIONS: Final = ("completeness", "uniqueness", "consistency", "timeliness", "validity", "accuracy")
"""Dimensions of the Government Data Quality Framework, by their codes."""
KINDS: Final = {
    "counts": "The figures count people or households.",
    "money": "The figures are amounts of money.",
    "percentages": "The figures are percentages.",
    "reference": "The table holds codes, organisations or things, not figures of people.",
    "records": "The table holds records, not figures of people.",
}
COMMIT: Final = "mappings"
"""Entry of the manifest's software that is the commit of the mappings."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement of a whole dataset."""

    metric: Shown
    value: str
    help: str


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of quality, with what was measured in it and what the source says of it."""

    code: str
    title: str
    help: str
    figures: list[Figure]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a published table, with its filled and empty cells."""

    title: str
    table: str
    filled: str
    empty: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of disclosure control."""

    name: Shown
    text: str
    """What it asks; of an exemption, why it does not apply."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Disclosure control of a dataset, in words."""

    sentences: list[str]
    applied: list[Rule]
    exempted: list[Rule]


@dataclass(frozen=True, slots=True)
class File:
    """A file that a version of a dataset was made from."""

    name: Shown
    size_bytes: int
    sha256: str
    source: Shown | None
    """Where its publisher has it."""
    rows: str
    """Rows read of it; empty for what is no published file."""
    is_mapping: bool


def report_path(serving: Serving, dataset: NamedNode) -> str | None:
    """Give the path of a dataset's quality report; None if it has none."""
    found = [triple.object for triple in serving.source.about([dataset], DQV.hasQualityMetadata)]
    return next((serving.site.document(term.value) for term in found if isinstance(term, NamedNode)), None)


def quality_parts(serving: Serving, description: Description) -> list[NamedNode]:
    """List what a quality report consists of, so that its data says all of it."""
    parts = _nodes(description.values(DCT.hasPart))
    exemptions = serving.source.about(parts, _property(serving, "exemption"))
    return parts + _nodes(triple.object for triple in exemptions)


def quality_context(serving: Serving, description: Description) -> dict[str, object]:
    """Give a template everything about one quality report."""
    report = description.subject
    dataset = next(iter(_nodes(description.values(FOAF.primaryTopic))), report)
    rows = list(serving.source.select(page_query("measurements"), {"report": report}))
    reader = Reader(
        serving, {dataset, *(row[name] for row in rows for name in ("metric", "on", "status") if name in row)}
    )
    whole = [row for row in rows if row["on"] == dataset and not {"reason", "status"} & row.keys()]
    folder = folder_of(serving, report)
    return {
        "dataset": reader.show(dataset),
        "dimensions": [_dimension(serving, reader, code, whole, description) for code in DIMENSIONS],
        "columns": _columns(reader, rows),
        "left_out": [(_text(row["reason"]), _value(row)) for row in rows if "reason" in row],
        "absent": _by_status(reader, rows, "observations-without-figure"),
        "statuses": _by_status(reader, rows, "observations-by-status"),
        "policy": _policy(serving, quality_parts(serving, description)),
        "files": files_of(serving, folder, rows) if folder is not None else [],
        "software": {name: text for name, text in serving.release.manifest.software.items() if name != COMMIT},
        "commit": serving.release.manifest.software.get(COMMIT),
    }


def _dimension(
    serving: Serving, reader: Reader, code: str, whole: Sequence[Row], description: Description
) -> Dimension:
    node = NamedNode(serving.site.iri(f"/def/concept/quality-dimension/{code}"))
    figures = [
        Figure(reader.show(row["metric"]), _value(row), _definition(serving, row["metric"]))
        for row in whole
        if row["dimension"] == node
    ]
    notes = _nodes(description.values(DCT.hasPart))
    told = [triple.subject for triple in serving.source.about(notes, DQV.inDimension) if triple.object == node]
    texts = [_text(triple.object) for triple in serving.source.about(_nodes(told), OA.bodyValue)]
    return Dimension(code, Reader(serving, [node]).name(node), _definition(serving, node), figures, texts)


def _by_status(reader: Reader, rows: Iterable[Row], metric: str) -> list[tuple[Shown, str]]:
    """Give the counts of one metric by status."""
    return [
        (reader.show(row["status"]), _value(row)) for row in rows if "status" in row and _last(row["metric"]) == metric
    ]


def _columns(reader: Reader, rows: Iterable[Row]) -> list[Column]:
    """Give the columns of all tables in the order of their addresses' numbers, table by table."""
    counted: dict[tuple[str, int], dict[str, str]] = {}
    titles: dict[tuple[str, int], str] = {}
    for row in rows:
        table, _, number = row["on"].value.partition("#col=") if isinstance(row["on"], NamedNode) else ("", "", "")
        if number.isdecimal():
            key = (table.rpartition("/")[2], int(number))
            titles[key] = reader.name(row["on"])
            counted.setdefault(key, {})[_last(row["metric"])] = _value(row)
    return [
        Column(titles[key], key[0], found.get("cells-filled", ""), found.get("cells-empty", ""))
        for key, found in sorted(counted.items())
    ]


def _policy(serving: Serving, parts: Sequence[NamedNode]) -> Policy | None:
    """Put disclosure control into words; None if the report says nothing of it."""
    types = {triple.subject for triple in serving.source.about(parts, RDF.type) if triple.object == DQV.QualityPolicy}
    said: dict[str, list[Term]] = {}
    for triple in serving.source.about(_nodes(types)):
        said.setdefault(_last(triple.predicate), []).append(triple.object)
    if not said:
        return None
    applied = _nodes(said.get("rule-applied", []))
    exempted = _exempted(serving, _nodes(said.get("exemption", [])))
    reader = Reader(serving, {*applied, *exempted})
    return Policy(
        sentences=list(_sentences({name: [_text(term) for term in terms] for name, terms in said.items()})),
        applied=sorted((Rule(reader.show(rule), _definition(serving, rule)) for rule in applied), key=_name),
        exempted=sorted((Rule(reader.show(rule), text) for rule, text in exempted.items()), key=_name),
    )


def _name(rule: Rule) -> str:
    return rule.name.text


def _exempted(serving: Serving, exemptions: Sequence[NamedNode]) -> dict[NamedNode, str]:
    """Give the rules that a dataset is exempted from, with the reasons."""
    found: dict[NamedNode, str] = {}
    for exemption in exemptions:
        rules = _nodes(t.object for t in serving.source.about([exemption], _property(serving, "rule-exempted")))
        reasons = [_text(t.object) for t in serving.source.about([exemption], _property(serving, "reason"))]
        found.update((rule, " ".join(reasons)) for rule in rules)
    return found


def _sentences(said: dict[str, list[str]]) -> Iterable[str]:
    yield from (KINDS.get(kind, kind) for kind in sorted(said.get("kind-of-figures", [])))
    for number in said.get("figure-multiplier", []):
        yield f"A figure of 1 stands for {number_text(number)}."
    for number in said.get("smallest-count", []):
        yield f"No count of 1 or more is published that is smaller than {number_text(number)}."
    for number in said.get("rounding-base", []):
        yield f"Every figure is a multiple of {number_text(number)}."
    for text in said.get("perturbation", []):
        yield f"The source says that it changed its figures at random: {text}."
    if "marker" in said:
        yield f"In place of a figure there may be: {', '.join(sorted(said['marker']))}."


def files_of(serving: Serving, folder: FolderRecord, measured: Iterable[Row] = ()) -> list[File]:
    """List the files that a dataset's graph was made from: published files, then those of the mapping."""
    read = {row["on"]: _value(row) for row in measured if _last(row["metric"]) == "rows-read"}
    found = list(serving.source.select(page_query("made-from"), {"version": NamedNode(folder.graph)}))
    return [
        File(
            name=Shown(_text(row["name"]), serving.site.document(_text(row["file"]))),
            size_bytes=int(_text(row["size"])),
            sha256=_text(row["sha256"]),
            source=Shown(_text(row["source"]), _text(row["source"])) if "source" in row else None,
            rows=read.get(row["file"], ""),
            is_mapping=_text(row["isPlan"]) in {"true", "1"},
        )
        for row in found
    ]


def _value(row: Row) -> str:
    term = row["value"]
    if isinstance(term, Literal) and term.datatype == XSD.boolean:
        return "Passed" if term.value == "true" else "Not passed"
    return number_text(_text(term))


def _definition(serving: Serving, term: Term) -> str:
    found = serving.source.about(_nodes([term]), SKOS.definition)
    return next((_text(triple.object) for triple in found), "")


def _property(serving: Serving, name: str) -> NamedNode:
    return NamedNode(serving.site.iri(f"/def/property/{name}"))


def _nodes(terms: Iterable[Term]) -> list[NamedNode]:
    return [term for term in terms if isinstance(term, NamedNode)]


def _text(term: Term) -> str:
    return term.value if isinstance(term, NamedNode | Literal) else str(term)


def _last(term: Term) -> str:
    return _text(term).rpartition("/")[2]
