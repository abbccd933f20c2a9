"""The reader of `source.toml`: one table of it, key by key, noting all that is wrong (docs/mappings.md)."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeVar

from loader.csvw.iri import escape, is_iri
from loader.errors import Problem
from loader.toml import TomlError, has_control_characters, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping as Dictionary
    from pathlib import Path

T = TypeVar("T")


class Source:
    """A TOML table read key by key; what is wrong is noted, and the reader goes on."""

    def __init__(self, path: Path, problems: list[Problem], table: Dictionary[str, object] | None = None) -> None:
        self.path = path
        self.problems = problems
        self.table: Dictionary[str, object] = self._load() if table is None else table
        self.known: set[str] = set()
        """Keys that were asked for."""

    def _load(self) -> Dictionary[str, object]:
        try:
            if table := read_toml(self.path):
                return table
            self.note("MAP-04", "the file is empty", "copy another folder's source.toml and change it")
        except FileNotFoundError:
            self.note("MAP-04", "the file is missing", "copy another folder's source.toml and change it")
        except TomlError as error:
            self.note("MAP-04", f"not valid TOML: {error}", "correct the syntax (https://toml.io)")
        return {}

    def note(self, code: str, message: str, hint: str = "") -> None:
        """Note what is wrong with the file."""
        self.problems.append(Problem(code, str(self.path), message, hint))

    def get(self, key: str, kind: type[T], example: str, default: T | None = None) -> T | None:
        """Give the value of `key` if it is of `kind`; note a problem if it is not."""
        self.known.add(key)
        value = self.table.get(key, default)
        is_more = (isinstance(value, bool) and kind is not bool) or (isinstance(value, datetime) and kind is date)
        if value is None or (isinstance(value, kind) and not is_more and not has_control_characters(value)):
            return value
        self.note("MAP-05", f"'{key}' is not what is expected here", f"write for instance {key} = {example}")
        return default

    def need(self, key: str, example: str) -> str:
        """Give the text of a required key; note a problem if it is missing or empty."""
        value = self.get(key, str, example)
        if (value is None or not value.strip()) and self.table:
            self.note("MAP-05", f"'{key}' is missing", f"add {key} = {example}")
        return (value or "").strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """Give the texts of a list; note a problem if something else is in it."""
        example = '["…", "…"]'
        values = self.get(key, list, example, []) or []
        texts = tuple(value for value in values if isinstance(value, str) and value.strip())
        if len(texts) < len(values):
            self.note("MAP-05", f"'{key}' has something in it that is no text", f"write for instance {key} = {example}")
        return texts

    def address(self, key: str) -> str | None:
        """Give the web address that a key has; note a problem if it has something else."""
        value = self.get(key, str, '"https://…"')
        if value is None or (re.match(r"https?://[^/]", value) and is_iri(value) and escape(value) == value):
            return value
        self.note("MAP-05", f"'{key}' is not an address", f'write for instance {key} = "https://…"')
        return None

    def note_unknown(self) -> None:
        """Note the keys that nothing has asked for: they are misspelt, or nobody would ever see them."""
        for key in sorted(self.table.keys() - self.known):
            self.note("MAP-05", f"the key '{key[:60]}' is not known", f"use one of {', '.join(sorted(self.known))}")
