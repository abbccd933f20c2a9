"""Ours beside other CSVW converters on the same 20,000 rows, the outputs compared as graphs.

    python benchmarks/csvw_peers.py [--rows N]

`csvw-functions` (Python) and `rdf-parser-csvw` (Node.js) are installed into a temporary folder for the run. Times are
those of whole processes, start-up included, minimal mode. Graphs are compared with their blank nodes canonicalised.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pyoxigraph as ox

if TYPE_CHECKING:
    from collections.abc import Iterator

CSVW = "http://www.w3.org/ns/csvw#"

ROOT = Path(__file__).resolve().parent.parent

OURS = """
import sys
from loader.csvw.commands import convert
sys.exit(convert(sys.argv[1], mode="minimal", metadata=None, output=sys.argv[2]))
"""
CSVW_FUNCTIONS = """
import sys
from csvw_functions import csvw_functions as csvw
group = csvw.create_annotated_table_group(sys.argv[1])
group = group[0] if isinstance(group, tuple) else group
with open(sys.argv[2], "w", encoding="utf-8") as stream:
    stream.write(csvw.create_rdf(group, mode="minimal"))
"""
RDF_PARSER_CSVW = """
import fs from 'node:fs'
import rdf from 'rdf-ext'
import N3Parser from '@rdfjs/parser-n3'
import toNT from '@rdfjs/to-ntriples'
import Parser from 'rdf-parser-csvw'
const [input, output, metadata] = process.argv.slice(2)
const turtle = new N3Parser({ baseIRI: 'file://' + input }).import(fs.createReadStream(metadata))
const parsed = await rdf.dataset().import(turtle)
const parser = new Parser({ metadata: parsed, baseIRI: 'file://' + input })
const out = fs.createWriteStream(output)
for await (const quad of parser.import(fs.createReadStream(input))) {
  if (!out.write(toNT(quad) + '\\n')) await new Promise(resolve => out.once('drain', resolve))
}
out.end()
"""


def install(directory: Path) -> None:
    """Install the peers."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(directory / "python"), "csvw-functions"]
    subprocess.run(pip, check=True, capture_output=True)
    (directory / "package.json").write_text('{"type": "module"}', "utf-8")
    packages = ["rdf-parser-csvw", "rdf-ext", "@rdfjs/parser-n3", "@rdfjs/to-ntriples"]
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", *packages], check=True, capture_output=True, cwd=directory
    )


def metadata_as_turtle(document: Path) -> str:
    """Return the mapping of the benchmark in the csvw vocabulary, as rdf-parser-csvw wants it."""
    schema = json.loads(document.read_text("utf-8"))["tableSchema"]
    columns = []
    for column in schema["columns"]:
        lines = [f'csvw:propertyUrl "{expand(column["propertyUrl"])}"']
        lines += [f'csvw:title "{column["titles"]}"'] if "titles" in column else ["csvw:virtual true"]
        lines += [f'csvw:name "{column["name"]}"'] if "name" in column else []
        lines += [f'csvw:valueUrl "{expand(column["valueUrl"])}"'] if "valueUrl" in column else []
        lines += ["csvw:datatype xsd:integer"] if column.get("datatype") == "integer" else []
        columns.append(f"[ {'; '.join(lines)} ]")
    return (
        "@prefix csvw: <http://www.w3.org/ns/csvw#> .\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
        f'[] a csvw:Table; csvw:tableSchema [ csvw:aboutUrl "{schema["aboutUrl"]}";\n'
        f"  csvw:column ( {' '.join(columns)} ) ] .\n"
    )


def expand(name: str) -> str:
    """Expand the two prefixes the mapping uses."""
    rdf, qb = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://purl.org/linked-data/cube#"
    return name.replace("rdf:", rdf, 1) if name.startswith("rdf:") else name.replace("qb:", qb, 1)


def graph(path: Path) -> set[ox.Quad]:
    """Return the triples of a file without what is said in the csvw vocabulary, which minimal mode leaves out."""
    dataset = ox.Dataset(quad for quad in ox.parse(path=path, format=ox.RdfFormat.TURTLE) if not is_about_table(quad))
    dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return set(dataset)


def is_about_table(quad: ox.Quad) -> bool:
    """Say whether a triple is one of standard mode: rdf-parser-csvw knows no other."""
    kind = quad.object.value if isinstance(quad.object, ox.NamedNode) else ""
    return quad.predicate.value.startswith(CSVW) or kind.startswith(CSVW)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a folder: csvw-functions does not find local files but on Windows."""
    handler = partial(Quiet, directory=str(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def timed(name: str, command: list[str], path: str, rows: int) -> str:
    """Run a contender and say how fast it was, or why it failed."""
    environment = {**os.environ, "PYTHONPATH": path}
    started_s = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=3600, check=False)
    seconds = time.perf_counter() - started_s
    if done.returncode:
        return f"{name:16} failed: {(done.stderr.strip().splitlines() or ['?'])[-1][:100]}"
    return f"{name:16} {seconds:7.2f} s {rows * 8 / seconds:10,.0f} triples/s"


def main() -> None:
    """Install, run, compare."""
    from benchmarks.csvw_speed import write_table

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as base:
        directory = Path(name)
        table = directory / "table.csv"
        write_table(table, options.rows)
        document = table.with_name("table.csv-metadata.json")
        # csvw-functions encodes an "@" in a template, which RFC 6570 §3.1 copies
        document.write_text(document.read_text("utf-8").replace("@caseload", "/caseload"), "utf-8")
        install(directory)
        (directory / "metadata.ttl").write_text(metadata_as_turtle(document), "utf-8")
        (directory / "peer.js").write_text(RDF_PARSER_CSVW, "utf-8")
        compare(directory, table, base + document.name, options.rows)


def compare(directory: Path, table: Path, url: str, rows: int) -> None:
    """Run the contenders and print what came of it."""
    outs = {peer: directory / f"{peer}.nt" for peer in ("ours", "csvw-functions", "rdf-parser-csvw")}
    python = [sys.executable, "-c"]
    node = [shutil.which("node") or "node", str(directory / "peer.js"), str(table)]
    commands = {
        "ours": ([*python, OURS, url, str(outs["ours"])], str(ROOT)),
        "csvw-functions": ([*python, CSVW_FUNCTIONS, url, str(outs["csvw-functions"])], str(directory / "python")),
        "rdf-parser-csvw": ([*node, str(outs["rdf-parser-csvw"]), str(directory / "metadata.ttl")], ""),
    }
    for peer, (command, path) in commands.items():
        line = timed(peer, command, path, rows)
        same = ""
        if peer != "ours" and outs[peer].is_file():
            mine, other = graph(outs["ours"]), graph(outs[peer])
            same = "same graph" if mine == other else f"differs: {len(mine - other)} missing, {len(other - mine)} extra"
        print(line, same)


if __name__ == "__main__":
    main()
