"""Keep the versions of datasets when releases are made and rolled back to, and give versions their numbers.

Files of a version are put in place before a release becomes current, the index names them after: a build that is killed
between the two leaves files that nothing names, and the next build or rollback names them or replaces them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, RdfFormat, serialize

from loader.changes import folder_triples, json_folder
from loader.comparing import compare_dataset
from loader.errors import MisuseError, Problem, ProblemsError
from loader.kept import (
    CHANGE_TRIPLES,
    CHANGES,
    DESCRIBED,
    INDEX,
    PUBLISHED,
    RESTORED,
    VERSION,
    Event,
    KeptVersion,
    is_version,
    read_history,
    read_version,
    split_version,
)
from loader.release import CURRENT, MANIFEST_FORMAT, file_record, open_release
from loader.releases import explained, flush
from loader.uris import Uris
from ontology.terms import XSD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loader.kept import History
    from loader.mapping import Mapping
    from loader.release import FileRecord, FolderRecord, Release

log = logging.getLogger(__name__)

LISTED: Final = 500
"""Changes of one sort and kind that a version lists; all are counted."""
_STAGING: Final = ".staging-"


def content_of(files: Iterable[FileRecord]) -> str:
    """Hash what makes a version another one: the published tables and their descriptions, by name."""
    named = sorted({(Path(file.path).name, file.sha256) for file in files})
    return hashlib.sha256(repr(named).encode()).hexdigest()


def content_of_folder(folder: FolderRecord) -> str:
    """Hash the tables that a release has of a folder, and their descriptions."""
    return content_of(file for file in folder.outputs if file.path.startswith("tables/"))


def policy_of(mapping: Mapping) -> str:
    """Hash what the gate asks of a dataset."""
    return hashlib.sha256(json.dumps(asdict(mapping.policy), sort_keys=True, default=sorted).encode()).hexdigest()


def numbered(mapping: Mapping, tables: Path, history: History, earlier: Release | None, uris: Uris) -> Mapping:
    """Give the mapping of a dataset the number of the version that its tables are; a code list has none.

    It is that of the current release, or of the edition's latest version, if that has the same content; else the next.
    It is never below the one that the mapping declares. Raises ProblemsError if this content was withdrawn.
    """
    if mapping.is_code_list:
        return mapping
    name, edition = mapping.name, mapping.description.edition or "current"
    files = [file_record(tables / table.csv.name, table.csv.name) for table in mapping.tables]
    files += [file_record(table.document, table.document.name) for table in mapping.tables]
    content = content_of(files)
    known = [version for version in history.of(name) if version.edition == edition]
    for version in history.of(name):
        if version.content == content and (event := history.withdrawal(version)) is not None:
            raise ProblemsError([_withdrawn(mapping, version, event)])
    current = _current(name, edition, earlier, uris)
    number = max([version.number for version in known] + ([current[0]] if current else []), default=0)
    latest = next((version for version in known if version.number == number), None)
    if current is not None and current[1] == content:
        number = current[0]
    elif latest is None or latest.content != content:
        number += 1
    number = max(number, mapping.description.version)
    return replace(mapping, description=replace(mapping.description, version=number))


def _current(name: str, edition: str, earlier: Release | None, uris: Uris) -> tuple[int, str] | None:
    """Give number and content of a dataset in the current release, if edition and base are the same."""
    folders = earlier.manifest.folders if earlier is not None and earlier.manifest.base_uri == uris.base else ()
    folder = next((one for one in folders if one.name == name and is_version(one)), None)
    if folder is None or split_version(folder.graph)[0] != edition:
        return None
    return split_version(folder.graph)[1], content_of_folder(folder)


def _withdrawn(mapping: Mapping, version: KeptVersion, event: Event) -> Problem:
    what = (
        f"its tables are those of edition {version.edition}, version {version.number}, withdrawn on {event.time[:10]}"
    )
    hint = "publish other figures; `dwpld versions` lists what was withdrawn, and why"
    return Problem("GATE-20", f"{mapping.folder.name}/{mapping.main.csv.name}", what, hint)


def keep(release: Release, history: History, name: str | None = None) -> tuple[KeptVersion, ...]:
    """Put the versions in place that the history lacks, and give them; `name` is what the release will be called."""
    found = []
    for folder in release.manifest.folders:
        if is_version(folder) and history.find(folder.name, *split_version(folder.graph)) is None:
            version = _version(release, folder, history, name or release.id)
            found.append(_kept(release, folder, version, history))
    return tuple(found)


def _version(release: Release, folder: FolderRecord, history: History, name: str) -> KeptVersion:
    edition, number = split_version(folder.graph)
    before = history.current(folder.name)
    is_gone = before is None or history.withdrawal(before) is not None
    return KeptVersion(
        dataset=folder.name,
        edition=edition,
        number=number,
        iri=folder.graph,
        title=folder.title,
        is_sample=folder.is_sample,
        content=content_of_folder(folder),
        policy=_policy(release, folder),
        release=name,
        published=release.manifest.created,
        previous=None if before is None or is_gone else before.iri,
    )


def _policy(release: Release, folder: FolderRecord) -> str:
    """Read from the report of a dataset which policy it was held to; empty if an earlier version wrote it."""
    path = next((file.path for file in folder.outputs if file.path.startswith("reports/")), None)
    report = json.loads((release.path / path).read_text("utf-8")) if path is not None else {}
    return str(report.get("policy_sha256", ""))


def _kept(release: Release, folder: FolderRecord, version: KeptVersion, history: History) -> KeptVersion:
    """Make the directory of a version, unless it is there from a build that was killed."""
    target = history.folder(version)
    there = read_version(target)
    if there is not None and replace(there, release=version.release) == version:
        return there
    target.parent.mkdir(parents=True, exist_ok=True)
    if not (history.root / INDEX).exists():
        write_index(history)
    shutil.rmtree(target, ignore_errors=True)
    staged = Path(tempfile.mkdtemp(prefix=_STAGING, dir=target.parent))
    try:
        staged.chmod(0o755)
        _fill(staged, release, folder, version, history)
        flush(staged)
        staged.rename(target)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return version


def _fill(staged: Path, release: Release, folder: FolderRecord, version: KeptVersion, history: History) -> None:
    for file in folder.outputs:
        if not file.path.startswith("queries/"):
            _link(release.path / file.path, staged / file.path)
    manifest = replace(release.manifest, format=MANIFEST_FORMAT, folders=(folder,), content_sha256=version.content)
    manifest.write(staged / "manifest.json")
    (staged / VERSION).write_text(json.dumps(asdict(version), indent=1, ensure_ascii=False) + "\n", "utf-8")
    dump = next(file.path for file in folder.outputs if file.path.startswith("dumps/"))
    with gzip.open(release.path / dump) as lines, (staged / DESCRIBED).open("wb") as described:
        own, end = f"<{folder.graph}".encode(), f" <{folder.graph}> .\n".encode()
        described.writelines(line.removesuffix(end) + b" .\n" for line in lines if line.startswith(own))
    before = history.named(version.previous) if version.previous is not None else None
    if before is not None:
        _write_changes(staged, open_release(staged), history.open(before), version)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the disk cannot do that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _write_changes(staged: Path, after: Release, before: Release, version: KeptVersion) -> None:
    """Write what changed since the version before, for pages and as triples."""
    uris = Uris(after.manifest.base_uri)
    changes = compare_dataset(before, after, version.dataset)
    node = uris.version_changes(NamedNode(version.iri))
    time = Literal(version.published, datatype=XSD.dateTime)
    text = json.dumps(json_folder(changes, LISTED), indent=1, ensure_ascii=False)
    (staged / CHANGES).write_text(text + "\n", "utf-8")
    with (staged / CHANGE_TRIPLES).open("wb") as stream:
        serialize(folder_triples(changes, node, time, uris, LISTED), output=stream, format=RdfFormat.N_TRIPLES)


def record(release: Release, out: Path) -> History:
    """Name the versions of the current release in the index, and say which were made current again.

    Raises MisuseError if the disk refuses; the next build or rollback does what was left.
    """
    with explained(f"the versions of release {release.id} were not recorded; the next build does it"):
        history = read_history(out, release.manifest.base_uri)
        _remove_abandoned(history)
        new = keep(release, history)
        last = max([event.time for event in history.events], default="")
        events = []
        for folder in filter(is_version, release.manifest.folders):
            before = history.current(folder.name)
            is_known = history.named(folder.graph) is not None
            if not is_known:
                events.append(Event(PUBLISHED, max(release.manifest.created, last), folder.graph, release.id))
            elif before is None or before.iri != folder.graph:
                events.append(Event(RESTORED, max(now(), last), folder.graph, release.id))
        if not new and not events:
            return history
        history = history.with_more(new, tuple(events))
        write_index(history)
        return history


def _remove_abandoned(history: History) -> None:
    """Remove what processes that were killed left behind; nobody else is at work there."""
    for directory in history.root.glob(f"*/*/{_STAGING}*"):
        shutil.rmtree(directory, ignore_errors=True)
    for file in history.root.glob(f".{INDEX}-*"):
        file.unlink(missing_ok=True)


def now() -> str:
    """Give the time, as manifests do."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_index(history: History) -> None:
    """Replace the index, in one rename."""
    history.root.mkdir(parents=True, exist_ok=True)
    staged = history.root / f".{INDEX}-{os.getpid()}"
    with staged.open("w", encoding="utf-8") as stream:
        stream.write(history.text())
        stream.flush()
        os.fsync(stream.fileno())
    staged.rename(history.root / INDEX)


def settled_history(out: Path, base: str) -> History:
    """Read the history for a build; what a build that was killed did not record of the current release is recorded."""
    if (out / CURRENT).exists():
        try:
            release = open_release(out / CURRENT)
        except MisuseError:  # of another format: nothing is taken over from it either
            return read_history(out, base)
        recorded = record(release, out)
        if release.manifest.base_uri == base:
            return recorded
    return read_history(out, base)


def keep_before_rollback(target: Path, out: Path) -> None:
    """Keep what is current, and see what would be made current again.

    Raises MisuseError if that was withdrawn; says so if the gate holds a dataset to another policy by now.
    """
    release = open_release(target)
    history = settled_history(out, release.manifest.base_uri)
    refuse_withdrawn(release, history)
    for folder in filter(is_version, release.manifest.folders):
        newest = history.current(folder.name)
        if newest is not None and newest.iri != folder.graph and newest.policy != _policy(release, folder):
            log.warning(
                "%s: published again as it was checked then; the policy of the gate is another by now", folder.name
            )


def refuse_withdrawn(release: Release, history: History) -> None:
    """Raise MisuseError if a release has a version that was withdrawn."""
    for folder in filter(is_version, release.manifest.folders):
        version = history.named(folder.graph)
        if version is not None and history.withdrawal(version) is not None:
            message = f"release {release.id} has {version.iri}, which was withdrawn; nothing was changed"
            raise MisuseError(message)


def policy_notes(mapping: Mapping, history: History) -> list[str]:
    """Say how many kept versions of a dataset were held to another policy than the mapping's."""
    policy = policy_of(mapping)
    others = [one for one in history.of(mapping.name) if one.policy != policy and history.withdrawal(one) is None]
    if not others:
        return []
    count = f"{len(others):,} kept version{'s' if len(others) != 1 else ''}"
    return [
        f"{mapping.name}: {count} passed the gate under another policy; `dwpld withdraw` removes what should not stay"
    ]
