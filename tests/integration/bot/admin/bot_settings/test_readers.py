"""Which bots use which version of the settings, and the ways between talks and their settings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.password import Password
from bot.admin.reading.keys import ObjectKeys
from bot.configs.reader import BotConfigs
from bot.configs.report import VersionReport
from bot.domain.bot_config import Scope
from bot.observability.metrics import CONFIG_VERSION
from bot.store import bot_configs, config_readers
from bot.store.reading.room import Room
from runtime.database import connect_database
from runtime.tasks import cancel_and_wait
from tests.support.admin import HASHED, Client, Clock
from tests.support.sample_turns import add_turn, conversation_of


@pytest.fixture
async def bots(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=4)
    yield engine
    await engine.dispose()


async def publish(bots: AsyncEngine) -> int:
    async with bots.begin() as connection:
        await bot_configs.lock(connection)
        return await bot_configs.add(connection, Scope("slack"), {"history_turns": 3}, author="김")


async def reported(bots: AsyncEngine) -> list[int]:
    async with bots.connect() as connection:
        return [one.version for one in await config_readers.living(connection)]


async def shown(client: Client, path: str = "/admin/bot-settings") -> str:
    return await (await client.get(path)).text()


async def test_the_page_counts_the_bots_and_names_those_that_lag(
    operator: Client, bots: AsyncEngine, clock: Clock
) -> None:
    autocommit = bots.execution_options(isolation_level="AUTOCOMMIT")
    quick, slow = (VersionReport(autocommit, clock=clock) for _ in range(2))
    old, new = await publish(bots), await publish(bots)
    assert "알려 오는 봇이 없습니다" in await shown(operator)
    await quick.tell(new)
    await slow.tell(old)
    page = await shown(operator)
    assert f"봇 2대 가운데 1대가 전체에서 가장 최근인 버전 {new}" in page
    assert f"<code>{slow.bot}</code> 아직 버전 {old}" in page
    await slow.tell(new)
    page = await shown(operator, "/admin/bot-settings/scope?messenger=slack&done=published")
    assert "봇 2대 가운데 2대" in page
    assert "아직 버전" not in page


async def test_a_bot_that_ended_is_forgotten(
    operator: Client, bots: AsyncEngine, clock: Clock
) -> None:
    autocommit = bots.execution_options(isolation_level="AUTOCOMMIT")
    ended, living = (VersionReport(autocommit, clock=clock) for _ in range(2))
    version = await publish(bots)
    await ended.tell(version)
    async with autocommit.connect() as connection:
        await connection.execute(text("UPDATE config_readers SET seen_at = now() - interval '1 h'"))
    assert "알려 오는 봇이 없습니다" in await shown(operator)
    await living.tell(version)
    async with autocommit.connect() as connection:
        assert [one.bot for one in await config_readers.living(connection)] == [living.bot]
        assert await connection.scalar(text("SELECT count(*) FROM config_readers")) == 1


async def test_a_version_is_reported_once_and_then_as_a_sign_of_life(
    bots: AsyncEngine, clock: Clock
) -> None:
    report = VersionReport(bots.execution_options(isolation_level="AUTOCOMMIT"), clock=clock)
    seen = []
    for seconds in (0.0, 5.0, 11.0):
        clock.now += seconds
        await report.tell(7)
        async with bots.connect() as connection:
            seen.append((await config_readers.living(connection))[0])
    first, second, third = seen
    assert first.seen_at == second.seen_at < third.seen_at
    assert first.since == third.since


async def test_a_running_bot_reports_what_it_reads(bots: AsyncEngine) -> None:
    version = await publish(bots)
    keeping = asyncio.create_task(BotConfigs(bots).keep())

    async with asyncio.timeout(30):
        while not (read := await reported(bots)):
            await asyncio.sleep(0.02)
    assert read == [version]
    await cancel_and_wait(keeping)
    assert next(iter(CONFIG_VERSION.collect())).samples[0].value == version


async def test_a_conversation_and_its_room_lead_to_their_settings_and_back(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "안녕", "네", messenger="slack", key="thread:C7:1", room="C7")
    room = Room(messenger="slack", tenant="shop", name="C7")
    room_path = f"/admin/rooms/{ObjectKeys(Password('admin', HASHED).session_key()).of_room(room)}"
    for path in (
        f"/admin/conversations/{await conversation_of(database, 'thread:C7:1')}",
        room_path,
    ):
        found = re.search(r'href="(/admin/bot-settings/scope\?[^"]+)"', await shown(operator, path))
        assert found, path
        settings = await shown(operator, unescape(found[1]))
        assert "<h1>Slack · shop · C7</h1>" in settings
        assert f'href="{room_path}"' in settings
