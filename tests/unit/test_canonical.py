"""The canonical form of each datatype, as decision 10 promises it, and where in lines it is looked for."""

from __future__ import annotations

import polars as pl
import pytest

from loader.canonical import canonical_lines, canonical_terms, kind_of_literals
from loader.csvw.json_ld import DATATYPE_IRIS
from loader.release import DECIMAL, INTEGER

XSD = "http://www.w3.org/2001/XMLSchema#"
FORMS: dict[str, tuple[str, ...]] = {
    "integer": ("+5 5", "-0 0", "007 7", "9223372036854775807 9223372036854775807"),
    "decimal": ("0.70 0.7", "1.0 1", "+1.5 1.5", ".5 0.5", "5. 5", "-0.0 0", "-0.50 -0.5"),
    "double": ("1.0 1", "1E3 1000", "1.50E+02 150", "1E-7 0.0000001", "-0 -0", "+INF INF", "NaN NaN", "1e400 INF"),
    "float": ("1.0 1", "0.1 0.1", "16777217 16777216"),
    "boolean": ("1 true", "0 false", "true true"),
    "date": ("2025-01-01 2025-01-01", "2025-01-01+00:00 2025-01-01Z", "2025-01-01-00:00 2025-01-01Z"),
    "dateTime": (
        "2025-01-01T00:00:00+00:00 2025-01-01T00:00:00Z",
        "2025-01-01T24:00:00 2025-01-02T00:00:00",
        "2025-01-01T00:00:00.500 2025-01-01T00:00:00.5",
        "2025-01-01T00:00:00+01:00 2025-01-01T00:00:00+01:00",
    ),
    "time": ("12:00:00.10 12:00:00.1", "24:00:00 00:00:00", "12:00:00+00:00 12:00:00Z"),
    "gYear": ("2025 2025", "2025+00:00 2025Z"),
    "gYearMonth": ("2025-01 2025-01", "2025-01+00:00 2025-01Z"),
    "gMonth": ("--01+00:00 --01Z",),
    "gMonthDay": ("--01-02+00:00 --01-02Z",),
    "gDay": ("---01+00:00 ---01Z",),
    "duration": ("P12M P1Y", "PT60S PT1M", "PT36H P1DT12H", "P0D PT0S"),
    "dayTimeDuration": ("PT24H P1D", "P0D PT0S", "PT1.50S PT1.5S"),
    "yearMonthDuration": ("P12M P1Y", "P0Y P0M"),
}
AS_INTEGERS = {
    *("byte", "short", "int", "long", "unsignedByte", "unsignedShort", "unsignedInt", "unsignedLong"),
    *("nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger"),
}
AS_THEY_ARE = {
    *("anyURI", "base64Binary", "hexBinary", "normalizedString", "token", "language", "Name", "NMTOKEN", "QName"),
    *("anyAtomicType", "string"),
}
OTHERS = {  # valid by no rule, or beyond what the store computes with
    "integer": (" 5", "one", "9223372036854775808", "+9223372036854775808"),
    "unsignedLong": ("18446744073709551615",),
    "decimal": ("1e3", "0.0000000000000000001", "170141183460469231731.687303715884105728"),
    "boolean": ("TRUE",),
    "date": ("2025-02-30",),
    "dateTime": ("2025-01-01T00:00:60",),
}


def form(text: str, datatype: str) -> str:
    return str(canonical_terms(pl.Series([f'"{text}"^^<{XSD}{datatype}>']))[0])


@pytest.mark.parametrize(("datatype", "pair"), [(name, pair) for name, pairs in FORMS.items() for pair in pairs])
def test_a_value_has_one_form(datatype: str, pair: str) -> None:
    before, after = pair.split(" ")
    assert form(before, datatype) == f'"{after}"^^<{XSD}{datatype}>'
    assert form(after, datatype) == f'"{after}"^^<{XSD}{datatype}>'


@pytest.mark.parametrize("datatype", sorted(AS_INTEGERS))
def test_every_kind_of_integer_is_an_integer(datatype: str) -> None:
    assert form("-07", datatype) == f'"-7"^^<{XSD}integer>'
    assert form("7", datatype) == f'"7"^^<{XSD}integer>'


def test_a_moment_with_a_zone_is_a_moment() -> None:
    assert form("2025-01-01T00:00:00+00:00", "dateTimeStamp") == f'"2025-01-01T00:00:00Z"^^<{XSD}dateTime>'


@pytest.mark.parametrize(("datatype", "text"), [(name, text) for name, texts in OTHERS.items() for text in texts])
def test_what_the_store_cannot_read_stays_letter_by_letter(datatype: str, text: str) -> None:
    assert form(text, datatype) == f'"{text}"^^<{XSD}{datatype}>'


def test_every_datatype_of_csvw_is_among_these() -> None:
    known = {iri.removeprefix(XSD) for iri in DATATYPE_IRIS.values() if iri.startswith(XSD)}
    assert known <= {*FORMS, *AS_INTEGERS, *AS_THEY_ARE, "dateTimeStamp"}
    for datatype in AS_THEY_ARE - {"string"}:
        assert form("007.0 YQ== 0a", datatype) == f'"007.0 YQ== 0a"^^<{XSD}{datatype}>'


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ('"x"@EN-gb', '"x"@en-gb'),
        ('"a \\"q\\" \\\\"@EN', '"a \\"q\\" \\\\"@en'),
        ('"said \\"@EN . \\"x"@cy', '"said \\"@EN . \\"x"@cy'),
        ('"said \\"@EN <y"@cy', '"said \\"@EN <y"@cy'),
        (f'"0.70"^^<{XSD}decimal>', f'"0.7"^^<{XSD}decimal>'),
        (f'"a > \\"0.70\\"^^<{XSD}decimal> ."', f'"a > \\"0.70\\"^^<{XSD}decimal> ."'),
        ('"0.70"^^<http://x/pounds>', '"0.70"^^<http://x/pounds>'),
        ('"0.70"', '"0.70"'),
        ("<http://x/EN>", "<http://x/EN>"),
    ],
)
@pytest.mark.parametrize("end", [" .\n", " <http://x/g> .\n"])
def test_literals_are_found_in_lines_and_nowhere_else(term: str, expected: str, end: str) -> None:
    line = "<http://x/s> <http://x/p> {}" + end
    lines = "".join(line.format(one) for one in ('"before"', term, "<http://x/after>"))
    assert canonical_lines(lines.encode()).decode() == lines.replace(term + end, expected + end)


def test_lines_that_become_the_same_are_one() -> None:
    lines = [f'<http://x/s> <http://x/p> "{text}"^^<{XSD}decimal> .\n'.encode() for text in ("1.0", "1.00", "2", "1")]
    assert canonical_lines(b"".join(lines)) == lines[3] + lines[2]
    other = b"<http://x/other> <http://x/p> <http://x/o> .\n"  # a row in two places of a table is told from one
    assert canonical_lines(lines[0] + other + lines[1]) == lines[3] + other + lines[3]


def test_numbers_of_other_types_are_no_numbers() -> None:
    assert kind_of_literals('"', f'"^^<{XSD}nonNegativeInteger>') == INTEGER
    assert kind_of_literals('"', f'"^^<{XSD}decimal>') == DECIMAL
    assert kind_of_literals('"', '"^^<http://x/pounds>') is None
    assert kind_of_literals('"', '"@en') is None
