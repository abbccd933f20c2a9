"""Tidy table 1a of the benefit expenditure and caseload tables: expenditure by benefit and financial year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loader.benefit_tables import Wanted, tidy_benefit_table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from loader.tidying import TidyReport

TABLE_1A = Wanted(
    "Table 1a: Expenditure by benefit",
    "£ million, nominal terms",
    "expenditure",
    must_have=("total-benefit-expenditure", "total-in-dwp-annually-managed-expenditure"),
)


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Give one row for each line of the table and financial year that has a figure."""
    return tidy_benefit_table(path, report, TABLE_1A)
