"""The erasures that a bot carries out, without the rest of the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.deliveries import ReplyHandle
from bot.privacy.erasure import Eraser
from bot.privacy.erasure_orders import OrderedErasures
from runtime.redis_client import connect_redis


async def _cancel(_turn_id: UUID) -> bool:
    return False


async def _withdraw(_messenger: str, _handle: ReplyHandle, _message_id: str) -> None:
    return None


@asynccontextmanager
async def an_eraser(database: AsyncEngine, redis_url: str) -> AsyncIterator[Eraser]:
    """Erases people; nothing runs that could be cancelled or taken back."""
    redis = connect_redis(redis_url)
    transactions = database.execution_options(isolation_level="READ COMMITTED")
    eraser = Eraser(database=transactions, redis=redis, cancel=_cancel, withdraw=_withdraw)
    yield eraser
    await eraser.close()
    await redis.aclose()


@asynccontextmanager
async def ordered_erasures(database: AsyncEngine, redis_url: str) -> AsyncIterator[OrderedErasures]:
    """Carries out orders."""
    transactions = database.execution_options(isolation_level="READ COMMITTED")
    async with an_eraser(database, redis_url) as eraser:
        yield OrderedErasures(transactions, eraser)
