"""Two speeds, one meaning: the fast path says what the reference path says, byte for byte, and finds the same wrong."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader.csvw import blocks, columns, convert
from loader.csvw.metadata import read_metadata
from loader.csvw.report import Report
from loader.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Mapping

Outcome: TypeAlias = "tuple[bytes, list[str], list[str]]"

WORDS = st.sampled_from(
    ["a", "b", "total", "16-24", "E06000001", "x y", "é", "a/b", "50%", "-", "..", ".", "./x", "NA", "~"]
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
INTEGERS = st.one_of(st.integers(0, 120).map(str), st.integers(0, 10**7).map(str))
ODD_INTEGERS = st.one_of(st.integers().map(str), st.sampled_from(["", "007", "+5", "1.0", " 12 ", "-0"]))
DECIMALS = st.decimals(-1000, 1000, places=2).map(str)
ODD_DECIMALS = st.sampled_from(["", "1.", ".5", "1e3", "INF", "NaN", "+2", "x", "1,234.5", "-0.0"])
DATES = st.dates().map(str)
ODD_DATES = st.sampled_from(["", "2015-02-29", "2015-1-1", "2016-02-29Z"])
# name: datatype, cells that are valid (as far as bounds allow), cells of which some are not
KINDS: Mapping[str, tuple[object, st.SearchStrategy[str], st.SearchStrategy[str]]] = {
    "word": ("string", WORDS, st.just("")),
    "text": ("string", TEXTS, WORDS),
    "token": ("token", TEXTS, WORDS),
    "integer": ("integer", INTEGERS, ODD_INTEGERS),
    "short": ("short", st.integers(-99, 9999).map(str), ODD_INTEGERS),
    "positive": ("positiveInteger", st.integers(1, 10**20).map(str), ODD_INTEGERS),
    "bounded": ({"base": "integer", "minimum": 0, "maximum": 100}, st.integers(0, 100).map(str), ODD_INTEGERS),
    "grouped": ({"base": "decimal", "format": {"groupChar": ","}}, DECIMALS, ODD_DECIMALS),
    "decimal": ("decimal", DECIMALS, ODD_DECIMALS),
    "double": ("double", DECIMALS, ODD_DECIMALS),
    "date": ("date", DATES, ODD_DATES),
    "pattern": ({"base": "string", "format": "^[a-z]+$"}, st.from_regex("[a-z]{1,3}", fullmatch=True), WORDS),
    "flag": ({"base": "boolean", "format": "Y|N"}, st.sampled_from(["Y", "N"]), st.sampled_from(["", "y"])),
}
ABOUT = [
    "http://ex.org/{c0}/{c1}",
    "http://ex.org/{c0}",
    "#r{_row}",
    "http://ex.org/{_sourceRow}-{c1}",
    "{+c0}",
    "rel/{c0}",
    "../../x/{c0}/{c1}",
    "obs/{c0}/{c1}@m",
    "obs/{+c0}/../{c1}",
    "/{c0}-{c1}",
    "?q={c0}",
    "skos:{c0}",
    "http://ex.org/{c0,c1}",
    "http://ex.org/{?c0}{#c1}",
    "http://ex.org/x{c0:2}{/c1}",
    "http://ex.org/{_name}/{c0}/{c1}",
]
PROPERTIES = ["http://ex.org/def/{_name}", "rdfs:label", "http://ex.org/def/{c0}", "#p{c1}", "skos:notation"]
VALUES = ["../v/{c1}", "http://ex.org/v/{c0}", "http://ex.org/{c0}/{c1}", "skos:Concept", "{+c1}", "#v{_row}"]


@st.composite
def column(draw: st.DrawFn, number: int, *, is_tidy: bool) -> tuple[dict[str, object], st.SearchStrategy[str]]:
    """Draw a column description and its cells."""
    datatype, good, odd = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    cells = good if is_tidy else st.one_of(good, good, odd)
    described: dict[str, object] = {"name": f"c{number}", "titles": f"c{number}", "datatype": datatype}
    for name, strategy in (
        ("aboutUrl", st.sampled_from(ABOUT)),
        ("propertyUrl", st.sampled_from(PROPERTIES)),
        ("valueUrl", st.sampled_from(VALUES)),
        ("null", st.lists(st.sampled_from(["", "..", "NA", "-"]), max_size=3)),
        ("required", st.booleans()),
        ("default", st.sampled_from(["", "a", "5"])),
        ("lang", st.just("en")),
        ("suppressOutput", st.booleans()),
        ("separator", st.just("-")),
        ("ordered", st.booleans()),
    ):
        if draw(st.integers(0, 5 if name not in ("separator", "ordered") else 20)) == 0:
            described[name] = draw(strategy)
    return described, cells


@st.composite
def table(draw: st.DrawFn) -> tuple[dict[str, object], bytes]:
    """Draw a metadata document and a file."""
    is_tidy = draw(st.integers(0, 3)) > 0
    drawn = [draw(column(number, is_tidy=is_tidy)) for number in range(draw(st.integers(2, 4)))]
    described: list[dict[str, object]] = [item for item, _ in drawn]
    virtual = {"virtual": True, "propertyUrl": "rdf:type", "valueUrl": "qb:Observation"}
    described += [{**virtual, "name": f"v{number}"} for number in range(draw(st.integers(0, 2)))]
    schema: dict[str, object] = {"columns": described, "aboutUrl": draw(st.sampled_from(ABOUT))}
    if draw(st.integers(0, 3)) == 0:
        schema["primaryKey"] = draw(st.sampled_from([["c0"], ["c0", "c1"]]))
    document: dict[str, object] = {"@context": "http://www.w3.org/ns/csvw", "url": "t.csv", "tableSchema": schema}
    if draw(st.integers(0, 4)) == 0:
        document["dialect"] = draw(
            st.sampled_from(
                [{"header": False}, {"delimiter": ";"}, {"commentPrefix": None}, {}, {"skipRows": 1}, {"trim": True}]
            )
        )
    rows = draw(st.lists(st.tuples(*(cells for _, cells in drawn)), max_size=25))
    header = tuple(str(item["titles"]) for item, _ in drawn)
    return document, draw(csv_file([header, *rows], document, is_tidy=is_tidy))


@st.composite
def csv_file(draw: st.DrawFn, rows: list[tuple[str, ...]], document: dict[str, object], *, is_tidy: bool) -> bytes:
    """Draw how the cells are written, well or not so well."""
    dialect = document.get("dialect", {})
    assert isinstance(dialect, dict)
    delimiter = str(dialect.get("delimiter", ","))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    quote_all = draw(st.booleans())
    slips = [] if is_tidy else draw(st.lists(st.integers(0, 400), max_size=1))

    def write(cell: str) -> str:
        must = any(c in cell for c in (delimiter, '"', "\r", "\n"))
        return '"' + cell.replace('"', '""') + '"' if must or quote_all else cell

    lines = [delimiter.join(map(write, row)) for row in rows[dialect.get("header") is False :]]
    lines = ["title"] * int(dialect.get("skipRows", 0)) + lines
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    for at in slips:
        if at < len(text):
            text = text[:at] + draw(st.sampled_from(['"', ",", "\n", "\r", "\0", "#", "\n\n", "\ufeff"])) + text[at:]
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + text.encode()


def outcome(document: dict[str, object], source: Path, *, fast: bool) -> Outcome:
    """Convert a file by one of the paths; an error leaves no triples to compare."""
    report = Report()
    group = read_metadata(document, base_url="http://ex.org/base/t.csv-metadata.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "FAST_FILE_BYTES", 0 if fast else 1 << 60)
        try:
            triples = b"".join(convert.convert_table(group.tables[0], source, report=report))
        except ProblemsError as error:
            return b"", [str(problem) for problem in error.problems], [str(w) for w in report.warnings]
    return triples, [], [str(warning) for warning in report.warnings]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 48)
    monkeypatch.setattr(columns, "SLICE_ROWS", 3)
    monkeypatch.setattr(columns, "MAX_CATEGORIES", 12)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(table())
def test_both_paths_say_the_same(drawn: tuple[dict[str, object], bytes]) -> None:
    document, content = drawn
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "t.csv"
        source.write_bytes(content)
        assert outcome(document, source, fast=True) == outcome(document, source, fast=False), json.dumps(document)
