"""The same SQL about made-up columns on DuckDB and on Spark: `python benchmarks/engines.py [ROWS] [MASTER]`.

Spark is a master with two workers of one core each on this machine unless another is given. It needs `make spark`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb

from endpoint.cubes.engine import DuckEngine, SparkEngine, spark_sql

RUNS = 5
MASTER = "local-cluster[2,1,2048]"
AREA = "'<http://x/area/' || (i % 400) || '>'"
PERIOD = "'<http://x/period/' || (i // 400 % 120) || '>'"
QUERIES = {
    "one observation": "SELECT c1, c2, c3 FROM cube0 WHERE subject = '777'",
    "sum by area, one period": "SELECT c1, sum(c3) FROM cube0 WHERE c2 = '<http://x/period/7>' GROUP BY c1",
    "sum by area": "SELECT c1, sum(c3) FROM cube0 GROUP BY c1",
    "cross-tab of two dimensions": "SELECT c1, c2, sum(c3), count(*) FROM cube0 GROUP BY c1, c2",
    "distinct figures": "SELECT count(DISTINCT c3) FROM cube0",
}


def write(path: Path, rows: int) -> None:
    """Make up a cube of two dimensions and a measure."""
    columns = f"CAST(i AS VARCHAR) AS subject, {AREA} AS c1, {PERIOD} AS c2, CAST(hash(i) % 1000000 AS BIGINT) AS c3"
    text = f"COPY (SELECT {columns} FROM range({rows}) r(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
    duckdb.execute(text)


def timed(engine: DuckEngine | SparkEngine, sql: str) -> tuple[float, list[tuple[object, ...]]]:
    """Give the median time of some runs after a first, and the rows."""
    found = engine.rows(sql)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        engine.rows(sql)
        times.append(time.perf_counter() - start)
    return median(times), sorted(found, key=str)


def main(rows: int, master: str) -> None:
    """Print a row for each query."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cube.parquet"
        write(path, rows)
        files = {"cube0": path}
        start = time.perf_counter()
        spark = SparkEngine(files, master)
        print(f"{rows:,} rows; Spark started in {time.perf_counter() - start:.1f} s\n")
        print("| query | DuckDB, s | Spark, s | of that translating, s |\n|---|---|---|---|")
        for name, sql in QUERIES.items():
            (one, found), (other, again) = timed(DuckEngine(files), sql), timed(spark, sql)
            assert found == again, name
            start = time.perf_counter()
            spark_sql(sql)
            print(f"| {name} | {one:.3f} | {other:.2f} | {time.perf_counter() - start:.4f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000, sys.argv[2] if len(sys.argv) > 2 else MASTER)
