"""Procurement card payments against the published return, read here by other means: every row, and every penny."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.mapping import Mapping, read_mapping
from loader.sources import Tidied, find_published, tidy_published
from loader.uris import Uris

if TYPE_CHECKING:
    from pathlib import Path

DATASET = "procurement-card"
FILE = "dwp_epcs_july_2025.csv"


@pytest.fixture(scope="module")
def mapping(root: Path) -> Mapping:
    return read_mapping(DATASET, root / "mappings" / DATASET, Uris("http://data.example"))


@pytest.fixture(scope="module")
def tidied(mapping: Mapping, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Tidied:
    return tidy_published(mapping, find_published(mapping, shared / "data"), tmp_path_factory.mktemp(DATASET))


@pytest.fixture(scope="module")
def raw(shared: Path) -> dict[int, list[str]]:
    text = (shared / "data/gpc" / FILE).read_bytes().decode("cp1252")
    rows = enumerate(csv.reader(io.StringIO(text)), 1)
    return {line: [cell.strip() for cell in row] for line, row in rows if line > 1}


@pytest.fixture(scope="module")
def table(tidied: Tidied) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tidied.tables[DATASET].read_text("utf-8"))))


def day(text: str) -> date:
    """Read a date of the return; serial number 45658 is 1 January 2025."""
    if text.isdigit():
        return date(2025, 1, 1) + timedelta(days=int(text) - 45658)
    return datetime.strptime(text, "%d/%m/%Y").date()


def test_rows_and_amounts_are_loaded_or_held(
    tidied: Tidied, table: list[dict[str, str]], raw: dict[int, list[str]]
) -> None:
    (reading,) = tidied.readings
    assert reading.rows_read == len(raw) == len(table) + len(reading.left_out)
    assert all(row.reason.startswith("payee held") for row in reading.left_out)
    loaded = sum((Decimal(row["Amount (£)"]) for row in table), Decimal(0))
    held = sum((row.amount or Decimal(0) for row in reading.left_out), Decimal(0))
    assert loaded + held == sum(Decimal(row[4]) for row in raw.values()) == Decimal("55723.31")


def test_every_payment_is_that_of_the_published_return(table: list[dict[str, str]], raw: dict[int, list[str]]) -> None:
    for row in table:
        line, posted, category, merchant, amount, _ = raw[int(row["Line of the published file"])]
        assert row["Month of the return"] == "2025-07"
        assert row["Line number"] == line.lower().replace(" ", "-")
        assert row["Posting date"] == day(posted).isoformat()
        assert row["Month of posting"] == row["Posting date"][:7]
        assert row["Merchant category code"] == category
        assert row["Merchant name"] in " ".join(merchant.split())
        assert Decimal(row["Amount (£)"]) == Decimal(amount)


def test_no_text_of_a_purchase_and_no_order_number_is_published(tidied: Tidied, raw: dict[int, list[str]]) -> None:
    text = "".join(path.read_text("utf-8") for path in tidied.tables.values())
    descriptions = {row[5] for row in raw.values() if len(row[5]) > 5}
    numbers = {word for row in raw.values() for word in row[3].split() if len(re.findall(r"\d", word)) > 3}
    assert len(numbers) == 7
    assert not [part for part in descriptions | numbers if part in text]


def test_a_merchant_who_may_be_a_person_is_not_named(tidied: Tidied, raw: dict[int, list[str]]) -> None:
    (reading,) = tidied.readings
    held = {raw[row.line][3] for row in reading.left_out}
    assert len(held) == 2
    assert any(re.fullmatch(r"[A-Z]{3,} [A-Z]", name) for name in held), "a surname with an initial"
    for path in tidied.tables.values():
        assert not [name for name in held if name in path.read_text("utf-8")]


@pytest.mark.parametrize("name", [DATASET, "suppliers"])
def test_the_shipped_table_is_what_the_published_return_gives(mapping: Mapping, tidied: Tidied, name: str) -> None:
    assert (mapping.folder / f"{name}.csv").read_bytes() == tidied.tables[name].read_bytes()


def test_every_merchant_category_is_in_the_code_list(root: Path, table: list[dict[str, str]]) -> None:
    codes = pl.read_csv(root / "mappings/codes/merchant-category/merchant-category.csv", infer_schema=False)
    assert {row["Merchant category code"] for row in table} <= set(codes["Code"])
    assert codes.height > 150
    assert not codes["Code"].is_duplicated().any()
