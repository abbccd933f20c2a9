"""What a query is made of, as far as rewriting it needs to know: its groups and patterns. Expressions stay as written.

The nodes follow the names of the grammar (SPARQL 1.1 Query §19.8). Constant terms in patterns are kept as the store
holds them, in N-Triples; two are the same term if and only if they are the same text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from endpoint.cubes.stars import Block
    from endpoint.guard import Token


@dataclass(frozen=True, slots=True)
class Var:
    """A variable, or a blank node of a pattern, which is one that nobody sees."""

    name: str


@dataclass(frozen=True, slots=True)
class Seq:
    """`p/q`."""

    parts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """`p|q`."""

    parts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Inv:
    """`^p`."""

    path: Path


@dataclass(frozen=True, slots=True)
class Mod:
    """`p*`, `p+` or `p?`."""

    path: Path
    sign: str


@dataclass(frozen=True, slots=True)
class Neg:
    """`!(p|q)`."""

    predicates: tuple[str, ...]


Path: TypeAlias = "str | Seq | Alt | Inv | Mod | Neg"
Term: TypeAlias = "str | Var"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A triple pattern or a property path pattern."""

    subject: Term
    predicate: Path | Var
    object: Term

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of its variables, each as often as it is there."""
        return tuple(part.name for part in (self.subject, self.predicate, self.object) if isinstance(part, Var))


@dataclass(slots=True)
class Triples:
    """A block of triples."""

    patterns: list[Pattern]


@dataclass(slots=True)
class Expression:
    """The terminals of an expression as written; a group follows EXISTS."""

    parts: list[Token | Group]

    @property
    def tokens(self) -> list[Token]:
        """The terminals outside of groups."""
        return [part for part in self.parts if not isinstance(part, Group)]

    @property
    def groups(self) -> list[Group]:
        """The groups after EXISTS."""
        return [part for part in self.parts if isinstance(part, Group)]

    @property
    def variables(self) -> set[str]:
        """Names of the variables outside of groups."""
        return {token.text[1:] for token in self.tokens if token.kind == "variable"}

    @property
    def words(self) -> list[str]:
        """Words outside of groups, in capitals."""
        return [token.text.upper() for token in self.tokens if token.kind == "word"]


@dataclass(slots=True)
class Filter:
    """`FILTER …`."""

    expression: Expression


@dataclass(slots=True)
class Bind:
    """`BIND (… AS ?x)`."""

    expression: Expression
    variable: str


@dataclass(slots=True)
class Values:
    """`VALUES`: its variables, and its data as text."""

    variables: tuple[str, ...]
    data: str


@dataclass(slots=True)
class Optional:
    """`OPTIONAL { … }`."""

    group: Group


@dataclass(slots=True)
class Minus:
    """`MINUS { … }`."""

    group: Group


@dataclass(slots=True)
class Union:
    """`{ … } UNION { … }`, or a group within a group."""

    groups: list[Group]


@dataclass(slots=True)
class Graph:
    """`GRAPH <g> { … }` or `GRAPH ?g { … }`."""

    name: Term
    group: Group


@dataclass(slots=True)
class Answered:
    """Patterns that the columns answer, and perhaps the store too: `stored` is what it is asked, if it may know."""

    block: Block
    stored: list[Pattern]
    values: Values | None = None
    """The rows of the block, once they are known."""
    binds: list[Bind] = field(default_factory=list)
    """What is added to each solution from the store."""
    filters: list[Filter] = field(default_factory=list)
    """What solutions from the store must pass; the block has been narrowed to rows that do."""


@dataclass(slots=True)
class Group:
    """`{ … }`."""

    elements: list[Element]


Element: TypeAlias = "Triples | Filter | Bind | Values | Optional | Minus | Union | Graph | Answered | Query"


@dataclass(slots=True)
class Item:
    """Something selected or grouped by: a variable, or an expression and the name given to it, if any."""

    expression: Expression | None
    variable: str | None


@dataclass(slots=True)
class Query:
    """A query or a subquery."""

    form: str
    where: Group
    prologue: str = ""
    duplicates: str = ""
    """`DISTINCT`, `REDUCED` or nothing."""
    selected: list[Item] | None = None
    """None for `*`."""
    template: str = ""
    """What CONSTRUCT makes, as text."""
    template_variables: tuple[str, ...] = ()
    described: list[Term] = field(default_factory=list)
    """What DESCRIBE names; nothing for `*`."""
    default_graphs: list[str] = field(default_factory=list)
    named_graphs: list[str] = field(default_factory=list)
    group_by: list[Item] = field(default_factory=list)
    having: list[Expression] = field(default_factory=list)
    order_by: list[Expression] = field(default_factory=list)
    limit: int | None = None
    offset: int | None = None
    values: Values | None = None

    @property
    def expressions(self) -> Iterator[Expression]:
        """Every expression outside of WHERE."""
        for item in (*(self.selected or []), *self.group_by):
            if item.expression is not None:
                yield item.expression
        yield from self.having
        yield from self.order_by

    @property
    def is_aggregate(self) -> bool:
        """True if its solutions are groups."""
        return bool(self.group_by or self.having) or any(AGGREGATES & set(e.words) for e in self.expressions)


HIDDEN: Final = "\u00b7"
"""Ends the names of the variables that blank nodes are; `SELECT *` does not give them."""
AGGREGATES: Final = frozenset({"COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"})


def visible(group: Group) -> list[str]:
    """Give the variables in scope after a group (§18.2.1), in the order they are mentioned."""
    found = dict.fromkeys(name for element in group.elements for name in _visible(element))
    return [name for name in found if not name.endswith(HIDDEN)]


def _visible(element: Element) -> Iterable[str]:
    match element:
        case Triples(patterns):
            return [name for pattern in patterns for name in pattern.variables]
        case Bind(_, variable):
            return [variable]
        case Values(variables, _):
            return variables
        case Optional(group):
            return visible(group)
        case Graph(name, group):
            return ([name.name] if isinstance(name, Var) else []) + visible(group)
        case Union(groups):
            return [name for group in groups for name in visible(group)]
        case Answered(block, _):
            return block.variables
        case Query():
            return projected(element)
        case _:
            return []


def projected(query: Query) -> list[str]:
    """Give the variables that a SELECT gives."""
    if query.selected is None:
        more = query.values.variables if query.values else ()
        return list(dict.fromkeys([*visible(query.where), *more]))
    return [item.variable for item in query.selected if item.variable is not None]
