"""The order of claims: people take turns, and among those whose turn it is the due times decide.

- A person's next job comes after the first job of everybody else who has none running.
- Whoever was served since the longest waiting job began to wait comes after all who were not. So
  between the arrival of a question and its claim, each other person gets one job at most.
- The rest is earliest deadline first, with two deadlines per job: its due time while a typical
  answer can still meet it, then its expiry. A late job does not delay the others.

Nothing is left idle: a person alone in the queue gets every slot. A person is a ``fairness_key``;
a job without one counts as a person of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from runtime.direct import AnyConnection

#: A job that waited longer is not held back any more for its person's last claim.
REMEMBER_S = 3600.0

_YEARS = 1000


def set_apart(adapter: str) -> str:
    """By how much later the job is due that names ``adapter`` (SQL): nothing without one.

    The previous version's workers do not know the column, and refuse such a job. So far in the
    future they never claim it.
    """
    return f"make_interval(years => CASE WHEN {adapter} <> '' THEN {_YEARS} ELSE 0 END)"


CLAIMABLE = f"""
    state = 'queued' AND run_after <= now() + {set_apart("jobs.adapter")}
    AND NOT cancel_requested AND (deadline IS NULL OR deadline > now())
"""

#: Whether the worker has the adapter that it names, if any.
HAS_ITS_ADAPTER = "(jobs.adapter IS NULL OR jobs.adapter = ANY(CAST(:adapters AS text[])))"

#: Whether the worker's model can answer it; ``:sees`` also where it is to decline such jobs, and
#: ``:unseen`` the adapters whose pictures it is to decline.
ANSWERABLE = f"""
    (CAST(:sees AS boolean) OR NOT needs_vision OR jobs.adapter = ANY(CAST(:unseen AS text[])))
    AND {HAS_ITS_ADAPTER}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """Which jobs a worker can take: those with pictures, and those that name an adapter."""

    sees: bool = True
    adapters: Sequence[str] = ()
    unseen: Sequence[str] = ()  #: adapters whose pictures it takes even so, to decline them

    def values(self) -> dict[str, Any]:
        """For the names in ``ANSWERABLE``."""
        return {
            "sees": self.sees,
            "adapters": list(self.adapters),
            "unseen": list(self.unseen),
        }


#: Of a worker that sees and has no adapter.
PLAIN = Abilities()

#: When the person of a queued job was last served. A job that was given back (its lease is not 0)
#: keeps its place: its claim served nobody. One lookup a row (hence OFFSET 0 below): the statistics
#: lag, and the planner would choose a join that compares every job with every person.
SERVED_AT = """
    (SELECT served_at FROM fairness_keys WHERE key = jobs.fairness_key AND jobs.lease = 0)
"""

_QUEUED = f"""
    SELECT id, fairness_key, coalesce(fairness_key, id::text) AS person, created_at,
        {SERVED_AT} AS served_at,
        CASE WHEN due > now() + make_interval(secs => :typical_s) THEN due
             ELSE coalesce(deadline, created_at + make_interval(secs => :patience_s)) END AS wanted
    FROM jobs WHERE {CLAIMABLE} AND {ANSWERABLE} AND id <> ALL(CAST(:excluded AS uuid[]))
    OFFSET 0
"""

#: ``ahead``: the jobs of the same person that run now or come first. ``came_at``: of the person.
_RANKED = f"""
    SELECT id, wanted, created_at, served_at,
        min(greatest(created_at, served_at)) OVER (PARTITION BY person) AS came_at,
        cardinality(array_positions(ARRAY(
            SELECT running.fairness_key FROM jobs AS running
            WHERE state = 'running' AND running.fairness_key IS NOT NULL
        ), fairness_key)) - 1
            + row_number() OVER (PARTITION BY person ORDER BY wanted, created_at) AS ahead
    FROM ({_QUEUED}) AS queued
"""

_COMPARED = f"""
    SELECT id, ahead, wanted, created_at, CASE
        WHEN served_at > min(came_at) FILTER (WHERE ahead = 0) OVER () THEN served_at
    END AS served_since
    FROM ({_RANKED}) AS ranked
"""

#: More candidates than slots: others may be claiming the first ones right now.
_SPARE = 64

#: The next ``:slots`` jobs. ``:typical_s``: an answer's duration; ``:patience_s``: the assumed life
#: of a job without a deadline.
NEXT_JOBS = f"""
    SELECT jobs.id
    FROM unnest(ARRAY(
        SELECT id FROM ({_COMPARED}) AS compared
        ORDER BY ahead, served_since NULLS FIRST, wanted, created_at LIMIT :slots + {_SPARE}
    )) WITH ORDINALITY AS candidate (id, place) JOIN jobs ON jobs.id = candidate.id
    WHERE {CLAIMABLE}
    ORDER BY place LIMIT :slots
"""

#: Notes the claims of ``claimed``, in one order, so that no two claims wait for each other.
NOTE_SERVED = """
    INSERT INTO fairness_keys AS noted (key, served_at)
    SELECT DISTINCT fairness_key, now() FROM claimed WHERE fairness_key IS NOT NULL
    ORDER BY fairness_key
    ON CONFLICT (key) DO UPDATE SET served_at = greatest(noted.served_at, excluded.served_at)
"""

FORGET_SERVED = text(
    """
    DELETE FROM fairness_keys WHERE key = ANY(ARRAY(
        SELECT key FROM fairness_keys WHERE served_at < now() - make_interval(secs => :after_s)
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING key
    """
)


async def forget_served(connection: AnyConnection, *, after_s: float = REMEMBER_S) -> int:
    """Forget the claims before ``after_s`` ago; their number."""
    return len((await connection.execute(FORGET_SERVED, {"after_s": after_s})).all())
