"""The baseline process: an aiohttp handler that reads the body and answers 200."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """Answer 200."""
    await request.read()
    return web.Response(text="ok")


def main() -> None:
    """Listen on 127.0.0.1; the first argument is the port."""
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    app.router.add_get("/readyz", answer)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        loop=uvloop.new_event_loop(),
        print=None,
    )


if __name__ == "__main__":
    main()
