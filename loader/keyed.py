"""How the addresses of observations follow from their columns, so that one can be looked up without reading them all.

What the templates of a table promise is held against every row when the columns are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from loader.csvw import ntriples
from loader.csvw.rdf import COLUMN_VARIABLES, ROW_VARIABLES, template_iri
from loader.csvw.uri_template import Expression, parse_template
from loader.release import TERM, CubeColumn, KeyPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loader.csvw.metadata import Column, Table


def promised_key(table: Table, prefix: str) -> tuple[KeyPart, ...]:
    """Give the parts of the addresses of a table's rows after `prefix`, with predicates in place of columns.

    Nothing if the rows have several addresses, or if a part of one is no simple expansion of a column whose values are
    the objects of a predicate, or parts of them.
    """
    abouts = {column.about_url for column in table.columns if not column.suppress_output}
    about = abouts.pop() if len(abouts) == 1 else None
    if about is None:
        return ()
    template = parse_template(about)
    names = template.names
    is_simple = all(part.is_simple for part in template.parts if isinstance(part, Expression))
    if not is_simple or len(set(names)) < len(names) or (COLUMN_VARIABLES | ROW_VARIABLES).intersection(names):
        return ()
    parts, rest = [], ntriples.iri(template_iri(template, {name: _probe(name) for name in names}, table.url))[1:-1]
    for name in names:
        text, found, rest = rest.partition(_probe(name))
        part = _promised(table, name)
        if part is None or not found:
            return ()
        parts += [KeyPart(text), part]
    parts.append(KeyPart(rest))
    if not parts[0].text.startswith(prefix):
        return ()
    return (KeyPart(parts[0].text.removeprefix(prefix)), *parts[1:])


def _probe(name: str) -> str:
    """Give a text that templates leave as it is, different for each name."""
    return f"~{name.encode().hex()}~"


def _promised(table: Table, name: str) -> KeyPart | None:
    """Find a predicate whose objects are made of the values of a column, and of nothing else."""
    for column in table.columns:
        if column.suppress_output or column.property_url is None or parse_template(column.property_url).names:
            continue
        term = _term(table, column, name)
        if term is not None and term.count(_probe(name)) == 1:
            before, _, after = term.partition(_probe(name))
            predicate = template_iri(parse_template(column.property_url), {}, table.url)
            return KeyPart("", predicate, before, after)
    return None


def _term(table: Table, column: Column, name: str) -> str | None:
    """Give the object that a column would have for a value; None if it is not made of that value alone."""
    if column.value_url is not None:
        template = parse_template(column.value_url)
        if template.names != (name,):
            return None
        return ntriples.iri(template_iri(template, {name: _probe(name)}, table.url))
    if column.name != name or column.separator is not None:
        return None
    is_string = column.datatype.base == "string"
    lang = None if column.lang == "und" or not is_string else column.lang
    return ntriples.literal(_probe(name), None if is_string else column.datatype.iri, lang)


def named_key(parts: Sequence[KeyPart], columns: Sequence[CubeColumn]) -> tuple[KeyPart, ...]:
    """Put the names of columns in place of predicates; nothing if a predicate has no column of terms."""
    found: list[KeyPart] = []
    for part in parts:
        named = part if part.column is None else _named(part, columns)
        if named is None:
            return ()
        if named.column is None and found and found[-1].column is None:
            found[-1] = KeyPart(found[-1].text + named.text)
        elif named.column is not None or named.text:
            found.append(named)
    return tuple(found)


def _named(part: KeyPart, columns: Sequence[CubeColumn]) -> KeyPart | None:
    of_predicate = [column for column in columns if column.predicate == part.column]
    if len(of_predicate) != 1 or of_predicate[0].kind != TERM:
        return None
    column = of_predicate[0]
    if column.term is not None:
        return KeyPart(column.term.removeprefix(part.before).removesuffix(part.after))
    return KeyPart("", column.name, part.before, part.after)


def in_address(terms: pl.Series, part: KeyPart) -> pl.Series:
    """Give what terms of a column are in addresses, null for a term that is not as the key says."""
    is_so = terms.str.starts_with(part.before) & terms.str.ends_with(part.after)
    return pl.select(
        pl.when(is_so).then(pl.lit(terms).str.strip_prefix(part.before).str.strip_suffix(part.after))
    ).to_series()
