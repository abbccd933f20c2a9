"""Getting documents and files, by path or over HTTP, within limits. Nothing is fetched while serving."""

from __future__ import annotations

import re
import stat
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from loader.csvw.dialect import is_text_encoding
from loader.csvw.iri import has_scheme, local_path, shown
from loader.errors import Problem, ProblemsError

if TYPE_CHECKING:
    import httpx

MAX_BYTES: Final = 4 * 1024**3
MAX_DOCUMENT_BYTES: Final = 32 * 1024**2
TIMEOUT_S: Final = 30.0
DEADLINE_S: Final = 600.0
MAX_REDIRECTS: Final = 10
_LINK: Final = re.compile(r"<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]+))?)*)")
_PARAMETER: Final = re.compile(r";\s*([\w-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]+))")
_METADATA_TYPES: Final = frozenset({"application/csvm+json", "application/ld+json", "application/json"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A file that has been got: where it is now, and what the server said of it."""

    url: str
    path: Path
    media_type: str = ""
    charset: str | None = None
    has_no_header: bool = False
    language: str | None = None
    links: tuple[str, ...] = ()

    def open(self) -> BinaryIO:
        """Open the file. Raises `ProblemsError`."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise failure(self.url, f"cannot be read: {error.strerror}") from None


def to_url(text: str) -> str:
    """Return the URL of a path or URL given by a user."""
    if re.match(r"(?:https?|file):", text, re.IGNORECASE):
        return text
    return Path(text).absolute().as_uri()


def failure(url: str, message: str) -> ProblemsError:
    """Return the error for something that cannot be got."""
    hint = "check the address; a proxy is taken from the environment (http_proxy, no_proxy)"
    return ProblemsError([Problem("CSVW-FETCH", shown(url), message, hint if has_http(url) else "check the name")])


def has_http(url: str) -> bool:
    """Say whether a URL is one we fetch over the network."""
    return url[:8].lower().startswith(("http://", "https://"))


@dataclass(slots=True)
class Fetcher:
    """Gets files for one run, each once; temporary files are removed at the end."""

    started_s: float = field(default_factory=time.monotonic)
    _directory: tempfile.TemporaryDirectory[str] | None = None
    _got: dict[str, Resource | None] = field(default_factory=dict)
    _client: httpx.Client | None = None

    def __enter__(self) -> Fetcher:
        """Begin a run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close connections and remove temporary files."""
        if self._client:
            self._client.close()
        if self._directory:
            self._directory.cleanup()

    def get(self, url: str) -> Resource:
        """Return the file at a URL. Raises `ProblemsError`."""
        resource = self.find(url)
        if resource is None:
            raise failure(url, "there is no such file")
        return resource

    def find(self, url: str, max_bytes: int = MAX_BYTES) -> Resource | None:
        """Return the file at a URL, None if there is none. Raises `ProblemsError` for any other failure."""
        url = url.partition("#")[0]
        if url not in self._got:
            self._got[url] = self._fetch(url, max_bytes) if has_http(url) else self._local(url)
        return self._got[url]

    def read(self, url: str) -> bytes:
        """Return the content of a metadata document. Raises `ProblemsError`."""
        resource = self.find(url, MAX_DOCUMENT_BYTES)
        if resource is None:
            raise failure(url, "there is no such document")
        return self.content(resource)

    @staticmethod
    def content(resource: Resource) -> bytes:
        """Return the content of a document that has been got. Raises `ProblemsError`."""
        with resource.open() as stream:
            return stream.read(MAX_DOCUMENT_BYTES + 1)

    @staticmethod
    def _local(url: str) -> Resource | None:
        path = local_path(url)
        if path is None:
            message = "is neither a file of this machine nor an http or https URL"
            raise failure(url, message)
        try:
            if not path.exists():
                return None
            if not stat.S_ISREG(path.stat().st_mode):
                raise failure(url, "is not a file that can be read more than once")
            return Resource(url, path)
        except (OSError, ValueError) as error:
            raise failure(url, f"cannot be read: {error}") from None

    def _fetch(self, url: str, max_bytes: int) -> Resource | None:
        """Fetch a URL into a temporary file."""
        import httpx  # a fifth of a second, which runs over local files need not spend

        if self._client is None:
            self._client = httpx.Client(
                follow_redirects=True,
                max_redirects=MAX_REDIRECTS,
                timeout=TIMEOUT_S,
                headers={"Accept": "text/csv, application/csvm+json, application/ld+json, application/json, */*;q=0.1"},
            )
        try:
            with self._client.stream("GET", url) as response:
                if response.status_code in (404, 410):
                    return None
                if response.status_code >= 400:
                    raise failure(url, f"the server answered {response.status_code} {response.reason_phrase}")
                return self._save(url, response, max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise failure(url, f"cannot be fetched: {error or type(error).__name__}") from None

    def _save(self, url: str, response: httpx.Response, max_bytes: int) -> Resource:
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="dwpld-")
        path = Path(self._directory.name) / str(len(self._got))
        size = 0
        with path.open("wb") as stream:
            for block in response.iter_bytes(1 << 20):
                size += len(block)
                if size > max_bytes:
                    raise failure(url, f"is larger than {max_bytes} bytes")
                if time.monotonic() - self.started_s > DEADLINE_S:
                    raise failure(url, f"could not be fetched within {DEADLINE_S:.0f} seconds")
                stream.write(block)
        return describe(url, path, response.headers)


def describe(url: str, path: Path, headers: httpx.Headers) -> Resource:
    """Return a fetched file with what its headers say (Tabular Data Model §5.2 and §6.1)."""
    content_type = headers.get("content-type", "")
    parameters = {m[1].lower(): m[2] or m[3] for m in _PARAMETER.finditer(content_type)}
    charset, language = parameters.get("charset"), headers.get("content-language", "")
    return Resource(
        url,
        path,
        content_type.partition(";")[0].strip().lower(),
        charset if charset and is_text_encoding(charset) else None,
        parameters.get("header", "").lower() == "absent",
        language if language and "," not in language else None,
        metadata_links(headers.get_list("link")),
    )


def metadata_links(values: list[str]) -> tuple[str, ...]:
    """Return the targets of Link headers that point to metadata, the last first (§5.2)."""
    found = []
    for target, rest in (match.groups() for value in values for match in _LINK.finditer(value)):
        parameters = {m[1].lower(): m[2] or m[3] for m in _PARAMETER.finditer(rest)}
        if "describedby" in parameters.get("rel", "").lower().split() and parameters.get("type") in _METADATA_TYPES:
            found.append(target)
    return tuple(reversed(found))


def is_remote_to_local(base: str, url: str) -> bool:
    """Say whether a document from the network refers to a file of this machine, which it must not."""
    return has_http(base) and has_scheme(url) and not has_http(url)
