"""Every published figure of the statistics is an observation or counted as left out, and totals are equal.

The published files are read here with other means than the tidy steps use.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from loader.tidying import TidyReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import polars as pl

ROOT = Path(__file__).resolve().parent.parent.parent
UC_LA = "statxplore/uc_la_households.xlsx"
UC_FAMILY = "statxplore/api_table_uc_households_region_month_familytype.json"
HB = "statxplore/api_table_hb_new_constituency_age_2018-11.json"
CHILDREN = "statxplore/children_relative_low_income_la.csv"
TABLE_1A = "expenditure/1a-2023.csv"
TABLE_1C = "expenditure/1c-2023.csv"


def tidied(dataset: str, path: Path, encoding: str = "utf-8") -> tuple[pl.DataFrame, TidyReport]:
    spec = importlib.util.spec_from_file_location("tidy", ROOT / "mappings" / dataset / "tidy.py")
    assert spec is not None
    assert spec.loader is not None
    step = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step)
    report = TidyReport(file=path.name, encoding=encoding)
    frame: pl.DataFrame = step.tidy(path, report).collect()
    assert report.problems == []
    assert report.rows_read == frame.height + len(report.skipped)
    return frame, report


def sums(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for key, value in pairs:
        found[key] += value
    return dict(found)


def sums_of(frame: pl.DataFrame, key: str, measure: str) -> dict[str, Decimal]:
    return sums((row[key], Decimal(row[measure])) for row in frame.iter_rows(named=True))


def figure(frame: pl.DataFrame, **key: str) -> str:
    (row,) = [row for row in frame.iter_rows(named=True) if all(row[name] == value for name, value in key.items())]
    return str(row[frame.columns[-1]])


def test_universal_credit_by_local_authority(shared: Path) -> None:
    frame, report = tidied("universal-credit-households", shared / "data" / UC_LA)
    sheet = openpyxl.load_workbook(shared / "data" / UC_LA)["Data Sheet 0"]
    rows = [(name, value) for _, _, name, value in sheet.iter_rows(max_col=4, values_only=True)]
    figures = {str(name): Decimal(str(value)) for name, value in rows if isinstance(value, int | float)}
    assert frame.height == len(figures) == 352
    assert sums_of(frame, "period", "households") == {"2025-05": sum(figures.values())}
    assert report.skipped == []
    named = {row["area_name"]: Decimal(row["households"]) for row in frame.iter_rows(named=True)}
    assert named["Great Britain"] == figures["Total"] == 6575050
    assert named["Unknown"] == figures["Unknown"] == 12428
    same = set(named) & set(figures)
    assert len(same) > 300
    assert all(named[name] == figures[name] for name in same)
    assert set(frame["status"]) == {"P"}
    assert set(frame["revised"]) == {"false"}


def flat(values: object) -> Iterator[Decimal]:
    if isinstance(values, list):
        for value in values:
            yield from flat(value)
    else:
        yield Decimal(str(values))


def response(path: Path) -> tuple[list[list[str]], list[Decimal]]:
    """Give the labels of the items of each field, and the figures in the order of their product."""
    document = json.loads(path.read_text("utf-8"))
    labels = [["|".join(item["labels"]) for item in field["items"]] for field in document["fields"]]
    (cube,) = document["cubes"].values()
    return labels, list(flat(cube["values"]))


def test_universal_credit_by_family_type(shared: Path) -> None:
    frame, report = tidied("universal-credit-households-family-type", shared / "data" / UC_FAMILY)
    labels, figures = response(shared / "data" / UC_FAMILY)
    assert frame.height == len(figures) == 10 * 4 * 6
    assert report.skipped == []
    published = list(zip(itertools.product(*labels), figures, strict=True))
    months = {"May 2018": "2018-05", "June 2018": "2018-06", "July 2018": "2018-07", "August 2018": "2018-08"}
    assert sums_of(frame, "period", "households") == sums((months[key[1]], value) for key, value in published)
    families = {"Total": "All family types"}
    assert sums_of(frame, "family_type_name", "households") == sums(
        (families.get(key[2], key[2]), value) for key, value in published
    )
    areas = {"Total": "England"}
    assert sums_of(frame, "area_name", "households") == sums(
        (areas.get(key[0], key[0]), value) for key, value in published
    )
    assert set(frame["revised"]) == {"true"}


def test_housing_benefit_by_constituency_and_age(shared: Path) -> None:
    frame, report = tidied("housing-benefit-claimants", shared / "data" / HB)
    labels, figures = response(shared / "data" / HB)
    assert frame.height == len(figures) == 635 * 1 * 3
    assert report.skipped == []
    published = list(zip(itertools.product(*labels), figures, strict=True))
    bands = dict(zip(labels[2], ("under-65", "65-and-over", "total"), strict=True))
    assert sums_of(frame, "age_band", "claimants") == sums((bands[key[2]], value) for key, value in published)
    codes = [item.get("uris", [":Total"])[0].rpartition(":")[2] for item in json_items(shared / "data" / HB)]
    renamed = {"ZZXXXXXXX": "unknown", "XXZZZZZZZ": "abroad", "Total": "K03000001"}
    by_code = sums((renamed.get(code, code), value) for code, value in zip(each_thrice(codes), figures, strict=True))
    assert sums_of(frame, "area", "claimants") == by_code


def json_items(path: Path) -> list[dict[str, list[str]]]:
    items: list[dict[str, list[str]]] = json.loads(path.read_text("utf-8"))["fields"][0]["items"]
    return items


def each_thrice(texts: list[str]) -> Iterator[str]:
    return itertools.chain.from_iterable(itertools.repeat(text, 3) for text in texts)


def test_totals_of_great_britain_include_those_of_no_constituency(shared: Path) -> None:
    frame, _ = tidied("housing-benefit-claimants", shared / "data" / HB)
    found = sums_of(frame.filter(frame["age_band"] == "total"), "area", "claimants")
    total = found.pop("K03000001")
    others = found["unknown"] + found["abroad"]
    off = abs(total - sum(found.values()))
    assert off < 100 < others, "the total is nearer to the sum with those of no constituency than without"


def test_children_in_low_income(shared: Path) -> None:
    path = shared / "data" / CHILDREN
    frame, report = tidied("children-low-income", path)
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    header = next(row for row in rows if row[:1] == ["Year"])
    years = [f"{year[:4]}-{int(year[:4]) + 1}" for year in header[2:]]
    body = [row for row in rows if len(row) > 2 and row[1] and row[2]]
    cells = [(year, row[1], text) for row in body for year, text in zip(years, row[2:], strict=True)]
    figures = [(year, Decimal(text)) for year, _, text in cells if text != ".."]
    assert (len(cells), len(figures)) == (2200, 2190)
    assert frame.height == len(figures)
    assert Counter(row.reason for row in report.skipped) == {"no figure: '..' (nil or negligible)": 10}
    assert {row.line for row in report.skipped} == {line_of(path, ",Unknown,")}
    assert sums_of(frame, "period", "children") == sums(figures)
    assert figure(frame, area="K02000001", period="2023-2024") == "3383129"


def line_of(path: Path, start: str) -> int:
    (line,) = [n for n, text in enumerate(path.read_text("utf-8-sig").split("\n"), 1) if text.startswith(start)]
    return line


@pytest.mark.parametrize(
    ("dataset", "file", "measure", "first_line", "counts"),
    [
        ("benefit-expenditure", TABLE_1A, "expenditure", 5, (7614, 2934, 2603, 2077)),
        ("benefit-caseloads", TABLE_1C, "caseload", 5, (4617, 1668, 2426, 523)),
    ],
)
def test_benefit_tables(
    shared: Path, dataset: str, file: str, measure: str, first_line: int, counts: tuple[int, int, int, int]
) -> None:
    path = shared / "data" / file
    frame, report = tidied(dataset, path, "cp1252")
    lines = list(csv.reader(path.read_bytes().decode("cp1252").split("\r")))
    years = [f"{year[:4]}-{int(year[:4]) + 1}" for year in lines[1][3:]]
    statuses = dict(zip(years, (text[:1].replace("O", "A") for text in lines[2][3:]), strict=True))
    body = [row for row in lines[first_line - 1 :] if len(row) > 1 and row[1]]
    cells = [(year, row[1], text.strip()) for row in body for year, text in zip(years, row[3:], strict=True)]
    figures = [(year, label, Decimal(text.replace(",", ""))) for year, label, text in cells if text not in {"", "-"}]
    nil = Counter(text for _, _, text in cells)
    assert (len(cells), len(figures), nil["-"], nil[""]) == counts
    assert (report.rows_read, frame.height) == counts[:2]
    assert report.reasons() == {"no figure: '-'": nil["-"], "no figure: blank": nil[""]}
    assert sums_of(frame, "period", measure) == sums((year, value) for year, _, value in figures)
    assert sorted(Decimal(text) for text in frame[measure]) == sorted(value for _, _, value in figures)
    assert dict(zip(frame["period"], frame["status"], strict=True)) == {year: statuses[year] for year, _, _ in figures}
    assert len(set(frame["benefit"])) == len(
        [row for row in body if any(text.strip() not in {"", "-"} for text in row[3:])]
    )


def test_parts_of_benefit_expenditure_add_up(shared: Path) -> None:
    """The hierarchy of the code list is that of the table: parts add up to their whole but for rounding."""
    frame, _ = tidied("benefit-expenditure", shared / "data" / TABLE_1A, "cp1252")
    codes = csv.DictReader((ROOT / "mappings/codes/benefit/benefit.csv").read_text("utf-8").splitlines())
    parents = {row["Code"]: row["Within"] for row in codes}
    found = {(row["benefit"], row["period"]): Decimal(row["expenditure"]) for row in frame.iter_rows(named=True)}
    parts: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for (benefit, period), value in found.items():
        parts[parents[benefit], period].append(value)
    checked = 0
    for period in frame["period"].unique():
        values = parts["total-benefit-expenditure", period]
        assert abs(found["total-benefit-expenditure", period] - sum(values)) <= len(values) / 2
        checked += 1
    assert checked == 81


def test_one_code_list_serves_both_benefit_tables(shared: Path) -> None:
    spending, _ = tidied("benefit-expenditure", shared / "data" / TABLE_1A, "cp1252")
    cases, _ = tidied("benefit-caseloads", shared / "data" / TABLE_1C, "cp1252")
    codes = csv.DictReader((ROOT / "mappings/codes/benefit/benefit.csv").read_text("utf-8").splitlines())
    assert set(spending["benefit"]) | set(cases["benefit"]) <= {row["Code"] for row in codes}
    assert {"universal-credit", "state-pension", "housing-benefits-exc-universal-credit"} <= (
        set(spending["benefit"]) & set(cases["benefit"])
    )
