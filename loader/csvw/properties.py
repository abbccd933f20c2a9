"""The kinds of property in metadata documents, and how a wrong value is treated (Metadata Vocabulary §5.1).

A value the specification forbids is reported, and replaced by the default, or dropped where there is none; the
document is refused only where the specification says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeGuard

from loader.csvw.iri import resolve, shown
from loader.csvw.json_ld import (
    CONTEXT,
    Annotation,
    CommonProperties,
    InvalidError,
    Json,
    LangString,
    NodeValue,
    expand_name,
    is_language_tag,
)
from loader.csvw.uri_template import TemplateError, parse_template
from loader.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from loader.csvw.report import Report

MAX_DOCUMENT_BYTES: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 100
"""How deep a document may be nested: what reads it calls itself at each level."""
_SHOWN_CHARS: Final = 400
_PREFIX_OF_TYPE: Final = {
    str: "a string",
    bool: "true or false",
    int: "an integer of 0 or more",
}


def is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    """Say whether a JSON value is an object."""
    return isinstance(value, dict)


def parse_json(document: bytes, source: str) -> Json:
    """Return the value of a JSON document. Raises `ProblemsError` for anything else, however hostile."""
    problem = "is longer than 32 MiB" if len(document) > MAX_DOCUMENT_BYTES else ""
    value: Json = None
    if not problem:
        try:
            text = document.decode("utf-8-sig")
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_members)
            if _is_deep(value):
                problem = "is nested too deeply"
            if b"\\u" in document:
                json.dumps(value, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            problem = f"is not JSON: {error.msg} at line {error.lineno}, character {error.colno}"
        except UnicodeDecodeError as error:
            problem = f"is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}"
        except UnicodeEncodeError:
            problem = "contains an escaped lone surrogate"
        except RecursionError:
            problem = "is nested too deeply"
        except ValueError as error:
            problem = f"is not JSON: {error}"
    if problem:
        message = f"the metadata document {problem} (Metadata Vocabulary §5)"
        raise ProblemsError([Problem("CSVW-JSON", source, message, "correct the document with a JSON checker")])
    return value


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Refuse an object that gives a name twice: which of the two is meant, only its writer knows."""
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        message = f"an object has {twice[:60]!r} twice"
        raise ValueError(message)
    return members


def _is_deep(value: Json) -> bool:
    """Say whether a value is nested too deeply."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for outer in level if isinstance(outer, dict | list) for item in _items(outer)]
        if not level:
            return False
    return True


def _items(outer: dict[str, Json] | list[Json]) -> list[Json]:
    return list(outer.values()) if isinstance(outer, dict) else outer


def _refuse_constant(name: str) -> Json:
    message = f"{name} is not a JSON number"
    raise ValueError(message)


@dataclass(slots=True)
class Reader:
    """Reads the properties of one document; `load` fetches another document by its URL."""

    base_url: str
    lang: str
    report: Report
    load: Callable[[str], bytes]
    source: str = ""
    common: CommonProperties = field(init=False)

    def __post_init__(self) -> None:
        self.source = self.source or shown(self.base_url)
        self.common = CommonProperties(self.base_url, self.lang)

    def warn(self, path: str, message: str, clause: str, hint: str = "") -> None:
        """Report a value that was repaired."""
        self.report.warn(self._problem(path, message, clause, hint, "CSVW-PROPERTY"))

    def error(self, path: str, message: str, clause: str, hint: str = "") -> None:
        """Report what makes the document invalid."""
        self.report.error(self._problem(path, message, clause, hint, "CSVW-METADATA"))

    def invalid(self, path: str, message: str, clause: str, hint: str = "") -> None:
        """Report what a converter repairs and a validator refuses."""
        self.report.invalid(self._problem(path, message, clause, hint, "CSVW-METADATA"))

    def _problem(self, path: str, message: str, clause: str, hint: str, code: str) -> Problem:
        return Problem(code, f"{self.source}, {_cut(path)}", f"{_cut(message)} ({clause})", hint)

    # Identity

    def check_type(self, obj: Mapping[str, Json], expected: str, path: str) -> None:
        """Check "@type", which says only what is known already."""
        if "@type" in obj and obj["@type"] != expected:
            message = f'"@type" must be "{expected}", not {obj["@type"]!r}'
            self.error(f"{path}.@type", message, "Metadata Vocabulary §5", f'write "{expected}" or leave it out')

    def node_id(self, obj: Mapping[str, Json], path: str) -> str | None:
        """Read "@id": a URL, never a blank node."""
        if isinstance(obj.get("@id"), str) and str(obj["@id"]).startswith("_:"):
            self.error(f"{path}.@id", '"@id" must not be a blank node', "Metadata Vocabulary §5", "give a URL")
            return None
        return self.link(obj, "@id", path)

    # Link, template and atomic properties

    def link(self, obj: Mapping[str, Json], name: str, path: str) -> str | None:
        """Read a link property: a URL, resolved against the base URL; a wrong value counts as "" (§5.1.2)."""
        value = obj.get(name)
        if name in obj and not isinstance(value, str):
            self.warn(f"{path}.{name}", f"{value!r} is not a URL; taken as an empty one", "Metadata Vocabulary §5.1.2")
            return resolve(self.base_url, "")
        return resolve(self.base_url, value) if isinstance(value, str) else None

    def template(self, obj: Mapping[str, Json], name: str, path: str) -> str | None:
        """Read a URI template property; a value of the wrong type counts as "" (§5.1.3)."""
        value = obj.get(name)
        if not isinstance(value, str):
            if name not in obj:
                return None
            message = f"{value!r} is not a URI template; taken as an empty one"
            self.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.1.3")
            return ""
        try:
            parse_template(value)
        except TemplateError as error:
            self.warn(f"{path}.{name}", f"not a URI template: {error}; ignored", "Metadata Vocabulary §5.1.3")
            return None
        return value

    def string(self, obj: Mapping[str, Json], name: str, path: str) -> str | None:
        """Read an atomic property that holds a string (§5.1.7)."""
        value = obj.get(name)
        if name not in obj or isinstance(value, str):
            return value if isinstance(value, str) else None
        self.wrong(name, value, path, str)
        return None

    def boolean(self, obj: Mapping[str, Json], name: str, path: str) -> bool | None:
        """Read an atomic property that holds a boolean (§5.1.7)."""
        value = obj.get(name)
        if name not in obj or isinstance(value, bool):
            return value if isinstance(value, bool) else None
        self.wrong(name, value, path, bool)
        return None

    def count(self, obj: Mapping[str, Json], name: str, path: str) -> int | None:
        """Read an atomic property that holds an integer of 0 or more (§5.1.7)."""
        value = obj.get(name)
        if name not in obj:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.wrong(name, value, path, int)
        return None

    def one_of(self, obj: Mapping[str, Json], name: str, path: str, allowed: tuple[str, ...]) -> str | None:
        """Read an atomic property that holds one of a few strings (§5.1.7)."""
        value = obj.get(name)
        if isinstance(value, str) and value in allowed:
            return value
        if name in obj:
            message = f"{value!r} is not one of {', '.join(allowed)}; the default is used"
            self.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.1.7")
        return None

    def language(self, obj: Mapping[str, Json], name: str, path: str) -> str | None:
        """Read a language tag."""
        value = obj.get(name)
        if isinstance(value, str) and is_language_tag(value):
            return value
        if name in obj:
            self.warn(
                f"{path}.{name}", f"{value!r} is not a language tag (BCP 47); ignored", "Metadata Vocabulary §5.7"
            )
        return None

    def strings(self, obj: Mapping[str, Json], name: str, path: str) -> tuple[str, ...] | None:
        """Read an atomic property that holds a string or an array of strings."""
        value = obj.get(name)
        if name not in obj:
            return None
        items = value if isinstance(value, list) else [value]
        for i, item in enumerate(items):
            if not isinstance(item, str):
                self.wrong(f"{name}[{i}]" if isinstance(value, list) else name, item, path, str)
        if isinstance(value, list | str):
            return tuple(item for item in items if isinstance(item, str))
        return None

    def wrong(self, name: str, value: Json, path: str, expected: type) -> None:
        """Warn of a value of the wrong JSON type."""
        message = f"{value!r} is not {_PREFIX_OF_TYPE[expected]}; the default is used"
        self.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.1.7")

    # Column references, arrays, natural language

    def column_reference(self, value: Json) -> tuple[str, ...] | None:
        """Return the column names of a column reference property, None if it is not one (§5.1.4)."""
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            return tuple(str(name) for name in value)
        return None

    def objects(self, obj: Mapping[str, Json], name: str, path: str) -> Iterator[tuple[str, dict[str, Json]]]:
        """Yield the objects of an array property with their paths (§5.1.1); anything else is warned of and left out."""
        value = obj.get(name, [])
        if not isinstance(value, list):
            self.warn(f"{path}.{name}", "is not an array; taken as an empty one", "Metadata Vocabulary §5.1.1")
            return
        for i, item in enumerate(value):
            if is_object(item):
                yield f"{path}.{name}[{i}]", item
            else:
                message = f"{item!r} is not an object; ignored"
                self.warn(f"{path}.{name}[{i}]", message, "Metadata Vocabulary §5.1.1")

    def natural_language(self, obj: Mapping[str, Json], name: str, path: str) -> tuple[LangString, ...]:
        """Read a natural language property: a string, an array of them, or an object of them by language (§5.1.6)."""
        value = obj.get(name, [])
        if not is_object(value):
            return tuple(self._texts(value, self.lang, f"{path}.{name}"))
        titles: list[LangString] = []
        for lang, texts in value.items():
            if is_language_tag(lang):
                titles += self._texts(texts, lang, f"{path}.{name}.{lang}")
            else:
                message = f"{lang!r} is not a language tag (BCP 47); ignored"
                self.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.1.6")
        return tuple(titles)

    def _texts(self, value: Json, lang: str, path: str) -> Iterator[LangString]:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield LangString(item, lang)
            else:
                self.warn(path, f"{item!r} is not a string; ignored", "Metadata Vocabulary §5.1.6")

    # Common properties

    def annotations(self, obj: Mapping[str, Json], path: str, allowed: frozenset[str]) -> tuple[Annotation, ...]:
        """Read the common properties of a description; warn of properties that are neither these nor `allowed`."""
        found = []
        for name, value in obj.items():
            if name in allowed:
                continue
            if name.startswith("@"):
                self.error(f"{path}.{name}", f"{name!r} is not allowed here", "Metadata Vocabulary §6.2")
            elif iri := expand_name(name):
                try:
                    found.append(self.common.annotation(iri, value))
                except InvalidError as error:
                    self.error(f"{path}.{name}{error.path}", str(error), "Metadata Vocabulary §6.3")
            else:
                message = f"{name!r} is not a property of this object, nor a prefixed name or URL; ignored"
                self.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.8", "check the spelling and the place")
        return tuple(found)

    def notes(self, obj: Mapping[str, Json], path: str) -> tuple[NodeValue, ...]:
        """Read "notes"."""
        found = []
        for where, item in self.objects(obj, "notes", path):
            try:
                found.append(self.common.note(item))
            except InvalidError as error:
                self.error(f"{where}{error.path}", str(error), "Metadata Vocabulary §6.3")
        return tuple(found)

    # Other documents

    def linked_object(
        self, obj: Mapping[str, Json], name: str, path: str
    ) -> tuple[Reader, str, dict[str, Json]] | None:
        """Read an object property, which may be the URL of a document of its own (§5.1.5).

        Returns the object, its path, and the reader to use for it, whose base URL and language are that document's.
        """
        value = obj.get(name)
        if is_object(value):
            return self, f"{path}.{name}", value
        if isinstance(value, str):
            url = resolve(self.base_url, value)
            document = parse_json(self.load(url), shown(url))
            if is_object(document):
                return enter_document(document, url, self.report, self.load, lang=self.lang), "$", document
            self.error(f"{path}.{name}", f"{url} is not a JSON object", "Metadata Vocabulary §5.1.5")
        elif name in obj:
            message = f"{value!r} is neither an object nor a URL; taken as an empty object"
            self.warn(f"{path}.{name}", message, "Metadata Vocabulary §5.1.5")
            return self, f"{path}.{name}", {}
        return None


def _cut(text: str) -> str:
    """Shorten what repeats a value of the document, which may be of any length."""
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def enter_document(
    document: Mapping[str, Json], url: str, report: Report, load: Callable[[str], bytes], *, lang: str | None = None
) -> Reader:
    """Return the reader for a document, its "@context" applied (§5.2).

    `lang` is the language of the document that refers to this one; a document of its own must have a "@context".
    """
    reader = Reader(url, lang or "und", report, load)
    context = document.get("@context")
    if "@context" not in document and lang is not None:
        return reader
    local: Json = {}
    if isinstance(context, list) and len(context) == 2 and context[0] == CONTEXT:
        local = context[1]
    elif context != CONTEXT and context != [CONTEXT]:
        hint = f'begin the document with "@context": "{CONTEXT}"'
        reader.error("$.@context", "the csvw context is missing or wrong", "Metadata Vocabulary §5.2", hint)
    if not is_object(local) or local.keys() - {"@base", "@language"}:
        message = 'beside the csvw context only an object with "@base" and "@language" may stand'
        reader.error("$.@context", message, "Metadata Vocabulary §5.2")
        return reader
    base = resolve(url, local["@base"]) if isinstance(local.get("@base"), str) else url  # type: ignore[arg-type]
    return Reader(base, reader.language(local, "@language", "$.@context[1]") or reader.lang, report, load, shown(url))
