"""The command `dwpld dump`: what a release holds, to a file or stdout, as RDF or as a table."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from loader.dumps import compressed, dump_folder, dump_names, parquet, quads, triples
from loader.errors import MisuseError
from loader.parquet import main_table
from loader.releases import explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loader.release import FolderRecord, Release

STDOUT: Final = Path("-")
GZIP: Final = ".gz"
PARQUET: Final = "parquet"
CSV: Final = "csv"
N_TRIPLES: Final = "nt"
FORMATS: Final = ("nq", N_TRIPLES, CSV, PARQUET)
PIECE_BYTES: Final = 1 << 20


def dump(release: Release, names: Sequence[str], out: Path, format: str | None = None) -> None:  # noqa: A002
    """Write dumps of those names, or of everything if there are none; as the file name says, unless `format` does.

    `-` is stdout; a file appears only once all of it is there. Raises MisuseError for what cannot be had or written.
    """
    form = format or _format_of(out)
    if form in {CSV, PARQUET}:
        pieces = _table(release, _folder(release, names, form), form)
    else:
        write = triples if form == N_TRIPLES else quads
        pieces = write(release, *(names or dump_names(release)))
    with explained(f"{out} was not written"), _opened(out) as file:
        for piece in compressed(pieces) if out.suffix == GZIP else pieces:
            file.write(piece)


def _format_of(out: Path) -> str:
    """Take the format from the name of the file; N-Quads if it says nothing."""
    suffix = (out.with_suffix("") if out.suffix == GZIP else out).suffix.removeprefix(".")
    return suffix if suffix in FORMATS else FORMATS[0]


def _folder(release: Release, names: Sequence[str], form: str) -> FolderRecord:
    """Find the one folder whose table is wanted."""
    folders = [dump_folder(release, name) for name in names]
    if len(folders) != 1 or folders[0] is None:
        message = f"{form} is one table: give the name of one dataset or code list"
        raise MisuseError(message)
    return folders[0]


def _table(release: Release, folder: FolderRecord, form: str) -> Iterator[bytes]:
    if form == CSV:
        with main_table(release, folder).open("rb") as table:
            yield from iter(lambda: table.read(PIECE_BYTES), b"")
        return
    yield from parquet(release, folder)


@contextmanager
def _opened(out: Path) -> Iterator[IO[bytes]]:
    """Open stdout or a file; a file is written beside its place, and put there at the end."""
    if out == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if out.exists() and not out.is_file():  # a pipe or a device
        with out.open("wb") as file:
            yield file
        return
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as directory:
        part = Path(directory) / out.name
        with part.open("wb") as file:
            yield file
        shutil.move(part, out)
