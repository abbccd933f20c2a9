"""Rows per second and peak memory of the five payments months, published files to release.

    python benchmarks/payments.py [--sources DIR] [--runs 3]

The floor it is held against, in the same run, is reading and writing the same files with `csv` from the standard
library: no check, no tidying, no RDF, no store.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATASET = "payments-over-25k"
PATTERN = "dwp-payments-*.csv"


def floor(sources: Path, out: Path) -> int:
    """Copy the files row by row with `csv`; give the number of rows."""
    rows = 0
    for path in sorted(sources.rglob(PATTERN)):
        with path.open(encoding="cp1252", newline="") as source, (out / path.name).open("w", newline="") as target:
            writer = csv.writer(target)
            for row in csv.reader(source):
                writer.writerow(row)
                rows += 1
    return rows


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; give seconds and its peak memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert process.stderr is not None, "it was asked for"
    errors = process.stderr.read().decode()
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(errors)
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    default = Path(os.environ.get("DWPLD_SHARED") or Path(__file__).resolve().parent.parent.parent / "shared") / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, default=default)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--floor", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        floor(options.sources, options.floor)
        return
    results: dict[str, list[tuple[float, float]]] = {"build": [], "check": [], "floor": []}
    rows = 0
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as directory:
            out = Path(directory)
            base = [sys.executable, "-m", "dwpld"]
            common = [DATASET, "--sources", str(options.sources)]
            results["build"].append(measure([*base, "build", *common, "--out", str(out / "release")]))
            manifest = json.loads((out / "release/current/manifest.json").read_text())
            rows = next(folder["rows_read"] for folder in manifest["folders"] if folder["name"] == DATASET)
            quads = next(folder["quads"] for folder in manifest["folders"] if folder["name"] == DATASET)
            results["check"].append(measure([*base, "check", *common]))
            copy = [sys.executable, __file__, "--sources", str(options.sources), "--floor", str(out)]
            results["floor"].append(measure(copy))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {options.runs} runs, medians")
    print(f"{rows:,} rows of five months, {quads:,} quads")
    copied = statistics.median(seconds for seconds, _ in results["floor"])
    for name, runs in results.items():
        seconds = statistics.median(run[0] for run in runs)
        peak = statistics.median(run[1] for run in runs)
        print(
            f"{name:6} {seconds:7.2f} s {rows / seconds:12,.0f} rows/s {peak:8,.0f} MiB {seconds / copied:7.1f} × floor"
        )


if __name__ == "__main__":
    main()
