"""The release being served: opened once, replaced when the link to it moves, never mixed within one request."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeVar

import duckdb

from endpoint.completion import TermIndex, index_terms
from endpoint.cubes.columns import open_columns
from endpoint.cubes.engine import DuckEngine
from endpoint.cubes.source import CubeSource
from endpoint.cubes.whole import whole_of
from endpoint.labels import Labels
from endpoint.listing import Listing, read_listing
from endpoint.rendered import Answers
from endpoint.results import PREFIXES
from endpoint.search import Named, index_names
from endpoint.site import Site
from endpoint.source import StoreSource
from endpoint.void import describe_void
from loader.errors import DwpldError
from loader.release import open_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyoxigraph import Triple

    from endpoint.cubes.engine import OpenEngine
    from endpoint.source import OpenStore, QuadSource
    from loader.release import Release

T = TypeVar("T")

log = logging.getLogger(__name__)

STACK_BYTES: Final = 512 * 1024 * 1024
"""Stack of a query thread. The engine recurses over long queries: the longest accepted needs about 250 MB, and the
pages of a stack cost memory only once they are used."""
RETRY_S: Final = 10
"""Seconds after which a release that could not be opened is tried again: what was short may be there."""
STORE_RETRY_S: Final = 2
"""Seconds after which it is tried again whether a store elsewhere holds a release."""


@dataclass(frozen=True)
class Serving:
    """One release, opened: what a request holds from beginning to end."""

    release: Release
    source: QuadSource
    site: Site

    @cached_property
    def labels(self) -> Labels:
        """Names of things in this release."""
        return Labels(self.source)

    @cached_property
    def prefixes(self) -> dict[str, str]:
        """Prefixes for Turtle and RDF/XML."""
        return PREFIXES | self.site.prefixes()

    @cached_property
    def terms(self) -> TermIndex:
        """Terms of this release by name; collected when they are first asked for."""
        return index_terms(self)

    @cached_property
    def listing(self) -> Listing:
        """The catalogue of this release; read when it is first asked for."""
        return read_listing(self)

    @cached_property
    def answers(self) -> Answers:
        """Pages and documents of this release that were made before."""
        return Answers()

    @cached_property
    def names(self) -> tuple[Named, ...]:
        """Names of everything in this release, for the search; collected when they are first asked for."""
        return index_names(self)

    @cached_property
    def void(self) -> list[Triple]:
        """Description of the release as a dataset; counted when it is first asked for."""
        return describe_void(self)


class Shelf:
    """Gives the release to serve. A release that cannot be opened is passed over, and the one before is served on."""

    def __init__(self, path: Path, open_engine: OpenEngine = DuckEngine, open_store: OpenStore | None = None) -> None:
        self._path = path
        self._path_text = str(path)
        self._open = partial(open_serving, open_engine=open_engine, open_store=open_store)
        self._patience_s = RETRY_S if open_store is None else STORE_RETRY_S
        self._lock = threading.Lock()
        self._serving = self._open(path)
        self._refused: Path | None = None
        self._refused_s = 0.0
        self._settled: Path | None = None
        """What the path leads to, if that is served."""
        self._seen: tuple[tuple[int, int, int], Path] | None = None

    @property
    def serving(self) -> Serving:
        """The release that was served last, without a look whether there is another."""
        return self._serving

    @property
    def refused(self) -> Path | None:
        """The release that the path leads to, if it cannot be opened."""
        return self._refused

    def current(self) -> Serving:
        """Give the release that the path leads to now; a look at a symbolic link, unless it has moved."""
        real = self._real()
        if self._has_moved(real):
            with self._lock:
                self._move(real)
        return self._serving

    async def latest(self) -> Serving:
        """Give the same without holding up the event loop while a release is opened."""
        has_moved = self._has_moved(self._real())
        return await asyncio.to_thread(self.current) if has_moved else self._serving

    def settled(self) -> Serving | None:
        """Give the same if there is no other to be opened."""
        real = self._real()
        if real is self._settled:  # which is seen sooner than that paths are equal
            return self._serving
        if self._has_moved(real):
            return None
        self._settled = real if real != self._refused else None
        return self._serving

    def _has_moved(self, real: Path) -> bool:
        """Tell whether there is another release to try: not one refused a moment ago."""
        if real == self._refused:
            return time.monotonic() - self._refused_s > self._patience_s
        return real != self._serving.release.path

    def _real(self) -> Path:
        """Resolve the path; again only if what it leads to is another directory than before, which is quick to see."""
        try:
            found = os.stat(self._path_text)  # noqa: PTH116 - each request does it, and pathlib takes three times as long
        except OSError:
            return self._path.resolve()
        directory = (found.st_dev, found.st_ino, found.st_ctime_ns)
        if self._seen is None or self._seen[0] != directory:
            self._seen = directory, self._path.resolve()
        return self._seen[1]

    def _move(self, real: Path) -> None:
        if not self._has_moved(real):
            return  # another request was quicker
        self._settled = None
        try:
            self._serving = self._open(real)
            self._refused = None
            log.info("serving release %s", real.name)
        except (DwpldError, OSError, duckdb.Error) as error:
            is_known, self._refused, self._refused_s = real == self._refused, real, time.monotonic()
            log.log(
                logging.DEBUG if is_known else logging.ERROR,
                "release %s cannot be served, staying with %s: %s",
                real,
                self._serving.release.id,
                error,
            )


def open_serving(
    path: Path,
    open_engine: OpenEngine = DuckEngine,
    grown: Callable[[], None] = lambda: None,
    open_store: OpenStore | None = None,
) -> Serving:
    """Open a release. Raises MisuseError if there is none, or the engine or the store elsewhere cannot be used.

    `grown` is told when more of the release has come into memory, to stay there.
    """
    release = open_release(path)
    base = release.manifest.base_uri
    if open_store is not None:
        return Serving(release, open_store(release), Site(base))
    columns = open_columns(release, open_engine)
    store = release.store()
    source = StoreSource(store, base) if columns is None else CubeSource(store, columns, base, whole_of(release, grown))
    return Serving(release, source, Site(base))


def query_threads(count: int) -> ThreadPoolExecutor:
    """Start threads with stacks deep enough for any query that is let through."""
    previous = threading.stack_size(STACK_BYTES)
    try:
        pool = ThreadPoolExecutor(count, thread_name_prefix="query")
        meeting = threading.Barrier(count)  # all at once, or the pool would start fewer threads
        list(pool.map(lambda _: meeting.wait(), range(count)))
    finally:
        threading.stack_size(previous)
    return pool


def contained(work: Callable[[], T]) -> T:
    """Do work in a query thread; if it fails, let go of the engine's objects there: they may not end in another."""
    try:
        return work()
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise
