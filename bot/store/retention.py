"""The daily deletion of old turns: runs that walk the log from its beginning in small steps.

A run goes on where its last committed step ended, in whichever bot. All that hangs on a turn goes
with it by its foreign keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.datasets import progress
from bot.store.erasure import erase_conversations, erase_jobs
from bot.store.locks import OneBot, try_lock
from bot.store.replays import items as replay_items
from bot.store.schema import retention_runs

#: Turns that a step looks at, and that it deletes: some milliseconds each.
LOOKED, BATCH = 2000, 200

#: A run ends at once where nothing is ever deleted.
_BEGIN = text(
    """
    INSERT INTO retention_runs (until, finished_at)
    SELECT now() - make_interval(days => min(days)),
        CASE WHEN min(days) IS NULL THEN now() END
    FROM retention_rules
    HAVING NOT EXISTS (SELECT FROM retention_runs WHERE started_at >= :since)
       AND NOT EXISTS (SELECT FROM retention_runs WHERE finished_at IS NULL)
    """
).bindparams(bindparam("since", type_=DateTime(timezone=True)))

_RUNNING = text(
    """
    SELECT id, started_at, until, reached_at, reached_id FROM retention_runs
    WHERE finished_at IS NULL ORDER BY id LIMIT 1
    """
)

_OPEN = "('received', 'queued', 'generating')"
#: A rule that was changed after the run's beginning leaves its turns alone until the next run.
_RULE = """
    SELECT CASE WHEN rule.changed_at <= :started_at THEN days END AS days
    FROM retention_rules AS rule
    WHERE rule.messenger IN ('', {owner}.messenger) AND rule.tenant IN ('', {owner}.tenant)
    ORDER BY rule.messenger DESC, rule.tenant DESC
    LIMIT 1
"""
_UNDELIVERED = """
    SELECT FROM deliveries
    WHERE deliveries.turn_id = {turn} AND (
        deliveries.state IN ('pending', 'sending', 'held')
        OR deliveries.state = 'unconfirmed' AND deliveries.trace_at IS NOT NULL
    )
"""
_CHOOSE = text(
    f"""
    WITH looked AS MATERIALIZED (
        SELECT id, conversation_id, messenger, tenant, status, received_at FROM turns
        WHERE received_at < :until AND (received_at, id) > (:reached_at, :reached_id)
        ORDER BY received_at, id LIMIT {LOOKED}
    ), asked AS MATERIALIZED (
        -- Open turns that ask again or go on read the older one.
        SELECT unnest(ARRAY[regenerates, continues]) AS id FROM turns WHERE status IN {_OPEN}
    ), due AS MATERIALIZED (
        SELECT looked.id, looked.conversation_id, looked.received_at
        FROM looked CROSS JOIN LATERAL ({_RULE.format(owner="looked")}) AS rule
        WHERE looked.received_at < :started_at - make_interval(days => rule.days)
          AND looked.status NOT IN {_OPEN}
          AND NOT EXISTS ({_UNDELIVERED.format(turn="looked.id")})
          AND NOT EXISTS (SELECT FROM asked WHERE asked.id = looked.id)
        ORDER BY looked.received_at, looked.id LIMIT {BATCH}
    ), place AS (
        SELECT received_at, id FROM due
        WHERE (SELECT count(*) FROM due) = {BATCH}
        UNION ALL
        SELECT received_at, id FROM looked
        WHERE (SELECT count(*) FROM due) < {BATCH}
    )
    SELECT array(SELECT id FROM due) AS turn_ids,
        array(SELECT DISTINCT conversation_id FROM due) AS conversation_ids,
        (SELECT count(*) FROM looked) < {LOOKED} AND (SELECT count(*) FROM due) < {BATCH} AS ends,
        newest.received_at, newest.id
    FROM (SELECT) AS one LEFT JOIN LATERAL (
        SELECT received_at, id FROM place ORDER BY received_at DESC, id DESC LIMIT 1
    ) AS newest ON true
    """
).bindparams(
    *(
        bindparam(name, type_=DateTime(timezone=True))
        for name in ("until", "reached_at", "started_at")
    ),
    bindparam("reached_id", type_=Uuid),
)

_IDS = bindparam("conversation_ids", type_=ARRAY(BigInteger))
#: In the accept's order: one that comes in waits until here is decided whether its conversation
#: stays.
_LOCK_CONVERSATIONS = text(
    """
    SELECT id, epoch FROM conversations WHERE id = ANY(:conversation_ids)
    ORDER BY messenger, tenant, key FOR UPDATE
    """
).bindparams(_IDS)
#: A prompt with a deleted turn that is being planned meanwhile is planned anew: its statement finds
#: another version of the conversation (bot/store/queueing.py).
_RENEW_CONVERSATIONS = text(
    "UPDATE conversations SET history_seq = history_seq WHERE id = ANY(:conversation_ids)"
).bindparams(_IDS)
_DELETE_TURNS = text(
    f"""
    DELETE FROM turns
    WHERE id = ANY(:turn_ids) AND status NOT IN {_OPEN}
      AND NOT EXISTS ({_UNDELIVERED.format(turn="turns.id")})
    RETURNING job_id
    """
).bindparams(bindparam("turn_ids", type_=ARRAY(Uuid)))
_DELETE_EVENTS = text(
    f"""
    DELETE FROM conversation_events USING conversations
    WHERE conversations.id = ANY(:conversation_ids)
      AND conversation_events.conversation_id = conversations.id
      AND conversation_events.at < :started_at - make_interval(
          days => ({_RULE.format(owner="conversations")})
      )
    """
).bindparams(_IDS, bindparam("started_at", type_=DateTime(timezone=True)))
_NOTE = text(
    """
    UPDATE retention_runs SET updated_at = now(), turns = turns + :turns,
        conversations = conversations + :conversations,
        reached_at = coalesce(:reached_at, reached_at),
        reached_id = coalesce(:reached_id, reached_id),
        finished_at = CASE WHEN :ends THEN now() END
    WHERE id = :id
    """
).bindparams(
    bindparam("reached_at", type_=DateTime(timezone=True)), bindparam("reached_id", type_=Uuid)
)

_BEFORE_ALL = datetime.fromisoformat("0001-01-02T00:00:00+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun:
    """A daily deletion."""

    id: int
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None  #: None: it goes on
    until: datetime | None  #: younger turns are not looked at; None: no rule deletes anything
    reached_at: datetime | None  #: of the last turn that was looked at
    reached_id: UUID | None
    turns: int  #: deleted
    conversations: int  #: deleted with their last turn


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionStep:
    """What one transaction deleted."""

    turns: int
    ends: bool  #: the run is over
    windows: tuple[tuple[int, int], ...] = ()  #: ids and epochs of its conversations


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deleted:
    turns: int = 0
    conversations: int = 0  #: deleted with their last turn
    windows: tuple[tuple[int, int], ...] = ()  #: as in ``RetentionStep``


async def begin_run(connection: AsyncConnection, *, since: datetime) -> None:
    """Begin a run unless one has begun since then or goes on. The commit is the caller's."""
    if await try_lock(connection, OneBot.RETENTION):
        await connection.execute(_BEGIN, {"since": since})


async def delete_some(connection: AsyncConnection) -> RetentionStep | None:
    """Carry out the next step of the run; None: none goes on, or another bot does it.

    The commit is the caller's.
    """
    if not await try_lock(connection, OneBot.RETENTION):
        return None
    run = (await connection.execute(_RUNNING)).one_or_none()
    if run is None:
        return None
    place = {
        "until": run.until,
        "started_at": run.started_at,
        "reached_at": run.reached_at or _BEFORE_ALL,
        "reached_id": run.reached_id or UUID(int=0),
    }
    chosen = (await connection.execute(_CHOOSE, place)).one()
    deleted = await _delete(connection, chosen.turn_ids, chosen.conversation_ids, run.started_at)
    counted = {"turns": deleted.turns, "conversations": deleted.conversations, "ends": chosen.ends}
    reached = {"reached_at": chosen.received_at, "reached_id": chosen.id}
    await connection.execute(_NOTE, {"id": run.id} | counted | reached)
    return RetentionStep(turns=deleted.turns, ends=chosen.ends, windows=deleted.windows)


async def newest_runs(connection: AsyncConnection, *, limit: int) -> list[RetentionRun]:
    """The newest runs, newest first."""
    statement = select(retention_runs).order_by(retention_runs.c.id.desc()).limit(limit)
    return [RetentionRun(**row._asdict()) for row in await connection.execute(statement)]


async def _delete(
    connection: AsyncConnection,
    turn_ids: Sequence[UUID],
    conversation_ids: Sequence[int],
    started_at: datetime,
) -> _Deleted:
    """Delete the turns and what belongs to them."""
    if not turn_ids:
        return _Deleted()
    # First of all, as their steps do: the jobs of the background lane go with the turns.
    await progress.hold_checked(connection, turn_ids)
    await replay_items.hold_asked(connection, turn_ids)
    ids: Mapping[str, Any] = {"conversation_ids": list(conversation_ids)}
    held = await connection.execute(_LOCK_CONVERSATIONS, ids)
    windows = tuple((row.id, row.epoch) for row in held)
    deleted = await connection.execute(_DELETE_TURNS, {"turn_ids": list(turn_ids)})
    job_ids = list(deleted.scalars())
    await erase_jobs(connection, [job_id for job_id in job_ids if job_id])
    await connection.execute(_DELETE_EVENTS, {**ids, "started_at": started_at})
    erased = await erase_conversations(connection, conversation_ids)
    await connection.execute(_RENEW_CONVERSATIONS, ids)
    return _Deleted(turns=len(job_ids), conversations=erased, windows=windows)
