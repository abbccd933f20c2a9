"""The addresses this site mints, built in one place from parts.

`{BASE}` is the address the data is published under, without a trailing slash. The table of URIs is in
docs/architecture.md; CSVW mappings write the same addresses as templates relative to their tables.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from pyoxigraph import NamedNode

from loader.errors import MisuseError

OGL_3: Final = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
"""The one spelling of the licence that CKAN knows; there are others in use."""
DEFAULT_BASE: Final = "http://127.0.0.1:8000"
_UNSAFE: Final = re.compile(r"[\s<>\"{}|\\^`]")
_SLUG_GAP: Final = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """Give the path segment for a label: ASCII lower case, words joined by hyphens; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text.replace("&", " and ").replace("'", "").replace("’", ""))
    return _SLUG_GAP.sub("-", plain.encode("ascii", "ignore").decode().lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Uris:
    """Addresses under one base."""

    base: str

    def __post_init__(self) -> None:
        """Refuse a base that is no absolute http(s) address, or that ends in a slash, query or fragment."""
        parts = urlsplit(self.base)
        well_formed = parts.scheme in {"http", "https"} and parts.netloc and not _UNSAFE.search(self.base)
        if not well_formed or parts.query or parts.fragment or self.base.endswith("/"):
            message = f"'{self.base}' cannot be a base: give an http or https address without a trailing slash"
            raise MisuseError(message)

    @classmethod
    def of(cls, base: str) -> Uris:
        """Take a base as people write it, with or without a trailing slash."""
        return cls(base.rstrip("/"))

    @property
    def root(self) -> str:
        """The base as a document address, against which relative references resolve."""
        return f"{self.base}/"

    def node(self, path: str) -> NamedNode:
        """Anything on this site, by its path without leading slash; unsafe characters are percent-encoded."""
        return NamedNode(f"{self.base}/{quote(path, safe='/:@!$&()*+,;=~%-._')}")

    def dataset(self, dataset: str) -> NamedNode:
        """`/data/{ds}`: a dataset, evergreen."""
        return self.node(f"data/{dataset}")

    def observations(self, dataset: str) -> str:
        """`/data/{ds}/obs/`: what the addresses of the observations of a dataset begin with."""
        return f"{self.dataset(dataset).value}/obs/"

    def version(self, dataset: str, edition: str, version: int) -> NamedNode:
        """`/data/{ds}/editions/{e}/versions/{n}`: one version of an edition, and its named graph."""
        return self.node(f"data/{dataset}/editions/{edition}/versions/{version}")

    def structure(self, dataset: str) -> NamedNode:
        """`/data/{ds}/structure`: the data structure definition of a cube."""
        return self.node(f"data/{dataset}/structure")

    def component(self, dataset: str, component: str) -> NamedNode:
        """`/data/{ds}/component/{c}`: a component specification of a cube."""
        return self.node(f"data/{dataset}/component/{component}")

    def distribution(self, dataset: str, file: str) -> NamedNode:
        """`/data/{ds}/distribution/{file}`: a downloadable form of a dataset."""
        return self.node(f"data/{dataset}/distribution/{file}")

    def download(self, dataset: str, file: str) -> NamedNode:
        """`/data/{ds}/{file}`: a file of a dataset's folder as published, such as its table."""
        return self.node(f"data/{dataset}/{file}")

    def dump(self, name: str, form: str) -> NamedNode:
        """`/dumps/{name}.{form}`: everything of a dataset in one file."""
        return self.node(f"dumps/{name}.{form}")

    def coverage(self, dataset: str) -> NamedNode:
        """`/data/{ds}/coverage`: the time that a dataset covers."""
        return self.node(f"data/{dataset}/coverage")

    def series(self, name: str) -> NamedNode:
        """`/series/{name}`: a recurring publication, of which datasets are part."""
        return self.node(f"series/{name}")

    def contact(self, name: str) -> NamedNode:
        """`/id/contact/{name}`: whom to ask about datasets."""
        return self.node(f"id/contact/{name}")

    def column(self, dataset: str, file: str, number: int) -> NamedNode:
        """`/data/{ds}/{table}.csv#col={n}`: a column of a published table, counted from 1 (RFC 7111)."""
        return self.part(self.download(dataset, file), f"col={number}")

    def quality(self, dataset: str, *parts: str) -> NamedNode:
        """`/data/{ds}/quality`: what is measured of a dataset; `/data/{ds}/quality/{metric}/…`: a measurement."""
        return self.node("/".join([f"data/{dataset}/quality", *(quote(part, safe="") for part in parts)]))

    def made_from(self, version: NamedNode, kind: str, file: str) -> NamedNode:
        """`{version}/{kind}/{file}`: a file that a version of a dataset was made from."""
        return NamedNode(f"{version.value}/{kind}/{quote(file, safe='/')}")

    def build_of(self, version: NamedNode) -> NamedNode:
        """`{version}/build`: the making of a version of a dataset."""
        return NamedNode(f"{version.value}/build")

    def versions(self, dataset: str) -> NamedNode:
        """`/data/{ds}/versions`: all versions of a dataset."""
        return self.node(f"data/{dataset}/versions")

    def version_file(self, version: NamedNode, file: str) -> NamedNode:
        """`{version}/{file}`: a file of one version of a dataset."""
        return NamedNode(f"{version.value}/{quote(file, safe='')}")

    def version_changes(self, version: NamedNode) -> NamedNode:
        """`{version}/changes`: what changed since the version before."""
        return NamedNode(f"{version.value}/changes")

    def restored(self, version: NamedNode, number: int) -> NamedNode:
        """`{version}/restored/{n}`: that a version was made current again, for the n-th time."""
        return NamedNode(f"{version.value}/restored/{number}")

    def withdrawn(self, version: NamedNode) -> NamedNode:
        """`{version}/withdrawn`: that a version was withdrawn."""
        return NamedNode(f"{version.value}/withdrawn")

    def events(self) -> NamedNode:
        """`/events`: the event stream of versions."""
        return self.node("events")

    def events_page(self, number: int) -> NamedNode:
        """`/events/{n}`: a page of the event stream, the oldest first."""
        return self.node(f"events/{number}")

    def releases(self) -> NamedNode:
        """`/releases`: what each release changed."""
        return self.node("releases")

    def release(self, release: str) -> NamedNode:
        """`/releases#{id}`: what one release changed."""
        return self.part(self.releases(), release)

    def releases_feed(self) -> NamedNode:
        """`/releases.atom`: the feed of releases."""
        return self.node("releases.atom")

    def part(self, whole: NamedNode, name: str) -> NamedNode:
        """`{whole}#{name}`: something that is described with its whole."""
        return NamedNode(f"{whole.value}#{name}")

    def software(self, name: str, version: str) -> NamedNode:
        """`/id/software/{name}/{version}`: a version of a program."""
        return self.node(f"id/software/{name}/{version}")

    def metric(self, name: str) -> NamedNode:
        """`/def/metric/{name}`: something that is measured of datasets."""
        return self.node(f"def/metric/{name}")

    def property(self, name: str) -> NamedNode:
        """`/def/property/{name}`: a property that is no component of a cube."""
        return self.node(f"def/property/{name}")

    def attribute(self, name: str) -> NamedNode:
        """`/def/attribute/{name}`: an attribute of observations."""
        return self.node(f"def/attribute/{name}")

    def own_class(self, name: str) -> NamedNode:
        """`/def/class/{name}`: a class of ours."""
        return self.node(f"def/class/{name}")

    def concept(self, code_list: str, notation: str) -> NamedNode:
        """`/def/concept/{list}/{notation}`: a code."""
        return self.node(f"def/concept/{code_list}/{notation}")

    def changes(self, thing: NamedNode, before: str, after: str) -> NamedNode:
        """`{thing}/changes/{before}/{after}`: what changed about a thing from one release to another, both by id."""
        return NamedNode(f"{thing.value}/changes/{before}/{after}")

    def change(self, changes: NamedNode, *numbers: int) -> NamedNode:
        """`{changes}/{n}` and `{changes}/{n}/{m}`: one change of them, and one value that it replaces."""
        return NamedNode("/".join([changes.value, *map(str, numbers)]))

    def scheme(self, code_list: str) -> NamedNode:
        """`/def/concept-scheme/{list}`: a code list."""
        return self.node(f"def/concept-scheme/{code_list}")

    def graph(self, name: str) -> NamedNode:
        """`/graphs/{name}`: the named graph of the triples of an RDF file that was added as it stands."""
        return self.node(f"graphs/{name}")

    def ontology(self) -> NamedNode:
        """`/def`: the vocabulary as a whole, and the named graph of `ontology/`."""
        return self.node("def")

    def catalogue(self) -> NamedNode:
        """`/catalogue`: the catalogue of datasets, and its named graph."""
        return self.node("catalogue")

    def catalogue_publisher(self) -> NamedNode:
        """`/id/publisher`: whoever runs the site."""
        return self.node("id/publisher")

    def void(self, name: str = "") -> NamedNode:
        """`/.well-known/void`: the description of the dataset that the site is; `…#{name}`: it, or a part of it."""
        document = self.node(".well-known/void")
        return self.part(document, name) if name else document

    def publication(self) -> NamedNode:
        """`/publication`: what `dwpld publish` has put into a store, and the named graph in it that says so."""
        return self.node("publication")

    def sparql(self) -> NamedNode:
        """`/sparql`: the query service."""
        return self.node("sparql")

    def genid(self, name: str) -> NamedNode:
        """`/.well-known/genid/{name}`: stands for a blank node of somebody else's, in one answer (RDF 1.1 §3.5)."""
        return self.node(f".well-known/genid/{name}")

    def folder_document(self, folder: str, *, is_code_list: bool, file: str) -> str:
        """Address of a file of a mapping folder, against which its CSVW templates resolve."""
        kind = "def/concept-scheme" if is_code_list else "data"
        return f"{self.base}/{kind}/{folder}/{file}"
