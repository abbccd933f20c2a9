"""What can be set when a server is started; documented in docs/endpoint.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from endpoint.cubes.engine import DuckEngine

if TYPE_CHECKING:
    from pathlib import Path

    from endpoint.cubes.engine import OpenEngine


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one server. Everything else is a constant beside the code that uses it."""

    release: Path
    """A release directory, or a link to one such as `build/current`, which is followed when it moves."""
    title: str = "DWP linked data"
    """Name of the site, in the header and the title of every page."""
    statement: str = "An independent publication of data published by the Department for Work and Pensions."
    """Who publishes the site, in the footer of every page."""
    contact: str | None = None
    """Email address of whoever runs the site, for datasets that name nobody to ask; `--contact` on the command line."""
    max_query_bytes: int = 262_144
    """Longest query text accepted, in bytes of UTF-8; a longer one is refused with 413."""
    query_threads: int = 4
    """Queries answered at the same time; others wait."""
    html_rows: int = 1_000
    """Most rows of a query result shown on its HTML page, which says so; other formats give every row."""
    open_engine: OpenEngine = DuckEngine
    """What runs the SQL about cubes; `--engine` on the command line."""
