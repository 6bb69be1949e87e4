"""Progress messages for the terminal while everything starts and runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from onebox.supervisor import Say

_POLL_S = 0.25
#: The longest time without a message.
_MAX_SILENCE_S = 10.0
MAX_LOG_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


async def until_ready(origin: str, say: Say) -> None:
    """Wait for ``GET /readyz`` to answer 200; report missing components when they change."""
    started_at, reported, reported_at = time.monotonic(), "", -_MAX_SILENCE_S
    async with ClientSession(timeout=ClientTimeout(total=10)) as http:
        while missing := await _missing(http, f"{origin}/readyz"):
            now = time.monotonic()
            if missing != reported or now - reported_at > _MAX_SILENCE_S:
                say(f"  Waiting for {missing} ({now - started_at:.0f} s).")
                reported, reported_at = missing, now
            await asyncio.sleep(_POLL_S)


async def _missing(http: ClientSession, url: str) -> str:
    try:
        async with http.get(url) as response:
            if response.status == 200:
                return ""
            return _missing_components(await response.json()) or "the bot"
    except (ClientError, TimeoutError, ValueError):
        return "the bot to start"


def _missing_components(answer: Any) -> str:
    components = answer.get("parts") if isinstance(answer, dict) else None
    if not isinstance(components, dict):
        return ""
    return "; ".join(
        f"the {name}: {component.get('detail') or component.get('state') or 'not ready'}"
        for name, component in components.items()
        if isinstance(component, dict) and not component.get("ok")
    )


async def relay_model_progress(log: Path, say: Say) -> None:
    """Repeat each ``model_progress`` line of the worker's log; never returns."""
    position, rest = 0, b""
    while True:
        await asyncio.sleep(_POLL_S)
        chunk, position = _more(log, position)
        *lines, rest = (rest + chunk).split(b"\n")
        for sentence in _progress(lines):
            say(f"  Model: {sentence}")


def _more(log: Path, position: int) -> tuple[bytes, int]:
    with contextlib.suppress(OSError), log.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        file.seek(position if position <= end else 0)
        chunk = file.read(_CHUNK_BYTES)
        return chunk, file.tell()
    return b"", position


def _progress(lines: Iterable[bytes]) -> Iterable[str]:
    for line in lines:
        if b"model_progress" not in line:
            continue
        with contextlib.suppress(ValueError, AttributeError):
            entry = json.loads(line)
            if entry.get("event") == "model_progress" and entry.get("progress"):
                yield str(entry["progress"])


async def bound_logs(logs: list[Path], max_bytes: int = MAX_LOG_BYTES) -> None:
    """Keep each log and its one predecessor below ``max_bytes``; never returns.

    The writers only append, so the file can be truncated while it is open. A line written between
    the copy and the truncation is lost.
    """
    while True:
        for log in logs:
            with contextlib.suppress(OSError):
                if log.stat().st_size > max_bytes:
                    shutil.copyfile(log, log.with_name(log.name + ".1"))
                    os.truncate(log, 0)
        await asyncio.sleep(_MAX_SILENCE_S)
