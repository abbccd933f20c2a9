"""Find the stars of a query and answer them from the columns; what is left of the query is for the store.

A query is walked group by group, as SPARQL evaluates it (§18.2). Triples next to one another are split into stars by
their subject. A star that only cubes can answer becomes a block, and blocks that share variables are joined in SQL;
where the store may know it as well, the union of both takes its place. Filters and OPTIONALs about a block go into its
SQL. Everything else stays as it was.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeGuard

from endpoint.cubes.paths import additions, is_step, split
from endpoint.cubes.pushdown import push_filters, push_store
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.stars import Block, Given, Place, add_optional, answer_star, join
from endpoint.cubes.syntax import (
    AGGREGATES,
    HIDDEN,
    Alt,
    Answered,
    Bind,
    Expression,
    Filter,
    Graph,
    Group,
    Item,
    Minus,
    Optional,
    Pattern,
    Query,
    Triples,
    Union,
    Values,
    Var,
    projected,
    visible,
)
from endpoint.cubes.writing import write_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from endpoint.cubes.columns import Columns, Cube
    from endpoint.cubes.store import Stored
    from endpoint.cubes.syntax import Element, Term

SET_AGGREGATES: Final = frozenset({"MIN", "MAX"})


@dataclass(frozen=True, slots=True)
class Context:
    """Where in a query a group is."""

    place: Place
    named: tuple[Cube, ...]
    """Cubes that GRAPH may look at."""
    is_inner: bool = False
    is_set: bool = False
    known: dict[str, str] = field(default_factory=dict)
    """Variables that the caller gave values."""
    outer: tuple[Block | Given, ...] = ()
    """What is joined with the rows of this group, if anything is."""

    def within(self, name: Term) -> Context:
        """Go into GRAPH."""
        if isinstance(name, Var):
            return replace(self, place=Place(self.named, name.name))
        cubes = tuple(cube for cube in self.named if f"<{cube.record.graph}>" == name)
        return replace(self, place=Place(cubes, None, name))


class Rewriter:
    """Rewrites one query."""

    def __init__(self, columns: Columns, stored: Stored, prologue: str = "", dataset: str = "") -> None:
        self.columns = columns
        self.stored = stored
        self.prologue = prologue
        self.dataset = dataset
        """FROM clauses, for questions to the store."""
        self.found: list[Answered] = []
        self.is_changed = False
        self.numbers = itertools.count(1)

    def query(self, query: Query, context: Context) -> None:
        """Rewrite a query or subquery in place."""
        if query.form == "SELECT" and query.selected is None:
            query.selected = [Item(None, name) for name in projected(query)]
        is_set = is_set_query(query) or (context.is_set and not query.is_aggregate and query.limit is None)
        is_set = is_set and query.offset is None and not (query.limit is not None and query.duplicates != "DISTINCT")
        inner = replace(context, is_set=is_set)
        query.where = self.group(query.where, inner)
        nested = replace(context, is_inner=True, is_set=True, outer=())
        for expression in query.expressions:
            self.expression(expression, nested)

    def expression(self, expression: Expression, context: Context) -> None:
        """Rewrite what follows EXISTS."""
        expression.parts = [self.group(part, context) if isinstance(part, Group) else part for part in expression.parts]

    def group(self, group: Group, context: Context) -> Group:
        """Rewrite a group."""
        filters = [element for element in group.elements if isinstance(element, Filter)]
        rest = [element for element in group.elements if not isinstance(element, Filter)]
        done: list[Element] = []
        place = 0
        while place < len(rest):
            element = rest[place]
            place += 1
            if isinstance(element, Triples):
                patterns = list(element.patterns)
                while place < len(rest) and isinstance(following := rest[place], Triples):
                    patterns += following.patterns
                    place += 1
                done += self.triples(patterns, [*filters, *rest], context)
            elif not (isinstance(element, Optional) and self.is_merged(element, done)):
                done.append(self.element(element, context, done))
        done = self.merged(done)
        filters = push_filters(self, filters, done, context)
        inner = replace(context, is_inner=True, is_set=True, outer=outer_of(done, context.place))
        for one in filters:
            self.expression(one.expression, inner)
        return Group([*done, *filters])

    def merged(self, done: Sequence[Element]) -> list[Element]:
        """Join the blocks of a group that are elements of their own: a GRAPH of nothing but a block is one as well."""
        if any(isinstance(element, Optional | Minus | Bind) for element in done):
            return list(done)  # these depend on what comes before them
        plain = [element.group.elements[0] if is_block(element) else element for element in done]
        blocks = [element for element in plain if isinstance(element, Answered) and not element.stored]
        joined = joined_blocks([element.block for element in blocks])
        if len(joined) == len(blocks):
            return list(done)
        self.found = [element for element in self.found if not any(element is block for block in blocks)]
        rest = [element for element in plain if not any(element is block for block in blocks)]
        return [*rest, *(self.answered(block, []) for block in joined)]

    def element(self, element: Element, context: Context, before: Sequence[Element]) -> Element:
        """Rewrite one element that is no triple."""
        outer = outer_of(
            before, context.place
        )  # what is within is joined with these before it is with anything further out
        match element:
            case Optional(group):
                return Optional(self.group(group, replace(context, is_inner=True, is_set=False, outer=outer)))
            case Minus(group):
                return Minus(self.group(group, replace(context, is_inner=True, is_set=True, outer=outer)))
            case Union(groups):
                return Union([self.group(group, replace(context, outer=(*context.outer, *outer))) for group in groups])
            case Graph(name, group):
                inner = context.within(name)
                self.refuse_graphs(inner.place)
                return Graph(name, self.group(group, inner))
            case Bind(expression, _):
                self.expression(expression, replace(context, is_inner=True, is_set=True, outer=outer))
            case Query():
                names = projected(element)
                if not names:  # `SELECT *` without variables
                    element.selected = [Item(None, f"none{HIDDEN}")]
                known = {name: term for name, term in context.known.items() if name in names}
                inner = replace(context, known=known, outer=())
                self.query(element, self.hidden_graph(element, inner))
        return element

    def hidden_graph(self, query: Query, context: Context) -> Context:
        """Name the graph of a subquery within `GRAPH ?g` that does not select ?g: its own."""
        variable = context.place.variable
        if variable is None or variable in projected(query):
            return context
        if any(expression.groups for expression in query.expressions):
            msg = "a subquery within GRAPH ?g has EXISTS outside of its pattern"
            raise RefusalError(msg, "move it into the pattern")
        query.where = Group([Graph(Var(f"g{next(self.numbers)}{HIDDEN}"), query.where)])
        return context

    def refuse_graphs(self, place: Place) -> None:
        """Refuse GRAPH where the store does not know a graph of the cubes, or the dataset names one twice."""
        if not all(self.stored.has_graph(cube.record.graph) for cube in place.cubes):
            msg = "a graph has nothing but observations"
            raise RefusalError(msg, "leave GRAPH out, or name the graph with FROM")
        if place.variable is not None and len(set(place.cubes)) < len(place.cubes):
            msg = "the same graph is named twice with FROM NAMED"
            raise RefusalError(msg, "name it once")

    def triples(self, patterns: Sequence[Pattern], around: Sequence[Element], context: Context) -> list[Element]:
        """Answer the stars of a basic graph pattern."""
        plain, more = split(patterns, self.is_cubes, self.numbers, context.place)
        done: list[Element] = [self.element(element, context, []) for element in more]
        left: list[Pattern] = []
        blocks: list[Block] = []
        mixed: list[tuple[Block, list[Pattern]]] = []
        stars: dict[Term, list[Pattern]] = {}
        for pattern in plain:
            if is_step(pattern.predicate):
                stars.setdefault(pattern.subject, []).append(pattern)
            else:
                left.append(pattern)
        for subject, star in stars.items():
            place = replace(context.place, cubes=self.columns.narrowed(context.place.cubes, subject))
            block = answer_star(subject, star, place, self.numbers)
            may_know = self.stored.may_know(star)
            if not block.branches:  # the store finds what there is
                left += star
                continue
            self.restrict(block, context)
            if may_know:
                mixed.append((block, star))
            else:
                blocks.append(block)
        joined = joined_blocks(blocks)
        push_store(self, [*joined, *(block for block, _ in mixed)], left, around, context)
        done += [self.answered(block, star) for block, star in mixed]
        done += [self.answered(block, []) for block in joined]
        paths = [pattern for pattern in left if not is_step(pattern.predicate)]
        for path in paths:
            found = additions(self, path, [p for p in left if p not in paths], joined, context)
            if found is not None:
                left.remove(path)
                done.append(found)
        return ([Triples(left)] if left else []) + done

    def restrict(self, block: Block, context: Context) -> None:
        """Give a block what is known of its place in the query."""
        block.is_inner, block.is_set = context.is_inner, context.is_set
        block.outer = context.outer if context.is_inner else ()
        for name in block.variables:
            if name in context.known:
                block.where(name, context.known[name])

    def answered(self, block: Block, stored: Sequence[Pattern]) -> Answered:
        """Put a block into the query."""
        element = Answered(block, list(stored))
        self.found.append(element)
        return element

    def is_cubes(self, predicate: object) -> bool:
        """Tell whether observations may have a predicate."""
        if isinstance(predicate, str):
            return predicate in self.columns.by_predicate
        if isinstance(predicate, Alt):
            return any(self.is_cubes(part) for part in predicate.parts)
        return True

    def is_merged(self, optional: Optional, done: Sequence[Element]) -> bool:
        """Add an OPTIONAL about one subject of a block to the block; tell whether that was done."""
        elements = optional.group.elements
        patterns = [pattern for element in elements if isinstance(element, Triples) for pattern in element.patterns]
        if not patterns or not all(isinstance(element, Triples) for element in elements):
            return False
        if len({pattern.subject for pattern in patterns}) > 1 or not isinstance(patterns[0].subject, Var):
            return False
        if not all(isinstance(pattern.predicate, str) for pattern in patterns):
            return False
        new = {name for pattern in patterns for name in pattern.variables} - {patterns[0].subject.name}
        for element in done:
            if (
                isinstance(element, Answered)
                and not element.stored
                and patterns[0].subject.name in element.block.variables
            ):
                others = visible(Group([other for other in done if other is not element]))
                return not new & set(others) and add_optional(element.block, patterns)
        return False


def is_block(element: Element) -> TypeGuard[Graph]:
    """Tell whether an element is GRAPH with nothing in it but a block that is all there is."""
    if not isinstance(element, Graph) or len(element.group.elements) != 1:
        return False
    inner = element.group.elements[0]
    return isinstance(inner, Answered) and not inner.stored


def blocks_of(elements: Sequence[Element]) -> tuple[Block, ...]:
    """Give the blocks among some elements whose rows are all there is."""
    return tuple(element.block for element in elements if isinstance(element, Answered) and not element.stored)


def outer_of(elements: Sequence[Element], place: Place) -> tuple[Block | Given, ...]:
    """Give what every solution of some elements has a row of: whole blocks, and patterns of the store."""
    given: list[Given] = []
    for element in elements:
        if isinstance(element, Triples):
            text = " ".join(map(write_pattern, element.patterns))
            name = f"?{place.variable}" if place.variable else place.graph
            names = tuple(dict.fromkeys(name for pattern in element.patterns for name in pattern.variables))
            given.append(Given(names, f"GRAPH {name} {{ {text} }}" if name else text))
    return (*blocks_of(elements), *given)


def joined_blocks(blocks: Sequence[Block]) -> list[Block]:
    """Join blocks that share variables."""
    done: list[Block] = []
    for block in blocks:
        found = block
        for other in list(done):
            if set(other.variables) & set(found.variables):
                done.remove(other)
                outer = found.outer
                found = join(other, found)
                found.outer = outer
        done.append(found)
    return done


def is_set_query(query: Query) -> bool:
    """Tell whether it makes no difference how often a solution of WHERE is there."""
    if query.form in {"ASK", "DESCRIBE"}:
        return True
    if not query.is_aggregate:
        return query.duplicates == "DISTINCT"
    return all(map(_is_set_expression, query.expressions))


def _is_set_expression(expression: Expression) -> bool:
    words = [
        part.text.upper() if not isinstance(part, Group) and part.kind in {"word", "sign"} else ""
        for part in expression.parts
    ]
    return all(
        word not in AGGREGATES or word in SET_AGGREGATES or words[number + 2 : number + 3] == ["DISTINCT"]
        for number, word in enumerate(words)
    )


def names_in(element: Element | Group | Expression) -> Iterator[str]:
    """Give the names of all variables in a part of a query, as often as they are there, and whatever their scope."""
    if isinstance(element, Query):
        yield from names_of_query(element)
        return
    yield from _own_names(element)
    for part in parts_of(element):
        yield from names_in(part)


def _own_names(element: Element | Group | Expression) -> Sequence[str]:
    """Give the variables that a part names itself."""
    match element:
        case Triples(patterns):
            return [name for pattern in patterns for name in pattern.variables]
        case Bind(_, variable):
            return [variable]
        case Values(variables, _):
            return variables
        case Graph(Var(name), _):
            return [name]
        case Answered(block, _):
            return block.variables
        case Expression():
            return list(element.variables)
        case _:
            return []


def parts_of(element: Element | Group | Expression) -> Sequence[Element | Group | Expression]:
    """Give the groups and expressions in a part of a query that is no query itself."""
    match element:
        case Filter(expression) | Bind(expression, _):
            return [expression]
        case Optional(group) | Minus(group) | Graph(_, group):
            return [group]
        case Union(groups):
            return groups
        case Group(elements):
            return elements
        case Expression():
            return element.groups
        case _:
            return []


def names_of_query(query: Query) -> Iterator[str]:
    """Give the names of all variables in a query."""
    yield from names_in(query.where)
    yield from names_beside(query)


def _counts_rows(query: Query) -> bool:
    """Tell whether it has `COUNT(DISTINCT *)`, for which all variables matter, blank nodes as well."""
    texts = [[token.text.upper() for token in expression.tokens] for expression in query.expressions]
    return any(pair == ("DISTINCT", "*") for found in texts for pair in itertools.pairwise(found))


def names_beside(query: Query) -> Iterator[str]:
    """Give the names of the variables outside of WHERE."""
    for item in (*(query.selected or []), *query.group_by):
        if item.variable is not None:
            yield item.variable
    for expression in query.expressions:
        yield from names_in(expression)
    if _counts_rows(query):
        yield from names_in(query.where)
    yield from query.template_variables
    yield from (term.name for term in query.described if isinstance(term, Var))
    if query.form == "DESCRIBE" and not query.described:
        yield from visible(query.where)
    if query.values is not None:
        yield from query.values.variables
