"""Terms in canonical N-Triples (RDF 1.1 N-Triples §4, with the escapes RDF 1.2 makes canonical)."""

from __future__ import annotations

import re
from typing import Final

from loader.csvw.iri import escape as escape_iri

_ESCAPED: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
# U+FFFD stands in for a lone surrogate, which no encoding of RDF can hold.
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
ESCAPES: Final = {
    **{chr(i): f"\\u{i:04X}" for i in (*range(0x20), 0x7F)},
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}


def escape(text: str) -> str:
    """Escape the text of a literal."""
    return _ESCAPED.sub(lambda m: ESCAPES[m[0]], text) if _ESCAPED.search(text) else text


def iri(text: str) -> str:
    """Return an IRI as a term."""
    return f"<{escape_iri(text)}>"


def literal(text: str, datatype: str | None = None, lang: str | None = None) -> str:
    """Return a literal as a term; `datatype` is an IRI, xsd:string being left out."""
    quoted = f'"{_SURROGATE.sub(chr(0xFFFD), escape(text))}"'
    if lang is not None:
        return f"{quoted}@{lang}"
    if datatype is None or datatype == "http://www.w3.org/2001/XMLSchema#string":
        return quoted
    return f"{quoted}^^{iri(datatype)}"
