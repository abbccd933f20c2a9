"""What is typed from the DWP Open Data Strategy against its text: every quoted word stands there."""

from __future__ import annotations

import calendar
import csv
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def words(text: str) -> list[str]:
    """Split text into lower-case words without punctuation; compounds are one word, as some hyphens are lost."""
    plain = re.sub(r"[’‘'‟„“”]|(?<=\w)-(?=\w)", "", text.casefold())
    return re.findall(r"[a-z0-9£]+", plain)


@pytest.fixture(scope="module")
def strategy(shared: Path) -> str:
    return (shared / "strategy/dwp-open-data-strategy-2012.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def annex(strategy: str) -> list[str]:
    return words(strategy[strategy.index("List of data to be released for the first time") :])


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def quoted(text: str) -> list[str]:
    """Words said to be in the Annex: not those in square brackets, nor a word cut short before an ellipsis."""
    return words(re.sub(r"\[.*?\]", "", text))


def stands(phrase: list[str], text: list[str]) -> bool:
    """Tell whether the words of a phrase are in a text in order, with no more than a table row of others between.

    A table's cells are broken into lines and mixed with those beside them, so words of other cells may be between.
    """
    starts = [index for index, word in enumerate(text) if word == phrase[0]]
    return any(_follows(phrase, text, start) for start in starts)


def _follows(phrase: list[str], text: list[str], position: int, gap: int = 130) -> bool:
    for word in phrase:
        try:
            position = text.index(word, position, position + gap) + 1
        except ValueError:
            return False
    return True


def commitments(root: Path) -> list[dict[str, str]]:
    return read(root / "mappings/strategy-commitments/strategy-commitments.csv")


def test_the_words_of_every_commitment_stand_in_the_annex(root: Path, annex: list[str]) -> None:
    for row in commitments(root):
        for column in ("Dataset name", "Description of data", "To be first published on", "Frequency of update"):
            assert set(quoted(row[column])) <= set(annex), f"{row['Identifier']}: {column}"


def test_descriptions_stand_in_the_annex_in_order(root: Path, annex: list[str]) -> None:
    for row in commitments(root):
        description = quoted(row["Description of data"])
        if description:
            assert stands(description, annex), row["Identifier"]


def test_words_supplied_in_brackets_stand_elsewhere_in_the_strategy(root: Path, strategy: str) -> None:
    everything = set(words(strategy))
    supplied = [part for row in commitments(root) for part in re.findall(r"\[(.*?)\]", row["Dataset name"])]
    assert supplied
    assert all(set(words(part)) <= everything for part in supplied)


def test_a_month_promised_is_named_in_the_cell(root: Path) -> None:
    for row in commitments(root):
        if row["Month promised"]:
            year, month = row["Month promised"].split("-")
            named = f"{calendar.month_name[int(month)]} {year}"
            assert named in row["To be first published on"], row["Identifier"]


def test_every_commitment_of_the_annex_that_names_a_date_is_listed(root: Path, annex: list[str]) -> None:
    dates = {"november 2012", "november 2013", "october 2013", "april 2013", "december 2012", "february 2012"}
    published = {
        date for row in commitments(root) for date in dates if date in row["To be first published on"].casefold()
    }
    assert published == {date for date in dates if date in " ".join(annex)}


def test_the_words_of_every_indicator_stand_in_the_annex_in_order(root: Path, annex: list[str]) -> None:
    for row in read(root / "mappings/business-plan-indicators/business-plan-indicators.csv"):
        assert stands(quoted(row["Name"]), annex), row["Name"]
        assert set(quoted(row["Publication"])) <= set(annex)


def test_indicators_are_as_many_as_the_annex_says_are_published(root: Path, strategy: str) -> None:
    indicators = read(root / "mappings/business-plan-indicators/business-plan-indicators.csv")
    pages = strategy[strategy.index("DWP Business Plan – Indicators and other key data") :]
    assert len(indicators) == pages.count("(Jan, April, July, Oct)")


def test_every_heading_of_the_indicators_is_used_as_often_as_it_stands_there(root: Path, strategy: str) -> None:
    indicators = read(root / "mappings/business-plan-indicators/business-plan-indicators.csv")
    pages = strategy[strategy.index("DWP Business Plan – Indicators and other key data") :]
    for heading, priority in (
        ("Enable disabled", "enable-disabled-people"),
        ("Improve our", "improve-our-services"),
        ("Help tackle", "tackle-the-causes-of-poverty"),
    ):
        assert sum(row["Priority"] == priority for row in indicators) == pages.count(heading)


def test_complaint_categories_and_standards_stand_in_chapter_3(root: Path, strategy: str) -> None:
    chapter = words(strategy[strategy.index("21. Complaint categories.") : strategy.index("22. Special payments data")])
    categories = read(root / "mappings/codes/complaint-category/complaint-category.csv")
    for row in categories:
        assert stands(words(row["Name"]), chapter), row["Name"]
    standards = read(root / "mappings/codes/charter-standard/charter-standard.csv")
    counted = {
        row["Code"]: " ".join(chapter).count(" ".join(words(row["Wording in the complaint table"])))
        for row in standards
    }
    assert counted == {
        code: sum(row["Charter standard"] == code for row in categories) for code in (row["Code"] for row in standards)
    }
    drivers = words(
        strategy[strategy.index("15. The Department has identified") : strategy.index("16. The Department has also")]
    )
    assert all(stands(words(row["Name"]), drivers) for row in standards)
