"""What a client can get wrong, and how it is told.

    DwpldError
    └── RequestError       a status, and what is wrong

A browser gets a page, anything else `application/problem+json` (RFC 9457). Our own faults are not here: they are logged
with a request id and answered 500 without details.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from loader.errors import DwpldError

if TYPE_CHECKING:
    from collections.abc import Mapping


class RequestError(DwpldError):
    """A request that is refused; `detail` is meant for the person who made it."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, str | int] | None = None,
        ways: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        """What the problem document says besides: `line` and `column` of a mistake, and a `hint`."""
        self.ways = ways
        """Where its page leads on to: text and path."""
        super().__init__(f"{status.value} {detail}")


def not_found(path: str) -> RequestError:
    """Nothing is published at this address."""
    return RequestError(HTTPStatus.NOT_FOUND, f"Nothing is published at {path}")


def not_acceptable(offered: str) -> RequestError:
    """None of the forms on offer is acceptable to the client."""
    return RequestError(HTTPStatus.NOT_ACCEPTABLE, f"This address answers as {offered}", {"Vary": "Accept"})


def bad_request(detail: str, **members: str | int) -> RequestError:
    """The request cannot be understood."""
    return RequestError(HTTPStatus.BAD_REQUEST, detail, None, members)
