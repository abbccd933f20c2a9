"""Scaffolded folders are cubes as they stand: checked and built without a hand on them."""

from __future__ import annotations

import csv
import tomllib
from typing import TYPE_CHECKING

import pytest

from loader.build import Plan, build, check
from loader.errors import ProblemsError
from loader.progress import LogWatcher
from loader.release import open_release
from loader.scaffold import scaffold

if TYPE_CHECKING:
    from pathlib import Path

REAL = {
    "universal-credit-trafford": "data/statxplore/universal_credit_trafford_cipfa.csv",
    "universal-credit-msoa": "data/statxplore/universal_credit_msoa_trafford.csv",
    "claimant-count": "data/claimant-count/claimant_count_trafford_cipfa.csv",
    "claimant-count-lsoa": "data/claimant-count/ogi_claimant_count_input.csv",
}
MADE = {
    "by-area": 'Area,Month,Group,Households\nBarnet,May 2025,A b,"1,234"\nBarnet,May 2025,C,..\nBrent,May 2025,C,5\n',
    "wide": "Group,2012/13,2013/14,2014-15\nPensions,£1.50,£2.00,£3\nHousing,4.25,5,..\n",
    "measures": "year,sex,claimants,amount (£m)\n2019,Male,10,1.5\n2019,Female,12,2.5\n2020,Male,11,3.5\n",
    "mixed-periods": "period,region,count\n2018,London,10\n2018-Q1,London,20\n2017/18,London,30\n",
    "dates": "office,day of visit,visits\nNorth,2025-01-02,30\nNorth,2025-01-03,40\nSouth,2025-01-02,5\n",
    "ages": "month,age,people\n2025-01,16,30\n2025-01,17,40\n2025-02,16,50\n",
}


def test_made_tables_are_cubes(tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    for name, text in MADE.items():
        table = tmp_path / f"{name}.csv"
        table.write_text(text, "utf-8")
        list(scaffold(name, table, mappings, show=False))
    release = open_release(build(Plan(mappings=mappings), tmp_path / "build", LogWatcher()))
    kinds = {folder.name: folder.kind for folder in release.manifest.folders if folder.name in MADE}
    assert kinds == dict.fromkeys(MADE, "cube")
    rows = {folder.name: folder.rows for folder in release.manifest.folders if folder.name in MADE}
    assert rows == {"by-area": 3, "wide": 6, "measures": 6, "mixed-periods": 3, "dates": 3, "ages": 3}


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("by-area", {"kind": "counts", "markers": {"..": "x"}}),
        ("wide", {"kind": "money", "markers": {"..": "x"}}),
        ("measures", {"kind": "counts", "kinds": {"amount-pounds-m": "money"}}),
    ],
)
def test_the_kind_of_figures_is_guessed_from_their_units(name: str, policy: dict[str, object], tmp_path: Path) -> None:
    table = tmp_path / f"{name}.csv"
    table.write_text(MADE[name], "utf-8")
    list(scaffold(name, table, tmp_path, show=False))
    assert tomllib.loads((tmp_path / name / "source.toml").read_text("utf-8"))["policy"] == policy


def test_small_counts_are_announced_and_refused(tmp_path: Path) -> None:
    table = tmp_path / "few.csv"
    table.write_text("month,region,people\n2025-01,North,3\n2025-02,North,0\n2025-03,North,5\n", "utf-8")
    report = "\n".join(scaffold("few", table, tmp_path / "mappings", show=False))
    assert "counts under 5, of which the table has 1, until" in report
    assert [problem.code for problem in check(Plan(mappings=tmp_path / "mappings"), LogWatcher())] == ["GATE-24"]


def test_published_tables_are_cubes(shared: Path, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    published = {}
    for name, path in REAL.items():
        list(scaffold(name, shared / path, mappings, show=False))
        with (shared / path).open(encoding="utf-8", newline="") as stream:
            published[name] = sum(1 for _ in csv.DictReader(stream))
    release = open_release(build(Plan(mappings=mappings), tmp_path / "build", LogWatcher()))
    loaded = {folder.name: folder.rows for folder in release.manifest.folders if folder.kind == "cube"}
    assert loaded == published


def test_a_wide_table_is_melted_and_its_slip_is_found(shared: Path, tmp_path: Path) -> None:
    table = shared / "data/nino/nino-registrations-overseas-borough-2013.csv"
    report = "\n".join(scaffold("nino-registrations", table, tmp_path, show=False))
    assert "the table looks wide: 235 columns of numbers".casefold() in report.casefold()
    problems = check(Plan(mappings=tmp_path), LogWatcher())
    assert [problem.code for problem in problems] == ["CODE-01"]
    assert "'Overseas Residents' is not a code of Area" in problems[0].message


def test_a_table_with_a_header_twice_is_refused(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="column 14: the header 'Total requests received"):
        list(scaffold("foi", shared / "data/foi/foi-statistics-2019-annual.csv", tmp_path, show=False))
