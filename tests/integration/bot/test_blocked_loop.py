"""A handler that blocks the bot's event loop shows in the metrics and in the log."""

from __future__ import annotations

import asyncio
import time

from aiohttp import ClientSession, web
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from bot.app import create_app
from tests.support.stack import SHUTDOWN_S, settings_for

BLOCKED = "bot_event_loop_blocked_seconds"


async def guilty_handler(_: web.Request) -> web.Response:
    until = time.thread_time() + 0.5
    while time.thread_time() < until:
        pass
    return web.Response()


async def above_a_tenth(http: ClientSession) -> float:
    """Blocks of more than 100 ms so far."""
    async with http.get("/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    [blocked] = [family for family in families if family.name == BLOCKED]
    counts = {
        sample.labels["le"]: sample.value
        for sample in blocked.samples
        if sample.name == f"{BLOCKED}_bucket"
    }
    return counts["+Inf"] - counts["0.1"]


async def test_a_blocking_handler_is_counted_and_named(database_url: str, redis_url: str) -> None:
    app = create_app(settings_for(database_url, redis_url))
    app.router.add_get("/guilty", guilty_handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    with capture_logs() as lines:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            async with ClientSession(f"http://{host}:{port}") as http:
                before = await above_a_tenth(http)
                await http.get("/guilty")
                async with asyncio.timeout(30):
                    while await above_a_tenth(http) == before:
                        await asyncio.sleep(0.05)
        finally:
            await runner.cleanup()
    named = [str(line["blocked_in"]) for line in lines if line["event"] == "event_loop_blocked"]
    assert any("test_blocked_loop.py" in calls and "guilty_handler" in calls for calls in named)
