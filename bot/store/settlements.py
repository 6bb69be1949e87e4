"""The end of turns in Postgres: the results of many jobs, each written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.state_machine import turn_before
from bot.domain.turns import TurnStatus
from bot.store.history_cache import newest
from bot.store.reply_handles import stamp
from bot.store.search import grams
from bot.store.turns import HISTORY_AT
from inference_queue.protocol import Completion, Failure
from runtime.database import LAZY_COMMIT_SQL

#: What was asked, and the state of the conversation before the answer, locked until the
#: transaction ends: in the order of the accept, so that no two of them wait for each other.
LOCK_SETTLING = text(
    f"""
    SELECT turns.job_id, turns.text AS question, conversations.history_seq,
        {HISTORY_AT} AS history_at, {LAZY_COMMIT_SQL}
    FROM turns JOIN conversations ON conversations.id = turns.conversation_id
    WHERE turns.job_id = ANY(:job_ids) AND turns.status IN ('queued', 'generating')
    ORDER BY conversations.messenger, conversations.tenant, conversations.key
    FOR UPDATE OF conversations
    """
).bindparams(bindparam("job_ids", type_=ARRAY(Uuid)))

#: Results into their turns, each once, and the newest answered turn into its conversation, unless
#: a reset came in between. Whether more waits there is certain: an accept needs the same lock, so
#: it was committed before, or its own scheduling comes after.
SETTLE = text(
    """
    WITH result AS (
        SELECT * FROM json_to_recordset(CAST(:results AS json)) AS result (
            job_id uuid, status text, sources text[], started_at timestamptz, answer text,
            grams text[], finish_reason text, model text, prompt_tokens int,
            completion_tokens int, dropped_messages int, first_token_ms float8, total_ms float8,
            failure_reason text, failure_message text
        )
    ), settled AS (
        UPDATE turns
        SET status = result.status, settled_at = now(),
            started_at = coalesce(turns.started_at, result.started_at),
            answer = result.answer, grams = coalesce(result.grams, turns.grams),
            finish_reason = result.finish_reason, model = result.model,
            prompt_tokens = result.prompt_tokens, completion_tokens = result.completion_tokens,
            dropped_messages = result.dropped_messages,
            first_token_ms = result.first_token_ms, total_ms = result.total_ms,
            failure_reason = result.failure_reason, failure_message = result.failure_message
        FROM result WHERE turns.job_id = result.job_id AND turns.status = ANY(result.sources)
        RETURNING turns.id, turns.job_id, conversation_id, seq, epoch, messenger, turns.status,
            coalesce(prompt, text) AS said, turns.answer, received_at, settled_at
    ), remembered AS (
        UPDATE conversations SET history_seq = settled.seq
        FROM settled
        WHERE settled.status = 'answered' AND conversations.id = settled.conversation_id
          AND conversations.epoch = settled.epoch
        RETURNING conversations.id
    )
    SELECT settled.*, conversation_id IN (SELECT id FROM remembered) AS remembered, EXISTS (
        SELECT 1 FROM turns AS next
        WHERE next.conversation_id = settled.conversation_id AND next.status = 'received'
    ) AS more
    FROM settled
    """
).bindparams(bindparam("results", type_=Text))


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a job's result makes of its turn."""

    job_id: UUID
    status: TurnStatus
    result: Completion | Failure
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A turn that has ended just now."""

    turn: Row[Any]  #: with ``said``, what the model was asked, and ``more``: others wait behind it
    #: The mark of the answered turn before it; None where it belongs in no later prompt.
    previous: str | None


async def settle(connection: AsyncConnection, ended: Sequence[Settlement]) -> list[Settled]:
    """Write results into their turns, once; those whose turn was settled already are left out.

    The transaction commits lazily: after a crash of Postgres the jobs are still there.
    """
    locked = await connection.execute(LOCK_SETTLING, {"job_ids": [one.job_id for one in ended]})
    before = {row.job_id: row for row in locked}
    values = [
        _settle_values(one, before[one.job_id].question) for one in ended if one.job_id in before
    ]
    results = orjson.dumps(values).decode()
    rows = await connection.execute(SETTLE, {"results": results})
    return [Settled(row, newest(before[row.job_id]) if row.remembered else None) for row in rows]


def _settle_values(one: Settlement, question: str) -> dict[str, Any]:
    values = {
        "job_id": str(one.job_id),
        "status": one.status.value,
        "sources": turn_before(one.status),
        "started_at": stamp(one.started_at),
    }
    if isinstance(one.result, Completion):
        return values | _completion_values(one.result, question)
    message = one.result.message[:500]
    return values | {"failure_reason": one.result.reason.value, "failure_message": message}


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
