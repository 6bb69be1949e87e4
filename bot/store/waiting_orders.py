"""Which of the dashboard's jobs have something to do, in one statement.

Each part reads an index of what is open, or a table that is small. A part may err on the side of
work: its job looks for itself, and takes its own lock. So two bots may look at once, and one of
them finds nothing left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import text

from bot.domain.datasets import OPEN_DATASETS
from bot.domain.exports import OPEN_EXPORTS, ExportState
from bot.domain.replays import ReplayState
from bot.store.search.indexing import REST_S
from runtime.direct import AnyConnection

_REPLAYED = (ReplayState.COLLECTING, ReplayState.RUNNING)


def _states(states: Collection[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


_FREE = "coalesce(claimed_until, '-infinity') < now()"
#: By the name of the job.
_PARTS: Mapping[str, str] = {
    "search_index": f"""
        SELECT FROM search_queue WHERE queued_at < now() - interval '{REST_S} seconds'
        UNION ALL SELECT FROM search_segments WHERE NOT indexed
    """,
    "bulk_resends": "SELECT FROM bulk_resends WHERE ended_at IS NULL",
    "review_queues": """
        SELECT FROM review_queues
        WHERE closed_at IS NULL AND (fills_itself OR filled_until IS NULL)
    """,
    "datasets": f"SELECT FROM datasets WHERE state IN ({_states(OPEN_DATASETS)}) AND {_FREE}",
    "exports": f"""
        SELECT FROM exports WHERE state IN ({_states(OPEN_EXPORTS)}) AND {_FREE}
        UNION ALL
        SELECT FROM exports WHERE state = '{ExportState.DONE}' AND expires_at < now()
    """,
    "replays": f"SELECT FROM replays WHERE state IN ({_states(_REPLAYED)})",
    "erasures": """
        SELECT FROM erasure_orders
        WHERE finished_at IS NULL AND coalesce(taken_until, now()) <= now()
    """,
}
_LOOK = text(
    "SELECT " + ", ".join(f"EXISTS ({statement}) AS {name}" for name, statement in _PARTS.items())
)
JOBS = tuple(_PARTS)


async def waiting_orders(connection: AnyConnection) -> frozenset[str]:
    """The names of the jobs with something to do, of ``JOBS``. Raises DATABASE_ERRORS."""
    row = (await connection.execute(_LOOK)).one()
    return frozenset(name for name in JOBS if getattr(row, name))
