"""Derive the structure of a cube from its mapping: which columns are its dimensions, measures and attributes.

The data structure definition is never written by hand (docs/mappings.md): each column whose property is declared in the
vocabulary becomes a component, in column order (RDF Data Cube §6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, Triple

from loader.csvw.iri import resolve
from loader.csvw.json_ld import expand_if_prefixed
from loader.csvw.uri_template import Template, TemplateError, parse_template
from loader.errors import Problem, ProblemsError
from ontology.terms import QB, RDF, RDFS, XSD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Mapping as Dictionary

    import polars as pl

    from loader.csvw.metadata import Column, Table
    from loader.mapping import Mapping
    from loader.uris import Uris
    from loader.vocabulary import Component, Vocabulary

DIMENSION: Final = "dimension"
MEASURE: Final = "measure"
ATTRIBUTE: Final = "attribute"


@dataclass(frozen=True, slots=True)
class ComponentColumn:
    """A column of the main table and the component it gives; a column of a long table may give several measures."""

    column: Column
    component: Component

    @property
    def is_constant(self) -> bool:
        """True for a virtual column whose value is the same in every row."""
        return self.column.virtual and not self.value_names

    @property
    def value_names(self) -> tuple[str, ...]:
        """Names of the columns the value is made of."""
        if self.column.value_url is None:
            return (self.column.name,)
        return parse_template(self.column.value_url).names


@dataclass(frozen=True, slots=True)
class Structure:
    """The components of a cube, in column order."""

    components: tuple[ComponentColumn, ...]

    def of_kind(self, kind: str) -> tuple[ComponentColumn, ...]:
        """The components of one kind: `dimension`, `measure` or `attribute`."""
        return tuple(part for part in self.components if part.component.kind == kind)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Columns that together tell one observation from another."""
        names = (name for part in self.of_kind(DIMENSION) if not part.is_constant for name in part.value_names)
        return tuple(dict.fromkeys(names))


def expand(template: Template, values: Dictionary[str, str], table: Table) -> str:
    """Expand a URI template of a column to an absolute IRI (Metadata Vocabulary §5.1.3)."""
    return resolve(table.url, expand_if_prefixed(template.expand(dict(values))))


def derive_structure(mapping: Mapping, rows: pl.DataFrame, vocabulary: Vocabulary, uris: Uris) -> Structure | None:
    """Find the components of a folder's main table; None if it measures nothing, so is no cube.

    `rows` are the table's cells as text, by column name: a measure column of a long table names its measures there.
    Raises ProblemsError for a property of this site that nothing declares, and for a cube without dimensions.
    """
    problems: list[Problem] = []
    parts: list[ComponentColumn] = []
    for column in mapping.main.table.columns:
        if column.property_url is None or column.suppress_output:
            continue
        for iri in _properties(mapping, column, rows, problems):
            component = vocabulary.components.get(iri)
            if component is not None:
                parts.append(ComponentColumn(column, component))
            elif iri.startswith(f"{uris.base}/") and iri not in vocabulary.declared:
                problems.append(_undeclared(mapping, column, iri, vocabulary))
    structure = Structure(tuple(parts))
    is_cube = bool(structure.of_kind(MEASURE)) and not mapping.is_code_list
    if is_cube and not structure.of_kind(DIMENSION):
        message = "the table has a measure but no dimension"
        hint = "give the columns that identify an observation a propertyUrl declared as qb:DimensionProperty"
        problems.append(Problem("CUBE-04", str(mapping.main.document), message, hint))
    if is_cube:
        problems += _unfixed(mapping, structure)
    elif not problems and not mapping.is_code_list and _makes_observations(mapping):
        message = "the table makes observations, but none of its columns is a declared measure"
        hint = "give the column of figures a propertyUrl declared as qb:MeasureProperty"
        problems.append(Problem("CUBE-06", str(mapping.main.document), message, hint))
    if problems:
        raise ProblemsError(problems)
    return structure if is_cube else None


def _makes_observations(mapping: Mapping) -> bool:
    """Say whether a column gives each row the type qb:Observation, or puts it in a data set."""
    given = {
        (expand_if_prefixed(column.property_url), expand_if_prefixed(column.value_url or ""))
        for column in mapping.main.table.columns
        if column.property_url is not None
    }
    return (RDF.type.value, QB.Observation.value) in given or QB.dataSet.value in {name for name, _ in given}


def _properties(mapping: Mapping, column: Column, rows: pl.DataFrame, problems: list[Problem]) -> Iterator[str]:
    """Give the properties of a column: one, or one for each name in the column that its template refers to."""
    assert column.property_url is not None, "the caller looked"
    table = mapping.main.table
    where = f"{mapping.main.document}, column '{column.name}'"
    try:
        template = parse_template(column.property_url)
    except TemplateError as error:
        problems.append(Problem("MAP-09", where, f"propertyUrl: {error}"))
        return
    unknown = [name for name in template.names if name not in rows.columns]
    if unknown:
        problems.append(Problem("MAP-09", where, f"propertyUrl names the unknown column {', '.join(unknown)}"))
        return
    for values in distinct_values(rows, template.names):
        iri = expand(template, values, table)
        if not iri.startswith(("http://", "https://")):
            hint = "CSVW does not know this prefix; write the address out in full"
            problems.append(Problem("MAP-09", where, f"propertyUrl gives '{iri}', which is no web address", hint))
        else:
            yield iri


def distinct_values(rows: pl.DataFrame, names: Sequence[str]) -> list[dict[str, str]]:
    """Give the distinct combinations of cells of some columns, in order of appearance, without those with blanks."""
    if not names:
        return [{}]
    found = rows.select(names).unique(maintain_order=True).drop_nulls()
    return [dict(zip(names, values, strict=True)) for values in found.iter_rows()]


def _undeclared(mapping: Mapping, column: Column, iri: str, vocabulary: Vocabulary) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(iri, sorted(vocabulary.declared), n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else f"declare it in ontology/ or in {mapping.folder}/components.ttl"
    where = f"{mapping.main.document}, column '{column.name}'"
    return Problem("MAP-10", where, f"nothing declares the property {iri}", hint)


def _unfixed(mapping: Mapping, structure: Structure) -> Iterator[Problem]:
    """Check what every observation must say besides its components: its type, its dataset and its measure."""
    given = {column.property_url for column in mapping.main.table.columns}
    document = str(mapping.main.document)
    for short, example in (("rdf:type", "qb:Observation"), ("qb:dataSet", f"../{mapping.name}")):
        full = expand_if_prefixed(short)
        if short not in given and full not in given:
            column = f'{{"name": "…", "virtual": true, "propertyUrl": "{short}", "valueUrl": "{example}"}}'
            hint = f"add the virtual column {column}"
            yield Problem("CUBE-05", document, f"no column gives {short}", hint)
    if QB.measureType.value not in {part.component.property.value for part in structure.components}:
        hint = 'add a virtual column with "propertyUrl": "qb:measureType" and the measure as "valueUrl"'
        yield Problem("CUBE-05", document, "no column gives qb:measureType", hint)


def structure_triples(mapping: Mapping, structure: Structure, uris: Uris) -> Iterator[Triple]:
    """Yield the data structure definition and its component specifications (RDF Data Cube §6)."""
    title = mapping.description.title
    node = uris.structure(mapping.name)
    dataset = uris.dataset(mapping.name)
    yield Triple(dataset, RDF.type, QB.DataSet)
    yield Triple(dataset, QB.structure, node)
    yield Triple(node, RDF.type, QB.DataStructureDefinition)
    yield Triple(node, RDFS.label, Literal(f"Structure of {title}", language="en"))
    seen: set[str] = set()
    for part in structure.components:
        if part.component.property.value not in seen:
            seen.add(part.component.property.value)
            yield from _specification(mapping, part, node, len(seen), uris)


def _specification(
    mapping: Mapping, part: ComponentColumn, structure: NamedNode, order: int, uris: Uris
) -> Iterator[Triple]:
    prop = part.component.property
    kinds = {DIMENSION: QB.dimension, MEASURE: QB.measure, ATTRIBUTE: QB.attribute}
    node = uris.component(mapping.name, local_name(prop.value))
    yield Triple(structure, QB.component, node)
    yield Triple(node, RDF.type, QB.ComponentSpecification)
    yield Triple(node, RDFS.label, Literal(f"{part.component.label} ({part.component.kind})", language="en"))
    yield Triple(node, kinds[part.component.kind], prop)
    yield Triple(node, QB.componentProperty, prop)
    yield Triple(node, QB.order, Literal(str(order), datatype=XSD.integer))
    if part.component.kind == ATTRIBUTE:
        is_required = part.is_constant or part.column.required
        yield Triple(node, QB.componentRequired, Literal(str(is_required).lower(), datatype=XSD.boolean))


def local_name(iri: str) -> str:
    """Give the last part of an IRI, after its last `/` or `#`."""
    return iri.replace("#", "/").rstrip("/").rpartition("/")[2]
