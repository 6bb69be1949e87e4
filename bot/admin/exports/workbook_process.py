"""The process that makes a workbook: fed with rows, and killed where its export ends early."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

#: For the packing of the sheet, after the last row.
END_S = 300.0
#: What it writes as it fails is kept up to this length.
_MAX_ERROR_BYTES = 64 * 1024


class WorkbookError(Exception):
    """The process ended without a workbook; the text is what it wrote last."""


async def make_workbook(parts: AsyncIterator[bytes], target: Path) -> None:
    """Make a workbook of lines of JSON.

    Raises OSError (ENOSPC) where the disk is full, and WorkbookError.
    """
    process = await _start(target)
    errors = asyncio.create_task(_last_words(process))
    try:
        await _feed(process, parts)
        async with asyncio.timeout(END_S):
            status, words = await process.wait(), await errors
    except TimeoutError:
        raise WorkbookError("the packing took too long") from None
    finally:
        if process.returncode is None:
            process.kill()
        errors.cancel()
        await process.wait()
    if status:
        raise _error(words)


async def _start(target: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.admin.exports.workbook", str(target)),
        stdin=PIPE,
        stdout=DEVNULL,
        stderr=PIPE,
        # The sheet is written to a temporary file first.
        env=os.environ | {"TMPDIR": str(target.parent)},
    )


async def _feed(process: Process, parts: AsyncIterator[bytes]) -> None:
    """Write the parts; a process that has failed reads no more, and says why."""
    if process.stdin is None:
        raise WorkbookError("no standard input")
    try:
        async for part in parts:
            process.stdin.write(part)
            await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return


async def _last_words(process: Process) -> str:
    if process.stderr is None:
        return ""
    words = b""
    while read := await process.stderr.read(4096):
        words = (words + read)[-_MAX_ERROR_BYTES:]
    return words.decode("utf-8", "replace").strip()


def _error(words: str) -> Exception:
    line = words.splitlines()[-1] if words else "no message"
    if f"[Errno {errno.ENOSPC}]" in line:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return WorkbookError(line)
