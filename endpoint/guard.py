r"""Look at a query before the engine does: refuse what must not run, and find what the engine does not tell.

The engine would fetch any URL for `SERVICE`, has no switch against it, reads keywords without word boundaries
(`FILTER(true)service:x { … }` is a call) and ends the process on deeply nested input. So the text is cut into the
terminals of the SPARQL 1.1 grammar (§19.8) first. Where a text could be cut in two ways, it is refused unless it is
harmless in both: the reading here fails closed.

The one place where terminals depend on context is `<`: in `?a<?b#>` it is less-than and a comment, in `?a<b#>` an IRI.
Only an IRI without `scheme://` can be meant for the operator, and only `#` and `'` in it change how the text after it
is cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from endpoint.problems import RequestError, bad_request
from endpoint.service_calls import masked, service_calls
from endpoint.subjects import about_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from endpoint.subjects import About

MAX_NESTING: Final = 200
MAX_OPERATORS_IN_IRI: Final = 64
"""A relative IRI with more of these characters is no IRI, but an expression made to look like one."""
QUERY_FORMS: Final = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
UPDATE_FORMS: Final = ("INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH")
UNREPEATABLE: Final = frozenset({"NOW", "RAND", "UUID", "STRUUID", "BNODE"})
_SERVICE: Final = re.compile("service", re.IGNORECASE)
_ABSOLUTE: Final = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*://")
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_ESCAPED_SIGN: Final = re.compile(r"\\(?:u|U0000)00(?:0[AaDd]|2[237]|3[CcEe]|5[Cc])")
"""An escape of a sign that changes how the text is cut, for engines that undo escapes before they parse (§19.2)."""
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}

_BASE = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef"
_BASE += "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
_CHAR = f"{_BASE}_0-9\u00b7\u0300-\u036f\u203f-\u2040-"
# Possessive and, where a match may fail after it, bounded: time grows with the length of the text, whatever it holds.
_PREFIX = rf"[{_BASE}](?:\.{{0,8}}+[{_CHAR}]){{0,100}}+"
_PLX = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_LOCAL = rf"(?:[{_BASE}_:0-9]|{_PLX})(?:\.*+(?:[{_CHAR}:]|{_PLX}))*+"
_IRI = r'[^<>"{}|^`\\\x00-\x20]'
_SPACE: Final = re.compile(r"(?:[ \t\r\n]++|\#[^\r\n]*+)*+")
_TERMINALS: Final = re.compile(
    rf"""{_SPACE.pattern}
       (?:(?P<iri><{_IRI}*+(?:\\(?:u[0-9A-Fa-f]{{4}}|U[0-9A-Fa-f]{{8}}){_IRI}*+)*+>)
       |(?P<string>'''(?:'{{0,2}}(?:[^'\\]|\\.))*'''|\"\"\"(?:\"{{0,2}}(?:[^\"\\]|\\.))*\"\"\"
          |'(?!'')(?:[^'\\\r\n]|\\.)*'|\"(?!\"\")(?:[^\"\\\r\n]|\\.)*\")
       |(?P<blank>_:[{_BASE}_0-9](?:\.*+[{_CHAR}])*+)
       |(?P<name>(?:{_PREFIX})?:(?:{_LOCAL})?)
       |(?P<variable>[?$][{_BASE}_0-9](?:[{_BASE}_0-9\u00b7\u0300-\u036f\u203f-\u2040])*)
       |(?P<tag>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
       |(?P<number>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+\.[eE][+-]?[0-9]+)
       |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
       |(?P<sign>\^\^|&&|\|\||[!<>]=|[(){{}}\[\]<>=!|&^*/+,;.?~\-])
       |(?P<end>\Z))""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A terminal of the grammar: its kind (a group of the pattern), its text and where it starts.

    A tuple, because there are many, and a frozen dataclass takes four times as long to make.
    """

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a query before it runs."""

    form: str
    """`SELECT`, `ASK`, `CONSTRUCT` or `DESCRIBE`; empty if the text has none of them."""
    has_dataset: bool
    """True if it names its dataset with FROM."""
    is_repeatable: bool
    """False if two runs may differ: NOW(), RAND(), UUID() and the like."""
    variables: tuple[str, ...]
    """Names of its variables, in order of appearance."""
    is_federated: bool = False
    """True if it calls other services, all of which are allowed."""
    subject: str | None = None
    """The one IRI that it is about; empty if it is about nothing, None if it may be about anything."""
    predicate: str | None = None
    """The one property whose values are all that it asks for."""


def analyse(text: str, allowed: Collection[str] = ()) -> Analysis:
    """Check a query that may call the allowed services, and say what it is. Raises RequestError if it is refused."""
    tokens = list(tokenise(text))
    about = about_of(tokens)
    if about is not None and "\\" not in text:
        return _known(about, tokens)
    calls = service_calls(tokens, allowed)
    if calls:
        text = masked(text, tokens, calls)
        tokens = list(tokenise(text))
    _refuse_updates(tokens, text)
    _refuse_service(tokens, text, allowed)
    _refuse_nesting(tokens, text)
    _refuse_unknown_prefixes(tokens, text)
    words = [token.text.upper() for token in tokens if token.kind == "word"]
    return Analysis(
        form=next((word for word in words if word in QUERY_FORMS), ""),
        has_dataset="FROM" in words,
        is_repeatable=not calls and not UNREPEATABLE.intersection(words),
        variables=_variables(tokens),
        is_federated=bool(calls),
        subject=about.subject if about is not None else None,
    )


def about_one(tokens: Sequence[Token], text: str) -> Analysis | None:
    """Say what a query is that is about one subject or nothing; None if it may be another.

    It has no prefix that is not declared, no brackets but those of its pattern, and no word that calls or changes
    anything, so that no check is left; only with escapes could an engine read anything else (endpoint.subjects).
    """
    about = about_of(tokens)
    return _known(about, tokens) if about is not None and "\\" not in text else None


def _known(about: About, tokens: Sequence[Token]) -> Analysis:
    return Analysis(
        about.form,
        has_dataset=False,
        is_repeatable=True,
        variables=_variables(tokens),
        subject=about.subject,
        predicate=about.predicate,
    )


def _variables(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(token.text[1:] for token in tokens if token.kind == "variable"))


def tokenise(text: str) -> Iterator[Token]:
    """Cut a text into terminals, without space and comments. Raises RequestError where no terminal starts."""
    read, place = _TERMINALS.match, 0
    while match := read(text, place):
        number, kind = match.lastindex or 0, match.lastgroup or ""
        if kind == "end":
            return
        yield Token(kind, match[number], match.start(number))
        place = match.end()
    place = _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing too
    detail = f"Syntax error at {_where(text, place)}: {_unexpected(text, place)}"
    raise _mistake(detail, text, place)


def _unexpected(text: str, place: int) -> str:
    sign = text[place]
    if sign in "'\"":
        return "this quotation mark opens a text that does not end"
    return f"unexpected character {sign!r}"


def position(text: str, place: int) -> tuple[int, int]:
    """Give line and column, both from 1, of a place in a text."""
    before = text[:place].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _mistake(detail: str, text: str, place: int) -> RequestError:
    line, column = position(text, place)
    return bad_request(detail, line=line, column=column)


def _where(text: str, place: int) -> str:
    line, column = position(text, place)
    return f"line {line}, column {column}"


def _refuse_updates(tokens: Sequence[Token], text: str) -> None:
    """Refuse what begins like an update (SPARQL 1.1 Update §3)."""
    first = next(_after_prologue(tokens), None)
    if first is None:
        detail = "The query is empty"
        raise bad_request(detail)
    if first.kind == "word" and first.text.upper() in UPDATE_FORMS:
        word = first.text.upper()
        detail = f"{word} at {_where(text, first.start)} begins an update: this service is read-only"
        raise bad_request(detail)


def _after_prologue(tokens: Sequence[Token]) -> Iterator[Token]:
    """Give the tokens after BASE, PREFIX and VERSION declarations."""
    rest = iter(tokens)
    lengths = {"BASE": 1, "PREFIX": 2, "VERSION": 1}
    for token in rest:
        length = lengths.get(token.text.upper(), 0) if token.kind == "word" else 0
        if not length:
            yield token
            break
        for _ in range(length):
            next(rest, None)
    yield from rest


def _refuse_service(tokens: Sequence[Token], text: str, allowed: Collection[str]) -> None:
    """Refuse calls of other services, in every way of writing them and in what could be one."""
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.kind == "word" and _SERVICE.search(token.text):
            raise _service(text, token.start, allowed)
        if token.kind == "name" and _SERVICE.search(token.text.partition(":")[0]):
            is_graph = before is not None and before.text.upper() == "GRAPH"
            if after is not None and after.text == "{" and not is_graph:
                raise _service(text, token.start, allowed)
    if any(_is_ambiguous(token) for token in tokens) or _ESCAPED_SIGN.search(text):
        plain = unescape(text)
        if found := _SERVICE.search(plain):
            hint = "or, if it is none, write relative addresses that hold # or ' in full, and no signs as \\u…"
            raise _service(plain, found.start(), allowed, hint)


def _service(text: str, place: int, allowed: Collection[str], hint: str = "") -> RequestError:
    others = "services other than " + ", ".join(f"<{iri}>" for iri in allowed) if allowed else "other services"
    said = f"SERVICE at {_where(text, place)}: queries to {others} are not allowed; ask them separately"
    return RequestError(HTTPStatus.BAD_REQUEST, f"{said}, {hint}" if hint else said)


def _is_ambiguous(token: Token) -> bool:
    """Tell whether what looks like an IRI could be an operator whose right side changes the reading of the rest."""
    return _is_relative(token) and ("#" in token.text or "'" in token.text)


def unescape(text: str) -> str:
    r"""Replace `\u…` escapes, which a SPARQL processor may do before it parses (§19.2)."""

    def character(match: re.Match[str]) -> str:
        code = int(match[1] or match[2], 16)
        return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else match[0]

    return _ESCAPE.sub(character, text)


def _refuse_nesting(tokens: Sequence[Token], text: str) -> None:
    """Refuse what is nested too deeply, and brackets that do not match; the engine would say where only roughly."""
    brackets: list[Token] = []
    is_certain = True
    for token in tokens:
        hidden = sum(map(token.text.count, "()[!+*=&-")) if _is_relative(token) else 0
        is_certain = is_certain and not hidden
        if token.kind == "sign" and token.text in _OPENING:
            brackets.append(token)
        elif token.kind == "sign" and token.text in _OPENING.values():
            opening = brackets.pop() if brackets else None
            if is_certain and (opening is None or _OPENING[opening.text] != token.text):
                detail = f"Syntax error at {_where(text, token.start)}: '{token.text}' closes nothing"
                raise _mistake(detail, text, token.start)
        if len(brackets) > MAX_NESTING or hidden > MAX_OPERATORS_IN_IRI:
            where = _where(text, token.start)
            detail = f"The query is nested more than {MAX_NESTING} levels deep at {where}; simplify it"
            raise bad_request(detail)
    if brackets and is_certain:
        detail = f"Syntax error: '{brackets[-1].text}' at {_where(text, brackets[-1].start)} is never closed"
        raise _mistake(detail, text, brackets[-1].start)


def _is_relative(token: Token) -> bool:
    """Tell whether a token is an IRI without `scheme://`, and so could be meant for an operator and its right side."""
    return token.kind == "iri" and not _ABSOLUTE.match(token.text)


def _refuse_unknown_prefixes(tokens: Sequence[Token], text: str) -> None:
    declared: set[str] = set()
    previous = ""
    for token in tokens:
        if token.kind == "name":
            prefix = token.text.partition(":")[0]
            if previous == "PREFIX":
                declared.add(prefix)
            elif prefix not in declared:
                line = f"PREFIX {prefix}: <…>"
                detail = f"Prefix '{prefix}:' at {_where(text, token.start)} is not declared; add {line}"
                raise _mistake(detail, text, token.start)
        previous = token.text.upper() if token.kind == "word" else ""
