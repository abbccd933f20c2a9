"""Count in the columns what a query of nothing but one star counts, different values included.

The store counts its own solutions. A value that both have is counted once: those the store has are left out of the
columns' count, unless they are observations, which the store never has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from endpoint.cubes.rewrite import names_of_query
from endpoint.cubes.syntax import (
    AGGREGATES,
    HIDDEN,
    Answered,
    Expression,
    Graph,
    Group,
    Item,
    Query,
    Triples,
    Union,
    Values,
    Var,
)
from endpoint.cubes.writing import write_group
from endpoint.guard import tokenise

if TYPE_CHECKING:
    from endpoint.cubes.rewrite import Rewriter
    from endpoint.cubes.stars import Block
    from endpoint.cubes.syntax import Element

MAX_STORED: Final = 300_000
"""Different values of the store that are looked for in the columns."""


@dataclass(frozen=True, slots=True)
class Count:
    """`COUNT(*)`, `COUNT(?x)` or `COUNT(DISTINCT ?x)`, and where it is."""

    expression: Expression
    start: int
    end: int
    variable: str
    is_distinct: bool


def count(query: Query, root: Query, rewriter: Rewriter) -> tuple[Block, str] | None:
    """Count what a query counts; give the block and the SQL if it was done."""
    answered = sole(query.where)
    counts = _counts(query)
    if answered is None or counts is None or not any(one.is_distinct for one in counts):
        return None
    block = answered.block
    keys = [item.variable for item in query.group_by if item.expression is None and item.variable is not None]
    known = set(block.variables) - block.optional
    if len(keys) < len(query.group_by) or block.is_inner or not {*keys, *_variables(counts)} <= known:
        return None
    others = Counter(names_of_query(root))
    others.subtract(_variables(counts))
    if any(others[name] > 1 and name not in keys for name in block.variables):
        return None
    stored = _stored_part(query.where, answered) if answered.stored else None
    sql = _sql(rewriter, block, keys, counts, stored)
    if sql is None:
        return None
    _change(query, rewriter, keys, counts, stored, sql)
    answered.values = Values((), "")
    return block, sql


def sole(group: Group) -> Answered | None:
    """Give the star of a group that is nothing else."""
    elements: list[Element] = group.elements
    while len(elements) == 1 and isinstance(elements[0], Graph):
        elements = elements[0].group.elements
    found = elements[0] if len(elements) == 1 else None
    return found if isinstance(found, Answered) else None


def _variables(counts: list[Count]) -> list[str]:
    return [one.variable for one in counts if one.variable != "*"]


def _counts(query: Query) -> list[Count] | None:
    """Give the aggregates of a query; None if there are others than counts of variables."""
    found = []
    for expression in query.expressions:
        texts = ["{" if isinstance(part, Group) else part.text for part in expression.parts]
        for start, part in enumerate(expression.parts):
            if isinstance(part, Group) or part.kind != "word" or part.text.upper() not in AGGREGATES:
                continue
            is_distinct = texts[start + 2].upper() == "DISTINCT"
            place = start + 2 + is_distinct
            variable = texts[place].lstrip("?$")
            is_plain = texts[place][0] in "?$*" and texts[place + 1] == ")" and not (is_distinct and variable == "*")
            if part.text.upper() != "COUNT" or not is_plain:
                return None
            found.append(Count(expression, start, place + 2, variable, is_distinct))
    return found


def _stored_part(where: Group, answered: Answered) -> Group:
    """Give what the store is asked."""
    element = where.elements[0]
    if element is answered:
        return Group([Triples(answered.stored)])
    assert isinstance(element, Graph), "a star is within GRAPH or nothing"
    return Group([Graph(element.name, _stored_part(element.group, answered))])


def _sql(rewriter: Rewriter, block: Block, keys: list[str], counts: list[Count], stored: Group | None) -> str | None:
    """Write the counts in SQL; None if the store has too many values to be left out."""
    names = list(dict.fromkeys([*keys, *(one.variable for one in counts if one.is_distinct)]))
    rows = " UNION ALL ".join(
        branch.select([f"{branch.values[name].text} AS x{names.index(name)}" for name in names])
        for branch in block.branches
    )
    if not rows:
        return None
    columns = [f"x{names.index(key)} AS v{number}" for number, key in enumerate(keys)]
    for number, one in enumerate(counts, len(keys)):
        what = "*"
        if one.is_distinct:
            what = f"DISTINCT x{names.index(one.variable)}"
            if stored is not None and block.patterns[0].subject != Var(one.variable):
                pairs = _pairs(rewriter, [*keys, one.variable], stored)
                if pairs is None:
                    return None
                places = " || ' ' || ".join(f"x{names.index(name)}" for name in [*keys, one.variable])
                values = ", ".join(map(_quoted, pairs)) or "''"
                what += f") FILTER (WHERE {places} NOT IN ({values})"
        columns.append(f"CAST(count({what}) AS VARCHAR) AS v{number}")
    grouped = f" GROUP BY {', '.join(f'x{names.index(key)}' for key in keys)}" if keys else ""
    return f"SELECT {', '.join(columns)} FROM ({rows}){grouped}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _pairs(rewriter: Rewriter, names: list[str], stored: Group) -> list[str] | None:
    """Give the different solutions of the store, each as one text."""
    variables = " ".join(f"?{name}" for name in names)
    limit = f"LIMIT {MAX_STORED + 1}"
    found = rewriter.stored.rows(f"SELECT DISTINCT {variables} {rewriter.dataset} WHERE {write_group(stored)} {limit}")
    return [" ".join(row) for row in found] if len(found) <= MAX_STORED else None


def _change(
    query: Query, rewriter: Rewriter, keys: list[str], counts: list[Count], stored: Group | None, sql: str
) -> None:
    """Make the query add up the counts of both."""
    made = [f"count{number}{HIDDEN}" for number in range(len(counts))]
    items = [Item(None, key) for key in keys]
    for name, one in zip(made, counts, strict=True):
        items.append(Item(Expression(one.expression.parts[one.start : one.end]), name))
    for name, one in sorted(zip(made, counts, strict=True), key=lambda pair: -pair[1].start):
        one.expression.parts[one.start : one.end] = tokenise(f"SUM(?{name})")
    data = " ".join(f"({' '.join(map(str, row))})" for row in rewriter.columns.rows(sql))
    element: Element = Values((*keys, *made), data)
    if stored is not None:
        inner = Query("SELECT", stored, selected=items, group_by=[Item(None, key) for key in keys])
        element = Union([Group([inner]), Group([element])])
    query.where = Group([element])
