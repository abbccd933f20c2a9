"""Measure a dataset that was converted, and say in RDF what was found (docs/quality.md).

Facts only, in the six dimensions of the Government Data Quality Framework. No score is worked out, no clock is read,
and nothing is compared with another release, so that equal content gives equal triples. All of them are about the
dataset and addresses below its own, so that no other folder can state them.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import polars as pl
from pyoxigraph import Literal, NamedNode, Triple

from loader.catalogue import english, version_node
from loader.csvw.uri_template import parse_template
from loader.gate.policy import DOMINANCE, MARKERS, RECORD_LEVEL, RECOVERABLE, ROUNDING, SMALL_COUNTS
from loader.markers import STATUSES
from loader.provenance import input_node
from loader.structure import MEASURE, expand
from loader.texts import numbered, repeated
from loader.uris import slug
from ontology.terms import CSVW, DCT, DQV, FOAF, OA, PROV, RDF, RDFS, XSD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Mapping as Dictionary

    from loader.csvw.metadata import Column
    from loader.gate.policy import Policy
    from loader.integrity import Cells
    from loader.mapping import Mapping, TableMapping
    from loader.sources import FileReading
    from loader.structure import ComponentColumn, Structure
    from loader.uris import Uris

_EDITION: Final = re.compile(r"(\d{4})(?:-(\d{4}|\d{2})(?:-(\d{2}))?)?")
_FINANCIAL_YEAR_END: Final = (3, 31)
CONSTRAINTS: Final = ("ic-11", "ic-12", "ic-14", "ic-19")
"""The Data Cube constraints that `loader.integrity` checks: with one broken, there is no release."""
CHOICE: Final = "Chosen by whoever publishes the dataset here. It is not a rule of the department whose data it is."


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to measure of a dataset: it has passed every check."""

    mapping: Mapping
    """With the edition that was read."""
    tables: tuple[tuple[TableMapping, Cells], ...]
    """All tables, the main one first."""
    structure: Structure | None
    readings: tuple[FileReading, ...]
    issued: date | None
    """When this edition was published, if the source says so."""
    code_lists: Collection[str]
    """IRIs of the code lists that codes were compared with."""
    labels: Dictionary[str, str]
    """Labels of metrics, by IRI."""

    @property
    def rows(self) -> pl.DataFrame:
        """The cells of the main table."""
        return self.tables[0][1].rows


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure, or the fact that a check was passed."""

    metric: str
    value: int | bool
    detail: tuple[str, ...] = ()
    """What of the dataset it is about, if not all of it; part of its address."""
    on: NamedNode | None = None
    """What was measured, if not the dataset."""
    reason: str | None = None
    status: NamedNode | None = None


def labels_of(vocabulary: Iterable[Triple]) -> dict[str, str]:
    """Give the labels that some triples have, by IRI."""
    labelled = (triple for triple in vocabulary if triple.predicate == RDFS.label)
    return {triple.subject.value: triple.object.value for triple in labelled}  # type: ignore[union-attr]


def quality_triples(findings: Findings, uris: Uris) -> Iterator[Triple]:
    """Yield the quality report of a dataset: its measurements, its disclosure control, and what its source says."""
    mapping = findings.mapping
    dataset, report = uris.dataset(mapping.name), uris.quality(mapping.name)
    yield Triple(dataset, DQV.hasQualityMetadata, report)
    yield Triple(report, RDF.type, DQV.QualityMetadata)
    yield Triple(report, RDFS.label, english(f"Quality of {mapping.description.title}"))
    yield Triple(report, FOAF.primaryTopic, dataset)
    yield Triple(report, PROV.wasDerivedFrom, version_node(mapping, uris))
    yield from _columns(findings, uris)
    for measurement in measure(findings, uris):
        yield from _measurement(measurement, findings, uris)
    yield from _policy(findings, uris)
    yield from _annotations(findings, uris)


def measure(findings: Findings, uris: Uris) -> Iterator[Measurement]:
    """Yield all that is measured of a dataset."""
    yield from _rows(findings, uris)
    yield from _cells(findings, uris)
    yield Measurement("csvw-valid", value=True)
    yield from _timeliness(findings)
    if findings.structure is not None:
        yield from _figures(findings, findings.structure)
        yield from _keys(findings, findings.structure)
        yield from _codes(findings, findings.structure)
        yield from (Measurement(name, value=True) for name in CONSTRAINTS)
        yield from _statuses(findings, findings.structure, uris)


def _rows(findings: Findings, uris: Uris) -> Iterator[Measurement]:
    """Count rows published and, if published files were read, what became of all others."""
    published = findings.rows.height
    yield Measurement("rows-published", published)
    if not findings.readings:
        return
    read = sum(reading.rows_read for reading in findings.readings)
    left_out = [row.reason for reading in findings.readings for row in reading.left_out]
    yield Measurement("rows-read", read)
    yield Measurement("rows-left-out", len(left_out))
    yield Measurement("rows-held", sum(len(reading.held) for reading in findings.readings))
    yield Measurement("rows-unaccounted", read - published - len(left_out))
    taken: set[str] = set()
    for reason, count in Counter(left_out).most_common():
        yield Measurement("rows-left-out", count, (_unique(slug(reason) or "reason", taken),), reason=reason)
    for reading in findings.readings:
        node = input_node(findings.mapping, reading.record.path, uris)
        yield Measurement("rows-read", reading.rows_read, ("of", reading.record.path), node)
        yield Measurement("rows-left-out", len(reading.left_out), ("of", reading.record.path), node)


def _unique(name: str, taken: set[str]) -> str:
    """Give a name that is not taken yet, and note it as taken."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    taken.add(found)
    return found


def _is_filled(column: Column) -> pl.Expr:
    """Say in which rows a column has a value: neither blank nor one of the texts the mapping declares as null."""
    return pl.col(column.name).is_not_null() & ~pl.col(column.name).is_in(list(column.null)).fill_null(value=False)


def _written(table: TableMapping) -> list[Column]:
    return [column for column in table.table.columns if not column.virtual]


def _columns(findings: Findings, uris: Uris) -> Iterator[Triple]:
    for table, _ in findings.tables:
        whole = uris.download(findings.mapping.name, table.csv.name)
        yield Triple(whole, RDF.type, CSVW.Table)
        yield Triple(whole, RDFS.label, Literal(f"Table {table.csv.name}", language="en"))
        yield Triple(whole, DCT.isPartOf, uris.dataset(findings.mapping.name))
        for column in _written(table):
            node = uris.column(findings.mapping.name, table.csv.name, column.number)
            title = column.titles[0].text if column.titles else column.name
            yield Triple(whole, CSVW.column, node)
            yield Triple(node, RDF.type, CSVW.Column)
            yield Triple(node, RDFS.label, Literal(title))
            yield Triple(node, CSVW.name, Literal(column.name))


def _cells(findings: Findings, uris: Uris) -> Iterator[Measurement]:
    """Count filled and empty cells: of all tables, then of each column."""
    counted: list[tuple[tuple[str, str], NamedNode, int, int]] = []
    for table, cells in findings.tables:
        columns = _written(table)
        filled = cells.rows.select(_is_filled(column).sum().alias(column.name) for column in columns)
        for column in columns:
            node = uris.column(findings.mapping.name, table.csv.name, column.number)
            count = int(filled[column.name][0])
            counted.append(((table.name, column.name), node, count, cells.rows.height - count))
    yield Measurement("cells-filled", sum(count for *_, count, _ in counted))
    yield Measurement("cells-empty", sum(count for *_, count in counted))
    for detail, node, count, empty in counted:
        yield Measurement("cells-filled", count, detail, node)
        yield Measurement("cells-empty", empty, detail, node)


def _figures(findings: Findings, structure: Structure) -> Iterator[Measurement]:
    """Count observations with a figure, and those without by what says why."""
    measures = {part.column.name: part.column for part in structure.of_kind(MEASURE)}
    has_figure = pl.any_horizontal([_is_filled(column) for column in measures.values()])
    absent = findings.rows.filter(~has_figure)
    yield Measurement("observations-with-figure", findings.rows.height - absent.height)
    yield Measurement("observations-without-figure", absent.height)
    yield from _by_status("observations-without-figure", absent, findings, structure)


def _keys(findings: Findings, structure: Structure) -> Iterator[Measurement]:
    names = list(structure.key_names)
    if names:
        (numbers,), size = numbered([findings.rows], names)
        yield Measurement("duplicate-keys", int(repeated(numbers, size).sum()))


def _codes(findings: Findings, structure: Structure) -> Iterator[Measurement]:
    """Count the columns of codes. The check has found no code outside its list, or we would not be here."""
    coded = [
        part
        for part in structure.components
        if part.column.value_url is not None
        and part.component.code_list is not None
        and part.component.code_list.value in findings.code_lists
    ]
    yield Measurement("coded-columns", len(coded))
    if coded:
        yield Measurement("codes-outside-list", 0)


def _status_parts(structure: Structure) -> list[ComponentColumn]:
    return [part for part in structure.components if part.component.property in STATUSES]


def _statuses(findings: Findings, structure: Structure, uris: Uris) -> Iterator[Measurement]:
    """Count the observations of each status: provisional, forecast, whatever the source marks; and those revised."""
    by_status = list(_by_status("observations-by-status", findings.rows, findings, structure))
    yield from by_status
    code = uris.concept("observation-status", "revised")
    revised = [measurement.value for measurement in by_status if measurement.status == code]
    columns = (part.column for part in structure.components if part.component.property == uris.attribute("revised"))
    revised += [int(findings.rows[one.name].is_in(_true(one)).sum()) for one in columns if not one.virtual]
    if revised:
        yield Measurement("observations-revised", sum(revised))


def _true(column: Column) -> list[str]:
    """Give the texts that mean true in a column of truth values (Tabular Data Model §6.4.3)."""
    form = column.datatype.format
    return [form.partition("|")[0]] if isinstance(form, str) else ["true", "1"]


def _by_status(metric: str, rows: pl.DataFrame, findings: Findings, structure: Structure) -> Iterator[Measurement]:
    """Count some observations by each status or confidentiality they have."""
    table = findings.tables[0][0].table
    taken: set[str] = set()
    for part in _status_parts(structure):
        if part.column.value_url is None:
            continue
        template = parse_template(part.column.value_url)
        names = list(template.names)
        counts: dict[str, int] = {}
        if not names:
            counts[expand(template, {}, table)] = rows.height
        else:
            counted = rows.select(names).drop_nulls().group_by(names).len().with_columns(pl.col(names).cast(pl.String))
            counted = counted.sort(names)
            for *values, count in counted.iter_rows():
                counts[expand(template, dict(zip(names, values, strict=True)), table)] = count
        for iri, count in counts.items():
            detail = _unique(slug(iri.replace("#", "/").rpartition("/")[2]) or "status", taken)
            yield Measurement(metric, count, (detail,), status=NamedNode(iri))


def _timeliness(findings: Findings) -> Iterator[Measurement]:
    """Count the days from the end of the edition's period to publication; none if it was published before the end."""
    end = end_of_edition(findings.mapping.description.edition)
    if end is not None and findings.issued is not None and findings.issued >= end:
        yield Measurement("days-to-publication", (findings.issued - end).days)


def end_of_edition(edition: str | None) -> date | None:
    """Give the last day of what an edition names: a day, month, calendar year or financial year."""
    match = _EDITION.fullmatch(edition or "")
    if match is None:
        return None
    year, second, day = int(match[1]), match[2], match[3]
    try:
        if second is None:
            return date(year, 12, 31)
        if len(second) == 4:
            return date(int(second), *_FINANCIAL_YEAR_END)
        return date(year, int(second), int(day) if day else calendar.monthrange(year, int(second))[1])
    except ValueError:
        return None


def _measurement(measurement: Measurement, findings: Findings, uris: Uris) -> Iterator[Triple]:
    name = findings.mapping.name
    metric = uris.metric(measurement.metric)
    node = uris.quality(name, measurement.metric, *measurement.detail)
    on = measurement.on or uris.dataset(name)
    label = findings.labels[metric.value]
    about = measurement.reason or " ".join(measurement.detail).removeprefix("of ")
    yield Triple(uris.quality(name), DCT.hasPart, node)
    yield Triple(on, DQV.hasQualityMeasurement, node)
    yield Triple(node, RDF.type, DQV.QualityMeasurement)
    yield Triple(node, RDFS.label, english(f"{label}: {about}" if about else label))
    yield Triple(node, DQV.isMeasurementOf, metric)
    yield Triple(node, DQV.computedOn, on)
    yield Triple(node, DQV.value, _value(measurement.value))
    if measurement.reason is not None:
        yield Triple(node, uris.property("reason"), english(measurement.reason))
    if measurement.status is not None:
        yield Triple(node, uris.property("status"), measurement.status)


def _policy(findings: Findings, uris: Uris) -> Iterator[Triple]:
    """Say how the dataset is kept from giving away what it must not: what was chosen, and which rules it passed."""
    name, policy = findings.mapping.name, findings.mapping.policy
    node = uris.quality(name, "policy")
    yield Triple(uris.quality(name), DCT.hasPart, node)
    yield Triple(uris.dataset(name), DCT.conformsTo, node)
    yield Triple(node, RDF.type, DQV.QualityPolicy)
    yield Triple(node, RDF.type, DCT.Standard)  # or DCAT-AP takes it for no value of dct:conformsTo
    yield Triple(node, RDFS.label, english(f"Disclosure control of {findings.mapping.description.title}"))
    yield Triple(node, RDFS.comment, english(CHOICE))
    for kind in dict.fromkeys((policy.kind, *policy.kinds.values())):
        yield Triple(node, uris.property("kind-of-figures"), Literal(kind))
    if policy.applies(SMALL_COUNTS):
        yield Triple(node, uris.property("smallest-count"), _value(policy.threshold))
    if policy.rounding_base > 1:
        yield Triple(node, uris.property("rounding-base"), _value(policy.rounding_base))
    if policy.multiplier > 1:
        yield Triple(node, uris.property("figure-multiplier"), _value(policy.multiplier))
    if policy.perturbed is not None:
        yield Triple(node, uris.property("perturbation"), english(policy.perturbed))
    for marker in policy.markers:
        yield Triple(node, uris.property("marker"), Literal(marker))
    for rule in rules_applied(policy, is_cube=findings.structure is not None):
        yield Triple(node, uris.property("rule-applied"), uris.concept("disclosure-rule", rule))
    for rule, reason in policy.exemptions.items():
        exemption = uris.quality(name, "policy", rule)
        concept = uris.concept("disclosure-rule", rule)
        yield Triple(node, uris.property("exemption"), exemption)
        yield Triple(exemption, RDF.type, uris.own_class("exemption"))
        yield Triple(exemption, RDFS.label, english(f"Exemption from {rule.replace('-', ' ')}"))
        yield Triple(exemption, uris.property("rule-exempted"), concept)
        yield Triple(exemption, uris.property("reason"), english(reason))


def rules_applied(policy: Policy, *, is_cube: bool) -> list[str]:
    """List the rules of the gate that the main table was held to, and that had something to look at.

    Differencing is not among them: it looks at two releases, and this is about one.
    """
    looked = {
        RECORD_LEVEL: True,
        SMALL_COUNTS: is_cube,
        ROUNDING: is_cube and policy.rounding_base > 1,
        MARKERS: is_cube,
        RECOVERABLE: is_cube and bool(policy.totals or policy.nested),
        DOMINANCE: is_cube and bool(policy.contributors),
    }
    return [rule for rule, is_looked_at in looked.items() if is_looked_at and policy.applies(rule)]


def _annotations(findings: Findings, uris: Uris) -> Iterator[Triple]:
    """Repeat what the source says of the accuracy of its figures, and say if they are a sample."""
    texts = {}
    perturbed = findings.mapping.policy.perturbed
    if perturbed is not None:
        texts["perturbed"] = f"The source says that it changed its figures at random: {perturbed}"
    if findings.mapping.description.is_sample:
        texts["sample"] = "The figures are invented to show the structure. Nothing here says anything of real ones."
    name = findings.mapping.name
    for kind, text in texts.items():
        node = uris.quality(name, "note", kind)
        yield Triple(uris.quality(name), DCT.hasPart, node)
        yield Triple(uris.dataset(name), DQV.hasQualityAnnotation, node)
        yield Triple(node, RDF.type, DQV.QualityAnnotation)
        yield Triple(node, RDFS.label, english(f"Accuracy: {kind}"))
        yield Triple(node, OA.hasTarget, uris.dataset(name))
        yield Triple(node, OA.motivatedBy, DQV.qualityAssessment)
        yield Triple(node, DQV.inDimension, uris.concept("quality-dimension", "accuracy"))
        yield Triple(node, OA.bodyValue, Literal(text))


def _value(value: int | bool) -> Literal:
    if isinstance(value, bool):
        return Literal(str(value).lower(), datatype=XSD.boolean)
    return Literal(str(value), datatype=XSD.integer)
