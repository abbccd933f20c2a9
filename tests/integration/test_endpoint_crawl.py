"""Every address in a release answers: described by itself, with a label, and with links that lead somewhere.

Everything in the release of the shipped tables, observations too, and everybody else's IRIs of which it says anything.
As RDF and, but for observations outside of a small cube, as pages. Of kinds of which there are hundreds, each twentieth
is asked for; with `DWPLD_CRAWL=all` in the environment every one is, which takes four minutes.
"""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

import pytest
from pyoxigraph import NamedNode, QuerySolutions, RdfFormat, Triple, parse

from endpoint.app import create_app
from endpoint.labels import LABELS
from endpoint.settings import Settings
from endpoint.site import Site
from tests.integration.asking import Client, asking
from tests.integration.holding import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.release import Release

BASE = "http://127.0.0.1:8000"
SITE = Site(BASE)
SMALL_CUBE = "/data/universal-credit-households-family-type/obs/"
FILES = re.compile(
    r"^http://127\.0\.0\.1:8000/(dumps/|data/.*\.csv-metadata\.json$|data/.*/versions/\d+/[^/]+\.(csv|gz|parquet)$)"
)
"""Addresses of files, which are no descriptions."""
FEW = 100
"""Things of a kind of which each is asked for."""
OUTSIDE_LINKS = ("http://", "https://", "mailto:")


@pytest.fixture(scope="module")
def client(shipped_release: Release) -> Iterator[Client]:
    with asking(create_app(Settings(release=shipped_release.path))) as made:
        yield made


@pytest.fixture(scope="module")
def minted(shipped_release: Release) -> list[str]:
    """Every IRI of ours that the release mentions, and every other one that it says something of."""
    found: set[str] = set()
    for query in (
        "SELECT DISTINCT ?t { ?t ?p ?o }",
        "SELECT DISTINCT ?t { ?s ?t ?o }",
        "SELECT DISTINCT ?t { ?s ?p ?t }",
    ):
        rows = ask(shipped_release, query)
        assert isinstance(rows, QuerySolutions)
        terms = {row["t"].value for row in rows if isinstance(row["t"], NamedNode)}
        found |= terms if "?t ?p ?o" in query else {iri for iri in terms if iri.startswith(f"{BASE}/")}
    return sorted(iri for iri in found if not FILES.search(iri))


def some(iris: list[str]) -> list[str]:
    """Take all of every kind of thing, but of kinds with hundreds each twentieth; with DWPLD_CRAWL=all, all of them."""
    if os.environ.get("DWPLD_CRAWL") == "all":
        return iris
    kinds: dict[str, list[str]] = {}
    for iri in iris:
        kind = iri.partition("/obs/")[0] if "/obs/" in iri else iri.rpartition("/")[0]
        kinds.setdefault(kind, []).append(iri)
    return [iri for kind in kinds.values() for iri in (kind[::20] if len(kind) > FEW else kind)]


class Links(HTMLParser):
    """Where the links of a page lead, and how many main headings it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.headings = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.headings += tag == "h1"
        href = dict(attrs).get("href")
        if href and tag in {"a", "link"} and not href.startswith(("#", "data:")):
            self.targets.add(urldefrag(href)[0])


def read(client: Client, iri: str, accept: str) -> str:
    """Ask for the description of an IRI, by way of the redirect that things have."""
    path = SITE.path(iri) or SITE.document(iri)
    response = client.get(urldefrag(path)[0], {"Accept": accept})
    if path.startswith("/id/"):
        assert response.status_code == 303, iri
        response = client.get(response.headers["location"], {"Accept": accept})
    assert response.status_code == 200, iri
    assert response.headers["content-type"].partition(";")[0] == accept, iri
    return response.text


def test_everything_describes_itself_and_has_a_label(client: Client, minted: list[str]) -> None:
    assert len(minted) > 17_000
    assert sum("/obs/" in iri for iri in minted) > 11_000
    silent, nameless, mentioned = [], [], set()
    for iri in some(minted):
        quads = parse(read(client, iri, "application/n-triples").encode(), format=RdfFormat.N_TRIPLES)
        own: list[Triple] = [quad.triple for quad in quads if quad.subject == NamedNode(iri)]
        silent += [] if own else [iri]
        nameless += [] if any(triple.predicate in LABELS for triple in own) else [iri]
        mentioned |= {triple.object.value for triple in own if isinstance(triple.object, NamedNode)}
    assert silent == []
    assert nameless == []
    ours = {urldefrag(iri)[0] for iri in mentioned if iri.startswith(f"{BASE}/") and "?page=" not in iri}
    others = ours - set(minted)
    assert all(is_alive(client, iri.removeprefix(BASE)) for iri in others)
    assert {iri for iri in others if not FILES.search(iri)} <= {f"{BASE}/.well-known/void", f"{BASE}/events"}
    assert sum(FILES.search(iri) is not None for iri in others) >= 40


def test_every_page_has_a_heading_and_its_links_lead_somewhere(client: Client, minted: list[str]) -> None:
    asked = [iri for iri in minted if "/obs/" not in iri or iri.startswith(f"{BASE}{SMALL_CUBE}")]
    asked = [iri for iri in asked if not re.search(r"\.csv(#|$)", iri)]  # tables are no pages
    known = {urldefrag(SITE.document(iri))[0] for iri in minted} | {SITE.path(iri) or "" for iri in minted}
    targets: set[str] = set()
    for iri in some(asked):
        page = Links(read(client, iri, "text/html"))
        assert page.headings == 1, iri
        targets |= page.targets
    forms = re.compile(r"\.(html|ttl|nt|rdf|jsonld)$|&format=\w+$")
    paths = {one.removeprefix(BASE) for one in targets if one.startswith(("/", BASE))}
    dead = [path for path in sorted(paths - known) if not forms.search(path) and not is_alive(client, path)]
    assert dead == []
    assert {forms.sub("", path) for path in paths if forms.search(path)} <= known
    assert all(one.startswith((*OUTSIDE_LINKS, "/", "?page=")) for one in targets)


def is_alive(client: Client, path: str) -> bool:
    return client.head(path or "/", {"Accept": "text/html, */*;q=0.1"}).status_code in {200, 303}
