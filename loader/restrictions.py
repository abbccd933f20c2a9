"""What CSV on the Web allows and the tables of a mapping folder must do without (docs/mappings.md).

Every observation has an address of its own, no blank node is published, and a table is read alike by everything that
reads it: the conversion, the checks and the gate.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from loader.csvw.dialect import Dialect
from loader.csvw.json_ld import expand_if_prefixed
from loader.csvw.rdf import template_iri
from loader.csvw.uri_template import parse_template
from loader.errors import Problem
from ontology.terms import QB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.csvw.metadata import Column, Table

MAX_COLUMNS: Final = 1000
MAX_NAME_CHARS: Final = 200
_NOT_IN_ADDRESS: Final = re.compile(r"[\x00-\x20<>\"\\^`|\x7f-\xa0]|%(?![0-9A-Fa-f]{2})")
_SCHEMES: Final = ("http://", "https://", "mailto:", "tel:", "urn:")


def restrictions(table: Table, document: Path) -> Iterator[Problem]:
    """Yield what a description of a table has that a mapping folder must not have."""
    where = str(document)
    described = [column for column in table.columns if not column.virtual]
    if not described or len(table.columns) > MAX_COLUMNS:
        message = f"the document describes {len(described):,} columns"
        yield Problem("MAP-11", where, message, f"describe each column of the table, up to {MAX_COLUMNS:,}")
        return
    if table.dialect is not None and table.dialect != Dialect():
        hint = "leave out the dialect; published files of another form are read by [[files]] or a tidy.py"
        yield Problem("MAP-11", where, "the table of a folder is plain CSV: UTF-8, commas, one header row", hint)
    if table.suppress_output:
        yield Problem("MAP-11", where, "suppressOutput: nothing would be made of the table", "leave it out")
    for column in table.columns:
        yield from _of_name(column, f"{where}, column '{column.name[:60]}'")
        if not column.suppress_output:
            yield from _of_column(column, table, f"{where}, column '{column.name}'")
    yield from _of_observations(table, where)


def _of_name(column: Column, where: str) -> Iterator[Problem]:
    if len(column.name) > MAX_NAME_CHARS or any(len(title.text) > MAX_NAME_CHARS for title in column.titles):
        message = f"a name or title has more than {MAX_NAME_CHARS} characters"
        yield Problem("MAP-11", where, message, "shorten it; what is to be explained belongs in the description")
    texts = {"aboutUrl": column.about_url, "propertyUrl": column.property_url, "valueUrl": column.value_url}
    for name, text in {**texts, "@id of the datatype": column.datatype.id}.items():
        if text is not None and (match := _NOT_IN_ADDRESS.search(text)):
            message = f"{name} has {match[0]!r} in it, which no address has (RFC 3986)"
            yield Problem("MAP-11", where, message, "write the address without it, or percent-encode it")


def _of_column(column: Column, table: Table, where: str) -> Iterator[Problem]:
    if column.about_url is None:
        hint = 'give the schema an "aboutUrl" made of the columns of the primary key'
        yield Problem("MAP-11", where, "the row has no address, and no blank node is ever published", hint)
    if column.ordered and column.separator is not None:
        message = "an ordered list is made of blank nodes, and none is ever published"
        yield Problem("MAP-11", where, message, 'leave out "ordered"')
    for name, text in (("aboutUrl", column.about_url), ("valueUrl", column.value_url)):
        if text is None or not (template := parse_template(text)).parts:
            continue
        sample = template_iri(template, dict.fromkeys(template.names, "http://1"), table.url)
        if not sample.startswith(_SCHEMES):
            hint = "begin it with http:// or https://, or write it relative to the table"
            yield Problem("MAP-11", where, f"{name} gives '{sample[:80]}', which is no web address", hint)


def _of_observations(table: Table, where: str) -> Iterator[Problem]:
    """Yield what keeps the observations of a table from having addresses of their own."""
    observed = [column for column in table.columns if column.value_url and _is_observation(column.value_url)]
    if not observed:
        return
    if not table.primary_key:
        hint = 'add "primaryKey": the dimensions that tell one observation from another'
        yield Problem("MAP-11", where, "the table of observations has no primary key", hint)
    names = parse_template(observed[0].about_url or "").names
    missing = [name for name in table.primary_key if name not in names]
    if missing:
        message = f"observations that differ in {', '.join(missing)} have one address: aboutUrl does not name it"
        yield Problem("MAP-11", where, message, "put every column of the primary key into aboutUrl")
    for column in table.columns:
        if column.separator is not None and not column.suppress_output:
            message = "a cell with a separator has several values, and an observation has one of each component"
            yield Problem("MAP-11", f"{where}, column '{column.name}'", message, "write a row for each")
        if column.default and not column.virtual:
            message = '"default" fills cells in which nothing was published'
            yield Problem("MAP-11", f"{where}, column '{column.name}'", message, "write the value into the table")


def _is_observation(value_url: str) -> bool:
    return expand_if_prefixed(value_url) == QB.Observation.value
