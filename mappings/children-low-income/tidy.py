"""Tidy the Stat-Xplore CSV of children in relative low income by local authority and financial year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loader.areas import UPPER_TIER
from loader.crosstabs import AreaColumns, financial_year_columns, tidy_table
from loader.statxplore import read_csv

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from loader.tidying import TidyReport

UNITED_KINGDOM = "K02000001"


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Give one row for each local authority and financial year; 'Total' is the United Kingdom."""
    return tidy_table(
        read_csv(path, report),
        report,
        measure=("Relative Low Income", "children"),
        fields={
            "National - Regional - LA - OAs": AreaColumns(UPPER_TIER, UNITED_KINGDOM, covers=("E", "N", "S", "W")),
            "Year": financial_year_columns,
        },
    )
