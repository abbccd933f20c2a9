"""Make blocks smaller: by filters about one variable, by EXISTS about one subject, and by what the store knows.

A filter is moved into the SQL only if it then means the same; where the store has solutions of its own it stays too.
What the store knows of the codes (their labels, what is broader) is asked first, for the codes that occur.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from endpoint.cubes.conditions import pair, told
from endpoint.cubes.distinct import different
from endpoint.cubes.paths import has_zero_length, is_step, split
from endpoint.cubes.stars import Block, existence, in_terms
from endpoint.cubes.syntax import (
    Answered,
    Expression,
    Filter,
    Group,
    Pattern,
    Triples,
    Values,
    Var,
    visible,
)
from endpoint.cubes.writing import write_expression, write_pattern
from endpoint.guard import UNREPEATABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from endpoint.cubes.rewrite import Context, Rewriter
    from endpoint.cubes.stars import Branch, Place
    from endpoint.cubes.syntax import Element

MAX_VALUES: Final = 150_000
"""More different values of a variable than this are not looked at one by one."""
GIVEN_CHARS: Final = 100_000
"""VALUES that are longer than this are not looked at by themselves."""
SMALL: Final = 500
"""A block of no more rows than this is small enough."""


def push_filters(
    rewriter: Rewriter, filters: Sequence[Filter], done: Sequence[Element], context: Context
) -> list[Filter]:
    """Move the filters of a group into its blocks; give those that stay."""
    kept = []
    for one in (Filter(part) for whole in filters for part in conjuncts(whole.expression)):
        if one.expression.groups:
            is_pushed = _push_exists(rewriter, one.expression, done, context)
        else:
            is_pushed = _push_condition(rewriter, one.expression, done)
        kept += [] if is_pushed else [one]
    return kept


def conjuncts(expression: Expression) -> list[Expression]:
    """Take `(a && b)` apart; each must be true for it to be true, whatever the errors."""
    parts = expression.parts
    depth = 0
    cuts = []
    for number, part in enumerate(parts):
        if isinstance(part, Group) or part.kind != "sign":
            continue
        depth += (part.text == "(") - (part.text == ")")
        if depth == 0 and number < len(parts) - 1:
            return [expression]
        if depth == 1 and part.text == "||":
            return [expression]
        if depth == 1 and part.text == "&&":
            cuts.append(number)
    if not cuts:
        return [expression]
    first, last = parts[0], parts[-1]
    edges = [0, *cuts, len(parts) - 1]
    found = []
    for start, end in itertools.pairwise(edges):
        found += conjuncts(Expression([first, *parts[start + 1 : end], last]))
    return found


def _push_condition(rewriter: Rewriter, expression: Expression, done: Sequence[Element]) -> bool:
    """Move a filter about one variable into the blocks that bind it; tell whether it need not be kept."""
    names = expression.variables
    if len(names) == 2:
        return _push_pair(expression, done)
    if len(names) != 1 or UNREPEATABLE & set(expression.words):
        return False
    (name,) = names
    is_pushed = False
    for element in done:
        if isinstance(element, Answered) and name in element.block.variables and name not in element.block.optional:
            was_pushed = _restrict(rewriter, element.block, name, expression)
            if was_pushed and element.stored:
                element.filters.append(Filter(expression))
            is_pushed = is_pushed or was_pushed
    return is_pushed


def _push_pair(expression: Expression, done: Sequence[Element]) -> bool:
    """Move a comparison of two numbers of a block into it; tell whether that was done."""
    for element in done:
        if isinstance(element, Answered) and not element.stored:
            conditions = pair(element.block, expression)
            if conditions is not None:
                block = element.block
                found = (branch.where(text) for branch, text in zip(block.branches, conditions, strict=True))
                block.branches = [branch for branch in found if branch is not None]
                return True
    return False


def _restrict(rewriter: Rewriter, block: Block, name: str, expression: Expression) -> bool:
    """Keep the rows that pass, of each branch that can be told; tell whether all could be."""
    kept = []
    is_whole = True
    for branch in block.branches:
        found: Branch | None = branch
        text = told(rewriter, branch, name, expression)
        if text is None:
            values = _distinct(rewriter, [branch], name)
            is_whole = is_whole and values is not None
            found = branch if values is None else _passing(rewriter, branch, name, expression, values)
        elif text != "true":
            found = None if text == "false" else branch.where(text)
        kept += [] if found is None else [found]
    block.branches = kept
    return is_whole


def _passing(rewriter: Rewriter, branch: Branch, name: str, expression: Expression, values: list[str]) -> Branch | None:
    """Keep the rows whose values pass, which the engine says."""
    where = f"VALUES ?{name} {{ {' '.join(values)} }} FILTER {write_expression(expression)}"
    passed = rewriter.stored.terms(f"{rewriter.prologue} SELECT ?{name} WHERE {{ {where} }}")
    if len(passed) == len(values):
        return branch
    return branch.where(in_terms(branch.values[name], passed)) if branch.values[name].constant is None else None


def distinct(rewriter: Rewriter, block: Block, name: str) -> list[str] | None:
    """Give the different values of a variable, None if they are too many."""
    return _distinct(rewriter, block.branches, name)


def _distinct(rewriter: Rewriter, branches: list[Branch], name: str) -> list[str] | None:
    if not branches:
        return []
    text = different(Block([name], branches), [name])
    values = rewriter.columns.texts(f"SELECT v0 FROM ({text}) LIMIT {MAX_VALUES + 1}")
    return values if len(values) <= MAX_VALUES else None


def _push_exists(rewriter: Rewriter, expression: Expression, done: Sequence[Element], context: Context) -> bool:
    """Move `[NOT] EXISTS { … }` about one subject of a block into it."""
    *words, group = expression.parts
    texts = [word.text.upper() for word in words if not isinstance(word, Group)]
    if not isinstance(group, Group) or texts not in (["EXISTS"], ["NOT", "EXISTS"]):
        return False
    patterns = _star(rewriter, group, context.place)
    if not patterns:
        return False
    names = {name for pattern in patterns for name in pattern.variables}
    for element in done:
        if not isinstance(element, Answered) or element.stored:
            continue
        block = element.block
        others = {*visible(Group([other for other in done if other is not element])), *context.known}
        if names & block.optional or (names - set(block.variables)) & others:
            continue
        conditions = [existence(branch, patterns) for branch in block.branches]
        if any(condition is None for condition in conditions):
            continue
        negation = "NOT " if len(words) == 2 else ""
        pairs = zip(block.branches, conditions, strict=True)
        found = (branch.where(f"{negation}({condition})") for branch, condition in pairs)
        block.branches = [branch for branch in found if branch is not None]
        return True
    return False


def _star(rewriter: Rewriter, group: Group, place: Place) -> list[Pattern]:
    """Give the patterns of a group that is one star; nothing if it is not."""
    if not all(isinstance(element, Triples) for element in group.elements):
        return []
    written = [pattern for element in group.elements if isinstance(element, Triples) for pattern in element.patterns]
    patterns, unions = split(written, rewriter.is_cubes, rewriter.numbers, place)
    is_plain = all(is_step(pattern.predicate) for pattern in patterns)
    subjects = {pattern.subject for pattern in patterns}
    is_star = is_plain and not unions and len(subjects) == 1 and all(isinstance(s, Var) for s in subjects)
    return patterns if is_star else []


def push_store(
    rewriter: Rewriter, blocks: Sequence[Block], left: Sequence[Pattern], around: Sequence[Element], context: Context
) -> None:
    """Keep the rows of blocks whose codes have what the store is asked about them."""
    for block in blocks:
        for name in sorted(block.variables, key=lambda name: not block.is_constant(name)):
            if name in block.optional:
                continue
            part = Component.around(name, block, left, around)
            if part is None:
                continue
            if (given := part.given(rewriter)) is not None:
                block.restrict(name, given)
            if _count(rewriter, block) <= SMALL:
                continue
            values = distinct(rewriter, block, name)
            if values is not None:
                block.restrict(name, part.answer(rewriter, values, context))


def _count(rewriter: Rewriter, block: Block) -> int:
    parts = " UNION ALL ".join(branch.select(["count(*) AS n"]) for branch in block.branches)
    return int(str(rewriter.columns.rows(f"SELECT sum(n) FROM ({parts})")[0][0])) if parts else 0


class Component:
    """What the store is asked about one variable of a block: patterns, data and filters that hang together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.patterns: list[Pattern] = []
        self.values: list[Values] = []
        self.filters: list[Filter] = []
        self.variables = {name}

    @classmethod
    def around(cls, name: str, block: Block, left: Sequence[Pattern], around: Sequence[Element]) -> Component | None:
        """Collect it; None if there is nothing."""
        found = cls(name)
        data = [element for element in around if isinstance(element, Values) and "UNDEF" not in element.data.upper()]
        patterns = [pattern for pattern in left if not _has_other_zero(pattern, name)]
        has_grown = True
        while has_grown:
            reach = (found.variables - set(block.variables)) | {name}
            more = [p for p in patterns if p not in found.patterns and reach & set(p.variables)]
            more_data = [v for v in data if v not in found.values and reach & set(v.variables)]
            found.patterns += more
            found.values += more_data
            found.variables |= {n for p in more for n in p.variables} | {n for v in more_data for n in v.variables}
            has_grown = bool(more or more_data)
        if not found.patterns and not found.values:
            return None
        found.filters = [
            element
            for element in around
            if isinstance(element, Filter)
            and not element.expression.groups
            and not UNREPEATABLE & set(element.expression.words)
            and element.expression.variables
            and element.expression.variables <= found.variables
        ]
        return found

    def given(self, rewriter: Rewriter) -> list[str] | None:
        """Give the values that VALUES of this variable alone allow, if they are IRIs and not too many."""
        alone = [v.data for v in self.values if set(v.variables) == {self.name}]
        if not alone or sum(map(len, alone)) > GIVEN_CHARS:
            return None
        rows = " ".join(f"VALUES (?{self.name}) {{ {data} }}" for data in alone)
        found = rewriter.stored.terms(f"{rewriter.prologue} SELECT DISTINCT ?{self.name} WHERE {{ {rows} }}")
        return found if all(term.startswith("<") for term in found) else None

    def answer(self, rewriter: Rewriter, values: Sequence[str], context: Context) -> list[str]:
        """Ask the store which of some values there can be."""
        rows = f"VALUES ?{self.name} {{ {' '.join(values)} }}"
        parts = [write_pattern(pattern) for pattern in self.patterns]
        parts += [f"VALUES ({' '.join(f'?{n}' for n in v.variables)}) {{ {v.data} }}" for v in self.values]
        parts += [f"FILTER {write_expression(one.expression)}" for one in self.filters]
        found = rewriter.stored.terms(self._text(rewriter, context, f"{rows} {' '.join(parts)}"))
        if any(has_zero_length(pattern.predicate) for pattern in self.patterns):  # from itself to itself
            nowhere = f"FILTER NOT EXISTS {{ ?{self.name} ?p ?o }} FILTER NOT EXISTS {{ ?s ?p ?{self.name} }}"
            found += rewriter.stored.terms(self._text(rewriter, context, f"{rows} {nowhere}"))
        return found

    def _text(self, rewriter: Rewriter, context: Context, where: str) -> str:
        place = context.place
        name = f"?{place.variable}" if place.variable else place.graph
        inner = f"GRAPH {name} {{ {where} }}" if name else where
        return f"{rewriter.prologue} SELECT DISTINCT ?{self.name} {rewriter.dataset} WHERE {{ {inner} }}"


def _has_other_zero(pattern: Pattern, name: str) -> bool:
    """Tell whether a path may have no length, and begins or ends elsewhere than at a variable alone."""
    if not has_zero_length(pattern.predicate):
        return False
    return any(isinstance(end, Var) and end.name != name for end in (pattern.subject, pattern.object))
