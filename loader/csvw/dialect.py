"""Dialects: how a file is cut into rows and cells (Metadata Vocabulary §5.9)."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loader.csvw.json_ld import Json
    from loader.csvw.properties import Reader

PROPERTIES: Final = frozenset(
    [
        "@id",
        "@type",
        "commentPrefix",
        "delimiter",
        "doubleQuote",
        "encoding",
        "header",
        "headerRowCount",
        "lineTerminators",
        "quoteChar",
        "skipBlankRows",
        "skipColumns",
        "skipInitialSpace",
        "skipRows",
        "trim",
    ]
)


_OF_PROGRAMS: Final = frozenset({"unicode-escape", "raw-unicode-escape", "punycode", "idna", "utf-7"})
"""Encodings of Python, in which bytes of plain text stand for something else; no file is published in them."""
MAX_TERMINATORS: Final = 8


@dataclass(frozen=True, slots=True)
class Dialect:
    """The flags of the parsing algorithm (Tabular Data Model §8), with the defaults of a file nothing is said about.

    There, no row is a comment. A dialect *description*, however, has "#" for "commentPrefix" unless it says otherwise
    (Metadata Vocabulary §5.9); `implies_comments` tells that this is so. The two documents also differ on "trim": we
    follow the second, and the test suite, where the default is false.
    """

    encoding: str = "utf-8"
    line_terminators: tuple[str, ...] = ("\r\n", "\n")
    quote_char: str | None = '"'
    double_quote: bool = True
    skip_rows: int = 0
    comment_prefix: str | None = None
    header_row_count: int = 1
    delimiter: str = ","
    skip_columns: int = 0
    skip_blank_rows: bool = False
    trim_start: bool = False
    trim_end: bool = False
    implies_comments: bool = False

    @property
    def escape_char(self) -> str | None:
        """The character that escapes a quote: another quote, or a backslash; None where there are no quotes."""
        return "\\" if self.quote_char and not self.double_quote else self.quote_char


def read_dialect(reader: Reader, obj: Mapping[str, Json], path: str) -> Dialect:
    """Read a dialect description (Metadata Vocabulary §5.9)."""
    reader.check_type(obj, "Dialect", path)
    reader.node_id(obj, path)
    for name in obj.keys() - PROPERTIES:
        message = f"{name!r} is not a property of a dialect; ignored"
        reader.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.9")
    header = reader.boolean(obj, "header", path)
    header_rows = reader.count(obj, "headerRowCount", path)
    if header_rows is None:
        header_rows = 0 if header is False else 1
    comment_prefix = _optional(reader, obj, "commentPrefix", path, "#")
    start, end = _trim(reader, obj, path)
    double_quote = reader.boolean(obj, "doubleQuote", path)
    return Dialect(
        encoding=_encoding(reader, obj, path),
        line_terminators=_line_terminators(reader, obj, path),
        quote_char=_optional(reader, obj, "quoteChar", path, '"'),
        double_quote=double_quote is not False,
        skip_rows=reader.count(obj, "skipRows", path) or 0,
        comment_prefix=comment_prefix,
        header_row_count=header_rows,
        delimiter=reader.string(obj, "delimiter", path) or ",",
        skip_columns=reader.count(obj, "skipColumns", path) or 0,
        skip_blank_rows=reader.boolean(obj, "skipBlankRows", path) or False,
        trim_start=start,
        trim_end=end,
        implies_comments=comment_prefix is not None and "commentPrefix" not in obj,
    )


def _optional(reader: Reader, obj: Mapping[str, Json], name: str, path: str, default: str) -> str | None:
    """Read a property whose null means "none at all"; an empty string, which could never match, means the same."""
    if name in obj and obj[name] is None:
        return None
    text = reader.string(obj, name, path)
    return default if text is None else text or None


def _trim(reader: Reader, obj: Mapping[str, Json], path: str) -> tuple[bool, bool]:
    """Return whether the start and the end of cells are trimmed; "trim" wins over "skipInitialSpace"."""
    skip = reader.boolean(obj, "skipInitialSpace", path) or False
    trim = obj.get("trim")
    if isinstance(trim, bool):
        return trim, trim
    word = reader.one_of(obj, "trim", path, ("true", "false", "start", "end"))
    return (skip, False) if word is None else (word in ("true", "start"), word in ("true", "end"))


def _encoding(reader: Reader, obj: Mapping[str, Json], path: str) -> str:
    name = reader.string(obj, "encoding", path) or "utf-8"
    if is_text_encoding(name):
        return name
    hint = "name it as the WHATWG Encoding Standard does, such as utf-8 or windows-1252"
    reader.warn(
        f"{path}.encoding", f"{name!r} is not a known encoding; utf-8 is used", "Metadata Vocabulary §5.9", hint
    )
    return "utf-8"


def is_text_encoding(name: str) -> bool:
    """Say whether Python decodes text with an encoding of this name."""
    try:
        codec = codecs.lookup(name)
        codec.incrementaldecoder("strict").decode(b"", True)
    except (LookupError, ValueError, TypeError, AttributeError):
        return False
    return "\0" not in name and codec.name not in _OF_PROGRAMS and getattr(codec, "_is_text_encoding", True)


def _line_terminators(reader: Reader, obj: Mapping[str, Json], path: str) -> tuple[str, ...]:
    found = reader.strings(obj, "lineTerminators", path) or ()
    found = tuple(terminator for terminator in found if terminator)
    if len(found) > MAX_TERMINATORS:
        message = f"{len(found)} terminators, more than {MAX_TERMINATORS}; the default is used"
        reader.warn(f"{path}.lineTerminators", message, "Metadata Vocabulary §5.9")
        found = ()
    return found or ("\r\n", "\n")
