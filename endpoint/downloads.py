"""Serve the published tables of a release, as they were checked: CSV files and their CSVW metadata."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from starlette.responses import FileResponse, Response, StreamingResponse

from endpoint.answers import MAX_AGE_S, is_current, link, named_form
from endpoint.catalogue import CODE_LIST
from endpoint.codings import IDENTITY, WORTH_FROM, coding_of, compressed_pieces, tag_of
from endpoint.media import CSV, HTML, PAGE_FORMS, RDF_FORMS, by_name, negotiate
from endpoint.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request

    from endpoint.serving import Serving
    from loader.release import FolderRecord

CSVW: Final = "application/csvm+json"
"""Media type of CSVW metadata documents (Tabular Data Model §5.2)."""
CSV_TYPE: Final = "text/csv; charset=utf-8; header=present"
PIECE_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))")
_FILE: Final = re.compile(r"/(data|def/concept-scheme)/([^/]+)(?:/([^/]+\.(?:csv|json)))?")


def download(request: Request, serving: Serving, path: str) -> Response | None:
    """Answer with a published table, or its metadata, if the path is one; else None.

    `/data/{ds}/{table}.csv` is a table, `/data/{ds}.csv` the main one; so is `/data/{ds}` for a client that asks for
    text/csv or `?format=csv`, or that says nothing at all of what it takes, as `pandas.read_csv` does. A client that
    says it takes anything gets the page, as for every other address. A table asked for as RDF is described.
    """
    match = _FILE.fullmatch(path)
    if match is None:
        return None
    name, file = unquote(match[2]), unquote(match[3] or "")
    is_whole = not file and not name.endswith(".csv") and _folder(serving, match[1], name) is not None
    if is_whole and not _wants_csv(request):
        return None
    if file.endswith(".csv") and _wants_rdf(request) and any(map(serving.source.has, serving.site.subjects(path))):
        return None
    folder = _folder(serving, match[1], name if file else name.removesuffix(".csv"))
    if folder is None:
        return None
    found = serving.release.table(folder.name, file or f"{folder.name}.csv")
    return _send(request, folder, found) if found is not None else None


def _folder(serving: Serving, place: str, name: str) -> FolderRecord | None:
    is_code_list = place != "data"
    folders = serving.release.manifest.folders
    return next((one for one in folders if one.name == name and (one.kind == CODE_LIST) == is_code_list), None)


def _wants_csv(request: Request) -> bool:
    """Tell whether a dataset's address is asked for as a table rather than as a page or as RDF."""
    if named := named_form(request):
        return by_name(named, (CSV,)) is not None
    accept = request.headers.get("accept")
    return accept is None or negotiate(accept, (*PAGE_FORMS, CSV)) == CSV


def _wants_rdf(request: Request) -> bool:
    """Tell whether a table's address is asked for as RDF: browsers, which would take XML too, want the table."""
    return negotiate(request.headers.get("accept"), (HTML, CSV, *RDF_FORMS)) in RDF_FORMS


def _send(request: Request, folder: FolderRecord, path: Path) -> Response:
    """Send a file, compressed as it is read if the client takes that, or a part of it (which never is)."""
    record = next(file for file in folder.outputs if file.path.endswith(f"/{folder.name}/{path.name}"))
    is_table = path.suffix == ".csv"
    is_whole = "range" not in request.headers and path.stat().st_size >= WORTH_FROM
    coding = coding_of(request) if is_whole else IDENTITY
    tag = tag_of(f'"{record.sha256[:32]}"', coding)
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={MAX_AGE_S}", "Vary": "Accept, Accept-Encoding"}
    if is_table:
        place = "def/concept-scheme" if folder.kind == CODE_LIST else "data"
        metadata = f"/{place}/{folder.name}/{path.name}-metadata.json"
        headers["Link"] = link(metadata, rel="describedby", type=CSVW)
    if is_current(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = CSV_TYPE if is_table else CSVW
    if coding == IDENTITY:
        check_range(request, tag, record.size_bytes)
        return FileResponse(path, headers=headers)
    headers["Content-Encoding"] = coding
    pieces = compressed_pieces(_pieces(path), coding) if request.method != "HEAD" else iter(())
    return StreamingResponse(pieces, headers=headers)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def check_range(request: Request, tag: str, size: int) -> None:
    """See to it that a Range header is one range of bytes of this very file (RFC 9110 §14.2).

    Any other is passed over, and the whole file is the answer. Raises RequestError if the file has no such part.
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is not None and request.headers.get("if-range", tag) == tag:
        first, last, from_end = (int(number) if number else None for number in match.groups())
        if (first is not None and first >= size) or from_end == 0:
            detail = f"The file has {size:,} bytes"
            headers = {"Content-Range": f"bytes */{size}"}
            raise RequestError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, detail, headers)
        if first is None or last is None or first <= last:
            return
    request.scope["headers"] = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
