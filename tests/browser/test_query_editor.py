"""The editor of the query page in a real browser: what it does, that everybody can use it, that it asks nobody else."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.test_browser_pages import CHROMIUM
from tests.integration.small import BASE, make_release
from tests.integration.test_endpoint_server import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "endpoint/assets/node_modules/axe-core/axe.min.js"
STATIC = resources.files("endpoint").joinpath("static")
FIGURES = f"""PREFIX measure: <{BASE}/def/measure/>
SELECT ?area ?households {{
  ?s measure:households ?households ; <{BASE}/def/dimension/area> ?area
}} ORDER BY DESC(?households) LIMIT 12
"""
GRAPH = f"CONSTRUCT {{ ?s ?p ?o }} {{ VALUES ?s {{ <{BASE}/data/households> }} ?s ?p ?o }}"
BROKEN = "SELECT * {\n  ?s ?p \n}"
TABLE_FORMS = {
    "JSON": '{"head"',
    "XML": "<?xml",
    "CSV": "area,households\r\n",
    "TSV": "?area\t?households\n",
}
GRAPH_FORMS = {
    "Turtle": "@prefix",
    "N-Triples": f"<{BASE}/",
    "JSON-LD": "{",
    "RDF/XML": "<?xml",
}
SIZES = [pytest.param((1280, 900), id="desktop"), pytest.param((320, 640), id="narrow")]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
    pytest.mark.skipif(not STATIC.joinpath("sparql.js").is_file(), reason="endpoint/static/ is not built"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(make_release(tmp_path_factory.mktemp("small"))) as (_, found):
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    yield from opened(chromium, address, (1280, 900))


@pytest.fixture(params=SIZES)
def sized_page(chromium: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from opened(chromium, address, request.param)


def opened(chromium: Browser, address: str, size: tuple[int, int]) -> Iterator[Page]:
    """The query page; afterwards, nothing may have been asked of another host, nor the console have complained."""
    context = chromium.new_context(
        base_url=address,
        viewport={"width": size[0], "height": size[1]},
        permissions=["clipboard-read", "clipboard-write"],
    )
    found = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    found.on("request", lambda one: asked.append(one.url))
    found.on("pageerror", lambda one: complaints.append(str(one)))
    found.on("console", lambda one: complaints.append(one.text) if one.type in {"error", "warning"} else None)
    found.goto("/sparql")
    expect(found.locator(".CodeMirror")).to_be_visible()
    yield found
    context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    # a refused query is an answer of 400, which browsers write to the console as well
    assert [text for text in complaints if "status of 400" not in text] == []


def write(page: Page, text: str) -> None:
    page.locator("#query-editor").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def names(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Names").get_by_role("option")


def run(page: Page, text: str) -> None:
    write(page, text)
    page.get_by_role("button", name="Run query").click()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")


def violations(page: Page) -> list[str]:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci in endpoint/assets/")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run()")
    return [f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]


def is_within_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_query_is_typed_and_run_by_keyboard_alone(page: Page) -> None:
    write(page, FIGURES)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#result-table tbody tr")).to_have_count(12)
    expect(page.locator("#result-table tbody tr").first).to_contain_text("Town 30")
    expect(page.get_by_role("status")).to_have_text("Result: 12 rows")
    assert parse_qs(urlsplit(page.url).query)["query"] == [FIGURES]
    page.go_back()
    expect(page.locator("h1")).to_have_text("SPARQL")


def test_tab_leaves_the_editor_both_ways(page: Page) -> None:
    page.locator("#query-editor").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Run query")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#query-editor")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#example")).to_be_focused()  # the button beside it waits for a choice


def test_completion_offers_a_measure_and_declares_its_prefix(page: Page) -> None:
    write(page, "SELECT * { ?s ")
    page.keyboard.type("househ")
    first = names(page).first
    expect(first).to_have_text("Householdsmeasure")
    assert violations(page) == []
    page.keyboard.press("Enter")
    expected = f"PREFIX measure: <{BASE}/def/measure/>\nSELECT * {{ ?s measure:households"
    expect(page.locator("#query")).to_have_value(expected)


def test_completion_offers_codes_of_the_property_by_label(page: Page) -> None:
    write(page, f"PREFIX d: <{BASE}/def/dimension/>\nSELECT * {{ ?s d:area ")
    page.keyboard.type("town")
    expect(names(page).first).to_contain_text("code of Areas")
    page.keyboard.press("Escape")
    expect(names(page)).to_have_count(0)
    page.keyboard.press("Control+Space")
    expect(names(page).first).to_contain_text("code of Areas")
    page.keyboard.press("Enter")
    expect(page.locator("#query")).to_have_value(re.compile(r"d:area area:E06\d{6}$"))
    text = page.locator("#query").input_value()
    assert "PREFIX area: <http://statistics.data.gov.uk/id/statistical-geography/>" in text


def test_prefixes_and_variables_of_the_query_are_known(page: Page) -> None:
    write(page, f"PREFIX m: <{BASE}/def/measure/>\nSELECT ?figure {{ ?s ")
    page.keyboard.type("househ")
    expect(names(page).first).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type(" ?fig")
    expect(names(page)).to_have_text(["?figure"])
    page.keyboard.press("Enter")
    expect(page.locator("#query")).to_have_value(re.compile(r"\?s m:households \?figure$"))
    write(page, "SELECT * { ?s a ")
    page.keyboard.type("qb:")
    expect(page.locator("#query")).to_have_value(re.compile(r"^PREFIX qb: <http://purl.org/linked-data/cube#>"))


def test_an_example_is_chosen_from_the_menu(page: Page) -> None:
    before = page.locator("#query").input_value()
    page.locator("#example").select_option(label="Five figures")
    expect(page.locator("#example-description")).to_have_text("Any five.")
    assert page.locator("#query").input_value() == before
    page.get_by_role("button", name="Use this example").click()
    expect(page.locator("#query-editor")).to_be_focused()
    expect(page.locator("#query")).to_have_value(re.compile("LIMIT 5\n$"))
    page.get_by_role("button", name="Run query").click()
    expect(page.locator("#result-table tbody tr")).to_have_count(5)


@pytest.mark.parametrize(("text", "forms"), [(FIGURES, TABLE_FORMS), (GRAPH, GRAPH_FORMS)], ids=["table", "graph"])
def test_a_result_is_downloaded_in_every_format(page: Page, text: str, forms: dict[str, str]) -> None:
    run(page, text)
    for name, start in forms.items():
        with page.expect_download() as waiting:
            page.locator("#result").get_by_role("link", name=name, exact=True).click()
        content = waiting.value.path().read_bytes().decode()
        assert content.startswith(start), name


def test_a_chart_is_drawn_of_the_columns_that_are_chosen(page: Page) -> None:
    run(page, FIGURES)
    page.get_by_role("button", name="Chart").click()
    chart = page.locator("#chart svg[role=img]")
    expect(chart).to_have_attribute("aria-label", "Bars: households for each area")
    expect(chart.locator("rect")).to_have_count(12)
    page.get_by_label("Drawn as").select_option("Points")
    page.get_by_label("Colour by").select_option("area")
    expect(chart).to_have_attribute("aria-label", "Points: households for each area, by area")
    assert violations(page) == []
    page.get_by_role("button", name="Chart").click()
    expect(page.locator("#chart")).to_be_hidden()


def test_snippets_are_copied_and_run_as_they_are(page: Page, tmp_path: Path) -> None:
    run(page, FIGURES)
    answer = httpx.get(page.url, headers={"Accept": "text/csv"}).text
    copied = {name: copy(page, name) for name in ("curl", "Python", "R", "JavaScript")}
    command = shlex.split(copied["curl"].replace(" \\\n", " "))
    assert output([*command, "--silent"]).replace("\r\n", "\n") == answer.replace("\r\n", "\n")
    (tmp_path / "ask.py").write_text(copied["Python"], "utf-8")
    assert output([sys.executable, str(tmp_path / "ask.py")]).count("'households': ") == 12
    if shutil.which("node"):
        (tmp_path / "ask.mjs").write_text(copied["JavaScript"], "utf-8")
        assert output(["node", str(tmp_path / "ask.mjs")]).strip() == answer.replace("\r\n", "\n").strip()
    assert copied["R"].startswith("library(httr2)")


def copy(page: Page, name: str) -> str:
    details = page.locator(".snippet", has=page.locator("summary", has_text=re.compile(f"^{name}$")))
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    page.get_by_role("button", name=f"Copy {name}", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(f"Copied: {name}")
    return str(page.evaluate("navigator.clipboard.readText()"))


def output(command: list[str]) -> str:
    found = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
    return found.decode().replace("\r\n", "\n")


def test_the_link_of_a_result_leads_to_it(page: Page) -> None:
    run(page, FIGURES)
    page.get_by_role("button", name="Copy link").click()
    page.goto(str(page.evaluate("navigator.clipboard.readText()")))
    expect(page.locator(".CodeMirror")).to_be_visible()
    expect(page.locator("#query")).to_have_value(FIGURES)
    expect(page.locator("#result-table tbody tr")).to_have_count(12)


def test_a_query_too_long_for_an_address_is_posted(page: Page, address: str) -> None:
    run(page, f"{FIGURES}# {'long ' * 2_000}")
    expect(page.locator("#result-table tbody tr")).to_have_count(12)
    assert page.url == f"{address}sparql"
    with page.expect_response(lambda one: one.request.method == "POST") as waiting:
        page.get_by_role("button", name="CSV").click()
    assert waiting.value.headers["content-type"] == "text/csv; charset=utf-8"


def test_a_mistake_is_said_in_words_and_found(page: Page) -> None:
    write(page, BROKEN)
    expect(page.locator("#query-syntax")).to_contain_text("Line 3 cannot be read")
    run(page, BROKEN)
    link = page.locator("#query-error a")
    expect(link).to_contain_text("line 3, column 1")
    link.click()
    expect(page.locator("#query-editor")).to_be_focused()
    assert page.evaluate("document.querySelector('.CodeMirror').CodeMirror.getCursor().line") == 2


def test_a_changed_query_makes_its_result_old(page: Page) -> None:
    run(page, FIGURES)
    note = page.get_by_text("The query has changed since")
    expect(note).to_be_hidden()
    page.locator("#query-editor").focus()
    page.keyboard.type("#")
    expect(note).to_be_visible()


def test_nobody_is_kept_out(sized_page: Page) -> None:
    assert violations(sized_page) == []
    run(sized_page, FIGURES)
    expect(sized_page.locator("#result")).to_be_visible()
    assert violations(sized_page) == []
    assert is_within_the_screen(sized_page)
    run(sized_page, BROKEN)
    expect(sized_page.locator("#query-error")).to_be_visible()
    assert violations(sized_page) == []
    assert is_within_the_screen(sized_page)


def test_without_javascript_a_plain_form_does_the_same(chromium: Browser, address: str) -> None:
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/sparql")
    page.get_by_label("Query", exact=True).fill(FIGURES)
    page.get_by_role("button", name="Run query").click()
    expect(page.locator("#result-table tbody tr")).to_have_count(12)
    expect(page.locator("#snippet-curl")).to_contain_text("curl '")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert waiting.value.path().read_bytes().startswith(b"area,households\r\n")
    page.get_by_label("Query", exact=True).fill(BROKEN)
    page.get_by_role("button", name="Run a long query").click()
    expect(page.locator("#query-error")).to_contain_text("line 3")
    context.close()


def test_other_pages_do_not_load_the_editor(chromium: Browser, address: str) -> None:
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(urlsplit(one.url).path))
    for path in ("/", "/data/households", "/doc/area/E06000001"):
        page.goto(path)
    assert "/assets/site.css" in asked
    assert not [path for path in asked if path.endswith(".js") or path == "/assets/sparql.css"]
    page.goto(f"/sparql?{urlencode({'query': FIGURES})}")
    expect(page.locator(".CodeMirror")).to_be_visible()
    assert [path for path in asked if path.endswith(".js")] == ["/assets/sparql.js"]
    context.close()
