"""GET /healthz, /readyz and /metrics: liveness, readiness, metrics."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.admission.forecast import Forecast
from bot.domain.deliveries import WANTED_WITHIN
from bot.observability.metrics import FORECAST_SECONDS, WORKERS
from bot.store.migrations import SchemaCheck
from bot.workers import WorkerRegistry
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

CHECK_S = 2.0
WORKER_STATES = ("loading", "ready", "unavailable", "draining", "failed")


class Health:
    """The endpoints for supervisors and Prometheus."""

    def __init__(
        self, *, redis: Redis, schema: SchemaCheck, workers: WorkerRegistry, forecast: Forecast
    ) -> None:
        self._redis = redis
        self._schema = schema
        self._workers = workers
        self._forecast = forecast

    def routes(self) -> list[web.RouteDef]:
        """The three routes."""
        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        ]

    async def healthz(self, _: web.Request) -> web.Response:
        """200 while the process responds."""
        return web.json_response({"status": "alive"})

    async def readyz(self, _: web.Request) -> web.Response:
        """200 if a message received now would be answered; else 503 with the missing part.

        Redis is optional: without it the bot stays ready, and the response reports it. The workers
        are unknown then, so only Postgres decides.
        """
        with contextlib.suppress(TimeoutError):
            await run_with_timeout(CHECK_S, self._workers.refresh())
        components = {
            "postgres": await self._postgres(),
            "redis": await self._ping(),
            "worker": self._worker(),
        }
        served = components["worker"]["ok"] or self._workers.workers is None
        ready = components["postgres"]["ok"] and served
        return web.json_response(
            {"status": "ready" if ready else "not ready", "parts": components},
            status=200 if ready else 503,
        )

    async def metrics(self, _: web.Request) -> web.Response:
        """The metrics in Prometheus' text format."""
        workers = self._workers.workers or []
        for state in WORKER_STATES:
            WORKERS.labels(state).set(sum(worker.state == state for worker in workers))
        now = datetime.now(UTC)
        FORECAST_SECONDS.set(self._forecast.answered_in_s(now + WANTED_WITHIN))
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _postgres(self) -> dict[str, Any]:
        try:
            behind = await run_with_timeout(CHECK_S, self._schema.is_behind())
        except DATABASE_ERRORS:
            return {"ok": False, "detail": "Postgres cannot be reached"}
        if behind:
            return {"ok": False, "detail": "the schema is old: run python -m bot migrate"}
        return {"ok": True}

    async def _ping(self) -> dict[str, Any]:
        async def ping() -> None:
            await self._redis.ping()

        try:
            await run_with_timeout(CHECK_S, ping())
        except (RedisError, OSError, TimeoutError):
            detail = "Valkey/Redis cannot be reached: slower, nothing is lost"
            return {"ok": False, "detail": detail}
        return {"ok": True}

    def _worker(self) -> dict[str, Any]:
        workers = self._workers.workers
        if workers is None:
            return {"ok": False, "detail": "unknown while Valkey/Redis is gone"}
        if not workers:
            return {"ok": False, "detail": "no worker is running"}
        best = (self._workers.ready or workers)[0]
        return {
            "ok": best.state == "ready",
            "state": best.state,
            "detail": best.detail,
            "model": best.model,
            "demo": best.demo,
            "count": len(workers),
        }
