"""Content codings over HTTP: of results, pages, tables and assets, with entity tags that tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from endpoint.app import create_app
from endpoint.codings import CODINGS
from endpoint.settings import Settings
from tests.integration.asking import Client, asking
from tests.integration.small import TABLE, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE_PATH = "/data/households/households.csv"
QUERY = f"/sparql?query={quote('SELECT * { ?s ?p ?o }')}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("endpoint.downloads.WORTH_FROM", len(TABLE))
        with asking(create_app(Settings(make_release(tmp_path_factory.mktemp("codings"))))) as made:
            yield made


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", [QUERY, "/data/households.ttl", "/data/households.html", TABLE_PATH])
def test_every_long_answer_comes_in_every_coding(client: Client, path: str, coding: str) -> None:
    plain = client.get(path)
    found = client.get(path, {"Accept-Encoding": coding})  # the client undoes the coding
    assert (found.status_code, found.headers["content-encoding"]) == (200, coding)
    assert "Accept-Encoding" in found.headers["vary"]
    assert "content-encoding" not in plain.headers
    assert found.content == plain.content
    assert client.head(path, {"Accept-Encoding": coding}).headers["content-encoding"] == coding


@pytest.mark.parametrize("coding", CODINGS)
def test_a_table_in_a_coding_has_a_tag_of_its_own(client: Client, coding: str) -> None:
    plain, found = client.get(TABLE_PATH), client.get(TABLE_PATH, {"Accept-Encoding": coding})
    assert found.headers["etag"] == f'{plain.headers["etag"][:-1]}-{coding}"'
    headers = {"Accept-Encoding": coding, "If-None-Match": found.headers["etag"]}
    assert client.get(TABLE_PATH, headers).status_code == 304
    assert client.get(TABLE_PATH, {"If-None-Match": found.headers["etag"]}).status_code == 200


def test_a_part_of_a_table_is_not_compressed(client: Client) -> None:
    found = client.get(TABLE_PATH, {"Accept-Encoding": "gzip", "Range": "bytes=5-9"})
    assert (found.status_code, found.content) == (206, TABLE.encode()[5:10])
    assert "content-encoding" not in found.headers


@pytest.mark.parametrize("coding", CODINGS)
def test_a_result_that_is_known_is_not_sent_again_in_any_coding(client: Client, coding: str) -> None:
    tag = client.get(QUERY).headers["etag"]
    assert tag.startswith("W/")
    found = client.get(QUERY, {"Accept-Encoding": coding, "If-None-Match": tag})
    assert (found.status_code, found.content) == (304, b"")
