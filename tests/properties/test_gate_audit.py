"""The interval audit against counting: every table that fits the published figures lies in the audit's intervals."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader.gate.audit import groups_of
from loader.gate.counts import read_figures
from loader.gate.intervals import Group, Need, audit
from loader.gate.policy import Layout, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Key: TypeAlias = "tuple[str, ...]"
Table: TypeAlias = "dict[Key, int]"
Sums: TypeAlias = "list[tuple[Key, list[Key]]]"

TOTAL = "T"
WORK = 10_000
"""Combinations tried one by one for a table at most."""
SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def with_totals(inner: Mapping[Key, int]) -> Table:
    """Add the totals of every dimension."""
    table: Table = {}
    for key, value in inner.items():
        for place in product(*((code, TOTAL) for code in key)):
            table[place] = table.get(place, 0) + value
    return table


def sums_of(table: Table) -> Sums:
    """Give each total and its parts, dimension by dimension, found without the code under test."""
    found = []
    for key in table:
        for place, code in enumerate(key):
            if code == TOTAL:
                parts = [k for k in table if k[place] != TOTAL and (*k[:place], TOTAL, *k[place + 1 :]) == key]
                found.append((key, parts))
    return found


def solutions(table: Table, hidden: Sequence[Key], choices: Mapping[Key, range], sums: Sums) -> Iterator[Table]:
    """Yield every table of whole numbers that agrees with the figures: cell by cell, sums checked when complete."""
    order = {key: number for number, key in enumerate(hidden)}
    due: dict[int, list[tuple[Key, list[Key]]]] = {}
    for total, parts in sums:
        last = max((order[key] for key in (total, *parts) if key in order), default=-1)
        due.setdefault(last, []).append((total, parts))
    trial = dict(table)

    def holds(step: int) -> bool:
        return all(trial[total] == sum(trial[key] for key in parts) for total, parts in due.get(step, ()))

    def choose(step: int) -> Iterator[Table]:
        if step == len(hidden):
            yield dict(trial)
            return
        for value in choices[hidden[step]]:
            trial[hidden[step]] = value
            if holds(step):
                yield from choose(step + 1)

    if holds(-1):
        yield from choose(0)


def ranges(
    table: Table, hidden: Sequence[Key], choices: Mapping[Key, range], sums: Sums | None = None
) -> dict[Key, tuple[float, float]]:
    """Give the smallest and largest value of each hidden cell over all solutions."""
    found: dict[Key, tuple[float, float]] = {}
    for solution in solutions(table, hidden, choices, sums or sums_of(table)):
        for key in hidden:
            low, high = found.get(key, (solution[key], solution[key]))
            found[key] = (min(low, solution[key]), max(high, solution[key]))
    return found


def frame(table: Table, hidden: Sequence[Key], *, keep: bool = True) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Make the tidy table; hidden cells are blank, or their rows left out."""
    size = len(next(iter(table)))
    names = tuple(f"d{number}" for number in range(size))
    rows = [(*key, None if key in hidden else str(value)) for key, value in table.items() if keep or key not in hidden]
    cells = pl.DataFrame(rows, schema=dict.fromkeys((*names, "n"), pl.String), orient="row")
    return cells.with_columns(line=pl.int_range(pl.len(), dtype=pl.Int64) + 2), names


def intervals(
    table: Table, hidden: Sequence[Key], *, base: int = 1, keep: bool = True
) -> dict[Key, tuple[float, float]]:
    rows, names = frame(table, hidden, keep=keep)
    policy = Policy("counts", totals=dict.fromkeys(names, TOTAL), rounding_base=base)
    groups = groups_of(rows, Layout(names, ("n",)), policy)
    found = audit(read_figures(rows, names, "n", policy, "line"), groups, None)
    assert not found.broken
    assert not found.undecided
    return {leak.key: (leak.low, leak.high) for leak in found.intervals}


def inner(shape: Sequence[int], values: Sequence[int]) -> Table:
    keys = product(*([f"c{number}" for number in range(size)] for size in shape))
    return dict(zip(keys, values, strict=True))


@st.composite
def tables(draw: st.DrawFn, dimensions: int, most: int, least: int = 2, top: int = 9) -> Table:
    shape = draw(st.lists(st.integers(least, most), min_size=dimensions, max_size=dimensions))
    size = 1
    for part in shape:
        size *= part
    return inner(shape, draw(st.lists(st.integers(0, top), min_size=size, max_size=size)))


@st.composite
def suppressed(draw: st.DrawFn, dimensions: int, most: int) -> tuple[Table, list[Key]]:
    """Draw a table with totals and some suppressed cells inside; few enough that counting ends."""
    cells = draw(tables(dimensions, most))
    order = draw(st.permutations(sorted(cells)))
    table = with_totals(cells)
    hidden: list[Key] = []
    work = 1
    for key in order[: draw(st.integers(1, 9))]:
        work *= limit(table, key) + 1
        if work > WORK:
            break
        hidden.append(key)
    return table, hidden


def limit(table: Table, key: Key) -> int:
    """Give the smallest total that a cell is part of: it cannot be larger."""
    return min(table[(*key[:place], TOTAL, *key[place + 1 :])] for place in range(len(key)))


@SETTINGS
@given(suppressed(2, 4))
def test_in_two_ways_the_intervals_are_those_that_counting_gives(drawn: tuple[Table, list[Key]]) -> None:
    table, hidden = drawn
    counted = ranges(table, hidden, {key: range(limit(table, key) + 1) for key in hidden})
    assert intervals(table, hidden) == counted


@SETTINGS
@given(suppressed(3, 3))
def test_in_three_ways_no_possible_value_lies_outside(drawn: tuple[Table, list[Key]]) -> None:
    table, hidden = drawn
    counted = ranges(table, hidden, {key: range(limit(table, key) + 1) for key in hidden})
    found = intervals(table, hidden)
    assert found.keys() == counted.keys()
    for key, (low, high) in counted.items():
        assert found[key][0] <= low
        assert high <= found[key][1]


@SETTINGS
@given(tables(2, 3, top=2), st.data())
def test_totals_may_be_suppressed_too(cells: Table, data: st.DataObject) -> None:
    table = with_totals(cells)
    margins = [key for key in table if TOTAL in key and key != (TOTAL, TOTAL)]
    hidden = data.draw(st.lists(st.sampled_from(sorted(cells)), unique=True, min_size=1, max_size=3))
    hidden += data.draw(st.lists(st.sampled_from(margins), unique=True, max_size=2))
    counted = ranges(table, hidden, dict.fromkeys(hidden, range(table[(TOTAL, TOTAL)] + 1)))
    assert intervals(table, hidden) == counted


PLACES = {"a": "R", "b": "R", "c": "S", "d": "S", "R": "GB", "S": "GB"}
"""Four areas in two regions."""


def nested(values: Sequence[int]) -> tuple[Table, Sums]:
    """Make a table of areas by kind, with regions, and its sums."""
    table: Table = {(area, kind): values[2 * a + k] for a, area in enumerate("abcd") for k, kind in enumerate("xy")}
    below = {above: [code for code in PLACES if PLACES[code] == above] for above in ("R", "S", "GB")}
    sums: Sums = []
    for above, parts in below.items():
        for kind in "xy":
            table[above, kind] = sum(table[code, kind] for code in parts)
            sums.append(((above, kind), [(code, kind) for code in parts]))
    for area in (*PLACES, "GB"):
        table[area, TOTAL] = table[area, "x"] + table[area, "y"]
        sums.append(((area, TOTAL), [(area, "x"), (area, "y")]))
    sums += [((above, TOTAL), [(code, TOTAL) for code in parts]) for above, parts in below.items()]
    return table, sums


@SETTINGS
@given(st.lists(st.integers(0, 2), min_size=8, max_size=8), st.data())
def test_one_of_two_ways_may_be_nested(values: list[int], data: st.DataObject) -> None:
    table, sums = nested(values)
    hidden = data.draw(st.lists(st.sampled_from(sorted(table)), unique=True, min_size=1, max_size=5))
    if ("GB", TOTAL) in hidden:
        hidden.remove(("GB", TOTAL))
    counted = ranges(table, hidden, dict.fromkeys(hidden, range(table["GB", TOTAL] + 1)), sums)
    rows, names = frame(table, hidden)
    layout = Layout(names, ("n",), parents={"d0": PLACES})
    policy = Policy("counts", totals={"d1": TOTAL}, nested=("d0",))
    found = audit(read_figures(rows, names, "n", policy, "line"), groups_of(rows, layout, policy), None)
    assert {leak.key: (leak.low, leak.high) for leak in found.intervals} == counted


@SETTINGS
@given(tables(2, 4, least=3), st.data())
def test_a_row_left_out_is_as_good_as_a_blank(cells: Table, data: st.DataObject) -> None:
    hidden = data.draw(st.lists(st.sampled_from(sorted(cells)), unique=True, min_size=1, max_size=2))
    table = with_totals(cells)
    assert intervals(table, hidden, keep=False) == intervals(table, hidden)


@SETTINGS
@given(st.lists(st.integers(0, 12), min_size=2, max_size=4), st.integers(0, 3), st.sampled_from([3, 5]))
def test_rounded_figures_stand_for_all_that_round_to_them(values: list[int], place: int, base: int) -> None:
    table = with_totals(inner([len(values)], values))
    hidden = [(f"c{place % len(values)}",)]
    rounded = {key: base * ((value + base // 2) // base) for key, value in table.items()}
    half = base // 2
    near = {key: range(max(value - half, 0), value + half + 1) for key, value in rounded.items()}
    top = rounded[(TOTAL,)] + half
    choices = near | {hidden[0]: range(top + 1)}
    counted = ranges(table, sorted(table), choices)
    found = intervals(rounded, hidden, base=base)
    assert found[hidden[0]] == counted[hidden[0]]


@SETTINGS
@given(suppressed(2, 4), st.integers(1, 8))
def test_cells_that_are_let_pass_are_wide_enough(drawn: tuple[Table, list[Key]], threshold: int) -> None:
    table, hidden = drawn
    rows, names = frame(table, hidden)
    policy = Policy("counts", totals=dict.fromkeys(names, TOTAL))
    groups = groups_of(rows, Layout(names, ("n",)), policy)
    figures = read_figures(rows, names, "n", policy, "line")
    refused = {leak.key for leak in audit(figures, groups, Need(threshold)).intervals}
    exact = audit(figures, groups, None).intervals
    assert refused == {leak.key for leak in exact if leak.high - leak.low < threshold}


@SETTINGS
@given(suppressed(1, 4), st.integers(1, 5))
def test_figures_that_do_not_add_up_are_found(drawn: tuple[Table, list[Key]], more: int) -> None:
    table, _ = drawn
    table[(TOTAL,)] += more
    rows, names = frame(table, [])
    policy = Policy("counts", totals={"d0": TOTAL})
    figures = read_figures(rows, names, "n", policy, "line")
    group = Group("d0", TOTAL, tuple(key[0] for key in table if key[0] != TOTAL))
    assert audit(figures, [group], None).broken == [(f"the total of d0 ({TOTAL})",)]
