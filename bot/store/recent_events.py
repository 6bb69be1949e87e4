"""Recent events that are no turn or have no id of their own: repeats within a window are one.

The window begins with the first of them, whose row decides: the row's lock makes it exact for any
number of bots, where two keys of a floored clock would differ across the boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import DateTime, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import RepeatWindow, Utterance
from bot.store.reply_handles import stamp
from runtime.database import LAZY_COMMIT_SQL
from runtime.direct import AnyConnection

#: Rows deleted at a time.
BATCH = 5000

#: Whether ``excluded`` falls into the window of ``known``; the clocks of two bots may differ.
REPEATED = "excluded.received_at < known.until AND known.received_at < excluded.until"

_ANSWERED = """
    excluded.ends_when_delivered AND EXISTS (
        SELECT FROM turns JOIN deliveries ON deliveries.turn_id = turns.id
        WHERE turns.messenger = known.messenger AND turns.tenant = known.tenant
          AND turns.event_key = known.event_key AND deliveries.state = 'delivered'
    )
"""
_IS_REPEAT = f"{REPEATED} AND NOT ({_ANSWERED})"
#: A crash of Postgres may undo it: then a repeat is a message of its own.
NAME = text(
    f"""
    INSERT INTO recent_events AS known
        (messenger, tenant, key, event_key, received_at, until, ends_when_delivered)
    SELECT * FROM json_to_recordset(CAST(:events AS json)) AS event (
        messenger text, tenant text, key text, event_key text,
        received_at timestamptz, until timestamptz, ends_when_delivered boolean
    )
    -- Always in the same order, so that two bots cannot wait for each other.
    ORDER BY messenger, tenant, key
    ON CONFLICT (messenger, tenant, key) DO UPDATE SET (event_key, received_at, until) = (
        SELECT known.event_key, known.received_at, known.until WHERE {_IS_REPEAT}
        UNION ALL
        SELECT excluded.event_key, excluded.received_at, excluded.until WHERE NOT ({_IS_REPEAT})
    )
    RETURNING messenger, tenant, key, event_key, {LAZY_COMMIT_SQL}
    """
).bindparams(bindparam("events", type_=Text))

#: The first of an event's repeats gets a row; it may come again, where it failed behind this.
TAKE = text(
    f"""
    INSERT INTO recent_events AS known
        (messenger, tenant, key, event_key, received_at, until)
    VALUES (:messenger, :tenant, :key, :event_key, :received_at, :until)
    ON CONFLICT (messenger, tenant, key) DO UPDATE
    SET received_at = excluded.received_at, until = excluded.until, event_key = excluded.event_key
    WHERE NOT ({REPEATED})
      OR (known.event_key = excluded.event_key AND excluded.event_key <> '')
    RETURNING key
    """
).bindparams(
    *(bindparam(name, type_=Text) for name in ("messenger", "tenant", "key", "event_key")),
    *(bindparam(name, type_=DateTime(timezone=True)) for name in ("received_at", "until")),
)
GIVE_BACK = text(
    "DELETE FROM recent_events WHERE messenger = :messenger AND tenant = :tenant AND key = :key"
).bindparams(*(bindparam(name, type_=Text) for name in ("messenger", "tenant", "key")))

_FORGET = text(
    f"""
    DELETE FROM recent_events WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM recent_events WHERE until < now() - interval '10 minutes'
        LIMIT {BATCH} FOR UPDATE SKIP LOCKED
    ))
    RETURNING {LAZY_COMMIT_SQL}
    """
)


async def named(connection: AnyConnection, utterances: Sequence[Utterance]) -> Sequence[Utterance]:
    """The utterances, each repeat with the event key of the first one; the commit is the caller's.

    At most one utterance per conversation. Naming the same utterances once more changes nothing.
    """
    events = [_values(u, u.repeats) for u in utterances if u.repeats is not None]
    if not events:
        return utterances
    rows = await connection.execute(NAME, {"events": orjson.dumps(events).decode()})
    first = {(row.messenger, row.tenant, row.key): row.event_key for row in rows}
    return [
        replace(u, event_key=first[u.messenger, u.tenant, u.repeats.key]) if u.repeats else u
        for u in utterances
    ]


async def take(
    connection: AsyncConnection,
    messenger: str,
    tenant: str,
    repeats: RepeatWindow,
    *,
    event_key: str = "",
) -> bool:
    """Whether this is the first of the event's repeats; the commit is the caller's.

    ``event_key``: whoever took it may take it again; empty: nobody may.
    """
    values = {
        "messenger": messenger,
        "tenant": tenant,
        "key": repeats.key,
        "event_key": event_key,
    }
    times = {"received_at": repeats.received_at, "until": repeats.until}
    return (await connection.scalar(TAKE, values | times)) is not None


async def give_back(
    connection: AsyncConnection, messenger: str, tenant: str, repeats: RepeatWindow
) -> None:
    """Let the next of the event's repeats be the first; the commit is the caller's."""
    values = {"messenger": messenger, "tenant": tenant, "key": repeats.key}
    await connection.execute(GIVE_BACK, values)


async def forget(connection: AsyncConnection) -> int:
    """Delete outlived rows, at most ``BATCH``; their number. The commit is the caller's."""
    return int((await connection.execute(_FORGET)).rowcount)


def _values(utterance: Utterance, repeats: RepeatWindow) -> dict[str, Any]:
    return {
        "messenger": utterance.messenger,
        "tenant": utterance.tenant,
        "key": repeats.key,
        "event_key": utterance.event_key,
        "received_at": stamp(repeats.received_at),
        "until": stamp(repeats.until),
        "ends_when_delivered": repeats.ends_when_delivered,
    }
