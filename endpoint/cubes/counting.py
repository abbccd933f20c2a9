"""Count in the columns what a query of nothing but one star counts, different values included.

The store counts its own solutions. A value that both have is counted once: those the store has are left out of the
columns' count, unless they are observations, which the store never has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from endpoint.cubes.columns import quoted
from endpoint.cubes.distinct import different
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
    from collections.abc import Sequence

    from endpoint.cubes.rewrite import Rewriter
    from endpoint.cubes.stars import Block, Branch
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


def count(query: Query, scope: Query, rewriter: Rewriter) -> tuple[Block, str] | None:
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
    others = Counter(names_of_query(scope))
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
        return Group([Triples(answered.stored), *answered.filters])
    assert isinstance(element, Graph), "a star is within GRAPH or nothing"
    return Group([Graph(element.name, _stored_part(element.group, answered))])


def _sql(rewriter: Rewriter, block: Block, keys: list[str], counts: list[Count], stored: Group | None) -> str | None:
    """Write the counts in SQL; None if the store has too many values to be left out."""
    parts: list[str] = []
    for number, one in enumerate(counts):
        if not one.is_distinct:
            found = [_rows(branch, keys) for branch in block.branches]
        elif _is_subject(block, one.variable) and (split := _subjects(block, keys)) is not None:
            found = split
        else:
            names = list(dict.fromkeys([*keys, one.variable]))
            known = _known(rewriter, block, names, stored)
            if known is None:
                return None
            grouped = f" GROUP BY {', '.join(f'v{n}' for n in range(len(keys)))}" if keys else ""
            columns = [*(f"v{n}" for n in range(len(keys))), "count(*) AS n"]
            rows = different(block, names, is_compared=True)
            found = [f"SELECT {', '.join(columns)} FROM ({rows}){known}{grouped}"]
        names = [f"v{n}" for n in range(len(keys))]
        names += [f"{'n' if other == number else '0'} AS n{other}" for other in range(len(counts))]
        parts += [f"SELECT {', '.join(names)} FROM ({text})" for text in found]
    if not parts:
        return None
    columns = [f"v{n}" for n in range(len(keys))]
    columns += [f"CAST(coalesce(sum(n{n}), 0) AS VARCHAR) AS m{n}" for n in range(len(counts))]
    every = " + ".join(f"sum(n{n})" for n in range(len(counts)))
    ending = f" GROUP BY {', '.join(f'v{n}' for n in range(len(keys)))} HAVING {every} > 0" if keys else ""
    return f"SELECT {', '.join(columns)} FROM ({' UNION ALL '.join(parts)}){ending}"


def _rows(branch: Branch, keys: Sequence[str]) -> str:
    """Count the rows of a branch, for each group; a table whose rows all are meant need not be read."""
    values = [branch.values[name] for name in keys]
    columns = [f"{value.text} AS v{n}" for n, value in enumerate(values)]
    grouped = list(dict.fromkeys(value.sql for value in values if value.constant is None))
    if not grouped and not branch.conditions and len(branch.tables) == 1:
        return f"SELECT {', '.join([*columns, f'{branch.tables[0][0].record.rows} AS n'])}"
    ending = f" GROUP BY {', '.join(grouped)}" if grouped else ""
    return f"{branch.select([*columns, 'count(*) AS n'])}{ending}"


def _is_subject(block: Block, name: str) -> bool:
    """Tell whether a variable is the one observation that a row is about."""
    return all([term for term, _ in branch.subjects] == [Var(name)] for branch in block.branches)


def _subjects(block: Block, keys: Sequence[str]) -> list[str] | None:
    """Count the observations of each group, each once; None if a group depends on more than one column."""
    together: dict[tuple[str, ...], list[Branch]] = {}
    for branch in block.branches:
        relation = branch.tables[0][0].relation
        is_constant = all(branch.values[name].constant is not None for name in keys)
        if not is_constant and sum(other.tables[0][0].relation == relation for other in block.branches) > 1:
            return None
        together.setdefault((relation, *(str(branch.values[name].constant) for name in keys)), []).append(branch)
    found = []
    for branches in together.values():
        ways = [" AND ".join(branch.conditions) for branch in branches]
        either = () if "" in ways else (" OR ".join(f"({way})" for way in dict.fromkeys(ways)),)
        found.append(_rows(replace(branches[0], conditions=either), keys))
    return found


def _known(rewriter: Rewriter, block: Block, names: list[str], stored: Group | None) -> str | None:
    """Leave out what the store has as well; None if that is too much."""
    if stored is None or any(block.patterns[0].subject == Var(name) for name in names):
        return ""
    pairs = _pairs(rewriter, names, stored)
    if pairs is None:
        return None
    places = " || ' ' || ".join(f"v{number}" for number in range(len(names)))
    return f" WHERE {places} NOT IN ({', '.join(map(quoted, pairs))})" if pairs else ""


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
    data = " ".join(f"({' '.join(map(str, row))})" for row in rewriter.columns.known(sql))
    element: Element = Values((*keys, *made), data)
    if stored is not None:
        inner = Query("SELECT", stored, selected=items, group_by=[Item(None, key) for key in keys])
        element = Union([Group([inner]), Group([element])])
    query.where = Group([element])
