"""Turn the returns of procurement card payments into one row a payment.

Dates come both as text and as serial numbers of a spreadsheet. The description of what was bought is not taken over: it
tells what single claimants received.
"""

from __future__ import annotations

import csv
import importlib.resources
import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import ProblemsError
from loader.persons import reviewed_in, supplier_id, why_held
from loader.tidying import read_rows, read_text
from loader.uris import slug

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.tidying import TidyReport

COLUMNS: Final = (
    "return_month",
    "line",
    "period",
    "date",
    "merchant_category",
    "merchant_category_label",
    "payee",
    "payee_name",
    "source_line",
    "amount",
)
FIELD_OF: Final = {
    "line number": "line",
    "posting date": "date",
    "merchant category code mcc": "merchant_category",
    "merchant name": "merchant",
    "transaction amount": "amount",
}
"""Fields by the words of their headers, without the prefix 'MCH.' or 'FIN.'."""
IGNORED: Final = frozenset({"", "description"})
HEADER_WITHIN: Final = 20
"""Lines searched for the header row."""

BLANK: Final = "blank row"
TOTAL: Final = "total row"
TRUNCATED: Final = "truncated row"
FETCH_AGAIN: Final = "fetch the published file again"

_WORD: Final = re.compile(r"[^\W_]+")
_PREFIX: Final = re.compile(r"^(mch|fin)\.")
_RETURN: Final = re.compile(r"_([a-z]+)_(20\d{2})$", re.ASCII)
_AMOUNT: Final = re.compile(r"(-?)£?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)", re.ASCII)
_SLASHED_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_SERIAL_DATE: Final = re.compile(r"[3-6]\d{4}", re.ASCII)
_DAY_ZERO: Final = date(1899, 12, 30)
"""Day 0 of the 1900 date system of spreadsheets, which count a 29 February 1900."""
_CARD_REFERENCE: Final = re.compile(r"\b(?=\d*[A-Z])(?=(?:[A-Z]*\d){4})[A-Z0-9]{8,}\b", re.ASCII)
"""Order and application numbers within merchant names: 8 or more characters, 4 or more of them digits."""
_MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)


@dataclass(frozen=True, slots=True)
class Lists:
    """What rows are checked against."""

    categories: dict[str, str]
    """Labels of merchant category codes."""
    reviewed: frozenset[str]
    """Merchants that a person has found to be organisations."""


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Read one return: a row for each payment whose merchant may be named, in file order."""
    month = month_of_return(path.stem)
    if month is None:
        hint = "call the file as the publisher does, for instance dwp_epcs_july_2025.csv"
        raise report.stop("TIDY-03", "", "the name of the file does not say the month of the return", hint)
    lists = _read_lists(report.folder)
    lines: dict[str, int] = {}
    rows: list[dict[str, str]] = []
    for number, published in _payments(read_text(path, report), report):
        row = _row(number, published, lists, report)
        if row is None:
            continue
        first = lines.setdefault(row["line"], number)
        if first != number:
            hint = "number the lines of a return without repetition"
            report.problem("TIDY-08", f"{number}, column 'Line Number'", f"line {first} has the same number", hint)
        reason = why_held(row["payee_name"], lists.reviewed)
        if reason is None:
            rows.append(row | {"return_month": month})
        else:
            report.hold(number, reason, Decimal(row["amount"]), row["payee_name"])
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String)).lazy()


def month_of_return(stem: str) -> str | None:
    """Read the month that the name of a file ends in: '2025-07' for 'dwp_epcs_july_2025'; None if there is none."""
    match = _RETURN.search(stem.casefold())
    if match is None or match[1] not in _MONTHS:
        return None
    return f"{match[2]}-{_MONTHS.index(match[1]) + 1:02}"


def _read_lists(folder: Path) -> Lists:
    codes = importlib.resources.files("mappings") / "codes" / "merchant-category" / "merchant-category.csv"
    reviewed = folder / "organisations.txt"
    labels = {row["Code"]: row["Name"] for row in csv.DictReader(codes.read_text("utf-8").splitlines())}
    return Lists(labels, reviewed_in(reviewed))


# Rows of the published file


def _payments(text: str, report: TidyReport) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield source line and cells by field of each payment; other rows are reported.

    Raises ProblemsError if there is no header row, a column is missing or not known, or quotation marks do not match.
    """
    positions: dict[str, int] | None = None
    try:
        for line, cells in read_rows(text):
            if positions is None:
                positions = _first_header(line, cells, report)
                continue
            report.rows_read += 1
            row = {name: cells[place] if place < len(cells) else "" for name, place in positions.items()}
            reason = _why_no_payment(row, cells)
            if reason is None:
                yield line, row
            else:
                report.skip(line, reason, amount_of(row["amount"]) if reason == TOTAL else None)
    except csv.Error as error:
        raise report.stop(
            "TIDY-06", "", f"a row cannot be read: {error}", "look for an unclosed quotation mark"
        ) from error
    if positions is None or not report.rows_read:
        raise report.stop("TIDY-06", "", "the file has no payments", FETCH_AGAIN)


def _header(cell: str) -> str:
    return " ".join(_WORD.findall(_PREFIX.sub("", cell.casefold())))


def _first_header(line: int, cells: list[str], report: TidyReport) -> dict[str, int] | None:
    if len(FIELD_OF.keys() & {_header(cell) for cell in cells}) > 1:
        return _positions(line, cells, report)
    if line >= HEADER_WITHIN:
        hint = "the header row names Line Number, Posting Date and Merchant Name: check that this is the published file"
        raise report.stop("TIDY-01", "", f"there is no header row in the first {HEADER_WITHIN} lines", hint)
    return None


def _positions(line: int, cells: list[str], report: TidyReport) -> dict[str, int]:
    """Find the place of each field. Raises ProblemsError for a column that is missing or not known."""
    headers = [_header(cell) for cell in cells]
    positions = {FIELD_OF[header]: place for place, header in enumerate(headers) if header in FIELD_OF}
    unknown = [cell for cell, header in zip(cells, headers, strict=True) if header not in FIELD_OF.keys() | IGNORED]
    missing = [header for header in FIELD_OF if header not in headers]
    for cell in unknown:
        hint = "it may hold personal data: a person must decide, then name it in tidy.py"
        report.problem("TIDY-01", f"{line}, column '{cell}'", "the column is not known", hint)
    for header in missing:
        hint = "check that this is the published file; name a new header in tidy.py"
        report.problem("TIDY-01", str(line), f"there is no column '{header.capitalize()}'", hint)
    if unknown or missing:
        raise ProblemsError(report.problems)
    return positions


def _why_no_payment(row: dict[str, str], cells: list[str]) -> str | None:
    if not any(cells):
        return BLANK
    says_total = any(cell.casefold().startswith(("total", "grand total")) for cell in cells)
    if row["amount"] and not row["date"] and (says_total or not row["merchant"]):
        return TOTAL
    return None if row["amount"] or row["date"] else TRUNCATED


# Values


def _row(number: int, published: dict[str, str], lists: Lists, report: TidyReport) -> dict[str, str] | None:
    """Give codes and canonical values of one payment; None if a cell cannot be read, which is noted as a problem."""
    day = date_of(published["date"])
    amount = amount_of(published["amount"])
    line = slug(published["line"])
    category = published["merchant_category"]
    if not line:
        report.problem("TIDY-06", f"{number}, column 'Line Number'", "the cell is blank", FETCH_AGAIN)
    if day is None:
        hint = "dates look like 18/08/2025 or, as a serial number, 45875"
        report.problem("TIDY-03", f"{number}, column 'Posting Date'", f"'{published['date']}' is not a date", hint)
    if category not in lists.categories:
        hint = "correct the code, or add it to mappings/codes/merchant-category"
        report.problem(
            "TIDY-05", f"{number}, column 'Merchant Category Code'", f"'{category}' is not in the list", hint
        )
    if amount is None:
        hint = "amounts look like 516.49"
        report.problem(
            "TIDY-02", f"{number}, column 'Transaction Amount'", f"'{published['amount']}' is no amount", hint
        )
    if not line or day is None or amount is None or category not in lists.categories:
        return None
    merchant = merchant_of(published["merchant"])
    return {
        "line": line,
        "period": f"{day:%Y-%m}",
        "date": day.isoformat(),
        "merchant_category": category,
        "merchant_category_label": lists.categories[category],
        "payee": supplier_id(merchant),
        "payee_name": merchant,
        "source_line": str(number),
        "amount": canonical(amount),
    }


def merchant_of(text: str) -> str:
    """Give a merchant's name without the order or application number that stands in it: it points to one purchase."""
    return " ".join(_CARD_REFERENCE.sub(" ", text).split())


def date_of(text: str) -> date | None:
    """Read '18/08/2025' or the serial number '45875'; None if it is no date."""
    if _SERIAL_DATE.fullmatch(text):
        return _DAY_ZERO + timedelta(days=int(text))
    match = _SLASHED_DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        return None


def amount_of(text: str) -> Decimal | None:
    """Read '516.49', '4025' or '-£1,234.50'; None if it is no amount."""
    match = _AMOUNT.fullmatch(text)
    return None if match is None else Decimal(match[1] + match[2].replace(",", ""))


def canonical(amount: Decimal) -> str:
    """Write an amount as xsd:decimal without superfluous zeros: '75127.5', '100', '0'."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


# Further tables


def companions(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Describe the merchants that occur in the payments."""
    names = table.group_by(notation="payee", label="payee_name").len()
    ordered = names.sort("notation", "len", "label", descending=[False, True, False])
    return {"suppliers": ordered.unique("notation", keep="first", maintain_order=True).select("notation", "label")}
