"""Answers that are kept for one release, in memory of a bounded size; when another release is served, all go.

An answer is kept if its query gives the same at any time, and if it is whole. What was used longest ago goes first when
there is no more room. With an answer go the requests that are known to get it: a request that is letter by letter one
of them need not be read again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from endpoint.codings import IDENTITY, compressed
from endpoint.connections import header_lines

if TYPE_CHECKING:
    from collections.abc import Hashable

    from starlette.types import Message

    from endpoint.jobs import Reply
    from endpoint.serving import Serving

OVERHEAD_BYTES: Final = 1_024
"""What an answer takes besides its body and its query, roughly, and each request that gets it besides its address."""
LARGEST_SHARE: Final = 8
"""An answer that takes more than this part of the room is not kept."""
MAX_SHAPES: Final = 8
"""Requests that are known for one answer."""

SMALL_BYTES: Final = 65_536
"""Longest body that is sent without asking whether the client reads."""

Shape = tuple[bytes | str | None, ...]
"""All of a request that its answer depends on, the parameters first."""


@dataclass(slots=True, eq=False)
class Answer:
    """An answer to a query, out of one release."""

    serving: Serving
    reply: Reply
    key: Hashable = None
    """What it is kept under; None if it is not to be kept."""
    packed: dict[str, bytes] = field(default_factory=dict, repr=False)
    """The body in each content coding that somebody wanted."""
    is_kept: bool = False
    shapes: list[Shape] = field(default_factory=list)
    """The requests that are known to get it."""
    counted_bytes: int = 0
    """The memory that was counted for it."""

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        size = OVERHEAD_BYTES + len(repr(self.key)) + len(self.reply.body) + sum(map(len, self.packed.values()))
        return size + sum(OVERHEAD_BYTES + len(shape[0] or "") for shape in self.shapes)

    def pack(self, body: bytes, coding: str) -> bytes:
        """Compress the body, once in each coding."""
        if coding not in self.packed:
            self.packed[coding] = compressed(body, coding)
        return self.packed[coding]

    def is_packed(self, coding: str) -> bool:
        """Tell whether there is nothing to compress."""
        return coding == IDENTITY or coding in self.packed


@dataclass(frozen=True)
class Shortcut:
    """How a request was answered."""

    answer: Answer
    start: Message
    body: Message
    form: str
    text: str
    client: str

    @cached_property
    def head(self) -> bytes:
        """Its headers as bytes."""
        return header_lines(self.start["headers"])


class Kept:
    """Answers that are kept."""

    def __init__(self, room_bytes: int) -> None:
        self._room_bytes = room_bytes
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._shortcuts: dict[Shape, Shortcut] = {}
        self._serving: Serving | None = None
        self.taken_bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._answers

    def follow(self, serving: Serving) -> None:
        """Let go of answers out of any other release, which would keep its files open."""
        self._move_to(serving)

    def get(self, serving: Serving, key: Hashable) -> Answer | None:
        """Find an answer out of the release that is served."""
        self._move_to(serving)
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def keep(self, answer: Answer) -> None:
        """Keep an answer out of the release that is served, if it is whole and there is room for it."""
        if self._serving is not answer.serving or answer.key is None or answer.reply.is_cut:
            return
        if answer.key in self._answers or answer.size_bytes > self._room_bytes // LARGEST_SHARE:
            return
        self._answers[answer.key] = answer
        answer.is_kept = True
        self.count(answer)

    def count(self, answer: Answer) -> None:
        """Count the memory of an answer again, which may have grown, and make room for it."""
        if answer.is_kept:
            size = answer.size_bytes
            self.taken_bytes += size - answer.counted_bytes
            answer.counted_bytes = size
            while self.taken_bytes > self._room_bytes:
                self._drop_oldest()

    def known(self, shape: Shape) -> Shortcut | None:
        """Look how such a request was answered, out of whichever release."""
        return self._shortcuts.get(shape)

    def shortcut(self, serving: Serving, shape: Shape) -> Shortcut | None:
        """Find how such a request was answered out of the release that is served."""
        found = self._shortcuts.get(shape)
        if found is None:
            return None
        self._move_to(serving)
        if not found.answer.is_kept:
            return None
        self._answers.move_to_end(found.answer.key)
        return found

    def remember(self, shape: Shape, shortcut: Shortcut) -> None:
        """Keep how a request was answered, as long as its answer is kept, whose body it must have.

        A shape is what the application sees of a request, or the bytes of it and where they came from.
        """
        answer, body = shortcut.answer, shortcut.body["body"]
        is_its_own = any(body is own for own in (answer.reply.body, *answer.packed.values()))
        if answer.is_kept and is_its_own and len(answer.shapes) < MAX_SHAPES and shape not in self._shortcuts:
            answer.shapes.append(shape)
            self._shortcuts[shape] = shortcut
            self.count(answer)

    def _drop_oldest(self) -> None:
        _, answer = self._answers.popitem(last=False)
        self.taken_bytes -= answer.counted_bytes
        answer.is_kept, answer.counted_bytes = False, 0
        for shape in answer.shapes:
            del self._shortcuts[shape]
        answer.shapes.clear()

    def _move_to(self, serving: Serving) -> None:
        if serving is not self._serving:
            while self._answers:
                self._drop_oldest()
            self._serving = serving
