"""The turns of a replay on their way through the background lane. The commits are the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.replays import ItemState
from bot.domain.turns import Person
from bot.store.schema import replay_items
from inference_queue.background.client import FinishedBackgroundJob
from inference_queue.background.protocol import BackgroundResult, Unreadable
from inference_queue.protocol import Completion, Failure

_QUEUE = text(
    """
    UPDATE replay_items SET state = 'queued', job_id = queued.job_id
    FROM unnest(:positions, :job_ids) AS queued (position, job_id)
    WHERE replay_items.replay_id = :id AND replay_items.position = queued.position
    """
).bindparams(
    bindparam("id", type_=BigInteger),
    bindparam("positions", type_=ARRAY(Integer)),
    bindparam("job_ids", type_=ARRAY(Uuid)),
)
_STORE = text(
    """
    UPDATE replay_items SET state = result.state, answer = result.answer,
        finish_reason = result.finish_reason, model = result.model,
        prompt_tokens = result.prompt_tokens, completion_tokens = result.completion_tokens,
        total_ms = result.total_ms, failure = result.failure, job_id = NULL
    FROM jsonb_to_recordset(:results) AS result (
        job_id uuid, state text, answer text, finish_reason text, model text,
        prompt_tokens integer, completion_tokens integer, total_ms double precision, failure text
    )
    WHERE replay_items.replay_id = :id AND replay_items.job_id = result.job_id
    """
).bindparams(bindparam("id", type_=BigInteger), bindparam("results", type_=JSONB))
_FAIL = text(
    """
    UPDATE replay_items SET state = 'failed', failure = :failure
    WHERE replay_id = :id AND position = ANY(:positions)
    """
).bindparams(bindparam("id", type_=BigInteger), bindparam("positions", type_=ARRAY(Integer)))
_FAIL_JOB = text(
    """
    UPDATE replay_items SET state = 'failed', failure = :failure, job_id = NULL
    WHERE replay_id = :id AND job_id = :job_id
    """
).bindparams(bindparam("id", type_=BigInteger), bindparam("job_id", type_=Uuid))

#: The turn was erased with its item, or others' words in its prompt were.
_ORPHANED = text(
    """
    SELECT id FROM background_jobs AS job WHERE batch_id = :batch_id AND NOT EXISTS (
        SELECT FROM replay_items WHERE job_id = job.id AND replay_id = :id
    )
    """
).bindparams(bindparam("id", type_=BigInteger), bindparam("batch_id", type_=Uuid))
_NAMED = text(
    """
    SELECT DISTINCT adapter FROM background_jobs
    WHERE batch_id = :batch_id AND state = 'queued' AND adapter <> '' ORDER BY adapter
    """
).bindparams(bindparam("batch_id", type_=Uuid))
#: A step that runs may ask what it has read before: it is waited for, and the next ones wait.
_HOLD_OPEN = text(
    "SELECT id FROM replays WHERE state IN ('collecting', 'running') ORDER BY id FOR UPDATE"
)
_HOLD_ASKED = text(
    """
    SELECT id FROM replays WHERE state = 'running' AND id IN (
        SELECT replay_id FROM replay_items WHERE turn_id = ANY(:turn_ids) AND state = 'queued'
    ) ORDER BY id FOR UPDATE
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))
_HOLD = """
    SELECT id FROM replays WHERE state = 'running' AND id IN (
        SELECT replay_id FROM replay_items JOIN turns ON turns.id = replay_items.turn_id
        WHERE replay_items.state = 'queued' AND {of}
    ) ORDER BY id FOR UPDATE
"""
_HOLD_PERSON = text(
    _HOLD.format(of="messenger = :messenger AND tenant = :tenant AND sender = :sender")
).bindparams(*(bindparam(name, type_=Text) for name in ("messenger", "tenant", "sender")))
_HOLD_CONVERSATION = text(_HOLD.format(of="conversation_id = :conversation_id")).bindparams(
    bindparam("conversation_id", type_=BigInteger)
)
_CANCEL_ORPHANED = text(
    """
    DELETE FROM background_jobs AS job USING replays
    WHERE job.batch_id = replays.batch_id AND NOT EXISTS (
        SELECT FROM replay_items WHERE job_id = job.id AND replay_id = replays.id
    )
    """
)
_RETURN_LOST = text(
    """
    UPDATE replay_items SET state = 'waiting', job_id = NULL
    WHERE replay_id = :id AND state = 'queued'
      AND NOT EXISTS (SELECT FROM background_jobs WHERE background_jobs.id = replay_items.job_id)
    """
).bindparams(bindparam("id", type_=BigInteger))
_REASK = text(
    """
    UPDATE replay_items SET state = 'waiting', job_id = NULL
    FROM turns
    WHERE turns.conversation_id = :conversation_id AND turns.id = replay_items.turn_id
      AND replay_items.state = 'queued'
    """
).bindparams(bindparam("conversation_id", type_=BigInteger))


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingItem:
    """A turn that is to be asked again."""

    position: int
    turn_id: UUID


async def waiting_items(
    connection: AsyncConnection, replay_id: int, *, limit: int
) -> list[WaitingItem]:
    """The next turns to ask."""
    columns = replay_items.c
    rows = await connection.execute(
        select(columns.position, columns.turn_id)
        .where(columns.replay_id == replay_id, columns.state == ItemState.WAITING.value)
        .order_by(columns.position)
        .limit(limit)
    )
    return [WaitingItem(position=row.position, turn_id=row.turn_id) for row in rows]


async def count_queued(connection: AsyncConnection, replay_id: int) -> int:
    """The turns that are in the lane."""
    columns = replay_items.c
    wanted = select(func.count()).where(
        columns.replay_id == replay_id, columns.state == ItemState.QUEUED.value
    )
    return int(await connection.scalar(wanted) or 0)


async def mark_queued(
    connection: AsyncConnection, replay_id: int, jobs: Mapping[int, UUID]
) -> None:
    """These turns are in the lane; the job's id by position."""
    values = {"id": replay_id, "positions": list(jobs), "job_ids": list(jobs.values())}
    await connection.execute(_QUEUE, values)


async def mark_failed(
    connection: AsyncConnection, replay_id: int, positions: Sequence[int], failure: str
) -> None:
    """These turns cannot be asked."""
    values = {"id": replay_id, "positions": list(positions), "failure": failure}
    await connection.execute(_FAIL, values)


async def fail_job(connection: AsyncConnection, replay_id: int, job_id: UUID, failure: str) -> None:
    """End the turn of a job whose result cannot be stored; the job goes with it."""
    values = {"id": replay_id, "job_id": job_id, "failure": failure}
    await connection.execute(_FAIL_JOB, values)


async def orphaned_jobs(connection: AsyncConnection, replay_id: int, batch_id: UUID) -> list[UUID]:
    """The jobs in the lane that no turn of the replay waits for."""
    values = {"id": replay_id, "batch_id": batch_id}
    return list((await connection.execute(_ORPHANED, values)).scalars())


async def cancel_orphaned(connection: AsyncConnection) -> int:
    """Remove the jobs of all replays that no turn waits for any more; their number."""
    await connection.execute(_HOLD_OPEN)
    return (await connection.execute(_CANCEL_ORPHANED)).rowcount


async def hold_asked(connection: AsyncConnection, turn_ids: Sequence[UUID]) -> None:
    """Wait for the steps of replays that ask these turns now, and hold the next ones.

    A step locks its replay, then jobs and items; whoever deletes turns comes from the other end.
    """
    await connection.execute(_HOLD_ASKED, {"turn_ids": list(turn_ids)})


async def hold_person(connection: AsyncConnection, person: Person) -> None:
    """The same for all turns of a person."""
    values = {name: getattr(person, name) for name in ("messenger", "tenant", "sender")}
    await connection.execute(_HOLD_PERSON, values)


async def return_lost(connection: AsyncConnection, replay_id: int) -> int:
    """Let turns wait again whose job has vanished from the lane without a result."""
    return (await connection.execute(_RETURN_LOST, {"id": replay_id})).rowcount


async def reask(connection: AsyncConnection, conversation_id: int) -> int:
    """Build the pending prompts of a conversation anew: some of its words were erased.

    Waits for the steps that take results of them, as ``hold_asked`` does.
    """
    values = {"conversation_id": conversation_id}
    await connection.execute(_HOLD_CONVERSATION, values)
    return (await connection.execute(_REASK, values)).rowcount


async def count_failures(connection: AsyncConnection, replay_id: int) -> dict[str, int]:
    """The turns that could not be asked, by the reason."""
    columns = replay_items.c
    rows = await connection.execute(
        select(columns.failure, func.count().label("items"))
        .where(columns.replay_id == replay_id, columns.state == ItemState.FAILED.value)
        .group_by(columns.failure)
        .order_by(columns.failure)
    )
    return {row.failure or "": row.items for row in rows}


async def named_adapters(connection: AsyncConnection, batch_id: UUID) -> list[str]:
    """The adapters that questions in the lane wait for."""
    return list((await connection.execute(_NAMED, {"batch_id": batch_id})).scalars())


async def store_results(
    connection: AsyncConnection, replay_id: int, finished: Sequence[FinishedBackgroundJob]
) -> None:
    """Write the results to their turns; one whose turn was erased is dropped."""
    values = {"id": replay_id, "results": [_fields(job) for job in finished]}
    await connection.execute(_STORE, values)


def _fields(job: FinishedBackgroundJob) -> dict[str, object]:
    result = job.result
    if isinstance(result, Completion) and result.text.strip():
        return {
            "job_id": str(job.id),
            "state": ItemState.ANSWERED.value,
            "answer": result.text,
            "finish_reason": result.finish_reason.value,
            "model": result.model,
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": result.completion_tokens,
            "total_ms": result.total_ms,
        }
    failure = _failure_of(result)
    return {"job_id": str(job.id), "state": ItemState.FAILED.value, "failure": failure}


def _failure_of(result: BackgroundResult | Unreadable) -> str:
    if isinstance(result, Failure):
        return result.reason.value
    return "empty" if isinstance(result, Completion) else "unreadable"
