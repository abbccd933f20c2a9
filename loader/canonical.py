"""The canonical form of terms, which all RDF of a release has: what the graph store makes of them (decision 10).

`0.70` is `0.7`, `@EN` is `@en`, and every kind of integer an `xsd:integer`. The store itself is asked, so that its way
of writing is not imitated but used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import polars as pl
from pyoxigraph import NamedNode, RdfFormat, Store

from loader.release import DECIMAL, INTEGER
from ontology.terms import XSD

if TYPE_CHECKING:
    from collections.abc import Iterable

TYPES: Final = {INTEGER: XSD.integer.value, DECIMAL: XSD.decimal.value}
_INTEGER: Final = rf'^"(0|-?[1-9][0-9]{{0,17}})"\^\^<{re.escape(TYPES[INTEGER])}>$'
_DECIMAL: Final = (
    r'^"(0|-?[1-9][0-9]{0,17}(?:\.[0-9]{0,17}[1-9])?|-?0\.[0-9]{0,17}[1-9])"\^\^' + f"<{re.escape(TYPES[DECIMAL])}>$"
)
_PLAIN: Final = r'^"[^"]*"$|"@[a-z0-9-]+$'
_DATE: Final = rf'^"[0-9]{{4}}(?:-[0-9]{{2}}){{0,2}}"\^\^<{re.escape(XSD.NAMESPACE)}(?:date|gYear|gYearMonth)>$'
_TYPED: Final = re.compile(rb'> "[^"\\\n]*"\^\^<%b[A-Za-z]+>(?= )' % re.escape(XSD.NAMESPACE.encode()))
"""The end of a predicate, and a literal that may have another form: no valid value of these types needs an escape."""
_TAGGED: Final = re.compile(rb'"@[a-z0-9-]*[A-Z][A-Za-z0-9-]*(?= (?:<[^<>\n]*> )?\.\n)')
"""A closing quotation mark and a language tag in capitals: what is within a literal does not end its line like this."""
DIGITS: Final = 18
"""Digits that a column of decimals has at most, before and after the point together."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers whose terms are the shortest forms of them."""

    kind: str
    values: pl.Series
    """64-bit integers or decimals; null where there is no term."""

    @property
    def places(self) -> int:
        """Decimal places."""
        dtype = self.values.dtype
        return dtype.scale if isinstance(dtype, pl.Decimal) else 0

    @property
    def digits(self) -> int:
        """Digits before the point of the greatest, or 1."""
        return len(self.largest().partition(".")[0])

    def largest(self) -> str:
        """Give the greatest absolute value; empty if there is no number."""
        both = [value for value in (self.values.min(), self.values.max()) if value is not None]
        return str(max((abs(value) for value in both), default=""))  # type: ignore[arg-type, type-var]

    def terms(self) -> pl.Series:
        """Give the terms."""
        texts = pl.lit(self.values).cast(pl.String)
        if self.places:
            texts = texts.str.strip_chars_end("0").str.strip_chars_end(".")
        return pl.select(pl.concat_str(pl.lit('"'), texts, pl.lit(f'"^^<{TYPES[self.kind]}>'))).to_series()


def canonical_terms(terms: pl.Series) -> pl.Series:
    """Give the canonical form of terms in N-Triples."""
    is_same = terms.str.starts_with("<") | terms.str.contains(_INTEGER) | terms.str.contains(_DECIMAL)
    is_same |= terms.str.contains(_PLAIN) | terms.str.contains(_DATE)
    odd = terms.filter(~is_same).unique()
    return terms if odd.is_empty() else terms.replace(odd, pl.Series(_through_the_store(odd)))


def _through_the_store(terms: Iterable[str]) -> list[str]:
    """Put terms into a store, and give them as they come out of it."""
    store = Store()
    lines = [f"<x:{number}> <x:p> {term} .\n" for number, term in enumerate(terms)]
    store.bulk_load(input="".join(lines).encode(), format=RdfFormat.N_TRIPLES)
    found = [""] * len(lines)
    for quad in store:
        assert isinstance(quad.subject, NamedNode), "it was made one four lines up"
        found[int(quad.subject.value[2:])] = str(quad.object)
    return found


def canonical_lines(lines: bytes) -> bytes:
    """Give lines of N-Triples or N-Quads with canonical terms; those about a subject that become the same are one."""
    terms = [found.decode().removeprefix("> ") for found in set(_TYPED.findall(lines))]
    forms = zip(terms, canonical_terms(pl.Series(terms, dtype=pl.String)), strict=True)
    changed = {f"> {term}".encode(): f"> {form}".encode() for term, form in forms if term != form}
    if not changed and not _TAGGED.search(lines):
        return lines
    found = _TYPED.sub(lambda match: changed.get(match[0], match[0]), lines)
    found = _TAGGED.sub(lambda match: match[0].lower(), found)
    by_subject = groupby(found.splitlines(keepends=True), key=lambda line: line.partition(b" ")[0])
    return b"".join(line for _, lines_of_one in by_subject for line in dict.fromkeys(lines_of_one))


def numbers_of(terms: pl.Series) -> Numbers | None:
    """Give canonical terms as numbers, null where there is none; None if they are anything else."""
    known = terms.drop_nulls()
    if known.str.contains(_INTEGER).all():
        return Numbers(INTEGER, terms.str.extract(_INTEGER).cast(pl.Int64))
    if not known.str.contains(_DECIMAL).all():
        return None
    texts = terms.str.extract(_DECIMAL)
    parts = texts.str.strip_chars_start("-").str.splitn(".", 2).struct.unnest()
    whole, places = (max(part.str.len_chars().drop_nulls().to_list(), default=0) for part in parts.get_columns())
    return Numbers(DECIMAL, texts.cast(pl.Decimal(38, places))) if whole + places <= DIGITS else None


def kind_of_literals(before: str, after: str) -> str | None:
    """Say which numbers the short ones within these texts are; None if they are terms of another kind."""
    for kind, text in ((INTEGER, "1"), (DECIMAL, "1.5")):
        if canonical_terms(pl.Series([f"{before}{text}{after}"]))[0] == f'"{text}"^^<{TYPES[kind]}>':
            return kind
    return None
