"""Serve the versions of datasets that are kept: what each is, its files, what changed in it, and that it was withdrawn.

A version has an address for good. What may still be said of it, such as what came after it, makes its page change; its
files never do, and may be kept by caches for ever. A version that was withdrawn answers 410, whatever is asked of it.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pyoxigraph import NamedNode
from starlette.responses import FileResponse, Response, StreamingResponse

from endpoint.answers import answer, choose_form, entity_tag, is_current, link
from endpoint.downloads import CSV_TYPE
from endpoint.dumps import PARQUET, TYPES
from endpoint.media import HTML, PAGE_FORMS, RDF_FORMS, by_suffix
from endpoint.pages import Crumb, alternates, render
from endpoint.problems import RequestError
from endpoint.results import write_graph
from endpoint.version_documents import (
    Document,
    Kept,
    changes_document,
    event_triples,
    is_about,
    list_document,
    name_of,
    numbered_events,
    read_triples,
    thing_document,
    version_document,
)
from endpoint.words import date_text
from loader.dumps import compressed, parquet, quads, triples
from loader.kept import CHANGE_TRIPLES, DESCRIBED, history_beside
from loader.uris import Uris

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from endpoint.media import Form
    from endpoint.serving import Serving
    from endpoint.settings import Settings
    from loader.kept import Event, History
    from loader.release import Release

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""Cache-Control of what never changes (RFC 8246)."""
_PATH: Final = re.compile(r"/data/([^/]+)/editions/([^/]+)/versions/([1-9][0-9]{0,8})(?:(\.[a-z]+)|/(.+))?")
_LIST: Final = re.compile(r"/data/([^/]+)/versions(?:\.([a-z]+))?")


def version_answer(request: Request, serving: Serving, settings: Settings, path: str) -> Response | None:
    """Answer for an address of a kept version or of the list of a dataset's; None if it is neither.

    Raises RequestError if the version was withdrawn, or has nothing there.
    """
    if (match := _LIST.fullmatch(path)) is not None:
        history = history_beside(serving.release)
        found = list_document(serving, history, unquote(match[1]))
        return None if found is None else _send(request, serving, settings, found, history, match[2])
    if (match := _PATH.fullmatch(path)) is None:
        return None
    return _below_version(request, serving, settings, match)


def _below_version(request: Request, serving: Serving, settings: Settings, match: re.Match[str]) -> Response | None:
    """Answer for a version, or an address below it."""
    history = history_beside(serving.release)
    version = history.find(unquote(match[1]), unquote(match[2]), int(match[3]))
    if version is None:
        return None
    kept = Kept(serving, history, version)
    part, suffix = _split(match[5] or "", match[4] or "")
    event = history.withdrawal(version)
    if event is not None and part != "withdrawn":
        raise gone(kept, event)
    if event is None and (file := _file(request, kept, unquote(match[5] or ""))) is not None:
        return file
    document = _document(kept, part)
    return None if document is None else _send(request, serving, settings, document, history, suffix)


def _split(part: str, ending: str) -> tuple[str, str | None]:
    """Take the suffix of a form off a path below a version."""
    stem, _, suffix = (part or ending).rpartition(".")
    if by_suffix(suffix, PAGE_FORMS) is not None:
        return stem, suffix
    return part, None


def gone(kept: Kept, event: Event) -> RequestError:
    """Say that a version was withdrawn, and why."""
    detail = f"{name_of(kept.version)} was withdrawn on {date_text(event.time[:10])}: {event.reason}"
    tombstone = kept.path(kept.uris.withdrawn(kept.node).value)
    versions = kept.path(kept.uris.versions(kept.version.dataset).value)
    links = f"{link(tombstone, rel='describedby')}, {link(versions, rel='version-history')}"
    ways = (("About this withdrawal", tombstone), (f"All versions of {kept.version.title}", versions))
    return RequestError(HTTPStatus.GONE, detail, {"Link": links}, None, ways)


def _document(kept: Kept, part: str) -> Document | None:
    """Find what an address below a version is about; None if the release itself says what there is."""
    if not part:
        return version_document(kept)
    if part == "changes":
        return changes_document(kept)
    if part == "withdrawn" or part.startswith("restored/"):
        events = {node.value: event for event, node in numbered_events(kept.history, kept.uris)}
        node = NamedNode(f"{kept.version.iri}/{part}")
        event = events.get(node.value)
        return None if event is None else thing_document(kept, node, tuple(event_triples(kept.history, event, node)))
    node = NamedNode(f"{kept.version.iri}/{part}")
    if kept.serving.source.has(node):
        return None
    file = CHANGE_TRIPLES if part.startswith("changes/") else DESCRIBED
    found = tuple(triple for triple in read_triples(kept.folder / file) if is_about(triple, node))
    return thing_document(kept, node, found) if found else None


def dataset_links(serving: Serving, dataset: NamedNode) -> list[str]:
    """Give the links from a dataset to its versions (RFC 5829); none for anything else."""
    uris = Uris(serving.site.base)
    name = dataset.value.rpartition("/")[2]
    history = history_beside(serving.release)
    current = history.current(name) if dataset == uris.dataset(name) else None
    if current is None:
        return []
    versions = serving.site.document(uris.versions(name).value)
    latest = serving.site.document(current.iri)
    return [link(versions, rel="version-history"), link(latest, rel="latest-version")]


def _send(
    request: Request, serving: Serving, settings: Settings, found: Document, history: History, suffix: str | None
) -> Response:
    """Answer with a document in the form asked for."""
    path = serving.site.document(found.subject.value)
    form = by_suffix(suffix, PAGE_FORMS) or choose_form(request, PAGE_FORMS)
    tag = entity_tag(serving, form, f"{found.subject.value} {len(history.events)}")
    links = [link(href, rel="alternate", type=other.media_type) for other, href in alternates(path, PAGE_FORMS)]
    links += [link(found.subject.value, rel="canonical"), *found.links]
    return answer(request, form, tag, links, lambda: _written(serving, settings, found, form, path))


def _written(serving: Serving, settings: Settings, found: Document, form: Form, path: str) -> bytes:
    if form != HTML:
        return write_graph(found.triples, form, serving.prefixes)
    context = dict(found.context)
    above = context.pop("above", [])
    assert isinstance(above, list), "crumbs are a list"
    steps = [Crumb("Home", "/"), Crumb("Datasets", "/data"), *above]
    return render(
        settings,
        found.template,
        title=found.title,
        crumbs=[{"text": crumb.text, "href": crumb.href} for crumb in steps],
        canonical=found.subject.value,
        alternates=alternates(path, RDF_FORMS),
        iri=found.subject.value,
        **context,
    )


def _file(request: Request, kept: Kept, name: str) -> Response | None:
    """Answer with a file of a version; None if it has none of that name."""
    dataset = kept.version.dataset
    release = kept.history.open(kept.version)
    headers = {"Cache-Control": IMMUTABLE, "Link": link(kept.path(kept.version.iri), rel="describedby")}
    table = release.table(dataset, name) if name.endswith(".csv") else None
    if table is not None:
        headers |= {"ETag": f'"{kept.version.content[:32]}-{name.removesuffix(".csv")}"', "Content-Type": CSV_TYPE}
        if is_current(request, headers["ETag"]):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return FileResponse(table, headers=headers)
    form = name.removeprefix(f"{dataset}.")
    if form == name or form not in TYPES:
        return None
    mark = "-sample" if kept.version.is_sample else ""
    file = f"{dataset}{mark}-{kept.version.edition}-v{kept.version.number}.{form}"
    headers |= {"ETag": f'W/"{kept.version.content[:32]}-{form}"', "Content-Type": TYPES[form]}
    headers["Content-Disposition"] = f'attachment; filename="{file}"'
    if is_current(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    pieces = _pieces(release, dataset, form) if request.method == "GET" else iter(())
    first = next(pieces, b"")  # what cannot be made at all is not answered with 200
    return StreamingResponse(chain([first], pieces), headers=headers)


def _pieces(release: Release, name: str, form: str) -> Iterator[bytes]:
    if form == PARQUET:
        return parquet(release, release.manifest.folders[0])
    lines = (triples if form.startswith("nt") else quads)(release, name)
    return compressed(lines) if form.endswith(".gz") else lines
