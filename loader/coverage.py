"""What times and areas a dataset covers: read from the codes of its main table, or from `source.toml`."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.csvw.uri_template import parse_template
from loader.structure import expand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from loader.csvw.metadata import Column
    from loader.mapping import Mapping

AREA: Final = "http://statistics.data.gov.uk/id/statistical-geography/"
PERIOD: Final = "http://reference.data.gov.uk/id/"
COUNTRIES: Final = {"E": "E92000001", "N": "N92000002", "S": "S92000003", "W": "W92000004"}
GROUPS: Final = {
    frozenset("EW"): "K04000001",
    frozenset("ESW"): "K03000001",
    frozenset("ENSW"): "K02000001",
}
"""Countries by the letter that their codes begin with, and what all of several are together."""
_CODE: Final = re.compile("[A-Z][0-9]{8}")
_YEAR_START: Final = (4, 1)
_YEAR_END: Final = (3, 31)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The first and last day, and the areas, that a dataset covers, as far as they are known."""

    first: date | None
    last: date | None
    areas: tuple[str, ...]


def coverage(mapping: Mapping, tables: Path) -> Coverage:
    """Find what a dataset covers; `tables` is the folder of its published tables."""
    entry = mapping.description.entry
    found = list(_codes(mapping, tables / mapping.main.csv.name))
    spans = [span for iri in found if (span := span_of(iri)) is not None]
    if entry.covers is not None:
        spans = [entry.covers]
    first = min((start for start, _ in spans), default=None)
    last = max((end for _, end in spans), default=None)
    return Coverage(first, last, entry.areas or whole_areas(found))


def _codes(mapping: Mapping, table: Path) -> Iterator[str]:
    """Yield the different addresses that each column of the main table has for values."""
    rows = pl.scan_csv(table, infer_schema=False)
    names = rows.collect_schema().names()
    written = [column for column in mapping.main.table.columns if not column.virtual]
    title_of = {column.name: title for column, title in zip(written, names, strict=True)}
    for column in mapping.main.table.columns:
        if column.value_url is not None and not column.suppress_output:
            yield from _values(column, rows, title_of, mapping)


def _values(column: Column, rows: pl.LazyFrame, title_of: dict[str, str], mapping: Mapping) -> Iterator[str]:
    assert column.value_url is not None, "the caller looks"
    template = parse_template(column.value_url)
    used = [name for name in template.names if name in title_of]
    if not used or len(used) < len(template.names):
        return
    found = rows.select(pl.col(title_of[name]).alias(name) for name in used).drop_nulls().unique().collect()
    for values in found.iter_rows():
        yield expand(template, dict(zip(used, values, strict=True)), mapping.main.table)


def whole_areas(iris: Iterable[str]) -> tuple[str, ...]:
    """Give the countries, or what they are together, that the areas among some addresses lie in."""
    codes = {iri.removeprefix(AREA) for iri in iris if iri.startswith(AREA)}
    letters = {code[0] for code in codes if _CODE.fullmatch(code)} & set(COUNTRIES)
    together = GROUPS.get(frozenset(letters))
    return (together,) if together else tuple(COUNTRIES[letter] for letter in sorted(letters))


def span_of(iri: str) -> tuple[date, date] | None:
    """Give the first and last day of a period of reference.data.gov.uk; None for anything else."""
    kind, _, value = iri.removeprefix(PERIOD).partition("/") if iri.startswith(PERIOD) else ("", "", "")
    read = {
        "day": lambda: (date.fromisoformat(value),) * 2,
        "month": lambda: _months(int(value[:4]), int(value[5:7]), 1),
        "quarter": lambda: _months(int(value[:4]), int(value[6:]) * 3 - 2, 3),
        "year": lambda: _months(int(value), 1, 12),
        "government-quarter": lambda: _months(*_quarter(int(value[:4]), int(value[11:])), 3),
        "government-year": lambda: (date(int(value[:4]), *_YEAR_START), date(int(value[5:]), *_YEAR_END)),
    }.get(kind)
    try:
        return read() if read is not None else None
    except ValueError:
        return None


def _quarter(year: int, number: int) -> tuple[int, int]:
    """Give the year and first month of a quarter of a financial year; the fourth begins in January."""
    return (year + 1, 1) if number == 4 else (year, number * 3 + 1)


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    end = month + count - 1
    return date(year, month, 1), date(year, end, calendar.monthrange(year, end)[1])
