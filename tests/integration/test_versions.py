"""Versions of datasets are numbered by content, kept whatever happens to releases, served, and withdrawn for good."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rdflib
from lxml import etree  # type: ignore[import-untyped]
from pyoxigraph import RdfFormat, parse

import loader.build
from endpoint.app import create_app
from endpoint.feeds import MEMBERS, page_triples
from endpoint.settings import Settings
from loader.build import Plan, build, check
from loader.errors import MisuseError, ProblemsError
from loader.history import LISTED
from loader.kept import INDEX, Event, History, KeptVersion, read_history
from loader.progress import LogWatcher
from loader.release import open_release
from loader.releases import ids, rollback
from loader.uris import Uris
from loader.withdrawing import list_versions, withdraw
from ontology.terms import DCAT, PROV, TREE
from tests.integration import tiny
from tests.integration.asking import asking

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.integration.asking import Client

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # by rdflib's own JSON-LD parser
BASE = "http://127.0.0.1:8000"
VERSION = "/data/tiny/editions/2025-05/versions"
LDES = rdflib.Namespace("https://w3id.org/ldes#")
TREE_NS = rdflib.Namespace(TREE.NAMESPACE)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


@dataclass(frozen=True)
class Publisher:
    """A dataset whose first figure is changed again and again."""

    mappings: Path
    out: Path

    def publish(self, figure: int, base: str = BASE, *, is_fresh: bool = False) -> int:
        """Build with another first figure; give the number of the version that is current."""
        self.write(figure)
        path = build(Plan(("tiny",), self.mappings, base=base, is_fresh=is_fresh), self.out, LogWatcher())
        return number_in(path)

    def write(self, figure: int) -> None:
        """Change the first figure."""
        rows = [f"E06000001,2025-04,{figure}", *tiny.ROWS[1:]]
        (self.mappings / "tiny" / "tiny.csv").write_text("\n".join([tiny.HEADER, *rows]) + "\n", "utf-8")

    def history(self) -> History:
        """Read what was published."""
        return read_history(self.out, BASE)

    def told(self) -> list[tuple[str, int]]:
        """Give what happened, and to which version."""
        return [(event.kind, int(event.version.rpartition("/")[2])) for event in self.history().events]


def number_in(release: Path) -> int:
    """Give the number of the version that a release has, which its graph and catalogue are to agree on."""
    folder = open_release(release).manifest.folder("tiny")
    assert folder is not None
    assert f"<{folder.graph}> <http://purl.org/dc/terms/isVersionOf>" in (release / "catalogue.nq").read_text("utf-8")
    return int(folder.graph.rpartition("/")[2])


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tiny.write_mapping(tmp_path), tmp_path / "out")


def client(publisher: Publisher) -> AbstractContextManager[Client]:
    """Give a client for what is current."""
    return asking(create_app(Settings(release=publisher.out / "current")))


def graph_of(text: str) -> rdflib.Graph:
    return rdflib.Graph().parse(data=text, format="turtle")


def test_a_version_is_another_only_if_its_content_is(publisher: Publisher) -> None:
    assert publisher.publish(100) == 1
    assert publisher.publish(100) == 1
    assert publisher.publish(100, is_fresh=True) == 1
    assert publisher.publish(200) == 2
    source = publisher.mappings / "tiny" / "source.toml"
    source.write_text(source.read_text("utf-8").replace("Tiny households", "Small households"), "utf-8")
    assert publisher.publish(200) == 2
    assert publisher.publish(100) == 3, "a return to earlier figures is a correction, and has to be seen"
    assert publisher.told() == [("published", 1), ("published", 2), ("published", 3)]


def test_a_declared_version_is_the_least(publisher: Publisher) -> None:
    publisher.publish(100)
    source = publisher.mappings / "tiny" / "source.toml"
    source.write_text(f"version = 5\n{source.read_text('utf-8')}", "utf-8")
    assert publisher.publish(100) == 5
    assert publisher.publish(200) == 6


def test_another_edition_begins_anew_and_follows_on_the_one_before(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    source = publisher.mappings / "tiny" / "source.toml"
    source.write_text(source.read_text("utf-8").replace('"2025-05"', '"2025-06"'), "utf-8")
    assert publisher.publish(300) == 1
    newest = publisher.history().versions[-1]
    assert newest.previous == f"{BASE}{VERSION}/2"


def test_rolling_back_loses_no_version_and_gives_no_number_twice(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    assert number_in(rollback(publisher.out)) == 1
    assert publisher.publish(200) == 2, "it was published as 2, and is the same again"
    releases = publisher.out / "releases"
    rollback(publisher.out, next(name for name in ids(publisher.out) if number_in(releases / name) == 1))
    assert publisher.publish(300) == 3, "2 is taken"
    assert publisher.told() == [
        ("published", 1),
        ("published", 2),
        ("restored", 1),
        ("restored", 2),
        ("restored", 1),
        ("published", 3),
    ]


def test_versions_stay_when_their_releases_go(publisher: Publisher) -> None:
    for figure in (100, 200, 300, 400):
        publisher.publish(figure)
    assert len(ids(publisher.out)) == 2
    with client(publisher) as ask:
        for number, figure in enumerate((100, 200, 300, 400), 1):
            found = ask.get(f"{VERSION}/{number}/tiny.csv")
            assert found.status_code == 200
            assert found.text.splitlines()[1] == f"E06000001,2025-04,{figure}"
            assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            again = ask.get(f"{VERSION}/{number}/tiny.csv", {"If-None-Match": found.headers["ETag"]})
            assert again.status_code == 304


def test_files_are_shared_with_the_release(publisher: Publisher) -> None:
    publisher.publish(100)
    table = publisher.out / "current" / "tables" / "tiny" / "tiny.csv"
    kept = publisher.history().folder(publisher.history().versions[0]) / "tables" / "tiny" / "tiny.csv"
    assert table.stat().st_ino == kept.stat().st_ino


def test_every_form_of_a_version_has_its_triples(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    with client(publisher) as ask:
        plain = ask.get(f"{VERSION}/1/tiny.nt").content
        assert b'"100"' in plain
        assert gzip.decompress(ask.get(f"{VERSION}/1/tiny.nt.gz").content) == plain
        graphs = {str(quad.graph_name) for quad in parse(ask.get(f"{VERSION}/1/tiny.nq").content, RdfFormat.N_QUADS)}
        assert graphs == {f"<{BASE}{VERSION}/1>"}
        assert ask.get(f"{VERSION}/1/tiny.parquet").content.startswith(b"PAR1")
        assert ask.get(f"{VERSION}/1/other.csv").status_code == 404
        assert ask.get(f"{VERSION}/9").status_code == 404


@pytest.mark.parametrize("suffix", ["", "/changes", "/build", "/changes/1", "/changes/1/1"])
def test_whatever_a_version_names_answers_in_every_form(publisher: Publisher, suffix: str) -> None:
    for figure in (100, 200, 300):
        publisher.publish(figure)
    address = f"{VERSION}/2{suffix}"
    with client(publisher) as ask:
        page = ask.get(address, {"Accept": "text/html"})
        assert page.status_code == 200
        assert page.text.count("<h1") == 1
        graphs = [ask.get(f"{address}.{form}") for form in ("ttl", "nt", "rdf", "jsonld")]
        sizes = [
            len(rdflib.Graph().parse(data=found.text, format=kind))
            for found, kind in zip(graphs, ("turtle", "nt", "xml", "json-ld"), strict=True)
        ]
        assert len(set(sizes)) == 1
        subjects = set(graph_of(graphs[0].text).subjects())
        assert rdflib.URIRef(f"{BASE}{address}") in subjects
        for line in graphs[1].text.splitlines():
            assert "_:" not in line


def test_versions_are_linked(publisher: Publisher) -> None:
    for figure in (100, 200, 300):
        publisher.publish(figure)
    with client(publisher) as ask:
        links = ask.get(f"{VERSION}/2", {"Accept": "text/turtle"}).headers["Link"]
        assert f'<{VERSION}/1>; rel="predecessor-version"' in links
        assert f'<{VERSION}/3>; rel="successor-version"' in links
        assert f'<{VERSION}/3>; rel="latest-version"' in links
        assert '</data/tiny/versions>; rel="version-history"' in links
        dataset = ask.get("/data/tiny", {"Accept": "text/turtle"}).headers["Link"]
        assert '</data/tiny/versions>; rel="version-history"' in dataset
        listed = graph_of(ask.get("/data/tiny/versions", {"Accept": "text/turtle"}).text)
        assert len(set(listed.objects(None, rdflib.URIRef(DCAT.hasVersion.value)))) == 3
        assert ask.get("/data/nothing/versions").status_code == 404


def test_corrections_are_told(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    with client(publisher) as ask:
        page = ask.get(f"{VERSION}/2/changes", {"Accept": "text/html"}).text
        assert "1 observation revised" in page
        assert "200</ins>" in page
        triples = graph_of(ask.get(f"{VERSION}/2/changes", {"Accept": "text/turtle"}).text)
        olds = list(triples.objects(None, rdflib.URIRef(f"{BASE}/def/property/old-value")))
        assert olds == [rdflib.Literal(100)]
        first = ask.get(f"{VERSION}/1/changes", {"Accept": "text/turtle"})
        assert first.status_code == 404


def test_many_changes_are_counted_and_some_listed(publisher: Publisher) -> None:
    publisher.publish(100)
    many = [f"E06{area:06},2024-{month:02},{area}00" for area in range(1, 51) for month in range(1, 13)]
    table = publisher.mappings / "tiny" / "tiny.csv"
    table.write_text(table.read_text("utf-8") + "\n".join(many) + "\n", "utf-8")
    build(Plan(("tiny",), publisher.mappings), publisher.out, LogWatcher())
    history = publisher.history()
    changes = json.loads((history.folder(history.versions[-1]) / "changes.json").read_text("utf-8"))
    assert changes["counts"]["observation"] == {"added": 600}
    assert len(changes["changes"]) == LISTED < 600


def test_the_stream_has_every_event_as_a_member(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    rollback(publisher.out)
    with client(publisher) as ask:
        stream = rdflib.URIRef(f"{BASE}/events")
        catalogue = graph_of(ask.get("/catalogue", {"Accept": "text/turtle"}).text)
        assert (stream, rdflib.RDF.type, LDES.EventStream) in catalogue
        about = graph_of(ask.get("/events", {"Accept": "text/turtle"}).text)
        assert about.value(stream, LDES.timestampPath) == rdflib.PROV.generatedAtTime
        assert about.value(stream, LDES.versionOfPath) == rdflib.DCTERMS.isVersionOf
        view = about.value(stream, TREE_NS.view)
        assert view is not None
        page = graph_of(ask.get(str(view).removeprefix(BASE), {"Accept": "text/turtle"}).text)
        members = set(page.objects(stream, TREE_NS.member))
        assert members == {rdflib.URIRef(f"{BASE}{VERSION}{part}") for part in ("/1", "/2", "/1/restored/1")}
        for member in members:
            assert page.value(member, rdflib.DCTERMS.isVersionOf) == rdflib.URIRef(f"{BASE}/data/tiny")
            time = page.value(member, rdflib.PROV.generatedAtTime)
            assert isinstance(time, rdflib.Literal)
            assert time.datatype == rdflib.XSD.dateTime
            alone = graph_of(ask.get(str(member).removeprefix(BASE), {"Accept": "text/turtle"}).text)
            assert set(page.triples((member, None, None))) <= set(alone.triples((member, None, None)))
        assert ask.get("/events/2").status_code == 404


def long_history(count: int) -> History:
    """Give a history of one version made current again and again."""
    iri = f"{BASE}{VERSION}/1"
    version = KeptVersion("tiny", "2025-05", 1, iri, "Tiny", False, "", "", "r", "2025-01-01T00:00:00+00:00", None)
    times = [f"2025-01-01T00:{number // 60:02}:{number % 60:02}+00:00" for number in range(count)]
    events = [Event("restored" if number else "published", time, iri, "r") for number, time in enumerate(times)]
    return History(Path(), (version,), tuple(events))


def test_pages_of_the_stream_lead_on_and_full_ones_never_change() -> None:
    history, uris = long_history(2 * MEMBERS + 1), Uris(BASE)
    pages = [page_triples(history, uris, number, 3) for number in (1, 2, 3)]
    counts = [sum(triple.predicate == TREE.member for triple in page) for page in pages]
    assert counts == [MEMBERS, MEMBERS, 1]
    leads = [[triple.object for triple in page if triple.predicate == TREE.node] for page in pages]
    assert leads == [[uris.events_page(2)], [uris.events_page(3)], []]
    for page, later in pairwise(pages):
        value = next(triple.object for triple in page if triple.predicate == TREE.value)
        times = [triple.object for triple in later if triple.predicate == PROV.generatedAtTime]
        assert min(str(time) for time in times) == str(value)
    assert page_triples(long_history(5 * MEMBERS), uris, 1, 5) == pages[0]


def test_the_feed_is_valid_atom(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    rollback(publisher.out)
    with client(publisher) as ask:
        found = ask.get("/releases.atom")
        assert found.headers["Content-Type"].startswith("application/atom+xml")
        feed = etree.fromstring(found.content)
        page = ask.get("/releases", {"Accept": "text/html"}).text
    check_atom(feed)
    titles = feed.xpath("a:entry/a:summary/text()", namespaces=ATOM)
    assert [text.rpartition(": ")[2] for text in titles] == [
        "made current again",
        "published. 1 observation revised",
        "published",
    ]
    for iri in feed.xpath("a:entry/a:id/text()", namespaces=ATOM):
        assert f'id="{iri.partition("#")[2]}"' in page


def check_atom(feed: etree._Element) -> None:
    """Check what RFC 4287 §4.1 requires of a feed and its entries."""
    assert feed.tag == f"{{{ATOM['a']}}}feed"
    assert feed.xpath("count(a:author/a:name)", namespaces=ATOM) == 1
    assert len(feed.xpath("a:link[@rel='self']", namespaces=ATOM)) == 1
    entries = feed.xpath("a:entry", namespaces=ATOM)
    ids_of = feed.xpath("//a:id/text()", namespaces=ATOM)
    assert len(set(ids_of)) == len(ids_of) == len(entries) + 1
    for part in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert len(part.xpath(f"a:{name}", namespaces=ATOM)) == 1, name
        assert len(part.xpath("a:link[@rel='alternate']", namespaces=ATOM)) == 1
        time = rdflib.Literal(part.xpath("string(a:updated)", namespaces=ATOM), datatype=rdflib.XSD.dateTime)
        assert time.value is not None
        assert time.value.tzinfo is not None
    times = feed.xpath("a:entry/a:updated/text()", namespaces=ATOM)
    assert times == sorted(times, reverse=True)
    assert feed.xpath("string(a:updated)", namespaces=ATOM) == times[0]


def test_a_withdrawn_version_is_gone_for_good(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    publisher.publish(300)
    would = withdraw(publisher.out, "tiny", "2025-05", 2, "a figure was wrong", show=True)
    with client(publisher) as ask:
        assert ask.get(f"{VERSION}/2/tiny.csv").status_code == 200
        assert withdraw(publisher.out, "tiny", "2025-05", 2, "a figure was wrong") == would
        for part in ("", ".ttl", "/tiny.csv", "/tiny.nt.gz", "/changes", "/build"):
            found = ask.get(f"{VERSION}/2{part}", {"Accept": "application/json"})
            assert found.status_code == 410
            assert "a figure was wrong" in found.json()["detail"]
        assert ask.get(f"{VERSION}/3/changes").status_code == 404, "it listed figures of the version withdrawn"
        tombstone = graph_of(ask.get(f"{VERSION}/2/withdrawn", {"Accept": "text/turtle"}).text)
        page = graph_of(ask.get("/events/1", {"Accept": "text/turtle"}).text)
        node = rdflib.URIRef(f"{BASE}{VERSION}/2/withdrawn")
        deleted = rdflib.URIRef("https://www.w3.org/ns/activitystreams#Delete")
        for graph in (tombstone, page):
            assert (node, rdflib.RDF.type, deleted) in graph
            assert graph.value(node, rdflib.DCTERMS.isVersionOf) == rdflib.URIRef(f"{BASE}{VERSION}/2")
        assert "a figure was wrong" in ask.get("/releases", {"Accept": "text/html"}).text
    left = [path.read_bytes() for path in publisher.out.rglob("*") if path.is_file() and "graph" not in path.parts]
    assert not [text for text in left if b"E06000001,2025-04,200" in text or b'"200"' in text]
    assert len(ids(publisher.out)) == 1, "the release before had it"
    assert any("withdrawn" in line for line in list_versions(publisher.out, "tiny"))


def test_what_was_withdrawn_is_not_published_again(publisher: Publisher) -> None:
    publisher.publish(100)
    publisher.publish(200)
    kept = publisher.out / "releases" / ids(publisher.out)[1]
    copy = publisher.out.parent / "copy"
    shutil.copytree(kept, copy)
    withdraw(publisher.out, "tiny", "2025-05", 1, "it gave a person away")
    with pytest.raises(ProblemsError) as refused:
        publisher.publish(100)
    assert [problem.code for problem in refused.value.problems] == ["GATE-20"]
    found = check(Plan(("tiny",), publisher.mappings), LogWatcher(), open_release(publisher.out / "current"))
    assert [problem.code for problem in found] == ["GATE-20"]
    shutil.move(copy, kept)
    with pytest.raises(MisuseError, match="was withdrawn"):
        rollback(publisher.out)
    assert publisher.publish(300) == 3


def test_what_is_current_is_not_withdrawn(publisher: Publisher) -> None:
    publisher.publish(100)
    with pytest.raises(MisuseError, match="is current"):
        withdraw(publisher.out, "tiny", "2025-05", 1, "reason")
    with pytest.raises(MisuseError, match="published: 2025-05 1"):
        withdraw(publisher.out, "tiny", "2025-05", 7, "reason")
    with pytest.raises(MisuseError, match="give a reason"):
        withdraw(publisher.out, "tiny", "2025-05", 1, " ")


def test_another_policy_is_said(publisher: Publisher, capsys: pytest.CaptureFixture[str]) -> None:
    class Saying(LogWatcher):
        def said(self, text: str) -> None:
            print(text)

    publisher.publish(100)
    source = publisher.mappings / "tiny" / "source.toml"
    source.write_text(source.read_text("utf-8").replace('kind = "counts"', 'kind = "counts", threshold = 6'), "utf-8")
    build(Plan(("tiny",), publisher.mappings), publisher.out, Saying())
    assert "tiny: 1 kept version passed the gate under another policy" in capsys.readouterr().out


def test_a_build_that_is_killed_after_the_swap_is_recorded_by_the_next(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(100)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loader.build, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            publisher.publish(200)
    assert publisher.told() == [("published", 1)]
    left = publisher.history().root / "tiny" / "2025-05" / ".staging-left"
    left.mkdir()
    assert publisher.publish(300) == 3
    assert not left.exists()
    assert publisher.told() == [("published", 1), ("published", 2), ("published", 3)]


def test_a_build_that_is_killed_before_the_swap_published_nothing(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(100)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loader.build, "swap_in", killed)
        with pytest.raises(KeyboardInterrupt):
            publisher.publish(200)
    with client(publisher) as ask:
        assert ask.get(f"{VERSION}/2/tiny.csv").status_code == 404
    assert publisher.publish(300) == 2
    with client(publisher) as ask:
        assert ask.get(f"{VERSION}/2/tiny.csv").text.splitlines()[1].endswith(",300")


def test_a_lost_index_is_not_begun_anew(publisher: Publisher) -> None:
    publisher.publish(100)
    (publisher.history().root / INDEX).unlink()
    with pytest.raises(MisuseError, match="is missing"):
        publisher.publish(200)


def test_each_base_has_a_history_of_its_own(publisher: Publisher) -> None:
    publisher.publish(100)
    assert publisher.publish(200, "https://data.example.org") == 1
    assert len(publisher.history().versions) == 1
    with client(publisher) as ask:
        assert ask.get("/events/1.nt").text.count("tree#member") == 1
