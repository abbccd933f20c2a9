"""From the text of a cell to its value (Model for Tabular Data and Metadata on the Web §6.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loader.csvw import ntriples
from loader.csvw.datatypes import CellError, DatatypeParser, compile_datatype
from loader.csvw.values import canonical

if TYPE_CHECKING:
    from loader.csvw.metadata import Column

_KEPT: Final = frozenset({"string", "json", "xml", "html", "anyAtomicType"})
_SPACES: Final = re.compile(r"[ \t\r\n]+")
_CONTROLS: Final = str.maketrans("\t\r\n", "   ")
CACHED_CELLS: Final = 10_000
CACHED_CHARS: Final = 100


@dataclass(frozen=True, slots=True)
class Value:
    """A value as an N-Triples term, and as templates and keys see it."""

    term: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A parsed cell. Without a separator there is one value, or none for null; problems are (code, message)."""

    values: tuple[Value, ...]
    is_null: bool = False
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class CellParser:
    """Parses the cells of one column; frequent texts are parsed once."""

    column: Column
    _parser: DatatypeParser = field(init=False)
    _cache: dict[str, Cell] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._parser = compile_datatype(self.column.datatype)

    def parse(self, text: str) -> Cell:
        """Return the cell of a text."""
        cell = self._cache.get(text)
        if cell is None:
            cell = self._parse(text)
            if len(text) <= CACHED_CHARS:
                if len(self._cache) >= CACHED_CELLS:
                    self._cache.clear()
                self._cache[text] = cell
        return cell

    def _parse(self, text: str) -> Cell:
        column = self.column
        text = normalize_space(text, column.datatype.base) or column.default  # steps 1 to 3
        if column.separator is not None:
            return self._parse_list(text, column.separator)  # steps 4 and 5
        if text in column.null:  # step 7
            is_missing = column.required and not column.virtual
            return Cell((), is_null=True, problems=(MISSING,) if is_missing else ())
        value, problems = self._value(text)  # steps 8 and 9
        return Cell((value,), problems=problems)

    def _parse_list(self, text: str, separator: str) -> Cell:
        """Parse a cell that holds a list; a null within it has no value."""
        column = self.column
        if not text:
            is_missing = column.required and not column.virtual
            return Cell((), problems=(MISSING,) if is_missing else ())
        if text in column.null:
            return Cell((), is_null=True)
        parts = text.split(separator) if separator else list(text)
        if column.datatype.base not in ("string", "anyAtomicType"):
            parts = [part.strip(" \t\r\n") for part in parts]
        items = [self._value(part or column.default) for part in parts if (part or column.default) not in column.null]
        return Cell(tuple(value for value, _ in items), problems=tuple(p for _, problems in items for p in problems))

    def _value(self, text: str) -> tuple[Value, tuple[tuple[str, str], ...]]:
        """Return the value of a text; one that does not fit the datatype stays a string."""
        datatype = self.column.datatype
        lang = self.column.lang if datatype.base == "string" and self.column.lang != "und" else None
        try:
            lexical = self._parser.parse(text)
        except CellError as error:
            return Value(ntriples.literal(text, lang=lang), text), ((error.code, str(error)),)
        if datatype.base == "string" and datatype.id is None:
            return Value(ntriples.literal(lexical, lang=lang), lexical), ()
        return Value(ntriples.literal(lexical, datatype.iri), canonical(lexical, datatype.base)), ()


MISSING: Final = ("CSVW-REQUIRED", "the cell is empty, but the column is required (Tabular Data Model §6.4)")


def normalize_space(text: str, base: str) -> str:
    """Treat white space as the datatype wants it (steps 1 and 2)."""
    if base in _KEPT:
        return text
    if base == "normalizedString":
        return text.translate(_CONTROLS)
    return _SPACES.sub(" ", text).strip(" ")
