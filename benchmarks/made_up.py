"""Mapping folders of any size, made up: two cubes of areas, months and ages, and their code lists.

Every figure is arithmetic, so the same number of observations always makes the same folders. Nothing in them is about a
real place. They grow as published tables do: longer series and finer detail, of the same areas.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AREAS, COUNTIES, REGIONS = 400, 40, 10
FIRST_YEAR: Final = 2010
HOUSEHOLDS, EXPENDITURE = "made-up-households", "made-up-expenditure"
STATUS: Final = "http://purl.org/linked-data/sdmx/2009/attribute#obsStatus"
UNIT: Final = "http://purl.org/linked-data/sdmx/2009/attribute#unitMeasure"
SHARED: Final = """publisher = "https://www.gov.uk/government/organisations/department-for-work-pensions"
licence = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
keywords = ["made up"]
edition = "2025"
frequency = "never"
sample = true
"""
POLICIES: Final = {
    HOUSEHOLDS: '[policy]\nkind = "counts"\nthreshold = 5\n',
    EXPENDITURE: '[policy]\nkind = "money"\n[policy.exemptions]\ndominance = "Made up: nobody contributes."\n',
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How many codes each dimension has."""

    areas: int
    months: int
    ages: int

    @property
    def observations(self) -> int:
        """Observations in both cubes."""
        return 2 * self.areas * self.months * self.ages


def shape_of(observations: int) -> Shape:
    """Choose a shape of at least so many observations, and few more: half of the growth is months, half ages."""
    cells = max(1, observations / 2 / AREAS)
    months = round(1.1 * cells**0.5)
    return Shape(AREAS, months, math.ceil(cells / months))


def write_mappings(folder: Path, shape: Shape) -> None:
    """Write the mapping folders: three code lists, two cubes."""
    _write_codes(folder / "codes" / "area", "../../concept/area/{notation}", _areas(shape.areas))
    _write_codes(folder / "codes" / "age-band", "../../concept/age-band/{notation}", _ages(shape.ages))
    _write_codes(folder / "codes" / "period", "http://reference.data.gov.uk/id/month/{notation}", _months(shape.months))
    figure = pl.int_range(pl.len(), dtype=pl.Int64) * 7919 % 100_003 + 5
    _write_cube(folder / HOUSEHOLDS, "households", "household", "integer", shape, figure)
    _write_cube(folder / EXPENDITURE, "expenditure", "pound-sterling", "decimal", shape, figure * 37)


def _areas(count: int) -> list[tuple[str, str, str]]:
    regions = [(f"region-{number}", f"Region {number}", "") for number in range(REGIONS)]
    counties = [(f"county-{n}", f"County {n}", f"region-{n % REGIONS}") for n in range(COUNTIES)]
    return [*regions, *counties, *((f"area-{n}", f"Area {n}", f"county-{n % COUNTIES}") for n in range(count))]


def _ages(count: int) -> list[tuple[str, str, str]]:
    return [(f"age-{number}", f"Age {number}", "") for number in range(count)]


def _months(count: int) -> list[tuple[str, str, str]]:
    dates = [f"{FIRST_YEAR + number // 12}-{number % 12 + 1:02}" for number in range(count)]
    return [(date, f"Month {date}", "") for date in dates]


def _write_codes(folder: Path, about: str, codes: Sequence[tuple[str, str, str]]) -> None:
    """Write a code list: notation, label, and what is broader."""
    name = folder.name
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text(f'title = "{name}, made up"\ndescription = "Made up."\n{SHARED}', "utf-8")
    lines = ["Code,Label,Within", *(",".join(code) for code in codes)]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    columns: list[dict[str, object]] = [
        {"name": "notation", "titles": "Code", "required": True, "propertyUrl": "skos:notation"},
        {"name": "label", "titles": "Label", "required": True, "lang": "en", "propertyUrl": "skos:prefLabel"},
        {
            "name": "parent",
            "titles": "Within",
            "propertyUrl": "skos:broader",
            "valueUrl": about.replace("notation", "parent"),
        },
        {"name": "type", "virtual": True, "propertyUrl": "rdf:type", "valueUrl": "skos:Concept"},
        {"name": "in_scheme", "virtual": True, "propertyUrl": "skos:inScheme", "valueUrl": f"../{name}"},
    ]
    _write_metadata(folder, about, ["notation"], columns)


def _write_cube(folder: Path, measure: str, unit: str, datatype: str, shape: Shape, figure: pl.Expr) -> None:
    """Write a cube of nine triples an observation, month by month, as published tables grow."""
    folder.mkdir(parents=True)
    title = f"{measure.capitalize()}, made up"
    source = f'title = "{title}"\ndescription = "Made up."\n{SHARED}{POLICIES[folder.name]}'
    (folder / "source.toml").write_text(source, "utf-8")
    _write_metadata(
        folder, f"obs/{{area}}/{{period}}/{{age_band}}@{measure}", list(KEY), _columns(folder, measure, unit, datatype)
    )
    months, areas, ages = (
        pl.LazyFrame({title: [code for code, _, _ in codes if not code.startswith(("region", "county"))]})
        for title, codes in (
            ("Month", _months(shape.months)),
            ("Area", _areas(shape.areas)),
            ("Age", _ages(shape.ages)),
        )
    )
    if datatype == "decimal":
        figure = (figure // 100).cast(pl.String) + "." + (figure % 100).cast(pl.String).str.zfill(2)
    table = months.join(areas, how="cross", maintain_order="left_right").join(
        ages, how="cross", maintain_order="left_right"
    )
    status = pl.when(pl.col("Month") == f"{_months(shape.months)[-1][0]}").then(pl.lit("P")).otherwise(pl.lit("A"))
    table = table.select("Area", "Month", "Age", status.alias("Status"), figure.alias(measure.capitalize()))
    table.collect().write_csv(folder / f"{folder.name}.csv")


KEY: Final = ("area", "period", "age_band")


def _columns(folder: Path, measure: str, unit: str, datatype: str) -> list[dict[str, object]]:
    own = f"../../def/measure/{measure}"
    dimensions = {
        "area": ("Area", "area", "string", "../../def/concept/area/{area}"),
        "period": ("Month", "period", "gYearMonth", "http://reference.data.gov.uk/id/month/{period}"),
        "age_band": ("Age", "age-band", "string", "../../def/concept/age-band/{age_band}"),
    }
    columns: list[dict[str, object]] = [
        {
            "name": name,
            "titles": title,
            "required": True,
            "datatype": kind,
            "propertyUrl": f"../../def/dimension/{dimension}",
            "valueUrl": value,
        }
        for name, (title, dimension, kind, value) in dimensions.items()
    ]
    code = "http://purl.org/linked-data/sdmx/2009/code#obsStatus-{status}"
    columns += [
        {"name": "status", "titles": "Status", "required": True, "propertyUrl": STATUS, "valueUrl": code},
        {
            "name": measure,
            "titles": measure.capitalize(),
            "required": True,
            "datatype": datatype,
            "propertyUrl": own,
        },
    ]
    constant = {
        "rdf:type": "qb:Observation",
        "qb:dataSet": f"../{folder.name}",
        "qb:measureType": own,
        UNIT: f"../../def/unit/{unit}",
    }
    virtual = zip(("type", "data_set", "measure_type", "unit"), constant.items(), strict=True)
    return columns + [{"name": n, "virtual": True, "propertyUrl": p, "valueUrl": v} for n, (p, v) in virtual]


def _write_metadata(folder: Path, about: str, key: list[str], columns: list[dict[str, object]]) -> None:
    document = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": f"{folder.name}.csv",
        "tableSchema": {"aboutUrl": about, "primaryKey": key, "columns": columns},
    }
    (folder / f"{folder.name}.csv-metadata.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
