"""How fast is CSVW to RDF? A million rows through `convert_table`, beside a hand-written loop that checks nothing.

    python benchmarks/csvw_speed.py [--rows N] [--repeat N] [--directory DIR]

The same tidy table (5 dimensions, 1 measure, 2 virtual columns: 8 triples a row) in one run, each contender in a
process of its own, taking turns; the best of the turns counts. Ours checks every cell against its datatype. `discard`
throws the N-Triples away, `file` writes them. Start-up is not counted; peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
BASE = "http://example.org/"
TRIPLES_A_ROW = 8
SEX = ("female", "male", "total")
AGE = ("16-24", "25-34", "35-44", "45-54", "55-64", "65-plus", "total")
BENEFIT = ("esa", "pip", "uc")

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_table(path: Path, rows: int) -> None:
    """Write the table, and its metadata beside it."""
    generator = random.Random(1)
    periods = [f"{year}-{month:02d}" for year in range(2015, 2025) for month in range(1, 13)]
    areas = [f"E{6_000_001 + i:08d}" for i in range(-(-rows // (len(periods) * 63)))]
    keys = itertools.islice(itertools.product(periods, areas, SEX, AGE, BENEFIT), rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("period,area,sex,age,benefit,caseload\n")
        stream.writelines(f"{','.join(key)},{generator.randint(0, 99_999)}\n" for key in keys)
    document = {"@context": "http://www.w3.org/ns/csvw", "url": path.name, "tableSchema": schema()}
    path.with_name(f"{path.name}-metadata.json").write_text(json.dumps(document, indent=1), "utf-8")


def schema() -> dict[str, object]:
    """Return the mapping: one observation a row."""

    def dimension(name: str, value_url: str, datatype: str = "string") -> dict[str, object]:
        described = {"name": name, "titles": name, "datatype": datatype, "required": True}
        return {**described, "propertyUrl": f"{BASE}def/dimension/{name}", "valueUrl": value_url}

    measure = {"name": "caseload", "titles": "caseload", "datatype": "integer", "required": True}
    return {
        "aboutUrl": BASE + "data/caseload/obs/{period}/{area}/{sex}/{age}/{benefit}@caseload",
        "columns": [
            dimension("period", "http://reference.data.gov.uk/id/month/{period}", "gYearMonth"),
            dimension("area", "http://statistics.data.gov.uk/id/statistical-geography/{area}"),
            dimension("sex", BASE + "def/concept/sex/{sex}"),
            dimension("age", BASE + "def/concept/age/{age}"),
            dimension("benefit", BASE + "def/concept/benefit/{benefit}"),
            {**measure, "propertyUrl": BASE + "def/measure/caseload"},
            {"virtual": True, "propertyUrl": "rdf:type", "valueUrl": "qb:Observation"},
            {"virtual": True, "propertyUrl": "qb:dataSet", "valueUrl": BASE + "data/caseload"},
        ],
    }


def by_hand(path: Path) -> Iterator[bytes]:
    """Yield the same triples from a loop somebody might write for this one table."""
    rdf, qb = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://purl.org/linked-data/cube#"
    lines: list[str] = []
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        next(reader)
        for period, area, sex, age, benefit, caseload in reader:
            s = f"<{BASE}data/caseload/obs/{period}/{area}/{sex}/{age}/{benefit}@caseload>"
            lines.append(
                f"{s} <{BASE}def/dimension/period> <http://reference.data.gov.uk/id/month/{period}> .\n"
                f"{s} <{BASE}def/dimension/area> <http://statistics.data.gov.uk/id/statistical-geography/{area}> .\n"
                f"{s} <{BASE}def/dimension/sex> <{BASE}def/concept/sex/{sex}> .\n"
                f"{s} <{BASE}def/dimension/age> <{BASE}def/concept/age/{age}> .\n"
                f"{s} <{BASE}def/dimension/benefit> <{BASE}def/concept/benefit/{benefit}> .\n"
                f'{s} <{BASE}def/measure/caseload> "{caseload}"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
                f"{s} <{rdf}type> <{qb}Observation> .\n"
                f"{s} <{qb}dataSet> <{BASE}data/caseload> .\n"
            )
            if len(lines) >= 2000:
                yield "".join(lines).encode()
                lines.clear()
    yield "".join(lines).encode()


def ours(path: Path) -> Iterator[bytes]:
    """Yield the triples of `convert_table`."""
    from loader.csvw.convert import convert_table
    from loader.csvw.metadata import read_metadata

    document = path.with_name(f"{path.name}-metadata.json")
    group = read_metadata(document.read_bytes(), base_url=document.as_uri())
    return convert_table(group.tables[0], path)


def ours_by_rows(path: Path) -> Iterator[bytes]:
    """Yield the triples of `convert_table` on the reference path."""
    from loader.csvw import convert

    convert.FAST_FILE_BYTES = 1 << 60  # type: ignore[misc]
    return ours(path)


CONTENDERS = {"loop": by_hand, "ours": ours, "rows": ours_by_rows}


def run(name: str, path: Path, out: Path | None) -> None:
    """Be one contender: print seconds, bytes and peak memory."""
    import loader.csvw.columns  # noqa: F401  # start-up is not what is measured here

    started_s = time.perf_counter()
    size = 0
    if out is None:
        for chunk in CONTENDERS[name](path):
            size += len(chunk)
    else:
        with out.open("wb") as stream:
            for chunk in CONTENDERS[name](path):
                size += stream.write(chunk)
    seconds = time.perf_counter() - started_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "bytes": size, "peak_mb": peak}))


def measure(name: str, path: Path, out: Path | None) -> dict[str, float]:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--run", name, "--table", str(path), *(["--out", str(out)] if out else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    if out:
        out.unlink()
    result: dict[str, float] = json.loads(done.stdout)
    return result


def compare(directory: Path, rows: int, repeat: int) -> None:
    """Let the contenders take turns and print what came of it."""
    path = directory / "table.csv"
    write_table(path, rows)
    small = directory / "small" / "table.csv"
    small.parent.mkdir()
    write_table(small, min(rows, 50_000))
    print(
        f"{rows} rows, {rows * TRIPLES_A_ROW} triples; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    best: dict[tuple[str, str], dict[str, float]] = {}
    for _ in range(repeat):
        for kind, out in (("discard", None), ("file", directory / "out.nt")):
            for name in ("loop", "ours"):
                result = measure(name, path, out)
                if (name, kind) not in best or result["seconds"] < best[name, kind]["seconds"]:
                    best[name, kind] = result
    by_rows = measure("rows", small, None)
    for (name, kind), result in best.items():
        speed = rows * TRIPLES_A_ROW / result["seconds"] / 1e6
        print(
            f"{name:5} {kind:8} {result['seconds']:7.2f} s {speed:6.2f} M triples/s  peak {result['peak_mb']:4.0f} MB"
        )
    for kind in ("discard", "file"):
        ratio = best["loop", kind]["seconds"] / best["ours", kind]["seconds"]
        print(f"ours against the loop, {kind}: {ratio:.2f} times as fast")
    speed = min(rows, 50_000) * TRIPLES_A_ROW / by_rows["seconds"] / 1e6
    print(f"reference path: {speed:.2f} M triples/s")
    assert best["loop", "discard"]["bytes"] == best["ours", "discard"]["bytes"], "the outputs differ"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where to put the files (default: a temporary folder)")
    parser.add_argument("--run", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run, options.table, options.out)
        return
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        compare(Path(directory), options.rows, options.repeat)


if __name__ == "__main__":
    main()
