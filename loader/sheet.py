"""Read a table nobody has described yet: its cells as text with line numbers, and what the cells of a column look like.

Unlike a tidy step, which knows its file, this must tell a stranger what keeps his file from being read.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import MisuseError, Problem, ProblemsError
from loader.tidying import MAX_TEXT_BYTES
from loader.uris import slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LINE: Final = "source line"
BLANK: Final = "blank"
SHOWN: Final = 20
_CHUNK: Final = 50_000
_NOT_NUMBERS: Final = frozenset({"code", "id", "ref", "reference", "postcode", "name", "title", "description"})
CATEGORIES: Final = frozenset({"age", "ages", "band", "day", "decile", "grade", "quintile", "rank", "week"})
"""Words in a header that make a number a category, not a figure."""
PERIODS: Final = frozenset({"date", "financial", "month", "months", "period", "quarter", "time", "year", "years"})
"""Words in a header that make a number a period."""
AREAS: Final = frozenset(
    {
        "area",
        "authority",
        "borough",
        "constituency",
        "country",
        "county",
        "district",
        "geography",
        "la",
        "lad",
        "region",
    }
)
"""Words in a header that speak of areas."""
_MARKER: Final = re.compile(
    r"\.{1,3}|[-–—*:~!^#]{1,3}|(?:\[[a-z]{1,4}\])+|\(?n/a\)?|#n/a|na|nan|null|none|x|z|c|u", re.IGNORECASE
)
_MARKED: Final = re.compile(r"(?P<figure>.*\d.*?)\s*(?P<marks>(?:\[[a-z]{1,4}\])+)", re.IGNORECASE)
"""A figure with markers beside it."""
_NUMBER: Final = re.compile(
    r"(?P<sign>[-+−(]?)(?P<currency>[£$€]?) ?(?P<whole>\d{1,3}(?:,\d{3})+|\d+)?(?P<fraction>\.\d+)?(?P<end>\)?) ?%?"
)
_MAGIC: Final = {
    b"PK\x03\x04": "a workbook (xlsx, ods) or a zip archive",
    b"\xd0\xcf\x11\xe0": "a workbook of an older kind (xls)",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"\xff\xfe": "a text in UTF-16",
    b"\xfe\xff": "a text in UTF-16",
}


class Kind(StrEnum):
    """What all cells of a column are, as the base of a CSVW datatype."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    MONTH = "gYearMonth"
    YEAR = "gYear"
    TEXT = "string"


NUMBERS: Final = frozenset({Kind.INTEGER, Kind.DECIMAL})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as it is in its file."""

    path: Path
    titles: Mapping[str, str]
    """Header of each column, by column name."""
    cells: pl.DataFrame
    """Texts by column name, null where blank, and `source line`."""
    blank_rows: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What the cells of one column look like."""

    kind: Kind
    values: Mapping[str, int]
    """Number of cells by value, in order of appearance; without blanks and, among numbers, without markers."""
    markers: Mapping[str, int]
    """Cells that say why there is no figure, among numbers; the blank ones too."""
    rewrites: Mapping[str, str]
    """Canonical form of each number that is not in it."""
    symbols: str
    """Currency and percent signs met."""
    marks: Mapping[str, int]
    """Number of cells by the markers that stand beside a figure."""


def column_name(title: str) -> str:
    """Give the snake_case name for a header; may be empty."""
    return slug(title.replace("%", " percent ").replace("£", " pounds ")).replace("-", "_")


def words(text: str) -> frozenset[str]:
    """Give the words of a name or label, in lower case, without regard to the plural."""
    found = slug(text.replace("_", " ")).split("-")
    return frozenset(found) | {word.removesuffix("s") for word in found if len(word) > 3}


def read_sheet(path: Path) -> Sheet:
    """Read a comma-separated table in UTF-8 whose first line is the header.

    Raises MisuseError if there is no such file, ProblemsError with everything that keeps it from being a table.
    """
    if not path.is_file():
        message = f"no table at {path}"
        raise MisuseError(message)
    rows = _rows(_text(path), path)
    titles = _titles(next(rows)[1], path)
    cells, blank_rows = _frame(rows, list(titles), path)
    if cells.is_empty():
        raise ProblemsError([Problem("FILE-01", str(path), "the table has a header and no rows")])
    return Sheet(path, titles, cells, blank_rows)


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        message = f"the file has {size:,} bytes, more than {MAX_TEXT_BYTES:,}"
        raise ProblemsError([Problem("FILE-04", str(path), message, "split the file")])
    data = path.read_bytes()
    if not data.strip():
        raise ProblemsError([Problem("FILE-01", str(path), "the file is empty", "give a table with a header row")])
    look = next((look for magic, look in _MAGIC.items() if data.startswith(magic)), None)
    if look or b"\0" in data:
        message = f"the file is not text in UTF-8: it looks like {look or 'binary data'}"
        raise ProblemsError([Problem("FILE-02", str(path), message, "save the table as CSV in UTF-8")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        message = f"byte 0x{data[error.start]:02X} is not valid UTF-8: the file looks like {_encoding(data)}"
        hint = f"save the file as UTF-8, for instance: iconv -f {_encoding(data)} -t UTF-8 {path.name}"
        raise ProblemsError([Problem("FILE-03", f"{path}:{line}", message, hint)]) from error
    if not text.strip():
        raise ProblemsError([Problem("FILE-01", str(path), "the file is empty", "give a table with a header row")])
    return text


def _encoding(data: bytes) -> str:
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "ISO-8859-1"
    return "Windows-1252"


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line each row starts on, and its cells; blank lines are rows without cells."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        message = f"the row cannot be read: {error}"
        hint = 'close every quotation mark, and double those inside a quoted cell: "say ""so"""'
        raise ProblemsError([Problem("TIDY-06", f"{path}:{line}", message, hint)]) from error


def _titles(header: list[str], path: Path) -> dict[str, str]:
    titles = [" ".join(title.split()) for title in header]
    problems = list(_header_problems(titles, f"{path}:1"))
    if problems:
        raise ProblemsError(problems)
    named: dict[str, str] = {}
    for number, title in enumerate(titles, 1):
        named[unused(column_name(title) or f"column_{number}", named)] = title
    return named


def unused(name: str, used: Mapping[str, object] | frozenset[str], gap: str = "_") -> str:
    """Give the name, with a number if it is in use."""
    number = 1
    found = name
    while found in used:
        number += 1
        found = f"{name}{gap}{number}"
    return found


def _header_problems(titles: list[str], where: str) -> Iterator[Problem]:
    for sign, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(titles) == 1 and sign in titles[0]:
            yield Problem("TIDY-06", where, f"the columns look separated by {called}", "save the file with commas")
            return
    blank = [str(number) for number, title in enumerate(titles, 1) if not title]
    if len(blank) * 3 > len(titles):
        message = f"{len(blank)} of {len(titles)} cells of the first line are blank, so it is no header row"
        hint = "delete title lines above the header; a table published so each month needs a tidy.py (docs/mappings.md)"
        yield Problem("TIDY-01", where, message, hint)
    elif blank:
        message = f"column {', '.join(blank)} has no header"
        yield Problem("TIDY-01", where, message, "give it one, or delete the column if it is empty")
    first: dict[str, int] = {}
    for number, title in enumerate(titles, 1):
        if title and title.casefold() in first:
            message = f"column {number}: the header '{title}' also stands over column {first[title.casefold()]}"
            yield Problem("TIDY-01", where, message, "give each column a header of its own, or delete one of the two")
        first.setdefault(title.casefold(), number)


def _frame(rows: Iterator[tuple[int, list[str]]], names: list[str], path: Path) -> tuple[pl.DataFrame, int]:
    """Read the rows in pieces; give the cells and the number of rows without any."""
    problems: list[Problem] = []
    pieces: list[pl.DataFrame] = []
    blank = 0
    while piece := list(islice(rows, _CHUNK)):
        full = [(line, cells) for line, cells in piece if any(cells)]
        blank += len(piece) - len(full)
        problems += [_ragged(line, cells, names, path) for line, cells in full if len(cells) != len(names)]
        if full and not problems:
            data = dict(zip(names, zip(*(cells for _, cells in full), strict=True), strict=True))
            lines = pl.Series(LINE, [line for line, _ in full], dtype=pl.Int64)
            frame = pl.DataFrame(data, schema=dict.fromkeys(names, pl.String)).with_columns(lines)
            pieces.append(frame.with_columns(pl.col(names).str.strip_chars().replace("", None)))
    if problems:
        more = len(problems) - SHOWN
        rest = [Problem("TIDY-06", str(path), f"and {more:,} more rows like these")] if more > 0 else []
        raise ProblemsError([*problems[:SHOWN], *rest])
    return (pl.concat(pieces) if pieces else pl.DataFrame()), blank


def _ragged(line: int, cells: list[str], names: list[str], path: Path) -> Problem:
    hint = "correct the row: a comma inside a cell needs quotation marks around the cell"
    return Problem("TIDY-06", f"{path}:{line}", f"{len(cells)} cells; the header has {len(names)}", hint)


def profile(sheet: Sheet, name: str) -> Profile:
    """Look at all cells of a column. Raises ProblemsError for a few texts in a column of numbers."""
    column = sheet.cells[name]
    counted = column.drop_nulls().to_frame().group_by(name, maintain_order=True).len()
    counts: dict[str, int] = dict(counted.iter_rows())
    markers = {value: count for value, count in counts.items() if _MARKER.fullmatch(value)}
    plain = {value: count for value, count in counts.items() if value not in markers}
    marked = {value: match for value in plain if (match := _MARKED.fullmatch(value))}
    bare = {value: marked[value]["figure"] if value in marked else value for value in plain}
    numbers = {value: text for value, figure in bare.items() if (text := canonical(figure)) is not None}
    if plain and len(numbers) == len(plain) and not any(re.match(r"0\d", value) for value in plain):
        kind = Kind.DECIMAL if any("." in text for text in numbers.values()) else Kind.INTEGER
        with_marks = {value: f"{text} {marked[value]['marks']}" for value, text in numbers.items() if value in marked}
        rewrites = {value: text for value, text in (numbers | with_marks).items() if text != value}
        symbols = "".join(sorted({sign for value in rewrites for sign in "£$€%" if sign in value}))
        if column.null_count():
            markers[BLANK] = column.null_count()
        marks: Counter[str] = Counter()
        for value, match in marked.items():
            marks[match["marks"]] += plain[value]
        return Profile(kind, plain, markers, rewrites, symbols, marks)
    _refuse_few_texts(sheet, name, plain, numbers)
    return Profile(_kind(counts), counts, {}, {}, "", {})


def canonical(text: str) -> str | None:
    """Give a number without signs of currency and percent, thousands commas and useless zeros; None if it is none."""
    match = _NUMBER.fullmatch(text)
    if match is None or (match["whole"] is None and match["fraction"] is None):
        return None
    if (match["sign"] == "(") != (match["end"] == ")"):
        return None
    whole = (match["whole"] or "0").replace(",", "")
    fraction = (match["fraction"] or "").rstrip("0").rstrip(".")
    number = whole + fraction
    return f"-{number}" if match["sign"] in ("-", "−", "(") and number.strip("0.") else number


def _refuse_few_texts(sheet: Sheet, name: str, plain: Mapping[str, int], numbers: Mapping[str, str]) -> None:
    """Refuse a column of numbers with a few cells that are none: a slip, or a marker nobody explained."""
    wrong = [value for value in plain if value not in numbers]
    figures = sum(plain[value] for value in numbers)
    cells = sum(plain.values())
    if figures < 10 or figures < 0.9 * cells or words(name) & (_NOT_NUMBERS | CATEGORIES | PERIODS):
        return
    rows = sheet.cells.filter(pl.col(name).is_in(wrong)).head(SHOWN)
    hint = "correct the number; where no figure is published, write '[x]' (docs/markers.md)"
    title = sheet.titles[name]
    message = f"is not a number; {figures:,} of {cells:,} cells of this column are"
    raise ProblemsError(
        [
            Problem("TIDY-02", f"{sheet.path}:{line}, column '{title}'", f"'{value}' {message}", hint)
            for line, value in rows.select(LINE, name).iter_rows()
        ]
    )


def _kind(values: Mapping[str, int]) -> Kind:
    if not values:
        return Kind.TEXT
    if all(value.casefold() in ("true", "false") for value in values):
        return Kind.BOOLEAN
    if all(re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value) for value in values):
        return Kind.MONTH
    return Kind.DATE if all(map(_is_date, values)) else Kind.TEXT


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
