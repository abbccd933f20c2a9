"""Primary and foreign keys (Metadata Vocabulary for Tabular Data §5.5).

Keys are remembered as 64-bit hashes: memory grows with the rows of tables that have keys, and of no others.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loader.csvw.cells import Cell
    from loader.csvw.findings import Findings
    from loader.csvw.metadata import ForeignKey, Table, TableGroup
    from loader.csvw.tabular import Row

Key: TypeAlias = "tuple[tuple[str, ...] | None, ...]"

_CLAUSE = "Metadata Vocabulary §5.5"


def key_of(cells: Sequence[Cell], places: Iterable[int]) -> Key:
    """Return the values of the cells at some places; None stands for null."""
    return tuple(None if cells[i].is_null else tuple(value.canonical for value in cells[i].values) for i in places)


def show_key(key: Key) -> str:
    """Write a key for a message."""
    return ", ".join("null" if part is None else repr(";".join(part)) for part in key)


def places_of(table: Table, names: Iterable[str]) -> tuple[int, ...]:
    """Return the indexes of named columns."""
    index = {column.name: i for i, column in enumerate(table.columns)}
    return tuple(index[name] for name in names)


@dataclass(slots=True)
class PrimaryKey:
    """Checks that no two rows of a table have the same key."""

    places: tuple[int, ...]
    names: tuple[str, ...]
    _seen: set[int] = field(default_factory=set)

    def add(self, row: Row, cells: Sequence[Cell], findings: Findings) -> None:
        """Report the key of a row if an earlier row has it."""
        key = key_of(cells, self.places)
        if (hashed := hash(key)) in self._seen:
            message = f"the primary key {show_key(key)} is that of an earlier row ({_CLAUSE})"
            hint = "remove the repeated row, or add the column that tells the two apart to the key"
            findings.cell(row.line, ", ".join(self.names), "CSVW-PRIMARY-KEY", message, hint)
        self._seen.add(hashed)


def primary_key(table: Table) -> PrimaryKey | None:
    """Return the check for the primary key of a table, if it has one."""
    return PrimaryKey(places_of(table, table.primary_key), table.primary_key) if table.primary_key else None


@dataclass(slots=True)
class Reference:
    """One foreign key: what its rows refer to, and what is there."""

    key: ForeignKey
    places: tuple[int, ...]
    referenced_places: tuple[int, ...]
    findings: Findings | None = None
    wanted: dict[int, str] = field(default_factory=dict)
    hashes: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    found: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)

    def refer(self, row: Row, cells: Sequence[Cell], findings: Findings) -> None:
        """Remember what a row refers to. A null refers too, and in vain: see tests 034 and 035 of the suite."""
        key = key_of(cells, self.places)
        self.findings = findings
        self.hashes.append(hash(key))
        self.lines.append(row.line)
        if len(self.wanted) < findings.report.limit:
            self.wanted[row.line] = show_key(key)

    def offer(self, cells: Sequence[Cell]) -> None:
        """Remember a row that may be referred to."""
        hashed = hash(key_of(cells, self.referenced_places))
        (self.repeated if hashed in self.found else self.found).add(hashed)

    def check(self) -> None:
        """Report rows that refer to no row, or to more than one (§5.5.2.1)."""
        if self.findings is None:
            return
        for hashed, line in zip(self.hashes, self.lines, strict=True):
            if hashed in self.found and hashed not in self.repeated:
                continue
            word = "more than one row" if hashed in self.found else "no row"
            message = f"{self.wanted.get(line, 'the key')} refers to {word} of {self.key.table_url} ({_CLAUSE}.2)"
            self.findings.cell(line, ", ".join(self.key.columns), "CSVW-FOREIGN-KEY", message, "add the row it names")


@dataclass(slots=True)
class ForeignKeys:
    """All foreign keys of a group of tables."""

    outgoing: dict[str, list[Reference]] = field(default_factory=dict)
    incoming: dict[str, list[Reference]] = field(default_factory=dict)

    def add(self, table: Table, row: Row, cells: Sequence[Cell], findings: Findings) -> None:
        """Take note of a row."""
        for reference in self.outgoing.get(table.url, ()):
            reference.refer(row, cells, findings)
        for reference in self.incoming.get(table.url, ()):
            reference.offer(cells)

    def check(self) -> None:
        """Report what does not hold, all tables having been read."""
        for references in self.outgoing.values():
            for reference in references:
                reference.check()


def foreign_keys(group: TableGroup) -> ForeignKeys:
    """Return the checks for the foreign keys of a group."""
    keys = ForeignKeys()
    tables = {table.url: table for table in group.tables}
    for table in group.tables:
        for key in table.foreign_keys:
            referenced = places_of(tables[key.table_url], key.referenced_columns)
            reference = Reference(key, places_of(table, key.columns), referenced)
            keys.outgoing.setdefault(table.url, []).append(reference)
            keys.incoming.setdefault(key.table_url, []).append(reference)
    return keys
