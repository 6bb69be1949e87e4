"""The part of a turn that its delivery needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import TurnStatus
from bot.store.reply_handles import load_handle
from inference_queue.protocol import FailureReason, FinishReason

log = structlog.get_logger(__name__)

#: The number of earlier turns whose held and expired answers are looked for: a person who has asked
#: so often since then wants them no more.
MAX_EARLIER = 50
#: The columns of a TurnOutcome; the turn's search index alone would be longer than they are. No
#: answer is held that can be posted.
OUTCOME_COLUMNS = f"""
    turns.id, turns.conversation_id, turns.seq, turns.messenger, turns.tenant, (
        SELECT room FROM conversations WHERE conversations.id = turns.conversation_id
    ) AS room, turns.status,
    turns.job_id, turns.answer, turns.finish_reason, turns.failure_reason, turns.reply_handle,
    EXISTS (
        SELECT 1 FROM turns AS earlier
        WHERE earlier.conversation_id = turns.conversation_id AND earlier.seq < turns.seq
          AND earlier.status = 'answered'
    ) AS answered_before, coalesce(turns.finish_reason = 'repetition', false) AS repeats,
    coalesce((
        SELECT conversations.idle_epoch = turns.epoch FROM conversations
        WHERE conversations.id = turns.conversation_id
    ), false) AND NOT EXISTS (
        SELECT FROM turns AS earlier
        WHERE earlier.conversation_id = turns.conversation_id AND earlier.seq < turns.seq
          AND earlier.epoch = turns.epoch
    ) AS begins_anew, turns.seq > 1 AND turns.reply_handle ->> 'via' IS DISTINCT FROM 'post'
    AND EXISTS (
        SELECT FROM (
            SELECT id FROM turns AS earlier
            WHERE earlier.conversation_id = turns.conversation_id AND earlier.seq < turns.seq
            ORDER BY earlier.seq DESC LIMIT {MAX_EARLIER}
        ) AS earlier JOIN deliveries AS waiting ON waiting.turn_id = earlier.id
        WHERE (waiting.state = 'held' AND waiting.expires_at > now())
           OR (waiting.state = 'expired' AND waiting.via <> 'post' AND NOT waiting.expiry_told)
    ) AS has_additions
    """

LOAD_OUTCOME = text(f"SELECT {OUTCOME_COLUMNS} FROM turns WHERE turns.id = :turn_id").columns(
    reply_handle=JSONB
)


LOAD_OUTCOMES = (
    text(f"SELECT {OUTCOME_COLUMNS} FROM turns WHERE turns.id = ANY(:turn_ids)")
    .bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))
    .columns(reply_handle=JSONB)
)

#: The stored reasons of an answer that is not whole.
_TRUNCATED = frozenset({FinishReason.LENGTH.value, FinishReason.DEADLINE.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOutcome:
    """The part of a turn that its delivery needs, settled or not."""

    id: UUID
    conversation_id: int
    seq: int
    messenger: str
    tenant: str = ""
    room: str = ""
    repeats: bool = False  #: the model repeated itself, and was stopped
    begins_anew: bool = False  #: the first of a conversation that began anew after a long silence
    has_additions: bool = False  #: earlier answers may be offered with it, or told to be expired
    status: TurnStatus
    job_id: UUID | None
    answer: str | None
    failure_reason: FailureReason | None
    reply_handle: ReplyHandle
    answered_before: bool  #: an earlier answer carried the notice that an AI answers
    truncated: bool = False  #: the model stopped at a limit, before the answer's end


async def load_outcome(connection: AsyncConnection, turn_id: UUID) -> TurnOutcome:
    """The part of the turn that its delivery needs."""
    return outcome_from_row((await connection.execute(LOAD_OUTCOME, {"turn_id": turn_id})).one())


async def load_outcomes(
    connection: AsyncConnection, turn_ids: Sequence[UUID]
) -> dict[UUID, TurnOutcome]:
    """The same of many turns, by their ids; without those whose status only a newer bot knows."""
    rows = await connection.execute(LOAD_OUTCOMES, {"turn_ids": list(turn_ids)})
    return {row.id: outcome_from_row(row) for row in rows if row.status in set(TurnStatus)}


def outcome_from_row(row: Any) -> TurnOutcome:
    """The TurnOutcome in a row that has ``OUTCOME_COLUMNS``."""
    return TurnOutcome(
        id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        messenger=row.messenger,
        tenant=row.tenant,
        room=row.room,
        repeats=row.repeats,
        begins_anew=row.begins_anew,
        has_additions=row.has_additions,
        status=TurnStatus(row.status),
        job_id=row.job_id,
        answer=row.answer,
        truncated=row.finish_reason in _TRUNCATED,
        failure_reason=_failure_reason(row.failure_reason),
        reply_handle=read_reply_handle(row.id, row.reply_handle),
        answered_before=row.answered_before,
    )


def _failure_reason(stored: str | None) -> FailureReason | None:
    """The stored reason; None also for one of a newer version: the general failure text follows."""
    return FailureReason(stored) if stored in set(FailureReason) else None


def read_reply_handle(turn_id: UUID, stored: dict[str, Any]) -> ReplyHandle:
    """The turn's handle; an unreadable one becomes a handle without address, which is refused.

    An exception here would orphan all the claims of the same statement: they are committed.
    """
    try:
        return load_handle(stored)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        log.error("reply_handle_broke", turn_id=str(turn_id), error=type(error).__name__)
        return ReplyHandle(via=DeliveryVia.HELD, expires_at=datetime.now(UTC))
