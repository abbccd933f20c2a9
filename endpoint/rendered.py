"""Answers that were made before: bytes of pages and RDF documents of one release, the latest used, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES: Final = 64 * 1024 * 1024
"""Memory for answers; those not asked for the longest time go first."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer without what depends on the request."""

    links: tuple[str, ...]
    body: bytes


@dataclass
class Answers:
    """Answers of one release by what was asked: a release does not change, so they stay true."""

    most_bytes: int = MOST_BYTES
    size_bytes: int = 0
    _kept: OrderedDict[tuple[str, ...], Rendered] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: tuple[str, ...], make: Callable[[], Rendered]) -> Rendered:
        """Give an answer, made now if it is not kept. What `make` raises is not kept."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        made = make()
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[str, ...], made: Rendered) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = made
            self.size_bytes += len(made.body)
            while self.size_bytes > self.most_bytes:
                _, gone = self._kept.popitem(last=False)
                self.size_bytes -= len(gone.body)
