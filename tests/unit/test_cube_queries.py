"""Queries are read and written again without a change of meaning, and what is not known is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyoxigraph import NamedNode, QuerySolutions, RdfFormat, Store

from endpoint.cubes.parser import read_query
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.writing import write_query
from tests.properties.cube_cases import multiset

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

BASE = "http://example.org/"
PREFIXES = "PREFIX : <http://x/> "
FORMS = {".ttl": RdfFormat.TURTLE, ".nt": RdfFormat.N_TRIPLES, ".rdf": RdfFormat.RDF_XML}
UNSTEADY = ("RAND", "UUID", "NOW", "BNODE", "LIMIT", "SAMPLE", "GROUP_CONCAT", "SERVICE")


def answer(store: Store, query: str) -> Counter[tuple[str, ...]]:
    found = store.query(query, base_iri=BASE)
    if isinstance(found, QuerySolutions):
        return multiset(found)
    return multiset(found)


def has_blank(rows: Counter[tuple[str, ...]]) -> bool:
    return any("_:" in cell for row in rows for cell in row)


def store_of(folder: Path) -> Store:
    store = Store()
    for path in sorted(folder.iterdir()):
        if path.suffix in FORMS and "manifest" not in path.name:
            try:
                store.load(path=str(path), format=FORMS[path.suffix], base_iri=BASE)
                store.load(
                    path=str(path), format=FORMS[path.suffix], base_iri=BASE, to_graph=NamedNode(BASE + path.name)
                )
            except SyntaxError:
                continue
    return store


def test_the_official_queries_mean_the_same_when_written_again(shared: Path) -> None:
    """All that the engine accepts of the W3C's SPARQL 1.1 tests, over the data beside each."""
    count = 0
    stores: dict[Path, Store] = {}
    for path in sorted((shared / "w3c-sparql11-tests").rglob("*.rq")):
        text = path.read_text("utf-8")
        store = stores.setdefault(path.parent, store_of(path.parent))
        if any(word in text.upper() for word in UNSTEADY):
            continue
        try:
            before = answer(store, text)
        except (SyntaxError, OSError, RuntimeError):
            continue
        again = write_query(read_query(text, BASE))
        after = answer(store, again)
        if not has_blank(before):
            assert before == after, f"{path}\n{again}"
        else:
            assert sum(before.values()) == sum(after.values()), f"{path}\n{again}"
        count += 1
    assert count > 200


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { << :a :b :c >> :d ?e }",
        "SELECT * { ?a :b ?c LATERAL { ?c :d ?e } }",
        "SELECT ?x\u00b7 { ?x\u00b7 :b ?c }",
    ],
)
def test_what_is_not_sparql_1_1_is_refused(query: str) -> None:
    with pytest.raises(RefusalError):
        read_query(PREFIXES + query, BASE)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("0.70", '"0.7"^^<http://www.w3.org/2001/XMLSchema#decimal>'),
        ("'x'@EN-gb", '"x"@en-gb'),
        ("'''a\"b'''", '"a\\"b"'),
        ("true", '"true"^^<http://www.w3.org/2001/XMLSchema#boolean>'),
        ("-07", '"-7"^^<http://www.w3.org/2001/XMLSchema#integer>'),
        ("<rel>", "<http://example.org/rel>"),
        (":a\\,b", "<http://x/a,b>"),
    ],
)
def test_terms_are_those_that_the_store_compares(text: str, stored: str) -> None:
    (triples,) = read_query(f"{PREFIXES}SELECT * {{ ?a :b {text} }}", BASE).where.elements
    assert triples.patterns[0].object == stored  # type: ignore[union-attr]
