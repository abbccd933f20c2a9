"""Write answers: tables of solutions, truth values and graphs, in every form on offer.

The engine writes JSON, XML and RDF. CSV and TSV are written here, because the engine leaves an IRI that holds a comma
unquoted (SPARQL 1.1 Query Results CSV and TSV §3.2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyoxigraph import (
    BlankNode,
    Literal,
    NamedNode,
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    QueryTriples,
    RdfFormat,
    Triple,
    Variable,
    serialize,
)

from endpoint.jsonld import can_write, write_json_ld
from endpoint.media import CSV, JSON, JSON_LD, N_TRIPLES, RDF_FORMS, RDF_XML, RESULT_FORMS, TSV, TURTLE, XML, Form
from ontology import terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from endpoint.source import Answer, Term

RDF_WRITERS: Final = {
    TURTLE: RdfFormat.TURTLE,
    N_TRIPLES: RdfFormat.N_TRIPLES,
    RDF_XML: RdfFormat.RDF_XML,
    JSON_LD: RdfFormat.JSON_LD,
}
RESULT_WRITERS: Final = {JSON: QueryResultsFormat.JSON, XML: QueryResultsFormat.XML}
PREFIXES: Final[dict[str, str]] = {
    name.lower().replace("_", "-"): vocabulary.NAMESPACE
    for name, vocabulary in vars(terms).items()
    if isinstance(vocabulary, type) and hasattr(vocabulary, "NAMESPACE")
}
PLAIN: Final = (terms.XSD.string, NamedNode(f"{terms.RDF.NAMESPACE}langString"))
"""Types of literals that are not written out."""
_BOOLEANS: Final[dict[tuple[bool, str], bytes]] = {}
"""Truth values as they are written in each form; there are two."""
_NEEDS_QUOTES: Final = re.compile(r'[",\r\n]')
_TSV_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def forms_of_query(form: str) -> tuple[Form, ...]:
    """Give the forms of the answer to a query that is `SELECT`, `ASK`, `CONSTRUCT` or `DESCRIBE`."""
    return RDF_FORMS if form in {"CONSTRUCT", "DESCRIBE"} else RESULT_FORMS


def write_answer(answer: Answer, form: Form, names: Sequence[str], prefixes: Mapping[str, str]) -> bytes:
    """Write a whole answer. `names` is an order for the columns of CSV and TSV; other columns follow."""
    if isinstance(answer, QueryTriples):
        return write_graph(answer, form, prefixes)
    if isinstance(answer, QueryBoolean):
        return _write_boolean(answer, form)
    if form in RESULT_WRITERS:
        return _checked(answer.serialize(format=RESULT_WRITERS[form]), form)
    columns = ordered(answer, names)
    write = {CSV: write_csv, TSV: write_tsv}[form]
    return write([column.value for column in columns], ([row[column] for column in columns] for row in answer))


def _write_boolean(answer: QueryBoolean, form: Form) -> bytes:
    key = bool(answer), form.suffix
    if key not in _BOOLEANS:
        plain = b"true\n" if answer else b"false\n"
        is_structured = form in RESULT_WRITERS
        _BOOLEANS[key] = _checked(answer.serialize(format=RESULT_WRITERS[form]), form) if is_structured else plain
    return _BOOLEANS[key]


def write_graph(triples: Iterable[Triple], form: Form, prefixes: Mapping[str, str]) -> bytes:
    """Write triples; Turtle and RDF/XML use the prefixes that occur in them."""
    found = list(triples)
    if form == JSON_LD and can_write(found):
        return write_json_ld(found, prefixes)
    used = _used_prefixes(found, prefixes) if form in {TURTLE, RDF_XML} else None
    return _checked(serialize(found, format=RDF_WRITERS[form], prefixes=used), form)


def _checked(written: bytes | None, form: Form) -> bytes:
    """Take what the engine wrote. In XML a carriage return must be escaped, or readers take it for a new line."""
    assert written is not None, "no output was given"
    return written.replace(b"\r", b"&#xD;") if form in {XML, RDF_XML} else written


def _used_prefixes(triples: Iterable[Triple], prefixes: Mapping[str, str]) -> dict[str, str]:
    found: set[str] = set()
    for triple in triples:
        for term in (triple.subject, triple.predicate, triple.object):
            iri = term.value if isinstance(term, NamedNode) else None
            if isinstance(term, Literal) and term.datatype not in PLAIN:
                iri = term.datatype.value
            if iri is not None:
                found.add(iri[: max(iri.rfind("#"), iri.rfind("/")) + 1])
    return {name: iri for name, iri in prefixes.items() if iri in found}


def ordered(solutions: QuerySolutions, names: Sequence[str]) -> list[Variable]:
    """Put the columns of `SELECT *` in the order the query mentions them; the engine gives them by name."""
    place = {name: number for number, name in enumerate(names)}
    return sorted(solutions.variables, key=lambda variable: place.get(variable.value, len(place)))


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Term | None]]) -> bytes:
    """Write a table as CSV: values without their types, an unbound cell empty, lines ended by CR LF (§3)."""
    lines = [",".join(columns)]
    lines += [",".join(_csv_cell(term) for term in row) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def _csv_cell(term: Term | None) -> str:
    text = "" if term is None else str(term) if isinstance(term, BlankNode | Triple) else term.value
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def write_tsv(columns: Sequence[str], rows: Iterable[Sequence[Term | None]]) -> bytes:
    """Write a table as TSV: terms in Turtle syntax, an unbound cell empty (§4)."""
    lines = ["\t".join(f"?{column}" for column in columns)]
    lines += ["\t".join(_tsv_cell(term) for term in row) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def _tsv_cell(term: Term | None) -> str:
    if term is None:
        return ""
    if not isinstance(term, Literal):
        return str(term)
    text = f'"{term.value.translate(_TSV_ESCAPES)}"'
    if term.language:
        return f"{text}@{term.language}"
    return text if term.datatype.value == terms.XSD.string.value else f"{text}^^{term.datatype}"
