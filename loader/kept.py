"""The versions of datasets that are kept beside the releases: where they are, and what happened to each.

    OUT/versions/<host>/index.json               every version ever published there, and what happened, in order of time
    OUT/versions/<host>/<dataset>/<edition>/<n>/ a version: a release of one dataset, without a graph
        tables/ dumps/ cubes/ reports/           as in a release; where the disk can do that, the same bytes
        manifest.json  version.json              as in a release; the version as the index has it
        described.nt                             what was said of the version itself: what it was made from, and by what
        changes.json  changes.nt                 what changed since the version before, if there is one

`<host>` is the host of the base URI: addresses are only permanent under their own base. A version is published once
the index has it. This module reads; `loader.history` keeps versions, and `loader.withdrawing` removes them.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from pyoxigraph import Literal, Triple

from loader.errors import MisuseError
from loader.release import RELEASES, open_release
from ontology.terms import AS, DCT, LDES, PROV, RDF, RDFS, TREE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loader.release import FolderRecord, Release
    from loader.uris import Uris

VERSIONS: Final = "versions"
INDEX: Final = "index.json"
INDEX_FORMAT: Final = 1
VERSION: Final = "version.json"
DESCRIBED: Final = "described.nt"
CHANGES: Final = "changes.json"
CHANGE_TRIPLES: Final = "changes.nt"
PUBLISHED: Final = "published"
RESTORED: Final = "restored"
WITHDRAWN: Final = "withdrawn"
_VERSION: Final = re.compile(r"/editions/([^/]+)/versions/([1-9][0-9]*)$")


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """A version of a dataset that was published."""

    dataset: str
    edition: str
    number: int
    iri: str
    title: str
    is_sample: bool
    content: str
    """SHA-256 of the published tables and their descriptions: equal content, equal version."""
    policy: str
    """SHA-256 of the policy that the gate held it to; empty if that is not known."""
    release: str
    """Id of the release that first had it."""
    published: str
    """When that release was made: UTC time, ISO 8601."""
    previous: str | None
    """The version that was current before; None if there was none, or it had been withdrawn."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from others."""
        return self.dataset, self.edition, self.number


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a version."""

    kind: str
    """`published`; `restored`: made current again after another; `withdrawn`."""
    time: str
    """UTC time, ISO 8601; never before that of the event before."""
    version: str
    """IRI of the version."""
    release: str
    """Id of the release that it happened with; empty for a withdrawal."""
    reason: str = ""
    """Why it was withdrawn."""


@dataclass(frozen=True, slots=True)
class History:
    """All versions published under one base, and what happened to them."""

    root: Path
    """`OUT/versions/<host>`, which need not be there."""
    versions: tuple[KeptVersion, ...] = ()
    events: tuple[Event, ...] = ()

    def of(self, dataset: str) -> tuple[KeptVersion, ...]:
        """Give the versions of a dataset, the oldest first, withdrawn ones too."""
        return tuple(version for version in self.versions if version.dataset == dataset)

    def find(self, dataset: str, edition: str, number: int) -> KeptVersion | None:
        """Find a version, withdrawn or not."""
        return next((one for one in self.versions if one.key == (dataset, edition, number)), None)

    def named(self, iri: str) -> KeptVersion | None:
        """Find a version by its IRI."""
        return next((one for one in self.versions if one.iri == iri), None)

    def withdrawal(self, version: KeptVersion) -> Event | None:
        """Give the event of its withdrawal; None if it was not withdrawn."""
        return next((one for one in self.events if one.kind == WITHDRAWN and one.version == version.iri), None)

    def current(self, dataset: str) -> KeptVersion | None:
        """Give the version of a dataset that was last made current."""
        own = {version.iri: version for version in self.of(dataset)}
        made = [event for event in self.events if event.kind != WITHDRAWN and event.version in own]
        return own[made[-1].version] if made else None

    def folder(self, version: KeptVersion) -> Path:
        """Give the directory of a version."""
        return self.root / version.dataset / quote(version.edition, safe="") / f"{version.number}"

    def open(self, version: KeptVersion) -> Release:
        """Open a version as the release of one dataset that it is. Raises MisuseError if it is damaged."""
        return open_release(self.folder(version))

    def with_more(self, versions: tuple[KeptVersion, ...], events: tuple[Event, ...]) -> History:
        """Add versions and events."""
        return replace(self, versions=(*self.versions, *versions), events=(*self.events, *events))

    def text(self) -> str:
        """Give the index as JSON."""
        document = {
            "format": INDEX_FORMAT,
            "versions": [asdict(version) for version in self.versions],
            "events": [asdict(event) for event in self.events],
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def history_place(out: Path, base: str) -> Path:
    """Give the directory where versions published under a base are kept, below the one where releases are."""
    return out / VERSIONS / quote(urlsplit(base).netloc, safe="")


def read_history(out: Path, base: str) -> History:
    """Read what was published under a base. Raises MisuseError if the index is damaged, or missing beside versions."""
    root = history_place(out, base)
    index = root / INDEX
    try:
        stamp = index.stat()
    except FileNotFoundError:
        if root.is_dir() and any(root.glob(f"*/*/*/{VERSION}")):
            message = f"{index} is missing: restore it from a copy, or version numbers would be given twice"
            raise MisuseError(message) from None
        return History(root)
    except OSError as error:
        message = f"cannot read {index}: {error.strerror or error}"
        raise MisuseError(message) from error
    return _read(root, (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size))


def history_beside(release: Release) -> History:
    """Read what was published under the base of a release from beside it; nothing if it is in a place of its own."""
    if release.path.parent.name != RELEASES:
        return History(release.path / VERSIONS)
    return read_history(release.path.parent.parent, release.manifest.base_uri)


@lru_cache(maxsize=4)
def _read(root: Path, stamp: tuple[int, int, int]) -> History:
    """Read an index; `stamp` tells when it has been replaced."""
    assert stamp, "it is only there to be compared"
    try:
        raw = json.loads((root / INDEX).read_text("utf-8"))
        if raw["format"] != INDEX_FORMAT:
            message = f"{root / INDEX}: format {raw['format']}, this version reads {INDEX_FORMAT}"
            raise MisuseError(message)
        versions = tuple(KeptVersion(**version) for version in raw["versions"])
        return History(root, versions, tuple(Event(**event) for event in raw["events"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{root / INDEX} is damaged ({error.__class__.__name__}): restore it from a copy"
        raise MisuseError(message) from error


def read_version(path: Path) -> KeptVersion | None:
    """Read the version that a directory holds; None if there is none, or it is not whole."""
    try:
        return KeptVersion(**json.loads((path / VERSION).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def split_version(iri: str) -> tuple[str, int]:
    """Give the edition and number of a version from its IRI."""
    match = _VERSION.search(iri)
    assert match is not None, "the graph of a dataset is a version of it"
    return unquote(match[1]), int(match[2])


def is_version(folder: FolderRecord) -> bool:
    """Tell whether what a folder put into a release is a version of a dataset."""
    return _VERSION.search(folder.graph) is not None


def stream_triples(uris: Uris) -> Iterator[Triple]:
    """Yield the description of the event stream of versions (LDES); the catalogue has it, and each of its pages."""
    node = uris.events()
    title = Literal("Versions of datasets, as they are published", language="en")
    yield Triple(node, RDF.type, LDES.EventStream)
    yield Triple(node, RDFS.label, title)
    yield Triple(node, DCT.title, title)
    yield Triple(node, LDES.timestampPath, PROV.generatedAtTime)
    yield Triple(node, LDES.versionOfPath, DCT.isVersionOf)
    yield Triple(node, LDES.versionDeletePath, RDF.type)
    yield Triple(node, LDES.versionDeleteObject, AS.Delete)
    yield Triple(node, TREE.view, uris.events_page(1))
    yield Triple(uris.events_page(1), RDF.type, TREE.Node)
    yield Triple(uris.events_page(1), RDFS.label, Literal("First page of the event stream", language="en"))
