"""The project's own programs as processes: each a command line that people type."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.walk.errors import WalkError

ROOT = Path(__file__).parents[2]
#: A drain and the stop of the servers behind it.
_STOP_S = 60.0


def say(line: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's own, with no setting of the product but these."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_"))}
    return {**own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings}


async def run(*words: str, **settings: str) -> None:
    """``python -m ...``, shown as it runs. Raises WalkError for an exit status that is not 0."""
    say(f"$ python -m {' '.join(words)}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, cwd=ROOT, env=environment(settings)
    )
    async with _ended(process):
        status = await process.wait()
    say(f"exit status {status}")
    if status:
        raise WalkError(f"python -m {words[0]} ended with exit status {status}")


@asynccontextmanager
async def running(
    name: str, words: list[str], log: Path, settings: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``python ...`` until the block ends; what it says goes to ``log``."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=ROOT, env=environment(settings), stdout=output,
            stderr=output,
        )  # fmt: skip
    async with _ended(process):
        yield process
        if process.returncode is not None:
            raise WalkError(f"{name} ended by itself ({process.returncode}): read {log}")


@asynccontextmanager
async def _ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Let no process live on, however the block ends."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_S)
        if process.returncode is None:
            process.kill()
            await process.wait()
