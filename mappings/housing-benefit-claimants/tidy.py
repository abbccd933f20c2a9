"""Tidy the Open Data API's table of Housing Benefit claimants by Westminster constituency and age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loader.crosstabs import AreaColumns, CodeColumns, month_columns, tidy_table
from loader.statxplore import read_response

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from loader.tidying import TidyReport

CONSTITUENCIES = frozenset({"constituency-2010", "constituency-2024"})
GREAT_BRITAIN = "K03000001"


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Give one row for each constituency, month and age band; the total is Great Britain."""
    return tidy_table(
        read_response(path, report),
        report,
        measure=("Housing Benefit Claimants", "claimants"),
        fields={
            "Westminster Parliamentary Constituencies": AreaColumns(
                CONSTITUENCIES, GREAT_BRITAIN, covers=("E", "S", "W")
            ),
            "Month": month_columns,
            "Age of Claimant (bands only)": CodeColumns("age_band", "age-band"),
        },
    )
