"""The job that carries out exports: a step at a time, by whichever bot comes first."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.exports.assembly import Assembly, EndedError
from bot.admin.exports.formats import FORMATS
from bot.admin.exports.limits import (
    DiskFullError,
    DiskSpace,
    Limits,
    TooLargeError,
    free_bytes,
)
from bot.admin.exports.lists import ExportedList
from bot.admin.exports.steps import ExportSteps
from bot.admin.web.language import choose
from bot.domain.exports import ExportFailure, ExportState
from bot.privacy.erasure import ROLLED_BACK
from bot.store.exports import progress
from bot.store.exports.orders import Export
from runtime.database import DATABASE_ERRORS, is_gone, sqlstate

log = structlog.get_logger(__name__)

#: An export that stops bots, or never ends, is given up after so many claims.
MAX_CLAIMS = 30
#: Files that one transaction deletes.
_EXPIRE = 20
#: Of the data directory.
FOLDER = "exports"
#: SQLSTATE disk_full (PostgreSQL documentation, appendix A).
_DISK_FULL = "53100"


class TooManyClaimsError(Exception):
    """The export was begun and left too often."""


class Exporter:
    """Carries out exports, one at a time; after a restart it goes on where the last step ended."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        lists: Mapping[str, ExportedList],
        limits: Limits,
        data_dir: Path,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """``free`` tells the free bytes of a folder's disk."""
        disk = DiskSpace(data_dir, reserve=limits.reserve_bytes, free=free)
        self._database = database
        self._names = tuple(lists)
        self._limits = limits
        self._steps = ExportSteps(database, lists, limits=limits, disk=disk)
        self._assembly = Assembly(database, data_dir / FOLDER, disk, max_bytes=limits.max_bytes)

    async def export(self) -> None:
        """Delete old files, and carry out what is ordered by now. Raises DATABASE_ERRORS."""
        async with self._database.begin() as connection:
            await progress.expire(connection, limit=_EXPIRE)
        while export := await self._claim():
            await self._carry_out(export)

    async def _claim(self) -> Export | None:
        async with self._database.begin() as connection:
            return await progress.claim(connection, self._names)

    async def _carry_out(self, export: Export) -> None:
        choose(export.language)
        try:
            if export.claim > MAX_CLAIMS:
                raise TooManyClaimsError
            await self._write(export)
        except EndedError:
            log.info("export_ended", export=export.id)
        except asyncio.CancelledError:
            await asyncio.shield(self._release(export))
            raise
        except Exception as error:
            failure = _failure(error)
            if failure is None:
                raise
            log.warning("export_failed", export=export.id, failure=failure, exc_info=_news(failure))
            await self._end(export, ExportState.FAILED, failure)

    async def _write(self, export: Export) -> None:
        current: Export | None = export
        while current and not current.listed:
            current = await self._steps.step(current)
        if current is None:
            raise EndedError
        if not current.rows:
            await self._end(current, ExportState.EMPTY)
        else:
            await self._finish(current)

    async def _finish(self, export: Export) -> None:
        form = FORMATS[export.format]
        if form.is_stream:
            async with self._database.begin() as connection:
                parts = await progress.next_part(connection, export, of_file=True)
            size = export.bytes
        else:
            parts, size = await self._assembly.assemble(export, form)
        async with self._database.begin() as connection:
            days = self._limits.kept_days
            await progress.finish(connection, export, parts=parts, size=size, kept_days=days)
        log.info("export_done", export=export.id, rows=export.rows, bytes=size)

    async def _end(
        self, export: Export, state: ExportState, failure: ExportFailure | None = None
    ) -> None:
        async with self._database.begin() as connection:
            await progress.end(connection, export, state, failure)

    async def _release(self, export: Export) -> None:
        async with self._database.begin() as connection:
            await progress.release(connection, export)


def _failure(error: Exception) -> ExportFailure | None:
    """What to tell of the error; None: it passes, and the export goes on later."""
    no_room = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if no_room or isinstance(error, DiskFullError) or sqlstate(error) == _DISK_FULL:
        return ExportFailure.DISK_FULL
    if isinstance(error, TooLargeError):
        return ExportFailure.TOO_LARGE
    passing = isinstance(error, DATABASE_ERRORS) and (
        is_gone(error) or sqlstate(error) in ROLLED_BACK
    )
    return None if passing else ExportFailure.FAULT


def _news(failure: ExportFailure) -> bool:
    return failure is ExportFailure.FAULT
