"""The bot's settings in memory, as new as the last few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.configs.effective import merge, read_row
from bot.configs.report import VersionReport
from bot.domain.bot_config import EffectiveConfig, Scope, nothing_set
from bot.store import bot_configs
from bot.store.bot_configs import StoredConfig
from runtime.direct import connect_directly
from runtime.periodic import FailureLog
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

REFRESH_S = 5.0
#: Until the first successful read, turns run with the environment's settings alone.
FIRST_READ_S = 0.5
LOAD_TIMEOUT_S = 3.0
#: The maximum of scopes held; ``config set`` adds none beyond it.
MAX_SCOPES = 10_000
#: Rows that are decoded without a pause: with the longest prompts they take some 10 ms.
PAGE = 50


class BotConfigs:
    """The newest settings of all scopes; without Postgres the last known ones count."""

    def __init__(self, database: AsyncEngine, *, max_scopes: int = MAX_SCOPES) -> None:
        self._database = database
        self._max_scopes = max_scopes
        self._failures = FailureLog("BotConfigs.keep")
        self._unreported = FailureLog("VersionReport.tell")
        self._report = VersionReport(self._database)
        self._version: int | None = None
        self._rows: dict[Scope, EffectiveConfig] = {}
        #: By the closest scope that has a row: it alone decides which wider ones count.
        self._merged: dict[Scope, EffectiveConfig] = {}

    def for_scope(self, messenger: str, tenant: str, room: str) -> EffectiveConfig:
        """The settings that count there now; look-ups in memory only."""
        if not self._rows:
            return nothing_set(messenger, tenant, room)
        chain = Scope(messenger, tenant, room).chain
        closest = next((scope for scope in reversed(chain) if scope in self._rows), None)
        if closest is None:
            return nothing_set(messenger, tenant, room)
        if closest not in self._merged:
            self._merged[closest] = merge(self._rows[s] for s in chain if s in self._rows)
        return self._merged[closest]

    async def load(self) -> None:
        """The first read, before any message is taken; without Postgres ``keep`` repeats it."""
        with self._failures.guard():
            await run_with_timeout(LOAD_TIMEOUT_S, self.refresh())

    async def keep(self) -> None:
        """Refresh until cancelled. Database errors are logged."""
        while True:
            with self._failures.guard():
                await self.refresh()
            # Nothing that is read waits for a report.
            with self._unreported.guard():
                await self._tell()
            await asyncio.sleep(FIRST_READ_S if self._version is None else REFRESH_S)

    async def refresh(self) -> None:
        """Read what has changed. Raises database errors."""
        async with connect_directly(self._database) as connection:
            newest = await bot_configs.newest_version(connection)
        if newest != self._version:
            await self._read(newest)

    async def _read(self, newest: int) -> None:
        async with self._database.connect() as connection:
            # An older database was restored: versions are given anew.
            anew = self._version is None or newest < self._version
            rows = {} if anew else dict(self._rows)
            after = 0 if anew else self._version or 0
            while page := await bot_configs.changed(
                connection, after=after, upto=newest, limit=PAGE
            ):
                self._take(rows, page)
                after = page[-1].version
        # At once: half of a change would be no version that can be named.
        self._rows, self._merged, self._version = rows, {}, newest
        if newest:
            log.info("configs_read", version=newest, scopes=len(rows))

    async def _tell(self) -> None:
        if self._version is not None:
            await run_with_timeout(LOAD_TIMEOUT_S, self._report.tell(self._version))

    def _take(self, rows: dict[Scope, EffectiveConfig], page: Sequence[StoredConfig]) -> None:
        for row in page:
            if row.scope in rows or len(rows) < self._max_scopes:
                rows[row.scope] = read_row(row)
            else:
                log.error("config_scope_left_out", version=row.version, limit=self._max_scopes)
