"""Waiting turns that become jobs: many conversations in one statement, each or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.domain.state_machine import turn_before
from bot.domain.turns import TurnStatus
from bot.store.conversations import HISTORY_AT
from inference_queue.client import dump_payloads, insert_jobs
from inference_queue.protocol import Job
from runtime.database import LAZY_COMMIT_SQL
from runtime.direct import AnyConnection

#: What was planned without a lock is queued only if it is still true. A statement has one snapshot,
#: but Postgres checks rows that it locks or updates again on their newest version. Each of the
#: others that write changes one of these rows:
#: - an accept, a reset, a settled answer, an erasure, a retention, a human: the conversation
#: - another scheduler, a cancellation, an expiry, a failure, an erasure, also of quotes: the turn
#: The previous version's retention only locks the conversation whose newest answer it deletes:
#: therefore ``history_at``.
#: The lock keeps away whoever reads the turns under it and writes afterwards: a transaction that
#: schedules, of this version or the previous one, and a cancellation. A holder that schedules does
#: so for the conversation, too; the others (a message that is refused, a reset) do not.
#: There is no job without a turn that was updated here.
QUEUE = text(
    f"""
    WITH planned AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:planned AS json)) AS planned (
            turn_id uuid, turn_version xid, conversation_id bigint, conversation_version xid,
            history_at timestamptz, job_id uuid, preset text, config_version bigint,
            prompt_settings uuid, history_seqs bigint[], prompt text
        )
    ), held AS MATERIALIZED (
        SELECT id, xmin AS version, {HISTORY_AT} AS history_at, {LAZY_COMMIT_SQL}
        FROM conversations WHERE id = ANY(ARRAY(SELECT conversation_id FROM planned))
        FOR UPDATE SKIP LOCKED
    ), queued AS (
        UPDATE turns
        SET status = '{TurnStatus.QUEUED}', queued_at = now(), job_id = planned.job_id,
            preset = planned.preset, config_version = planned.config_version,
            prompt_settings = planned.prompt_settings, history_seqs = planned.history_seqs,
            prompt = coalesce(planned.prompt, turns.prompt)
        FROM planned JOIN held
            ON held.id = planned.conversation_id AND held.version = planned.conversation_version
            AND held.history_at IS NOT DISTINCT FROM planned.history_at
        WHERE turns.id = planned.turn_id AND turns.xmin = planned.turn_version
          AND turns.status = ANY(:sources)
        RETURNING turns.conversation_id, turns.id AS turn_id, turns.job_id
    ), job AS ({insert_jobs("SELECT job_id FROM queued")})
    SELECT held.id AS conversation_id, turn_id, job_id
    FROM held LEFT JOIN queued ON queued.conversation_id = held.id
    """
).bindparams(
    bindparam("planned", type_=Text),
    bindparam("payloads", type_=Text),
    bindparam("sources", turn_before(TurnStatus.QUEUED), type_=ARRAY(Text)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTurn:
    """A waiting turn that is to become a job, what the job was made with, and what of."""

    turn_id: UUID
    turn_version: int
    conversation_id: int
    conversation_version: int
    history_at: datetime | None  #: when the conversation's newest answered turn was settled
    job: Job
    preset: str
    config_version: int | None = None  #: of the settings in the database; None: none are set
    prompt_settings: UUID | None = None  #: the record of the prompt's other settings
    history: tuple[int, ...] = ()  #: the seqs of the answered turns in the prompt, oldest first
    prompt: str | None = None  #: longer than its text: with the turns merged into it


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedTurns:
    """What became of planned turns."""

    jobs: dict[UUID, UUID]  #: the job's id by the turn's
    changed: list[int]  #: the conversations whose plan was not true any more
    locked: list[int]  #: the conversations that another one held, or that are gone


async def queue_turns(connection: AnyConnection, planned: Sequence[PlannedTurn]) -> QueuedTurns:
    """Mark the turns as queued and enqueue their jobs, at most one of each conversation.

    The commit is lazy: the sweep repeats what a crash of Postgres undoes.
    """
    values = {
        "planned": orjson.dumps([_values(one) for one in planned]).decode(),
        "payloads": dump_payloads(one.job for one in planned),
    }
    rows = (await connection.execute(QUEUE, values)).all()
    held = {row.conversation_id for row in rows}
    return QueuedTurns(
        jobs={row.turn_id: row.job_id for row in rows if row.turn_id is not None},
        changed=[row.conversation_id for row in rows if row.turn_id is None],
        locked=[one.conversation_id for one in planned if one.conversation_id not in held],
    )


def _values(planned: PlannedTurn) -> dict[str, Any]:
    return {
        "turn_id": str(planned.turn_id),
        "turn_version": planned.turn_version,
        "conversation_id": planned.conversation_id,
        "conversation_version": planned.conversation_version,
        "history_at": planned.history_at,
        "job_id": str(planned.job.id),
        "preset": planned.preset,
        "config_version": planned.config_version,
        "prompt_settings": str(planned.prompt_settings) if planned.prompt_settings else None,
        "history_seqs": planned.history,
        "prompt": planned.prompt,
    }
