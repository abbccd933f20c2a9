"""What a real browser makes of the pages. Opt-in: `pytest -m browser`; skipped where there is no Chromium."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from tests.integration.small import make_release
from tests.integration.test_endpoint_server import server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES = ("", "data/households", "data/households/obs/E06000001/2025-05@households", "doc/area/E06000001", "sparql")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(make_release(tmp_path_factory.mktemp("small"))) as (_, found):
        yield found


def browse(url: str, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    command = [CHROMIUM, *common, f"--user-data-dir={profile}", *options, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.parametrize("page", PAGES)
def test_a_browser_finds_nothing_to_complain_about(address: str, page: str, tmp_path: Path) -> None:
    found = browse(address + page, tmp_path, "--dump-dom")
    assert "<h1" in found.stdout
    assert "CONSOLE" not in found.stderr


def test_pages_fit_a_narrow_screen(address: str, tmp_path: Path) -> None:
    if not resources.files("endpoint").joinpath("static", "site.css").is_file():
        pytest.skip("endpoint/static/ is not built")
    picture = tmp_path / "page.png"
    browse(f"{address}data/households", tmp_path / "profile", "--window-size=500,900", f"--screenshot={picture}")
    assert picture.stat().st_size > 10_000
