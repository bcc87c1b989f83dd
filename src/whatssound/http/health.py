"""/healthz, /readyz, /metrics: for whoever keeps this running."""

from typing import Any, Final

from litestar import Response, Router, get, route
from prometheus_client import CONTENT_TYPE_LATEST

from whatssound.http import problems
from whatssound.http.services import Given
from whatssound.wire.errors import Refusal

_NO_STORE: Final = {"Cache-Control": "no-store"}


@route("/healthz", http_method=["GET", "HEAD"], media_type="application/json")
async def healthz() -> Response[Any]:
    """The process is alive."""
    return Response({"status": "ok"}, headers=_NO_STORE)


@get("/readyz", responses=problems.responses("unavailable"))
async def readyz(given: Given) -> Response[dict[str, Any]]:
    """The server may get traffic; otherwise `details.reasons` says why not.

    `missing` names processes that are being started again; the others do their work meanwhile.
    """
    reasons = list(await given.not_ready())
    if reasons:
        raise Refusal(
            "unavailable", f"Not ready: {'; '.join(reasons)}.", retry_after_ms=1_000, details={"reasons": reasons}
        )
    missing = list(given.missing())
    return Response({"status": "ready", **({"missing": missing} if missing else {})}, headers=_NO_STORE)


@get("/metrics", media_type=CONTENT_TYPE_LATEST)
async def metrics(given: Given) -> Response[bytes]:
    """Figures for Prometheus."""
    return Response(await given.metrics(), headers=_NO_STORE, media_type=CONTENT_TYPE_LATEST)


def router() -> Router:
    """The routes."""
    return Router("/", route_handlers=[healthz, readyz, metrics], tags=["Running it"])
