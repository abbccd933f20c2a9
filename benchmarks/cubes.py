"""What newcomers, editors and crawlers ask first, over HTTP: cubes as columns against every triple, optimised.

    python benchmarks/cubes.py [OBSERVATIONS] [--runs 5] [--cap 300] [--oxigraph PROGRAM]

Measured as `benchmarks/serving.py` does it. Of a query for any few triples only the number of rows is compared.
"""

from __future__ import annotations

from typing import Final

from benchmarks.made_up import HOUSEHOLDS
from benchmarks.servers import BASE
from benchmarks.serving import compare_all

OBSERVATION: Final = f"<{BASE}/data/{HOUSEHOLDS}/obs/area-7/2010-01/age-0@households>"
QUERIES: Final = {
    "ten triples": "SELECT * { ?s ?p ?o } LIMIT 10",
    "count of everything": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }",
    "classes and their sizes": "SELECT ?c (COUNT(*) AS ?n) { ?s a ?c } GROUP BY ?c",
    "properties and their sizes": "SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p",
    "everything about one observation": f"SELECT * {{ {OBSERVATION} ?p ?o }}",
    "what points at a code": "SELECT ?s ?p { ?s ?p area:area-7 } LIMIT 1000",
    "text search over labels": 'SELECT ?s ?l { ?s skos:prefLabel ?l FILTER(CONTAINS(LCASE(?l), "area 39")) }',
    "distinct subjects": "SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o }",
    "distinct objects": "SELECT (COUNT(DISTINCT ?o) AS ?n) { ?s ?p ?o }",
    "entities": "SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s a [] }",
    "distinct subjects of each property": "SELECT ?p (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o } GROUP BY ?p",
    "distinct subjects of each class": "SELECT ?c (COUNT(DISTINCT ?s) AS ?n) { ?s a ?c } GROUP BY ?c",
    "distinct classes": "SELECT DISTINCT ?type { ?s a ?type }",
    "distinct properties": "SELECT DISTINCT ?p { ?s ?p ?o }",
    "what points at an observation": f"SELECT * {{ ?s ?p {OBSERVATION} }}",
    "all that points at a code": "SELECT ?s ?p { ?s ?p area:area-7 }",
    "text search with counts": "SELECT ?l (COUNT(*) AS ?n) { ?o dimension:area ?a . ?a skos:prefLabel ?l "
    'FILTER(CONTAINS(LCASE(STR(?l)), "area 39")) } GROUP BY ?l',
    "page of observations": "SELECT ?o { ?o a qb:Observation } ORDER BY ?o LIMIT 50 OFFSET 100",
    "observations of each data set": "SELECT ?d (COUNT(?o) AS ?n) { ?o qb:dataSet ?d } GROUP BY ?d",
}


def main() -> None:
    """Make both, ask both, print a table."""
    compare_all(QUERIES, __doc__)


if __name__ == "__main__":
    main()
