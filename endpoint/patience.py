"""How long a query is waited for: once it is long it must make room for others, and there is a time when it must end.

Its processor time is looked up when it may be long, and not before: most queries have been answered by then.
"""

from __future__ import annotations

import asyncio
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from endpoint.channels import Message
    from endpoint.settings import Settings

    MakeRoom = Callable[[], bool | None]

LOOK_AGAIN_S: Final = 0.1
"""Time after which a long query that could not step aside is looked at again."""


class Patience:
    """The patience with one query, from now on; belongs to one event loop."""

    def __init__(
        self, answer: asyncio.Future[Message], pid: int, before_s: float, settings: Settings, make_room: MakeRoom
    ) -> None:
        """Have TimeoutError be what comes of an answer that is not there in time.

        `before_s` is the processors' time that the process had had before. `make_room` is called once the query is
        long: True if it stepped aside, False if it must end, for others to be answered, None if it may stay for now.
        """
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._pid = pid
        self._until_s = before_s + settings.long_s
        self._deadline = self._loop.time() + settings.timeout_s
        self._make_room = make_room
        self.is_early = False
        """True if the query was ended for others."""
        self._look_in(settings.long_s)

    def end(self) -> None:
        """Wait no more."""
        self._timer.cancel()

    def _look_in(self, seconds: float) -> None:
        now = self._loop.time()
        is_last = now + seconds >= self._deadline
        look = self._give_up if is_last else self._look
        self._timer = self._loop.call_later(max(self._deadline - now, 0) if is_last else seconds, look)

    def _look(self) -> None:
        spent_s = processor_seconds(self._pid)
        if spent_s is not None and spent_s < self._until_s:
            self._look_in(max(self._until_s - spent_s, LOOK_AGAIN_S))
            return
        has_room = self._make_room()
        if has_room is None:
            self._look_in(LOOK_AGAIN_S)
        elif has_room:
            self._look_in(math.inf)  # that is, when it must end
        else:
            self.is_early = True
            self._give_up()

    def _give_up(self) -> None:
        if not self._answer.done():
            self._answer.set_exception(TimeoutError())


def processor_seconds(pid: int) -> float | None:
    """Tell how much time of processors a process has had; None where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
