"""Terms as the graph store gives them back: `0.70` as `0.7`, `@EN` as `@en`, every kind of integer as `xsd:integer`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import polars as pl
from pyoxigraph import NamedNode, RdfFormat, Store

from loader.release import DECIMAL, INTEGER
from ontology.terms import XSD

TYPES: Final = {INTEGER: XSD.integer.value, DECIMAL: XSD.decimal.value}
_INTEGER: Final = rf'^"(0|-?[1-9][0-9]{{0,17}})"\^\^<{re.escape(TYPES[INTEGER])}>$'
_DECIMAL: Final = (
    r'^"(0|-?[1-9][0-9]{0,17}(?:\.[0-9]{0,17}[1-9])?|-?0\.[0-9]{0,17}[1-9])"\^\^' + f"<{re.escape(TYPES[DECIMAL])}>$"
)
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


def stored_terms(terms: pl.Series) -> pl.Series:
    """Give terms as the graph store holds them: numbers in their shortest form, language tags in lower case."""
    is_same = terms.str.starts_with("<") | terms.str.contains(_INTEGER) | terms.str.contains(_DECIMAL)
    is_same |= terms.str.contains(r'^"[^"]*"$')
    odd = terms.filter(~is_same)
    if odd.is_empty():
        return terms
    store = Store()
    lines = "".join(f"<x:{number}> <x:p> {term} .\n" for number, term in enumerate(odd))
    store.bulk_load(input=lines.encode(), format=RdfFormat.N_TRIPLES)
    found: list[str] = [""] * len(odd)
    for quad in store:
        assert isinstance(quad.subject, NamedNode), "it was made one five lines up"
        found[int(quad.subject.value[2:])] = str(quad.object)
    return terms.replace(odd, pl.Series(found))


def numbers_of(terms: pl.Series) -> Numbers | None:
    """Give stored terms as numbers, null where there is none; None if they are anything else."""
    known = terms.drop_nulls()
    if known.str.contains(_INTEGER).all():
        return Numbers(INTEGER, terms.str.extract(_INTEGER).cast(pl.Int64))
    if not known.str.contains(_DECIMAL).all():
        return None
    texts = terms.str.extract(_DECIMAL)
    parts = texts.str.strip_chars_start("-").str.splitn(".", 2).struct.unnest()
    whole, places = (max(part.str.len_chars().drop_nulls().to_list(), default=0) for part in parts.get_columns())
    return Numbers(DECIMAL, texts.cast(pl.Decimal(38, places))) if whole + places <= DIGITS else None


def kind_of_literals(before: str, after: str) -> tuple[str, bool] | None:
    """Say what the store makes of short numbers within these texts, and whether it leaves them as they are."""
    for kind, text in ((INTEGER, "1"), (DECIMAL, "1.5")):
        term = f"{before}{text}{after}"
        stored = stored_terms(pl.Series([term]))[0]
        if stored == f'"{text}"^^<{TYPES[kind]}>':
            return kind, stored == term
    return None
