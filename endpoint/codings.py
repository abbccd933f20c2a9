"""Content codings: the choice among zstd, br and gzip by Accept-Encoding, and compressing (RFC 9110 §8.4, §12.5.3).

Levels are those at which a processor writes faster than most lines carry. Entity tags of pages and results are weak,
and so may be the same in every coding (§8.8.3.3); a strong one gets the name of the coding.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Protocol

import brotli
import zstandard

from endpoint.media import qualities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from starlette.requests import Request

IDENTITY: Final = "identity"
GZIP_LEVEL: Final = 4
BROTLI_QUALITY: Final = 2
ZSTD_LEVEL: Final = 3
WORTH_FROM: Final = 1_000
"""Bytes from which compressing an answer is worth it."""
ACCEPT: Final = "accept-encoding"


class Compressor(Protocol):
    """Compresses piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece, and give what is ready."""
        ...

    def flush(self) -> bytes:
        """Give the rest."""
        ...


class _Brotli:
    """Brotli's compressor, with the names that the others have."""

    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=BROTLI_QUALITY)

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece, and give what is ready."""
        piece: bytes = self._compressor.process(data)
        return piece

    def flush(self) -> bytes:
        """Give the rest."""
        rest: bytes = self._compressor.finish()
        return rest


CODINGS: Final[dict[str, Callable[[], Compressor]]] = {
    "zstd": lambda: zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj(),
    "br": _Brotli,
    "gzip": lambda: zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16),
}
"""What is on offer, in our order of preference: the quickest first."""


def choose_coding(accepted: str | None) -> str:
    """Choose the coding that a client likes best; without the header, or with none that fits, there is none."""
    if not accepted or not accepted.strip():
        return IDENTITY
    wanted = qualities(accepted)
    wanted |= {"gzip": wanted["x-gzip"]} if "x-gzip" in wanted and "gzip" not in wanted else {}
    wanted = {"gzip": wanted.get("*", 0.0), **wanted}  # who takes anything takes gzip, and may not know the others
    worth = {name: wanted.get(name, 0.0) for name in CODINGS}
    best = max(worth, key=lambda name: worth[name])
    return best if worth[best] > 0 and worth[best] >= wanted.get(IDENTITY, 0.0) else IDENTITY


def coding_of(request: Request) -> str:
    """Choose the coding of an answer."""
    return choose_coding(request.headers.get(ACCEPT))


def compressed(body: bytes, coding: str) -> bytes:
    """Compress a whole body."""
    return body if coding == IDENTITY else b"".join(compressed_pieces([body], coding))


def compressed_pieces(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Compress as pieces come."""
    compressor = CODINGS[coding]()
    for piece in pieces:
        if done := compressor.compress(piece):
            yield done
    yield compressor.flush()


def tag_of(tag: str, coding: str) -> str:
    """Give the strong entity tag of a representation in a coding, from that without."""
    return tag if coding == IDENTITY else f'{tag[:-1]}-{coding}"'
