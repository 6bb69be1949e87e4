"""The accept under concurrency: together where possible, each on its own where not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.conversation.accept_batcher import (
    BATCH,
    BATCH_CHARS,
    AcceptBatcher,
    ConversationFullError,
)
from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import Utterance
from bot.store import inbox
from bot.store.inbox import Accepted
from runtime.database import connect_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=8)
    yield engine
    await engine.dispose()


def utterance(event: str, *, key: str = "철수", said: str = "안녕하세요") -> Utterance:
    now = datetime.now(UTC)
    return Utterance(
        messenger="slack",
        tenant="T1",
        conversation_key=key,
        event_key=event,
        sender="U1",
        text=said,
        reply=ReplyHandle(via=DeliveryVia.POST, expires_at=now + timedelta(minutes=5)),
        received_at=now,
    )


async def count(database: AsyncEngine, table: str) -> int:
    async with database.connect() as connection:
        return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def test_many_conversations_share_statements(database: AsyncEngine) -> None:
    intake = AcceptBatcher(database)
    said = [utterance(f"e{n}", key=f"사람{n}") for n in range(2 * BATCH + 3)]
    accepted = await asyncio.gather(*map(intake.accept, said))
    assert all(a.new and a.seq == 1 for a in accepted)
    assert len({a.conversation_id for a in accepted}) == len(said)
    assert await count(database, "turns") == await count(database, "deliveries") == len(said)
    async with database.connect() as connection:
        transactions = text("SELECT count(DISTINCT xmin::text) FROM turns")
        assert int(await connection.scalar(transactions) or 0) <= 5


async def test_long_messages_share_a_statement_with_few(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking sixty-four of them apart at once would hold up the event loop."""
    chars: list[list[int]] = []
    accept = inbox.accept

    async def noted(connection: AsyncConnection, said: Sequence[Utterance], **bounds: Any) -> Any:
        chars.append([len(one.text) for one in said])
        return await accept(connection, said, **bounds)

    monkeypatch.setattr(inbox, "accept", noted)
    intake = AcceptBatcher(database)
    lengths = [4_000] * 12 + [2 * BATCH_CHARS] + [10] * 40
    said = [utterance(f"e{n}", key=f"사람{n}", said="가" * c) for n, c in enumerate(lengths)]
    accepted = await asyncio.gather(*map(intake.accept, said))
    assert all(a.new for a in accepted)
    assert sorted(itertools.chain(*chars)) == sorted(lengths)
    assert all(sum(batch) <= BATCH_CHARS or len(batch) == 1 for batch in chars)
    assert len(chars) <= 4


async def test_concurrent_messages_of_a_conversation_are_numbered_without_a_gap(
    database: AsyncEngine,
) -> None:
    intake = AcceptBatcher(database)
    accepted = await asyncio.gather(*(intake.accept(utterance(f"e{n}")) for n in range(10)))
    assert [a.seq for a in accepted] == list(range(1, 11))


async def test_the_same_event_at_once_is_one_turn(database: AsyncEngine) -> None:
    intakes = [AcceptBatcher(database), AcceptBatcher(database)]
    accepted = await asyncio.gather(*(i.accept(utterance("e1")) for i in intakes * 3))
    assert sum(a.new for a in accepted) == 1
    assert len({a.turn_id for a in accepted}) == 1
    assert await count(database, "turns") == 1


async def test_row_that_postgres_refuses_fails_alone(
    database: AsyncEngine,
) -> None:
    intake = AcceptBatcher(database)
    broken = utterance("e1", key="영희", said="\x00")
    first, refused, third = await asyncio.gather(
        intake.accept(utterance("e0", key="철수")),
        intake.accept(broken),
        intake.accept(utterance("e2", key="민수")),
        return_exceptions=True,
    )
    assert isinstance(refused, Exception)
    assert not isinstance(first, BaseException)
    assert not isinstance(third, BaseException)
    assert await count(database, "turns") == 2


async def test_a_conversation_that_somebody_holds_does_not_hold_up_the_others(
    database: AsyncEngine,
) -> None:
    intake = AcceptBatcher(database)
    await intake.accept(utterance("e0", key="철수"))
    async with database.begin() as frozen:
        await frozen.execute(text("SELECT 1 FROM conversations FOR UPDATE"))
        held = asyncio.create_task(intake.accept(utterance("e1", key="철수")))
        others = [intake.accept(utterance(f"o{n}", key=f"사람{n}")) for n in range(5)]
        accepted = await asyncio.gather(*others)
        assert {a.seq for a in accepted} == {1}
        assert not held.done()
    assert (await held).seq == 2
    assert await count(database, "turns") == 7


async def test_of_fifty_messages_at_once_a_conversation_takes_as_many_as_may_wait(
    database: AsyncEngine,
) -> None:
    """Exactly as many, through two bots too: the count is taken under the conversation's lock."""
    intakes = [AcceptBatcher(database, max_waiting_turns=5) for _ in range(2)]
    said = [utterance(f"e{n}") for n in range(50)]
    outcomes = await asyncio.gather(
        *(intakes[n % 2].accept(one) for n, one in enumerate(said)), return_exceptions=True
    )
    assert sum(isinstance(one, Accepted) for one in outcomes) == 5
    assert sum(isinstance(one, ConversationFullError) for one in outcomes) == 45
    assert await count(database, "turns") == await count(database, "deliveries") == 5
    assert (await intakes[0].accept(utterance("e50", key="영희"))).new
