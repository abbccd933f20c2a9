"""Number formats (Tabular Data Model §6.4.2; the subset of UAX 35 number patterns it names)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

_PATTERN: Final = re.compile(
    r"(?P<prefix>[%‰]?[+-]?|[+-][%‰])(?P<integer>[#0G]*)(?:D(?P<fraction>[#0G]*))?"
    r"(?:E(?P<exponent_sign>\+?)(?P<exponent>#*0*))?(?P<suffix>[%‰]?)"
)
_DIVISORS: Final = {"%": 2, "‰": 3}


class FormatError(ValueError):
    """A format that is not valid, or not one we know."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How numbers are written: a UAX 35 pattern and the two characters it stands for."""

    pattern: str | None = None
    decimal_char: str = "."
    group_char: str | None = None


@dataclass(frozen=True, slots=True)
class NumberParser:
    """A compiled number format."""

    regex: re.Pattern[str]
    group_char: str
    min_integer_digits: int = 0
    min_fraction_digits: int = 0
    max_fraction_digits: int | None = None

    def parse(self, text: str) -> str | None:
        """Return the number in the lexical form of XML Schema, None if `text` is not written in this format."""
        match = self.regex.fullmatch(text)
        if not match:
            return None
        if match["special"]:
            return match["special"]
        integer = match["integer"].replace(self.group_char, "") if self.group_char else match["integer"]
        fraction = match["fraction"] or ""
        fraction = fraction.replace(self.group_char, "") if self.group_char else fraction
        if (not integer and not fraction) or not self._has_room_for(integer, fraction):
            return None
        sign = "-" if "-" in (match["sign"] or "") else ""
        number = f"{sign}{integer.lstrip('0') or '0'}" + (f".{fraction}" if fraction else "")
        if match["exponent"]:
            return f"{number}E{match['exponent'].lstrip('+')}"
        scale = (match["scale"] or "") + (match["scale_first"] or "")
        return _divide(number, _DIVISORS[scale]) if scale else number

    def _has_room_for(self, integer: str, fraction: str) -> bool:
        if self.max_fraction_digits is not None and len(fraction) > self.max_fraction_digits:
            return False
        return len(integer) >= self.min_integer_digits and len(fraction) >= self.min_fraction_digits


def _divide(number: str, power: int) -> str:
    """Divide a decimal by a power of ten, exactly."""
    sign, digits, exponent = Decimal(number).as_tuple()
    assert isinstance(exponent, int)
    return format(Decimal((sign, digits, exponent - power)), "f")


@lru_cache(256)
def compile_number_format(number_format: NumberFormat) -> NumberParser:
    """Compile a number format. Raises `FormatError`."""
    _check_characters(number_format)
    if number_format.pattern is not None:
        return _compile_pattern(number_format)
    group, decimal = number_format.group_char or "", re.escape(number_format.decimal_char)
    digits = rf"\d(?:(?:{re.escape(group)})?\d)*(?:{re.escape(group)})?" if group else r"\d+"
    regex = (
        rf"(?P<sign>[+-]?)(?P<scale_first>)(?P<integer>{digits})(?:{decimal}(?P<fraction>\d+))?"
        rf"(?:[Ee](?P<exponent>[+-]?\d+)|(?P<scale>[%‰])?)|(?P<special>NaN|-?INF)"
    )
    return NumberParser(re.compile(regex, re.ASCII), group)


def _check_characters(number_format: NumberFormat) -> None:
    """Refuse characters that a number has of itself, or that are the same: they would be read in many ways."""
    chars = (number_format.decimal_char, number_format.group_char or "")
    if any(re.search(r"[\dEe%‰+]", char) or char == "-" for char in chars) or chars[0] == chars[1]:
        message = f"decimalChar {chars[0][:20]!r} and groupChar {chars[1][:20]!r} cannot be told from the number"
        raise FormatError(message)


def _compile_pattern(number_format: NumberFormat) -> NumberParser:
    """Compile a UAX 35 pattern: prefix, integer digits, fraction digits, exponent, suffix."""
    group, decimal = number_format.group_char or ",", number_format.decimal_char
    match = _split_pattern(number_format.pattern or "", group, decimal)
    integer, fraction = match["integer"], match["fraction"] or ""
    regex = _prefix(match["prefix"]) + _integer(integer, re.escape(group)) + _fraction(fraction, group, decimal)
    regex += _exponent(match["exponent"], match["exponent_sign"]) + f"(?P<scale>{match['suffix']})"
    places = fraction.replace("G", "")
    return NumberParser(
        re.compile(rf"{regex}|(?P<special>(?!))", re.ASCII),
        group,
        integer.count("0"),
        places.count("0"),
        len(places),
    )


def _split_pattern(pattern: str, group: str, decimal: str) -> re.Match[str]:
    """Cut a pattern into its parts, the two characters written G and D. Raises `FormatError`."""
    match = None
    if group != decimal and not re.search("[DG]", pattern):
        match = _PATTERN.fullmatch(pattern.replace(group, "G").replace(decimal, "D"))
    if match:
        integer, fraction = match["integer"].replace("G", ""), (match["fraction"] or "").replace("G", "")
        is_scaled_twice = bool(set(match["prefix"]) & set("%‰")) and bool(match["suffix"])
        if (
            re.fullmatch("#*0*", integer)
            and re.fullmatch("0*#*", fraction)
            and integer + fraction
            and not is_scaled_twice
        ):
            return match
    message = f"{pattern!r} is not a number pattern (UAX 35)"
    raise FormatError(message)


def _prefix(prefix: str) -> str:
    """Match what stands before the digits; a sign in the pattern must be there, otherwise it may."""
    scale = "".join(c for c in prefix if c in "%‰")
    sign = "[+-]" if set(prefix) & set("+-") else "[+-]?"
    return f"(?P<scale_first>{scale})(?P<sign>{sign})"


def _integer(integer: str, group: str) -> str:
    """Match the digits before the decimal character, in groups if the pattern has them."""
    groups = [len(part) for part in integer.split("G")]
    if len(groups) == 1:
        return r"(?P<integer>\d*)"
    last = groups[-1]
    others = groups[-2] if len(groups) > 2 else last
    return rf"(?P<integer>\d{{1,{others}}}(?:{group}\d{{{others}}})*{group}\d{{{last}}}|\d{{0,{last}}})"


def _fraction(fraction: str, group: str, decimal: str) -> str:
    """Match the decimal character and the digits after it, in groups if the pattern has them."""
    if not fraction:
        return "(?P<fraction>)"
    size = len(fraction.split("G")[0])
    digits = rf"(?:\d{{{size}}}{re.escape(group)})*\d{{1,{size}}}" if "G" in fraction else r"\d+"
    return rf"(?:{re.escape(decimal)}(?P<fraction>{digits}))?"


def _exponent(exponent: str | None, sign: str | None) -> str:
    """Match an exponent with at least as many digits as the pattern has zeros."""
    if exponent is None:
        return "(?P<exponent>)"
    return rf"E(?P<exponent>{'[+-]' if sign else '-?'}\d{{{max(exponent.count('0'), 1)},}})"
