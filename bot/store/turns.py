"""Queries on turns: one turn, the answered turns of conversations, the settled ones of many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Uuid, bindparam, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import ReplyHandle
from bot.domain.turns import SETTLED, TurnStatus
from bot.store.reply_handles import load_handle
from bot.store.schema import conversations, turns
from runtime.direct import AnyConnection

#: All histories in one statement, each read backwards along the index of (conversation, seq).
#: Without the answers whose question was asked again, unless that failed.
ANSWERED = text(
    """
    SELECT wanted.conversation_id, wanted.epoch, answered.*
    FROM unnest(:conversation_ids, :epochs) AS wanted (conversation_id, epoch)
    CROSS JOIN LATERAL (
        SELECT seq, settled_at, coalesce(prompt, text) AS text, answer FROM turns
        WHERE turns.conversation_id = wanted.conversation_id AND turns.epoch = wanted.epoch
          AND status = 'answered' AND NOT EXISTS (
            SELECT FROM turns AS again
            WHERE again.regenerates = turns.id
              AND again.status IN ('received', 'queued', 'generating', 'answered')
          )
        ORDER BY seq DESC LIMIT :limit
    ) AS answered
    ORDER BY answered.seq
    """
).bindparams(
    bindparam("conversation_ids", type_=ARRAY(BigInteger)),
    bindparam("epochs", type_=ARRAY(Integer)),
)

WAITING_AMONG = select(turns.c.id).where(
    turns.c.id == func.any(bindparam("turn_ids", type_=ARRAY(Uuid))),
    turns.c.status.not_in([literal_column(f"'{status.value}'") for status in SETTLED]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn of the log, with the key of its conversation; docs/glossary.md defines it."""

    id: UUID
    conversation_id: int
    conversation_key: str
    seq: int
    epoch: int
    messenger: str
    tenant: str
    event_key: str
    sender: str
    text: str
    media: list[dict[str, Any]]
    status: TurnStatus
    prompt: str | None
    merged_into: UUID | None
    job_id: UUID | None
    preset: str | None
    answer: str | None
    finish_reason: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    failure_reason: str | None
    failure_message: str | None
    received_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    settled_at: datetime | None
    expires_at: datetime
    reply_handle: ReplyHandle


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredTurn:
    """The part of an answered turn that a later prompt needs."""

    seq: int
    settled_at: datetime
    text: str  #: the text that the model read
    answer: str


#: Without the search index of the turn, which is longer than all other columns together.
_COLUMNS = [turns.c[name] for name in Turn.__dataclass_fields__ if name != "conversation_key"]


async def find_turn(connection: AsyncConnection, turn_id: UUID) -> Turn | None:
    """The turn with its conversation's key, or None."""
    found = await connection.execute(
        select(*_COLUMNS, conversations.c.key.label("conversation_key"))
        .join(conversations, conversations.c.id == turns.c.conversation_id)
        .where(turns.c.id == turn_id)
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    typed = {"status": TurnStatus(row["status"]), "reply_handle": load_handle(row["reply_handle"])}
    return Turn(**{**row, **typed})


async def answered_turns(
    connection: AnyConnection, wanted: Sequence[tuple[int, int]], *, limit: int
) -> dict[tuple[int, int], list[AnsweredTurn]]:
    """The newest answered turns of each (conversation id, epoch), oldest first, at most ``limit``.

    One statement for all, because it runs while the conversations are locked. ``wanted`` holds no
    duplicates.
    """
    values = {
        "conversation_ids": [conversation_id for conversation_id, _ in wanted],
        "epochs": [epoch for _, epoch in wanted],
        "limit": limit,
    }
    answered: dict[tuple[int, int], list[AnsweredTurn]] = defaultdict(list)
    for row in await connection.execute(ANSWERED, values):
        answered[row.conversation_id, row.epoch].append(
            AnsweredTurn(seq=row.seq, settled_at=row.settled_at, text=row.text, answer=row.answer)
        )
    return dict(answered)


async def settled_among(connection: AnyConnection, turn_ids: Sequence[UUID]) -> list[UUID]:
    """Those of these turns that get no other result: settled, or erased."""
    rows = await connection.execute(WAITING_AMONG, {"turn_ids": list(turn_ids)})
    waiting = set(rows.scalars())
    return [turn_id for turn_id in turn_ids if turn_id not in waiting]
