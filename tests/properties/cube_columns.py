"""Any triples as the columns of a cube, written by the format alone: nothing here knows how the loader makes them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
from pyoxigraph import RdfFormat, Store

from loader.release import DECIMAL, INTEGER, TERM, CubeColumn, CubeRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

XSD = "http://www.w3.org/2001/XMLSchema#"
_NUMBERS = {
    INTEGER: re.compile(rf'"(-?[0-9]{{1,18}})"\^\^<{XSD}integer>'),
    DECIMAL: re.compile(rf'"(-?[0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)"\^\^<{XSD}decimal>'),
}
PLACES = 9

Subjects = dict[str, dict[str, list[str]]]


def write_columns(path: Path, name: str, graph: str, prefix: str, lines: Sequence[str]) -> CubeRecord | None:
    """Write triples whose subjects begin with a prefix as columns; None if there are none."""
    table = subjects_of(lines)
    if not table:
        return None
    data = [pl.Series("subject", [subject[1:-1].removeprefix(prefix) for subject in table])]
    columns: list[CubeColumn] = []
    predicates = dict.fromkeys(predicate for row in table.values() for predicate in row)
    for predicate in predicates:
        cells = [row.get(predicate, []) for row in table.values()]
        for layer in range(max(map(len, cells))):
            terms = [cell[layer] if layer < len(cell) else None for cell in cells]
            column, values = _typed(predicate[1:-1], f"c{len(columns) + 1}", terms)
            columns.append(column)
            data += [] if values is None else [values]
    path.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(data).write_parquet(path / f"{name}.parquet")
    triples = sum(len(cell) for row in table.values() for cell in row.values())
    record = CubeRecord(name, graph, prefix, len(table), triples, tuple(columns))
    (path / f"{name}.json").write_text(json.dumps(asdict(record)), "utf-8")
    return record


def subjects_of(lines: Sequence[str]) -> Subjects:
    """Give the objects of each subject and predicate, as the store gives them back."""
    store = Store()
    store.load("".join(f"{line} .\n" for line in lines).encode(), format=RdfFormat.N_TRIPLES)
    found: Subjects = {}
    for quad in sorted(store, key=str):
        found.setdefault(str(quad.subject), {}).setdefault(str(quad.predicate), []).append(str(quad.object))
    return found


def _typed(predicate: str, name: str, terms: Sequence[str | None]) -> tuple[CubeColumn, pl.Series | None]:
    """Describe a column, and give its values; none if they are all the same term."""
    missing = sum(term is None for term in terms)
    known = [term for term in terms if term is not None]
    if not missing and len(set(known)) == 1:
        return CubeColumn(predicate, TERM, None, known[0], 0, 0, ""), None
    for kind, pattern in _NUMBERS.items():
        if all(pattern.fullmatch(term) for term in known):
            numbers = [None if term is None else Decimal(pattern.sub(r"\1", term)) for term in terms]
            largest = str(max(abs(number) for number in numbers if number is not None))
            if kind == INTEGER:
                values = pl.Series(name, [None if n is None else int(n) for n in numbers], pl.Int64)
                return CubeColumn(predicate, kind, name, None, missing, 0, largest), values
            values = pl.Series(name, numbers, pl.Decimal(18, PLACES))
            return CubeColumn(predicate, kind, name, None, missing, PLACES, largest), values
    return CubeColumn(predicate, TERM, name, None, missing, 0, ""), pl.Series(name, terms, pl.String)
