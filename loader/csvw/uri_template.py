"""URI templates (RFC 6570, all four levels; CSVW has no associative arrays)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Variable: TypeAlias = "str | list[str] | None"

MAX_CHARS: Final = 2000
_RESERVED: Final = ":/?#[]@!$&'()*+,;="
_VARIABLE: Final = re.compile(
    r"((?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*)(?::([1-9][0-9]{0,3})|(\*))?"
)
_EXPRESSION: Final = re.compile(r"\{([^{}]*)\}|[{}]")
_ESCAPED: Final = re.compile(r"(%[0-9A-Fa-f]{2})")


class TemplateError(ValueError):
    """A text that is not a URI template."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One row of the table in RFC 6570, appendix A."""

    first: str
    separator: str
    is_named: bool = False
    if_empty: str = ""
    allows_reserved: bool = False


OPERATORS: Final[Mapping[str, Operator]] = {
    "": Operator("", ","),
    "+": Operator("", ",", allows_reserved=True),
    "#": Operator("#", ",", allows_reserved=True),
    ".": Operator(".", "."),
    "/": Operator("/", "/"),
    ";": Operator(";", ";", is_named=True),
    "?": Operator("?", "&", is_named=True, if_empty="="),
    "&": Operator("&", "&", is_named=True, if_empty="="),
}


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """A variable in an expression, with its prefix length (0: none) or explode modifier."""

    name: str
    prefix: int = 0
    explode: bool = False


@dataclass(frozen=True, slots=True)
class Expression:
    """What stands between braces."""

    operator: Operator
    variables: tuple[VariableSpec, ...]
    is_simple: bool = False

    def expand(self, values: Mapping[str, Variable]) -> str:
        """Expand the variables that are defined (§3.2.1)."""
        if self.is_simple:
            value = values.get(self.variables[0].name)
            if isinstance(value, str):
                return encode_unreserved(value)
        parts = [part for spec in self.variables for part in self._parts(spec, values.get(spec.name))]
        return self.operator.first + self.operator.separator.join(parts) if parts else ""

    def _parts(self, spec: VariableSpec, value: Variable) -> Iterator[str]:
        if value is None or value == []:
            return
        encode = encode_reserved if self.operator.allows_reserved else encode_unreserved
        if isinstance(value, list) and spec.explode:
            for item in value:
                yield self._named(spec.name, encode(item))
        elif isinstance(value, list):
            yield self._named(spec.name, ",".join(map(encode, value)))
        else:
            yield self._named(spec.name, encode(value[: spec.prefix] if spec.prefix else value))

    def _named(self, name: str, text: str) -> str:
        if not self.operator.is_named:
            return text
        return f"{name}={text}" if text else name + self.operator.if_empty


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: literal texts, already encoded, and expressions."""

    parts: tuple[str | Expression, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all variables, in order, once each."""
        specs = (spec for part in self.parts if isinstance(part, Expression) for spec in part.variables)
        return tuple(dict.fromkeys(spec.name for spec in specs))

    def expand(self, values: Mapping[str, Variable]) -> str:
        """Expand the template; a name that is missing or None is undefined (§2.3)."""
        return "".join([part if isinstance(part, str) else part.expand(values) for part in self.parts])


@lru_cache(1 << 16)
def encode_unreserved(text: str) -> str:
    """Encode everything but unreserved characters."""
    return quote(text, safe="~", errors="replace")


@lru_cache(4096)
def encode_reserved(text: str) -> str:
    """Encode everything but unreserved and reserved characters and what is escaped already."""
    if "%" not in text:
        return quote(text, safe="~" + _RESERVED, errors="replace")
    pieces = _ESCAPED.split(text)
    return "".join(p if i % 2 else quote(p, safe="~" + _RESERVED, errors="replace") for i, p in enumerate(pieces))


def parse_expression(text: str) -> Expression:
    """Read what stands between braces. Raises `TemplateError`."""
    symbol = text[0] if text[:1] in OPERATORS and text else ""
    specs = []
    for variable in text[len(symbol) :].split(","):
        match = _VARIABLE.fullmatch(variable)
        if not match:
            message = f"{{{text}}} is not an expression of RFC 6570"
            raise TemplateError(message)
        specs.append(VariableSpec(match[1], int(match[2] or 0), match[3] is not None))
    is_simple = not symbol and len(specs) == 1 and not specs[0].prefix
    return Expression(OPERATORS[symbol], tuple(specs), is_simple)


@lru_cache(1024)
def parse_template(text: str) -> Template:
    """Compile a template. Raises `TemplateError`."""
    if len(text) > MAX_CHARS:
        message = f"it has {len(text):,} characters, more than {MAX_CHARS:,}"
        raise TemplateError(message)
    parts: list[str | Expression] = []
    end = 0
    for match in _EXPRESSION.finditer(text):
        if match[1] is None:
            message = f"unbalanced brace at character {match.start() + 1}"
            raise TemplateError(message)
        if match.start() > end:
            parts.append(encode_reserved(text[end : match.start()]))
        parts.append(parse_expression(match[1]))
        end = match.end()
    if end < len(text):
        parts.append(encode_reserved(text[end:]))
    return Template(tuple(parts))
