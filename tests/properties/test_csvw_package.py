"""An independent reader agrees: the `csvw` package gives the values we give, where it follows the specification."""

from __future__ import annotations

import datetime
import decimal
import warnings

import pytest
from csvw.metadata import Datatype as TheirDatatype
from hypothesis import given
from hypothesis import strategies as st

from loader.csvw.datatypes import Datatype, compile_datatype
from loader.csvw.number_format import NumberFormat

DATE_FORMATS = [
    "yyyy-MM-dd",
    "yyyyMMdd",
    "dd-MM-yyyy",
    "d-M-yyyy",
    "MM-dd-yyyy",
    "M-d-yyyy",
    "dd/MM/yyyy",
    "d/M/yyyy",
    "MM/dd/yyyy",
    "M/d/yyyy",
    "dd.MM.yyyy",
    "d.M.yyyy",
    "MM.dd.yyyy",
    "M.d.yyyy",
]


def theirs(described: dict[str, object]) -> TheirDatatype:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TheirDatatype.fromvalue(described)


def written(day: datetime.date, pattern: str) -> str:
    """Write a date in one of the formats of Tabular Data Model §6.4.4."""
    text = pattern.replace("yyyy", f"{day.year:04d}")
    text = text.replace("MM", f"{day.month:02d}") if "MM" in pattern else text.replace("M", str(day.month))
    return text.replace("dd", f"{day.day:02d}") if "dd" in pattern else text.replace("d", str(day.day))


@pytest.mark.parametrize("pattern", DATE_FORMATS)
@given(st.dates(min_value=datetime.date(1000, 1, 1)))
def test_dates(pattern: str, day: datetime.date) -> None:
    text = written(day, pattern)
    parsed = theirs({"base": "date", "format": pattern}).parse(text)
    ours = compile_datatype(Datatype("date", format=pattern)).parse(text)
    assert ours == day.isoformat()
    assert str(parsed)[:10] == ours


@given(st.integers(-(10**25), 10**25))  # beyond 28 digits theirs rounds
def test_integers(number: int) -> None:
    assert theirs({"base": "integer"}).parse(str(number)) == int(
        compile_datatype(Datatype("integer")).parse(str(number))
    )


@given(st.decimals(-(10**12), 10**12, places=3))
def test_decimals(number: decimal.Decimal) -> None:
    text = f"{number:f}"
    assert theirs({"base": "decimal"}).parse(text) == decimal.Decimal(compile_datatype(Datatype("decimal")).parse(text))


@given(st.integers(0, 10**12), st.sampled_from(["#,##0", "#,###,##0"]))
def test_grouped_integers(number: int, pattern: str) -> None:
    text = f"{number:,}"
    parsed = theirs({"base": "integer", "format": {"pattern": pattern}}).parse(text)
    assert parsed == int(compile_datatype(Datatype("integer", format=NumberFormat(pattern))).parse(text))


@pytest.mark.parametrize(("text", "value"), [("Y", True), ("N", False)])
def test_booleans(text: str, value: bool) -> None:
    assert theirs({"base": "boolean", "format": "Y|N"}).parse(text) is value
    assert compile_datatype(Datatype("boolean", format="Y|N")).parse(text) == str(value).lower()
