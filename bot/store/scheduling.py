"""The scheduler's statements on waiting turns that get no job: merged, left behind, failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, func, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.state_machine import turn_before
from bot.domain.turns import STORAGE_FAULT, TurnStatus
from bot.store.schema import turns
from runtime.database import any_of
from runtime.direct import AnyConnection

MERGE = (
    update(turns)
    .where(
        turns.c.id == func.any(bindparam("earlier", type_=ARRAY(Uuid))),
        turns.c.status == any_of(turn_before(TurnStatus.MERGED), Text),
    )
    .values(
        status=TurnStatus.MERGED.value,
        merged_into=bindparam("later", type_=Uuid),
        settled_at=func.now(),
    )
)
#: Conversations with a waiting turn and no running one, as a crash leaves them behind.
LEFT_BEHIND = text(
    """
    SELECT DISTINCT conversation_id FROM turns AS waiting
    WHERE status = 'received' AND conversation_id <> ALL(:excluded) AND (
        SELECT true FROM turns AS running
        WHERE running.conversation_id = waiting.conversation_id
          AND running.status IN ('queued', 'generating')
        LIMIT 1
    ) IS NULL
    LIMIT :limit
    """
).bindparams(bindparam("excluded", type_=ARRAY(BigInteger)))
#: Waits for the conversation's lock, like every step out of ``received``: a turn that was being
#: scheduled is queued by then, and stays as it is.
FAIL_WAITING = text(
    """
    WITH held AS (
        SELECT id FROM conversations WHERE id = :conversation_id FOR NO KEY UPDATE
    )
    UPDATE turns
    SET status = 'failed', settled_at = now(), failure_reason = :reason, failure_message = :message
    FROM held
    WHERE turns.conversation_id = held.id AND turns.status = 'received'
      AND turns.id = coalesce(:turn_id, (
        SELECT id FROM turns AS oldest
        WHERE oldest.conversation_id = :conversation_id AND oldest.status = 'received'
        ORDER BY oldest.seq LIMIT 1
      ))
    RETURNING turns.id, turns.messenger
    """
).bindparams(
    bindparam("conversation_id", type_=BigInteger),
    bindparam("turn_id", type_=Uuid),
    bindparam("reason", STORAGE_FAULT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTurn:
    """A turn that ended without a result."""

    id: UUID
    messenger: str


async def merge(connection: AnyConnection, earlier: Sequence[UUID], into: UUID) -> None:
    """Settle turns as merged into a later one."""
    await connection.execute(MERGE, {"earlier": list(earlier), "later": into})


async def waiting_conversations(
    connection: AnyConnection, limit: int, *, excluded: Iterable[int] = ()
) -> Sequence[int]:
    """Conversations with a waiting turn and no running one, without ``excluded``."""
    values = {"limit": limit, "excluded": list(excluded)}
    return list((await connection.execute(LEFT_BEHIND, values)).scalars())


async def fail_waiting(
    connection: AsyncConnection,
    conversation_id: int,
    *,
    turn_id: UUID | None = None,
    message: str,
) -> EndedTurn | None:
    """Fail the turn, or the conversation's oldest waiting one; None: there is none waiting.

    ``message`` is for the operator and holds no value of a row.
    """
    values = {
        "conversation_id": conversation_id,
        "turn_id": turn_id,
        "message": message[:500],
    }
    row = (await connection.execute(FAIL_WAITING, values)).one_or_none()
    return EndedTurn(id=row.id, messenger=row.messenger) if row else None
