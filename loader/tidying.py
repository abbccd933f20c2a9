"""What tidy steps share: the report they write to, and readers that keep line numbers.

A tidy step turns one published file into a frame of strings, one row per observation (docs/mappings.md). Every row it
leaves out is counted with a reason, so that rows published = rows loaded + rows reported.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loader.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

MAX_TEXT_BYTES = 512 * 1024 * 1024
csv.field_size_limit(MAX_TEXT_BYTES)  # that of the csv module, 128 KiB, would end the reading in the midst of a file


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of a published file that does not become an observation: its source line (from 1), and why."""

    line: int
    reason: str
    amount: Decimal | None = None
    """Value of the measure in that row, where it has one, so that totals can be reconciled."""


@dataclass(frozen=True, slots=True)
class HeldName:
    """A name for which a row was held: perhaps a person's. It goes only where somebody asked for it (`loader.held`)."""

    file: str
    row: LeftOut
    name: str


@dataclass(slots=True)
class TidyReport:
    """Collects what a tidy step leaves out of one published file, and what is wrong with it."""

    file: str
    """Name of the published file, as messages show it."""
    encoding: str = "utf-8"
    """Encoding of the published file, from source.toml."""
    folder: Path = field(default_factory=Path)
    """The mapping folder, for lists that a tidy step keeps beside it."""
    skipped: list[LeftOut] = field(default_factory=list)
    held: list[LeftOut] = field(default_factory=list)
    names: list[HeldName] | None = field(default=None, repr=False)
    """Takes the names of held rows if somebody is to review them; None otherwise."""
    problems: list[Problem] = field(default_factory=list)
    rows_read: int = 0
    """Data rows (or data cells, for a wide table) met in the published file, loaded or not."""

    def skip(self, line: int, reason: str, amount: Decimal | None = None) -> None:
        """Count a row that is no data: blank, repeated header, total, truncated, no figure."""
        self.skipped.append(LeftOut(line, reason, amount))

    def hold(self, line: int, reason: str, amount: Decimal | None = None, name: str = "") -> None:
        """Count a row that is data but must not be published; its `name` is kept only for a review."""
        row = LeftOut(line, reason, amount)
        self.held.append(row)
        if self.names is not None:
            self.names.append(HeldName(self.file, row, name))

    def problem(self, code: str, where: str, message: str, hint: str = "") -> None:
        """Note something a person must fix. `where` follows the file name, as in `412, column 'Amount'`."""
        place = f"{self.file}:{where}" if where else self.file
        self.problems.append(Problem(code, place, message, hint))

    def stop(self, code: str, where: str, message: str, hint: str = "") -> ProblemsError:
        """Give the error to raise when reading cannot go on; it carries all problems noted so far."""
        self.problem(code, where, message, hint)
        return ProblemsError(self.problems)

    def reasons(self) -> dict[str, int]:
        """Rows left out, by reason, most frequent first."""
        return dict(Counter(row.reason for row in (*self.skipped, *self.held)).most_common())


def read_text(path: Path, report: TidyReport, encoding: str | None = None) -> str:
    """Read a whole text file in `encoding` (that of source.toml unless told), without byte order mark.

    Raises ProblemsError for an empty file, bytes that are not text, or bytes not valid in the encoding.
    """
    encoding = encoding or report.encoding
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise report.stop("FILE-04", "", f"the file has {size:,} bytes, more than {MAX_TEXT_BYTES:,}", "split the file")
    data = path.read_bytes()
    if not data.strip():
        raise report.stop("FILE-01", "", "the file is empty", "fetch the published file again")
    if b"\0" in data:
        hint = "check that this is the published text file, saved as CSV and not as a workbook or as UTF-16"
        raise report.stop("FILE-02", str(_line_at(data, data.index(b"\0"))), "the file is not text", hint)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = _line_at(data, error.start)
        message = f"byte 0x{data[error.start]:02X} is not valid {encoding}"
        hint = f"save the file as {encoding}, or change `encoding` in source.toml"
        raise report.stop("FILE-03", str(line), message, hint) from error


def _line_at(data: bytes, offset: int) -> int:
    """Give the line that a byte stands on, whatever ends lines: LF, CRLF or CR."""
    before = data[:offset]
    return 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")


def read_rows(text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield each row of a delimited text as (source line it starts on, stripped cells).

    Knows LF, CRLF and CR line ends. A blank line is a row without cells.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    line = 1
    for cells in reader:
        yield line, [cell.strip() for cell in cells]
        line = reader.line_num + 1
