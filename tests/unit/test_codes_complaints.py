"""Complaint categories and the charter standards they are mapped to."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_each_of_the_eight_categories_is_mapped_to_a_standard(root: Path) -> None:
    standards = {row["Code"] for row in read(root / "mappings/codes/charter-standard/charter-standard.csv")}
    categories = read(root / "mappings/codes/complaint-category/complaint-category.csv")
    assert len(categories) == 8
    assert {row["Charter standard"] for row in categories} == standards


def test_each_standard_has_as_many_categories_as_the_strategy_names_it(root: Path) -> None:
    categories = read(root / "mappings/codes/complaint-category/complaint-category.csv")
    counts = Counter(row["Charter standard"] for row in categories)
    assert counts == {"easy-access": 3, "right-result": 2, "on-time": 1, "right-treatment": 2}
