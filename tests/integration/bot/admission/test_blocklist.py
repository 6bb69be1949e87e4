"""A blocked person hears one sentence from every messenger, and the model is not asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.admission.blocklist import Blocklist
from bot.domain.turns import Person
from bot.store import blocked_people
from bot.text.catalog import TEXTS
from fakes.generic import message
from tests.support.generic_chat import Chat, running_chat
from tests.support.stack import Said

BLOCKED = TEXTS["ko"].blocked


def messengers(chat: Chat) -> dict[str, Callable[[], Awaitable[Said]]]:
    """A question by each messenger, always of the same person."""

    async def slack() -> Said:
        return (await chat.stack.say_slack("안녕"))[0]

    return {
        "kakao": lambda: chat.stack.say_kakao("안녕"),
        "slack": slack,
        "generic": lambda: chat.send(message("안녕"), "?wait=10"),
    }


async def until_blocked(ask: Callable[[], Awaitable[Said]]) -> Said:
    async with asyncio.timeout(60):
        while BLOCKED not in str((said := await ask()).body):
            await asyncio.sleep(0.2)
    return said


async def test_a_blocked_person_hears_a_sentence_until_the_block_ends(
    database_url: str, redis_url: str
) -> None:
    async with running_chat(database_url, redis_url) as chat:
        asks = messengers(chat)
        for ask in asks.values():
            assert BLOCKED not in str((await ask()).body)
        rows = await chat.stack.rows("SELECT DISTINCT messenger, tenant, sender FROM turns")
        people = {row.messenger: Person(**row._asdict()) for row in rows}
        assert set(people) == set(asks)
        for person in people.values():
            async with chat.stack.database.begin() as connection:
                assert await blocked_people.block(connection, person, name="n", reason="r", by="a")
        statuses = {name: (await until_blocked(ask)).status for name, ask in asks.items()}
        assert statuses == {"kakao": 200, "slack": 200, "generic": 403}
        [(before,)] = await chat.stack.rows("SELECT count(*) FROM turns")
        for ask in asks.values():
            assert BLOCKED in str((await ask()).body)
        other = await chat.stack.say_kakao("저는요?", user="영희")
        assert BLOCKED not in other.bubbles
        assert await chat.stack.rows("SELECT count(*) FROM turns") == [(before + 1,)]
        async with chat.stack.database.begin() as connection:
            assert await blocked_people.unblock(connection, people["kakao"].key)
        async with asyncio.timeout(60):
            while BLOCKED in str((await asks["kakao"]()).body):
                await asyncio.sleep(0.2)


async def test_without_postgres_the_last_known_people_stay_blocked(database_url: str) -> None:
    person = Person(messenger="kakao", tenant="shop", sender="p")
    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.begin() as connection:
        await blocked_people.block(connection, person, name="n", reason="r", by="a")
    gone = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", poolclass=NullPool)
    blocklist = Blocklist(engine)
    await blocklist.load()
    blocklist._database = gone
    await blocklist.load()
    assert person in blocklist
    assert "kakao" not in blocklist
    await engine.dispose()


async def test_each_change_is_seen(database_url: str) -> None:
    engine = create_async_engine(database_url, poolclass=NullPool)
    one, other = (Person(messenger="kakao", tenant="shop", sender=name) for name in ("a", "b"))
    blocklist = Blocklist(engine)
    for blocked, freed in ((one, None), (other, one), (one, other)):
        async with engine.begin() as connection:
            if freed:
                await blocked_people.unblock(connection, freed.key)
            await blocked_people.block(connection, blocked, name="n", reason="r", by="a")
        await blocklist.refresh()
        assert blocked in blocklist
        assert freed not in blocklist
    await engine.dispose()
