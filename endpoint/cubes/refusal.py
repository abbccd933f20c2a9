"""Saying no: a question that the columns of cubes and the store together cannot answer within the limits."""

from __future__ import annotations

from http import HTTPStatus

from endpoint.problems import RequestError


class RefusalError(RequestError):
    """A query that is not answered: why, what to narrow, and which files have all the data instead."""

    def __init__(self, reason: str, hint: str, dumps: tuple[str, ...] = ()) -> None:
        self.reason = reason
        self.hint = hint
        self.dumps = dumps
        more = f"; or take the whole from {', '.join(dumps)} of the release" if dumps else ""
        super().__init__(HTTPStatus.BAD_REQUEST, f"This query is not answered: {reason}. Instead, {hint}{more}.")
