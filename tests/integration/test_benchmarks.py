"""What benchmarks rest on: their data passes every check, their queries mean what they say, their records last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from pyoxigraph import QueryResultsFormat, QuerySolutions, RdfFormat, Store

from benchmarks.cubes import QUERIES as FIRST
from benchmarks.growth import BUILD, LOAD, OPTIMISE, OURS, PEER, Log, Measurement, panels, report
from benchmarks.lookups import Compared as Looked
from benchmarks.lookups import Rate
from benchmarks.lookups import table as lookups_table
from benchmarks.made_up import Shape, shape_of, write_mappings
from benchmarks.plot import draw
from benchmarks.servers import BASE
from benchmarks.serving import PREFIXES, QUERIES, Compared, are_same, is_whole, rows_of, table, verdict
from endpoint.serving import open_serving
from endpoint.source import Scope
from loader.build import Plan, build
from loader.dumps import dump_names, quads
from loader.progress import LogWatcher

if TYPE_CHECKING:
    from pathlib import Path

    from endpoint.serving import Serving
    from endpoint.source import Answer

SHAPE = Shape(45, 2, 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """A release of the made-up folders; that there is one says that every check passed."""
    folder = tmp_path_factory.mktemp("made-up")
    write_mappings(folder / "mappings", SHAPE)
    return open_serving(build(Plan(mappings=folder / "mappings", base=BASE), folder / "out", LogWatcher()))


@pytest.fixture(scope="module")
def plain(made: Serving) -> Store:
    """The same triples, all in one store."""
    store = Store()
    for name in dump_names(made.release):
        store.load(b"".join(quads(made.release, name)), format=RdfFormat.N_QUADS)
    return store


def test_a_shape_has_the_observations_it_was_asked_for() -> None:
    for wanted in (1, 100_000, 1_000_000, 10_000_000):
        assert wanted <= shape_of(wanted).observations <= max(800, 1.08 * wanted)


def test_all_observations_are_in_columns(made: Serving) -> None:
    assert sum(cube.rows for cube in made.release.cubes()) == SHAPE.observations


@pytest.mark.parametrize("name", [*QUERIES, *FIRST])
def test_columns_and_store_give_the_same_rows(made: Serving, plain: Store, name: str) -> None:
    query = PREFIXES + (QUERIES | FIRST)[name]
    expected = written(plain.query(query, use_default_graph_as_union=True))
    assert bool(rows_of(expected)) != (name == "what points at an observation")
    assert are_same(written(made.source.answer(query, Scope.UNION)), expected, query)


def written(answer: Answer) -> bytes:
    assert isinstance(answer, QuerySolutions)
    return answer.serialize(format=QueryResultsFormat.JSON) or b""


def body(*values: tuple[str, str]) -> bytes:
    xsd = "http://www.w3.org/2001/XMLSchema#"
    terms = [{"type": "literal", "value": value, "datatype": xsd + datatype} for value, datatype in values]
    return json.dumps({"head": {"vars": ["x"]}, "results": {"bindings": [{"x": term} for term in terms]}}).encode()


def test_answers_are_compared_by_value_and_datatype_as_multisets() -> None:
    decimal = body(("0.70", "decimal"), ("1", "integer"))
    assert rows_of(decimal) == rows_of(body(("1", "integer"), ("0.7", "decimal")))
    assert rows_of(body(("100", "integer"))) != rows_of(body(("1", "integer")))
    assert rows_of(body(("1", "integer"))) != rows_of(body(("1", "decimal")))
    assert rows_of(body(("0.70", "string"))) != rows_of(body(("0.7", "string")))
    assert rows_of(decimal) != rows_of(body(("0.70", "decimal"), ("1", "integer"), ("1", "integer")))


def test_a_query_that_was_ended_is_a_lower_bound() -> None:
    compared = [Compared("one", 1, 0.1, 4.0, False), Compared("two", 1, 0.1, 0.9, True)]
    lines = table(compared)
    assert lines[2].endswith("| 0.1000 | 4.000 | 40.0 |")
    assert lines[3].endswith("| 0.1000 | > 0.900 | > 9.0 |")
    said, is_met = verdict(compared)
    assert said.startswith("Geometric mean at least 19.0, lowest 9.0")
    assert not is_met
    assert verdict(compared[:1])[1]
    assert not verdict([*compared[:1] * 9, Compared("slower", 1, 0.2, 0.1, False)])[1]


def test_an_answer_that_breaks_off_is_none() -> None:
    whole = body(("1", "integer"), ("2", "integer"))
    assert is_whole(whole)
    assert not is_whole(whole[:-2])


def test_of_any_few_rows_the_number_is_compared() -> None:
    one, other = body(("1", "integer")), body(("2", "integer"))
    assert are_same(one, other, "SELECT * { ?s ?p ?o } LIMIT 1")
    assert not are_same(one, other, "SELECT * { ?s ?p ?o } ORDER BY ?o LIMIT 1")
    assert not are_same(one, body(), "SELECT * { ?s ?p ?o } LIMIT 1")


def test_a_stopped_run_goes_on_with_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "measurements.jsonl"
    log = Log(path)
    log.note(Measurement(100, OURS, BUILD, 3.0, 50.0, 2_000_000, load=1.0))
    log.note(Measurement(100, OURS, BUILD, 2.0, 50.0, 2_000_000, load=0.5))
    again = Log(path)
    assert [one.seconds for one in again] == [2.0]
    assert again.get(100, PEER, LOAD) is None


def test_the_report_has_every_figure(tmp_path: Path) -> None:
    log = Log(tmp_path / "measurements.jsonl")
    for size in (100, 1000):
        log.note(Measurement(size, OURS, BUILD, 2.0, 50.0, 2_000_000, load=0.5))
        for name in QUERIES:
            log.note(Measurement(size, OURS, name, 0.01, rows=3, load=0.5))
    log.note(Measurement(100, PEER, LOAD, 3.0, 80.0, 9_000_000, load=1.5))
    log.note(Measurement(100, PEER, OPTIMISE, 1.0, 70.0, 8_000_000, load=1.5))
    for name in QUERIES:
        log.note(Measurement(100, PEER, name, 0.5, rows=3, is_capped=True, load=1.5))
    text = "\n".join(report(log))
    assert "| 100 | every triple (oxigraph) | 4.0 | 80 | 8.0 |" in text
    assert "| sum by area | 0.01 | > 0.5 | > 50.0 | 0.01 |  |  |" in text
    assert "| geometric mean | 0.01 | > 0.5 | > 50.0 | 0.01 |  |  |" in text
    assert "0.5 to 1.5" in text
    drawn = ET.fromstring(draw(panels(log), "Growth", "A & B"))
    assert len(drawn.findall(".//{*}circle")) == 4 * 3


def test_rates_are_compared_within_a_run() -> None:
    ours = [Rate(per_s, [1.0, 2.0, 30.0]) for per_s in (100.0, 10.0, 40.0)]
    peer = [Rate(per_s, [0.5]) for per_s in (50.0, 10.0, 80.0)]
    looked = Looked("one", ours, peer, 0.5)
    assert looked.ratio == 1.0
    assert lookups_table([looked])[2] == "| one | 40 | 2.00 | 30.00 | 50 | 0.50 | 0.50 | 1.00 | 0.5 |"
