"""The list of periods is what its script calculates, and its days fit together."""

from __future__ import annotations

import csv
import itertools
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from loader.sources import load_tidy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def shipped(root: Path) -> list[list[str]]:
    with (root / "mappings/codes/period/period.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


@pytest.fixture(scope="module")
def periods(shipped: list[list[str]]) -> dict[str, dict[str, str]]:
    return {f"{row[2]}/{row[0]}": dict(zip(shipped[0], row, strict=True)) for row in shipped[1:]}


def days(period: dict[str, str]) -> tuple[date, date]:
    return date.fromisoformat(period["First day"]), date.fromisoformat(period["Last day"])


def test_the_shipped_table_is_what_the_script_calculates(root: Path, shipped: list[list[str]]) -> None:
    step = load_tidy(root / "mappings/codes/period/tidy.py", "period")
    rows = [[str(getattr(period, name)) for name in step.Period.__slots__] for period in step.generate()]
    assert shipped == [list(step.TITLES), *rows]


@pytest.mark.parametrize("kind", ["month", "quarter", "year", "government-quarter", "government-year"])
def test_periods_of_a_kind_follow_each_other_without_gap(kind: str, periods: dict[str, dict[str, str]]) -> None:
    spans = [days(period) for period in periods.values() if period["Type"] == kind]
    assert all(first == last + timedelta(days=1) for (_, last), (first, _) in itertools.pairwise(spans))


def test_every_period_lies_within_those_it_names(periods: dict[str, dict[str, str]]) -> None:
    for period in periods.values():
        first, last = days(period)
        wider = [period["Within"]] if period["Within"] else []
        if period["Within government year"]:
            wider.append(f"government-year/{period['Within government year']}")
        for name in wider:
            begins, ends = days(periods[name])
            assert begins <= first <= last <= ends


def test_a_period_and_its_twin_have_the_same_days(periods: dict[str, dict[str, str]]) -> None:
    twins = {name: period["Same days as"] for name, period in periods.items() if period["Same days as"]}
    assert {twins[twin] for twin in twins.values()} == set(twins)
    for name, twin in twins.items():
        assert days(periods[name]) == days(periods[twin])


def test_codes_are_unique(shipped: list[list[str]]) -> None:
    codes = [row[0] for row in shipped[1:]]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("name", "label", "span"),
    [
        ("month/2024-02", "February 2024", ("2024-02-01", "2024-02-29")),
        ("quarter/2018-Q2", "Quarter 2 of 2018 (April to June)", ("2018-04-01", "2018-06-30")),
        ("government-year/2014-2015", "2014/15 financial year", ("2014-04-01", "2015-03-31")),
        (
            "government-quarter/2011-2012/Q4",
            "Quarter 4 of 2011/12 financial year (January to March 2012)",
            ("2012-01-01", "2012-03-31"),
        ),
    ],
)
def test_periods_by_eye(periods: dict[str, dict[str, str]], name: str, label: str, span: tuple[str, str]) -> None:
    assert periods[name]["Name"] == label
    assert (periods[name]["First day"], periods[name]["Last day"]) == span
