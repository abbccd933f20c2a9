"""Every query of `queries/integrity/` finds the offender in a graph broken for it, and nothing in the whole one.

Each runs in Oxigraph and in rdflib: a query for anybody must not lean on one engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pyoxigraph import QuerySolutions, RdfFormat, Store
from rdflib import Dataset

from loader.verify import IntegrityQuery, ask, integrity_queries

# rdflib warns of its own use of its own old names
pytestmark = pytest.mark.filterwarnings("ignore:(Dataset|ConjunctiveGraph):DeprecationWarning")
BASE = "http://example.org/"
PREFIXES = """
@base <http://example.org/> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix qb: <http://purl.org/linked-data/cube#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sdmx-attribute: <http://purl.org/linked-data/sdmx/2009/attribute#> .
@prefix sdmx-code: <http://purl.org/linked-data/sdmx/2009/code#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
CODES = """
<areas> a skos:ConceptScheme ; skos:prefLabel "Areas"@en .
<north> a skos:Concept ; skos:inScheme <areas> ; skos:prefLabel "North"@en .
<south> a skos:Concept ; skos:inScheme <areas> ; skos:prefLabel "South"@en ; skos:broader <north> .
<units> a skos:ConceptScheme ; skos:prefLabel "Units"@en .
<person> a skos:Concept ; skos:inScheme <units> ; skos:prefLabel "People"@en .
"""
PROPERTIES = """
<area> a qb:DimensionProperty ; rdfs:label "Area"@en ; rdfs:range skos:Concept ; qb:codeList <areas> .
<year> a qb:DimensionProperty ; rdfs:label "Year"@en ; rdfs:range xsd:gYear .
qb:measureType a qb:DimensionProperty ; rdfs:label "Measure type"@en ; rdfs:range qb:MeasureProperty .
<people> a qb:MeasureProperty ; rdfs:label "People"@en .
<money> a qb:MeasureProperty ; rdfs:label "Money"@en .
<unit> a qb:AttributeProperty ; rdfs:label "Unit"@en ; qb:codeList <units> .
"""
STRUCTURE = """
<cube> a qb:DataSet ; rdfs:label "A cube"@en ; qb:structure <structure> ; qb:slice <slice> .
<structure> a qb:DataStructureDefinition ; rdfs:label "Its structure"@en ; qb:sliceKey <key> ;
  qb:component <c-area>, <c-year>, <c-type>, <c-people>, <c-unit> .
<c-area> qb:componentProperty <area> ; qb:dimension <area> .
<c-year> qb:componentProperty <year> ; qb:dimension <year> .
<c-type> qb:componentProperty qb:measureType ; qb:dimension qb:measureType .
<c-people> qb:componentProperty <people> ; qb:measure <people> .
<c-unit> qb:componentProperty <unit> ; qb:attribute <unit> ; qb:componentRequired true .
<key> a qb:SliceKey ; rdfs:label "By area"@en ; qb:componentProperty <area> .
<slice> a qb:Slice ; rdfs:label "The north"@en ; qb:sliceStructure <key> ; <area> <north> ; qb:observation <o1>, <o2> .
"""
OBSERVATIONS = """
<o1> a qb:Observation ; qb:dataSet <cube> ; <area> <north> ; <year> "2024"^^xsd:gYear ; qb:measureType <people> ;
  <people> 10 ; <unit> <person> .
<o2> a qb:Observation ; qb:dataSet <cube> ; <area> <north> ; <year> "2025"^^xsd:gYear ; qb:measureType <people> ;
  <people> 20 ; <unit> <person> .
<o3> a qb:Observation ; qb:dataSet <cube> ; <area> <south> ; <year> "2025"^^xsd:gYear ; qb:measureType <people> ;
  <people> 20 ; <unit> <person> .
"""
WHOLE = CODES + PROPERTIES + STRUCTURE + OBSERVATIONS
SECOND_MEASURE = "<c-money> qb:componentProperty <money> ; qb:measure <money> . <structure> qb:component <c-money> ."
OTHER_CUBE = """<wide> a qb:DataSet ; rdfs:label "Another"@en ; qb:structure <plain> .
<plain> a qb:DataStructureDefinition ; rdfs:label "Its structure"@en ; qb:component <c-area>, <c-people> .
<w1> a qb:Observation ; qb:dataSet <wide> ; <area> <north> """
HIERARCHY = """<regions> a qb:HierarchicalCodeList ; qb:hierarchyRoot <all> ; qb:parentChildProperty {property} .
<all> rdfs:label "All"@en . <region> a qb:DimensionProperty ; rdfs:label "Region"@en ; rdfs:range <Region> ;
  qb:codeList <regions> . <Region> rdfs:label "Region"@en . <c-region> qb:componentProperty <region> .
<structure> qb:component <c-region> .
<o1> <region> <all> . <o2> <region> <deep> . <o3> <region> <astray> .
<deep> rdfs:label "Deep"@en . <astray> rdfs:label "Astray"@en . <mid> rdfs:label "Middle"@en .
"""


@dataclass(frozen=True)
class Broken:
    """A change to the whole graph, and what a query must say of it."""

    query: str
    offenders: frozenset[str]
    """The things at fault, relative to the base."""
    more: str = ""
    old: str = ""
    new: str = ""

    @property
    def turtle(self) -> str:
        """The graph, broken."""
        assert self.old in WHOLE
        return PREFIXES + WHOLE.replace(self.old, self.new, 1) + self.more


def broken(query: str, offenders: str, more: str = "", old: str = "", new: str = "") -> Broken:
    return Broken(query, frozenset(offenders.split()), more, old, new)


CASES = (
    broken("ic-01", "stray", "<stray> a qb:Observation ."),
    broken("ic-01", "o1", "<o1> qb:dataSet <other> ."),
    broken("ic-02", "bare", "<bare> a qb:DataSet ."),
    broken("ic-02", "cube", "<cube> qb:structure <second> ."),
    broken("ic-03", "structure", old="<people> a qb:MeasureProperty", new="<people> a <Other>"),
    broken("ic-04", "year", old=" ; rdfs:range xsd:gYear", new=""),
    broken("ic-05", "area", old=" ; qb:codeList <areas>", new=""),
    broken("ic-06", "structure", "<c-year> qb:componentRequired false ."),
    broken("ic-07", "key", old="qb:sliceKey <key> ;", new=""),
    broken("ic-08", "key", "<key> qb:componentProperty <sex> ."),
    broken("ic-09", "slice", old="qb:sliceStructure <key> ;", new=""),
    broken("ic-09", "slice", "<slice> qb:sliceStructure <other> ."),
    broken("ic-10", "slice", "<key> qb:componentProperty <year> ."),
    broken("ic-11", "o2", old='<year> "2025"^^xsd:gYear ; ', new=""),
    broken("ic-12", "o1", old='"2025"^^xsd:gYear', new='"2024"^^xsd:gYear'),
    broken("ic-13", "o1", old="<people> 10 ; <unit> <person>", new="<people> 10"),
    broken("ic-14", "w1", OTHER_CUBE + "."),
    broken("ic-14", "w1", OTHER_CUBE + "; sdmx-attribute:obsStatus sdmx-code:obsStatus-P ."),
    broken("ic-15", "o1", old="<people> 10 ;", new=""),
    broken("ic-15", "o1", old="<people> 10", new="sdmx-attribute:obsStatus <def/concept/observation-status/revised>"),
    broken("ic-15", "o1", old="<people> 10", new="sdmx-attribute:confStatus sdmx-code:confStatus-F"),
    broken("ic-16", "o1", SECOND_MEASURE + "<o1> <money> 5 ."),
    broken("ic-17", "o1 o2 o3", SECOND_MEASURE),
    broken("ic-18", "o9", "<slice> qb:observation <o9> . <o9> qb:dataSet <other> ."),
    broken("ic-19", "east", old="<cube> ; <area> <south>", new="<cube> ; <area> <east>"),
    broken("ic-20", "astray", HIERARCHY.format(property="<within>") + "<all> <within> <mid> . <mid> <within> <deep> ."),
    broken(
        "ic-21",
        "astray",
        HIERARCHY.format(property="<inverse>")
        + "<inverse> owl:inverseOf <part> . <deep> <part> <mid> . <mid> <part> <all> .",
    ),
    broken("attribute-codes", "stone", old="<people> 10 ; <unit> <person>", new="<people> 10 ; <unit> <stone>"),
    broken("blank-nodes", "http://purl.org/dc/terms/creator", "<o1> dct:creator [] ."),
    broken("broader-cycles", "north south", "<north> skos:broader <south> ."),
    broken("unlabelled-values", "stone", old="<people> 10 ; <unit> <person>", new="<people> 10 ; <unit> <stone>"),
    broken("undescribed", "nobody", "<o1> dct:creator <nobody> ."),
)
EXPLAINED = (
    OTHER_CUBE + "; sdmx-attribute:obsStatus <def/concept/observation-status/not-given>, sdmx-code:obsStatus-P .",
    OTHER_CUBE + "; sdmx-attribute:obsStatus sdmx-code:obsStatus-M .",
    OTHER_CUBE + "; sdmx-attribute:confStatus sdmx-code:confStatus-C .",
)
Answers = Callable[[str, IntegrityQuery], set[str]]
QUERIES = {query.name: query for query in integrity_queries()}


def in_oxigraph(turtle: str, query: IntegrityQuery) -> set[str]:
    store = Store()
    store.load(turtle.encode(), format=RdfFormat.TRIG)
    found = store.query(query.text, base_iri=BASE, use_default_graph_as_union=True)
    assert isinstance(found, QuerySolutions)
    return {str(row[0].value).removeprefix(BASE) for row in found}


def in_rdflib(turtle: str, query: IntegrityQuery) -> set[str]:
    data = Dataset(default_union=True)
    data.parse(data=turtle, format="trig")
    return {str(row[0]).removeprefix(BASE) for row in data.query(query.text, base=BASE)}  # type: ignore[index]


def graphs(*parts: str) -> str:
    """Put each part in a named graph."""
    directives = [line for line in PREFIXES.splitlines() if line]
    bodies = [part.replace(PREFIXES, "") for part in parts]
    return "\n".join([*directives, *(f"<graph/{number}> {{ {body} }}" for number, body in enumerate(bodies, 1))])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.query)
@pytest.mark.parametrize("answers", [in_oxigraph, in_rdflib])
def test_the_offender_is_found(case: Broken, answers: Answers) -> None:
    assert answers(graphs(case.turtle), QUERIES[case.query]) == case.offenders


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("answers", [in_oxigraph, in_rdflib])
def test_nothing_is_found_in_the_whole_graph(name: str, answers: Answers) -> None:
    assert answers(graphs(CODES, PROPERTIES, STRUCTURE + OBSERVATIONS), QUERIES[name]) == set()


@pytest.mark.parametrize("answers", [in_oxigraph, in_rdflib])
def test_a_triple_in_two_graphs_is_found(answers: Answers) -> None:
    assert answers(graphs(WHOLE, '<north> skos:prefLabel "North"@en .'), QUERIES["repeated-triples"]) == {"north"}


@pytest.mark.parametrize("more", EXPLAINED)
def test_a_figure_that_is_missing_for_a_reason_is_no_offence(more: str) -> None:
    assert in_oxigraph(graphs(WHOLE + more), QUERIES["ic-14"]) == set()
    explained = more.removeprefix(OTHER_CUBE).removeprefix("; ").removesuffix(" .")
    assert in_oxigraph(graphs(WHOLE.replace("<people> 10", explained)), QUERIES["ic-15"]) == set()


def test_every_query_has_a_broken_graph() -> None:
    assert {case.query for case in CASES} | {"repeated-triples"} == set(QUERIES)


def test_all_21_constraints_are_there() -> None:
    assert {f"ic-{number:02}" for number in range(1, 22)} <= set(QUERIES)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_query_has_a_header(query: IntegrityQuery) -> None:
    assert query.title
    assert query.fix
    for key in ("# title: ", "# description: ", "# result: ", "# fix: "):
        assert key in query.text


def test_a_problem_names_thing_constraint_and_rest() -> None:
    store = Store()
    store.load(graphs(CASES[4].turtle.replace("<people> 10 ;", "")).encode(), format=RdfFormat.TRIG)
    [problem] = ask(store, QUERIES["ic-15"], BASE)
    assert problem.code == "CUBE-20"
    assert problem.where == f"queries/integrity/ic-15.rq, {BASE}o1"
    assert problem.message == f"breaks 'IC-15: observations have the measure they say', measure {BASE}people"


def test_many_offenders_are_counted() -> None:
    store = Store()
    many = "".join(f"<s{number}> a qb:Observation ." for number in range(30))
    store.load(graphs(WHOLE + many).encode(), format=RdfFormat.TRIG)
    problems = list(ask(store, QUERIES["ic-01"], BASE))
    assert len(problems) == 21
    assert problems[-1].message.endswith("and 10 more")
