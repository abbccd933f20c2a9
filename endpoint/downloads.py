"""Serve the published tables of a release, as they were checked: CSV files and their CSVW metadata."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from starlette.responses import FileResponse, Response, StreamingResponse

from endpoint.answers import MAX_AGE_S, is_current, link
from endpoint.catalogue import CODE_LIST
from endpoint.codings import IDENTITY, WORTH_FROM, coding_of, compressed_pieces, tag_of
from endpoint.media import CSV, HTML, JSON_LD, N_TRIPLES, RDF_XML, TURTLE, negotiate

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
_FILE: Final = re.compile(r"/(data|def/concept-scheme)/([^/]+)(?:/([^/]+\.(?:csv|json)))?")


def download(request: Request, serving: Serving, path: str) -> Response | None:
    """Answer with a published table, or its metadata, if the path is one; else None.

    `/data/{ds}/{table}.csv` is a table, `/data/{ds}.csv` the main one; so is `/data/{ds}` for a client that asks for
    text/csv by name. A client that takes anything gets the page, as for every other address.
    """
    match = _FILE.fullmatch(path)
    if match is None:
        return None
    name, file = unquote(match[2]), unquote(match[3] or "")
    is_whole = not file and not name.endswith(".csv") and _folder(serving, match[1], name) is not None
    if is_whole and not _wants_csv(request):
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
    offered = (HTML, TURTLE, N_TRIPLES, RDF_XML, JSON_LD, CSV)
    return negotiate(request.headers.get("accept"), offered) == CSV


def _send(request: Request, folder: FolderRecord, path: Path) -> Response:
    """Send a file, compressed as it is read if the client takes that, or a part of it (which never is)."""
    record = next(file for file in folder.outputs if file.path.endswith(f"/{folder.name}/{path.name}"))
    is_table = path.suffix == ".csv"
    is_whole = "range" not in request.headers and path.stat().st_size >= WORTH_FROM
    coding = coding_of(request) if is_whole else IDENTITY
    tag = tag_of(f'"{record.sha256[:32]}"', coding)
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={MAX_AGE_S}", "Vary": "Accept, Accept-Encoding"}
    if is_table:
        headers["Link"] = link(f"{path.stem}.csv-metadata.json", rel="describedby", type=CSVW)
    if is_current(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = CSV_TYPE if is_table else CSVW
    if coding == IDENTITY:
        return FileResponse(path, headers=headers)
    headers["Content-Encoding"] = coding
    pieces = compressed_pieces(_pieces(path), coding) if request.method != "HEAD" else iter(())
    return StreamingResponse(pieces, headers=headers)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
