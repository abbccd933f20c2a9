"""`dwpld versions` and `dwpld withdraw`: what was published, and removing what should not have been."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from loader.errors import MisuseError
from loader.history import now, settled_history, write_index
from loader.kept import CHANGE_TRIPLES, CHANGES, WITHDRAWN, Event
from loader.release import CURRENT, RELEASES, open_release
from loader.releases import claimed, explained, ids, list_releases, remove

if TYPE_CHECKING:
    from pathlib import Path

    from loader.kept import History, KeptVersion
    from loader.release import Release

MAX_REASON: Final = 500


def _opened(out: Path) -> Release:
    list_releases(out)  # says so if nothing was ever built there
    return open_release(out / CURRENT)


def list_versions(out: Path, dataset: str | None = None) -> list[str]:
    """Give a line for each version published, the newest first: what became of it, and its address."""
    release = _opened(out)
    history = settled_history(out, release.manifest.base_uri)
    served = {folder.graph for folder in release.manifest.folders}
    found = [version for version in history.versions if dataset in {None, version.dataset}]
    if not found:
        message = f"no version of '{dataset}' was published; datasets: {', '.join(_datasets(history))}"
        raise MisuseError(message)
    return [_line(history, version, served) for version in reversed(found)]


def _datasets(history: History) -> list[str]:
    return sorted({version.dataset for version in history.versions})


def _line(history: History, version: KeptVersion, served: set[str]) -> str:
    event = history.withdrawal(version)
    state = "current" if version.iri in served else "kept"
    if event is not None:
        state = f"withdrawn {event.time[:10]}: {event.reason}"
    return f"{version.published[:19]}  {version.iri}  {state}"


def withdraw(out: Path, dataset: str, edition: str, number: int, reason: str, *, show: bool = False) -> list[str]:
    """Remove a version for good: its files, what was listed as changed to and from it, and releases that have it.

    Its address answers 410 from then on. Gives what is removed; with `show`, nothing is. Raises MisuseError if there is
    no such version, or it is current: other figures have to be published, or rolled back to, before.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON:
        message = f"give a reason of at most {MAX_REASON} characters; it is published, so it repeats no figure"
        raise MisuseError(message)
    release = _opened(out)
    with claimed(out), explained("the withdrawal is not finished; repeat the command"):
        history = settled_history(out, release.manifest.base_uri)
        version = _found(history, release, dataset, edition, number)
        holding = [path for path in _releases(out) if _has(path, version)]
        after = [other for other in history.versions if other.previous == version.iri]
        removed = [str(history.folder(version)), *(str(path) for path in holding)]
        removed += [str(history.folder(other) / CHANGES) for other in after]
        if show:
            return removed
        if history.withdrawal(version) is None:  # from here on it is gone for readers
            last = max(event.time for event in history.events)
            event = Event(WITHDRAWN, max(now(), last), version.iri, "", reason)
            write_index(history.with_more((), (event,)))
        for path in holding:
            remove(path)
        for other in after:
            for name in (CHANGES, CHANGE_TRIPLES):
                (history.folder(other) / name).unlink(missing_ok=True)
        if history.folder(version).exists():
            shutil.rmtree(history.folder(version))
        return removed


def _found(history: History, release: Release, dataset: str, edition: str, number: int) -> KeptVersion:
    version = history.find(dataset, edition, number)
    if version is None:
        known = ", ".join(f"{one.edition} {one.number}" for one in history.of(dataset)) or "none"
        message = f"{dataset} has no edition {edition}, version {number}; published: {known}"
        raise MisuseError(message)
    if any(folder.graph == version.iri for folder in release.manifest.folders):
        message = f"{version.iri} is current; build without those figures, or `dwpld rollback`, and then withdraw it"
        raise MisuseError(message)
    return version


def _releases(out: Path) -> list[Path]:
    return [out / RELEASES / name for name in ids(out)]


def _has(path: Path, version: KeptVersion) -> bool:
    """Tell whether a release has a version; one that cannot be read may, and goes too."""
    try:
        return any(folder.graph == version.iri for folder in open_release(path).manifest.folders)
    except MisuseError:
        return True
