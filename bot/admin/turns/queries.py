"""What the dashboard reads: plain SQL in read-only transactions that may not take long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.turns.filters import DEAD_LETTER, NO_DELIVERY, Cursor, Filters
from bot.store.deliveries import DEAD_LETTERS
from bot.store.schema import conversations, deliveries, delivery_attempts, turns
from bot.store.search import matching

PAGE = 50

#: No page may keep Postgres busy for longer, in milliseconds.
STATEMENT_TIMEOUT_MS = 3000

#: Of each text in the list: well more than is shown, so that a number is not cut before masking.
_BEGINNING = 600

#: Of each text in the list of a search, in which the match may stand anywhere.
_SEARCHED = 20_000

#: What BIGINT holds.
MAX_ID = 2**63 - 1

TurnRow = Row[Any]


@dataclass(frozen=True, slots=True)
class TurnPage:
    """Turns, newest first, and where the older ones begin."""

    turns: Sequence[TurnRow]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A stretch of a conversation, oldest turn first."""

    conversation: Row[Any]
    turns: Sequence[TurnRow]
    older: int | None  #: the ``before`` of the stretch above; None at the beginning
    newer: int | None  #: the ``before`` of the stretch below; None at the end
    epoch_above: int | None  #: of the turn above the stretch
    attempts: Mapping[UUID, Sequence[Row[Any]]]  #: the ledger of each turn, oldest first


async def list_turns(
    database: AsyncEngine, filters: Filters, after: Cursor | None = None
) -> TurnPage:
    """The ``PAGE`` newest turns below ``after`` that pass the filters."""
    statement = _narrowed(_listed(_SEARCHED if filters.q else _BEGINNING), filters)
    if after:
        place = tuple_(literal(after.received_at), literal(after.id))
        statement = statement.where(tuple_(turns.c.received_at, turns.c.id) < place)
    statement = statement.order_by(turns.c.received_at.desc(), turns.c.id.desc()).limit(PAGE + 1)
    async with _reading(database) as connection:
        rows = (await connection.execute(statement)).all()
    shown = rows[:PAGE]
    more = len(rows) > PAGE
    return TurnPage(shown, Cursor(shown[-1].received_at, shown[-1].id) if more else None)


async def read_dialogue(
    database: AsyncEngine, conversation_id: int, before: int | None = None
) -> Dialogue | None:
    """The ``PAGE`` newest turns with a seq below ``before``; None: no such conversation."""
    if not 0 <= conversation_id <= MAX_ID:
        return None
    found = select(conversations).where(conversations.c.id == conversation_id)
    async with _reading(database) as connection:
        conversation = (await connection.execute(found)).one_or_none()
        if conversation is None:
            return None
        statement = _STRETCH.where(turns.c.conversation_id == conversation_id)
        if before is not None:
            statement = statement.where(turns.c.seq < before)
        rows = (await connection.execute(statement)).all()
        ledger = await connection.execute(_LEDGER, {"ids": [row.id for row in rows]})
        attempts: dict[UUID, list[Row[Any]]] = {}
        for attempt in ledger:
            attempts.setdefault(attempt.turn_id, []).append(attempt)
    return _stretch(conversation, rows, before, attempts)


async def conversation_of(database: AsyncEngine, turn_id: UUID) -> tuple[int, int] | None:
    """The conversation and the seq of a turn; None: no such turn."""
    found = select(turns.c.conversation_id, turns.c.seq).where(turns.c.id == turn_id)
    async with _reading(database) as connection:
        row = (await connection.execute(found)).one_or_none()
    return (row.conversation_id, row.seq) if row else None


def _stretch(
    conversation: Row[Any],
    rows: Sequence[TurnRow],
    before: int | None,
    attempts: Mapping[UUID, Sequence[Row[Any]]],
) -> Dialogue:
    shown = rows[:PAGE][::-1]
    above = rows[PAGE] if len(rows) > PAGE else None
    newest = shown[-1].seq if shown else conversation.last_seq
    return Dialogue(
        conversation,
        shown,
        older=shown[0].seq if above else None,
        newer=newest + PAGE + 1 if before and newest < conversation.last_seq else None,
        epoch_above=above.epoch if above else None,
        attempts=attempts,
    )


def before_for(seq: int) -> int:
    """The ``before`` of a stretch with the turn ``seq`` in its middle."""
    return min(seq + PAGE // 2, MAX_ID)


def _narrowed(statement: Select[Any], filters: Filters) -> Select[Any]:
    return statement.where(*_equalities(filters), *_range(filters))


def _equalities(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.messenger:
        yield turns.c.messenger == filters.messenger
    if filters.status:
        yield turns.c.status == filters.status
    if filters.delivery == NO_DELIVERY:
        yield deliveries.c.turn_id.is_(None)
    elif filters.delivery == DEAD_LETTER:
        yield deliveries.c.state.in_([state.value for state in DEAD_LETTERS])
    elif filters.delivery:
        yield deliveries.c.state == filters.delivery


def _range(filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.since:
        yield turns.c.received_at >= filters.since
    if filters.until:
        yield turns.c.received_at < filters.until
    if filters.q:
        yield matching(filters.q, filters.until or datetime.now(UTC))


@asynccontextmanager
async def _reading(database: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with database.connect() as plain:
        connection = await plain.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        await connection.execute(_LIMITS)
        yield connection


#: Plans are made for the values at hand: a rare word and a common one need different ones.
_LIMITS = select(
    func.set_config("statement_timeout", str(STATEMENT_TIMEOUT_MS), True),
    func.set_config("plan_cache_mode", "force_custom_plan", True),
)

_DELIVERY = (
    deliveries.c.via.label("delivery_via"),
    deliveries.c.state.label("delivery_state"),
    deliveries.c.attempts.label("delivery_attempts"),
    deliveries.c.detail.label("delivery_detail"),
    deliveries.c.delivered_at,
)

_LEDGER: Select[Any] = (
    select(delivery_attempts)
    .where(delivery_attempts.c.turn_id.in_(bindparam("ids", expanding=True)))
    .order_by(delivery_attempts.c.id)
)

_STRETCH: Select[Any] = (
    select(
        *(column for column in turns.c if column.key not in {"grams", "reply_handle", "media"}),
        func.jsonb_array_length(turns.c.media).label("media_count"),
        *_DELIVERY,
    )
    .select_from(turns.outerjoin(deliveries))
    .order_by(turns.c.seq.desc())
    .limit(PAGE + 1)
)


def _listed(length: int) -> Select[Any]:
    """The columns of the list, with the first ``length`` code points of the texts."""
    return select(
        turns.c.id,
        turns.c.conversation_id,
        turns.c.seq,
        turns.c.messenger,
        turns.c.tenant,
        turns.c.sender,
        func.left(turns.c.text, length).label("text"),
        func.jsonb_array_length(turns.c.media).label("media_count"),
        func.left(turns.c.answer, length).label("answer"),
        turns.c.status,
        turns.c.failure_reason,
        turns.c.prompt_tokens,
        turns.c.completion_tokens,
        turns.c.received_at,
        turns.c.settled_at,
        *_DELIVERY,
    ).select_from(turns.outerjoin(deliveries))
