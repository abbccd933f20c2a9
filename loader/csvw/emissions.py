"""Which texts the fast path needs of each column, and how they follow one another in the triples of a row.

The order and the wording are those of `rdf.TableConverter`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from loader.csvw import ntriples
from loader.csvw.addresses import is_open
from loader.csvw.iri import is_iri
from loader.csvw.rdf import ROW_VARIABLES, ColumnPlan, IriTemplate, TableConverter, absolute_beginning, has_dots
from loader.csvw.uri_template import Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from loader.csvw.cells import Cell
    from loader.csvw.metadata import Column
    from loader.csvw.uri_template import Variable

_PROBE: Final = "~~~~"
NULL_KEY: Final = "\x00"


class UnsupportedError(Exception):
    """The table needs the reference path."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A text made from the value of one column, for one use of it.

    `of_cell` makes it from a parsed cell; None stands for no triple. Where a value may be copied as it stands, the text
    is `before`, the value, `after`, or `if_null`; `before` is None where it may not. `is_encoded` tells that the value
    is to be percent-encoded, so that it may be copied only if it has nothing but unreserved characters; `is_relative`
    that it is part of a relative reference, in which dots are more than dots. `makes_address` says whether the value of
    a cell makes an address, where not all values do.
    """

    name: str
    column: str
    of_cell: Callable[[Cell], str | None]
    before: str | None
    after: str = ""
    if_null: str | None = None
    is_encoded: bool = False
    is_relative: bool = False
    makes_address: Callable[[Cell], bool] | None = None


Part: TypeAlias = "str | Use"


@dataclass(frozen=True, slots=True)
class Use:
    """A place in the output where a derived text goes."""

    name: str


@dataclass(frozen=True, slots=True)
class Emission:
    """One triple a row; `guard` names a derived text whose absence means that there is none."""

    subject: tuple[Part, ...]
    rest: tuple[Part, ...]
    guard: str | None = None
    begins: str = ""
    """Text that every subject begins with, as far as that is known."""
    predicate: str | None = None
    """The predicate, if it is the same in every row, and the space after it."""


@dataclass(slots=True)
class Compiler:
    """Works out which texts a table needs, and how they follow one another. Raises `UnsupportedError`."""

    converter: TableConverter
    primary_key: tuple[str, ...] = ()
    derived: dict[str, Derived] = field(default_factory=dict)
    constants: dict[str, str | None] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    def compile(self) -> list[Emission]:
        """Return the triples of a row, in the order of the reference path."""
        for plan in self.converter.plans:
            if plan.column.separator is not None:
                raise UnsupportedError
            if plan.column.virtual:
                found = plan.parser.parse("").values
                self.constants[plan.column.name] = found[0].canonical if found else None
            else:
                self.columns[plan.column.name] = plan.column
        emissions = []
        for plan in self.converter.plans:
            if not plan.column.suppress_output:
                emissions += [emission] if (emission := self._emission(plan)) else []
        used = {part for emission in emissions for part in (*emission.subject, *emission.rest)}
        used |= {Use(emission.guard) for emission in emissions if emission.guard}
        self.derived = {name: derived for name, derived in self.derived.items() if Use(name) in used}
        for name in self.primary_key:
            self._derive(Derived(f"key {name}", name, _key_part, "", "", NULL_KEY))
        return emissions

    def _folded(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        """Make texts part of the derived text that follows, or else goes before: fewer pieces to a row."""
        result: list[Part] = []
        for part in merged_parts(parts):
            last = result[-1] if result else None
            if isinstance(part, Use) and isinstance(last, str) and part.name in self.derived:
                result[-1] = self._derive(wrapped(self.derived[part.name], last, ""))
            else:
                result.append(part)
        if len(result) > 1 and isinstance(result[-1], str):
            last = result[-2]
            if isinstance(last, Use) and last.name in self.derived:
                result[-2:] = [self._derive(wrapped(self.derived[last.name], "", result[-1]))]
        return tuple(result)

    def _derive(self, derived: Derived) -> Use:
        self.derived[derived.name] = derived
        return Use(derived.name)

    def _emission(self, plan: ColumnPlan) -> Emission | None:
        """Return the triple of one column, None if it never has one."""
        label = self.converter.label
        subject = self._iri(plan.about, " ") if plan.about else (f"_:{label}r", Use("_row"), " ")
        begins = subject[0] if isinstance(subject[0], str) else self.derived[subject[0].name].before or ""
        predicate = self._iri(plan.property, " ")
        constant = predicate[0] if len(predicate) == 1 and isinstance(predicate[0], str) else None
        guard = None
        if plan.value:
            rest: tuple[Part, ...] = (*predicate, *self._iri(plan.value, " .\n"))
            guard = None if plan.column.virtual else self._presence(plan.column)
        elif plan.column.virtual:
            found = plan.parser.parse("").values
            if not found:
                return None
            rest = (*predicate, f"{found[0].term} .\n")
        else:
            rest = self._folded((*predicate, self._literal(plan.column)))
            guard = rest[-1].name if isinstance(rest[-1], Use) else None
        return Emission(self._folded(subject), self._folded(rest), guard, begins, constant)

    def _presence(self, column: Column) -> str:
        """Return the name of a text that is absent where a cell is null."""
        return self._derive(
            Derived(f"presence {column.name}", column.name, lambda c: None if c.is_null else "", "")
        ).name

    def _literal(self, column: Column) -> Use:
        """Return the use of a literal, and the end of its triple."""

        def of_cell(cell: Cell) -> str | None:
            return f"{cell.values[0].term} .\n" if cell.values else None

        datatype, lang = column.datatype, None if column.lang == "und" else column.lang
        is_string = datatype.base == "string" and datatype.id is None
        lang = lang if datatype.base == "string" else None
        term = ntriples.literal(_PROBE, lang=lang) if is_string else ntriples.literal(_PROBE, datatype.iri)
        start, end = term.split(_PROBE)
        return self._derive(Derived(f"literal {column.name}", column.name, of_cell, start, f"{end} .\n"))

    def _iri(self, template: IriTemplate, after: str) -> tuple[Part, ...]:
        """Return the parts of an IRI term and what comes after it."""
        if template.constant is not None:
            return (template.constant + after,)
        own = {**self.constants, **template.own}
        parts = [part if isinstance(part, str) else self._expanded(part, own) for part in template.template.parts]
        dynamic = [part for part in parts if isinstance(part, Expression)]
        names = {expression.variables[0].name for expression in dynamic}
        if len(names) == 1 and not names & ROW_VARIABLES:
            return (self._whole_iri(template, names.pop(), own, merged(parts), after),)
        if is_open(template.template):
            raise UnsupportedError
        first, *others = merged(parts)
        beginning = absolute_beginning(first, template.base) if isinstance(first, str) else None
        if beginning is None:
            raise UnsupportedError
        if template.is_relative and any(isinstance(part, str) and has_dots(part) for part in others):
            raise UnsupportedError
        is_relative = template.is_relative
        uses = [
            self._use(part, is_relative=is_relative) if isinstance(part, Expression) else (part,) for part in others
        ]
        return tuple(merged_parts([f"<{beginning}", *(part for use in uses for part in use), f">{after}"]))

    def _expanded(self, part: Expression, own: Mapping[str, Variable]) -> str | Expression:
        """Expand an expression whose variables are all constant; check that another has only one."""
        names = [spec.name for spec in part.variables]
        if not any(name in self.columns or name in ROW_VARIABLES for name in names if name not in own):
            return part.expand(own)
        if len(names) > 1:
            raise UnsupportedError
        return part

    def _use(self, part: Expression, *, is_relative: bool) -> tuple[Part, ...]:
        """Return the use of one variable of a template."""
        name = part.variables[0].name
        before, after = wrapping(part) or (None, "")
        if name in ROW_VARIABLES:
            if before is None:
                raise UnsupportedError
            return (before, Use(name), after)

        def of_cell(cell: Cell) -> str | None:
            return part.expand({name: cell.values[0].canonical if cell.values else None})

        key = f"part {name} {part} {is_relative}"
        return (self._derive(Derived(key, name, of_cell, before, after, part.expand({}), True, is_relative)),)

    def _whole_iri(
        self, template: IriTemplate, name: str, own: Mapping[str, Variable], parts: list[str | Expression], after: str
    ) -> Use:
        """Return the use of an IRI that depends on one column only."""

        def of_cell(cell: Cell) -> str:
            return template.term({**own, name: cell.values[0].canonical if cell.values else None}) + after

        null = template.term({**own, name: None}) + after
        texts = wrapping_of_parts(parts, template.base)
        before, end = (None, "") if texts is None else (f"<{texts[0]}", f"{texts[1]}>{after}")
        key = f"iri {name} {template.template} {after!r} {own if template.own else ''}"

        def makes_address(cell: Cell) -> bool:
            return is_iri(of_cell(cell).removesuffix(after)[1:-1])

        check = makes_address if is_open(template.template) else None
        return self._derive(Derived(key, name, of_cell, before, end, null, True, template.is_relative, check))


def wrapped(derived: Derived, before: str, after: str) -> Derived:
    """Return a derived text with constant texts around it; none where there was none."""

    def of_cell(cell: Cell) -> str | None:
        text = derived.of_cell(cell)
        return None if text is None else f"{before}{text}{after}"

    return Derived(
        f"{derived.name} within {before!r} {after!r}",
        derived.column,
        of_cell,
        None if derived.before is None else before + derived.before,
        derived.after + after,
        None if derived.if_null is None else f"{before}{derived.if_null}{after}",
        derived.is_encoded,
        derived.is_relative,
        derived.makes_address,
    )


def _key_part(cell: Cell) -> str:
    return NULL_KEY if cell.is_null else "\x1f".join(value.canonical for value in cell.values)


def wrapping(part: Expression) -> tuple[str, str] | None:
    """Return what an expression of one variable puts before and after a value that needs no encoding."""
    spec = part.variables[0]
    if spec.prefix:
        return None
    before, found, after = part.expand({spec.name: _PROBE}).partition(_PROBE)
    return (before, after) if found else None


def wrapping_of_parts(parts: list[str | Expression], base: str) -> tuple[str, str] | None:
    """Return what stands before and after the only variable of a template; None if that is not known."""
    if len([part for part in parts if isinstance(part, Expression)]) > 1 or not isinstance(parts[0], str):
        return None
    if any(isinstance(part, str) and has_dots(part) for part in parts[1:]):
        return None
    beginning = absolute_beginning(parts[0], base)
    texts = wrapping(parts[1]) if isinstance(parts[1], Expression) else None
    if beginning is None or texts is None:
        return None
    return beginning + texts[0], texts[1] + "".join(part for part in parts[2:] if isinstance(part, str))


def merged(parts: Sequence[str | Expression]) -> list[str | Expression]:
    """Join texts that follow one another; there is always a text at the beginning."""
    result: list[str | Expression] = [""]
    for part in parts:
        if isinstance(part, str) and isinstance(result[-1], str):
            result[-1] += part
        else:
            result.append(part)
    return result


def merged_parts(parts: Iterable[Part]) -> list[Part]:
    """Join texts that follow one another; leave out empty ones."""
    result: list[Part] = []
    for part in parts:
        if isinstance(part, str) and result and isinstance(result[-1], str):
            result[-1] += part
        elif part != "":
            result.append(part)
    return result


def expression(parts: Iterable[Part | pl.Expr]) -> pl.Expr:
    """Return the concatenation of parts."""
    joined: list[Part | pl.Expr] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return pl.concat_str(
        [
            pl.lit(part) if isinstance(part, str) else pl.col(part.name) if isinstance(part, Use) else part
            for part in joined
        ]
    )
