"""The columns of a cube: its observations as Parquet, a column for each predicate, instead of as triples in the store.

The observations of a table come as columns of its own where `loader.csvw.observed` can tell what triples they make, and
as the triples themselves where it cannot; either way the columns say the same. Each value is the canonical term
(`loader.canonical`), as in the graph store. What does not fit (a blank node, an observation in two places of the table)
is stored as triples, as it would be anyway.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl
from polars.io.plugins import register_io_source

from loader.canonical import canonical_terms
from loader.csvw.observed import ObservedRows
from loader.cubes import Column, ColumnBuilder, Looked, Run, Values, finished
from loader.keyed import in_address, named_key
from loader.release import CubeRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from loader.release import KeyPart

MAX_COLUMNS: Final = 200
"""A cube with more columns than this has values in lists, and is stored as triples."""
SUBJECT: Final = "subject"
GROUP_ROWS: Final = 1 << 17
NONE: Final = "it has no observations"

Key = tuple[str, int]
"""A predicate, and the how-manieth of its values in a row."""


@dataclass(slots=True)
class Observations:
    """The observations of one table, taken from its columns or its triples as they pass."""

    prefix: str
    """What the address of every observation begins with, and of nothing else."""
    segments: deque[pl.Series | ObservedRows] = field(default_factory=deque)
    """Where the addresses of observations come from, in the order of the table."""
    columns: dict[Key, ColumnBuilder] = field(default_factory=dict)
    first: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The row in which a predicate is met first, and its place there."""
    rows: int = 0
    unfit: str = ""
    """Why the observations cannot be columns, once that is known."""
    elsewhere: str = ""
    """An observation that something else than the table describes, if there is one."""
    lines: int = 0
    """Triples taken as columns, about."""
    is_uncertain: bool = False
    """True if the columns of the table cannot tell whether two rows are one observation; its triples can."""
    held: bytes = b""
    """Lines of the last row, of which there may be more to come."""

    def note(self, chunk: bytes) -> None:
        """Take the observations from some lines of N-Triples, whose terms are canonical."""
        if self.unfit:
            return
        data = self.held + b"".join(self._own().findall(chunk))
        if not data:
            return
        last = data.rfind(b"\n", 0, -1) + 1
        subject = data[last : data.index(b" ", last) + 1]
        while last and data.startswith(subject, before := data.rfind(b"\n", 0, last - 1) + 1):
            last = before
        self.held = data[last:]
        self._add(data[:last])

    def note_other(self, chunk: bytes) -> None:
        """Look for observations in lines that are not of the table."""
        found = re.search(rb"^<" + re.escape(self.prefix.encode()) + rb"[^>]*>", chunk, re.MULTILINE)
        if found:
            self.elsewhere = found[0].decode()

    @property
    def is_none(self) -> bool:
        """Say whether the table has no observations."""
        return self.unfit == NONE

    def others(self, chunk: bytes) -> bytes:
        """Give those lines of the table that are not about observations."""
        return self._own().sub(b"", chunk)

    def _own(self) -> re.Pattern[bytes]:
        return re.compile(rb"(?:^<%b[^\n]*\n)+" % re.escape(self.prefix.encode()), re.MULTILINE)

    def take(self, rows: ObservedRows) -> None:
        """Take some rows as columns."""
        self._flush()
        if self.unfit:
            return
        self.segments.append(rows)
        for statement in rows.plan.statements:
            builder = self._column((statement.predicate, 0))
            if statement.lane is None:
                builder.add(Run(statement.constant, rows.rows))
                place: int | None = 0
            else:
                looked = Looked(statement, rows)
                place = 0 if statement.predicate in self.first else looked.first()
                builder.add(looked)
            self._meet(statement.predicate, place, statement.position)
        if rows.others is not None:
            others = rows.others.with_columns(canonical_terms(rows.others.get_column("term")))
            self._extend_all(others, rows.rows)
        self._end_rows(rows.rows)
        self.lines += rows.rows * max(1, len(rows.plan.statements))

    def _flush(self) -> None:
        rest, self.held = self.held, b""
        if not self.unfit:
            self._add(rest)

    def _add(self, data: bytes) -> None:
        if not data:
            return
        lines = _lines(data)
        split = lines.str.strip_suffix(" .").str.splitn(" ", 3).struct.unnest()
        subject, predicate, term = split.get_columns()
        if term.str.starts_with("_:").any():
            self.unfit = "it has blank nodes"
            return
        row = (subject != subject.shift(1)).fill_null(value=True).cum_sum().cast(pl.Int64) - 1
        self.segments.append(subject.filter((row != row.shift(1)).fill_null(value=True)))
        place = pl.int_range(len(row), eager=True)
        frame = pl.DataFrame({"row": row, "position": place, "predicate": predicate, "term": term})
        rows = int(row[-1]) + 1
        self._extend_all(frame, rows)
        self._end_rows(rows)

    def _extend_all(self, frame: pl.DataFrame, rows: int) -> None:
        """Add the terms of a block; its triples are by row and position."""
        for part in frame.partition_by("predicate", maintain_order=True):
            predicate = part["predicate"][0]
            self._meet(predicate, part["row"][0], part["position"][0])
            for number, values in enumerate(_layers(part)):
                self._column((predicate, number)).add_terms(values["row"], values["term"], rows)

    def _meet(self, predicate: str, place: int | None, position: int) -> None:
        if predicate not in self.first and place is not None:
            self.first[predicate] = (self.rows + place, position)

    def _column(self, key: Key) -> ColumnBuilder:
        column = self.columns.setdefault(key, ColumnBuilder())
        if len(self.columns) > MAX_COLUMNS:
            self.unfit = f"it has more than {MAX_COLUMNS} columns"
        column.extend_to(self.rows)
        return column

    def _end_rows(self, rows: int) -> None:
        self.rows += rows
        for column in self.columns.values():
            column.extend_to(self.rows)

    def write(self, parquet: Path, name: str, graph: str, key: Sequence[KeyPart] = ()) -> CubeRecord | None:
        """Write the columns, and what they are beside them; None if they cannot be, for the reason in `unfit`.

        `key` is what the mapping promises of addresses (`loader.keyed`). What was taken is used up.
        """
        self._flush()
        if self.elsewhere:
            self.unfit = f"{self.elsewhere} is described outside the table as well"
        if self.unfit or not self.rows:
            self.unfit = self.unfit or NONE
            return None
        columns = self._finish()
        described = tuple(column.described for column in columns)
        writer = Writer(self.prefix, self.segments, self.rows, columns, named_key(key, described))
        if not writer.write(parquet):
            self.unfit = "an observation is in two places of the table"
            self.is_uncertain = self.lines > 0
            parquet.unlink()
            return None
        triples = sum(self.rows - column.missing for column in described)
        record = CubeRecord(name, graph, self.prefix, self.rows, triples, described, writer.key)
        record.write(parquet.with_suffix(".json"))
        return record

    def _finish(self) -> list[Column]:
        """Finish the columns, in the order in which their predicates are met."""
        keys = sorted((key for key in self.columns if key[0] in self.first), key=lambda key: (self.first[key[0]], key))
        found = []
        for number, key in enumerate(keys, 1):
            found.append(finished(self.columns.pop(key), key[0], f"c{number}"))
        return found


@dataclass(slots=True)
class Writer:
    """Writes a Parquet file, some rows at a time."""

    prefix: str
    segments: deque[pl.Series | ObservedRows]
    rows: int
    columns: Sequence[Column]
    key: tuple[KeyPart, ...]
    """How addresses follow from columns; none if they turn out not to."""
    hashes: list[pl.Series] = field(default_factory=list)
    pieces: dict[str, Values] = field(default_factory=dict)

    def write(self, parquet: Path) -> bool:
        """Write the file; False if two rows have the same address."""

        def rows(
            with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
        ) -> Iterator[pl.DataFrame]:
            assert with_columns is None
            assert predicate is None
            assert n_rows is None
            assert batch_size is None or batch_size
            return self._frames()

        first = pl.Schema({SUBJECT: pl.String()} | {s.name: s.dtype for c in self.columns for s in c.slice(0, 0)})
        source = register_io_source(rows, schema=first)
        source.sink_parquet(parquet, compression="zstd", row_group_size=GROUP_ROWS, maintain_order=True)
        return pl.concat(self.hashes).n_unique() == self.rows

    def _frames(self) -> Iterator[pl.DataFrame]:
        start = 0
        for subjects in self._subjects():
            self.hashes.append(subjects.hash())
            parts = [part for column in self.columns for part in column.slice(start, len(subjects))]
            frame = pl.DataFrame([subjects, *parts])
            if self.key and not self._is_kept(subjects, start):
                self.key = ()
            start += len(subjects)
            yield frame

    def _is_kept(self, subjects: pl.Series, start: int) -> bool:
        """Say whether the addresses of some rows follow from the columns as the key says."""
        texts = [
            pl.lit(part.text)
            if part.column is None
            else pl.lit(self._pieces()[part.column].slice(start, len(subjects)))
            for part in self.key
        ]
        return bool(pl.select(pl.lit(subjects).eq_missing(pl.concat_str(texts)).all()).item())

    def _pieces(self) -> dict[str, Values]:
        """Give what each column puts into addresses."""
        if not self.pieces:
            columns = {column.described.name: column.values for column in self.columns}
            for part in self.key:
                values = columns.get(part.column)
                if part.column is not None and values is not None:
                    self.pieces[part.column] = Values(in_address(values.values.cast(pl.String), part), values.codes)
        return self.pieces

    def _subjects(self) -> Iterator[pl.Series]:
        """Give the addresses without what all begin with, for a group of rows at a time."""
        ready: list[pl.Series] = []
        while self.segments:
            segment = self.segments.popleft()
            if isinstance(segment, ObservedRows):
                ready.append(segment.subjects(self.prefix))
            else:
                ready.append(segment.str.strip_prefix(f"<{self.prefix}").str.strip_suffix(">"))
            while sum(map(len, ready)) >= GROUP_ROWS:
                whole = pl.concat(ready)
                yield whole.head(GROUP_ROWS).rechunk().alias(SUBJECT)
                ready = [whole.slice(GROUP_ROWS)]
        if rest := [part for part in ready if len(part)]:
            yield pl.concat(rest).rechunk().alias(SUBJECT)


def _lines(data: bytes) -> pl.Series:
    """Cut N-Triples into lines; there is no control character in them."""
    schema = {"line": pl.String}
    return pl.read_csv(data, has_header=False, separator="\x01", quote_char=None, schema=schema).to_series()


def _layers(part: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Give the values of one predicate, in as many columns as a row has different ones at most."""
    if not (part["row"] == part["row"].shift(1)).any():
        yield part
        return
    # the order within a row means nothing in RDF; sorted, a value stated for every row stays in one column
    part = part.select("row", "term").unique().sort("row", "term")
    part = part.with_columns(layer=pl.int_range(pl.len()).over("row"))
    for number in part["layer"].unique().sort():
        yield part.filter(pl.col("layer") == number)
