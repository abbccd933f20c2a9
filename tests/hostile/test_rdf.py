"""Hostile and broken Turtle as components.ttl of a folder: each gets exactly these problems through a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.hostile.places import Place

PREFIXES = (
    "@prefix qb: <http://purl.org/linked-data/cube#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . "
    "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
)
X = "<def/dimension/x>"
GOOD = f'{PREFIXES}{X} a qb:DimensionProperty ; rdfs:label "X"@en ; rdfs:range xsd:string .\n'
COMPONENT = "http://127.0.0.1:8000/def/dimension/x"


def more(text: str) -> bytes:
    return f"{GOOD}{text}\n".encode()


def syntax(line: int) -> list[str]:
    return [f"ONT-01 components.ttl:{line}"]


BLANK = ["ONT-02 components.ttl"]
LITERAL = ["ONT-04 components.ttl"]
FOREIGN = ["ONT-05 components.ttl"]
FAULTY = [f"ONT-03 {COMPONENT}"]

FILES: dict[str, tuple[bytes, list[str]]] = {
    "cut short": (more(f"{X} rdfs:comment "), syntax(4)),
    "address never closed": (f"{PREFIXES}<a <b> <c> .".encode(), syntax(2)),
    "prefix unknown": (more("ex:a ex:b ex:c ."), syntax(3)),
    "literal as subject": (more('"a" <b> <c> .'), syntax(3)),
    "blank node as predicate": (more("<a> [] <c> ."), syntax(3)),
    "named graph": (more("<g> { <a> <b> <c> }"), syntax(3)),
    "line end in a literal": (more(f'{X} rdfs:comment "a\nb" .'), syntax(3)),
    "escaped surrogate": (more(f'{X} rdfs:comment "\\ud800" .'), syntax(3)),
    "not UTF-8": (more(f'{X} rdfs:comment "') + b'\xff" .', syntax(3)),
    "UTF-16": (GOOD.encode("utf-16"), syntax(1)),
    "space in an address": (more('<http://a/b c> rdfs:label "x" .'), syntax(3)),
    "escaped space in an address": (more('<http://a/b\\u0020c> rdfs:label "x" .'), syntax(3)),
    "escaped bracket in an address": (more('<http://a/\\u003e> rdfs:label "x" .'), syntax(3)),
    "language that is none": (more(f'{X} rdfs:comment "x"@1 .'), syntax(3)),
    "language too long": (more(f'{X} rdfs:comment "x"@toolonglanguagetag .'), syntax(3)),
    "100,000 brackets": (more("<a> <b> " + "[" * 100_000), syntax(3)),
    "XML with an external entity": (
        b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        syntax(1),
    ),
    "JSON": (b'{"@id": "x"}', syntax(1)),
    "every byte": (bytes(range(256)), syntax(1)),
    "blank node": (more('_:a rdfs:label "x" .'), BLANK),
    "blank node as component": (more("[] a qb:DimensionProperty ."), BLANK),
    "blank node as value": (more(f"{X} rdfs:seeAlso [] ."), BLANK),
    "named blank node as value": (more(f"{X} rdfs:seeAlso _:b ."), BLANK),
    "list": (more(f'{X} rdfs:seeAlso ( "a" ) .'), BLANK * 3),
    "10,000 nested nodes": (
        more(f"{X} rdfs:seeAlso " + "[ rdfs:seeAlso " * 10_000 + "1" + " ]" * 10_000 + " ."),
        [*BLANK * 20, "FILE-07 components.ttl"],
    ),
    "triple as value": (more(f"{X} rdfs:seeAlso <<( <a> <b> <c> )>> ."), BLANK),
    "triple as subject": (more('<< <a> <b> <c> >> rdfs:comment "x" .'), BLANK * 2),
    "base direction": (more(f'{X} rdfs:comment "x"@en--ltr .'), LITERAL),
    "NUL in a literal": (more(f'{X} rdfs:comment "a\\u0000b" .'), LITERAL),
    "control character in a literal": (more(f'{X} rdfs:comment "a\x01b" .'), LITERAL),
    "text as integer": (more(f'{X} rdfs:comment "x"^^xsd:integer .'), LITERAL),
    "month 13": (more(f'{X} rdfs:comment "2025-13"^^xsd:gYearMonth .'), LITERAL),
    "component without label": (f"{PREFIXES}{X} a qb:DimensionProperty ; rdfs:range xsd:string .".encode(), FAULTY),
    "component without range": (f'{PREFIXES}{X} a qb:DimensionProperty ; rdfs:label "X"@en .'.encode(), FAULTY),
    "label is an address": (
        f"{PREFIXES}{X} a qb:DimensionProperty ; rdfs:label <y> ; rdfs:range xsd:string .".encode(),
        FAULTY,
    ),
    "code list is a text": (
        f'{PREFIXES}{X} a qb:DimensionProperty ; rdfs:label "X" ; rdfs:range skos:Concept ; qb:codeList "y" .'.encode(),
        FAULTY,
    ),
    "component of two kinds": (more(f"{X} a qb:MeasureProperty ."), FAULTY),
    "measure of the vocabulary turned dimension": (
        more('<def/measure/households> a qb:DimensionProperty ; rdfs:label "X"@en ; rdfs:range xsd:string .'),
        FOREIGN,
    ),
    "figure slipped in": (more("<data/tiny/obs/E06000001/2025-04@households> <def/measure/households> 9 ."), FOREIGN),
    "another dataset described": (more("<data/other> a qb:DataSet ."), FOREIGN),
    "address that climbs": (more('<../../../etc/passwd> rdfs:label "x" .'), FOREIGN),
    "50,000 addresses": (
        more("\n".join(f'<a{n}> rdfs:comment "x" .' for n in range(50_000))),
        [*FOREIGN * 20, "FILE-07 components.ttl"],
    ),
}
ACCEPTED = {
    "nothing": b"",
    "a comment": b"# nothing",
    "20 MB of spaces": GOOD.encode() + b" " * 20_000_000,
    "an import that must not be fetched": more(f"{X} <http://www.w3.org/2002/07/owl#imports> <http://127.0.0.1:9/x> ."),
    "another base": b"@base <http://elsewhere.example/> .\n" + GOOD.encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_broken_turtle_gets_these_problems(place: Place, name: str) -> None:
    data, expected = FILES[name]
    (place.folder / "components.ttl").write_bytes(data)
    assert place.try_build() == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_does_no_harm_is_published(place: Place, name: str) -> None:
    (place.folder / "components.ttl").write_bytes(ACCEPTED[name])
    assert place.try_build() == []
    assert {"10", "20", "30", "40"} <= place.literals()
