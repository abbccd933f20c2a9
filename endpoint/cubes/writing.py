"""Write a query again, after its stars were answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from endpoint.cubes.syntax import (
    Alt,
    Answered,
    Bind,
    Filter,
    Graph,
    Group,
    Inv,
    Minus,
    Mod,
    Neg,
    Optional,
    Query,
    Seq,
    Triples,
    Union,
    Values,
    Var,
    projected,
)

if TYPE_CHECKING:
    from endpoint.cubes.syntax import Element, Expression, Item, Path, Pattern, Term


def write_query(query: Query, *, is_subquery: bool = False) -> str:
    """Write a query in SPARQL."""
    parts = [query.prologue, _head(query)]
    if not is_subquery:
        parts += [f"FROM {graph}" for graph in query.default_graphs]
        parts += [f"FROM NAMED {graph}" for graph in query.named_graphs]
    parts.append(f"WHERE {write_group(query.where)}")
    if query.group_by:
        parts.append(f"GROUP BY {' '.join(map(_item, query.group_by))}")
    if query.having:
        parts.append(f"HAVING {' '.join(map(write_expression, query.having))}")
    if query.order_by:
        parts.append(f"ORDER BY {' '.join(map(write_expression, query.order_by))}")
    parts += [f"LIMIT {query.limit}"] if query.limit is not None else []
    parts += [f"OFFSET {query.offset}"] if query.offset is not None else []
    parts += [_write(query.values)] if query.values is not None else []
    return "\n".join(part for part in parts if part)


def _head(query: Query) -> str:
    match query.form:
        case "SELECT":
            if query.selected is None:
                names = projected(query)
                return f"SELECT {query.duplicates} {' '.join(f'?{name}' for name in names) or '*'}"
            return f"SELECT {query.duplicates} {' '.join(map(_item, query.selected))}"
        case "CONSTRUCT":
            return f"CONSTRUCT {query.template}"
        case "DESCRIBE":
            return f"DESCRIBE {' '.join(map(_term, query.described)) or '*'}"
        case _:
            return query.form


def _item(item: Item) -> str:
    if item.expression is None:
        return f"?{item.variable}"
    text = write_expression(item.expression)
    return text if item.variable is None else f"({text} AS ?{item.variable})"


def write_group(group: Group) -> str:
    """Write a group with its braces."""
    if len(group.elements) == 1 and isinstance(group.elements[0], Query):
        return f"{{ {write_query(group.elements[0], is_subquery=True)} }}"
    return f"{{ {' '.join(map(_write, group.elements))} }}"


def _write(element: Element) -> str:
    match element:
        case Triples(patterns):
            return " ".join(map(write_pattern, patterns))
        case Filter(expression):
            return f"FILTER {write_expression(expression)}"
        case Bind(expression, variable):
            return f"BIND ({write_expression(expression)} AS ?{variable})"
        case Values(variables, data):
            return f"VALUES ({' '.join(f'?{name}' for name in variables)}) {{ {data} }}"
        case Optional(group) | Minus(group):
            return f"{'MINUS' if isinstance(element, Minus) else 'OPTIONAL'} {write_group(group)}"
        case Union(groups):
            return " UNION ".join(map(write_group, groups))
        case Graph(name, group):
            return f"GRAPH {_term(name)} {write_group(group)}"
        case Query():
            return f"{{ {write_query(element, is_subquery=True)} }}"
        case Answered():
            return _answered(element)


def _answered(element: Answered) -> str:
    assert element.values is not None, "every star is answered before a query is written"
    rows = _write(element.values)
    if not element.stored:
        return rows
    stored = " ".join([*map(write_pattern, element.stored), *map(_write, element.filters), *map(_write, element.binds)])
    return f"{{ {stored} }} UNION {{ {rows} }}"


def write_pattern(pattern: Pattern) -> str:
    """Write a pattern and its end."""
    predicate = pattern.predicate
    verb = _term(predicate) if isinstance(predicate, Var | str) else _path(predicate)
    return f"{_term(pattern.subject)} {verb} {_term(pattern.object)} ."


def _term(term: Term) -> str:
    return f"?{term.name}" if isinstance(term, Var) else term


def _path(path: Path) -> str:
    match path:
        case Seq(parts):
            return f"({'/'.join(map(_path, parts))})"
        case Alt(parts):
            return f"({'|'.join(map(_path, parts))})"
        case Inv(inner):
            return f"(^{_path(inner)})"
        case Mod(inner, sign):
            return f"({_path(inner)}{sign})"
        case Neg(predicates):
            return f"(!({'|'.join(predicates)}))"
        case _:
            return path


def write_expression(expression: Expression) -> str:
    """Write an expression, with one space where there was space."""
    pieces: list[str] = []
    end = -1
    for part in expression.parts:
        if isinstance(part, Group):
            pieces.append(f" {write_group(part)} ")
            end = -1
            continue
        if part.start != end:
            pieces.append(" ")
        pieces.append(part.text)
        end = part.start + len(part.text)
    return "".join(pieces).strip()
