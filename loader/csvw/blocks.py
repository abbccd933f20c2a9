"""Reading a file in blocks whose cells are plain to see, for the fast path.

A block is vouched for only if the reference reader (`tabular`) would find the same cells in it, and nothing to report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import polars as pl

from loader.csvw.tabular import MAX_ROW_CHARS, python_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.csvw.dialect import Dialect

BLOCK_BYTES: Final = 1 << 21


def read_blocks(stream: BinaryIO, dialect: Dialect) -> Iterator[bytes]:
    """Yield the file in blocks of whole rows, as far as the quotes tell."""
    quote = (dialect.quote_char or "").encode()
    rest = b""
    while more := stream.read(BLOCK_BYTES):
        data = rest + more
        end = data.rfind(b"\n") + 1
        if quote and quote in data:
            end = _row_end(data, end, quote)
        if not end and len(data) <= MAX_ROW_CHARS:
            rest = data
            continue
        end = end or len(data)
        yield data[:end]
        rest = data[end:]
    if rest:
        yield rest


def _row_end(data: bytes, end: int, quote: bytes) -> int:
    """Return the last end of a line that is not within quotes; 0 if none is near."""
    for _ in range(64):
        if not end or data.count(quote, 0, end) % 2 == 0:
            return end
        end = data.rfind(b"\n", 0, end - 1) + 1
    return 0


def parse_block(data: bytes, dialect: Dialect, names: tuple[str, ...]) -> pl.DataFrame | None:
    """Return the cells of a block, None if it is not plain."""
    delimiter = dialect.delimiter.encode()
    quote = (dialect.quote_char or "").encode()
    is_quoted = bool(quote) and quote in data
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if len(names) == 1 and (b"\n\n" in data or data.startswith(b"\n")):
        return None
    if not is_plain_text(data, dialect) or (is_quoted and not are_quotes_plain(data, delimiter, quote)):
        return None
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=dialect.delimiter,
            quote_char=dialect.quote_char if is_quoted else None,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if is_quoted and not are_cells_plain(frame, data, dialect):
        return None
    delimiters = data.count(delimiter) - (_count_within(frame, dialect.delimiter) if is_quoted else 0)
    return frame if len(names) == 1 or delimiters == frame.height * (len(names) - 1) else None


def are_cells_plain(frame: pl.DataFrame, data: bytes, dialect: Dialect) -> bool:
    """Say whether no cell of a block with quotes has a quote or the end of a line in it."""
    if frame.height != data.count(b"\n") + (not data.endswith(b"\n")):
        return False
    quotes = pl.all().str.contains(dialect.quote_char or "", literal=True).any()
    return not frame.select(pl.any_horizontal(quotes)).item()


def _count_within(frame: pl.DataFrame, delimiter: str) -> int:
    counts = frame.select(pl.all().str.count_matches(delimiter, literal=True).sum()).row(0)
    return sum(counts)


def is_plain_text(data: bytes, dialect: Dialect) -> bool:
    """Say whether a block has no NULs, stray carriage returns or comment lines, and is UTF-8."""
    if b"\0" in data or b"\r" in data:
        return False
    prefix = (dialect.comment_prefix or "").encode()
    if prefix and (data.startswith(prefix) or b"\n" + prefix in data):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def are_quotes_plain(data: bytes, delimiter: bytes, quote: bytes) -> bool:
    """Say whether half of the quotes begin cells and half end them, none being within a cell."""
    opening = data.count(delimiter + quote) + data.count(b"\n" + quote) + data.startswith(quote)
    closing = data.count(quote + delimiter) + data.count(quote + b"\n") + data.endswith(quote)
    return opening == closing == data.count(quote) / 2


def skip_header(stream: BinaryIO, dialect: Dialect) -> int | None:
    """Move to the first row of data and return how many rows came before; None if that is not plain to see."""
    quote = (dialect.quote_char or "").encode()
    if stream.read(3) != b"\xef\xbb\xbf":
        stream.seek(0)
    count = dialect.skip_rows + dialect.header_row_count
    for _ in range(count):
        line = stream.readline(MAX_ROW_CHARS)
        if not line.endswith(b"\n") or (quote and line.count(quote) % 2):
            return None
    return count


def is_plain_dialect(dialect: Dialect) -> bool:
    """Say whether the fast path reads files of this dialect."""
    return (
        python_encoding(dialect.encoding) == "utf-8"
        and dialect.line_terminators == ("\r\n", "\n")
        and len(dialect.delimiter.encode()) == 1
        and len((dialect.quote_char or '"').encode()) == 1
        and dialect.double_quote
        and not (dialect.skip_columns or dialect.skip_blank_rows or dialect.trim_start or dialect.trim_end)
    )
