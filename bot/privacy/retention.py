"""The daily job that deletes turns which were kept long enough, in whichever bot comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.privacy.redis_copies import forget_copies
from bot.store import retention
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)

#: Between two steps: a step takes some milliseconds, and other work goes first.
PAUSE_S = 0.1
TIMEOUT_S = 10.0
#: For the copies in Redis: accepts wait for the conversations' locks meanwhile.
REDIS_S = 0.3
#: When a day's run begins: who has changed a rule by mistake has until the night.
NIGHT = time(3, tzinfo=ZoneInfo("Asia/Seoul"))


def last_night(now: datetime) -> datetime:
    """The last ``NIGHT`` that was."""
    today = datetime.combine(now.astimezone(NIGHT.tzinfo), NIGHT)
    return today if today <= now else today - timedelta(days=1)


class Retention:
    """Deletes in small steps; after a restart it goes on where the last step ended."""

    def __init__(
        self,
        database: AsyncEngine,
        redis: Redis,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause_s: float = PAUSE_S,
    ) -> None:
        """``now``: aware, for the beginning of runs; what is old the database's clock says."""
        self._database = database
        self._redis = redis
        self._now = now
        self._pause_s = pause_s

    async def delete(self) -> int:
        """Carry out what is due; the number of deleted turns. Raises DATABASE_ERRORS."""
        await run_with_timeout(TIMEOUT_S, self._begin())
        total = 0
        while step := await run_with_timeout(TIMEOUT_S, self._step()):
            total += step.turns
            if step.ends:
                log.info("retention_run_ended", turns=total)
            await asyncio.sleep(self._pause_s)
        return total

    async def _begin(self) -> None:
        async with self._database.begin() as connection:
            await retention.begin_run(connection, since=last_night(self._now()))

    async def _step(self) -> retention.RetentionStep | None:
        async with self._database.begin() as connection:
            step = await retention.delete_some(connection)
            if step is not None:
                # Under the conversations' locks: no prompt is planned from a copy of what is gone.
                await forget_copies(self._redis, step.windows, within_s=REDIS_S)
        return step
