"""Everything that is kept of one turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import (
    conversations,
    deliveries,
    delivery_attempts,
    feedback,
    posts,
    turns,
)

#: Of each list beside a turn.
MAX_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTurn:
    """A turn with its delivery, as it is stored. States are plain strings."""

    id: UUID
    conversation_id: int
    seq: int
    epoch: int
    messenger: str
    tenant: str
    sender: str
    event_key: str
    text: str
    media: list[Any]
    answer: str | None
    reasoning: str | None
    reply_handle: Mapping[str, Any]
    status: str
    failure_reason: str | None
    failure_message: str | None
    finish_reason: str | None
    merged_into: UUID | None
    regenerates: UUID | None
    continues: UUID | None
    stopped_by: str | None
    config_version: int | None
    job_id: UUID | None
    preset: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    dropped_messages: int | None
    cut_chars: int | None
    runs: list[dict[str, Any]] | None  #: of its job, as ``FinishedJob`` has them
    first_token_ms: float | None
    total_ms: float | None
    received_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    settled_at: datetime | None
    expires_at: datetime
    conversation_key: str
    room: str
    delivery_via: str | None
    delivery_state: str | None
    delivery_attempts: int | None
    delivery_detail: str | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a delivery."""

    via: str
    state: str
    detail: str
    claimed_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenVote:
    """A person's vote on an answer."""

    voter: str
    vote: str
    reasons: list[str]
    note: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPost:
    """A message of a messenger that shows a part of an answer."""

    part: int
    state: str
    message_id: str | None
    was_live: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """Another turn that this one led to: one merged into it, or one that asks again or goes on."""

    id: UUID
    merged_into: UUID | None
    regenerates: UUID | None
    continues: UUID | None


_JOINED = {
    "conversation_key": conversations.c.key,
    "room": conversations.c.room,
    "delivery_via": deliveries.c.via,
    "delivery_state": deliveries.c.state,
    "delivery_attempts": deliveries.c.attempts,
    "delivery_detail": deliveries.c.detail,
    "delivered_at": deliveries.c.delivered_at,
}
_TURN = select(
    *(
        _JOINED[name].label(name) if name in _JOINED else turns.c[name]
        for name in ReadTurn.__dataclass_fields__
    )
).select_from(turns.join(conversations).outerjoin(deliveries))


async def find_turn(connection: AsyncConnection, turn_id: UUID) -> ReadTurn | None:
    """The turn, or None."""
    row = (await connection.execute(_TURN.where(turns.c.id == turn_id))).one_or_none()
    return ReadTurn(**row._mapping) if row else None


async def attempts_of(connection: AsyncConnection, turn_id: UUID) -> Sequence[Attempt]:
    """The attempts of its delivery, oldest first."""
    columns = [delivery_attempts.c[name] for name in Attempt.__dataclass_fields__]
    statement = (
        select(*columns)
        .where(delivery_attempts.c.turn_id == turn_id)
        .order_by(delivery_attempts.c.id)
        .limit(MAX_ROWS)
    )
    return [Attempt(**row._mapping) for row in await connection.execute(statement)]


async def votes_of(connection: AsyncConnection, turn_id: UUID) -> Sequence[GivenVote]:
    """The votes on its answer, oldest first."""
    columns = [feedback.c[name] for name in GivenVote.__dataclass_fields__]
    statement = (
        select(*columns)
        .where(feedback.c.turn_id == turn_id)
        .order_by(feedback.c.updated_at)
        .limit(MAX_ROWS)
    )
    return [GivenVote(**row._mapping) for row in await connection.execute(statement)]


async def posts_of(connection: AsyncConnection, turn_id: UUID) -> Sequence[ShownPost]:
    """The messages that show its answer, in order."""
    names = [name for name in ShownPost.__dataclass_fields__ if name != "was_live"]
    statement = (
        select(*(posts.c[name] for name in names), posts.c.writer.is_not(None).label("was_live"))
        .where(posts.c.turn_id == turn_id)
        .order_by(posts.c.part)
        .limit(MAX_ROWS)
    )
    return [ShownPost(**row._mapping) for row in await connection.execute(statement)]


async def relatives_of(connection: AsyncConnection, turn: ReadTurn) -> Sequence[Relative]:
    """The turns of its conversation that refer to it, oldest first."""
    columns = turns.c
    named = (columns.merged_into, columns.regenerates, columns.continues)
    found = []
    for column in named:
        # Each alone: the planner would walk the whole conversation for any of them.
        statement = (
            select(columns.id, *named)
            .where(
                columns.conversation_id == turn.conversation_id,
                columns.seq.between(turn.seq - MAX_ROWS, turn.seq + MAX_ROWS),
                column == turn.id,
            )
            .order_by(columns.seq)
        )
        found += [Relative(**row._mapping) for row in await connection.execute(statement)]
    return found
