"""Say values in words: numbers, dates, periods and names, in the style of GOV.UK."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from endpoint.site import PERIOD
from ontology.terms import XSD

if TYPE_CHECKING:
    from pyoxigraph import Literal

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WHOLE: Final = frozenset(
    XSD.NAMESPACE + name
    for name in [
        "integer",
        "long",
        "int",
        "short",
        "byte",
        "nonNegativeInteger",
        "positiveInteger",
        "unsignedLong",
        "unsignedInt",
        "unsignedShort",
        "unsignedByte",
        "nonPositiveInteger",
        "negativeInteger",
    ]
)
NUMBERS: Final = _WHOLE | {XSD.decimal.value, XSD.double.value, f"{XSD.NAMESPACE}float"}
_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_MONTH: Final = re.compile(r"(\d{4})-(\d\d)")
_QUARTER: Final = re.compile(r"(\d{4})-Q([1-4])")
_YEARS: Final = re.compile(r"(\d{4})-(\d{4})")
_FILE: Final = re.compile(r"[\w-]+(\.[\w-]+)+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_number(literal: Literal) -> bool:
    """Tell whether a literal is a number, to be set flush right."""
    return literal.datatype.value in NUMBERS


def literal_text(literal: Literal) -> str:
    """Give a literal as people write it; as it stands, if its type says nothing."""
    kind = literal.datatype.value
    if kind in NUMBERS:
        return number_text(literal.value)
    if kind == XSD.boolean.value:
        return {"true": "Yes", "1": "Yes", "false": "No", "0": "No"}.get(literal.value, literal.value)
    if kind == XSD.dateTime.value:
        return time_text(literal.value)
    if kind.removeprefix(XSD.NAMESPACE) in {"date", "gYearMonth", "gYear"}:
        return date_text(literal.value)
    return literal.value


def number_text(value: str) -> str:
    """Put a comma between thousands: `12345.50` is `12,345.50`. What is no number stays as it is."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if not number.is_finite() or "e" in value.lower():
        return value
    return f"{number:,}"


def date_text(value: str) -> str:
    """Give a day, month or year: `19 April 2010`, `April 2010`, `2010`. What is none of these stays as it is."""
    if match := _DAY.fullmatch(value):
        try:
            day = date(*map(int, match.groups()))
        except ValueError:
            return value
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    if (match := _MONTH.fullmatch(value)) and 1 <= int(match[2]) <= 12:
        return f"{MONTHS[int(match[2]) - 1]} {match[1]}"
    return value


def days_text(text: str) -> str:
    """Write the days in a text in words: `1 May 2025 to 31 May 2025` of `2025-05-01 to 2025-05-31`."""
    return _DAY.sub(lambda match: date_text(match[0]), text)


def time_text(value: str) -> str:
    """Give a moment: `15 July 2025 at 9:30am`."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    hour, half = moment.hour % 12 or 12, "am" if moment.hour < 12 else "pm"
    return f"{date_text(moment.date().isoformat())} at {hour}:{moment.minute:02}{half}"


def period_text(value: str) -> str:
    """Give the name of a period by the last part of its address: `2025-05`, `2025-Q1`, `2024-2025`."""
    if match := _QUARTER.fullmatch(value):
        first = 3 * int(match[2]) - 3
        return f"{MONTHS[first]} to {MONTHS[first + 2]} {match[1]}"
    if match := _YEARS.fullmatch(value):
        return f"{match[1]} to {match[2]}"
    return date_text(value)


def local_name(iri: str) -> str:
    """Make a name of an IRI that has none: its last part, in words."""
    if iri.startswith(PERIOD):
        return period_text(iri.rstrip("/").rpartition("/")[2])
    trimmed = iri.rstrip("/#")
    last = unquote(trimmed.replace("#", "/").rpartition("/")[2]) or trimmed
    if "." in last and trimmed.startswith("http"):
        return last  # the name of a host or of a file
    words = _CAMEL.sub(" ", last.replace("_", " ").replace("-", " ")) if re.search("[a-z]", last) else last
    return words[:1].upper() + words[1:] if words.strip() else iri


def sentence(text: str) -> str:
    """Begin with a capital letter, as labels of vocabularies often do not; names of files stay as they are."""
    if _FILE.fullmatch(text):
        return text
    return text[:1].upper() + text[1:]


def first_sentence(text: str) -> str:
    """Give the first sentence of a description, for lists."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    match = re.match(r".{20,}?[.!?](?=\s|$)", paragraph)
    return match[0] if match else paragraph
