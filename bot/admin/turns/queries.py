"""The dashboard's queries: SQL in read-only transactions with a short statement timeout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.turns.rows import (
    ConversationPage,
    ConversationRow,
    ConversationTurnRow,
    DeliveryAttempt,
    TurnPosition,
)
from bot.store.schema import conversations, deliveries, delivery_attempts, turns

PAGE_SIZE = 50
#: Shown of a turn's reasoning, in characters.
MAX_REASONING_CHARS = 1000

#: Upper bound on the time that a page may keep Postgres busy.
STATEMENT_TIMEOUT_MS = 3000

#: The largest BIGINT.
MAX_ID = 2**63 - 1


async def read_conversation(
    database: AsyncEngine, conversation_id: int, before: int | None = None
) -> ConversationPage | None:
    """The ``PAGE_SIZE`` newest turns with a seq below ``before``; None: no such conversation."""
    if not 0 <= conversation_id <= MAX_ID:
        return None
    async with read_only(database) as connection:
        conversation = await _find_conversation(connection, conversation_id)
        if conversation is None:
            return None
        newest_first = await _read_turns(connection, conversation_id, before)
        attempts = await _read_attempts(connection, [turn.id for turn in newest_first])
    return _page(conversation, newest_first, before, attempts)


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
    """The ``before`` of a page with the turn ``seq`` in its middle."""
    return min(seq + PAGE_SIZE // 2, MAX_ID)


async def _find_conversation(
    connection: AsyncConnection, conversation_id: int
) -> ConversationRow | None:
    statement = _CONVERSATION.where(conversations.c.id == conversation_id)
    row = (await connection.execute(statement)).one_or_none()
    return ConversationRow(**row._asdict()) if row else None


async def _read_turns(
    connection: AsyncConnection, conversation_id: int, before: int | None
) -> list[ConversationTurnRow]:
    statement = _CONVERSATION_TURNS.where(turns.c.conversation_id == conversation_id)
    if before is not None:
        statement = statement.where(turns.c.seq < before)
    return [ConversationTurnRow(**row._asdict()) for row in await connection.execute(statement)]


async def _read_attempts(
    connection: AsyncConnection, turn_ids: list[UUID]
) -> dict[UUID, list[DeliveryAttempt]]:
    attempts: dict[UUID, list[DeliveryAttempt]] = {}
    for row in await connection.execute(_ATTEMPTS, {"ids": turn_ids}):
        attempts.setdefault(row.turn_id, []).append(DeliveryAttempt(**row._asdict()))
    return attempts


def _page(
    conversation: ConversationRow,
    newest_first: Sequence[ConversationTurnRow],
    before: int | None,
    attempts: Mapping[UUID, Sequence[DeliveryAttempt]],
) -> ConversationPage:
    shown = newest_first[:PAGE_SIZE][::-1]
    above = newest_first[PAGE_SIZE] if len(newest_first) > PAGE_SIZE else None
    newest = shown[-1].seq if shown else conversation.last_seq
    return ConversationPage(
        conversation=conversation,
        turns=shown,
        attempts=attempts,
        older=shown[0].seq if above else None,
        newer=newest + PAGE_SIZE + 1 if before and newest < conversation.last_seq else None,
        epoch_above=above.epoch if above else None,
    )


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

_CONVERSATION: Select[Any] = select(
    conversations.c.id,
    conversations.c.messenger,
    conversations.c.tenant,
    conversations.c.key,
    conversations.c.last_seq,
    conversations.c.created_at,
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

_CONVERSATION_TURNS: Select[Any] = (
    select(
        *TURN_COLUMNS,
        turns.c.text,
        turns.c.answer,
        turns.c.epoch,
        turns.c.preset,
        turns.c.model,
        turns.c.finish_reason,
        # Its beginning: masking a page of long ones would take too long.
        func.left(turns.c.reasoning, MAX_REASONING_CHARS).label("reasoning"),
        turns.c.failure_message,
        turns.c.dropped_messages,
        turns.c.first_token_ms,
        turns.c.total_ms,
        turns.c.queued_at,
        turns.c.started_at,
    )
    .select_from(turns.outerjoin(deliveries))
    .order_by(turns.c.seq.desc())
    .limit(PAGE_SIZE + 1)
)

_ATTEMPTS: Select[Any] = (
    select(
        delivery_attempts.c.turn_id,
        delivery_attempts.c.via,
        delivery_attempts.c.state,
        delivery_attempts.c.detail,
        delivery_attempts.c.claimed_at,
    )
    .where(delivery_attempts.c.turn_id.in_(bindparam("ids", expanding=True)))
    .order_by(delivery_attempts.c.id)
)
