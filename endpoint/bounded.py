"""Write answers of a bounded number of rows and bytes; one that is cut says so itself, or is refused.

JSON and XML say it with a link in the head (SPARQL 1.1 Query Results JSON §3.1.2, XML §2.2), Turtle, N-Triples and
RDF/XML with a comment. CSV, TSV and JSON-LD have no place for it: a file that lacks rows and looks whole would be worse
than none.
JSON and XML are written here, row by row, because the engine writes a result only as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from pyoxigraph import BlankNode, Literal, NamedNode, QueryBoolean, QueryTriples, Triple

from endpoint.media import CSV, JSON, N_TRIPLES, RDF_XML, TSV, TURTLE, XML, Form
from endpoint.problems import bad_request
from endpoint.results import PLAIN, ordered, write_answer, write_csv, write_graph, write_tsv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyoxigraph import QuerySolutions

    from endpoint.source import Answer, Term

MAX_ANSWER_BYTES: Final = 128 * 1024 * 1024
"""Longest answer: it is held in memory until it is sent."""
RESULTS: Final = "http://www.w3.org/2005/sparql-results#"
_IS_PLAIN: Final = frozenset(node.value for node in PLAIN)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many rows an answer may have."""

    rows: int
    notice: str
    """Address of what is said about it."""


@dataclass(frozen=True, slots=True)
class Written:
    """An answer as bytes."""

    body: bytes
    is_cut: bool = False
    is_empty: bool = False
    """True if it has no row, and could have."""


def write_bounded(
    answer: Answer, form: Form, names: Sequence[str], prefixes: Mapping[str, str], limit: Limit
) -> Written:
    """Write an answer, or what of it the limit allows. Raises RequestError if it is too long for its form."""
    if isinstance(answer, QueryBoolean):
        return Written(write_answer(answer, form, names, prefixes))
    if isinstance(answer, QueryTriples):
        written = _write_triples(answer, form, prefixes, limit)
    else:
        written = _write_rows(answer, form, names, limit)
    if len(written.body) > MAX_ANSWER_BYTES:
        detail = f"The answer is longer than {MAX_ANSWER_BYTES >> 20} MiB; ask for fewer rows, or for less in each"
        raise bad_request(detail)
    return written


def _write_triples(answer: QueryTriples, form: Form, prefixes: Mapping[str, str], limit: Limit) -> Written:
    triples = list(islice(answer, limit.rows + 1))
    if len(triples) <= limit.rows:
        return Written(write_graph(triples, form, prefixes), is_empty=not triples)
    said = f"Cut after {limit.rows:,} triples, of more: {limit.notice}"
    if form not in {TURTLE, N_TRIPLES, RDF_XML}:
        raise _too_many(form, "triples", limit)
    body = write_graph(triples[: limit.rows], form, prefixes)
    if form == RDF_XML:
        declaration, _, rest = body.partition(b"?>")
        return Written(declaration + f"?>\n<!-- {said} -->".encode() + rest, is_cut=True)
    return Written(f"# {said}\n".encode() + body, is_cut=True)


def _write_rows(answer: QuerySolutions, form: Form, names: Sequence[str], limit: Limit) -> Written:
    variables = answer.variables
    columns = ordered(answer, names) if form in {CSV, TSV} else variables
    texts = [column.value for column in columns]
    rows = [list(row) for row in islice(answer, limit.rows + 1)]  # looking cells up by variable takes twice as long
    if columns != variables:
        places = [variables.index(column) for column in columns]
        rows = [[row[place] for place in places] for row in rows]
    return write_rows(texts, rows, form, limit)


def write_rows(texts: Sequence[str], rows: Sequence[Sequence[Term | None]], form: Form, limit: Limit) -> Written:
    """Write a table of one row more than the limit allows, or fewer. Raises RequestError if it cannot be cut."""
    is_cut = len(rows) > limit.rows
    if is_cut and form in {CSV, TSV}:
        raise _too_many(form, "rows", limit)
    if form in {CSV, TSV}:
        return Written((write_csv if form == CSV else write_tsv)(texts, rows), is_empty=not rows)
    write = {JSON: write_json, XML: write_xml}[form]
    return Written(write(texts, rows[: limit.rows], limit.notice if is_cut else None), is_cut, not rows)


def _too_many(form: Form, things: str, limit: Limit) -> Exception:
    detail = (
        f"The result has more than {limit.rows:,} {things}, and {form.title} has no place to say that it is cut. "
        "Narrow the query, ask for a part at a time with ORDER BY, LIMIT and OFFSET, or take the whole from the dumps"
    )
    return bad_request(detail)


def write_json(columns: Sequence[str], rows: Sequence[Sequence[Term | None]], notice: str | None) -> bytes:
    """Write rows as SPARQL 1.1 Query Results JSON; `notice` is linked from the head."""
    keys = [encode_basestring(column) for column in columns]
    lines = [
        "{" + ",".join([f"{key}:{_json(term)}" for key, term in zip(keys, row, strict=True) if term is not None]) + "}"
        for row in rows
    ]
    link = f',"link":[{encode_basestring(notice)}]' if notice else ""
    head = f'{{"head":{{"vars":[{",".join(keys)}]{link}}},"results":{{"bindings":['
    return f"{head}{','.join(lines)}]}}}}".encode()


def _json(term: Term) -> str:
    if isinstance(term, NamedNode):
        return f'{{"type":"uri","value":{encode_basestring(term.value)}}}'
    if isinstance(term, Literal):
        more = ""
        if term.language:
            more = f',"xml:lang":"{term.language}"'
        elif term.datatype.value not in _IS_PLAIN:
            more = f',"datatype":{encode_basestring(term.datatype.value)}'
        return f'{{"type":"literal","value":{encode_basestring(term.value)}{more}}}'
    if isinstance(term, BlankNode):
        return f'{{"type":"bnode","value":{encode_basestring(term.value)}}}'
    return f'{{"type":"triple","value":{{{_json_parts(term)}}}}}'


def _json_parts(triple: Triple) -> str:
    parts = (("subject", triple.subject), ("predicate", triple.predicate), ("object", triple.object))
    return ",".join(f'"{name}":{_json(term)}' for name, term in parts)


def write_xml(columns: Sequence[str], rows: Sequence[Sequence[Term | None]], notice: str | None) -> bytes:
    """Write rows as SPARQL Query Results XML; `notice` is linked from the head."""
    names = [quoteattr(column) for column in columns]
    parts = [f'<?xml version="1.0"?><sparql xmlns="{RESULTS}"><head>']
    parts += [f"<variable name={name}/>" for name in names]
    parts.append(f"<link href={quoteattr(notice)}/></head><results>" if notice else "</head><results>")
    for row in rows:
        cells = [
            f"<binding name={name}>{_xml(term)}</binding>"
            for name, term in zip(names, row, strict=True)
            if term is not None
        ]
        parts.append(f"<result>{''.join(cells)}</result>")
    parts.append("</results></sparql>")
    return "".join(parts).encode()


def _xml(term: Term) -> str:
    if isinstance(term, Triple):
        inner = (("subject", term.subject), ("predicate", term.predicate), ("object", term.object))
        return f"<triple>{''.join(f'<{name}>{_xml(part)}</{name}>' for name, part in inner)}</triple>"
    # A carriage return must be escaped, or readers take it for a new line.
    text = escape(term.value, {"\r": "&#xD;"})
    if isinstance(term, NamedNode):
        return f"<uri>{text}</uri>"
    if isinstance(term, BlankNode):
        return f"<bnode>{text}</bnode>"
    if term.language:
        return f'<literal xml:lang="{term.language}">{text}</literal>'
    if term.datatype.value in _IS_PLAIN:
        return f"<literal>{text}</literal>"
    return f"<literal datatype={quoteattr(term.datatype.value)}>{text}</literal>"
