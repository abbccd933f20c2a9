"""What markers mean, cell by cell: split by `explain`, declared in a policy, read by the audit."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from loader.gate.counts import read_figures
from loader.gate.policy import Policy, read_policy
from loader.markers import MEANINGS, STANDARD, STATUS_LIST, explain, explains, guess
from loader.uris import Uris
from loader.vocabulary import packaged_ontology, read_vocabulary
from ontology.terms import SDMX_CODE, SKOS

DOCS = Path(__file__).parent.parent.parent / "docs" / "markers.md"
DECLARED = STANDARD | {"..": "x", "-": "z", "p": "p", "[p][e]": "e"}
URIS = Uris("http://example.org")


def split(cell: str | None, *old: str | None) -> tuple[str | None, ...]:
    """Give figure, status, further status and confidentiality of one cell; `old` is what the columns hold before."""
    schema = ["n", "status", "further_status", "confidentiality"][: len(old) + 1]
    frame = pl.DataFrame(
        {name: [value] for name, value in zip(schema, (cell, *old), strict=True)}, dict.fromkeys(schema, pl.String)
    )
    found = explain(frame, "n", DECLARED)
    assert found.columns == ["n", "status", "further_status", "confidentiality"]
    return found.row(0)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12", ("12", None, None, None)),
        ("-5", ("-5", None, None, None)),
        (None, (None, None, None, None)),
        ("[c]", (None, "M", None, "C")),
        (" [c] ", (None, "M", None, "C")),
        ("[x]", (None, "M", None, None)),
        ("..", (None, "M", None, None)),
        ("[z]", (None, None, "not-applicable", None)),
        ("-", (None, None, "not-applicable", None)),
        ("[u]", (None, None, "low-reliability", None)),
        ("[low]", (None, None, "low-figure", None)),
        ("[p]", (None, "P", "not-given", None)),
        ("[b]", (None, "B", "not-given", None)),
        ("[r]", (None, "M", "revised", None)),
        ("[c][p]", (None, "P", None, "C")),
        ("1234 [p]", ("1234", "P", None, None)),
        ("1,234,567 p", ("1234567", "P", None, None)),
        ("1234p", ("1234", "P", None, None)),
        ("12.5[e]", ("12.5", "E", None, None)),
        ("-3 [r]", ("-3", None, "revised", None)),
        ("5 [r] [b]", ("5", "B", "revised", None)),
        ("7 [p][e]", ("7", "E", None, None)),
        ("0 [low]", ("0", None, "low-figure", None)),
    ],
)
def test_a_cell_is_split(cell: str | None, expected: tuple[str | None, ...]) -> None:
    assert split(cell) == expected


@pytest.mark.parametrize(
    "cell", ["7 [c]", "7 [x]", "7 -", "[k]", "7 [k]", "*", "map", "p7", "1 2 3", "5 [b][p]", "[P]"]
)
def test_a_cell_that_cannot_be_split_stays_as_it_is(cell: str) -> None:
    assert split(cell)[1:] == (None, None, None)
    assert split(cell)[0] in (cell, cell.strip())


@pytest.mark.parametrize(
    ("cell", "old", "expected"),
    [
        ("[c]", ("P", None, None), (None, "P", None, "C")),
        ("[c]", ("A", None, None), (None, "M", None, "C")),
        ("[x]", ("P", None, None), ("[x]", "P", None, None)),
        ("[z]", ("A", None, None), (None, "M", "not-applicable", None)),
        ("5 [r]", ("A", None, None), ("5", "A", "revised", None)),
        ("5 [p]", ("A", None, None), ("5", "P", None, None)),
        ("5 [p]", ("P", None, None), ("5", "P", None, None)),
        ("[c]", (None, None, "D"), ("[c]", None, None, "D")),
        ("[z]", (None, "revised", None), ("[z]", None, "revised", None)),
        ("8", ("P", "revised", "F"), ("8", "P", "revised", "F")),
    ],
)
def test_codes_that_are_there_are_kept(
    cell: str, old: tuple[str | None, ...], expected: tuple[str | None, ...]
) -> None:
    assert split(cell, *old) == expected


def test_rows_and_other_columns_stay() -> None:
    frame = pl.DataFrame({"area": ["a", "b", "c"], "n": ["1", "[c]", "3 [p]"], "note": ["[c]", "x", None]})
    found = explain(frame, "n", STANDARD, {"status": "s", "further_status": "f", "confidentiality": "k"})
    assert found.to_dict(as_series=False) == {
        "area": ["a", "b", "c"],
        "n": ["1", None, "3"],
        "note": ["[c]", "x", None],
        "s": [None, "M", "P"],
        "f": [None, None, None],
        "k": [None, "C", None],
    }


def test_a_frame_without_rows_is_split() -> None:
    assert explain(pl.DataFrame({"n": []}, {"n": pl.String}), "n", STANDARD).height == 0


def test_every_code_is_in_a_code_list() -> None:
    triples = read_vocabulary(packaged_ontology(), URIS).triples
    listed = {
        (triple.object.value, triple.subject.value)  # type: ignore[union-attr]
        for triple in triples
        if triple.predicate == SKOS.inScheme
    }
    statuses = URIS.scheme(STATUS_LIST).value
    for meaning in MEANINGS.values():
        if meaning.status is not None:
            assert (statuses, f"{SDMX_CODE.obsStatus.value}-{meaning.status}") in listed
        if meaning.further_status is not None:
            assert (statuses, URIS.concept(STATUS_LIST, meaning.further_status).value) in listed
        if meaning.confidentiality is not None:
            assert (SDMX_CODE.confStatus.value, f"{SDMX_CODE.confStatus.value}-{meaning.confidentiality}") in listed


def test_our_own_codes_are_defined_and_only_some_explain_an_absence() -> None:
    triples = read_vocabulary(packaged_ontology(), URIS).triples
    start = URIS.concept(STATUS_LIST, "").value
    own = {iri for triple in triples if (iri := str(triple.subject).strip("<>")).startswith(start)}
    assert {iri for iri in own if not explains(iri)} == {f"{start}revised"}
    assert len(own) == 5
    assert own <= {str(triple.subject).strip("<>") for triple in triples if triple.predicate == SKOS.definition}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("obsStatus-A", False),
        ("obsStatus-P", False),
        ("obsStatus-M", True),
        ("obsStatus-S", True),
        ("confStatus-F", False),
        ("confStatus-C", True),
        ("confStatus-D", True),
    ],
)
def test_what_explains_an_absence(code: str, expected: bool) -> None:
    assert explains(SDMX_CODE.NAMESPACE + code) is expected


@pytest.mark.parametrize(
    ("marker", "meaning"),
    [("[c]", "c"), ("[LOW]", "low"), ("*", "c"), ("-", "z"), ("..", "x"), ("n/a", "x"), ("[k]", "x")],
)
def test_a_marker_nobody_explained_is_guessed(marker: str, meaning: str) -> None:
    assert guess(marker) == meaning


# In a policy


def test_the_list_form_knows_standard_markers_only() -> None:
    policy, problems = read_policy({"kind": "counts", "markers": ["[c]", ".."]}, "source.toml")
    assert (policy.markers, dict(policy.meanings), problems) == (("[c]", ".."), {"[c]": "c"}, [])


def test_the_table_form_gives_meanings() -> None:
    policy, problems = read_policy({"kind": "counts", "markers": {"..": "x", "-": "[z]"}}, "source.toml")
    assert (policy.markers, dict(policy.meanings), problems) == (("..", "-"), {"..": "x", "-": "z"}, [])


@pytest.mark.parametrize("markers", [{"..": "gone"}, {"..": 1}, {" ": "x"}, "..", 0, "", [""], True])
def test_a_meaning_that_is_not_known_stops_the_build(markers: object) -> None:
    _, problems = read_policy({"kind": "counts", "markers": markers}, "source.toml")
    assert [problem.code for problem in problems] == ["GATE-02"]
    assert "not applicable" in problems[0].hint


def test_every_meaning_is_documented() -> None:
    text = DOCS.read_text("utf-8")
    for shorthand, meaning in MEANINGS.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `[{shorthand}]` |")]
        for code in (meaning.further_status, meaning.confidentiality):
            assert code is None or f"`{code}`" in row
        assert meaning.status is None or f"`{meaning.status}`" in row
        assert ("is refused" in row) is meaning.is_absence


# For the audit


def test_a_cell_moved_to_the_column_of_statuses_is_read_as_its_marker_was() -> None:
    cells = {"area": ["a", "b", "c"], "line": [2, 3, 4]}
    before = pl.DataFrame(cells | {"n": ["[z]", "[c]", "10"]})
    after = pl.DataFrame(cells | {"n": [None, None, "10"], "more": ["not-applicable", None, None]})
    policy = Policy("counts")
    expected = read_figures(before, ("area",), "n", policy, "line").rows
    found = read_figures(after, ("area",), "n", policy, "line", {"more": "not-applicable"}).rows
    assert found.equals(expected)
    assert expected["is_absent"].to_list() == [True, False, False]
    assert expected["is_hidden"].to_list() == [False, True, False]
