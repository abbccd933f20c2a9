"""Describe kept versions of datasets: each, what changed in it, what happened to it, and all of a dataset together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse

from endpoint.answers import link
from endpoint.dumps import TYPES
from endpoint.media import CSV
from endpoint.pages import Crumb, Reader
from endpoint.problems import RequestError
from endpoint.words import date_text
from loader.kept import CHANGE_TRIPLES, CHANGES, DESCRIBED, RESTORED
from loader.uris import Uris
from ontology.terms import ADMS, AS, DCAT, DCT, PROV, RDF, RDFS, XSD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from endpoint.serving import Serving
    from endpoint.source import Term
    from loader.kept import Event, History, KeptVersion

IANA: Final = "https://www.iana.org/assignments/media-types/"
SHOWN: Final = 100
"""Changes of one sort that a page names; the other forms have more."""
_FORMS: Final = {"parquet": "Parquet", "nq.gz": "N-Quads", "nt.gz": "N-Triples"}
_KINDS: Final = {"added": "Added", "removed": "Removed", "revised": "Revised"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version."""

    name: str
    title: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Document:
    """What an address of a version leads to: triples, and how a page shows them."""

    subject: NamedNode
    title: str
    template: str
    triples: tuple[Triple, ...]
    context: dict[str, object]
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A version, and what it is seen from."""

    serving: Serving
    history: History
    version: KeptVersion

    @property
    def node(self) -> NamedNode:
        """Its IRI."""
        return NamedNode(self.version.iri)

    @property
    def uris(self) -> Uris:
        """Addresses under its base."""
        return Uris(self.serving.site.base)

    @property
    def folder(self) -> Path:
        """Its directory."""
        return self.history.folder(self.version)

    def path(self, iri: str) -> str:
        """Give the path of an IRI of this site."""
        return self.serving.site.document(iri)

    def files(self) -> list[File]:
        """Give its files: tables as published, and its triples."""
        release = self.history.open(self.version)
        name = self.version.dataset
        paths = (file.path for file in release.manifest.folders[0].outputs if file.path.endswith(".csv"))
        tables = [File(path.rpartition("/")[2], "CSV", CSV.media_type) for path in paths]
        dumps = [File(f"{name}.{form}", title, TYPES[form]) for form, title in _FORMS.items()]
        return [*tables, *dumps]


def is_about(triple: Triple, node: NamedNode) -> bool:
    """Tell whether a triple is about a thing or one that is described with it."""
    subject = triple.subject
    return isinstance(subject, NamedNode) and subject.value.partition("#")[0] == node.value


def read_triples(path: Path) -> Iterator[Triple]:
    """Read a file of triples; nothing if there is none."""
    if path.is_file():
        yield from (quad.triple for quad in parse(path=str(path), format=RdfFormat.N_TRIPLES))


def name_of(version: KeptVersion) -> str:
    """Name a version."""
    return f"{version.title}, edition {version.edition}, version {version.number}"


def numbered_events(history: History, uris: Uris) -> Iterator[tuple[Event, NamedNode]]:
    """Yield events with their addresses: a version's own for its publication, one below it for anything after."""
    restored: dict[str, int] = {}
    for event in history.events:
        node = NamedNode(event.version)
        if event.kind == RESTORED:
            restored[event.version] = restored.get(event.version, 0) + 1
            yield event, uris.restored(node, restored[event.version])
        else:
            yield event, node if event.release else uris.withdrawn(node)


def event_triples(history: History, event: Event, node: NamedNode) -> Iterator[Triple]:
    """Yield a member of the event stream: nothing but what can never change."""
    version = history.named(event.version)
    assert version is not None, "the index names every version of its events"
    uris = Uris(version.iri.partition("/data/")[0])
    whole = NamedNode(version.iri)
    words = {"published": "", "restored": " made current again", "withdrawn": " withdrawn"}[event.kind]
    yield Triple(node, RDFS.label, _english(f"{name_of(version)}{words}"))
    yield Triple(node, PROV.generatedAtTime, moment(event.time))
    if not event.release:
        yield Triple(node, RDF.type, AS.Delete)
        yield Triple(node, DCT.isVersionOf, whole)
        yield Triple(node, RDFS.comment, _english(event.reason))
        return
    yield Triple(node, DCT.isVersionOf, uris.dataset(version.dataset))
    yield Triple(node, RDF.type, AS.Update if version.previous or node != whole else AS.Create)
    if node != whole:
        yield Triple(node, PROV.wasDerivedFrom, whole)
        return
    yield Triple(node, RDF.type, PROV.Entity)
    yield Triple(node, DCAT.version, Literal(f"{version.edition}/{version.number}"))
    if version.previous is not None:
        yield Triple(node, DCAT.previousVersion, NamedNode(version.previous))
        yield Triple(node, PROV.wasRevisionOf, NamedNode(version.previous))
    if version.is_sample:
        yield Triple(node, ADMS.status, ADMS.sample)


def _english(text: str) -> Literal:
    return Literal(text, language="en")


def moment(time: str) -> Literal:
    """Give a time as a literal."""
    return Literal(time, datatype=XSD.dateTime)


def version_document(kept: Kept) -> Document:
    """Describe a version: what it is, what it was made from, its files, and what came before and after."""
    version, node = kept.version, kept.node
    published = next(event for event in kept.history.events if event.version == version.iri)
    found = dict.fromkeys(event_triples(kept.history, published, node))
    found.update(dict.fromkeys(triple for triple in read_triples(kept.folder / DESCRIBED) if triple.subject == node))
    found.update(dict.fromkeys(kept.serving.source.about([node])))
    after = _after(kept)
    found.update((Triple(node, DCT.isReplacedBy, NamedNode(one.iri)), None) for one in after)
    if _has_changes(kept):
        found[Triple(node, RDFS.seeAlso, kept.uris.version_changes(node))] = None
    files = kept.files()
    for file in files:
        found.update(dict.fromkeys(_file_triples(kept, file)))
    dataset = kept.uris.dataset(version.dataset)
    context: dict[str, object] = {
        "dataset": {"text": version.title, "href": kept.path(dataset.value)},
        "version": version,
        "above": [_crumb(kept)],
        "published": date_text(version.published[:10]),
        "is_current": any(folder.graph == version.iri for folder in kept.serving.release.manifest.folders),
        "files": [{"name": file.name, "title": file.title, "href": _below(kept, file.name)} for file in files],
        "before": _shown(kept, version.previous),
        "after": [_shown(kept, one.iri) for one in after],
        "changes": _counted(kept) if _has_changes(kept) else None,
        "changes_href": kept.path(kept.uris.version_changes(node).value),
        "is_sample": version.is_sample,
    }
    return Document(node, name_of(version), "version.html", tuple(found), context, tuple(_version_links(kept, after)))


def _crumb(kept: Kept) -> Crumb:
    return Crumb(kept.version.title, kept.path(kept.uris.dataset(kept.version.dataset).value))


def _below(kept: Kept, name: str) -> str:
    return kept.path(kept.uris.version_file(kept.node, name).value)


def _after(kept: Kept) -> list[KeptVersion]:
    return [one for one in kept.history.of(kept.version.dataset) if one.previous == kept.version.iri]


def _has_changes(kept: Kept) -> bool:
    return (kept.folder / CHANGES).is_file()


def _shown(kept: Kept, iri: str | None) -> dict[str, str] | None:
    version = kept.history.named(iri) if iri is not None else None
    return None if version is None else {"text": name_of(version), "href": kept.path(version.iri)}


def _file_triples(kept: Kept, file: File) -> Iterator[Triple]:
    """Yield a file as a distribution."""
    node = kept.uris.version_file(kept.node, file.name)
    yield Triple(kept.node, DCAT.distribution, node)
    yield Triple(node, RDF.type, DCAT.Distribution)
    yield Triple(node, RDFS.label, _english(f"{name_of(kept.version)}: {file.title}"))
    yield Triple(node, DCAT.downloadURL, node)
    yield Triple(node, DCAT.mediaType, NamedNode(IANA + file.media_type))


def _version_links(kept: Kept, after: Iterable[KeptVersion]) -> Iterator[str]:
    """Give links between versions (RFC 5829)."""
    yield link(kept.path(kept.uris.versions(kept.version.dataset).value), rel="version-history")
    current = kept.history.current(kept.version.dataset)
    if current is not None:
        yield link(kept.path(current.iri), rel="latest-version")
    if kept.version.previous is not None:
        yield link(kept.path(kept.version.previous), rel="predecessor-version")
    yield from (link(kept.path(one.iri), rel="successor-version") for one in after)


def _changes(kept: Kept) -> dict[str, object]:
    found: dict[str, object] = json.loads((kept.folder / CHANGES).read_text("utf-8"))
    return found


def _counted(kept: Kept) -> list[str]:
    """Say how much changed: `2 observations revised`."""
    return counted(_changes(kept))


def counted(changes: dict[str, object]) -> list[str]:
    """Say how much changed, as `dwpld diff` counted it."""
    counts = changes["counts"]
    assert isinstance(counts, dict), "the loader wrote it"
    found = []
    for sort, kinds in counts.items():
        for kind, number in kinds.items():
            one, _, rest = sort.partition(" ")
            noun = one if number == 1 else f"{one}s"
            found.append(f"{number:,} {noun}{f' {rest}' if rest else ''} {kind}")
    notes = changes["notes"]
    assert isinstance(notes, list), "the loader wrote it"
    return found + notes


def changes_document(kept: Kept) -> Document:
    """Say what changed since the version before. Raises RequestError if that is not known."""
    node = kept.uris.version_changes(kept.node)
    if not _has_changes(kept):
        detail = f"{kept.version.iri} follows on no version that is still published: nothing was compared"
        raise RequestError(HTTPStatus.NOT_FOUND, detail)
    title = f"What changed in {name_of(kept.version)}"
    changes = _changes(kept)
    listed = changes["changes"]
    assert isinstance(listed, list), "the loader wrote it"
    context: dict[str, object] = {
        "version": _shown(kept, kept.version.iri),
        "before": _shown(kept, kept.version.previous),
        "counted": counted(changes),
        "above": [_crumb(kept), Crumb(name_of(kept.version), kept.path(kept.version.iri))],
        "groups": _groups(kept, listed),
        "is_sample": kept.version.is_sample,
    }
    return Document(node, title, "changes.html", tuple(read_triples(kept.folder / CHANGE_TRIPLES)), context)


def _groups(kept: Kept, listed: list[dict[str, object]]) -> list[dict[str, object]]:
    """Group changes by what was done, corrections first, with names for everything."""
    terms: list[Term] = []
    for change in listed:
        terms.append(NamedNode(str(change["thing"])))
        for one in _differences(change):
            terms.append(NamedNode(str(one["property"])))
            terms += [_term(text) for text in (one["before"], one["after"]) if text is not None]
    reader = Reader(kept.serving, terms)
    groups = []
    for kind in ("revised", "added", "removed"):
        chosen = [change for change in listed if change["change"] == kind]
        rows = [_row(kept, change, reader) for change in chosen[:SHOWN]]
        if rows:
            groups.append({"title": _KINDS[kind], "rows": rows, "more": len(chosen) - len(rows)})
    return groups


def _differences(change: dict[str, object]) -> list[dict[str, str | None]]:
    found = change["differences"]
    assert isinstance(found, list), "the loader wrote it"
    return found


def _row(kept: Kept, change: dict[str, object], reader: Reader) -> dict[str, object]:
    thing = NamedNode(str(change["thing"]))
    is_there = kept.serving.source.has(thing)
    return {
        "thing": reader.show(thing) if is_there else {"text": thing.value.removeprefix(kept.serving.site.base)},
        "differences": [
            {
                "name": reader.name(NamedNode(str(one["property"]))),
                "before": _plain(reader, one["before"]),
                "after": _plain(reader, one["after"]),
            }
            for one in _differences(change)
        ],
    }


def _plain(reader: Reader, text: str | None) -> str:
    """Give a term in N-Triples as people read it."""
    return "nothing" if text is None else reader.name(_term(text))


def _term(text: str) -> Term:
    found: Term = next(parse(f"<x:s> <x:p> {text} .".encode(), format=RdfFormat.N_TRIPLES)).object
    return found


def thing_document(kept: Kept, node: NamedNode, found: tuple[Triple, ...]) -> Document:
    """Describe something that belongs to a version."""
    labels = (triple.object for triple in found if triple.predicate == RDFS.label and triple.subject == node)
    part = node.value.removeprefix(f"{kept.version.iri}/")
    title = next((label.value for label in labels if isinstance(label, Literal)), f"{part} of {name_of(kept.version)}")
    reader = Reader(kept.serving, [term for triple in found for term in (triple.predicate, triple.object)])
    own = [triple for triple in found if triple.predicate != RDFS.label]
    rows = [{"name": reader.show(triple.predicate), "values": [reader.show(triple.object)]} for triple in own]
    crumb = Crumb(name_of(kept.version), kept.path(kept.version.iri))
    return Document(
        node, title, "thing.html", found, {"rows": rows, "above": [_crumb(kept), crumb], "types": [], "incoming": []}
    )


def list_document(serving: Serving, history: History, dataset: str) -> Document | None:
    """List the versions of a dataset, the newest first; None if none was published."""
    versions = history.of(dataset)
    if not versions:
        return None
    uris = Uris(serving.site.base)
    node, whole = uris.versions(dataset), uris.dataset(dataset)
    title = f"Versions of {versions[-1].title}"
    current = history.current(dataset)
    found = [Triple(node, RDFS.label, _english(title)), Triple(node, DCT.subject, whole)]
    rows = []
    for version in reversed(versions):
        event = history.withdrawal(version)
        iri = NamedNode(version.iri)
        found += [Triple(whole, DCAT.hasVersion, iri), Triple(iri, RDFS.label, _english(name_of(version)))]
        found.append(Triple(iri, PROV.generatedAtTime, moment(version.published)))
        kept = Kept(serving, history, version)
        changes = _counted(kept) if event is None and _has_changes(kept) else []
        tombstone = uris.withdrawn(iri)
        if event is not None:
            found += event_triples(history, event, tombstone)
        rows.append(
            {
                "text": f"Edition {version.edition}, version {version.number}",
                "href": serving.site.document(version.iri if event is None else tombstone.value),
                "published": date_text(version.published[:10]),
                "changes": changes,
                "changes_href": serving.site.document(uris.version_changes(iri).value),
                "withdrawn": event,
                "withdrawn_on": date_text(event.time[:10]) if event is not None else None,
                "is_current": current is not None and current.iri == version.iri,
            }
        )
    if current is not None:
        found.append(Triple(whole, DCAT.hasCurrentVersion, NamedNode(current.iri)))
    above = [Crumb(versions[-1].title, serving.site.document(whole.value))]
    return Document(node, title, "versions.html", tuple(found), {"rows": rows, "above": above})
