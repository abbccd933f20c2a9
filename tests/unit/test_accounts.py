"""Requests are counted by classes of addresses: all of ours, and one for whatever else strangers ask for."""

from __future__ import annotations

import pytest

from endpoint.accounts import route_of
from endpoint.openapi import ROUTES


@pytest.mark.parametrize("path", [route.path for route in ROUTES])
def test_every_address_of_ours_has_a_class(path: str) -> None:
    assert route_of(path) not in {"", "other"}


@pytest.mark.parametrize("path", ["/wp-login.php", "/.env", "//data", "*", "/..", "/a/../data"])
def test_everything_else_has_one(path: str) -> None:
    assert route_of(path) == "other"
