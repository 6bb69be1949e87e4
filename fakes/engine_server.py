"""A real HTTP server that speaks the dialects of TGI, vLLM and others, faults included.

    async with engine_server(dialect="vllm", reply=lambda messages: "네, 안녕하세요.") as server:
        ...                      # point an engine at server.url
        server.requests[-1].contents
        server.overloaded = 2    # every switch may change while it runs

As a fixture:

    @pytest.fixture
    async def engine_at() -> AsyncIterator[EngineServer]:
        async with engine_server() as server:
            yield server

By hand or in a subprocess: ``python -m fakes.engine_server --port 0`` prints its URL.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from fakes.engine_routes import EngineRoutes
from fakes.engine_state import (
    DEFAULT_MODEL,
    DIALECTS,
    EngineServer,
    Request,
    echo,
    last_user_text,
    prompt_tokens,
    read_llama3,
)

__all__ = [
    "DEFAULT_MODEL",
    "DIALECTS",
    "EngineServer",
    "Request",
    "echo",
    "engine_server",
    "last_user_text",
    "prompt_tokens",
    "read_llama3",
]


@asynccontextmanager
async def engine_server(
    *, host: str = "127.0.0.1", port: int = 0, **switches: Any
) -> AsyncIterator[EngineServer]:
    """Run the server; ``switches`` are EngineServer's fields. Port 0: any free port."""
    server = EngineServer(**switches)
    if server.dialect not in DIALECTS:
        raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}")
    # A handler is cancelled when its client goes away, so that aborts are noticed at once.
    runner = web.AppRunner(
        EngineRoutes(server).app(), handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        server.url = f"http://{host}:{bound}"
        yield server
    finally:
        await runner.cleanup()


async def run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with engine_server(**vars(options)) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dialect", choices=DIALECTS, default="vllm")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--api-key", default="")
    parser.add_argument("--context-window", type=int, default=8192)
    parser.add_argument("--delay-per-token-s", type=float, default=0.0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
