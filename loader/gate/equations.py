"""Set up the equations between the cells of a table: each total is the sum of its parts (docs/audit.md).

A table of millions of cells has nearly as many equations, and most have no unknown: those are added up as arrays of
numbers, and only the cells of the others are written out for `loader.gate.intervals`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from loader.texts import closely, firsts, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from loader.gate.counts import Figures
    from loader.gate.intervals import Group

TOLERANCE: Final = 1e-6
_ROOM: Final = 4
"""How many numbers there may be for each cell before they are numbered again, closely."""


@dataclass(frozen=True, slots=True)
class System:
    """Cells, and the equations between them: the parts of a total, less the total, are nothing (or less)."""

    cells: pl.DataFrame
    """By position: dimensions, low, high, is_hidden, is_absent, line."""
    sums: pl.DataFrame
    """The equations: equation, group, a row with its other codes, least and most that it can come to, and the slack."""
    entries: pl.DataFrame
    """Of equations with an unknown: equation, cell, coefficient: 1 for a part, -1 for the total."""
    dimensions: tuple[str, ...]
    groups: tuple[Group, ...]

    def name(self, number: int) -> str:
        """Name the total of an equation."""
        place = self.sums["equation"].search_sorted(number)
        group, row = self.groups[self.sums["group"][place]], self.cells.row(self.sums["row"][place], named=True)
        others = ", ".join(f"{name} {row[name]}" for name in self.dimensions if name != group.dimension)
        return f"the total of {group.dimension} ({group.total}){f' for {others}' if others else ''}"


def set_up(figures: Figures, groups: Sequence[Group]) -> System:
    """Set up an equation for each total of which the table has a part; cells that are missing there are added.

    Equations without an unknown, nearly all in most tables, are only added up.
    """
    rows = figures.rows
    members = pl.DataFrame(
        [
            (number, group.dimension, code, -1 if code == group.total else 1)
            for number, group in enumerate(groups)
            for code in (*group.parts, group.total)
        ],
        schema={"group": pl.Int64, "of": pl.String, "code": pl.Categorical, "coefficient": pl.Int64},
        orient="row",
    ).with_row_index("member")
    floor = -math.inf if rows["low"].is_infinite().any() else 0.0
    sums: list[pl.DataFrame] = []
    wanted: list[pl.DataFrame] = []
    offset = 0
    for dimension in dict.fromkeys(group.dimension for group in groups):
        part = _Part(figures, dimension, members.filter(pl.col("of") == dimension), floor)
        sums.append(part.sums(offset))
        wanted.append(part.wanted(sums[-1], offset))
        offset += sums[-1].height
    equations = pl.concat(sums)
    cells, entries = _with_missing(rows, pl.concat(wanted), list(figures.dimensions), floor)
    kept = _without_idle(cells, entries)
    idle = entries.join(kept, on="equation", how="anti").select("equation").unique()
    return System(
        cells,
        equations.join(idle, on="equation", how="anti", maintain_order="left"),
        kept,
        figures.dimensions,
        tuple(groups),
    )


class _Part:
    """The equations whose parts and totals are codes of one dimension, as arrays."""

    def __init__(self, figures: Figures, dimension: str, members: pl.DataFrame, floor: float) -> None:
        self.rows = figures.rows
        self.dimension = dimension
        self.dimensions = figures.dimensions
        self.others = [name for name in figures.dimensions if name != dimension]
        self.members = members.rename({"code": dimension})
        self.floor = floor
        self.row, self.member = self._placed()
        """For each row that is part or total of something: its position, and which of the members it is."""
        self.equation, self.first = self._numbered()
        """For each of them the equation, or -1; for each equation a row that is part of it."""

    def _placed(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        (codes, own), count = numbered([self.rows, self.members], [self.dimension])
        rows: list[NDArray[np.int64]] = []
        found: list[NDArray[np.int64]] = []
        left = np.arange(len(own))
        while len(left):  # once, unless a code is in several groups
            member = np.full(count, -1, np.int64)
            member[own[left[::-1]]] = left[::-1]
            of_row = member[codes]
            rows.append(np.flatnonzero(of_row >= 0))
            found.append(of_row[rows[-1]])
            left = left[member[own[left]] != left]
        if len(rows) == 1:
            return rows[0], found[0]
        row, of_row = np.concatenate(rows), np.concatenate(found)
        order = np.argsort(row, kind="stable")
        return row[order], of_row[order]

    def _numbered(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        (around,), size = numbered([self.rows], self.others)
        group = self.members["group"].to_numpy()
        group = group - group.min()
        key = group[self.member] * size + around[self.row]
        count = (int(group.max()) + 1) * size
        if count > _ROOM * len(key) + _ROOM:
            count = closely([key])
        parts = np.flatnonzero(self.is_part)
        first = firsts(key[parts], count)
        known = np.flatnonzero(first >= 0)
        order = known[np.argsort(first[known])]
        number = np.full(count, -1, np.int64)
        number[order] = np.arange(len(order))
        return number[key], self.row[parts[first[order]]]

    @property
    def is_part(self) -> NDArray[np.bool_]:
        """Of the rows that are part or total of something, whether they are a part."""
        is_part: NDArray[np.bool_] = (self.members["coefficient"].to_numpy() > 0)[self.member]
        return is_part

    def sums(self, offset: int) -> pl.DataFrame:
        """Add each equation up; a missing part may be anything, and so may a missing total."""
        count = len(self.first)
        low, high = self.rows["low"].to_numpy(), self.rows["high"].to_numpy()
        is_part = self.is_part
        row, number = self.row[is_part], self.equation[is_part]
        least, most, size = (_added(number, of[row], count) for of in (low, high, np.abs(low)))
        is_open = np.bincount(number, low[row] < high[row], count) > 0
        group = np.zeros(count, np.int64)
        group[number] = self.members["group"].to_numpy()[self.member[is_part]]
        parts = self.members.filter(pl.col("coefficient") > 0)["group"].to_numpy()
        lacks = np.bincount(parts, minlength=int(group.max(initial=0)) + 1)[group] > np.bincount(number, None, count)
        is_total = ~is_part & (self.equation >= 0)
        row, number = self.row[is_total], self.equation[is_total]
        has_total = np.zeros(count, np.bool_)
        has_total[number] = True
        least[number] -= high[row]
        most[number] -= low[row]
        size[number] += np.abs(low[row])
        is_open[number] |= low[row] < high[row]
        least[~has_total] = -math.inf
        most[~has_total] -= self.floor
        most[lacks] = math.inf
        for missing in (lacks, ~has_total):
            size[missing] += abs(self.floor)
        least[lacks] += self.floor
        return pl.DataFrame(
            {
                "equation": np.arange(offset, offset + count, dtype=np.int64),
                "group": group,
                "row": self.first,
                "least": least,
                "most": most,
                "slack": 1e-13 * size + TOLERANCE,
                "is_open": is_open | lacks | ~has_total,
            }
        )

    def wanted(self, sums: pl.DataFrame, offset: int) -> pl.DataFrame:
        """Give the cells of equations with an unknown: equation, coefficient, cell if it is there, dimensions."""
        is_open = sums["is_open"].to_numpy()
        is_wanted = (self.equation >= 0) & is_open[self.equation]
        present = pl.DataFrame(
            {
                "equation": self.equation[is_wanted] + offset,
                "member": self.members["member"].to_numpy()[self.member[is_wanted]],
                "cell": self.row[is_wanted],
            }
        )
        equations = sums.filter("is_open").select("equation", "group", "row")
        equations = equations.with_columns(self.rows[equations["row"]].select(self.others).get_columns())
        cells = equations.join(self.members, on="group", maintain_order="left_right")
        cells = cells.join(present, on=["equation", "member"], how="left", maintain_order="left")
        return cells.select("equation", "coefficient", "cell", *self.dimensions)


def _added(number: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Add values up by their number."""
    return np.bincount(number, values, count).astype(np.float64, copy=False)


def _with_missing(
    rows: pl.DataFrame, wanted: pl.DataFrame, dimensions: list[str], floor: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add cells that equations need and the table does not have, and number all."""
    lacking = wanted.filter(pl.col("cell").is_null())
    missing = lacking.select(dimensions).unique(maintain_order=True)
    added = missing.with_columns(
        pl.lit(floor, pl.Float64).alias("low"),
        pl.lit(math.inf).alias("high"),
        pl.lit(value=False).alias("is_hidden"),
        pl.lit(value=True).alias("is_absent"),
        pl.lit(None, pl.Int64).alias("line"),
    )
    cells = pl.concat([rows, added]).with_row_index("cell").with_columns(pl.col("cell").cast(pl.Int64))
    number = missing.with_row_index("number", offset=rows.height)
    entries = wanted.join(number, on=dimensions, how="left", maintain_order="left")
    entries = entries.with_columns(pl.col("cell").fill_null(pl.col("number")))
    return cells, entries.select("equation", "cell", "coefficient")


def _without_idle(cells: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """Drop equations that say nothing: their total is missing, and no other equation is about it."""
    missing = cells.filter("is_absent").select("cell")
    while True:
        alone = entries.filter((pl.len().over("cell") == 1) & (pl.col("coefficient") == -1)).join(missing, on="cell")
        if alone.is_empty():
            return entries
        entries = entries.join(alone.select("equation"), on="equation", how="anti", maintain_order="left")
