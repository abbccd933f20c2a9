"""Write down a drafted mapping folder: metadata documents, tables, `components.ttl`, `source.toml`."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from loader.gate.policy import COUNTS, KINDS, MONEY, PERCENTAGES
from loader.mapping import METADATA_SUFFIX
from loader.sheet import unused
from loader.uris import OGL_3

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DatatypeJson: TypeAlias = "str | dict[str, str] | None"
UNIT_MEASURE: Final = "http://purl.org/linked-data/sdmx/2009/attribute#unitMeasure"
PUBLISHER: Final = "https://www.gov.uk/government/organisations/department-for-work-pensions"
_CONTEXT: Final = '["http://www.w3.org/ns/csvw", {"@language": "en"}]'
_PREFIXES: Final = """\
@prefix qb: <http://purl.org/linked-data/cube#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sdmx-measure: <http://purl.org/linked-data/sdmx/2009/measure#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

# What only this dataset uses. Relative addresses resolve against the address the site is published under.
"""


@dataclass(frozen=True, slots=True)
class ColumnDraft:
    """A column of the main table, as its metadata will describe it."""

    name: str
    title: str
    property_url: str | None = None
    """None for a column that only helps people read the table."""
    value_url: str | None = None
    datatype: DatatypeJson = None
    is_required: bool = True
    beside: str = ""
    """Column of the table it was made from, and stands before."""


@dataclass(frozen=True, slots=True)
class CodesDraft:
    """A further table of the folder: codes with labels, in order."""

    name: str
    about_url: str
    scheme: str
    """Reference to the list the codes are put in."""
    codes: Sequence[tuple[str, str]]


@dataclass(slots=True)
class Draft:
    """A mapping folder in the making."""

    dataset: str
    frame: pl.DataFrame
    columns: list[ColumnDraft] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    """Columns that tell observations apart, without the one that names the measure."""
    measure: str = ""
    """Measure of every observation, or a template on a column."""
    measure_column: str | None = None
    unit: str = ""
    unit_column: str | None = None
    companions: list[CodesDraft] = field(default_factory=list)
    declarations: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """Paths of dimensions, measures and lists that the folder has declared or used for one thing already."""
    found: dict[str, str] = field(default_factory=dict)
    """What each column of the table was taken for."""
    decisions: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    markers: dict[str, str] = field(default_factory=dict)
    """What each marker in the table was taken to mean."""
    summary: str = ""
    keywords: list[str] = field(default_factory=list)
    edition: str | None = None
    frequency: str = "irregular"


def title_of(text: str) -> str:
    """Give the title for a name: words, the first with a capital."""
    plain = " ".join(text.replace("_", " ").replace("-", " ").split())
    return plain[:1].upper() + plain[1:]


def files(draft: Draft) -> dict[str, str]:
    """Give the text of each file of the folder, by name."""
    written = {
        "source.toml": _source(draft),
        f"{draft.dataset}{METADATA_SUFFIX}": _metadata(draft),
        f"{draft.dataset}.csv": _table(draft),
    }
    for codes in draft.companions:
        written[f"{codes.name}{METADATA_SUFFIX}"] = _codes_metadata(codes)
        written[f"{codes.name}.csv"] = _codes_table(codes)
    if draft.declarations:
        written["components.ttl"] = "\n".join([_PREFIXES, *draft.declarations])
    return written


def _document(url: str, about_url: str, key: object, columns: Sequence[dict[str, object]]) -> str:
    lines = ",\n      ".join(json.dumps(column, ensure_ascii=False) for column in columns)
    return f"""\
{{
  "@context": {_CONTEXT},
  "url": {json.dumps(url)},
  "tableSchema": {{
    "aboutUrl": {json.dumps(about_url)},
    "primaryKey": {json.dumps(key)},
    "columns": [
      {lines}
    ]
  }}
}}
"""


def _metadata(draft: Draft) -> str:
    key = [*draft.key, *([draft.measure_column] if draft.measure_column else [])]
    about = "obs/" + "/".join(f"{{{name}}}" for name in draft.key)
    measure = f"{{{draft.measure_column}}}" if draft.measure_column else draft.measure
    columns = [_column(column) for column in draft.columns]
    columns += [_virtual(draft, *fixed) for fixed in _fixed(draft)]
    return _document(f"{draft.dataset}.csv", f"{about}@{measure}", key, columns)


def _column(column: ColumnDraft) -> dict[str, object]:
    described: dict[str, object] = {"name": column.name, "titles": column.title}
    if column.is_required:
        described["required"] = True
    if column.datatype not in (None, "string"):
        described["datatype"] = column.datatype
    if column.property_url is None:
        return described | {"suppressOutput": True}
    described["propertyUrl"] = column.property_url
    return described | ({"valueUrl": column.value_url} if column.value_url else {})


def _fixed(draft: Draft) -> Iterator[tuple[str, str, str]]:
    """Yield name, property and value of what is the same for every observation."""
    yield "type", "rdf:type", "qb:Observation"
    yield "data_set", "qb:dataSet", f"../{draft.dataset}"
    if draft.measure_column is None:
        yield "measure_type", "qb:measureType", f"../../def/measure/{draft.measure}"
    if draft.unit_column is None:
        yield "unit", UNIT_MEASURE, f"../../def/unit/{draft.unit}"


def _virtual(draft: Draft, name: str, property_url: str, value_url: str) -> dict[str, object]:
    taken = {column.name for column in draft.columns}
    free = unused(f"observation_{name}" if name in taken else name, frozenset(taken))
    return {"name": free, "virtual": True, "propertyUrl": property_url, "valueUrl": value_url}


def _table(draft: Draft) -> str:
    stream = io.BytesIO()
    renamed = {column.name: column.title for column in draft.columns}
    draft.frame.select(list(renamed)).rename(renamed).write_csv(stream, null_value="", quote_style="necessary")
    return stream.getvalue().decode()


def _codes_metadata(codes: CodesDraft) -> str:
    columns: list[dict[str, object]] = [
        {"name": "notation", "titles": "Code", "required": True, "propertyUrl": "skos:notation"},
        {"name": "label", "titles": "Label", "required": True, "lang": "en", "propertyUrl": "skos:prefLabel"},
        {"name": "sort_order", "titles": "Order", "required": True, "datatype": "integer",
         "propertyUrl": "schema:position"},
        {"name": "type", "virtual": True, "propertyUrl": "rdf:type", "valueUrl": "skos:Concept"},
        {"name": "in_scheme", "virtual": True, "propertyUrl": "skos:inScheme", "valueUrl": codes.scheme},
    ]  # fmt: skip
    return _document(f"{codes.name}.csv", codes.about_url, "notation", columns)


def _codes_table(codes: CodesDraft) -> str:
    rows = [(notation, label, str(order)) for order, (notation, label) in enumerate(codes.codes, 1)]
    return pl.DataFrame(rows, schema=["Code", "Label", "Order"], orient="row").write_csv(quote_style="necessary")


# Turtle


def _literal(text: str) -> str:
    escaped = json.dumps(" ".join(text.split()), ensure_ascii=False)
    return f"{escaped}@en"


def dimension(name: str, label: str, *, code_list: str | None, value_type: str = "xsd:string") -> str:
    """Declare a dimension; `code_list` is a reference to its list, as Turtle writes it."""
    kinds = "rdf:Property, qb:DimensionProperty" + (", qb:CodedProperty" if code_list else "")
    ranged = f"skos:Concept ;\n    qb:codeList <{code_list}>" if code_list else value_type
    return f"""\
<def/dimension/{name}> a {kinds} ;
    rdfs:label {_literal(label)} ;
    rdfs:comment {_literal(f"{label} that the observation is about.")} ;  # decide: say what it distinguishes
    rdfs:range {ranged} .
"""


def scheme(name: str, label: str) -> str:
    """Declare a code list."""
    return f"""\
<def/concept-scheme/{name}> a skos:ConceptScheme ;
    rdfs:label {_literal(label)} ;
    skos:prefLabel {_literal(label)} ;
    rdfs:comment {_literal(f"Values of {label} in this dataset.")} .  # decide: say what the codes are
"""


def measure(name: str, label: str, datatype: str) -> str:
    """Declare a measure; `datatype` is the local name of an XSD type."""
    return f"""\
<def/measure/{name}> a rdf:Property, qb:MeasureProperty ;
    rdfs:label {_literal(label)} ;
    rdfs:comment {_literal(f"{label}.")} ;  # decide: say what is counted
    rdfs:subPropertyOf sdmx-measure:obsValue ;
    rdfs:range xsd:{datatype} .
"""


def unit(name: str, label: str) -> str:
    """Declare a unit."""
    return f"""\
<def/unit/{name}> a skos:Concept ;
    skos:inScheme <def/concept-scheme/unit> ;
    skos:prefLabel {_literal(label)} ;
    skos:notation "{name}" .
"""


# TOML


def _source(draft: Draft) -> str:
    title = title_of(draft.dataset)
    edition = draft.edition or str(datetime.now(UTC).year)
    why = "the latest period in the table" if draft.edition else "no period was found: this year"
    keywords = ", ".join(_toml(keyword) for keyword in draft.keywords)
    return f"""\
title = {_toml(title)}  # decide: what people will look for
description = {_toml(draft.summary)}  # decide: what is counted, for whom, what to beware of
publisher = "{PUBLISHER}"  # decide: whose figures are they?
licence = "{OGL_3}"  # decide: is it?
# landing_page = "https://…"  # decide: where the publisher presents it
keywords = [{keywords}]  # decide
edition = "{edition}"  # decide: {why}
# issued = 2025-07-15  # decide: when that edition was published
frequency = "{draft.frequency}"  # decide: monthly | quarterly | annual | irregular | never
sample = false  # decide: true if the figures are invented

{_policy(draft)}"""


def kinds_of_figures(draft: Draft) -> dict[str, str]:
    """Guess from its unit what each measure is for the gate: counts, unless it is plainly money or a percentage."""
    measure = pl.col(draft.measure_column) if draft.measure_column else pl.lit(draft.measure)
    unit = pl.col(draft.unit_column) if draft.unit_column else pl.lit(draft.unit)
    pairs = draft.frame.select(measure.alias("measure"), unit.alias("unit")).unique(maintain_order=True).drop_nulls()
    kinds: dict[str, str] = {}
    for name, code in pairs.iter_rows():
        kind = PERCENTAGES if code == "percent" else MONEY if "pound" in code else COUNTS
        kinds[name] = kind if kinds.get(name, kind) == kind else COUNTS
    return kinds


def _policy(draft: Draft) -> str:
    kinds = kinds_of_figures(draft)
    kind = COUNTS if COUNTS in kinds.values() else next(iter(kinds.values()), COUNTS)
    lines = ["[policy]  # decide: what the gate asks of the figures (docs/gate.md)"]
    lines.append(f'kind = "{kind}"  # decide: {" | ".join(KINDS)}')
    others = ", ".join(f'{name} = "{other}"' for name, other in kinds.items() if other != kind)
    if others:
        lines.append(f"kinds = {{ {others} }}  # decide: the measures that are of another kind")
    markers = ", ".join(f'{_toml(text)} = "{meaning}"' for text, meaning in draft.markers.items())
    if markers:
        lines.append(f"markers = {{ {markers} }}  # decide: what each means (docs/markers.md)")
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return json.dumps(re.sub(r"[\x00-\x1f\x7f]+", " ", text), ensure_ascii=False)
