"""Generating RDF from Tabular Data on the Web: the row-wise reference path.

Every row becomes a few lines of N-Triples. `columns` makes the same lines faster where it can.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from loader.csvw import ntriples
from loader.csvw.cells import Cell, CellParser
from loader.csvw.iri import has_scheme, resolve
from loader.csvw.json_ld import CSVW, RDF, RDFS, Annotation, LiteralValue, NodeValue, expand_if_prefixed
from loader.csvw.uri_template import Template, Variable, parse_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loader.csvw.metadata import Column, Table, TableGroup
    from loader.csvw.tabular import Row

TYPE: Final = f"<{RDF}type>"
_FIRST: Final = f"<{RDF}first>"
_REST: Final = f"<{RDF}rest>"
_NIL: Final = f"<{RDF}nil>"
# What a template knows of a column before any row is read (Metadata Vocabulary §5.1.3).
COLUMN_VARIABLES: Final = frozenset({"_name", "_column", "_sourceColumn"})
ROW_VARIABLES: Final = frozenset({"_row", "_sourceRow"})
_CACHED_IRIS: Final = 10_000


def csvw(name: str) -> str:
    """Return a term of the csvw vocabulary."""
    return f"<{CSVW}{name}>"


def template_iri(template: Template, variables: dict[str, Variable], base: str) -> str:
    """Expand a template into an absolute IRI (Metadata Vocabulary §5.1.3)."""
    return resolve(base, expand_if_prefixed(template.expand(variables)))


def column_variables(column: Column, skip_columns: int) -> dict[str, Variable]:
    """Return the variables that depend on the column alone."""
    return {
        "_name": unquote(column.name),
        "_column": str(column.number),
        "_sourceColumn": str(column.number + skip_columns),
    }


def absolute_beginning(text: str, base: str) -> str | None:
    """Return the beginning of an absolute IRI for that of a template, None if it depends on what follows."""
    if text.startswith("#"):
        return resolve(base, "") + text
    if has_scheme(text):
        return None if text.endswith(":") else expand_if_prefixed(text)
    if "/" not in text or text.startswith("//") or text.rpartition("/")[2].startswith("."):
        return None
    return resolve(base, text)


def has_dots(text: str) -> bool:
    """Say whether a text, put into a relative reference, may be a dot segment."""
    return text.startswith(".") or "/." in text


@dataclass(slots=True)
class IriTemplate:
    """A template property of one column: a constant term, or one for each combination of variables."""

    template: Template
    base: str
    own: dict[str, Variable]
    constant: str | None = None
    names: tuple[str, ...] = ()
    is_relative: bool = False
    _beginning: str | None = None
    _cache: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = self.template.names
        if COLUMN_VARIABLES.issuperset(self.names):
            self.constant = ntriples.iri(template_iri(self.template, self.own, self.base))
        elif isinstance(self.template.parts[0], str):
            first = self.template.parts[0]
            self._beginning = absolute_beginning(first, self.base)
            self.is_relative = not has_scheme(first) and not first.startswith("#")

    def term(self, variables: dict[str, Variable]) -> str:
        """Return the IRI as a term."""
        if self.constant is not None:
            return self.constant
        if len(self.names) > 1:
            return self._make(variables)
        value = variables.get(self.names[0])
        if not isinstance(value, str):
            return self._make(variables)
        term = self._cache.get(value)
        if term is None:
            term = self._make(variables)
            if len(self._cache) >= _CACHED_IRIS:
                self._cache.clear()
            self._cache[value] = term
        return term

    def _make(self, variables: dict[str, Variable]) -> str:
        if not COLUMN_VARIABLES.isdisjoint(self.names):
            variables = {**variables, **self.own}
        others = "" if self._beginning is None else Template(self.template.parts[1:]).expand(variables)
        if self._beginning is None or (self.is_relative and has_dots(others)):
            return ntriples.iri(template_iri(self.template, variables, self.base))
        return ntriples.iri(self._beginning + others)


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """What is worked out once for a column."""

    column: Column
    parser: CellParser
    about: IriTemplate | None
    property: IriTemplate
    value: IriTemplate | None


def plan_columns(table: Table, skip_columns: int) -> tuple[ColumnPlan, ...]:
    """Compile the templates and the datatypes of a table; columns share templates that are the same to both."""
    shared: dict[str, IriTemplate] = {}
    plans = []
    for column in table.columns:
        own = column_variables(column, skip_columns)
        default = f"{resolve(table.url, '')}#{column.name}"
        found = []
        for text in (column.about_url, column.property_url, column.value_url):
            template = None if text is None else IriTemplate(parse_template(text), table.url, own)
            if template and text is not None and COLUMN_VARIABLES.isdisjoint(template.names):
                template = shared.setdefault(text, template)
            found.append(template)
        about, named, value = found
        named = named or IriTemplate(Template((default,)), table.url, own)
        plans.append(ColumnPlan(column, CellParser(column), about, named, value))
    return tuple(plans)


@dataclass(slots=True)
class TableConverter:
    """Turns the rows of one table into triples. `label` begins its blank nodes; rows have subjects of their own."""

    table: Table
    plans: tuple[ColumnPlan, ...]
    label: str
    subject: str = ""
    standard: bool = False
    _row_titles: frozenset[str] = field(init=False)
    _needs_variables: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._row_titles = frozenset(self.table.row_titles)
        templates = [t for plan in self.plans for t in (plan.about, plan.property, plan.value) if t]
        names = frozenset(name for t in templates if t.constant is None for name in t.names)
        self._needs_variables = names

    def row(self, row: Row, cells: list[Cell]) -> str:
        """Return the triples of a row (csv2rdf §4.6 steps 4.6.1 to 4.6.8), `cells` being parsed for every column."""
        variables = self.variables(row, cells)
        default_subject = f"_:{self.label}r{row.number}"
        lines: list[str] = []
        subjects: dict[str, None] = {}
        about, subject = None, default_subject
        for plan, cell in zip(self.plans, cells, strict=True):
            if plan.column.suppress_output:
                continue
            if plan.about is not about:
                about = plan.about
                subject = about.term(variables) if about else default_subject
            subjects[subject] = None
            self._cell(lines, f"{subject} {plan.property.term(variables)}", plan, cell, row, variables)
        if self.standard:
            return "".join([*self._row_lines(row, cells, subjects), *lines])
        return "".join(lines)

    def variables(self, row: Row, cells: list[Cell]) -> dict[str, Variable]:
        """Return what the templates of this row may name."""
        variables: dict[str, Variable] = {"_row": str(row.number), "_sourceRow": str(row.source_number)}
        for plan, cell in zip(self.plans, cells, strict=True):
            name = plan.column.name
            if name not in self._needs_variables:
                continue
            if plan.column.separator is not None and not cell.is_null:
                variables[name] = [value.canonical for value in cell.values]
            else:
                variables[name] = cell.values[0].canonical if cell.values else None
        return variables

    def _cell(
        self, lines: list[str], start: str, plan: ColumnPlan, cell: Cell, row: Row, variables: dict[str, Variable]
    ) -> None:
        """Add the triples of one cell."""
        if plan.value:
            if not cell.is_null or plan.column.virtual:
                lines.append(f"{start} {plan.value.term(variables)} .\n")
        elif plan.column.ordered and plan.column.separator is not None and cell.values:
            self._list(lines, start, cell, f"_:{self.label}r{row.number}c{plan.column.number}i")
        else:
            lines += [f"{start} {value.term} .\n" for value in cell.values]

    @staticmethod
    def _list(lines: list[str], start: str, cell: Cell, node: str) -> None:
        """Add an rdf:List."""
        lines.append(f"{start} {node}1 .\n")
        last = len(cell.values)
        for i, value in enumerate(cell.values, 1):
            lines.append(f"{node}{i} {_FIRST} {value.term} .\n")
            lines.append(f"{node}{i} {_REST} {_NIL if i == last else f'{node}{i + 1}'} .\n")

    def _row_lines(self, row: Row, cells: list[Cell], subjects: Iterable[str]) -> Iterator[str]:
        """Yield what standard mode says of the row itself (steps 4.6.2 to 4.6.7)."""
        node = f"_:{self.label}row{row.number}"
        yield f"{self.subject} {csvw('row')} {node} .\n"
        yield f"{node} {TYPE} {csvw('Row')} .\n"
        yield f'{node} {csvw("rownum")} "{row.number}"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
        url = ntriples.iri(f"{resolve(self.table.url, '')}#row={row.source_number}")
        yield f"{node} {csvw('url')} {url} .\n"
        for plan, cell in zip(self.plans, cells, strict=True):
            if plan.column.name in self._row_titles:
                yield from (f"{node} {csvw('title')} {value.term} .\n" for value in cell.values)
        for subject in subjects:
            yield f"{node} {csvw('describes')} {subject} .\n"


@dataclass(slots=True)
class AnnotationWriter:
    """Turns annotations into triples; numbers the blank nodes it needs."""

    label: str
    count: int = 0

    def lines(self, subject: str, annotations: Iterable[Annotation]) -> Iterator[str]:
        """Yield the triples of common properties."""
        for annotation in annotations:
            for value in annotation.values:
                yield from self.statement(subject, ntriples.iri(annotation.property), value)

    def statement(self, subject: str, predicate: str, value: LiteralValue | NodeValue) -> Iterator[str]:
        """Yield the triple of one value, and those of the resource it describes."""
        if isinstance(value, LiteralValue):
            yield f"{subject} {predicate} {ntriples.literal(value.text, value.datatype, value.lang)} .\n"
            return
        if value.id is None:
            self.count += 1
        node = f"_:{self.label}a{self.count}" if value.id is None else ntriples.iri(value.id)
        yield f"{subject} {predicate} {node} .\n"
        for name in value.types:
            yield f"{node} {TYPE} {ntriples.iri(name)} .\n"
        yield from self.lines(node, value.annotations)


def group_subject(group: TableGroup) -> str:
    """Return the term of a table group (csv2rdf §4.6 step 1)."""
    return ntriples.iri(group.id) if group.id else "_:g"


def table_subject(table: Table, label: str) -> str:
    """Return the term of a table (step 4.1)."""
    return ntriples.iri(table.id) if table.id else f"_:{label}t"


def group_lines(group: TableGroup) -> Iterator[str]:
    """Yield what standard mode says of the group (steps 2 and 3)."""
    subject, writer = group_subject(group), AnnotationWriter("g")
    yield f"{subject} {TYPE} {csvw('TableGroup')} .\n"
    yield from writer.lines(subject, group.annotations)
    for note in group.notes:
        yield from writer.statement(subject, csvw("note"), note)


def table_lines(group: TableGroup, table: Table, label: str) -> Iterator[str]:
    """Yield what standard mode says of a table (steps 4.2 to 4.5)."""
    subject, writer = table_subject(table, label), AnnotationWriter(label)
    yield f"{group_subject(group)} {csvw('table')} {subject} .\n"
    yield f"{subject} {TYPE} {csvw('Table')} .\n"
    yield f"{subject} {csvw('url')} {ntriples.iri(table.url)} .\n"
    yield from writer.lines(subject, table.annotations)
    for note in table.notes:
        yield from writer.statement(subject, csvw("note"), note)


def comment_lines(table: Table, label: str, comments: Iterable[str]) -> Iterator[str]:
    """Yield the comments found in the file as annotations of the table (Tabular Data Model §8)."""
    subject = table_subject(table, label)
    for comment in comments:
        yield f"{subject} <{RDFS}comment> {ntriples.literal(comment)} .\n"


def label_for(url: str) -> str:
    """Return a beginning for blank node labels that differs between tables converted one by one."""
    return f"t{zlib.crc32(url.encode('utf-8', 'replace')):08x}"
