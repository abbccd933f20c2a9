"""Columns of text, coded where texts repeat: small in memory, and a rule looks at each text once instead of each row.

A coded column is a `pl.Categorical`. Comparing, grouping and iterating are as with `pl.String`; for functions of `str`,
`distinct` gives its few texts, and a cast all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_SAMPLE: Final = 10_000
_LARGEST: Final = 2**62
_ROOM: Final = 4
"""How many numbers there may be for each row before they are numbered again, closely."""


def read_texts(path: Path, names: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a CSV file as text, null where blank, under the names of its header or others.

    A column is coded if its texts repeat in the first rows. Raises polars' errors if it is no table.
    """
    head = pl.read_csv(path, n_rows=_SAMPLE, infer_schema=False)
    coded = {name: pl.Categorical for name in head.columns if head[name].n_unique() * 2 <= head.height}
    rows = pl.read_csv(path, infer_schema=False, schema_overrides=coded)
    return rows if names is None else rows.rename(dict(zip(rows.columns, names, strict=True)))


def distinct(column: pl.Series) -> pl.Series:
    """Give the texts of a column: each once, in order of appearance, if it is coded; else the column as it is."""
    if column.dtype == pl.String:
        return column
    return column.unique(maintain_order=True).cast(pl.String)


def numbered(tables: Sequence[pl.DataFrame], names: Sequence[str]) -> tuple[list[NDArray[np.int64]], int]:
    """Number the rows of tables by their texts in some columns: equal numbers for equal rows, of whatever table.

    Null is a text like any other. Gives the numbers of each table's rows, and a bound that all are below, which is no
    more than a few times the number of rows.
    """
    found = [np.zeros(table.height, np.int64) for table in tables]
    size = 1
    for name in names:
        parts, count = _codes([table[name] for table in tables])
        if size * count > _LARGEST:
            size = closely(found)
        for numbers, part in zip(found, parts, strict=True):
            numbers *= count
            numbers += part
        size *= count
    if size > _ROOM * sum(map(len, found)) + _SAMPLE:
        size = closely(found)
    return found, size


def _codes(columns: Sequence[pl.Series]) -> tuple[list[NDArray[np.uint32]], int]:
    """Number the texts of columns together, from 1; null is 0."""
    texts = [column.cast(pl.Categorical) for column in columns]  # one text has one code while all of them are there
    coded = [column.to_physical() for column in texts]
    used = pl.concat([column.unique() for column in coded]).unique().drop_nulls()
    numbers = np.zeros(int(used.max() or 0) + 1, np.uint32)  # type: ignore[arg-type]
    numbers[used.to_numpy()] = np.arange(1, used.len() + 1, dtype=np.uint32)
    parts = []
    for column in coded:
        part = numbers[column.fill_null(0).to_numpy()]
        if column.null_count():
            part[column.is_null().to_numpy()] = 0
        parts.append(part)
    return parts, used.len() + 1


def closely(found: Sequence[NDArray[np.int64]]) -> int:
    """Number numbers again without gaps, in place; give how many there are."""
    together = pl.Series(np.concatenate(found)).rank("dense")
    start = 0
    for numbers in found:
        numbers[:] = together[start : start + len(numbers)].to_numpy()
        numbers -= 1
        start += len(numbers)
    return int(together.max() or 0)  # type: ignore[arg-type]


def repeated(numbers: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """Say which rows have the number of an earlier row; nothing at all if none has."""
    seen = np.zeros(size, np.bool_)
    seen[numbers] = True
    if np.count_nonzero(seen) == len(numbers):
        return np.zeros(0, np.bool_)
    is_again: NDArray[np.bool_] = firsts(numbers, size)[numbers] != np.arange(len(numbers))
    return is_again


def firsts(numbers: NDArray[np.int64], size: int) -> NDArray[np.int32]:
    """Give for each number the first row that has it, or -1."""
    first = np.full(size, -1, np.int32)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1, dtype=np.int32)
    return first
