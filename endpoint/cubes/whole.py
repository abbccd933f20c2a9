"""Every triple of a small release in one store: for questions that are better asked there than of its columns."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Final

from pyoxigraph import RdfFormat, Store

from endpoint.source import StoreSource
from loader.dumps import Stream, dump_names, quads

if TYPE_CHECKING:
    from collections.abc import Callable

    from loader.release import Release

MAX_TRIPLES: Final = 200_000
"""Triples in columns of a release that is small: a second to load, and about 200 MB of memory."""


class Whole:
    """A store in memory that has the observations too, made when the first such question comes."""

    def __init__(self, release: Release, loaded: Callable[[], None]) -> None:
        """Promise the store; `loaded` is told when it has been made."""
        self._release = release
        self._loaded = loaded
        self._lock = threading.Lock()
        self._source: StoreSource | None = None

    def source(self) -> StoreSource:
        """Give the store; the first who asks waits until it is loaded."""
        with self._lock:
            if self._source is None:
                store = Store()
                lines = Stream(quads(self._release, *dump_names(self._release)))
                store.bulk_load(input=io.BufferedReader(lines, 1 << 20), format=RdfFormat.N_QUADS)
                self._source = StoreSource(store, self._release.manifest.base_uri)
                self._loaded()
            return self._source


def whole_of(release: Release, loaded: Callable[[], None]) -> Whole | None:
    """Promise a store of everything, if the release is small."""
    return Whole(release, loaded) if sum(cube.triples for cube in release.cubes()) <= MAX_TRIPLES else None
