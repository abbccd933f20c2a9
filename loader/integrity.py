"""Check a cube on its columns: keys, missing dimensions, figures missing unexplained, codes outside their list.

These are the Data Cube integrity constraints IC-11, IC-12, IC-14 and IC-19, some of which are quadratic as SPARQL; here
each is one pass over the columns, and the rows at fault are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from loader.csvw.uri_template import parse_template
from loader.errors import Problem
from loader.markers import STATUSES, explains, lines_of
from loader.structure import ATTRIBUTE, DIMENSION, MEASURE, distinct_values, expand
from loader.texts import firsts, numbered, read_texts, repeated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Dictionary
    from pathlib import Path

    from loader.mapping import TableMapping
    from loader.structure import ComponentColumn, Structure

SHOWN: Final = 20
"""Problems of one kind that are named one by one; the rest is counted."""
LINE: Final = "source line"


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a tidy table as text (`loader.texts`), null where blank, and the source line of each row."""

    shown: str
    """The table as messages name it."""
    rows: pl.DataFrame
    """Columns by name, and `source line`."""


def read_cells(table: TableMapping, path: Path, shown: str) -> Cells:
    """Read a tidy table that has already been checked against its mapping; memory grows with it."""
    rows = read_texts(path, [column.name for column in table.table.columns if not column.virtual])
    return Cells(shown, rows.with_columns(lines_of(rows).alias(LINE)))


def check_cube(
    structure: Structure, table: TableMapping, cells: Cells, members: Dictionary[str, frozenset[str]]
) -> Iterator[Problem]:
    """Yield what is wrong with the observations of a cube.

    `members` gives the codes of each code list, both by IRI. A list that is not there is not checked: its absence is
    a problem of the vocabulary, found elsewhere.
    """
    for part in structure.of_kind(DIMENSION):
        yield from _blanks(part, cells, "CUBE-01", "the observation has no value for this dimension (IC-11)")
    yield from _unexplained(structure, table, cells)
    yield from _duplicates(structure, cells)
    for part in structure.components:
        code_list = part.component.code_list
        if code_list is not None and code_list.value in members:
            yield from _outside(part, table, cells, members[code_list.value])


def _named(cells: Cells, lines: pl.Series, code: str, column: str, message: str, hint: str) -> Iterator[Problem]:
    for line in lines.head(SHOWN):
        yield Problem(code, f"{cells.shown}:{line}, column '{column}'", message, hint)
    if lines.len() > SHOWN:
        yield Problem(code, cells.shown, f"and {lines.len() - SHOWN:,} more rows like these, in column '{column}'")


def _unexplained(structure: Structure, table: TableMapping, cells: Cells) -> Iterator[Problem]:
    """Find observations without a figure for which no status says why.

    The letter of IC-14 asks for a figure in each; SDMX has missing values, and says in an attribute that they are
    (docs/decisions/0005-figures-that-are-missing.md).
    """
    message = "the observation has no figure, and no status or confidentiality says why (IC-14)"
    hint = (
        "fill the cell; say why it is blank in a column of codes (docs/markers.md); or leave the row out and count it"
    )
    explained = _explained(structure, table, cells)
    for name, column in {part.column.name: part.column for part in structure.of_kind(MEASURE)}.items():
        if name in cells.rows.columns:
            blank = cells.rows.filter(pl.col(name).is_null() | pl.col(name).is_in(list(column.null)))
            yield from _named(cells, blank.filter(explained.not_())[LINE], "CUBE-03", name, message, hint)


def _explained(structure: Structure, table: TableMapping, cells: Cells) -> pl.Expr:
    """Say in which rows a status or confidentiality would explain a missing figure."""
    said = pl.lit(value=False)
    for part in structure.of_kind(ATTRIBUTE):
        if part.component.property not in STATUSES or part.is_constant or part.column.value_url is None:
            continue
        template = parse_template(part.column.value_url)
        for values in distinct_values(cells.rows, template.names):
            if explains(expand(template, values, table.table)):
                said |= pl.all_horizontal([pl.col(name) == text for name, text in values.items()]).fill_null(
                    value=False
                )
    return said


def _blanks(part: ComponentColumn, cells: Cells, code: str, message: str) -> Iterator[Problem]:
    for name in dict.fromkeys((part.column.name, *part.value_names)):
        if name in cells.rows.columns:
            lines = cells.rows[LINE].filter(cells.rows[name].is_null())
            yield from _named(cells, lines, code, name, message, "fill the cell, or leave the row out and count it")


def _duplicates(structure: Structure, cells: Cells) -> Iterator[Problem]:
    names = list(structure.key_names)
    if not names:
        return
    (numbers,), size = numbered([cells.rows], names)
    is_again = repeated(numbers, size)
    if not is_again.size:
        return
    again = np.flatnonzero(is_again)
    found = cells.rows[again[:SHOWN]]
    found = found.with_columns(cells.rows[LINE].gather(firsts(numbers, size)[numbers[again[:SHOWN]]]).alias("first"))
    for row in found.iter_rows(named=True):
        key = ", ".join(f"{name} {row[name]}" for name in names)
        message = f"the same observation as line {row['first']} ({key}) (IC-12)"
        hint = "keep one of the two, or add the dimension that tells them apart"
        yield Problem("CUBE-02", f"{cells.shown}:{row[LINE]}", message, hint)
    if len(again) > SHOWN:
        yield Problem("CUBE-02", cells.shown, f"and {len(again) - SHOWN:,} more repeated observations")


def _outside(part: ComponentColumn, table: TableMapping, cells: Cells, members: frozenset[str]) -> Iterator[Problem]:
    """Find codes that are not in their list (IC-19), each with the first line it stands on."""
    if part.column.value_url is None:
        return
    template = parse_template(part.column.value_url)
    code_list = part.component.code_list.value if part.component.code_list else ""
    hint = f"correct the code, or add it to the list {code_list}"
    for values in distinct_values(cells.rows, template.names):
        iri = expand(template, values, table.table)
        if iri in members:
            continue
        same = pl.all_horizontal([pl.col(name) == text for name, text in values.items()] or [pl.lit(value=True)])
        lines = cells.rows.filter(same)[LINE].head(1).to_list()
        shown = ", ".join(values.values()) or iri
        message = f"'{shown}' is not a code of {part.component.label} (IC-19)"
        where = f"{cells.shown}:{lines[0] if lines else 1}, column '{part.column.name}'"
        yield Problem("CODE-01", where, message, hint)
