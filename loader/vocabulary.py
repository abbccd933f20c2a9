"""The vocabulary of a release: `ontology/*.ttl` and the components that a mapping folder declares for itself."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from loader.errors import Problem, ProblemsError
from ontology.terms import QB, RDF, RDFS, SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loader.uris import Uris

KINDS: Final = {
    QB.DimensionProperty: "dimension",
    QB.MeasureProperty: "measure",
    QB.AttributeProperty: "attribute",
}


@dataclass(frozen=True, slots=True)
class Component:
    """A property declared as a dimension, measure or attribute."""

    property: NamedNode
    kind: str
    """`dimension`, `measure` or `attribute`."""
    label: str
    code_list: NamedNode | None
    range: NamedNode | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Triples of Turtle files, and the components they declare, by IRI."""

    triples: tuple[Triple, ...]
    components: dict[str, Component]
    declared: frozenset[str]
    """Every IRI the files say something about."""

    def with_more(self, more: Vocabulary) -> Vocabulary:
        """Add the components that one folder declares; the triples stay apart."""
        return Vocabulary(self.triples, {**self.components, **more.components}, self.declared | more.declared)


def packaged_ontology() -> list[Path]:
    """Find the project's Turtle files, by name."""
    root = Path(str(importlib.resources.files("ontology")))
    return sorted(root.glob("*.ttl"))


def read_vocabulary(paths: Iterable[Path], uris: Uris) -> Vocabulary:
    """Read Turtle files whose relative IRIs resolve against the base.

    Raises ProblemsError for a file that is not Turtle or has blank nodes, and for a component without label or range.
    """
    triples: list[Triple] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            triples += list(parse(path=str(path), format=RdfFormat.TURTLE, base_iri=uris.root))
        except SyntaxError as error:
            problems.append(Problem("ONT-01", f"{path}:{error.lineno}", f"not valid Turtle: {error.msg}"))
        except OSError as error:
            problems.append(Problem("FILE-05", str(path), f"cannot be read: {error.strerror}"))
    plain = [Triple(triple.subject, triple.predicate, triple.object) for triple in triples]
    problems += [_blank(triple) for triple in plain if isinstance(triple.subject, BlankNode)]
    components = _components(plain, problems)
    if problems:
        raise ProblemsError(problems)
    declared = frozenset(triple.subject.value for triple in plain if isinstance(triple.subject, NamedNode))
    return Vocabulary(tuple(plain), components, declared)


def _blank(triple: Triple) -> Problem:
    message = f"a blank node has {triple.predicate.value}"
    return Problem("ONT-02", "ontology", message, "give it an address: no blank node is ever published")


def _components(triples: list[Triple], problems: list[Problem]) -> dict[str, Component]:
    values: dict[tuple[NamedNode, NamedNode], list[NamedNode | Literal]] = {}
    for triple in triples:
        values.setdefault((triple.subject, triple.predicate), []).append(triple.object)  # type: ignore[arg-type]
    kinds = {
        triple.subject: KINDS[triple.object]  # type: ignore[index]
        for triple in triples
        if triple.predicate == RDF.type and triple.object in KINDS
    }
    components = {}
    for node, kind in kinds.items():
        assert isinstance(node, NamedNode), "blank nodes were refused"
        component = _component(node, kind, values)
        components[node.value] = component
        problems += _missing(component)
    return components


def _component(
    node: NamedNode, kind: str, values: dict[tuple[NamedNode, NamedNode], list[NamedNode | Literal]]
) -> Component:
    def one(predicate: NamedNode) -> NamedNode | None:
        return next((value for value in values.get((node, predicate), []) if isinstance(value, NamedNode)), None)

    labels = [value.value for value in values.get((node, RDFS.label), []) if isinstance(value, Literal)]
    return Component(node, kind, labels[0] if labels else "", one(QB.codeList), one(RDFS.range))


def _missing(component: Component) -> list[Problem]:
    """Check what the Data Cube recommendation asks of a declared component (IC-4, IC-5)."""
    where = component.property.value
    problems = []
    if not component.label:
        problems.append(Problem("ONT-03", where, f"the {component.kind} has no rdfs:label", "add one, in English"))
    if component.range is None:
        problems.append(Problem("ONT-03", where, f"the {component.kind} has no rdfs:range", "add one (Data Cube IC-4)"))
    if component.range == SKOS.Concept and component.code_list is None and component.kind == "dimension":
        message = "the dimension ranges over skos:Concept but has no qb:codeList"
        problems.append(Problem("ONT-03", where, message, "name its code list (Data Cube IC-5)"))
    return problems
