"""Recognise the codes and labels of known code lists in the values of a column.

Values decide, headers only break ties. A column is taken for a list when every value is a code or label of it; when
nearly every one is, the others are named, because they are more likely a slip than another list.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import polars as pl

from loader.areas import LOCAL_AUTHORITIES, REGIONS_AND_COUNTRIES, UPPER_TIER, AreaNames, UnknownAreaError
from loader.csvw.iri import resolve
from loader.csvw.json_ld import expand_if_prefixed
from loader.csvw.uri_template import TemplateError, parse_template
from loader.errors import ProblemsError
from loader.labels import normalised
from loader.mapping import CODES, find_folders, read_mapping
from loader.sheet import AREAS, PERIODS, words
from loader.structure import expand
from ontology.terms import SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Dictionary
    from pathlib import Path

    from loader.csvw.metadata import Table
    from loader.mapping import Mapping, TableMapping
    from loader.uris import Uris

AREA: Final = "area"
PERIOD: Final = "period"
NEARLY: Final = 0.8
"""Share of a column's values that must be of a list for the others to be taken for slips."""
AT_LEAST: Final = 3
_DATASET_ROOT: Final = "../../"
_AREA_CODE: Final = re.compile(r"[EJKLMNSW][0-9]{8}")
_AREA_TYPES: Final = (
    LOCAL_AUTHORITIES,
    LOCAL_AUTHORITIES | REGIONS_AND_COUNTRIES,
    REGIONS_AND_COUNTRIES,
    UPPER_TIER,
    UPPER_TIER | REGIONS_AND_COUNTRIES,
    frozenset({"constituency-2024"}),
    frozenset({"constituency-2010"}),
)
_VARIABLE: Final = re.compile(r"\{(\+?)([A-Za-z0-9_]+)\}")
_MONTHS: Final = {
    text: f"{number:02}"
    for number, name in enumerate(
        (
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ),
        1,
    )
    for text in (name, name[:3], name[:4] if name == "september" else name)
}


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a known list."""

    notation: str
    template: str
    """Address for a column of a dataset that holds the notation; the variable is called `notation`."""
    schemes: frozenset[str]
    """Lists the code is in, by IRI."""
    end: str
    """Last day of a period; empty for other codes."""


@dataclass(slots=True)
class KnownList:
    """A code list of the project, or of the mappings at hand."""

    name: str
    title: str
    scheme: str
    pattern: str | None = None
    """Regular expression its codes fit."""
    codes: dict[str, Code] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    """Codes that have a label, by the label without differences that mean nothing."""


@dataclass(frozen=True, slots=True)
class Match:
    """A column's values, found in a list."""

    known: KnownList
    codes: Dictionary[str, str]
    """Notation of each value that was found."""
    others: tuple[str, ...]
    """Codes of areas of a kind that the list does not have: wards, for instance."""
    unknown: tuple[str, ...]
    """Values that are nothing of the kind."""

    @property
    def is_codes(self) -> bool:
        """True if the values are the codes themselves."""
        return all(value == notation for value, notation in self.codes.items())

    @property
    def total(self) -> int:
        """Number of different values."""
        return len(self.codes) + len(self.others) + len(self.unknown)

    @property
    def score(self) -> tuple[int, float]:
        """How well the list fits: no unknown value first, then how much of the list is used."""
        return (-len(self.unknown), len(self.codes) / (len(self.known.codes) or 1))


def read_known(mappings: Path | None, uris: Uris) -> tuple[list[KnownList], list[str]]:
    """Read every code list; give them, and the names of those that have problems."""
    known: list[KnownList] = []
    unreadable: list[str] = []
    for name, folder in find_folders(mappings).items():
        if not name.startswith(f"{CODES}/"):
            continue
        try:
            known.append(_read_list(read_mapping(name, folder, uris), uris))
        except (ProblemsError, OSError, pl.exceptions.PolarsError, TemplateError):
            unreadable.append(name.removeprefix(f"{CODES}/"))
    return [entry for entry in known if entry.codes], unreadable


def _read_list(mapping: Mapping, uris: Uris) -> KnownList:
    found = KnownList(mapping.name, mapping.description.title, uris.scheme(mapping.name).value)
    by_address: dict[str, Code] = {}
    labels: list[tuple[str, str]] = []
    for table in mapping.tables:
        for row in _rows(table):
            address = expand(parse_template(table.table.inherited.about_url or ""), row, table.table)
            labels += [
                (normalised(label), address) for label in _values(table.table, row, SKOS.prefLabel, SKOS.altLabel)
            ]
            for notation in _values(table.table, row, SKOS.notation):
                template = _relative(table.table, row, uris)
                schemes = frozenset(_values(table.table, row, SKOS.inScheme))
                by_address[address] = Code(notation, template, schemes | {found.scheme}, row.get("end") or "")
        found.pattern = found.pattern if table is not mapping.main else _pattern(table.table)
    found.codes = {code.notation: code for code in by_address.values()}
    for label, address in labels:
        if address in by_address:
            found.labels.setdefault(label, set()).add(by_address[address].notation)
    return found


def _rows(table: TableMapping) -> Iterator[dict[str, str]]:
    """Yield the cells that are not blank, by column name; nothing for a table whose rows have no address."""
    if table.table.inherited.about_url is None or not table.csv.is_file():
        return
    names = [column.name for column in table.table.columns if not column.virtual]
    for row in pl.read_csv(table.csv, new_columns=names, infer_schema=False).iter_rows(named=True):
        yield {name: text for name, text in row.items() if text is not None}


def _values(table: Table, row: Dictionary[str, str], *properties: object) -> Iterator[str]:
    """Yield what a row says with some properties: texts, or addresses where the column has a valueUrl."""
    wanted = {getattr(term, "value", "") for term in properties}
    for column in table.columns:
        if column.property_url is None or expand_if_prefixed(column.property_url) not in wanted:
            continue
        if column.value_url is not None and (column.virtual or column.name in row):
            yield expand(parse_template(column.value_url), row, table)
        elif column.name in row and column.value_url is None:
            yield row[column.name]


def _relative(table: Table, row: Dictionary[str, str], uris: Uris) -> str:
    """Give the address template of a code as a dataset's mapping writes it: only the notation is left variable."""
    notation = next(column.name for column in table.columns if _is_notation(column.property_url))

    def fill(match: re.Match[str]) -> str:
        sign, name = match.groups()
        if name == notation:
            return f"{{{sign}notation}}"
        return quote(row.get(name, ""), safe="~:/?#[]@!$&'()*+,;=" if sign else "~")

    absolute = resolve(table.url, _VARIABLE.sub(fill, expand_if_prefixed(table.inherited.about_url or "")))
    return absolute.replace(uris.root, _DATASET_ROOT, 1) if absolute.startswith(uris.root) else absolute


def _is_notation(property_url: str | None) -> bool:
    return property_url is not None and expand_if_prefixed(property_url) == SKOS.notation.value


def _pattern(table: Table) -> str | None:
    column = next((column for column in table.columns if _is_notation(column.property_url)), None)
    return column.datatype.format if column and isinstance(column.datatype.format, str) else None


def common_words(known: KnownList) -> frozenset[str]:
    """Give the words that headers of columns with codes of a list have, whatever the dimension."""
    return words(known.name) | {AREA: AREAS, PERIOD: PERIODS}.get(known.name, frozenset())


def best_match(title: str, values: Iterable[str], lists: Iterable[KnownList], *, is_number: bool) -> Match | None:
    """Find the list that a column's values are codes or labels of.

    Numbers are only taken for codes if the header says so: any figure could be the code of something. So are values
    of one kind only that are no codes: 'Total' or 'All' is a label of many lists.
    """
    texts = list(values)
    found: list[tuple[bool, Match]] = []
    for known in lists:
        is_named = bool(words(title) & common_words(known))
        if is_number and not is_named:
            continue
        match = _match(texts, known, is_named=is_named)
        if match is not None and (is_named or match.is_codes or len(match.codes) > 1):
            found.append((is_named, match))
    ranked = sorted(found, key=lambda pair: (pair[1].score[0] == 0, pair[0], pair[1].score), reverse=True)
    return ranked[0][1] if ranked else None


def _match(values: list[str], known: KnownList, *, is_named: bool) -> Match | None:
    if known.name == PERIOD:
        plain = (value for value in values if is_named or not value.isdigit())
        codes = {**found_in(known, plain), **_periods(values, known, is_year=is_named)}
    else:
        codes = found_in(known, values)
    rest = [value for value in values if value not in codes]
    others: tuple[str, ...] = ()
    if known.name == AREA:
        others = _other_areas(rest, known)
        codes |= _areas([value for value in values if value not in others and value not in known.codes], known)
    unknown = tuple(value for value in values if value not in codes and value not in others)
    matched = len(codes) + len(others)
    if not matched or (unknown and (matched < AT_LEAST or matched < NEARLY * len(values))):
        return None
    return Match(known, codes, others, unknown)


def found_in(known: KnownList, values: Iterable[str]) -> dict[str, str]:
    """Give the code of each value that is a code of a list, or a label of exactly one."""
    found: dict[str, str] = {}
    for value in values:
        codes = {value} if value in known.codes else known.labels.get(normalised(value), set())
        if len(codes) == 1:
            found[value] = next(iter(codes))
    return found


def _other_areas(values: Iterable[str], known: KnownList) -> tuple[str, ...]:
    """Give the codes of areas whose kind, the first three characters, the list does not have at all."""
    kinds = {notation[:3] for notation in known.codes}
    return tuple(value for value in values if _AREA_CODE.fullmatch(value) and value[:3] not in kinds)


def _areas(values: list[str], known: KnownList) -> dict[str, str]:
    """Resolve names of areas, all as areas of the kinds that most of them are of."""
    likely = [value for value in values if normalised(value) in known.labels]
    if len(likely) < len(values) / 2:
        return {}
    counts = [len(_resolved(likely[:50], types, known)) for types in _AREA_TYPES]
    return _resolved(values, _AREA_TYPES[counts.index(max(counts))], known)


def _resolved(values: Iterable[str], types: frozenset[str], known: KnownList) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        try:
            found[value] = AreaNames.shipped().resolve(value, types=types)
        except UnknownAreaError:
            continue
    return {value: code for value, code in found.items() if code in known.codes}


def _periods(values: list[str], known: KnownList, *, is_year: bool) -> dict[str, str]:
    """Read periods as they are commonly written.

    '2011-12' is a month, unless it is one of several that are all financial years so written.
    """
    short = [value for value in values if re.fullmatch(r"\d{4}-\d{2}", value)]
    are_years = len(short) > 1 and all(int(value[5:]) == (int(value[:4]) + 1) % 100 for value in short)
    read = {value: period_of(value, short_years=are_years, bare=is_year) for value in values}
    return {value: notation for value, notation in read.items() if notation in known.codes}


def period_of(text: str, *, short_years: bool = False, bare: bool = False) -> str:
    """Give the code of a period; empty if the text is none. `bare` numbers, as 2014 or 201405, count as well."""
    plain = " ".join(text.casefold().replace("–", "-").split())
    if short_years and re.fullmatch(r"\d{4}-\d{2}", plain):
        return _financial_year(plain)
    readers = (_year if bare or not plain.isdigit() else _nothing, _month, _quarter, _financial_year)
    return next((found for read in readers if (found := read(plain))), "")


def _nothing(_text: str) -> str:
    return ""


def _year(text: str) -> str:
    return text if re.fullmatch(r"(19|20)\d{2}", text) else ""


def _month(text: str) -> str:
    if match := re.fullmatch(r"((?:19|20)\d{2})-?(0[1-9]|1[0-2])", text):
        return f"{match[1]}-{match[2]}"
    if match := re.fullmatch(r"([a-z]+)[ -]?(\d{4}|\d{2})", text):
        year = match[2] if len(match[2]) > 2 else f"20{match[2]}"
        return f"{year}-{_MONTHS[match[1]]}" if match[1] in _MONTHS else ""
    return ""


def _quarter(text: str) -> str:
    if match := re.fullmatch(r"(\d{4})[ -]?q([1-4])", text):
        return f"{match[1]}-Q{match[2]}"
    match = re.fullmatch(r"q(?:uarter )?([1-4])[ -/](\d{4})", text)
    return f"{match[2]}-Q{match[1]}" if match else ""


def _financial_year(text: str) -> str:
    match = re.fullmatch(r"(?:fye? ?)?(\d{4}) ?(?:/|-| to ) ?(\d{4}|\d{2})", text)
    if match is None or int(match[2]) % 100 != (int(match[1]) + 1) % 100:
        return ""
    return f"{match[1]}-{int(match[1]) + 1}"


def address_template(match: Match, name: str) -> str | None:
    """Give the valueUrl for a column of that name; None if the values' addresses are not all made the same way."""
    templates = {_template(match, notation) for notation in (*match.codes.values(), *match.others)}
    if len(templates) != 1:
        return None
    template = templates.pop()
    if all(quote(notation, safe="~") == notation for notation in match.codes.values()):
        template = template.replace("{+notation}", "{notation}")
    return template.replace("notation}", f"{name}}}")


def address(match: Match, value: str) -> str:
    """Give the address of one value as a dataset's mapping would write it."""
    notation = match.codes.get(value, value)
    template = _template(match, notation)
    return template.replace("{+notation}", notation).replace("{notation}", quote(notation, safe="~"))


def _template(match: Match, notation: str) -> str:
    """Give the template of a code's address; codes that the list lacks have addresses like most of it."""
    if notation in match.known.codes:
        return match.known.codes[notation].template
    return Counter(code.template for code in match.known.codes.values()).most_common(1)[0][0]
