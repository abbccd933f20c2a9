"""What a dataset was made from is said with the hashes of the files, and a commit is claimed only if it is certain."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pyoxigraph import BlankNode, NamedNode, Triple

from loader.mapping import read_mapping
from loader.provenance import MAPPINGS, agent_triples, commit_of, mapping_commit, provenance_triples
from loader.release import FileRecord
from loader.reuse import folder_files
from loader.sources import FileReading, Tidied
from loader.uris import Uris
from ontology.terms import DCT, FOAF, PROV, RDF, SPDX
from tests.integration import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from loader.mapping import Mapping

URIS = Uris("http://example.org")
VERSION = URIS.version("tiny", "2025-05", 1)
TABLE = URIS.distribution("tiny", "tiny.csv")
PUBLISHED = FileRecord("Table 1a, é#?.csv", "ab" * 32, 12)


def made(mapping: Mapping, tidied: Tidied) -> list[Triple]:
    return list(provenance_triples(mapping, folder_files(mapping.folder), tidied, URIS))


def from_folder(root: Path) -> tuple[Mapping, Tidied]:
    mapping = read_mapping("tiny", tiny.write_mapping(root) / "tiny", URIS)
    return mapping, Tidied({"tiny": mapping.main.csv}, (), ("tiny",))


def from_published(root: Path, url: str | None) -> tuple[Mapping, Tidied]:
    mapping, tidied = from_folder(root)
    return mapping, replace(tidied, readings=(FileReading(PUBLISHED, url, 4, 4, (), ()),), shipped=())


def objects(triples: list[Triple], subject: NamedNode, predicate: NamedNode) -> list[str]:
    found = [triple.object for triple in triples if triple.subject == subject and triple.predicate == predicate]
    return [term.value for term in found]  # type: ignore[union-attr]


def test_a_table_of_the_folder_is_what_was_read(tmp_path: Path) -> None:
    mapping, tidied = from_folder(tmp_path)
    triples = made(mapping, tidied)
    node = URIS.made_from(VERSION, "input", "tiny.csv")
    assert objects(triples, VERSION, PROV.wasDerivedFrom) == [TABLE.value, node.value]
    sha256 = hashlib.sha256(mapping.main.csv.read_bytes()).hexdigest()
    checksum = URIS.part(node, "sha256")
    assert objects(triples, node, SPDX.checksum) == [checksum.value]
    assert objects(triples, checksum, SPDX.checksumValue) == [sha256]
    assert objects(triples, VERSION, PROV.wasAttributedTo) == [mapping.description.publisher]


def test_a_published_file_is_what_was_read_and_the_table_of_the_folder_is_not(tmp_path: Path) -> None:
    triples = made(*from_published(tmp_path, "https://www.example.org/table"))
    node = URIS.made_from(VERSION, "input", PUBLISHED.path)
    assert node.value.endswith("/input/Table%201a%2C%20%C3%A9%23%3F.csv")
    assert objects(triples, VERSION, PROV.wasDerivedFrom) == [TABLE.value, node.value]
    assert objects(triples, node, DCT.source) == ["https://www.example.org/table"]
    assert objects(triples, URIS.part(node, "sha256"), SPDX.checksumValue) == [PUBLISHED.sha256]


@pytest.mark.parametrize("url", [None, "file:///home/somebody/table.csv", "data/table.csv"])
def test_only_a_web_address_is_given_as_the_place_of_a_file(url: str | None, tmp_path: Path) -> None:
    triples = made(*from_published(tmp_path, url))
    assert not [triple for triple in triples if triple.predicate == DCT.source]


def test_the_mapping_is_every_file_that_decides_what_is_made(tmp_path: Path) -> None:
    mapping, tidied = from_folder(tmp_path)
    (mapping.folder / "tidy.py").write_text("# nothing\n", "utf-8")
    (mapping.folder / "expected.ttl").write_text("# nothing\n", "utf-8")
    (mapping.folder / "queries").mkdir()
    (mapping.folder / "queries" / "all.rq").write_text("SELECT * { ?s ?p ?o }\n", "utf-8")
    triples = made(mapping, tidied)
    plans = {triple.subject for triple in triples if triple.object == PROV.Plan}
    names = ("source.toml", "tidy.py", "tiny.csv-metadata.json")
    assert plans == {URIS.made_from(VERSION, "mapping", name) for name in names}
    used = set(objects(triples, URIS.build_of(VERSION), PROV.used))
    assert used == {node.value for node in (*plans, URIS.made_from(VERSION, "input", "tiny.csv"))}  # type: ignore[union-attr]


def test_nothing_is_blank_and_everything_is_below_the_dataset(tmp_path: Path) -> None:
    triples = made(*from_published(tmp_path, "https://www.example.org/table"))
    assert len(triples) == len(set(triples))
    for triple in triples:
        assert BlankNode not in {type(triple.subject), type(triple.object)}
        assert triple.subject.value.startswith("http://example.org/data/tiny/")  # type: ignore[union-attr]


def test_agents_are_described_once(tmp_path: Path) -> None:
    mapping, _ = from_folder(tmp_path)
    publisher = NamedNode(mapping.description.publisher)
    triples = list(agent_triples([mapping, mapping], {publisher.value: "Known"}, URIS))
    assert len(triples) == len(set(triples))
    assert Triple(publisher, RDF.type, PROV.Agent) in triples
    assert not objects(triples, publisher, FOAF.name)
    assert objects(list(agent_triples([mapping], {}, URIS)), publisher, FOAF.name) == [publisher.value]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("no git on PATH")
    git(tmp_path, "init", "--quiet")
    tiny.write_mapping(tmp_path)
    git(tmp_path, "add", ".")
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    git(tmp_path, *author, "commit", "--quiet", "--no-gpg-sign", "--message", "Add the tiny mapping")
    return tmp_path


def git(where: Path, *arguments: str) -> str:
    command = ["git", "-C", str(where), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def test_a_clean_folder_has_the_commit_it_is_in(repository: Path) -> None:
    assert mapping_commit(repository / "mappings") == git(repository, "rev-parse", "HEAD")
    assert commit_of(repository / "mappings") == {MAPPINGS: git(repository, "rev-parse", "HEAD")}


def test_a_change_elsewhere_does_not_matter(repository: Path) -> None:
    (repository / "notes.txt").write_text("not a mapping\n", "utf-8")
    assert mapping_commit(repository / "mappings") is not None


@pytest.mark.parametrize("change", ["edit", "new", "staged", "removed"])
def test_a_folder_that_was_changed_has_none(change: str, repository: Path) -> None:
    path = repository / "mappings" / "tiny" / "tiny.csv"
    if change == "new":
        (path.parent / "tidy.py").write_text("# nothing\n", "utf-8")
    elif change == "removed":
        path.unlink()
    else:
        path.write_text("Area,Month,Households\n", "utf-8")
    if change == "staged":
        git(repository, "add", ".")
    assert mapping_commit(repository / "mappings") is None
    assert commit_of(repository / "mappings") == {}


def test_a_folder_that_is_ignored_or_in_no_repository_has_none(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shutil.copytree(repository / "mappings", repository / "installed")
    (repository / ".git" / "info" / "exclude").write_text("/installed/\n", "utf-8")
    assert mapping_commit(repository / "installed") is None
    outside = tiny.write_mapping(tmp_path_factory.mktemp("outside"))
    assert mapping_commit(outside) is None


def test_the_environment_does_not_name_another_repository(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tiny.write_mapping(tmp_path_factory.mktemp("outside"))
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repository))
    assert mapping_commit(outside) is None


def test_without_git_there_is_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert mapping_commit(repository / "mappings") is None
