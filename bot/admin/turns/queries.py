"""The dashboard's queries: SQL in read-only transactions with a short statement timeout."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.turns.rows import TurnPosition
from bot.store.schema import conversations, deliveries, turns

#: Upper bound on the time that a page may keep Postgres busy.
STATEMENT_TIMEOUT_MS = 3000

#: The largest BIGINT.
MAX_ID = 2**63 - 1


async def conversation_exists(database: AsyncEngine, conversation_id: int) -> bool:
    """Whether there is a conversation with this id, a BIGINT."""
    statement = select(conversations.c.id).where(conversations.c.id == conversation_id)
    async with read_only(database) as connection:
        return await connection.scalar(statement) is not None


async def find_position(database: AsyncEngine, turn_id: UUID) -> TurnPosition | None:
    """The conversation and the seq of a turn; None: no such turn."""
    statement = select(turns.c.conversation_id, turns.c.seq).where(turns.c.id == turn_id)
    async with read_only(database) as connection:
        row = (await connection.execute(statement)).one_or_none()
    return TurnPosition(**row._asdict()) if row else None


def before_for(seq: int) -> int:
    """The ``before`` of a page of a conversation with the turn ``seq`` near its end."""
    return min(seq + 3, MAX_ID)


@asynccontextmanager
async def read_only(database: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One snapshot of the database, for statements that take ``STATEMENT_TIMEOUT_MS`` at most."""
    async with database.connect() as default:
        connection = await default.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        await connection.execute(_LIMITS)
        yield connection


#: Custom plans: a rare search term and a common one need different ones.
_LIMITS = select(
    func.set_config("statement_timeout", str(STATEMENT_TIMEOUT_MS), True),
    func.set_config("plan_cache_mode", "force_custom_plan", True),
)

#: The columns of a TurnRow, except its texts.
TURN_COLUMNS = (
    turns.c.id,
    turns.c.conversation_id,
    turns.c.seq,
    turns.c.messenger,
    turns.c.tenant,
    turns.c.sender,
    func.jsonb_array_length(turns.c.media).label("media_count"),
    turns.c.status,
    turns.c.failure_reason,
    turns.c.prompt_tokens,
    turns.c.completion_tokens,
    turns.c.received_at,
    turns.c.settled_at,
    deliveries.c.via.label("delivery_via"),
    deliveries.c.state.label("delivery_state"),
    deliveries.c.attempts.label("delivery_attempts"),
    deliveries.c.detail.label("delivery_detail"),
    deliveries.c.delivered_at,
)
