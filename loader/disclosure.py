"""Compare a table with the release before, and with other datasets of the same build (docs/audit.md).

Two tables may each be harmless and still give a small count away together. What they give away is worked out by
`loader.gate.differencing`; this module finds the tables, and says of which none was compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from loader.csvw.uri_template import parse_template
from loader.errors import Problem
from loader.gate import by_kind
from loader.gate.differencing import Published, check_overlapping, check_revisions
from loader.gate.layout import read_layout
from loader.gate.policy import DIFFERENCING
from loader.integrity import LINE, read_cells
from loader.release import file_record
from loader.structure import MEASURE, derive_structure, distinct_values, expand
from loader.vocabulary import read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from collections.abc import Mapping as Dictionary
    from pathlib import Path

    from loader.gate.policy import Layout
    from loader.integrity import Cells
    from loader.mapping import Mapping
    from loader.release import Release
    from loader.uris import Uris
    from loader.vocabulary import Vocabulary


def check_release(
    mapping: Mapping, cells: Cells, layout: Layout, earlier: Release | None, base: str, said: Callable[[str], None]
) -> Iterator[Problem]:
    """Yield what the main table gives away beside the same table of an earlier release for the same address.

    Why a table that should be compared is not, is `said`.
    """
    if not layout.measures or earlier is None:
        return
    kinds = {mapping.policy.kind, *mapping.policy.kinds.values()}
    if not any(replace(mapping.policy, kind=kind).applies(DIFFERENCING) for kind in kinds):
        return
    name = mapping.main.csv.name
    path = earlier.table(mapping.name, name) if earlier.manifest.base_uri == base else None
    if path is None:
        return
    reason = _incomparable(mapping, path, earlier)
    if reason:
        said(f"{mapping.name}: not compared with the release before: {reason}")
        return
    old = read_cells(mapping.main, path, name).rows
    for rows, policy in by_kind(cells.rows, mapping.policy, layout):
        yield from check_revisions(rows, old, policy, layout, cells.shown, LINE)


def _incomparable(mapping: Mapping, path: Path, earlier: Release) -> str:
    """Say why a table cannot be compared with an earlier one at `path`; nothing if it can."""
    if mapping.policy.perturbed is not None:
        return f"the source perturbs its figures ({mapping.policy.perturbed})"
    record = earlier.manifest.folder(mapping.name)
    assert record is not None, "the release has a table of it"
    shown = path.relative_to(earlier.path).as_posix()
    if file_record(path, shown) not in record.outputs:
        return f"{shown} is damaged there"
    titles = [
        column.titles[0].text if column.titles else column.name
        for column in mapping.main.table.columns
        if not column.virtual
    ]
    header = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False).row(0)
    return "" if list(header) == titles else "its columns were others"


@dataclass(frozen=True, slots=True)
class Built:
    """The main table of a dataset of this build."""

    mapping: Mapping
    table: Path
    shown: str


@dataclass(frozen=True, slots=True)
class _Measured:
    """A table, read, with what tells each of its measures: its column, and its name in the column of measures."""

    built: Built
    cells: Cells
    layout: Layout
    measures: dict[str, tuple[str, str | None]]

    def published(self, measure: str) -> Published:
        """Give the figures of one measure, by its IRI."""
        column, name = self.measures[measure]
        rows, policy, layout = self.cells.rows, self.built.mapping.policy, self.layout
        if name is not None and layout.measure_column is not None:
            rows = rows.filter(pl.col(layout.measure_column) == name)
            policy = replace(policy, kind=policy.kinds.get(name, policy.kind))
            dimensions = tuple(other for other in layout.dimensions if other != layout.measure_column)
            layout = replace(layout, dimensions=dimensions)
        return Published(rows, policy, layout, self.cells.shown, LINE, column)


def check_overlaps(
    built: Sequence[Built],
    known: Collection[str],
    vocabulary: Vocabulary,
    uris: Uris,
    broader: Dictionary[str, Collection[str]],
    said: Callable[[str], None],
) -> Iterator[Problem]:
    """Audit together the datasets whose policies say that they measure the same of the same persons.

    `known` names all datasets there are, built or not.
    """
    tables = {table.mapping.name: table for table in built}
    done: set[frozenset[str]] = set()
    for table in built:
        policy, name = table.mapping.policy, table.mapping.name
        for other in policy.overlaps:
            if other not in known or other == name:
                message = f"[policy] overlaps: no other dataset is called '{other}'"
                yield _about(table.mapping, message, "name another folder of mappings")
            elif other not in tables:
                said(f"{name}: not audited together with {other}, which is not in this build")
        together = [tables[other] for other in (name, *policy.overlaps) if other in tables]
        names = frozenset(other.mapping.name for other in together)
        if len(names) > 1 and names not in done:
            done.add(names)
            yield from _together([_measured(other, vocabulary, uris, broader) for other in together], said)


def _about(mapping: Mapping, message: str, hint: str) -> Problem:
    return Problem("GATE-02", str(mapping.folder / "source.toml"), message, hint)


def _together(tables: Sequence[_Measured], said: Callable[[str], None]) -> Iterator[Problem]:
    shared = [name for name in tables[0].measures if all(name in table.measures for table in tables)]
    if not shared:
        names = ", ".join(table.built.mapping.name for table in tables[1:])
        message = f"[policy] overlaps: no measure is in this dataset and in {names}"
        yield _about(tables[0].built.mapping, message, "name datasets of the same measure, or take it out")
    for measure in shared:
        audit = check_overlapping([table.published(measure) for table in tables])
        yield from audit.problems
        for note in audit.notes:
            said(note)


def _measured(built: Built, vocabulary: Vocabulary, uris: Uris, broader: Dictionary[str, Collection[str]]) -> _Measured:
    mapping = built.mapping
    cells = read_cells(mapping.main, built.table, built.shown)
    own = read_vocabulary([mapping.components] if mapping.components else [], uris)
    structure = derive_structure(mapping, cells.rows, vocabulary.with_more(own), uris)
    layout = read_layout(mapping, structure, cells.rows, broader, [])  # its problems were found when it was converted
    measures: dict[str, tuple[str, str | None]] = {}
    for part in () if structure is None else structure.of_kind(MEASURE):
        assert part.column.property_url is not None, "a component has a property"
        template = parse_template(part.column.property_url)
        names = template.names
        is_named = layout.measure_column is not None and names == (layout.measure_column,)
        for values in distinct_values(cells.rows, names):
            if expand(template, values, mapping.main.table) == part.component.property.value:
                measures[part.component.property.value] = (part.column.name, values[names[0]] if is_named else None)
    return _Measured(built, cells, layout, measures)
