"""A mapping folder small enough to break in every way, written fresh for each test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

POLICY = 'policy = { kind = "counts" }'
SOURCE = f"""
title = "Tiny households"
description = "Households in four areas and two months, for tests."
publisher = "https://www.gov.uk/government/organisations/department-for-work-pensions"
licence = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
edition = "2025-05"
frequency = "monthly"
keywords = ["tiny"]
{POLICY}
"""

HEADER = "Area,Month,Households"
ROWS = (
    "E06000001,2025-04,10",
    "E06000001,2025-05,20",
    "W06000015,2025-04,30",
    "W06000015,2025-05,40",
)

COLUMNS: list[dict[str, object]] = [
    {
        "name": "area",
        "titles": "Area",
        "required": True,
        "propertyUrl": "../../def/dimension/area",
        "valueUrl": "http://statistics.data.gov.uk/id/statistical-geography/{area}",
    },
    {
        "name": "period",
        "titles": "Month",
        "required": True,
        "datatype": "gYearMonth",
        "propertyUrl": "../../def/dimension/period",
        "valueUrl": "http://reference.data.gov.uk/id/month/{period}",
    },
    {
        "name": "households",
        "titles": "Households",
        "required": True,
        "datatype": "integer",
        "propertyUrl": "../../def/measure/households",
    },
    {"name": "t", "virtual": True, "propertyUrl": "rdf:type", "valueUrl": "qb:Observation"},
    {"name": "d", "virtual": True, "propertyUrl": "qb:dataSet", "valueUrl": "../tiny"},
    {"name": "m", "virtual": True, "propertyUrl": "qb:measureType", "valueUrl": "../../def/measure/households"},
    {
        "name": "u",
        "virtual": True,
        "propertyUrl": "http://purl.org/linked-data/sdmx/2009/attribute#unitMeasure",
        "valueUrl": "../../def/unit/household",
    },
]


def metadata(columns: list[dict[str, object]] | None = None) -> str:
    """Give the CSVW metadata of the tiny table."""
    return json.dumps(
        {
            "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
            "url": "tiny.csv",
            "tableSchema": {
                "aboutUrl": "obs/{area}/{period}@households",
                "primaryKey": ["area", "period"],
                "columns": COLUMNS if columns is None else columns,
            },
        }
    )


def write_mapping(root: Path, rows: tuple[str, ...] = ROWS, source: str = SOURCE, document: str | None = None) -> Path:
    """Write mappings/tiny below `root`; give the folder of mappings."""
    folder = root / "mappings" / "tiny"
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text(source, "utf-8")
    (folder / "tiny.csv-metadata.json").write_text(document or metadata(), "utf-8")
    (folder / "tiny.csv").write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    return folder.parent
