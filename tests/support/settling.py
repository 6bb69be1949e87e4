"""Both routes of a settlement: the bot reads the jobs, or the statement does."""

from __future__ import annotations

from enum import Enum

from bot.conversation.settlement_writer import settlement_of
from bot.store import settlements
from bot.store.delivery_claims import ClaimRequest
from bot.store.settlements import SettledTurn
from inference_queue.client import JobQueue
from runtime.direct import DirectConnection


class Route(Enum):
    """Who reads a finished job: the bot (``READ``), or the settlement's statement (``UNREAD``)."""

    READ = "read"
    UNREAD = "unread"


async def settle_finished(
    connection: DirectConnection, queue: JobQueue, route: Route, claims: ClaimRequest | None = None
) -> list[SettledTurn]:
    """Settle what is finished, as far as this route can."""
    finished = await queue.finished(connection, 100)
    if route is Route.UNREAD:
        return await settlements.settle_unread(connection, [job.id for job in finished], claims)
    return await settlements.settle(connection, [settlement_of(job) for job in finished], claims)
