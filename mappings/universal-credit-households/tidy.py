"""Tidy the Stat-Xplore workbook of households on Universal Credit by local authority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loader.areas import LOCAL_AUTHORITIES
from loader.crosstabs import AreaColumns, month_columns, tidy_table
from loader.statxplore import read_workbook

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from loader.tidying import TidyReport

GREAT_BRITAIN = "K03000001"


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Give one row for each local authority and month; 'Total' is Great Britain."""
    return tidy_table(
        read_workbook(path, report),
        report,
        measure=("Households on Universal Credit", "households"),
        fields={
            "National - Regional - LA - OAs": AreaColumns(LOCAL_AUTHORITIES, GREAT_BRITAIN, covers=("E", "S", "W")),
            "Month": month_columns,
        },
    )
