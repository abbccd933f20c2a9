"""JSON-LD: graphs with compact names, and `/context.jsonld`, the context that has all of these names.

A document carries the names that it uses, so that it can be read without asking this site again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from endpoint.answers import answer, choose_form, entity_tag, link
from endpoint.media import JSON_LD
from ontology.terms import RDF, XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from endpoint.serving import Serving
    from endpoint.source import Term

PATH: Final = "/context.jsonld"
CONTEXT_LINK: Final = link(PATH, rel="http://www.w3.org/ns/json-ld#context", type=JSON_LD.media_type)


def context_answer(request: Request, serving: Serving) -> Response:
    """Answer with the context."""
    form = choose_form(request, (JSON_LD,))
    body = (json.dumps({"@context": serving.prefixes}, indent=1) + "\n").encode()
    return answer(request, form, entity_tag(serving, form, "context"), [], lambda: body)


def can_write(triples: Iterable[Triple]) -> bool:
    """Tell whether the triples are plain: no triple is a part of another (RDF 1.2), and text has no direction."""
    return not any(
        isinstance(triple.object, Triple)
        or (isinstance(triple.object, Literal) and triple.object.datatype.value == f"{RDF.NAMESPACE}dirLangString")
        for triple in triples
    )


def write_json_ld(triples: Iterable[Triple], prefixes: Mapping[str, str]) -> bytes:
    """Write triples, subjects in the order they come in."""
    nodes: dict[str, dict[str, object]] = {}
    names = _Names(prefixes)
    for triple in triples:
        node = nodes.setdefault(str_id(triple.subject), {"@id": str_id(triple.subject)})
        is_type = triple.predicate == RDF.type and isinstance(triple.object, NamedNode)
        key = "@type" if is_type else names.short(triple.predicate.value)
        value = names.short(triple.object.value) if is_type and isinstance(triple.object, NamedNode) else None
        values = node.setdefault(key, [])
        assert isinstance(values, list), "only @id is no list"
        values.append(value or _value(triple.object, names))
    document = {"@context": names.used, "@graph": [_plain(node) for node in nodes.values()]}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


class _Names:
    """Abbreviates IRIs, and remembers with which prefixes."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefixes = {namespace: prefix for prefix, namespace in prefixes.items()}
        self.used: dict[str, str] = {}

    def short(self, iri: str) -> str:
        """Abbreviate an IRI if there is a prefix for it."""
        cut = max(iri.rfind("/"), iri.rfind("#")) + 1
        prefix = self._prefixes.get(iri[:cut])
        if prefix is None:
            return iri
        self.used[prefix] = iri[:cut]
        return f"{prefix}:{iri[cut:]}"


def str_id(term: Term) -> str:
    """Give the identifier of a node."""
    assert isinstance(term, NamedNode | BlankNode), "a node is an IRI or blank"
    return term.value if isinstance(term, NamedNode) else str(term)


def _value(term: Term, names: _Names) -> object:
    if not isinstance(term, Literal):
        return {"@id": str_id(term)}
    if term.language:
        return {"@language": term.language, "@value": term.value}
    if term.datatype == XSD.string:
        return term.value
    return {"@type": names.short(term.datatype.value), "@value": term.value}


def _plain(node: Mapping[str, object]) -> dict[str, object]:
    """Write one value as itself, and several as a list."""
    return {key: _one(value) if isinstance(value, list) else value for key, value in node.items()}


def _one(values: Sequence[object]) -> object:
    return values[0] if len(values) == 1 else values
