"""`/health` and `/metrics`: what watches over the server asks. Neither is ever cached."""

from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from endpoint.problems import not_found
from endpoint.settings import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from endpoint.serving import Shelf
    from endpoint.settings import Settings
    from endpoint.workers import Workers

HEALTH: Final = "/health"
LIVE: Final = "/health/live"
METRICS: Final = "/metrics"
PASSED_ON: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""Headers of requests that a proxy passes on: the client is not who is connected."""
NO_STORE: Final = {"Cache-Control": "no-store"}


async def health_answer(shelf: Shelf, workers: Workers, servers: Mapping[str, int]) -> Response:
    """Tell whether queries can be answered: 200, or 503 as long as no worker has the release open."""
    release = (await shelf.latest()).release
    alive = len(workers.pids)
    age = datetime.now(UTC) - datetime.fromisoformat(release.manifest.created).replace(tzinfo=UTC)
    said = {
        "status": "ready" if alive else "starting",
        "release": release.id,
        "release_created": release.manifest.created,
        "release_age_s": int(age.total_seconds()),
        "release_refused": shelf.refused.name if shelf.refused else None,
        "servers": servers,
        "workers": {"wanted": workers.count, "alive": alive, "busy": workers.busy},
        "queries_waiting": workers.admission.waiting,
    }
    return _said(said, HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE)


def live_answer() -> Response:
    """Tell that the process answers, whatever else."""
    return _said({"status": "live"}, HTTPStatus.OK)


def _said(document: object, status: HTTPStatus) -> Response:
    return Response(json.dumps(document) + "\n", status, NO_STORE, "application/json")


def check_metrics(request: Request, settings: Settings) -> None:
    """Raise RequestError, as if there were no metrics, unless the settings say that the client is given them."""
    if settings.metrics == "off" or (settings.metrics == LOOPBACK and not is_local(request)):
        raise not_found(METRICS)


def is_local(request: Request) -> bool:
    """Tell whether a request was made on this machine, and not passed on by a proxy."""
    host = request.client.host if request.client else ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
    return is_loopback and not any(name in request.headers for name in PASSED_ON)
