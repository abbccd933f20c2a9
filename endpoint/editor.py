"""What the page of the query service shows around a query: its script, examples, limits, and ways to use the result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from endpoint.answers import software
from endpoint.catalogue import CODE_LIST, Example, examples, examples_of
from endpoint.guard import MAX_NESTING

if TYPE_CHECKING:
    from endpoint.serving import Serving
    from endpoint.settings import Settings

SCRIPT: Final = "sparql.js"
STYLE_SHEET: Final = "sparql.css"
LONGEST_ADDRESS: Final = 8_000
"""Longest address that every server and cache on the way can be expected to take (RFC 9110 §4.1), in characters."""


@dataclass(frozen=True, slots=True)
class ExampleGroup:
    """Example queries about one subject."""

    title: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound that queries meet, as people are told of it."""

    name: str
    value: str


def example_groups(serving: Serving) -> list[ExampleGroup]:
    """Give the examples over all datasets, then those of each dataset."""
    folders = [folder for folder in serving.release.manifest.folders if folder.kind != CODE_LIST]
    folders.sort(key=lambda folder: folder.title.casefold())
    of_datasets = [ExampleGroup(folder.title, tuple(examples_of(serving, folder.name))) for folder in folders]
    return [group for group in (ExampleGroup("All datasets", examples()), *of_datasets) if group.examples]


def limits(settings: Settings) -> tuple[Limit, ...]:
    """State the limits of the query service."""
    return (
        Limit("Length of a query", f"{settings.max_query_bytes:,} bytes"),
        Limit("Levels of nesting", f"{MAX_NESTING}"),
        Limit("Time for a query", f"{settings.timeout_s:g} seconds"),
        Limit("Memory for a query", f"{settings.max_memory_bytes / 2**20:,.0f} MiB"),
        Limit("Rows or triples of a result", f"{settings.max_rows:,}"),
        Limit("Rows shown on this page", f"{settings.html_rows:,}"),
        Limit("Length of an address that holds a query", f"{LONGEST_ADDRESS:,} characters; longer queries go by POST"),
    )


def shared_link(path: str, query: str) -> str | None:
    """Give the address that leads to a query; None if it would be too long."""
    address = f"{path}?{urlencode({'query': query})}"
    return address if len(address) <= LONGEST_ADDRESS else None


@cache
def assets() -> dict[str, str]:
    """Give the addresses of the editor's script and style sheet; empty if they were not built."""
    static = resources.files("endpoint").joinpath("static")
    if not all(static.joinpath(name).is_file() for name in (SCRIPT, STYLE_SHEET)):
        return {}
    return {
        "editor_script": f"/assets/{SCRIPT}?v={software()}",
        "editor_style_sheet": f"/assets/{STYLE_SHEET}?v={software()}",
    }
