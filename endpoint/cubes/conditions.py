"""Conditions about one variable that can be told without looking at each of its values.

What depends on the type of a term alone is asked of one term of each type; a text is not looked for in numbers, and is
looked for in the addresses of observations in SQL; numbers are compared in SQL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from endpoint.cubes.columns import quoted
from endpoint.cubes.syntax import Expression, Group, Var
from endpoint.cubes.writing import write_expression
from ontology.terms import XSD

if TYPE_CHECKING:
    from endpoint.cubes.columns import Value
    from endpoint.cubes.rewrite import Rewriter
    from endpoint.cubes.stars import Block, Branch
    from endpoint.guard import Token

TYPE_TESTS: Final = frozenset({"ISIRI", "ISURI", "ISLITERAL", "ISBLANK", "DATATYPE", "LANG"})
_NUMBER: Final = re.compile(r"[0-9]{1,17}(\.[0-9]{1,17})?")
_MIRRORED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_SEARCH: Final = re.compile(
    r"""\(*\s*(CONTAINS|STRSTARTS|STRENDS)\s*\(\s*((?:[LU]CASE\s*\(\s*)?)STR\s*\(\s*[?$]\w+\s*\)[\s)]*,\s*
        (?:'([^'\\]*)'|"([^"\\]*)")[\s)]*""",
    re.IGNORECASE | re.VERBOSE,
)


def told(rewriter: Rewriter, branch: Branch, name: str, expression: Expression) -> str | None:
    """Give the SQL of a condition, `true` and `false` included; None if the values have to be looked at."""
    value = branch.values[name]
    comparison = _comparison(expression)
    if comparison is not None and value.is_number:
        sign, number = comparison
        return f"{value.sql} {sign} {number}"
    if is_about_types(expression):
        return _of_types(rewriter, branch, name, expression)
    return _of_text(branch, name, expression)


def pair(block: Block, expression: Expression) -> list[str] | None:
    """Give the SQL of `(?x > ?y)` for each branch of a block; None if not both are numbers there."""
    tokens = expression.tokens
    if len(tokens) != 5 or len(expression.parts) != 5 or tokens[2].text not in _MIRRORED:
        return None
    names = [token.text[1:] for token in (tokens[1], tokens[3]) if token.kind == "variable"]
    if len(names) < 2 or not set(names) <= set(block.variables) - block.optional:
        return None
    found = [(branch.values[names[0]], branch.values[names[1]]) for branch in block.branches]
    if not all(left.is_number and right.is_number for left, right in found):
        return None
    return [f"{left.sql} {tokens[2].text} {right.sql}" for left, right in found]


def is_about_types(expression: Expression) -> bool:
    """Tell whether a condition depends on the types of terms alone."""
    tokens = expression.tokens
    places = [number for number, token in enumerate(tokens) if token.kind == "variable"]
    return not expression.groups and all(
        number >= 2 and tokens[number - 1].text == "(" and tokens[number - 2].text.upper() in TYPE_TESTS
        for number in places
    )


def _of_types(rewriter: Rewriter, branch: Branch, name: str, expression: Expression) -> str:
    """Ask about one term of each type."""
    value = branch.values[name]
    if value.constant is not None:
        return "true" if _pass(rewriter, name, expression, [value.constant]) else "false"
    if value.is_number:
        kind = XSD.integer if value.kind == "integer" else XSD.decimal
        return "true" if _pass(rewriter, name, expression, [f'"0"^^{kind}']) else "false"
    if _is_subject(branch, name):
        return "true" if _pass(rewriter, name, expression, ["<x:x>"]) else "false"
    sql = _type_of(value)
    types = rewriter.columns.texts(f"SELECT DISTINCT * FROM ({branch.select([f'{sql} AS v'])})")
    passed = _pass(rewriter, name, expression, types)
    if len(passed) == len(types):
        return "true"
    return f"{sql} IN ({', '.join(map(quoted, passed))})" if passed else "false"


def _type_of(value: Value) -> str:
    """Give SQL for a term of the same type: nothing before the end of its text is kept."""
    ending = f"substr({value.sql}, length({value.sql}) - strpos(reverse({value.sql}), '\"') + 2)"
    return f"CASE WHEN starts_with({value.sql}, '<') THEN '<x:x>' ELSE '\"\"' || {ending} END"


def _pass(rewriter: Rewriter, name: str, expression: Expression, terms: list[str]) -> list[str]:
    where = f"VALUES ?{name} {{ {' '.join(terms)} }} FILTER {write_expression(expression)}"
    return rewriter.stored.terms(f"{rewriter.prologue} SELECT ?{name} WHERE {{ {where} }}")


def _is_subject(branch: Branch, name: str) -> bool:
    return any(term == Var(name) for term, _ in branch.subjects)


def _of_text(branch: Branch, name: str, expression: Expression) -> str | None:
    """Look for a text in addresses of observations; in numbers there is none but of digits."""
    found = _SEARCH.fullmatch(write_expression(expression))
    if found is None:
        return None
    value = branch.values[name]
    function, case, text = found[1].upper(), found[2], found[3] or found[4] or ""
    if value.is_number:
        return "false" if re.search(r"[^0-9.-]", text) else None
    if not _is_subject(branch, name) or case or not text:
        return None
    address = f"substr({value.sql}, 2, length({value.sql}) - 2)"
    match function:
        case "CONTAINS":
            return f"strpos({address}, {quoted(text)}) > 0"
        case "STRSTARTS":
            return f"starts_with({address}, {quoted(text)})"
        case _:
            return f"right({address}, {len(text)}) = {quoted(text)}"


def _comparison(expression: Expression) -> tuple[str, str] | None:
    """Give sign and number of `(?x > 5)`."""
    tokens = [part for part in expression.parts if not isinstance(part, Group)]
    if len(tokens) != 5:
        return None
    _, left, sign, right, _ = tokens
    if sign.text in _MIRRORED and left.kind == "variable" and _is_number(right):
        return sign.text, right.text
    if sign.text in _MIRRORED and right.kind == "variable" and _is_number(left):
        return _MIRRORED[sign.text], left.text
    return None


def _is_number(token: Token) -> bool:
    return token.kind == "number" and _NUMBER.fullmatch(token.text) is not None
