"""Published files of each format, built by hand so that any part of them can be wrong."""

from __future__ import annotations

import io
import warnings
import zipfile

from tests.integration import tiny

TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATED = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
BOOK = f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ROWS = (tiny.HEADER.split(","), *(row.split(",") for row in tiny.ROWS))


def cell(text: str, place: str = "") -> str:
    """Give a cell with a text or a whole number in it."""
    at = f' r="{place}"' if place else ""
    return f"<c{at}><v>{text}</v></c>" if text.isdigit() else f'<c{at} t="inlineStr"><is><t>{text}</t></is></c>'


def sheet_data(rows: object = ROWS) -> str:
    """Give the rows of a sheet."""
    assert isinstance(rows, tuple)
    lines = (
        "".join(cell(text, f"{'ABCDEF'[n]}{line}") for n, text in enumerate(row)) for line, row in enumerate(rows, 1)
    )
    return "".join(f'<row r="{line}">{cells}</row>' for line, cells in enumerate(lines, 1))


def sheet(data: str) -> str:
    """Give the part of one sheet."""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>'


def xlsx(data: str | None = None, **more: str | bytes) -> dict[str, str | bytes]:
    """Give the parts of a workbook of one visible sheet; `more` adds sheets, hidden, by name."""
    names = ["Data", *more]
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{n}" {"" if n == 1 else "state=" + chr(34) + "hidden" + chr(34)} r:id="r{n}"/>'
        for n, name in enumerate(names, 1)
    )
    links = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": f"{RELATED}{BOOK}</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"{RELATED}{links}</Relationships>",
        "xl/worksheets/sheet1.xml": sheet(sheet_data() if data is None else data),
    }
    return parts | {f"xl/worksheets/sheet{n}.xml": content for n, content in enumerate(more.values(), 2)}


MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="{}"/></manifest:manifest>'
)
ODF = "urn:oasis:names:tc:opendocument:xmlns"


def ods(rows: str | None = None, before: str = "") -> dict[str, str | bytes]:
    """Give the parts of an OpenDocument workbook of one sheet."""
    made = "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in ROWS)
    content = (
        f'<?xml version="1.0"?>{before}<office:document-content xmlns:office="{ODF}:office:1.0" '
        f'xmlns:table="{ODF}:table:1.0" xmlns:text="{ODF}:text:1.0" office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="Data">{made if rows is None else made + rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return {"mimetype": kind, "META-INF/manifest.xml": MANIFEST.format(kind), "content.xml": content}


def ods_cell(text: str) -> str:
    """Give a cell of an OpenDocument table."""
    kind = f'office:value-type="float" office:value="{text}"' if text.isdigit() else 'office:value-type="string"'
    return f"<table:table-cell {kind}><text:p>{text}</text:p></table:table-cell>"


def zipped(parts: dict[str, str | bytes] | list[tuple[str, str | bytes]]) -> bytes:
    """Put parts into an archive; a list may name a part twice."""
    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items() if isinstance(parts, dict) else parts:
            archive.writestr(name, content)
    return stream.getvalue()


MESSAGE = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
HEAD = "<m:Header><m:ID>x</m:ID><m:Test>false</m:Test><m:Prepared>2025-06-01T00:00:00</m:Prepared></m:Header>"


def observation(row: str, more: str = "") -> str:
    """Give an observation of a message that is specific to a structure."""
    area, period, figure = row.split(",")
    return f'<Obs area="{area}" period="{period}" households="{figure}"{more}/>'


def sdmx(inner: str | None = None, before: str = "", message: str = MESSAGE) -> bytes:
    """Give a data message of SDMX-ML 2.1."""
    observations = "".join(map(observation, tiny.ROWS)) if inner is None else inner
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<m:StructureSpecificData xmlns:m="{message}">'
        f"{HEAD}<m:DataSet>{observations}</m:DataSet></m:StructureSpecificData>"
    ).encode()
