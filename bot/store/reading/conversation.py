"""The turns of a conversation, a slice at a time, with what happened between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.feedback import Vote
from bot.store.schema import conversation_events, conversations, deliveries, feedback, posts, turns

#: Of a text on the page of a conversation, in characters; the page of its turn has the rest.
MAX_TEXT_CHARS = 4_000
#: Events of a page: a person may call a human and leave as often as they like.
MAX_EVENTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation; ``last_seq`` is also the number of its turns, erased ones included."""

    id: int
    messenger: str
    tenant: str
    key: str
    room: str
    last_seq: int
    human_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenTurn:
    """A turn as the page of its conversation needs it.

    States are plain strings: a newer bot may store ones that this one does not know.
    """

    id: UUID
    conversation_id: int
    seq: int
    epoch: int
    messenger: str
    tenant: str
    sender: str
    text: str  #: its beginning
    text_chars: int
    answer: str | None  #: its beginning
    answer_chars: int | None
    media_count: int
    status: str
    failure_reason: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    regenerates: UUID | None
    continues: UUID | None
    merged_into: UUID | None
    stopped_by: str | None
    received_at: datetime
    settled_at: datetime | None
    delivery_via: str | None
    delivery_state: str | None
    delivered_at: datetime | None
    was_live: bool  #: it was shown while it was written
    good: int  #: votes
    bad: int

    @property
    def is_shortened(self) -> bool:
        """Whether there is more of a text."""
        return max(self.text_chars, self.answer_chars or 0) > MAX_TEXT_CHARS


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationEvent:
    """What happened beside the turns."""

    kind: str
    actor: str
    at: datetime


def _votes(vote: Vote) -> Any:
    return (
        select(func.count())
        .where(feedback.c.turn_id == turns.c.id, feedback.c.vote == vote.value)
        .scalar_subquery()
        .label(vote.value)
    )


_WAS_LIVE = (
    select(posts.c.turn_id)
    .where(posts.c.turn_id == turns.c.id, posts.c.writer.is_not(None))
    .exists()
    .label("was_live")
)

_TURNS: Select[Any] = select(
    turns.c.id,
    turns.c.conversation_id,
    turns.c.seq,
    turns.c.epoch,
    turns.c.messenger,
    turns.c.tenant,
    turns.c.sender,
    func.left(turns.c.text, MAX_TEXT_CHARS).label("text"),
    func.length(turns.c.text).label("text_chars"),
    func.left(turns.c.answer, MAX_TEXT_CHARS).label("answer"),
    func.length(turns.c.answer).label("answer_chars"),
    func.jsonb_array_length(turns.c.media).label("media_count"),
    turns.c.status,
    turns.c.failure_reason,
    turns.c.finish_reason,
    turns.c.prompt_tokens,
    turns.c.completion_tokens,
    turns.c.regenerates,
    turns.c.continues,
    turns.c.merged_into,
    turns.c.stopped_by,
    turns.c.received_at,
    turns.c.settled_at,
    deliveries.c.via.label("delivery_via"),
    deliveries.c.state.label("delivery_state"),
    deliveries.c.delivered_at,
    _WAS_LIVE,
    _votes(Vote.GOOD),
    _votes(Vote.BAD),
).select_from(turns.outerjoin(deliveries))


async def find_conversation(
    connection: AsyncConnection, conversation_id: int
) -> Conversation | None:
    """The conversation, or None."""
    columns = [conversations.c[name] for name in Conversation.__dataclass_fields__]
    found = await connection.execute(select(*columns).where(conversations.c.id == conversation_id))
    row = found.one_or_none()
    return Conversation(**row._mapping) if row else None


async def turns_before(
    connection: AsyncConnection, conversation_id: int, before: int | None, *, limit: int
) -> list[SpokenTurn]:
    """The newest turns with a seq below ``before``, newest first; None: the newest of all."""
    wanted = turns.c.conversation_id == conversation_id
    if before is not None:
        wanted = and_(wanted, turns.c.seq < before)
    statement = _TURNS.where(wanted).order_by(turns.c.seq.desc()).limit(limit)
    return [SpokenTurn(**row._mapping) for row in await connection.execute(statement)]


async def turns_after(
    connection: AsyncConnection, conversation_id: int, after: int, *, limit: int
) -> list[SpokenTurn]:
    """The oldest turns with a seq above ``after``, oldest first."""
    wanted = and_(turns.c.conversation_id == conversation_id, turns.c.seq > after)
    statement = _TURNS.where(wanted).order_by(turns.c.seq).limit(limit)
    return [SpokenTurn(**row._mapping) for row in await connection.execute(statement)]


async def find_spoken(connection: AsyncConnection, turn_id: UUID) -> SpokenTurn | None:
    """One turn, or None."""
    row = (await connection.execute(_TURNS.where(turns.c.id == turn_id))).one_or_none()
    return SpokenTurn(**row._mapping) if row else None


async def events_between(
    connection: AsyncConnection,
    conversation_id: int,
    since: datetime | None,
    until: datetime | None,
) -> Sequence[ConversationEvent]:
    """What happened from ``since`` and before ``until``, oldest first, at most ``MAX_EVENTS``."""
    columns = conversation_events.c
    statement = select(columns.kind, columns.actor, columns.at).where(
        columns.conversation_id == conversation_id
    )
    if since is not None:
        statement = statement.where(columns.at >= since)
    if until is not None:
        statement = statement.where(columns.at < until)
    newest = statement.order_by(columns.id.desc()).limit(MAX_EVENTS)
    rows = [ConversationEvent(**row._mapping) for row in await connection.execute(newest)]
    return rows[::-1]
