"""The W3C test suite for CSV on the Web, from its manifests: 270 conversions to RDF and 282 validations.

The files are served from the folder by a stand-in for the network; `tests/unit/csvw/test_fetch.py` tests the real one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import httpx
import pyoxigraph as ox
import pytest

from loader.csvw import commands, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _pytest.mark.structures import ParameterSet

BASE: Final = "http://www.w3.org/2013/csvw/tests/"
ROOT: Final = Path(__file__).resolve().parents[3]
SHARED: Final = Path(os.environ.get("DWPLD_SHARED") or ROOT.parent / "shared")
SUITE: Final = SHARED / "w3c-csvw-tests"
WELL_KNOWN: Final = b"{+url}-metadata.json\ncsv-metadata.json\n{+url}.json\ncsvm.json\n"
TYPES: Final = {".csv": "text/csv", ".tsv": "text/tab-separated-values", ".json": "application/json"}

# Tests we do not pass: id -> reason, with a section number. A gap that closes fails until its entry goes.
KNOWN_GAPS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One test of a manifest."""

    id: str
    kind: str
    action: str
    result: str | None
    metadata: str | None
    is_minimal: bool
    link: str | None
    content_type: str | None


def read_manifest(name: str) -> list[Entry]:
    path = SUITE / f"manifest-{name}.jsonld"
    if not path.is_file():
        return []
    return [
        Entry(
            entry["id"].partition("#")[2],
            entry["type"].partition(":")[2],
            entry["action"],
            entry.get("result"),
            entry.get("option", {}).get("metadata"),
            bool(entry.get("option", {}).get("minimal")),
            entry.get("httpLink"),
            entry.get("contentType"),
        )
        for entry in json.loads(path.read_text("utf-8"))["entries"]
    ]


def manifest_params(name: str) -> list[ParameterSet]:
    entries = read_manifest(name)
    if not entries:
        return [pytest.param(None, marks=pytest.mark.skip(f"no test suite at {SUITE}; set DWPLD_SHARED"))]
    return [pytest.param(entry, id=entry.id, marks=gap_marks(KNOWN_GAPS.get(entry.id))) for entry in entries]


def gap_marks(why: str | None) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=why, strict=True)] if why else []


@dataclass(frozen=True, slots=True)
class Network:
    """Answers for www.w3.org from the folder of the suite."""

    entry: Entry
    well_known: Path

    def get(self, url: str) -> fetch.Resource | None:
        parts = urlsplit(url)
        if parts.path == "/.well-known/csvm":
            return fetch.Resource(url, self.well_known)
        if not url.startswith(BASE):
            return None
        name = unquote(url[len(BASE) :])
        path = SUITE / name.partition("?")[0]
        if not path.is_file() or (parts.query and name != self.entry.action):
            return None
        return fetch.describe(url, path, self.headers(name, path))

    def headers(self, name: str, path: Path) -> httpx.Headers:
        headers = {"content-type": TYPES.get(path.suffix, "application/octet-stream")}
        if name == self.entry.action:
            headers |= {"link": self.entry.link} if self.entry.link else {}
            headers |= {"content-type": self.entry.content_type} if self.entry.content_type else {}
        return httpx.Headers(headers)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Network:
    entry = request.node.callspec.params["entry"]
    assert isinstance(entry, Entry)
    answers = Network(entry, tmp_path / "csvm")
    answers.well_known.write_bytes(WELL_KNOWN)
    monkeypatch.setattr(fetch.Fetcher, "_fetch", lambda _self, url, _max_bytes: answers.get(url))
    return answers


def warnings_and_errors(text: str) -> tuple[list[str], list[str]]:
    lines = text.splitlines()
    return [line for line in lines if line.startswith("warning: ")], [
        line for line in lines if line.startswith("error: ")
    ]


def canonical(content: bytes, base: str) -> set[ox.Quad]:
    """The triples of a Turtle document, blank nodes named and numbers and times written in one way."""
    dataset = ox.Dataset()
    for quad in ox.parse(content, format=ox.RdfFormat.TURTLE, base_iri=base):
        term = quad.object
        dataset.add(ox.Quad(quad.subject, quad.predicate, by_value(term) if isinstance(term, ox.Literal) else term))
    dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return set(dataset)


def by_value(term: ox.Literal) -> ox.Literal:
    """A literal by its value: three tests of the suite keep lexical forms that no rule asks for."""
    name = term.datatype.value.rpartition("#")[2]
    if name in ("double", "float"):
        return ox.Literal(repr(float(term.value)), datatype=term.datatype)
    if name == "decimal":
        return ox.Literal(term.value.lstrip("+"), datatype=term.datatype)
    if name == "boolean":
        return ox.Literal({"1": "true", "0": "false"}.get(term.value, term.value), datatype=term.datatype)
    return term


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("entry", manifest_params("rdf"))
def test_rdf(entry: Entry, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.nt"
    mode = "minimal" if entry.is_minimal else "standard"
    metadata = BASE + entry.metadata if entry.metadata else None
    code = commands.convert(BASE + entry.action, mode=mode, metadata=metadata, output=str(out))
    warnings, errors = warnings_and_errors(capsys.readouterr().err)
    if entry.kind == "NegativeRdfTest":
        assert code == 1
        assert errors
        return
    assert (code, errors) == (0, [])
    assert bool(warnings) == (entry.kind == "ToRdfTestWithWarnings"), warnings
    assert entry.result
    wanted = canonical((SUITE / entry.result).read_bytes(), BASE + entry.action)
    got = canonical(out.read_bytes(), BASE + entry.action)
    assert got == wanted


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("entry", manifest_params("validation"))
def test_validation(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    metadata = BASE + entry.metadata if entry.metadata else None
    code = commands.validate(BASE + entry.action, metadata=metadata)
    warnings, errors = warnings_and_errors(capsys.readouterr().err)
    if entry.kind == "NegativeValidationTest":
        assert code == 1
        assert errors
        return
    assert (code, errors) == (0, [])
    assert bool(warnings) == (entry.kind == "WarningValidationTest"), warnings


def test_no_gap_is_named_that_is_not_in_the_suite() -> None:
    entries = read_manifest("rdf") + read_manifest("validation")
    if not entries:
        pytest.skip(f"no test suite at {SUITE}; set DWPLD_SHARED")
    assert KNOWN_GAPS.keys() <= {entry.id for entry in entries}
    assert len(entries) == 270 + 282
