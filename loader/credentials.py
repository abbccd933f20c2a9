"""Who we are to a graph store: a name and a password from the environment, sent the way the store asks for them.

A leaf: `loader.graph_store` and the endpoint's client of a store both use it, and it imports nothing but errors.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from loader.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

USER: Final = "DWPLD_STORE_USER"
PASSWORD: Final = "DWPLD_STORE_PASSWORD"


class StoreAuth(httpx.Auth):
    """Digest or basic authentication (RFC 7616, 7617): what the store's first 401 asks for, digest before basic."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._chosen: httpx.Auth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask without credentials until the store has said how it wants them."""
        if self._chosen is None:
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            asked = " ".join(response.headers.get_list("www-authenticate")).lower()
            is_digest = "digest" in asked
            self._chosen = (httpx.DigestAuth if is_digest else httpx.BasicAuth)(self._user, self._password)
        yield from self._chosen.auth_flow(request)


def store_auth(environment: Mapping[str, str] = os.environ) -> StoreAuth | None:
    """Take name and password from the environment; None if there is no name."""
    user = environment.get(USER)
    return StoreAuth(user, environment.get(PASSWORD, "")) if user else None


def store_url(text: str) -> str:
    """Check the address of a store. Raises MisuseError; what may be a password is not repeated."""
    try:
        parts = urlsplit(text)
        has_secret = parts.username is not None or parts.password is not None
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_secret = is_usable = False
    if has_secret:
        message = f"the address of a store holds no name and no password: put them into {USER} and {PASSWORD}"
        raise MisuseError(message)
    if not is_usable or parts.fragment:
        message = f"'{text[:100]}' is not the address of a store: give http://… or https://…, without a fragment"
        raise MisuseError(message)
    return text
