"""The list of areas against the published files, read here by other means, and against names in real exports."""

from __future__ import annotations

import csv
import json
from datetime import date
from typing import TYPE_CHECKING

import openpyxl
import pytest

from loader.areas import LOCAL_AUTHORITIES, REGIONS_AND_COUNTRIES, UPPER_TIER, AreaNames
from loader.mapping import Mapping, read_mapping
from loader.sources import Tidied, find_published, tidy_published
from loader.uris import Uris

if TYPE_CHECKING:
    from pathlib import Path

NO_AREA = {
    "Total",
    "Unknown",
    "Abroad",
    "Unknown (England)",
    "Unknown Local Authority",
    "Foreign/Unknown Local Authority",
}


@pytest.fixture(scope="module")
def mapping(root: Path) -> Mapping:
    return read_mapping("codes/area", root / "mappings/codes/area", Uris("http://data.example"))


@pytest.fixture(scope="module")
def tidied(mapping: Mapping, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Tidied:
    files = find_published(mapping, shared / "data")
    return tidy_published(mapping, files, tmp_path_factory.mktemp("area"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", ["area", "area-successions"])
def test_the_shipped_table_is_what_the_published_files_give(mapping: Mapping, tidied: Tidied, name: str) -> None:
    assert (mapping.folder / f"{name}.csv").read_bytes() == tidied.tables[name].read_bytes()


def test_rows_read_are_areas_or_reported(tidied: Tidied) -> None:
    groups = 3  # the groups of countries are columns of the file of countries, not rows
    former = 2  # S12000009 and S12000043 are named in a cell of the register only
    listed = len(rows(tidied.tables["area"]))
    assert sum(reading.rows_loaded for reading in tidied.readings) == listed - groups - former
    for reading in tidied.readings:
        assert reading.rows_read == reading.rows_loaded + len(reading.left_out)


def test_every_published_code_is_listed_under_its_name(mapping: Mapping, shared: Path) -> None:
    folder = shared / "data/geography"
    published = {row["LADCD"]: row["LADNM"] for row in rows(folder / "la_all_codes.csv")}
    published |= {row["RGNCD"]: row["RGNNM"] for row in rows(folder / "rgn_all_codes.csv")}
    published |= {row["CTRYCD"]: row["CTRYNM"] for row in rows(folder / "ctry_all_codes.csv")}
    published |= {row["UTLACD"]: row["UTLANM"] for row in rows(folder / "utla_all_codes.csv")}
    published |= {row["PCON22CD"]: row["PCON22NM"] for row in rows(folder / "pcon.csv")}
    published |= {row["code"]: row["name"] for row in rows(folder / "constituencies_2024.csv")}
    listed = {row["Code"]: row["Name"] for row in rows(mapping.folder / "area.csv")}
    assert {code: listed.get(code) for code in published} == published


def test_numbers_of_areas_by_kind(mapping: Mapping) -> None:
    areas = rows(mapping.folder / "area.csv")
    live = [row for row in areas if row["Status"] == "live"]
    authorities = [row for row in live if row["Type"] == "local-authority"]
    assert len(authorities) == 361  # 296 in England, 22 in Wales, 32 in Scotland, 11 in Northern Ireland
    assert sum(row["Type"] == "constituency-2010" for row in areas) == 650
    assert sum("constituency-2024" in (row["Type"], row["Also of type"]) for row in areas) == 650
    assert sum(row["Type"] == "county" for row in live) == 21


def resolved(names: list[str], types: frozenset[str], on: date) -> list[str]:
    known = AreaNames.shipped()
    return [known.resolve(name, types=types, on=on) for name in names]


def check(names: list[str], types: frozenset[str], on: date, least: int) -> None:
    """Check that every name is resolved, each to another area."""
    codes = resolved(names, types, on)
    assert len(codes) >= least
    assert len(set(codes)) == len(codes)


def test_names_of_the_universal_credit_export(shared: Path) -> None:
    book = openpyxl.load_workbook(shared / "data/statxplore/uc_la_households.xlsx", read_only=True)
    cells = [row[2] for row in book.worksheets[0].iter_rows(min_row=9, max_col=4, values_only=True)]
    book.close()
    names = [str(cell) for cell in cells if cell and cell not in NO_AREA]
    check(names, LOCAL_AUTHORITIES, date(2025, 5, 1), least=350)


def test_names_of_the_low_income_export(shared: Path) -> None:
    path = shared / "data/statxplore/children_relative_low_income_la.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        names = [row[1] for row in csv.reader(stream) if len(row) > 2 and not row[0] and row[1] and row[2].isdigit()]
    check([name for name in names if name not in NO_AREA], UPPER_TIER, date(2024, 4, 1), least=217)


def test_names_of_the_two_child_limit_tables(shared: Path) -> None:
    folder = shared / "data/statistics"
    types = LOCAL_AUTHORITIES | REGIONS_AND_COUNTRIES
    with (folder / "two-child-limit-table9-april-2023.csv").open(encoding="utf-8-sig", newline="") as stream:
        names = [row[1].strip() for row in csv.reader(stream) if len(row) > 2 and row[1].strip() and row[2].strip()]
    names = [name for name in names if name.rstrip("1") not in NO_AREA]
    check(names, types, date(2023, 4, 1), least=380)
    book = openpyxl.load_workbook(folder / "two-child-limit-2018-2023-la.xlsx", read_only=True)
    for sheet in book.worksheets[2:]:
        cells = [row[1] for row in sheet.iter_rows(max_col=5, values_only=True) if row[1] and row[4] is not None]
        check([str(cell) for cell in cells if str(cell) not in NO_AREA], types, date(2024, 4, 1), least=360)
    book.close()


def test_names_and_codes_of_the_api_tables(shared: Path) -> None:
    folder = shared / "data/statxplore"
    known = AreaNames.shipped()
    for name, kind in (
        ("api_table_hb_new_constituency_age_2018-11.json", "constituency-2010"),
        ("api_table_uc_households_region_month_familytype.json", "region"),
    ):
        items = json.loads((folder / name).read_text(encoding="utf-8"))["fields"][0]["items"]
        areas = [(item["labels"][0], item["uris"][0][-9:]) for item in items if item["labels"][0] not in NO_AREA]
        assert [known.resolve(label, types={kind}, on=date(2018, 11, 1)) for label, _ in areas] == [
            code for _, code in areas
        ]
