"""GET /healthz, /readyz and /metrics: alive, ready, and the numbers."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from bot import app_keys
from bot.domain.deliveries import WANTED_WITHIN
from bot.observability.metrics import FORECAST_SECONDS, WORKERS
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

CHECK_S = 2.0
WORKER_STATES = ("loading", "ready", "unavailable", "draining", "failed")


async def healthz(_: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """200 where a message sent now would be answered; else 503 and the part that is missing.

    Redis is a convenience: without it the bot stays ready, and says so. Without Redis the workers
    cannot be seen, so only the rest decides.
    """
    app = request.app
    registry = app[app_keys.WORKERS]
    with contextlib.suppress(TimeoutError):
        await run_with_timeout(CHECK_S, registry.refresh())
    parts = {
        "postgres": await _postgres(app),
        "redis": await _redis(app),
        "worker": _worker(app),
    }
    ready = parts["postgres"]["ok"] and (parts["worker"]["ok"] or registry.workers is None)
    return web.json_response(
        {"status": "ready" if ready else "not ready", "parts": parts},
        status=200 if ready else 503,
    )


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    workers = request.app[app_keys.WORKERS].workers or []
    for state in WORKER_STATES:
        WORKERS.labels(state).set(sum(worker.state == state for worker in workers))
    now = datetime.now(UTC)
    FORECAST_SECONDS.set(request.app[app_keys.FORECAST].answered_in_s(now + WANTED_WITHIN))
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _postgres(app: web.Application) -> dict[str, Any]:
    try:
        behind = await run_with_timeout(CHECK_S, app[app_keys.SCHEMA].is_behind())
    except DATABASE_ERRORS:
        return {"ok": False, "detail": "Postgres cannot be reached"}
    if behind:
        return {"ok": False, "detail": "the schema is old: run python -m bot migrate"}
    return {"ok": True}


async def _redis(app: web.Application) -> dict[str, Any]:
    try:
        await run_with_timeout(CHECK_S, _ping(app))
    except (RedisError, OSError, TimeoutError):
        return {"ok": False, "detail": "Valkey/Redis cannot be reached: slower, nothing is lost"}
    return {"ok": True}


async def _ping(app: web.Application) -> None:
    await app[app_keys.REDIS].ping()


def _worker(app: web.Application) -> dict[str, Any]:
    registry = app[app_keys.WORKERS]
    if registry.workers is None:
        return {"ok": False, "detail": "unknown while Valkey/Redis is gone"}
    if not registry.workers:
        return {"ok": False, "detail": "no worker is running"}
    best = (registry.ready or registry.workers)[0]
    return {
        "ok": best.state == "ready",
        "state": best.state,
        "detail": best.detail,
        "model": best.model,
        "demo": best.demo,
        "count": len(registry.workers),
    }
