"""From the cells of a Stat-Xplore table to observations."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from loader.areas import LOCAL_AUTHORITIES, REGIONS_AND_COUNTRIES
from loader.crosstabs import (
    NIL_REASON,
    AreaColumns,
    CodeColumns,
    UnknownItemError,
    financial_year,
    financial_year_columns,
    month_columns,
    tidy_table,
)
from loader.errors import ProblemsError
from loader.statxplore import Cell, Field, Item, Table
from loader.tidying import TidyReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loader.crosstabs import Columns

TOTAL = Item(("Total",), is_total=True)
AREAS = AreaColumns(LOCAL_AUTHORITIES, "K03000001", covers=("E", "S"))
FIELDS: Mapping[str, Callable[[Item], Columns]] = {"Area": AREAS, "Month": month_columns}
MEASURE = ("Households", "households")


def named(label: str, *marks: str) -> Item:
    return Item((label,), marks=frozenset(marks))


def table(areas: list[Item], months: list[Item], *texts: str) -> Table:
    pairs = [(area, month) for area in areas for month in months]
    cells = [Cell(pair, text, n, f"cell {n}") for n, (pair, text) in enumerate(zip(pairs, texts, strict=True), 1)]
    return Table("Households", (Field("Area", tuple(areas)), Field("Month", tuple(months))), tuple(cells), {})


def tidied(source: Table, report: TidyReport) -> list[dict[str, str]]:
    return tidy_table(source, report, measure=MEASURE, fields=FIELDS).collect().to_dicts()


def problems(source: Table) -> list[tuple[str, str]]:
    report = TidyReport(file="file")
    with suppress(ProblemsError):
        tidied(source, report)
    return [(problem.code, problem.where) for problem in report.problems]


GOOD = [named("Darlington"), named("Glasgow City"), named("Unknown"), TOTAL]
MAY = [named("May 2025", "p")]


def test_each_figure_becomes_a_row() -> None:
    report = TidyReport(file="file")
    rows = tidied(table(GOOD, MAY, "1,146", "-7", "..", "20.0"), report)
    assert [list(row.values()) for row in rows] == [
        [
            "E06000005",
            "http://statistics.data.gov.uk/id/statistical-geography/E06000005",
            "Darlington",
            "2025-05",
            "P",
            "false",
            "1146",
        ],
        [
            "S12000049",
            "http://statistics.data.gov.uk/id/statistical-geography/S12000049",
            "Glasgow City",
            "2025-05",
            "P",
            "false",
            "-7",
        ],
        [
            "K03000001",
            "http://statistics.data.gov.uk/id/statistical-geography/K03000001",
            "Great Britain",
            "2025-05",
            "P",
            "false",
            "20",
        ],
    ]
    assert [(row.line, row.reason) for row in report.skipped] == [(3, NIL_REASON)]
    assert not report.problems


@pytest.mark.parametrize(("text", "area"), [("Unknown", "unknown"), ("UNKNOWN ", "unknown"), ("Abroad", "abroad")])
def test_figures_of_no_area_have_codes_of_ours(text: str, area: str) -> None:
    columns = AREAS(named(text))
    assert (columns["area"], columns["area_uri"]) == (area, f"../../def/concept/area/{area}")


@pytest.mark.parametrize(("code", "area"), [("ZZXXXXXXX", "unknown"), ("XXZZZZZZZ", "abroad"), ("E06000005", "")])
def test_codes_of_an_answer_come_before_its_labels(code: str, area: str) -> None:
    assert AREAS(Item(("Whatever",), (code,)))["area"] == area or code


@pytest.mark.parametrize("text", ["", "1,2o4", "12.5", "1,23", "x", "-", "1e5", "9" * 30])
def test_bad_figure_is_a_problem_at_its_cell(text: str) -> None:
    assert problems(table(GOOD, MAY, "1", text, "2", "3")) == [("TIDY-02", "file:cell 2")]


def test_unknown_items_are_noted_once_each() -> None:
    areas = [*GOOD[:2], named("Darlingtown"), TOTAL]
    months = [named("May 2025"), named("Maytober 2025")]
    assert problems(table(areas, months, *"12345678")) == [("TIDY-03", "file:cell 2"), ("TIDY-04", "file:cell 5")]


def test_second_figure_for_an_observation_is_a_problem() -> None:
    areas = [GOOD[0], named("DARLINGTON"), GOOD[1], TOTAL]
    assert problems(table(areas, MAY, *"1234")) == [("TIDY-08", "file:cell 2")]


def test_missing_total_is_a_problem() -> None:
    assert problems(table(GOOD[:2], MAY, "1", "2")) == [("TIDY-06", "file")]


@pytest.mark.parametrize("areas", [[GOOD[0], TOTAL], [*GOOD[:2], named("Cardiff"), TOTAL]])
def test_total_of_other_areas_is_a_problem(areas: list[Item]) -> None:
    assert problems(table(areas, MAY, *"1234"[: len(areas)])) == [("TIDY-06", "file")]


def test_table_of_nothing_but_nil_is_refused() -> None:
    assert problems(table(GOOD, MAY, "..", "..", "..", "..")) == [("TIDY-06", "file")]


@pytest.mark.parametrize("label", ["Households ", "HOUSEHOLDS"])
def test_measure_is_recognised_by_its_normalised_label(label: str) -> None:
    source = table(GOOD, MAY, *"1234")
    assert problems(Table(label, source.fields, source.cells, {})) == []


def test_table_of_another_measure_or_by_other_fields_is_refused() -> None:
    source = table(GOOD, MAY, *"1234")
    assert problems(Table("People", source.fields, source.cells, {})) == [("TIDY-01", "file")]
    assert problems(Table("Households", source.fields[:1], source.cells, {})) == [("TIDY-01", "file")]
    extra = (*source.fields, Field("Sex", (TOTAL,)))
    assert problems(Table("Households", extra, source.cells, {})) == [("TIDY-01", "file")]


def test_marks_of_any_item_of_a_cell_count() -> None:
    rows = tidied(table(GOOD, [named("May 2025", "p", "r"), named("June 2025")], *"12345678"), TidyReport(file="file"))
    assert [(row["status"], row["revised"]) for row in rows[:2]] == [("P", "true"), ("A", "false")]


@pytest.mark.parametrize(
    ("item", "period"),
    [
        (Item(("201811 (Nov-18)",), ("201811",)), "2018-11"),
        (Item(("May 2018",), ("201805",)), "2018-05"),
        (named("201811 (Nov-18)"), "2018-11"),
        (named("May 2025"), "2025-05"),
        (named("sep 2025"), "2025-09"),
        (named("December-2025"), "2025-12"),
    ],
)
def test_months(item: Item, period: str) -> None:
    assert month_columns(item) == {"period": period}


@pytest.mark.parametrize("text", ["", "2018", "201813", "Mayday 2018", "May 18", "2014/15"])
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(UnknownItemError) as error:
        month_columns(named(text))
    assert error.value.code == "TIDY-03"


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("2014/15", "2014-2015"),
        (" 1999/00 ", "1999-2000"),
        ("2014-15", "2014-2015"),
        ("2014/2015", "2014-2015"),
        ("2014/16", None),
        ("2014", None),
        ("", None),
    ],
)
def test_financial_years(text: str, period: str | None) -> None:
    assert financial_year(text) == period


def test_total_is_no_financial_year() -> None:
    with pytest.raises(UnknownItemError):
        financial_year_columns(TOTAL)


def test_categories_by_the_code_of_the_answer() -> None:
    family_type = CodeColumns("family_type", "family-type", by_code=True)
    assert family_type(Item(("as labelled",), ("99",))) == {
        "family_type": "99",
        "family_type_name": "Unknown or missing family type",
    }
    assert family_type(TOTAL)["family_type"] == "total"
    with pytest.raises(UnknownItemError) as error:
        family_type(Item(("Triple",), ("5",)))
    assert error.value.code == "TIDY-05"


UNDER_65 = ("Under 25", "25 to 34", "35 to 44", "45 to 49", "50 to 54", "55 to 59", "60 to 64")


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (UNDER_65, "under-65"),
        (UNDER_65[::-1], "under-65"),
        (("70 plus", "65 to 69"), "65-and-over"),
        (("70 PLUS",), "70-plus"),
    ],
)
def test_several_categories_recoded_into_one(labels: tuple[str, ...], code: str) -> None:
    assert CodeColumns("age_band", "age-band")(Item(labels, ("1",) * len(labels)))["age_band"] == code


@pytest.mark.parametrize("labels", [UNDER_65[1:], (*UNDER_65, "70 plus"), ("65 to 69", "71 plus"), ("18 to 24",)])
def test_groups_not_in_the_code_list(labels: tuple[str, ...]) -> None:
    with pytest.raises(UnknownItemError) as error:
        CodeColumns("age_band", "age-band")(Item(labels, ("1",) * len(labels)))
    assert error.value.code == "TIDY-05"


def test_areas_recoded_into_one_are_refused() -> None:
    both = Item(("North East", "North West"), ("E12000001", "E12000002"))
    with pytest.raises(UnknownItemError) as error:
        AreaColumns(REGIONS_AND_COUNTRIES, "E92000001", covers=("E12",))(both)
    assert error.value.code == "TIDY-04"
