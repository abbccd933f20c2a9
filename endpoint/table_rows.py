"""Which row of its published table a thing is in, found by the address that CSVW metadata gives each row.

A table is read once: a number for the address of each row, and where every so many rows begin. The row that is found
is read again and compared, so that what is said is exact; where the metadata is not plain, nothing is said.
"""

from __future__ import annotations

import csv
import json
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from endpoint.rows import RESERVED, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_BYTES: Final = 32_000_000
"""Larger tables are not read for the sake of a row: half a million rows take two to three seconds, and 8 MB."""
TABLES: Final = 32
"""Tables that are kept in mind."""
STEP: Final = 64
"""Rows from one known place of a table to the next."""
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table, without the one of titles."""

    table: Path
    parts: tuple[tuple[str, str, int], ...]
    """The template: a text, then how a variable is expanded and the number of its column, -1 for the last text."""
    numbers: array[int]
    """A number for the address of each row; different addresses have different ones, nearly always."""
    order: array[int]
    """The rows, counted from 0, in the order of their numbers."""
    places: array[int]
    """Where every `STEP`th row begins, in bytes."""

    def row_of(self, address: str) -> int | None:
        """Give the row, as fragments count (RFC 7111: titles are row 1); None if no row or several have the address."""
        wanted = hash(address)
        start = bisect_left(self.order, wanted, key=self.numbers.__getitem__)
        alike = list(takewhile(lambda row: self.numbers[row] == wanted, self.order[start : start + 2]))
        return alike[0] + 2 if len(alike) == 1 and self._address(alike[0]) == address else None

    def _address(self, number: int) -> str:
        with self.table.open("rb") as file:
            file.seek(self.places[number // STEP])
            lines = (line.decode() for line in file)
            row = next(islice(csv.reader(lines), number % STEP, None))
        return _expanded(self.parts, row)


def row_of(table: Path, metadata: Path, address: str, subject: str) -> int | None:
    """Give the row of a thing in the table that is published at an address; None if that is not known for certain."""
    parts = read_template(metadata)
    if not parts:
        return None
    start, end = parts[0][0], parts[-1][0]
    possible = [text for text in _spellings(address, subject) if text.startswith(start) and text.endswith(end)]
    rows = read_rows(table, metadata) if possible else None
    found = (rows.row_of(text) for text in possible) if rows is not None else ()
    return next((number for number in found if number is not None), None)


def _spellings(address: str, subject: str) -> Iterator[str]:
    """Yield the ways in which a template may write the address of a thing: whole, and relative to the table."""
    yield subject
    up, folder = "", address.rpartition("/")[0]
    while folder.count("/") > 2:
        if subject.startswith(f"{folder}/"):
            yield up + subject.removeprefix(f"{folder}/")
        up, folder = f"../{up}", folder.rpartition("/")[0]
    if subject.startswith(f"{folder}/"):
        yield up + subject.removeprefix(f"{folder}/")
        yield subject.removeprefix(folder)


@lru_cache(TABLES)
def read_rows(table: Path, metadata: Path) -> TableRows | None:
    """Read a table of a release, which never changes; None if its metadata is not plain, or it is too large."""
    parts = read_template(metadata)
    if not parts or table.stat().st_size > LARGEST_BYTES:
        return None
    numbers, places = array("q"), array("q")
    last = max(column for _, _, column in parts)
    try:
        for place, row in _read(table):
            if len(numbers) % STEP == 0:
                places.append(place)
            numbers.append(hash(_expanded(parts, row)) if len(row) > last else 0)
    except (UnicodeDecodeError, csv.Error):
        return None
    order = array("L", sorted(range(len(numbers)), key=numbers.__getitem__))
    return TableRows(table, parts, numbers, order, places)


def _read(table: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row after the titles, and where it begins: a row of a CSV reader ends where it stopped to read."""
    read = 0
    with table.open("rb") as file:

        def lines() -> Iterator[str]:
            nonlocal read
            for line in file:
                read += len(line)
                yield line.removeprefix(_BOM).decode()

        rows = csv.reader(lines())
        next(rows, None)
        place = read
        for row in rows:
            yield place, row
            place = read


@lru_cache(TABLES)
def read_template(metadata: Path) -> tuple[tuple[str, str, int], ...]:
    """Read the template of rows; nothing if it is not one `aboutUrl` made of columns, or the table has a dialect."""
    try:
        document = json.loads(metadata.read_text(encoding="utf-8"))
        schema = document["tableSchema"]
        about = schema.get("aboutUrl") or document.get("aboutUrl")
        names = [column["name"] for column in schema["columns"] if not column.get("virtual")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    if not isinstance(about, str) or "dialect" in document or "{" in VARIABLE.sub("", about):
        return ()
    pieces = VARIABLE.split(about)
    if not set(pieces[2::3]) <= set(names) or len(pieces) == 1:
        return ()
    variables = [
        (text, RESERVED if mark else "", names.index(name))
        for text, mark, name in zip(pieces[0::3], pieces[1::3], pieces[2::3], strict=False)
    ]
    return (*variables, (pieces[-1], "", -1))


def _expanded(parts: tuple[tuple[str, str, int], ...], row: list[str]) -> str:
    return "".join([text + _quoted(row[column], safe) if column >= 0 else text for text, safe, column in parts])


@lru_cache(1 << 14)
def _quoted(cell: str, safe: str) -> str:
    return quote(cell, safe=safe)
