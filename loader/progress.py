"""Say how far a build is: a bar for each folder on a terminal, a line for each elsewhere. All on stderr."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID

log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Is told how a build goes on."""

    def started(self, name: str) -> None:
        """A folder's turn has come."""

    def counted(self, name: str, triples: int) -> None:
        """So many more triples of it are written."""

    def finished(self, name: str, count: int, unit: str = "rows") -> None:
        """It is done: so many rows, or quads."""

    def unchanged(self, name: str, count: int) -> None:
        """It is as it was in the release before, with so many rows, and is taken over from there."""

    def said(self, text: str) -> None:
        """Something a person should know."""


class LogWatcher:
    """Writes a log line when a folder is done, and every few seconds of a long one."""

    def __init__(self, every_s: float = 5.0) -> None:
        self.every_s = every_s
        self.start = self.last = time.monotonic()
        self.triples = 0

    def started(self, name: str) -> None:  # noqa: ARG002 - part of the protocol
        """Start the clock."""
        self.start = self.last = time.monotonic()
        self.triples = 0

    def counted(self, name: str, triples: int) -> None:
        """Log now and then."""
        self.triples += triples
        now = time.monotonic()
        if now - self.last >= self.every_s:
            log.info("%s: %s triples", name, f"{self.triples:,}")
            self.last = now

    def finished(self, name: str, count: int, unit: str = "rows") -> None:
        """Log rows and rows per second."""
        seconds = max(time.monotonic() - self.start, 1e-6)
        log.info("%s: %s %s, %s %s/s", name, f"{count:,}", unit, f"{count / seconds:,.0f}", unit)

    def unchanged(self, name: str, count: int) -> None:
        """Log rows."""
        log.info("%s: %s rows, unchanged", name, f"{count:,}")

    def said(self, text: str) -> None:
        """Log it."""
        log.info("%s", text)


class BarWatcher:
    """Shows a line for each folder on a terminal, moving while it is at work."""

    def __init__(self, console: Console) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self.progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<42}"),
            TextColumn("{task.fields[state]:>34}"),
            TimeElapsedColumn(),
            console=console,
        )
        self.tasks: dict[str, TaskID] = {}
        self.triples: dict[str, int] = {}
        self.start = 0.0

    def __enter__(self) -> BarWatcher:
        """Start drawing."""
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop drawing, leaving the lines on the screen."""
        self.progress.stop()

    def started(self, name: str) -> None:
        """Add a line."""
        self.start = time.monotonic()
        self.triples[name] = 0
        self.tasks[name] = self.progress.add_task(name, total=None, state="reading")

    def counted(self, name: str, triples: int) -> None:
        """Move the line on."""
        self.triples[name] += triples
        self.progress.update(self.tasks[name], state=f"{self.triples[name]:,} triples")

    def finished(self, name: str, count: int, unit: str = "rows") -> None:
        """Tick the line off."""
        seconds = max(time.monotonic() - self.start, 1e-6)
        state = f"{count:,} {unit}  {count / seconds:,.0f} {unit}/s"
        self.progress.update(self.tasks[name], state=state, total=1, completed=1)

    def unchanged(self, name: str, count: int) -> None:
        """Tick the line off."""
        self.progress.update(self.tasks[name], state=f"{count:,} rows  unchanged", total=1, completed=1)

    def said(self, text: str) -> None:
        """Print above the lines."""
        self.progress.console.print(text, highlight=False, markup=False)
