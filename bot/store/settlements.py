"""Settlements in Postgres: the results of many jobs, each written into its turn once.

The statement of a settlement claims the deliveries that can go out at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Integer, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.domain.state_machine import turn_before
from bot.domain.turns import TurnStatus
from bot.store.cancellation import END_DELIVERY
from bot.store.conversations import HISTORY_AT
from bot.store.delivery_claims import (
    CLAIM_SETTLED,
    GOES_OUT_NOW,
    MARKING,
    ClaimRequest,
    DeliveryClaim,
    claim_from_row,
)
from bot.store.history_cache import mark
from bot.store.reply_handles import stamp
from bot.store.turn_outcomes import OUTCOME_COLUMNS
from inference_queue.client import LOCK_FINISHED, TAKE_FINISHED
from inference_queue.plain_completions import take_completions
from inference_queue.protocol import Completion
from runtime.database import LAZY_COMMIT_SQL
from runtime.direct import DirectConnection

#: The conversations of jobs that this bot settles, locked in the accept's order, so that no two
#: transactions wait for each other. The expression on the status defeats the index of running
#: turns: its statistics lag, and Postgres read them all.
_HELD = f"""
    SELECT turns.job_id, conversations.last_seq, conversations.history_seq,
        {HISTORY_AT} AS history_at
    FROM job JOIN turns ON turns.job_id = job.id
    JOIN conversations ON conversations.id = turns.conversation_id
    WHERE turns.status || '' IN ('queued', 'generating')
    ORDER BY conversations.messenger, conversations.tenant, conversations.key
    FOR UPDATE OF conversations
"""
#: The same before the settlement, until the transaction ends.
LOCK_SETTLING = text(
    f"""
    WITH job AS ({LOCK_FINISHED.format(ids="SELECT unnest(:job_ids)")}
    ), held AS ({_HELD})
    SELECT id FROM job WHERE (SELECT count(*) FROM held) >= 0
    """
).bindparams(bindparam("job_ids", type_=ARRAY(Uuid)))


def _settlement(results: str) -> str:
    """The statement (SQL) with the parts that make ``job`` and ``result``.

    Jobs out of the queue, their results into their turns, each once, and the newest answered turn
    into its conversation, unless a reset came in between. One statement sees what was committed
    before it, and of the rows that it locks or changes the newest version. So ``more`` is certain:
    an accept counts ``last_seq`` up under the same lock. It was seen, or it has changed the locked
    row since, or its own scheduling comes after. A scalar subquery: EXISTS may hash all waiting
    turns. The count lets all conversations be locked before the first turn is written.
    """
    return f"""
    WITH {results}, held AS ({_HELD}
    ), settled AS (
        UPDATE turns
        SET status = result.status, settled_at = now(),
            started_at = coalesce(turns.started_at, result.started_at),
            answer = result.answer, finish_reason = result.finish_reason, model = result.model,
            prompt_tokens = result.prompt_tokens, completion_tokens = result.completion_tokens,
            dropped_messages = result.dropped_messages, reasoning = result.reasoning,
            first_token_ms = result.first_token_ms, total_ms = result.total_ms,
            failure_reason = result.failure_reason, failure_message = result.failure_message,
            cut_chars = result.cut_chars, runs = result.runs,
            cpu_ms = result.cpu_ms, busy_ms = result.busy_ms
        FROM held JOIN result ON result.job_id = held.job_id
        WHERE turns.job_id = held.job_id AND turns.status = ANY(result.sources)
          AND (SELECT count(*) FROM held) > 0
        RETURNING turns.id, turns.job_id, conversation_id, seq, epoch, messenger, tenant,
            turns.status, coalesce(prompt, text) AS prompt, turns.answer, turns.finish_reason,
            turns.failure_reason, reply_handle, received_at, settled_at, regenerates, last_seq,
            history_seq, history_at
    ), remembered AS (
        UPDATE conversations SET history_seq = settled.seq
        FROM settled
        WHERE settled.status = 'answered' AND conversations.id = settled.conversation_id
          AND conversations.epoch = settled.epoch
        RETURNING conversations.id
    ), delivery AS ({END_DELIVERY.format(cancelled="settled")}
    ), {CLAIM_SETTLED}
    SELECT {OUTCOME_COLUMNS}, turns.epoch, prompt, received_at, settled_at, regenerates,
        history_seq, history_at, via, claim, attempts, marked,
        conversation_id IN (SELECT id FROM remembered) AS remembered, (
            SELECT true FROM turns AS next
            WHERE next.conversation_id = turns.conversation_id AND next.status = 'received'
            LIMIT 1
        ) IS NOT NULL OR last_seq IS DISTINCT FROM (
            SELECT seen.last_seq FROM conversations AS seen WHERE seen.id = turns.conversation_id
        ) AS more,
        claimed.turn_id IS NULL AND EXISTS (
            SELECT FROM deliveries
            WHERE deliveries.turn_id = turns.id AND deliveries.state = 'pending' AND {GOES_OUT_NOW}
        ) AS is_due,
        CASE (SELECT count(*) FROM claimed) WHEN 0 THEN {LAZY_COMMIT_SQL} END
    FROM settled AS turns LEFT JOIN claimed ON claimed.turn_id = turns.id
    """


#: Results that were read by the bot and are sent back.
_READ = f"""result AS (
        SELECT * FROM json_to_recordset(CAST(:results AS json)) AS result (
            job_id uuid, status text, sources text[], started_at timestamptz, answer text,
            finish_reason text, model text, prompt_tokens int, completion_tokens int,
            dropped_messages int, first_token_ms float8, total_ms float8, reasoning text,
            failure_reason text, failure_message text, cut_chars int, runs jsonb,
            cpu_ms float8, busy_ms float8
        )
    ), job AS ({TAKE_FINISHED.format(ids="SELECT job_id FROM result")})"""
#: Results that the statement reads from the jobs itself.
_UNREAD = f"""{take_completions("SELECT unnest(:job_ids)")}, result AS (
        SELECT job_id, '{TurnStatus.ANSWERED}' AS status, :sources AS sources, started_at,
            text AS answer, finish_reason, model, prompt_tokens, completion_tokens,
            dropped_messages, first_token_ms, total_ms, nullif(reasoning, '') AS reasoning,
            CAST(NULL AS text) AS failure_reason, CAST(NULL AS text) AS failure_message,
            cut_chars, runs, cpu_ms, busy_ms
        FROM completion
    )"""
_CLAIM_VALUES = (
    bindparam("name", type_=Uuid),
    bindparam("limit", type_=Integer),
    bindparam("without", type_=ARRAY(Text)),
    MARKING,
)
SETTLE = text(_settlement(_READ)).bindparams(bindparam("results", type_=Text), *_CLAIM_VALUES)
#: Settles the named jobs with a usual completion; the others stay finished, and are read.
SETTLE_UNREAD = text(_settlement(_UNREAD)).bindparams(
    bindparam("job_ids", type_=ARRAY(Uuid)),
    bindparam("sources", turn_before(TurnStatus.ANSWERED), type_=ARRAY(Text)),
    *_CLAIM_VALUES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The end of a turn by its job's result: a completion, or the reason of a failure.

    A turn that was stopped has its completion too, with what was written by then.
    """

    job_id: UUID
    status: TurnStatus
    started_at: datetime | None
    completion: Completion | None = None
    failure_reason: str = ""
    failure_message: str = ""  #: for the operator
    runs: list[dict[str, str]] | None = None  #: of the job, as ``FinishedJob`` has them


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledTurn:
    """A turn that this bot has settled."""

    id: UUID
    job_id: UUID
    conversation_id: int
    seq: int
    epoch: int
    messenger: str
    status: TurnStatus
    prompt: str  #: the text that the model read
    answer: str | None
    received_at: datetime
    settled_at: datetime
    more: bool  #: further turns of the conversation are waiting, or may be
    #: The mark of the answered turn before it; None if it cannot be appended to the history: it
    #: enters no later prompt, or replaces an earlier answer.
    previous: str | None
    claim: DeliveryClaim | None = None  #: of its delivery; None: it is not claimed
    is_due: bool = False  #: its delivery could go out now, and is not claimed


async def settle(
    connection: DirectConnection,
    settlements: Sequence[Settlement],
    claims: ClaimRequest | None = None,
) -> list[SettledTurn]:
    """Write the results of finished jobs into their turns; the turns settled now.

    A job that another bot is settling, or has settled, is left to it. ``claims``: their deliveries
    are claimed with it, where ``delivery_claims.claim_due`` would claim them. Without a claim the
    commit is lazy: after a crash of Postgres the jobs are still there.
    """
    if all(one.status is not TurnStatus.CANCELLED for one in settlements):
        return await _settle(connection, settlements, claims)
    # A live answer may begin its message while the statement waits for the conversation, which
    # would not see it, and end the delivery: so the conversation is locked before.
    async with connection.begin():
        job_ids = [settlement.job_id for settlement in settlements]
        locked = {row.id for row in await connection.execute(LOCK_SETTLING, {"job_ids": job_ids})}
        mine = [one for one in settlements if one.job_id in locked]
        return await _settle(connection, mine, claims)


async def settle_unread(
    connection: DirectConnection, job_ids: Sequence[UUID], claims: ClaimRequest | None = None
) -> list[SettledTurn]:
    """``settle`` for those of the finished jobs whose result is a usual completion.

    The others, a stopped answer too, stay in the queue.
    """
    values = {"job_ids": [*job_ids], **_claim_values(claims)}
    return _settled_turns(await connection.execute(SETTLE_UNREAD, values), claims)


async def _settle(
    connection: DirectConnection, settlements: Sequence[Settlement], claims: ClaimRequest | None
) -> list[SettledTurn]:
    results = orjson.dumps([_settle_values(one) for one in settlements]).decode()
    values = {"results": results, **_claim_values(claims)}
    return _settled_turns(await connection.execute(SETTLE, values), claims)


def _claim_values(claims: ClaimRequest | None) -> dict[str, Any]:
    return {
        "name": claims.name if claims else None,
        "limit": claims.limit if claims else 0,
        "without": [*claims.without] if claims else [],
        "marking": [*claims.marking] if claims else [],
    }


def _settled_turns(rows: Iterable[Any], claims: ClaimRequest | None) -> list[SettledTurn]:
    began = claims.began if claims else 0.0
    return [_settled_turn(row, began) for row in rows]


def _settled_turn(row: Any, began: float) -> SettledTurn:
    return SettledTurn(
        id=row.id,
        job_id=row.job_id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        epoch=row.epoch,
        messenger=row.messenger,
        status=TurnStatus(row.status),
        prompt=row.prompt,
        answer=row.answer,
        received_at=row.received_at,
        settled_at=row.settled_at,
        more=row.more,
        previous=(
            mark(row.history_seq, row.history_at)
            if row.remembered and row.regenerates is None
            else None
        ),
        claim=claim_from_row(row, began) if row.claim is not None else None,
        is_due=row.is_due,
    )


def _settle_values(settlement: Settlement) -> dict[str, Any]:
    values = {
        "job_id": str(settlement.job_id),
        "status": settlement.status.value,
        "sources": turn_before(settlement.status),
        "started_at": stamp(settlement.started_at),
        "runs": settlement.runs,
    }
    if settlement.completion is not None:
        return values | _completion_values(settlement.completion)
    return values | {
        "failure_reason": settlement.failure_reason,
        "failure_message": settlement.failure_message[:500],
    }


def _completion_values(completion: Completion) -> dict[str, Any]:
    return {
        "answer": completion.text,
        "finish_reason": completion.finish_reason.value,
        "model": completion.model,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "dropped_messages": completion.dropped_messages,
        "cut_chars": completion.cut_chars,
        "reasoning": completion.reasoning or None,
        "first_token_ms": completion.first_token_ms,
        "total_ms": completion.total_ms,
        "cpu_ms": completion.cpu_ms,
        "busy_ms": completion.busy_ms,
    }
