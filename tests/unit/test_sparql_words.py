"""Values in words, and addresses as paths."""

from __future__ import annotations

import pytest
from pyoxigraph import Literal

from endpoint.labels import figure_text
from endpoint.rows import expand
from endpoint.site import Site, node
from endpoint.words import first_sentence, literal_text, local_name
from ontology.terms import XSD

SITE = Site("https://data.example.org")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("1234567", XSD.integer, "1,234,567"),
        ("-1234.50", XSD.decimal, "-1,234.50"),
        ("1.0E6", XSD.double, "1.0E6"),
        ("INF", XSD.double, "INF"),
        ("2010-04-09", XSD.date, "9 April 2010"),
        ("2010-04-31", XSD.date, "2010-04-31"),
        ("2025-07-15T09:05:00+00:00", XSD.dateTime, "15 July 2025 at 9:05am"),
        ("true", XSD.boolean, "Yes"),
        ("2025", XSD.gYear, "2025"),
        ("text", XSD.string, "text"),
    ],
)
def test_literals_read_well(value: str, kind: object, expected: str) -> None:
    assert literal_text(Literal(value, datatype=kind)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        ("http://reference.data.gov.uk/id/month/2025-05", "May 2025"),
        ("http://reference.data.gov.uk/id/quarter/2025-Q1", "January to March 2025"),
        ("http://reference.data.gov.uk/id/government-year/2024-2025", "2024 to 2025"),
        ("http://reference.data.gov.uk/id/month/2025-13", "2025-13"),
        ("http://example.org/def#DepartmentOfThings", "Department Of Things"),
        ("http://example.org/some_thing-else/", "Some thing else"),
        ("https://stat-xplore.example.org/", "stat-xplore.example.org"),
        ("http://example.org/caf%C3%A9", "Café"),
    ],
)
def test_nameless_things_get_a_readable_name(iri: str, expected: str) -> None:
    assert local_name(iri) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("12345", "Households", "12,345 households"),
        ("-45000.00", "Pounds sterling", "−£45,000.00"),
        ("3.2", "Per cent", "3.2%"),
        ("7", None, "7"),
    ],
)
def test_figures_come_with_their_unit(value: str, unit: str | None, expected: str) -> None:
    assert figure_text(Literal(value, datatype=XSD.decimal), unit) == expected


def test_the_first_sentence() -> None:
    assert (
        first_sentence("Spending over £25.5 million a year. More.\n\nEven more.")
        == "Spending over £25.5 million a year."
    )


@pytest.mark.parametrize(
    ("iri", "path"),
    [
        ("https://data.example.org/data/x/obs/a/2025-05@m", "/data/x/obs/a/2025-05@m"),
        ("https://data.example.org/data/a%20b%2Fc", "/data/a%20b%2Fc"),
        ("https://data.example.org/data/café", "/data/caf%C3%A9"),
        ("https://data.example.org/id/organisation/x", "/doc/organisation/x"),
        ("http://statistics.data.gov.uk/id/statistical-geography/E06000001", "/doc/area/E06000001"),
        ("http://reference.data.gov.uk/id/month/2025-05", "/doc/period/month/2025-05"),
        ("http://example.net/x?y=1&z", "/doc/resource?uri=http%3A%2F%2Fexample.net%2Fx%3Fy%3D1%26z"),
        ("https://data.example.org.evil.net/x", "/doc/resource?uri=https%3A%2F%2Fdata.example.org.evil.net%2Fx"),
    ],
)
def test_an_iri_has_one_document_and_is_found_by_it(iri: str, path: str) -> None:
    assert SITE.document(iri) == path
    if "?" not in path:
        assert iri in {subject.value for subject in SITE.subjects(path)}


def test_needless_encoding_is_undone() -> None:
    assert "https://data.example.org/data/2025-05@m" in {each.value for each in SITE.subjects("/data/2025-05%40m")}


@pytest.mark.parametrize("text", ["", "x", "/x", "not an IRI", "http://a b", "a:<b>", "1:x"])
def test_what_is_no_iri_is_none(text: str) -> None:
    assert node(text) is None


def test_uri_templates() -> None:
    cells = {"a": "x y/z", "b": "http://e.org/p?q#é"}
    assert expand("obs/{a}@m?{+b}", cells) == "obs/x%20y%2Fz@m?http://e.org/p?q#%C3%A9"
