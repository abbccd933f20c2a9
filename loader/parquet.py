"""The published table of a folder as Parquet, for people who analyse it: the columns of the CSV file, typed.

Cells keep the codes that the table has. A column is of numbers or dates if its metadata says so and every cell is one
as it stands; else it is text. In a table of one observation a row, the column `observation` has its address.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

import polars as pl
from polars.io.plugins import register_io_source

from loader.catalogue import SAMPLE_NOTE
from loader.csvw.metadata import read_metadata
from loader.csvw.report import Report
from loader.errors import MisuseError, ProblemsError
from loader.release import FolderRecord, read_cube
from loader.uris import Uris

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.csvw.metadata import Column, Table
    from loader.release import Release

OBSERVATION: Final = "observation"
CODE_LIST: Final = "code-list"
_INTEGERS: Final = frozenset(
    {"integer", "long", "int", "short", "nonNegativeInteger", "positiveInteger", "unsignedInt", "unsignedLong"}
)
_DECIMAL_DIGITS: Final = 38
ROWS: Final = 1 << 16
"""Rows that are put together at a time."""


def main_table(release: Release, folder: FolderRecord) -> Path:
    """Give the file of a folder's main table. Raises MisuseError if the release has lost it."""
    path = release.table(folder.name, f"{folder.name}.csv")
    if path is None or not path.is_file():
        message = f"{release.id} has no table of {folder.name}; build the release again"
        raise MisuseError(message)
    return path


def write_parquet(release: Release, folder: FolderRecord, target: Path | IO[bytes]) -> None:
    """Write the main table of a folder, some ten thousand rows at a time. Raises MisuseError if it is damaged."""
    path = main_table(release, folder)
    is_code_list = folder.kind == CODE_LIST
    uris = Uris.of(release.manifest.base_uri)
    address = uris.folder_document(folder.name, is_code_list=is_code_list, file=path.name)
    try:
        document = path.with_name(f"{path.name}-metadata.json").read_bytes()
        table = read_metadata(document, base_url=address, report=Report()).tables[0]
        rows = pl.scan_csv(path, infer_schema=False)
        cells = rows.select(_typed(rows, table))
        addresses = _addresses(release, folder, table, cells)
        if addresses is not None:
            cells = _side_by_side(addresses, cells)
        about = uris.scheme(folder.name) if is_code_list else uris.dataset(folder.name)
        known = {"dataset": about.value, "title": folder.title, "graph": folder.graph}
        known |= {"sample": SAMPLE_NOTE} if folder.is_sample else {}
        cells.sink_parquet(target, metadata=known, row_group_size=1 << 17)
    except (OSError, ProblemsError, pl.exceptions.PolarsError) as error:
        message = f"{path} or its metadata is missing or damaged, or there is no room for what is written ({error})"
        raise MisuseError(message) from error


def _side_by_side(first: pl.LazyFrame, second: pl.LazyFrame) -> pl.LazyFrame:
    """Put the rows of one frame, which can be read from any row, before those of another, piece by piece.

    `pl.concat` would hold what it has of the one until it has the same of the other.
    """

    def pieces(*_: object) -> Iterator[pl.DataFrame]:
        start = 0
        for piece in second.collect_batches(chunk_size=ROWS, maintain_order=True):
            yield pl.concat([first.slice(start, piece.height).collect(), piece], how="horizontal")
            start += piece.height

    schema = pl.Schema({**first.collect_schema(), **second.collect_schema()})
    return register_io_source(pieces, schema=schema)


def _typed(rows: pl.LazyFrame, table: Table) -> list[pl.Expr]:
    """Give the columns as what their metadata says they are, where that is so in every row."""
    described = [column for column in table.columns if not column.virtual]
    named = dict(zip(rows.collect_schema().names(), described, strict=True))
    cells = {name: _cell(name, column) for name, column in named.items()}
    places = {name: cell.str.splitn(".", 2).struct[1].str.len_chars().max() for name, cell in cells.items()}
    scales = (
        rows.select(places[name].fill_null(0).alias(name) for name in cells)
        .collect(engine="streaming")
        .row(0, named=True)
    )
    types = {name: _type(column, scales[name]) for name, column in named.items()}
    tried = {name: _cast(cells[name], kind) for name, kind in types.items() if kind is not None}
    lost = rows.select((one.is_null() & cells[name].is_not_null()).any().alias(name) for name, one in tried.items())
    fits = (
        {name for name, is_lost in lost.collect(engine="streaming").row(0, named=True).items() if not is_lost}
        if tried
        else set()
    )
    return [(tried[name] if name in fits else cells[name]).alias(name) for name in cells]


def _cell(name: str, column: Column) -> pl.Expr:
    return pl.when(~pl.col(name).is_in(column.null)).then(pl.col(name))


def _type(column: Column, scale: int) -> pl.DataType | None:
    """Give the type of a column by its metadata; None for text."""
    datatype = column.datatype
    if datatype.format is not None or column.separator is not None or column.default:
        return None
    if datatype.base in _INTEGERS:
        return pl.Int64()
    if datatype.base == "decimal" and scale < _DECIMAL_DIGITS:
        return pl.Decimal(_DECIMAL_DIGITS, scale)
    return {"double": pl.Float64(), "float": pl.Float64(), "date": pl.Date()}.get(datatype.base)


def _cast(cell: pl.Expr, kind: pl.DataType) -> pl.Expr:
    return cell.str.to_date("%Y-%m-%d", strict=False) if kind == pl.Date() else cell.cast(kind, strict=False)


def _addresses(release: Release, folder: FolderRecord, table: Table, cells: pl.LazyFrame) -> pl.LazyFrame | None:
    """Give the address of each row's observation; None if a row is not one observation, or none is a column."""
    described = release.path / "cubes" / f"{folder.name}.json"
    abouts = {column.about_url for column in table.columns if not column.suppress_output}
    if folder.kind == CODE_LIST or not described.exists() or len(abouts) > 1:
        return None
    cube = read_cube(described)
    if (
        cube.rows != cells.select(pl.len()).collect(engine="streaming").item()
        or OBSERVATION in cells.collect_schema().names()
    ):
        return None
    local = pl.scan_parquet(release.columns(cube)).select("subject")
    return local.select(pl.concat_str(pl.lit(cube.prefix), pl.col("subject")).alias(OBSERVATION))
