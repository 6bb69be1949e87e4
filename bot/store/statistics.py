"""The counting of ended turns: each once, in the minute of its end, in steps of six lengths.

A turn's end is the beginning of the transaction that ended it. So a batch ends before the oldest
transaction that still runs: what that one commits later is counted later, and not missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from sqlalchemy import BigInteger, DateTime, Float, Integer, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from bot.store.statistics_scale import ORIGIN, STEPS_S
from bot.store.statistics_statements import COUNT_DELIVERIES, COUNT_ENDED, COUNT_VOTES
from runtime.database import LAZY_COMMIT_SQL
from runtime.direct import AnyConnection

#: Turns of one batch.
BATCH = 2000
#: A turn is counted this long after its end: by then most answers are delivered.
LAG_S = 10.0
#: No statement of the bot takes so long: an older transaction is another program's, which ends no
#: turn (a backup).
MAX_LAG_S = 300.0
#: How long the rows of short and of long steps are kept, days.
KEPT_DAYS = {(60, 300, 900): 92, (3600, 21_600, 86_400): 800}

ENDED, VOTES = "ended", "votes"

_BEGIN = text(
    f"""
    INSERT INTO statistics_progress (stream, counted_until)
    SELECT name, '{ORIGIN}' FROM unnest(ARRAY['{ENDED}', '{VOTES}']) AS name
    ON CONFLICT DO NOTHING
    """
)
#: One bot counts at a time. A crash of Postgres undoes the counts and the place together.
_TAKE = text(
    f"""
    SELECT counted_until, {LAZY_COMMIT_SQL} FROM statistics_progress
    WHERE stream = :stream FOR UPDATE SKIP LOCKED
    """
)
_MOVE = text("UPDATE statistics_progress SET counted_until = :until WHERE stream = :stream")
_COUNTED_UNTIL = text(f"SELECT counted_until FROM statistics_progress WHERE stream = '{ENDED}'")

#: Turns that ended in one transaction stay in one batch, however many they are.
_RANGE = text(
    """
    WITH horizon AS (
        SELECT greatest(:since, now() - make_interval(secs => greatest(:max_lag_s, :lag_s)), least(
            now() - make_interval(secs => :lag_s), (
                SELECT min(xact_start) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
            )
        )) AS at
    )
    SELECT at, coalesce((
        SELECT greatest(settled_at, :since + interval '1 microsecond') FROM turns
        WHERE settled_at >= :since AND settled_at < at
        ORDER BY settled_at OFFSET :batch LIMIT 1
    ), at) AS until
    FROM horizon
    """
).bindparams(
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("batch", type_=Integer),
    *(bindparam(name, type_=Float) for name in ("lag_s", "max_lag_s")),
)

_SAMPLE = text(
    f"""
    WITH waiting AS (
        SELECT messenger, tenant, count(*) AS count, min(received_at) AS oldest FROM turns
        WHERE status IN ('received', 'queued') GROUP BY 1, 2
    ), sampled AS (
        INSERT INTO statistics AS known (step_s, starts_at, messenger, tenant, max_waiting)
        SELECT step_s, date_bin(make_interval(secs => step_s), now(), timestamptz '{ORIGIN}'),
            messenger, tenant, count
        FROM unnest(ARRAY[{", ".join(map(str, STEPS_S))}]) AS step_s, waiting
        ON CONFLICT (step_s, starts_at, messenger, tenant)
        DO UPDATE SET max_waiting = greatest(known.max_waiting, excluded.max_waiting)
    )
    SELECT coalesce(sum(count), 0)::bigint AS waiting,
        coalesce(extract(epoch FROM now() - min(oldest)), 0)::float8 AS oldest_s
    FROM waiting
    """
)
_FORGET = [
    text(
        f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {table}
            WHERE step_s = ANY(:steps) AND starts_at < now() - make_interval(days => :days)
            LIMIT 5000
        ))
        RETURNING step_s
        """
    ).bindparams(bindparam("steps", type_=ARRAY(Integer)), bindparam("days", type_=Integer))
    for table in ("statistics", "statistics_bots")
]


_ADD_CPU = text(
    f"""
    INSERT INTO statistics_bots AS known (step_s, starts_at, cpu_ms)
    SELECT step_s, date_bin(make_interval(secs => step_s), now(), timestamptz '{ORIGIN}'), :cpu_ms
    FROM unnest(ARRAY[{", ".join(map(str, STEPS_S))}]) AS step_s ORDER BY step_s
    ON CONFLICT (step_s, starts_at) DO UPDATE SET cpu_ms = known.cpu_ms + excluded.cpu_ms
    RETURNING {LAZY_COMMIT_SQL}
    """
).bindparams(bindparam("cpu_ms", type_=BigInteger))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One batch; the counters hold its turns of the last hour only, by messenger."""

    more: bool  #: another batch is due at once
    until: datetime  #: what ended before is counted
    judged: Counter[str] = field(default_factory=Counter)  #: the delivery has ended
    in_time: Counter[str] = field(default_factory=Counter)  #: and the answer came in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The turns that wait for the model, and the age of the oldest of them."""

    turns: int
    oldest_s: float


async def begin(connection: AnyConnection) -> None:
    """Create the places of the counting, once; the commit is the caller's."""
    await connection.execute(_BEGIN)


async def count_ended(
    connection: AnyConnection, *, lag_s: float = LAG_S, batch: int = BATCH
) -> Counted | None:
    """Count the next turns that ended, within this transaction; None: another bot counts."""
    since = await connection.scalar(_TAKE, {"stream": ENDED})
    if since is None:
        return None
    limits = {"since": since, "batch": batch, "lag_s": lag_s, "max_lag_s": MAX_LAG_S}
    at, until = (await connection.execute(_RANGE, limits)).one()
    ended = await connection.execute(COUNT_ENDED, {"since": since, "until": until})
    rows = [*ended, *await connection.execute(COUNT_DELIVERIES, {"batch": batch})]
    await connection.execute(_MOVE, {"stream": ENDED, "until": until})
    return Counted(
        more=until < at,
        until=until,
        judged=_sums((row.messenger, row.judged) for row in rows),
        in_time=_sums((row.messenger, row.in_time) for row in rows),
    )


async def count_votes(connection: AnyConnection, *, lag_s: float = LAG_S) -> bool:
    """Count the votes given since the last time, within this transaction; False: another does."""
    since = await connection.scalar(_TAKE, {"stream": VOTES})
    if since is None:
        return False
    limits = {"since": since, "batch": 0, "lag_s": lag_s, "max_lag_s": MAX_LAG_S}
    until = (await connection.execute(_RANGE, limits)).one().at
    await connection.execute(COUNT_VOTES, {"since": since, "until": until})
    await connection.execute(_MOVE, {"stream": VOTES, "until": until})
    return True


async def sample_waiting(connection: AnyConnection) -> Waiting:
    """Note how many turns wait now, where more than before in this minute; the commit is yours."""
    row = (await connection.execute(_SAMPLE)).one()
    return Waiting(turns=row.waiting, oldest_s=row.oldest_s)


async def add_cpu(connection: AnyConnection, cpu_ms: int) -> None:
    """Add what a bot has used of its processors since the last time; the commit is yours."""
    await connection.execute(_ADD_CPU, {"cpu_ms": cpu_ms})


async def forget(connection: AnyConnection) -> int:
    """Delete outlived rows, some thousands at most; their number. The commit is the caller's."""
    deleted = 0
    for statement, (steps, days) in product(_FORGET, KEPT_DAYS.items()):
        result = await connection.execute(statement, {"steps": list(steps), "days": days})
        deleted += len(result.all())
    return deleted


async def counted_until(connection: AnyConnection) -> datetime | None:
    """Until when ended turns are counted; None before the first look."""
    found: datetime | None = await connection.scalar(_COUNTED_UNTIL)
    return found


def _sums(rows: Iterable[tuple[str, int]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for messenger, count in rows:
        sums[messenger] += count
    return sums
