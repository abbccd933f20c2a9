"""The releases kept below a directory: listed, verified, rolled back, and removed when they are too many."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dwpld import app
from loader.build import Plan, build
from loader.errors import MisuseError
from loader.progress import LogWatcher
from loader.release import MANIFEST_FORMAT, Manifest, open_release
from loader.releases import (
    claimed,
    current,
    damage,
    ids,
    list_releases,
    make_current,
    rollback,
    staging,
    swap_in,
    table,
)
from tests.integration import tiny

if TYPE_CHECKING:
    from collections.abc import Callable


def name(number: int) -> str:
    return f"2026010{number}T000000-{'0' * 11}{number}"


def put(out: Path, number: int, keep: int = 2) -> Path:
    """Swap in a release with nothing in it."""
    with claimed(out), staging(out) as directory:
        manifest = Manifest(MANIFEST_FORMAT, "http://a.example", f"2026-01-0{number}T00:00:00+00:00", {}, "0" * 64, ())
        manifest.write(directory / "manifest.json")
        return swap_in(directory, out, name(number), keep)


def places(out: Path) -> dict[str, str]:
    return {release.id[7]: release.place for release in list_releases(out)}


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (2, {"5": "current", "4": "previous"}),
        (3, {"5": "current", "4": "previous", "3": "older"}),
        (9, {"5": "current", "4": "previous", "3": "older", "2": "older", "1": "older"}),
    ],
)
def test_so_many_stay(tmp_path: Path, keep: int, expected: dict[str, str]) -> None:
    for number in range(1, 6):
        put(tmp_path, number, keep)
    assert places(tmp_path) == expected


def test_a_build_after_a_rollback_keeps_what_was_served(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        put(tmp_path, number, 3)
    make_current(tmp_path / "releases" / name(2), tmp_path)
    assert places(tmp_path) == {"3": "newer", "2": "current", "1": "previous"}
    put(tmp_path, 4, 3)
    assert places(tmp_path) == {"4": "current", "2": "previous", "1": "older"}


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    for number in (1, 2):
        put(tmp_path, number)
    mine = tmp_path / "releases" / "notes"
    mine.mkdir()
    (mine / "mine.txt").write_text("mine", "utf-8")
    (tmp_path / "releases" / ".staging-left").mkdir()
    (tmp_path / "releases" / f".removed-{name(7)}").mkdir()
    (tmp_path / ".current-77").symlink_to("nowhere")
    put(tmp_path, 3)
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == [name(2), name(3), "notes"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "current", "releases"]


def test_releases_of_one_second_have_names_of_their_own(tmp_path: Path) -> None:
    made = [put(tmp_path, 1, 3) for _ in range(3)]
    assert ids(tmp_path) == [path.name for path in reversed(made)]
    assert current(tmp_path) == made[2]


def test_without_a_current_release_the_newest_stay(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        put(tmp_path, number, 3)
    (tmp_path / "current").unlink()
    assert set(places(tmp_path).values()) == {"older"}
    put(tmp_path, 4)
    assert places(tmp_path) == {"4": "current", "3": "previous"}


@pytest.mark.parametrize("target", ["releases/gone", "releases"])
def test_a_link_that_leads_nowhere_is_replaced(tmp_path: Path, target: str) -> None:
    put(tmp_path, 1)
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(target)
    put(tmp_path, 2)
    assert places(tmp_path) == {"2": "current", "1": "previous"}


def test_a_failed_swap_leaves_no_release(tmp_path: Path) -> None:
    put(tmp_path, 1)
    (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()  # somebody copied a release there, so that no link can be put in its place
    with pytest.raises(MisuseError, match="no release was made"):
        put(tmp_path, 2)
    assert ids(tmp_path) == [name(1)]
    assert not list((tmp_path / "releases").glob(".*"))
    assert not list(tmp_path.glob(".current-*"))


def test_the_lock_names_its_holder_and_is_let_go(tmp_path: Path) -> None:
    holder = rf"in use by process {os.getpid()} on .* since \d{{4}}-"
    with claimed(tmp_path), pytest.raises(MisuseError, match=holder), claimed(tmp_path):
        pass
    (tmp_path / ".lock").write_text("process 1 on elsewhere since 1999", "utf-8")  # left by one that was killed
    with claimed(tmp_path):
        assert str(os.getpid()) in (tmp_path / ".lock").read_text("utf-8")


def test_nothing_gets_its_name_before_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as that can be seen from here: what is flushed and renamed, in this order."""
    happened: list[str] = []
    flush, rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        happened.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        flush(handle)

    def renamed(path: Path, target: Path) -> Path:
        happened.append(f"{target.name} named")
        return rename(path, target)

    with claimed(tmp_path), staging(tmp_path) as directory:
        (directory / "tables" / "a").mkdir(parents=True)
        (directory / "tables" / "a" / "a.csv").touch()
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "rename", renamed)
        swap_in(directory, tmp_path, name(1))
    made = ["a.csv", "a", "tables", directory.name]
    assert happened == [*made, f"{name(1)} named", "releases", "current named", tmp_path.name]


def test_a_holder_that_could_not_sign_is_another_process(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(MisuseError, match="in use by another process"), claimed(tmp_path):
            pass


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real releases."""
    root = tmp_path_factory.mktemp("built")
    for base in ("http://a.example", "http://b.example"):
        mappings = root / "mappings" if (root / "mappings").exists() else tiny.write_mapping(root)
        build(Plan(("tiny",), mappings, base=base), root / "out", LogWatcher())
    return root / "out"


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    shutil.copytree(built, tmp_path / "out", symlinks=True)
    return tmp_path / "out"


def rewrite_dump(release: Path) -> None:
    dump = release / "dumps" / "ontology.nq.gz"
    dump.write_bytes(gzip.compress(gzip.decompress(dump.read_bytes()).replace(b"Area", b"Aera")))


def indent(document: Path) -> None:
    document.write_text(f" {document.read_text('utf-8')}", "utf-8")


def grow_graph(release: Path) -> None:
    from pyoxigraph import NamedNode, Quad, Store

    store = Store(str(release / "graph"))
    thing = NamedNode("http://a.example/x")
    store.add(Quad(thing, thing, thing, NamedNode(open_release(release).manifest.folders[0].graph)))
    store.flush()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "tables/tiny/tiny.csv: not as in": lambda path: (path / "tables/tiny/tiny.csv").write_text("Area\n", "utf-8"),
    "tables/tiny/tiny.csv: No such file": lambda path: (path / "tables/tiny/tiny.csv").unlink(),
    "dumps/tiny.nq.gz: not as in": lambda path: (path / "dumps/tiny.nq.gz").write_bytes(b"\x1f\x8b"),
    "cubes/tiny.parquet: not as in": lambda path: os.truncate(path / "cubes/tiny.parquet", 60),
    "cubes/tiny.json: not as in": lambda path: indent(path / "cubes/tiny.json"),
    "dumps: not as in": rewrite_dump,
    "dumps: .*catalogue": lambda path: (path / "dumps/catalogue.nq.gz").unlink(),
    "dumps: .*end-of-stream": lambda path: os.truncate(path / "dumps/catalogue.nq.gz", 60),
    "catalogue.nq: not as in": lambda path: (path / "catalogue.nq").write_text("", "utf-8"),
    "graph: .*cannot be opened": lambda path: (path / "graph/CURRENT").unlink(),
    "graph: .* is not whole": grow_graph,
    "not a release": lambda path: (path / "manifest.json").write_text("{", "utf-8"),
}


@pytest.mark.parametrize("expected", DAMAGE)
def test_damage_is_found_and_never_made_current(out: Path, expected: str) -> None:
    target = out / "releases" / ids(out)[1]
    assert damage(open_release(target)) == []
    DAMAGE[expected](target)
    found = list_releases(out, is_verifying=True)
    assert not found[0].damage
    assert len(found[1].damage) == 1
    with pytest.raises(MisuseError, match=expected):
        rollback(out)
    assert current(out) == out / "releases" / ids(out)[0]
    assert [("damaged" in line) for line in table(found)] == [False, False, True]


def command(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return done.exit_code, done.stdout


def test_there_and_back_on_the_command_line(out: Path) -> None:
    newer, older = ids(out)
    assert command("rollback", "--out", out, "--show") == (0, f"{out}/releases/{older}\n")
    assert current(out) == out / "releases" / newer
    assert command("rollback", "--out", out) == (0, f"{out}/releases/{older}\n")
    assert current(out) == out / "releases" / older
    assert os.readlink(out / "current") == f"releases/{older}"  # noqa: PTH115 - as it is written
    with pytest.raises(MisuseError, match="no release before the current one"):
        command("rollback", "--out", out)
    assert command("rollback", newer, "--out", out)[0] == 0
    assert current(out) == out / "releases" / newer
    with pytest.raises(MisuseError, match="no release 20990101T000000"):
        command("rollback", "20990101T000000", "--out", out)


def test_the_list_on_the_command_line(out: Path) -> None:
    code, text = command("releases", "--verify", "--out", out)
    assert code == 0
    header, first, second = text.splitlines()
    assert header.split()[:5] == ["release", "created", "content", "datasets", "observations"]
    assert first.split()[0] == ids(out)[0]
    assert first.split()[4:6] == ["1", "4"]
    assert "  current  " in first
    assert second.endswith("  previous  http://a.example")
    (out / "releases" / ids(out)[1] / "manifest.json").unlink()
    code, text = command("releases", "--format", "json", "--out", out)
    assert code == 1
    whole, damaged = json.loads(text)
    assert (whole["place"], whole["observations"], whole["damage"]) == ("current", 4, [])
    assert whole["content_sha256"].startswith(whole["id"].partition("-")[2])
    assert (damaged["place"], damaged["created"]) == ("previous", None)
    assert "not a release" in damaged["damage"][0]


@pytest.mark.parametrize("action", ["releases", "rollback"])
def test_where_nothing_was_built_nothing_is_made(tmp_path: Path, action: str) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "none", tmp_path / "file", tmp_path):
        with pytest.raises(MisuseError, match="no releases at"):
            command(action, "--out", out)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_fewer_than_two_cannot_be_kept(tmp_path: Path) -> None:
    assert command("build", "--keep", "1", "--out", tmp_path)[0] == 2


def test_a_rollback_changes_no_release(out: Path) -> None:
    def state() -> dict[str, str]:
        files = sorted(path for path in (out / "releases").rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    rollback(out)
    assert state() == before
