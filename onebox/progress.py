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

from onebox.announcements import Announcements, Say

_POLL_S = 0.25
#: The pause between two looks once everything runs.
_WATCH_S = 5.0
_TIDY_S = 10.0
MAX_LOG_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


async def until_ready(origin: str, say: Say, *, poll_s: float = _POLL_S) -> None:
    """Wait until bot and model are ready; report each missing component once."""
    started_at, announce = time.monotonic(), Announcements(say)
    async with ClientSession(timeout=ClientTimeout(total=10)) as http:
        while missing := await _missing(http, origin):
            announce(missing, f"  Waiting for {missing} ({time.monotonic() - started_at:.0f} s).")
            await asyncio.sleep(poll_s)


async def watch_readiness(origin: str, say: Say, *, poll_s: float = _WATCH_S) -> None:
    """From now on report what is missing, and its return; never returns."""
    announce, was_ready = Announcements(say), True
    async with ClientSession(timeout=ClientTimeout(total=10)) as http:
        while True:
            await asyncio.sleep(poll_s)
            missing = await _missing(http, origin)
            if missing:
                announce(missing, f"  Waiting for {missing}.")
            elif not was_ready:
                announce.clear()
                say("  Ready again.")
            was_ready = not missing


async def _missing(http: ClientSession, origin: str) -> str:
    try:
        async with http.get(f"{origin}/readyz", params={"model": "1"}) as response:
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
        f"the {name}: {component.get('state') or component.get('detail') or 'not ready'}"
        for name, component in components.items()
        if isinstance(component, dict) and not component.get("ok")
    )


async def relay_model_progress(log: Path, say: Say) -> None:
    """Repeat what the worker's log says of the model, each sentence once; never returns.

    Once the model is ready, everything is news again.
    """
    position, rest, announce = 0, b"", Announcements(say)
    while True:
        await asyncio.sleep(_POLL_S)
        chunk, position = _more(log, position)
        *lines, rest = (rest + chunk).split(b"\n")
        for sentence in _progress(lines):
            if sentence:
                announce(f"  Model: {sentence}")
            else:
                announce.clear()


def _more(log: Path, position: int) -> tuple[bytes, int]:
    with contextlib.suppress(OSError), log.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        file.seek(position if position <= end else 0)
        chunk = file.read(_CHUNK_BYTES)
        return chunk, file.tell()
    return b"", position


def _progress(lines: Iterable[bytes]) -> Iterable[str]:
    """Each sentence of the log about the model; "" where the model is ready."""
    for line in lines:
        if b"model_progress" not in line and b"worker_ready" not in line:
            continue
        with contextlib.suppress(ValueError, AttributeError):
            entry = json.loads(line)
            if entry.get("event") == "worker_ready":
                yield ""
            elif entry.get("event") == "model_progress" and entry.get("progress"):
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
        await asyncio.sleep(_TIDY_S)
