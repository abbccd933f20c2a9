"""Read TOML that may be broken or hostile: bounds on size and depth, and for every fault a word."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 1024 * 1024
_MAX_PARTS: Final = 32
# The reader of Python takes time quadratic in the parts of a dotted key.
_LONG_KEY: Final = re.compile(rf"(?:[\w\"'-]+[ \t]*\.[ \t]*){{{_MAX_PARTS}}}")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


class TomlError(Exception):
    """A file that cannot be read as TOML; the text says why."""


def read_toml(path: Path) -> dict[str, object]:
    """Read a file. Raises FileNotFoundError if there is none, TomlError for everything else that is wrong."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            message = f"it has more than {MAX_BYTES:,} bytes"
            raise TomlError(message)
        text = data.decode("utf-8")
        if _LONG_KEY.search(text):
            message = f"a key has more than {_MAX_PARTS} parts"
            raise TomlError(message)
        return tomllib.loads(text.replace("\r\n", "\n"))
    except FileNotFoundError:
        raise
    except OSError as error:
        message = f"it cannot be read: {error.strerror}"
        raise TomlError(message) from error
    except RecursionError as error:
        message = "it is nested too deeply"
        raise TomlError(message) from error
    except ValueError as error:  # of the text, of the syntax, or of a number too long to be one
        raise TomlError(str(error)) from error


def has_control_characters(value: object) -> bool:
    """Say whether a value has characters in it that no text has, and that some forms of RDF cannot hold."""
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and _CONTROL.search(text) is not None for text in texts)
