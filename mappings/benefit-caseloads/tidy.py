"""Tidy table 1c of the benefit expenditure and caseload tables: caseload by benefit and financial year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loader.benefit_tables import Wanted, tidy_benefit_table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from loader.tidying import TidyReport

TABLE_1C = Wanted("Table 1c: Caseloads by benefit", "thousands", "caseload", must_have=("winter-fuel-payments",))


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Give one row for each line of the table and financial year that has a figure."""
    return tidy_benefit_table(path, report, TABLE_1C)
