"""The cancellation of a turn in Postgres: at once while it waits, else by its job."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import TurnStatus
from bot.store.conversations import ConversationKey
from bot.store.scheduling import EndedTurn
from bot.store.schema import turns

RUNNING = [TurnStatus.QUEUED.value, TurnStatus.GENERATING.value]
#: A cancelled answer is not posted: the person does not want it. On every other route the person
#: is still waiting for a response and gets a sentence, so the delivery goes on; so it does where
#: a part of the answer is shown already, which has to be finished. The expression on the state
#: defeats the index of open deliveries: next to no settled turn is cancelled.
END_DELIVERY = """
    UPDATE deliveries
    SET state = 'expired', detail = 'not sent: cancelled on request', updated_at = now()
    FROM {cancelled} AS cancelled
    WHERE deliveries.turn_id = cancelled.id AND cancelled.status = 'cancelled'
      AND deliveries.state || '' = 'pending' AND deliveries.via = 'post'
      AND NOT EXISTS (SELECT FROM posts WHERE posts.turn_id = cancelled.id)
"""
#: Waits for the conversation's lock: a turn that was being scheduled is queued by then. The
#: expressions on the status defeat the index of unsettled turns, whose statistics lag.
CANCEL_WAITING = text(
    f"""
    WITH held AS (
        SELECT conversations.id
        FROM conversations JOIN turns ON turns.conversation_id = conversations.id
        WHERE turns.id = :turn_id AND turns.status || '' = 'received'
        FOR NO KEY UPDATE OF conversations
    ), cancelled AS (
        UPDATE turns
        SET status = 'cancelled', settled_at = now(), failure_reason = 'cancelled',
            failure_message = 'cancelled on request'
        FROM held
        WHERE turns.id = :turn_id AND turns.conversation_id = held.id
          AND turns.status || '' = 'received'
        RETURNING turns.id, turns.messenger, turns.status
    ), delivery AS ({END_DELIVERY.format(cancelled="cancelled")})
    SELECT id, messenger FROM cancelled
    """
).bindparams(bindparam("turn_id", type_=Uuid))


async def cancel_waiting(connection: AsyncConnection, turn_id: UUID) -> EndedTurn | None:
    """Cancel a turn that is not queued yet; None where it is, or has ended."""
    row = (await connection.execute(CANCEL_WAITING, {"turn_id": turn_id})).one_or_none()
    return EndedTurn(id=row.id, messenger=row.messenger) if row else None


async def running_job(connection: AsyncConnection, turn_id: UUID) -> UUID | None:
    """The job of a turn that is queued or generating."""
    job_id = await connection.scalar(
        select(turns.c.job_id).where(turns.c.id == turn_id, turns.c.status.in_(RUNNING))
    )
    return UUID(str(job_id)) if job_id else None


_UNSETTLED = "('received', 'queued', 'generating')"
#: Names who stops the turns; the cancellation itself follows, turn by turn.
STOP_CONVERSATION = text(
    f"""
    UPDATE turns SET stopped_by = :by
    FROM conversations
    WHERE conversations.messenger = :messenger AND conversations.tenant = :tenant
      AND conversations.key = :key AND turns.conversation_id = conversations.id
      AND turns.status IN {_UNSETTLED}
    RETURNING turns.id, turns.seq
    """
).bindparams(*(bindparam(name, type_=Text) for name in ("by", "messenger", "tenant", "key")))

STOP_TURN = text(
    f"""
    UPDATE turns SET stopped_by = :by
    FROM conversations
    WHERE turns.id = :turn_id AND turns.messenger = :messenger AND turns.tenant = :tenant
      AND conversations.id = turns.conversation_id AND conversations.room = :room
      AND turns.status IN {_UNSETTLED}
    RETURNING turns.id
    """
).bindparams(
    bindparam("turn_id", type_=Uuid),
    *(bindparam(name, type_=Text) for name in ("by", "messenger", "tenant", "room")),
)


async def mark_stopped(
    connection: AsyncConnection, conversation: ConversationKey, *, by: str
) -> list[UUID]:
    """Name who stops the conversation's unsettled turns; the turns, newest first."""
    rows = await connection.execute(STOP_CONVERSATION, {**conversation.values, "by": by})
    newest_first = sorted(rows, key=lambda row: row.seq, reverse=True)
    return [row.id for row in newest_first]


async def mark_turn_stopped(
    connection: AsyncConnection, turn_id: UUID, *, messenger: str, tenant: str, room: str, by: str
) -> bool:
    """Name who stops an unsettled turn of the room; False: the room has no such turn."""
    values = {"turn_id": turn_id, "messenger": messenger, "tenant": tenant, "room": room, "by": by}
    return (await connection.scalar(STOP_TURN, values)) is not None
