"""The product's own tables, for the few messages that cannot be judged from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, TextClause, text

from chaos.journal import Message
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
#: A photo's text names no message; its event does.
_MERGES = text(
    """
    SELECT split_part(merged.text, ' ', 1) AS message, merged.event_key,
        split_part(into_turn.text, ' ', 1) AS target, into_turn.status
    FROM turns AS merged JOIN turns AS into_turn ON into_turn.id = merged.merged_into
    WHERE split_part(merged.text, ' ', 1) = ANY(:ids) OR merged.event_key = ANY(:keys)
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
class MergeTarget:
    """The turn that a message was merged into."""

    message: str  #: the first word of its text: its message's id, but for a photo
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFindings:
    """What only the ledger can confirm, with the messages to which it applies."""

    died_in_hand: frozenset[str] = frozenset()  #: a killed bot was just delivering them
    claimed_before: frozenset[str] = frozenset()  #: claimed by a version without the messenger
    merges: Mapping[str, MergeTarget] = field(default_factory=dict)  #: by the merged message


NOTHING_FOUND = LedgerFindings()


async def claimed_before(database_url: str, messages: Iterable[str]) -> frozenset[str]:
    """The messages whose delivery the previous version claimed, which lacks their messenger."""
    return frozenset(row.message for row in await _fetch(database_url, _CLAIMED_BEFORE, messages))


async def died_in_hand(database_url: str, messages: Iterable[str]) -> frozenset[str]:
    """The messages that a process was delivering when it died."""
    return frozenset(row.message for row in await _fetch(database_url, _DIED_IN_HAND, messages))


async def merges(database_url: str, messages: Sequence[Message]) -> dict[str, MergeTarget]:
    """What each of these messages was merged into; nothing for one that was not."""
    by_key = {message.event_key: message.id for message in messages if message.event_key}
    ids = [message.id for message in messages]
    return {
        by_key.get(row.event_key, row.message): MergeTarget(message=row.target, status=row.status)
        for row in await _fetch(database_url, _MERGES, ids, keys=[*by_key])
    }


async def accounts(database_url: str, messages: Iterable[str]) -> dict[str, str]:
    """Of each message: its turn's status, its delivery and every attempt."""
    return {
        row.message: f"{row.status}, {row.delivery} ({row.detail}): {row.attempts}"
        for row in await _fetch(database_url, _ACCOUNT, messages)
    }


async def _fetch(
    database_url: str, query: TextClause, ids: Iterable[str], **values: list[str]
) -> Sequence[Row[Any]]:
    database = connect_database(database_url, pool_size=1)
    try:
        async with database.connect() as connection:
            return (await connection.execute(query, {"ids": list(ids), **values})).all()
    finally:
        await database.dispose()
