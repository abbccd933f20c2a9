"""Markers from end to end: in RDF, in the download, on pages, for the gate, and in a folder made by `dwpld new`."""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import QuerySolutions, QueryTriples
from typer.testing import CliRunner

from dwpld import app
from endpoint.app import create_app
from endpoint.settings import Settings
from loader.build import Plan, build, check
from loader.errors import ProblemsError
from loader.progress import LogWatcher
from loader.release import open_release
from loader.scaffold import scaffold
from tests.integration import tiny
from tests.integration.asking import Client, asking
from tests.integration.holding import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.errors import Problem
    from loader.release import Release

BASE = "http://127.0.0.1:8000"
CODE = "http://purl.org/linked-data/sdmx/2009/code#"
ATTRIBUTE = "http://purl.org/linked-data/sdmx/2009/attribute#"
OWN = f"{BASE}/def/concept/observation-status/"
MEASURE = f"{BASE}/def/measure/households"
LABEL = "http://www.w3.org/2004/02/skos/core#prefLabel"
STATUS: dict[str, object] = {
    "name": "status",
    "titles": "Status",
    "propertyUrl": f"{ATTRIBUTE}obsStatus",
    "valueUrl": f"{CODE}obsStatus-{{status}}",
}
FURTHER: dict[str, object] = {
    "name": "further_status",
    "titles": "Further status",
    "propertyUrl": f"{ATTRIBUTE}obsStatus",
    "valueUrl": "../../def/concept/observation-status/{further_status}",
}
CONFIDENTIALITY: dict[str, object] = {
    "name": "confidentiality",
    "titles": "Confidentiality",
    "propertyUrl": f"{ATTRIBUTE}confStatus",
    "valueUrl": f"{CODE}confStatus-{{confidentiality}}",
}
HOUSEHOLDS = {key: value for key, value in tiny.COLUMNS[2].items() if key != "required"}
COLUMNS = [*tiny.COLUMNS[:2], HOUSEHOLDS, STATUS, FURTHER, CONFIDENTIALITY, *tiny.COLUMNS[3:]]
DECLARED = """
[policy]
kind = "counts"

[policy.markers]
"[b]" = "b"
"[c]" = "c"
"[e]" = "e"
"[low]" = "low"
"[p]" = "p"
"[r]" = "r"
"[u]" = "u"
"[x]" = "x"
"[z]" = "z"
".." = "x"
"p" = "p"
"""
CELLS = {  # month: cell, figure, statuses, confidentiality
    "01": ("100", "100", set(), set()),
    "02": ("[b]", None, {f"{CODE}obsStatus-B", f"{OWN}not-given"}, set()),
    "03": ("[c]", None, {f"{CODE}obsStatus-M"}, {f"{CODE}confStatus-C"}),
    "04": ("[e]", None, {f"{CODE}obsStatus-E", f"{OWN}not-given"}, set()),
    "05": ("[low]", None, {f"{OWN}low-figure"}, set()),
    "06": ("[p]", None, {f"{CODE}obsStatus-P", f"{OWN}not-given"}, set()),
    "07": ("[r]", None, {f"{CODE}obsStatus-M", f"{OWN}revised"}, set()),
    "08": ("[u]", None, {f"{OWN}low-reliability"}, set()),
    "09": ("[x]", None, {f"{CODE}obsStatus-M"}, set()),
    "10": ("[z]", None, {f"{OWN}not-applicable"}, set()),
    "11": ("..", None, {f"{CODE}obsStatus-M"}, set()),
    "12": ('"1,234 p"', "1234", {f"{CODE}obsStatus-P"}, set()),
    "13": ("1300 [p][r]", "1300", {f"{CODE}obsStatus-P", f"{OWN}revised"}, set()),
    "14": ("0 [low]", "0", {f"{OWN}low-figure"}, set()),
    "15": ("15 [u]", "15", {f"{OWN}low-reliability"}, set()),
    "16": ("16 [b]", "16", {f"{CODE}obsStatus-B"}, set()),
}
YEAR = {month: f"{2024 + (int(month) - 1) // 12}-{(int(month) - 1) % 12 + 1:02}" for month in CELLS}


def source(policy: str) -> str:
    return tiny.SOURCE.replace(tiny.POLICY, "") + policy


def mappings_with(
    root: Path,
    cells: dict[str, str],
    policy: str = DECLARED,
    columns: list[dict[str, object]] | None = None,
    header: str = tiny.HEADER,
) -> Path:
    """Write the tiny mapping with one area, a month for each cell."""
    rows = tuple(f"E06000001,{YEAR[month]},{cell}" for month, cell in cells.items())
    document = tiny.metadata(COLUMNS if columns is None else columns)
    mappings = tiny.write_mapping(root, rows, source(policy), document)
    table = mappings / "tiny" / "tiny.csv"
    table.write_text(table.read_text("utf-8").replace(tiny.HEADER, header), "utf-8")
    return mappings


def problems_with(root: Path, *cells: str, **more: object) -> list[Problem]:
    mappings = mappings_with(root, dict(zip(YEAR, cells, strict=False)), **more)  # type: ignore[arg-type]
    return check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())


def built(mappings: Path, out: Path) -> Release:
    return open_release(build(Plan(datasets=("tiny",), mappings=mappings, base=BASE), out, LogWatcher()))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of a table with every standard marker, alone and beside figures, and two that are declared."""
    root = tmp_path_factory.mktemp("markers")
    return built(mappings_with(root, {month: cell[0] for month, cell in CELLS.items()}), root / "build")


@pytest.fixture(scope="module")
def client(release: Release) -> Iterator[Client]:
    with asking(create_app(Settings(release=release.path)), {"Accept": "text/html"}) as made:
        yield made


def observation(month: str) -> str:
    return f"{BASE}/data/tiny/obs/E06000001/{YEAR[month]}@households"


def select(release: Release, query: str) -> QuerySolutions:
    found = ask(release, query)
    assert isinstance(found, QuerySolutions)
    return found


def said_of(release: Release, subject: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    query = f"SELECT ?p ?o {{ <{subject}> ?p ?o }}"
    for row in select(release, query):
        found.setdefault(row["p"].value, set()).add(row["o"].value)
    return found


@pytest.mark.parametrize("month", CELLS)
def test_a_marker_becomes_a_status_and_no_figure(release: Release, month: str) -> None:
    _, figure, statuses, confidentiality = CELLS[month]
    found = said_of(release, observation(month))
    assert found.get(MEASURE, set()) == ({figure} if figure else set())
    assert found.get(f"{ATTRIBUTE}obsStatus", set()) == statuses
    assert found.get(f"{ATTRIBUTE}confStatus", set()) == confidentiality
    for needed in (f"{BASE}/def/dimension/area", f"{BASE}/def/dimension/period", f"{ATTRIBUTE}unitMeasure"):
        assert len(found[needed]) == 1
    assert found["http://purl.org/linked-data/cube#measureType"] == {MEASURE}
    assert found["http://purl.org/linked-data/cube#dataSet"] == {f"{BASE}/data/tiny"}


def test_every_absence_is_explained(release: Release) -> None:
    query = f"""PREFIX qb: <http://purl.org/linked-data/cube#>
        SELECT ?o {{ ?o a qb:Observation FILTER NOT EXISTS {{ ?o <{MEASURE}> ?n }}
        FILTER NOT EXISTS {{ ?o <{ATTRIBUTE}obsStatus>|<{ATTRIBUTE}confStatus> ?code . ?code <{LABEL}> ?label }} }}"""
    assert list(select(release, query)) == []


def test_the_structure_has_the_attributes(release: Release) -> None:
    query = f"""PREFIX qb: <http://purl.org/linked-data/cube#>
        SELECT ?p {{ <{BASE}/data/tiny/structure> qb:component/qb:attribute ?p }}"""
    rows = select(release, query)
    found = {row["p"].value.removeprefix(ATTRIBUTE) for row in rows}
    assert found == {"obsStatus", "confStatus", "unitMeasure"}


def test_the_download_has_the_codes_in_columns(client: Client) -> None:
    rows = list(csv.reader(client.get("/data/tiny/tiny.csv").text.splitlines()))
    assert rows[0] == ["Area", "Month", "Households", "Status", "Further status", "Confidentiality"]
    told = {month: row[2:] for month, row in zip(CELLS, rows[1:], strict=True)}
    assert told["01"] == ["100", "", "", ""]
    assert told["03"] == ["", "M", "", "C"]
    assert told["10"] == ["", "", "not-applicable", ""]
    assert told["13"] == ["1300", "P", "revised", ""]


@pytest.mark.parametrize(
    ("month", "text"),
    [
        ("03", "Withheld: confidential"),
        ("05", "No figure: low figure"),
        ("09", "No figure: not available"),
        ("10", "No figure: not applicable"),
        ("06", "No figure: not given"),
        ("07", "No figure: not available"),
    ],
)
def test_the_page_of_an_observation_says_why_it_has_no_figure(client: Client, month: str, text: str) -> None:
    page = client.get(observation(month).removeprefix(BASE)).text
    assert text in page
    assert "No figure was published" not in page


def test_the_page_of_the_dataset_says_why_figures_are_missing(client: Client) -> None:
    page = client.get("/data/tiny").text
    assert "withheld: confidential" in page
    assert "no figure: not applicable" in page


def test_the_rdf_of_an_observation_names_the_reason(client: Client) -> None:
    turtle = client.get(observation("03").removeprefix(BASE), {"Accept": "text/turtle"}).text
    assert "(withheld: confidential)" in turtle


def test_the_code_list_is_complete(client: Client) -> None:
    page = client.get("/def/concept-scheme/observation-status").text
    for label in ("Not applicable", "Low reliability", "Revised", "Low figure", "Provisional", "Missing"):
        assert label in page


def test_plain_csvw_makes_the_same_observations(release: Release, tmp_path: Path) -> None:
    """The published table and its metadata, without anything of ours, converted where the addresses resolve alike."""
    place = tmp_path / "data" / "tiny"
    shutil.copytree(release.path / "tables" / "tiny", place)
    out = tmp_path / "out.nt"
    done = CliRunner().invoke(app, ["convert", str(place / "tiny.csv"), "--mode", "minimal", "-o", str(out)])
    assert done.exit_code == 0, done.output
    here = tmp_path.as_uri()
    alone = {
        line.replace(here, BASE) for line in out.read_text("utf-8").splitlines() if f"<{here}/data/tiny/obs/" in line
    }
    query = f"""PREFIX qb: <http://purl.org/linked-data/cube#>
        CONSTRUCT {{ ?o ?p ?v }} {{ ?o qb:dataSet <{BASE}/data/tiny> ; ?p ?v }}"""
    found = ask(release, query)
    assert isinstance(found, QueryTriples)
    ours = {f"{triple} ." for triple in found}
    assert alone == ours
    assert len(ours) > 7 * len(CELLS)


def test_codes_that_the_table_has_already_stay(tmp_path: Path) -> None:
    header = f"{tiny.HEADER},Status,Further status,Confidentiality"
    cells = {"01": "10,P,,", "02": "[c],P,,", "03": "[z],A,,", "04": "[u],,,", "05": "20,A,,"}
    release = built(mappings_with(tmp_path, cells, header=header), tmp_path / "build")
    table = release.table("tiny", "tiny.csv")
    assert table is not None
    assert [line.split(",", 2)[2] for line in table.read_text("utf-8").splitlines()[1:]] == [
        "10,P,,",
        ",P,,C",
        ",M,not-applicable,",
        ",,low-reliability,",
        "20,A,,",
    ]


def test_a_required_status_is_filled(tmp_path: Path) -> None:
    columns = [column | {"required": True} if column is STATUS else column for column in COLUMNS]
    cells = {"01": "10", "02": "[c]", "03": "[z]", "04": "12 [u]", "05": "[p]"}
    release = built(mappings_with(tmp_path, cells, columns=columns), tmp_path / "build")
    table = release.table("tiny", "tiny.csv")
    assert table is not None
    assert [line.split(",")[3] for line in table.read_text("utf-8").splitlines()[1:]] == ["A", "M", "M", "A", "P"]


def test_a_table_without_markers_is_published_byte_by_byte(tmp_path: Path) -> None:
    header = f'{tiny.HEADER},Status,Further status,"Confidentiality"'
    mappings = mappings_with(tmp_path, {"01": '"10",,,', "02": "20,A,,"}, header=header)
    table = built(mappings, tmp_path / "build").table("tiny", "tiny.csv")
    assert table is not None
    assert table.read_bytes() == (mappings / "tiny" / "tiny.csv").read_bytes()


# What stops a build


def summary(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.where.rpartition("/")[2]) for problem in problems]


def test_a_marker_that_is_not_declared_is_named_with_its_line(tmp_path: Path) -> None:
    found = problems_with(tmp_path, "10", "[c]", "20 [p]", "*", policy='\n[policy]\nkind = "counts"\n')
    assert summary(found) == [("MARK-01", f"tiny.csv:{line}, column 'households'") for line in (3, 4, 5)]
    assert found[0].message == "the marker '[c]' is not declared"
    assert found[0].hint.endswith('source.toml, under [policy.markers]: "[c]" = "c"')
    assert "20" not in found[1].message


def test_a_listed_marker_that_is_not_standard_needs_a_meaning(tmp_path: Path) -> None:
    policy = '\n[policy]\nkind = "counts"\nmarkers = ["[c]", ".."]\n'
    found = problems_with(tmp_path, "10", "[c]", "..", policy=policy)
    assert summary(found) == [("MARK-01", "tiny.csv:4, column 'households'")]
    assert "listed without what it means" in found[0].message


def test_a_mapping_without_the_column_is_told_which(tmp_path: Path) -> None:
    columns = [column for column in COLUMNS if column not in (FURTHER, CONFIDENTIALITY)]
    found = problems_with(tmp_path, "10", "[c]", "[z]", "[p]", columns=columns)
    assert summary(found) == [
        ("MARK-02", "tiny.csv:4, column 'households'"),
        ("MARK-02", "tiny.csv:3, column 'households'"),
    ]
    assert json.loads(found[0].hint.partition(": ")[2]) == FURTHER
    assert json.loads(found[1].hint.partition(": ")[2]) == CONFIDENTIALITY


def test_a_required_figure_cannot_be_a_marker(tmp_path: Path) -> None:
    columns = [column | {"required": True} if column is HOUSEHOLDS else column for column in COLUMNS]
    found = problems_with(tmp_path, "10", "[c]", "20 [p]", columns=columns)
    assert summary(found) == [("MARK-03", "tiny.csv:3, column 'households'")]
    assert '"required": true' in found[0].hint


@pytest.mark.parametrize("cell", ["7 [c]", "7 [x]", "7 [z]", "20 [p][e]"])
def test_a_cell_that_says_two_things_is_refused_and_not_repeated(tmp_path: Path, cell: str) -> None:
    found = problems_with(tmp_path, "10", cell)
    assert summary(found) == [("MARK-04", "tiny.csv:3, column 'households'")]
    assert cell not in str(found[0])


def test_a_status_that_contradicts_the_marker_is_refused(tmp_path: Path) -> None:
    header = f"{tiny.HEADER},Status,Further status,Confidentiality"
    found = problems_with(tmp_path, "10,,,", "[x],E,,", header=header)
    assert summary(found) == [("MARK-04", "tiny.csv:3, column 'households'")]


def test_a_blank_figure_needs_an_explanation(tmp_path: Path) -> None:
    header = f"{tiny.HEADER},Status,Further status,Confidentiality"
    cells = [",,,", ",M,,", ",A,,", ",,,F", ",,,C", ",,not-applicable,", ",P,,", ",,revised,", ",P,not-given,"]
    found = problems_with(tmp_path, *cells, header=header)
    assert summary(found) == [("CUBE-03", f"tiny.csv:{line}, column 'households'") for line in (2, 4, 5, 8, 9)]


def test_a_marker_that_csvw_takes_for_null_needs_one_too(tmp_path: Path) -> None:
    columns = [HOUSEHOLDS | {"null": ["", ".."]} if column is HOUSEHOLDS else column for column in COLUMNS]
    policy = '\n[policy]\nkind = "counts"\n'
    found = problems_with(tmp_path, "10", "..", policy=policy, columns=columns)
    assert ("CUBE-03", "tiny.csv:3, column 'households'") in summary(found)


def test_a_code_outside_the_list_is_refused(tmp_path: Path) -> None:
    header = f"{tiny.HEADER},Status,Further status,Confidentiality"
    found = problems_with(tmp_path, "10,Q,,", "20,,sundry,", header=header)
    assert {problem.code for problem in found} == {"CODE-01"}
    assert len(found) == 2


# What the gate sees


def audited(tmp_path: Path, *cells: str) -> set[str]:
    """Check a total and its parts; 12 months, the first the total of the others, whose marker stands in cells[1]."""
    policy = DECLARED.replace('kind = "counts"', f'kind = "counts"\ntotals = {{ period = "{YEAR["01"]}" }}')
    return {problem.code for problem in problems_with(tmp_path, *cells, policy=policy)}


def test_a_confidential_cell_that_a_total_gives_away_stops_the_build(tmp_path: Path) -> None:
    assert audited(tmp_path, "30", "[c]", "10") == {"GATE-20"}


def test_a_cell_that_cannot_have_a_figure_may_be_nil(tmp_path: Path) -> None:
    assert audited(tmp_path, "10", "[z]", "10") == set()
    assert audited(tmp_path / "other", "30", "[z]", "10") == {"GATE-20"}


# A folder made by `dwpld new`


TABLE = """Area,Month,Status,Households
Barnet,May 2025,open,"1,234 [p]"
Barnet,June 2025,open,[c]
Brent,May 2025,shut,..
Brent,June 2025,shut,20 [r]
Camden,May 2025,open,[Z]
Camden,June 2025,shut,30
Ealing,May 2025,open,
"""


def scaffolded(tmp_path: Path, text: str) -> tuple[Path, str]:
    table = tmp_path / "marked.csv"
    table.write_text(text, "utf-8")
    mappings = tmp_path / "mappings"
    return mappings, "\n".join(scaffold("marked", table, mappings, show=False))


def test_a_new_folder_has_the_markers_in_columns_and_builds(tmp_path: Path) -> None:
    mappings, report = scaffolded(tmp_path, TABLE)
    rows = list(csv.DictReader((mappings / "marked" / "marked.csv").read_text("utf-8").splitlines()))
    codes = ("Households", "Status 2", "Further status", "Confidentiality")
    assert [tuple(row[name] for name in codes) for row in rows] == [
        ("1234", "P", "", ""),
        ("", "M", "", "C"),
        ("", "M", "", ""),
        ("20", "", "revised", ""),
        ("", "", "not-applicable", ""),
        ("30", "", "", ""),
    ]
    policy = tomllib.loads((mappings / "marked" / "source.toml").read_text("utf-8"))["policy"]
    assert policy["markers"] == {"[p]": "p", "[c]": "c", "..": "x", "[r]": "r", "[Z]": "z"}
    assert "1  row with no figure: blank" in report
    assert "'..', in 1 cell, was taken for 'not available' ([x])" in report
    release = open_release(build(Plan(("marked",), mappings, base=BASE), tmp_path / "build", LogWatcher()))
    found = said_of(release, f"{BASE}/data/marked/obs/E09000003/2025-06@households")
    assert MEASURE not in found
    assert found[f"{ATTRIBUTE}confStatus"] == {f"{CODE}confStatus-C"}


def test_new_melts_markers_with_their_figures(tmp_path: Path) -> None:
    mappings, _ = scaffolded(tmp_path, "Month,Households,Amount (£)\n2025-01,10,£5.50 [e]\n2025-02,[c],6\n")
    lines = (mappings / "marked" / "marked.csv").read_text("utf-8").splitlines()
    assert lines == [
        "Month,Measure,Unit,Value,Status,Confidentiality",
        "2025-01,households,household,10,,",
        "2025-01,amount-pounds,pound-sterling,5.5,E,",
        "2025-02,households,household,,M,C",
        "2025-02,amount-pounds,pound-sterling,6,,",
    ]
    assert check(Plan(("marked",), mappings), LogWatcher()) == []


def test_new_refuses_a_confidential_figure_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as caught:
        scaffolded(tmp_path, "Month,Households\n2025-01,10\n2025-02,7 [c]\n")
    assert [(problem.code, problem.where.rpartition("/")[2]) for problem in caught.value.problems] == [
        ("MARK-04", "marked.csv:3")
    ]
    assert not (tmp_path / "mappings").exists()
