"""The W3C SPARQL 1.1 test suite as its manifests describe it, read with rdflib."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from rdflib import RDF, Graph, Namespace, URIRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from _pytest.mark.structures import ParameterSet

ROOT: Final = Path(__file__).resolve().parents[3]
SUITE: Final = Path(os.environ.get("DWPLD_SHARED") or ROOT.parent / "shared") / "w3c-sparql11-tests"
BASE: Final = "https://w3c.github.io/rdf-tests/sparql/sparql11/"
"""Address of the suite, below which its files have theirs."""
MF: Final = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
QT: Final = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-query#")
UT: Final = Namespace("http://www.w3.org/2009/sparql/tests/test-update#")

EVALUATION: Final = ("QueryEvaluationTest", "CSVResultFormatTest")
UPDATES: Final = ("UpdateEvaluationTest", "PositiveUpdateSyntaxTest11", "NegativeUpdateSyntaxTest11")
ACCEPTED: Final = "PositiveSyntaxTest11"
REFUSED: Final = "NegativeSyntaxTest11"


@dataclass(frozen=True, slots=True, order=True)
class Data:
    """The files that a query is asked of: those of the default graph, and those that are named graphs."""

    folder: str
    default: tuple[str, ...]
    named: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Every file once."""
        return tuple(sorted({*self.default, *self.named}))


@dataclass(frozen=True, slots=True)
class Entry:
    """One test: its name `folder/name`, what kind it is, its query or update, and for evaluations data and result."""

    id: str
    kind: str
    request: Path
    data: Data
    result: str | None

    @property
    def text(self) -> str:
        """What is sent."""
        return self.request.read_text("utf-8")

    @property
    def is_update(self) -> bool:
        """True if it writes. Some updates are in manifests of queries."""
        return self.kind in UPDATES or self.request.suffix == ".ru"


def local(address: str) -> Path:
    """Give the file that has an address."""
    return SUITE / address.removeprefix(BASE)


def entries(*kinds: str) -> list[Entry]:
    """Give the tests of some kinds, by folder and data."""
    found = [entry for path in sorted(SUITE.glob("*/manifest.ttl")) for entry in _manifest(path) if entry.kind in kinds]
    return sorted(found, key=lambda entry: entry.data)


def _manifest(path: Path) -> Iterable[Entry]:
    graph = Graph().parse(path, format="turtle", publicID=f"{BASE}{path.parent.name}/manifest.ttl")
    for listed in graph.objects(None, MF.entries):
        for test in graph.items(listed):
            yield _entry(graph, URIRef(str(test)), path.parent.name)


def _entry(graph: Graph, test: URIRef, folder: str) -> Entry:
    action = graph.value(test, MF.action)
    request = graph.value(action, QT.query) or graph.value(action, UT.request) or action
    named = (graph.objects(action, QT.graphData), graph.objects(action, QT.data))
    graphs, default = (tuple(sorted(str(one) for one in found)) for found in named)
    result = graph.value(test, MF.result)
    return Entry(
        f"{folder}/{str(test).partition('#')[2]}",
        str(graph.value(test, RDF.type)).partition("#")[2],
        local(str(request)),
        Data(folder, default, graphs),
        str(result) if isinstance(result, URIRef) else None,
    )


def params(cases: Sequence[tuple[str, object]], gaps: Mapping[str, str]) -> list[ParameterSet]:
    """Make cases of parameters, `(name of the test and how it is run, what it needs)`.

    Those of a test that is known not to pass, with the reason, must not.
    """
    if not SUITE.is_dir():
        return [pytest.param(None, id="no suite")]  # the fixture `shared` skips it, or fails in CI
    unknown = {gap for gap in gaps if not any(_is_of(name, gap) for name, _ in cases)}
    assert not unknown, f"no test is called {sorted(unknown)}"
    return [
        pytest.param(case, id=name, marks=[_gap(why) for gap, why in gaps.items() if _is_of(name, gap)])
        for name, case in cases
    ]


def _is_of(name: str, test: str) -> bool:
    return name.partition(" ")[0] == test


def _gap(why: str) -> pytest.MarkDecorator:
    """Mark what is known not to pass: a wrong answer or a refusal. Any other failure is none of these."""
    return pytest.mark.xfail(reason=why, strict=True, raises=AssertionError)
