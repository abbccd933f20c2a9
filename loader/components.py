"""Choose dimensions, measures and units for a table nobody has described: declared ones first, else new ones.

New ones are declared in the folder's `components.ttl`. Every choice that is more than copying is noted for a person to
decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl
from pyoxigraph import Literal, NamedNode

from loader import drafting
from loader.drafting import CodesDraft, ColumnDraft, DatatypeJson
from loader.recognise import AREA, PERIOD, address, address_template, common_words, found_in
from loader.sheet import LINE, Kind, unused, words
from loader.uris import slug
from ontology.terms import SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loader.drafting import Draft
    from loader.recognise import KnownList, Match
    from loader.sheet import Profile
    from loader.uris import Uris
    from loader.vocabulary import Component, Vocabulary

SHOWN: Final = 5
GENERIC: Final = frozenset(
    {"amount", "count", "counts", "figure", "number", "obs-value", "percentage", "rate", "total", "value"}
)
"""Names that say nothing of what a figure measures."""
_PERCENT: Final = re.compile(r"%|\b(per cent|percent|percentages?|proportions?|rates?|share)\b", re.IGNORECASE)
_MONEY: Final = re.compile(r"£|\b(pounds?|gbp|amounts?|expenditure|spend|spending|costs?|payments?)\b", re.IGNORECASE)
_MILLIONS: Final = re.compile(r"£ ?m\b|\b(millions?|mn)\b", re.IGNORECASE)
_COUNTED: Final = {
    "household": r"households?|families",
    "claimant": r"claimants?|claims?|recipients?",
    "child": r"child|children",
    "person": r"people|persons?|adults?|men|women|residents?",
}
_PLURAL: Final = re.compile(r"[a-z]{3,}[^sui]s")
_PERIOD_TYPES: Final = {
    r"\d{4}-\d{2}": ("gYearMonth", "monthly"),
    r"\d{4}-Q[1-4]": ("[0-9]{4}-Q[1-4]", "quarterly"),
    r"\d{4}": ("gYear", "annual"),
    r"\d{4}-\d{4}": ("[0-9]{4}-[0-9]{4}", "annual"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is declared already: code lists, the vocabulary, and what other folders call theirs."""

    uris: Uris
    lists: tuple[KnownList, ...]
    vocabulary: Vocabulary
    taken: frozenset[str]
    """Addresses declared anywhere: in the vocabulary, or in another folder's components.ttl."""

    def is_free(self, path: str) -> bool:
        """Tell whether nothing has the address `path` yet."""
        return f"{self.uris.base}/{path}" not in self.taken

    def measures(self) -> list[Component]:
        """Give the declared measures of this site."""
        start = f"{self.uris.base}/def/measure/"
        declared = self.vocabulary.components.values()
        return [each for each in declared if each.kind == "measure" and each.property.value.startswith(start)]

    def units(self) -> dict[str, str]:
        """Give the label of each unit, by the last part of its address."""
        start = f"{self.uris.base}/def/unit/"
        return {
            subject.value.removeprefix(start): label.value
            for subject, predicate, label in self.vocabulary.triples
            if predicate == SKOS.prefLabel and isinstance(subject, NamedNode) and isinstance(label, Literal)
            if subject.value.startswith(start)
        }


def free_name(draft: Draft, known: Known, kind: str, name: str, also: str = "") -> str:
    """Take a name under /def/KIND/ (and /def/ALSO/) that nothing else has, made longer by the dataset's if need be."""
    kinds = [kind, also] if also else [kind]
    number = 1
    found = name
    while not all(known.is_free(f"def/{each}/{found}") and f"def/{each}/{found}" not in draft.names for each in kinds):
        found = f"{draft.dataset}-{name}" + (f"-{number}" if number > 1 else "")
        number += 1
    draft.names |= {f"def/{each}/{found}" for each in kinds}
    return found


def some(texts: Sequence[str]) -> str:
    """Name the first few of some texts."""
    shown = ", ".join(f"'{text}'" for text in texts[:SHOWN])
    return f"{shown} and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else shown


def add_label(draft: Draft, name: str, title: str, what: str) -> None:
    """Keep a column for people who read the table."""
    draft.columns.append(ColumnDraft(name, title, is_required=False))
    draft.found[name] = what


def follows(frame: pl.DataFrame, name: str, other: str) -> bool:
    """Tell whether rows with one value of `other` always have one value of `name`."""
    return frame.select(other, name).n_unique() == frame[other].n_unique()


def _code_column(draft: Draft, name: str, title: str) -> tuple[str, str]:
    """Name a column of codes to stand beside a column of labels."""
    stem = name.removesuffix("_name").removesuffix("_label")
    called = re.sub(r"\s+(name|label)$", "", title.replace("_", " "), flags=re.IGNORECASE)
    titles = {column.title for column in draft.columns} | {title}
    return unused(f"{stem}_code", frozenset(draft.frame.columns)), unused(f"{called} code", frozenset(titles), " ")


# Dimensions of known code lists


def known_dimension(draft: Draft, known: Known, name: str, title: str, match: Match) -> None:
    """Make a column, whose values are of a known code list, a dimension; a column of labels gets one of codes."""
    text = pl.col(name)
    column, called = name, title
    if not match.is_codes:
        column, called = _code_column(draft, name, title)
        codes = {**match.codes, **{value: value for value in match.others}}
        draft.frame = draft.frame.with_columns(text.replace_strict(codes, default=None).alias(column))
    template = address_template(match, column)
    if template is None:
        template = _address_column(draft, column, called, name, match)
    prop = _property(draft, known, name, match)
    draft.columns.append(ColumnDraft(column, called, prop, template, _datatype(match), beside=name))
    draft.key.append(column)
    draft.found[name] = _said(match)
    if column != name:
        draft.found[name] += f"; their codes are in the new column '{column}'"
        draft.columns.append(ColumnDraft(name, title))
    _note_unknown(draft, match, column, name)
    if match.known.name == PERIOD:
        _note_edition(draft, match)


def _said(match: Match) -> str:
    kind = "codes" if match.is_codes else "labels"
    text = f"{len(match.codes):,} of {match.total:,} values are {kind} of the list '{match.known.name}'"
    if match.others:
        areas = f"{len(match.others):,} of {match.total:,} values are codes of areas the list '{AREA}' does not have"
        text = f"{text}, {areas}" if match.codes else areas
    return f"{text}; not: {some(match.unknown)}" if match.unknown else text


def _note_unknown(draft: Draft, match: Match, column: str, name: str) -> None:
    if match.unknown:
        first = draft.frame.filter(pl.col(name).is_in(match.unknown)).group_by(name, maintain_order=True)
        lines = [str(line) for line in first.agg(pl.col(LINE).first())[LINE].head(SHOWN)]
        blank = "" if column == name else f" '{column}' is blank there."
        draft.decisions.append(
            f"{len(match.codes):,} of {match.total:,} values of '{name}' are of the list '{match.known.name}'; not: "
            f"{some(match.unknown)} (line {', '.join(lines)}).{blank} Correct them, leave their rows out, or add them "
            "to the list: the check refuses them."
        )


def _address_column(draft: Draft, column: str, title: str, source: str, match: Match) -> str:
    """Add the address of each code, where the addresses of one column's codes are made in different ways."""
    name = unused(f"{column}_address", frozenset(draft.frame.columns))
    values = [*match.codes, *match.others, *match.unknown]
    addresses = {value: address(match, value) for value in values}
    draft.frame = draft.frame.with_columns(pl.col(source).replace_strict(addresses, default=None).alias(name))
    draft.columns.append(ColumnDraft(name, f"{title} address", beside=source))
    return f"{{+{name}}}"


def _datatype(match: Match) -> DatatypeJson:
    if match.known.name == PERIOD:
        for pattern, (datatype, _) in _PERIOD_TYPES.items():
            if all(re.fullmatch(pattern, notation) for notation in match.codes.values()):
                is_base = datatype.startswith("g")
                return {"base": datatype} if is_base else {"base": "string", "format": datatype}
        return None
    pattern_of_list = match.known.pattern
    fits = pattern_of_list is not None and all(
        re.fullmatch(pattern_of_list, notation) for notation in (*match.codes.values(), *match.others, *match.unknown)
    )
    return {"base": "string", "format": pattern_of_list} if fits and pattern_of_list else None


def _note_edition(draft: Draft, match: Match) -> None:
    """Take the edition and frequency from the periods."""
    if draft.edition is not None:
        return
    latest = max(match.codes.values(), key=lambda notation: (match.known.codes[notation].end, len(notation)))
    draft.edition = match.known.codes[latest].end[:7] if "Q" in latest else latest
    for pattern, (_, frequency) in _PERIOD_TYPES.items():
        if all(re.fullmatch(pattern, notation) for notation in match.codes.values()):
            draft.frequency = frequency


def _property(draft: Draft, known: Known, name: str, match: Match) -> str:
    """Find the dimension of a code list, best by the header; declare one if there is none left."""
    schemes = (
        frozenset.intersection(*(match.known.codes[code].schemes for code in match.codes.values()))
        if (match.codes)
        else frozenset({match.known.scheme})
    )
    used = {column.property_url for column in draft.columns}
    candidates = [
        component
        for component in known.vocabulary.components.values()
        if component.kind == "dimension"
        and component.code_list is not None
        and component.code_list.value in schemes
        and _reference(known, component) not in used
    ]
    if not candidates:
        return _own_property(draft, known, name, match)
    common = common_words(match.known)
    wanted = words(name) - common

    def fit(component: Component) -> tuple[int, bool, bool]:
        local = component.property.value.rpartition("/")[2]
        is_whole = component.code_list is not None and component.code_list.value == match.known.scheme
        return len(wanted & (words(local) | words(component.label))), local == match.known.name, is_whole

    best = max(candidates, key=fit)
    if len(candidates) > 1:
        others = ", ".join(sorted(other.label for other in candidates if other is not best))
        draft.decisions.append(f"'{name}' is taken for the dimension {best.label}; {others} would fit its list too.")
    return _reference(known, best)


def _reference(known: Known, component: Component) -> str:
    """Write the address of a property as a dataset's mapping does."""
    iri = component.property.value
    return f"../../{iri.removeprefix(known.uris.root)}" if iri.startswith(known.uris.root) else iri


def _own_property(draft: Draft, known: Known, name: str, match: Match) -> str:
    local = free_name(draft, known, "dimension", slug(re.sub(r"_(code|name|label)$", "", name)))
    code_list = match.known.scheme.removeprefix(known.uris.root)
    label = drafting.title_of(local)
    draft.declarations.append(drafting.dimension(local, label, code_list=code_list))
    draft.decisions.append(
        f"no other dimension has the list '{match.known.name}': {local} for '{name}' is declared in components.ttl."
    )
    return f"../../def/dimension/{local}"


def describe_other_areas(draft: Draft, known: Known, match: Match, names: dict[str, str]) -> None:
    """Describe areas of kinds that the area code list does not have, in a table of the folder."""
    codes = sorted(match.others)
    template = "http://statistics.data.gov.uk/id/statistical-geography/{notation}"
    scheme = f"../../{match.known.scheme.removeprefix(known.uris.root)}"
    rows = [(code, names.get(code, code)) for code in codes]
    draft.companions.append(CodesDraft(f"{draft.dataset}-areas", template, scheme, rows))
    named = "with their names" if names else "without names, for the table has none"
    kinds = ", ".join(sorted({code[:3] for code in codes}))
    draft.decisions.append(
        f"the list '{AREA}' has no areas of the kind {kinds}: the {len(codes):,} of this table are described in "
        f"{draft.dataset}-areas.csv, {named}. If other datasets have them too, they belong in the list."
    )


# Dimensions of one's own


def own_dimension(draft: Draft, known: Known, name: str, title: str, labels: dict[str, str] | None = None) -> None:
    """Make a column of texts a dimension with a code list of its own in the folder.

    `labels` gives the label of each value if the values are codes themselves.
    """
    stem = slug(re.sub(r"_(code|name|label)$", "", name)) or slug(name)
    values = draft.frame[name].drop_nulls().unique(maintain_order=True).to_list()
    local = free_name(draft, known, "dimension", stem, "concept-scheme")
    table = local if local != draft.dataset else f"{local}-codes"
    label = drafting.title_of(stem)
    notations = _notations(values, is_code=bool(words(name) & {"code", "id"}))
    column, called = name, title
    if any(value != notation for value, notation in notations.items()):
        column, called = _code_column(draft, name, title)
        coded = pl.col(name).replace_strict(notations, default=None).alias(column)
        draft.frame = draft.frame.with_columns(coded)
    codes = [(notations[value], (labels or {}).get(value, value)) for value in values]
    template = f"../../def/concept/{local}/{{notation}}"
    draft.companions.append(CodesDraft(table, template, f"../../def/concept-scheme/{local}", codes))
    draft.declarations.append(drafting.scheme(local, label))
    draft.declarations.append(drafting.dimension(local, label, code_list=f"def/concept-scheme/{local}"))
    value_url = template.replace("{notation}", f"{{{column}}}")
    draft.columns.append(ColumnDraft(column, called, f"../../def/dimension/{local}", value_url, beside=name))
    if column != name:
        draft.columns.append(ColumnDraft(name, title))
    draft.key.append(column)
    _note_namesake(draft, known, stem, values)
    draft.found[name] = f"new dimension {local}: {len(values):,} values, of no known list; they are in {table}.csv"
    draft.decisions.append(
        f"'{name}' became the new dimension {local}, with {len(values):,} codes ({some(values)}): look at their "
        f"labels in {table}.csv, and say in components.ttl what it distinguishes."
    )


def _note_namesake(draft: Draft, known: Known, stem: str, values: Sequence[str]) -> None:
    """Say why a code list of the same name was not used."""
    for entry in known.lists:
        if entry.name == stem:
            found = found_in(entry, values)
            missing = [value for value in values if value not in found]
            draft.decisions.append(
                f"the list '{stem}' was not used, for it lacks {len(missing):,} of {len(values):,} values: "
                f"{some(missing)}. If they mean the same as codes it has, write its codes or labels, and start again."
            )


def _notations(values: Iterable[str], *, is_code: bool) -> dict[str, str]:
    """Give each value a notation that is safe in an address, and its own; codes keep their capitals."""
    safe = re.compile(r"[A-Za-z0-9._-]+" if is_code else r"[a-z0-9]+(-[a-z0-9]+)*")
    found: dict[str, str] = {}
    used: set[str] = set()
    for value in values:
        plain = value.replace("<", " under ").replace("+", " and over ").replace("%", " percent ").replace("£", " gbp ")
        notation = value if safe.fullmatch(value) else slug(plain) or "code"
        found[value] = unused(notation, frozenset(used), "-")
        used.add(found[value])
    return found


def plain_dimension(draft: Draft, known: Known, name: str, title: str, kind: Kind) -> None:
    """Make a column of dates, or of other values that need no codes, a dimension."""
    local = free_name(draft, known, "dimension", slug(name))
    value_type = f"xsd:{kind.value}"
    if kind == Kind.BOOLEAN:
        draft.frame = draft.frame.with_columns(pl.col(name).str.to_lowercase())
    draft.declarations.append(
        drafting.dimension(local, drafting.title_of(local), code_list=None, value_type=value_type)
    )
    draft.columns.append(ColumnDraft(name, title, f"../../def/dimension/{local}", datatype=kind.value))
    draft.key.append(name)
    draft.found[name] = f"new dimension {local}: values of {value_type}, needed to tell rows apart"
    draft.decisions.append(f"'{name}' became the new dimension {local}: say in components.ttl what it distinguishes.")


# Measures and units


def choose_measure(draft: Draft, known: Known, label: str, datatype: str, *, is_only: bool) -> str:
    """Give the local name of the measure for a label: a declared one of that name or label, or a new one.

    No two labels get the same name. `is_only` tells that the dataset has no other measure.
    """
    name = slug(label.replace("%", " percent ").replace("£", " pounds "))
    if name in GENERIC or not name:
        label = title(draft) if is_only and name not in ("percentage", "rate") else f"{title(draft)} {name}".strip()
        draft.decisions.append(f"nothing in the table says what is measured: the measure is called '{label}'.")
        name = slug(label)
    for component in known.measures():
        local = component.property.value.rpartition("/")[2]
        is_same = local == name or component.label.casefold() == label.casefold()
        if is_same and f"def/measure/{local}" not in draft.names:
            draft.names.add(f"def/measure/{local}")
            _note_range(draft, component, local, datatype)
            return local
    name = free_name(draft, known, "measure", name)
    draft.declarations.append(drafting.measure(name, label[:1].upper() + label[1:], datatype))
    draft.decisions.append(f"the measure {name} is new: say in components.ttl what it counts.")
    return name


def title(draft: Draft) -> str:
    """Give the dataset's title."""
    return drafting.title_of(draft.dataset)


def _note_range(draft: Draft, component: Component, local: str, datatype: str) -> None:
    ranged = component.range.value.rpartition("#")[2] if component.range else ""
    if ranged != datatype:
        draft.decisions.append(
            f"the declared measure {local} is of type {ranged or 'unknown'}, the figures are {datatype}: "
            "is it the same measure?"
        )


def choose_unit(draft: Draft, known: Known, label: str, profile: Profile | None = None) -> str:
    """Give the local name of the unit that a label, or the signs beside the figures, speak of."""
    units = known.units()
    symbols = profile.symbols if profile else ""
    guess = _guess_unit(f"{label} {symbols}".replace("_", " "))
    if guess is None:
        wanted = words(label)
        guess = next((unit for unit, called in units.items() if words(unit) | words(called) <= wanted), None)
    if guess is None:
        guess = next((word[:-1] for word in slug(label).split("-") if _PLURAL.fullmatch(word)), "number")
    note = f"the unit of '{label}' is taken to be {guess}"
    if guess not in units:
        declaration = drafting.unit(guess, "Per cent" if guess == "percent" else drafting.title_of(guess))
        if declaration not in draft.declarations:
            draft.declarations.append(declaration)
        note += ", which is new and declared in components.ttl"
    if f"{note}." not in draft.decisions:
        draft.decisions.append(f"{note}.")
    return guess


def is_percentage(text: str) -> bool:
    """Tell whether a label speaks of a percentage."""
    return _PERCENT.search(text) is not None


def _guess_unit(text: str) -> str | None:
    if is_percentage(text):
        return "percent"
    if _MONEY.search(text):
        return "million-pounds-sterling" if _MILLIONS.search(text) else "pound-sterling"
    found = {
        unit: match.start()
        for unit, pattern in _COUNTED.items()
        if (match := re.search(rf"\b({pattern})\b", text, re.IGNORECASE))
    }
    return min(found, key=found.__getitem__) if found else None
