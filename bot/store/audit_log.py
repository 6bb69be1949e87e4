"""The log of the dashboard's use: appended, listed, counted and, at the front, trimmed.

The database numbers and chains the rows (migration 0014), whoever writes them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, cast, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from bot.domain.audit import AuditEntry
from bot.domain.turns import clean_text
from bot.store.audit_chain import StoredEntry
from bot.store.schema import audit_log

#: Rows that one step of the daily deletion takes away.
TRIM_ROWS = 5000

#: Rows are numbered in the order of their time: a range of time is a range of numbers, unless the
#: server's clock was set back by more than this.
_CLOCK_JUMP = timedelta(hours=1)
_NO_SEQ = 2**62

_COLUMNS = ("actor", "action", "object", "details", "reason", "address")
_APPEND = text(
    f"""
    INSERT INTO audit_log ({", ".join(_COLUMNS)})
    SELECT {", ".join(_COLUMNS)}
    FROM unnest({", ".join(f":{name}" for name in _COLUMNS)})
        WITH ORDINALITY AS entries ({", ".join(_COLUMNS)}, place)
    ORDER BY place
    """
).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in _COLUMNS))
_TRIM = text("SELECT audit_log_trim(:days, :rows)").bindparams(
    bindparam("days", type_=Integer), bindparam("rows", type_=Integer)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows are asked for; an empty string or None leaves a condition out."""

    actor: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None  #: exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCount:
    """How often a user did something in a span of time."""

    actor: str
    action: str
    times: int
    addresses: int  #: different ones


async def append(connection: AsyncConnection, entries: Sequence[AuditEntry]) -> None:
    """Append the entries in their order; the commit is the caller's.

    Other writers wait until that commit: let it be the last statement before it.
    """
    await connection.execute(
        _APPEND, {name: [_stored(entry)[name] for entry in entries] for name in _COLUMNS}
    )


async def newest(
    connection: AsyncConnection, asked: Selection, *, before: int | None, limit: int
) -> list[StoredEntry]:
    """The newest rows below the number ``before`` that are asked for."""
    statement = select(audit_log).where(*_conditions(asked))
    if before is not None:
        statement = statement.where(audit_log.c.seq < before)
    found = await connection.execute(statement.order_by(audit_log.c.seq.desc()).limit(limit))
    return [StoredEntry(**row._asdict()) for row in found]


async def counts(
    connection: AsyncConnection, asked: Selection, *, after: str | None, users: int
) -> list[ActionCount]:
    """How often each user did what: of so many users behind the name ``after``, by name."""
    log = audit_log.c
    within = select(log.actor, log.action, log.address, func.count().label("times")).where(
        *_conditions(asked)
    )
    if after is not None:
        within = within.where(log.actor > after)
    # One walk over the rows; what it leaves is short.
    acts = within.group_by(log.actor, log.action, log.address).cte("acts")
    shown = select(acts.c.actor).distinct().order_by(acts.c.actor).limit(users)
    statement = (
        select(
            acts.c.actor,
            acts.c.action,
            cast(func.sum(acts.c.times), BigInteger).label("times"),
            func.count().label("addresses"),
        )
        .where(acts.c.actor.in_(shown))
        .group_by(acts.c.actor, acts.c.action)
        .order_by(acts.c.actor, acts.c.action)
    )
    return [ActionCount(**row._asdict()) for row in await connection.execute(statement)]


async def trim(connection: AsyncConnection, *, kept_days: int) -> int:
    """Delete rows older than that from the front, ``TRIM_ROWS`` at most; their number.

    The first row that stays is anchored by a row of its own. The database keeps two years in any
    case.
    """
    return int(await connection.scalar(_TRIM, {"days": kept_days, "rows": TRIM_ROWS}) or 0)


def _conditions(asked: Selection) -> list[ColumnElement[bool]]:
    log = audit_log.c
    found: list[ColumnElement[bool]] = []
    if asked.actor:
        found.append(log.actor == asked.actor)
    if asked.action:
        found.append(log.action == asked.action)
    if asked.since:
        found += [log.at >= asked.since, log.seq >= _first_behind(asked.since - _CLOCK_JUMP)]
    if asked.until:
        found += [log.at < asked.until, log.seq < _first_behind(asked.until + _CLOCK_JUMP)]
    return found


def _first_behind(moment: datetime) -> ColumnElement[int]:
    """The number of the first row from that moment on; beyond all numbers where there is none."""
    log = audit_log.alias("behind").c
    first = select(log.seq).where(log.at >= moment).order_by(log.at, log.seq).limit(1)
    return func.coalesce(first.scalar_subquery(), _NO_SEQ)


def _stored(entry: AuditEntry) -> dict[str, str]:
    """The columns of an entry, as Postgres takes them."""
    return {
        "actor": clean_text(entry.actor),
        "action": entry.action.value,
        "object": clean_text(entry.object),
        "details": json.dumps(dict(entry.details), ensure_ascii=True, sort_keys=True),
        "reason": clean_text(entry.reason),
        "address": entry.address,
    }
