"""The releases kept below one directory: made aside by one process at a time, swapped in by one rename, and given back.

    OUT/.lock                  locked by the process that builds or rolls back; the lock ends with its process
    OUT/releases/.staging-*    a release being made; one that was killed leaves it, and the next build removes it
    OUT/releases/<id>          a complete release: it has this name only once all of it is on disk
    OUT/current                link to the one that is served, replaced by one rename

Only `loader.release` is needed to read a release; what is here changes what is kept.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import itertools
import os
import re
import shutil
import socket
import tempfile
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loader.dumps import dump_names
from loader.errors import MisuseError
from loader.release import CURRENT, RELEASES, count_quads, file_record, open_release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loader.release import FileRecord, Manifest, Release

KEEP: Final = 2
"""How many releases stay unless said otherwise: the current one and the one before."""

COLUMN_FILES: Final = ("parquet", "json")
"""Files of `cubes/` that a folder with columns has, in the order in which the content hash has them."""
_LOCK: Final = ".lock"
_STAGING: Final = ".staging-"
_REMOVED: Final = ".removed-"
_LINK: Final = f".{CURRENT}-"
_ID: Final = re.compile(r"\d{8}T\d{6}-[0-9a-f]{12}(?:-\d+)?")
_HOLDER_BYTES: Final = 200
_SIZES: Final = ("bytes", "kB", "MB", "GB")
_HEADER: Final = ("release", "created", "content", "datasets", "observations", "size", "state", "base URI")


@dataclass(frozen=True, slots=True)
class Kept:
    """A release that is kept, whole or damaged."""

    id: str
    place: str
    """`current`; `previous`: the next older one, where a rollback leads; `older`; `newer`: rolled back from."""
    damage: tuple[str, ...]
    """What is wrong with it; nothing is found in files unless they were looked at."""
    manifest: Manifest | None
    size_bytes: int

    @property
    def datasets(self) -> int:
        """How many datasets it has."""
        return sum(folder.kind != "code-list" for folder in self.manifest.folders) if self.manifest else 0

    @property
    def observations(self) -> int:
        """How many observations they have together."""
        return sum(folder.rows for folder in self.manifest.folders if folder.kind == "cube") if self.manifest else 0

    def described(self) -> dict[str, str | int | list[str] | None]:
        """Give what there is to say of it, for JSON."""
        known = self.manifest
        return {
            "id": self.id,
            "created": known.created if known else None,
            "content_sha256": known.content_sha256 if known else None,
            "base_uri": known.base_uri if known else None,
            "datasets": self.datasets if known else None,
            "observations": self.observations if known else None,
            "size_bytes": self.size_bytes,
            "place": self.place,
            "damage": list(self.damage),
        }

    def row(self) -> tuple[str, ...]:
        """Give the cells of its row in the table."""
        state = f"{self.place}, damaged" if self.damage else self.place
        if self.manifest is None:
            return (self.id, "", "", "", "", _size(self.size_bytes), state, "")
        created = self.manifest.created.partition("+")[0].replace("T", " ")
        counts = f"{self.datasets:,}", f"{self.observations:,}", _size(self.size_bytes)
        return (self.id, created, self.manifest.content_sha256[:12], *counts, state, self.manifest.base_uri)


def list_releases(out: Path, *, is_verifying: bool = False) -> list[Kept]:
    """List the releases below `out`, newest first; verifying reads every file of them.

    Raises MisuseError if nothing was ever built there.
    """
    with explained(f"cannot read {out}"):
        if not (out / RELEASES).is_dir():
            message = f"no releases at {out}; run `dwpld build` first"
            raise MisuseError(message)
        names, served = ids(out), current(out)
        place = "newer" if served is not None and served.name in names else "older"
        kept = []
        for name in names:
            if served is not None and name == served.name:
                place = "current"
            release = _kept(out / RELEASES / name, place, is_verifying=is_verifying)
            if (out / RELEASES / name).is_dir():  # a build may have removed it meanwhile
                kept.append(release)
            place = {"current": "previous", "previous": "older"}.get(place, place)
        return kept


def _kept(path: Path, place: str, *, is_verifying: bool) -> Kept:
    size = sum(_bytes_of(Path(folder, name)) for folder, _, files in os.walk(path) for name in files)
    try:
        release = open_release(path)
    except MisuseError as error:
        return Kept(path.name, place, (str(error),), None, size)
    return Kept(path.name, place, tuple(damage(release)) if is_verifying else (), release.manifest, size)


def _bytes_of(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def table(kept: list[Kept]) -> list[str]:
    """Give the lines of a table of releases."""
    rows = [_HEADER, *(release.row() for release in kept)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _size(count: float) -> str:
    unit = 0
    while count >= 1000 and unit < len(_SIZES) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:,.{0 if unit == 0 else 1}f} {_SIZES[unit]}"


def damage(release: Release) -> list[str]:
    """Compare a release with its manifest: every file, dumps and columns as a whole, the graph; say what changed."""
    found = [f"{file.path}: {wrong}" for file in release.manifest.files if (wrong := _file_damage(release.path, file))]
    return found + (_dump_damage(release) if not found else []) + _graph_damage(release)


def _file_damage(release: Path, file: FileRecord) -> str:
    try:
        return "" if file_record(release / file.path, file.path) == file else "not as in manifest.json"
    except OSError as error:
        return error.strerror or str(error)


def _dump_damage(release: Release) -> list[str]:
    """Compare the hash of all content with the manifest's, which holds vocabulary and catalogue as well."""
    hashes = hashlib.sha256()
    try:
        for name in dump_names(release):
            digest = _hash_of(release.path / f"dumps/{name}.nq.gz")
            hashes.update(digest)
            for kind in COLUMN_FILES:
                if (columns := release.path / f"cubes/{name}.{kind}").exists():
                    hashes.update(_hash_of(columns))
        is_same = _hash_of(release.path / "catalogue.nq") == digest
    except (OSError, EOFError, zlib.error) as error:
        return [f"dumps: {error}"]
    if hashes.hexdigest() != release.manifest.content_sha256:
        return ["dumps: not as in manifest.json"]
    return [] if is_same else ["catalogue.nq: not as in dumps/catalogue.nq.gz"]


def _hash_of(path: Path) -> bytes:
    """Hash a file as it is; one that is compressed, by its content."""
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw as content:
        return hashlib.file_digest(content, "sha256").digest()


def _graph_damage(release: Release) -> list[str]:
    """Open the graph and count its quads."""
    try:
        counts = count_quads(release.store(), release.cubes())
    except (MisuseError, OSError, RuntimeError) as error:  # the engine says RuntimeError for what is damaged
        return [f"graph: {error}"]
    names = {folder.graph: folder.name for folder in release.manifest.folders}
    known = release.manifest.quads.items()
    return [f"graph: {names.get(one, one)} is not whole" for one, quads in known if counts.get(one, 0) != quads]


def rollback(out: Path, id: str | None = None, *, show: bool = False) -> Path:  # noqa: A002 - the name of the argument
    """Make the release before the current one, or a named one, current; give its path. With `show`, only say which.

    Raises MisuseError if there is none, if it is damaged, or if a build is at work.
    """
    from loader.history import keep_before_rollback, record  # reads tables, which a list of releases need not

    if show:
        return _target(out, id)
    list_releases(out)  # before a lock is put where nothing was ever built
    with claimed(out), explained("nothing was changed"):
        target = _target(out, id)
        if target != current(out):
            keep_before_rollback(target, out)
            make_current(target, out)
            record(open_release(target), out)
        return target


def _target(out: Path, id: str | None) -> Path:  # noqa: A002 - the name of the argument
    kept = list_releases(out)
    wanted = [release for release in kept if (release.place == "previous" if id is None else release.id == id)]
    if not wanted:
        which = "before the current one" if id is None else id
        names = ", ".join(release.id for release in kept) or "none"
        message = f"there is no release {which} at {out}; releases kept: {names}"
        raise MisuseError(message)
    path = (out / RELEASES / wanted[0].id).resolve()
    found = damage(open_release(path))
    if found:
        message = f"release {path.name} is damaged, and nothing was changed: {'; '.join(found)}"
        raise MisuseError(message)
    return path


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what the disk refuses into words: MisuseError, `what` and the reason."""
    try:
        yield
    except BrokenPipeError:  # whoever reads the output has enough of it
        raise
    except OSError as error:
        file = error.filename2 or error.filename  # of a copy, the one that was written
        where = f" ({file})" if file else ""
        message = f"{what}: {error.strerror or error}{where}"
        raise MisuseError(message) from error


@contextmanager
def claimed(out: Path, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold `out`, made if it is missing, against other builds and rollbacks.

    If another process holds it, `waiting` is told by whom and its end is waited for; without `waiting`, MisuseError.
    """
    if out.exists() and not out.is_dir():
        message = f"cannot write to {out}: it is not a directory"
        raise MisuseError(message)
    with explained(f"cannot write to {out}"):
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _lock(lock, out, waiting)
        _sign(lock)
        yield
    finally:
        os.close(lock)  # and the lock with it; the file stays, or two processes could lock two files of one name


def _lock(lock: int, out: Path, waiting: Callable[[str], None] | None) -> None:
    with explained(f"cannot lock {out}"):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, _HOLDER_BYTES, 0).decode("utf-8", "replace").strip() or "another process"
            if waiting is None:
                message = f"{out} is in use by {holder}; wait for it, or use `dwpld build --wait`"
                raise MisuseError(message) from None
            waiting(f"waiting for {out}, in use by {holder}")
            fcntl.flock(lock, fcntl.LOCK_EX)


def _sign(lock: int) -> None:
    """Write who holds the lock, for others to read; on a full disk it is held all the same."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()} on {socket.gethostname()} since {since}\n".encode(), 0)


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Give a directory beside the releases to make one in; it is removed if that does not finish. Claim `out` first."""
    with explained(f"cannot write to {out}"):
        (out / RELEASES).mkdir(exist_ok=True)
        _remove_abandoned(out)
        directory = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out / RELEASES))
    try:
        with explained(f"the build stopped, and no release was made at {out}"):
            directory.chmod(0o755)
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_abandoned(out: Path) -> None:
    """Remove what processes that were killed left behind; nobody else is at work while `out` is claimed."""
    for pattern in (f"{_STAGING}*", f"{_REMOVED}*"):
        for directory in (out / RELEASES).glob(pattern):
            shutil.rmtree(directory, ignore_errors=True)
    for link in out.glob(f"{_LINK}*"):
        link.unlink(missing_ok=True)


def swap_in(staged: Path, out: Path, name: str, keep: int = KEEP) -> Path:
    """Make a complete staged directory the current release, and return its final path.

    Everything is flushed to disk, the directory renamed into place, then `OUT/current` replaced by one rename: whatever
    happens before that leaves the release before current. Of the others, the one that was current and the newest
    before it stay, `keep` in all; those newer than it had been rolled back from, and go.
    """
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    final = next(path for path in map((out / RELEASES).joinpath, names) if not path.exists())  # in one second, several
    previous = current(out)
    flush(staged)
    staged.rename(final)
    try:
        _sync_directory(final.parent)
        make_current(final, out)
    except BaseException:
        if current(out) != final.resolve():  # a signal may come just after the swap
            shutil.rmtree(final, ignore_errors=True)
        raise
    _remove_old(final, previous, keep)
    return final


def current(out: Path) -> Path | None:
    """Give the directory that `OUT/current` leads to; None if there is none."""
    link = out / CURRENT
    return link.resolve() if link.is_dir() else None


def make_current(release: Path, out: Path) -> None:
    """Replace `OUT/current` by a link to a release, in one rename."""
    link = out / f"{_LINK}{os.getpid()}"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(Path(RELEASES) / release.name)
        link.rename(out / CURRENT)
    except BaseException:
        link.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # readers have it already; without this it might be the one before after a power cut
        _sync_directory(out)


def ids(out: Path) -> list[str]:
    """Give the names of the releases below `out`, newest first."""
    found = [path for path in (out / RELEASES).glob("*") if _ID.fullmatch(path.name) and path.is_dir()]
    return [path.name for path in sorted(found, key=_age, reverse=True)]


def _age(release: Path) -> tuple[str, int, str]:
    """When a release was made: to the second by its name, and by its last file within that."""
    written_ns = 0
    with suppress(OSError):
        written_ns = (release / "manifest.json").stat().st_mtime_ns
    return release.name.partition("-")[0], written_ns, release.name


def _remove_old(made: Path, previous: Path | None, keep: int) -> None:
    """Remove all releases but the one just made, the one that was current, and the newest before it."""
    names = [name for name in ids(made.parent.parent) if name != made.name]
    if previous is not None and previous.name in names:
        names = names[names.index(previous.name) :]
    staying = {made.name, *names[: keep - 1]}
    for name in ids(made.parent.parent):
        if name not in staying:
            remove(made.parent / name)


def remove(release: Path) -> None:
    """Remove a release: out of the list by one rename, then its files."""
    going = release.with_name(f"{_REMOVED}{release.name}")
    with suppress(OSError):
        release.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def flush(directory: Path) -> None:
    """Flush every file below a directory, and the directories, to disk, so that no rename outruns its content."""
    for folder, _, files in os.walk(directory, topdown=False):
        for name in files:
            with Path(folder, name).open("rb") as stream:
                os.fsync(stream.fileno())
        _sync_directory(Path(folder))


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
