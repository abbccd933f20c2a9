"""Metadata documents: table groups, tables and columns (Metadata Vocabulary for Tabular Data §5)."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from loader.csvw.datatypes import Datatype, read_datatype
from loader.csvw.dialect import Dialect, read_dialect
from loader.csvw.iri import local_path, normalize, resolve, shown
from loader.csvw.properties import MAX_DOCUMENT_BYTES, Reader, enter_document, is_object, parse_json
from loader.csvw.report import Report
from loader.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loader.csvw.json_ld import Annotation, Json, LangString, NodeValue

_INHERITED: Final = frozenset(
    [
        "aboutUrl",
        "datatype",
        "default",
        "lang",
        "null",
        "ordered",
        "propertyUrl",
        "required",
        "separator",
        "textDirection",
        "valueUrl",
    ]
)
_GROUP: Final = _INHERITED | frozenset(
    ["@context", "@id", "@type", "dialect", "notes", "tableDirection", "tables", "tableSchema", "transformations"]
)
_TABLE: Final = _INHERITED | frozenset(
    [
        "@context",
        "@id",
        "@type",
        "dialect",
        "notes",
        "suppressOutput",
        "tableDirection",
        "tableSchema",
        "transformations",
        "url",
    ]
)
_SCHEMA: Final = _INHERITED | frozenset(
    ["@context", "@id", "@type", "columns", "foreignKeys", "primaryKey", "rowTitles"]
)
_COLUMN: Final = _INHERITED | frozenset(["@id", "@type", "name", "suppressOutput", "titles", "virtual"])
_TRANSFORMATION: Final = frozenset(["@id", "@type", "scriptFormat", "source", "targetFormat", "titles", "url"])
_DIRECTIONS: Final = ("ltr", "rtl", "auto")
# A variable name of RFC 6570 that does not begin with "_" (Metadata Vocabulary §5.6).
_COLUMN_NAME: Final = re.compile(r"(?:[A-Za-z0-9]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*")


@dataclass(frozen=True, slots=True)
class Inherited:
    """The inherited properties (§5.7) as given at one level; None where that level is silent."""

    about_url: str | None = None
    datatype: Datatype | None = None
    default: str | None = None
    lang: str | None = None
    null: tuple[str, ...] | None = None
    ordered: bool | None = None
    property_url: str | None = None
    required: bool | None = None
    separator: str | None = None
    text_direction: str | None = None
    value_url: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column description (§5.6) with its inherited properties resolved.

    `name` is never empty: without "name" it is made from the first title, else `_col.[number]`. `has_name` tells
    whether the document gave it. `number` counts from 1. Templates are as
    written; they resolve against the table's URL.
    """

    name: str
    number: int
    titles: tuple[LangString, ...] = ()
    datatype: Datatype = field(default_factory=Datatype)
    about_url: str | None = None
    property_url: str | None = None
    value_url: str | None = None
    null: tuple[str, ...] = ("",)
    default: str = ""
    lang: str = "und"
    required: bool = False
    ordered: bool = False
    separator: str | None = None
    text_direction: str = "inherit"
    suppress_output: bool = False
    virtual: bool = False
    has_name: bool = True
    id: str | None = None
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns whose values must be found in another table (§5.5.2.1): column names here and there, and its URL.

    If the reference was by schema, `schema_reference` is that schema, and `table_url` the table found to have it.
    """

    columns: tuple[str, ...]
    table_url: str
    referenced_columns: tuple[str, ...]
    schema_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Transformation:
    """A script that turns the table into another format (§5.10); recorded, never run."""

    url: str
    script_format: str
    target_format: str
    source: str | None = None
    titles: tuple[LangString, ...] = ()
    id: str | None = None
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table description (§5.4) with its schema.

    Without a schema (`has_schema`), columns are made from the header, with `inherited` as their properties. `dialect`
    is None where the document is silent.
    """

    url: str
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    row_titles: tuple[str, ...] = ()
    dialect: Dialect | None = None
    suppress_output: bool = False
    table_direction: str = "auto"
    transformations: tuple[Transformation, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    notes: tuple[NodeValue, ...] = ()
    id: str | None = None
    schema_id: str | None = None
    inherited: Inherited = field(default_factory=Inherited)
    lang: str = "und"
    has_schema: bool = True


@dataclass(frozen=True, slots=True)
class TableGroup:
    """A table group description (§5.3); a document that describes one table is a group of one."""

    tables: tuple[Table, ...]
    id: str | None = None
    annotations: tuple[Annotation, ...] = ()
    notes: tuple[NodeValue, ...] = ()
    url: str | None = None


def read_metadata(
    document: Mapping[str, object] | bytes,
    *,
    base_url: str,
    report: Report | None = None,
    load: Callable[[str], bytes] | None = None,
) -> TableGroup:
    """Read, check and normalise a metadata document found at `base_url` (§5 and §6.1).

    Warnings go to `report`. `load` reads the documents this one refers to; without it only local files are read.
    Raises `ProblemsError` with the JSON path of each error in `where`.
    """
    found = Report(strict=report.strict if report else False)
    try:
        group = _read_document(document, base_url, found, load or load_local)
    except RecursionError:
        message = "the metadata document is nested too deeply (Metadata Vocabulary §5)"
        raise ProblemsError([Problem("CSVW-JSON", shown(base_url), message)]) from None
    finally:
        if report:
            for warning in found.warnings:
                report.warn(warning)
    if group is None or found.errors:
        found.raise_errors()
    assert group
    return group


def load_local(url: str) -> bytes:
    """Return the content of a local file by its URL. Raises `ProblemsError`."""
    path = local_path(url)
    if path is None:
        message = "is not a local file, and nothing is fetched here (Metadata Vocabulary §5.1.5)"
        raise ProblemsError([Problem("CSVW-FETCH", url, message, "put the document beside the metadata")])
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            message = "is not a file (Metadata Vocabulary §5.1.5)"
            raise ProblemsError([Problem("CSVW-FETCH", shown(url), message, "correct the reference")])
        with path.open("rb") as stream:
            return stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror} (Metadata Vocabulary §5.1.5)"
        raise ProblemsError([Problem("CSVW-FETCH", shown(url), message, "correct the reference")]) from None


def _read_document(
    document: Mapping[str, object] | bytes, url: str, report: Report, load: Callable[[str], bytes]
) -> TableGroup | None:
    """Return the group a document describes; the report says what is wrong if there is none."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    value = parse_json(content, shown(url))
    if not is_object(value):
        report.error(Problem("CSVW-METADATA", f"{shown(url)}, $", "is not a JSON object (Metadata Vocabulary §5)"))
        return None
    reader = enter_document(value, url, report, load)
    if "tables" in value or ("url" not in value and value.get("@type") != "Table"):
        return _read_group(reader, value)
    table = _read_table(reader, value, "$", Inherited(), {})
    return _check_group(reader, TableGroup((table,), url=url)) if table else None


# Groups and tables


def _read_group(reader: Reader, obj: dict[str, Json]) -> TableGroup | None:
    """Read a table group description (§5.3)."""
    reader.check_type(obj, "TableGroup", "$")
    annotations = reader.annotations(obj, "$", _GROUP)
    inherited = _read_inherited(reader, obj, "$", Inherited())
    reader.one_of(obj, "tableDirection", "$", _DIRECTIONS)
    _read_transformations(reader, obj, "$")
    found = [_read_table(reader, item, path, inherited, obj) for path, item in reader.objects(obj, "tables", "$")]
    tables = tuple(table for table in found if table)
    if not tables:
        hint = 'describe each file in "tables", or give the "url" of one'
        reader.error("$.tables", "no table is described", "Metadata Vocabulary §5.3", hint)
        return None
    group = TableGroup(tables, reader.node_id(obj, "$"), annotations, reader.notes(obj, "$"), reader.base_url)
    return _check_group(reader, group)


def _read_table(
    reader: Reader, obj: dict[str, Json], path: str, outer: Inherited, group: Mapping[str, Json]
) -> Table | None:
    """Read a table description (§5.4); `group` lends it what it does not say itself."""
    reader.check_type(obj, "Table", path)
    annotations = reader.annotations(obj, path, _TABLE)
    url = reader.link(obj, "url", path)
    if url is None or not isinstance(obj["url"], str):
        hint = 'give the "url" of the CSV file'
        reader.error(f"{path}.url", "the table has no url", "Metadata Vocabulary §5.4", hint)
        return None
    inherited = _read_inherited(reader, obj, path, outer)
    group_path = path if group else "$"
    table = Table(
        url,
        dialect=_read_dialect_of(reader, obj, path, group),
        suppress_output=reader.boolean(obj, "suppressOutput", path) or False,
        table_direction=reader.one_of({**group, **obj}, "tableDirection", group_path, _DIRECTIONS) or "auto",
        transformations=_read_transformations(reader, obj, path),
        annotations=annotations,
        notes=reader.notes(obj, path),
        id=reader.node_id(obj, path),
        inherited=inherited,
        lang=reader.lang,
    )
    holder, holder_path = (obj, path) if "tableSchema" in obj else (group, "$")
    linked = reader.linked_object(holder, "tableSchema", holder_path)
    return _read_schema(*linked, table) if linked else replace(table, has_schema=False)


def _read_dialect_of(reader: Reader, obj: Mapping[str, Json], path: str, group: Mapping[str, Json]) -> Dialect | None:
    """Return the dialect of a table, or else that of its group (§5.9)."""
    holder, holder_path = (obj, path) if "dialect" in obj else (group, "$")
    linked = reader.linked_object(holder, "dialect", holder_path)
    return read_dialect(linked[0], linked[2], linked[1]) if linked else None


def _read_transformations(reader: Reader, obj: Mapping[str, Json], path: str) -> tuple[Transformation, ...]:
    """Read "transformations" (§5.10)."""
    found = []
    for where, item in reader.objects(obj, "transformations", path):
        reader.check_type(item, "Template", where)
        annotations = reader.annotations(item, where, _TRANSFORMATION)
        url, script, target = (reader.link(item, name, where) for name in ("url", "scriptFormat", "targetFormat"))
        if url is None or script is None or target is None:
            message = "a transformation needs url, scriptFormat and targetFormat"
            reader.error(where, message, "Metadata Vocabulary §5.10")
            continue
        titles = reader.natural_language(item, "titles", where)
        source = reader.one_of(item, "source", where, ("json", "rdf"))
        node_id = reader.node_id(item, where)
        found.append(Transformation(url, script, target, source, titles, node_id, annotations))
    return tuple(found)


# Schemas and columns


def _read_schema(reader: Reader, path: str, obj: dict[str, Json], table: Table) -> Table:
    """Return the table with its schema (§5.5)."""
    reader.check_type(obj, "Schema", path)
    reader.annotations(obj, path, _SCHEMA)
    inherited = _read_inherited(reader, obj, path, table.inherited)
    columns = _read_columns(reader, obj, path, inherited)
    schema_id = reader.node_id(obj, path) or (reader.base_url if path == "$" else None)
    table = replace(table, columns=columns, inherited=inherited, schema_id=schema_id)
    primary_key = _read_names(reader, obj, "primaryKey", path, table)
    row_titles = _read_names(reader, obj, "rowTitles", path, table)
    foreign_keys = _read_foreign_keys(reader, obj, path, table)
    return replace(table, primary_key=primary_key, row_titles=row_titles, foreign_keys=foreign_keys)


def _read_columns(reader: Reader, obj: Mapping[str, Json], path: str, outer: Inherited) -> tuple[Column, ...]:
    """Read "columns" (§5.6) and check that names are unique and virtual columns come last."""
    columns: list[Column] = []
    names: set[str] = set()
    for where, item in reader.objects(obj, "columns", path):
        column = _read_column(reader, item, where, outer, len(columns) + 1)
        if column.name in names:
            message = f"the column name {column.name!r} is used twice"
            reader.error(f"{where}.name", message, "Metadata Vocabulary §5.6", "give each column a name of its own")
        if columns and columns[-1].virtual and not column.virtual:
            message = "a virtual column stands before one that is not"
            reader.error(where, message, "Metadata Vocabulary §5.6", "move virtual columns to the end")
        columns.append(column)
        names.add(column.name)
    return tuple(columns)


def _read_column(reader: Reader, obj: dict[str, Json], path: str, outer: Inherited, number: int) -> Column:
    """Read a column description (§5.6)."""
    reader.check_type(obj, "Column", path)
    annotations = reader.annotations(obj, path, _COLUMN)
    titles = reader.natural_language(obj, "titles", path)
    name = reader.string(obj, "name", path)
    if name is not None and not _COLUMN_NAME.fullmatch(name):
        hint = 'use letters, digits and "_", not beginning with "_"'
        message = f"{name!r} cannot be the name of a column; ignored"
        reader.warn(f"{path}.name", message, "Metadata Vocabulary §5.6", hint)
        name = None
    return make_column(
        number,
        _read_inherited(reader, obj, path, outer),
        name=name,
        titles=titles,
        lang=reader.lang,
        virtual=reader.boolean(obj, "virtual", path) or False,
        suppress_output=reader.boolean(obj, "suppressOutput", path) or False,
        node_id=reader.node_id(obj, path),
        annotations=annotations,
    )


def make_column(
    number: int,
    inherited: Inherited,
    *,
    name: str | None = None,
    titles: tuple[LangString, ...] = (),
    lang: str = "und",
    virtual: bool = False,
    suppress_output: bool = False,
    node_id: str | None = None,
    annotations: tuple[Annotation, ...] = (),
) -> Column:
    """Return a column with defaults for what is not given (§5.6 and §5.7)."""
    return Column(
        name or default_name(titles, lang, number),
        number,
        titles,
        inherited.datatype or Datatype(),
        inherited.about_url,
        inherited.property_url,
        inherited.value_url,
        ("",) if inherited.null is None else inherited.null,
        inherited.default or "",
        inherited.lang or "und",
        inherited.required or False,
        inherited.ordered or False,
        inherited.separator,
        inherited.text_direction or "inherit",
        suppress_output,
        virtual,
        name is not None,
        node_id,
        annotations,
    )


def default_name(titles: tuple[LangString, ...], lang: str, number: int) -> str:
    """Return the name of a column that is given none: its first title in the default language, else its number."""
    for title in titles:
        if title.lang == lang and title.text:
            return re.sub(r"[^A-Za-z0-9_.%]", lambda m: _percent(m[0]), quote(title.text, safe="", errors="replace"))
    return f"_col.{number}"


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _read_inherited(reader: Reader, obj: Mapping[str, Json], path: str, outer: Inherited) -> Inherited:
    """Read inherited properties (§5.7), those of `outer` holding where `obj` is silent."""
    own = Inherited(
        reader.template(obj, "aboutUrl", path),
        read_datatype(reader, obj, path),
        reader.string(obj, "default", path),
        reader.language(obj, "lang", path),
        reader.strings(obj, "null", path),
        reader.boolean(obj, "ordered", path),
        reader.template(obj, "propertyUrl", path),
        reader.boolean(obj, "required", path),
        None if obj.get("separator", "") is None else reader.string(obj, "separator", path),
        reader.one_of(obj, "textDirection", path, (*_DIRECTIONS, "inherit")),
        reader.template(obj, "valueUrl", path),
    )
    given = {name: getattr(own, name) for name in Inherited.__slots__ if getattr(own, name) is not None}
    if "separator" in obj and obj["separator"] is None:
        given["separator"] = None
    return replace(outer, **given)


# Keys


def _read_names(reader: Reader, obj: Mapping[str, Json], name: str, path: str, table: Table) -> tuple[str, ...]:
    """Read a column reference property (§5.1.4) whose columns must be among those of the table, virtual ones not."""
    if name not in obj:
        return ()
    names = reader.column_reference(obj[name])
    known = {column.name for column in table.columns if column.has_name}
    if names is None or not known.issuperset(names) or len(set(names)) < len(names):
        message = f"{obj[name]!r} does not name columns of this table, each once; ignored"
        hint = 'give the "name" of each column, not its title'
        reader.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.1.4", hint)
        return ()
    return names


def _read_foreign_keys(reader: Reader, obj: Mapping[str, Json], path: str, table: Table) -> tuple[ForeignKey, ...]:
    """Read "foreignKeys" (§5.5.2)."""
    found = []
    for where, item in reader.objects(obj, "foreignKeys", path):
        reference = item.get("reference")
        if not is_object(reference):
            reader.error(f"{where}.reference", "is not an object", "Metadata Vocabulary §5.5.2.1")
            continue
        _check_properties(reader, item, where, {"columnReference", "reference"})
        _check_properties(reader, reference, f"{where}.reference", {"resource", "schemaReference", "columnReference"})
        key = _read_foreign_key(reader, item, reference, where, table)
        found += [key] if key else []
    return tuple(found)


def _check_properties(reader: Reader, obj: Mapping[str, Json], path: str, allowed: set[str]) -> None:
    for name in obj.keys() - allowed:
        reader.error(f"{path}.{name}", f"{name!r} is not allowed here", "Metadata Vocabulary §5.5.2.1")


def _read_foreign_key(
    reader: Reader, obj: Mapping[str, Json], reference: Mapping[str, Json], path: str, table: Table
) -> ForeignKey | None:
    columns = reader.column_reference(obj.get("columnReference"))
    referenced = reader.column_reference(reference.get("columnReference"))
    resource = reader.link(reference, "resource", f"{path}.reference")
    schema = reader.link(reference, "schemaReference", f"{path}.reference")
    known = {column.name for column in table.columns if column.has_name}
    if columns is None or not known.issuperset(columns):
        message = f"{obj.get('columnReference')!r} does not name columns of this table"
        reader.error(f"{path}.columnReference", message, "Metadata Vocabulary §5.5.2.1")
    elif referenced is None or (resource is None) == (schema is None):
        message = 'must have "columnReference" and either "resource" or "schemaReference"'
        reader.error(f"{path}.reference", message, "Metadata Vocabulary §5.5.2.1")
    else:
        return ForeignKey(columns, resource or "", referenced, schema)
    return None


def _check_group(reader: Reader, group: TableGroup) -> TableGroup:
    """Find the table of each foreign key, and its columns (§5.5.2.1)."""
    tables = tuple(
        replace(table, foreign_keys=tuple(_find_reference(reader, key, table, group) for key in table.foreign_keys))
        for table in group.tables
    )
    return replace(group, tables=tables)


def _find_reference(reader: Reader, key: ForeignKey, table: Table, group: TableGroup) -> ForeignKey:
    wanted = normalize(key.schema_reference or key.table_url)
    for other in group.tables:
        if wanted != normalize((other.schema_id or "") if key.schema_reference else other.url):
            continue
        known = {column.name for column in other.columns if column.has_name}
        if not known.issuperset(key.referenced_columns):
            message = f"{shown(other.url)} has no columns {', '.join(key.referenced_columns)}"
            reader.error(f"foreign key of {shown(table.url)}", message, "Metadata Vocabulary §5.5.2.1")
        return replace(key, table_url=other.url)
    message = f"no table {wanted} is described in this document"
    reader.error(f"foreign key of {shown(table.url)}", message, "Metadata Vocabulary §5.5.2.1")
    return key


def table_for(group: TableGroup, url: str) -> Table | None:
    """Return the description of the file at `url`, URLs compared as in Tabular Data Model §6.3."""
    wanted = normalize(resolve(url, ""))
    return next((table for table in group.tables if normalize(table.url) == wanted), None)
