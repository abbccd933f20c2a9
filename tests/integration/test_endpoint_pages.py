"""What people see, and that every link in it leads somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin

import pytest

from endpoint import pages
from endpoint.app import create_app
from endpoint.settings import Settings
from tests.integration.asking import Client, asking
from tests.integration.small import BASE, make_release
from tests.integration.test_endpoint_resources import BROWSER, Page

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    release = make_release(tmp_path_factory.mktemp("small"))
    with asking(create_app(Settings(release=release)), {"Accept": BROWSER}) as made:
        yield made


def test_the_start_page_lists_what_there_is(client: Client) -> None:
    text = client.get("/").text
    for expected in (
        "Households on benefit by area",
        "Made-up records",
        "30 observations",
        "Invented sample",
        "Family types",
    ):
        assert expected in text
    assert "edition May 2025" in text
    assert "Crown copyright" not in text


def test_every_link_leads_somewhere(client: Client) -> None:
    todo, seen = ["/"], set[str]()
    while todo:
        path = todo.pop()
        if path in seen or path.startswith("/sparql?"):
            continue
        seen.add(path)
        found = client.get(path)
        assert found.status_code == 200, path
        if found.headers["content-type"].startswith("text/html"):
            page = Page(found.text)
            assert page.headings == 1, path
            assert all(text for _, text in page.links), path
            todo += [urldefrag(urljoin(path, href))[0] for href, _ in page.links if href.startswith(("/", "?"))]
    assert len(seen) > 100


def test_links_stay_here_though_the_base_is_elsewhere(client: Client) -> None:
    page = Page(client.get("/data/households").text)
    assert not [href for href, _ in page.links if href.startswith(BASE)]
    assert f'rel="canonical" href="{BASE}/data/households"' in client.get("/data/households").text


def test_a_dataset_page(client: Client) -> None:
    text = client.get("/data/households").text
    for expected in (
        "A second paragraph.",
        "15 July 2025",
        "1 to 20 of 30",
        "Town 1",
        "1,111",
        "Dimension",
        "Five figures",
    ):
        assert expected in text
    second = client.get("/data/households?page=2").text
    assert "21 to 30 of 30" in second
    assert "Town 30" in second


def test_rows_come_in_the_order_of_the_table(client: Client) -> None:
    text = client.get("/data/households").text
    places = [text.index(f">Town {number}<") for number in range(1, 21)]
    assert places == sorted(places)


@pytest.mark.parametrize("path", ["/data/made-up", "/data/made-up/record/caf%C3%A9"])
def test_samples_are_marked(client: Client, path: str) -> None:
    assert "Invented sample." in client.get(path).text


def test_published_figures_are_not_marked_as_samples(client: Client) -> None:
    assert "Invented sample" not in client.get("/data/households").text


def test_a_code_list_is_a_tree(client: Client) -> None:
    text = client.get("/def/concept-scheme/family-type").text
    assert "2 codes" in text
    assert text.index("All families") < text.index("Couple")
    assert "Pâr" not in text


def test_what_the_data_says_is_text_and_never_markup(client: Client) -> None:
    text = client.get("/doc/organisation/office").text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; &#39;quoted&#39;" in text
    assert "Department Of Things" in text


def test_pages_bring_nothing_from_elsewhere(client: Client) -> None:
    found = client.get("/")
    policy = found.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert found.headers["x-content-type-options"] == "nosniff"


def test_pages_work_without_the_style_sheet(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "has_style_sheet", lambda: False)
    text = client.get("/data").text
    assert "stylesheet" not in text
    assert "Households on benefit" in text


def test_our_faults_are_admitted_without_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        message = "secret detail"
        raise RuntimeError(message)

    monkeypatch.setattr("endpoint.resources.describe", fail)
    found = client.get("/data/made-up?page=9")
    assert found.status_code == 500
    assert "secret" not in found.text
    assert found.headers["x-request-id"] in found.json()["detail"]
