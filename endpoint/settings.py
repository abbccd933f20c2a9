"""What can be set when a server is started; documented in docs/endpoint.md."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from endpoint.cubes.engine import DUCKDB, engine_named
from endpoint.services import Services, listed
from loader.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from endpoint.cubes.engine import OpenEngine
    from endpoint.source import OpenStore

PREFIX: Final = "DWPLD_"
COMMAND_LINE: Final = frozenset({"release", "engine", "spark_master", "store"})
"""Settings that the command line takes, and looks for in the environment itself."""
LOOPBACK: Final = "loopback"
CHOICES: Final = {"metrics": (LOOPBACK, "any", "off"), "log_clients": ("none", "hash", "address")}
MAY_BE_ZERO: Final = frozenset({"servers", "workers", "cache_bytes", "slow_s"})

LISTS: Final = frozenset({"services", "services_inside"})
"""Lists that may be in files."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one server. Everything else is a constant beside the code that uses it."""

    release: Path
    """A release directory, or a link to one such as `build/current`, which is followed when it moves."""
    title: str = "DWP linked data"
    """Name of the site, in the header and the title of every page."""
    statement: str = "An independent publication of data published by the Department for Work and Pensions."
    """Who publishes the site, in the footer of every page."""
    contact: str = ""
    """Email address of whoever runs the site, for datasets that name nobody to ask; `--contact` on the command line."""
    max_query_bytes: int = 262_144
    """Longest query text accepted, in bytes of UTF-8; a longer one is refused with 413."""
    html_rows: int = 1_000
    """Most rows of a query result shown on its HTML page, which says so."""
    engine: str = DUCKDB
    """What runs the SQL about cubes: `duckdb` or `spark`."""
    spark_master: str = ""
    """Address of the Spark cluster; empty for what Spark's own configuration names."""
    store: str = ""
    """Address of a SPARQL store that holds every triple of the release; empty for what the release has itself."""
    servers: int = 0
    """Processes that answer requests; 0 for one for each processor, up to four."""
    workers: int = 0
    """Processes that answer queries; 0 for one more than there are processors."""
    timeout_s: float = 10.0
    """Longest time one query may take once it has begun; then it is stopped, with 503."""
    long_s: float = 0.5
    """Time of a processor after which a query is long, and steps aside for others."""
    long_queries: int = 4
    """Long queries answered beside the others; more are stopped when others wait."""
    max_memory_bytes: int = 1_073_741_824
    """Most memory one query may take; beyond it the query ends with 400."""
    max_rows: int = 100_000
    """Most rows or triples of a result; more are cut off, which the answer says, or refused with 400."""
    max_waiting: int = 64
    """Queries that may wait for a worker; more are refused with 503."""
    max_waiting_each: int = 16
    """Queries of one client that may wait; more are refused with 429."""
    max_wait_s: float = 30.0
    """Longest time a query may wait; then it is refused with 503."""
    cache_bytes: int = 67_108_864
    """Memory for answers that are kept until another release is served; 0 for none."""
    metrics: str = LOOPBACK
    """Who is told `/metrics`: `loopback` for this machine, `any` for everybody, `off` for nobody."""
    query_log: str = ""
    """Where each query is logged: a file, `stderr`, or empty for nowhere."""
    log_clients: str = "none"
    """What the log says of clients: `none`, `hash` for a number that changes each day, or `address`."""
    slow_s: float = 5.0
    """Time from which a query is logged as slow, whatever `query_log` says; 0 for never."""

    services: str = ""
    """Exact addresses of other services that queries may call, separated by space; empty for none."""
    services_inside: str = ""
    """Those of them that may be at an address that is not of the public internet."""
    max_service_rows: int = 10_000
    """Most solutions that another service may give for its part of a query."""

    @property
    def allowed(self) -> Services:
        """The services that queries may call. Raises MisuseError if one cannot be."""
        return Services.of(self.services, self.services_inside)

    @property
    def patience_s(self) -> int:
        """Longest time for queries to end that run when a server is told to end."""
        return math.ceil(self.timeout_s) + 2

    @property
    def open_engine(self) -> OpenEngine:
        """What opens the columns of a release."""
        return engine_named(self.engine, self.spark_master or None)

    @property
    def open_store(self) -> OpenStore | None:
        """What opens a release in a store elsewhere; None if it is to be had from the release itself."""
        if not self.store:
            return None
        from endpoint.remote import Remote  # and an HTTP client with it

        return Remote(self.store, self.timeout_s, self.max_rows).open


def from_environment(release: Path, environment: Mapping[str, str]) -> Settings:
    """Read what has no option of `serve` from `DWPLD_` and its name in capitals. Raises MisuseError if it cannot be."""
    found: dict[str, str | float] = {}
    for setting in fields(Settings):
        name = f"{PREFIX}{setting.name.upper()}"
        if setting.name not in COMMAND_LINE and name in environment:
            found[setting.name] = _value(setting.name, environment[name], setting.default)
    settings = replace(Settings(release), **found)  # type: ignore[arg-type]
    Services.of(settings.services, settings.services_inside)  # raises if they are not right
    return settings


def _value(name: str, text: str, default: object) -> str | float:
    shown = f"{PREFIX}{name.upper()}={text[:40]}"
    if isinstance(default, str):
        if text not in CHOICES.get(name, (text,)):
            message = f"{shown} is none of {', '.join(CHOICES[name])}"
            raise MisuseError(message)
        return listed(text) if name in LISTS else text
    is_whole = isinstance(default, int)
    try:
        value = int(text) if is_whole else float(text)
    except ValueError:
        value = -1
    if not (value > 0 or (value == 0 and name in MAY_BE_ZERO)) or value == float("inf"):
        message = f"{shown} is not a {'whole ' if is_whole else ''}number greater than 0"
        raise MisuseError(message)
    return value
