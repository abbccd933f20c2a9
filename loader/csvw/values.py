"""The values of the built-in datatypes: lexical forms, canonical forms, order (XML Schema Datatypes 1.1)."""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Key: TypeAlias = "Decimal | float | tuple[Decimal, ...]"

_ZONE: Final = r"(?P<z>Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?"
_YEAR: Final = r"(?P<y>-?(?:[1-9]\d{3,8}|0\d{3}))"
_MONTH: Final = r"(?P<M>0[1-9]|1[0-2])"
_DAY: Final = r"(?P<d>0[1-9]|[12]\d|3[01])"
_TIME: Final = r"(?:(?P<H>[01]\d|2[0-3]):(?P<m>[0-5]\d):(?P<s>[0-5]\d(?:\.\d+)?)|(?P<midnight>24:00:00(?:\.0+)?))"
_NAME_START: Final = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME: Final = _NAME_START + r"\-.0-9\xb7\u0300-\u036f\u203f-\u2040"
_SECONDS: Final = r"(?:T(?=\d)(?:(?P<H>\d{1,15})H)?(?:(?P<m>\d{1,15})M)?(?:(?P<s>\d{1,15}(?:\.\d+)?)S)?)?"

_INTEGER: Final = r"[+-]?\d+"
_DECIMAL: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_DOUBLE: Final = rf"{_DECIMAL}(?:[Ee][+-]?\d+)?|[+-]?INF|NaN"

INTEGER_RANGES: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "integer": (None, None),
    "long": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-(2**7), 2**7 - 1),
    "nonNegativeInteger": (0, None),
    "positiveInteger": (1, None),
    "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 2**8 - 1),
    "nonPositiveInteger": (None, 0),
    "negativeInteger": (None, -1),
}
DECIMALS: Final = frozenset({"decimal", *INTEGER_RANGES})
NUMBERS: Final = DECIMALS | {"double", "float"}
DATES: Final = frozenset(
    ["date", "dateTime", "dateTimeStamp", "time", "gDay", "gMonth", "gMonthDay", "gYear", "gYearMonth"]
)
DURATIONS: Final = frozenset({"duration", "dayTimeDuration", "yearMonthDuration"})
ORDERED: Final = NUMBERS | DATES | DURATIONS

_FORMS: Final[Mapping[str, str]] = {
    **dict.fromkeys(INTEGER_RANGES, _INTEGER),
    "decimal": _DECIMAL,
    "double": _DOUBLE,
    "float": _DOUBLE,
    "boolean": "true|false|1|0",
    "date": f"{_YEAR}-{_MONTH}-{_DAY}{_ZONE}",
    "time": f"{_TIME}{_ZONE}",
    "dateTime": f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}",
    "dateTimeStamp": f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE[:-1]}",
    "gDay": f"---{_DAY}{_ZONE}",
    "gMonth": f"--{_MONTH}{_ZONE}",
    "gMonthDay": f"--{_MONTH}-{_DAY}{_ZONE}",
    "gYear": f"{_YEAR}{_ZONE}",
    "gYearMonth": f"{_YEAR}-{_MONTH}{_ZONE}",
    "duration": r"-?P(?=\d|T)(?:(?P<y>\d{1,15})Y)?(?:(?P<M>\d{1,15})M)?(?:(?P<d>\d{1,15})D)?" + _SECONDS,
    "dayTimeDuration": r"-?P(?=\d|T)(?:(?P<d>\d{1,15})D)?" + _SECONDS,
    "yearMonthDuration": r"-?P(?=\d)(?:(?P<y>\d{1,15})Y)?(?:(?P<M>\d{1,15})M)?",
    "hexBinary": r"(?:[0-9A-Fa-f]{2})*",
    "base64Binary": r"(?:(?:[A-Za-z0-9+/] ?){4})*(?:(?:[A-Za-z0-9+/] ?){2}(?:[A-Za-z0-9+/] ?=|= ?=))?",
    "language": r"[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*",
    "Name": f"[:{_NAME_START}][:{_NAME}]*",
    "NMTOKEN": f"[:{_NAME}]+",
    "QName": f"(?:[{_NAME_START}][{_NAME}]*:)?[{_NAME_START}][{_NAME}]*",
}
_REGEXES: Final = {name: re.compile(form, re.ASCII) for name, form in _FORMS.items() if name not in ("Name", "QName")}
_REGEXES["Name"] = re.compile(_FORMS["Name"])
_REGEXES["QName"] = re.compile(_FORMS["QName"])
_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# A number with more digits than this is no statistic, and would take a machine's memory to compute with.
_MAX_DIGITS: Final = 10_000
# Longer texts are not kept for the next time they are met.
_FREQUENT_CHARS: Final = 100


def is_valid(text: str, base: str) -> bool:
    """Say whether `text` is in the lexical space of a built-in datatype."""
    regex = _REGEXES.get(base)
    if regex is None:
        return not has_forbidden_characters(text)
    match = regex.fullmatch(text)
    if not match:
        return False
    if base in INTEGER_RANGES:
        return base == "integer" or _is_in_range(text, base)
    return base not in DATES or _is_in_calendar(match)


def has_forbidden_characters(text: str) -> bool:
    """Say whether a text has characters that are none of XML, and so of no datatype (XML 1.0 §2.2)."""
    return _FORBIDDEN.search(text) is not None


def _is_in_range(text: str, base: str) -> bool:
    low, high = INTEGER_RANGES[base]
    if len(text) > _MAX_DIGITS:
        text = text[:1].strip("+0123456789") + text.lstrip("+-0")[:_MAX_DIGITS]
    number = Decimal(text)
    return (low is None or number >= low) and (high is None or number <= high)


def _is_in_calendar(match: re.Match[str]) -> bool:
    """Say whether a month has this many days, in this year if there is one."""
    found = match.groupdict()
    if not found.get("d") or not found.get("M"):
        return True
    day, month = int(found["d"]), int(found["M"])
    if day > _DAYS_IN_MONTH[month - 1]:
        return False
    return (month, day) != (2, 29) or "y" not in found or is_leap_year(found["y"])


def is_leap_year(year: str) -> bool:
    """Say whether a year, of any number of digits, has a 29 February (proleptic Gregorian, with a year 0)."""
    last = int(year[-4:].lstrip("-") or 0)
    return last % 4 == 0 and (last % 100 != 0 or last % 400 == 0)


# Canonical forms


def canonical(text: str, base: str) -> str:
    """Return the canonical form of a valid value (XML Schema 1.1 part 2, appendix E); templates use it."""
    convert = _CANONICAL.get(base)
    return convert(text) if convert else text


def canonical_integer(text: str) -> str:
    """Drop the plus sign and leading zeros."""
    digits = text.lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if text[0] == "-" and digits != "0" else digits


def canonical_decimal(text: str) -> str:
    """Drop the plus sign, leading zeros, and trailing zeros after the point."""
    integer, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    whole = canonical_integer(integer + ("0" if integer in ("", "+", "-") else ""))
    if not fraction:
        return whole
    sign = "-" if text[0] == "-" and whole[0] != "-" else ""
    return f"{sign}{whole}.{fraction}"


def canonical_double(text: str) -> str:
    """Return the shortest digits that give the same double, in scientific form."""
    number = float(text.replace("INF", "inf"))
    if number != number or number in (float("inf"), float("-inf")):
        return {"inf": "INF", "-inf": "-INF"}.get(repr(number), "NaN")
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    shown = text.rstrip("0") or "0"
    power = 0 if shown == "0" else exponent + len(text) - 1
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{power}"


def canonical_date(text: str) -> str:
    """Write a zone of no offset as Z, and no zeros after the seconds."""
    text = re.sub(r"[+-]00:00$", "Z", text)
    return re.sub(r"(:\d\d(?:\.\d*[1-9])?)\.?0*(?=$|Z|[+-]\d\d:\d\d$)", r"\1", text) if "." in text else text


_CANONICAL: Final[Mapping[str, Callable[[str], str]]] = {
    **dict.fromkeys(INTEGER_RANGES, canonical_integer),
    **dict.fromkeys(DATES, canonical_date),
    "decimal": canonical_decimal,
    "double": canonical_double,
    "float": canonical_double,
    "boolean": lambda text: {"1": "true", "0": "false"}.get(text, text),
    "hexBinary": str.upper,
    "base64Binary": lambda text: text.replace(" ", ""),
}


# Order and length


def order_key(text: str, base: str) -> Key:
    """Return what values of one datatype compare by. A date without a time zone counts as UTC."""
    return _frequent_key(text, base) if len(text) <= _FREQUENT_CHARS else _order_key(text, base)


@lru_cache(4096)
def _frequent_key(text: str, base: str) -> Key:
    return _order_key(text, base)


def _order_key(text: str, base: str) -> Key:
    if base in ("double", "float"):
        return float(text.replace("INF", "inf"))
    if base in NUMBERS:
        return Decimal(text)
    match = _REGEXES[base].fullmatch(text)
    assert match
    found = match.groupdict()
    return _duration_key(text, found) if base in DURATIONS else _instant(found)


def _instant(found: Mapping[str, str | None]) -> Decimal:
    """Return seconds from an arbitrary origin; missing fields count as those of 1972-12-31, a leap year's last."""
    year, month, day = int(found.get("y") or 1972), int(found.get("M") or 12), int(found.get("d") or 1)
    seconds = Decimal(24 * 3600 if found.get("midnight") else int(found.get("H") or 0) * 3600)
    seconds += int(found.get("m") or 0) * 60 + Decimal(found.get("s") or 0)
    zone = found.get("z") or "Z"
    if zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds += -offset if zone[0] == "+" else offset
    return Decimal(_days(year, month, day) * 86400) + seconds


def _days(year: int, month: int, day: int) -> int:
    """Return the number of a day (proleptic Gregorian), months beyond 12 running into later years."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    year, month = (year - 1, month + 12) if month <= 2 else (year, month)
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1


def _duration_key(text: str, found: Mapping[str, str | None]) -> tuple[Decimal, ...]:
    """Return where a duration leads from the four moments of XML Schema §3.3.6.2; all four decide the order."""
    months = int(found.get("y") or 0) * 12 + int(found.get("M") or 0)
    seconds = Decimal(int(found.get("d") or 0) * 86400 + int(found.get("H") or 0) * 3600)
    seconds += int(found.get("m") or 0) * 60 + Decimal(found.get("s") or 0)
    if text[0] == "-":
        months, seconds = -months, -seconds
    starts = ((1696, 9), (1697, 2), (1903, 3), (1903, 7))
    return tuple(_days(year, month + months, 1) * 86400 + seconds for year, month in starts)


def is_before(left: Key, right: Key, *, or_equal: bool) -> bool:
    """Compare two keys; durations must agree on all four moments."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return all(a < b or (or_equal and a == b) for a, b in zip(left, right, strict=True))
    assert not isinstance(left, tuple)
    assert not isinstance(right, tuple)
    return left < right or (or_equal and left == right)


def length(text: str, base: str) -> int:
    """Return the length of a value: bytes of a binary one, characters of any other (Tabular Data Model §4.6.1)."""
    if base == "hexBinary":
        return len(text) // 2
    if base == "base64Binary":
        try:
            return len(base64.b64decode(text))
        except (binascii.Error, ValueError):
            return 0
    return len(text)
