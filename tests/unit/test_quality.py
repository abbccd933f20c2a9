"""What is measured of a dataset is what is in its tables, and nothing is said that was not measured."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from loader.gate.policy import RULES, Policy
from loader.integrity import read_cells
from loader.mapping import read_mapping
from loader.quality import CONSTRAINTS, Findings, end_of_edition, labels_of, measure, quality_triples, rules_applied
from loader.release import FileRecord
from loader.sources import FileReading
from loader.structure import derive_structure
from loader.tidying import LeftOut
from loader.uris import Uris
from loader.vocabulary import packaged_ontology, read_vocabulary
from ontology.terms import DQV, RDF, SDMX_ATTRIBUTE
from tests.integration import tiny

if TYPE_CHECKING:
    from pathlib import Path

URIS = Uris("http://example.org")
VOCABULARY = read_vocabulary(packaged_ontology(), URIS)
STATUS: dict[str, object] = {
    "name": "status",
    "titles": "Status",
    "propertyUrl": SDMX_ATTRIBUTE.obsStatus.value,
    "valueUrl": "http://purl.org/linked-data/sdmx/2009/code#obsStatus-{status}",
}
REVISED: dict[str, object] = {
    "name": "revised",
    "titles": "Revised",
    "datatype": {"base": "boolean", "format": "Y|N"},
    "propertyUrl": "../../def/attribute/revised",
}
MISSING = ("E06000001,2025-04,10,A,N", "E06000001,2025-05,,M,N", "W06000015,2025-04,30,A,Y", "W06000015,2025-05,,M,N")


def findings(
    root: Path,
    rows: tuple[str, ...] = tiny.ROWS,
    source: str = tiny.SOURCE,
    *,
    has_status: bool = False,
    readings: tuple[FileReading, ...] = (),
    issued: date | None = None,
) -> Findings:
    """Read the tiny dataset as a build does, without its checks."""
    columns = [*tiny.COLUMNS[:3], STATUS, REVISED, *tiny.COLUMNS[3:]] if has_status else tiny.COLUMNS
    columns = [{key: value for key, value in column.items() if key != "required"} for column in columns]
    folder = tiny.write_mapping(root, rows, source, tiny.metadata(columns)) / "tiny"
    if has_status:
        path = folder / "tiny.csv"
        path.write_text(path.read_text("utf-8").replace(tiny.HEADER, f"{tiny.HEADER},Status,Revised", 1), "utf-8")
    mapping = read_mapping("tiny", folder, URIS)
    cells = read_cells(mapping.main, mapping.main.csv, "tiny.csv")
    structure = derive_structure(mapping, cells.rows, VOCABULARY, URIS)
    lists = {"http://example.org/def/concept-scheme/area", "http://example.org/def/concept-scheme/period"}
    labels = labels_of(VOCABULARY.triples)
    return Findings(mapping, ((mapping.main, cells),), structure, readings, issued, lists, labels)


def figures(found: Findings) -> dict[str, int | bool]:
    """Give the measurements by the end of their address."""
    return {"/".join((one.metric, *one.detail)): one.value for one in measure(found, URIS)}


def reading(name: str, read: int, skipped: tuple[str, ...], held: tuple[str, ...]) -> FileReading:
    out = [tuple(LeftOut(line, reason) for line, reason in enumerate(reasons)) for reasons in (skipped, held)]
    return FileReading(FileRecord(name, "0" * 64, 1), None, read, read - len(skipped) - len(held), *out)


def test_cells_and_figures_are_counted_as_they_are(tmp_path: Path) -> None:
    found = figures(findings(tmp_path, MISSING, has_status=True))
    assert found["rows-published"] == 4
    assert (found["cells-filled"], found["cells-empty"]) == (18, 2)
    assert (found["cells-filled/tiny/households"], found["cells-empty/tiny/households"]) == (2, 2)
    assert found["cells-empty/tiny/area"] == 0
    assert (found["observations-with-figure"], found["observations-without-figure"]) == (2, 2)
    assert found["observations-without-figure/obsstatus-m"] == 2
    assert "observations-without-figure/obsstatus-a" not in found
    assert (found["observations-by-status/obsstatus-a"], found["observations-by-status/obsstatus-m"]) == (2, 2)
    assert found["observations-revised"] == 1


def test_what_a_dataset_does_not_have_is_not_measured(tmp_path: Path) -> None:
    found = figures(findings(tmp_path))
    for metric in ("rows-read", "rows-left-out", "rows-held", "observations-revised", "days-to-publication"):
        assert metric not in found
    assert not [name for name in found if name.startswith("observations-by-status")]


def test_keys_and_codes(tmp_path: Path) -> None:
    found = figures(findings(tmp_path, (*tiny.ROWS, tiny.ROWS[0])))
    assert found["duplicate-keys"] == 1
    assert (found["coded-columns"], found["codes-outside-list"]) == (2, 0)
    assert all(found[name] is True for name in CONSTRAINTS)


def test_rows_left_out_are_counted_by_reason_and_by_file(tmp_path: Path) -> None:
    readings = (
        reading("a.csv", 5, ("total row", "no figure: '-'", "no figure: 'x'"), ()),
        reading("b.csv", 4, ("total row",), ("payee held",)),
    )
    found = figures(findings(tmp_path, readings=readings))
    assert (found["rows-read"], found["rows-left-out"], found["rows-held"]) == (9, 5, 1)
    assert found["rows-unaccounted"] == 0
    assert found["rows-left-out/total-row"] == 2
    assert found["rows-left-out/payee-held"] == 1
    assert (found["rows-left-out/no-figure"], found["rows-left-out/no-figure-x"]) == (1, 1)
    assert (found["rows-read/of/a.csv"], found["rows-left-out/of/a.csv"]) == (5, 3)
    assert (found["rows-read/of/b.csv"], found["rows-left-out/of/b.csv"]) == (4, 2)


def test_reasons_that_look_alike_stay_apart(tmp_path: Path) -> None:
    readings = (reading("a.csv", 6, ("no figure: '-'", "no figure", "…"), ()),)
    found = figures(findings(tmp_path, readings=readings))
    names = [name for name in found if name.startswith("rows-left-out/") and "/of/" not in name]
    assert sorted(names) == ["rows-left-out/no-figure", "rows-left-out/no-figure-2", "rows-left-out/reason"]


def test_rows_that_became_one_are_not_accounted_for(tmp_path: Path) -> None:
    assert figures(findings(tmp_path, readings=(reading("a.csv", 7, (), ()),)))["rows-unaccounted"] == 3


@pytest.mark.parametrize(
    ("edition", "expected"),
    [
        ("2025", date(2025, 12, 31)),
        ("2025-05", date(2025, 5, 31)),
        ("2024-02", date(2024, 2, 29)),
        ("2025-05-12", date(2025, 5, 12)),
        ("2023-2024", date(2024, 3, 31)),
        ("2025-13", None),
        ("2025-02-30", None),
        (None, None),
    ],
)
def test_the_end_of_an_edition(edition: str | None, expected: date | None) -> None:
    assert end_of_edition(edition) == expected


@pytest.mark.parametrize(
    ("issued", "days"),
    [(date(2025, 7, 15), 45), (date(2025, 5, 31), 0), (date(2025, 5, 30), None), (None, None)],
)
def test_days_to_publication_need_both_days(issued: date | None, days: int | None, tmp_path: Path) -> None:
    assert figures(findings(tmp_path, issued=issued)).get("days-to-publication") == days


@pytest.mark.parametrize(
    ("policy", "is_cube", "expected"),
    [
        (Policy("counts"), True, {"record-level", "small-counts", "markers"}),
        (Policy("counts"), False, {"record-level"}),
        (Policy("counts", exemptions={"small-counts": "rounded"}), True, {"record-level", "markers"}),
        (Policy("counts", rounding_base=5), True, {"record-level", "small-counts", "markers", "rounding"}),
        (Policy("money", totals={"area": "all"}), True, {"record-level", "markers", "recoverable"}),
        (Policy("money", contributors=("payee",)), True, {"record-level", "markers", "dominance"}),
        (Policy("records"), False, {"record-level"}),
    ],
)
def test_a_rule_is_passed_only_if_it_had_something_to_look_at(
    policy: Policy, is_cube: bool, expected: set[str]
) -> None:
    assert set(rules_applied(policy, is_cube=is_cube)) == expected


def objects(triples: list[Triple], subject: NamedNode, predicate: NamedNode) -> list[str]:
    return [
        triple.object.value
        for triple in triples
        if triple.subject == subject
        and triple.predicate == predicate
        and isinstance(triple.object, NamedNode | Literal)
    ]


POLICY = """
[policy]
kind = "counts"
threshold = 10
rounding_base = 10
perturbed = "changed at random for tests"
markers = ["[c]"]
[policy.exemptions]
recoverable = "Rounded at random."
"""


def test_disclosure_control_is_said_as_declared_and_as_a_choice(tmp_path: Path) -> None:
    source = tiny.SOURCE.replace(tiny.POLICY, "") + POLICY
    triples = list(quality_triples(findings(tmp_path, source=source), URIS))
    node = URIS.quality("tiny", "policy")
    said = {name: objects(triples, node, URIS.property(name)) for name in ("smallest-count", "rounding-base", "marker")}
    assert said == {"smallest-count": ["10"], "rounding-base": ["10"], "marker": ["[c]"]}
    assert objects(triples, node, URIS.property("perturbation")) == ["changed at random for tests"]
    assert "not a rule of the department" in next(
        triple.object.value
        for triple in triples
        if triple.subject == node
        and isinstance(triple.object, Literal)
        and triple.object.language == "en"
        and triple.predicate.value.endswith("#comment")
    )
    exemption = URIS.quality("tiny", "policy", "recoverable")
    assert objects(triples, exemption, URIS.property("reason")) == ["Rounded at random."]
    notes = [triple.object for triple in triples if triple.predicate == DQV.hasQualityAnnotation]
    assert notes == [URIS.quality("tiny", "note", "perturbed")]


def test_everything_named_is_declared_and_nothing_is_blank(tmp_path: Path) -> None:
    readings = (reading("a.csv", 5, ("total row",), ()),)
    found = findings(tmp_path, MISSING, has_status=True, readings=readings, issued=date(2025, 7, 15))
    triples = list(quality_triples(found, URIS))
    assert len(triples) == len(set(triples))
    assert not [triple for triple in triples if BlankNode in {type(triple.subject), type(triple.object)}]
    own = {triple.subject.value for triple in triples if isinstance(triple.subject, NamedNode)}
    outside = {iri for iri in own if not iri.startswith("http://example.org/data/tiny")}
    assert outside == set()
    metrics = {triple.object.value for triple in triples if triple.predicate == DQV.isMeasurementOf}  # type: ignore[union-attr]
    properties = {
        triple.predicate.value for triple in triples if triple.predicate.value.startswith("http://example.org")
    }
    assert metrics | properties <= VOCABULARY.declared


def test_every_metric_is_in_one_of_the_six_dimensions_and_numbered_once() -> None:
    metrics = {t.subject for t in VOCABULARY.triples if t.predicate == RDF.type and t.object == DQV.Metric}
    within = {t.subject: t.object for t in VOCABULARY.triples if t.predicate == DQV.inDimension}
    dimensions = {t.subject for t in VOCABULARY.triples if t.predicate == RDF.type and t.object == DQV.Dimension}
    numbers = [
        t.object.value  # type: ignore[union-attr]
        for t in VOCABULARY.triples
        if t.subject in metrics and t.predicate.value.endswith("#notation")
    ]
    assert len(dimensions) == 6
    assert within.keys() == metrics
    assert set(within.values()) == dimensions
    assert len(numbers) == len(set(numbers)) == len(metrics)


def test_every_rule_of_the_gate_is_described() -> None:
    described = {URIS.concept("disclosure-rule", rule).value for rule in RULES}
    assert described <= VOCABULARY.declared
