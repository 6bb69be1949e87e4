"""The steps of an export: each reads some pages of its list and stores them, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.exports.formats import FORMATS
from bot.admin.exports.limits import DiskSpace, Limits, TooLargeError
from bot.admin.exports.lists import ExportedList, Row
from bot.admin.web.language import translate as _
from bot.privacy.masking_thread import run_masking
from bot.store.exports import progress
from bot.store.exports.orders import Export

#: A step ends after so many rows or bytes: a claim must not run out within one.
STEP_ROWS, STEP_BYTES = 500, 2 * 1024 * 1024
#: And after so long, whatever it has found: an erasure waits for the step.
STEP_S = 0.4
#: What may be written beside a part: the log of Postgres, and its index.
_MARGIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What a step has read of its list."""

    head: Sequence[Row]
    rows: Sequence[Row]
    people: frozenset[str]
    cursor: str
    is_all: bool
    is_cut: bool


class ExportSteps:
    """Writes rows until the list is at its end."""

    def __init__(
        self,
        database: AsyncEngine,
        lists: Mapping[str, ExportedList],
        *,
        limits: Limits,
        disk: DiskSpace,
    ) -> None:
        self._database = database
        self._lists = lists
        self._limits = limits
        self._disk = disk

    async def step(self, export: Export) -> Export | None:
        """One step; None: the export was ended meanwhile.

        The row stays locked while the list is read: an erasure that comes meanwhile waits, and
        then finds whose words were written. Raises DiskFullError, TooLargeError, database errors.
        """
        await self._disk.require(_MARGIN * STEP_BYTES)
        async with self._database.begin() as connection:
            locked = await progress.renew(connection, export)
            if locked is None:
                return None
            await self._write(connection, locked, await self._read(locked))
        async with self._database.begin() as connection:
            return await progress.renew(connection, export)

    async def _read(self, export: Export) -> _Read:
        asked = self._lists[export.list]
        query = dict(parse_qsl(export.query))
        rows: list[Row] = []
        head: list[Row] = []
        people: set[str] = set()
        cursor, size = export.cursor, 0
        over_at = time.monotonic() + STEP_S
        while True:
            page = await asked.page(self._database, query, cursor)
            head += page.head
            rows += page.rows
            people |= page.people
            cursor = page.after
            size += sum(len(cell) for row in page.rows for cell in row if isinstance(cell, str))
            is_full = len(rows) >= STEP_ROWS or size >= STEP_BYTES
            if not cursor or is_full or time.monotonic() > over_at:
                break
        left = max(self._limits.max_rows - export.rows, 0)
        is_cut = len(rows) > left or (len(rows) == left and bool(cursor))
        return _Read(
            head=head,
            rows=rows[:left],
            people=frozenset(people),
            cursor=cursor,
            is_all=is_cut or not cursor,
            is_cut=is_cut,
        )

    async def _write(self, connection: AsyncConnection, export: Export, read: _Read) -> None:
        form = FORMATS[export.format]
        number = await progress.next_part(connection, export, of_file=form.is_stream)
        columns = [_(name) for name in self._lists[export.list].columns]
        head = b"" if number or not read.rows else form.head(columns)
        data = head + await run_masking(lambda: form.rows([*read.head, *read.rows]))
        if export.bytes + len(data) > self._limits.max_bytes:
            raise TooLargeError
        if data:
            await progress.add_part(connection, export, number, data, of_file=form.is_stream)
        await progress.add_people(connection, export, read.people)
        await progress.advance(
            connection,
            export,
            cursor=read.cursor,
            listed=read.is_all,
            cut=read.is_cut,
            rows=len(read.rows),
            size=len(data),
        )
