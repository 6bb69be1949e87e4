"""The last step of an export: its file is put together from its rows, and stored in parts."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.exports.formats import FileFormat
from bot.admin.exports.limits import DiskSpace, TooLargeError
from bot.store.exports import progress
from bot.store.exports.orders import Export

#: Of the file in Postgres.
PART_BYTES = 1024 * 1024
#: Beside the rows: the sheet before it is packed, and the file.
_MARGIN = 3
#: Such folders are left behind only by a bot that was killed.
_PREFIX = "export-"


class EndedError(Exception):
    """The export was ended, or another bot has it by now."""


class Assembly:
    """Puts files together in a folder of its own, below the data directory."""

    def __init__(
        self, database: AsyncEngine, folder: Path, disk: DiskSpace, *, max_bytes: int
    ) -> None:
        self._database = database
        self._folder = folder
        self._disk = disk
        self._max_bytes = max_bytes

    async def assemble(self, export: Export, form: FileFormat) -> tuple[int, int]:
        """Store the file in parts; their number, and its size in bytes.

        Raises OSError and DiskFullError where the disk is full, TooLargeError, EndedError, and
        database errors.
        """
        if form.assemble is None:
            raise ValueError(f"the parts of {export.format} are the file")
        await self._disk.require(_MARGIN * export.bytes)
        folder = await asyncio.to_thread(self._new_folder, export)
        try:
            target = folder / "file"
            await form.assemble(self._rows(export), target)
            return await self._store(export, target)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    def _new_folder(self, export: Export) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left_behind in self._folder.glob(f"{_PREFIX}{export.id}-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{export.id}-", dir=self._folder))

    async def _rows(self, export: Export) -> AsyncIterator[bytes]:
        number = 0
        while True:
            await self._disk.require(0)
            async with self._database.begin() as connection:
                if await progress.renew(connection, export) is None:
                    raise EndedError
                part = await progress.read_part(connection, export.id, number, of_file=False)
            if part is None:
                return
            yield part
            number += 1

    async def _store(self, export: Export, target: Path) -> tuple[int, int]:
        number = size = 0
        with await asyncio.to_thread(target.open, "rb") as file:
            while data := await asyncio.to_thread(file.read, PART_BYTES):
                size += len(data)
                if size > self._max_bytes:
                    raise TooLargeError
                await self._disk.require(len(data))
                async with self._database.begin() as connection:
                    if await progress.renew(connection, export) is None:
                        raise EndedError
                    await progress.add_part(connection, export, number, data, of_file=True)
                number += 1
        return number, size
