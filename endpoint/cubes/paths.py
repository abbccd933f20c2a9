"""Property paths: those that observations have are taken apart (§18.4), those of the store alone stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from endpoint.cubes.columns import value_of
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.syntax import (
    HIDDEN,
    Alt,
    Group,
    Inv,
    Item,
    Mod,
    Neg,
    Pattern,
    Query,
    Seq,
    Triples,
    Union,
    Values,
    Var,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from endpoint.cubes.rewrite import Context, Rewriter
    from endpoint.cubes.stars import Block, Place
    from endpoint.cubes.syntax import Element, Path, Term

MAX_NODES: Final = 20_000


def split(
    patterns: Sequence[Pattern], is_cubes: Callable[[object], bool], numbers: Iterator[int], place: Place
) -> tuple[list[Pattern], list[Element]]:
    """Take paths apart: into patterns, and subqueries for alternatives of more than single predicates."""
    plain: list[Pattern] = []
    unions: list[Element] = []
    for pattern in patterns:
        for part in _split(pattern, is_cubes, numbers, place):
            if isinstance(part, Pattern):
                plain.append(part)
            else:
                unions.append(part)
    return plain, unions


def _split(
    pattern: Pattern, is_cubes: Callable[[object], bool], numbers: Iterator[int], place: Place
) -> Iterator[Pattern | Element]:
    subject, path, target = pattern.subject, pattern.predicate, pattern.object
    match path:
        case Seq(parts):
            ends: list[Term] = [subject, *(Var(f"p{next(numbers)}{HIDDEN}") for _ in parts[1:]), target]
            for start, part, end in zip(ends, parts, ends[1:], strict=False):
                yield from _split(Pattern(start, part, end), is_cubes, numbers, place)
        case Inv(inner):
            yield from _split(Pattern(target, inner, subject), is_cubes, numbers, place)
        case Alt(parts) if not is_step(path):
            if any(map(is_cubes, leaves(path))):
                yield _alternatives(subject, parts, target, place)
            else:
                yield pattern
        case Mod(inner, _):
            if any(map(is_cubes, leaves(inner))):
                reason = "a path repeats (*, + or ?) a property of observations"
                raise RefusalError(reason, "write the path without that, as the property itself")
            yield pattern
        case _:
            yield pattern


def _alternatives(subject: Term, parts: Sequence[Path], target: Term, place: Place) -> Query:
    """Give each pair of ends once, in each graph, as the engine does."""
    names = dict.fromkeys(end.name for end in (subject, target) if isinstance(end, Var))
    if place.variable is not None:
        names[place.variable] = None
    union = Union([Group([Triples([Pattern(subject, part, target)])]) for part in parts])
    return Query("SELECT", Group([union]), duplicates="DISTINCT", selected=[Item(None, name) for name in names])


def leaves(path: Path) -> Iterator[Path]:
    """Give the predicates of a path."""
    match path:
        case Seq(parts) | Alt(parts):
            for part in parts:
                yield from leaves(part)
        case Inv(inner) | Mod(inner, _):
            yield from leaves(inner)
        case _:
            yield path


def is_step(predicate: object) -> bool:
    """Tell whether a predicate leads from a subject to its objects: no path, or a choice of predicates."""
    if isinstance(predicate, Alt):
        return all(isinstance(part, str) for part in predicate.parts)
    return isinstance(predicate, str | Var | Neg)


def has_zero_length(path: object) -> bool:
    """Tell whether a path may lead from a node to itself without a triple."""
    match path:
        case Mod(_, "*") | Mod(_, "?"):
            return True
        case Mod(inner, _) | Inv(inner):
            return has_zero_length(inner)
        case Seq(parts):
            return all(map(has_zero_length, parts))
        case Alt(parts):
            return any(map(has_zero_length, parts))
        case _:
            return False


def additions(
    rewriter: Rewriter, pattern: Pattern, stored: Sequence[Pattern], blocks: Sequence[Block], context: Context
) -> Element | None:
    """Give what stands for a path that may have no length, whose end may be a node of the cubes alone; None for itself.

    The store finds such a path from each of its nodes to itself; the nodes that only cubes have are added.
    """
    if not has_zero_length(pattern.predicate):
        return None
    ends = (pattern.subject, pattern.object)
    in_store = {name for other in stored for name in (other.subject, other.object) if isinstance(name, Var)}
    if any(end in in_store for end in ends):
        return None
    nodes = _new_nodes(rewriter, ends, blocks, context)
    if not nodes:
        return None
    if context.place.variable is not None:
        msg = "a path within GRAPH ?g may have no length"
        raise RefusalError(msg, "name the graph, or leave GRAPH out")
    names = list(dict.fromkeys(end.name for end in ends if isinstance(end, Var)))
    constants = [end for end in ends if not isinstance(end, Var)]
    nodes = [node for node in nodes if all(node == constant for constant in constants)]
    rows = " ".join(f"({' '.join([node] * len(names))})" for node in nodes)
    if not nodes:
        return None
    if not names:
        rows = "()"
    rewriter.is_changed = True
    return Union([Group([Triples([pattern])]), Group([Values(tuple(names), rows)])])


def _new_nodes(rewriter: Rewriter, ends: tuple[Term, Term], blocks: Sequence[Block], context: Context) -> list[str]:
    """Give the nodes a path may start at that the cubes have and the store has not."""
    cubes = list(context.place.cubes)
    constants = [end for end in ends if not isinstance(end, Var)]
    if constants:
        found = [term for term in constants[:1] if rewriter.columns.has_node(term, cubes)]
    else:
        bound = _bound(rewriter, ends, blocks)
        found = _all_nodes(rewriter, context) if bound is None else bound
    if len(found) > MAX_NODES:
        msg = "a path may start at any observation"
        raise RefusalError(msg, "say what it starts at")
    graph = context.place.graph
    return [node for node in found if not _is_stored(rewriter, node, graph)]


def _is_stored(rewriter: Rewriter, node: str, graph: str | None) -> bool:
    """Tell whether a term is a node in the graphs of the store that are looked at."""
    patterns = f"{{ {node} ?p ?o }} UNION {{ ?s ?p {node} }}"
    if node.startswith('"'):
        patterns = f"?s ?p {node}"
    where = patterns if graph is None else f"GRAPH {graph} {{ {patterns} }}"
    return bool(rewriter.stored.terms(f"SELECT ?p {rewriter.dataset} WHERE {{ {where} }} LIMIT 1"))


def _bound(rewriter: Rewriter, ends: tuple[Term, Term], blocks: Sequence[Block]) -> list[str] | None:
    """Give the values of an end that a block binds."""
    for block in blocks:
        for end in ends:
            if isinstance(end, Var) and end.name in block.variables and end.name not in block.optional:
                parts = " UNION ALL ".join(
                    branch.select([f"{branch.values[end.name].text} AS v"]) for branch in block.branches
                )
                distinct = f"SELECT DISTINCT v FROM ({parts}) LIMIT {MAX_NODES + 1}"
                return rewriter.columns.texts(distinct) if parts else []
    return None


def _all_nodes(rewriter: Rewriter, context: Context) -> list[str]:
    parts = []
    for cube in dict.fromkeys(context.place.cubes):
        parts.append(f"SELECT {cube.subject('t').text} AS v FROM {cube.relation} t")
        parts += [f"SELECT {value_of(column, 't').text} AS v FROM {cube.relation} t" for column in cube.record.columns]
    return rewriter.columns.texts(f"{' UNION '.join(parts)} LIMIT {MAX_NODES + 1}") if parts else []
