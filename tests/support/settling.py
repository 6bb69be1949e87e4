"""Both ways of a settlement: of jobs that were read, and of jobs that its statement reads."""

from __future__ import annotations

from enum import Enum

from bot.conversation.settlement_writer import settlement_of
from bot.store import settlements
from bot.store.delivery_claims import ClaimRequest
from bot.store.settlements import SettledTurn
from inference_queue.client import JobQueue
from runtime.direct import DirectConnection


class Way(Enum):
    """How finished jobs are settled."""

    READ = "read"
    UNREAD = "unread"


async def settle_finished(
    connection: DirectConnection, queue: JobQueue, way: Way, claims: ClaimRequest | None = None
) -> list[SettledTurn]:
    """Settle what is finished, as far as this way can."""
    finished = await queue.finished(connection, 100)
    if way is Way.UNREAD:
        return await settlements.settle_unread(connection, [job.id for job in finished], claims)
    return await settlements.settle(connection, [settlement_of(job) for job in finished], claims)
