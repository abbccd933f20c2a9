"""Resolving, comparing and showing IRIs (RFC 3986 §5 and §6, RFC 3987)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Schemes whose URLs have no "//". Any other "word:rest" is more likely a mistyped prefix than a URL.
_FLAT_SCHEMES: Final = frozenset({"data", "doi", "info", "mailto", "ni", "tag", "tel", "urn"})
_PARTS: Final = re.compile(
    r"(?P<scheme>[^:/?#]+:)?(?P<authority>//[^/?#]*)?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?", re.DOTALL
)
_NOT_IN_IRI: Final = re.compile(r'[\x00-\x20<>"{}|\\^`\ud800-\udfff]')
_ESCAPED_UNRESERVED: Final = re.compile(r"%([46][1-9A-Fa-f]|[57][0-9Aa]|3[0-9]|2[DdEe]|5[Ff]|7[Ee])")
_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ftp": 21}


def has_scheme(text: str) -> bool:
    """Say whether a reference is not relative."""
    return _SCHEME.match(text) is not None


def is_absolute(text: str) -> bool:
    """Say whether `text` is an absolute URL, as people write them."""
    if not _SCHEME.match(text) or _NOT_IN_IRI.search(text):
        return False
    scheme, _, rest = text.partition(":")
    return bool(rest) and (rest.startswith("//") or scheme.lower() in _FLAT_SCHEMES)


def resolve(base: str, reference: str) -> str:
    """Resolve a reference against a base URL (RFC 3986 §5.2); one with a scheme is kept as written."""
    if not reference:
        return base.partition("#")[0]
    if has_scheme(reference):
        return reference
    if reference.startswith("#"):
        return base.partition("#")[0] + reference
    parts, other = _match(base), _match(reference)
    authority, path, query = parts["authority"], other["path"], other["query"] or ""
    if other["authority"] is not None:
        authority, path = other["authority"], remove_dot_segments(path)
    elif not path:
        path = parts["path"]
    elif path.startswith("/"):
        path = remove_dot_segments(path)
    else:
        directory = parts["path"].rpartition("/")[0] + "/" if "/" in parts["path"] or authority else ""
        path = remove_dot_segments(directory + path)
    return f"{parts['scheme'] or ''}{authority or ''}{path}{query}{other['fragment'] or ''}"


def _match(url: str) -> re.Match[str]:
    """Cut a URL into its parts, delimiters included (RFC 3986, appendix B)."""
    match = _PARTS.fullmatch(url)
    assert match
    return match


def remove_dot_segments(path: str) -> str:
    """Resolve "." and ".." (RFC 3986 §5.2.4); empty segments stay."""
    if "/." not in path and not path.startswith("."):
        return path
    result: list[str] = []
    *before, last = path.split("/")
    for segment in before:
        if segment == ".." and len(result) > 1:
            result.pop()
        elif segment not in (".", ".."):
            result.append(segment)
    if last == ".." and len(result) > 1:
        result.pop()
    return "/".join([*result, "" if last in (".", "..") else last])


def escape(iri: str) -> str:
    """Percent-encode what may not stand between angle brackets in N-Triples."""
    if not _NOT_IN_IRI.search(iri):
        return iri
    return _NOT_IN_IRI.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode("utf-8", "replace")), iri)


def is_iri(text: str) -> bool:
    """Say whether a text is an absolute IRI, once what may not stand in one is percent-encoded."""
    import pyoxigraph as ox

    try:
        ox.NamedNode(escape(text))
    except ValueError:
        return False
    return True


def normalize(url: str) -> str:
    """Return the form in which URLs are compared (Tabular Data Model §6.3): case, escapes, dots, default port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or "") + (f":{port}" if port and port != _DEFAULT_PORTS.get(parts.scheme) else "")
    user = parts.netloc.rpartition("@")[0]
    netloc = f"{user}@{host}" if user else host
    path = _ESCAPED_UNRESERVED.sub(lambda m: chr(int(m[1], 16)), parts.path)
    path = remove_dot_segments(_ESCAPE.sub(lambda m: m[0].upper(), path)) or ("/" if netloc else "")
    return urlunsplit((parts.scheme.lower(), netloc, path, parts.query, ""))


def local_path(url: str) -> Path | None:
    """Return the path of a file URL of this machine, None for any other URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    return Path(url2pathname(unquote(parts.path, errors="surrogateescape")))


def shown(source: str | Path) -> str:
    """Return a file or URL as people want to read it: a file below the working directory relative to it."""
    path = source if isinstance(source, Path) else local_path(source)
    if path is None:
        return str(source)
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
