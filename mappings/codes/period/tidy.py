"""Calculate the periods: months, quarters and years of the calendar and of the government's financial year.

There is no published file to read. Run this file to write the table anew; a test holds the two together.
"""

from __future__ import annotations

import calendar
import csv
import sys
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MONTHS_OF: Final = range(2000, 2040)
"""Calendar years whose months and quarters are listed."""
YEARS: Final = range(1948, 2041)
"""Calendar years listed, and years in which a listed government year begins."""
TITLES: Final = (
    "Code",
    "Name",
    "Type",
    "Class of interval",
    "Within",
    "Within government year",
    "Same days as",
    "First day",
    "Last day",
)


@dataclass(frozen=True, slots=True)
class Period:
    """One row of the table, its fields in the order of the columns."""

    notation: str
    label: str
    type: str
    interval: str
    parent: str
    government_year: str
    same_as: str
    start: date
    end: date


def generate() -> Iterator[Period]:
    """Yield all periods, by type and time."""
    for year in MONTHS_OF:
        yield from (_month(year, month) for month in range(1, 13))
    for year in MONTHS_OF:
        yield from (_quarter(year, quarter) for quarter in range(1, 5))
    yield from map(_year, YEARS)
    for year in MONTHS_OF:
        yield from (_government_quarter(year, quarter) for quarter in range(1, 5))
    yield from map(_government_year, YEARS)


def _month(year: int, month: int) -> Period:
    return Period(
        notation=f"{year}-{month:02}",
        label=f"{calendar.month_name[month]} {year}",
        type="month",
        interval="CalendarMonth",
        parent=f"quarter/{year}-Q{(month + 2) // 3}",
        government_year=_span(_begins(year, month)),
        same_as="",
        start=date(year, month, 1),
        end=_last_day(year, month),
    )


def _quarter(year: int, quarter: int) -> Period:
    first_month = 3 * quarter - 2
    return Period(
        notation=f"{year}-Q{quarter}",
        label=f"Quarter {quarter} of {year} ({_months(first_month)})",
        type="quarter",
        interval="CalendarQuarter",
        parent=f"year/{year}",
        government_year=_span(_begins(year, first_month)),
        same_as=f"government-quarter/{_government_quarter_notation(year, quarter)}",
        start=date(year, first_month, 1),
        end=_last_day(year, first_month + 2),
    )


def _year(year: int) -> Period:
    return Period(f"{year}", f"{year}", "year", "CalendarYear", "", "", "", date(year, 1, 1), date(year, 12, 31))


def _government_quarter(year: int, quarter: int) -> Period:
    """Give the government quarter that has the days of a calendar quarter."""
    first_month = 3 * quarter - 2
    begins = _begins(year, first_month)
    number = _government_quarter_notation(year, quarter)[-1]
    return Period(
        notation=_government_quarter_notation(year, quarter),
        label=f"Quarter {number} of {_short(begins)} financial year ({_months(first_month)} {year})",
        type="government-quarter",
        interval="BusinessQuarter",
        parent="",
        government_year=_span(begins),
        same_as=f"quarter/{year}-Q{quarter}",
        start=date(year, first_month, 1),
        end=_last_day(year, first_month + 2),
    )


def _government_year(begins: int) -> Period:
    return Period(
        notation=_span(begins),
        label=f"{_short(begins)} financial year",
        type="government-year",
        interval="BusinessYear",
        parent="",
        government_year="",
        same_as="",
        start=date(begins, 4, 1),
        end=date(begins + 1, 3, 31),
    )


def _begins(year: int, month: int) -> int:
    """Give the year in which the government year of a month begins."""
    return year if month >= 4 else year - 1


def _span(begins: int) -> str:
    return f"{begins}-{begins + 1}"


def _short(begins: int) -> str:
    return f"{begins}/{(begins + 1) % 100:02}"


def _government_quarter_notation(year: int, quarter: int) -> str:
    return f"{_span(_begins(year, 3 * quarter - 2))}/Q{(quarter + 2) % 4 + 1}"


def _months(first_month: int) -> str:
    return f"{calendar.month_name[first_month]} to {calendar.month_name[first_month + 2]}"


def _last_day(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def main() -> None:
    """Write the table to standard output."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(TITLES)
    writer.writerows(astuple(period) for period in generate())


if __name__ == "__main__":
    main()
