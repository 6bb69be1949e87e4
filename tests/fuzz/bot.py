"""The bot as it is served, which tells on SIGUSR1 how many tasks it runs."""

from __future__ import annotations

import asyncio
import gc
import signal

import structlog
import uvloop
from aiohttp import web

from benchmarks.loop_blocks import MAX_BLOCK_S
from bot.app import KEEPALIVE_S, create_app
from bot.configuration import read_configuration
from runtime import loop_monitor
from runtime.logging import configure_logs


def _tell() -> None:
    structlog.get_logger("fuzz").error("tasks", count=len(asyncio.all_tasks()))


async def _listen(_: web.Application) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell)


def main() -> None:
    configuration = read_configuration()
    settings = configuration.settings
    configure_logs(settings.log_level)
    # Every block that is a fault here has its function in the log.
    loop_monitor.LOG_ABOVE_S = MAX_BLOCK_S
    app = create_app(configuration)
    app.on_startup.append(_listen)
    gc.freeze()
    web.run_app(
        app,
        host=settings.host,
        port=settings.port,
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        loop=uvloop.new_event_loop(),
        print=None,
    )


if __name__ == "__main__":
    main()
