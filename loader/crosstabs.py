"""Make observations of a Stat-Xplore table: one row for each figure, with the codes of its items.

Totals are published figures and become observations. '..' means nil or negligible: such cells are left out and counted.
"""
# ruff: noqa: EM101 -- problem codes, not messages

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.areas import AreaNames, UnknownAreaError
from loader.errors import DwpldError
from loader.labels import code_list, normalised
from loader.statxplore import ASK_AGAIN, TOTAL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from loader.statxplore import Cell, Field, Item, Table
    from loader.tidying import TidyReport

NIL: Final = ".."
NIL_REASON: Final = "no figure: '..' (nil or negligible)"

_COUNT: Final = re.compile(r"-?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.0+)?")
_MONTH_CODE: Final = re.compile(r"(?P<year>[12][0-9]{3})(?P<month>0[1-9]|1[0-2])(?: \([A-Za-z]{3}-[0-9]{2}\))?")
_MONTH_LABEL: Final = re.compile(r"(?P<name>[A-Za-z]{3,9})[ -](?P<year>[0-9]{4})")
_FINANCIAL_YEAR: Final = re.compile(r"(?P<first>[12][0-9]{3})[/-](?P<last>[0-9]{2}|[12][0-9]{3})")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_STATXPLORE_AREAS: Final = {"ZZXXXXXXX": "unknown", "XXZZZZZZZ": "abroad"}
_SPECIAL_AREAS: Final = {"unknown": "unknown", "abroad": "abroad"}
_STATISTICAL_GEOGRAPHY: Final = "http://statistics.data.gov.uk/id/statistical-geography/"


class UnknownItemError(DwpldError):
    """An item of a field that has no code here; its text, code and hint fit a `Problem`."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        self.code = code
        self.hint = hint
        self.message = message
        super().__init__(f"{message}\n  fix: {hint}")


Columns = dict[str, str]
"""Cells of the tidy table that one item fills, by column name."""


@dataclass(frozen=True, slots=True)
class AreaColumns:
    """Fill `area`, `area_uri` and `area_name` from an area's name or code.

    `area_uri` is what the mapping's template needs: areas keep the address that the Office for National Statistics gave
    them, but 'unknown' and 'abroad' only have one of ours, relative to the table.
    """

    types: Collection[str]
    total: str
    """Code of the area that the total is of."""
    covers: tuple[str, ...]
    """Codes, or starts of codes, of the areas that make up the total: each must be there, and nothing else."""
    names: AreaNames = field(default_factory=AreaNames.shipped)

    def __call__(self, item: Item) -> Columns:
        """Raises UnknownItemError for an area not in the area code list."""
        code = self.total if item.is_total else self._special(item)
        if code in _SPECIAL_AREAS:
            return {"area": code, "area_uri": f"../../def/concept/area/{code}", "area_name": item.label}
        try:
            code = code or self._known(item)
        except UnknownAreaError as error:
            raise UnknownItemError("TIDY-04", error.message, error.hint) from error
        return {"area": code, "area_uri": f"{_STATISTICAL_GEOGRAPHY}{code}", "area_name": self.names.area(code).name}

    def gaps(self, codes: Collection[str]) -> str:
        """Say why the total of these areas is not that of `total`; an empty text if it is."""
        areas = {code for code in codes if code not in _SPECIAL_AREAS and code != self.total}
        missing = [start for start in self.covers if not any(code.startswith(start) for code in areas)]
        beyond = sorted(code for code in areas if not code.startswith(self.covers))
        parts = [
            f"no area {' or '.join(missing)}…" if missing else "",
            f"{', '.join(beyond)} as well" if beyond else "",
        ]
        return " and ".join(filter(None, parts))

    def _special(self, item: Item) -> str:
        if item.codes:
            return _STATXPLORE_AREAS.get(item.codes[0], "")
        return _SPECIAL_AREAS.get(normalised(item.label), "")

    def _known(self, item: Item) -> str:
        if len(item.labels) > 1:
            message = f"several areas are recoded into one: {item.label}"
            raise UnknownItemError("TIDY-04", message, "ask for each area as an item of its own")
        if item.codes:
            return self.names.check_code(item.codes[0], types=self.types)
        return self.names.resolve(item.label, types=self.types)


@dataclass(frozen=True, slots=True)
class CodeColumns:
    """Fill `column` and `column`_name from a category, by the labels of a code list; the total is `total`."""

    column: str
    code_list: str
    by_code: bool = False
    """Whether the codes of the list are those of Stat-Xplore."""

    def __call__(self, item: Item) -> Columns:
        """Raises UnknownItemError for a category not in the code list."""
        known = code_list(self.code_list)
        code = "total" if item.is_total else self._code(item)
        if code is None or code not in known.by_code:
            message = f"'{item.label}' is not in the code list {self.code_list}"
            hint = f"correct the label, or add it to mappings/codes/{self.code_list}/{self.code_list}.csv"
            raise UnknownItemError("TIDY-05", message, hint)
        return {self.column: code, f"{self.column}_name": known.by_code[code]}

    def _code(self, item: Item) -> str | None:
        if self.by_code and len(item.codes) == 1:
            return item.codes[0]
        return code_list(self.code_list).group(item.labels)


def month_columns(item: Item) -> Columns:
    """Fill `period` from a month: its code 201811, or its label '201811 (Nov-18)' or 'May 2025'.

    Raises UnknownItemError.
    """
    text = item.codes[0] if len(item.codes) == 1 else item.label
    if match := _MONTH_CODE.fullmatch(text):
        return {"period": f"{match['year']}-{match['month']}"}
    if (match := _MONTH_LABEL.fullmatch(text)) and (month := _month_number(match["name"])):
        return {"period": f"{match['year']}-{month:02}"}
    raise UnknownItemError("TIDY-03", f"'{item.label}' is not a month", "a month reads 'May 2025'")


def _month_number(name: str) -> int:
    """Give 1 to 12 for the name of a month or its first three letters, 0 for anything else."""
    found = (n for n, month in enumerate(_MONTHS, 1) if name.casefold() in {month, month[:3]})
    return next(found, 0)


def financial_year_columns(item: Item) -> Columns:
    """Fill `period` from a financial year: '2014/15' is 2014-2015. Raises UnknownItemError."""
    period = None if item.is_total else financial_year(item.label)
    if period is None:
        raise UnknownItemError("TIDY-03", f"'{item.label}' is not a financial year", "a financial year reads '2014/15'")
    return {"period": period}


def financial_year(text: str) -> str | None:
    """Give '2014-2015' for '2014/15', '2014-15' or '2014/2015'; None for anything else."""
    match = _FINANCIAL_YEAR.fullmatch(text.strip())
    if match is None:
        return None
    first, last = int(match["first"]), match["last"]
    return f"{first}-{first + 1}" if str(first + 1).endswith(last) else None


def tidy_table(
    table: Table, report: TidyReport, *, measure: tuple[str, str], fields: Mapping[str, Callable[[Item], Columns]]
) -> pl.LazyFrame:
    """Give one row for each figure: the columns of each field in the order of `fields`, status, revised, the figure.

    `measure` is the label that the table must count, and the name of its column here. A total is required of each field
    of areas or categories, so that a table cut short is noticed. Raises ProblemsError if the table is of anything else.
    """
    label, column = measure
    if normalised(table.measure) != normalised(label):
        message = f"the table counts '{table.measure}', not '{label}'"
        raise report.stop("TIDY-01", "", message, "check that this is the file the dataset is read from")
    order = _field_order(table, report, fields)
    describe = list(fields.values())
    _check_totals([table.fields[n] for n in order], describe, report)
    rows = _Observations(report, describe, order).rows(table.cells)
    data = [row | {column: figure} for row, figure in rows]
    _check_coverage(data, describe, report)
    if not data:
        raise report.stop("TIDY-06", "", "the table gives no observation", ASK_AGAIN)
    return pl.LazyFrame(data, schema=dict.fromkeys(data[0], pl.String))


def _check_totals(fields: Sequence[Field], describe: Sequence[Callable[[Item], Columns]], report: TidyReport) -> None:
    """Note each field of areas or categories that lacks its total."""
    for entry, columns in zip(fields, describe, strict=True):
        if isinstance(columns, AreaColumns | CodeColumns) and not any(item.is_total for item in entry.items):
            hint = f"the file may be cut short: {ASK_AGAIN}, with totals"
            report.problem("TIDY-06", "", f"'{entry.label}' has no item '{TOTAL}'", hint)


def _check_coverage(data: Sequence[Columns], describe: Sequence[Callable[[Item], Columns]], report: TidyReport) -> None:
    """Note a total that cannot be of the area it is taken to be of, because of the areas in the table."""
    for columns in describe:
        if data and not report.problems and isinstance(columns, AreaColumns):
            gaps = columns.gaps({row["area"] for row in data})
            if gaps:
                whole = columns.names.area(columns.total).name
                message = f"the total is not of {whole}: the table has {gaps}"
                report.problem("TIDY-06", "", message, f"ask Stat-Xplore for the areas of {whole}")


def _field_order(table: Table, report: TidyReport, fields: Mapping[str, object]) -> list[int]:
    """Give the position in the table of each field wanted; there may be no other field."""
    found = {normalised(entry.label): position for position, entry in enumerate(table.fields)}
    wanted = [normalised(name) for name in fields]
    if set(found) != set(wanted) or len(found) != len(table.fields):
        message = f"the table is by {_listed(entry.label for entry in table.fields)}, not by {_listed(fields)}"
        raise report.stop("TIDY-01", "", message, "ask Stat-Xplore for a table by these fields only")
    return [found[name] for name in wanted]


def _listed(names: Collection[str] | Iterator[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


@dataclass(slots=True)
class _Observations:
    """Turns cells into rows, and notes each unknown item once."""

    report: TidyReport
    describe: Sequence[Callable[[Item], Columns]]
    order: Sequence[int]
    known: list[dict[Item, Columns | None]] = field(default_factory=list)
    lines: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Place of each observation, by what makes it unique."""

    def rows(self, cells: Sequence[Cell]) -> Iterator[tuple[Columns, str]]:
        self.known = [{} for _ in self.describe]
        for cell in cells:
            figure = self._figure(cell)
            columns = [self._columns(n, cell) for n in range(len(self.describe))]
            if figure is None or not all(columns):
                continue
            row = {name: text for part in columns if part for name, text in part.items()}
            if self._is_new(row, cell):
                yield row | _status(cell), figure

    def _figure(self, cell: Cell) -> str | None:
        """Give a count in canonical form; None, counted or noted, if the cell holds none."""
        if cell.text == NIL:
            self.report.skip(cell.line, NIL_REASON)
            return None
        if not _COUNT.fullmatch(cell.text):
            message = f"'{cell.text}' is not a whole number" if cell.text else "the cell is empty"
            self.report.problem("TIDY-02", cell.where, message, f"correct the figure, or {ASK_AGAIN}")
            return None
        return str(int(cell.text.partition(".")[0].replace(",", "")))

    def _columns(self, n: int, cell: Cell) -> Columns | None:
        known = self.known[n]
        item = cell.items[self.order[n]]
        if item not in known:
            try:
                known[item] = self.describe[n](item)
            except UnknownItemError as error:
                known[item] = None
                self.report.problem(error.code, cell.where, error.message, error.hint)
        return known[item]

    def _is_new(self, row: Columns, cell: Cell) -> bool:
        key = tuple(row.values())
        first = self.lines.setdefault(key, cell.where)
        if first == cell.where:
            return True
        message = f"a second figure for the same observation as {first}"
        self.report.problem("TIDY-08", cell.where, message, "ask for each item once")
        return False


def _status(cell: Cell) -> Columns:
    """Fill `status` (SDMX observation status: P provisional, A normal) and `revised` from the marks of the items."""
    marks = frozenset().union(*(item.marks for item in cell.items))
    return {"status": "P" if "p" in marks else "A", "revised": "true" if "r" in marks else "false"}
