"""GET /healthz, /readyz and /metrics: liveness, readiness, metrics."""

from __future__ import annotations

import asyncio
import contextlib
import math
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.admission.forecast import Forecast
from bot.domain.deliveries import WANTED_WITHIN
from bot.observability.metrics import FORECAST_SECONDS, MODEL_READY, WORKERS
from bot.store.migrations import ReadOnlyError, SchemaCheck, SchemaState
from bot.workers import WorkerRegistry
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

CHECK_S = 2.0
_UNUSABLE = {
    SchemaState.BEHIND: "the schema is old: run python -m bot migrate",
    SchemaState.INCOMPATIBLE: "the schema is too new for this version: run the newer version",
    SchemaState.FOREIGN: "the database is another program's: give the bot one of its own",
}
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
        self._look: asyncio.Task[dict[str, dict[str, Any]]] | None = None

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

    async def readyz(self, request: web.Request) -> web.Response:
        """200 if a message received now would be kept and its answer delivered; else 503.

        The model is not asked for: without it people still hear that their question is kept. Its
        state is in the body, and ``?model=1`` makes a missing one a 503, too. Redis is optional;
        without it the workers are unknown, so only Postgres decides.
        """
        parts = await self._shared_look()
        wants_model = request.query.get("model") == "1"
        served = parts["worker"]["ok"] or self._workers.workers is None
        ready = parts["postgres"]["ok"] and (served or not wants_model)
        return web.json_response(
            {"status": "ready" if ready else "not ready", "parts": parts},
            status=200 if ready else 503,
        )

    async def metrics(self, _: web.Request) -> web.Response:
        """The metrics in Prometheus' text format."""
        workers = self._workers.workers or []
        for state in WORKER_STATES:
            WORKERS.labels(state).set(sum(worker.state == state for worker in workers))
        now = datetime.now(UTC)
        known = self._workers.workers is not None
        MODEL_READY.set(float(bool(self._workers.ready)) if known else math.nan)
        FORECAST_SECONDS.set(self._forecast.answered_in_s(now + WANTED_WITHIN))
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _shared_look(self) -> dict[str, dict[str, Any]]:
        """Each part and how it is; all requests of a moment share one look, and one connection."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_at_parts())
        return await asyncio.shield(self._look)

    async def _look_at_parts(self) -> dict[str, dict[str, Any]]:
        with contextlib.suppress(TimeoutError):
            await run_with_timeout(CHECK_S, self._workers.refresh())
        return {
            "postgres": await self._postgres(),
            "redis": await self._ping(),
            "worker": self._worker(),
        }

    async def _postgres(self) -> dict[str, Any]:
        try:
            state = await run_with_timeout(CHECK_S, self._schema.state())
        except ReadOnlyError:
            return {"ok": False, "detail": "Postgres takes no writes: a standby, or a full disk"}
        except DATABASE_ERRORS:
            return {"ok": False, "detail": "Postgres cannot be reached"}
        if detail := _UNUSABLE.get(state):
            return {"ok": False, "detail": detail}
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
            "vision": self._workers.sees_pictures,
            "count": len(workers),
        }
