"""Conversations and turns in Postgres: each function one statement, each statement one fact."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Result,
    Row,
    Uuid,
    bindparam,
    column,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from bot.domain import DeliveryVia, ReplyHandle, TurnStatus, Utterance
from bot.lifecycle import turn_before
from bot.store.search import grams
from bot.store.tables import conversations, turns
from inference_worker.jobs import jobs
from inference_worker.protocol import Completion, Failure

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
    said = json.dumps(values, ensure_ascii=False)
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
        "received_at": _stamp(utterance.received_at),
        "via": reply.via.value,
        "not_before": _stamp(reply.sync_until or utterance.received_at),
        "callback_until": _stamp(reply.callback_until),
        "expires_at": _stamp(reply.expires_at),
    }


async def lock_conversation(connection: AsyncConnection, conversation_id: int) -> Row[Any] | None:
    """The conversation's row, locked until the transaction ends; None where it is gone."""
    found = await connection.execute(
        select(conversations).where(conversations.c.id == conversation_id).with_for_update()
    )
    return found.one_or_none()


async def lock_free_conversations(
    connection: AsyncConnection, ids: Iterable[int]
) -> dict[int, Row[Any]]:
    """Those of the conversations that nobody holds, by id, locked until the transaction ends."""
    found = await connection.execute(
        select(conversations)
        .where(conversations.c.id == _any(ids))
        .with_for_update(skip_locked=True)
    )
    return {row.id: row for row in found}


async def waiting_turns(connection: AsyncConnection, ids: Iterable[int]) -> list[list[Row[Any]]]:
    """What waits in each conversation, oldest first; nothing of those where a turn runs."""
    running = turns.alias("running")
    rows = await connection.execute(
        select(turns)
        .where(
            turns.c.conversation_id == _any(ids),
            turns.c.status == TurnStatus.RECEIVED.value,
            ~select(running.c.id)
            .where(
                running.c.conversation_id == turns.c.conversation_id,
                running.c.status.in_([TurnStatus.QUEUED.value, TurnStatus.GENERATING.value]),
            )
            .exists(),
        )
        .order_by(turns.c.conversation_id, turns.c.seq)
    )
    by_conversation = groupby(rows, attrgetter("conversation_id"))
    return [list(waiting) for _, waiting in by_conversation]


async def merge(connection: AsyncConnection, earlier: Sequence[UUID], into: UUID) -> None:
    """Close turns that are answered together with a later one."""
    await connection.execute(
        update(turns)
        .where(turns.c.id.in_(earlier), turns.c.status.in_(turn_before(TurnStatus.MERGED)))
        .values(status=TurnStatus.MERGED.value, merged_into=into, settled_at=func.now())
    )


async def queue_turns(
    connection: AsyncConnection, queued: Mapping[UUID, UUID], *, preset: str
) -> None:
    """Mark turns as queued: the turn of each job id."""
    job = (
        func.unnest(
            bindparam("jobs", list(queued), ARRAY(Uuid)),
            bindparam("turns", list(queued.values()), ARRAY(Uuid)),
        )
        .table_valued(column("id", Uuid), column("turn_id", Uuid))
        .render_derived("job")
    )
    await connection.execute(
        update(turns)
        .where(turns.c.id == job.c.turn_id, turns.c.status.in_(turn_before(TurnStatus.QUEUED)))
        .values(
            status=TurnStatus.QUEUED.value,
            job_id=job.c.id,
            preset=preset,
            queued_at=func.now(),
        )
    )


async def keep_prompt(connection: AsyncConnection, turn_id: UUID, prompt: str) -> None:
    """Note what the model was asked, where it is more than the turn's text."""
    await connection.execute(update(turns).where(turns.c.id == turn_id).values(prompt=prompt))


async def answered_turns(
    connection: AsyncConnection, conversation_id: int, *, epoch: int, limit: int
) -> list[Row[Any]]:
    """The newest answered turns of the epoch, oldest first: seq, text, answer."""
    rows = await connection.execute(
        select(
            turns.c.seq, func.coalesce(turns.c.prompt, turns.c.text).label("text"), turns.c.answer
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


async def settle(
    connection: AsyncConnection,
    job_id: UUID,
    *,
    status: TurnStatus,
    result: Completion | Failure,
    started_at: datetime | None,
) -> Row[Any] | None:
    """Write a job's result into its turn, once; None where the turn was settled already."""
    values: dict[str, Any] = {
        "status": status.value,
        "started_at": func.coalesce(turns.c.started_at, started_at),
        "settled_at": func.now(),
    }
    if isinstance(result, Completion):
        question = await connection.scalar(select(turns.c.text).where(turns.c.job_id == job_id))
        values |= _completion_values(result, question or "")
    else:
        values |= {"failure_reason": result.reason.value, "failure_message": result.message[:500]}
    changed: Result[Any] = await connection.execute(
        update(turns)
        .where(turns.c.job_id == job_id, turns.c.status.in_(turn_before(status)))
        .values(values)
        .returning(turns)
    )
    return changed.one_or_none()


def _completion_values(completion: Completion, question: str) -> dict[str, Any]:
    return {
        "answer": completion.text,
        "grams": grams(f"{question}\n{completion.text}"),
        "finish_reason": completion.finish_reason.value,
        "model": completion.model,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "dropped_messages": completion.dropped_messages,
        "first_token_ms": completion.first_token_ms,
        "total_ms": completion.total_ms,
    }


async def remember_answer(
    connection: AsyncConnection, conversation_id: int, *, epoch: int, seq: int
) -> bool:
    """Note the newest answered turn of the epoch; False where a reset came in between."""
    changed = await connection.execute(
        update(conversations)
        .where(conversations.c.id == conversation_id, conversations.c.epoch == epoch)
        .values(history_seq=seq)
    )
    return bool(changed.rowcount == 1)


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
    changed = await connection.execute(
        update(turns)
        .where(
            turns.c.status.in_(turn_before(TurnStatus.GENERATING)),
            turns.c.job_id == jobs.c.id,
            jobs.c.state == "running",
        )
        .values(status=TurnStatus.GENERATING.value, started_at=jobs.c.started_at)
    )
    return int(changed.rowcount)


async def waiting_conversations(connection: AsyncConnection, limit: int) -> Sequence[int]:
    """Conversations with a turn to schedule and none running: what a crash left behind."""
    rows = await connection.execute(
        text(
            """
            SELECT DISTINCT conversation_id FROM turns AS waiting
            WHERE status = 'received' AND NOT EXISTS (
                SELECT 1 FROM turns AS running
                WHERE running.conversation_id = waiting.conversation_id
                  AND running.status IN ('queued', 'generating')
            )
            LIMIT :limit
            """
        ),
        {"limit": limit},
    )
    return rows.scalars().all()


async def expire_waiting(connection: AsyncConnection) -> list[Row[Any]]:
    """End turns that never reached the queue and whose answer nobody waits for any more."""
    changed = await connection.execute(
        update(turns)
        .where(turns.c.status == TurnStatus.RECEIVED.value, turns.c.expires_at <= func.now())
        .values(status=TurnStatus.EXPIRED.value, settled_at=func.now(), failure_reason="expired")
        .returning(turns.c.id, turns.c.conversation_id)
    )
    return list(changed.all())


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
        "sync_until": _stamp(handle.sync_until),
        "callback_until": _stamp(handle.callback_until),
        "expires_at": _stamp(handle.expires_at),
    }


def _stamp(moment: datetime | None) -> str | None:
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


def _any(ids: Iterable[int]) -> ColumnElement[int]:
    return func.any(bindparam(None, list(ids), ARRAY(BigInteger)))
