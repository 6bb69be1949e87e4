"""Repeats within a sliding window are one event: to the millisecond, and for any number of bots."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.conversation.event_sweeper import EventSweeper
from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import RepeatWindow, Utterance
from bot.store import conversations, inbox, recent_events
from bot.store.inbox import Accepted
from runtime.database import connect_database

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
WINDOW = timedelta(seconds=2)
_people = itertools.count(1)


@pytest.fixture
async def bots(database_url: str) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """Two bots on one database."""
    engines = [connect_database(database_url, pool_size=8) for _ in range(2)]
    autocommit = [engine.execution_options(isolation_level="AUTOCOMMIT") for engine in engines]
    yield autocommit[0], autocommit[1]
    for engine in engines:
        await engine.dispose()


def said(person: str, after_ms: float, *, words: str = "안녕", short: bool = False) -> Utterance:
    at = NOON + timedelta(milliseconds=after_ms)
    return Utterance(
        messenger="kakao",
        tenant="shop",
        conversation_key=person,
        event_key=f"{person} {words} {at.isoformat()}",
        sender=person,
        text=words,
        reply=ReplyHandle(via=DeliveryVia.SYNC, expires_at=at + timedelta(minutes=10)),
        received_at=at,
        repeats=RepeatWindow(
            key=f"{person} {words}",
            received_at=at,
            until=at + WINDOW,
            ends_when_delivered=short,
        ),
    )


def person() -> str:
    return f"person {next(_people)}"


async def accept(bot: AsyncEngine, *utterances: Utterance) -> list[Accepted]:
    async with bot.connect() as connection:
        accepted = await inbox.accept(connection, utterances)
    return [one for one in accepted if isinstance(one, Accepted)]


@pytest.mark.parametrize(
    ("after_ms", "new"),
    [
        ([0, 150], [True, False]),
        ([1_950, 2_100], [True, False]),  # across an even second
        ([1_999.999, 2_000], [True, False]),
        ([0, 1_999.999], [True, False]),
        ([0, 2_000], [True, True]),
        ([0, 1_900, 2_100], [True, False, True]),  # from the first one, not from the last repeat
        ([500, 400], [True, False]),  # two bots, whose order was another
        ([0, 2_500, 2_600, 5_000], [True, True, False, True]),
    ],
)
async def test_the_window_slides(
    bots: tuple[AsyncEngine, AsyncEngine], after_ms: list[float], new: list[bool]
) -> None:
    who = person()
    accepted = [(await accept(bots[n % 2], said(who, ms)))[0] for n, ms in enumerate(after_ms)]
    assert [one.new for one in accepted] == new
    assert len({one.turn_id for one in accepted}) == sum(new)


async def test_wherever_the_clock_stands_two_seconds_decide(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    dice = random.Random(17)
    for _ in range(60):
        who, first_ms = person(), dice.uniform(0, 4_000)
        gap_ms = dice.choice((dice.uniform(0, 300), dice.uniform(0, 4_000)))
        await accept(bots[0], said(who, first_ms))
        [second] = await accept(bots[1], said(who, first_ms + gap_ms))
        assert second.new is (gap_ms >= 2_000), (first_ms, gap_ms)


async def test_other_words_and_other_people_are_other_events(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    one, other = person(), person()
    utterances = (said(one, 0), said(one, 10, words="뭐"), said(other, 20), said(one, 30))
    assert [(await accept(bots[0], u))[0].new for u in utterances] == [True, True, True, False]


@pytest.mark.parametrize("base_ms", [0, 1_950, 1_999.9])
async def test_at_once_on_two_bots_it_is_one_turn(
    bots: tuple[AsyncEngine, AsyncEngine], base_ms: float
) -> None:
    everybody = [person() for _ in range(10)]
    sent = [
        accept(bot, *(said(who, base_ms + ms) for who in order))
        for bot, order in zip(bots, (everybody, everybody[::-1]), strict=True)
        for ms in (0, 0, 75, 150)
    ]
    accepted = [one for batch in await asyncio.gather(*sent) for one in batch]
    assert len(accepted) == 80
    assert len({one.turn_id for one in accepted}) == 10
    assert sum(one.new for one in accepted) == 10


async def test_a_repeat_waits_for_the_first_one_that_is_being_named(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    who = person()
    async with bots[0].connect() as plain:
        first = await plain.execution_options(isolation_level="READ COMMITTED")
        async with first.begin():
            [named] = await recent_events.named(first, [said(who, 1_950)])
            repeat = asyncio.create_task(accept(bots[1], said(who, 2_100)))
            while not await waiting(bots[1]):
                await asyncio.sleep(0.02)
        [accepted] = await repeat
    [again] = await accept(bots[0], named)
    assert (again.turn_id, again.new) == (accepted.turn_id, False)


async def waiting(bot: AsyncEngine) -> bool:
    async with bot.connect() as connection:
        found = await connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        return bool(found.scalar_one())


async def deliver(bot: AsyncEngine, turn: Accepted) -> None:
    async with bot.connect() as connection:
        await connection.execute(
            text("UPDATE deliveries SET state = 'delivered' WHERE turn_id = :id"),
            {"id": turn.turn_id},
        )


async def test_a_short_message_is_meant_again_once_the_first_was_answered(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    who = person()
    [first] = await accept(bots[0], said(who, 0, words="ㅋㅋ", short=True))
    [tapped_twice] = await accept(bots[1], said(who, 100, words="ㅋㅋ", short=True))
    assert (tapped_twice.turn_id, tapped_twice.new) == (first.turn_id, False)
    await deliver(bots[0], first)
    # And again by a double tap, on two bots.
    both = (
        accept(bot, said(who, 900 + ms, words="ㅋㅋ", short=True))
        for bot, ms in zip(bots, (0, 100), strict=True)
    )
    meant = [one for batch in await asyncio.gather(*both) for one in batch]
    assert {one.turn_id for one in meant} != {first.turn_id}
    assert sorted(one.new for one in meant) == [False, True]


async def test_a_long_message_right_after_its_answer_is_a_retry(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    who, words = person(), "서울에서 하루 동안 갈 만한 곳을 알려 줘"
    [first] = await accept(bots[0], said(who, 0, words=words))
    await deliver(bots[0], first)
    [retry] = await accept(bots[1], said(who, 900, words=words))
    assert (retry.turn_id, retry.new) == (first.turn_id, False)


async def test_naming_once_more_changes_nothing(bots: tuple[AsyncEngine, AsyncEngine]) -> None:
    """The accept is repeated where its answer was lost."""
    utterance = said(person(), 0)
    async with bots[0].connect() as connection:
        [first] = await recent_events.named(connection, [utterance])
        [again] = await recent_events.named(connection, [utterance])
    assert first == again == utterance
    [accepted] = await accept(bots[0], utterance)
    assert accepted.new


async def test_an_event_with_an_id_costs_no_statement(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    utterance = replace(said(person(), 0), repeats=None)
    async with bots[0].connect() as connection:
        assert await recent_events.named(connection, [utterance]) == [utterance]
        found = await connection.execute(text("SELECT count(*) FROM recent_events"))
        assert found.scalar_one() == 0


async def test_outlived_rows_are_forgotten(bots: tuple[AsyncEngine, AsyncEngine]) -> None:
    old = said(person(), 0)
    lately = datetime.now(UTC)
    fresh = said(person(), (lately - NOON) / timedelta(milliseconds=1))
    await accept(bots[0], old, fresh)
    await EventSweeper(database=bots[0]).sweep()
    async with bots[0].connect() as connection:
        found = await connection.execute(text("SELECT event_key FROM recent_events"))
        assert found.scalars().all() == [fresh.event_key]


# --- resets ---


async def reset(bot: AsyncEngine, who: str, key: str, after_s: float) -> None:
    at = NOON + timedelta(seconds=after_s)
    window = RepeatWindow(key=key, received_at=at, until=at + timedelta(minutes=10))
    async with bot.connect() as connection:
        await conversations.reset(
            connection, messenger="kakao", tenant="shop", key=who, repeats=window
        )


async def epoch(bot: AsyncEngine, who: str) -> int:
    async with bot.connect() as connection:
        found = await connection.execute(
            text("SELECT epoch FROM conversations WHERE key = :who"), {"who": who}
        )
        return int(found.scalar_one())


@pytest.mark.parametrize(
    ("events", "epochs"),
    [
        ([("a", 0), ("a", 299)], 1),  # a replay
        ([("a", 0), ("b", 1), ("a", 2)], 2),  # a replay of one that was not the last
        ([("a", 0), ("a", 601)], 2),  # by then no signature of the first is accepted
    ],
)
async def test_a_reset_is_taken_once(
    bots: tuple[AsyncEngine, AsyncEngine], events: list[tuple[str, float]], epochs: int
) -> None:
    who = person()
    await accept(bots[0], said(who, 0))
    for number, (key, after_s) in enumerate(events):
        await reset(bots[number % 2], who, f"{who} {key}", after_s)
    assert await epoch(bots[0], who) == epochs


async def test_a_reset_at_once_on_two_bots_is_taken_once(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    who = person()
    await accept(bots[0], said(who, 0))
    await asyncio.gather(*(reset(bot, who, who, n) for n in range(4) for bot in bots))
    assert await epoch(bots[0], who) == 1


async def test_a_reset_without_a_window_is_always_new(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    who = person()
    await accept(bots[0], said(who, 0))
    for _ in range(2):
        async with bots[0].connect() as connection:
            await conversations.reset(connection, messenger="kakao", tenant="shop", key=who)
    assert await epoch(bots[0], who) == 2


async def test_one_of_two_bots_takes_an_event_until_it_gives_it_back(
    bots: tuple[AsyncEngine, AsyncEngine],
) -> None:
    window = RepeatWindow(key=person(), received_at=NOON, until=NOON + WINDOW)

    async def take(bot: AsyncEngine, tenant: str = "shop") -> bool:
        async with bot.connect() as connection:
            return await recent_events.take(connection, "slack", tenant, window)

    assert sorted(await asyncio.gather(*map(take, bots * 3))) == [False] * 5 + [True]
    assert await take(bots[0], "another shop")
    async with bots[1].connect() as connection:
        await recent_events.give_back(connection, "slack", "shop", window)
    assert await take(bots[0])
    assert not await take(bots[1])
