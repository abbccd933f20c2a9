"""What keeps the cells of a row from making addresses, by templates into which they are put (RFC 6570, RFC 3987)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loader.csvw.iri import is_iri
from loader.csvw.uri_template import Expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loader.csvw.cells import Cell
    from loader.csvw.rdf import IriTemplate, TableConverter
    from loader.csvw.tabular import Row
    from loader.csvw.uri_template import Template

MAX_CHARS: Final = 2000
"""Longest value that may be put into an address. A row may have it many times over."""
HINT: Final = "correct the cell, or make the address of another column"
_STEPS: Final = frozenset({".", ".."})
_OPEN_AUTHORITY: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_CACHED: Final = 10_000


def fault_of(value: str) -> str:
    """Say why a value cannot be put into an address; empty if it can."""
    if len(value) > MAX_CHARS:
        return f"the cell has {len(value):,} characters, more than the {MAX_CHARS:,} that an address may take up"
    return f"{value!r} in an address is a step in its path (RFC 3986 §5.2.4)" if value in _STEPS else ""


def is_open(template: Template) -> bool:
    """Say whether values may become any part of the address, host and port too, so that not all of them make one."""
    first, *others = template.parts or ("",)
    if any(isinstance(part, Expression) and part.operator.allows_reserved for part in template.parts):
        return True
    return bool(others) and isinstance(first, str) and _OPEN_AUTHORITY.fullmatch(first) is not None


@dataclass(slots=True)
class AddressCheck:
    """Checks the addresses that the rows of one table make."""

    places: tuple[tuple[int, str], ...]
    """Index and name of each column whose cells are put into addresses."""
    open_templates: tuple[IriTemplate, ...]
    _checked: dict[str, bool] = field(default_factory=dict)

    def too_long(self, cells: list[Cell]) -> str:
        """Name a column whose cell would make addresses of any length; empty if there is none."""
        for place, name in self.places:
            if any(len(value.canonical) > MAX_CHARS for value in cells[place].values):
                return name
        return ""

    def faults(self, row: Row, cells: list[Cell], converter: TableConverter) -> Iterator[tuple[str, str]]:
        """Yield the columns of a row whose cells make no address, and what is wrong."""
        for place, name in self.places:
            for value in cells[place].values:
                if fault := fault_of(value.canonical):
                    yield name, fault
        if not self.open_templates:
            return
        variables = converter.variables(row, cells)
        for template in self.open_templates:
            if not self._is_iri(iri := template.term(variables)[1:-1]):
                yield ", ".join(template.names), f"{iri[:80]!r} is not an address (RFC 3987)"

    def _is_iri(self, text: str) -> bool:
        known = self._checked.get(text)
        if known is None:
            if len(self._checked) >= _CACHED:
                self._checked.clear()
            known = self._checked[text] = is_iri(text)
        return known


def address_check(converter: TableConverter) -> AddressCheck:
    """Return the check for a table; columns without output make no addresses."""
    plans = [plan for plan in converter.plans if not plan.column.suppress_output]
    templates = [t for plan in plans for t in (plan.about, plan.property, plan.value) if t]
    templates = [template for template in templates if template.constant is None]
    used = {name for template in templates for name in template.names}
    places = ((i, plan.column.name) for i, plan in enumerate(converter.plans) if plan.column.name in used)
    return AddressCheck(tuple(places), tuple(_unique(t for t in templates if is_open(t.template))))


def _unique(templates: Iterable[IriTemplate]) -> list[IriTemplate]:
    return list({id(template): template for template in templates}.values())
