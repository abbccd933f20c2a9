"""Locating metadata (Model for Tabular Data and Metadata on the Web §5)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loader.csvw.fetch import MAX_DOCUMENT_BYTES, Fetcher, Resource, has_http, is_remote_to_local
from loader.csvw.iri import resolve, shown
from loader.csvw.metadata import Table, TableGroup, read_metadata, table_for
from loader.csvw.uri_template import TemplateError, parse_template
from loader.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loader.csvw.report import Report

DEFAULT_LOCATIONS: Final = "{+url}-metadata.json\ncsv-metadata.json"


@dataclass(frozen=True, slots=True)
class Locator:
    """Finds the metadata of what a user names."""

    fetcher: Fetcher
    report: Report

    def locate(self, url: str, metadata: str | None) -> TableGroup:
        """Return the group of tables to process for a file or metadata document. Raises `ProblemsError`."""
        if metadata is not None:
            return self._read(metadata)
        resource = self.fetcher.get(url)
        if is_metadata(resource):
            return self._read(url)
        return self._described(resource) or TableGroup((Table(url, has_schema=False),))

    def _read(self, url: str) -> TableGroup:
        return self._parse(self.fetcher.read(url), url)

    def _parse(self, content: bytes, url: str) -> TableGroup:
        def load(target: str) -> bytes:
            if is_remote_to_local(url, target):
                message = f"{target} is a file of this machine, which a document from the network may not name"
                raise ProblemsError([Problem("CSVW-FETCH", shown(url), message)])
            return self.fetcher.read(target)

        group = read_metadata(content, base_url=url, report=self.report, load=load)
        for table in group.tables:
            if is_remote_to_local(url, table.url):
                load(table.url)
        return group

    def _described(self, resource: Resource) -> TableGroup | None:
        """Return the first metadata document that describes the file (§5.2 and §5.3)."""
        for url in self._candidates(resource):
            found = self.fetcher.find(url, MAX_DOCUMENT_BYTES)
            if found is None:
                continue
            group = self._parse(self.fetcher.content(found), url)
            if table_for(group, resource.url):
                return group
            message = f"does not describe {shown(resource.url)}; ignored (Tabular Data Model §5)"
            hint = 'give the "url" of the file in the metadata, or pass the metadata with --metadata'
            self.report.warn(Problem("CSVW-IGNORED", shown(url), message, hint))
        return None

    def _candidates(self, resource: Resource) -> Iterator[str]:
        """Yield where metadata may be: Link headers, then site-wide or default locations."""
        yield from (resolve(resource.url, link) for link in resource.links)
        url = resource.url.partition("#")[0]
        for line in self._locations(url).splitlines():
            try:
                template = parse_template(line.strip())
            except TemplateError:
                self.report.warn(Problem("CSVW-IGNORED", url, f"{line!r} in /.well-known/csvm is not a URI template"))
                continue
            if template.parts:
                yield resolve(url, template.expand({"url": url}))

    def _locations(self, url: str) -> str:
        """Return /.well-known/csvm of the site, or what holds without it (§5.3)."""
        if not has_http(url):
            return DEFAULT_LOCATIONS
        try:
            found = self.fetcher.find(resolve(url, "/.well-known/csvm"), MAX_DOCUMENT_BYTES)
        except ProblemsError:
            return DEFAULT_LOCATIONS
        return self.fetcher.content(found).decode("utf-8", "replace") if found else DEFAULT_LOCATIONS


def is_metadata(resource: Resource) -> bool:
    """Say whether a file is a metadata document: by its media type, its name, or its first characters."""
    if resource.media_type in ("text/csv", "text/tab-separated-values"):
        return False
    name = resource.url.partition("?")[0].lower()
    if resource.media_type.endswith("json") or name.endswith((".json", ".jsonld")):
        return True
    if name.endswith((".csv", ".tsv", ".tab", ".txt")):
        return False
    with resource.open() as stream:
        start = stream.read(4096).lstrip()
    return start.startswith(b"{") and is_json_start(start)


def is_json_start(start: bytes) -> bool:
    """Say whether an object with a string as its first name begins here."""
    rest = start[1:].lstrip()
    if not rest.startswith(b'"'):
        return False
    try:
        json.JSONDecoder().raw_decode(rest.decode("utf-8", "ignore"))
    except ValueError:
        return False
    return True
