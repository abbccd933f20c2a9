"""Tidy the Open Data API's table of households on Universal Credit by English region, month and family type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loader.areas import REGIONS_AND_COUNTRIES
from loader.crosstabs import AreaColumns, CodeColumns, month_columns, tidy_table
from loader.statxplore import read_response

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from loader.tidying import TidyReport

ENGLAND = "E92000001"
REGIONS = tuple(f"E1200000{number}" for number in range(1, 10))


def tidy(path: Path, report: TidyReport) -> pl.LazyFrame:
    """Give one row for each region, month and family type; the total of the nine regions is England."""
    return tidy_table(
        read_response(path, report),
        report,
        measure=("Households on Universal Credit", "households"),
        fields={
            "National - Regional - LA - OAs": AreaColumns(REGIONS_AND_COUNTRIES, ENGLAND, covers=REGIONS),
            "Month": month_columns,
            "Family Type": CodeColumns("family_type", "family-type", by_code=True),
        },
    )
