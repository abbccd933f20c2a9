"""Generated cubes and generated queries about them, small enough to be answered with every triple in a store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from pyoxigraph import (
    CanonicalizationAlgorithm,
    Dataset,
    Literal,
    Quad,
    QueryBoolean,
    QuerySolutions,
    RdfFormat,
    Store,
)

from endpoint.cubes.columns import open_columns
from endpoint.cubes.source import CubeSource
from endpoint.source import StoreSource
from loader.release import MANIFEST_FORMAT, Manifest, Release
from tests.properties.cube_columns import write_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from endpoint.source import Answer

BASE = "http://x"
XSD = "http://www.w3.org/2001/XMLSchema#"
RDF_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
PREFIXES = f"PREFIX : <{BASE}/> PREFIX xsd: <{XSD}> "
NAMES = ("one", "two")
AREAS = tuple(f"<{BASE}/a{n}>" for n in range(4))
PERIODS = tuple(f"<{BASE}/p{n}>" for n in range(2))
NUMBERS = {
    "integer": ('"1"', '"2"', '"07"', '"-3"', '"-0"', '"100000"'),
    "decimal": ('"0.70"', '"0.7"', '"-1.5"', '"2"', '"-0.0"', '"12345678901.25"'),
    "nonNegativeInteger": ('"4"', '"007"'),
    "double": ('"1.5E0"', '"0.25"', '"3"'),
}
TEXTS = ('"x"', '"x"@EN', '"y"@cy', '"q\\"uote"', '"1"^^<http://www.w3.org/2001/XMLSchema#boolean>', '"2025-05"')
NODES = (f"<{BASE}/data/one/obs/0>", f"<{BASE}/data/two/obs/1>", f"<{BASE}/stored>", f"<{BASE}/a0>", f"<{BASE}/none>")
TIMES = (
    *(f'"2025-05-01"^^<{XSD}date>', f'"2025-05-01Z"^^<{XSD}date>', f'"2025-05-01T00:00:00Z"^^<{XSD}dateTime>'),
    *(f'"2025"^^<{XSD}gYear>', f'"P1D"^^<{XSD}duration>', f'"24:00:00"^^<{XSD}time>', f'"true"^^<{XSD}boolean>'),
    *(
        f'"abc"^^<{XSD}integer>',
        f'"NaN"^^<{XSD}double>',
        f'"1"^^<{BASE}/odd>',
        f'"12345678901234567890"^^<{XSD}integer>',
    ),
)
STORED = (
    f"<{BASE}/a2> <{BASE}/about> <{BASE}/data/one/obs/0>",
    f"<{BASE}/a2> <{BASE}/about> <{BASE}/data/two/obs/1>",
    f'<{BASE}/a0> <{BASE}/label> "North"',
    f'<{BASE}/a1> <{BASE}/label> "South"',
    f'<{BASE}/a1> <{BASE}/label> "De"@cy',
    f"<{BASE}/a0> <{BASE}/broader> <{BASE}/a2>",
    f"<{BASE}/a1> <{BASE}/broader> <{BASE}/a0>",
    f"<{BASE}/a2> <{BASE}/broader> <{BASE}/a0>",
    f'<{BASE}/p0> <{BASE}/label> "First"',
    f'<{BASE}/p0> <{BASE}/order> "1"^^<{XSD}integer>',
    f"<{BASE}/data/one> {RDF_TYPE} <{BASE}/DataSet>",
    f"<{BASE}/stored> {RDF_TYPE} <{BASE}/Observation>",
    f"<{BASE}/stored> <{BASE}/area> <{BASE}/a1>",
    f'<{BASE}/stored> <{BASE}/value> "5"^^<{XSD}integer>',
)

Row = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """Some cubes, the same in columns and as triples."""

    columns: CubeSource | StoreSource
    plain: StoreSource


@dataclass(frozen=True, slots=True)
class Part:
    """Triples that become a cube: all those whose subjects begin with a prefix."""

    name: str
    graph: str
    prefix: str
    triples: Sequence[str]


def graph(name: str) -> str:
    """Give the graph of a cube."""
    return f"{BASE}/graph/{name}"


@st.composite
def rows(draw: st.DrawFn, name: str) -> list[Row]:
    """Make the observations of a cube: for each, the objects of each predicate."""
    kind = draw(st.sampled_from(sorted(NUMBERS)))
    mixed = draw(st.booleans()) and draw(st.booleans())
    found: list[Row] = []
    for _ in range(draw(st.integers(0, 5))):
        row: Row = {RDF_TYPE: [f"<{BASE}/Observation>"], "dataSet": [f"<{BASE}/data/{name}>"]}
        row["area"] = [draw(st.sampled_from(AREAS))]
        if name == "one" or draw(st.booleans()):
            row["period"] = [draw(st.sampled_from(PERIODS))]
        chosen = draw(st.sampled_from(sorted(NUMBERS))) if mixed else kind
        if draw(st.integers(0, 3)):
            row["value"] = [f"{draw(st.sampled_from(NUMBERS[chosen]))}^^<{XSD}{chosen}>"]
        if draw(st.integers(0, 2)) == 0:
            row["note"] = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=2, unique=True))
        if draw(st.integers(0, 2)) == 0:
            row["of"] = draw(st.lists(st.sampled_from(NODES), min_size=1, max_size=2, unique=True))
        if draw(st.integers(0, 3)) == 0:
            row["when"] = [draw(st.sampled_from(TIMES))]
        if name == "two":
            row[RDF_TYPE].append(f"<{BASE}/Payment>")
            row["other"] = [f'"{draw(st.integers(0, 3))}"^^<{XSD}integer>']
        found.append(row)
    return found


def lines(name: str, table: Sequence[Row]) -> list[str]:
    """Write observations as N-Triples, without their ends."""
    return [
        f"<{BASE}/data/{name}/obs/{number}> {p if p.startswith('<') else f'<{BASE}/{p}>'} {o}"
        for number, row in enumerate(table)
        for p, objects in row.items()
        for o in objects
    ]


def make(path: Path, tables: Mapping[str, Sequence[Row]]) -> Case:
    """Make both from observations."""
    stored = {f"{BASE}/graph/codes": STORED[:11], graph("one"): STORED[11:]}
    stored[graph("two")] = (f"<{BASE}/data/two> {RDF_TYPE} <{BASE}/DataSet>",)
    cubes = [Part(name, graph(name), f"{BASE}/data/{name}/obs/", lines(name, table)) for name, table in tables.items()]
    return divide(path, stored, cubes)


def divide(path: Path, stored: Mapping[str, Sequence[str]], cubes: Sequence[Part]) -> Case:
    """Make both from triples: of graphs that stay triples, and of cubes."""
    part, full = Store(), Store()
    for name, triples in stored.items():
        _load(part, triples, name)
        _load(full, triples, name)
    for cube in cubes:
        write_columns(path / "cubes", cube.name, cube.graph, cube.prefix, cube.triples)
        _load(full, cube.triples, cube.graph)
    columns = open_columns(Release(path, Manifest(MANIFEST_FORMAT, BASE, "", {}, "", ())))
    if columns is None:
        return Case(StoreSource(part, BASE), StoreSource(full, BASE))
    return Case(CubeSource(part, columns, BASE), StoreSource(full, BASE))


def _load(store: Store, triples: Sequence[str], name: str) -> None:
    text = "".join(f"{triple} <{name}> .\n" for triple in triples)
    store.load(text.encode(), format=RdfFormat.N_QUADS)


def multiset(answer: Answer) -> Counter[tuple[str, ...]]:
    """Give the answer without its order; a graph is a set."""
    if isinstance(answer, QueryBoolean):
        return Counter([(str(bool(answer)),)])
    if isinstance(answer, QuerySolutions):
        names = sorted(variable.value for variable in answer.variables)
        return Counter(tuple(f"{name}={_shown(row[name])}" for name in names) for row in answer)
    graph = Dataset(Quad(triple.subject, triple.predicate, triple.object) for triple in answer)
    graph.canonicalize(CanonicalizationAlgorithm.UNSTABLE)
    return Counter((str(quad),) for quad in graph)


def _shown(term: object) -> str:
    """Write a term; of a double the digits that do not depend on the order of a sum."""
    if isinstance(term, Literal) and term.datatype.value == f"{XSD}double":
        return f"{float(term.value):.12g} (double)"
    return str(term)


VARIABLES = ("?a", "?b", "?v", "?w")
SUBJECTS = ("?o", "?o", "?o", "?o", "?q", "?a", f"<{BASE}/data/one/obs/0>", f"<{BASE}/stored>", "[]")
PREDICATES = (
    *("a", ":dataSet", ":area", ":area", ":period", ":value", ":value", ":note", ":other"),
    *(":label", ":broader", ":order", ":nothing"),
)
PATHS = (
    *(":area/:label", ":area/:broader", ":area|:period", "^:area", "!(:area|a)", ":area/:broader*", ":area/:broader+"),
    *(":broader*", ":broader?", "(:area/:broader)|:period", "^:broader/^:area", "!^:area", ":nothing*"),
)
OBJECTS = (
    *("?a", "?a", "?b", "?v", "?v", "?w", "?o", ":Observation", ":Payment", ":a0", ":a1", ":a3", ":p0", "0.70", "7"),
    *('"x"', '"x"@en', "<http://x/data/one>", "1", '"North"', "<http://x/data/two/obs/0>"),
)
CONDITIONS = (
    *("?v > 1", "?v <= 2.5 && ?v > -10", "2 >= ?v", "?v != ?w", "?v = 7", "isIRI(?a)", "?a = :a0", "?a IN (:a0, :a1)"),
    *("STRENDS(STR(?a), '0')", "BOUND(?w)", "!BOUND(?w)", "?v + 1 > 2", "?p = :area", "isLiteral(?v) || ?v = :a0"),
    *("LANG(?v) = 'en'", "sameTerm(?v, ?w)", "?o != ?q", "?a = ?b || ?v = ?w", "COALESCE(?v, 3) > 2", "?b > 3"),
)
EXPRESSIONS = ("?v * 2", "STR(?a)", "COALESCE(?w, ?v)", "?v + ?w", "IF(BOUND(?b), 1, 2)")
DATA = (
    "VALUES ?a { :a0 :a1 :a3 }",
    "VALUES (?a ?v) { (:a0 1) (UNDEF 2) (:a1 UNDEF) }",
    "VALUES ?v { 0.70 7 -3 }",
    "VALUES ?o { <http://x/data/one/obs/0> <http://x/stored> :nobody }",
    "VALUES ?p { :area :label }",
)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Make a few triples."""
    found = []
    for _ in range(draw(st.sampled_from((1, 1, 2, 2, 3)))):
        kind = draw(st.integers(0, 9))
        predicate = draw(st.sampled_from(PREDICATES))
        if kind == 0:
            predicate = "?p"
        elif kind in (1, 2):
            predicate = draw(st.sampled_from(PATHS))
        found.append(f"{draw(st.sampled_from(SUBJECTS))} {predicate} {draw(st.sampled_from(OBJECTS))} .")
    return " ".join(found)


@st.composite
def groups(draw: st.DrawFn, depth: int = 2) -> str:
    """Make a group, without its braces."""
    parts = [draw(patterns())]
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.integers(0, 10 if depth else 3))
        if kind == 0:
            parts.append(draw(patterns()))
        elif kind == 1:
            parts.append(f"FILTER({draw(st.sampled_from(CONDITIONS))})")
        elif kind == 2:
            parts.append(f"BIND({draw(st.sampled_from(EXPRESSIONS))} AS ?z{depth}{len(parts)})")
        elif kind == 3:
            parts.append(draw(st.sampled_from(DATA)))
        else:
            inner = draw(groups(depth=depth - 1))
            parts.append(_nested(draw, kind, inner, depth))
    return " ".join(parts)


def _nested(draw: st.DrawFn, kind: int, inner: str, depth: int) -> str:
    if kind in (4, 5):
        return f"OPTIONAL {{ {inner} }}"
    if kind == 6:
        return f"{{ {inner} }} UNION {{ {draw(groups(depth=depth - 1))} }}"
    if kind == 7:
        return f"MINUS {{ {inner} }}"
    if kind == 8:
        return f"FILTER {draw(st.sampled_from(('EXISTS', 'NOT EXISTS')))} {{ {inner} }}"
    if kind == 9:
        name = draw(st.sampled_from(("?g", "?g", f"<{graph('one')}>", f"<{BASE}/graph/codes>")))
        return f"GRAPH {name} {{ {inner} }}"
    return f"{{ {draw(st.sampled_from(('SELECT *', 'SELECT DISTINCT ?a ?v', 'SELECT ?o ?v')))} {{ {inner} }} }}"


HEADS = (
    *("SELECT * %s", "SELECT * %s", "SELECT ?a ?v %s", "SELECT DISTINCT ?a %s", "SELECT DISTINCT * %s", "ASK %s"),
    *("SELECT (COUNT(*) AS ?n) %s", "SELECT (SUM(?v) AS ?s) (AVG(?v) AS ?m) (COUNT(?v) AS ?n) %s"),
    *("SELECT ?a (SUM(?v) AS ?s) (COUNT(*) AS ?n) %s GROUP BY ?a", "SELECT (MIN(?v) AS ?l) (MAX(?v) AS ?h) %s"),
    *("SELECT ?a (AVG(?v) AS ?s) (COUNT(DISTINCT ?o) AS ?n) %s GROUP BY ?a", "CONSTRUCT { ?o :is ?a, ?v } %s"),
    *("SELECT ?a ?b (SUM(?v) AS ?s) (SUM(?w) AS ?t) %s GROUP BY ?a ?b HAVING(COUNT(?v) > 1)",),
    *("SELECT (COUNT(DISTINCT ?v) AS ?n) (SUM(DISTINCT ?v) AS ?s) (SUM(?v + 1) AS ?t) %s", "DESCRIBE ?o ?a %s"),
    *("SELECT (SUM(?v)/COUNT(?w) AS ?r) %s", "SELECT ?p (COUNT(?o) AS ?n) (MAX(?v) AS ?m) %s GROUP BY ?p"),
    *("SELECT (COUNT(*) AS ?n) FROM <http://x/graph/one> %s", "SELECT * FROM NAMED <http://x/graph/two> %s"),
    *("SELECT ?g (COUNT(*) AS ?n) %s GROUP BY ?g", "SELECT (STR(?a) AS ?t) (COUNT(?o) AS ?n) %s GROUP BY STR(?a) ?a"),
)


COUNTS = (
    *("SELECT (COUNT(DISTINCT ?o) AS ?n) %s", "SELECT (COUNT(DISTINCT ?v) AS ?n) (COUNT(?o) AS ?m) %s"),
    *("SELECT ?a (COUNT(DISTINCT ?o) AS ?n) (COUNT(*) AS ?m) %s GROUP BY ?a", "SELECT DISTINCT ?p %s"),
    *("SELECT ?p (COUNT(DISTINCT ?v) AS ?n) %s GROUP BY ?p HAVING(COUNT(DISTINCT ?v) > 1)",),
    *("SELECT ?g (COUNT(DISTINCT ?o) AS ?n) %s GROUP BY ?g ORDER BY DESC(COUNT(*))", "SELECT (COUNT(*) AS ?n) %s"),
)
STARS = (
    *("?o ?p ?v", "?o a ?a", "?o :area ?a ; :value ?v", "?o ?p ?v ; :area ?a", "?o :value ?v ; a :Observation"),
    *("?o :area ?a ; :note ?v", "?o ?p ?v ; ?q ?w", "?o :dataSet ?a ; ?p ?v", ":stored ?p ?v", "?o ?p :a1"),
    *("?o :area|:period ?a ; !(:value|a) ?v", "?o :other ?v FILTER(?v > 1)", "?o :area ?a . ?q :area ?a ; :value ?v"),
    *("?o :area ?a ; :value ?v . ?q :area ?a ; :other ?w", "?o :area ?a ; :value ?v OPTIONAL { ?o :note ?w }"),
    *("?o :area ?a ; :value ?v . ?a :label ?b", "?o :area ?a ; :value ?v OPTIONAL { ?o :other ?w ; :period ?b }"),
    *("?o :value ?v ; :area/:broader ?a OPTIONAL { ?a :label ?b }", "?o :area/:broader* ?a ; :value ?v"),
    *("?o :area ?a ; :value ?v FILTER NOT EXISTS { ?o :note ?w }", "?o :value ?v ; :area ?a MINUS { ?o :note ?w }"),
    *("?o :area ?a FILTER EXISTS { ?o :value ?v FILTER(?v > 1) }", "?o a ?b ; :area ?a FILTER EXISTS { ?o ?p ?a }"),
    *("{ ?o :value ?v } UNION { ?o :other ?v }", "VALUES ?a { :a0 :a1 } ?o :area ?a ; :value ?v FILTER(?v < 2)"),
    *(
        "?o :value ?v BIND(?v + 1 AS ?w)",
        "{ SELECT ?a (MAX(?v) AS ?w) { ?o :area ?a ; :value ?v } GROUP BY ?a } ?q :other ?v",
    ),
    *(
        "?o :area ?a ; :other ?w FILTER(?w >= 1 && ?a != :a0)",
        "?o :value ?v ; :area ?a . ?a :broader+ ?b . ?b :label ?w",
    ),
    *(
        "?o :area ?a , ?b",
        "?o :note ?v , ?w",
        "?o :area ?a ; :other ?w . ?q :other ?w ; :value ?v OPTIONAL { ?q :note ?b }",
    ),
)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """Make a query."""
    if draw(st.booleans()):
        where = draw(st.sampled_from(STARS))
        where = draw(st.sampled_from((where, where, f"GRAPH ?g {{ {where} }}")))
        return PREFIXES + draw(st.sampled_from((*COUNTS, *HEADS))) % f"{{ {where} }}"
    where = draw(groups())
    if draw(st.integers(0, 7)) == 0:
        name = draw(st.sampled_from(("?g", "?g", f"<{graph('two')}>")))
        where = f"GRAPH {name} {{ {where} }}"
    return PREFIXES + draw(st.sampled_from(HEADS)) % f"{{ {where} }}"
