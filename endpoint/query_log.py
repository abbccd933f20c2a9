"""The log of queries: one line of JSON for each, and one for each slow query, written by a thread of its own.

A line holds nothing but ASCII and no control character, whatever the query says, so that none can look like two. Of
clients it says nothing unless it is told to: a salted hash, whose salt is never written down and changes each day, or
the address. When lines come faster than they are written, they are left out and counted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import queue
import secrets
import sys
from datetime import UTC, datetime
from logging.handlers import QueueListener, WatchedFileHandler
from typing import TYPE_CHECKING, Final

from loader.errors import MisuseError

if TYPE_CHECKING:
    from endpoint.accounts import Course
    from endpoint.settings import Settings

MAX_LINES: Final = 10_000
"""Lines that may wait to be written."""
TEXT: Final = 1_000
"""Characters of a query that a line has; of a slow query `SLOW_TEXT`."""
SLOW_TEXT: Final = 20_000
SALT_BYTES: Final = 32


class Pseudonyms:
    """Numbers for clients that tell them apart for a day (UTC), and not a day from another."""

    def __init__(self) -> None:
        self._day = ""
        self._salt = b""

    def of(self, client: str, day: str) -> str:
        """Give the number of a client."""
        if day != self._day:
            self._day, self._salt = day, secrets.token_bytes(SALT_BYTES)
        return hmac.new(self._salt, client.encode(), hashlib.sha256).hexdigest()[:16]


class QueryLog:
    """Writes lines where the settings say. Raises MisuseError if that cannot be written to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pseudonyms = Pseudonyms()
        self._lines: queue.Queue[logging.LogRecord] = queue.Queue(MAX_LINES)
        self._writer = QueueListener(self._lines, handler_of(settings.query_log))
        self.left_out = 0

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def stop(self) -> None:
        """Write what waits, and end; not in the event loop."""
        self._writer.stop()
        for handler in self._writer.handlers:
            handler.close()

    def note(self, course: Course, took_s: float, client: str) -> None:
        """Note a query that has come to an end."""
        if not is_noted(self._settings, took_s):
            return
        is_slow = 0 < self._settings.slow_s <= took_s
        line = json.dumps(self._entry(course, took_s, client, is_slow=is_slow))
        try:
            self._lines.put_nowait(logging.makeLogRecord({"msg": line}))
        except queue.Full:
            self.left_out += 1

    def _entry(self, course: Course, took_s: float, client: str, *, is_slow: bool) -> dict[str, object]:
        now = datetime.now(UTC)
        text = course.text or ""
        longest = SLOW_TEXT if is_slow else TEXT
        entry: dict[str, object] = {
            "time": now.isoformat(timespec="milliseconds"),
            "event": "slow query" if is_slow else "query",
            "outcome": course.outcome(),
            "status": course.status,
            "duration_s": round(took_s, 6),
            "wait_s": round(course.waited_s, 6),
            "source": course.source,
            "form": course.form,
            "bytes": course.sent_bytes,
            "is_cut": course.is_cut,
            "release": course.release,
            "query_sha256": hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest(),
            "query": text[:longest],
            "query_length": len(text),
        }
        if self._settings.log_clients == "address":
            entry["client"] = client
        elif self._settings.log_clients == "hash":
            entry["client"] = self._pseudonyms.of(client, now.date().isoformat())
        return entry


def is_noted(settings: Settings, took_s: float) -> bool:
    """Tell whether a query that took so long is logged."""
    return bool(settings.query_log) or 0 < settings.slow_s <= took_s


def handler_of(place: str) -> logging.Handler:
    """Open the log; a file that is moved away, as for rotation, is opened again. Raises MisuseError if it cannot be."""
    if place in {"", "stderr"}:
        return logging.StreamHandler(sys.stderr)
    try:
        return WatchedFileHandler(place, encoding="ascii")
    except OSError as error:
        message = f"cannot write the log of queries to {place}: {error.strerror}; DWPLD_QUERY_LOG says where it is"
        raise MisuseError(message) from error
