"""Datatype descriptions (Metadata Vocabulary §5.11.2), and parsing cells by them (Tabular Data Model §6.4.2-6.4.6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from loader.csvw import values
from loader.csvw.date_format import DateParser, compile_date_format
from loader.csvw.json_ld import DATATYPE_ALIASES, DATATYPE_IRIS, Json, expand_name
from loader.csvw.number_format import FormatError, NumberFormat, NumberParser, compile_number_format
from loader.csvw.properties import is_object
from loader.csvw.regex import Regex, compile_regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loader.csvw.properties import Reader

_BOUNDS: Final = ("minInclusive", "maxInclusive", "minExclusive", "maxExclusive")
_PROPERTIES: Final = frozenset(
    {"@id", "@type", "base", "format", "length", "minLength", "maxLength", "minimum", "maximum", *_BOUNDS}
)
_CLAUSE: Final = "Metadata Vocabulary §5.11.2"


class CellError(ValueError):
    """A cell that does not fit its datatype; `code` is the problem code."""

    def __init__(self, message: str, code: str = "CSVW-CELL") -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Datatype:
    """A datatype description; bounds are kept as written, "minimum" and "maximum" as the inclusive ones.

    `base` is the canonical name of a built-in type: "any", "number", "binary" and "datetime" have become
    "anyAtomicType", "double", "base64Binary" and "dateTime".
    """

    base: str = "string"
    id: str | None = None
    format: str | NumberFormat | None = None
    length: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_inclusive: str | None = None
    max_inclusive: str | None = None
    min_exclusive: str | None = None
    max_exclusive: str | None = None

    @property
    def iri(self) -> str:
        """The IRI literals of this type have in RDF (csv2rdf §4.4)."""
        return self.id or DATATYPE_IRIS[self.base]

    @property
    def is_bounded(self) -> bool:
        """Say whether values are limited by order."""
        return any(
            b is not None for b in (self.min_inclusive, self.max_inclusive, self.min_exclusive, self.max_exclusive)
        )

    @property
    def is_sized(self) -> bool:
        """Say whether values are limited by length."""
        return any(n is not None for n in (self.length, self.min_length, self.max_length))

    @property
    def name(self) -> str:
        """The name people know it by."""
        return f"xsd:{self.base}" if self.base not in ("xml", "html", "json") else self.base


# Reading descriptions


def read_datatype(reader: Reader, obj: Mapping[str, Json], path: str) -> Datatype | None:
    """Read the "datatype" property of `obj`: the name of a built-in type or a description."""
    value = obj.get("datatype")
    if is_object(value):
        return _read_description(reader, value, f"{path}.datatype")
    if isinstance(value, str):
        return Datatype(_built_in(reader, value, f"{path}.datatype"))
    if "datatype" in obj:
        reader.warn(f"{path}.datatype", f"{value!r} is not a datatype; string is used", _CLAUSE)
    return None


def _built_in(reader: Reader, name: str, path: str) -> str:
    base = DATATYPE_ALIASES.get(name, name)
    if base in DATATYPE_IRIS:
        return base
    reader.warn(path, f"{name!r} is not a built-in datatype; string is used", _CLAUSE, "see §5.11.1 for the names")
    return "string"


def _read_description(reader: Reader, obj: Mapping[str, Json], path: str) -> Datatype:
    reader.check_type(obj, "Datatype", path)
    reader.annotations(obj, path, _PROPERTIES)
    base = "string"
    if (name := reader.string(obj, "base", path)) is not None:
        base = _built_in(reader, name, f"{path}.base")
    bounds = {name: _bound(reader, obj, name, path) for name in ("minimum", "maximum", *_BOUNDS)}
    datatype = Datatype(
        base,
        _datatype_id(reader, obj, path),
        _read_format(reader, obj, base, path),
        reader.count(obj, "length", path),
        reader.count(obj, "minLength", path),
        reader.count(obj, "maxLength", path),
        bounds["minInclusive"] if bounds["minimum"] is None else bounds["minimum"],
        bounds["maxInclusive"] if bounds["maximum"] is None else bounds["maximum"],
        bounds["minExclusive"],
        bounds["maxExclusive"],
    )
    return _without_wrong_bounds(reader, datatype, path)


def _datatype_id(reader: Reader, obj: Mapping[str, Json], path: str) -> str | None:
    """Read "@id": any URL but that of a built-in type."""
    datatype_id = reader.node_id(obj, path)
    if datatype_id is not None:
        datatype_id = expand_name(datatype_id) or datatype_id
    if datatype_id in DATATYPE_IRIS.values():
        message = "must not be the URL of a built-in datatype"
        reader.error(f"{path}.@id", message, _CLAUSE, 'name the built-in type in "base"')
    return datatype_id


def _bound(reader: Reader, obj: Mapping[str, Json], name: str, path: str) -> str | None:
    """Read a bound: a string in the form of the datatype, or a number."""
    value = obj.get(name)
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return str(value)
    if name in obj:
        reader.warn(f"{path}.{name}", f"{value!r} is not a value; ignored", "Tabular Data Model §4.6.2")
    return None


def _read_format(reader: Reader, obj: Mapping[str, Json], base: str, path: str) -> str | NumberFormat | None:
    """Read "format"; one that is not valid for the base is warned of and ignored."""
    value = obj.get("format")
    if "format" not in obj:
        return None
    where = f"{path}.format"
    found: str | NumberFormat | None = value if isinstance(value, str) else None
    if base in values.NUMBERS and is_object(value):
        found = _read_number_format(reader, value, where)
    elif base in values.NUMBERS and found is not None:
        found = NumberFormat(value if isinstance(value, str) else None)
    if found is None:
        reader.warn(where, f"{value!r} is not a format for {base}; ignored", "Tabular Data Model §6.4")
        return None
    try:
        check_format(found, base)
    except FormatError as error:
        reader.warn(where, f"{error}; ignored", "Tabular Data Model §6.4")
        return without_pattern(found)
    return found


def without_pattern(wrong: str | NumberFormat) -> NumberFormat | None:
    """Return what is left of a format whose pattern is not valid: the characters it names, if any."""
    if isinstance(wrong, str) or (wrong.decimal_char, wrong.group_char) == (".", None):
        return None
    return NumberFormat(None, wrong.decimal_char, wrong.group_char)


def _read_number_format(reader: Reader, obj: Mapping[str, Json], path: str) -> NumberFormat:
    for name in obj.keys() - {"pattern", "decimalChar", "groupChar"}:
        reader.warn(f"{path}.{name}", "is not a property of a number format; ignored", "Tabular Data Model §6.4.2")
    return NumberFormat(
        reader.string(obj, "pattern", path),
        reader.string(obj, "decimalChar", path) or ".",
        reader.string(obj, "groupChar", path) or None,
    )


def check_format(value: str | NumberFormat, base: str) -> None:
    """Raise `FormatError` unless `value` is a format for `base`."""
    if isinstance(value, NumberFormat):
        compile_number_format(value)
    elif base in values.DATES:
        compile_date_format(value, base)
    elif base == "boolean":
        if len(set(value.split("|"))) != 2 or value.count("|") != 1:
            message = f"{value!r} does not have the form 'true value|false value'"
            raise FormatError(message)
    else:
        compile_regex(value)


def _without_wrong_bounds(reader: Reader, datatype: Datatype, path: str) -> Datatype:
    """Report constraints that contradict the base or each other (Tabular Data Model §4.6.1 and §4.6.2)."""
    base = datatype.base
    if datatype.is_sized and base in values.ORDERED | {"boolean"}:
        reader.error(path, f"a length cannot be set for {base}", "Tabular Data Model §4.6.1")
    low, high = datatype.min_length, datatype.max_length
    lengths = [n for n in (low, datatype.length, high) if n is not None]
    if lengths != sorted(lengths):
        reader.error(path, "length, minLength and maxLength contradict each other", "Tabular Data Model §4.6.1")
    if not datatype.is_bounded:
        return datatype
    if base not in values.ORDERED:
        reader.error(path, f"a minimum or maximum cannot be set for {base}", "Tabular Data Model §4.6.2")
        return datatype
    parsed = _parse_bounds(reader, datatype, path)
    _check_bounds(reader, parsed, path)
    return parsed


def _parse_bounds(reader: Reader, datatype: Datatype, path: str) -> Datatype:
    """Return the datatype with its bounds in XML Schema form; those that are no values of it are dropped."""
    kept: dict[str, str | None] = {}
    plain = compile_datatype(Datatype(datatype.base, format=datatype.format))
    for name in ("min_inclusive", "max_inclusive", "min_exclusive", "max_exclusive"):
        text: str | None = getattr(datatype, name)
        if text is not None and not values.is_valid(text, datatype.base):
            try:
                text = plain.parse(text)
            except CellError:
                reader.warn(path, f"the bound {text!r} is not a value of {datatype.base}; ignored", _CLAUSE)
                text = None
        kept[name] = text
    return Datatype(
        datatype.base,
        datatype.id,
        datatype.format,
        datatype.length,
        datatype.min_length,
        datatype.max_length,
        kept["min_inclusive"],
        kept["max_inclusive"],
        kept["min_exclusive"],
        kept["max_exclusive"],
    )


def _check_bounds(reader: Reader, datatype: Datatype, path: str) -> None:
    """Report bounds that leave no value (XML Schema Datatypes §4.3.7-4.3.10)."""
    if datatype.min_inclusive is not None and datatype.min_exclusive is not None:
        reader.error(path, "minInclusive and minExclusive exclude each other", "Tabular Data Model §4.6.2")
    if datatype.max_inclusive is not None and datatype.max_exclusive is not None:
        reader.error(path, "maxInclusive and maxExclusive exclude each other", "Tabular Data Model §4.6.2")
    for low, high, may_be_equal in (
        (datatype.min_inclusive, datatype.max_inclusive, True),
        (datatype.min_exclusive, datatype.max_exclusive, True),
        (datatype.min_inclusive, datatype.max_exclusive, False),
        (datatype.min_exclusive, datatype.max_inclusive, False),
    ):
        if low is None or high is None:
            continue
        keys = values.order_key(low, datatype.base), values.order_key(high, datatype.base)
        if not values.is_before(*keys, or_equal=may_be_equal):
            reader.error(path, f"no value lies between {low} and {high}", "Tabular Data Model §4.6.2")


# Parsing cells


@dataclass(frozen=True, slots=True)
class DatatypeParser:
    """A compiled datatype: turns the text of a cell into a lexical form of XML Schema."""

    datatype: Datatype
    number: NumberParser | None = None
    date: DateParser | None = None
    regex: Regex | None = None
    booleans: tuple[str, str] | None = None

    def parse(self, text: str) -> str:
        """Return the lexical form of a value that is valid by format, datatype and bounds. Raises `CellError`."""
        lexical = self._by_format(text)
        if lexical is None or not values.is_valid(lexical, self.datatype.base):
            raise CellError(self._mismatch(text, lexical))
        if self.datatype.is_sized:
            self._check_length(text, lexical)
        if self.datatype.is_bounded:
            self._check_bounds(text, lexical)
        return lexical

    def _by_format(self, text: str) -> str | None:
        if self.number:
            return self.number.parse(text)
        if self.date:
            return self.date.parse(text)
        if self.booleans:
            return {self.booleans[0]: "true", self.booleans[1]: "false"}.get(text)
        return text if not self.regex or self.regex.is_found_in(text) else None

    def _mismatch(self, text: str, lexical: str | None) -> str:
        """Say what is wrong with a cell, and by which clause."""
        shape = self.datatype.format
        pattern = shape.pattern if isinstance(shape, NumberFormat) else shape
        clause = "Tabular Data Model §6.4"
        if values.has_forbidden_characters(text):
            return f"{shorten(text)} has a control character in it ({clause})"
        if lexical is None and pattern is not None:
            return f"{shorten(text)} does not match the format {pattern!r} of {self.datatype.name} ({clause})"
        return f"{shorten(text)} is not an {self.datatype.name} ({clause})".replace("an xsd:", self._article + "xsd:")

    @property
    def _article(self) -> str:
        return "an " if self.datatype.base[0] in "aeiou" else "a "

    def _check_length(self, text: str, lexical: str) -> None:
        size, datatype = values.length(lexical, self.datatype.base), self.datatype
        for limit, word, is_wrong in (
            (datatype.length, "exactly", size != (datatype.length or 0)),
            (datatype.min_length, "at least", size < (datatype.min_length or 0)),
            (datatype.max_length, "at most", size > (datatype.max_length or 0)),
        ):
            if limit is not None and is_wrong:
                message = f"{shorten(text)} has length {size}, not {word} {limit} (Tabular Data Model §4.6.1)"
                raise CellError(message, "CSVW-BOUNDS")

    def _check_bounds(self, text: str, lexical: str) -> None:
        base, datatype = self.datatype.base, self.datatype
        key = values.order_key(lexical, base)
        for bound, word, is_low, or_equal in (
            (datatype.min_inclusive, "at least", True, True),
            (datatype.min_exclusive, "more than", True, False),
            (datatype.max_inclusive, "at most", False, True),
            (datatype.max_exclusive, "less than", False, False),
        ):
            if bound is None:
                continue
            other = values.order_key(bound, base)
            low, high = (other, key) if is_low else (key, other)
            if not values.is_before(low, high, or_equal=or_equal):
                message = f"{shorten(text)} is not {word} {bound} (Tabular Data Model §4.6.2)"
                raise CellError(message, "CSVW-BOUNDS")


def shorten(text: str) -> str:
    """Quote the text of a cell for a message, at most 60 characters of it."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


@lru_cache(1024)
def compile_datatype(datatype: Datatype) -> DatatypeParser:
    """Compile a datatype whose format is known to be valid."""
    shape, base = datatype.format, datatype.base
    if shape is None:
        return DatatypeParser(datatype)
    if isinstance(shape, NumberFormat):
        return DatatypeParser(datatype, number=compile_number_format(shape))
    if base in values.DATES:
        return DatatypeParser(datatype, date=compile_date_format(shape, base))
    if base == "boolean":
        true, _, false = shape.partition("|")
        return DatatypeParser(datatype, booleans=(true, false))
    return DatatypeParser(datatype, regex=compile_regex(shape))
