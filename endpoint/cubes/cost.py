"""What would take too long once the rows are with the engine: two large blocks that nothing links, pair by pair.

The engine joins rows by the variables they share. Where there are none, it makes every pair, and a filter that links
the two only looks at each pair afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.rewrite import parts_of
from endpoint.cubes.syntax import Answered, Expression, Filter, Graph, Group, Optional, Query, Union, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from endpoint.cubes.syntax import Element

MAX_PAIRS: Final = 5_000_000


def refuse_pairs(part: Element | Group | Expression, rows: Mapping[int, int]) -> None:
    """Refuse a group whose blocks make too many pairs; `rows` says how many each block has, by identity."""
    if isinstance(part, Group):
        _refuse(part, rows)
    for inner in parts_of(part):
        refuse_pairs(inner, rows)
    if isinstance(part, Query):
        refuse_pairs(part.where, rows)
        for expression in part.expressions:
            refuse_pairs(expression, rows)


def _refuse(group: Group, rows: Mapping[int, int]) -> None:
    linked = _linked([element for element in group.elements if not isinstance(element, Filter)])
    sizes = sorted(max(_size(element, rows) for element in together) for together in linked)
    if len(sizes) > 1 and sizes[-1] * sizes[-2] > MAX_PAIRS:
        reason = f"it pairs {sizes[-1]:,} rows with {sizes[-2]:,} others that share no variable with them"
        raise RefusalError(reason, "use one variable for what both have in common, or aggregate each in a subquery")


def _linked(elements: list[Element]) -> Iterator[list[Element]]:
    """Give the elements of a group that share variables which are always bound, directly or through others."""
    groups: list[tuple[set[str], list[Element]]] = []
    for element in elements:
        names, together = _bound(element), [element]
        for other in [one for one in groups if one[0] & names]:
            groups.remove(other)
            names |= other[0]
            together = other[1] + together
        groups.append((names, together))
    for _, together in groups:
        yield together


def _size(part: Element | Group, rows: Mapping[int, int]) -> int:
    """Give how many rows a part has of columns; 1 if it is another's."""
    match part:
        case Answered(block, _):
            return rows.get(id(block), 1)
        case Union(groups):
            return sum(_size(group, rows) for group in groups)
        case Graph(_, group):
            return _size(group, rows)
        case Group(elements):
            return max((_size(element, rows) for element in elements), default=1)
        case _:
            return 1


def _bound(part: Element | Group) -> set[str]:
    """Give the variables that every solution of a part has."""
    match part:
        case Answered(block, _):
            return set(block.variables) - block.optional
        case Optional():
            return set()
        case Union(groups):
            return set.intersection(*map(_bound, groups))
        case Group(elements):
            return {name for element in elements for name in _bound(element)}
        case _:
            return set(visible(Group([part])))
