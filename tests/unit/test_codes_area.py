"""The list of areas: what its tidy step says of files that are not right, and that the shipped table is whole."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from loader.errors import ProblemsError
from loader.mapping import Mapping, read_mapping
from loader.sources import load_tidy
from loader.tidying import TidyReport
from loader.uris import Uris

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

FILES = {
    "ctry.csv": "CTRYCD,CTRYNM,EWCD,EWNM,GBCD,GBNM,UKCD,UKNM\n"
    "E92000001,England,K04000001,England and Wales,K03000001,Great Britain,K02000001,United Kingdom\n"
    "W92000004,Wales,K04000001,England and Wales,K03000001,Great Britain,K02000001,United Kingdom\n",
    "rgn.csv": "RGNCD,RGNNM,CTRYCD\nE12000001,North East,E92000001\n",
    "la.csv": "LADCD,LADNM,LADCD_ACTIVE,UTLACD,RGNCD,CTRYCD,Current\n"
    "E08000020,Gateshead,E08000037,E08000020,E12000001,E92000001,FALSE\n"
    "E08000037,Gateshead,E08000037,E08000037,E12000001,E92000001,TRUE\n"
    "W06000001,Isle of Anglesey,W06000001,W06000001,,W92000004,TRUE\n",
    "utla.csv": "UTLACD,UTLANM,RGNCD,CTRYCD\nE10000099,Countyshire,E12000001,E92000001\n"
    "E08000037,Gateshead,E12000001,E92000001\n",
    "e08.csv": "GEOGCD,GEOGNM,OPER_DATE,TERM_DATE\nE08000020,Gateshead,01/01/2009,31/03/2013\n"
    "E08000037,Gateshead,01/04/2013,\n",
    "w20.csv": "GEOGCD\tGEOGNM\tGEOGNMW\tOPER_DATE\tTERM_DATE\nW20000021\tIsle of Anglesey\tYnys Môn\t01/01/2009\t\n",
    "register.csv": "local-authority-code,gss-code,start-date,end-date,replaced-by,region,former-gss-codes,alt-names\n"
    "GAT,E08000037,1974-04-01,,,North East,E08000020,Gateshead\nGMCA,E47000001,,,,,,\n",
    "pcon.csv": "PCON22CD,PCON22NM\nE14000553,Berwick-upon-Tweed\nW07000041,Ynys Môn\n",
    "seats.csv": "code,name,region,country\nE14001554,Tynemouth,North East,England\nW07000112,Ynys Mon,Wales,Wales\n",
    "seats.json": '{"a": {"parlcon_2024_gss_code": "W07000112", "parlcon_2024_name": "Ynys Mon",'
    ' "parlcon_2024_name_cy": "Ynys Môn"}}',
    "rgc.csv": "Entity code,Entity name,Date of last instance change,Entity start date\n"
    "W07,Westminster Parliamentary Constituencies,06/05/2010,01/01/2009\nE00,Output Areas,,01/01/2009\n",
}


@pytest.fixture(scope="module")
def mapping(root: Path) -> Mapping:
    return read_mapping("codes/area", root / "mappings/codes/area", Uris("http://data.example"))


@pytest.fixture(scope="module")
def step(mapping: Mapping) -> ModuleType:
    return load_tidy(mapping.folder / "tidy.py", mapping.name)


def tidy(
    step: ModuleType, folder: Path, **changes: str | bytes
) -> tuple[list[dict[str, str | None]], list[TidyReport]]:
    """Tidy the small files above, with some replaced; what is wrong is in the reports."""
    for name, text in {**FILES, **{key.replace("_", "."): text for key, text in changes.items()}}.items():
        path = folder / name
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text, encoding="utf-8")
    paths = sorted(folder.iterdir())
    reports = [TidyReport(path.name) for path in paths]
    try:
        rows: list[dict[str, str | None]] = step.tidy_all(paths, reports).collect().to_dicts()
    except ProblemsError:
        rows = []
    return rows, reports


def codes_of(reports: list[TidyReport]) -> list[str]:
    return [f"{problem.code} {problem.where}" for report in reports for problem in report.problems]


def test_files_of_every_kind_are_merged(step: ModuleType, tmp_path: Path) -> None:
    rows, reports = tidy(step, tmp_path)
    assert codes_of(reports) == []
    by_code = {row["notation"]: row for row in rows}
    old, new = by_code["E08000020"], by_code["E08000037"]
    assert (old["end"], old["successors"], old["status"]) == ("2013-03-31", "E08000037", "terminated")
    assert (new["start"], new["end"], new["status"], new["parent"]) == ("2013-04-01", None, "live", "E12000001")
    assert by_code["W06000001"]["label_cy"] == by_code["W07000112"]["label_cy"] == "Ynys Môn"
    assert (by_code["W07000041"]["start"], by_code["W07000041"]["end"]) == ("2010-05-06", "2024-07-03")
    assert by_code["K04000001"]["parent"] == "K03000001"
    assert by_code["E10000099"]["type"] == "county"


def test_every_row_read_is_listed_or_reported(step: ModuleType, tmp_path: Path) -> None:
    rows, reports = tidy(step, tmp_path)
    groups = 3  # the groups of countries are columns of the file of countries, not rows
    assert sum(report.rows_read - len(report.skipped) for report in reports) == len(rows) - groups


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rgn_csv": ""}, "FILE-01 rgn.csv"),
        ({"rgn_csv": b"\x00\x01\x02PK"}, "FILE-02 rgn.csv:1"),
        ({"pcon_csv": "PCON22CD,PCON22NM\nW07000041,Ynys M\xf4n\n".encode("latin-1")}, "FILE-03 pcon.csv:2"),
        ({"rgn_csv": "Region,Name\nE12000001,North East\n"}, "TIDY-01 rgn.csv:1"),
        ({"rgn_csv": "RGNCD,RGNNM,CTRYCD\n"}, "TIDY-01 rgn.csv:1"),
        ({"rgn_csv": "PCON22CD,PCON22NM\nE14000530,Aldershot\n"}, "TIDY-01 ctry.csv"),
        ({"e08_csv": "GEOGCD,GEOGNM,OPER_DATE,TERM_DATE\nE08000037,Gateshead,01/04/20I3,\n"}, "TIDY-03 e08.csv:2"),
        ({"rgn_csv": "RGNCD,RGNNM,CTRYCD\nE1200001,North East,E92000001\n"}, "TIDY-04 rgn.csv:2"),
        ({"rgn_csv": "RGNCD,RGNNM,CTRYCD\nE12000001,,E92000001\n"}, "TIDY-04 rgn.csv:2"),
        ({"rgn_csv": "RGNCD,RGNNM,CTRYCD\nE12000001,North East,E99000001\n"}, "TIDY-04 ctry.csv"),
        ({"rgn_csv": "RGNCD,RGNNM,CTRYCD\nE12000001,North East\n"}, "TIDY-06 rgn.csv:2"),
        ({"seats_json": '{"a": {'}, "TIDY-07 seats.json:1"),
        ({"seats_json": "[1, 2]"}, "TIDY-06 seats.json"),
        ({"rgn_csv": "RGNCD,RGNNM,CTRYCD\n" + 2 * "E12000001,North East,E92000001\n"}, "TIDY-08 rgn.csv:3"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    step: ModuleType, tmp_path: Path, changes: dict[str, str | bytes], expected: str
) -> None:
    _, reports = tidy(step, tmp_path, **changes)
    assert expected in codes_of(reports)


def test_what_is_wrong_in_two_files_is_said_together(step: ModuleType, tmp_path: Path) -> None:
    _, reports = tidy(step, tmp_path, rgn_csv="", pcon_csv="a\n")
    assert codes_of(reports) == ["TIDY-01 pcon.csv:1", "FILE-01 rgn.csv"]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_area_referred_to_is_listed(mapping: Mapping) -> None:
    areas = read(mapping.folder / "area.csv")
    codes = {row["Code"] for row in areas}
    referred = {row[column] for row in areas for column in ("Within", "County")} - {""}
    referred |= {code for row in areas for code in row["Replaced by"].split()}
    referred |= {row["Code"] for row in read(mapping.folder / "alternative-names.csv")}
    referred |= {row["Within"] for row in read(mapping.folder / "special.csv")} - {""}
    assert referred <= codes
    assert len(codes) == len(areas)


def test_areas_form_a_tree_under_the_united_kingdom(mapping: Mapping) -> None:
    parents = {row["Code"]: row["Within"] for row in read(mapping.folder / "area.csv")}
    for code in parents:
        steps = 0
        while code != "K02000001":
            code, steps = parents[code], steps + 1
            assert steps < 6


def test_areas_with_a_last_day_are_terminated_and_begin_before_they_end(mapping: Mapping) -> None:
    for row in read(mapping.folder / "area.csv"):
        if row["Last day"]:
            assert row["Status"] == "terminated"
            assert row["First day"] <= row["Last day"]


def test_successions_say_what_the_column_says(mapping: Mapping) -> None:
    expected = {(row["Code"], new) for row in read(mapping.folder / "area.csv") for new in row["Replaced by"].split()}
    assert {(row["Code"], row["Replaced by"]) for row in read(mapping.folder / "area-successions.csv")} == expected
