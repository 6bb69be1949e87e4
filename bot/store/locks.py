"""The loops that only one bot runs at a time, by their advisory locks.

The keys are those of earlier versions, which run beside this one. Postgres lets go of a lock at the
end of the transaction, and when its bot dies.
"""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection


class OneBot(IntEnum):
    """What one bot does for all: four letters as the lock's key."""

    AUDIT_RETENTION = 0x61756474  #: "audt"
    REPLAYS = 0x7265706C  #: "repl"
    RETENTION = 0x72657465  #: "rete"
    REVIEW_QUEUES = 0x72657669  #: "revi"
    SEARCH_INDEX = 0x73656172  #: "sear"


_TRY = select(func.pg_try_advisory_xact_lock(bindparam("key", type_=BigInteger)))


async def try_lock(connection: AsyncConnection, task: OneBot) -> bool:
    """Whether this bot does the task, until the transaction's end; False: another one does."""
    return bool(await connection.scalar(_TRY, {"key": task.value}))
