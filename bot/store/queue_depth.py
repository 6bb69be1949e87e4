"""The depth of the queue: unsettled turns by messenger and tenant, jobs by due time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import SETTLED, TurnStatus
from bot.store.schema import turns

UNSETTLED = [status.value for status in TurnStatus if status not in SETTLED]
WAITING_TURNS = (
    select(turns.c.messenger, turns.c.tenant, func.count().label("waiting"))
    .where(turns.c.status.in_(UNSETTLED))
    .group_by(turns.c.messenger, turns.c.tenant)
)
JOBS = text(
    """
    SELECT state, count(*) AS jobs,
        CASE WHEN state = 'queued' AND due > now() + make_interval(secs => :answer_s)
             THEN floor(extract(epoch FROM due))::bigint END AS wanted
    FROM jobs WHERE state IN ('queued', 'running') GROUP BY state, wanted
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """The numbers of jobs in the queue."""

    running: int = 0
    waiting: int = 0
    #: The waiting jobs that can still be answered by their due time, by that Unix second.
    in_time: Counter[int] = field(default_factory=Counter)


async def count_waiting_turns(connection: AsyncConnection) -> Counter[tuple[str, str]]:
    """The number of unsettled turns by (messenger, tenant)."""
    rows = await connection.execute(WAITING_TURNS)
    return Counter({(row.messenger, row.tenant): row.waiting for row in rows})


async def count_jobs(connection: AsyncConnection, *, answer_s: float) -> QueueDepth:
    """The depth of the queue; ``answer_s``: the duration of an answer in seconds."""
    rows = (await connection.execute(JOBS, {"answer_s": answer_s})).all()
    return QueueDepth(
        running=sum(row.jobs for row in rows if row.state == "running"),
        waiting=sum(row.jobs for row in rows if row.state == "queued"),
        in_time=Counter({row.wanted: row.jobs for row in rows if row.wanted}),
    )
