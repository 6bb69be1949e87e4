"""Alerts in Postgres: which fire since when, and what was told of them, for all bots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Float, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

#: A firing alert that nobody acknowledges is told again after so long.
REPEAT_S = 4 * 3600.0
#: The end is told after so long without it: one that comes and goes is one alert, not a flood.
CALM_S = 300.0

_OBSERVE = text(
    """
    INSERT INTO alerts AS known (name, since, detail)
    SELECT name, CASE WHEN detail IS NOT NULL THEN now() END, coalesce(detail, '')
    FROM json_to_recordset(CAST(:found AS json)) AS found (name text, detail text)
    WHERE detail IS NOT NULL OR EXISTS (
        SELECT FROM alerts WHERE alerts.name = found.name AND since IS NOT NULL
    )
    ORDER BY name
    ON CONFLICT (name) DO UPDATE SET
        since = CASE WHEN excluded.since IS NOT NULL THEN coalesce(known.since, now()) END,
        acknowledged_at = CASE WHEN excluded.since IS NOT NULL THEN known.acknowledged_at END,
        detail = excluded.detail, updated_at = now()
    """
).bindparams(bindparam("found", type_=Text))
#: Whoever updates the row tells it; what has ended is told where its beginning was. The row of one
#: that has ended is not updated any more, until it fires again.
_CLAIM = text(
    """
    WITH due AS (
        SELECT name, since IS NULL AS ended FROM alerts
        WHERE coalesce(silenced_until, '-infinity') <= now() AND (
            (since <= now() - make_interval(secs => CASE WHEN name = ANY(:slow) THEN :wait_s
                                                         ELSE 0 END)
             AND acknowledged_at IS NULL
             AND coalesce(told_at, '-infinity') <= now() - make_interval(secs => :repeat_s))
            OR (since IS NULL AND told_at IS NOT NULL
                AND updated_at <= now() - make_interval(secs => :calm_s))
        )
        FOR UPDATE SKIP LOCKED
    )
    UPDATE alerts SET told_at = CASE WHEN due.ended THEN NULL ELSE now() END
    FROM due WHERE alerts.name = due.name
    RETURNING alerts.name, alerts.detail, due.ended
    """
).bindparams(
    bindparam("slow", type_=ARRAY(Text)),
    bindparam("wait_s", type_=Float),
    bindparam("repeat_s", type_=Float),
    bindparam("calm_s", type_=Float),
)
_NOTE_CHANNELS = text(
    """
    INSERT INTO alert_channels AS known (name, detail, sent_at, failed_since)
    SELECT name, detail, CASE WHEN detail = '' THEN now() END,
        CASE WHEN detail <> '' THEN now() END
    FROM json_to_recordset(CAST(:results AS json)) AS result (name text, detail text)
    ORDER BY name
    ON CONFLICT (name) DO UPDATE SET detail = excluded.detail,
        sent_at = coalesce(excluded.sent_at, known.sent_at),
        failed_since = CASE WHEN excluded.detail <> '' THEN coalesce(known.failed_since, now()) END
    """
).bindparams(bindparam("results", type_=Text))
_FAILING = text(
    "SELECT name, detail, failed_since FROM alert_channels WHERE failed_since IS NOT NULL "
    "ORDER BY name"
)
_UNTELL = text("UPDATE alerts SET told_at = NULL WHERE name = :name AND since IS NOT NULL")
_ACKNOWLEDGE = text(
    """
    UPDATE alerts SET acknowledged_at = now()
    WHERE name = :name AND since IS NOT NULL AND acknowledged_at IS NULL
    """
)
_SILENCE = text(
    """
    INSERT INTO alerts AS known (name, silenced_until)
    VALUES (:name, CASE WHEN :hours > 0 THEN now() + make_interval(hours => :hours) END)
    ON CONFLICT (name) DO UPDATE SET silenced_until = excluded.silenced_until
    """
)
_DEAD = text(
    """
    SELECT count(*) FROM (
        SELECT FROM deliveries WHERE state IN ('failed', 'unconfirmed')
          AND updated_at > now() - interval '15 minutes' LIMIT 1000
    ) AS dead
    """
)
_IN_TIME = text(
    """
    SELECT coalesce(sum(judged), 0)::bigint AS judged, coalesce(sum(in_time), 0)::bigint AS in_time
    FROM statistics WHERE step_s = 60 AND starts_at > now() - interval '30 minutes'
    """
)
_READ = text("SELECT * FROM alerts ORDER BY name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What is known of one kind of alert."""

    name: str
    since: datetime | None  #: it fires since then
    detail: str
    told_at: datetime | None
    acknowledged_at: datetime | None
    silenced_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingChannel:
    """A way of telling that does not work."""

    name: str  #: slack, webhook, mail
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An alert to be told now."""

    name: str
    detail: str
    ended: bool  #: it fires no more


async def observe(connection: AsyncConnection, found: Mapping[str, str | None]) -> None:
    """Note which alerts fire, each with its detail; None: it does not. The commit is yours.

    An alert that is absent stays as it is: nobody could tell.
    """
    rows = [{"name": name, "detail": detail} for name, detail in found.items()]
    await connection.execute(_OBSERVE, {"found": orjson.dumps(rows).decode()})


async def claim_notices(
    connection: AsyncConnection, *, slow: Sequence[str], wait_s: float
) -> list[Notice]:
    """The alerts that this bot has to tell now; ``slow``: those that fire for ``wait_s`` first."""
    values = {"slow": list(slow), "wait_s": wait_s, "repeat_s": REPEAT_S, "calm_s": CALM_S}
    rows = await connection.execute(_CLAIM, values)
    return [Notice(name=row.name, detail=row.detail, ended=row.ended) for row in rows]


async def give_back(connection: AsyncConnection, name: str) -> None:
    """Let an alert be told once more: it reached nobody."""
    await connection.execute(_UNTELL, {"name": name})


async def note_channels(connection: AsyncConnection, results: Mapping[str, str]) -> None:
    """Note what went wrong by the channel's name; "": it took the message."""
    if results:
        rows = [{"name": name, "detail": detail[:200]} for name, detail in sorted(results.items())]
        await connection.execute(_NOTE_CHANNELS, {"results": orjson.dumps(rows).decode()})


async def failing_channels(connection: AsyncConnection) -> list[FailingChannel]:
    """The channels whose last message was not taken."""
    return [
        FailingChannel(name=row.name, detail=row.detail, since=row.failed_since)
        for row in await connection.execute(_FAILING)
    ]


async def acknowledge(connection: AsyncConnection, name: str) -> bool:
    """Note that somebody sees to it; False: it does not fire, or somebody does already."""
    return bool((await connection.execute(_ACKNOWLEDGE, {"name": name})).rowcount)


async def silence(connection: AsyncConnection, name: str, *, hours: int) -> None:
    """Tell nothing of it for so many hours; 0: tell it again."""
    await connection.execute(_SILENCE, {"name": name, "hours": hours})


async def read_alerts(connection: AsyncConnection) -> dict[str, Alert]:
    """All that have ever fired or were silenced, by name."""
    return {
        row.name: Alert(
            name=row.name,
            since=row.since,
            detail=row.detail,
            told_at=row.told_at,
            acknowledged_at=row.acknowledged_at,
            silenced_until=row.silenced_until,
        )
        for row in await connection.execute(_READ)
    }


async def recent_dead(connection: AsyncConnection) -> int:
    """The deliveries that failed or stayed unconfirmed in the last 15 minutes, 1,000 at most."""
    return int(await connection.scalar(_DEAD) or 0)


async def recent_in_time(connection: AsyncConnection) -> tuple[int, int]:
    """Of the last 30 minutes: the turns whose delivery has ended, and those answered in time."""
    row = (await connection.execute(_IN_TIME)).one()
    return row.judged, row.in_time
