"""Whatever befalls a build, the release before answers, nothing is left lying about, and the next build succeeds."""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from loader.build import Plan, build
from loader.errors import MisuseError
from loader.progress import LogWatcher
from loader.release import count_quads, open_release
from loader.releases import damage, ids, list_releases, rollback
from tests.integration import tiny
from tests.integration.killed import Forker
from tests.integration.permission import bound_by_permissions
from tests.integration.small import make_release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = 50


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """A mapping folder that all code lists are built with: a build takes about a second."""
    return tiny.write_mapping(tmp_path)


@pytest.fixture
def forker(tmp_path: Path) -> Iterator[Forker]:
    """Gives processes to kill."""
    with Forker(tmp_path / "log") as started:
        yield started


def arguments(mappings: Path, out: Path, *more: str) -> list[str]:
    return ["build", "tiny", "--mappings", str(mappings), "--out", str(out), *more]


def command(mappings: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "dwpld", *arguments(mappings, out, *more)]


def answers(out: Path) -> int:
    """Ask the release that is current."""
    release = open_release(out / "current")
    return sum(count_quads(release.store(), release.cubes()).values())


def left_over(out: Path) -> list[str]:
    found = [*out.iterdir(), *(out / "releases").iterdir()]
    return sorted(path.name for path in found if path.name.startswith(".") and path.name != ".lock")


def assert_builds_again(mappings: Path, out: Path, quads: int) -> None:
    made = build(Plan(("tiny",), mappings), out, LogWatcher())
    assert open_release(out / "current").path == made
    assert answers(out) == quads
    assert left_over(out) == []
    assert len(ids(out)) <= 2


def test_killed_at_any_moment(mappings: Path, tmp_path: Path, forker: Forker) -> None:
    """Every other build takes unchanged folders over, whose files are then shared with the release before."""
    out = tmp_path / "out"
    tasks: list[dict[str, object]] = [{"arguments": arguments(mappings, out, *more)} for more in (("--fresh",), ())]
    took_s = [timed(forker, task)[0] for task in tasks]
    quads, killed, stages = answers(out), 0, Counter[str]()
    moments = random.Random(4)
    for number in range(2 * KILLS):
        which = number % 2
        spent_s, code = timed(forker, tasks[which], took_s[which] * (killed + moments.random()) / KILLS)
        assert code in {0, -signal.SIGKILL}
        if code == 0:  # quicker than the one that was timed: the machine has less to do than then
            took_s[which] = spent_s
        killed += code != 0
        stages[stage(out)] += 1
        assert damage(open_release(out / "current")) == []
        assert answers(out) == quads
        if killed == KILLS:
            break
    assert killed == KILLS
    assert stages["converting"] > 5, stages
    assert stages["filling the graph"] > 5, stages
    assert_builds_again(mappings, out, quads)


def stage(out: Path) -> str:
    """Say how far the build came whose files are left."""
    left = next((out / "releases").glob(".staging-*"), None)
    if left is None:
        return "before or after"
    if not (left / "graph").exists():
        return "converting"
    return "flushing" if (left / "manifest.json").exists() else "filling the graph"


def timed(forker: Forker, task: dict[str, object], kill_after_s: float | None = None) -> tuple[float, int]:
    start = time.monotonic()
    code = forker.run(task, kill_after_s).code
    return time.monotonic() - start, code


def test_killed_at_each_step_of_the_swap(tmp_path: Path, forker: Forker) -> None:
    """A release has its name only when all of it is there, and the link always leads to one."""
    out, staged = tmp_path / "out", make_release(tmp_path / "staged")
    shutil.rmtree(staged / "graph")
    task: dict[str, object] = {"staged": str(staged), "out": str(out), "name": f"20260101T000000-{'a' * 12}", "step": 0}
    assert forker.run(task).code == 0
    for step in itertools.count(1):
        code = forker.run(task | {"name": f"20260101T{step:06}-{'a' * 12}", "step": step}).code
        assert code in {0, -signal.SIGKILL}
        made = [out / "releases" / name for name in ids(out)]
        assert not [path for path in staged.rglob("*") if not (made[0] / path.relative_to(staged)).exists()]
        assert (out / "current").resolve() in made
        if code == 0:
            break
    assert step > 20
    assert left_over(out) == []
    assert len(made) == 2


@pytest.mark.parametrize("limit_bytes", [2_000, 60_000, 900_000])
def test_a_file_may_not_grow(mappings: Path, tmp_path: Path, forker: Forker, limit_bytes: int) -> None:
    """As on a disk with quotas; while converting, and while filling the graph."""
    out = tmp_path / "out"
    before = build(Plan(("tiny",), mappings), out, LogWatcher())
    quads = answers(out)
    ended = forker.run({"arguments": arguments(mappings, out, "--fresh"), "limit_bytes": limit_bytes})
    assert_stopped(ended.code, ended.said, "File too large")
    assert_untouched(before, out, quads)
    assert_builds_again(mappings, out, quads)


def test_a_check_has_no_room(mappings: Path, forker: Forker) -> None:
    ended = forker.run({"arguments": ["check", "tiny", "--mappings", str(mappings)], "limit_bytes": 60_000})
    assert_stopped(ended.code, ended.said, "nothing could be checked: File too large")


def assert_stopped(code: int, said: str, why: str) -> None:
    assert code == 2, said
    assert why in said
    assert "Traceback" not in said


def assert_untouched(before: Path, out: Path, quads: int) -> None:
    assert open_release(out / "current").path == before
    assert damage(open_release(before)) == []
    assert answers(out) == quads
    assert left_over(out) == []


def mounting() -> list[str]:
    """Give the command before one that mounts, or skip."""
    for more in ((), ("-Ur",)):
        found = shutil.which("unshare")
        if found and subprocess.run([found, *more, "-m", "true"], capture_output=True, check=False).returncode == 0:
            return [found, *more, "-m", "sh", "-euc"]
    pytest.skip("this system lets nobody mount: no small disk to fill, none to make read-only")


def mounted(script: str, *values: object) -> subprocess.CompletedProcess[str]:
    """Run a script where it may mount, and what it mounts goes with it."""
    command = [*mounting(), script, "sh", *map(str, values)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


FULL_DISK = """
disk=$1; shift
mount -t tmpfs -o size=64m none "$disk"
first=$("$@" --keep 3 2>/dev/null)
"$@" --keep 3 --fresh 2>/dev/null >/dev/null
used=$(du -sk "$disk" | cut -f1)
mount -o "remount,size=${used}k" "$disk"
test "$("$PYTHON" -m dwpld rollback --out "$disk/out")" = "$first"
for spare in 0 100 3000 7000 12000; do
    mount -o "remount,size=$((used + spare))k" "$disk"
    code=0; "$@" --keep 3 --fresh 2>>"$disk.log" >/dev/null || code=$?
    echo "$code $(ls -A "$disk/out/releases" | wc -l)"
    "$PYTHON" -m dwpld releases --out "$disk/out" --verify >/dev/null
    "$PYTHON" -m dwpld query --release "$disk/out/current" "$QUERY" --format csv | tail -1
done
mount -o remount,size=64m "$disk"
"$@" --keep 3 --fresh 2>/dev/null >/dev/null
ls -A "$disk/out/releases" | wc -l
"""


def test_the_disk_is_full(mappings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room but for a rollback; full while converting; twice while filling the graph; then there is room again."""
    disk, query = tmp_path / "disk", tmp_path / "count.rq"
    disk.mkdir()
    query.write_text("SELECT (COUNT(*) AS ?n) { ?s a <http://purl.org/linked-data/cube#Observation> }", "utf-8")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("QUERY", str(query))
    done = mounted(FULL_DISK, disk, *command(mappings, disk / "out"))
    said = (tmp_path / "disk.log").read_text("utf-8")
    assert done.returncode == 0, done.stderr + said
    assert done.stdout.split() == [*(["2", "2", "4"] * 5), "2"]
    assert said.count("No space left on device") >= 5
    assert said.count("no release was made") == 5
    assert "Traceback" not in said


READ_ONLY = """
out=$1; shift
mount --bind "$out" "$out"
mount -o remount,bind,ro "$out"
exec "$@"
"""


@pytest.mark.parametrize("action", ["build", "rollback"])
def test_the_directory_is_read_only(mappings: Path, tmp_path: Path, action: str) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        before = build(Plan(("tiny",), mappings), out, LogWatcher())
    quads = answers(out)
    asked = command(mappings, out) if action == "build" else [sys.executable, "-m", "dwpld", "rollback", "--out", out]
    done = mounted(READ_ONLY, out, *asked)
    assert_stopped(done.returncode, done.stderr, "Read-only file system")
    assert_untouched(before, out, quads)


def test_a_read_only_release_can_be_asked_and_verified(mappings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(Plan(("tiny",), mappings), out, LogWatcher())
    done = mounted(READ_ONLY, out, sys.executable, "-m", "dwpld", "releases", "--verify", "--out", out)
    assert done.returncode == 0, done.stderr


def test_there_is_no_permission(mappings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = build(Plan(("tiny",), mappings), out, LogWatcher())
    quads = answers(out)
    for folder in (out / "releases", out):
        folder.chmod(0o555)
        refused = bound_by_permissions(command(mappings, out))
        done = subprocess.run(refused, capture_output=True, text=True, check=False)
        assert_stopped(done.returncode, done.stderr, "Permission denied")
        folder.chmod(0o755)
        assert_untouched(before, out, quads)


def test_the_directory_is_a_file(mappings: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        done = subprocess.run(command(mappings, out), capture_output=True, text=True, check=False)
        assert_stopped(done.returncode, done.stderr.lower(), "not a directory")
    assert (tmp_path / "file").read_text("utf-8") == "mine"


@contextmanager
def stopped_build(mappings: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a build and stop it in the middle."""
    with subprocess.Popen(command(mappings, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first folder is done
        process.send_signal(signal.SIGSTOP)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.communicate()


def test_two_builds_at_once(mappings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = build(Plan(("tiny",), mappings), out, LogWatcher())
    build(Plan(("tiny",), mappings), out, LogWatcher())
    with stopped_build(mappings, out) as first:
        done = subprocess.run(command(mappings, out), capture_output=True, text=True, check=False)
        assert_stopped(done.returncode, done.stderr, f"by process {first.pid} on {socket.gethostname()} since 20")
        with pytest.raises(MisuseError, match=f"process {first.pid} "):
            rollback(out)
        assert list_releases(out)[1].id == before.name
    assert first.returncode == 0
    assert len(ids(out)) == 2
    assert left_over(out) == []


def test_a_second_build_waits(mappings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with stopped_build(mappings, out) as first:
        waits = command(mappings, out, "--wait")
        with subprocess.Popen(waits, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as second:
            assert second.stderr is not None
            assert f"waiting for {out}, in use by process {first.pid} " in second.stderr.readline()
            first.send_signal(signal.SIGCONT)
            made = [first.communicate()[0].strip(), second.communicate()[0].strip()]
    assert (first.returncode, second.returncode) == (0, 0)
    assert [str(out / "releases" / name) for name in reversed(ids(out))] == made
    assert (out / "current").resolve().name == ids(out)[0]


def test_the_lock_of_a_killed_build_is_gone(mappings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with stopped_build(mappings, out) as first:
        first.kill()
    assert f"process {first.pid} " in (out / ".lock").read_text("utf-8")
    assert left_over(out) != []
    made = build(Plan(("tiny",), mappings), out, LogWatcher())
    assert open_release(out / "current").path == made
    assert left_over(out) == []
