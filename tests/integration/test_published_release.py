"""The release of the published files, asked by SPARQL, against the files themselves, read independently."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

import openpyxl
import pytest
from pyoxigraph import NamedNode, QuerySolutions

from tests.integration.holding import ask, stored_quads

if TYPE_CHECKING:
    from pathlib import Path

    from loader.release import FolderRecord, Release

BASE = "http://127.0.0.1:8000"
PREFIXES = """
PREFIX qb: <http://purl.org/linked-data/cube#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX dim: <def/dimension/>
PREFIX measure: <def/measure/>
PREFIX payment: <http://reference.data.gov.uk/def/payment#>
"""
MONTHS = {
    "dwp-payments-april10.csv": "2010-04",
    "dwp-payments-november10.csv": "2010-11",
    "dwp-payments-june11.csv": "2011-06",
    "dwp-payments-december2011.csv": "2011-12",
    "dwp-payments-april2012.csv": "2012-04",
}


def select(release: Release, query: str) -> list[list[str]]:
    found = ask(release, PREFIXES + query)
    assert isinstance(found, QuerySolutions)
    return [[term.value if term is not None else "" for term in row] for row in found]


def record(release: Release, name: str) -> FolderRecord:
    found = release.manifest.folder(name)
    assert found is not None
    return found


def report(release: Release, dataset: str) -> dict[str, dict[str, object]]:
    raw = json.loads((release.path / "reports" / f"{dataset}.json").read_text("utf-8"))
    return {file["path"]: file for file in raw["files"]}


def left_out(file: dict[str, object]) -> dict[str, dict[str, object]]:
    reasons = file["left_out"]
    assert isinstance(reasons, dict)
    return reasons


def test_every_published_file_is_read(published_release: Release) -> None:
    inputs = {file.path for folder in published_release.manifest.folders for file in folder.inputs}
    assert inputs >= {
        *MONTHS,
        "dwp_epcs_july_2025.csv",
        "uc_la_households.xlsx",
        "api_table_uc_households_region_month_familytype.json",
        "api_table_hb_new_constituency_age_2018-11.json",
        "1a-2023.csv",
        "1c-2023.csv",
        "children_relative_low_income_la.csv",
    }


def test_the_edition_is_the_latest_month_read(published_release: Release) -> None:
    assert record(published_release, "payments-over-25k").graph.endswith("/editions/2012-04/versions/1")
    assert record(published_release, "procurement-card").graph.endswith("/editions/2025-07/versions/1")


def test_every_row_of_every_file_is_accounted_for(published_release: Release) -> None:
    for folder in published_release.manifest.folders:
        stem = f"codes-{folder.name}" if folder.kind == "code-list" else folder.name
        for file in report(published_release, stem).values():
            rows_read, rows_loaded = file["rows_read"], file["rows_loaded"]
            assert isinstance(rows_read, int)
            assert isinstance(rows_loaded, int)
            gone = sum(int(str(reason["rows"])) for reason in left_out(file).values())
            assert rows_read == rows_loaded + gone, (folder.name, file["path"])


def raw_payments(path: Path) -> tuple[int, Decimal, Decimal]:
    """Data rows of a payments file, the sum of its amounts, and the grand total printed in it (not a payment)."""
    rows = list(csv.reader(path.read_bytes().decode("cp1252").splitlines()))[1:]
    total = printed = Decimal(0)
    for row in rows:
        text = re.sub(r"[£,\s]", "", row[7]) if len(row) > 7 else ""
        if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            amount = Decimal(text)
            total += amount
            if not any(cell.strip() for cell in row[:7]):
                printed += amount
    return len(rows), total, printed


@pytest.mark.parametrize(("file", "month"), MONTHS.items(), ids=MONTHS.values())
def test_a_month_of_payments_adds_up_to_the_penny(
    shared: Path, published_release: Release, file: str, month: str
) -> None:
    rows, total, printed = raw_payments(shared / "data/spend" / file)
    [[count, amount]] = select(
        published_release,
        f"""SELECT (COUNT(?o) AS ?n) (SUM(?a) AS ?sum) WHERE {{
            ?o qb:dataSet <data/payments-over-25k> ; measure:amount ?a ;
               dim:period <http://reference.data.gov.uk/id/month/{month}> }}""",
    )
    reasons = left_out(report(published_release, "payments-over-25k")[file])
    gone = sum(int(str(reason["rows"])) for reason in reasons.values())
    withheld = sum((Decimal(str(reason["amount"])) for reason in reasons.values()), Decimal(0))
    assert int(count) + gone == rows
    assert Decimal(amount) + withheld in {total, total - printed}


def test_universal_credit_by_local_authority(shared: Path, published_release: Release) -> None:
    sheet = openpyxl.load_workbook(shared / "data/statxplore/uc_la_households.xlsx")["Data Sheet 0"]
    figures = [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, int | float)]
    [[count, total]] = select(
        published_release,
        "SELECT (COUNT(?o) AS ?n) (SUM(?v) AS ?sum) WHERE { ?o qb:dataSet <data/universal-credit-households> ; "
        "measure:households ?v }",
    )
    assert (int(count), int(total)) == (len(figures), sum(int(figure) for figure in figures))


@pytest.mark.parametrize(
    ("file", "dataset", "measure"),
    [
        (
            "api_table_uc_households_region_month_familytype.json",
            "universal-credit-households-family-type",
            "households",
        ),
        ("api_table_hb_new_constituency_age_2018-11.json", "housing-benefit-claimants", "claimants"),
    ],
)
def test_api_tables_by_month(shared: Path, published_release: Release, file: str, dataset: str, measure: str) -> None:
    table = json.loads((shared / "data/statxplore" / file).read_bytes())
    [cube] = table["cubes"].values()
    expected: Counter[str] = Counter()
    months = [item["uris"][0].rpartition(":")[2] for item in table["fields"][1]["items"]]
    for area in cube["values"]:
        for month, cells in zip(months, area, strict=True):
            expected[f"{month[:4]}-{month[4:]}"] += int(sum(cells))
    found = select(
        published_release,
        f"SELECT ?p (SUM(?v) AS ?sum) WHERE {{ ?o qb:dataSet <data/{dataset}> ; dim:period ?p ; "
        f"measure:{measure} ?v }} GROUP BY ?p",
    )
    assert {period.rpartition("/")[2]: int(total) for period, total in found} == expected


def wide_table(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


@pytest.mark.parametrize(
    ("file", "dataset", "measure"),
    [("1a-2023.csv", "benefit-expenditure", "expenditure"), ("1c-2023.csv", "benefit-caseloads", "caseload")],
)
def test_expenditure_tables_by_year(
    shared: Path, published_release: Release, file: str, dataset: str, measure: str
) -> None:
    rows = wide_table((shared / "data/expenditure" / file).read_bytes().decode("cp1252"))
    [header] = [row for row in rows if "1948/49" in row]
    expected: dict[str, list[Decimal]] = defaultdict(list)
    for row in rows[rows.index(header) + 2 :]:
        for year, cell in zip(header, row, strict=False):
            text = cell.replace(",", "").strip()
            if re.fullmatch(r"[0-9]{4}/[0-9]{2}", year) and re.fullmatch(r"-?[0-9.]+", text):
                expected[year].append(Decimal(text))
    found = select(
        published_release,
        f"SELECT ?p (COUNT(?o) AS ?n) (SUM(?v) AS ?sum) WHERE {{ ?o qb:dataSet <data/{dataset}> ; dim:period ?p ; "
        f"measure:{measure} ?v }} GROUP BY ?p",
    )
    got = {f"{p.rpartition('/')[2][:4]}/{p[-2:]}": (int(n), Decimal(total)) for p, n, total in found}
    assert got == {year: (len(figures), sum(figures)) for year, figures in expected.items()}


def test_children_in_low_income_by_year(shared: Path, published_release: Release) -> None:
    text = (shared / "data/statxplore/children_relative_low_income_la.csv").read_text("utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    [header] = [row for row in rows if "2014/15" in row]
    expected: Counter[str] = Counter()
    for row in rows[rows.index(header) + 1 :]:
        for year, cell in zip(header, row, strict=True):
            if "/" in year and cell.isdigit():
                expected[year] += int(cell)
    found = select(
        published_release,
        "SELECT ?p (SUM(?v) AS ?sum) WHERE { ?o qb:dataSet <data/children-low-income> ; dim:period ?p ; "
        "measure:children ?v } GROUP BY ?p",
    )
    assert {f"{p.rpartition('/')[2][:4]}/{p[-2:]}": int(total) for p, total in found} == expected


def structures(release: Release) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    rows = select(
        release,
        "SELECT ?d ?p WHERE { ?d a qb:DataSet ; qb:structure ?s . ?s qb:component ?c . "
        "?c qb:dimension ?p ; qb:order ?n } ORDER BY ?d ?n",
    )
    for dataset, dimension in rows:
        found[dataset].append(dimension)
    return found


def test_every_observation_has_all_its_dimensions(published_release: Release) -> None:
    found = structures(published_release)
    assert len(found) == 8
    for dataset, dimensions in found.items():
        # counted predicate by predicate: a join over all dimensions at once is slow in a triple store
        [[rows]] = select(published_release, f"SELECT (COUNT(?o) AS ?n) WHERE {{ ?o qb:dataSet <{dataset}> }}")
        for dimension in dimensions:
            query = f"SELECT (COUNT(?v) AS ?n) WHERE {{ ?o qb:dataSet <{dataset}> ; <{dimension}> ?v }}"
            assert select(published_release, query) == [[rows]], (dataset, dimension)


def test_every_code_has_a_label(published_release: Release) -> None:
    bare = select(
        published_release,
        "SELECT DISTINCT ?c WHERE { ?c a skos:Concept . FILTER NOT EXISTS { ?c skos:prefLabel ?l } }",
    )
    assert bare == []


def test_every_thing_an_observation_names_has_a_label(published_release: Release) -> None:
    labels = {
        term
        for predicate in ("skos:prefLabel", "rdfs:label")
        for [term] in select(published_release, f"SELECT ?s WHERE {{ ?s {predicate} ?l }}")
    }
    for dimensions in structures(published_release).values():
        for dimension in dimensions:
            values = select(published_release, f"SELECT DISTINCT ?v WHERE {{ ?o <{dimension}> ?v FILTER isIRI(?v) }}")
            assert {value for [value] in values} <= labels, dimension


def test_every_area_has_its_ons_address(published_release: Release) -> None:
    areas = select(published_release, "SELECT DISTINCT ?a WHERE { ?o dim:area ?a }")
    local = {area for [area] in areas if not area.startswith("http://statistics.data.gov.uk/id/statistical-geography/")}
    assert {area.rpartition("/")[2] for area in local} <= {"unknown", "abroad"}
    assert len(areas) > 900


def test_no_blank_node_is_published(published_release: Release) -> None:
    for quad in stored_quads(published_release):
        assert isinstance(quad.subject, NamedNode)
        assert quad.object.__class__.__name__ in {"NamedNode", "Literal"}


def test_an_observation_is_a_subject_in_one_graph_only(published_release: Release) -> None:
    twice = select(
        published_release,
        "SELECT ?o WHERE { GRAPH ?g { ?o a qb:Observation } GRAPH ?h { ?o a qb:Observation } FILTER (?g != ?h) } "
        "LIMIT 5",
    )
    assert twice == []
