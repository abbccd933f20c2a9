"""From bytes to rows of cells (Model for Tabular Data and Metadata on the Web §8)."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final

from loader.csvw.findings import MODEL, Findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.csvw.dialect import Dialect

BLOCK_BYTES: Final = 1 << 20
MAX_ROW_CHARS: Final = 16 * 1024 * 1024
MAX_ROW_LINES: Final = 1_000_000
MAX_COLUMNS: Final = 16_384
"""As many as a sheet of a workbook can have."""
# Labels of the WHATWG Encoding Standard that mean something else to Python.
_WHATWG: Final = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gbk", "euc_kr": "cp949"}
_UNICODE: Final = frozenset({"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"})


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `number` counts data rows, `source_number` all rows of the file, `line` its lines; all from 1."""

    number: int
    source_number: int
    line: int
    cells: list[str]


@dataclass(slots=True)
class RowReader:
    """Reads one file in one dialect: first the header, then the rows, both from the same stream.

    After `read_header`, `titles` holds the titles of each column and `comments` what skipped and comment rows said.
    `line`, `number` and `source_number` say how far it is; a reader may begin in the midst of a file.
    """

    stream: BinaryIO
    dialect: Dialect
    findings: Findings
    comments: list[str] = field(default_factory=list)
    titles: list[list[str]] = field(default_factory=list)
    line: int = 1
    header_line: int = 1
    number: int = 0
    source_number: int = 0
    width: int = 0
    begins_file: bool = True
    _contents: Iterator[tuple[int, str]] = field(init=False)
    _cell: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self._contents = self._read_contents(self._read_lines())
        self._cell = cell_pattern(self.dialect)

    def read_header(self) -> None:
        """Read skipped and header rows (steps 6 to 8). Raises `UnreadableError`."""
        for _ in range(self.dialect.skip_rows):
            line, content = next(self._contents, (0, ""))
            if not line:
                break
            self.source_number += 1
            if content and not self._take_comment(content):
                self.comments.append(content)
        for _ in range(self.dialect.header_row_count):
            line, content = next(self._contents, (0, ""))
            if not line:
                break
            self.source_number += 1
            self.header_line = line
            if not self._take_comment(content):
                self._add_titles(self._cells(content, line))
        first = next(self._contents, None)
        if first:
            self._contents = chain([first], self._contents)
        if not self.source_number and not first:
            hint = "the file needs a header row and data"
            raise self.findings.stop(0, "CSVW-EMPTY", f"the file is empty ({MODEL} §8)", hint)
        self.width = len(self.titles)
        if not self.dialect.header_row_count and first:
            self.width = max(len(self._cut(first[1])[0]) - self.dialect.skip_columns, 0)
        self._check_width()

    def _check_width(self) -> None:
        if self.width > MAX_COLUMNS:
            message = f"{self.width:,} columns, more than {MAX_COLUMNS:,}"
            raise self.findings.stop(self.header_line, "CSVW-SIZE", message, "look for line ends that are missing")

    def _add_titles(self, cells: list[str]) -> None:
        cells = cells[self.dialect.skip_columns :]
        self.titles += [[] for _ in range(len(cells) - len(self.titles))]
        for titles, cell in zip(self.titles, cells, strict=False):
            if cell.strip():
                titles.append(cell)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of data (step 10). Raises `UnreadableError`."""
        skip_columns, skip_blank = self.dialect.skip_columns, self.dialect.skip_blank_rows
        for line, content in self._contents:
            self.source_number += 1
            if self.dialect.comment_prefix and self._take_comment(content):
                if self.dialect.implies_comments:
                    message = f"taken as a comment, as the dialect has no commentPrefix ({MODEL} §8)"
                    hint = 'write "commentPrefix": null in the dialect if it is data'
                    self.findings.warn(line, "CSVW-COMMENT", message, hint)
                continue
            cells = self._cells(content, line)
            if skip_blank and not any(cells):
                continue
            self.number += 1
            yield Row(self.number, self.source_number, line, cells[skip_columns:] if skip_columns else cells)

    def _take_comment(self, content: str) -> bool:
        prefix = self.dialect.comment_prefix
        if prefix is None or not content.startswith(prefix):
            return False
        if text := content[len(prefix) :].strip():
            self.comments.append(text)
        return True

    # Bytes to lines

    def _read_text(self) -> Iterator[str]:
        """Yield the decoded file in blocks. Undecodable bytes are an error to a validator, U+FFFD to a converter."""
        encoding = python_encoding(self.dialect.encoding)
        has_nul_bytes = encoding.startswith(("utf-16", "utf-32"))
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        is_first, line = self.begins_file, self.line
        while True:
            block = self.stream.read(BLOCK_BYTES)
            if not has_nul_bytes and b"\0" in block:
                raise self._binary(line + block.count(b"\n", 0, block.index(b"\0")))
            state = decoder.getstate()
            try:
                text = decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                self._report_encoding(error, line)
                decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
                decoder.setstate(state)
                text = decoder.decode(block, not block)
            if "\0" in text:
                raise self._binary(line + text.count("\n", 0, text.index("\0")))
            line += text.count("\n")
            yield text.removeprefix("\ufeff") if is_first else text
            is_first = is_first and not text
            if not block:
                return

    def _binary(self, line: int) -> Exception:
        hint = "save it as CSV: this may be a spreadsheet file, or text in an encoding the dialect does not name"
        return self.findings.stop(line, "CSVW-BINARY", f"a NUL character: not a text file ({MODEL} §8)", hint)

    def _report_encoding(self, error: UnicodeDecodeError, line: int) -> None:
        before = error.object[: error.start].decode(python_encoding(self.dialect.encoding), "replace")
        wrong = error.object[error.start : error.end].hex(" ")
        line += before.count("\n")
        message = f"the bytes {wrong} are not {self.dialect.encoding} ({MODEL} §8)"
        hint = 'save the file as UTF-8, or name its encoding in "dialect": {"encoding": …}, often windows-1252'
        if self.findings.report.strict:
            raise self.findings.stop(line, "CSVW-ENCODING", message, hint)
        self.findings.row(line, "CSVW-ENCODING", message, hint)

    def _read_lines(self) -> Iterator[tuple[str, str]]:
        """Yield lines with their terminators."""
        terminators = sorted(self.dialect.line_terminators, key=len, reverse=True)
        pattern = re.compile("|".join(map(re.escape, terminators)))
        longest = len(terminators[0]) - 1
        is_unicode = python_encoding(self.dialect.encoding) in _UNICODE
        rest = ""
        for block in self._read_text():
            text = rest + (block if is_unicode else unicodedata.normalize("NFC", block))
            end, limit = 0, len(text) - (longest if block else 0)
            for match in pattern.finditer(text):
                if match.end() > limit:
                    break
                yield text[end : match.start()], match[0]
                end = match.end()
            rest = text[end:]
            if len(rest) > MAX_ROW_CHARS:
                raise self._too_long(self.line)
        if rest:
            yield rest, ""

    def _read_contents(self, lines: Iterator[tuple[str, str]]) -> Iterator[tuple[int, str]]:
        """Yield the content of each row with its line: lines, joined where a quoted cell runs over several."""
        quote = self.dialect.quote_char
        for content, terminator in lines:
            start, self.line = self.line, self.line + 1
            if not quote or quote not in content or self._is_complete(content):
                yield start, content
                continue
            pieces, size, is_open = [content, terminator], len(content), True
            for more, terminator in lines:
                self.line += 1
                pieces += (more, terminator)
                size += len(more) + 1
                if size > MAX_ROW_CHARS or len(pieces) > 2 * MAX_ROW_LINES:
                    raise self._too_long(start)
                if quote in more and not self._is_complete(more):
                    is_open = False
                    break
            if is_open:
                message = f"a quoted cell that begins here never ends ({MODEL} §8)"
                self.findings.row(start, "CSVW-QUOTE", message, "close the quote, or double a quote within a cell")
            yield start, "".join(pieces[:-1])

    def _too_long(self, line: int) -> Exception:
        message = f"a row of more than {MAX_ROW_CHARS:,} characters or {MAX_ROW_LINES:,} lines"
        return self.findings.stop(line, "CSVW-SIZE", message, "look for a quote that is not closed")

    def _is_complete(self, content: str) -> bool:
        """Say whether the quotes of a line are balanced."""
        dialect = self.dialect
        if dialect.escape_char != dialect.quote_char:
            content = re.sub(r"\\.", "", content, flags=re.DOTALL)
        return content.count(dialect.quote_char or "") % 2 == 0

    # Rows to cells

    def _cells(self, content: str, line: int) -> list[str]:
        """Cut the content of a row into cells; report quotes that are out of place."""
        cells, is_well_formed = self._cut(content)
        if not is_well_formed:
            message = f"a quote stands within a cell that does not begin with one, or text follows one ({MODEL} §8)"
            self.findings.row(line, "CSVW-QUOTE", message, "enclose the cell in quotes, and double those within it")
        return cells

    def _cut(self, content: str) -> tuple[list[str], bool]:
        """Return the cells of a row, and whether its quotes are where they belong."""
        dialect = self.dialect
        quote, escape = dialect.quote_char, dialect.escape_char
        if (not quote or quote not in content) and (escape == quote or not escape or escape not in content):
            cells = content.split(dialect.delimiter)
            if dialect.trim_start or dialect.trim_end:
                cells = [self._trim(cell) for cell in cells]
            return cells, True
        found = self._match_cells(content)
        if found is not None:
            return found, True
        return split_leniently(content, dialect.delimiter, quote or "", escape or ""), False

    def _match_cells(self, content: str) -> list[str] | None:
        """Cut a row whose quotes are where they belong; None for any other."""
        cells, at, quote, escape = [], 0, self.dialect.quote_char or "", self.dialect.escape_char or ""
        while True:
            match = self._cell.match(content, at)
            if not match:
                return None
            if match["quoted"] is None:
                cells.append(self._trim(match["plain"] if escape == quote else _unescape(match["plain"], escape)))
            elif escape != quote:
                cells.append(_unescape(match["quoted"], escape))
            else:
                cells.append(match["quoted"].replace(quote + quote, quote))
            at = match.end()
            if not match["delimiter"]:
                return cells if at == len(content) else None

    def _trim(self, cell: str) -> str:
        cell = cell.lstrip() if self.dialect.trim_start else cell
        return cell.rstrip() if self.dialect.trim_end else cell


def _unescape(text: str, escape: str) -> str:
    return re.sub(re.escape(escape) + "(.)", r"\1", text, flags=re.DOTALL)


def cell_pattern(dialect: Dialect) -> re.Pattern[str]:
    """Return the pattern of one cell and the delimiter after it."""
    delimiter = re.escape(dialect.delimiter)
    if not dialect.quote_char:
        return re.compile(rf"(?P<plain>(?:(?!{delimiter}).)*)(?P<quoted>(?!))?(?P<delimiter>{delimiter})?", re.DOTALL)
    quote, last = re.escape(dialect.quote_char), re.escape(dialect.quote_char[-1])
    if dialect.escape_char != dialect.quote_char:
        inner, plain = rf"(?:(?!{quote})[^\\]|\\.)*", rf"(?:(?!{delimiter}|{quote})[^\\]|\\.)*"
    elif len(dialect.quote_char) == 1:
        inner, plain = rf"[^{last}]*(?:{quote}{quote}[^{last}]*)*", rf"(?:(?!{delimiter})[^{last}])*"
    else:
        inner, plain = rf"(?:(?!{quote}).|{quote}{quote})*", rf"(?:(?!{delimiter}|{quote}).)*"
    before, after = r"\s*" if dialect.trim_start else "", r"\s*" if dialect.trim_end else ""
    quoted = rf"{before}{quote}(?P<quoted>{inner}){quote}{after}"
    return re.compile(rf"(?:{quoted}|(?P<plain>{plain}))(?:(?P<delimiter>{delimiter})|\Z)", re.DOTALL)


def split_leniently(content: str, delimiter: str, quote: str, escape: str) -> list[str]:
    """Cut a row as the algorithm does after its errors: a quote switches, wherever it stands."""
    special = [delimiter, quote, escape + quote if escape else "", *([escape] if escape != quote else [])]
    pattern = "|".join(re.escape(text) for text in sorted(filter(None, special), key=len, reverse=True))
    cells: list[str] = []
    cell: list[str] = []
    is_quoted, at = False, 0
    for match in re.finditer(pattern, content):
        if match.start() < at:
            continue
        cell.append(content[at : match.start()])
        at, token = match.end(), match[0]
        if token == escape + quote and (escape != quote or is_quoted):
            cell.append(quote)
        elif token in (quote, escape + quote):
            is_quoted = not is_quoted
            at = match.start() + len(quote)
        elif token == escape:
            cell.append(content[at : at + 1])
            at += 1
        elif is_quoted:
            cell.append(token)
        else:
            cells.append("".join(cell))
            cell = []
    return [*cells, "".join([*cell, content[at:]])]


def python_encoding(name: str) -> str:
    """Return Python's name for an encoding named as the WHATWG Encoding Standard does."""
    known = codecs.lookup(name).name
    return _WHATWG.get(known, known)
