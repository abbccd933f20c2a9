"""A folder to break, a release that must survive it, and the ways in: build, command line, child with little memory."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dwpld
from endpoint.serving import open_serving
from endpoint.source import Scope
from loader.build import Plan, build
from loader.errors import MisuseError, ProblemsError
from loader.mapping import packaged_mappings, read_mapping
from loader.progress import LogWatcher
from loader.release import open_release
from loader.uris import DEFAULT_BASE, Uris
from tests.conftest import ROOT
from tests.integration import tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from loader.errors import Problem
    from loader.release import Release

LIMIT_S = 10.0
"""Of the processor."""
HANGING_S = 60.0
"""Of the clock, after which a child is taken to wait for something."""
MEMORY_BYTES = 2 * 1024**3
NOTE: dict[str, object] = {"name": "note", "titles": "Note", "propertyUrl": "rdfs:comment"}
"""A column of free text, put before the virtual ones."""
NOTED = [*tiny.COLUMNS[:3], NOTE, *tiny.COLUMNS[3:]]
MISUSED = "misuse"


NUMBER = "AB 12 34 56 C"
PERSON = "Mr Zebedee Fictitious"
SECRETS = ("34 56", "Zebedee", "Fictitious", "zebedee")
"""Pieces of these that no message may repeat."""


@dataclass(frozen=True, slots=True)
class Place:
    """The mapping folder `tiny`, and the release made of it before anything was broken."""

    mappings: Path
    out: Path

    @property
    def folder(self) -> Path:
        return self.mappings / "tiny"

    def try_build(self, sources: Path | None = None) -> list[str]:
        """Build; give each problem as its code and place. A refused build must leave everything below `out` alone."""
        before = self._state()
        with within_limit():
            try:
                build(Plan(("tiny",), self.mappings, sources), self.out, LogWatcher())
            except ProblemsError as error:
                found = [said(problem, self.folder) for problem in error.problems]
            except MisuseError as error:
                found = [f"{MISUSED}: {error}"]
            else:
                return []
        assert self._state() == before, "a refused build has changed what was released"
        return found

    def try_sources(self, suffix: str, data: bytes | Callable[[], bytes]) -> list[str]:
        """Build from one published file, which is read without a tidy.py; give each problem as its code and place."""
        sources = self.mappings.parent / "sources"
        shutil.rmtree(sources, ignore_errors=True)
        sources.mkdir()
        (sources / f"tiny-published.{suffix}").write_bytes(data() if callable(data) else data)
        files = '\n[[files]]\npattern = "tiny-published*"\n'
        (self.folder / "source.toml").write_text(tiny.SOURCE + files, "utf-8")
        return self.try_build(sources)

    def read(self) -> list[str]:
        """Read the mapping folder, as a build does first; give each problem as its code and place."""
        with within_limit():
            try:
                read_mapping("tiny", self.folder, Uris(DEFAULT_BASE))
            except ProblemsError as error:
                return [said(problem, self.folder) for problem in error.problems]
        return []

    def release(self) -> Release:
        return open_release(self.out / "current")

    def literals(self) -> set[str]:
        """Give the texts and figures that the tiny dataset's graph states."""
        record = self.release().manifest.folder("tiny")
        assert record is not None
        query = f"SELECT ?text WHERE {{ GRAPH <{record.graph}> {{ ?o a ?type ; ?p ?text FILTER isLiteral(?text) }} }}"
        found = open_serving(self.release().path).source.answer(query, Scope.UNION)
        return {row["text"].value for row in found}  # type: ignore[union-attr]

    def _state(self) -> tuple[str, ...]:
        files = sorted(str(path) for path in (self.out / "releases").iterdir())
        return (*files, str((self.out / "current").readlink()))


def make_place(root: Path) -> Place:
    """Write the tiny mapping and make a release of it."""
    mappings = tiny.write_mapping(root)
    shorten_list(mappings, "area", ("K0", "E92", "W92", "E12000001", "E06000001", "W06000015"))
    shorten_list(mappings, "period", ("2025",))
    build(Plan(("tiny",), mappings), root / "out", LogWatcher())
    return Place(mappings, root / "out")


def shorten_list(mappings: Path, name: str, beginnings: tuple[str, ...]) -> None:
    """Copy a code list of the project with a few of its codes only: it is read again for each case."""
    folder = mappings / "codes" / name
    shutil.copytree(packaged_mappings() / "codes" / name, folder)
    header, *rows = (folder / f"{name}.csv").read_text("utf-8").splitlines()
    kept = [row for row in rows if row.startswith(beginnings)]
    (folder / f"{name}.csv").write_text("\n".join([header, *kept]) + "\n", "utf-8")


def said(problem: Problem, folder: Path) -> str:
    """Give the code and the place of a problem, files named within their folder; every problem says what is wrong."""
    assert problem.message, problem
    assert len(str(problem)) < 4000, "a message is for people to read"
    document = f"tiny.csv-metadata.json: {DEFAULT_BASE}/data/tiny/tiny.csv-metadata.json"
    return f"{problem.code} {problem.where.replace(f'{folder}/', '').replace(document, 'document')}"


@contextmanager
def within_limit() -> Iterator[None]:
    """Fail if what is done takes more of the processor than any bad input may; a busy machine makes no difference."""
    started = time.process_time()
    yield
    taken = time.process_time() - started
    assert taken < LIMIT_S, f"took {taken:.1f} s"


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command line in this process; give its exit code."""
    monkeypatch.setattr(sys, "argv", ["dwpld", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with within_limit():
        try:
            dwpld.main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def told_by_check(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Give all that `dwpld check` prints of the files tried last, which must have problems."""
    sources = str(place.mappings.parent / "sources")
    release = str(place.out / "current")
    arguments = ["check", "tiny", "--mappings", str(place.mappings), "--sources", sources, "--release", release]
    assert run(arguments, monkeypatch) == 1
    return "".join(capsys.readouterr())


def run_small(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the command line in a child that may use 2 GiB of memory and ten seconds of the processor."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (int(LIMIT_S), int(LIMIT_S)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    done = subprocess.run(
        [sys.executable, str(ROOT / "dwpld.py"), *arguments],
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
        preexec_fn=limit,
        capture_output=True,
        timeout=HANGING_S,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return done
