"""Ended sessions: in Postgres, for all bots and for the time after a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store import ended_sessions
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

TIMEOUT_S = 2.0


class EndedSessions:
    """Sessions that have ended, by their ids.

    ``clock``: seconds since the epoch. ``lifetime_s``: the age at which every cookie is worthless.
    """

    def __init__(
        self, database: AsyncEngine, clock: Callable[[], float], *, lifetime_s: float
    ) -> None:
        self._database = database
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._until: dict[str, float] = {}
        self._unsaved: set[str] = set()

    def remembers(self, session_id: str) -> bool:
        """Whether this process knows that the session has ended."""
        return session_id in self._until

    async def contains(self, session_id: str) -> bool:
        """Whether the session has ended, here or elsewhere. Raises DATABASE_ERRORS."""
        if self.remembers(session_id):
            return True
        ended = await run_with_timeout(TIMEOUT_S, self._find(session_id))
        if ended:
            self._remember(session_id)
        return ended

    async def add(self, session_id: str) -> None:
        """End the session. Without Postgres it is ended here now, and elsewhere later."""
        self._remember(session_id)
        self._unsaved.add(session_id)
        try:
            await run_with_timeout(TIMEOUT_S, self._save())
        except DATABASE_ERRORS as error:
            log.warning("session_end_not_stored", error=type(error).__name__)

    def _remember(self, session_id: str) -> None:
        now = self._clock()
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[session_id] = now + self._lifetime_s

    async def _find(self, session_id: str) -> bool:
        if self._unsaved:
            await self._save()
        async with self._database.connect() as connection:
            return await ended_sessions.contains(connection, session_id)

    async def _save(self) -> None:
        ids, now = set(self._unsaved), self._clock()
        async with self._database.begin() as connection:
            await ended_sessions.add(
                connection,
                ids,
                now=datetime.fromtimestamp(now, UTC),
                until=datetime.fromtimestamp(now + self._lifetime_s, UTC),
            )
        self._unsaved -= ids
