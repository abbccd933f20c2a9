"""The dumps of a release, made as they are read: observations from the columns of cubes, then everything else.

Each dump is what one folder, or one RDF file, put into the release; two more are the vocabulary and the catalogue.
Observations come in the order of their table; every term is canonical, as in the graph store. What a dump takes in
memory does not grow with it.
Files are opened at the start and stay open: a dump that is being read ends well, though the release may be removed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tempfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import IO, TYPE_CHECKING, Final

import polars as pl

from loader.errors import MisuseError
from loader.release import DECIMAL, INTEGER, read_cube
from loader.uris import Uris
from ontology.terms import XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from typing_extensions import Buffer

    from loader.release import CubeColumn, CubeRecord, FileRecord, FolderRecord, GraphFileRecord, Release

ONTOLOGY: Final = "ontology"
CATALOGUE: Final = "catalogue"
READ_ROWS: Final = 1 << 14
"""Observations that are read at a time."""
ROWS: Final = 1 << 11
"""Observations that are written at a time: few megabytes of text, or writing waits for memory."""
PIECE_BYTES: Final = 1 << 22
"""Bytes of what is no observation that are read at a time."""
LEVEL: Final = 1
"""Of compression: a fourth larger than the usual one, in a fourth of the time."""
_START: Final = "dumps/"
_END: Final = ".nq.gz"
_DOT: Final = " .\n"
_TYPES: Final = {INTEGER: XSD.integer, DECIMAL: XSD.decimal}


def dump_names(release: Release) -> tuple[str, ...]:
    """Give the names of all dumps: folders (`codes-<list>`), RDF files (`graphs-<name>`), `ontology`, `catalogue`."""
    paths = (file.path for file in release.manifest.files)
    made = (path.removeprefix(_START).removesuffix(_END) for path in paths if path.startswith(_START))
    return (*made, ONTOLOGY, CATALOGUE)


def dump_folder(release: Release, name: str) -> FolderRecord | None:
    """Give the folder that a dump is of; None if it is of none. Raises MisuseError if there is no such dump."""
    for folder in release.manifest.folders:
        if any(file.path == f"{_START}{name}{_END}" for file in folder.outputs):
            return folder
    if name not in dump_names(release):
        message = f"{release.id} has no dump '{name}'; there are {', '.join(dump_names(release))}"
        raise MisuseError(message)
    return None


def graph_file(release: Release, name: str) -> GraphFileRecord | None:
    """Give the RDF file that a dump is of; None if it is of none."""
    return next((one for one in release.manifest.graph_files if one.output.path == f"{_START}{name}{_END}"), None)


def dump_hash(release: Release, name: str) -> str:
    """Give a hash that differs if what is dumped does."""
    folder = dump_folder(release, name)
    if file := graph_file(release, name):
        return file.output.sha256
    if folder is None:
        return release.manifest.content_sha256
    parts = [file.sha256 for file in folder.outputs if file.path.startswith((_START, "cubes/"))]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def quads(release: Release, *names: str) -> Iterator[bytes]:
    """Yield dumps as N-Quads, in pieces of whole lines. Raises MisuseError at once if there is none of a name."""
    return _lines(release, [(name, dump_folder(release, name)) for name in names], in_graph=True)


def triples(release: Release, *names: str) -> Iterator[bytes]:
    """Yield dumps as N-Triples, in pieces of whole lines. Raises MisuseError at once if there is none of a name."""
    return _lines(release, [(name, dump_folder(release, name)) for name in names], in_graph=False)


def graph_dumps(release: Release) -> dict[str, str]:
    """Give all named graphs of a release, each with the name of the dump that it is in."""
    uris = Uris.of(release.manifest.base_uri)
    files = [(one.graph, _stem(file.output)) for file in release.manifest.graph_files for one in file.graphs]
    named = {folder.graph: _stem(_dump_of(folder)) for folder in release.manifest.folders}
    return named | dict(files) | {uris.ontology().value: ONTOLOGY, uris.catalogue().value: CATALOGUE}


def _dump_of(folder: FolderRecord) -> FileRecord:
    return next(file for file in folder.outputs if file.path.startswith(_START))


def _stem(file: FileRecord) -> str:
    return file.path.removeprefix(_START).removesuffix(_END)


def graph_triples(release: Release, graph: str) -> Iterator[bytes]:
    """Yield a named graph as N-Triples, in pieces of whole lines, of which some may be empty."""
    name = graph_dumps(release)[graph]
    if graph_file(release, name) is None:
        return triples(release, name)
    end = f" <{graph}> .\n".encode()
    return (_of_graph(piece, end) for piece in quads(release, name))


def _of_graph(piece: bytes, end: bytes) -> bytes:
    lines = piece.splitlines(keepends=True)
    return b"".join(line[: -len(end)] + _DOT.encode() for line in lines if line.endswith(end))


def rest(release: Release, name: str) -> Iterator[bytes]:
    """Yield the N-Quads of a dump that are not in columns, in pieces of whole lines."""
    with _whole(release), gzip.open(release.path / f"{_START}{name}{_END}") as lines:
        yield from _pieces(lines)


@contextmanager
def _whole(release: Release) -> Iterator[None]:
    """Turn what is wrong with files of a release into words: MisuseError."""
    try:
        yield
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        message = f"release {release.id} is damaged ({error}); `dwpld releases --verify` says where"
        raise MisuseError(message) from error


@dataclass(frozen=True, slots=True)
class _Dump:
    """A dump whose files are open."""

    graph: str | None
    """The one graph that its quads are in; None for an RDF file, which may have several."""
    columns: tuple[CubeRecord, IO[bytes]] | None
    rest: gzip.GzipFile


def _open(release: Release, name: str, folder: FolderRecord | None, opened: ExitStack) -> _Dump:
    uris = Uris.of(release.manifest.base_uri)
    own = uris.ontology() if name == ONTOLOGY else uris.catalogue()
    described = release.path / "cubes" / f"{name}.json"
    columns = None
    if described.exists():
        cube = read_cube(described)
        columns = cube, opened.enter_context(release.columns(cube).open("rb"))
    lines = opened.enter_context(gzip.open(release.path / f"{_START}{name}{_END}"))  # noqa: SIM115 - entered here
    graph = own.value if folder is None else folder.graph
    return _Dump(None if graph_file(release, name) else graph, columns, lines)


def _lines(release: Release, named: list[tuple[str, FolderRecord | None]], *, in_graph: bool) -> Iterator[bytes]:
    """Yield observations, then the rest of each dump in turn."""
    with ExitStack() as opened, _whole(release):
        for dump in [_open(release, name, folder, opened) for name, folder in named]:
            end = f" <{dump.graph}> .\n" if in_graph else _DOT
            if dump.columns is not None:
                yield from observations(*dump.columns, end)
            for piece in _pieces(dump.rest):
                yield piece if in_graph else _without_graph(piece, dump.graph)


def _without_graph(piece: bytes, graph: str | None) -> bytes:
    """Make N-Triples of N-Quads: of one graph, or of any."""
    if graph is not None:
        return piece.replace(f" <{graph}> .\n".encode(), _DOT.encode())
    return b"".join(line[: line.rindex(b" <")] + _DOT.encode() for line in piece.splitlines(keepends=True))


def _pieces(lines: gzip.GzipFile) -> Iterator[bytes]:
    while piece := lines.readlines(PIECE_BYTES):
        yield b"".join(piece)


def observations(cube: CubeRecord, columns: Path | IO[bytes], end: str = _DOT) -> Iterator[bytes]:
    """Yield the triples of the observations of a cube by row and, within a row, by column; each line ends as given."""
    table = pl.scan_parquet(columns)
    lines = _row(cube, end)
    for start in range(0, cube.rows, READ_ROWS):
        for rows in table.slice(start, READ_ROWS).collect().iter_slices(ROWS):
            text = io.BytesIO()
            rows.select(lines).write_csv(text, include_header=False, quote_style="never", line_terminator="")
            yield text.getvalue()


def _row(cube: CubeRecord, end: str) -> pl.Expr:
    """Give the lines of a row."""
    parts: list[str | pl.Expr] = []
    for column in cube.columns:
        line = [f"<{cube.prefix}", pl.col("subject"), f"> <{column.predicate}> ", *_term(column), end]
        parts += [_joined(line).fill_null("")] if column.missing else line
    return _joined(parts).alias("lines")


def _term(column: CubeColumn) -> list[str | pl.Expr]:
    """Give a term."""
    if column.name is None:
        assert column.term is not None, "a column without values in the file has one term"
        return [column.term]
    text = pl.col(column.name).cast(pl.String)
    if column.kind not in _TYPES:
        return [text]
    if column.scale:
        text = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return ['"', text, f'"^^<{_TYPES[column.kind].value}>']


def _joined(parts: Iterable[str | pl.Expr]) -> pl.Expr:
    """Join text and columns, text beside text before: null where a column is."""
    found: list[pl.Expr] = []
    for is_text, group in groupby(parts, key=lambda part: isinstance(part, str)):
        if is_text:
            found.append(pl.lit("".join(part for part in group if isinstance(part, str))))
        else:
            found += [part for part in group if isinstance(part, pl.Expr)]
    return pl.concat_str(found)


def parquet(release: Release, folder: FolderRecord) -> Iterator[bytes]:
    """Yield the main table of a folder as a Parquet file, made on disk first, because its directory comes last.

    Raises MisuseError if the table is damaged, or there is no room in the directory for temporary files.
    """
    from loader.parquet import write_parquet  # reads CSVW, which most who need dumps do not

    with tempfile.TemporaryFile() as table:
        write_parquet(release, folder, table)
        table.seek(0)
        while piece := table.read(PIECE_BYTES):
            yield piece


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Compress pieces as one file of gzip, without name or time: equal content makes equal bytes."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, wbits=zlib.MAX_WBITS | 16)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


class Stream(io.RawIOBase):
    """A readable file made of pieces of bytes, as they come."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self.pieces = pieces
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer with the next bytes; 0 at the end, and not before: a piece may be empty."""
        while not self.rest:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self.rest = memoryview(piece)
        target = memoryview(buffer)
        size = min(len(target), len(self.rest))
        target[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
