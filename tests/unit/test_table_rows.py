"""The row of a table that a thing was made from is found for certain, or not at all."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from endpoint import table_rows
from endpoint.rows import row_subjects
from endpoint.table_rows import row_of

if TYPE_CHECKING:
    from pathlib import Path

    from loader.release import Release

ADDRESS = "https://data.example.org/data/tiny/tiny.csv"
PLACE = "https://data.example.org/data/tiny/obs/"
COLUMNS = [{"name": "area"}, {"name": "note"}, {"name": "type", "virtual": True}]


def write(folder: Path, rows: list[list[str]], about: str = "obs/{area}@n", **more: object) -> tuple[Path, Path]:
    table, metadata = folder / "tiny.csv", folder / "tiny.csv-metadata.json"
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([["Area", "Note"], *rows])
    metadata.write_text(json.dumps({"tableSchema": {"aboutUrl": about, "columns": COLUMNS}, **more}), "utf-8")
    return table, metadata


def test_every_row_of_a_long_table_is_found(tmp_path: Path) -> None:
    rows = [[f"a {number}", 'a "note"\nof two lines' if number % 3 else "é"] for number in range(300)]
    files = write(tmp_path, rows)
    found = [row_of(*files, ADDRESS, f"{PLACE}a%20{number}@n") for number in range(300)]
    assert found == list(range(2, 302))
    assert row_of(*files, ADDRESS, f"{PLACE}a%20300@n") is None
    assert row_of(*files, ADDRESS, f"{PLACE}a 1@n") is None


@pytest.mark.parametrize(
    ("about", "subject"),
    [
        ("../../id/thing/{area}", "https://data.example.org/id/thing/b"),
        ("/id/thing/{area}", "https://data.example.org/id/thing/b"),
        ("http://other.example.net/{area}#it", "http://other.example.net/b#it"),
        ("{+note}", "http://other.example.net/x/y"),
    ],
)
def test_templates_may_lead_anywhere(tmp_path: Path, about: str, subject: str) -> None:
    files = write(tmp_path, [["a", ""], ["b", "http://other.example.net/x/y"]], about)
    assert row_of(*files, ADDRESS, subject) == 3


def test_two_rows_of_one_address_are_no_row(tmp_path: Path) -> None:
    files = write(tmp_path, [["a", "1"], ["b", ""], ["a", "2"]])
    assert row_of(*files, ADDRESS, f"{PLACE}a@n") is None
    assert row_of(*files, ADDRESS, f"{PLACE}b@n") == 3


@pytest.mark.parametrize(
    ("about", "more"),
    [
        ("obs/{missing}@n", {}),
        ("obs/{?area}@n", {}),
        ("obs/a@n", {}),
        ("obs/{area}@n", {"dialect": {"delimiter": ";"}}),
    ],
)
def test_nothing_is_said_where_the_metadata_is_not_plain(tmp_path: Path, about: str, more: dict[str, object]) -> None:
    assert row_of(*write(tmp_path, [["a", ""]], about, **more), ADDRESS, f"{PLACE}a@n") is None


def test_equal_numbers_of_other_addresses_are_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_rows, "hash", lambda _: 7, raising=False)
    assert row_of(*write(tmp_path, [["a", ""]]), ADDRESS, f"{PLACE}b@n") is None


def test_a_table_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_rows, "LARGEST_BYTES", 5)
    assert row_of(*write(tmp_path, [["a", ""]]), ADDRESS, f"{PLACE}a@n") is None


def test_shipped_observations_are_in_the_row_that_is_named(shipped_release: Release) -> None:
    release, seen = shipped_release, 0
    for folder in release.manifest.folders:
        table, metadata = (release.table(folder.name, f"{folder.name}.csv{end}") for end in ("", "-metadata.json"))
        if folder.kind == "cube" and table is not None and metadata is not None:
            address = f"{release.manifest.base_uri}/data/{folder.name}/{folder.name}.csv"
            subjects = row_subjects(table, metadata, address, 0, folder.rows + 1) or []
            assert [row_of(table, metadata, address, one.value) for one in subjects] == [*range(2, folder.rows + 2)]
            seen += folder.rows
    assert seen > 10_000
