"""The fast path: the triples of a table a column at a time, by polars expressions made once per table.

It says what `rdf.TableConverter` says, byte for byte, or nothing. A file is read in blocks. The distinct values of a
column are parsed by the reference path, once each, and looked up by number from then on; a column of mostly different
values is checked as a whole. A block that is not plain (a quote within quotes, a NUL, a row too short, a cell in error)
is handed back, and the reference path reads that block.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, Final

import polars as pl

from loader.csvw import values
from loader.csvw.addresses import MAX_CHARS, fault_of
from loader.csvw.blocks import is_plain_dialect, parse_block, read_blocks
from loader.csvw.emissions import (
    NULL_KEY,
    Compiler,
    Derived,
    Emission,
    Part,
    UnsupportedError,
    Use,
    expression,
    merged_parts,
)
from loader.csvw.observed import plan_observed
from loader.csvw.rdf import has_dots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loader.csvw.cells import Cell
    from loader.csvw.dialect import Dialect
    from loader.csvw.keys import Key
    from loader.csvw.metadata import Column
    from loader.csvw.observed import Observed, ObservedRows, Observer
    from loader.csvw.rdf import ColumnPlan, TableConverter

SLICE_ROWS: Final = 4000
MAX_CATEGORIES: Final = 20_000
WORKERS: Final = 2
_PLAIN_NUMBERS: Final = {
    "decimal": r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$",
    "double": r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$",
    "float": r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$",
}
_UNRESERVED: Final = r"^[A-Za-z0-9._~-]+$"
_TO_ESCAPE: Final = r'[\x00-\x1f\x7f"\\]'


@dataclass(frozen=True, slots=True)
class Plain:
    """A column of mostly different values, checked as a whole and copied."""

    column: Column
    derived: tuple[Derived, ...]

    def check(self, cells: pl.Series) -> pl.Series | None:
        """Return the cells of a block, null where they stand for null; None if one is not plainly valid."""
        column = self.column
        is_null = cells.is_in(list(column.null))
        if is_null.any():
            if column.required:
                return None
            cells = pl.select(pl.when(~is_null).then(cells)).to_series()
        known = cells.drop_nulls()
        if not is_plain(known, column):
            return None
        if any(derived.is_encoded for derived in self.derived) and not _are_plain_in_addresses(known):
            return None
        if any(derived.is_relative for derived in self.derived) and known.str.starts_with(".").any():
            return None
        return cells


def _are_plain_in_addresses(cells: pl.Series) -> bool:
    lengths = cells.str.len_bytes().max()
    is_short = not isinstance(lengths, int) or lengths <= MAX_CHARS
    return is_short and bool(cells.str.contains(_UNRESERVED).all()) and not cells.is_in([".", ".."]).any()


def wrap(cells: pl.Series, derived: Derived) -> pl.Series:
    """Return the derived texts of cells that are plainly valid."""
    if not derived.before and not derived.after:
        text = pl.lit(cells)
    else:
        text = pl.concat_str([pl.lit(derived.before), pl.lit(cells), pl.lit(derived.after)])
    return pl.select(text if derived.if_null is None else text.fill_null(derived.if_null)).to_series()


def is_plain(cells: pl.Series, column: Column) -> bool:
    """Say whether all cells are valid and canonical as they stand; a False may be wrong, a True never is."""
    base = column.datatype.base
    if base in values.INTEGER_RANGES:
        numbers = cells.cast(pl.Int64, strict=False)
        is_canonical = not numbers.null_count() and bool((numbers.cast(pl.String) == cells).all())
        return is_canonical and _is_within(numbers, *values.INTEGER_RANGES[base])
    if base in _PLAIN_NUMBERS:
        return bool(cells.str.contains(_PLAIN_NUMBERS[base]).all())
    return not (cells == "").any() and not cells.str.contains(_TO_ESCAPE).any()


def _is_within(numbers: pl.Series, low: int | None, high: int | None) -> bool:
    least, most = numbers.min(), numbers.max()
    if not isinstance(least, int) or not isinstance(most, int):
        return numbers.is_empty()
    return (low is None or least >= low) and (high is None or most <= high)


def can_be_plain(column: Column, derived: tuple[Derived, ...]) -> bool:
    """Say whether `is_plain` knows enough of a column to vouch for its cells."""
    datatype = column.datatype
    if datatype.format is not None or datatype.is_bounded or datatype.is_sized or column.default:
        return False
    if any(d.before is None or d.makes_address is not None for d in derived):
        return False
    if datatype.base in _PLAIN_NUMBERS:
        return all(d.name.startswith("literal") for d in derived)
    return datatype.base in values.INTEGER_RANGES or datatype.base == "string"


@dataclass(slots=True)
class Dictionary:
    """The distinct values of a column so far, and the texts derived from each; `plain` takes over if they are many."""

    plan: ColumnPlan
    derived: tuple[Derived, ...]
    plain: Plain | None
    dtype: pl.Categorical = field(init=False)
    categories: pl.Categories = field(default_factory=pl.Categories.random)
    texts: dict[str, pl.Series] = field(default_factory=dict)
    size: int = 0
    wrong: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_full: bool = False
    keeper: pl.Series = field(init=False)

    def __post_init__(self) -> None:
        self.dtype = pl.Categorical(self.categories)
        self.keeper = pl.Series([], dtype=self.dtype)  # categories live as long as a series that has them

    def look_up(self, cells: pl.Series) -> pl.Series | None:
        """Return the numbers of the values of a block, or its cells if they are many; None if one is in error."""
        if self.is_full or (not self.size and cells.n_unique() > MAX_CATEGORIES // 4):
            self.is_full = True
            return self.plain.check(cells) if self.plain else None
        with self.lock:
            codes = cells.cast(self.dtype).to_physical()
            known = self.categories.to_series()
            self.is_full = known.len() > MAX_CATEGORIES
            if known.len() > self.size:
                self._add(known.slice(self.size).to_list())
            wrong = self.wrong
        return None if wrong and codes.is_in(wrong).any() else codes

    def text(self, found: pl.Series, derived: Derived) -> pl.Series:
        """Return a derived text of each cell of a block that was looked up."""
        if found.dtype.is_unsigned_integer():
            return self.texts[derived.name].gather(found)
        return wrap(found.cast(pl.String), derived)

    def _add(self, new: list[str]) -> None:
        """Parse values not met before."""
        cells: list[Cell | None] = [self._known(text) for text in new]
        self.wrong = [*self.wrong, *(self.size + i for i, cell in enumerate(cells) if cell is None)]
        texts = {}
        for derived in self.derived:
            added = pl.Series([None if cell is None else derived.of_cell(cell) for cell in cells], dtype=pl.String)
            texts[derived.name] = pl.concat([self.texts[derived.name], added], rechunk=True) if self.size else added
        self.texts = texts
        self.size += len(new)

    def _known(self, text: str) -> Cell | None:
        """Parse a value; None if it is in error, or for the reference path to judge."""
        cell = self.plan.parser.parse(text)
        is_wrong = bool(cell.problems)
        if any(derived.is_encoded for derived in self.derived):
            is_wrong = is_wrong or any(fault_of(value.canonical) for value in cell.values)
        if any(derived.is_relative for derived in self.derived):
            is_wrong = is_wrong or any(has_dots(value.canonical) for value in cell.values)
        checks = [derived.makes_address for derived in self.derived if derived.makes_address]
        return None if is_wrong or not all(check(cell) for check in checks) else cell


@dataclass(slots=True)
class Block:
    """A piece of the file that ends with a row."""

    data: bytes
    row_number: int
    source_number: int
    rows: int = 0
    """0 while, or because, the fast path does not vouch for it."""
    keys: pl.Series | None = None
    observed: ObservedRows | None = None
    """What it says of observations, if that is not among the triples."""
    writer: ColumnPath | None = None
    """What writes its triples, made of `texts`."""
    texts: pl.DataFrame | None = None
    chunks: Iterator[bytes] | tuple[()] = ()


@dataclass(slots=True)
class ColumnPath:
    """The fast path of one table."""

    dialect: Dialect
    real: tuple[str, ...]
    lanes: dict[str, Dictionary]
    emissions: list[Emission]
    primary_key: tuple[str, ...]
    counts_rows: bool
    derived: Mapping[str, Derived]
    observed: Observed | None = None
    rest: ColumnPath | None = None
    """Writes the triples that `observed` does not take; None if it takes all."""
    expressions: dict[frozenset[str], tuple[list[pl.Expr], pl.Expr]] = field(default_factory=dict)
    guards: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.guards = frozenset(emission.guard for emission in self.emissions if emission.guard)

    def observe(self, prefix: str) -> None:
        """Take what the rows say of subjects below an address out of the triples, if that can be told beforehand."""
        planned = plan_observed(self.emissions, self.derived, self.lanes, prefix)
        if planned is not None:
            self.observed, rest = planned
            self.rest = replace(self, emissions=rest, observed=None, expressions={}) if rest else None

    def needed(self) -> Iterator[str]:
        """Give the names of the texts that triples are made of."""
        for emission in self.emissions:
            names = (part.name for part in (*emission.subject, *emission.rest) if isinstance(part, Use))
            yield from (name for name in (*names, emission.guard) if name is not None and name in self.derived)

    @property
    def is_exhausted(self) -> bool:
        """Say whether no further block can be converted."""
        return any(lane.is_full and lane.plain is None for lane in self.lanes.values())

    def prepare(self, block: Block) -> Block:
        """Check a block and look up its texts, or leave it as it is."""
        if self.is_exhausted:
            return block
        frame = parse_block(block.data, self.dialect, self.real)
        if frame is None:
            return block
        found: dict[str, pl.Series] = {}
        for name, lane in self.lanes.items():
            values = lane.look_up(frame.get_column(name))
            if values is None:
                return block
            found[name] = values
        block.rows = frame.height
        if self.primary_key:
            block.keys = combined([self._hashes(f"key {name}", found) for name in self.primary_key])
        block.observed = self.observed.take(found, frame.height) if self.observed else None
        block.writer = self if block.observed is None else self.rest
        if block.writer is not None:
            block.texts = block.writer.texts(block, found)
        return block

    def texts(self, block: Block, found: Mapping[str, pl.Series]) -> pl.DataFrame:
        """Give the texts that the triples of a block are made of."""
        texts = {name: self._text(name, found) for name in self.needed()}
        if self.counts_rows:
            texts["_row"] = _numbers(block.row_number, block.rows)
            texts["_sourceRow"] = _numbers(block.source_number, block.rows)
        return pl.DataFrame(texts or {"": pl.repeat(None, block.rows, eager=True)})

    def _hashes(self, name: str, found: Mapping[str, pl.Series]) -> pl.Series:
        """Hash a text of each row; once for each value of a column whose values have numbers."""
        column = self.derived[name].column
        if found[column].dtype.is_unsigned_integer():
            return self.lanes[column].texts[name].hash().gather(found[column])
        return self._text(name, found).hash()

    def _text(self, name: str, found: Mapping[str, pl.Series]) -> pl.Series:
        column = self.derived[name].column
        return self.lanes[column].text(found[column], self.derived[name])

    def write(self, texts: pl.DataFrame) -> bytes:
        """Return the triples of some rows."""
        absent = frozenset(name for name in self.guards if texts.get_column(name).null_count())
        if absent not in self.expressions:
            self.expressions[absent] = row_expressions(self.emissions, absent)
        subjects, row = self.expressions[absent]
        lines = texts.with_columns(subjects).select(row).to_series().str.join("").cast(pl.Binary).item()
        assert isinstance(lines, bytes)
        return lines


def _numbers(start: int, height: int) -> pl.Series:
    return pl.select(pl.int_range(start, start + height).cast(pl.String)).to_series()


@dataclass(slots=True)
class SeenKeys:
    """The primary keys of a table, as 64-bit hashes."""

    hashes: list[pl.Series] = field(default_factory=list)

    def add(self, hashes: pl.Series | None) -> None:
        """Remember the keys of a block."""
        if hashes is not None:
            self.hashes.append(hashes)

    def add_keys(self, keys: list[Key]) -> None:
        """Remember keys from the reference path, written as the columns do."""
        if keys:
            texts = [
                [NULL_KEY if part is None else "\x1f".join(part) for part in place] for place in zip(*keys, strict=True)
            ]
            self.hashes.append(combined([pl.Series(place, dtype=pl.String).hash() for place in texts]))

    def are_repeated(self) -> bool:
        """Say whether two rows have the same key."""
        return bool(self.hashes) and bool(pl.concat(self.hashes).is_duplicated().any())


def combined(hashes: list[pl.Series]) -> pl.Series:
    """Combine the hashes of the parts of keys; their order counts."""
    found = hashes[0]
    for part in hashes[1:]:
        found = pl.struct(found.alias("left"), part.alias("right"), eager=True).hash()
    return found


def row_expressions(emissions: list[Emission], absent: frozenset[str]) -> tuple[list[pl.Expr], pl.Expr]:
    """Return the expressions for the subjects and the text of a row; `absent` names guards that may be missing."""
    subjects = {subject: f"subject {i}" for i, subject in enumerate(dict.fromkeys(e.subject for e in emissions))}
    made = [expression(subject).alias(name) for subject, name in subjects.items() if len(subject) > 1]
    pieces: list[Part | pl.Expr] = []
    for emission in emissions:
        short = emission.subject if len(emission.subject) == 1 else (Use(subjects[emission.subject]),)
        parts = merged_parts([*short, *emission.rest])
        if emission.guard in absent:
            is_there = pl.col(emission.guard or "").is_not_null()
            pieces.append(pl.when(is_there).then(expression(parts)).otherwise(pl.lit("")))
        else:
            pieces += parts
    return made, expression(pieces) if pieces else pl.lit("")


def plan_table(
    converter: TableConverter, dialect: Dialect, primary_key: tuple[str, ...], observer: Observer | None = None
) -> ColumnPath | None:
    """Compile a table for the fast path, None if it needs the reference path; `primary_key` is what is to be unique.

    With an observer, observations are not written as triples, if they are such that columns can be made of them.
    """
    if converter.standard or not is_plain_dialect(dialect):
        return None
    compiler = Compiler(converter, primary_key)
    try:
        emissions = compiler.compile()
    except UnsupportedError:
        return None
    if not compiler.columns or not emissions:
        return None
    lanes = {}
    for plan in converter.plans:
        if not plan.column.virtual:
            derived = tuple(d for d in compiler.derived.values() if d.column == plan.column.name)
            plain = Plain(plan.column, derived) if can_be_plain(plan.column, derived) else None
            lanes[plan.column.name] = Dictionary(plan, derived, plain)
    parts = {part for emission in emissions for part in (*emission.subject, *emission.rest)}
    counts_rows = bool(parts & {Use("_row"), Use("_sourceRow")})
    path = ColumnPath(dialect, tuple(compiler.columns), lanes, emissions, primary_key, counts_rows, compiler.derived)
    if observer is not None:
        path.observe(observer.prefix)
    return path


def convert_blocks(path: ColumnPath, stream: BinaryIO, source_number: int) -> Iterator[Block]:
    """Yield the blocks of a file in order, some ahead; the `chunks` of each are to be read before the next."""
    ahead: deque[Future[Block]] = deque()
    with ThreadPoolExecutor(WORKERS) as workers:
        try:
            row_number = 1
            for data in read_blocks(stream, path.dialect):
                ahead.append(workers.submit(path.prepare, Block(data, row_number, source_number)))
                if path.counts_rows:
                    row_number += data.count(b"\n")
                    source_number += data.count(b"\n")
                if len(ahead) > 1:
                    yield _with_chunks(ahead.popleft().result(), workers)
            while ahead:
                yield _with_chunks(ahead.popleft().result(), workers)
        finally:
            for future in ahead:
                future.cancel()


def _with_chunks(block: Block, workers: ThreadPoolExecutor) -> Block:
    if block.writer is not None and block.texts is not None:
        block.chunks = _write_slices(block.texts, block.writer, workers)
    return block


def _write_slices(texts: pl.DataFrame, path: ColumnPath, workers: ThreadPoolExecutor) -> Iterator[bytes]:
    """Yield the triples of a block, some rows at a time so that memory stays small and warm."""
    ahead: deque[Future[bytes]] = deque()
    try:
        for start in range(0, texts.height, SLICE_ROWS):
            ahead.append(workers.submit(path.write, texts.slice(start, SLICE_ROWS)))
            if len(ahead) > WORKERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()
