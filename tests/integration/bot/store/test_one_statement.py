"""Transactions that hold locks read everything of one kind in one statement."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import Utterance
from bot.store import inbox, turns
from bot.store.history_cache import Exchange, RecentHistory, Window, mark
from bot.store.inbox import Accepted
from bot.store.schema import turns as turns_table
from runtime.database import connect_database
from runtime.redis_client import connect_redis
from tests.support.seen_statements import seen_statements

#: The same database for all examples of a property.
SHARED = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=2)
    yield engine
    await engine.dispose()


def utterance(number: int, event_key: str) -> Utterance:
    now = datetime.now(UTC)
    return Utterance(
        messenger="slack",
        tenant="T",
        conversation_key=f"person {number}",
        event_key=event_key,
        sender="U",
        text="안녕",
        reply=ReplyHandle(via=DeliveryVia.POST, expires_at=now + timedelta(minutes=5)),
        received_at=now,
    )


async def accept(connection: AsyncConnection, *utterances: Utterance) -> list[Accepted]:
    """All of them: there is no bound."""
    accepted = await inbox.accept(connection, utterances)
    return [one for one in accepted if isinstance(one, Accepted)]


@SHARED
@given(st.lists(st.booleans(), min_size=1, max_size=12))
async def test_repeated_events_are_looked_up_in_one_statement(
    database: AsyncEngine, repeated: list[bool]
) -> None:
    run = uuid4().hex
    said = [utterance(number, f"{run} {number}") for number in range(len(repeated))]
    async with database.begin() as connection:
        known = [
            (await accept(connection, one))[0] if again else None
            for one, again in zip(said, repeated, strict=True)
        ]
    async with database.begin() as connection:
        with seen_statements(database) as seen:
            accepted = await accept(connection, *said)
    assert len(seen) == 1 + any(repeated)
    for before, now in zip(known, accepted, strict=True):
        assert now.new is (before is None)
        if before is not None:
            assert (now.turn_id, now.conversation_id, now.seq) == (
                before.turn_id,
                before.conversation_id,
                before.seq,
            )


@st.composite
def logs(draw: st.DrawFn) -> list[list[tuple[int, str]]]:
    """Of each conversation the (epoch, status) of its turns."""
    statuses = st.sampled_from(["answered", "answered", "failed", "merged"])
    turn = st.tuples(st.integers(0, 1), statuses)
    return draw(st.lists(st.lists(turn, max_size=8), min_size=1, max_size=5))


@SHARED
@given(log=logs(), limit=st.integers(1, 4))
async def test_cold_histories_are_read_in_one_statement(
    database: AsyncEngine, redis_url: str, log: list[list[tuple[int, str]]], limit: int
) -> None:
    redis = connect_redis(redis_url)
    await redis.flushdb()
    async with database.begin() as connection:
        ids = [await _conversation(connection, log_of_one) for log_of_one in log]
        # An unfinished window: the mark is no turn's, so Redis never has it.
        windows = [Window(id_, epoch, "none") for id_ in ids for epoch in (0, 1)]
        with seen_statements(database) as seen:
            loaded = await RecentHistory(redis, max_turns=limit).load(connection, windows)
        assert len(seen) == 1
        for window in windows:
            assert loaded[window] == await _alone(connection, window, limit)
    await redis.aclose()


async def test_histories_that_are_warm_need_no_statement(
    database: AsyncEngine, redis_url: str
) -> None:
    redis = connect_redis(redis_url)
    history = RecentHistory(redis, max_turns=3)
    async with database.begin() as connection:
        id_ = await _conversation(connection, [(0, "answered")])
        window = Window(id_, 0, mark(1, NOON))
        first = await history.load(connection, [window])
        with seen_statements(database) as seen:
            assert await history.load(connection, [window]) == first
        assert seen == []
    await redis.aclose()


async def test_settled_turns_are_found_in_one_statement(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        accepted = await accept(connection, *(utterance(n, f"e{n}") for n in range(4)))
        ids = [one.turn_id for one in accepted]
        ended = text("UPDATE turns SET status = 'failed' WHERE id = :id")
        await connection.execute(ended, {"id": ids[2]})
        with seen_statements(database) as seen:
            erased = uuid4()
            found = await turns.settled_among(connection, [*ids, erased])
            assert found == [ids[2], erased]
        assert len(seen) == 1


async def _conversation(connection: AsyncConnection, log: list[tuple[int, str]]) -> int:
    key = uuid4().hex
    id_ = await connection.scalar(
        text(
            "INSERT INTO conversations (messenger, tenant, key) "
            "VALUES ('m', 't', :key) RETURNING id"
        ),
        {"key": key},
    )
    rows = [
        {
            "id": uuid4(),
            "conversation_id": id_,
            "seq": seq,
            "epoch": epoch,
            "messenger": "m",
            "tenant": "t",
            "event_key": f"{key} {seq}",
            "sender": "s",
            "text": f"frage {seq}",
            "prompt": f"prompt {seq}" if seq % 2 else None,
            "answer": f"antwort {seq}",
            "reply_handle": {},
            "expires_at": NOON,
            "status": status,
            "settled_at": NOON,
        }
        for seq, (epoch, status) in enumerate(log, start=1)
    ]
    if rows:
        await connection.execute(insert(turns_table).values(rows))
    return int(id_ or 0)


async def _alone(connection: AsyncConnection, window: Window, limit: int) -> list[Exchange]:
    rows = await connection.execute(
        text(
            "SELECT seq, settled_at, coalesce(prompt, text) AS text, answer FROM turns "
            "WHERE conversation_id = :id AND epoch = :epoch AND status = 'answered' "
            "ORDER BY seq DESC LIMIT :limit"
        ),
        {"id": window.conversation, "epoch": window.epoch, "limit": limit},
    )
    newest_first = [Exchange(mark(r.seq, r.settled_at), r.text, r.answer) for r in rows]
    return list(reversed(newest_first))
