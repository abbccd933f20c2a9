"""Seconds that the audit of suppressed cells takes, on made-up tables with totals and 5% of the cells suppressed.

    python benchmarks/audit.py [--limit 60] [--runs 3]

`check` finds the cells that are given away; `every` works out the interval of every suppressed cell. In the same run,
`plain` solves two linear programs for each cell, over the whole table and from the start; both must say the same.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import time
from typing import TYPE_CHECKING, Final

import highspy
import numpy as np
import polars as pl

from loader.gate.audit import groups_of, need_of
from loader.gate.counts import read_figures
from loader.gate.intervals import Findings, audit
from loader.gate.policy import Layout, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIZES: Final = ((40, 20), (150, 20), (1000, 20))
PLAIN_CELLS: Final = 4_000
"""Larger tables are not solved the plain way."""
SUPPRESSED: Final = 0.05
LAYOUT: Final = Layout(("area", "kind"), ("count",))


def made_up(rows: int, columns: int, base: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Draw counts with totals, rounded, and say which cells are suppressed."""
    draw = np.random.default_rng(rows * columns)
    counts = np.zeros((rows + 1, columns + 1), dtype=np.int64)
    counts[:-1, :-1] = draw.integers(0, 60, (rows, columns))
    counts[-1, :] = counts.sum(axis=0)
    counts[:, -1] = counts.sum(axis=1)
    hidden = np.zeros(counts.shape, dtype=np.bool_)
    hidden[:-1, :-1] = draw.random((rows, columns)) < SUPPRESSED
    return base * ((counts + base // 2) // base), hidden


def as_table(counts: NDArray[np.int64], hidden: NDArray[np.bool_]) -> pl.DataFrame:
    """Make the tidy table; the last row and column are totals, with the code `T`."""
    last = tuple(size - 1 for size in counts.shape)
    cells = [
        (
            "T" if i == last[0] else f"a{i}",
            "T" if j == last[1] else f"k{j}",
            None if hidden[i, j] else str(counts[i, j]),
        )
        for i, j in np.ndindex(*counts.shape)
    ]
    rows = pl.DataFrame(cells, schema=dict.fromkeys(("area", "kind", "count"), pl.String), orient="row")
    return rows.with_columns(line=pl.int_range(pl.len(), dtype=pl.Int64) + 2)


def plain(
    counts: NDArray[np.int64], hidden: NDArray[np.bool_], base: int
) -> dict[tuple[int, int], tuple[float, float]]:
    """Solve two programs for each suppressed cell, each over all cells and from the start."""
    rows, columns = counts.shape
    half = base // 2
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = counts.size, rows + columns
    model.col_lower_ = np.where(hidden, 0.0, np.maximum(counts - half, 0)).ravel()
    model.col_upper_ = np.where(hidden, math.inf, counts + half).ravel()
    model.row_lower_ = model.row_upper_ = np.zeros(rows + columns)
    index = np.arange(counts.size).reshape(counts.shape)
    sums = [*index, *index.T]
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.cumsum([0, *map(len, sums)])
    model.a_matrix_.index_ = np.concatenate(sums)
    model.a_matrix_.value_ = np.concatenate([np.append(np.ones(len(cells) - 1), -1.0) for cells in sums])
    found: dict[tuple[int, int], list[float]] = {}
    for i, j in np.argwhere(hidden):
        for sign in (1.0, -1.0):
            cost = np.zeros(counts.size)
            cost[index[i, j]] = sign
            model.col_cost_ = cost
            solver = highspy.Highs()  # type: ignore[no-untyped-call]
            solver.setOptionValue("output_flag", False)
            solver.passModel(model)
            solver.run()
            value = solver.getSolution().col_value[index[i, j]]
            found.setdefault((int(i), int(j)), []).append(float(round(value)))
    return {key: (low, high) for key, (low, high) in found.items()}


def timed(runs: int, work: Callable[[], object]) -> float:
    """Give the median of seconds."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds after which an audit fails")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {options.runs} runs, medians in seconds")
    print(f"{'table':>10} {'base':>4} {'suppressed':>10} {'given away':>10} {'check':>8} {'every':>8} {'plain':>8}")
    for base in (1, 5):
        for rows, columns in SIZES:
            measure(rows, columns, base, options.limit, options.runs)


def measure(rows: int, columns: int, base: int, limit_s: float, runs: int) -> None:
    """Measure one size, and compare with the plain way where it ends."""
    counts, hidden = made_up(rows, columns, base)
    table = as_table(counts, hidden)
    policy = Policy("counts", totals={"area": "T", "kind": "T"}, rounding_base=base)

    def look(*, every: bool) -> Findings:
        figures = read_figures(table, LAYOUT.dimensions, "count", policy, "line")
        groups = groups_of(table, LAYOUT, policy)
        return audit(figures, groups, None if every else need_of(policy), limit_s=limit_s)

    check = timed(runs, lambda: look(every=False))
    every = timed(runs, lambda: look(every=True))
    found = look(every=True)
    slow = ""
    if counts.size <= PLAIN_CELLS and not found.undecided:
        start = time.perf_counter()
        expected = {(f"a{i}", f"k{j}"): ends for (i, j), ends in plain(counts, hidden, base).items()}
        slow = f"{time.perf_counter() - start:.2f}"
        assert {leak.key: (leak.low, leak.high) for leak in found.intervals} == expected, "the intervals differ"
    undecided = f"  {found.undecided} left at {limit_s:.0f} s" if found.undecided else ""
    given = len(look(every=False).intervals)
    size = f"{rows}×{columns}"
    print(f"{size:>10} {base:4} {hidden.sum():10} {given:10} {check:8.2f} {every:8.2f} {slow:>8}{undecided}")


if __name__ == "__main__":
    main()
