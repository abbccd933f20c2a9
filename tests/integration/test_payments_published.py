"""Payments over £25,000 against the published files, read here by other means: every row, and every penny."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.mapping import Mapping, read_mapping
from loader.sources import FileReading, Tidied, find_published, load_tidy, tidy_published
from loader.uris import Uris

if TYPE_CHECKING:
    from pathlib import Path

DATASET = "payments-over-25k"
MONTHS = {
    "dwp-payments-april10.csv": "2010-04",
    "dwp-payments-november10.csv": "2010-11",
    "dwp-payments-june11.csv": "2011-06",
    "dwp-payments-december2011.csv": "2011-12",
    "dwp-payments-april2012.csv": "2012-04",
}
NO_PAYMENTS = {
    "dwp-payments-april10.csv": {20883: "repeated header row", 23487: "blank row"},
    "dwp-payments-november10.csv": {21686: "total row"},
    "dwp-payments-june11.csv": {20497: "truncated row"},
}
SUPPLIER, REFERENCE, AMOUNT = 5, 6, 7
HELD = "payee held"
FOR_ONE_PERSON = "payee held: payment for a single person, and payee not reviewed"


@dataclass(frozen=True)
class Raw:
    """A published file as it is: rows after the header by their first source line."""

    rows: dict[int, list[str]]

    @property
    def payments(self) -> dict[int, list[str]]:
        return {line: row for line, row in self.rows.items() if len(row) > AMOUNT and row[REFERENCE].isdigit()}

    @property
    def total(self) -> Decimal:
        return sum((pounds(row[AMOUNT]) for row in self.payments.values()), Decimal(0))


def pounds(text: str) -> Decimal:
    return Decimal(re.sub(r"[^0-9.-]", "", text))


def read_raw(path: Path) -> Raw:
    reader = csv.reader(io.StringIO(path.read_bytes().decode("cp1252"), newline=""))
    next(reader)
    rows: dict[int, list[str]] = {}
    line = reader.line_num + 1
    for row in reader:
        rows[line] = row
        line = reader.line_num + 1
    return Raw(rows)


@pytest.fixture(scope="module")
def mapping(root: Path) -> Mapping:
    return read_mapping(DATASET, root / "mappings" / DATASET, Uris("http://data.example"))


@pytest.fixture(scope="module")
def tidied(mapping: Mapping, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Tidied:
    return tidy_published(mapping, find_published(mapping, shared / "data"), tmp_path_factory.mktemp(DATASET))


@pytest.fixture(scope="module")
def table(tidied: Tidied, mapping: Mapping) -> pl.DataFrame:
    return read_table(mapping, tidied.tables[DATASET], DATASET)


@pytest.fixture(scope="module", params=MONTHS)
def file(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def raw(file: str, shared: Path) -> Raw:
    return read_raw(shared / "data/spend" / file)


@pytest.fixture
def reading(file: str, tidied: Tidied) -> FileReading:
    return next(reading for reading in tidied.readings if reading.record.path == file)


def read_table(mapping: Mapping, path: Path, name: str) -> pl.DataFrame:
    """Read a table by the names of its columns."""
    table = next(table.table for table in mapping.tables if table.name == name)
    names = [column.name for column in table.columns if not column.virtual]
    return pl.read_csv(path, infer_schema=False, new_columns=names)


def test_all_five_months_are_read(tidied: Tidied) -> None:
    assert {reading.record.path for reading in tidied.readings} == set(MONTHS)
    assert all(reading.url for reading in tidied.readings)
    assert sum(reading.rows_read for reading in tidied.readings) == 107_292


def test_rows_read_are_loaded_skipped_or_held(file: str, raw: Raw, reading: FileReading, table: pl.DataFrame) -> None:
    loaded = table.filter(pl.col("month") == MONTHS[file]).height
    assert reading.rows_read == len(raw.rows) == loaded + len(reading.left_out)
    assert reading.rows_loaded == loaded
    skipped = {row.line: row.reason for row in reading.left_out if not row.reason.startswith(HELD)}
    assert skipped == NO_PAYMENTS.get(file, {})
    assert skipped.keys() == raw.rows.keys() - raw.payments.keys()


def test_amounts_add_up_to_the_penny(file: str, raw: Raw, reading: FileReading, table: pl.DataFrame) -> None:
    amounts = table.filter(pl.col("month") == MONTHS[file])["amount"].to_list()
    loaded = sum((Decimal(amount) for amount in amounts), Decimal(0))
    held = sum((row.amount for row in reading.left_out if row.amount and row.reason.startswith(HELD)), Decimal(0))
    assert loaded + held == raw.total


def test_the_published_total_of_a_month_is_the_sum_of_its_lines(shared: Path, tidied: Tidied) -> None:
    """The total row is left out of all sums, and agrees with the lines above it."""
    file = "dwp-payments-november10.csv"
    reading = next(reading for reading in tidied.readings if reading.record.path == file)
    totals = [row.amount for row in reading.left_out if row.reason == "total row"]
    assert totals == [Decimal("365327383.02")] == [read_raw(shared / "data/spend" / file).total]


def test_every_line_is_that_of_the_published_file(file: str, raw: Raw, table: pl.DataFrame) -> None:
    payments = raw.payments
    seen: dict[str, int] = {}
    numbers = {}
    for line, row in payments.items():
        seen[row[REFERENCE]] = seen.get(row[REFERENCE], 0) + 1
        numbers[line] = seen[row[REFERENCE]]
    columns = ("source_line", "reference", "line", "payee_name", "amount", "payer_name")
    rows = table.filter(pl.col("month") == MONTHS[file]).select(columns).rows()
    for source_line, reference, number, payee, amount, payer in rows:
        published = payments[int(source_line)]
        assert (reference, int(number)) == (published[REFERENCE], numbers[int(source_line)])
        assert payee == " ".join(published[SUPPLIER].split())
        assert payer == published[1].strip()
        assert Decimal(amount) == pounds(published[AMOUNT])


def test_keys_are_unique(table: pl.DataFrame) -> None:
    assert not table.select("month", "reference", "line").is_duplicated().any()


def held_names(tidied: Tidied, shared: Path, *, for_one_person: bool) -> set[str]:
    names: set[str] = set()
    for reading in tidied.readings:
        rows = read_raw(shared / "data/spend" / reading.record.path).rows
        held = [row.line for row in reading.left_out if row.reason.startswith(HELD)]
        single = {row.line for row in reading.left_out if row.reason == FOR_ONE_PERSON}
        names |= {" ".join(rows[line][SUPPLIER].split()) for line in held if (line in single) == for_one_person}
    return names


def test_no_payee_held_is_named_in_any_table(tidied: Tidied, shared: Path) -> None:
    held = held_names(tidied, shared, for_one_person=False)
    assert 0 < len(held) <= 30, "few enough for a person to read"
    for path in tidied.tables.values():
        cells = {cell for row in csv.reader(io.StringIO(path.read_text("utf-8"))) for cell in row}
        assert cells.isdisjoint(held)


def test_support_of_one_person_is_published_for_reviewed_payees_only(
    tidied: Tidied, shared: Path, table: pl.DataFrame
) -> None:
    held = held_names(tidied, shared, for_one_person=True)
    assert 0 < len(held) <= 25, "few enough for a person to read"
    single = table.filter(pl.col("expense_type").is_in(["access-to-work", "special-payments-extra-statutory"]))
    assert not single.is_empty()
    assert held.isdisjoint(single["payee_name"])


def test_no_payee_looks_like_initials_and_a_surname(tidied: Tidied, table: pl.DataFrame) -> None:
    shape = re.compile(r"([A-Z] )+[A-Z']{3,}|[A-Z']{3,}( [A-Z])+|.*\b(MR|MRS|MISS|MS|DR)\b.*", re.IGNORECASE)
    labels = pl.read_csv(tidied.tables["suppliers"], infer_schema=False)["Name"]
    assert [name for name in {*table["payee_name"], *labels} if shape.fullmatch(name)] == []


def test_what_is_shipped_is_what_the_published_files_give(mapping: Mapping, table: pl.DataFrame) -> None:
    step = load_tidy(mapping.folder / "tidy.py", mapping.name)
    cut = step.shipped(table)
    assert cut.height == 2000
    shipped = {DATASET: cut, **step.companions(cut)}
    for name, frame in shipped.items():
        assert read_table(mapping, mapping.folder / f"{name}.csv", name).equals(frame), name


def test_every_code_is_described(tidied: Tidied, table: pl.DataFrame) -> None:
    for column, name in {
        "payee": "suppliers",
        "payer": "payers",
        "expense_type": "expense-types",
        "expense_area": "expense-areas",
        "procurement_category": "procurement-categories",
    }.items():
        described = pl.read_csv(tidied.tables[name], infer_schema=False)
        assert not described.to_series(0).is_duplicated().any()
        assert set(table[column].drop_nulls()) <= set(described.to_series(0))
    categories = pl.read_csv(tidied.tables["procurement-categories"], infer_schema=False)
    assert set(categories["Within"].drop_nulls()) <= set(categories["Code"])
