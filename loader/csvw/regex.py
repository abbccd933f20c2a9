"""Regular expressions as "format" (Tabular Data Model §6.4.6): ECMAScript's, matched in time linear in the cell.

The engine is that of Rust's `regex`, which does not backtrack. What it does not know (looking around, references back)
is left to Python's, which does: only expressions that cannot run away there are taken, and only short cells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

from loader.csvw.number_format import FormatError

MAX_REGEX_CHARS: Final = 10_000
MAX_BACKTRACKED_CHARS: Final = 256
"""Length of the longest cell that a backtracking expression is tried on."""
_MAX_REPEATS: Final = 2
_TOKEN: Final = re.compile(
    r"\\u\{(?P<code>[0-9A-Fa-f]{1,5}|10[0-9A-Fa-f]{4})\}|\\c(?P<control>[A-Za-z])|\\/|\\.|\(\?<(?=[A-Za-z_])"
    r"|\[\^?\]?|.",
    re.DOTALL,
)
_REPEATED_GROUP: Final = re.compile(r"\)[*+{]")
_REPEAT: Final = re.compile(r"[*+]|\{\d*,\d*\}")
# ASCII only, as before: Rust's own classes know all of Unicode.
_RUST_CLASSES: Final = {
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\w": "[0-9A-Za-z_]",
    r"\W": "[^0-9A-Za-z_]",
    r"\s": r"[ \t\n\r\f\v]",
    r"\S": r"[^ \t\n\r\f\v]",
    r"\b": r"(?-u:\b)",
    r"\B": r"(?-u:\B)",
    r"\Z": r"\z",
}


@dataclass(frozen=True, slots=True)
class Regex:
    """A compiled expression."""

    linear: SchemaValidator | None
    backtracking: re.Pattern[str]

    def is_found_in(self, text: str) -> bool:
        """Say whether the expression matches somewhere; never, for a long text and an expression that backtracks."""
        if self.linear is not None:
            return self.linear.isinstance_python(text)
        return len(text) <= MAX_BACKTRACKED_CHARS and self.backtracking.search(text) is not None


@lru_cache(256)
def compile_regex(pattern: str) -> Regex:
    """Compile a regular expression of ECMAScript, which is searched for, not matched whole. Raises `FormatError`."""
    if len(pattern) > MAX_REGEX_CHARS:
        message = f"the regular expression is longer than {MAX_REGEX_CHARS} characters"
        raise FormatError(message)
    try:
        tokens = _to_python(pattern)
        backtracking = re.compile("".join(tokens), re.ASCII)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        message = f"{pattern[:60]!r} is not a regular expression: {error}"
        raise FormatError(message) from None
    linear = _linear("".join(_RUST_CLASSES.get(token, token) for token in tokens))
    if linear is None and _may_run_away(pattern):
        message = f"{pattern[:60]!r} may take time without end: repeat no group in it, or look neither around nor back"
        raise FormatError(message)
    return Regex(linear, backtracking)


def _linear(pattern: str) -> SchemaValidator | None:
    """Compile for the engine that does not backtrack; None for what it does not know."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))
    except SchemaError:
        return None


def _may_run_away(pattern: str) -> bool:
    """Say whether backtracking may take more than a moment, even in a short cell."""
    plain = re.sub(r"\\.", "", pattern, flags=re.DOTALL)
    return _REPEATED_GROUP.search(plain) is not None or len(_REPEAT.findall(plain)) > _MAX_REPEATS


def _to_python(pattern: str) -> list[str]:
    """Write in Python's syntax the few things ECMAScript writes otherwise, a token at a time."""
    result: list[str] = []
    in_class = False
    for match in _TOKEN.finditer(pattern):
        token = match[0]
        if token[0] == "\\":
            result.append(_to_python_escape(match))
        elif in_class:
            in_class = token[0] != "]" and not token.endswith("]")
            is_second = token == "-" and result[-1] == "-"
            result.append(r"\-" if is_second else re.sub(r"([\[&~|])", r"\\\1", token))
        elif token in ("[]", "[^]"):
            result.append({"[]": "(?!)", "[^]": r"[\s\S]"}[token])
        else:
            in_class = token[0] == "["
            result.append({"$": r"\Z", "(?<": "(?P<"}.get(token, token))
    return result


def _to_python_escape(match: re.Match[str]) -> str:
    if match["code"]:
        return re.escape(chr(int(match["code"], 16)))
    if match["control"]:
        return re.escape(chr(ord(match["control"].upper()) - 64))
    return "/" if match[0] == r"\/" else match[0]
