"""Two ways to the columns of a cube, one result: from the columns of its table, and from its triples."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from loader import columns as cube_columns
from loader.canonical import canonical_lines
from loader.columns import Observations
from loader.csvw import blocks, columns, convert
from loader.csvw.metadata import read_metadata
from loader.errors import ProblemsError
from loader.keyed import promised_key
from tests.properties.test_csvw_columns import KINDS, csv_file, table

if TYPE_CHECKING:
    from loader.csvw.metadata import Table

BASE = "http://ex.org/base/"
PREFIXES = [f"{BASE}obs/", "http://ex.org/", BASE, f"{BASE}obs/a/"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 48)
    monkeypatch.setattr(columns, "SLICE_ROWS", 3)
    monkeypatch.setattr(columns, "MAX_CATEGORIES", 12)
    monkeypatch.setattr(cube_columns, "GROUP_ROWS", 4)


@st.composite
def cube(draw: st.DrawFn) -> tuple[dict[str, object], bytes]:
    """Draw a table of observations: some columns that tell them apart, and some that say something of them."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3))
    numbers = st.integers(0, 10**4).map(str)
    described: list[dict[str, object]] = [
        {"name": "area", "titles": "area", "propertyUrl": "#area", "valueUrl": draw(st.sampled_from(AREAS))},
        {"name": "row", "titles": "row", "datatype": draw(st.sampled_from(["string", "integer"]))},
    ]
    if draw(st.booleans()):
        described[1]["propertyUrl"] = draw(st.sampled_from(["#row", "#m-{area}", "#area"]))
    cells = [st.sampled_from(["E1", "W2", "S3", "N 4"]), numbers]
    for number, kind in enumerate(kinds):
        datatype, good, odd = KINDS[kind]
        column: dict[str, object] = {"name": f"c{number}", "titles": f"c{number}", "datatype": datatype}
        for name, strategy in OPTIONS.items():
            if draw(st.integers(0, 4)) == 0:
                column[name] = draw(strategy)
        described.append(column)
        cells.append(draw(st.sampled_from([good, good, st.one_of(good, odd)])))
    virtual = {"virtual": True, "propertyUrl": "rdf:type"}
    types = draw(st.sampled_from([["qb:Observation"], ["qb:Observation", "#T"], []]))
    described += [{**virtual, "name": f"v{number}", "valueUrl": value} for number, value in enumerate(types)]
    schema: dict[str, object] = {"columns": described, "aboutUrl": draw(st.sampled_from(ABOUTS))}
    document: dict[str, object] = {"@context": "http://www.w3.org/ns/csvw", "url": "t.csv", "tableSchema": schema}
    rows = draw(st.lists(st.tuples(*cells), min_size=1, max_size=25, unique_by=draw(st.sampled_from([None, _key]))))
    header = tuple(str(item["titles"]) for item in described if "titles" in item)
    return document, draw(csv_file([header, *rows], document, is_tidy=True))


def _key(row: tuple[str, ...]) -> tuple[str, ...]:
    return row[:2]


AREAS = ["../v/{area}", "http://x/{area}/of", "#a", "http://x/{area}/{row}", "http://x/{c0}"]
ABOUTS = ["obs/{area}/{row}@m", "obs/{row}", "obs/{area}-{row}-{c0}", "http://ex.org/{area}{row}"]
OPTIONS: dict[str, st.SearchStrategy[object]] = {
    "propertyUrl": st.sampled_from(["#value", "#m-{area}", "rdf:type", "#area", "#m-E1"]),
    "valueUrl": st.sampled_from(["../v/{c0}", "http://x/{area}/{c0}", "#constant"]),
    "null": st.lists(st.sampled_from(["", "..", "NA", "-", "0"]), max_size=3),
    "default": st.sampled_from(["", "5"]),
    "lang": st.sampled_from(["en", "EN-gb"]),
    "aboutUrl": st.sampled_from(["obs/{area}/{row}@m", "other/{c0}", "obs/{c0}"]),
    "separator": st.just("-"),
    "suppressOutput": st.just(value=True),
}


def written(described: Table, source: Path, prefix: str, *, direct: bool) -> tuple[object, ...]:
    """Make the columns by one of the ways; give what is in the files, why they cannot be, and all other triples."""
    found = Observations(prefix)
    others: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "FAST_FILE_BYTES", 0 if direct else 1 << 60)
        try:
            for chunk in convert.convert_table(described, source, observer=found if direct else None):
                found.note(canonical_lines(chunk))
                others.append(found.others(chunk))
        except ProblemsError as error:
            return tuple(map(str, error.problems))
    parquet = source.with_name(f"{direct}.parquet")
    key = promised_key(described, prefix)
    record = found.write(parquet, "d", "http://x/g", key)
    if direct:
        event(f"lines taken: {found.lines > 0}")
    if found.is_uncertain:
        return written(described, source, prefix, direct=False)
    if record is None:
        return (found.unfit,)
    event(f"key: {bool(record.key)}, columns taken: {direct and found.lines > 0}")
    return parquet.with_suffix(".json").read_text(), parquet.read_bytes(), b"".join(others)


TWICE = (
    {
        "@context": "http://www.w3.org/ns/csvw",
        "url": "t.csv",
        "tableSchema": {
            "columns": [
                {"name": "area", "titles": "area", "propertyUrl": "#area", "valueUrl": "../v/{area}"},
                {"name": "row", "titles": "row", "propertyUrl": "#area"},
                {"virtual": True, "name": "v0", "propertyUrl": "rdf:type", "valueUrl": "qb:Observation"},
                {"virtual": True, "name": "v1", "propertyUrl": "rdf:type", "valueUrl": "#T"},
            ],
            "aboutUrl": "obs/{area}/{row}@m",
        },
    },
    b"area,row\nE1,0\nE1,0\n",
)
"""Two rows that are one observation, whose every property has two values."""


@example(TWICE, f"{BASE}obs/")
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(st.one_of(cube(), cube(), cube(), table()), st.sampled_from(PREFIXES))
def test_both_ways_give_the_same_columns(drawn: tuple[dict[str, object], bytes], prefix: str) -> None:
    document, content = drawn
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "t.csv"
        source.write_bytes(content)
        group = read_metadata(document, base_url=f"{BASE}t.csv-metadata.json")
        ways = [written(group.tables[0], source, prefix, direct=direct) for direct in (True, False)]
        assert ways[0] == ways[1], json.dumps(document)
