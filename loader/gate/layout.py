"""Say which columns of a cube's table are what, and which of its codes lie above which in their code lists.

Policies name codes as the cells of the table do; code lists know IRIs. What a policy says of codes that are not there,
or of a list that does not nest them, would leave the table unaudited without a word: it is a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loader.csvw.uri_template import parse_template
from loader.errors import Problem
from loader.gate.policy import Layout
from loader.markers import not_applicable_codes
from loader.structure import ATTRIBUTE, DIMENSION, MEASURE, distinct_values, expand
from ontology.terms import QB

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from collections.abc import Mapping as Dictionary

    import polars as pl

    from loader.gate.policy import Policy
    from loader.mapping import Mapping
    from loader.structure import ComponentColumn, Structure

_HINT = "write codes as the cells of the table do"


def read_layout(
    mapping: Mapping,
    structure: Structure | None,
    rows: pl.DataFrame,
    broader: Dictionary[str, Collection[str]],
    problems: list[Problem],
) -> Layout:
    """Say which columns of the main table are what; `broader` gives the codes directly above each code, all by IRI.

    What the policy says of its codes and does not hold is noted in `problems`.
    """
    if structure is None:
        return Layout()
    policy, place = mapping.policy, str(mapping.folder / "source.toml")
    named = [part.value_names for part in structure.of_kind(DIMENSION) if _is_measure_type(part)]
    layout = Layout(
        dimensions=structure.key_names,
        measures=tuple(dict.fromkeys(part.column.name for part in structure.of_kind(MEASURE))),
        attributes=tuple(part.column.name for part in structure.of_kind(ATTRIBUTE) if not part.column.virtual),
        not_applicable=not_applicable_codes(mapping.main.table),
        measure_column=next((names[0] for names in named if len(names) == 1), None),
        parents=dict(_parents(mapping, structure, rows, broader, problems)),
    )
    problems += _unknown_kinds(policy, layout, rows, place)
    problems += _unknown_totals(policy, layout, rows, place)
    return layout


def _is_measure_type(part: ComponentColumn) -> bool:
    return part.component.property == QB.measureType and not part.is_constant


def _parents(
    mapping: Mapping,
    structure: Structure,
    rows: pl.DataFrame,
    broader: Dictionary[str, Collection[str]],
    problems: list[Problem],
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield for each nested dimension the code above each code; a code that the table does not have goes by its IRI."""
    columns = {part.value_names: part for part in structure.of_kind(DIMENSION) if part.column.value_url is not None}
    place = str(mapping.folder / "source.toml")
    for name in mapping.policy.of_table(mapping.main.name).nested:
        part = columns.get((name,))
        if part is None:
            known = ", ".join(names[0] for names in columns if len(names) == 1)
            message = f"[policy] nested: '{name}' is not the column that a dimension's codes are made of"
            problems.append(Problem("GATE-02", place, message, f"name one of {known}, or take it out"))
            continue
        cells = _cells_by_iri(part, mapping, rows)
        above = _towards(cells, broader)
        twice = sorted((code not in cells, cells.get(code, code)) for code, codes in above.items() if len(codes) > 1)
        if twice:
            message = f"[policy] nested: '{twice[0][1]}' of '{name}' is within several codes of the table"
            hint = "take the column out of nested, and the codes of one of the hierarchies out of the table"
            problems.append(Problem("GATE-02", place, message, hint))
        elif not above:
            message = f"[policy] nested: no code list has a code of '{name}' within another"
            hint = "name a dimension whose codes have skos:broader, or take it out"
            problems.append(Problem("GATE-02", place, message, hint))
        else:
            named = {cells.get(code, code): cells.get(codes[0], codes[0]) for code, codes in above.items()}
            yield name, {code: up for code, up in named.items() if code not in mapping.policy.apart}


def _cells_by_iri(part: ComponentColumn, mapping: Mapping, rows: pl.DataFrame) -> dict[str, str]:
    assert part.column.value_url is not None, "the caller looked"
    template = parse_template(part.column.value_url)
    (name,) = part.value_names
    found = distinct_values(rows, (name,))
    return {expand(template, values, mapping.main.table): values[name] for values in found}


def _towards(cells: Collection[str], broader: Dictionary[str, Collection[str]]) -> dict[str, list[str]]:
    """Give for each code the codes directly above it from which the way up leads to a code of the table."""
    below: dict[str, list[str]] = {}
    for code, codes in broader.items():
        for above in codes:
            below.setdefault(above, []).append(code)
    leads, waiting = set(cells), list(cells)
    while waiting:
        more = [code for code in below.get(waiting.pop(), ()) if code not in leads]
        leads.update(more)
        waiting += more
    found = {code: sorted(above for above in codes if above in leads) for code, codes in broader.items()}
    return {code: codes for code, codes in found.items() if codes}


def _unknown_kinds(policy: Policy, layout: Layout, rows: pl.DataFrame, place: str) -> Iterator[Problem]:
    column = layout.measure_column
    known = set() if column is None else set(rows[column].drop_nulls().unique())
    for measure in sorted(policy.kinds.keys() - known):
        yield Problem("GATE-02", place, f"[policy] kinds: the table has no measure called '{measure}'", _HINT)


def _unknown_totals(policy: Policy, layout: Layout, rows: pl.DataFrame, place: str) -> Iterator[Problem]:
    for name, code in policy.totals.items():
        if name not in layout.dimensions:
            message = f"[policy] totals: '{name}' is no dimension of the table"
            yield Problem("GATE-02", place, message, "name a dimension, or take it out")
        elif code not in set(rows[name].drop_nulls().unique()):
            yield Problem("GATE-02", place, f"[policy] totals: no cell of '{name}' has the code '{code}'", _HINT)
