"""The gate stands in every build: nothing personal passes, and what it says repeats nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loader.build import Plan, build, check
from loader.errors import ProblemsError
from loader.progress import LogWatcher
from loader.release import open_release
from tests.integration import tiny

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loader.errors import Problem

NOTE: dict[str, object] = {"name": "note", "titles": "Remark", "suppressOutput": True}


def problems_with(tmp_path: Path, note: str, title: str = "Remark", source: str = tiny.SOURCE) -> list[Problem]:
    """Check the tiny table with one more column, which goes into no triple but into the published table."""
    document = tiny.metadata([*tiny.COLUMNS[:3], NOTE | {"titles": title}, *tiny.COLUMNS[3:]])
    mappings = tiny.write_mapping(tmp_path, source=source, document=document)
    table = f"{tiny.HEADER},{title}\nE06000001,2025-04,10,fine\nE06000001,2025-05,20,{note}\n"
    (mappings / "tiny" / "tiny.csv").write_text(table, "utf-8")
    return check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())


@pytest.mark.parametrize(
    "note",
    [
        "claimant AB 12 34 56 C rang",
        "write to jane.roe@example.org",
        "rang from 07911 123456",
        "born 12/03/1980",
        "sort code 20-00-00 account 55779911",
        "lives at SW1A 2AA",
        "paid to MR J SMITH",
        "ＡＢ１２３４５６Ｃ",
    ],
)
def test_personal_data_stops_the_build_and_is_not_repeated(tmp_path: Path, note: str) -> None:
    problems = problems_with(tmp_path, note)
    assert problems
    for problem in problems:
        assert problem.code.startswith("GATE-")
        assert "tiny.csv:3, column 'note'" in problem.where
        assert note not in str(problem)
        assert problem.hint


@pytest.mark.parametrize("title", ["Surname", "Date of birth", "NI number", "E-mail"])
def test_a_personal_header_stops_the_build(tmp_path: Path, title: str) -> None:
    assert {problem.code for problem in problems_with(tmp_path, "", title)} == {"GATE-10"}


def test_harmless_text_passes(tmp_path: Path) -> None:
    assert problems_with(tmp_path, "revised figure for E06000001: see table 3 of 2025-05") == []


def test_small_counts_stop_a_table_of_counts(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path, ("E06000001,2025-04,10", "E06000001,2025-05,3"))
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert [problem.where.rpartition("/")[2] for problem in problems] == ["tiny.csv:3, column 'households'"]


@pytest.mark.parametrize("policy", ['kind = "sundry"', 'kinds = "counts"', 'kind = "counts", treshold = 3'])
def test_an_unknown_policy_stops_the_build(tmp_path: Path, policy: str) -> None:
    source = tiny.SOURCE.replace(tiny.POLICY, f"policy = {{ {policy} }}")
    mappings = tiny.write_mapping(tmp_path, source=source)
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert {problem.code for problem in problems} == {"GATE-02"}


def test_a_dataset_without_a_policy_stops_the_build(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path, source=tiny.SOURCE.replace(tiny.POLICY, ""))
    (problem,) = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert problem.code == "GATE-01"
    assert problem.where.endswith("tiny/source.toml")
    assert "[policy]" in problem.hint


def test_a_policy_that_is_no_table_is_one_problem(tmp_path: Path) -> None:
    source = tiny.SOURCE.replace(tiny.POLICY, 'policy = "counts"')
    problems = check(Plan(datasets=("tiny",), mappings=tiny.write_mapping(tmp_path, source=source)), LogWatcher())
    assert [problem.code for problem in problems] == ["MAP-05"]


class Saying(LogWatcher):
    """Keeps what a build says."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def said(self, text: str) -> None:
        """Keep it."""
        self.texts.append(text)


def policy(text: str) -> str:
    """Give the source of the tiny dataset with another policy."""
    return tiny.SOURCE.replace(tiny.POLICY, f"policy = {{ {text} }}")


# Columns that nobody declared


@pytest.mark.parametrize("header", ["Surname", "Remark"])
def test_a_column_that_the_mapping_does_not_list_stops_the_build_even_if_it_is_empty(
    tmp_path: Path, header: str
) -> None:
    mappings = tiny.write_mapping(tmp_path)
    (mappings / "tiny" / "tiny.csv").write_text(f"{tiny.HEADER},{header}\nE06000001,2025-04,10,\n", "utf-8")
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert any(header in str(problem) for problem in problems)
    assert all("tiny.csv" in problem.where for problem in problems)


# Totals that give cells away, by code lists

NESTED = 'kind = "counts", nested = ["area"]'
REGIONS = ("E12000001", "E12000002", "E12000003", "E12000004", "E12000005")
OTHERS = ("E12000006", "E12000007", "E12000008", "E12000009")
SDMX = "http://purl.org/linked-data/sdmx/2009"
WITHHELD: list[dict[str, object]] = [
    {key: value for key, value in tiny.COLUMNS[2].items() if key != "required"},
    {
        "name": "status",
        "titles": "Status",
        "propertyUrl": f"{SDMX}/attribute#obsStatus",
        "valueUrl": f"{SDMX}/code#obsStatus-{{status}}",
    },
    {
        "name": "confidentiality",
        "titles": "Confidentiality",
        "propertyUrl": f"{SDMX}/attribute#confStatus",
        "valueUrl": f"{SDMX}/code#confStatus-{{confidentiality}}",
    },
]


def regions(tmp_path: Path, hidden: Sequence[str], text: str = NESTED) -> Path:
    """Write a table of England and its regions in which figures of some regions are withheld in one month."""
    rows = [f"{area},2025-05,{'[c]' if area in hidden else 100}" for area in (*REGIONS, *OTHERS)]
    rows += [f"{area},2025-04,100" for area in (*REGIONS, *OTHERS)]
    rows += ["E92000001,2025-04,900", "E92000001,2025-05,900"]
    document = tiny.metadata([*tiny.COLUMNS[:2], *WITHHELD, *tiny.COLUMNS[3:]])
    return tiny.write_mapping(tmp_path, tuple(rows), policy(f'{text}, markers = {{ "[c]" = "c" }}'), document)


def suppressed(tmp_path: Path, hidden: Sequence[str], text: str = NESTED) -> list[Problem]:
    """Check that table."""
    return check(Plan(datasets=("tiny",), mappings=regions(tmp_path, hidden, text)), LogWatcher())


def test_a_withheld_cell_that_a_code_list_gives_away_stops_the_build(tmp_path: Path) -> None:
    mappings, out = regions(tmp_path, REGIONS[:2]), tmp_path / "out"
    first = build(Plan(("tiny",), mappings), out, LogWatcher())
    rewrite(mappings, "E12000002,2025-05,[c]", "E12000002,2025-05,100")
    with pytest.raises(ProblemsError) as caught:
        build(Plan(("tiny",), mappings), out, LogWatcher())
    (problem,) = caught.value.problems
    assert problem.code == "GATE-20"
    assert "the suppressed cell (area E12000001, period 2025-05) can be worked out exactly" in problem.message
    assert "the total of area (E92000001) for period 2025-05" in problem.message
    assert problem.where.endswith("tiny.csv:2, column 'households'")
    assert (out / "current").resolve() == first.resolve()


def test_suppressed_cells_that_protect_one_another_pass(tmp_path: Path) -> None:
    assert suppressed(tmp_path, REGIONS[:2]) == []


def test_totals_by_the_text_of_cells(tmp_path: Path) -> None:
    (problem,) = suppressed(tmp_path, REGIONS[:1], 'kind = "counts", totals = { area = "E92000001" }')
    assert problem.code == "GATE-20"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('nested = ["households"]', "'households' is not the column that a dimension's codes are made of"),
        ('totals = { area = "E99999999" }', "no cell of 'area' has the code 'E99999999'"),
        ('totals = { households = "10" }', "'households' is no dimension"),
        ('kinds = { households = "money" }', "the table has no measure called 'households'"),
        ('kinds = { households = "sundry" }', "'sundry' under 'kinds' is not a kind that is known"),
        ('overlaps = ["tiny"]', "no other dataset is called 'tiny'"),
        ('overlaps = ["nowhere"]', "no other dataset is called 'nowhere'"),
    ],
)
def test_a_policy_about_what_is_not_there_stops_the_build(tmp_path: Path, text: str, told: str) -> None:
    mappings = tiny.write_mapping(tmp_path, source=policy(f'kind = "counts", {text}'))
    (problem,) = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert (problem.code, told in problem.message) == ("GATE-02", True), problem.message


def test_a_dimension_whose_list_nests_nothing_cannot_be_nested(tmp_path: Path) -> None:
    rows = ("E06000001,2025-04,10", "E06000001,2025-05,20")
    mappings = tiny.write_mapping(tmp_path, rows, policy('kind = "counts", nested = ["period"]'))
    (problem,) = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert "no code list has a code of 'period' within another" in problem.message


def test_a_code_within_two_codes_of_the_table_cannot_be_nested(tmp_path: Path) -> None:
    """A month is within a quarter and a government year: a table with both would have two totals of it."""
    columns = [dict(column) for column in tiny.COLUMNS]
    columns[1] |= {"datatype": "string", "valueUrl": "http://reference.data.gov.uk/id/{+period}"}
    periods = ("month/2025-05", "quarter/2025-Q2", "government-year/2025-2026")
    rows = tuple(f"E06000001,{period},10" for period in periods)
    source = policy('kind = "counts", nested = ["period"]')
    mappings = tiny.write_mapping(tmp_path, rows, source, tiny.metadata(columns))
    (problem,) = check(Plan(("tiny",), mappings), LogWatcher())
    assert (problem.code, "'month/2025-05'" in problem.message) == ("GATE-02", True)
    (mappings / "tiny" / "tiny.csv").write_text("\n".join([tiny.HEADER, *rows[:2]]) + "\n", "utf-8")
    assert check(Plan(("tiny",), mappings), LogWatcher()) == []


# Releases and tables that give counts away together


def rewrite(mappings: Path, old: str, new: str, file: str = "tiny/tiny.csv") -> None:
    """Change a text of a mapping folder."""
    path = mappings / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize("is_fresh", [False, True])
def test_a_figure_that_changes_by_a_small_count_stops_the_build(tmp_path: Path, *, is_fresh: bool) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    first = build(Plan(("tiny",), mappings), out, LogWatcher())
    rewrite(mappings, "2025-05,20", "2025-05,22")
    with pytest.raises(ProblemsError) as caught:
        build(Plan(("tiny",), mappings, is_fresh=is_fresh), out, LogWatcher())
    (problem,) = caught.value.problems
    assert problem.code == "GATE-30"
    assert problem.where.endswith("tiny.csv:3, column 'households'")
    assert "22" not in problem.message
    assert (out / "current").resolve() == first.resolve()
    problems = check(Plan(("tiny",), mappings), LogWatcher(), open_release(out / "current"))
    assert problems == [problem]
    rewrite(mappings, "2025-05,22", "2025-05,25")
    assert build(Plan(("tiny",), mappings), out, LogWatcher()) != first


def test_a_source_that_revises_its_figures_may_say_so(tmp_path: Path) -> None:
    text = 'kind = "counts", exemptions = { differencing = "Provisional figures are replaced each month." }'
    mappings, out = tiny.write_mapping(tmp_path, source=policy(text)), tmp_path / "out"
    build(Plan(("tiny",), mappings), out, LogWatcher())
    rewrite(mappings, "2025-05,20", "2025-05,22")
    build(Plan(("tiny",), mappings), out, LogWatcher())


def test_a_perturbed_source_is_noted_as_not_compared(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path, source=policy('kind = "counts", perturbed = "random error"')), tmp_path
    watcher = Saying()
    build(Plan(("tiny",), mappings), out, watcher)
    assert watcher.texts == []
    rewrite(mappings, "2025-05,20", "2025-05,22")
    build(Plan(("tiny",), mappings), out, watcher)
    why = "the source perturbs its figures (random error)"
    assert watcher.texts == [f"tiny: not compared with the release before: {why}"]


def test_a_table_of_other_columns_is_noted_as_not_compared(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    build(Plan(("tiny",), mappings), out, LogWatcher())
    rewrite(mappings, "Area,Month,Households", "Area,Month,Homes")
    rewrite(mappings, '"Households"', '"Homes"', "tiny/tiny.csv-metadata.json")
    watcher = Saying()
    build(Plan(("tiny",), mappings), out, watcher)
    assert watcher.texts == ["tiny: not compared with the release before: its columns were others"]


def test_a_release_for_another_address_is_not_compared(tmp_path: Path) -> None:
    mappings, out = tiny.write_mapping(tmp_path), tmp_path / "out"
    build(Plan(("tiny",), mappings), out, LogWatcher())
    rewrite(mappings, "2025-05,20", "2025-05,22")
    build(Plan(("tiny",), mappings, base="http://data.example.org"), out, LogWatcher())


def overlapping(tmp_path: Path, other: str, other_policy: str = 'kind = "counts"') -> Path:
    """Write the tiny dataset, in which figures of two regions are left out, and another that overlaps it."""
    rows = [f"{area},2025-05,100" for area in (*REGIONS, *OTHERS)][2:]
    rows += [f"{area},2025-04,100" for area in (*REGIONS, *OTHERS)]
    text = 'kind = "counts", totals = { area = "E92000001" }, overlaps = ["other"]'
    mappings = tiny.write_mapping(tmp_path, (*rows, "E92000001,2025-04,900", "E92000001,2025-05,900"), policy(text))
    folder = mappings / "other"
    folder.mkdir()
    (folder / "source.toml").write_text(policy(other_policy), "utf-8")
    document = tiny.metadata().replace("tiny.csv", "other.csv").replace("../tiny", "../other")
    (folder / "other.csv-metadata.json").write_text(document, "utf-8")
    (folder / "other.csv").write_text(f"{tiny.HEADER}\n{other}\n", "utf-8")
    return mappings


def test_a_cell_suppressed_in_one_dataset_and_published_in_another_stops_the_build(tmp_path: Path) -> None:
    assert check(Plan(("tiny",), overlapping(tmp_path / "alone", "E12000003,2025-05,100")), LogWatcher()) == []
    mappings = overlapping(tmp_path, "E12000001,2025-05,100")
    (problem,) = check(Plan(("tiny", "other"), mappings), LogWatcher())
    assert problem.code == "GATE-33"
    assert "the missing cell (area E12000002, period 2025-05) can be worked out" in problem.message


def test_datasets_that_differ_by_a_small_count_stop_the_build(tmp_path: Path) -> None:
    mappings = overlapping(tmp_path, "E12000003,2025-05,102")
    problems = check(Plan(("tiny", "other"), mappings), LogWatcher())
    assert "GATE-32" in {problem.code for problem in problems}
    assert "differs by a count under 5" in problems[0].message


def test_datasets_without_a_measure_in_common_cannot_overlap(tmp_path: Path) -> None:
    mappings = overlapping(tmp_path, "E12000003,2025-05,100")
    rewrite(mappings, "measure/households", "measure/claimants", "other/other.csv-metadata.json")
    (problem,) = check(Plan(("tiny", "other"), mappings), LogWatcher())
    assert "no measure is in this dataset and in other" in problem.message


def test_datasets_of_a_perturbed_source_are_noted_as_not_audited_together(tmp_path: Path) -> None:
    mappings = overlapping(tmp_path, "E12000003,2025-05,102", 'kind = "counts", perturbed = "random error"')
    watcher = Saying()
    assert check(Plan(("tiny", "other"), mappings), watcher) == []
    (text,) = watcher.texts
    assert text.endswith("not audited together: the source of one perturbs its figures")


def test_what_was_taken_over_is_still_audited_with_what_is_new(tmp_path: Path) -> None:
    mappings, out = overlapping(tmp_path, "E12000003,2025-05,100"), tmp_path / "out"
    build(Plan(("tiny", "other"), mappings), out, LogWatcher())
    rewrite(mappings, "E12000003,2025-05,100", "E12000001,2025-05,100", "other/other.csv")
    with pytest.raises(ProblemsError) as caught:
        build(Plan(("tiny", "other"), mappings), out, LogWatcher())
    assert [problem.code for problem in caught.value.problems] == ["GATE-33"]


def test_the_dataset_that_overlaps_may_not_be_in_the_build(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path, source=policy('kind = "counts", overlaps = ["other"]'))
    overlapping(tmp_path / "second", "E12000001,2025-05,100")
    (tmp_path / "second" / "mappings" / "other").rename(mappings / "other")
    watcher = Saying()
    assert check(Plan(("tiny",), mappings), watcher) == []
    assert watcher.texts == ["tiny: not audited together with other, which is not in this build"]


@pytest.mark.parametrize("file", ["source.toml", "components.ttl", "queries/all.rq"])
def test_texts_beside_the_table_are_searched_too(tmp_path: Path, file: str) -> None:
    folder = tiny.write_mapping(tmp_path) / "tiny"
    (folder / "queries").mkdir()
    (folder / "queries" / "all.rq").write_text("# title: All\n# description: All.\nSELECT * { ?s ?p ?o }\n", "utf-8")
    (folder / "components.ttl").write_text(
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . <def/property/x> rdfs:label 'All.' .", "utf-8"
    )
    path = folder / file
    old = "for tests." if file == "source.toml" else "All."
    path.write_text(path.read_text("utf-8").replace(old, "Ask jane.roe@example.org."), "utf-8")
    problems = check(Plan(datasets=("tiny",), mappings=folder.parent), LogWatcher())
    assert [(problem.code, problem.where) for problem in problems] == [("GATE-13", str(path))]


def test_observations_of_nothing_declared_stop_the_build(tmp_path: Path) -> None:
    """Else figures would be published as records, which the rules on figures pass over."""
    elsewhere = tiny.metadata().replace("../../def/measure/households", "http://example.org/households")
    mappings = tiny.write_mapping(tmp_path, document=elsewhere)
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert "CUBE-06" in {problem.code for problem in problems}


def test_a_code_that_is_not_in_its_list_is_not_repeated_if_it_is_personal(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path, ("Mr Zebedee Fictitious,2025-04,10", "E06000001,AB 12 34 56 C,20"))
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert problems
    assert not [problem for problem in problems if "Zebedee" in str(problem) or "34 56" in str(problem)]
