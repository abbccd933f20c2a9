"""The W3C SPARQL 1.1 evaluation tests over HTTP: each asked of triples and of columns, in every way it can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from endpoint.media import CSV, JSON, N_TRIPLES, TSV, XML
from tests.conformance.sparql.answers import Table, difference, is_ordered, read
from tests.conformance.sparql.service import divided, subjects
from tests.conformance.sparql.suite import EVALUATION, Data, Entry, entries, local, params

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.sparql.service import Service

ENDINGS: Final = {".srx": XML, ".srj": JSON, ".csv": CSV, ".tsv": TSV}
STORED: Final = ("triples", "columns")
CONCATENATED: Final = "GROUP_CONCAT keeps the language that all have; the test wants a text without one (§18.5.1.7)"
GRAPHS: Final = "GRAPH ?g binds ?g in the patterns within it, not after what they give (§18.5)"
EMPTY: Final = "a path of length zero begins at a constant only if the graph has it as a node (§18.5, ALP)"
GAPS: Final = {
    "aggregates/agg-groupconcat-04": CONCATENATED,
    "aggregates/agg-groupconcat-06": CONCATENATED,
    "aggregates/agg-empty-group-count-graph": GRAPHS,
    "bindings/graph": GRAPHS,
    "negation/graph-minus": GRAPHS,
    "csv-tsv-res/tsv03": "xsd:negativeInteger is kept as xsd:integer, its value in the one form the store has",
    "functions/bnode01": "BNODE(text) is one node for a text, and not one in each row (§17.4.2.9)",
    "property-path/zero_or_more_set_start": EMPTY,
    "property-path/zero_or_more_set_end": EMPTY,
    "property-path/zero_or_one_set_start": EMPTY,
    "property-path/zero_or_one_set_end": EMPTY,
    **{f"service/service{name}": "SERVICE is refused" for name in ("1", "2", "3", "4a", "5", "6", "7")},
}
REGIMES: Final = "entailment"
"""The folder of tests of entailment regimes, none of which the service has; what needs none of them is answered."""
REGIME: Final = "the service answers by simple entailment; the test wants what its regime adds"
ENTAILED: Final = """
    paper-sparqldl-Q1 paper-sparqldl-Q1-rdfs paper-sparqldl-Q2 paper-sparqldl-Q3 paper-sparqldl-Q4 parent3 parent4
    parent5 parent6 parent7 parent8 parent9 parent10 rdf01 rdfs01 rdfs02 rdfs03 rdfs04 rdfs05 rdfs06 rdfs07 rdfs09
    rdfs10 rdfs11 rif01 rif03 rif04 rif06 simple1 simple2 simple3 simple4 simple5 simple6 simple7 simple8 sparqldl-02
    sparqldl-03 sparqldl-10 sparqldl-11 sparqldl-12 sparqldl-13
"""


def ways(entry: Entry) -> Iterator[str]:
    """Give the ways to ask a test's query: `plain` over all there is, and over the `graphs` that the request names."""
    has_dataset = "FROM <" in entry.text
    if has_dataset or not entry.data.named:
        yield "plain"
    if not has_dataset and entry.data.files:
        yield "graphs"


def cases() -> list[tuple[str, tuple[Entry, str, str]]]:
    found = [
        (entry, stored, way)
        for entry in entries(*EVALUATION)
        for way in ways(entry)
        for stored in STORED
        if entry.data.folder != REGIMES or (stored, way) == (STORED[0], "plain")
    ]
    found.sort(key=lambda case: (case[0].data, case[1]))
    return [(f"{entry.id} {stored} {way}", (entry, stored, way)) for entry, stored, way in found]


def protocol(data: Data) -> list[tuple[str, str]]:
    """Name graphs as the protocol does."""
    default = [("default-graph-uri", address) for address in data.default]
    return default + [("named-graph-uri", address) for address in data.named]


@pytest.mark.parametrize("case", params(cases(), GAPS | {f"{REGIMES}/{name}": REGIME for name in ENTAILED.split()}))
def test_a_query_is_answered_as_the_manifest_says(shared: Path, asked: Service, case: tuple[Entry, str, str]) -> None:
    entry, stored, way = case
    assert shared.is_dir()
    assert entry.result is not None, "there is an answer to compare with"
    ending = entry.result[entry.result.rindex(".") :]
    wanted = read(local(entry.result).read_bytes(), ending, entry.result)
    asked.serve(entry.data, is_columns=stored == "columns")
    form = ENDINGS.get(ending, XML if isinstance(wanted, Table | bool) else N_TRIPLES)
    answer = asked.ask(entry.text, form.media_type, protocol(entry.data) if way == "graphs" else ())
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == form.content_type
    found = read(answer.content, {N_TRIPLES: ".nt", XML: ".srx"}.get(form, ending))
    assert (said := difference(wanted, found, is_ordered=is_ordered(entry.text))) == "", said


def test_most_of_what_is_asked_is_in_columns(shared: Path) -> None:
    assert shared.is_dir()
    of_all, in_columns = 0, 0
    for data in {entry.data for entry in entries(*EVALUATION)}:
        graphs = {address: subjects(address) for address in data.files}
        prefixes = [prefix for prefix, _ in divided(graphs)]
        for subject in (subject for found in graphs.values() for subject in found):
            of_all += 1
            in_columns += any(subject.startswith(f"<{prefix}") for prefix in prefixes)
    assert in_columns > of_all / 2
