"""The blocked people in memory, as new as the last few seconds."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.turns import Person
from bot.store import blocked_people
from runtime.direct import connect_directly
from runtime.periodic import FailureLog
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

REFRESH_S = 3.0
TIMEOUT_S = 3.0


class Blocklist:
    """Who is blocked: a look-up in memory. Without Postgres the last known people count."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._failures = FailureLog("Blocklist.keep")
        self._version: tuple[int, datetime | None] | None = None
        self._people: frozenset[str] = frozenset()

    def __contains__(self, person: object) -> bool:
        if not self._people or not isinstance(person, Person):
            return False
        return person.key in self._people

    async def load(self) -> None:
        """The first read, before any message is taken; without Postgres ``keep`` repeats it."""
        with self._failures.guard():
            await run_with_timeout(TIMEOUT_S, self.refresh())

    async def keep(self) -> None:
        """Refresh until cancelled. Database errors are logged."""
        while True:
            with self._failures.guard():
                await run_with_timeout(TIMEOUT_S, self.refresh())
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """Read the people if they have changed. Raises DATABASE_ERRORS."""
        async with connect_directly(self._database) as connection:
            version = await blocked_people.version(connection)
            if version == self._version:
                return
            people = await blocked_people.digests(connection)
        self._people, self._version = people, version
        log.info("blocklist_read", people=len(people))
