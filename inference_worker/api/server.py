"""The HTTP server of the endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from inference_worker.api.access import check_access
from inference_worker.api.body import MAX_BODY_BYTES
from inference_worker.api.errors import errors_as_json
from inference_worker.api.routes import Routes, Served
from inference_worker.status_server import CannotListenError
from runtime.http_server import CONNECTION_SETTINGS, discard_unread_bodies
from runtime.listening import cannot_listen

#: Method, path and handler of each route.
ROUTES = (
    ("GET", "/v1/models", Routes.models),
    ("GET", "/v1/models/{model:.+}", Routes.model),
    ("POST", "/v1/chat/completions", Routes.chat),
    ("POST", "/v1/completions", Routes.completions),
)


@asynccontextmanager
async def api_server(
    served: Served, *, host: str, port: int, keys: Sequence[str]
) -> AsyncIterator[int]:
    """Answer while the body runs; the port, for a ``port`` of 0 one that is free.

    A client that goes away ends its handler, and with it the generation. Raises CannotListenError.
    """
    runner = web.AppRunner(
        _app(served, keys), access_log=None, shutdown_timeout=1.0, handler_cancellation=True
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            sentence = cannot_listen(host, port, error, prefix="WORKER_API_")
            raise CannotListenError(sentence) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _app(served: Served, keys: Sequence[str]) -> web.Application:
    app = web.Application(
        middlewares=[discard_unread_bodies, errors_as_json, _keyed(keys)],
        client_max_size=MAX_BODY_BYTES,
        handler_args=CONNECTION_SETTINGS,
    )
    routes = Routes(served)
    for method, path, handler in ROUTES:
        app.router.add_route(method, path, partial(handler, routes))
    return app


def _keyed(keys: Sequence[str]) -> Middleware:
    @web.middleware
    async def keyed(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_access(request, keys)
        return await handler(request)

    return keyed
