"""Every table of every mapping folder, converted by another CSVW processor, gives the triples that we give.

The other is `csvw-functions`: it shares no line with ours, and is fed over HTTP as the Recommendations have it. It does
700 rows a second, so long tables are cut to rows taken evenly from their whole length;
`DWPLD_INDEPENDENT_ROWS=100000` compares all of them in half a minute.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

import pyoxigraph as ox
import pytest

from loader.csvw.convert import convert_table
from loader.mapping import find_folders, read_mapping
from loader.uris import Uris
from ontology.terms import QB
from tests.integration.holding import stored_quads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.mapping import TableMapping
    from loader.release import Release

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import csvw_functions

Graph: TypeAlias = set[ox.Triple]
BASE: Final = "http://127.0.0.1:8000"
ROWS: Final = int(os.environ.get("DWPLD_INDEPENDENT_ROWS", "200"))

# What it warns of without reason. Any other warning of its is an error here: it speaks of a mapping of ours.
UNFOUNDED: Final = {
    "titles in a file are 'und', which matches any; it gives them the 'lang' of a column before (Metadata §5.5.1)": (
        "Supplied and embedded metadata columns descriptions are not compatible"
    ),
    "a boolean needs no format (Tabular Data Model §6.4.3)": 'Boolean format "{datatype_format}" must be a string',
}


def tables() -> dict[str, TableMapping]:
    mappings = {name: read_mapping(name, folder, Uris(BASE)) for name, folder in find_folders(None).items()}
    return {f"{name}/{table.name}": table for name, mapping in mappings.items() for table in mapping.tables}


TABLES: Final = tables()


def as_specified(address: str, literals: set[str]) -> str:
    """Undo what the other processor does wrongly to an address; there is nothing else to undo.

    It runs `quote(…, safe="/:#%=")` over the whole of what a template gave. By RFC 6570 §3.1 a character of a literal
    that a URI allows, reserved ones included, is copied as it stands. So the literals of the table's own templates
    are put back: "%40households" is "@households" again. An "@" of a value, which §3.2.2 encodes, stays encoded.
    """
    for literal in literals:
        address = address.replace(quote(literal, safe="/:#%="), literal)
    return address


def literals_of(table: TableMapping) -> set[str]:
    """The parts of the templates of a table, between variables, in which something is encoded wrongly."""
    columns = table.table.columns
    templates = {text for column in columns for text in (column.about_url, column.property_url, column.value_url)}
    parts = {part for text in filter(None, templates) for part in re.split(r"\{[^}]*\}", text)}
    return {part for part in parts if quote(part, safe="/:#%=") != part}


def corrected(triple: ox.Triple, literals: set[str]) -> ox.Triple:
    def node(term: ox.NamedNode) -> ox.NamedNode:
        return ox.NamedNode(as_specified(term.value, literals))

    assert isinstance(triple.subject, ox.NamedNode)  # a mapping makes no blank nodes
    value = node(triple.object) if isinstance(triple.object, ox.NamedNode) else triple.object
    return ox.Triple(node(triple.subject), node(triple.predicate), value)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def served(directory: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Site:
    """Part of the tables, laid out as the site publishes them and served from a port of its own."""

    directory: Path
    address: str

    def publish(self, table: TableMapping) -> Path:
        path = self.directory / table.table.url.removeprefix(f"{BASE}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(table.document, path.with_name(table.document.name))
        with table.csv.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        step = max(1, -(-len(rows) // ROWS))
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([header, *rows[::step]])
        return path

    def convert(self, table: TableMapping) -> Graph:
        """Have the other processor convert a published table."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for message in UNFOUNDED.values():
                warnings.filterwarnings("ignore", message=re.escape(message))
            metadata = f"{table.table.url.replace(BASE, self.address)}-metadata.json"
            group = csvw_functions.create_annotated_table_group(metadata)
            text: str = csvw_functions.create_rdf(group, mode="minimal")
        literals = literals_of(table)
        made = parsed(text.replace(f"<{self.address}/", f"<{BASE}/").encode())
        return {corrected(triple, literals) for triple in made}


def parsed(triples: bytes) -> Graph:
    return {quad.triple for quad in ox.parse(triples, format=ox.RdfFormat.N_TRIPLES)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch, served(directory) as address:
        patch.setenv("no_proxy", "127.0.0.1")
        yield Site(directory, address)


@pytest.mark.parametrize("name", TABLES)
def test_another_processor_gives_the_same_triples(site: Site, name: str) -> None:
    table = TABLES[name]
    path = site.publish(table)
    ours, theirs = parsed(b"".join(convert_table(table.table, path))), site.convert(table)
    assert theirs
    assert ours == theirs


@pytest.mark.parametrize("name", TABLES)
def test_a_release_holds_the_same_triples(site: Site, shipped_release: Release, name: str) -> None:
    """`dwpld build` publishes what another processor makes, and says nothing more of an observation."""
    site.publish(TABLES[name])
    theirs = site.convert(TABLES[name])
    store = ox.Store()
    store.extend(stored_quads(shipped_release))
    subjects = {triple.subject for triple in theirs}
    held = {quad.triple for subject in subjects for quad in store.quads_for_pattern(subject, None, None)}
    assert theirs <= held
    observations = {triple.subject for triple in theirs if triple.object == QB.Observation}
    assert {triple for triple in held - theirs if triple.subject in observations} == set()


def test_there_are_cubes_among_what_is_compared() -> None:
    cubes = {name for name, table in TABLES.items() if "qb:Observation" in table.document.read_text("utf-8")}
    assert cubes
