"""Jobs that are queued with the accept of their message: parts of its statement.

A job is planned from the expected state of its conversation, which the accept compares under the
conversation's lock. Whoever writes what a prompt is made of changes one of these:
- a settled answer, an erasure, a reset, a long silence: the newest answered turn
- another accept: the number of unsettled turns
- a retention: whether the turns of the prompt exist
- a crash of Postgres, which undoes a settlement: when the newest turn was settled
If one differs, the turn is accepted without its job. While a human answers, no turn is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bot.domain.turns import TurnStatus
from bot.store.conversations import ConversationState
from bot.store.reply_handles import stamp
from inference_queue.client import dump_payloads, insert_jobs
from inference_queue.protocol import Job

#: The planned job of an utterance, among its fields; null where it has none.
FIELDS = """,
            job_id uuid, newest bigint, newest_at timestamptz, preset text, config_version bigint,
            prompt_settings uuid, history_seqs bigint[]"""
#: The jobs whose conversation is as expected. The function sees what was committed while the
#: statement waited for the conversation's lock.
CHOSEN = """, planned AS (
        SELECT utterance.id AS turn_id, job_id, preset, config_version, prompt_settings,
            history_seqs
        FROM utterance JOIN counted USING (messenger, tenant, key)
        WHERE job_id IS NOT NULL AND waiting = 0 AND history_seq = newest
          AND history_stands(counted.id, newest, newest_at, history_seqs)
    )"""
COLUMNS = """,
                           status, queued_at, job_id, preset, config_version, prompt_settings,
                           history_seqs"""
VALUES = f""",
               CASE WHEN planned.turn_id IS NULL THEN '{TurnStatus.RECEIVED}'
                   ELSE '{TurnStatus.QUEUED}' END,
               CASE WHEN planned.turn_id IS NOT NULL THEN now() END,
               planned.job_id, planned.preset, planned.config_version, planned.prompt_settings,
               planned.history_seqs"""
JOIN = " LEFT JOIN planned ON planned.turn_id = utterance.id"
INSERT = f""", job AS ({insert_jobs("SELECT job_id FROM turn WHERE job_id IS NOT NULL")})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyJob:
    """The planned job of an utterance that is not accepted yet."""

    expected: ConversationState  #: without a version; with an answered turn
    job: Job
    preset: str
    config_version: int | None
    prompt_settings: UUID
    history: tuple[int, ...]  #: the seqs of the answered turns in the prompt, oldest first


def job_values(early: EarlyJob | None) -> dict[str, Any]:
    """The values of ``FIELDS``; empty without a job."""
    if early is None:
        return {}
    return {
        "job_id": str(early.job.id),
        "newest": early.expected.history_seq,
        "newest_at": stamp(early.expected.history_at),
        "preset": early.preset,
        "config_version": early.config_version,
        "prompt_settings": str(early.prompt_settings),
        "history_seqs": early.history,
    }


def job_payloads(jobs: Iterable[EarlyJob | None]) -> str:
    """The jobs as the queue's ``:payloads``."""
    return dump_payloads(early.job for early in jobs if early is not None)
