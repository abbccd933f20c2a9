"""Observations become columns of the terms the store would hold, or say why they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.canonical import canonical_lines
from loader.columns import Observations
from loader.release import DECIMAL, INTEGER, TERM, read_cube

if TYPE_CHECKING:
    from pathlib import Path

    from loader.release import CubeColumn

BASE = "http://x/data/d/obs/"
XSD = "http://www.w3.org/2001/XMLSchema#"


def observations(*lines: str, size: int = 2) -> Observations:
    """Take lines without their ends, so many at a time."""
    found = Observations(BASE)
    for start in range(0, len(lines), size):
        found.note(canonical_lines("".join(f"{line} .\n" for line in lines[start : start + size]).encode()))
    return found


def row(number: int, predicate: str, term: str) -> str:
    return f"<{BASE}{number}> <http://x/{predicate}> {term}"


def written(path: Path, *lines: str, size: int = 2) -> tuple[dict[str, list[CubeColumn]], pl.DataFrame]:
    record = observations(*lines, size=size).write(path / "d.parquet", "d", "http://x/g")
    assert record is not None
    assert read_cube(path / "d.json") == record
    columns: dict[str, list[CubeColumn]] = {}
    for column in record.columns:
        columns.setdefault(column.predicate.rpartition("/")[2], []).append(column)
    return columns, pl.read_parquet(path / "d.parquet")


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_rows_are_whole_wherever_the_text_is_cut(tmp_path: Path, size: int) -> None:
    lines = [row(n, p, f"<http://x/{p}{n}>") for n in range(5) for p in ("area", "period", "type")]
    columns, table = written(tmp_path, *lines, size=size)
    assert table["subject"].to_list() == ["0", "1", "2", "3", "4"]
    assert table[columns["period"][0].name or ""].to_list() == [f"<http://x/period{n}>" for n in range(5)]


def test_what_is_the_same_everywhere_is_no_column(tmp_path: Path) -> None:
    columns, table = written(tmp_path, *(row(n, "type", "<http://x/T>") for n in range(3)))
    assert columns["type"][0].term == "<http://x/T>"
    assert table.columns == ["subject"]


def test_what_some_rows_lack_is_a_column_with_gaps(tmp_path: Path) -> None:
    columns, table = written(tmp_path, row(0, "a", '"x"'), row(1, "b", '"y"'), row(2, "a", '"x"'))
    (a,) = columns["a"]
    assert (a.term, a.missing) == (None, 1)
    assert table[a.name or ""].to_list() == ['"x"', None, '"x"']


@pytest.mark.parametrize(
    ("datatype", "texts", "kind", "scale"),
    [
        ("integer", ("1", "-20"), INTEGER, 0),
        ("integer", ("007", "1"), INTEGER, 0),
        ("nonNegativeInteger", ("3", "4"), INTEGER, 0),
        ("decimal", ("0.70", "12"), DECIMAL, 1),
        ("decimal", ("-0.0", "1.25"), DECIMAL, 2),
        ("decimal", ("12345678901234567.25", "1"), TERM, 0),
        ("integer", ("99999999999999999999", "1"), TERM, 0),
        ("double", ("1.5E0", "2"), TERM, 0),
        ("date", ("2025-01-01", "2025-01-02"), TERM, 0),
    ],
)
def test_numbers_are_columns_of_numbers(
    tmp_path: Path, datatype: str, texts: tuple[str, ...], kind: str, scale: int
) -> None:
    terms = [f'"{text}"^^<{XSD}{datatype}>' for text in texts]
    columns, _ = written(tmp_path, *(row(n, "value", term) for n, term in enumerate(terms)))
    assert (columns["value"][0].kind, columns["value"][0].scale) == (kind, scale)


def test_several_values_are_several_columns(tmp_path: Path) -> None:
    lines = [row(0, "note", '"b"'), row(0, "note", '"a"'), row(1, "note", '"a"'), row(0, "note", '"a"')]
    columns, table = written(tmp_path, *lines[:2], lines[3], lines[2], size=10)
    first, second = columns["note"]
    assert first.term == '"a"'
    assert table[second.name or ""].to_list() == ['"b"', None]


def test_two_spellings_of_a_value_are_one(tmp_path: Path) -> None:
    lines = [row(n, "a", f'"{text}"^^<{XSD}decimal>') for n in (0, 1) for text in ("1.0", f"1.{'0' * (n + 2)}")]
    columns, table = written(tmp_path, *lines, size=1)
    assert [column.term for column in columns["a"]] == [f'"1"^^<{XSD}decimal>']
    assert table.columns == ["subject"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((row(0, "a", "_:b"), row(1, "a", "_:c")), "blank nodes"),
        ((row(0, "a", '"x"'), row(1, "a", '"y"'), row(0, "b", '"z"')), "two places"),
        (tuple(row(0, "a", f'"{n}"') for n in range(201)), "more than 200 columns"),
        (("<http://x/other> <http://x/a> <http://x/b>",), "no observations"),
    ],
)
def test_what_cannot_be_columns_says_why(tmp_path: Path, lines: tuple[str, ...], why: str) -> None:
    found = observations(*lines, size=100)
    assert found.write(tmp_path / "d.parquet", "d", "http://x/g") is None
    assert why in found.unfit
    assert not list(tmp_path.iterdir())
