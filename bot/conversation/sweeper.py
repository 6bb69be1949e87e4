"""The periodic sweep of turns: orphans of crashes, expiry, marks on generating turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.faults import FaultHandler
from bot.conversation.scheduler import BATCH, ConversationScheduler
from bot.conversation.settlement_events import SettlementNotifier
from bot.store import scheduling, sweeping, turn_pictures
from inference_queue.claim_order import forget_served
from inference_queue.reaper import reap, reapable
from runtime.activity import Activity
from runtime.direct import AnyConnection, connect_directly
from runtime.isolation import is_outage
from runtime.periodic import run_periodically
from runtime.timeouts import run_with_timeout

MARK_EVERY_S = 0.25
SWEEP_EVERY_S = 1.0
FORGET_EVERY_S = 60.0
TIMEOUT_S = 5.0

Key = TypeVar("Key", bound=Hashable)


class TurnSweeper:
    """Expires, marks and schedules turns, isolated from faulty rows."""

    def __init__(
        self,
        *,
        database: AsyncEngine,
        scheduler: ConversationScheduler,
        notifier: SettlementNotifier,
        activity: Activity | None = None,
        picture_kept_days: int = 0,
    ) -> None:
        """``activity``: of this bot; None: it is never idle."""
        self._picture_kept_days = picture_kept_days
        self._database = database
        self._scheduler = scheduler
        self._notifier = notifier
        self._activity = activity or Activity.never_idle()
        self._reaping: FaultHandler[UUID] = FaultHandler(
            "reap", id_name="job_id", timeout_s=TIMEOUT_S
        )
        self._expiring: FaultHandler[int] = FaultHandler(
            "expire_waiting", id_name="conversation_id", timeout_s=TIMEOUT_S
        )
        self._marking: FaultHandler[UUID] = FaultHandler(
            "mark_generating", id_name="job_id", timeout_s=TIMEOUT_S
        )

    async def keep_marking(self) -> None:
        """Mark the turns of claimed jobs as generating, until cancelled."""
        await run_periodically(self.mark, MARK_EVERY_S, pause=self._activity.pause)

    async def keep_sweeping(self) -> None:
        """Recover orphaned jobs and turns and expire overdue turns, until cancelled."""
        await asyncio.sleep(SWEEP_EVERY_S)
        await run_periodically(self.sweep, SWEEP_EVERY_S, pause=self._activity.pause)

    async def keep_forgetting(self) -> None:
        """Forget when people were served, an hour later, until cancelled."""
        await run_periodically(self.forget, FORGET_EVERY_S)

    async def forget(self) -> None:
        """Run one round of ``keep_forgetting``."""
        async with connect_directly(self._database) as connection:
            await forget_served(connection)

    async def mark(self) -> None:
        """Run one round of ``keep_marking``."""
        await self._isolated(self._marking, sweeping.mark_generating, sweeping.claimed_jobs)

    async def sweep(self) -> None:
        """Run one round of ``keep_sweeping``."""
        await self._isolated(self._reaping, reap, reapable)
        await self._isolated(self._expiring, self._expire, sweeping.late_conversations)
        async with connect_directly(self._database) as connection:
            await turn_pictures.drop_unneeded(connection, kept_days=self._picture_kept_days)
            waiting = await scheduling.waiting_conversations(
                connection, BATCH, excluded=self._scheduler.paused
            )
        if waiting:
            self._activity.note()
            await self._scheduler.schedule(waiting)
        await self._scheduler.retry_paused()

    async def _expire(
        self,
        connection: AnyConnection,
        *,
        only: Sequence[int] | None = None,
        excluded: Sequence[int] = (),
    ) -> None:
        expired = await sweeping.expire_waiting(connection, only=only, excluded=excluded)
        self._notifier.notify(expired)

    async def _isolated(
        self,
        faults: FaultHandler[Key],
        write: Callable[..., Awaitable[object]],
        list_rows: Callable[..., Awaitable[list[Key]]],
    ) -> None:
        """Write all rows but the paused ones at once; if that fails, each alone."""

        async def work(only: Sequence[Key]) -> None:
            async with connect_directly(self._database) as connection:
                await write(connection, only=only)

        async def work_on_all() -> None:
            async with connect_directly(self._database) as connection:
                await write(connection, excluded=faults.quarantine.rows)

        if (due := faults.quarantine.due_row()) is not None:
            await faults.run_apart([due], work)
        try:
            await run_with_timeout(TIMEOUT_S, work_on_all())
        except Exception as error:
            if is_outage(error):
                raise
            async with connect_directly(self._database) as connection:
                rows = await list_rows(connection, excluded=faults.quarantine.rows)
            await faults.run_apart(rows, work)
