"""A folder of text files, packed: made in a thread, part by part."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

#: Always the same: the file depends on its rows alone.
_MADE_AT = (2000, 1, 1, 0, 0, 0)


async def make_zip(parts: AsyncIterator[bytes], target: Path) -> None:
    """Make a ZIP of lines ``[name, line]``, in which the lines of a file stand together.

    Raises OSError where the disk is full.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        opened = _Opened(packed)
        try:
            async for part in parts:
                await asyncio.to_thread(opened.write, part)
        finally:
            await asyncio.to_thread(opened.close)


class _Opened:
    """The file of the ZIP that is written."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._packed = packed
        self._name = ""
        self._file: IO[bytes] | None = None

    def write(self, part: bytes) -> None:
        for row in part.splitlines():
            name, line = json.loads(row)
            self._of(name).write(f"{line}\n".encode())

    def _of(self, name: str) -> IO[bytes]:
        if self._file is None or name != self._name:
            self.close()
            info = zipfile.ZipInfo(name, _MADE_AT)
            info.compress_type = zipfile.ZIP_DEFLATED
            self._file, self._name = self._packed.open(info, "w", force_zip64=True), name
        return self._file

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None
