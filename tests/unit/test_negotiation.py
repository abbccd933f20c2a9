"""Which form a client gets, by what it says it takes."""

from __future__ import annotations

import pytest

from endpoint.media import (
    CSV,
    HTML,
    JSON,
    JSON_LD,
    N_TRIPLES,
    PAGE_FORMS,
    RDF_FORMS,
    RDF_XML,
    RESULT_FORMS,
    TSV,
    TURTLE,
    XML,
    Form,
    by_name,
    negotiate,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
RESULTS = (*RESULT_FORMS, HTML)
GRAPHS = (*RDF_FORMS, HTML)


@pytest.mark.parametrize(
    ("accept", "offered", "expected"),
    [
        (None, PAGE_FORMS, HTML),
        ("", PAGE_FORMS, HTML),
        ("*/*", PAGE_FORMS, HTML),
        (BROWSER, PAGE_FORMS, HTML),
        (BROWSER, RESULTS, HTML),
        (BROWSER, RESULT_FORMS, XML),
        ("*/*", RESULTS, JSON),
        (None, RESULTS, JSON),
        (None, GRAPHS, TURTLE),
        ("text/turtle", PAGE_FORMS, TURTLE),
        ("TEXT/Turtle", PAGE_FORMS, TURTLE),
        ("text/html;q=0.1, text/turtle;q=0.9", PAGE_FORMS, TURTLE),
        ("text/turtle;q=0.5, application/ld+json;q=0.6", PAGE_FORMS, JSON_LD),
        ("text/turtle;q=0, */*", GRAPHS, N_TRIPLES),
        ("text/*, text/turtle;q=0.1", PAGE_FORMS, HTML),
        ("text/*;q=0.4, application/rdf+xml;q=0.3", (TURTLE, RDF_XML), TURTLE),
        ("text/csv, */*;q=0.1", RESULTS, CSV),
        ("application/sparql-results+json;q=0, text/csv", RESULTS, CSV),
        ("text/csv;q=0.3, application/sparql-results+xml;q=0.9, application/sparql-results+json;q=0.5", RESULTS, XML),
        ("application/json", RESULTS, JSON),
        ("application/json", GRAPHS, JSON_LD),
        ("application/xml", RESULTS, XML),
        ("text/xml", GRAPHS, RDF_XML),
        ("text/plain", GRAPHS, N_TRIPLES),
        ("text/tab-separated-values;header=present", RESULTS, TSV),
        ("text/turtle;q=nonsense", PAGE_FORMS, TURTLE),
        ("application/sparql-results+json, text/turtle;q=0.9", GRAPHS, TURTLE),
        ("image/png", RESULTS, None),
        ("*/*;q=0", PAGE_FORMS, None),
        (";;,,", PAGE_FORMS, None),
    ],
)
def test_the_best_form_is_chosen(accept: str | None, offered: tuple[Form, ...], expected: Form | None) -> None:
    assert negotiate(accept, offered) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("csv", CSV),
        ("CSV", CSV),
        ("text/csv", CSV),
        ("application/json", JSON),
        ("json", JSON),
        ("ttl", None),
        ("", None),
    ],
)
def test_a_form_is_found_by_its_name(name: str, expected: Form | None) -> None:
    assert by_name(name, RESULT_FORMS) == expected
