"""What a workbook holds beside the cells of its sheets: notes, text boxes, links, copies of data behind pivot tables.

Names of authors and editors, which programs put into every file, are not gathered: they are not published by us.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loader.cells import cell_name, relations, xlsx_parts
from loader.workbooks import ODS
from loader.xml_guard import elements, local_name, xml_fault

if TYPE_CHECKING:
    from pathlib import Path

    from loader.xml_guard import Element

_SHEET: Final = re.compile(r"xl/(?:worksheets|chartsheets|dialogsheets)/[^/]+\.xml")
_NOT_LOOKED_AT: Final = re.compile(
    r"\[Content_Types\]\.xml|docProps/.*|meta\.xml|settings\.xml|META-INF/.*|xl/(?:styles|sharedStrings|calcChain)\.xml"
    r"|xl/(?:theme|persons)/.*|.*\.rdf|Thumbnails/.*"
)
"""Parts without text of their own, the cells' texts, and those that name authors."""
_CELLS: Final = re.compile(rb"<(?:\w+:)?sheetData[\s>].*?</(?:\w+:)?sheetData>", re.DOTALL)
_ATTRIBUTES: Final = frozenset(
    {"caption", "descr", "display", "error", "errorTitle", "name", "prompt", "promptTitle", "text", "title", "v"}
    | {"tooltip"}
)
"""Attributes that hold text for people, or values: cached data of pivot tables are in `v`."""
_FIELDS: Final = frozenset({"cacheField", "tableColumn"})
"""Elements whose `name` is the header of a column."""
_PRINTED: Final = frozenset(f"{page}{place}" for page in ("odd", "even", "first") for place in ("Header", "Footer"))
_PRINT_CODES: Final = re.compile(r'&(?:"[^"]*"|[0-9]+|K[0-9A-F]{6}|[A-Z])')
"""What says in a printed header or footer where a text stands and how it looks."""
_AUTHORS: Final = frozenset({"author", "authors", "creator", "date", "initials"})
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


@dataclass(slots=True)
class Beside:
    """Texts and headers beside the cells, each with the place that messages name."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Parts that cannot be read, and why."""


def beside_cells(path: Path, kind: str) -> Beside:
    """Gather what a workbook, whose archive was checked, holds beside its cells."""
    found = Beside()
    with zipfile.ZipFile(path) as archive:
        places = {} if kind == ODS else _places(archive)
        for name in archive.namelist():
            if _NOT_LOOKED_AT.fullmatch(name) or not name.endswith((".xml", ".rels")):
                continue
            data = archive.read(name)
            if _SHEET.fullmatch(name):
                data = _CELLS.sub(b"", data)
            place = places.get(name, f"part {name}")
            fault = xml_fault(data)
            if fault:
                found.faults.append((place, fault))
            elif name == "content.xml":
                _gather_ods(data, found)
            else:
                _gather(data, place, found)
    return found


def _places(archive: zipfile.ZipFile) -> dict[str, str]:
    """Name each part of an XLSX workbook that belongs to a sheet after it."""
    places: dict[str, str] = {}
    for sheet, part in xlsx_parts(archive).items():
        places[part] = sheet
        places |= dict.fromkeys(relations(archive, part).values(), sheet)
    return places


def _gather(data: bytes, place: str, found: Beside) -> None:
    """Gather texts and headers of a part of XLSX, or of an ODS part other than the sheets."""
    where = place
    for event, element in elements(data):
        name = local_name(element.tag)
        if event == "start" and name in {"comment", "threadedComment"}:
            where = f"{place}!{element.get('ref') or ''}, note"
        if event != "end" or not name or name in _AUTHORS:
            continue
        if name == "Relationship" and element.get("TargetMode") == "External":
            found.texts.append((f"{place}, link", element.get("Target") or ""))
        if name in _FIELDS:
            found.headers.append((place, element.get("name") or ""))
        found.texts += [(where, value) for key, value in element.attrib.items() if key in _ATTRIBUTES and value.strip()]
        if name in {"comment", "threadedComment", "p", "si"}:
            found.texts.append((where, _text(element)))
        elif element.text and element.text.strip() and name not in {"t", "r"}:
            found.texts.append((where, _PRINT_CODES.sub(" ", element.text) if name in _PRINTED else element.text))


def _text(element: Element) -> str:
    """Join the texts within an element, which may be split where their looks change."""
    return "".join(
        piece.text or "" for piece in element.iter() if local_name(piece.tag) and local_name(piece.tag) not in _AUTHORS
    )


def _gather_ods(data: bytes, found: Beside) -> None:
    """Gather the notes, text boxes and tracked changes of the sheets of an OpenDocument spreadsheet."""
    sheet, row, nested = "", 0, 0
    for event, element in elements(data):
        name = local_name(element.tag)
        if element.tag == f"{_TABLE}table":
            nested += 1 if event == "start" else -1
            if event == "start" and nested == 1:
                sheet, row = element.get(f"{_TABLE}name") or "", 0
        elif event == "start" and element.tag == f"{_TABLE}table-row":
            row += 1
        elif event == "end" and element.tag == f"{_TABLE}table-row":
            element.clear()
        elif event == "end" and name in {"p", "h"} and _is_beside(element):
            found.texts.append((f"{sheet or 'the workbook'}{_cell_of(element, row)}, note", _text(element)))


def _is_beside(paragraph: Element) -> bool:
    """Say whether a paragraph is no value of a cell."""
    parent = paragraph.getparent()
    return parent is None or local_name(parent.tag) not in {"table-cell", "covered-table-cell"}


def _cell_of(element: Element, row: int) -> str:
    """Name the cell that an element hangs on, as far as rows and cells are not given for several at once."""
    for parent in element.iterancestors(f"{_TABLE}table-cell"):
        return f"!{cell_name(row, 1 + sum(1 for _ in parent.itersiblings(preceding=True)))}"
    return ""
