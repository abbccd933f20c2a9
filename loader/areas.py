"""Resolve the names of areas, as published tables spell them, to Office for National Statistics codes.

A name is matched exactly, after spelling differences that mean nothing are taken out (letter case, accents, '&',
'St.', hyphens, apostrophes, ', City of'), against the names and alternative names of the area code list. There is no
guessing: near matches are only ever suggested to the person who must fix the table.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from loader.errors import DwpldError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

LOCAL_AUTHORITIES: Final = frozenset({"local-authority"})
UPPER_TIER: Final = frozenset({"county", "local-authority"})
REGIONS_AND_COUNTRIES: Final = frozenset({"region", "country", "country-group"})

_SUFFIX: Final = re.compile(r"(?P<place>.+), (?P<rank>city|county|borough|district|royal borough) of", re.IGNORECASE)
_SUGGESTIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Area:
    """An area of the code list."""

    code: str
    name: str
    welsh_name: str
    types: frozenset[str]
    start: date | None
    """First day, where known."""
    end: date | None
    """Last day, where known."""
    is_live: bool

    def is_valid(self, on: date) -> bool:
        """Tell whether the area existed on a day, as far as its days are known."""
        return (self.start is None or self.start <= on) and (self.end is None or on <= self.end)


class UnknownAreaError(DwpldError):
    """A name that no area, or more than one, answers to. `message` and `hint` fit a `Problem`."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\n  fix: {hint}")


class AreaNames:
    """Finds areas by name."""

    def __init__(self, areas: Iterable[Area], alternative_names: Iterable[tuple[str, str]] = ()) -> None:
        """Index areas by their names, and by further (name, code) pairs."""
        self._by_code = {area.code: area for area in areas}
        self._by_name: defaultdict[str, list[Area]] = defaultdict(list)
        for area in self._by_code.values():
            for name in _names(area):
                self._add(name, area)
        for name, code in alternative_names:
            self._add(name, self._by_code[code])

    @classmethod
    def shipped(cls) -> AreaNames:
        """Give the names of the area code list that is part of this package; read once."""
        return _shipped()

    def resolve(self, name: str, *, types: Collection[str], on: date | None = None) -> str:
        """Give the code of the area of that name and of one of `types` (see `mappings/codes/area`).

        Of several, those that existed `on` that day are preferred, then those that exist now. Raises UnknownAreaError.
        """
        found = [area for area in self._by_name.get(_normalised(name), ()) if not area.types.isdisjoint(types)]
        if not found:
            raise self._unknown(name, types)
        for preferred in (_valid(found, on), [area for area in found if area.is_live]):
            found = [area for area in found if area in preferred] or found
        if len(found) > 1:
            choices = " or ".join(f"{area.code} ({area.name}, {'/'.join(sorted(area.types))})" for area in found)
            message = f"'{name}' can be more than one area"
            raise UnknownAreaError(message, f"say which is meant, by code or date: {choices}")
        return found[0].code

    def check_code(self, code: str, *, types: Collection[str]) -> str:
        """Give the code back if it is that of an area of one of `types`. Raises UnknownAreaError."""
        area = self._by_code.get(code)
        if area is None:
            message, hint = (
                f"'{code}' is the code of no known area",
                "correct the code, or add it to the area code list",
            )
            raise UnknownAreaError(message, hint)
        if area.types.isdisjoint(types):
            message = f"{code} ({area.name}) is a {' and '.join(sorted(area.types))}, not a {_either(types)}"
            raise UnknownAreaError(message, "check that the column holds the codes it should")
        return code

    def area(self, code: str) -> Area:
        """Give the area of a code; raises KeyError."""
        return self._by_code[code]

    def _add(self, name: str, area: Area) -> None:
        areas = self._by_name[_normalised(name)]
        if area not in areas:
            areas.append(area)

    def _unknown(self, name: str, types: Collection[str]) -> UnknownAreaError:
        message = f"no {_either(types)} is called '{name}'"
        others = {area.code: area for area in self._by_name.get(_normalised(name), ())}
        if others:
            which = " or ".join(f"{code} ({'/'.join(sorted(area.types))})" for code, area in others.items())
            return UnknownAreaError(message, f"the name is that of {which}; check what the column is of")
        near = list(self._near(name, types))
        add = "add the name to alternative-names.csv of the area code list"
        return UnknownAreaError(
            message, f"did you mean {' or '.join(near)}? If so, {add}" if near else f"if right, {add}"
        )

    def _near(self, name: str, types: Collection[str]) -> Iterator[str]:
        names = {key for key, areas in self._by_name.items() if any(not area.types.isdisjoint(types) for area in areas)}
        for key in difflib.get_close_matches(_normalised(name), sorted(names), n=_SUGGESTIONS):
            area = next(area for area in self._by_name[key] if not area.types.isdisjoint(types))
            yield f"'{area.name}' ({area.code})"


def _valid(areas: list[Area], on: date | None) -> list[Area]:
    return [area for area in areas if area.is_valid(on)] if on else []


def _either(types: Collection[str]) -> str:
    return " or ".join(sorted(types)).replace("-", " ")


def _normalised(name: str) -> str:
    """Take out differences of spelling that do not tell areas apart."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    plain = re.sub(r"['’‘`.]", "", plain).replace("&", " and ")
    plain = re.sub(r"\bsaint\b", "st", plain)
    return " ".join(re.sub(r"[,\-‐‑–_]", " ", plain).split())


def _names(area: Area) -> Iterator[str]:
    """Give each form in which an area's own name is published: English, Welsh, both, and with the rank turned round."""
    yield area.name
    if area.welsh_name:
        yield area.welsh_name
        yield f"{area.name} / {area.welsh_name}"
    if match := _SUFFIX.fullmatch(area.name):
        yield match["place"]
        yield f"{match['rank']} of {match['place']}"
    elif area.name.startswith("City of "):
        yield f"{area.name.removeprefix('City of ')}, City of"


@cache
def _shipped() -> AreaNames:
    folder = resources.files("mappings").joinpath("codes/area")
    rows = csv.DictReader(folder.joinpath("area.csv").read_text(encoding="utf-8").splitlines())
    others = csv.DictReader(folder.joinpath("alternative-names.csv").read_text(encoding="utf-8").splitlines())
    return AreaNames(map(_area, rows), [(row["Name"], row["Code"]) for row in others])


def _area(row: Mapping[str, str]) -> Area:
    return Area(
        code=row["Code"],
        name=row["Name"],
        welsh_name=row["Name in Welsh"],
        types=frozenset(filter(None, (row["Type"], row["Also of type"]))),
        start=_day(row["First day"]),
        end=_day(row["Last day"]),
        is_live=row["Status"] == "live",
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
