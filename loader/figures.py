"""Turn the columns of figures of a table nobody has described into observations of measures with units.

One column of figures is one measure, or several that another column names; several are melted, a row for each figure.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.components import (
    Known,
    add_label,
    choose_measure,
    choose_unit,
    follows,
    is_percentage,
    known_dimension,
    own_dimension,
)
from loader.drafting import UNIT_MEASURE, ColumnDraft, Draft, title_of
from loader.errors import Problem, ProblemsError
from loader.markers import KINDS, MEANINGS, PROPERTIES, STANDARD, TITLES, VALUES, explain, guess
from loader.recognise import best_match
from loader.sheet import BLANK, LINE, SHOWN, Kind, unused
from loader.uris import slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from loader.recognise import Match
    from loader.sheet import Profile, Sheet

WIDE: Final = 8
"""From so many columns of numbers on, their headers are taken for the codes of a dimension."""
_JOIN: Final = " – "


@dataclass(frozen=True, slots=True)
class Roles:
    """What each column of a table is for."""

    matches: Mapping[str, Match]
    """Columns whose values are of a known code list."""
    figures: Sequence[str]
    measure_names: Sequence[str]
    """Columns that name what the figure of each row measures."""
    unit_names: Sequence[str]
    texts: Sequence[str]
    """All others."""


@dataclass(frozen=True, slots=True)
class Work:
    """A table being made into a draft."""

    sheet: Sheet
    profiles: Mapping[str, Profile]
    roles: Roles
    known: Known
    draft: Draft

    def title(self, name: str) -> str:
        """Give the header of a column."""
        return self.sheet.titles[name]


def take_figures(work: Work, *, is_melted: bool) -> None:
    """Write numbers in canonical form, and leave out the rows that are blank; markers stay for `take_markers`."""
    draft = work.draft
    thing = "cell" if is_melted else "row"
    for name in work.roles.figures:
        look = work.profiles[name]
        if look.rewrites:
            draft.frame = draft.frame.with_columns(pl.col(name).replace(dict(look.rewrites)))
        if look.markers.get(BLANK):
            draft.left_out[f"{thing} with no figure: {BLANK}"] += look.markers[BLANK]
        rewritten = sum(look.values[value] for value in look.rewrites)
        note = f", {rewritten:,} rewritten without commas and signs" if rewritten else ""
        marked = sum(count for marker, count in look.markers.items() if marker != BLANK)
        note += f"; {marked:,} markers in place of one" if marked else ""
        draft.found[name] = f"figures: {sum(look.values.values()):,} cells of type {look.kind}{note}"
    if not is_melted:
        draft.frame = draft.frame.filter(pl.col(work.roles.figures[0]).is_not_null())
    if draft.frame.is_empty():
        raise ProblemsError([Problem("TIDY-06", str(work.sheet.path), "no row has a figure")])


def take_markers(work: Work) -> None:
    """Move the markers from the column of figures to columns of codes, and say what they were taken for."""
    draft = work.draft
    met: Counter[str] = Counter()
    for look in (work.profiles[name] for name in work.roles.figures):
        for text, count in (*look.markers.items(), *look.marks.items()):
            for marker in re.findall(r"\[[^\]]*\]|.+", text) if text != BLANK else ():
                met[marker] += count
    if not met:
        return
    draft.markers = {marker: guess(marker) for marker in met}
    place = next(i for i, column in enumerate(draft.columns) if "/def/measure/" in (column.property_url or ""))
    figure = draft.columns[place]
    names = {kind: unused(kind, frozenset(draft.frame.columns)) for kind in KINDS}
    draft.frame = explain(draft.frame, figure.name, draft.markers, names)
    _refuse_contradictions(work, figure.name)
    draft.columns[place] = replace(figure, is_required=not draft.frame[figure.name].null_count())
    for kind, name in names.items():
        if draft.frame[name].null_count() == draft.frame.height:
            draft.frame = draft.frame.drop(name)
            continue
        title = unused(TITLES[kind], frozenset(column.title for column in draft.columns), " ")
        value_url = VALUES[kind].replace(f"{{{kind}}}", f"{{{name}}}")
        beside = figure.beside or figure.name
        draft.columns.append(ColumnDraft(name, title, PROPERTIES[kind], value_url, is_required=False, beside=beside))
        draft.found[name] = f"what markers say: {draft.frame[name].count():,} cells"
    draft.decisions += _taken_for(met, draft.markers)


def _refuse_contradictions(work: Work, figure: str) -> None:
    """Refuse cells whose marker says that there is no figure beside one, and those whose markers need one column."""
    frame = work.draft.frame.filter(
        pl.col(figure).is_not_null() & pl.col(figure).cast(pl.Float64, strict=False).is_null()
    )
    message = "marker and cell, or two markers, say different things of one figure"
    hint = "correct the cell: a figure that is withheld or not available cannot be there"
    problems = [Problem("MARK-04", f"{work.sheet.path}:{line}", message, hint) for line in frame[LINE].head(SHOWN)]
    if problems:
        raise ProblemsError(problems)


def _taken_for(met: Mapping[str, int], markers: Mapping[str, str]) -> Iterator[str]:
    for marker, count in met.items():
        if marker not in STANDARD:
            label = MEANINGS[markers[marker]].label
            cells = f"{count:,} {'cell' if count == 1 else 'cells'}"
            taken = f"'{marker}', in {cells}, was taken for '{label}' ([{markers[marker]}])"
            yield f"{taken}: correct [policy] markers and the codes in the table if it means something else."


def name_measures(work: Work) -> list[str]:
    """Give the columns that name the measure of a row, without those that follow from another."""
    frame = work.draft.frame
    ranked = sorted(work.roles.measure_names, key=lambda name: -_weight(frame[name]))
    kept: list[str] = []
    for name in ranked:
        if kept and follows(frame, name, kept[0]):
            add_label(work.draft, name, work.title(name), f"follows from '{kept[0]}'; kept for readers")
        else:
            kept.append(name)
            add_label(work.draft, name, work.title(name), f"names of measures: {frame[name].n_unique():,}")
    return kept


def _weight(column: pl.Series) -> float:
    """Weigh how much a column says of a measure: by different texts, then by their length."""
    texts = column.drop_nulls().unique().to_list()
    return len(texts) + sum(map(len, texts)) / 1000 / (len(texts) or 1)


def take_single(work: Work, label: str) -> None:
    """Take one column of figures of one measure."""
    name = work.roles.figures[0]
    look = work.profiles[name]
    draft = work.draft
    draft.measure = choose_measure(draft, work.known, label, look.kind.value, is_only=True)
    measured = label if slug(label) == draft.measure else title_of(draft.measure)
    _take_units(work, {None: measured}, None)
    draft.columns.append(
        ColumnDraft(name, work.title(name), f"../../def/measure/{draft.measure}", datatype=look.kind.value)
    )
    draft.summary = measured


def take_long(work: Work, names: Sequence[str]) -> None:
    """Take a column of figures whose measures are named in other columns."""
    draft = work.draft
    label = unused("measure_label", frozenset(draft.frame.columns))
    draft.frame = draft.frame.with_columns(pl.concat_str(names, separator=_JOIN, ignore_nulls=True).alias(label))
    labels: list[str] = draft.frame[label].unique(maintain_order=True).to_list()
    if len(labels) == 1:
        take_single(work, labels[0])
        return
    figure = work.roles.figures[0]
    kind = work.profiles[figure].kind.value
    slugs = {text: choose_measure(draft, work.known, text, kind, is_only=False) for text in labels}
    _add_measure_column(draft, pl.col(label).replace_strict(slugs), figure)
    _take_units(work, {text: text for text in labels}, label)
    assert draft.measure_column is not None, "it was just added"
    property_url = f"../../def/measure/{{{draft.measure_column}}}"
    draft.columns.append(ColumnDraft(figure, work.title(figure), property_url, datatype=kind))
    draft.summary = ", ".join(labels)


def _add_measure_column(draft: Draft, slugs: pl.Expr, figure: str = "") -> None:
    name = unused("measure_code" if "measure" in draft.frame.columns else "measure", frozenset(draft.frame.columns))
    title = unused("Measure", frozenset(column.title for column in draft.columns), " ")
    draft.frame = draft.frame.with_columns(slugs.alias(name))
    draft.columns.append(ColumnDraft(name, title, "qb:measureType", f"../../def/measure/{{{name}}}", beside=figure))
    draft.measure_column = name


def _take_units(work: Work, labels: Mapping[str | None, str], column: str | None) -> None:
    """Find the unit of each measure; a column of units is added if they differ."""
    draft = work.draft
    said = work.roles.unit_names[0] if work.roles.unit_names else None
    for name in work.roles.unit_names:
        add_label(draft, name, work.title(name), "names of units; kept for readers")
    pairs = draft.frame.select(
        (pl.col(column) if column else pl.lit(None, pl.String)).alias("measure"),
        (pl.col(said) if said else pl.lit(None, pl.String)).alias("unit"),
    )
    units = {pair: _unit(work, labels[pair[0]], pair[1]) for pair in pairs.unique(maintain_order=True).iter_rows()}
    draft.unit = next(iter(units.values()))
    if len(set(units.values())) == 1:
        return
    keyed = {f"{measure or ''}\x1f{unit or ''}": code for (measure, unit), code in units.items()}
    key = pl.concat_str(
        pl.col(column).fill_null("") if column else pl.lit(""),
        pl.col(said).fill_null("") if said else pl.lit(""),
        separator="\x1f",
    )
    _add_unit_column(draft, key.replace_strict(keyed), work.roles.figures[0])


def _add_unit_column(draft: Draft, codes: pl.Expr, figure: str = "") -> None:
    name = unused("unit_code", frozenset(draft.frame.columns))
    title = unused("Unit", frozenset(column.title for column in draft.columns), " ")
    draft.frame = draft.frame.with_columns(codes.alias(name))
    draft.columns.append(ColumnDraft(name, title, UNIT_MEASURE, f"../../def/unit/{{{name}}}", beside=figure))
    draft.unit_column = name


def _unit(work: Work, measure: str, said: str | None) -> str:
    """Find the unit of a measure; a percentage of people is no number of people, whatever the unit column says."""
    figure = work.profiles[work.roles.figures[0]] if len(work.roles.figures) == 1 else None
    if said is None:
        return choose_unit(work.draft, work.known, measure, figure)
    if is_percentage(measure) and not is_percentage(said):
        work.draft.decisions.append(f"the table gives '{measure}' in '{said}'; per cent is taken instead.")
        return choose_unit(work.draft, work.known, measure)
    return choose_unit(work.draft, work.known, said)


def melt(work: Work) -> None:
    """Make a row of each figure of a wide table: its header names a measure, or a code of a dimension."""
    draft, roles = work.draft, work.roles
    titles = {name: work.title(name) for name in roles.figures}
    match = best_match("", titles.values(), work.known.lists, is_number=False)
    if match is not None and match.unknown:
        match = None
    is_wide = match is not None or len(titles) >= WIDE
    used = frozenset(draft.frame.columns)
    header = unused((match.known.name.replace("-", "_") if match else "category") if is_wide else "figure", used)
    value = unused("value", used)
    kept = [name for name in draft.frame.columns if name not in titles]
    long = draft.frame.unpivot(list(titles), index=kept, variable_name=header, value_name=value)
    long = long.filter(pl.col(value).is_not_null()).sort(LINE, maintain_order=True)
    kind = (Kind.DECIMAL if Kind.DECIMAL in {work.profiles[name].kind for name in titles} else Kind.INTEGER).value
    if is_wide:
        draft.frame = long.with_columns(pl.col(header).replace_strict(titles))
        _melt_categories(work, match, header)
        draft.measure = choose_measure(draft, work.known, "value", kind, is_only=True)
        draft.unit = choose_unit(draft, work.known, title_of(draft.measure), work.profiles[roles.figures[0]])
        property_url = f"../../def/measure/{draft.measure}"
        draft.summary = title_of(draft.measure)
    else:
        draft.frame = long
        _melt_measures(work, titles, header, kind)
        property_url = f"../../def/measure/{{{draft.measure_column}}}"
        draft.summary = ", ".join(titles.values())
    title = unused("Value", frozenset(column.title for column in draft.columns), " ")
    draft.columns.append(ColumnDraft(value, title, property_url, datatype=kind))


def _melt_categories(work: Work, match: Match | None, header: str) -> None:
    draft = work.draft
    figures = work.roles.figures
    for name in figures:
        draft.found.pop(name)
    shown = f"{work.title(figures[0])} … {work.title(figures[-1])}"
    rename = " (rename it)" if match is None else ""
    draft.decisions.insert(
        0,
        f"the table looks wide: {len(figures)} columns of numbers ({shown}). Each of their cells became a row, and the "
        f"headers became the dimension '{header}'{rename}. See whether a total is among them.",
    )
    if match is not None:
        known_dimension(draft, work.known, header, title_of(header), match)
    else:
        own_dimension(draft, work.known, header, title_of(header))
    draft.found[header] = f"the headers of {len(figures)} columns ({shown}); {draft.found.pop(header)}"


def _melt_measures(work: Work, titles: Mapping[str, str], header: str, kind: str) -> None:
    draft = work.draft
    slugs = {name: choose_measure(draft, work.known, label, kind, is_only=False) for name, label in titles.items()}
    units = {name: choose_unit(draft, work.known, label, work.profiles[name]) for name, label in titles.items()}
    for name, measure in slugs.items():
        draft.found[name] += f"; its header names the measure {measure}"
    _add_measure_column(draft, pl.col(header).replace_strict(slugs))
    draft.unit = next(iter(units.values()))
    if len(set(units.values())) > 1:
        _add_unit_column(draft, pl.col(header).replace_strict(units))
    draft.decisions.insert(
        0,
        f"{len(titles)} columns of numbers became {len(titles)} measures, a row for each. If they are groups of one "
        "count (men, women), give the table one column that names the group and one of figures, and start again.",
    )
