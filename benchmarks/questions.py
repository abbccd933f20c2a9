"""What users ask of statistics, over HTTP: cubes as columns against every triple, optimised.

    python benchmarks/questions.py [OBSERVATIONS] [--runs 5] [--cap 300] [--oxigraph PROGRAM]

Measured as `benchmarks/serving.py` does it.
"""

from __future__ import annotations

from typing import Final

from benchmarks.serving import compare_all
from ontology.terms import XSD

H: Final = "?o dimension:area ?a ; dimension:age-band ?g ; dimension:period ?p ; measure:households ?v ."
E: Final = "?q dimension:area ?a ; dimension:age-band ?g ; dimension:period ?p ; measure:expenditure ?w ."
BY_AREA: Final = f"SELECT ?a (SUM(?v) AS ?s) {{ {H} }} GROUP BY ?a"
QUERIES: Final = {
    "share of an age": f"SELECT ?p (SUM(IF(?g = age:age-1, ?v, 0)) / SUM(?v) AS ?s) {{ {H} }} GROUP BY ?p",
    "sum of a multiple": f"SELECT ?a (SUM(?v * 2) AS ?s) {{ {H} }} GROUP BY ?a",
    "mean of casts": f"PREFIX xsd: <{XSD.NAMESPACE}> SELECT (AVG(xsd:decimal(?v)) AS ?m) {{ {H} }}",
    "weighted mean": f"SELECT ?a (SUM(?v * ?w) / SUM(?v) AS ?m) {{ {H} {E} }} GROUP BY ?a",
    "ratio of sums": f"SELECT ?a (SUM(?w) / SUM(?v) AS ?r) {{ {H} {E} }} GROUP BY ?a",
    "either cube": "SELECT ?a (SUM(?x) AS ?s) { { ?o dimension:area ?a ; measure:households ?x } UNION "
    "{ ?o dimension:area ?a ; measure:expenditure ?x } } GROUP BY ?a",
    "share of the total": f"SELECT ?a (?s / ?t AS ?r) {{ {{ {BY_AREA} }} {{ SELECT (SUM(?v) AS ?t) {{ {H} }} }} }}",
    "rank": f"SELECT ?a ?s (COUNT(?b) AS ?rank) {{ {{ {BY_AREA} }} {{ SELECT (?a AS ?b) (SUM(?v) AS ?t) {{ {H} }} "
    "GROUP BY ?a } FILTER(?t >= ?s) } GROUP BY ?a ?s",
    "large areas": f"{BY_AREA} HAVING(SUM(?v) > 1000000)",
    "by year": f"SELECT ?y (SUM(?v) AS ?s) {{ {H} BIND(SUBSTR(STRAFTER(STR(?p), '/month/'), 1, 4) AS ?y) }} "
    "GROUP BY ?y",
    "one year": f"SELECT (SUM(?v) AS ?s) {{ {H} "
    "FILTER(STRSTARTS(STR(?p), 'http://reference.data.gov.uk/id/month/2012')) }",
    "by label": f"SELECT ?l (SUM(?v) AS ?s) {{ {H} ?a skos:prefLabel ?l }} GROUP BY ?l ORDER BY ?l LIMIT 20",
    "all but some": f"SELECT (SUM(?v) AS ?s) {{ {H} FILTER(?a NOT IN (area:area-1, area:area-2)) }}",
    "where one exceeds the other": f"SELECT (COUNT(*) AS ?n) {{ {H} {E} FILTER(?w > ?v) }}",
    "smallest and largest": f"SELECT ?a (MIN(?v) AS ?l) (MAX(?v) AS ?h) {{ {H} }} GROUP BY ?a",
    "row of the largest": f"SELECT * {{ {{ SELECT (MAX(?x) AS ?v) {{ ?q measure:households ?x }} }} {H} }}",
    "different values": f"SELECT ?a (COUNT(DISTINCT ?v) AS ?n) {{ {H} }} GROUP BY ?a",
    "bands": f"SELECT ?b (COUNT(*) AS ?n) {{ {H} BIND(FLOOR(?v / 10000) AS ?b) }} GROUP BY ?b",
    "in the order of addresses": f"SELECT ?o ?v {{ {H} }} ORDER BY ?o LIMIT 50 OFFSET 1000",
}


def main() -> None:
    """Make both, ask both, print a table."""
    compare_all(QUERIES, __doc__)


if __name__ == "__main__":
    main()
