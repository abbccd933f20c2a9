"""Take over from the release before what it holds of folders that have not changed, instead of converting them again.

A folder is unchanged if nothing it is made from has changed: its own files and published files, every code list, the
vocabulary, the address of the site, and this software. Besides, every triple of its graph must belong there still: the
release keeps each triple in one graph only, that of the first folder to state it.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import importlib.resources
import logging
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loader.kept import is_version, split_version
from loader.mapping import CODES
from loader.release import file_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Mapping as Dictionary

    from loader.mapping import Mapping, PublishedFile
    from loader.release import FileRecord, FolderRecord, Release
    from loader.uris import Uris

log = logging.getLogger(__name__)

_SOFTWARE: Final = ("dwpld", "polars", "pyoxigraph", "fastexcel", "lxml", "phonenumbers", "highspy")
_PIECE_LINES_BYTES: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Reusable:
    """A folder whose part of an earlier release still holds."""

    mapping: Mapping
    """With the edition and version that the earlier release gave it."""
    record: FolderRecord
    release: Path
    """Directory of the earlier release."""

    @property
    def dump(self) -> Path:
        """Its quads, as N-Quads compressed with gzip, without those that are columns."""
        return self.release / next(file.path for file in self.record.outputs if file.path.startswith("dumps/"))

    def described(self, uris: Uris) -> Iterator[bytes]:
        """Yield in pieces the N-Triples that other folders might state too: all that is not about its own things."""
        own = f"<{uris.base}/data/{self.mapping.name}/".encode()
        end = f" <{self.record.graph}> .\n".encode()
        with gzip.open(self.dump) as lines:
            while piece := lines.readlines(_PIECE_LINES_BYTES):
                yield b"".join(line.removesuffix(end) + b" .\n" for line in piece if not line.startswith(own))


def software_fingerprint() -> str:
    """Hash what decides how folders are converted, besides their own files: this package and what it stands on."""
    digest = hashlib.sha256()
    for package in ("loader", "ontology"):
        root = Path(str(importlib.resources.files(package)))
        for path in sorted(path for path in root.rglob("*") if path.suffix in {".py", ".ttl"}):
            digest.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    for name in _SOFTWARE:
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    return digest.hexdigest()


def common_fingerprint(uris: Uris, folders: Dictionary[str, Path]) -> str:
    """Hash what all folders of a build have in common: software, address, and the code lists that tables refer to."""
    digest = hashlib.sha256(f"{software_fingerprint()}\n{uris.base}\n".encode())
    for name, folder in folders.items():
        if name.startswith(f"{CODES}/"):
            for record in folder_files(folder):
                digest.update(f"{name}/{record.path} {record.sha256}\n".encode())
    return digest.hexdigest()


def folder_files(folder: Path) -> tuple[FileRecord, ...]:
    """Hash every file of a mapping folder that decides what comes out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return tuple(file_record(path, path.relative_to(folder).as_posix()) for path in files)


def fingerprint(common: str, mapping: Mapping, found: Sequence[tuple[Path, PublishedFile]]) -> str:
    """Hash all that a folder's part of a release is made from."""
    digest = hashlib.sha256(f"{common}\n{mapping.name} {mapping.is_code_list}\n".encode())
    records = [*folder_files(mapping.folder), *(file_record(path, path.name) for path, _ in found)]
    for record in records:
        digest.update(f"{record.path} {record.sha256}\n".encode())
    return digest.hexdigest()


def find_reusable(mapping: Mapping, fingerprint: str, previous: Release | None) -> Reusable | None:
    """Find the folder in an earlier release, if it was made from the same and its files are whole."""
    record = None if previous is None else previous.manifest.folder(mapping.name)
    if previous is None or record is None or record.fingerprint != fingerprint:
        return None
    damaged = [file.path for file in record.outputs if not is_whole(previous.path, file)]
    if damaged:
        log.warning("%s: %s is damaged in release %s; converting again", mapping.name, damaged[0], previous.id)
        return None
    version = split_version(record.graph)[1] if is_version(record) else mapping.description.version
    dated = replace(mapping.description, edition=record.edition, version=version)
    return Reusable(replace(mapping, description=dated), record, previous.path)


def is_whole(release: Path, file: FileRecord) -> bool:
    """Say whether a file of a release is as its manifest has it."""
    path = release / file.path
    return path.is_file() and file_record(path, file.path) == file


def dated(record: FolderRecord, previous: Release | None, created: str) -> FolderRecord:
    """Say since when a folder is there and as it is: since the release before said so, or else since `created`."""
    before = None if previous is None else previous.manifest.folder(record.name)
    if before is None or (before.kind == "code-list") != (record.kind == "code-list"):
        return replace(record, first=created, changed=created)
    is_same = _content(before) == _content(record)
    return replace(record, first=before.first or created, changed=(before.changed if is_same else "") or created)


def _content(record: FolderRecord) -> list[FileRecord]:
    """Give the files that hold what a folder publishes."""
    return [file for file in record.outputs if file.path.startswith(("cubes/", "dumps/", "tables/"))]


def take_over(part: Reusable, directory: Path) -> None:
    """Put the folder's files into the release being built."""
    for file in part.record.outputs:
        link_file(file, part.release, directory)


def link_file(file: FileRecord, release: Path, directory: Path) -> None:
    """Put a file of a release into another; as a link to the same bytes where the disk can do that."""
    target = directory / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(release / file.path, target)
    except OSError:
        shutil.copy(release / file.path, target)
