"""Published files in several formats, made for tests: the same table as text, workbook, JSON and SDMX."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from openpyxl import Workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HEADER = ("Area", "Month", "Households")
ROWS: tuple[tuple[str, str, int], ...] = (
    ("E06000001", "2025-04", 1000),
    ("E06000001", "2025-05", 2000),
    ("W06000015", "2025-05", 4000),
)
NAMESPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"


def delimited(path: Path, sign: str = ",", encoding: str = "utf-8") -> Path:
    """Write the table as delimited text."""
    lines = [sign.join(map(str, row)) for row in (HEADER, *ROWS)]
    path.write_text("\n".join(lines) + "\n", encoding)
    return path


def xlsx(path: Path, change: Callable[[Workbook], object] | None = None) -> Path:
    """Write the table as a workbook, changed before it is saved."""
    book = Workbook()
    page = book.worksheets[0]
    page.title = "Data"
    for row in (HEADER, *ROWS):
        page.append(row)
    if change is not None:
        change(book)
    book.save(path)
    return path


def ods_cell(value: str | float, more: str = "") -> str:
    """Write a cell of an OpenDocument spreadsheet; `more` stands before its text."""
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string">{more}<text:p>{escape(value)}</text:p></table:table-cell>'
    shown = f"{value:,}"
    return (
        f'<table:table-cell office:value-type="float" office:value="{value}">{more}'
        f"<text:p>{shown}</text:p></table:table-cell>"
    )


def ods_sheet(name: str, rows: Sequence[Sequence[str | float]] = (HEADER, *ROWS), style: str = "shown") -> str:
    """Write a sheet of an OpenDocument spreadsheet, with the blank rows below that programs write."""
    lines = "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in rows)
    rest = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    return f"<table:table table:name={quoteattr(name)} table:style-name={quoteattr(style)}>{lines}{rest}</table:table>"


def ods(path: Path, sheets: str | None = None, prolog: str = "", manifest: str = "") -> Path:
    """Write sheets as an OpenDocument spreadsheet."""
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table"><style:table-properties table:display="{shown}"/>'
        "</style:style>"
        for name, shown in (("shown", "true"), ("hidden", "false"))
    )
    body = ods_sheet("Data") if sheets is None else sheets
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<office:document-content {NAMESPACES} office:version="1.3">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{body}</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", ODS_TYPE, zipfile.ZIP_STORED)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest or f'<manifest media-type="{ODS_TYPE}"/>')
    return path


def records(path: Path, changed: dict[str, object] | None = None) -> Path:
    """Write the table as an array of flat objects, with members added to the first."""
    table: list[dict[str, object]] = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    table[0] |= changed or {}
    path.write_text(json.dumps(table), "utf-8")
    return path


def sdmx(path: Path, *, version: str = "v2_1", prolog: str = "", extra: str = "", observation: str = "") -> Path:
    """Write the table as a structure-specific message of SDMX-ML; `extra` stands at the start of the dataset."""
    series = "".join(
        f'<Series AREA="{area}"><Obs PERIOD="{period}" HOUSEHOLDS="{figure}"{observation}/></Series>'
        for area, period, figure in ROWS
    )
    root = "http://www.sdmx.org/resources/sdmxml/schemas"
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<m:StructureSpecificData xmlns:m="{root}/{version}/message" '
        f'xmlns:s="{root}/{version}/data/structurespecific"><m:Header><m:ID>X</m:ID>'
        '<m:Structure structureID="S" dimensionAtObservation="PERIOD"/></m:Header>'
        f'<m:DataSet s:structureRef="S" s:action="Append">{extra}{series}</m:DataSet></m:StructureSpecificData>',
        "utf-8",
    )
    return path


def generic_sdmx(path: Path) -> Path:
    """Write the table as a generic message of SDMX-ML 2.1."""
    series = "".join(
        f'<g:Series><g:SeriesKey><g:Value id="AREA" value="{area}"/></g:SeriesKey><g:Obs>'
        f'<g:ObsDimension value="{period}"/><g:ObsValue value="{figure}"/></g:Obs></g:Series>'
        for area, period, figure in ROWS
    )
    root = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1"
    path.write_text(
        f'<m:GenericData xmlns:m="{root}/message" xmlns:g="{root}/data/generic"><m:Header>'
        '<m:Structure structureID="S" dimensionAtObservation="PERIOD"/></m:Header>'
        f'<m:DataSet structureRef="S">{series}</m:DataSet></m:GenericData>',
        "utf-8",
    )
    return path
