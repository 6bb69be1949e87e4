"""The job that carries out the erasures that admins have ordered, in whichever bot comes first."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.privacy.erasure import Eraser
from bot.store import erasure_orders
from bot.store.erasure_orders import ErasureOrder

log = structlog.get_logger(__name__)


class OrderedErasures:
    """Erases one person after the other; an order that a bot died with is carried out anew."""

    def __init__(self, database: AsyncEngine, eraser: Eraser) -> None:
        self._database = database
        self._eraser = eraser

    async def erase(self) -> None:
        """Carry out what is ordered by now. Raises DATABASE_ERRORS."""
        while order := await self._take():
            log.info("ordered_erasure_begun", order=str(order.id))
            try:
                await self._carry_out(order)
            except asyncio.CancelledError:
                await asyncio.shield(self._leave(order))
                raise

    async def _carry_out(self, order: ErasureOrder) -> None:
        counts = Counter(order.counts)
        receipt = await self._eraser.erase_all(
            order.target, actor=order.actor, counts=counts, progress=partial(self._note, order)
        )
        async with self._database.begin() as connection:
            await erasure_orders.finish(connection, order.id, receipt, counts)

    async def _leave(self, order: ErasureOrder) -> None:
        async with self._database.begin() as connection:
            await erasure_orders.leave(connection, order.id)

    async def _take(self) -> ErasureOrder | None:
        async with self._database.begin() as connection:
            return await erasure_orders.take(connection)

    async def _note(self, order: ErasureOrder, counts: Counter[str]) -> None:
        async with self._database.begin() as connection:
            await erasure_orders.note(connection, order.id, counts)
