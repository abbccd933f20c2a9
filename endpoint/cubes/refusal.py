"""Saying no: a question that the columns of cubes and the store together cannot answer within the limits."""

from __future__ import annotations


class RefusalError(Exception):
    """A query that is not answered: why, what to narrow, and where all the data is instead."""

    def __init__(self, reason: str, hint: str, dumps: tuple[str, ...] = ()) -> None:
        self.reason = reason
        self.hint = hint
        self.dumps = dumps
        more = f"; or take the whole from {', '.join(dumps)}" if dumps else ""
        super().__init__(f"This query is not answered: {reason}. To narrow it, {hint}{more}.")
