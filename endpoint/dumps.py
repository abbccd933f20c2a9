"""Serve the dumps of a release: `/dumps/{name}.nq.gz`, `.nq`, `.nt.gz`, `.nt` and `.parquet`, made as they are sent.

`/dumps/all.nq.gz` is everything. A dump may be larger than memory, so it is made piece by piece in a thread, and not at
all for HEAD or for a client that has it already. The file name of invented figures says `sample`, as the triples do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse

from endpoint.answers import MAX_AGE_S, is_current
from endpoint.problems import RequestError
from loader.dumps import compressed, dump_folder, dump_hash, dump_names, parquet, quads, triples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from endpoint.serving import Serving
    from loader.release import FolderRecord, Release

PLACE: Final = "/dumps/"
ALL: Final = "all"
"""Name of the dump of everything."""
PARQUET: Final = "parquet"
GZIP_TYPE: Final = "application/gzip"
TYPES: Final = {
    "nq.gz": GZIP_TYPE,
    "nt.gz": GZIP_TYPE,
    "nq": "application/n-quads",
    "nt": "application/n-triples",
    PARQUET: "application/vnd.apache.parquet",
}
_PATH: Final = re.compile(rf"{PLACE}([^/]+?)\.({'|'.join(map(re.escape, TYPES))})")


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump in one form."""

    release: Release
    name: str
    form: str

    @property
    def folder(self) -> FolderRecord | None:
        """The folder it is of; None if it is of several, or of the vocabulary or the catalogue."""
        return None if self.name == ALL else dump_folder(self.release, self.name)

    @property
    def file_name(self) -> str:
        """Name under which it is saved."""
        mark = "-sample" if self.folder is not None and self.folder.is_sample else ""
        return f"{self.name}{mark}.{self.form}"

    @property
    def tag(self) -> str:
        """Its entity tag: the content's, and weak because another version may compress otherwise."""
        content = self.release.manifest.content_sha256 if self.name == ALL else dump_hash(self.release, self.name)
        return f'W/"{content[:32]}-{self.form}"'

    def pieces(self) -> Iterator[bytes]:
        """Yield what it consists of."""
        if self.form == PARQUET:
            assert self.folder is not None, "only folders have a table"
            return parquet(self.release, self.folder)
        names = dump_names(self.release) if self.name == ALL else (self.name,)
        write = triples if self.form.startswith("nt") else quads
        lines = write(self.release, *names)
        return compressed(lines) if self.form.endswith(".gz") else lines


def dump(request: Request, serving: Serving, path: str) -> Response:
    """Answer with a dump. Raises RequestError if there is none at the path."""
    found = find(serving.release, path)
    headers = {
        "Content-Type": TYPES[found.form],
        "Content-Disposition": f'attachment; filename="{found.file_name}"',
        "ETag": found.tag,
        "Cache-Control": f"public, max-age={MAX_AGE_S}",
    }
    if is_current(request, found.tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    pieces = found.pieces() if request.method == "GET" else iter(())
    first = next(pieces, b"")  # what cannot be made at all is not answered with 200
    return StreamingResponse(chain([first], pieces), headers=headers)


def dump_links(folder: FolderRecord | None) -> list[tuple[str, str]]:
    """Give the dumps of a dataset that its page leads to: what each is called, and where it is."""
    if folder is None or not any(file.path == f"dumps/{folder.name}.nq.gz" for file in folder.outputs):
        return []
    forms = (("Parquet", PARQUET), ("N-Quads", "nq.gz"), ("N-Triples", "nt.gz"))
    return [(title, f"{PLACE}{folder.name}.{form}") for title, form in forms]


def find(release: Release, path: str) -> Dump:
    """Find the dump at a path. Raises RequestError, naming those there are, if there is none."""
    match = _PATH.fullmatch(path)
    names = (ALL, *dump_names(release))
    if match is None or match[1] not in names:
        forms = ", ".join(TYPES)
        detail = f"There is no dump at {path}. There are {PLACE}{{name}} in the forms {forms}, of {', '.join(names)}"
        raise RequestError(HTTPStatus.NOT_FOUND, detail)
    found = Dump(release, match[1], match[2])
    if found.form == PARQUET and found.folder is None:
        detail = f"{found.name} is no table: there is {PLACE}{found.name}.nq.gz"
        raise RequestError(HTTPStatus.NOT_FOUND, detail)
    return found
