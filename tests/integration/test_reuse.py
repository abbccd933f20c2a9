"""What has not changed is taken over from the release before, and the release is the same as if it were not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loader import dumps
from loader.build import Plan, build
from loader.progress import LogWatcher
from loader.release import MANIFEST_FORMAT, open_release
from tests.integration import tiny
from tests.integration.holding import stored_quads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loader.release import FolderRecord, Release

SUPPLIERS = (
    '{"@context": "http://www.w3.org/ns/csvw", "url": "suppliers.csv", "tableSchema": {"aboutUrl": '
    '"../../id/supplier/{id}", "columns": [{"name": "id", "titles": "Id", "suppressOutput": true}, '
    '{"name": "label", "titles": "Name", "propertyUrl": "rdfs:label"}]}}'
)
NAMES = ("alpha", "beta")


class Noting(LogWatcher):
    """Notes which folders were taken over."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[str] = []

    def unchanged(self, name: str, count: int) -> None:  # noqa: ARG002 - part of the protocol
        """Note the name."""
        self.taken.append(name)


def write_mappings(root: Path) -> Path:
    """Write two datasets that both describe the supplier abc; alpha comes first."""
    mappings = tiny.write_mapping(root)
    for name in NAMES:
        folder = mappings / name
        shutil.copytree(mappings / "tiny", folder)
        for path in list(folder.glob("tiny*")):
            path.rename(folder / path.name.replace("tiny", name, 1))
        document = folder / f"{name}.csv-metadata.json"
        document.write_text(document.read_text().replace("tiny.csv", f"{name}.csv").replace("../tiny", f"../{name}"))
        (folder / "suppliers.csv").write_text("Id,Name\nabc,Acme plc\n")
        (folder / "suppliers.csv-metadata.json").write_text(SUPPLIERS)
    shutil.rmtree(mappings / "tiny")
    return mappings


def make(mappings: Path, out: Path, *, is_fresh: bool = False) -> tuple[Release, list[str]]:
    """Build both datasets; give the release, and the datasets taken over."""
    watcher = Noting()
    path = build(Plan(NAMES, mappings, is_fresh=is_fresh), out, watcher)
    return open_release(path), [name for name in watcher.taken if not name.startswith("codes/")]


def quads(release: Release) -> list[str]:
    """Give all quads of a release, from its dumps."""
    return sorted(set(b"".join(dumps.quads(release, *dumps.dump_names(release))).decode().splitlines()))


def stored(release: Release) -> list[str]:
    """Give all quads of a release, from its store and its columns."""
    return sorted(f"{quad} ." for quad in stored_quads(release))


def test_an_equal_build_takes_everything_over_and_is_equal(tmp_path: Path) -> None:
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    first, taken = make(mappings, out)
    assert not taken
    second, taken = make(mappings, out)
    assert taken == list(NAMES)
    assert second.manifest.content_sha256 == first.manifest.content_sha256
    assert second.manifest.folders == first.manifest.folders
    assert stored(second) == stored(first) == quads(second)
    for folder in second.manifest.folders:
        for record in folder.outputs:
            assert (second.path / record.path).stat().st_size == record.size_bytes


CHANGES: dict[str, Callable[[Path], object]] = {
    "figure": lambda folder: tiny_row(folder, "E06000001,2025-04,10", "E06000001,2025-04,19"),
    "supplier": lambda folder: (folder / "suppliers.csv").write_text("Id,Name\nabc,Acme Limited\n"),
    "title": lambda folder: in_file(folder / "source.toml", "Tiny households", "Small households"),
    "edition": lambda folder: in_file(folder / "source.toml", 'edition = "2025-05"', 'edition = "2025-06"'),
    "query": lambda folder: add_query(folder),
}


def tiny_row(folder: Path, old: str, new: str) -> None:
    """Change a row of a dataset's table."""
    in_file(folder / f"{folder.name}.csv", old, new)


def in_file(path: Path, old: str, new: str) -> None:
    """Change a text in a file."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def add_query(folder: Path) -> None:
    """Give a dataset an example query."""
    (folder / "queries").mkdir()
    (folder / "queries" / "all.rq").write_text("# title: All\n# description: All.\nSELECT * { ?s ?p ?o }\n")


def undated(folder: FolderRecord) -> FolderRecord:
    """Take away since when a folder is as it is: the one release has another before it."""
    return replace(folder, first="", changed="")


@pytest.mark.parametrize(("change", "changed"), [*((change, "beta") for change in CHANGES), ("supplier", "alpha")])
def test_a_change_gives_what_a_fresh_build_gives(change: str, changed: str, tmp_path: Path) -> None:
    """The two share a supplier, whose label only alpha's graph has: when alpha changes it, beta must state its own."""
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    make(mappings, out)
    shutil.copytree(out, tmp_path / "fresh", symlinks=True)  # with the history that numbers its versions
    CHANGES[change](mappings / changed)
    release, taken = make(mappings, out)
    fresh, none_taken = make(mappings, tmp_path / "fresh", is_fresh=True)
    assert not none_taken
    assert changed not in taken
    assert stored(release) == stored(fresh) == quads(release)
    assert release.manifest.content_sha256 == fresh.manifest.content_sha256
    assert list(map(undated, release.manifest.folders)) == list(map(undated, fresh.manifest.folders))


def test_a_release_says_since_when_a_folder_is_as_it_is(tmp_path: Path) -> None:
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    first, _ = make(mappings, out)
    manifest = replace(first.manifest, created="2001-01-01T00:00:00+00:00")
    folders = (replace(folder, first="2001-01-01", changed="2001-01-02") for folder in manifest.folders)
    replace(manifest, folders=tuple(folders)).write(first.path / "manifest.json")
    CHANGES["figure"](mappings / "beta")
    for is_fresh in (True, False):
        release, _ = make(mappings, out, is_fresh=is_fresh)
        said = {folder.name: (folder.first, folder.changed) for folder in release.manifest.folders}
        assert said["alpha"] == ("2001-01-01", "2001-01-02")
        assert said["beta"][0] == "2001-01-01"
        assert said["beta"][1] > "2020"


def test_only_what_changed_is_converted(tmp_path: Path) -> None:
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    make(mappings, out)
    CHANGES["figure"](mappings / "beta")
    assert make(mappings, out)[1] == ["alpha"]


def test_a_folder_that_gets_in_first_takes_what_it_states(tmp_path: Path) -> None:
    """Beta's graph had the supplier while alpha was not built; with alpha before it, beta must be made anew."""
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    build(Plan(("beta",), mappings), out, LogWatcher())
    release, taken = make(mappings, out)
    assert not taken
    assert stored(release) == stored(make(mappings, tmp_path / "fresh", is_fresh=True)[0])


def test_damage_in_the_release_before_is_not_taken_over(tmp_path: Path) -> None:
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    first, _ = make(mappings, out)
    before = quads(first)
    (first.path / "tables" / "beta" / "beta.csv").write_text("Area,Month,Households\nE06000001,2025-04,99\n")
    second, taken = make(mappings, out)
    assert taken == ["alpha"]
    assert quads(second) == before


def test_another_address_takes_nothing_over(tmp_path: Path) -> None:
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    make(mappings, out)
    watcher = Noting()
    build(Plan(NAMES, mappings, base="http://data.example.org"), out, watcher)
    assert not watcher.taken


def test_a_release_of_another_format_is_passed_over(tmp_path: Path) -> None:
    mappings, out = write_mappings(tmp_path), tmp_path / "out"
    first, _ = make(mappings, out)
    in_file(first.path / "manifest.json", f'"format": {MANIFEST_FORMAT}', '"format": 1')
    assert make(mappings, out)[1] == []
