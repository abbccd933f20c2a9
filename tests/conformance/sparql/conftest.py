"""The service that the tests of a module share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.sparql.service import Service, service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that is asked, and given the data of one test after the other."""
    with service(tmp_path_factory.mktemp("sparql")) as found:
        yield found
