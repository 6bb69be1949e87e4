"""The queue as an operator looks at it: what runs where, and what waits since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_RUNNING = text(
    """
    SELECT coalesce(worker, '') AS worker, count(*) AS jobs, min(started_at) AS since,
        max(attempt) AS attempt
    FROM jobs WHERE state = 'running' GROUP BY 1
    """
)
_WAITING = text(
    """
    SELECT messenger, count(*) AS turns, min(received_at) AS since FROM turns
    WHERE status IN ('received', 'queued') GROUP BY 1
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJobs:
    """The jobs that a worker holds a lease on."""

    jobs: int
    since: datetime | None  #: the start of the oldest
    attempt: int  #: the highest: above 1 where a worker died before


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTurns:
    """The turns of a messenger that no worker has begun."""

    turns: int
    since: datetime  #: the receipt of the oldest


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """What runs, by worker, and what waits, by messenger."""

    running: Mapping[str, RunningJobs]
    waiting: Mapping[str, WaitingTurns]


async def read_queue(connection: AsyncConnection) -> QueueState:
    """The queue as it is now."""
    running = await connection.execute(_RUNNING)
    waiting = await connection.execute(_WAITING)
    return QueueState(
        running={
            row.worker: RunningJobs(jobs=row.jobs, since=row.since, attempt=row.attempt)
            for row in running
        },
        waiting={row.messenger: WaitingTurns(turns=row.turns, since=row.since) for row in waiting},
    )
