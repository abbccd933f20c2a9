"""Date and time formats (Tabular Data Model §6.4.4; UAX 35 date field symbols).

Every format the specification lists is covered by its fields: y, M, d, H, m, s, S and the time zones X and x, with
any of `-/.:, T` and quoted text between them. English month and day names (MMM, MMMM, EEE, EEEE) are known besides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from loader.csvw.number_format import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
_TOKEN: Final = re.compile(r"([A-Za-z])\1*|'[^']+'|[-/.:, ]")
_FIELDS: Final[Mapping[str, str]] = {
    "yyyy": r"(?P<y>\d{4})",
    "MM": r"(?P<M>\d{2})",
    "M": r"(?P<M>\d{1,2})",
    "MMM": rf"(?P<b>{'|'.join(name[:3] for name in _MONTHS)})",
    "MMMM": rf"(?P<b>{'|'.join(_MONTHS)})",
    "dd": r"(?P<d>\d{2})",
    "d": r"(?P<d>\d{1,2})",
    "EEE": rf"(?:{'|'.join(name[:3] for name in _DAYS)})",
    "EEEE": rf"(?:{'|'.join(_DAYS)})",
    "HH": r"(?P<H>\d{2})",
    "H": r"(?P<H>\d{1,2})",
    "mm": r"(?P<m>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "ss": r"(?P<s>\d{2})",
    "s": r"(?P<s>\d{1,2})",
    "X": r"(?P<z>Z|[+-]\d{2}(?:\d{2})?)",
    "XX": r"(?P<z>Z|[+-]\d{4})",
    "XXX": r"(?P<z>Z|[+-]\d{2}:\d{2})",
    "x": r"(?P<z>[+-]\d{2}(?:\d{2})?)",
    "xx": r"(?P<z>[+-]\d{4})",
    "xxx": r"(?P<z>[+-]\d{2}:\d{2})",
    "T": "T",
}
# What each datatype needs and may have besides, and how it is written in XML Schema.
_SHAPES: Final[Mapping[str, tuple[str, str, str]]] = {
    "date": ("yMd", "", "{y}-{M}-{d}"),
    "time": ("H", "msS", "{H}:{m}:{s}"),
    "dateTime": ("yMd", "HmsS", "{y}-{M}-{d}T{H}:{m}:{s}"),
    "dateTimeStamp": ("yMd", "HmsS", "{y}-{M}-{d}T{H}:{m}:{s}"),
    "gDay": ("d", "", "---{d}"),
    "gMonth": ("M", "", "--{M}"),
    "gMonthDay": ("Md", "", "--{M}-{d}"),
    "gYear": ("y", "", "{y}"),
    "gYearMonth": ("yM", "", "{y}-{M}"),
}


@dataclass(frozen=True, slots=True)
class DateParser:
    """A compiled date format."""

    regex: re.Pattern[str]
    shape: str

    def parse(self, text: str) -> str | None:
        """Return the lexical form of XML Schema, None if `text` is not written in this format.

        Whether there is such a day in the calendar is for the datatype to say.
        """
        match = self.regex.fullmatch(text)
        if not match:
            return None
        found = match.groupdict()
        month = found.get("M") or _month_number(found.get("b"))
        seconds = (found.get("s") or "").zfill(2) + (f".{found['S']}" if found.get("S") else "")
        written = self.shape.format(
            y=found.get("y"),
            M=month.zfill(2),
            d=(found.get("d") or "").zfill(2),
            H=(found.get("H") or "").zfill(2),
            m=(found.get("m") or "").zfill(2),
            s=seconds,
        )
        return written + _zone(found.get("z"))


def _month_number(name: str | None) -> str:
    if not name:
        return ""
    return str(1 + next(i for i, month in enumerate(_MONTHS) if month.startswith(name)))


def _zone(zone: str | None) -> str:
    """Return a time zone as XML Schema writes it."""
    if not zone or zone == "Z":
        return zone or ""
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return "Z" if digits == "0000" else f"{zone[0]}{digits[:2]}:{digits[2:]}"


@lru_cache(256)
def compile_date_format(pattern: str, base: str) -> DateParser:
    """Compile a date format for the datatype `base`. Raises `FormatError`."""
    needed, allowed, shape = _SHAPES[base]
    regex, end = "", 0
    fields: list[str] = []
    for match in _TOKEN.finditer(pattern):
        if match.start() != end:
            break
        end = match.end()
        regex += _token(match[0], fields)
    extra = set(fields) - {*needed, *allowed, "z", "E"}
    if end != len(pattern) or extra or len(fields) != len(set(fields)) or not set(needed) <= set(fields):
        message = f"{pattern!r} is not a date format for {base} (UAX 35)"
        raise FormatError(message)
    return DateParser(re.compile(regex, re.ASCII), shape)


def _token(token: str, fields: list[str]) -> str:
    """Return the regular expression of one token, and add its field to `fields`."""
    if token[0] == "S":
        fields.append("S")
        return rf"(?P<S>\d{{1,{len(token)}}})"
    if token[0] in "'-/.:, T":
        return re.escape(token.strip("'") if len(token) > 1 else token)
    if token not in _FIELDS:
        message = f"{token!r} is not a date field we know (UAX 35)"
        raise FormatError(message)
    fields.append(token[0].replace("X", "z").replace("x", "z"))
    return _FIELDS[token]
