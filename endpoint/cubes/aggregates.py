"""Sum and count in the columns what the query then only has to add up.

A block whose rows are wanted for their sums alone is grouped in SQL by the variables that anything else mentions, with
the number of rows and the sums of each group. Every solution of the rest of the query joins with a whole group, so
`COUNT` becomes a sum of the numbers, `SUM` a sum of the sums, and `AVG` their ratio. The engine does that arithmetic:
types and digits are its own. Nothing is grouped where a sum could leave the range that the engine counts in.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from endpoint.cubes.columns import Value
from endpoint.cubes.linear import Sums, summed
from endpoint.cubes.parser import written
from endpoint.cubes.rewrite import names_of_query
from endpoint.cubes.syntax import (
    AGGREGATES,
    HIDDEN,
    Answered,
    Bind,
    Expression,
    Graph,
    Group,
    Query,
    Union,
)
from endpoint.guard import tokenise
from loader.release import DECIMAL, INTEGER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from endpoint.cubes.columns import Columns
    from endpoint.cubes.stars import Block, Branch
    from endpoint.cubes.syntax import Element
    from endpoint.guard import Token

LARGEST_INTEGER: Final = 2**63 - 1
LARGEST_DECIMAL: Final = 10**20
MAX_SCALE: Final = 18
"""Decimal places that the engine keeps."""
COUNT: Final = f"n{HIDDEN}"


@dataclass(frozen=True, slots=True)
class Call:
    """An aggregate for which it matters how often a solution is there, and where it is in its expression."""

    expression: Expression
    start: int
    end: int
    function: str
    argument: list[Token]

    @property
    def variable(self) -> str:
        """The variable that is its argument, `*`, or nothing if the argument is neither."""
        is_plain = len(self.argument) == 1 and self.argument[0].text[0] in "?$*"
        return self.argument[0].text.lstrip("?$") if is_plain else ""


@dataclass(slots=True)
class Plan:
    """How blocks are grouped: each of the alternatives that a solution may come from."""

    arms: list[Answered]
    columns: Columns
    sums: Sums = field(default_factory=Sums)

    def has_bound(self, name: str) -> bool:
        """Tell whether every row of every block has a variable."""
        return all(name in one.block.variables and name not in one.block.optional for one in self.arms)

    def values(self, name: str) -> list[tuple[Branch, Value]] | None:
        """Give the values of a variable in every branch; None if they are not numbers, or may be unbound."""
        branches = [branch for one in self.arms for branch in one.block.branches]
        if not self.has_bound(name):
            return None
        found = [(branch, branch.values[name]) for branch in branches]
        return found if all(value.is_number and not value.is_optional for _, value in found) else None

    def is_summable(self, names: tuple[str, ...]) -> bool:
        """Tell whether the products of some variables are numbers whose sum stays in range."""
        columns = [self.values(name) for name in names]
        known = [column for column in columns if column is not None]
        return len(known) == len(names) and all(map(self._is_within, zip(*known, strict=True)))

    def _is_within(self, factors: tuple[tuple[Branch, Value], ...]) -> bool:
        """Tell whether the sum of a product stays in range, however the rows are."""
        values = [value for _, value in factors]
        scale = sum(value.scale for value in values)
        if len(values) > 1 and (scale > MAX_SCALE or any(v.largest >= 10 ** (MAX_SCALE - v.scale) for v in values)):
            return False
        most = math.prod(max(value.largest, 1) for value in values)
        limit = LARGEST_INTEGER if all(value.kind == INTEGER for value in values) else LARGEST_DECIMAL
        branch = factors[0][0]
        if most * math.prod(cube.record.rows for cube, _ in branch.tables) < limit:
            return True
        return len(branch.tables) > 1 and most * self.rows(branch) < limit

    def rows(self, branch: Branch) -> int:
        """Count the rows of a branch."""
        ((found,),) = self.columns.known(branch.select(["count(*)"]))
        return int(str(found))

    def scale(self, names: tuple[str, ...]) -> int:
        """Give the most decimal places that a product of variables has."""
        return sum(max((value.scale for _, value in self.values(name) or []), default=0) for name in names)


def compress(query: Query, scope: Query, columns: Columns) -> list[tuple[Answered, list[str], str]]:
    """Group blocks of an aggregate query: give each, its variables then, and its SQL; nothing if that is not possible.

    `scope` is the query all of whose variables a block of it may be joined with.
    """
    calls = _calls(query) if query.is_aggregate else None
    if not calls:
        return []
    for arms in _top(query.where.elements):
        if all(one.block.branches for one in arms):
            plan = Plan(arms, columns)
            found = _applied(plan, calls, query, scope)
            if found:
                return found
    return []


def _top(elements: list[Element]) -> Iterator[list[Answered]]:
    """Give the blocks that every solution of a group has a row of: one, or one of each alternative."""
    for element in elements:
        if isinstance(element, Answered):
            yield [element]
        elif isinstance(element, Graph):
            yield from _top(element.group.elements)
        elif isinstance(element, Union):
            firsts = [next(_top(group.elements), []) for group in element.groups]
            if all(firsts):
                yield [one for first in firsts for one in first]


def _calls(query: Query) -> list[Call] | None:
    """Give the aggregates for which it matters how often a solution is there; None if one is not understood."""
    found = []
    for expression in query.expressions:
        for start, part in enumerate(expression.parts):
            if isinstance(part, Group) or part.kind != "word" or part.text.upper() not in AGGREGATES:
                continue
            function = part.text.upper()
            end = _end(expression, start + 1)
            argument = [token for token in expression.parts[start + 2 : end - 1] if not isinstance(token, Group)]
            if argument[0].text.upper() == "DISTINCT" or function == "SAMPLE":
                if argument[-1].text == "*":
                    return None
                continue
            if function == "GROUP_CONCAT" or len(argument) < end - start - 3:
                return None
            found.append(Call(expression, start, end, function, argument))
    return found


def _end(expression: Expression, start: int) -> int:
    """Give the place after the bracket that closes the one at a place."""
    depth = 0
    for place in range(start, len(expression.parts)):
        part = expression.parts[place]
        if not isinstance(part, Group) and part.kind == "sign":
            depth += (part.text == "(") - (part.text == ")")
            if not depth:
                return place + 1
    return len(expression.parts)


def _applied(plan: Plan, calls: Sequence[Call], query: Query, scope: Query) -> list[tuple[Answered, list[str], str]]:
    """Change the aggregates and write the blocks in SQL; change nothing if that cannot be done."""
    texts = [_replacement(plan, call) for call in calls]
    before = [(expression, list(expression.parts)) for expression in query.expressions]
    found: list[tuple[Answered, list[str], str]] = []
    if all(text is not None for text in texts):
        for call, text in sorted(zip(calls, texts, strict=True), key=lambda pair: -pair[0].start):
            call.expression.parts[call.start : call.end] = tokenise(f"({text})")
        counts = Counter(names_of_query(scope))
        counts.subtract(name for one in plan.arms for name in one.block.variables)
        keys = [[name for name in one.block.variables if counts[name] > 0] for one in plan.arms]
        if not any(_has_subject(one.block, names) for one, names in zip(plan.arms, keys, strict=True)):
            found = [_grouped(plan, one, names) for one, names in zip(plan.arms, keys, strict=True)]
    if not found:
        for expression, parts in before:
            expression.parts = parts
    return found


def _has_subject(block: Block, keys: list[str]) -> bool:
    """Tell whether no two rows are alike."""
    return any(getattr(term, "name", None) in keys for branch in block.branches for term, _ in branch.subjects)


def _replacement(plan: Plan, call: Call) -> str | None:
    """Write an aggregate as one of what was counted and summed; None if that cannot be done."""
    name = call.variable
    text = written(call.argument)
    match call.function:
        case "COUNT":
            if name == "*" or (name and plan.has_bound(name)):
                return f"SUM(?{COUNT})"
            if name:
                return f"SUM(IF(BOUND(?{name}), ?{COUNT}, 0))"
            return f"SUM(IF(sameTerm({text}, {text}), ?{COUNT}, ?{COUNT}))"  # the engine counts no group with an error
        case "MIN" | "MAX":
            is_made = bool(name) and plan.values(name) is not None
            return f"{call.function}({plan.sums.made(call.function.lower(), (name,)) if is_made else text})"
        case _:
            total = summed(call.argument, COUNT, plan)
            if total is None or call.function == "SUM":
                return total and f"SUM({total})"
            return f"IF(SUM(?{COUNT}) = 0, 0, SUM({total}) / SUM(?{COUNT}))"


def _expression(text: str) -> Expression:
    return Expression([*tokenise(text)])


def _grouped(plan: Plan, answered: Answered, keys: list[str]) -> tuple[Answered, list[str], str]:
    made = plan.sums.by_name
    if answered.stored:
        answered.binds = [Bind(_expression("1"), COUNT)]
        products = {name: " * ".join(f"?{one}" for one in names) for name, (_, names) in made.items()}
        answered.binds += [Bind(_expression(text), name) for name, text in products.items()]
    parts = [_grouped_branch(plan, branch, keys) for branch in answered.block.branches]
    return answered, [*keys, COUNT, *made], " UNION ALL ".join(parts)


def _grouped_branch(plan: Plan, branch: Branch, names: list[str]) -> str:
    keys = [branch.values[name] for name in names]
    columns = [value.written for value in keys] + ["CAST(count(*) AS VARCHAR)"]
    for function, factors in plan.sums.by_name.values():
        value = _product([branch.values[name] for name in factors])
        columns.append(replace(value, sql=f"{function}({value.sql})").written)
    text = branch.select([f"{column} AS v{number}" for number, column in enumerate(columns)])
    grouped = list(dict.fromkeys(value.sql for value in keys if value.constant is None))
    return f"{text}{' GROUP BY ' + ', '.join(grouped) if grouped else ''} HAVING count(*) > 0"


def _product(factors: Sequence[Value]) -> Value:
    if len(factors) == 1:
        return factors[0]
    scale = sum(value.scale for value in factors)
    kind = INTEGER if all(value.kind == INTEGER for value in factors) else DECIMAL
    return Value(kind, " * ".join(f"CAST({v.sql} AS DECIMAL({MAX_SCALE}, {v.scale}))" for v in factors), scale=scale)
