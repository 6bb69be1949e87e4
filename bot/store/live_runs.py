"""Which worker writes the answers of these turns now."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from inference_queue.token_stream import Run
from runtime.direct import AnyConnection

#: All turns in one statement: it is asked a few times a second.
RUNS = text(
    """
    SELECT turns.id AS turn_id, jobs.id, jobs.attempt, jobs.lease
    FROM turns JOIN jobs ON jobs.id = turns.job_id
    WHERE turns.id = ANY(:turn_ids) AND jobs.attempt > 0
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))


async def current_runs(connection: AnyConnection, turn_ids: Sequence[UUID]) -> dict[UUID, Run]:
    """The current run of each turn's job; turns whose job was never claimed are left out."""
    rows = await connection.execute(RUNS, {"turn_ids": list(turn_ids)})
    return {row.turn_id: Run(job_id=row.id, attempt=row.attempt, lease=row.lease) for row in rows}
