"""Sum and count in the columns what the query then only has to add up.

A block whose rows are wanted for their sums alone is grouped in SQL by the variables that anything else mentions, with
the number of rows and the sums of each group. Every solution of the rest of the query joins with a whole group, so
`COUNT` becomes a sum of the numbers, `SUM` a sum of the sums, and `AVG` their ratio. The engine does that arithmetic:
types and digits are its own. Nothing is grouped where a sum could leave the range that the engine counts in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

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
)
from endpoint.guard import tokenise
from loader.release import INTEGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from endpoint.cubes.columns import Value
    from endpoint.cubes.stars import Block, Branch
    from endpoint.cubes.syntax import Element

LARGEST_INTEGER: Final = 2**63 - 1
LARGEST_DECIMAL: Final = 10**20
COUNT: Final = f"n{HIDDEN}"


@dataclass(frozen=True, slots=True)
class Call:
    """An aggregate of one variable, and where it is in its expression."""

    expression: Expression
    start: int
    end: int
    function: str
    variable: str
    """`*` for COUNT(*)."""


@dataclass(slots=True)
class Plan:
    """How a block is grouped."""

    answered: Answered
    keys: list[str]
    sums: dict[str, str] = field(default_factory=dict)
    """SQL function and variable, by the variable that is made."""
    binds: dict[str, str] = field(default_factory=dict)
    """What solutions from the store have in place of these."""


def compress(query: Query, root: Query) -> tuple[Answered, list[str], str] | None:
    """Group a block of an aggregate query: give it, its variables then, and its SQL; None if that is not possible."""
    if not query.is_aggregate:
        return None
    calls = list(_calls(query))
    if not calls or any(call is None for call in calls):
        return None
    found = [call for call in calls if call is not None]
    for answered in _top(query.where.elements):
        plan = _plan(answered, found, root)
        if plan is not None:
            return _apply(plan, found)
    return None


def _top(elements: list[Element]) -> Iterator[Answered]:
    """Give the blocks that every solution of a group has a row of."""
    for element in elements:
        if isinstance(element, Answered):
            yield element
        elif isinstance(element, Graph):
            yield from _top(element.group.elements)


def _calls(query: Query) -> Iterator[Call | None]:
    """Give the aggregates for which it matters how often a solution is there; None for one that is not understood."""
    for expression in query.expressions:
        texts = ["{" if isinstance(part, Group) else part.text for part in expression.parts]
        for start, part in enumerate(expression.parts):
            if isinstance(part, Group) or part.kind != "word" or part.text.upper() not in AGGREGATES:
                continue
            function = part.text.upper()
            if texts[start + 2].upper() == "DISTINCT" or function == "SAMPLE":
                if texts[start + 3] == "*":
                    yield None
                continue
            argument = texts[start + 2]
            is_plain = texts[start + 3] == ")" and argument[0] in "?$*"
            if is_plain and function != "GROUP_CONCAT":
                yield Call(expression, start, start + 4, function, argument.lstrip("?$"))
            elif function not in {"MIN", "MAX"}:
                yield None


def _plan(answered: Answered, calls: list[Call], root: Query) -> Plan | None:
    block = answered.block
    if not block.branches or block.is_set or block.is_inner:
        return None
    counts = Counter(names_of_query(root))
    counts.subtract(call.variable for call in calls if call.variable != "*")
    keys = [name for name in block.variables if counts[name] > 1]
    for call in calls:
        if _needs_key(call, block) and call.variable in block.variables and call.variable not in keys:
            keys.append(call.variable)
    if _has_subject(block, keys):
        return None  # no two rows are alike
    plan = Plan(answered, keys)
    return plan if all(_is_planned(plan, call) for call in calls) else None


def _needs_key(call: Call, block: Block) -> bool:
    """Tell whether the variable of an aggregate must be kept: it is not of numbers, or may be unbound."""
    if call.function == "COUNT":
        return call.variable in block.optional
    return call.function in {"MIN", "MAX"} and not _is_summable(block, call.variable)


def _has_subject(block: Block, keys: list[str]) -> bool:
    return any(getattr(term, "name", None) in keys for branch in block.branches for term, _ in branch.subjects)


def _is_summable(block: Block, name: str) -> bool:
    """Tell whether the values of a variable are numbers whose sum stays in range."""
    return name in block.variables and all(_is_within(branch, branch.values[name]) for branch in block.branches)


def _is_within(branch: Branch, value: Value) -> bool:
    if not value.is_number or value.is_optional:
        return False
    rows = 1
    for cube, _ in branch.tables:
        rows *= cube.record.rows
    return value.largest * rows < (LARGEST_INTEGER if value.kind == INTEGER else LARGEST_DECIMAL)


def _is_planned(plan: Plan, call: Call) -> bool:
    """Add what an aggregate needs to the plan; tell whether it can be done."""
    block = plan.answered.block
    name = call.variable
    if call.function == "COUNT":
        return True
    if call.function in {"MIN", "MAX"}:
        if name in block.variables and name not in plan.keys:
            made = f"{call.function.lower()}_{name}{HIDDEN}"
            plan.sums[made] = f"{call.function.lower()} {name}"
            plan.binds[made] = name
        return True
    if not _is_summable(block, name):
        return False
    if name not in plan.keys:
        plan.sums[f"sum_{name}{HIDDEN}"] = f"sum {name}"
        plan.binds[f"sum_{name}{HIDDEN}"] = name
    return True


def _apply(plan: Plan, calls: list[Call]) -> tuple[Answered, list[str], str]:
    """Change the aggregates, and write the block in SQL."""
    for call in sorted(calls, key=lambda call: -call.start):
        text = _replacement(plan, call)
        call.expression.parts[call.start : call.end] = tokenise(f"({text})")
    if plan.answered.stored:
        plan.answered.binds = [Bind(_expression("1"), COUNT)]
        plan.answered.binds += [Bind(_expression(f"?{old}"), new) for new, old in plan.binds.items()]
    parts = [_grouped(plan, branch) for branch in plan.answered.block.branches]
    return plan.answered, [*plan.keys, COUNT, *plan.sums], " UNION ALL ".join(parts)


def _expression(text: str) -> Expression:
    return Expression([*tokenise(text)])


def _replacement(plan: Plan, call: Call) -> str:
    block, name = plan.answered.block, call.variable
    if call.function == "COUNT":
        is_bound = name == "*" or (name in block.variables and name not in block.optional)
        return f"SUM(?{COUNT})" if is_bound else f"SUM(IF(BOUND(?{name}), ?{COUNT}, 0))"
    if call.function in {"MIN", "MAX"}:
        made = f"{call.function.lower()}_{name}{HIDDEN}"
        return f"{call.function}(?{made if made in plan.sums else name})"
    made = f"sum_{name}{HIDDEN}"
    total = f"SUM(?{made})" if made in plan.sums else f"SUM(?{name} * ?{COUNT})"
    return total if call.function == "SUM" else f"IF(SUM(?{COUNT}) = 0, 0, {total} / SUM(?{COUNT}))"


def _grouped(plan: Plan, branch: Branch) -> str:
    keys = [branch.values[name] for name in plan.keys]
    columns = [value.written for value in keys] + ["CAST(count(*) AS VARCHAR)"]
    for made in plan.sums.values():
        function, _, name = made.partition(" ")
        value = branch.values[name]
        columns.append(replace(value, sql=f"{function}({value.sql})").written)
    text = branch.select([f"{column} AS v{number}" for number, column in enumerate(columns)])
    grouped = list(dict.fromkeys(value.sql for value in keys if value.constant is None))
    return f"{text}{' GROUP BY ' + ', '.join(grouped) if grouped else ''} HAVING count(*) > 0"
