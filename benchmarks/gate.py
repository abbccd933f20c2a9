"""Time and memory of the gate on 1,000,000 rows × 6 columns, against reading and writing the same table.

    python benchmarks/gate.py [--rows 1000000] [--runs 9]

The floor it is held against, in the same run, is `polars` reading the CSV file as text and writing it again. Both
tables are made up and seeded: counts of people by area, month, age and family type; and payments, whose references are
different in every row, to 50,000 payees. All rules of the gate run that the policy of such a table asks for.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from loader.gate import check_gate
from loader.gate.policy import COUNTS, DOMINANCE, MONEY, RECOVERABLE, Layout, Policy
from loader.texts import read_texts

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = "source line"
COUNTED = (Policy(COUNTS), Layout(("area", "period", "age_band", "family_type"), ("households",)))
_WHY = "payments are published one by one, without totals"
PAYMENTS = (
    Policy(MONEY, supplier_columns=("payee_name",), exemptions={DOMINANCE: _WHY, RECOVERABLE: _WHY}),
    Layout(("month", "reference"), ("amount",)),
)


def counts(rows: int) -> pl.DataFrame:
    """Make a table of counts of people."""
    chance = random.Random(2012)
    areas = [f"E0700{number:04d}" for number in range(1, 400)]
    return pl.DataFrame(
        {
            "area": [areas[number % len(areas)] for number in range(rows)],
            "area_name": [f"District of {number % len(areas)}" for number in range(rows)],
            "period": [f"{2010 + number // len(areas) % 14}-{1 + number % 12:02d}" for number in range(rows)],
            "age_band": [f"{5 * (number % 17)}-to-{5 * (number % 17) + 4}" for number in range(rows)],
            "family_type": [str(1 + number % 7) for number in range(rows)],
            "households": [str(chance.randrange(5, 90_000)) for _ in range(rows)],
        }
    )


def payments(rows: int) -> pl.DataFrame:
    """Make a table of payments."""
    chance = random.Random(2012)
    return pl.DataFrame(
        {
            "month": [f"{2010 + number % 14}-{1 + number % 12:02d}" for number in range(rows)],
            "reference": [str(2_015_000_000 + number) for number in range(rows)],
            "payee_name": [f"SUPPLIER OF WORDS {number % 50_000} LIMITED" for number in range(rows)],
            "date": [f"{2010 + number % 14}-{1 + number % 12:02d}-{1 + number % 28:02d}" for number in range(rows)],
            "expense_type": [f"EXPENSES OF TYPE {number % 60}" for number in range(rows)],
            "amount": [f"{chance.randrange(2_500_000, 9_000_000_000) / 100:.2f}" for _ in range(rows)],
        }
    )


def gate(rows: pl.DataFrame, policy: Policy, layout: Layout) -> None:
    """Apply the gate; stop if it finds anything, for the tables are made to pass."""
    for problem in check_gate(rows, policy, layout, "table.csv", LINE):
        sys.exit(str(problem))


def copy(source: Path, target: Path) -> None:
    """Read a table and write it."""
    pl.read_csv(source, infer_schema=False).write_csv(target)


def timed(call: Callable[[], None]) -> float:
    """Time a call, in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak() -> float:
    """Give the peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CASES: dict[str, Callable[[int], pl.DataFrame]] = {"counts": counts, "payments": payments}


def make(name: str, rows: int, source: Path) -> None:
    """Write a made-up table."""
    CASES[name](rows).write_csv(source)


def compare(name: str, source: Path, runs: int) -> None:
    """Measure one table and print a line."""
    start = peak()
    rows = read_texts(source).with_row_index(LINE, offset=2).cast({LINE: pl.Int64})
    before = peak()
    policy, layout = PAYMENTS if name == "payments" else COUNTED
    gate(rows, policy, layout)
    after = peak()
    pairs = [  # by turns, so that other work on the machine slows both
        (timed(partial(gate, rows, policy, layout)), timed(partial(copy, source, source.with_name("copy.csv"))))
        for _ in range(runs)
    ]
    table, floor, ratio = (
        statistics.median(values) for values in zip(*((one, other, one / other) for one, other in pairs), strict=True)
    )
    print(
        f"{name:9} gate {table:5.2f} s, read and write {floor:5.2f} s, ratio {ratio:4.2f}; "
        f"peak memory {start:,.0f} MiB at the start, {before:,.0f} with the table, {after:,.0f} after the gate"
    )


def apart(call: Callable[..., None], *arguments: object) -> None:
    """Run a call in a process of its own, so that its peak memory is its own."""
    process = multiprocessing.get_context("spawn").Process(target=call, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(process.exitcode)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, polars {pl.__version__}")
    print(f"{options.rows:,} rows × 6 columns, {options.runs} runs, medians", flush=True)
    for name in CASES:
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory) / "table.csv"
            apart(make, name, options.rows, source)
            apart(compare, name, source, options.runs)


if __name__ == "__main__":
    main()
