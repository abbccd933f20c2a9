"""Sums of expressions: which can be said of the sums and the number of the rows of a group.

In a group of rows with the same keys, the sum of `IF(?age = <x>, ?v * 2, 1)` is `IF(?age = <x>, ?sum * 2, 1 * ?n)`.
That is so for what is linear in the summed variables. What mentions none of them is the same in each row, and its sum
is `?n` times that. The engine still computes it, so that types, digits and errors are its own; for this it must be a
number in any case, since the engine adds up durations as well, and cannot multiply them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from endpoint.cubes.parser import written
from endpoint.cubes.syntax import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from endpoint.guard import Token

NUMERIC: Final = frozenset({"STRLEN", "YEAR", "MONTH", "DAY", "HOURS", "MINUTES", "ROUND", "ABS", "CEIL", "FLOOR"})
"""Functions that give a number or an error."""
CASTS: Final = frozenset({"xsd:decimal", "xsd:integer", "xsd:double", "xsd:float"})
_PLACES: Final = {"1": 0, "2": 1, "4": 2, "5": 1, "8": 3, "10": 1, "100": 2, "1000": 3, "10000": 4, "1000000": 6}
"""Decimal places that a number may have more after it is divided by one of these."""


@dataclass(slots=True)
class Sums:
    """What is worked out for each group: a function, and the variables whose product it is of."""

    by_name: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def made(self, function: str, names: tuple[str, ...]) -> str:
        """Give the variable of a sum."""
        known = [name for name, made in self.by_name.items() if made == (function, names)]
        name = known[0] if known else f"{function}_{len(self.by_name)}{HIDDEN}"
        self.by_name[name] = (function, names)
        return f"?{name}"


class Groups(Protocol):
    """What is known of the rows that are grouped."""

    sums: Sums

    def is_summable(self, names: tuple[str, ...]) -> bool:
        """Tell whether the products of some variables can be summed."""
        ...

    def scale(self, names: tuple[str, ...]) -> int:
        """Give the most decimal places of such a product."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression, as it is written for a group."""

    text: str
    is_linear: bool = False
    """True if it is of sums, false if it is the same in each row of a group."""
    names: tuple[str, ...] = ()
    """Its factors, if it is a product of summed variables and nothing else."""
    scale: int = 0
    literal: str = ""
    """The number, if it is one as written."""

    def total(self, count: str) -> str:
        """Write its sum over a group."""
        return self.text if self.is_linear else f"(({self.text}) * ?{count})"


class _NotLinearError(Exception):
    """The expression is of no known kind."""


def summed(tokens: Sequence[Token], count: str, groups: Groups) -> str | None:
    """Write the sum of an expression over the rows of a group; None if it cannot be said."""
    known = dict(groups.sums.by_name)
    reader = _Reader(tokens, count, groups)
    try:
        found = reader.sum()
        if reader.place == len(tokens):
            return found.total(count)
    except _NotLinearError:
        pass
    groups.sums.by_name = known
    return None


class _Reader:
    """Reads an expression (SPARQL 1.1 §19.8, AdditiveExpression and below)."""

    def __init__(self, tokens: Sequence[Token], count: str, groups: Groups) -> None:
        self.tokens = tokens
        self.place = 0
        self.count = count
        self.groups = groups

    @property
    def next(self) -> str:
        return self.tokens[self.place].text if self.place < len(self.tokens) else ""

    def skip(self, text: str) -> bool:
        if self.next.upper() == text:
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.skip(text):
            raise _NotLinearError

    def sum(self) -> Part:
        """`a + b - c`."""
        found = self.product()
        while self.next in {"+", "-"}:
            sign = self.tokens[self.place].text
            self.place += 1
            other = self.product()
            is_linear = found.is_linear or other.is_linear
            left, right = (part.total(self.count) if is_linear else part.text for part in (found, other))
            found = Part(f"({left} {sign} {right})", is_linear, scale=max(found.scale, other.scale))
        return found

    def product(self) -> Part:
        """`a * b / c`."""
        found = self.factor()
        while self.next in {"*", "/"}:
            sign = self.tokens[self.place].text
            self.place += 1
            other = self.factor()
            found = self.times(found, other) if sign == "*" else self.divided(found, other)
        return found

    def times(self, left: Part, right: Part) -> Part:
        """Multiply. A product of sums is no sum of products, unless that is worked out as such."""
        names = left.names + right.names
        if left.names and right.names and self.groups.is_summable(names):
            return Part(self.groups.sums.made("sum", names), True, names, self.groups.scale(names))
        if not left.is_linear and not right.is_linear:
            return Part(f"({left.text} * {right.text})")
        literal = left.literal or right.literal
        scale = left.scale + right.scale
        if (left.is_linear and right.is_linear) or not literal or scale > 18:
            raise _NotLinearError
        return Part(f"({left.text} * {right.text})", True, scale=scale)

    def divided(self, left: Part, right: Part) -> Part:
        """Divide: sums by what leaves no rest only."""
        if not left.is_linear and not right.is_linear:
            return Part(f"({left.text} / {right.text})")
        scale = left.scale + _PLACES.get(right.literal, 18)
        if right.is_linear or scale > 17:
            raise _NotLinearError
        return Part(f"({left.text} / {right.text})", True, scale=scale)

    def factor(self) -> Part:
        """A number, a variable, brackets, IF or a cast."""
        if self.place >= len(self.tokens):
            raise _NotLinearError
        token = self.tokens[self.place]
        self.place += 1
        if token.text == "-":
            inner = self.factor()
            return Part(f"(- {inner.text})", inner.is_linear, scale=inner.scale, literal=inner.literal)
        if token.text == "(":
            found = self.sum()
            self.expect(")")
            return found
        if token.kind == "number" and "e" not in token.text.lower():
            return Part(token.text, scale=len(token.text.partition(".")[2]), literal=token.text)
        if token.kind == "variable":
            return self.variable(token.text[1:])
        if token.text.upper() == "IF":
            return self.choice()
        return self.call(token)

    def variable(self, name: str) -> Part:
        """A summed variable; any other might be no number."""
        if not self.groups.is_summable((name,)):
            raise _NotLinearError
        return Part(self.groups.sums.made("sum", (name,)), True, (name,), self.groups.scale((name,)))

    def choice(self) -> Part:
        """`IF(…, a, b)`: its condition is the same in all rows of a group, since what it mentions is a key."""
        self.expect("(")
        condition = self.written()
        self.expect(",")
        first = self.sum()
        self.expect(",")
        second = self.sum()
        self.expect(")")
        is_linear = first.is_linear or second.is_linear
        left, right = (part.total(self.count) if is_linear else part.text for part in (first, second))
        return Part(f"IF({condition}, {left}, {right})", is_linear, scale=max(first.scale, second.scale))

    def call(self, token: Token) -> Part:
        """A cast of a sum, which is the sum of casts, or a function of keys that gives a number."""
        self.expect("(")
        start = self.place
        if token.kind == "name" and token.text in {"xsd:decimal", "xsd:integer"}:
            try:
                found = self.sum()
                if token.text == "xsd:decimal" or not found.scale:
                    self.expect(")")
                    return Part(f"{token.text}({found.text})", found.is_linear, scale=found.scale)
            except _NotLinearError:
                pass
            self.place = start
        if token.text.upper() not in NUMERIC and token.text not in CASTS:
            raise _NotLinearError
        text = self.written()
        self.expect(")")
        return Part(f"{token.text}({text})")

    def written(self) -> str:
        """Take an expression as it is, up to a comma or the closing bracket."""
        depth = 0
        start = self.place
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            if depth == 0 and token.kind == "sign" and token.text in {",", ")"}:
                break
            depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
            self.place += 1
        return written([*self.tokens[start : self.place]])
