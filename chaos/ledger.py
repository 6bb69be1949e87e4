"""The product's own tables, for the few messages that cannot be judged from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, text

from runtime.database import connect_database

_DIED_IN_HAND = text(
    """
    SELECT DISTINCT split_part(turns.text, ' ', 1) AS message
    FROM turns JOIN delivery_attempts ON turn_id = turns.id
    WHERE split_part(turns.text, ' ', 1) = ANY(:ids) AND detail LIKE 'the process%died'
    """
)
#: A version that lacks the messenger gives up a delivery that it claimed, before it sends anything.
_CLAIMED_BEFORE = text(
    """
    SELECT DISTINCT split_part(turns.text, ' ', 1) AS message
    FROM turns JOIN delivery_attempts ON turn_id = turns.id
    WHERE split_part(turns.text, ' ', 1) = ANY(:ids) AND detail = 'KeyError'
    """
)
_ACCOUNT = text(
    """
    SELECT split_part(turns.text, ' ', 1) AS message, turns.status,
        concat_ws(' ', deliveries.via, deliveries.state) AS delivery, deliveries.detail,
        (SELECT string_agg(concat_ws(
            ' ', round(extract(epoch FROM recorded_at - turns.received_at), 1) || 's',
            attempts.via, attempts.state, attempts.detail), '; ' ORDER BY attempts.id)
         FROM delivery_attempts AS attempts WHERE attempts.turn_id = turns.id) AS attempts
    FROM turns JOIN deliveries ON turn_id = turns.id
    WHERE split_part(turns.text, ' ', 1) = ANY(:ids)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFindings:
    """The windows that only the ledger can confirm, with the messages to which they apply."""

    died_in_hand: frozenset[str] = frozenset()  #: a killed bot was just delivering them
    claimed_before: frozenset[str] = frozenset()  #: claimed by a version without the messenger


NOTHING_FOUND = LedgerFindings()


async def claimed_before(database_url: str, messages: Iterable[str]) -> frozenset[str]:
    """The messages whose delivery the previous version claimed, which lacks their messenger."""
    return frozenset(row.message for row in await _fetch(database_url, _CLAIMED_BEFORE, messages))


async def died_in_hand(database_url: str, messages: Iterable[str]) -> frozenset[str]:
    """The messages that a process was delivering when it died."""
    return frozenset(row.message for row in await _fetch(database_url, _DIED_IN_HAND, messages))


async def accounts(database_url: str, messages: Iterable[str]) -> dict[str, str]:
    """Of each message: its turn's status, its delivery and every attempt."""
    return {
        row.message: f"{row.status}, {row.delivery} ({row.detail}): {row.attempts}"
        for row in await _fetch(database_url, _ACCOUNT, messages)
    }


async def _fetch(database_url: str, query: TextClause, ids: Iterable[str]) -> Sequence[Row[Any]]:
    database = connect_database(database_url, pool_size=1)
    try:
        async with database.connect() as connection:
            return (await connection.execute(query, {"ids": list(ids)})).all()
    finally:
        await database.dispose()
