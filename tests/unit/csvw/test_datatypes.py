"""Datatypes: lexical and canonical forms, formats, bounds (XML Schema; Tabular Data Model §6.4)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.csvw import values
from loader.csvw.datatypes import CellError, Datatype, compile_datatype
from loader.csvw.date_format import compile_date_format
from loader.csvw.number_format import FormatError, NumberFormat, compile_number_format
from loader.csvw.regex import compile_regex

VALID = {
    "integer": ["0", "-0", "+7", "007", "9" * 500],
    "byte": ["127", "-128", "+0127"],
    "unsignedLong": ["18446744073709551615"],
    "negativeInteger": ["-1"],
    "decimal": ["1", "1.", ".5", "-0.50", "+3"],
    "double": ["1e5", "-1E-5", "INF", "-INF", "NaN", ".5"],
    "boolean": ["true", "0"],
    "date": ["2016-02-29", "2000-02-29", "-0004-02-29", "12015-01-01", "2015-01-01+14:00", "2015-01-01Z"],
    "dateTime": ["2015-03-15T24:00:00", "2015-03-15T15:02:37.143-05:00"],
    "dateTimeStamp": ["2015-03-15T15:02:37Z"],
    "gMonthDay": ["--02-29"],
    "gYear": ["2015", "-0001"],
    "duration": ["P1Y", "-P1DT2H", "PT0.5S", "P1Y2M3DT4H5M6.7S"],
    "dayTimeDuration": ["P1DT2H"],
    "yearMonthDuration": ["P0Y20M"],
    "hexBinary": ["", "0fB7"],
    "base64Binary": ["", "YQ==", "YWI=", "YWJj"],
    "language": ["en-GB"],
    "QName": ["a:b", "b"],
    "NMTOKEN": ["1-a"],
}
INVALID = {
    "integer": ["", "1.0", "1e3", "--1", "1,000", "١"],
    "byte": ["128", "-129"],
    "unsignedLong": ["18446744073709551616", "-1"],
    "negativeInteger": ["0", "-0"],
    "decimal": ["1e5", "INF", ".", "1,5"],
    "double": ["1e", "inf", "Infinity", "nan"],
    "boolean": ["True", "yes"],
    "date": ["2015-02-29", "1900-02-29", "2015-13-01", "2015-1-1", "15-01-01", "2015-01-01+14:01"],
    "dateTime": ["2015-03-15", "2015-03-15T24:00:01", "2015-03-15 15:02:37"],
    "dateTimeStamp": ["2015-03-15T15:02:37"],
    "gMonthDay": ["--02-30", "02-29"],
    "gYear": ["15", "02015"],
    "duration": ["P", "PT", "1Y", "P1S", "P1YT"],
    "dayTimeDuration": ["P1Y"],
    "yearMonthDuration": ["P1D"],
    "hexBinary": ["0"],
    "base64Binary": ["YQ=", "YR==="],
    "language": ["e_n"],
    "QName": ["a:b:c", "1a"],
    "NMTOKEN": ["a b", ""],
}


@pytest.mark.parametrize(("base", "text"), [(base, text) for base, texts in VALID.items() for text in texts])
def test_valid(base: str, text: str) -> None:
    assert values.is_valid(text, base)


@pytest.mark.parametrize(("base", "text"), [(base, text) for base, texts in INVALID.items() for text in texts])
def test_invalid(base: str, text: str) -> None:
    assert not values.is_valid(text, base)


@pytest.mark.parametrize(
    ("base", "text", "expected"),
    [
        ("integer", "+007", "7"),
        ("integer", "-0", "0"),
        ("decimal", "-00.500", "-0.5"),
        ("decimal", "5.0", "5"),
        ("decimal", ".5", "0.5"),
        ("double", "8.67", "8.67E0"),
        ("double", "1000", "1.0E3"),
        ("double", "-0", "-0.0E0"),
        ("double", "INF", "INF"),
        ("boolean", "1", "true"),
        ("dateTime", "2015-03-15T15:02:37.100+00:00", "2015-03-15T15:02:37.1Z"),
        ("hexBinary", "0fb7", "0FB7"),
        ("string", " x ", " x "),
    ],
)
def test_canonical(base: str, text: str, expected: str) -> None:
    assert values.canonical(text, base) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_double_keeps_the_value(number: float) -> None:
    assert math.isclose(float(values.canonical(repr(number), "double")), number, rel_tol=0, abs_tol=0)


@given(st.integers(-9999, 9999), st.integers(-9999, 9999))
def test_order_of_days_is_that_of_dates(one: int, other: int) -> None:
    import datetime

    start = datetime.date(2000, 1, 1)
    days = [start + datetime.timedelta(days=n) for n in (one, other)]
    keys = [values.order_key(day.isoformat(), "date") for day in days]
    assert values.is_before(keys[0], keys[1], or_equal=True) == (days[0] <= days[1])


@pytest.mark.parametrize(
    ("base", "low", "high"),
    [
        ("dateTime", "2015-01-01T00:00:00+01:00", "2015-01-01T00:00:00Z"),
        ("duration", "P1M", "P32D"),
        ("duration", "-P1Y", "P0D"),
        ("time", "09:00:00", "10:00:00"),
        ("decimal", "0.1", "0.10000000000000000000000000000001"),
        ("double", "-INF", "-1e308"),
    ],
)
def test_order(base: str, low: str, high: str) -> None:
    keys = values.order_key(low, base), values.order_key(high, base)
    assert values.is_before(*keys, or_equal=False)
    assert not values.is_before(keys[1], keys[0], or_equal=True)


def test_durations_that_cannot_be_compared() -> None:
    month, days = values.order_key("P1M", "duration"), values.order_key("P30D", "duration")
    assert not values.is_before(month, days, or_equal=True)
    assert not values.is_before(days, month, or_equal=True)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("#,##0", "1,234,567", "1234567"),
        ("#,##0", "1234", None),
        ("#,##0", "12,34", None),
        ("#,##,##0", "12,34,567", "1234567"),
        ("0.0#", "1.25", "1.25"),
        ("0.0#", "1.256", None),
        ("0.0#", "1", None),
        ("0.000,0", "1.234,5", "1.2345"),
        ("#0%", "-25%", "-0.25"),
        ("#0‰", "5‰", "0.005"),
        ("%0", "%7", "0.07"),
        ("+0", "+5", "5"),
        ("+0", "5", None),
        ("0.0E0", "1.5E3", "1.5E3"),
        ("0.0E+00", "1.5E+03", "1.5E03"),
        ("0.0E+00", "1.5E3", None),
        ("000", "7", None),
        ("#.0", ".5", "0.5"),
    ],
)
def test_number_patterns(pattern: str, text: str, expected: str | None) -> None:
    assert compile_number_format(NumberFormat(pattern)).parse(text) == expected


@pytest.mark.parametrize("pattern", ["", "[", "0#", "0.#0", "0.0.0", "%0%", "E0", "0;(0)", "#,##0 kg", "D0"])
def test_refuses_number_patterns(pattern: str) -> None:
    with pytest.raises(FormatError):
        compile_number_format(NumberFormat(pattern))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234.567,5", "1234567.5"),
        ("-25%", "-0.25"),
        ("1E6", "1E6"),
        ("1..2", None),
        ("NaN", "NaN"),
        ("1,5‰", "0.0015"),
    ],
)
def test_numbers_without_a_pattern(text: str, expected: str | None) -> None:
    assert compile_number_format(NumberFormat(None, ",", ".")).parse(text) == expected


@pytest.mark.parametrize(
    ("pattern", "base", "text", "expected"),
    [
        ("d/M/yyyy", "date", "1/2/2015", "2015-02-01"),
        ("dd/MM/yyyy", "date", "1/2/2015", None),
        ("MM-dd-yyyy", "date", "12-31-2015", "2015-12-31"),
        ("yyyyMMdd", "date", "20150322", "2015-03-22"),
        ("d MMMM yyyy", "date", "5 March 2015", "2015-03-05"),
        ("EEE, d MMM yyyy", "date", "Thu, 5 Mar 2015", "2015-03-05"),
        ("MMM yyyy", "gYearMonth", "Mar 2015", "2015-03"),
        ("HH:mm", "time", "15:02", "15:02:00"),
        ("HHmmss", "time", "150237", "15:02:37"),
        ("HH:mm:ss.SSS", "time", "15:02:37.14", "15:02:37.14"),
        ("HH:mm:ss.S", "time", "15:02:37.14", None),
        ("yyyy-MM-ddTHH:mm:ssXXX", "dateTime", "2015-03-15T15:02:37-05:00", "2015-03-15T15:02:37-05:00"),
        ("yyyy-MM-dd HH:mm X", "dateTime", "2015-03-15 15:02 +0530", "2015-03-15T15:02:00+05:30"),
        ("yyyy-MM-dd HH:mm X", "dateTime", "2015-03-15 15:02 Z", "2015-03-15T15:02:00Z"),
        ("yyyy-MM-dd HH:mm x", "dateTime", "2015-03-15 15:02 Z", None),
        ("yyyy-MM-dd HH:mm x", "dateTime", "2015-03-15 15:02 -08", "2015-03-15T15:02:00-08:00"),
        ("'on' dd.MM.yyyy", "date", "on 01.02.2015", "2015-02-01"),
    ],
)
def test_date_formats(pattern: str, base: str, text: str, expected: str | None) -> None:
    assert compile_date_format(pattern, base).parse(text) == expected


@pytest.mark.parametrize(
    ("pattern", "base"),
    [
        ("yy-MM-dd", "date"),
        ("yyyy-MM", "date"),
        ("yyyy-MM-dd HH:mm", "date"),
        ("dd dd MM yyyy", "date"),
        ("Q", "date"),
        ("", "time"),
    ],
)
def test_refuses_date_formats(pattern: str, base: str) -> None:
    with pytest.raises(FormatError):
        compile_date_format(pattern, base)


def test_a_date_in_a_format_must_be_in_the_calendar() -> None:
    parser = compile_datatype(Datatype("date", format="d/M/yyyy"))
    with pytest.raises(CellError, match=r"'30/2/2015' is not an? xsd:date"):
        parser.parse("30/2/2015")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"^\d+$", "12", True),
        (r"^\d+$", "12\n", False),
        (r"^\w+$", "é", False),
        ("[[]x", "[x", True),
        (r"(?<year>\d{4})", "2015", True),
        (r"\u{1F600}", "\U0001f600", True),
        ("b", "abc", True),
        (r"a\/b", "a/b", True),
        ("[^]", "\n", True),
        ("[]", "x", False),
    ],
)
def test_regular_expressions_are_those_of_ecmascript(pattern: str, text: str, matches: bool) -> None:
    assert compile_regex(pattern).is_found_in(text) == matches


@pytest.mark.parametrize("pattern", ["+", "(", "(" * 5000, "x" * 20_000, "[a--b]"])
def test_refuses_regular_expressions(pattern: str) -> None:
    with pytest.raises(FormatError):
        compile_regex(pattern)


def test_bounds_and_lengths() -> None:
    bounded = compile_datatype(Datatype("integer", min_inclusive="0", max_exclusive="10"))
    assert bounded.parse("9") == "9"
    with pytest.raises(CellError, match="is not less than 10") as caught:
        bounded.parse("10")
    assert caught.value.code == "CSVW-BOUNDS"
    sized = compile_datatype(Datatype("hexBinary", length=2))
    assert sized.parse("0FB7") == "0FB7"
    with pytest.raises(CellError, match="has length 1, not exactly 2"):
        sized.parse("0F")
