"""The depth of the queue as others feel it: people, not turns, since people take turns.

A person's further questions run one after another behind the first, so they add no load.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Integer, bindparam, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from bot.domain.turns import SETTLED, Person, TurnStatus
from bot.store.schema import turns
from inference_queue.claim_order import SERVED_AT
from inference_queue.schema import JobState, jobs
from runtime.direct import AnyConnection

#: Literals, so that a plan for any values knows the index of unsettled turns.
_UNSETTLED: list[ColumnElement[str]] = [
    literal_column(f"'{one.value}'") for one in TurnStatus if one not in SETTLED
]
_PERSON = (turns.c.messenger, turns.c.tenant, turns.c.sender)
_BY_PERSON = (
    select(*_PERSON, func.count().label("turns"))
    .where(turns.c.status.in_(_UNSETTLED))
    .group_by(*_PERSON)
    .subquery()
)
WAITING_PEOPLE = select(
    _BY_PERSON.c.messenger,
    _BY_PERSON.c.tenant,
    func.count().label("people"),
    func.jsonb_object_agg(_BY_PERSON.c.sender, _BY_PERSON.c.turns, type_=JSONB)
    .filter(_BY_PERSON.c.turns >= bindparam("many_turns", type_=Integer))
    .label("many"),
).group_by(_BY_PERSON.c.messenger, _BY_PERSON.c.tenant)

RUNNING = select(func.count()).where(jobs.c.state == JobState.RUNNING)
_QUEUED = f"""
    SELECT coalesce(fairness_key, id::text) AS person, due,
        greatest(created_at, {SERVED_AT}) AS waiting_since
    FROM jobs WHERE state = 'queued'
"""
QUEUED_PEOPLE = text(
    f"""
    SELECT wanted, count(*) AS people FROM (
        SELECT floor(extract(epoch FROM min(due) FILTER (
            WHERE due > now() + make_interval(secs => :answer_s)
        )))::bigint AS wanted
        FROM ({_QUEUED}) AS queued GROUP BY person
    ) AS heads GROUP BY wanted
    """
)
SERVED = text(
    f"""
    SELECT key FROM fairness_keys
    WHERE served_at > (SELECT min(waiting_since) FROM ({_QUEUED}) AS queued)
    ORDER BY served_at DESC LIMIT :limit
    """
)
#: The maximum of people remembered as served; the others count as not served yet.
MAX_SERVED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPeople:
    """The people with unsettled turns."""

    people: Counter[tuple[str, str]]  #: by (messenger, tenant)
    turns: Counter[Person]  #: of those with many


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """The jobs that run, and the people who wait for one."""

    running: int = 0
    waiting: int = 0
    #: The waiting people who can still be answered by their due time, by that Unix second.
    in_time: Counter[int] = field(default_factory=Counter)
    #: The keys of those served since the longest waiting person came: they go behind all others.
    served: frozenset[str] = frozenset()


async def count_waiting_people(connection: AnyConnection, *, many_turns: int) -> WaitingPeople:
    """The people with unsettled turns; and the turns of those with ``many_turns`` or more."""
    rows = (await connection.execute(WAITING_PEOPLE, {"many_turns": many_turns})).all()
    return WaitingPeople(
        people=Counter({(row.messenger, row.tenant): row.people for row in rows}),
        turns=Counter(
            {
                Person(messenger=row.messenger, tenant=row.tenant, sender=sender): count
                for row in rows
                for sender, count in (row.many or {}).items()
            }
        ),
    )


async def count_jobs(connection: AnyConnection, *, answer_s: float) -> QueueDepth:
    """The depth of the queue; ``answer_s``: the duration of an answer in seconds."""
    running = await connection.scalar(RUNNING)
    queued = (await connection.execute(QUEUED_PEOPLE, {"answer_s": answer_s})).all()
    served = await connection.scalars(SERVED, {"limit": MAX_SERVED}) if queued else ()
    return QueueDepth(
        running=running or 0,
        waiting=sum(row.people for row in queued),
        in_time=Counter({row.wanted: row.people for row in queued if row.wanted}),
        served=frozenset(served),
    )
