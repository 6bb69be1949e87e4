"""The simulator: a page that plays the messengers, mounted at ``/simulator``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from bot.simulator.event_stream import stream_events
from bot.simulator.messages import SESSIONS, find_session
from bot.simulator.pane import PaneFactory, SimulatorPane
from bot.simulator.protection import (
    local_hosts_only,
    long_names_not_found,
    require_same_origin,
    set_headers,
)
from bot.simulator.sessions import MAX_MESSAGE_CHARS, Sessions
from bot.simulator.webhook_client import WebhookClient

PANES = web.AppKey("PANES", tuple[SimulatorPane, ...])

_HERE = Path(__file__).parent


def create_simulator(pane_factories: Sequence[PaneFactory]) -> web.Application:
    """The sub-application for ``/simulator``, with one pane per messenger."""
    client = WebhookClient()
    app = web.Application(middlewares=[local_hosts_only, long_names_not_found])
    app[PANES] = tuple(create(client) for create in pane_factories)
    app[SESSIONS] = Sessions()
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    _add_routes(app)
    app.on_response_prepare.append(set_headers)
    app.on_shutdown.append(_close_sessions)
    app.cleanup_ctx.append(_open(client))
    return app


def _add_routes(app: web.Application) -> None:
    app.router.add_get("", show_page)
    app.router.add_get("/", show_page)
    app.router.add_get("/events", stream_events, name="events")
    app.router.add_post("/reset", reset, name="reset")
    app.router.add_static("/static", _HERE / "static", name="static")
    for pane in app[PANES]:
        app.router.add_routes(pane.routes())


def _open(client: WebhookClient) -> Callable[[web.Application], AsyncIterator[None]]:
    async def while_running(_app: web.Application) -> AsyncIterator[None]:
        async with client:
            yield

    return while_running


async def _close_sessions(app: web.Application) -> None:
    app[SESSIONS].close()


@aiohttp_jinja2.template("simulator.html")
async def show_page(request: web.Request) -> dict[str, object]:
    """The page. It carries no message: those come as events."""
    panes = request.app[PANES]
    context: dict[str, object] = {"message_chars": MAX_MESSAGE_CHARS}
    for pane in panes:
        context |= pane.page_context
    return context | {"panes": [pane.name for pane in panes]}


async def reset(request: web.Request) -> web.Response:
    """End this session: the next one is a new person to the bot."""
    require_same_origin(request)
    if session := find_session(request):
        request.app[SESSIONS].end(session)
    return web.Response(status=204)
