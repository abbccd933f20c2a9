"""Columns of text, coded where texts repeat, and rows numbered by their texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.integrity import LINE, Cells
from loader.markers import lines_of
from loader.texts import distinct, firsts, numbered, read_texts, repeated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CODED = pl.Categorical


def table(cells: Sequence[tuple[str | None, ...]], *dtypes: type[pl.DataType]) -> pl.DataFrame:
    rows = pl.DataFrame(cells, [(f"c{number}", pl.String) for number in range(len(dtypes))], orient="row")
    return rows.cast({f"c{number}": dtype for number, dtype in enumerate(dtypes)})


def test_columns_whose_texts_repeat_are_coded(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('Area,Area,Figure\nE1,"a\nb",1\nE1,"a\nb",2\n"E ""1""",,\nE1,"",4\n', "utf-8")
    rows = read_texts(path, ["area", "name", "figure"])
    assert rows.dtypes == [CODED, pl.String, pl.String]
    assert rows.rows() == [("E1", "a\nb", "1"), ("E1", "a\nb", "2"), ('E "1"', None, None), ("E1", "", "4")]
    assert read_texts(path).columns[0] == "Area"


def test_the_texts_of_a_coded_column_are_given_once() -> None:
    texts = pl.Series(["b", None, "a", "b"])
    assert distinct(texts.cast(CODED)).to_list() == ["b", None, "a"]
    assert distinct(texts).to_list() == texts.to_list()


@pytest.mark.parametrize("dtype", [pl.String, CODED])
def test_lines_are_counted_through_breaks_in_cells(dtype: type[pl.DataType]) -> None:
    rows = table([("a\nb\nc", "x"), ("d", "x"), ("a\nb\nc", None), ("e", "y")], dtype, dtype)
    assert lines_of(rows).to_list() == [2, 5, 6, 9]
    assert lines_of(rows[1:2]).to_list() == [2]


@pytest.mark.parametrize("dtypes", [(pl.String, pl.String), (CODED, pl.String), (pl.String, CODED), (CODED, CODED)])
def test_equal_rows_of_several_tables_have_equal_numbers(dtypes: tuple[type[pl.DataType], ...]) -> None:
    first = [("a", "x"), ("b", "x"), ("a", "x"), (None, "y"), ("", "y"), (None, None), ("x", "a")]
    other = [("b", "x"), ("new", "x"), (None, None), ("x", "b"), ("a", "x")]
    numbers, size = numbered([table(first, *dtypes), table(other, *reversed(dtypes))], ["c0", "c1"])
    assert [len(part) for part in numbers] == [7, 5]
    by_cells = dict(zip([*first, *other], [*numbers[0], *numbers[1]], strict=True))
    assert len(set(by_cells.values())) == len(by_cells) == 8
    assert [by_cells[cells] for cells in (*first, *other)] == [*numbers[0], *numbers[1]]
    assert max(by_cells.values()) < size


def test_numbers_stay_close_together_however_many_codes_there_are() -> None:
    names = [f"c{number}" for number in range(7)]
    rows = pl.DataFrame({name: [str(number // 2) for number in range(20_000)] for name in names})
    (numbers,), size = numbered([rows], names)  # 10,001 to the power of 7 combinations
    assert size == len(set(numbers)) == 10_000
    assert repeated(numbers, size).tolist() == [False, True] * 10_000
    assert firsts(numbers, size)[numbers].tolist() == [number // 2 * 2 for number in range(20_000)]


def test_without_columns_all_rows_are_the_same() -> None:
    (numbers,), size = numbered([table([("a",), ("b",)], CODED)], [])
    assert (numbers.tolist(), size) == ([0, 0], 1)


def test_no_repetition_costs_no_more_than_to_see_that() -> None:
    rows = table([("a",), ("b",), (None,)], CODED)
    (numbers,), size = numbered([rows], ["c0"])
    assert repeated(numbers, size).size == 0
    assert firsts(numbers, size + 1)[[*numbers, size]].tolist() == [0, 1, 2, -1]


def test_cells_have_text_and_lines() -> None:
    assert Cells("t.csv", table([("a",)], CODED).with_columns(pl.lit(2).alias(LINE))).rows.columns == ["c0", LINE]
