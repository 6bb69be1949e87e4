"""GET /healthz and /metrics of a worker, for its supervisor and for Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from inference_queue.worker_registry import WorkerState
from inference_worker.metrics import (
    API_REQUESTS,
    BATCH_SIZE,
    ENGINE_WAITING,
    KV_BUDGET_TOKENS,
    KV_TOKENS,
    REUSED_TOKENS,
    STALLED_SECONDS,
)
from inference_worker.worker import Worker
from runtime.http_server import (
    CONNECTION_SETTINGS,
    discard_unread_bodies,
    refuse_costly_requests,
)
from runtime.listening import cannot_listen


class CannotListenError(Exception):
    """The port cannot be bound; the text says what to do."""


@asynccontextmanager
async def status_server(worker: Worker, host: str, port: int) -> AsyncIterator[int]:
    """Answer while the body runs; the port, for a ``port`` of 0 one that is free.

    Raises CannotListenError.
    """
    status = _Status(worker)
    app = web.Application(
        middlewares=[discard_unread_bodies, refuse_costly_requests],
        handler_args=CONNECTION_SETTINGS,
    )
    app.add_routes([web.get("/healthz", status.healthz), web.get("/metrics", status.metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise CannotListenError(cannot_listen(host, port, error, prefix="WORKER_")) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


class _Status:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def healthz(self, _: web.Request) -> web.Response:
        """200 unless only a new process, or an operator, can help; with what the worker does."""
        status = self._worker.status()
        alive = status.state is not WorkerState.FAILED and not self._worker.is_stuck
        body = {
            "status": "alive" if alive else "failed",
            "state": status.state,
            "detail": status.detail,
            "model": status.model,
            "vision": status.vision,
            "busy": status.busy,
            "slots": status.slots,
        }
        return web.json_response(body, status=200 if alive else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        """Prometheus' text format."""
        usage = self._worker.usage
        BATCH_SIZE.set(usage.running)
        ENGINE_WAITING.set(usage.waiting)
        requests = self._worker.served.slots
        API_REQUESTS.labels("running").set(len(requests))
        API_REQUESTS.labels("waiting").set(requests.waiting)
        KV_TOKENS.labels("running").set(usage.held_tokens)
        KV_TOKENS.labels("kept").set(usage.kept_tokens)
        KV_BUDGET_TOKENS.set(usage.budget_tokens)
        REUSED_TOKENS.set(usage.reused_tokens)
        STALLED_SECONDS.set(usage.stalled_s)
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
