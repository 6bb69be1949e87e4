"""What the terminal is told, and how large the logs behind it may grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from onebox.progress import bound_logs, relay_model_progress, until_ready


async def until(holds: Callable[[], bool], coroutine: Any) -> None:
    """Run ``coroutine`` until something holds; five seconds are plenty."""
    task = asyncio.ensure_future(coroutine)
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_log_that_grew_too_large_is_kept_aside_while_its_writer_goes_on(
    tmp_path: Path,
) -> None:
    log = tmp_path / "bot.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old line\n" * 10)
        await until(lambda: log.stat().st_size == 0, bound_logs([log], max_bytes=50))
        writer.write(b"new line\n")
    assert log.read_bytes() == b"new line\n"
    assert log.with_name("bot.log.1").read_bytes() == b"old line\n" * 10


async def test_only_whole_progress_lines_of_the_worker_are_shown(tmp_path: Path) -> None:
    log, said = tmp_path / "worker.log", list[str]()
    log.write_bytes(
        b'not json with model_progress\n["model_progress"]\n{"event": "turn_failed"}\n'
        + '{"event": "model_progress", "progress": "변환하는 중"}\n'.encode()
        + b'{"event": "model_progress", "prog'
    )
    await until(lambda: bool(said), relay_model_progress(log, said.append))
    assert said == ["  Model: 변환하는 중"]


@asynccontextmanager
async def answering(*answers: web.Response) -> AsyncIterator[str]:
    left = list(answers)

    async def readyz(_: web.Request) -> web.Response:
        return left.pop(0)

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_missing_part_is_named_once_until_it_changes() -> None:
    said: list[str] = []
    parts = {"parts": {"worker": {"ok": False, "detail": "loading"}, "redis": {"ok": True}}}
    odd = web.Response(text="<html>", status=502)
    async with answering(
        web.json_response(parts, status=503),
        web.json_response(parts, status=503),
        web.json_response([], status=503),
        odd,
        web.json_response({"status": "ready"}),
    ) as origin:
        await until_ready(origin, said.append)
    assert [line.split(" (")[0] for line in said] == [
        "  Waiting for the worker: loading",
        "  Waiting for the bot",
        "  Waiting for the bot to start",
    ]
