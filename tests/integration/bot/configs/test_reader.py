"""The settings in memory: what is read, how much is held, and what counts without Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from bot.configs.effective import effective
from bot.configs.reader import PAGE, BotConfigs
from bot.configs.texts import ScopedTexts
from bot.domain.bot_config import Scope
from bot.store import bot_configs
from bot.store.migrations import migrate
from bot.text.catalog import TEXTS
from onebox.embedded_servers import embedded_postgres
from runtime.database import connect_database
from runtime.tasks import cancel_and_wait

TEXT = ("about", "help")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=4)
    yield engine
    await engine.dispose()


async def add(
    database: AsyncEngine, scope: tuple[str, ...], values: Mapping[str, object], author: str = ""
) -> int:
    async with database.begin() as connection:
        await bot_configs.lock(connection)
        return await bot_configs.add(connection, Scope(*scope), values, author=author)


async def test_a_scope_and_a_version_name_the_values_for_good(database: AsyncEngine) -> None:
    slack, team, room = ("slack",), ("slack", "T1"), ("slack", "T1", "C1")
    configs, seen = BotConfigs(database), []
    for number, scope in enumerate([room, slack, (), team, room, slack, ("kakao",), team], 1):
        await add(database, scope, {"history_turns": number, f"texts.{TEXT[number % 2]}": "글"})
        await configs.refresh()
        seen.append(configs.for_scope(*room))
    assert [one.version for one in seen] == [1, 2, 3, 4, 5, 6, 6, 8]
    assert [one.values.history_turns for one in seen] == [1, 1, 1, 1, 5, 5, 5, 5]
    async with database.connect() as connection:
        for one in seen:
            again = await effective(connection, Scope(*room), one.version)
            assert (again.values, again.version) == (one.values, one.version)


async def test_a_bot_reads_all_scopes_at_its_start_and_then_the_changed_ones(
    database: AsyncEngine,
) -> None:
    for number in range(2 * PAGE + 1):
        await add(database, ("kakao", f"b{number}"), {"history_turns": number})
    configs = BotConfigs(database)
    await configs.load()
    assert configs.for_scope("kakao", f"b{2 * PAGE}", "").values.history_turns == 2 * PAGE
    assert configs.for_scope("kakao", "b0", "any room").version == 1
    assert configs.for_scope("kakao", "stranger", "").version is None
    version = await add(database, ("kakao", "b1"), {"history_turns": 200})
    await configs.refresh()
    assert configs.for_scope("kakao", "b1", "").version == version
    assert configs.for_scope("kakao", "b2", "").version == 3


async def test_no_version_is_missed_whatever_the_order_of_the_commits(
    database: AsyncEngine,
) -> None:
    """A reader that saw version 2 before version 1 was committed would never read 1."""
    configs = BotConfigs(database)
    async with database.begin() as slow:
        await bot_configs.lock(slow)
        await bot_configs.add(slow, Scope("kakao"), {"history_turns": 1}, author="")
        quick = asyncio.create_task(add(database, ("slack",), {"history_turns": 2}))
        await asyncio.sleep(0.3)
        assert not quick.done()
        await configs.refresh()  # readers go on
    assert await quick == 2
    await configs.refresh()
    assert configs.for_scope("kakao", "b", "").values.history_turns == 1
    assert configs.for_scope("slack", "T", "").values.history_turns == 2


async def test_more_scopes_than_allowed_are_left_out_and_logged(database: AsyncEngine) -> None:
    for number in range(4):
        await add(database, ("kakao", f"b{number}"), {"history_turns": 1})
    configs = BotConfigs(database, max_scopes=3)
    with capture_logs() as logs:
        await configs.refresh()
    assert [configs.for_scope("kakao", f"b{n}", "").version for n in range(4)] == [1, 2, 3, None]
    assert {"event": "config_scope_left_out", "version": 4, "limit": 3, "log_level": "error"} in (
        logs
    )
    await add(database, ("kakao", "b0"), {"history_turns": 2})
    await configs.refresh()
    assert configs.for_scope("kakao", "b0", "").version == 5


async def test_an_older_database_that_was_restored_is_read_anew(database: AsyncEngine) -> None:
    await add(database, ("kakao",), {"history_turns": 1})
    await add(database, ("slack",), {"history_turns": 2})
    configs = BotConfigs(database)
    await configs.refresh()
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM bot_configs WHERE version = 2"))
    await configs.refresh()
    assert configs.for_scope("kakao", "b", "").version == 1
    assert configs.for_scope("slack", "T", "").version is None


async def test_keys_of_a_newer_version_are_logged_without_their_values(
    database: AsyncEngine,
) -> None:
    await add(database, (), {"tone": "비밀", "preset": "bllossom-70b", "history_turns": 2})
    configs = BotConfigs(database)
    with capture_logs() as logs:
        await configs.refresh()
        await configs.refresh()
    assert configs.for_scope("generic", "", "").values.history_turns == 2
    [ignored] = [one for one in logs if one["event"] == "config_keys_ignored"]
    assert ignored["keys"] == ["preset", "tone"]
    assert "비밀" not in str(logs)


async def test_sentences_are_merged_once_and_only_where_some_are_set(
    database: AsyncEngine,
) -> None:
    configs, usual = BotConfigs(database), TEXTS["ko"]
    texts = ScopedTexts(usual, configs.for_scope)
    await configs.refresh()
    assert texts.for_scope("kakao", "b1", "") is usual
    await add(database, ("kakao", "b1"), {"texts.about": "저예요", "texts.welcome": "어서 오세요"})
    await add(database, ("kakao",), {"texts.failed": "죄송해요"})
    await configs.refresh()
    own = texts.for_scope("kakao", "b1", "")
    assert (own.about, own.failed, own.busy) == ("저예요", "죄송해요", usual.busy)
    assert texts.for_scope("kakao", "b1", "") is own
    assert texts.for_scope("slack", "b1", "") is usual
    await add(database, ("kakao", "b1"), {})
    await configs.refresh()
    assert texts.for_scope("kakao", "b1", "").about == usual.about


async def test_the_last_known_settings_count_while_postgres_restarts(own_servers_dir: Path) -> None:
    folder = own_servers_dir / "configs"
    async with embedded_postgres(folder, durable=False) as url:
        await migrate(url)
        database = connect_database(url, pool_size=2)
        await add(database, ("kakao",), {"history_turns": 3})
        configs = BotConfigs(database)
        await configs.refresh()
    fresh = BotConfigs(database)
    await fresh.load()  # logs that Postgres is away, and raises nothing
    keeping = [asyncio.create_task(one.keep()) for one in (configs, fresh)]
    await asyncio.sleep(0.3)
    assert configs.for_scope("kakao", "b", "").values.history_turns == 3
    assert fresh.for_scope("kakao", "b", "").version is None
    async with embedded_postgres(folder, durable=False):
        await until(fresh, 1)
        version = await add(database, ("kakao",), {"history_turns": 4})
        await until(configs, version)
        await until(fresh, version)
        await cancel_and_wait(*keeping)
        await database.dispose()


async def until(configs: BotConfigs, version: int) -> None:
    async with asyncio.timeout(60):
        while configs.for_scope("kakao", "b", "").version != version:
            await asyncio.sleep(0.05)
