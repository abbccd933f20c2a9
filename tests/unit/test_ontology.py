"""The vocabulary is complete, and the terms used in code are those of its Turtle files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import BlankNode, RdfFormat, parse

from loader.errors import ProblemsError
from loader.uris import Uris
from loader.vocabulary import packaged_ontology, read_vocabulary
from ontology import terms
from ontology.generate import generate
from ontology.terms import QB, RDF, RDFS, SKOS

BASE = Uris("http://example.org")


def test_terms_are_as_generated() -> None:
    assert Path(terms.__file__).read_text("utf-8") == generate(), "run python -m ontology.generate"


def test_nothing_is_a_blank_node() -> None:
    for path in packaged_ontology():
        for quad in parse(path=str(path), format=RdfFormat.TURTLE, base_iri=BASE.root):
            assert not isinstance(quad.subject, BlankNode), path.name
            assert not isinstance(quad.object, BlankNode), path.name


def test_every_component_is_declared_in_full() -> None:
    vocabulary = read_vocabulary(packaged_ontology(), BASE)
    assert vocabulary.components
    commented = {triple.subject for triple in vocabulary.triples if triple.predicate == RDFS.comment}
    for component in vocabulary.components.values():
        assert component.label
        assert component.range is not None
        assert component.property in commented, component.property


def test_every_own_concept_has_a_label_and_a_list() -> None:
    triples = read_vocabulary(packaged_ontology(), BASE).triples
    concepts = {triple.subject for triple in triples if triple.predicate == RDF.type and triple.object == SKOS.Concept}
    assert concepts
    for predicate in (SKOS.prefLabel, SKOS.inScheme, SKOS.notation):
        assert concepts <= {triple.subject for triple in triples if triple.predicate == predicate}


@pytest.mark.parametrize(
    ("turtle", "code"),
    [
        ("<a> <b> .", "ONT-01"),
        ("@prefix qb: <http://purl.org/linked-data/cube#> . <d> a qb:DimensionProperty .", "ONT-03"),
        ("[] <http://e/p> <http://e/o> .", "ONT-02"),
    ],
)
def test_a_faulty_file_is_explained(tmp_path: Path, turtle: str, code: str) -> None:
    path = tmp_path / "components.ttl"
    path.write_text(turtle)
    with pytest.raises(ProblemsError) as caught:
        read_vocabulary([path], BASE)
    assert code in {problem.code for problem in caught.value.problems}


def test_component_kinds_are_read() -> None:
    components = read_vocabulary(packaged_ontology(), BASE).components
    assert components["http://example.org/def/dimension/area"].kind == "dimension"
    assert components["http://example.org/def/dimension/area"].code_list == BASE.scheme("area")
    assert components[QB.measureType.value].kind == "dimension"
