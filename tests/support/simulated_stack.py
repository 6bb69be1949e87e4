"""The bot with its simulator, its Slack being the simulator's own, as ``make run`` starts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot import app_keys
from bot.app import create_app
from bot.messengers.slack.simulator_pane import API_PATH
from fakes.engine_server import EngineServer
from inference_worker.engines.base import Engine
from tests.support.raw_http import free_port
from tests.support.stack import GENERIC_SECRET, running_worker, served, settings_for
from tests.support.timeouts import stretched_timeouts

TOKEN = "xoxb-simulated-token"


@asynccontextmanager
async def simulated_stack(
    database_url: str, redis_url: str, *, engine: Engine | None = None, **changes: Any
) -> AsyncIterator[tuple[str, EngineServer]]:
    """The bot's origin, and the server whose answers it gives, unless an ``engine`` does."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    fields: dict[str, Any] = {
        "simulator": True,
        "port": port,
        "kakao_callback_hosts": (origin,),
        "kakao_picture_hosts": (origin,),
        "generic_secret": SecretStr(GENERIC_SECRET),
        "generic_callback_hosts": (origin,),
        "slack_response_hosts": (origin,),
        "slack_api_url": origin + API_PATH,
        "slack_bot_token": TOKEN,
        **changes,
    }
    app = create_app(settings_for(database_url, redis_url, **fields))
    async with AsyncExitStack() as exits:
        exits.enter_context(stretched_timeouts())
        server, scripted = await exits.enter_async_context(served())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        exits.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await exits.enter_async_context(running_worker(database_url, redis_url, engine or scripted))
        while not app[app_keys.WORKERS].ready:
            await app[app_keys.WORKERS].refresh()
        yield origin, server
