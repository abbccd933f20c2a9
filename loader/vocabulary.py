"""The vocabulary of a release: `ontology/*.ttl` and the components that a mapping folder declares for itself."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from loader.csvw.json_ld import DATATYPE_IRIS
from loader.csvw.values import has_forbidden_characters, is_valid
from loader.errors import Problem, ProblemsError
from ontology.terms import QB, RDF, RDFS, SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loader.uris import Uris

KINDS: Final = {
    QB.DimensionProperty: "dimension",
    QB.MeasureProperty: "measure",
    QB.AttributeProperty: "attribute",
}
SHOWN: Final = 20
"""Problems of one file that are named one by one; the rest is counted."""
MAX_TURTLE_BYTES: Final = 64 * 1024 * 1024
_BUILT_IN: Final = {iri: name for name, iri in DATATYPE_IRIS.items()}


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
    root: str
    """The address of this site, with a slash at its end."""
    files: tuple[str, ...] = ()
    """The files, as messages name them."""

    def with_more(self, more: Vocabulary) -> Vocabulary:
        """Add the components that one folder declares; the triples stay apart.

        Raises ProblemsError if the folder declares a component anew, or says something of an address of this site that
        is no definition: no check is made of what it says of figures and datasets there.
        """
        problems = list(self._faults_of(more))
        if problems:
            raise ProblemsError(_capped(problems, ", ".join(more.files)))
        components = {**self.components, **more.components}
        return Vocabulary(self.triples, components, self.declared | more.declared, self.root)

    def _faults_of(self, more: Vocabulary) -> Iterator[Problem]:
        where = ", ".join(more.files)
        for iri in sorted(more.declared):
            if iri in self.components:
                message = f"{iri} is declared in ontology/ already"
                yield Problem("ONT-05", where, message, "take it out, or declare one with another name")
            elif iri.startswith(self.root) and not iri.startswith(f"{self.root}def/"):
                message = f"{iri} is nothing that a vocabulary declares"
                yield Problem("ONT-05", where, message, "describe only what is below def/, and figures in the table")


def packaged_ontology() -> list[Path]:
    """Find the project's Turtle files, by name."""
    root = Path(str(importlib.resources.files("ontology")))
    return sorted(root.glob("*.ttl"))


def read_vocabulary(paths: Iterable[Path], uris: Uris) -> Vocabulary:
    """Read Turtle files whose relative IRIs resolve against the base.

    Raises ProblemsError for a file that is not Turtle or has blank nodes or values that are none, and for a component
    without label or range.
    """
    triples: list[Triple] = []
    problems: list[Problem] = []
    paths = tuple(paths)
    for path in paths:
        found = _read(path, uris, problems)
        problems += _capped(list(_unpublishable(found, path)), str(path))
        triples += found
    components = {} if problems else _components(triples, problems)
    if problems:
        raise ProblemsError(problems)
    declared = frozenset(triple.subject.value for triple in triples if isinstance(triple.subject, NamedNode))
    return Vocabulary(tuple(triples), components, declared, uris.root, tuple(map(str, paths)))


def _read(path: Path, uris: Uris, problems: list[Problem]) -> list[Triple]:
    """Read one Turtle file; what keeps it from being read is noted."""
    try:
        if path.stat().st_size > MAX_TURTLE_BYTES:
            problems.append(Problem("FILE-04", str(path), f"the file has more than {MAX_TURTLE_BYTES:,} bytes"))
            return []
        quads = list(parse(path=str(path), format=RdfFormat.TURTLE, base_iri=uris.root))
    except SyntaxError as error:
        problems.append(Problem("ONT-01", f"{path}:{error.lineno}", f"not valid Turtle: {error.msg}"))
    except OSError as error:
        problems.append(Problem("FILE-05", str(path), f"cannot be read: {error.strerror}"))
    else:
        return [Triple(quad.subject, quad.predicate, quad.object) for quad in quads]
    return []


def _capped(problems: list[Problem], where: str) -> list[Problem]:
    more = len(problems) - SHOWN
    rest = [Problem("FILE-07", where, f"and {more:,} more problems")] if more > 0 else []
    return [*problems[:SHOWN], *rest]


def _unpublishable(triples: Iterable[Triple], path: Path) -> Iterator[Problem]:
    """Find what must not or cannot be published: blank nodes, statements about statements, texts that are no text."""
    for triple in triples:
        if isinstance(triple.subject, BlankNode) or isinstance(triple.object, BlankNode):
            message = f"a blank node has, or is a value of, {triple.predicate.value}"
            yield Problem("ONT-02", str(path), message, "give it an address: no blank node is ever published")
        elif isinstance(triple.object, Triple):
            message = f"a value of {triple.predicate.value} is a triple, which few readers of RDF know"
            yield Problem("ONT-02", str(path), message, "say it with addresses")
        elif isinstance(triple.object, Literal) and (fault := _fault_of_literal(triple.object)):
            yield Problem("ONT-04", str(path), f"a value of {triple.predicate.value} {fault}", "correct the value")


def _fault_of_literal(literal: Literal) -> str:
    if has_forbidden_characters(literal.value):
        return "has a control character, which no XML can hold"
    if literal.direction is not None:
        return "has a base direction, which few readers of RDF know"
    base = _BUILT_IN.get(literal.datatype.value, "string")
    return "" if is_valid(literal.value, base) else f"is not a valid xsd:{base}"


def _components(triples: list[Triple], problems: list[Problem]) -> dict[str, Component]:
    values: dict[tuple[NamedNode, NamedNode], list[NamedNode | Literal]] = {}
    for triple in triples:
        values.setdefault((triple.subject, triple.predicate), []).append(triple.object)  # type: ignore[arg-type]
    components: dict[str, Component] = {}
    for triple in triples:
        if triple.predicate != RDF.type or triple.object not in KINDS:
            continue
        node, kind = triple.subject, KINDS[triple.object]  # type: ignore[index]
        assert isinstance(node, NamedNode), "blank nodes were refused"
        if node.value in components and components[node.value].kind != kind:
            message = f"it is declared as {components[node.value].kind} and as {kind}"
            problems.append(Problem("ONT-03", node.value, message, "keep one of the two"))
            continue
        components[node.value] = _component(node, kind, values)
        problems += _missing(components[node.value])
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
