"""Observations taken as columns of their table: as from its triples, and in every build the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.canonical import canonical_lines
from loader.columns import Observations
from loader.csvw import blocks, columns, convert
from loader.csvw.datatypes import Datatype
from loader.csvw.metadata import read_metadata
from loader.csvw.observed import as_numbers
from loader.keyed import promised_key
from loader.mapping import CODES, find_folders, read_mapping
from loader.release import KeyPart
from loader.uris import Uris

if TYPE_CHECKING:
    from pathlib import Path

    from loader.csvw.metadata import Table
    from loader.release import CubeRecord

BASE = "http://x/data/d/"
DATASETS = {name: folder for name, folder in find_folders(None).items() if not name.startswith(f"{CODES}/")}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 12)


def taken(
    table: Table, source: Path, prefix: str, target: Path, monkeypatch: pytest.MonkeyPatch, *, direct: bool
) -> tuple[CubeRecord | None, Observations]:
    """Make columns from a table, or from its triples."""
    monkeypatch.setattr(convert, "FAST_FILE_BYTES", 0 if direct else 1 << 60)
    found = Observations(prefix)
    for chunk in convert.convert_table(table, source, observer=found if direct else None):
        found.note(canonical_lines(chunk))
    return found.write(target, "d", "http://x/g", promised_key(table, prefix)), found


def described(about: str = "obs/{area}/{age}@count", value: str | None = "../../area/{area}") -> Table:
    area = {"name": "area", "titles": "Area", "propertyUrl": "#area"} | ({"valueUrl": value} if value else {})
    shown = [
        area,
        {"name": "age", "titles": "Age", "datatype": "integer", "propertyUrl": "#age"},
        {"name": "count", "titles": "Count", "datatype": "decimal", "propertyUrl": "#count"},
        {"name": "type", "virtual": True, "propertyUrl": "rdf:type", "valueUrl": "qb:Observation"},
    ]
    schema = {"aboutUrl": about, "columns": shown}
    document = {"@context": "http://www.w3.org/ns/csvw", "url": "d.csv", "tableSchema": schema}
    return read_metadata(json.dumps(document).encode(), base_url=f"{BASE}d.csv-metadata.json").tables[0]


def written(path: Path, rows: list[str]) -> Path:
    source = path / "d.csv"
    source.write_text("\n".join(["Area,Age,Count", *rows]) + "\n")
    return source


@pytest.mark.parametrize("name", DATASETS)
def test_tables_of_the_mappings_make_the_same_columns(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uris = Uris.of("http://127.0.0.1:8000")
    mapping = read_mapping(name, DATASETS[name], uris)
    prefix = uris.observations(mapping.name)
    files, found = [], []
    for direct in (True, False):
        target = tmp_path / f"{direct}.parquet"
        record, observations = taken(mapping.main.table, mapping.main.csv, prefix, target, monkeypatch, direct=direct)
        files.append(target.read_bytes() if record else b"")
        found.append((record, observations.unfit))
    assert found[0] == found[1]
    assert files[0] == files[1]


def test_a_build_gives_the_same_bytes_whichever_thread_met_a_value_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MAX_CATEGORIES", 60)
    rows = [f"E{n * 7 % 53},{n % 40},{n * 13 % 1000 / 100:.2f}" for n in range(2000)]
    source = written(tmp_path, list({row.rpartition(",")[0]: row for row in rows}.values()))
    files = []
    for number in range(3):
        target = tmp_path / f"{number}.parquet"
        record, observations = taken(described(), source, f"{BASE}obs/", target, monkeypatch, direct=True)
        assert record is not None
        assert observations.lines
        files.append(target.read_bytes() + target.with_suffix(".json").read_bytes())
    assert len(set(files)) == 1
    taken(described(), source, f"{BASE}obs/", tmp_path / "n.parquet", monkeypatch, direct=False)
    assert files[0] == (tmp_path / "n.parquet").read_bytes() + (tmp_path / "n.json").read_bytes()


def test_a_column_of_decimals_has_the_places_that_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, ["a,1,0.70", "a,2,12", "a,3,-0.0", "a,4,3.250"])
    target = tmp_path / "d.parquet"
    record, _ = taken(described(), source, f"{BASE}obs/", target, monkeypatch, direct=True)
    assert record is not None
    column = next(column for column in record.columns if column.predicate.endswith("#count"))
    table = pl.read_parquet(target)
    assert [str(value) for value in table[column.name or ""]] == ["0.70", "12.00", "0.00", "3.25"]


@pytest.mark.parametrize(
    ("rows", "uncertain"), [(["a,1,5", "a,1,6", "b,1,7"], True), (["a,1,5", "b,1,6"], False)], ids=["twice", "once"]
)
def test_an_address_in_two_rows_is_found(
    rows: list[str], uncertain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "d.parquet"
    record, found = taken(described(), written(tmp_path, rows), f"{BASE}obs/", target, monkeypatch, direct=True)
    assert found.is_uncertain == uncertain
    assert (record is None) == uncertain == (not target.exists())


@pytest.mark.parametrize(
    ("value", "rows", "known"),
    [
        ("../../area/{area}", ["a b,1,5", "c,2,5"], True),
        (None, ["a,1,5", "c,2,5"], True),
        (None, ["a b,1,5", "c,2,5"], False),
        ("../../area/{age}", ["a,1,5", "c,2,5"], False),
    ],
)
def test_addresses_follow_from_columns_if_they_do_in_every_row(
    value: str | None, rows: list[str], known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = described("obs/{area}@count", value)
    source = written(tmp_path, rows)
    record, _ = taken(table, source, f"{BASE}obs/", tmp_path / "d.parquet", monkeypatch, direct=True)
    assert record is not None
    parts = (KeyPart("", "c1", "<http://x/area/" if value else '"', ">" if value else '"'), KeyPart("@count"))
    assert record.key == (parts if known else ())


@pytest.mark.parametrize(
    ("datatype", "cells", "numbers"),
    [
        (Datatype("integer"), ["1", "-2"], [1, -2]),
        (Datatype("integer"), ["1", str(10**18)], None),
        (Datatype("decimal"), ["1.50", "2"], ["1.5", "2.0"]),
        (Datatype("decimal"), ["1.25", "2.10"], ["1.25", "2.10"]),
        (Datatype("decimal"), ["1234567890.1234567890", "2"], None),
        (Datatype("decimal", id="http://x/pounds"), ["1.50", "2"], None),
        (Datatype("string"), ["1", "2"], None),
    ],
)
def test_short_numbers_are_kept_as_numbers(datatype: Datatype, cells: list[str], numbers: list[object] | None) -> None:
    values = as_numbers(pl.Series(cells), datatype)
    shown = [str(value) if datatype.base == "decimal" else value for value in values]
    assert shown == (cells if numbers is None else numbers)
    assert values.dtype.is_numeric() == (numbers is not None)


def test_a_predicate_made_of_a_cell_may_be_that_of_another_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [
        {"name": "area", "titles": "Area", "propertyUrl": "#area"},
        {"name": "age", "titles": "Age", "datatype": "integer", "propertyUrl": "#m-E1"},
        {"name": "count", "titles": "Count", "datatype": "decimal", "propertyUrl": "#m-{area}"},
        {"name": "type", "virtual": True, "propertyUrl": "rdf:type", "valueUrl": "qb:Observation"},
    ]
    schema = {"aboutUrl": "obs/{area}/{age}", "columns": shown}
    document = {"@context": "http://www.w3.org/ns/csvw", "url": "d.csv", "tableSchema": schema}
    table = read_metadata(json.dumps(document).encode(), base_url=f"{BASE}d.csv-metadata.json").tables[0]
    source = written(tmp_path, ["E1,1,5", "E2,2,6", "E1,3,3"])
    found = []
    for direct in (True, False):
        target = tmp_path / f"{direct}.parquet"
        record, _ = taken(table, source, f"{BASE}obs/", target, monkeypatch, direct=direct)
        found.append((record, target.read_bytes()))
    assert found[0] == found[1]
