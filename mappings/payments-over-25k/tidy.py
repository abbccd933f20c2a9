"""Turn the monthly files of payments over £25,000 into one row a payment line.

Five months have five layouts: columns are found by their headers, and another header may come in mid-file.
"""

from __future__ import annotations

import calendar
import csv
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import ProblemsError
from loader.persons import reviewed_in, supplier_id, why_held
from loader.tidying import read_rows, read_text
from loader.uris import slug

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loader.tidying import TidyReport

COLUMNS: Final = (
    "month",
    "reference",
    "line",
    "payer",
    "payer_name",
    "payee",
    "payee_name",
    "date",
    "expense_type",
    "expense_type_label",
    "expense_area",
    "expense_area_label",
    "procurement_category",
    "category",
    "sub_category",
    "micro_category",
    "sme",
    "sector",
    "source_line",
    "amount",
)
REQUIRED: Final = {
    "entity": ("entity",),
    "date": ("date",),
    "expense_type": ("expense type", "account group desc"),
    "expense_area": ("expense area", "level 3 description"),
    "supplier": ("supplier",),
    "reference": ("transaction number",),
    "amount": ("amount",),
}
"""Fields of the published files, and the words of the headers they have had."""
OPTIONAL: Final = {
    "category": ("category",),
    "sub_category": ("sub category",),
    "micro_category": ("micro category",),
    "sme": ("sme",),
    "sector": ("sector",),
}
FIELDS: Final = (*REQUIRED, *OPTIONAL)
LEVELS: Final = ("category", "sub_category", "micro_category")
FIELD_OF: Final = {header: name for name, headers in (REQUIRED | OPTIONAL).items() for header in headers}
IGNORED: Final = frozenset({"", "departmental family"})
HEADER_WITHIN: Final = 20
"""Lines searched for the first header row."""
LINES_OF_CELL: Final = 2
"""Line breaks that a published cell may have; more come from a quotation mark that is not closed."""

BLANK: Final = "blank row"
HEADER: Final = "repeated header row"
TOTAL: Final = "total row"
TRUNCATED: Final = "truncated row"
FETCH_AGAIN: Final = "fetch the published file again"

NOT_STATED: Final = "not-stated"
NOT_STATED_LABEL: Final = "Not stated in the published file"
SPREADSHEET_ERROR: Final = "#N/A"
"""What a spreadsheet showed where the publisher's lookup found nothing: as good as blank."""

FOR_ONE_PERSON: Final = ("access-to-work", "special-payments-extra-statutory")
"""Expense types whose payments are each for one person: support of a disabled employee, redress of a claimant."""

SMES: Final = ("yes", "no", "unknown")
SECTORS: Final = ("private", "public", "tso", "unknown")

SHIPPED_MONTH: Final = "2011-12"
SHIPPED_LINES: Final = 2000

_WORD: Final = re.compile(r"[^\W_]+")
_AMOUNT: Final = re.compile(r"(-?)£?(-?)((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)", re.ASCII)
_SLASHED_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_NAMED_DATE: Final = re.compile(r"(\d{1,2})-([a-z]{3})-(\d{2}|\d{4})", re.ASCII)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_REFERENCE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Read one month: a row for each payment line whose payee may be named, in file order."""
    lines = _read_lines(read_text(path, report), report).frame()
    lines = _with_values(lines, report)
    _check_month(lines, report)
    return _without_held(lines, report).select(pl.col(COLUMNS).cast(pl.String)).lazy()


# Rows of the published file


@dataclass(slots=True)
class Lines:
    """Payment lines as published: the source line of each, and its cells by field."""

    source_lines: list[int] = field(default_factory=list)
    cells: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in FIELDS})

    def frame(self) -> pl.DataFrame:
        """Give the lines as text, blank cells null, numbered within their transactions before any is held back."""
        schema = {"source_line": pl.Int64} | dict.fromkeys(FIELDS, pl.String)
        cells = {name: pl.col(name).str.replace_all(r"\s+", " ") for name in FIELDS}
        blanks = {name: pl.when(pl.col(name) != "").then(pl.col(name)) for name in FIELDS}
        frame = pl.DataFrame({"source_line": self.source_lines} | self.cells, schema=schema)
        return frame.with_columns(**cells).with_columns(**blanks).with_columns(line=_line_of_transaction())


def _line_of_transaction() -> pl.Expr:
    return pl.int_range(1, pl.len() + 1).over("reference")


def _read_lines(text: str, report: TidyReport) -> Lines:
    """Tell payment lines from the other rows, which are reported.

    Raises ProblemsError if there is no header row, a column is missing or not known, or quotation marks do not match.
    """
    lines = Lines()
    positions: dict[str, int] | None = None
    try:
        for line, cells in read_rows(text):
            if positions is None:
                positions = _first_header(line, cells, report)
                continue
            report.rows_read += 1
            if _is_header(cells):
                positions = _positions(line, cells, report)
                report.skip(line, HEADER)
            else:
                _take(line, cells, positions, lines, report)
    except csv.Error as error:
        raise report.stop(
            "TIDY-06", "", f"a row cannot be read: {error}", "look for an unclosed quotation mark"
        ) from error
    if positions is None:
        raise report.stop("TIDY-01", "", "there is no header row", FETCH_AGAIN)
    if not lines.source_lines:
        raise report.stop("TIDY-06", "", "the file has no payments", FETCH_AGAIN)
    return lines


def _is_header(cells: list[str]) -> bool:
    return len({"supplier", "date", "amount"} & {cell.casefold() for cell in cells}) > 1


def _first_header(line: int, cells: list[str], report: TidyReport) -> dict[str, int] | None:
    if _is_header(cells):
        return _positions(line, cells, report)
    if line >= HEADER_WITHIN:
        hint = "the header row names Supplier, Date and Amount: check that this is the published file"
        raise report.stop("TIDY-01", "", f"there is no header row in the first {HEADER_WITHIN} lines", hint)
    return None


def _positions(line: int, cells: list[str], report: TidyReport) -> dict[str, int]:
    """Find the place of each field. Raises ProblemsError for a column that is missing, twice there or not known."""
    positions: dict[str, int] = {}
    before = len(report.problems)
    for place, cell in enumerate(cells):
        header = " ".join(_WORD.findall(cell.casefold()))
        name = FIELD_OF.get(header)
        if name in positions:
            report.problem("TIDY-01", f"{line}, column '{cell}'", "the column is there twice", FETCH_AGAIN)
        elif name is not None:
            positions[name] = place
        elif header not in IGNORED:
            hint = "it may hold personal data: a person must decide, then name it in tidy.py"
            report.problem("TIDY-01", f"{line}, column '{cell}'", "the column is not known", hint)
    for name, headers in REQUIRED.items():
        if name not in positions:
            hint = "check that this is the published file; name a new header in tidy.py"
            report.problem("TIDY-01", str(line), f"there is no column '{headers[0].capitalize()}'", hint)
    if len(report.problems) > before:
        raise ProblemsError(report.problems)
    return positions


def _take(line: int, cells: list[str], positions: dict[str, int], lines: Lines, report: TidyReport) -> None:
    """Keep a payment line, or report the row as none."""
    count = len(cells)
    row = {name: cells[place] if place < count else "" for name, place in positions.items()}
    if not any(cells):
        report.skip(line, BLANK)
    elif _is_total(row, cells):
        report.skip(line, TOTAL, _amount_of_total(line, row["amount"], report))
    elif positions["amount"] >= count or not (row["amount"] or row["date"] or row["reference"]):
        report.skip(line, TRUNCATED)
    else:
        _check_shape(line, cells, positions, report)
        lines.source_lines.append(line)
        for name in FIELDS:
            lines.cells[name].append(row.get(name, ""))


def _is_total(row: dict[str, str], cells: list[str]) -> bool:
    says_total = any(cell.casefold().startswith(("total", "grand total")) for cell in cells)
    return bool(row["amount"]) and not (row["date"] or row["reference"]) and (says_total or not row["supplier"])


def _check_shape(line: int, cells: list[str], positions: dict[str, int], report: TidyReport) -> None:
    if any(cell.count("\n") > LINES_OF_CELL for cell in cells):
        report.problem("TIDY-06", str(line), "a cell goes on over many lines", "look for an unclosed quotation mark")
    if any(cells[max(positions.values()) + 1 :]):
        report.problem("TIDY-06", str(line), "there are cells beyond the last column", "look for a stray comma")


def _amount_of_total(line: int, text: str, report: TidyReport) -> Decimal | None:
    amount = amount_of(text)
    if amount is None:
        report.problem("TIDY-02", f"{line}, column 'Amount'", "the total is not an amount", FETCH_AGAIN)
    return amount


# Values


def amount_of(text: str) -> Decimal | None:
    """Read '75,127.50', '£29,501,800' or '-£1,234'; None if it is no amount."""
    match = _AMOUNT.fullmatch(text)
    if match is None or (match[1] and match[2]):
        return None
    amount = Decimal(match[3].replace(",", ""))
    return -amount if match[1] or match[2] else amount


def canonical(amount: Decimal) -> str:
    """Write an amount as xsd:decimal without superfluous zeros: '75127.5', '100', '0'."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def date_of(text: str) -> date | None:
    """Read '19/04/2010' or '03-Apr-12'; None if it is no date. Years of two digits are of this century."""
    slashed = _SLASHED_DATE.fullmatch(text)
    named = _NAMED_DATE.fullmatch(text.casefold())
    if slashed is not None:
        day, month, year = int(slashed[1]), int(slashed[2]), int(slashed[3])
    elif named is not None and named[2] in _MONTHS:
        day, month, year = int(named[1]), _MONTHS.index(named[2]) + 1, int(named[3])
        year += 2000 if year < 100 else 0
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _canonical_amount(text: str) -> str | None:
    amount = amount_of(text)
    return None if amount is None else canonical(amount)


def _iso_date(text: str) -> str | None:
    day = date_of(text)
    return None if day is None else day.isoformat()


def _reference(text: str) -> str | None:
    return text if _REFERENCE.fullmatch(text) else None


def _code_among(codes: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda text: text.casefold() if text.casefold() in codes else None


def _mapped(name: str, lines: pl.DataFrame, convert: Callable[[str], str | None]) -> pl.Expr:
    """Convert a column, calling `convert` once for each value that occurs; what it refuses becomes null."""
    values = lines.get_column(name).drop_nulls().unique().to_list()
    converted = [convert(value) for value in values]
    return pl.col(name).replace_strict(values, converted, default=None, return_dtype=pl.String)


def _with_values(lines: pl.DataFrame, report: TidyReport) -> pl.DataFrame:
    """Give codes and canonical values; note a problem for each cell that has none."""
    values = lines.select(
        "source_line",
        reference=_mapped("reference", lines, _reference),
        line="line",
        payer=_mapped("entity", lines, slug),
        payer_name="entity",
        payee=_mapped("supplier", lines, supplier_id),
        payee_name="supplier",
        date=_mapped("date", lines, _iso_date),
        amount=_mapped("amount", lines, _canonical_amount),
        sme=_mapped("sme", lines, _code_among(SMES)),
        sector=_mapped("sector", lines, _code_among(SECTORS)),
        procurement_category=_category(lines),
        **_stated("expense_type", lines),
        **_stated("expense_area", lines),
        **{level: pl.col(level) for level in LEVELS},
    ).with_columns(month=pl.col("date").str.head(7))
    _note("TIDY-06", "Transaction Number", lines["reference"], values["reference"], lines, report, required=True)
    _note("TIDY-06", "Entity", lines["entity"], values["payer"].replace("", None), lines, report, required=True)
    _note("TIDY-03", "Date", lines["date"], values["date"], lines, report, required=True)
    _note("TIDY-02", "Amount", lines["amount"], values["amount"], lines, report, required=True)
    _note("TIDY-05", "SME?", lines["sme"], values["sme"], lines, report, required=False)
    _note("TIDY-05", "Sector", lines["sector"], values["sector"], lines, report, required=False)
    return values


def _stated(name: str, lines: pl.DataFrame) -> dict[str, pl.Expr]:
    """Give the code of an expense type or area, and its label as published."""
    code = _mapped(name, lines, lambda text: "" if text == SPREADSHEET_ERROR else slug(text)).replace("", None)
    label = pl.when(code.is_not_null()).then(pl.col(name)).otherwise(pl.lit(NOT_STATED_LABEL))
    return {name: code.fill_null(NOT_STATED), f"{name}_label": label}


def _category(lines: pl.DataFrame) -> pl.Expr:
    """Give the code of the narrowest category stated: the codes of its levels, joined by full stops."""
    codes = [_mapped(level, lines, slug) for level in LEVELS]
    return pl.when(codes[0].is_not_null()).then(pl.concat_str(codes, separator=".", ignore_nulls=True))


SHOWN: Final = 20
"""Length of a text that a message repeats."""
HINTS: Final = {
    "TIDY-02": "amounts look like 75,127.50 or -£1,234",
    "TIDY-03": "dates look like 19/04/2010 or 03-Apr-12",
    "TIDY-05": "name a new label in tidy.py and give it a concept in ontology/procurement.ttl",
    "TIDY-06": "look for a shifted or truncated row",
}


def _note(
    code: str,
    column: str,
    published: pl.Series,
    values: pl.Series,
    lines: pl.DataFrame,
    report: TidyReport,
    *,
    required: bool,
) -> None:
    """Note a problem for each published cell without a value, and for each blank one of a required column."""
    wrong = values.is_null() if required else values.is_null() & published.is_not_null()
    places = lines["source_line"].filter(wrong)
    for line, text in zip(places, published.filter(wrong), strict=True):
        report.problem(code, f"{line}, column '{column}'", _unreadable(text), HINTS[code])


def _unreadable(text: str | None) -> str:
    """Say what is wrong; a long text is not repeated, as it may be part of another column or of other rows."""
    if text is None:
        return "the cell is blank"
    return f"'{text}' cannot be read" if len(text) <= SHOWN else "the cell cannot be read"


def _check_month(lines: pl.DataFrame, report: TidyReport) -> None:
    """Note a problem for each line whose date is not of the month that most dates of the file are of."""
    dates = lines.drop_nulls("month")
    month = min(dates["month"].mode().to_list(), default="")
    for line, day in dates.filter(pl.col("month") != month).select("source_line", "date").iter_rows():
        hint = "the file must be of one month: correct the date, or take the line out of this file"
        report.problem("TIDY-03", f"{line}, column 'Date'", f"{day} is not in {month} as the rest of the file", hint)


# Payees


def _without_held(lines: pl.DataFrame, report: TidyReport) -> pl.DataFrame:
    """Take out the lines whose payee may be a person, and report them."""
    file = report.folder / "organisations.txt"
    reviewed = reviewed_in(file)
    usual = _mapped("payee_name", lines, lambda name: why_held(name, reviewed))
    strict = _mapped("payee_name", lines, lambda name: why_held(name, reviewed, for_one_person=True))
    reason = pl.when(pl.col("expense_type").is_in(FOR_ONE_PERSON)).then(strict).otherwise(usual)
    reason = pl.when(pl.col("payee_name").is_null()).then(pl.lit(why_held(""))).otherwise(reason)
    lines = lines.with_columns(reason=reason)
    held = lines.filter(pl.col("reason").is_not_null()).select("source_line", "reason", "amount", "payee_name")
    for line, why, amount, name in held.iter_rows():
        report.hold(line, why, None if amount is None else Decimal(amount), name or "")
    return lines.filter(pl.col("reason").is_null())


# Further tables, and the part that is shipped


def companions(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Describe the payees, payers, codes and transactions that occur in the payment lines."""
    return {
        "suppliers": _named(table, "payee", "payee_name"),
        "payers": _named(table, "payer", "payer_name"),
        "expense-types": _named(table, "expense_type", "expense_type_label"),
        "expense-areas": _named(table, "expense_area", "expense_area_label"),
        "procurement-categories": _categories(table),
        "transactions": _transactions(table),
    }


def _named(table: pl.DataFrame, code: str, name: str) -> pl.DataFrame:
    """Give each code once, under the name it most often has (the first by alphabet if several are as frequent)."""
    names = table.group_by(notation=code, label=name).len()
    return _most_frequent(names).select("notation", "label")


def _most_frequent(names: pl.DataFrame) -> pl.DataFrame:
    ordered = names.sort("notation", "len", "label", descending=[False, True, False])
    return ordered.unique("notation", keep="first", maintain_order=True)


def _categories(table: pl.DataFrame) -> pl.DataFrame:
    """Give the three levels of procurement categories, each below its broader one."""
    levels = []
    for depth, level in enumerate(LEVELS, 1):
        stated = table.drop_nulls(level)
        codes = stated["procurement_category"].str.split(".")
        broader = codes.list.head(depth - 1).list.join(".") if depth > 1 else pl.lit(None, pl.String)
        levels.append(stated.select(notation=codes.list.head(depth).list.join("."), label=level, parent=broader))
    names = pl.concat(levels).group_by("notation", "label", "parent").len()
    return _most_frequent(names).select("notation", "label", "parent")


def _transactions(table: pl.DataFrame) -> pl.DataFrame:
    payments = table.select("month", "reference").unique().sort("month", "reference")
    return payments.with_columns(
        label="Payment " + pl.col("reference") + ", " + _mapped("month", payments, _long_month)
    )


def _long_month(month: str) -> str:
    """Write '2011-12' as 'December 2011'."""
    year, _, number = month.partition("-")
    return f"{calendar.month_name[int(number)]} {year}"


def shipped(table: pl.DataFrame) -> pl.DataFrame:
    """Cut to the largest payment lines of the month that has most columns, in file order."""
    month = table.filter(pl.col("month") == SHIPPED_MONTH).with_row_index("place")
    largest = month.sort(
        pl.col("amount").cast(pl.Float64), "reference", pl.col("line").cast(pl.Int64), descending=[True, False, False]
    ).head(SHIPPED_LINES)
    return largest.sort("place").drop("place")
