"""The simulator: a page that plays the messengers, mounted at ``/simulator``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from bot.http.compiled_templates import COMPILED
from bot.simulator.event_stream import stream_events
from bot.simulator.messages import SESSIONS, find_session
from bot.simulator.model_switch import ModelState, ModelSwitch
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
MODEL_SWITCH = web.AppKey("MODEL_SWITCH", ModelSwitch)

_HERE = Path(__file__).parent
#: What a pane brings beside its ``pane.html``: pane.css, pane.js, and the modules it imports.
PANE_FILE = re.compile(r"[a-z_]{1,40}\.(?:css|js)")


def create_simulator(
    pane_factories: Sequence[PaneFactory], model_switch: ModelSwitch | None = None
) -> web.Application:
    """The sub-application for ``/simulator``, with one pane per messenger."""
    client = WebhookClient()
    app = web.Application(middlewares=[local_hosts_only, long_names_not_found])
    panes: tuple[SimulatorPane, ...] = tuple(create(client) for create in pane_factories)
    app[PANES] = panes
    if model_switch is not None:
        app[MODEL_SWITCH] = model_switch
    app[SESSIONS] = Sessions()
    aiohttp_jinja2.setup(
        app,
        loader=_templates(panes),
        autoescape=True,
        bytecode_cache=COMPILED,
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
    app.router.add_post("/model/{state}", switch_model, name="model")
    app.router.add_static("/static", _HERE / "static", name="static")
    app.router.add_get("/panes/{pane}/{file}", pane_file, name="pane_file")
    for pane in app[PANES]:
        app.router.add_routes(pane.routes())


def _templates(panes: Sequence[SimulatorPane]) -> jinja2.BaseLoader:
    """The page, and each pane's own part of it as ``<name>/pane.html``."""
    parts = {pane.name: jinja2.FileSystemLoader(pane.assets) for pane in panes}
    page = jinja2.FileSystemLoader(_HERE / "templates")
    return jinja2.ChoiceLoader([page, jinja2.PrefixLoader(parts)])


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
    switch = request.app.get(MODEL_SWITCH)
    state = await asyncio.to_thread(lambda: switch.state) if switch else None
    return context | {"panes": [pane.name for pane in panes], "model_state": state}


async def pane_file(request: web.Request) -> web.StreamResponse:
    """A pane's script or style sheet; 404 for anything else."""
    name, file = request.match_info["pane"], request.match_info["file"]
    for pane in request.app[PANES]:
        path = pane.assets / file
        if pane.name == name and PANE_FILE.fullmatch(file) and path.is_file():
            return web.FileResponse(path)
    raise web.HTTPNotFound


async def reset(request: web.Request) -> web.Response:
    """End this session: the next one is a new person to the bot."""
    require_same_origin(request)
    if session := find_session(request):
        request.app[SESSIONS].end(session)
    return web.Response(status=204)


async def switch_model(request: web.Request) -> web.Response:
    """Make the model of this machine work, slow or dead, for everybody.

    404: no such state; 409: the bot was not started by the local run.
    """
    require_same_origin(request)
    try:
        state = ModelState(request.match_info["state"])
    except ValueError:
        raise web.HTTPNotFound from None
    switch = request.app.get(MODEL_SWITCH)
    if switch is None or switch.state is None:
        raise web.HTTPConflict(text="make run으로 실행했을 때만 모델을 멈출 수 있습니다.")
    await asyncio.to_thread(switch.set, state)
    return web.Response(status=204)
