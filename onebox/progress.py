"""What the person at the terminal is told while everything starts and runs."""

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
#: Nobody looks at an unchanged terminal for longer.
_SILENCE_S = 10.0
MAX_LOG_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


async def until_ready(origin: str, say: Say) -> None:
    """Wait for ``GET /readyz`` to answer 200; say what is missing whenever it changes."""
    since, said, said_at = time.monotonic(), "", -_SILENCE_S
    async with ClientSession(timeout=ClientTimeout(total=10)) as http:
        while missing := await _missing(http, f"{origin}/readyz"):
            now = time.monotonic()
            if missing != said or now - said_at > _SILENCE_S:
                say(f"  Waiting for {missing} ({now - since:.0f} s).")
                said, said_at = missing, now
            await asyncio.sleep(_POLL_S)


async def _missing(http: ClientSession, url: str) -> str:
    try:
        async with http.get(url) as response:
            if response.status == 200:
                return ""
            return _parts_missing(await response.json()) or "the bot"
    except (ClientError, TimeoutError, ValueError):
        return "the bot to start"


def _parts_missing(answer: Any) -> str:
    parts = answer.get("parts") if isinstance(answer, dict) else None
    if not isinstance(parts, dict):
        return ""
    return "; ".join(
        f"the {name}: {part.get('detail') or part.get('state') or 'not ready'}"
        for name, part in parts.items()
        if isinstance(part, dict) and not part.get("ok")
    )


async def relay_model_progress(log: Path, say: Say) -> None:
    """Say each ``model_progress`` line of the worker's log; never returns."""
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

    The writers only append, so a log can be emptied under them. A line written between the copy
    and the cut is lost.
    """
    while True:
        for log in logs:
            with contextlib.suppress(OSError):
                if log.stat().st_size > max_bytes:
                    shutil.copyfile(log, log.with_name(log.name + ".1"))
                    os.truncate(log, 0)
        await asyncio.sleep(_SILENCE_S)
