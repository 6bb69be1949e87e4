"""Conversations and turns in Postgres: each function one statement, each statement one fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid4

import orjson
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
from bot.domain.turns import DeliveryVia, ReplyHandle, TurnStatus, Utterance
from bot.store.schema import conversations, turns
from bot.store.search import grams
from runtime.database import LAZY_COMMIT, any_of

#: The accept: conversations, turns and deliveries in one committed statement, at most one turn of
#: a conversation. The seq is taken under the conversation's row lock, and the locks always in the
#: same order; an event seen before changes nothing and returns nothing.
ACCEPT = text(
    """
    WITH said AS (
        SELECT * FROM json_to_recordset(CAST(:utterances AS json)) AS said (
            id uuid, messenger text, tenant text, key text, event_key text, sender text,
            text text, media jsonb, reply_handle jsonb, grams text[], via text,
            received_at timestamptz, not_before timestamptz, callback_until timestamptz,
            expires_at timestamptz
        )
        -- As a value, so that each event is looked up in the index however small the table was.
        WHERE (
            SELECT true FROM turns
            WHERE turns.messenger = said.messenger AND turns.tenant = said.tenant
              AND turns.event_key = said.event_key
            LIMIT 1
        ) IS NULL
    ), conversation AS (
        INSERT INTO conversations (messenger, tenant, key)
        SELECT messenger, tenant, key FROM said ORDER BY messenger, tenant, key
        ON CONFLICT (messenger, tenant, key)
        DO UPDATE SET last_seq = conversations.last_seq + 1, updated_at = now()
        RETURNING id, messenger, tenant, key, epoch, last_seq
    ), turn AS (
        INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key, sender,
                           text, media, reply_handle, expires_at, grams, received_at)
        SELECT said.id, conversation.id, last_seq, epoch, messenger, tenant, event_key, sender,
               text, media, reply_handle, expires_at, grams, received_at
        FROM said JOIN conversation USING (messenger, tenant, key)
        ON CONFLICT (messenger, tenant, event_key) DO NOTHING
        RETURNING id, conversation_id, seq
    ), delivery AS (
        INSERT INTO deliveries
            (turn_id, messenger, via, state, not_before, callback_until, expires_at)
        SELECT id, messenger, via, CASE via WHEN 'held' THEN 'held' ELSE 'pending' END,
               not_before, callback_until, expires_at
        FROM turn JOIN said USING (id)
    )
    SELECT id, conversation_id, seq FROM turn
    """
).bindparams(bindparam("utterances", type_=Text))

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


@dataclass(frozen=True, slots=True)
class Accepted:
    """A turn in the log. ``new`` is False where the event had been accepted before."""

    turn_id: UUID
    conversation_id: int
    seq: int
    new: bool


async def accept(connection: AsyncConnection, utterances: Sequence[Utterance]) -> list[Accepted]:
    """Store each utterance as a turn, once per event key; the commit is the caller's.

    No two of them may be of one conversation.
    """
    ids = [uuid4() for _ in utterances]
    values = [_accept_values(*pair) for pair in zip(ids, utterances, strict=True)]
    said = orjson.dumps(values).decode()
    new = {row.id: row for row in await connection.execute(ACCEPT, {"utterances": said})}
    return [
        Accepted(turn_id, new[turn_id].conversation_id, new[turn_id].seq, new=True)
        if turn_id in new
        else await _known(connection, utterance)
        for turn_id, utterance in zip(ids, utterances, strict=True)
    ]


async def _known(connection: AsyncConnection, utterance: Utterance) -> Accepted:
    known = select(turns.c.id, turns.c.conversation_id, turns.c.seq).where(
        turns.c.messenger == utterance.messenger,
        turns.c.tenant == utterance.tenant,
        turns.c.event_key == utterance.event_key,
    )
    row = (await connection.execute(known)).one()
    return Accepted(row.id, row.conversation_id, row.seq, new=False)


def _accept_values(turn_id: UUID, utterance: Utterance) -> dict[str, Any]:
    reply = utterance.reply
    return {
        "id": str(turn_id),
        "messenger": utterance.messenger,
        "tenant": utterance.tenant,
        "key": utterance.conversation_key,
        "event_key": utterance.event_key,
        "sender": utterance.sender,
        "text": utterance.text,
        "media": utterance.media,
        "reply_handle": dump_handle(reply),
        "grams": grams(utterance.text),
        "received_at": stamp(utterance.received_at),
        "via": reply.via.value,
        "not_before": stamp(reply.sync_until or utterance.received_at),
        "callback_until": stamp(reply.callback_until),
        "expires_at": stamp(reply.expires_at),
    }


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


def dump_handle(handle: ReplyHandle) -> dict[str, Any]:
    """The handle as JSON-ready plain data."""
    return {
        "via": handle.via.value,
        "address": handle.address,
        "sync_until": stamp(handle.sync_until),
        "callback_until": stamp(handle.callback_until),
        "expires_at": stamp(handle.expires_at),
    }


def stamp(moment: datetime | None) -> str | None:
    """A moment as JSON-ready text."""
    return moment.isoformat() if moment else None


def load_handle(plain: dict[str, Any]) -> ReplyHandle:
    """Read a stored handle back."""

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(plain[name]) if plain[name] else None

    return ReplyHandle(
        via=DeliveryVia(plain["via"]),
        address=plain["address"],
        sync_until=moment("sync_until"),
        callback_until=moment("callback_until"),
        expires_at=datetime.fromisoformat(plain["expires_at"]),
    )
