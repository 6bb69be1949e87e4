"""What the terminal is told, and how large the logs behind it may grow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from onebox.progress import bound_logs, relay_model_progress, until_ready, watch_readiness


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


async def test_a_state_that_comes_and_goes_is_said_once_until_the_model_is_ready(
    tmp_path: Path,
) -> None:
    def line(progress: str) -> bytes:
        return json.dumps({"event": "model_progress", "progress": progress}).encode() + b"\n"

    log, said = tmp_path / "worker.log", list[str]()
    tries = (line("Asking the server.") + line("It refused.")) * 50
    log.write_bytes(tries + b'{"event": "worker_ready"}\n' + tries + line("The end."))
    await until(lambda: "  Model: The end." in said, relay_model_progress(log, said.append))
    assert said == [
        *["  Model: Asking the server.", "  Model: It refused."] * 2,
        "  Model: The end.",
    ]


async def test_after_the_start_a_fault_and_its_end_are_said_once() -> None:
    said: list[str] = []
    ready, off = web.json_response({"status": "ready"}), {"ok": False, "state": "unavailable"}
    missing = {"parts": {"worker": off}}
    answers = [
        *(web.json_response({}) for _ in range(3)),
        *(web.json_response(missing, status=503) for _ in range(20)),
        ready,
        web.json_response({}),
        web.json_response(missing, status=503),
        web.json_response({}),
    ]
    async with answering(*answers) as origin:
        watching = watch_readiness(origin, said.append, poll_s=0.001)
        await until(lambda: said.count("  Ready again.") == 2, watching)
    assert said == ["  Waiting for the worker: unavailable.", "  Ready again."] * 2


@asynccontextmanager
async def answering(*answers: web.Response) -> AsyncIterator[str]:
    left = list(answers)

    async def readyz(request: web.Request) -> web.Response:
        assert request.query["model"] == "1"
        return left.pop(0) if left else web.json_response({})

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
