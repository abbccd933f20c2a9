"""What a dataset covers follows from the codes in its table."""

from __future__ import annotations

import csv
from datetime import date
from typing import TYPE_CHECKING

import pytest

from loader.coverage import AREA, PERIOD, coverage, span_of, whole_areas
from loader.mapping import packaged_mappings, read_mapping
from loader.uris import Uris
from tests.integration import tiny

if TYPE_CHECKING:
    from pathlib import Path


def test_periods_are_as_long_as_the_code_list_says() -> None:
    with (packaged_mappings() / "codes/period/period.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len({row["Type"] for row in rows}) == 5
    for row in rows:
        days = (date.fromisoformat(row["First day"]), date.fromisoformat(row["Last day"]))
        assert span_of(f"{PERIOD}{row['Type']}/{row['Code']}") == days


@pytest.mark.parametrize("iri", [f"{PERIOD}month/2025-13", f"{PERIOD}decade/2020", f"{PERIOD}year/MMXX", "urn:x"])
def test_what_is_no_period_has_no_days(iri: str) -> None:
    assert span_of(iri) is None


@pytest.mark.parametrize(
    ("codes", "whole"),
    [
        (("E06000001", "W06000015", "S12000005", "N09000001", "K02000001"), ("K02000001",)),
        (("E06000001", "W06000015", "S12000005", "unknown"), ("K03000001",)),
        (("E06000001", "W06000015"), ("K04000001",)),
        (("E12000001",), ("E92000001",)),
        (("S12000005", "N09000001"), ("N92000002", "S92000003")),
        (("abroad",), ()),
    ],
)
def test_areas_are_named_by_the_countries_they_lie_in(codes: tuple[str, ...], whole: tuple[str, ...]) -> None:
    assert whole_areas([AREA + code for code in codes]) == whole


def test_a_table_says_what_it_covers_unless_the_mapping_does(tmp_path: Path) -> None:
    folder = tiny.write_mapping(tmp_path) / "tiny"
    mapping = read_mapping("tiny", folder, Uris("http://example.org"))
    found = coverage(mapping, folder)
    assert (found.first, found.last, found.areas) == (date(2025, 4, 1), date(2025, 5, 31), ("K04000001",))
    source = folder / "source.toml"
    text = 'areas = ["K02000001"]\ncovers = "2012-04-01/2014-03-31"\n' + source.read_text("utf-8")
    source.write_text(text, "utf-8")
    found = coverage(read_mapping("tiny", folder, Uris("http://example.org")), folder)
    assert (found.first, found.last, found.areas) == (date(2012, 4, 1), date(2014, 3, 31), ("K02000001",))
