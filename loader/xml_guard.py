"""XML of others, read so that it can do no harm: no document type, so no entities; bounds on depth; nothing fetched.

The guard is expat, which stops at a document type declaration before it reads what is declared there; the reader is
lxml, which sees only what the guard has let pass.
"""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Final, Protocol
from xml.parsers import expat

from lxml import etree  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_DEPTH: Final = 64
PIECE_BYTES: Final = 1 << 24
"""Bytes of a file that are read at a time: expat begins a tag anew with each piece, so small ones would be slow."""


class Element(Protocol):
    """What our readers need of an element of lxml."""

    tag: object
    """Name with its namespace, as '{namespace}name'; a function for comments."""
    text: str | None
    tail: str | None
    """Text between the end of the element and what comes next."""
    sourceline: int | None

    @property
    def attrib(self) -> Mapping[str, str]:
        """Values of attributes by name with namespace."""
        ...

    def __iter__(self) -> Iterator[Element]:
        """Yield the children."""
        ...

    def get(self, key: str) -> str | None:
        """Give the value of an attribute."""
        ...

    def iter(self) -> Iterator[Element]:
        """Yield the element and all within it, in document order."""
        ...

    def clear(self, *, keep_tail: bool = False) -> None:
        """Forget attributes, text, children and perhaps the tail, which have been read."""
        ...

    def getparent(self) -> Element | None:
        """Give the element that this one is directly within."""
        ...

    def iterancestors(self, tag: str) -> Iterator[Element]:
        """Yield the elements of one name that this one is within, from the inside."""
        ...

    def itersiblings(self, *, preceding: bool) -> Iterator[Element]:
        """Yield the elements beside this one, before or after it."""
        ...


class XmlError(ValueError):
    """A document that cannot be read to its end; `line` is where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _UnsafeError(Exception):
    """Ends the guard's reading; its text says why."""


class _Depth:
    """Counts how deep elements are nested."""

    def __init__(self) -> None:
        self.depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        del name, attributes
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = f"its elements are nested more than {MAX_DEPTH} deep"
            raise _UnsafeError(message)

    def end(self, name: str) -> None:
        del name
        self.depth -= 1


def _refuse_document_type(*declaration: object) -> None:
    del declaration
    message = "it declares a document type, which data never needs and which can hide entities"
    raise _UnsafeError(message)


def xml_fault(data: bytes | IO[bytes]) -> str:
    """Say why an XML document must not be read; empty if it may be. A file is read to its end."""
    parser = expat.ParserCreate()
    depth = _Depth()
    parser.StartElementHandler = depth.start
    parser.EndElementHandler = depth.end
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        if not isinstance(data, bytes):
            while piece := data.read(PIECE_BYTES):
                parser.Parse(piece, False)
            data = b""
        parser.Parse(data, True)
    except _UnsafeError as error:
        return str(error)
    except (expat.ExpatError, LookupError, ValueError) as error:
        return f"it is not well-formed XML: {error}"
    return ""


def elements(data: bytes) -> Iterator[tuple[str, Element]]:
    """Yield 'start' and 'end' of each element, each 'comment' and each processing instruction ('pi').

    The guard must have let the document pass.

    Raises XmlError for what the reader refuses and the guard does not: a text of more than 10 million characters.
    """
    events = ("start", "end", "comment", "pi")
    try:
        yield from etree.iterparse(
            io.BytesIO(data), events=events, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
    except etree.XMLSyntaxError as error:
        raise XmlError(str(error.msg), error.lineno or 0) from error


def local_name(name: object) -> str:
    """Give the name of an element or attribute without its namespace; empty for a comment."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""
