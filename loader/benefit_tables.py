"""Read DWP's benefit expenditure and caseload tables: a line for each benefit, a column for each financial year.

The tables are sheets of a workbook saved as CSV. Lines that start 'of which' are parts of the line above them, so their
labels repeat; the last lines of table 1a reconcile it with figures of the Office for Budget Responsibility. Lines are
found in the code list `benefit`; '-' and blank cells hold no figure, and are left out and counted.
"""
# ruff: noqa: EM101 -- problem codes, not messages

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.crosstabs import financial_year
from loader.labels import code_list, normalised
from loader.tidying import read_rows, read_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from loader.tidying import TidyReport

NO_FIGURE: Final = {"": "no figure: blank", "-": "no figure: '-'"}
STATUSES: Final = {"outturn": "A", "forecast": "F"}
"""SDMX observation status of a column: normal or forecast."""
TYPE_SYMBOLS: Final = {
    "": "",
    "(C)": "contributory",
    "(IR)": "income-related",
    "(NC / NIR)": "non-contributory-non-income-related",
}
RECONCILIATION: Final = "Reconciliation"
MINIMUM_YEARS: Final = 2

_NUMBER: Final = re.compile(r"-?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.[0-9]{1,10})?")
_REFERENCE: Final = re.compile(r"\s*(?:\(see row [0-9]+\)|published [0-9]{1,2} [a-z]+ [0-9]{4})", re.IGNORECASE)
_PART: Final = re.compile(r"of which\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which table a dataset is made of."""

    title: str
    """What the title starts with, such as 'Table 1a: Expenditure by benefit'."""
    unit: str
    """The unit, as the table states it."""
    column: str
    """Name of the column of figures in the tidy table."""
    must_have: tuple[str, ...] = ()
    """Codes of lines near the end that a whole table has, so that one cut short is noticed."""


@dataclass(frozen=True, slots=True)
class _Year:
    column: int
    period: str
    status: str


@dataclass(frozen=True, slots=True)
class _Header:
    label_column: int
    type_column: int | None
    years: tuple[_Year, ...]
    width: int


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the table that has figures, or '-' for them."""

    number: int
    label: str
    cells: list[str]


def tidy_benefit_table(path: Path, report: TidyReport, wanted: Wanted) -> pl.LazyFrame:
    """Give one row for each figure: benefit, benefit_name, period, status and the figure.

    Raises ProblemsError if the file is not the table wanted.
    """
    text = read_text(path, report)
    try:
        rows = list(read_rows(text))
    except csv.Error as error:
        hint = "look for a quote that is not closed"
        raise report.stop("TIDY-06", "", f"not readable as CSV: {error}", hint) from error
    position = _find_header(rows, report)
    header = _read_header(rows[position : position + 2], report, wanted)
    lines = _Lines(report, header, wanted.column)
    data = list(lines.rows(rows[position + 2 :]))
    _check_end(text, rows[-1][1], wanted, lines.numbers, report)
    if not data:
        raise report.stop("TIDY-06", "", "the table has no figures", "fetch the published table again")
    return pl.LazyFrame(data, schema=dict.fromkeys(data[0], pl.String))


def _check_end(text: str, last: list[str], wanted: Wanted, met: Collection[str], report: TidyReport) -> None:
    """Note a table that is cut short. Saved workbooks end in blank lines, the last of them without a line end."""
    missing = [f"'{code}'" for code in wanted.must_have if code not in met]
    if missing:
        message = f"the table has no line {' or '.join(missing)}"
        report.problem("TIDY-06", "", message, "the file may be cut short: fetch it again")
    elif any(last) and not text.endswith(("\r", "\n")):
        report.problem("TIDY-06", "", "the last line has no end", "the file may be cut short: fetch it again")


def _find_header(rows: list[tuple[int, list[str]]], report: TidyReport) -> int:
    for position, (_, cells) in enumerate(rows[:-1]):
        if sum(financial_year(cell) is not None for cell in cells) >= MINIMUM_YEARS:
            return position
    hint = "the table has financial years such as 2014/15 in its header; check that this is the published table"
    raise report.stop("TIDY-01", "", "no header with financial years", hint)


def _read_header(rows: list[tuple[int, list[str]]], report: TidyReport, wanted: Wanted) -> _Header:
    """Read the row of years and the row below it, which has the unit and says what is outturn and what is forecast."""
    (line, cells), (line_below, below) = rows
    below = [*below, *[""] * (len(cells) - len(below))]
    titles = [column for column, cell in enumerate(cells) if normalised(cell).startswith(normalised(wanted.title))]
    if not titles or normalised(below[titles[0]]) != normalised(wanted.unit):
        message = f"the header does not say '{wanted.title}', and below it '{wanted.unit}'"
        raise report.stop("TIDY-01", str(line), message, "check that this is the table the dataset is read from")
    types = [column for column, cell in enumerate(below) if normalised(cell) == "benefit type"]
    years = tuple(_years(cells, below, (line, line_below), report))
    return _Header(titles[0], types[0] if types else None, years, max(year.column for year in years) + 1)


def _years(cells: list[str], below: list[str], lines: tuple[int, int], report: TidyReport) -> Iterator[_Year]:
    first = next(column for column, cell in enumerate(cells) if financial_year(cell))
    last = max(column for column, cell in enumerate(cells) if cell)
    earlier = ""
    for column in range(first, last + 1):
        period, status = financial_year(cells[column]), STATUSES.get(normalised(below[column]))
        where, where_below = (f"{line}, column {column + 1}" for line in lines)
        if period is None or (earlier and period[:4] != earlier[-4:]):
            message = f"'{cells[column]}' is not the financial year after {earlier}"
            raise report.stop("TIDY-03", where, message, "a financial year reads '2014/15'; correct the header")
        if status is None:
            message = f"'{below[column]}' below {cells[column]} is neither Outturn nor Forecast"
            raise report.stop("TIDY-05", where_below, message, "correct the header")
        earlier = period
        yield _Year(column, period, status)


@dataclass(slots=True)
class _Lines:
    """Turns the lines below the header into rows."""

    report: TidyReport
    header: _Header
    column: str
    whole: str = ""
    """Label, as the code list has it, of the last line that is not a part."""
    in_reconciliation: bool = False
    numbers: dict[str, int] = field(default_factory=dict)
    """Line of the file of each benefit met."""

    def rows(self, rows: list[tuple[int, list[str]]]) -> Iterator[Mapping[str, str]]:
        for number, cells in rows:
            if not any(cells):
                continue
            line = self._line(number, cells)
            if line is not None:
                yield from self._figures(line, self._benefit(line))

    def _line(self, number: int, cells: list[str]) -> _Line | None:
        """Check the shape of a line; None, noted, if it is not as wide as the header or has no label."""
        header = self.header
        label = cells[header.label_column] if len(cells) > header.label_column else ""
        if len(cells) >= header.width and label and not any(cells[header.width :]):
            return _Line(number, _REFERENCE.sub("", label), cells)
        message = "the line has no label" if not label else f"{len(cells)} cells where the header has {header.width}"
        hint = "the file may be cut short or edited: fetch it again"
        self.report.problem("TIDY-06", str(number), message, hint)
        return None

    def _benefit(self, line: _Line) -> str | None:
        """Give the code of a line; None, noted, if it has figures and no code."""
        known = code_list("benefit")
        label = self._full_label(line)
        code = known.code(label)
        if code is None:
            if any(line.cells[year.column] for year in self.header.years):
                hint = "correct the label, or add it to mappings/codes/benefit/benefit.csv"
                self.report.problem("TIDY-05", str(line.number), f"'{label}' is not in the code list benefit", hint)
            return None
        first = self.numbers.setdefault(code, line.number)
        if first != line.number:
            message = f"a second line for '{label}', after line {first}"
            self.report.problem("TIDY-08", str(line.number), message, "each line may be there once; correct the label")
        self._check_type(line, code)
        return code

    def _full_label(self, line: _Line) -> str:
        """Put the whole before the label of a part, and the name of the section before a line of the reconciliation."""
        part = f"{self.whole}: {line.label}"
        if self.whole and (_PART.match(line.label) or code_list("benefit").code(part)):
            return part
        if normalised(line.label).startswith(normalised(RECONCILIATION)):
            self.in_reconciliation = True
        self.whole = f"{RECONCILIATION}: {line.label}" if self.in_reconciliation else line.label
        code = code_list("benefit").code(self.whole)
        if code is not None:
            self.whole = code_list("benefit").by_code[code]
        return self.whole

    def _check_type(self, line: _Line, code: str) -> None:
        column = self.header.type_column
        if column is None:
            return
        listed = code_list("benefit").types[code]
        if TYPE_SYMBOLS.get(line.cells[column]) != listed:
            message = f"the benefit type is '{line.cells[column]}', in the code list benefit it is '{listed}'"
            hint = "correct the table, or the type in mappings/codes/benefit/benefit.csv"
            self.report.problem("TIDY-05", f"{line.number}, column {column + 1}", message, hint)

    def _figures(self, line: _Line, code: str | None) -> Iterator[Mapping[str, str]]:
        for year in self.header.years:
            text = line.cells[year.column]
            self.report.rows_read += 1
            if text in NO_FIGURE:
                self.report.skip(line.number, NO_FIGURE[text])
            elif not _NUMBER.fullmatch(text):
                where = f"{line.number}, column {year.column + 1}"
                self.report.problem("TIDY-02", where, f"'{text}' is not a number", "correct the figure")
            elif code is not None:
                name = code_list("benefit").by_code[code]
                figure = _canonical(text)
                yield {
                    "benefit": code,
                    "benefit_name": name,
                    "period": year.period,
                    "status": year.status,
                    self.column: figure,
                }


def _canonical(text: str) -> str:
    """Write a number without commas; '-0', which a workbook shows for a small negative number, is 0."""
    number = Decimal(text.replace(",", ""))
    return f"{number:f}" if number else "0"
