"""Every kind of page in a real browser, wide and narrow: for everybody, within the screen, asking nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from playwright.sync_api import sync_playwright

from loader.build import Plan, build
from loader.progress import LogWatcher
from loader.withdrawing import withdraw
from tests.browser.test_browser_pages import CHROMIUM
from tests.browser.test_query_editor import BROKEN, FIGURES, STATIC, is_within_the_screen, violations
from tests.integration import tiny
from tests.integration.small import make_release
from tests.integration.test_endpoint_server import server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SIZES = ((1280, 900), (320, 640))
OBSERVATION = "data/households/obs/E06000001/2025-05@households"
VERSIONS = "data/tiny/editions/2025-05/versions"
PAGES = {
    "start": "",
    "datasets": "data",
    "dataset": "data/households",
    "records": "data/made-up",
    "observation": OBSERVATION,
    "area": "doc/area/E06000001",
    "code list": "def/concept-scheme/family-type",
    "code": "def/concept/family-type/couple",
    "organisation": "doc/organisation/office",
    "dimension": "def/dimension/area",
    "catalogue": "catalogue",
    "search": "search",
    "search with hits": "search?q=town",
    "search without hits": "search?q=nowhere",
    "query result": f"sparql?{urlencode({'query': FIGURES})}",
    "query with a mistake": f"sparql?{urlencode({'query': BROKEN})}",
    "not found": "data/nothing",
}
PAGES_OF_VERSIONS = {
    "dataset of versions": "data/tiny",
    "quality": "data/tiny/quality",
    "structure": "data/tiny/structure",
    "versions": "data/tiny/versions",
    "version": f"{VERSIONS}/3",
    "version before": f"{VERSIONS}/2",
    "changes": f"{VERSIONS}/3/changes",
    "withdrawn": f"{VERSIONS}/1",
    "withdrawal": f"{VERSIONS}/1/withdrawn",
    "releases": "releases",
    "event stream": "events",
    "page of events": "events/1",
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
    pytest.mark.skipif(not STATIC.joinpath("site.css").is_file(), reason="endpoint/static/ is not built"),
]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give the address of each page: of a small release, and of one with three versions, the first withdrawn."""
    small = make_release(tmp_path_factory.mktemp("small"))
    versions = publish_versions(tmp_path_factory.mktemp("versions"))
    with server(small) as (_, first), server(versions) as (_, second):
        found = {name: first + path for name, path in PAGES.items()}
        yield found | {name: second + path for name, path in PAGES_OF_VERSIONS.items()}


def publish_versions(path: Path) -> Path:
    mappings, out = tiny.write_mapping(path), path / "out"
    table = mappings / "tiny" / "tiny.csv"
    for figure in (100, 12_345, 23_456):
        table.write_text("\n".join([tiny.HEADER, f"E06000001,2025-04,{figure}", *tiny.ROWS[1:]]) + "\n", "utf-8")
        build(Plan(("tiny",), mappings), out, LogWatcher())
    withdraw(out, "tiny", "2025-05", 1, reason="Counts were given for too small an area.")
    return out / "current"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    found = chromium.new_page()
    yield found
    found.close()


@pytest.mark.parametrize("name", [*PAGES, *PAGES_OF_VERSIONS])
def test_a_page_is_for_everybody(page: Page, addresses: dict[str, str], name: str) -> None:
    address = addresses[name]
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("pageerror", lambda one: complaints.append(str(one)))
    page.on("console", lambda one: complaints.append(one.text))
    page.goto(address)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert is_within_the_screen(page), f"wider than {width} pixels"
    assert violations(page) == []
    assert page.locator("h1").count() == 1
    assert page.title().startswith(page.locator("h1").inner_text())
    own = "/".join(address.split("/")[:3]) + "/"
    assert [url for url in asked if not url.startswith((own, "data:", "blob:"))] == []
    # an error is an answer that browsers write to the console as well
    assert [text for text in complaints if "responded with a status of 4" not in text] == []
