"""Screen every published file before its tidy step: whether it is safe to read, and what stands beside its data.

The cells of the table that is read are judged after tidying, because tidy steps hold rows back (docs/persons.md). All
else is judged here: headers, rows above and below the table, other sheets, notes, links, texts of JSON and XML
(docs/sources.md).
"""
# ruff: noqa: EM101 -- problem codes, not messages

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.beside import Beside, beside_cells
from loader.errors import Problem, ProblemsError
from loader.gate.headers import Asked, asked_by, check_headers
from loader.gate.personal import check_texts
from loader.gate.shapes import SUSPECT, SUSPECT_OR_ODD, normalised
from loader.routes import Format, Number, delimiter_of, format_of, key_of, read_json, read_xml
from loader.tidying import read_rows, read_text
from loader.workbooks import check_archive, choose_sheet, read_sheets
from loader.xml_guard import XmlError, elements, local_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loader.mapping import PublishedFile
    from loader.tidying import TidyReport

MAX_PROBLEMS: Final = 100
"""Problems of one file after which the search in it ends."""
_MEMBER: Final = re.compile(r"[@$_A-Za-z][-_:.A-Za-z]*[0-9]{0,2}")
_ROWS_OF_HEADER: Final = 3
"""Rows that headers may go over."""
_LONGEST_HEADER: Final = 60
_WORDS_OF_LONE_HEADER: Final = 4
"""A cell alone in its rows is a header up to this many words, and a title or note beyond."""
_ASKED: Final = "GATE-10"
"""Not GATE-11: names of what, and of suppliers, are asked of the table that is published, not of its file."""
_LEFT_OUT: Final = (
    "take the column out of the published file; if no table has it, name it under left_out in source.toml"
)
_UUID: Final = r"(?i)^\s*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$"
"""Identifiers made of random digits, in which any number may turn up."""
_SENDERS: Final = frozenset({"Sender", "Receiver", "Contact"})

Row = tuple[int, "list[str]"]


def screen(path: Path, published: PublishedFile, report: TidyReport) -> None:
    """Note in `report` what a published file has that must not be published, beside the table that is read from it.

    Raises ProblemsError if the file must not be read any further.
    """
    before = len(report.problems)
    report.problems += check_texts([("name of a published file", path.stem.replace("_", " "))], published.policy)
    if len(report.problems) > before:
        raise ProblemsError(report.problems)
    form = format_of(path, report)
    try:
        found = _LOOKS[form](path, published, report)
    except XmlError as error:
        reason = str(error).partition("\n")[0]
        raise report.stop("SCREEN-03", str(error.line), f"the XML cannot be read: {reason}") from error
    report.problems += islice(_judged(found, published, report.file), MAX_PROBLEMS)


def _judged(found: Beside, published: PublishedFile, file: str) -> Iterator[Problem]:
    """Yield what the gate has against headers and texts, and parts that could not be read."""
    for place, fault in found.faults:
        hint = "fetch the published file again, and do not save it anew"
        yield Problem("SCREEN-03", f"{file}:{place}", fault, hint)
    yield from _judged_headers(found.headers, published, file)
    for place, text in _suspects(found.texts).iter_rows():
        # one by one, so that the search ends when there is enough
        yield from check_texts([(f"{file}:{place}", text)], published.policy)


def _suspects(texts: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Give the texts worth a closer look, each at its first place."""
    frame = pl.DataFrame(texts, schema={"place": pl.String, "text": pl.String}, orient="row")
    odd = frame.unique("text", keep="first", maintain_order=True).filter(pl.col("text").str.contains(SUSPECT_OR_ODD))
    forms = (normalised(odd["text"]), normalised(odd["text"], invisible=" "))
    found = [form.str.contains(SUSPECT) for form in forms]
    return odd.filter((found[0] | found[1]) & ~odd["text"].str.contains(_UUID))


def _judged_headers(headers: Sequence[tuple[str, str]], published: PublishedFile, file: str) -> Iterator[Problem]:
    """Yield the headers that ask for personal data; what their own text holds is for those who look at texts."""
    left_out = frozenset(map(key_of, published.left_out))
    for place, header in dict.fromkeys(headers):
        asked = asked_by(header)
        is_office = asked in {Asked.ADDRESS, Asked.POSTCODE} and bool(published.policy.office_columns)
        if asked is None or is_office or key_of(header) in left_out:
            continue
        name = key_of(header).replace(" ", "_")
        for problem in check_headers([header], f"{file}:{place}", published.policy, names=[name]):
            if problem.code == _ASKED:
                yield replace(problem, hint=_LEFT_OUT)


# Rows


def _look_at_text(path: Path, published: PublishedFile, report: TidyReport) -> Beside:
    text = read_text(path, report)
    rows = list(read_rows(text, delimiter_of(text)))
    found = Beside()
    _look_at_table(rows, lambda row, place: f"{row}, cell {place + 1}", published.header_row, found)
    return found


def _look_at_table(rows: Sequence[Row], name: Callable[[int, int], str], header_row: int | None, found: Beside) -> None:
    """Look at what surrounds the table: rows with less than half as many cells as the widest, and headers.

    A header is the row that source.toml names, or the first wide one; besides, rows below it, and the first row of each
    further block of rows, if they have no figures.
    """
    filled = [sum(map(bool, cells)) for _, cells in rows]
    wide = max(2, (max(filled, default=0) + 1) // 2)
    headers_left, after_gap = _ROWS_OF_HEADER, True
    for (row, cells), width in zip(rows, filled, strict=True):
        is_above = header_row is not None and row < header_row
        if is_above or (width < wide and row != header_row):
            after_gap = True
            found.texts += [(name(row, place), cell) for place, cell in enumerate(cells) if cell]
            continue
        has_figures = any(map(_is_figure, cells))
        is_first = headers_left == _ROWS_OF_HEADER if header_row is None else row == header_row
        if is_first or ((after_gap or headers_left > 0) and not has_figures):
            texts = [(name(row, place), cell) for place, cell in enumerate(cells) if cell]
            found.headers += texts
            found.texts += texts if is_first else []  # the others may be rows of a table of texts
        headers_left = 0 if has_figures and not is_first else headers_left - 1
        after_gap = False


def _is_figure(cell: str) -> bool:
    return cell.lstrip("-+(£$€ ")[:1].isdigit()


def _look_at_other(rows: Sequence[Row], name: Callable[[int, int], str], found: Beside) -> None:
    """Look at a sheet that is not the table: every cell is a text, and the first wide row of each block has headers."""
    block: list[Row] = []
    for row, cells in (*rows, (0, [])):
        found.texts += [(name(row, place), cell) for place, cell in enumerate(cells) if cell]
        if any(cells):
            block.append((row, cells))
        elif block:
            found.headers += _headers_of(block, name)
            block = []


def _headers_of(block: Sequence[Row], name: Callable[[int, int], str]) -> Iterator[tuple[str, str]]:
    """Yield the headers of some rows without a blank one between them."""
    widths = [sum(map(bool, cells)) for _, cells in block]
    widest = max(widths)
    row, cells = next(row for row, width in zip(block, widths, strict=True) if width * 2 >= widest)
    for place, cell in enumerate(cells):
        is_lone_title = widest == 1 and len(cell.split()) > _WORDS_OF_LONE_HEADER
        if cell and len(cell) <= _LONGEST_HEADER and not is_lone_title and not _is_figure(cell):
            yield name(row, place), cell


# Workbooks


def _look_at_workbook(path: Path, published: PublishedFile, report: TidyReport) -> Beside:
    kind = check_archive(path, report)
    sheets = read_sheets(path, report)
    names = [(f"{report.file}:name of sheet {number}", sheet.name) for number, sheet in enumerate(sheets, 1)]
    problems = list(check_texts(names, published.policy))
    if problems:  # no message may name the sheet from here on
        report.problems += problems
        raise ProblemsError(report.problems)
    found = beside_cells(path, kind)
    read = choose_sheet(sheets, published.sheet)
    for sheet in sheets:
        if sheet is read:
            _look_at_table(sheet.rows, sheet.place, published.header_row, found)
        else:
            _look_at_other(sheet.rows, sheet.place, found)
    return found


# JSON


def _look_at_json(path: Path, published: PublishedFile, report: TidyReport) -> Beside:
    found = Beside()
    document = read_json(path, report)
    data = _records_of(document)
    left_out = frozenset(map(key_of, published.left_out))
    keys: dict[str, str] = {}
    _gather_json(document, "", (data, left_out, keys), found)
    found.headers += [(where, key) for key, where in keys.items()]
    found.texts += found.headers
    return found


def _records_of(document: object) -> object:
    """Give the longest array of flat objects that is the document, or a member of it: the table, if there is one."""
    candidates = [document, *(document.values() if isinstance(document, dict) else ())]
    tables = [value for value in candidates if isinstance(value, list) and value and all(map(_is_flat, value))]
    return max(tables, key=len, default=None)


def _is_flat(value: object) -> bool:
    return isinstance(value, dict) and not any(isinstance(inner, (dict, list)) for inner in value.values())


def _gather_json(
    value: object, where: str, state: tuple[object, frozenset[str], dict[str, str]], found: Beside
) -> None:
    """Gather keys, and the texts outside the table; the document is shallow (`read_json`)."""
    data, left_out, keys = state
    if isinstance(value, dict):
        for number, (key, inner) in enumerate(value.items(), 1):
            # a key may be data itself, and is shown only if it looks like a name of a member
            place = f"{where}.{key if _MEMBER.fullmatch(key) else f'member {number}'}".removeprefix(".")
            keys.setdefault(key, where or "keys")
            if key_of(key) not in left_out:
                _gather_json(inner, place, state, found)
    elif isinstance(value, list):
        if value is data:
            for record in value:
                for key in record:
                    keys.setdefault(key, where or "keys")
            return
        for number, inner in enumerate(value):
            _gather_json(inner, f"{where}[{number}]", state, found)
    elif isinstance(value, str) and not isinstance(value, Number) and value.strip():
        found.texts.append((where, value))


# XML


def _look_at_xml(path: Path, published: PublishedFile, report: TidyReport) -> Beside:
    """Look at names of elements, attributes and components, texts and comments; values in attributes are data."""
    del published
    found = Beside()
    names: dict[str, str] = {}
    senders = 0
    for event, element in elements(read_xml(path, report)):
        name = local_name(element.tag)
        if name in _SENDERS:
            senders += 1 if event == "start" else -1
        if event == "start" and not senders:
            component = (element.get("id") or element.get("concept") or "") if name == "Value" else ""
            for asked in (name, component, *map(local_name, element.attrib)):
                names.setdefault(asked, str(element.sourceline))
        elif event != "start" and not (senders or name in _SENDERS):
            texts = [element.text, *(child.tail for child in element)]
            found.texts += [(str(element.sourceline), text) for text in texts if text and text.strip()]
        if event == "end":
            element.clear(keep_tail=True)
    found.headers += [(line, name) for name, line in names.items() if name]
    found.texts += found.headers
    return found


_LOOKS: Final[dict[Format, Callable[[Path, PublishedFile, TidyReport], Beside]]] = {
    Format.DELIMITED: _look_at_text,
    Format.WORKBOOK: _look_at_workbook,
    Format.JSON: _look_at_json,
    Format.XML: _look_at_xml,
}
