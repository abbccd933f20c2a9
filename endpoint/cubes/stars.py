"""Stars: the patterns with one subject, answered from the columns.

The observations of a cube are subjects nowhere else. So all triples of one solution of a star are in one cube, or all
are in the store, and the solutions of the star are those from each cube and those from the store, none of them twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from endpoint.cubes.columns import Value, quoted, value_of
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.syntax import Alt, Neg, Pattern, Var
from loader.release import TERM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from endpoint.cubes.columns import Cube
    from endpoint.cubes.syntax import Term
    from loader.release import CubeColumn

MAX_BRANCHES: Final = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pattern looks: each graph of the cubes as often as the dataset names it, and what to call the graph."""

    cubes: tuple[Cube, ...]
    variable: str | None = None
    """Variable of `GRAPH ?g`."""
    graph: str | None = None
    """Graph of `GRAPH <g>`."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to answer a star: tables, a value for each variable, and conditions."""

    tables: tuple[tuple[Cube, str], ...]
    values: dict[str, Value]
    conditions: tuple[str, ...] = ()
    subjects: tuple[tuple[Term, str], ...] = ()
    """Whose subject each table is."""

    def where(self, condition: str | None) -> Branch | None:
        """Add a condition; None if it is never met."""
        if condition is None:
            return None
        return (
            self
            if not condition or condition in self.conditions
            else replace(self, conditions=(*self.conditions, condition))
        )

    def bind(self, term: Term, value: Value) -> Branch | None:
        """Let a term of a pattern be a value; None if it cannot be."""
        if not isinstance(term, Var):
            return self.where(value.equals_term(term))
        known = self.values.get(term.name)
        if known is None:
            return replace(self, values={**self.values, term.name: value})
        bound = self.where(known.equals(value))
        if bound is not None and known.constant is None and value.constant is not None:
            return replace(bound, values={**bound.values, term.name: value})
        return bound

    def select(self, columns: Sequence[str]) -> str:
        """Write it in SQL, giving these expressions."""
        tables = ", ".join(f"{cube.relation} {alias}" for cube, alias in self.tables)
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        return f"SELECT {', '.join(columns) or '1'} FROM {tables}{where}"


@dataclass(frozen=True, slots=True)
class Given:
    """Patterns that the store answers: the variables of all their solutions, and the patterns as written."""

    variables: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Block:
    """A relation that answers stars: the union of its branches, which have the same variables."""

    variables: list[str]
    branches: list[Branch]
    patterns: list[Pattern] = field(default_factory=list)
    """What it answers, to be shown."""
    place: Place | None = None
    is_inner: bool = False
    """True where the engine may go through the rows again and again: after OPTIONAL, MINUS and EXISTS."""
    top: tuple[tuple[str, ...], str, int] | None = None
    """SQL for each branch, `ASC` or `DESC`, and number: rows that come later in that order are not needed."""
    outer: tuple[Block | Given, ...] = ()
    """What its rows are joined with there."""
    is_set: bool = False
    """True where it makes no difference how often a row is there."""

    @property
    def optional(self) -> set[str]:
        """Variables that may be unbound in a row."""
        return {name for branch in self.branches for name, value in branch.values.items() if value.is_optional}

    @property
    def cubes(self) -> list[Cube]:
        """The cubes that are looked at."""
        return list({cube.relation: cube for branch in self.branches for cube, _ in branch.tables}.values())

    def is_constant(self, name: str) -> bool:
        """Tell whether a variable has one value in each branch."""
        return all(branch.values[name].constant is not None for branch in self.branches)

    def relation(self, names: Sequence[str]) -> str:
        """Write it in SQL, with the given variables as text, `v0`, `v1` and so on."""
        parts = []
        for place, branch in enumerate(self.branches):
            columns = [f"{branch.values[name].written} AS v{number}" for number, name in enumerate(names)]
            parts.append(self._topped(branch, place).select(columns))
        nothing = ", ".join(f"NULL AS v{number}" for number in range(len(names))) or "1"
        return " UNION ALL ".join(parts) or f"SELECT {nothing} WHERE false"

    def _topped(self, branch: Branch, place: int) -> Branch:
        """Keep the first rows of a branch and those that tie with the last of them."""
        if self.top is None:
            return branch
        keys, direction, count = self.top
        sign, last = (">=", "min") if direction == "DESC" else ("<=", "max")
        first = f"{branch.select([f'{keys[place]} AS k'])} ORDER BY k {direction} LIMIT {count}"
        return branch.where(f"{keys[place]} {sign} (SELECT {last}(k) FROM ({first}))") or branch

    def restrict(self, name: str, terms: Sequence[str]) -> None:
        """Keep the rows in which a variable is one of some terms."""
        allowed = set(terms)
        kept = []
        for branch in self.branches:
            value = branch.values[name]
            if value.constant is not None:
                kept += [branch] if value.constant in allowed else []
                continue
            found = branch.where(in_terms(value, terms))
            kept += [] if found is None else [found]
        self.branches = kept

    def where(self, name: str, term: str) -> None:
        """Keep the rows in which a variable is a term."""
        found = (branch.where(branch.values[name].equals_term(term)) for branch in self.branches)
        self.branches = [branch for branch in found if branch is not None]


def in_terms(value: Value, terms: Sequence[str]) -> str | None:
    """Give the condition that a value is one of some terms."""
    if value.is_number:
        found = [condition for term in terms if (condition := value.equals_term(term))]
        numbers = ", ".join(condition.rpartition(" = ")[2] for condition in found)
        return f"{value.sql} IN ({numbers})" if numbers else None
    texts = ", ".join(quoted(term) for term in terms if term.startswith(value.start))
    return f"{value.sql} IN ({texts})" if texts else None


def answer_star(subject: Term, patterns: Sequence[Pattern], place: Place, numbers: Iterator[int]) -> Block:
    """Answer a star from the cubes of a place; `numbers` tell its tables from those of other stars."""
    branches: list[Branch] = []
    for cube in dict.fromkeys(place.cubes):
        found = _branches(subject, patterns, cube, place, f"t{next(numbers)}")
        # the engine finds each triple once for each time its graph is named, but a pair of `p|q` only once
        times = place.cubes.count(cube) ** sum(not isinstance(pattern.predicate, Alt) for pattern in patterns)
        if len(found) * times > MAX_BRANCHES:
            raise too_many_ways()
        branches += found * times
    names = list(dict.fromkeys(name for pattern in patterns for name in pattern.variables))
    if place.variable is not None and place.variable not in names:
        names.append(place.variable)
    return Block(names, branches, list(patterns), place)


def _branches(subject: Term, patterns: Sequence[Pattern], cube: Cube, place: Place, alias: str) -> list[Branch]:
    start: Branch | None = Branch(((cube, alias),), {}, (), ((subject, alias),))
    if isinstance(subject, Var):
        start = start and start.bind(subject, cube.subject(alias))
    else:
        start = start and start.where(cube.is_subject(alias, subject))
    if start is not None and place.variable is not None:
        start = start.bind(Var(place.variable), Value.of_term(f"<{cube.record.graph}>"))
    branches = [] if start is None else [start]
    for pattern in sorted(patterns, key=lambda p: isinstance(p.predicate, Var)):
        branches = [found for branch in branches for found in _extended(branch, pattern, cube, alias)]
        if len(branches) > MAX_BRANCHES:
            raise too_many_ways()
    return branches


def too_many_ways() -> RefusalError:
    """Refuse a star with many unknown predicates."""
    return RefusalError(
        "it asks for several unknown properties of the same observations at once", "name the properties"
    )


def _extended(branch: Branch, pattern: Pattern, cube: Cube, alias: str) -> Iterator[Branch]:
    """Give the ways in which a branch answers one more pattern; `p|q` leads to each term once."""
    before: list[Value] = []
    for column in matching(pattern, cube):
        found: Branch | None = branch
        if isinstance(pattern.predicate, Var):
            found = branch.bind(pattern.predicate, Value.of_term(f"<{column.predicate}>"))
        value = value_of(column, alias)
        if column.missing and found is not None:
            found = found.where(f"{value.sql} IS NOT NULL")
        found = found and found.bind(pattern.object, value)
        if isinstance(pattern.predicate, Alt):
            found = found and _without(found, value, before)
            before.append(value)
        if found is not None:
            yield found


def _without(branch: Branch, value: Value, others: Sequence[Value]) -> Branch | None:
    """Leave out the rows in which a value is one of others."""
    for other in others:
        condition = value.equals(other)
        if condition == "":
            return None
        if condition is not None:
            branch = branch.where(f"({condition}) IS NOT TRUE") or branch
    return branch


def matching(pattern: Pattern, cube: Cube) -> list[CubeColumn]:
    """Give the columns that a predicate means, as often as it means them."""
    predicate = pattern.predicate
    if isinstance(predicate, Var):
        return list(cube.record.columns)
    if isinstance(predicate, Neg):
        return [column for column in cube.record.columns if f"<{column.predicate}>" not in predicate.predicates]
    if isinstance(predicate, Alt):
        return [column for part in predicate.parts for column in cube.columns_of(str(part))]
    return cube.columns_of(str(predicate))


def join(left: Block, right: Block) -> Block:
    """Join two blocks on the variables they share."""
    branches = []
    for one in left.branches:
        for other in right.branches:
            found: Branch | None = Branch(
                one.tables + other.tables,
                dict(one.values),
                one.conditions + other.conditions,
                one.subjects + other.subjects,
            )
            for name, value in other.values.items():
                found = found and found.bind(Var(name), value)
            branches += [] if found is None else [found]
        if len(branches) > MAX_BRANCHES:
            raise too_many_ways()
    names = list(dict.fromkeys(left.variables + right.variables))
    return Block(
        names,
        branches,
        left.patterns + right.patterns,
        left.place,
        is_inner=left.is_inner,
        outer=left.outer,
        is_set=left.is_set,
    )


def add_optional(block: Block, patterns: Sequence[Pattern]) -> bool:
    """Add the variables of an OPTIONAL about a subject of the block; tell whether that can be done."""
    if block.place is not None and len(set(block.place.cubes)) < len(block.place.cubes):
        return False  # a graph is named twice
    added = [_with_optional(branch, patterns, set(block.variables)) for branch in block.branches]
    if any(branch is None for branch in added):
        return False
    block.branches = [branch for branch in added if branch is not None]
    new = dict.fromkeys(name for pattern in patterns for name in pattern.variables)
    block.variables += [name for name in new if name not in block.variables]
    return True


def _with_optional(branch: Branch, patterns: Sequence[Pattern], known: set[str]) -> Branch | None:
    subject = patterns[0].subject
    table = next(
        (
            (cube, alias)
            for (term, alias), (cube, _) in zip(branch.subjects, branch.tables, strict=True)
            if term == subject
        ),
        None,
    )
    names = [pattern.object.name for pattern in patterns if isinstance(pattern.object, Var)]
    if table is None or known & set(names) or len(set(names)) < len(names):
        return None
    conditions: list[str] = []
    values: dict[str, Value] = {}
    is_possible = True
    for pattern in patterns:
        columns = matching(pattern, table[0])
        if len(columns) > 1:
            return None
        value = value_of(columns[0], table[1]) if columns else Value(TERM, "NULL")
        conditions += [f"{value.sql} IS NOT NULL"] if columns and columns[0].missing else []
        is_possible = is_possible and bool(columns)
        if isinstance(pattern.object, Var):
            values[pattern.object.name] = value
        else:
            condition = value.equals_term(pattern.object)
            is_possible = is_possible and condition is not None
            conditions += [condition] if condition else []
    return replace(branch, values={**branch.values, **_guarded(values, conditions, is_possible=is_possible)})


def _guarded(values: dict[str, Value], conditions: Sequence[str], *, is_possible: bool) -> dict[str, Value]:
    """Make values null where conditions are not met."""
    if not is_possible:
        return {name: Value(TERM, "NULL::VARCHAR", is_optional=True) for name in values}
    if not conditions:
        return values
    test = " AND ".join(conditions)
    return {
        name: replace(value, sql=f"CASE WHEN {test} THEN {value.sql} END", constant=None, is_optional=True)
        for name, value in values.items()
    }


def existence(branch: Branch, patterns: Sequence[Pattern]) -> str | None:
    """Give the condition that a subject of a branch has a star as well; None if that cannot be said in SQL."""
    subject = patterns[0].subject
    found = None
    for (term, alias), (cube, _) in zip(branch.subjects, branch.tables, strict=True):
        if term == subject:
            found = (cube, alias)
    if found is None:
        return None
    ways = [Branch((), dict(branch.values))]
    for pattern in patterns:
        ways = [more for way in ways for more in _extended(way, pattern, *found)]
        if len(ways) > MAX_BRANCHES:
            raise too_many_ways()
    return " OR ".join(f"({' AND '.join(way.conditions) or 'true'})" for way in ways) or "false"
