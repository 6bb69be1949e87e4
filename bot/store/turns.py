"""Conversations and turns in Postgres: each function one statement, each statement one fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Result,
    Row,
    Uuid,
    bindparam,
    column,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from bot.domain.state_machine import turn_before
from bot.domain.turns import TurnStatus
from bot.store.schema import conversations, turns
from runtime.database import LAZY_COMMIT, any_of

#: When a conversation's newest answered turn was settled.
HISTORY_AT = """(
    SELECT newest.settled_at FROM turns AS newest
    WHERE newest.conversation_id = conversations.id AND newest.seq = conversations.history_seq
)"""
#: The statements of the schedule stand here ready: building them anew takes longer than sending.
LOCK_FREE = (
    select(
        conversations.c.id,
        conversations.c.tenant,
        conversations.c.epoch,
        conversations.c.history_seq,
        literal_column(HISTORY_AT).label("history_at"),
        LAZY_COMMIT,
    )
    .where(conversations.c.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))))
    .with_for_update(skip_locked=True)
)
#: Conversation by conversation: Postgres takes the indexes of what waits and runs for smaller than
#: they are, and would compare each that waits with each that runs.
WAITING = (
    text(
        """
        SELECT waiting.*
        FROM unnest(:ids) AS wanted (id) CROSS JOIN LATERAL (
            SELECT id, conversation_id, seq, epoch, messenger, text, reply_handle, received_at,
                expires_at
            FROM turns
            WHERE conversation_id = wanted.id AND status = 'received'
            OFFSET 0
        ) AS waiting
        WHERE (
            SELECT true FROM turns
            WHERE conversation_id = wanted.id AND status IN ('queued', 'generating')
            LIMIT 1
        ) IS NULL
        ORDER BY waiting.conversation_id, waiting.seq
        """
    )
    .bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
    .columns(reply_handle=JSONB)
)
_job = (
    func.unnest(bindparam("jobs", type_=ARRAY(Uuid)), bindparam("turns", type_=ARRAY(Uuid)))
    .table_valued(column("id", Uuid), column("turn_id", Uuid))
    .render_derived("job")
)
QUEUE = (
    update(turns)
    .where(turns.c.id == _job.c.turn_id, turns.c.status.in_(turn_before(TurnStatus.QUEUED)))
    .values(
        status=TurnStatus.QUEUED.value,
        job_id=_job.c.id,
        preset=bindparam("preset"),
        queued_at=func.now(),
    )
)
EXPIRE_WAITING = text(
    """
    WITH late AS (
        SELECT conversation_id FROM turns WHERE status = 'received' AND expires_at <= now()
    ), held AS (
        SELECT id FROM conversations WHERE id IN (SELECT conversation_id FROM late)
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE turns SET status = 'expired', settled_at = now(), failure_reason = 'expired'
    FROM held
    WHERE turns.conversation_id = held.id AND turns.status = 'received'
      AND turns.expires_at <= now()
    RETURNING turns.id, turns.conversation_id
    """
)
#: From the few running jobs to their turns: with its status in disguise, or Postgres looks through
#: all turns that are queued.
MARK_GENERATING = text(
    """
    UPDATE turns SET status = 'generating', started_at = jobs.started_at
    FROM jobs
    WHERE jobs.state = 'running' AND turns.job_id = jobs.id
      AND turns.status || '' = ANY(:sources)
    """
).bindparams(bindparam("sources", turn_before(TurnStatus.GENERATING), type_=ARRAY(Text)))


async def lock_free_conversations(
    connection: AsyncConnection, ids: Iterable[int]
) -> dict[int, Row[Any]]:
    """Those of the conversations that nobody holds, by id, locked until the transaction ends.

    Each with its tenant, epoch, history_seq and history_at. The transaction commits lazily: what a
    crash of Postgres undoes, the sweep does again.
    """
    found: Result[Any] = await connection.execute(LOCK_FREE, {"ids": list(ids)})
    return {row.id: row for row in found}


async def waiting_turns(connection: AsyncConnection, ids: Iterable[int]) -> list[list[Row[Any]]]:
    """What waits in each conversation, oldest first; nothing of those where a turn runs."""
    rows: Result[Any] = await connection.execute(WAITING, {"ids": list(ids)})
    by_conversation = groupby(rows, attrgetter("conversation_id"))
    return [list(waiting) for _, waiting in by_conversation]


async def merge(connection: AsyncConnection, earlier: Sequence[UUID], into: UUID) -> None:
    """Close turns that are answered together with a later one."""
    await connection.execute(
        update(turns)
        .where(turns.c.id == any_of(earlier), turns.c.status.in_(turn_before(TurnStatus.MERGED)))
        .values(status=TurnStatus.MERGED.value, merged_into=into, settled_at=func.now())
    )


async def queue_turns(
    connection: AsyncConnection, queued: Mapping[UUID, UUID], *, preset: str
) -> None:
    """Mark turns as queued: the turn of each job id."""
    values = {"jobs": list(queued), "turns": list(queued.values()), "preset": preset}
    await connection.execute(QUEUE, values)


async def keep_prompt(connection: AsyncConnection, turn_id: UUID, prompt: str) -> None:
    """Note what the model was asked, where it is more than the turn's text."""
    await connection.execute(update(turns).where(turns.c.id == turn_id).values(prompt=prompt))


async def answered_turns(
    connection: AsyncConnection, conversation_id: int, *, epoch: int, limit: int
) -> list[Row[Any]]:
    """The newest answered turns of the epoch, oldest first: seq, settled_at, text, answer."""
    rows = await connection.execute(
        select(
            turns.c.seq,
            turns.c.settled_at,
            func.coalesce(turns.c.prompt, turns.c.text).label("text"),
            turns.c.answer,
        )
        .where(
            turns.c.conversation_id == conversation_id,
            turns.c.epoch == epoch,
            turns.c.status == TurnStatus.ANSWERED.value,
        )
        .order_by(turns.c.seq.desc())
        .limit(limit)
    )
    return list(reversed(rows.all()))


async def reset(connection: AsyncConnection, *, messenger: str, tenant: str, key: str) -> None:
    """Begin a new epoch: what was said stays in the log and out of every later prompt."""
    await connection.execute(
        update(conversations)
        .where(
            conversations.c.messenger == messenger,
            conversations.c.tenant == tenant,
            conversations.c.key == key,
        )
        .values(epoch=conversations.c.epoch + 1, history_seq=0, updated_at=func.now())
    )


async def mark_generating(connection: AsyncConnection) -> int:
    """Turns whose job a worker has claimed are generating; how many were marked."""
    return int((await connection.execute(MARK_GENERATING)).rowcount)


async def waiting_conversations(connection: AsyncConnection, limit: int) -> Sequence[int]:
    """Conversations with a turn to schedule and none running: what a crash left behind."""
    rows = await connection.execute(
        text(
            """
            SELECT DISTINCT conversation_id FROM turns AS waiting
            WHERE status = 'received' AND (
                SELECT true FROM turns AS running
                WHERE running.conversation_id = waiting.conversation_id
                  AND running.status IN ('queued', 'generating')
                LIMIT 1
            ) IS NULL
            LIMIT :limit
            """
        ),
        {"limit": limit},
    )
    return rows.scalars().all()


async def expire_waiting(connection: AsyncConnection) -> list[Row[Any]]:
    """End turns that never reached the queue and whose answer nobody waits for any more.

    Those of a conversation that is being scheduled are left to the next time: they may have been
    chosen already, and a job without its turn would be answered to nobody.
    """
    return list((await connection.execute(EXPIRE_WAITING)).all())


async def find_turn(connection: AsyncConnection, turn_id: UUID) -> Row[Any] | None:
    """A turn with its conversation's key."""
    found = await connection.execute(
        select(turns, conversations.c.key.label("conversation_key"))
        .join(conversations, conversations.c.id == turns.c.conversation_id)
        .where(turns.c.id == turn_id)
    )
    return found.one_or_none()
