"""Markers in place of figures or beside them: what they mean, and tables with the meaning in columns (docs/markers.md).

A cell `[c]` becomes a blank figure with a code that says why it is blank; `1234 [p]` the figure 1234 with the code for
provisional. The codes stand in columns of their own, so that plain CSVW makes them `sdmx-attribute:obsStatus` and
`sdmx-attribute:confStatus`.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.csvw.uri_template import TemplateError, parse_template
from loader.errors import Problem, ProblemsError
from loader.texts import distinct, read_texts
from ontology.terms import SDMX_ATTRIBUTE, SDMX_CODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Mapping as Dictionary
    from pathlib import Path

    from loader.csvw.metadata import Column, Table
    from loader.mapping import Mapping
    from loader.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a marker says of its cell."""

    label: str
    status: str | None = None
    """SDMX observation status, by its letter."""
    further_status: str | None = None
    """Code of our own list of statuses, where SDMX of 2009 has none that fits."""
    confidentiality: str | None = None
    """SDMX confidentiality status, by its letter."""
    is_absence: bool = False
    """True if there is no figure: one beside the marker is a contradiction."""


MEANINGS: Final = {
    "b": Meaning("break in the series", status="B"),
    "c": Meaning("confidential", confidentiality="C", is_absence=True),
    "e": Meaning("estimated", status="E"),
    "f": Meaning("forecast", status="F"),
    "low": Meaning("low figure, rounds to zero", further_status="low-figure"),
    "p": Meaning("provisional", status="P"),
    "r": Meaning("revised", further_status="revised"),
    "u": Meaning("low reliability", further_status="low-reliability"),
    "x": Meaning("not available", status="M", is_absence=True),
    "z": Meaning("not applicable", further_status="not-applicable", is_absence=True),
}
"""By the shorthand of government statistics, without its brackets."""
STANDARD: Final = {f"[{shorthand}]": shorthand for shorthand in MEANINGS}
"""Markers that mean what they say, wherever they are declared."""
_GUESSES: Final = {"*": "c", "-": "z", "–": "z", "—": "z", ".": "z"}
NOT_APPLICABLE: Final = "not-applicable"
STATUS_LIST: Final = "observation-status"
"""Our list of statuses (ontology/status.ttl)."""
NORMAL: Final = "A"
MISSING: Final = "M"
CONFIDENTIAL: Final = "C"
FREE: Final = "F"
NOT_GIVEN: Final = "not-given"
QUALIFYING: Final = (NORMAL, "B", "E", "F", "I", "P")
"""SDMX statuses of a figure that is there: they do not explain why one is missing."""
REASONS: Final = (NOT_APPLICABLE, NOT_GIVEN, "low-figure", "low-reliability")
"""Our own statuses that do; the other says that a figure was revised."""
_SAYS_NOTHING: Final = frozenset(
    {*(f"{SDMX_CODE.obsStatus.value}-{letter}" for letter in QUALIFYING), f"{SDMX_CODE.confStatus.value}-{FREE}"}
)
STATUSES: Final = frozenset({SDMX_ATTRIBUTE.obsStatus, SDMX_ATTRIBUTE.confStatus})
"""Attributes that may explain it."""
KINDS: Final = ("status", "further_status", "confidentiality")
"""The columns that a marker fills, under the names they have unless a mapping gives them others."""
TITLES: Final = {"status": "Status", "further_status": "Further status", "confidentiality": "Confidentiality"}
PROPERTIES: Final = {
    "status": SDMX_ATTRIBUTE.obsStatus.value,
    "further_status": SDMX_ATTRIBUTE.obsStatus.value,
    "confidentiality": SDMX_ATTRIBUTE.confStatus.value,
}
VALUES: Final = {
    "status": f"{SDMX_CODE.obsStatus.value}-{{status}}",
    "further_status": f"../../def/concept/{STATUS_LIST}/{{further_status}}",
    "confidentiality": f"{SDMX_CODE.confStatus.value}-{{confidentiality}}",
}
SHOWN: Final = 20
MAX_MARKER: Final = 8
_ROW: Final = "row of the table"
_FIGURE: Final = "figure in the cell"
_MARKS: Final = "marks in the cell"
_FAULT: Final = "fault of the cell"
_NUMBER: Final = r"^[-+−]?[£$€]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?%?$"
_LIKE_A_MARKER: Final = rf"(?:^[^\p{{L}}\p{{N}}]{{1,{MAX_MARKER}}}|\[[a-z]{{1,4}}\])$"

UNDECLARED: Final = "MARK-01"
NO_COLUMN: Final = "MARK-02"
REQUIRED: Final = "MARK-03"
CONTRADICTION: Final = "MARK-04"


def explain(
    frame: pl.DataFrame, measure: str, declared: Dictionary[str, str], columns: Dictionary[str, str] | None = None
) -> pl.DataFrame:
    """Split the cells of a column of text into figure, `status`, `further_status` and `confidentiality`.

    `declared` gives the meaning of each marker, a key of `MEANINGS`; `STANDARD` for all that are standard. The three
    columns are added where they are missing, with null where a marker says nothing. A cell that cannot be split (its
    marker is not declared, or a figure stands beside `[c]`) stays as it is: the build then names its line. `columns`
    gives the three other names, by those above.
    """
    columns = columns or {kind: kind for kind in KINDS}
    frame = frame.with_columns(pl.lit(None, pl.String).alias(n) for n in columns.values() if n not in frame.columns)
    return _filled(frame, measure, _plain(split_cells(frame, measure, declared, columns)), columns)


def explains(iri: str) -> bool:
    """Say whether a code of a status or confidentiality explains why a figure is missing."""
    return iri not in _SAYS_NOTHING and not iri.endswith(f"/{STATUS_LIST}/revised")


def guess(marker: str) -> str:
    """Guess what a marker means in a table that does not say."""
    bare = marker.lower().removeprefix("[").removesuffix("]")
    return bare if bare in MEANINGS else _GUESSES.get(marker, "x")


def split_cells(
    frame: pl.DataFrame,
    measure: str,
    declared: Dictionary[str, str],
    columns: Dictionary[str, str],
    *,
    status_is_required: bool = False,
) -> pl.DataFrame:
    """Read the cells of a column of text that are not plain numbers and not blank.

    Gives their row (from 0), figure, marks, what the marks mean by the kinds of `KINDS`, and the fault that keeps the
    cell from being split, if any. `columns` are the columns of `frame` that hold a kind already.
    """
    odd = frame.select(pl.col(measure).cast(pl.String).str.strip_chars().alias("text")).with_row_index(_ROW)
    is_number = pl.col("text").cast(pl.Float64, strict=False).is_finite().fill_null(value=False)
    odd = odd.filter((pl.col("text") != "") & is_number.not_())
    odd = odd.with_columns(frame[name].gather(odd[_ROW]).alias(f"old {kind}") for kind, name in columns.items())
    odd = odd.with_columns(
        pl.lit(None, pl.String).alias(f"old {kind}") if kind not in columns else pl.col(f"old {kind}").cast(pl.String)
        for kind in KINDS
    )
    odd = odd.with_columns(_marks(declared).alias(_MARKS))
    rest = pl.col("text").str.strip_suffix(pl.col(_MARKS)).str.strip_chars()
    odd = odd.with_columns(pl.when(rest != "").then(rest).alias(_FIGURE))
    is_split = pl.col(_MARKS).is_not_null() & pl.col(_FIGURE).str.contains(_NUMBER).fill_null(value=True)
    odd = odd.with_columns(pl.when(is_split).then(_MARKS), pl.when(is_split).then(_FIGURE))
    odd = _meant(odd, declared).with_columns(_fault().alias(_FAULT))
    return _completed(odd, has_status="status" in columns, is_required=status_is_required)


def _marks(declared: Dictionary[str, str]) -> pl.Expr:
    """Find the markers a cell ends with; of two that would fit, the longer one."""
    if not declared:
        return pl.lit(None, pl.String)
    return pl.col("text").str.extract(rf"((?:\s*(?:{_alternatives(declared)}))+)$")


def _alternatives(declared: Iterable[str]) -> str:
    return "|".join(re.escape(text) for text in sorted(declared, key=len, reverse=True))


def _meant(odd: pl.DataFrame, declared: Dictionary[str, str]) -> pl.DataFrame:
    """Add what the marks of each cell mean together; there are few different ones, so this is no loop over rows."""
    schema = {_MARKS: pl.String, **dict.fromkeys(KINDS, pl.String), "is_absence": pl.Boolean, "is_clash": pl.Boolean}
    found = odd[_MARKS].drop_nulls().unique(maintain_order=True).to_list()
    rows = [(marks, *_together(marks, declared)) for marks in found]
    return odd.join(pl.DataFrame(rows, schema, orient="row"), on=_MARKS, how="left", maintain_order="left")


def _together(marks: str, declared: Dictionary[str, str]) -> tuple[str | None, str | None, str | None, bool, bool]:
    """Give the code of each kind, whether there is no figure, and whether two markers want one column."""
    meanings = [MEANINGS[declared[text]] for text in re.findall(_alternatives(declared), marks)]
    codes = [{code for meaning in meanings if (code := getattr(meaning, kind)) is not None} for kind in KINDS]
    status, further, confidentiality = (min(found, default=None) for found in codes)
    is_clash = any(len(found) > 1 for found in codes)
    return status, further, confidentiality, any(meaning.is_absence for meaning in meanings), is_clash


def _fault() -> pl.Expr:
    """Say why a cell cannot be split: nobody said what it means, or it says two things."""
    is_taken = [
        (pl.col(f"old {kind}").fill_null("") != "")
        & (pl.col(f"old {kind}") != pl.lit(NORMAL))
        & (pl.col(kind) != pl.col(f"old {kind}"))
        for kind in KINDS
    ]
    is_contradiction = (
        pl.col("is_clash") | (pl.col("is_absence") & pl.col(_FIGURE).is_not_null()) | pl.any_horizontal(is_taken)
    )
    return pl.when(pl.col(_MARKS).is_null()).then(pl.lit(UNDECLARED)).when(is_contradiction).then(pl.lit(CONTRADICTION))


def _filled(
    frame: pl.DataFrame,
    measure: str,
    split: pl.DataFrame,
    columns: Dictionary[str, str],
) -> pl.DataFrame:
    """Put figures and codes of the cells without fault in their columns."""
    good = split.filter(pl.col(_FAULT).is_null())
    if good.is_empty():
        return frame
    changed = [_with_cells(frame[measure], good[_ROW], good[_FIGURE])]
    for kind, name in columns.items():
        said = good.filter(pl.col(kind).is_not_null())
        changed.append(_with_cells(frame[name], said[_ROW], said[kind]))
    return frame.with_columns(changed)


def _with_cells(column: pl.Series, rows: pl.Series, texts: pl.Series) -> pl.Series:
    """Give a column with other texts in some rows."""
    return column.clone().scatter(rows, texts.cast(column.dtype))


def _plain(split: pl.DataFrame) -> pl.DataFrame:
    """Take commas between thousands out of figures that stood beside a marker: tables have them in canonical form."""
    is_grouped = pl.col(_FIGURE).str.contains(r"^\D?\d{1,3}(,\d{3})+(\.\d+)?$")
    return split.with_columns(pl.when(is_grouped).then(pl.col(_FIGURE).str.replace_all(",", "")).otherwise(_FIGURE))


def _completed(odd: pl.DataFrame, *, has_status: bool, is_required: bool) -> pl.DataFrame:
    """Complete the codes, so that a figure that is not there is always explained.

    A mark that qualifies a figure explains no absence: beside `P` stands that no figure is given, and instead of
    Normal, or of no status, that it is missing. A required status has a code in every row.
    """
    old, status, further = pl.col("old status").fill_null(""), pl.col("status"), pl.col("further_status")
    has_figure = pl.col(_FIGURE).is_not_null()
    has_reason = pl.coalesce("further_status", "old further_status").is_in(REASONS).fill_null(value=False)
    is_withheld = (pl.coalesce("confidentiality", "old confidentiality") != FREE).fill_null(value=False)
    is_unsaid = status.is_null() & old.is_in(["", NORMAL])
    is_needed = (old == NORMAL) | is_required | (~has_reason & (~is_withheld | has_status))
    is_missing = ~has_figure & is_unsaid & is_needed
    is_normal = has_figure & status.is_null() & (old == "") & is_required
    odd = odd.with_columns(
        pl.when(is_missing).then(pl.lit(MISSING)).when(is_normal).then(pl.lit(NORMAL)).otherwise(status).alias("status")
    )
    is_qualified = pl.coalesce("status", "old status").is_in(QUALIFYING).fill_null(value=False)
    is_bare = ~has_figure & is_qualified & ~is_withheld & pl.coalesce("further_status", "old further_status").is_null()
    return odd.with_columns(pl.when(is_bare).then(pl.lit(NOT_GIVEN)).otherwise(further).alias("further_status"))


# In a build


@dataclass(frozen=True, slots=True)
class StatusColumns:
    """The columns of a mapping that say why there is no figure, or what is to be known of it."""

    names: Dictionary[str, str]
    """By kind (`KINDS`), the name of the column; without the kinds that the mapping has no column for."""
    status_is_required: bool = False


def status_columns(table: Table) -> StatusColumns:
    """Find the columns of a table that markers can fill: by their property and what their valueUrl makes of a code."""
    codes = {"status": MISSING, "further_status": NOT_APPLICABLE, "confidentiality": CONFIDENTIAL}
    names: dict[str, str] = {}
    is_required = False
    for column in table.columns:
        if column.virtual or column.suppress_output or column.value_url is None:
            continue
        for kind, code in codes.items():
            example = _expanded(table, VALUES[kind], {kind: code})
            is_kind = column.property_url == PROPERTIES[kind]
            if is_kind and _expanded(table, column.value_url, {column.name: code}) == example:
                names.setdefault(kind, column.name)
                is_required |= kind == "status" and column.required
    return StatusColumns(names, is_required)


def not_applicable_codes(table: Table) -> dict[str, str]:
    """Give, by column of our own statuses, the code that says that a cell cannot have a figure."""
    name = status_columns(table).names.get("further_status")
    return {} if name is None else {name: NOT_APPLICABLE}


def take_out_markers(mapping: Mapping, path: Path, shown: str, vocabulary: Vocabulary) -> None:
    """Move the markers that stand among the figures of a tidy table to its columns of codes; rewrites the file.

    A table without markers is left as it is, byte by byte. Columns of codes that the table lacks are added, if it has
    all others. `shown` names the table in messages. Raises ProblemsError for markers that are not declared, and for
    what the mapping lacks to hold what they say.
    """
    if mapping.is_code_list:
        return
    table = mapping.main.table
    columns = status_columns(table)
    frame, is_widened = _read(table, path, columns)
    if frame is None:
        return
    is_changed = is_widened
    problems: list[Problem] = []
    for column in _measures(table, frame, vocabulary):
        split = split_cells(
            frame,
            column.name,
            mapping.policy.meanings,
            columns.names,
            status_is_required=columns.status_is_required,
        )
        if column.datatype.format is None:
            split = _plain(split)
        problems += _problems(mapping, shown, frame, column, columns, split)
        changed = _filled(frame, column.name, split, columns.names)
        is_changed |= changed is not frame
        frame = changed
    if problems:
        raise ProblemsError(problems)
    if is_widened and columns.status_is_required:
        frame = frame.with_columns(pl.col(columns.names["status"]).fill_null(NORMAL))
    if is_changed:
        _write(table, frame, path)


def _read(table: Table, path: Path, columns: StatusColumns) -> tuple[pl.DataFrame | None, bool]:
    """Read a table under the names of its mapping, and say whether columns of codes were added.

    None if it does not have the columns of the mapping: what is wrong with it is for the conversion to say.
    """
    try:
        frame = read_texts(path)
    except pl.exceptions.PolarsError:
        return None, False
    own = [column for column in table.columns if not column.virtual]
    names = [column.name for column in own]
    if frame.width == len(names):
        return frame.rename(dict(zip(frame.columns, names, strict=True))), False
    kept = [column for column in own if column.name not in columns.names.values()]
    if [_title(column) for column in kept] != frame.columns:
        return None, False
    frame = frame.rename({_title(column): column.name for column in kept})
    added = [pl.lit(None, pl.Categorical).alias(name) for name in columns.names.values()]
    return frame.with_columns(added).select(names), True


def _title(column: Column) -> str:
    return column.titles[0].text if column.titles else column.name


def _measures(table: Table, frame: pl.DataFrame, vocabulary: Vocabulary) -> Iterator[Column]:
    """Yield the columns of figures: of a declared measure, or of measures that another column names."""
    for column in table.columns:
        if column.virtual or column.suppress_output or column.property_url is None or column.separator is not None:
            continue
        try:
            names = parse_template(column.property_url).names
        except TemplateError:
            continue
        if not set(names) <= set(frame.columns):
            continue
        found = frame.select(names).unique().drop_nulls().iter_rows(named=True) if names else iter([{}])
        iris = (_expanded(table, column.property_url, values) for values in found)
        if any(iri in vocabulary.components and vocabulary.components[iri].kind == "measure" for iri in iris):
            yield column


def _expanded(table: Table, template: str, values: Dictionary[str, str]) -> str:
    from loader.structure import expand

    try:
        return expand(parse_template(template), values, table)
    except TemplateError:
        return ""


def _problems(
    mapping: Mapping,
    shown: str,
    frame: pl.DataFrame,
    column: Column,
    columns: StatusColumns,
    split: pl.DataFrame,
) -> Iterator[Problem]:
    """Say what keeps the markers of one column from being moved."""
    if split.is_empty():
        return
    source = mapping.folder / "source.toml"
    lines = split.with_columns(line=lines_of(frame).gather(split[_ROW]))
    named = _Named(shown, column.name)
    if "markers" not in mapping.policy.exemptions:
        unknown = lines.filter((pl.col(_FAULT) == UNDECLARED) & pl.col("text").str.contains(_LIKE_A_MARKER))
        unknown = unknown.filter(~pl.col("text").is_in(column.null))
        yield from named.each(UNDECLARED, unknown, _undeclared(unknown["text"], mapping.policy.markers, str(source)))
    clash = "marker and cell, or two markers, say different things of one figure"
    hint = "correct the cell; or say what the markers mean together: [policy.markers] with both as one text"
    faulty = lines.filter(pl.col(_FAULT) == CONTRADICTION)
    yield from named.each(CONTRADICTION, faulty, ((clash, hint) for _ in range(faulty.height)))
    good = lines.filter(pl.col(_FAULT).is_null())
    yield from _lacking(good, columns, named, str(mapping.main.document))
    blank = good.filter(pl.col(_FIGURE).is_null())
    if column.required and not blank.is_empty():
        message = f"'{blank[_MARKS][0].strip()}' stands for a figure, and the column must have one in every row"
        hint = f"take \"required\": true out of column '{column.name}' in {mapping.main.document}"
        yield Problem(REQUIRED, named.place(blank["line"][0]), message, hint)


def _lacking(good: pl.DataFrame, columns: StatusColumns, named: _Named, document: str) -> Iterator[Problem]:
    """Name the columns that the mapping needs to hold what the markers say, each at the first cell that needs it."""
    for kind in KINDS:
        lacking = good.filter(pl.col(kind).is_not_null())
        if kind not in columns.names and not lacking.is_empty():
            text = lacking[_MARKS][0].strip()
            message = f"'{text}' says '{lacking[kind][0]}', and no column of the mapping holds a {TITLES[kind].lower()}"
            yield Problem(NO_COLUMN, named.place(lacking["line"][0]), message, f"add to {document}: {snippet(kind)}")


@dataclass(frozen=True, slots=True)
class _Named:
    """Makes problems of the cells of one column."""

    shown: str
    column: str

    def place(self, line: int) -> str:
        return f"{self.shown}:{line}, column '{self.column}'"

    def each(self, code: str, cells: pl.DataFrame, said: Iterable[tuple[str, str]]) -> Iterator[Problem]:
        for line, (message, hint) in zip(cells["line"].head(SHOWN), said, strict=False):
            yield Problem(code, self.place(line), message, hint)
        if cells.height > SHOWN:
            where = f"{self.shown}, column '{self.column}'"
            yield Problem(code, where, f"and {cells.height - SHOWN:,} more like these")


def _undeclared(texts: pl.Series, listed: Sequence[str], source: str) -> Iterator[tuple[str, str]]:
    """Say of each cell what its marker needs. Only the marker is repeated, never a figure beside it."""
    for text in texts.head(SHOWN):
        marker = "".join(re.findall(r"\[[a-z]{1,4}\]", text)) or text
        said = "is listed without what it means" if marker in listed else "is not declared"
        shorthand = STANDARD.get(marker, "x")
        hint = f'add to {source}, under [policy.markers]: {json.dumps(marker, ensure_ascii=False)} = "{shorthand}"'
        yield f"the marker '{marker}' {said}", f"{hint}{'' if marker in STANDARD else ', or what else it means'}"


def snippet(kind: str) -> str:
    """Give the column of a mapping that holds the codes of one kind, as JSON."""
    column = {"name": kind, "titles": TITLES[kind], "propertyUrl": PROPERTIES[kind], "valueUrl": VALUES[kind]}
    return json.dumps(column)


def lines_of(frame: pl.DataFrame) -> pl.Series:
    """Give the line of the file that each row of a CSV starts on, the header being one line; cells may hold breaks."""
    lines = pl.int_range(pl.len(), dtype=pl.Int64) + 2
    broken = [column.name for column in frame if distinct(column).str.contains("\n", literal=True).any()]
    if broken:
        counts = pl.col(broken).cast(pl.String).str.count_matches("\n", literal=True).fill_null(0)
        lines += pl.sum_horizontal(counts).cast(pl.Int64).cum_sum().shift(1, fill_value=0)
    return frame.select(lines).to_series()


def _write(table: Table, frame: pl.DataFrame, path: Path) -> None:
    titles = [_title(column) for column in table.columns if not column.virtual]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(titles)
        frame.write_csv(stream, include_header=False, null_value="", quote_style="necessary")


# In a policy


def read_meanings(markers: object) -> tuple[dict[str, str], tuple[str, ...], list[str]]:
    """Read `markers` of a policy: a list of texts, or a table of what each means.

    Gives the meaning of those that have one, all texts, and what is wrong. A text of the list means what it says if it
    is a standard marker, and else nothing that is known.
    """
    if isinstance(markers, list) and all(isinstance(text, str) and text for text in markers):
        return {text: STANDARD[text] for text in markers if text in STANDARD}, tuple(markers), []
    if not isinstance(markers, dict) or not all(text.strip() for text in markers):
        return {}, (), ["'markers' is neither a list of texts nor a table of them"]
    wrong = [
        text for text, meaning in markers.items() if not isinstance(meaning, str) or _bare(meaning) not in MEANINGS
    ]
    meanings = {text.strip(): _bare(meaning) for text, meaning in markers.items() if text not in wrong}
    return meanings, tuple(meanings), [f"'markers': what '{text}' means is not one that is known" for text in wrong]


def _bare(meaning: str) -> str:
    return meaning.removeprefix("[").removesuffix("]")


def known_meanings() -> str:
    """List the meanings a policy can give a marker."""
    return ", ".join(f"{shorthand} ({meaning.label})" for shorthand, meaning in MEANINGS.items())
