from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.gate.policy import COUNTS, MONEY, RECORD_LEVEL, RECORDS, REFERENCE, Layout, Policy
from loader.gate.records import check_records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINE = "source line"


def codes(columns: Mapping[str, Sequence[str]], policy: Policy, layout: Layout) -> list[str]:
    height = len(next(iter(columns.values())))
    rows = pl.DataFrame({**columns, LINE: list(range(2, height + 2))})
    return [problem.code for problem in check_records(rows, policy, layout, "table.csv", LINE)]


PEOPLE = {
    "age": [str(20 + number % 47) for number in range(60)],
    "sex": ["F", "M"] * 30,
    "area": [f"E0700{number % 31:04d}" for number in range(60)],
}
MEASURED = Layout(("age", "sex", "area"), ("claimants",))


def test_a_count_of_one_in_every_row_is_a_person() -> None:
    assert codes(PEOPLE | {"claimants": ["1"] * 60}, Policy(COUNTS), MEASURED) == ["GATE-03"]
    assert codes(PEOPLE | {"claimants": ["1.0"] * 58 + ["2"] * 2}, Policy(COUNTS), MEASURED) == ["GATE-03"]


def test_a_sparse_table_of_counts_is_none_of_persons() -> None:
    figures = [("1", "2", "0", "7", "1")[number % 5] for number in range(60)]
    assert codes(PEOPLE | {"claimants": figures}, Policy(COUNTS), MEASURED) == []


def test_persons_without_a_count() -> None:
    assert codes(PEOPLE, Policy(RECORDS), Layout()) == ["GATE-03"]
    assert codes(PEOPLE, Policy(REFERENCE), Layout()) == []
    assert codes(PEOPLE | {"ethnic_group": ["x"] * 60}, Policy(REFERENCE), Layout()) == ["GATE-03"]


def test_a_code_and_its_label_are_one_trait() -> None:
    columns = {"age_band": ["a", "b", "c"], "age_band_name": ["A", "B", "C"], "claimants": ["1", "1", "1"]}
    assert codes(columns, Policy(COUNTS), Layout(("age_band",), ("claimants",))) == []


def test_an_exemption_needs_no_more_than_its_reason() -> None:
    policy = Policy(RECORDS, exemptions={RECORD_LEVEL: "posts of senior officials"})
    assert codes(PEOPLE, policy, Layout()) == []


def test_awards_of_scattered_persons() -> None:
    columns = {
        "age": [str(18 + 7 * number % 50) for number in range(50)],
        "sex": ["F", "M"] * 25,
        "disability": [str(3 * number % 11) for number in range(50)],
        "claim_start": [f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}" for number in range(50)],
        "award": [f"{100 + number}.50" for number in range(50)],
    }
    layout = Layout(("age", "sex", "disability", "claim_start"), ("award",))
    assert codes(columns, Policy(MONEY), layout) == ["GATE-03"]


def test_average_awards_of_a_cross_tabulation() -> None:
    cells = [(age, sex, area) for age in "abcdef" for sex in "FM" for area in "uvwxyz"]
    columns = {
        "age": [age for age, _, _ in cells],
        "sex": [sex for _, sex, _ in cells],
        "health_condition": [area for _, _, area in cells],
        "award": ["100"] * len(cells),
    }
    assert codes(columns, Policy(MONEY), Layout(("age", "sex", "health_condition"), ("award",))) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("case_id", [f"C{number}" for number in range(30)]),
        ("recordNumber", [str(number) for number in range(30)]),
        ("key", [f"AB-{100_000 + number}" for number in range(30)]),
        ("who", [f"6fa459ea-ee8a-3ca4-894e-{number:012d}" for number in range(30)]),
    ],
)
def test_an_identifier_in_each_row_of_a_table_of_counts(name: str, values: list[str]) -> None:
    columns = {name: values, "claimants": [str(number * 17 + 5) for number in range(30)]}
    assert codes(columns, Policy(COUNTS), Layout((name,), ("claimants",))) == ["GATE-04"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("area", [f"E0700{number:04d}" for number in range(30)]),
        ("area_id", [f"E0700{number:04d}" for number in range(30)]),
        ("area_uri", [f"http://statistics.data.gov.uk/id/statistical-geography/E{number:08d}" for number in range(30)]),
        ("period", [f"{1990 + number}" for number in range(30)]),
        ("month", [f"{1990 + number}04" for number in range(30)]),
        ("area_name", [f"District {number}" for number in range(30)]),
        ("reference", ["2015047625"] * 30),
    ],
)
def test_codes_of_areas_and_periods_are_no_identifiers(name: str, values: list[str]) -> None:
    columns = {name: values, "claimants": [str(number * 17 + 5) for number in range(30)]}
    assert codes(columns, Policy(COUNTS), Layout((name,), ("claimants",))) == []


def test_a_table_too_small_to_say() -> None:
    assert codes({"age": ["1"], "sex": ["F"]}, Policy(RECORDS), Layout()) == []
