"""What pages say in words: titles, headings, and what else would be an address, a code or a text of RDF."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from endpoint.app import create_app
from endpoint.settings import Settings
from tests.integration.asking import asking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.release import Release
    from tests.integration.asking import Client

PAYMENT = "/data/payments-over-25k/obs/2011-12/2023451887/2@amount"
SUPPLIER_LINK = re.compile(r'href="(/doc/supplier/[0-9a-f]+)"')
ROW = re.compile(r'href="([^"#]+)#row=(\d+)"')


@pytest.fixture(scope="module")
def client(shipped_release: Release) -> Iterator[Client]:
    with asking(create_app(Settings(release=shipped_release.path)), {"accept": "text/html"}) as found:
        yield found


def page(client: Client, path: str) -> str:
    found = client.get(path)
    assert found.status_code == 200
    return unescape(found.text)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (PAYMENT, ">Payments over £25,000, Payment 2023451887, December 2011, line of payment 2</h1>"),
        ("/def/concept/benefit/state-pension", ">Observations with this benefit</h2>"),
        ("/def/dimension/area", ">Area (dimension): Households on Universal Credit by local authority</a>"),
        ("/series/benefit-expenditure-tables", ">Datasets in this series</h2>"),
        ("/catalogue", ">Catalogue of DWP linked data</h1>"),
        ("/data/benefit-expenditure/editions/2023/versions/1/build", ">source.toml</a>"),
        ("/data/benefit-expenditure", 'href="/data/benefit-expenditure/versions">All versions, and what changed</a>'),
        ("/data", '<h2 class="govuk-heading-s"><a class="govuk-link" href="/data/benefit-caseloads">'),
        ("/data/universal-credit-households", ">1 May 2025 to 31 May 2025</a>"),
        ("/search?q=hartlepool", ">code E06000001 in Areas; Local authorities</span>"),
        ("/search?q=nowhere", "No name has all of these words."),
    ],
)
def test_pages_say_it_in_words(client: Client, path: str, words: str) -> None:
    assert words in page(client, path)


def test_components_are_listed_once(client: Client) -> None:
    assert "“" not in page(client, "/def/dimension/area")


def test_a_supplier_is_in_a_row_of_the_table_of_suppliers(client: Client) -> None:
    supplier = SUPPLIER_LINK.search(page(client, PAYMENT))
    assert supplier is not None
    row = ROW.search(page(client, supplier[1]))
    assert row is not None
    assert row[1].endswith("/suppliers.csv")
    line = client.get(row[1]).text.splitlines()[int(row[2]) - 1]
    assert supplier[1].rpartition("/")[2] in line


def test_search_engines_get_what_they_ask_of_every_dataset(client: Client, shipped_release: Release) -> None:
    known = {"name", "license", "creator", "publisher", "distribution", "dateModified", "isAccessibleForFree"}
    for folder in shipped_release.manifest.folders:
        if folder.kind == "code-list" or folder.is_sample:
            continue
        text = client.get(f"/data/{folder.name}").text
        found = json.loads(text.partition('<script type="application/ld+json">')[2].partition("</script>")[0])
        assert known <= {key for key, value in found.items() if value}, folder.name
        assert 50 <= len(found["description"]) <= 5_000, folder.name
        assert all(one["contentUrl"] and one["encodingFormat"] for one in found["distribution"]), folder.name
        if folder.kind == "cube":
            assert {"temporalCoverage", "variableMeasured"} <= found.keys(), folder.name
        if "area" in folder.title or "authority" in folder.title:
            assert found["spatialCoverage"], folder.name
