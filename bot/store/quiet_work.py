"""How the work fares that nobody waits for: the background lane, and the daily deletions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LANE = text(
    """
    SELECT count(*) FILTER (WHERE state = 'queued') AS queued,
        count(*) FILTER (WHERE state = 'running') AS running,
        coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'queued')), 0)
            ::float8 AS oldest_s,
        coalesce(extract(epoch FROM now() - max(finished_at)), 'infinity')::float8 AS ended_ago_s,
        array_remove(array_agg(DISTINCT coalesce(preset, model)) FILTER (WHERE state = 'queued'),
            NULL) AS wanted
    FROM background_jobs
    """
)
_LAST_RUN = text(
    """
    SELECT started_at, finished_at, turns,
        extract(epoch FROM now() - updated_at)::float8 AS silent_s,
        extract(epoch FROM now() - started_at)::float8 AS begun_ago_s
    FROM retention_runs ORDER BY id DESC LIMIT 1
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """The background jobs; ``ended_ago_s`` is infinite where no result lies there."""

    queued: int
    running: int
    oldest_s: float
    ended_ago_s: float
    wanted: tuple[str, ...]  #: the presets and models that the queued ones ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionState:
    """The newest run of the daily deletions."""

    started_at: datetime
    finished_at: datetime | None
    turns: int
    silent_s: float  #: since its last step
    begun_ago_s: float


async def lane_state(connection: AsyncConnection) -> LaneState:
    """The background lane now. Raises DATABASE_ERRORS."""
    row = (await connection.execute(_LANE)).one()
    return LaneState(
        queued=row.queued,
        running=row.running,
        oldest_s=row.oldest_s,
        ended_ago_s=row.ended_ago_s,
        wanted=tuple(row.wanted or ()),
    )


async def retention_state(connection: AsyncConnection) -> RetentionState | None:
    """The newest run; None before the first. Raises DATABASE_ERRORS."""
    row = (await connection.execute(_LAST_RUN)).one_or_none()
    return None if row is None else RetentionState(**row._asdict())
