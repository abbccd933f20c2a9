"""Scaffold a mapping folder from a table: look at every cell, choose, write a draft, and say what a person must decide.

    sheet        the table as it is in its file
    recognise    which columns hold codes or labels of known code lists
    figures      which columns measure something, and in what unit
    components   which dimensions, measures and units these become
    drafting     the files of the folder

The draft is meant to pass `dwpld check` as it stands, so that the person starts from a cube that works.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.components import (
    Known,
    add_label,
    describe_other_areas,
    follows,
    known_dimension,
    own_dimension,
    plain_dimension,
    some,
)
from loader.drafting import Draft, files, kinds_of_figures, title_of
from loader.errors import MisuseError, Problem, ProblemsError
from loader.figures import Roles, Work, melt, name_measures, take_figures, take_long, take_markers, take_single
from loader.gate.policy import COUNTS, STRICTEST
from loader.mapping import CODES, packaged_mappings
from loader.recognise import AREA, best_match, read_known
from loader.sheet import BLANK, CATEGORIES, LINE, NUMBERS, Kind, profile, read_sheet, words
from loader.uris import DEFAULT_BASE, Uris, slug
from loader.vocabulary import packaged_ontology, read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from loader.recognise import Match
    from loader.sheet import Profile, Sheet

MAX_CODES: Final = 200
SHOWN_ROWS: Final = 10
_MEASURE_NAMES: Final = frozenset(
    {"indicator", "measure", "measure_name", "measure_type", "measures", "statistic", "variable"}
)
_UNIT_NAMES: Final = frozenset({"measure_unit", "unit", "unit_of_measure", "units"})


def scaffold(dataset: str, table: Path, mappings: Path, *, show: bool) -> Iterator[str]:
    """Make a folder `dataset` below `mappings` from a table; yield the report on it, line by line.

    With `show`, the files are printed and nothing is written. Raises MisuseError for a name that cannot be, or a folder
    that is there; ProblemsError for a table that cannot be read.
    """
    folder = mappings / dataset
    _check_name(dataset, folder)
    sheet = read_sheet(table)
    known, unreadable = _read_all(mappings)
    draft = _draft(dataset, sheet, known)
    written = files(draft)
    if not show:
        _write(folder, written)
    yield from _report(sheet, draft, unreadable)
    yield from _shown(folder, written) if show else _next(folder, written, mappings)


def _check_name(dataset: str, folder: Path) -> None:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", dataset) or dataset == CODES:
        near = slug(dataset)
        hint = f", for instance {near}" if near and near not in (dataset, CODES) else ""
        message = (
            f"'{dataset}' cannot be the name of a dataset: use lower-case letters, digits and single hyphens{hint}"
        )
        raise MisuseError(message)
    if folder.exists():
        message = f"{folder} is there already; nothing is overwritten: choose another name, or remove the folder first"
        raise MisuseError(message)


def _read_all(mappings: Path) -> tuple[Known, list[str]]:
    """Read code lists and vocabulary, and what other folders declare for themselves."""
    uris = Uris(DEFAULT_BASE)
    lists, unreadable = read_known(mappings if mappings.is_dir() else None, uris)
    vocabulary = read_vocabulary(packaged_ontology(), uris)
    taken = {subject.subject.value for subject in vocabulary.triples}  # type: ignore[union-attr]
    for root in dict.fromkeys((packaged_mappings(), mappings)):
        for path in sorted(root.glob("*/components.ttl")):
            try:
                taken |= {triple.subject.value for triple in read_vocabulary([path], uris).triples}  # type: ignore[union-attr]
            except ProblemsError:
                unreadable.append(str(path))
    taken |= {known.scheme for known in lists}
    return Known(uris, tuple(lists), vocabulary, frozenset(taken)), unreadable


# Choosing


def _draft(dataset: str, sheet: Sheet, known: Known) -> Draft:
    profiles = _profiles(sheet)
    roles = _roles(sheet, profiles, known)
    work = Work(sheet, profiles, roles, known, Draft(dataset, sheet.cells))
    if sheet.blank_rows:
        work.draft.left_out["blank row"] = sheet.blank_rows
    melted = len(roles.figures) > 1
    take_figures(work, is_melted=melted)
    for name, match in roles.matches.items():
        _take_known(work, name, match)
    for name in roles.texts:
        _take_text(work, name)
    names = name_measures(work)
    _complete_key(work, names)
    if melted:
        melt(work)
    elif names:
        take_long(work, names)
    else:
        take_single(work, work.title(roles.figures[0]))
    take_markers(work)
    _describe(work)
    return work.draft


def _profiles(sheet: Sheet) -> dict[str, Profile]:
    problems: list[Problem] = []
    profiles: dict[str, Profile] = {}
    for name in sheet.titles:
        try:
            profiles[name] = profile(sheet, name)
        except ProblemsError as error:
            problems += error.problems
    if problems:
        raise ProblemsError(problems)
    return profiles


def _roles(sheet: Sheet, profiles: Mapping[str, Profile], known: Known) -> Roles:
    matches: dict[str, Match] = {}
    for name, look in profiles.items():
        if name in _MEASURE_NAMES | _UNIT_NAMES or not look.values:
            continue
        match = best_match(sheet.titles[name], look.values, known.lists, is_number=look.kind in NUMBERS)
        if match is not None:
            matches[name] = match
    rest = {name: look for name, look in profiles.items() if name not in matches}
    figures = [name for name, look in rest.items() if look.kind in NUMBERS and not words(name) & CATEGORIES]
    if not figures:
        message = "no column of numbers was found that is not a code, so there is nothing to measure"
        hint = "a table of plain records needs no structure: write its mapping by hand (docs/mappings.md, Records)"
        raise ProblemsError([Problem("TIDY-06", str(sheet.path), message, hint)])
    is_long = len(figures) == 1
    named = [name for name in rest if is_long and name in _MEASURE_NAMES and name not in figures]
    units = [name for name in rest if is_long and name in _UNIT_NAMES and name not in figures]
    texts = [name for name in rest if name not in {*figures, *named, *units}]
    return Roles(matches, figures, named, units, texts)


def _take_known(work: Work, name: str, match: Match) -> None:
    """Make a column of a known list a dimension, unless an earlier column of the list says the same or more."""
    earlier = [
        other
        for other, seen in work.roles.matches.items()
        if seen.known is match.known and other in work.draft.found and follows(work.draft.frame, name, other)
    ]
    if earlier:
        what = f"follows from '{earlier[0]}'; kept for readers"
        add_label(work.draft, name, work.title(name), what)
        return
    marked = [marker for marker in work.profiles[name].markers if marker != BLANK]
    if marked:
        blanked = pl.when(pl.col(name).is_in(marked)).then(None).otherwise(pl.col(name))
        work.draft.frame = work.draft.frame.with_columns(blanked.alias(name))
    known_dimension(work.draft, work.known, name, work.title(name), match)
    blank = work.draft.frame[name].null_count()
    if blank:
        first = work.draft.frame.filter(pl.col(name).is_null())[LINE][0]
        work.draft.decisions.append(
            f"'{name}' is blank in {blank:,} rows, first in line {first}: the check refuses them until they are filled."
        )
    if match.others and match.known.name == AREA:
        describe_other_areas(work.draft, work.known, match, _names_beside(work, name))


def _names_beside(work: Work, name: str) -> dict[str, str]:
    """Find the column of names that belongs to a column of codes; give the names by code."""
    stem = words(re.sub(r"_?(code|id)$", "", name))
    for other in work.roles.texts:
        is_near = other != name and bool(words(other) & (stem | {"name"}))
        if is_near and follows(work.draft.frame, other, name):
            pairs = work.draft.frame.select(name, other).drop_nulls().unique(name, keep="first", maintain_order=True)
            return dict(pairs.iter_rows())
    return {}


def _take_text(work: Work, name: str) -> None:
    """Make a column of unknown texts a dimension, or keep it for readers."""
    draft, look = work.draft, work.profiles[name]
    title = work.title(name)
    if name in draft.found:
        return
    if not look.values:
        draft.found[name] = "blank in every row: not in the table of the folder"
        return
    if len(look.values) == 1 and not draft.frame[name].null_count():
        add_label(draft, name, title, "the same in every row; kept for readers")
        return
    decider = next((key for key in draft.key if follows(draft.frame, name, key)), None)
    if decider is not None:
        add_label(draft, name, title, f"follows from '{decider}'; kept for readers")
        return
    is_category = len(look.values) <= MAX_CODES and 3 * len(look.values) < draft.frame.height
    if is_category and look.kind not in (Kind.DATE, Kind.BOOLEAN) and not draft.frame[name].null_count():
        labels = _names_beside(work, name) if re.search(r"(^|_)(code|id)$", name) else {}
        own_dimension(draft, work.known, name, title, labels)
        return
    add_label(draft, name, title, f"{len(look.values):,} different texts of type {look.kind}; kept for readers")


def _complete_key(work: Work, names: Sequence[str]) -> None:
    """Make the columns dimensions that are needed to tell rows apart; say which rows none can tell apart."""
    draft = work.draft
    spare = [name for name in work.roles.texts if name in draft.found and name not in draft.key]
    spare = [name for name in spare if work.profiles[name].values and not draft.frame[name].null_count()]
    needed: list[str] = []
    kinds = _kinds(draft, names, needed)
    while kinds < draft.frame.height and spare:
        best = max(spare, key=lambda name: _kinds(draft, names, [*needed, name]))
        more = _kinds(draft, names, [*needed, best])
        if more == kinds:
            break
        kinds = more
        needed.append(best)
        spare.remove(best)
    if kinds < draft.frame.height:
        _refuse_keyless(work)
        _note_repeats(work, names, needed)
        return
    for name in needed:
        draft.columns = [column for column in draft.columns if column.name != name]
        if work.profiles[name].kind in (Kind.DATE, Kind.BOOLEAN):
            plain_dimension(draft, work.known, name, work.title(name), work.profiles[name].kind)
        else:
            own_dimension(draft, work.known, name, work.title(name))
            draft.found[name] += "; needed to tell rows apart"
    _refuse_keyless(work)


def _refuse_keyless(work: Work) -> None:
    if not work.draft.key:
        message = "nothing tells the rows apart: no column of codes, periods or categories was found"
        hint = "add a column that says what each row is of"
        raise ProblemsError([Problem("CUBE-04", str(work.sheet.path), message, hint)])


def _kinds(draft: Draft, names: Sequence[str], more: Sequence[str]) -> int:
    columns = [*draft.key, *names, *more]
    return draft.frame.select(columns).n_unique() if columns else 1


def _note_repeats(work: Work, names: Sequence[str], helpful: Sequence[str]) -> None:
    draft = work.draft
    key = [*draft.key, *names]
    groups = draft.frame.group_by(key, maintain_order=True).agg(pl.col(LINE)).filter(pl.col(LINE).list.len() > 1)
    repeated = sum(len(lines) - 1 for lines in groups[LINE])
    more = " …" if groups.height > 3 else ""
    shown = "; ".join(" and ".join(str(line) for line in lines[:4]) for lines in groups[LINE].head(3).to_list())
    text = f"{repeated:,} rows repeat others of the same {', '.join(key)} (lines {shown}{more})"
    apart = [name for name in work.roles.figures if _kinds(draft, names, [name]) == draft.frame.height]
    if len(work.roles.figures) > 1 and apart:
        text += f"; {some(apart)} would tell them apart, if that is a category and no figure"
    elif helpful:
        text += f"; {some(helpful)} would tell some of them apart"
    else:
        text += "; no column tells them apart"
    draft.decisions.insert(0, f"{text}. The check refuses the table until each row is of its own.")


# The report


def _describe(work: Work) -> None:
    """Write a first description, and give the columns of the folder's table the order of the file."""
    draft = work.draft
    dimensions = [column for column in draft.columns if column.name in draft.key]
    names = [(column.property_url or "").rpartition("/")[2] for column in dimensions]
    named = [title_of(name.removeprefix(f"{draft.dataset}-")).lower() for name in names]
    by = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
    draft.summary = f"{draft.summary} by {by}."
    draft.keywords = list(dict.fromkeys(named))
    if draft.edition is None:
        draft.decisions.append("no column holds periods: give the table one, unless its figures are of no time.")
    kept = [column.name for column in draft.columns if column.property_url is None]
    coded = {column.beside for column in draft.columns}
    texts = [name for name in kept if name in work.roles.texts and name not in coded]
    if texts:
        draft.decisions.append(
            f"{some(texts)}: kept in the published table for readers, without triples. Take out what nobody needs, and "
            "anything about single persons."
        )
    order = {name: number for number, name in enumerate(work.sheet.titles)}
    last = len(order)
    places = {column.name: order.get(column.beside or column.name, last) for column in draft.columns}
    draft.columns.sort(key=lambda column: places[column.name])
    draft.key.sort(key=lambda name: next(i for i, column in enumerate(draft.columns) if column.name == name))
    draft.found = dict(sorted(draft.found.items(), key=lambda pair: order.get(pair[0], last)))


def _report(sheet: Sheet, draft: Draft, unreadable: Sequence[str]) -> Iterator[str]:
    yield f"{sheet.path.name}: {sheet.cells.height:,} rows, {len(sheet.titles):,} columns"
    yield ""
    width = max(map(len, draft.found))
    for name, what in draft.found.items():
        yield f"  {name:<{width}}  {what}"
    if draft.left_out:
        yield ""
        yield "Left out:"
        for reason, count in draft.left_out.most_common():
            yield f"  {count:,}  {reason}"
    yield ""
    yield f"{draft.frame.height:,} observations, each told from the others by {', '.join(draft.key)}"
    yield ""
    yield "To decide:"
    guesses = "in source.toml, every line marked '# decide' is a guess, [policy] too."
    texts = [*draft.decisions, *_small_counts(draft), guesses]
    texts += [
        f"the code list or folder {name} has problems, so nothing was compared with it; see dwpld check."
        for name in unreadable
    ]
    for number, text in enumerate(texts, 1):
        yield f"  {number}. {text[:1].upper()}{text[1:]}"


def _small_counts(draft: Draft) -> Iterator[str]:
    """Say how many figures the gate will refuse."""
    counted = [name for name, kind in kinds_of_figures(draft).items() if kind == COUNTS]
    measure = pl.col(draft.measure_column) if draft.measure_column else pl.lit(draft.measure)
    figures = [column.name for column in draft.columns if "/def/measure/" in (column.property_url or "")]
    value = pl.col(figures[0]).cast(pl.Float64)
    small = draft.frame.filter(measure.is_in(counted) & (value > 0) & (value < STRICTEST.threshold)).height
    if small:
        yield (
            f"the check refuses counts under {STRICTEST.threshold}, of which the table has {small:,}, until they are "
            "suppressed or [policy] says why they may be published."
        )


def _shown(folder: Path, written: Mapping[str, str]) -> Iterator[str]:
    for name, text in written.items():
        lines = text.splitlines()
        yield ""
        yield f"--- {folder / name} (not written)"
        is_table = name.endswith(".csv")
        yield from lines[: SHOWN_ROWS + 1] if is_table else lines
        if is_table and len(lines) > SHOWN_ROWS + 1:
            yield f"… and {len(lines) - SHOWN_ROWS - 1:,} more rows"


def _next(folder: Path, written: Mapping[str, str], mappings: Path) -> Iterator[str]:
    place = f" --mappings {mappings}"
    yield ""
    yield "Written:"
    for name in written:
        yield f"  {folder / name}"
    yield ""
    yield "Next:"
    yield f"  dwpld check {folder.name}{place}"
    yield f"  dwpld build {folder.name}{place}"
    yield "  dwpld serve"


def _write(folder: Path, written: Mapping[str, str]) -> None:
    """Write the folder whole, or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as directory:
            draft = Path(directory) / folder.name
            draft.mkdir()
            for name, text in written.items():
                (draft / name).write_text(text, "utf-8", newline="\n")
            shutil.move(draft, folder)
    except OSError as error:
        message = f"cannot write {folder}: {error.strerror}"
        raise MisuseError(message) from error
