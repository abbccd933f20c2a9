"""Fetching over HTTP, by way of a proxy as in the real world; and where metadata is looked for."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from loader.csvw import commands, fetch
from loader.csvw.fetch import Fetcher, metadata_links
from loader.csvw.iri import normalize, resolve
from loader.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

META = b'{"@context": "http://www.w3.org/ns/csvw", "url": "t.csv", "rdfs:label": "%s"}'
PAGES: dict[str, tuple[int, dict[str, str], bytes]] = {}


class Handler(BaseHTTPRequestHandler):
    """Answers as a proxy: the path is a whole URL."""

    def do_GET(self) -> None:
        status, headers, body = PAGES.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def proxy() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    PAGES.clear()
    with proxy() as url:
        for name in ("HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", url)
        yield


def convert(
    url: str, out: Path, capsys: pytest.CaptureFixture[str], metadata: str | None = None
) -> tuple[int, str, str]:
    code = commands.convert(url, mode="standard", metadata=metadata, output=str(out / "o.nt"))
    return code, (out / "o.nt").read_text("utf-8") if code == 0 else "", capsys.readouterr().err


def test_a_link_header_wins_and_its_last_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = (
        '<a.json>; rel="describedby"; type="application/csvm+json", <b.json>; rel=describedBy; type="application/json"'
    )
    PAGES["http://h.test/t.csv"] = (200, {"Link": link, "Content-Type": "text/csv"}, b"a\n1\n")
    PAGES["http://h.test/a.json"] = (200, {}, META % b"from a")
    PAGES["http://h.test/b.json"] = (200, {}, META % b"from b")
    PAGES["http://h.test/t.csv-metadata.json"] = (200, {}, META % b"default")
    code, triples, err = convert("http://h.test/t.csv", tmp_path, capsys)
    assert (code, err) == (0, "")
    assert '"from b"' in triples


def test_site_wide_locations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PAGES["http://h.test/x/t.csv"] = (200, {}, b"a\n1\n")
    PAGES["http://h.test/.well-known/csvm"] = (200, {}, b"{bad\nother.json\n{+url}.meta\n")
    PAGES["http://h.test/x/other.json"] = (200, {}, (META % b"no").replace(b"t.csv", b"u.csv"))
    PAGES["http://h.test/x/t.csv.meta"] = (200, {}, META % b"yes")
    code, triples, err = convert("http://h.test/x/t.csv", tmp_path, capsys)
    assert code == 0
    assert '"yes"' in triples
    assert "does not describe http://h.test/x/t.csv" in err
    assert "is not a URI template" in err


def test_headers_make_the_default_dialect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = "text/tab-separated-values; header=absent; charset=iso-8859-1"
    PAGES["http://h.test/t"] = (200, {"Content-Type": kind, "Content-Language": "cy"}, b"caf\xe9\tb\n")
    code, triples, _ = convert("http://h.test/t", tmp_path, capsys)
    assert code == 0
    assert '<http://h.test/t#_col.1> "café"@cy' in triples
    assert '<http://h.test/t#_col.2> "b"@cy' in triples


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_failures_are_errors_and_no_stack_trace(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PAGES["http://h.test/t.csv"] = (status, {}, b"")
    code, _, err = convert("http://h.test/t.csv", tmp_path, capsys)
    assert code == 1
    assert err.startswith(f"error: http://h.test/t.csv: the server answered {status}")
    assert "CSVW-FETCH" in err


def test_redirects_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PAGES["http://h.test/t.csv"] = (302, {"Location": "http://h.test/t.csv"}, b"")
    assert convert("http://h.test/t.csv", tmp_path, capsys)[0] == 1


def test_size_limit() -> None:
    PAGES["http://h.test/big"] = (200, {}, b"x" * 5000)
    with Fetcher() as fetcher, pytest.raises(ProblemsError, match="is larger than 1000 bytes"):
        fetcher.find("http://h.test/big", 1000)


def test_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "DEADLINE_S", -1.0)
    PAGES["http://h.test/slow"] = (200, {}, b"x")
    with Fetcher() as fetcher, pytest.raises(ProblemsError, match="could not be fetched within"):
        fetcher.find("http://h.test/slow")


def test_a_document_from_the_network_cannot_name_local_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nsecret\n", "utf-8")
    PAGES["http://h.test/m.json"] = (200, {}, META.replace(b"t.csv", secret.as_uri().encode()) % b"x")
    code, _, err = convert("http://h.test/m.json", tmp_path, capsys)
    assert code == 1
    assert "a file of this machine, which a document from the network may not name" in err


def test_links() -> None:
    values = [
        '<a>; rel="next", <b>; title="x, y"; rel="describedby"; type="application/ld+json"',
        "<c>; rel=describedby",
    ]
    assert metadata_links(values) == ("b",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP://Ex.ORG:80/a/../b", "http://ex.org/b"),
        ("http://ex.org", "http://ex.org/"),
        ("http://ex.org/%7ea%2f", "http://ex.org/~a%2F"),
        ("https://ex.org:443/x?q", "https://ex.org/x?q"),
    ],
)
def test_urls_are_compared_in_normal_form(one: str, other: str) -> None:
    assert normalize(one) == normalize(other)


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        ("http://a/b/c?d", "", "http://a/b/c?d"),
        ("http://a/b/c#d", "#e", "http://a/b/c#e"),
        ("http://a/b/c", "../x", "http://a/x"),
        ("http://a/b/c", "urn:x:y", "urn:x:y"),
        ("http://a/b/c", "x#", "http://a/b/x#"),
        ("http://[a", "x", "http://[a/x"),
        ("http://a/b/c/d;p?q", "../../g", "http://a/g"),
        ("http://a/b/c/d;p?q", "../../../g", "http://a/g"),
        ("http://a/b/c/d;p?q", "./g/.", "http://a/b/c/g/"),
        ("http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y"),
        ("http://a/b/c/d;p?q", "//g", "http://g"),
        ("http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"),
        ("http://a/b/c/d;p?q", "g//h", "http://a/b/c/g//h"),
        ("http://a/b/c/d;p?q", "..g", "http://a/b/c/..g"),
        ("http://a", "g", "http://a/g"),
        ("file:///a/b", "c", "file:///a/c"),
    ],
)
def test_resolve(base: str, reference: str, expected: str) -> None:
    assert resolve(base, reference) == expected
