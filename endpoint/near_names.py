"""Names of this site in a query that a release does not have, and those near them: why nothing may have been found."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from endpoint.guard import tokenise
from endpoint.site import node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from endpoint.serving import Serving

HEADER: Final = "X-SPARQL-Hint"
MOST_NAMES: Final = 50
"""Most names of a query that are looked up."""
MOST: Final = 3
"""Most names that are said to be missing, and most that are near to one."""
CUTOFF: Final = 0.75


def hint(text: str, serving: Serving) -> str:
    """Say which names of ours in a query are not in the release, and what is near them; empty if all are."""
    names = list(dict.fromkeys(_own(text, serving.site.base)))[:MOST_NAMES]
    graphs = {folder.graph for folder in serving.release.manifest.folders}
    missing = [iri for iri in names if iri not in graphs and not _is_known(iri, serving)]
    return ". ".join(_said(iri, serving) for iri in missing[:MOST])


def header(said: str) -> dict[str, str]:
    """Give the header that says it."""
    return {HEADER: said.encode("ascii", "backslashreplace").decode()} if said else {}


def _is_known(iri: str, serving: Serving) -> bool:
    found = node(iri)
    return found is None or serving.source.has(found)


def _said(iri: str, serving: Serving) -> str:
    near = near_names(iri, (term.iri for term in serving.terms.terms))
    more = f"; near it: {', '.join(f'<{one}>' for one in near)}" if near else ""
    return f"<{iri}> is not in this release{more}"


def near_names(iri: str, known: Iterable[str]) -> list[str]:
    """Give names that differ little from one: in the last part, or in what is before it."""
    start, _, last = iri.rpartition("/")
    others = {other for other in known if other != iri}
    beside = {other.rpartition("/")[2]: other for other in others if other.rpartition("/")[0] == start}
    near = [beside[name] for name in get_close_matches(last, sorted(beside), MOST, CUTOFF)]
    elsewhere = sorted(other for other in others if other.rpartition("/")[2] == last)
    return list(dict.fromkeys([*near, *elsewhere]))[:MOST]


def _own(text: str, base: str) -> Iterator[str]:
    """Give the IRIs below a base that a query names in its patterns."""
    prefixes: dict[str, str] = {}
    declared = ""
    against = f"{base}/"
    tokens = list(tokenise(text))
    for before, token in zip([None, *tokens], tokens, strict=False):
        word = before.text.upper() if before is not None and before.kind == "word" else ""
        if token.kind == "name" and word == "PREFIX":
            declared = token.text.partition(":")[0]
            continue
        iri = _iri(token.kind, token.text, prefixes, against)
        if word == "BASE":
            against = iri
        elif before is not None and before.kind == "name" and declared == before.text[:-1] and declared not in prefixes:
            prefixes[declared] = iri
        elif iri.startswith(f"{base}/"):
            yield iri


def _iri(kind: str, text: str, prefixes: dict[str, str], base: str) -> str:
    if kind == "iri":
        return urljoin(base, text[1:-1])
    prefix, _, name = text.partition(":")
    return prefixes[prefix] + name.replace("\\", "") if kind == "name" and prefix in prefixes else ""
