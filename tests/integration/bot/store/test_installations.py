"""Slack's installations in Postgres: encrypted, one current row each, erased at a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from slack_sdk.oauth.installation_store import Installation
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.turns import Person
from bot.store.encrypted_text import SecretCipher, UnreadableSecretError
from bot.store.erasure import erase_installer
from bot.store.installations import Installations
from bot.store.oauth_states import MAX_STATES, OAuthStates, TooManyStatesError
from bot.store.reencryption import BATCH, encrypt_again
from runtime.database import connect_database

KEY, OLDER_KEY = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TOKEN = "xoxb-" + "7" * 295
NOW = 1_795_000_000.25


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=4)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> Installations:
    return Installations("client", engine, SecretCipher([KEY]))


def installed(**changes: Any) -> Installation:
    fields: dict[str, Any] = {
        "app_id": "A1",
        "team_id": "T1",
        "team_name": "둘리 상사",
        "user_id": "U1",
        "bot_token": TOKEN,
        "bot_id": "B1",
        "bot_user_id": "UB1",
        "bot_scopes": ["chat:write"],
        "bot_refresh_token": "xoxe-1-refresh",
        "bot_token_expires_at": int(NOW) + 43_200,
        "user_token": "xoxp-of-a-person",
        "incoming_webhook_url": "https://hooks.slack.com/services/T1/B1/secret",
        "installed_at": NOW,
    }
    return Installation(**{**fields, **changes})


async def rows(engine: AsyncEngine, table: str) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        found = await connection.execute(text(f"SELECT * FROM {table} ORDER BY id"))
        return [dict(row) for row in found.mappings()]


async def test_no_secret_stands_readable_in_any_row(
    store: Installations, engine: AsyncEngine
) -> None:
    await store.async_save(installed())
    kept = str(await rows(engine, "slack_bots")) + str(await rows(engine, "slack_installations"))
    for secret in (TOKEN, "xoxe-1-refresh", "xoxp-of-a-person", "hooks.slack.com"):
        assert secret not in kept
    assert "둘리 상사" in kept


async def test_a_token_of_300_characters_comes_back_whole(store: Installations) -> None:
    await store.async_save(installed())
    bot = await store.async_find_bot(enterprise_id=None, team_id="T1")
    assert bot is not None
    assert (bot.bot_token, len(TOKEN)) == (TOKEN, 300)
    assert bot.bot_token_expires_at == int(NOW) + 43_200
    assert bot.installed_at == NOW
    found = await store.async_find_installation(enterprise_id=None, team_id="T1")
    assert found is not None
    assert (found.bot_token, found.user_token) == (TOKEN, "xoxp-of-a-person")


async def test_a_save_leaves_one_current_row_for_each_team_and_person(
    store: Installations, engine: AsyncEngine
) -> None:
    for second, user in enumerate(["U1", "U1", "U2"]):
        await store.async_save(
            installed(user_id=user, bot_token=f"xoxb-{second}", installed_at=NOW + second)
        )
    await store.async_save(installed(team_id="T2", installed_at=NOW))
    people = [(row["team_id"], row["user_id"]) for row in await rows(engine, "slack_installations")]
    assert people == [("T1", "U1"), ("T1", "U2"), ("T2", "U1")]
    assert [row["team_id"] for row in await rows(engine, "slack_bots")] == ["T1", "T2"]
    bot = await store.async_find_bot(enterprise_id=None, team_id="T1")
    assert bot is not None
    assert bot.bot_token == "xoxb-2"


async def test_a_workspace_in_an_organisation_is_another_than_the_organisation(
    store: Installations,
) -> None:
    await store.async_save(installed(enterprise_id="E1", bot_token="xoxb-of-team"))
    await store.async_save(
        installed(
            enterprise_id="E1", team_id=None, bot_token="xoxb-of-org", is_enterprise_install=True
        )
    )
    team = await store.async_find_bot(enterprise_id="E1", team_id="T1")
    organisation = await store.async_find_bot(
        enterprise_id="E1", team_id="T1", is_enterprise_install=True
    )
    assert team is not None
    assert organisation is not None
    assert (team.bot_token, organisation.bot_token) == ("xoxb-of-team", "xoxb-of-org")


async def test_erasing_leaves_other_workspaces_and_what_was_installed_later(
    store: Installations, engine: AsyncEngine
) -> None:
    await store.async_save(installed())
    await store.async_save(installed(team_id="T2"))
    at = datetime.fromtimestamp(NOW, UTC)
    assert await store.erase(None, "T1", at - timedelta(seconds=1)) == 0
    assert await store.erase(None, "T1", at) == 2
    for table in ("slack_bots", "slack_installations"):
        assert [row["team_id"] for row in await rows(engine, table)] == ["T2"]


async def test_erasing_people_leaves_the_bot_installed(
    store: Installations, engine: AsyncEngine
) -> None:
    await store.async_save(installed(user_id="U1"))
    await store.async_save(installed(user_id="U2", installed_at=NOW + 1))
    assert await store.erase(None, "T1", datetime.fromtimestamp(NOW + 9, UTC), ["U1"]) == 1
    assert [row["user_id"] for row in await rows(engine, "slack_installations")] == ["U2"]
    assert await store.async_find_bot(enterprise_id=None, team_id="T1") is not None


async def test_a_rotated_token_is_not_stored_for_what_was_uninstalled(
    store: Installations, engine: AsyncEngine
) -> None:
    await store.async_save(installed())
    bot = await store.async_find_bot(enterprise_id=None, team_id="T1")
    assert bot is not None
    bot.bot_token = "xoxb-new"
    assert await store.replace_token(bot)
    kept = await store.async_find_bot(enterprise_id=None, team_id="T1")
    assert kept is not None
    assert kept.bot_token == "xoxb-new"
    await store.erase(None, "T1", datetime.now(UTC) + timedelta(days=365))
    assert not await store.replace_token(bot)
    assert await rows(engine, "slack_bots") == []


async def test_a_new_first_key_takes_over_what_the_older_one_encrypted(
    engine: AsyncEngine,
) -> None:
    older = Installations("client", engine, SecretCipher([OLDER_KEY]))
    for number in range(BATCH + 1):
        await older.async_save(installed(team_id=f"T{number}"))
    both = SecretCipher([KEY, OLDER_KEY])
    found = await Installations("client", engine, both).async_find_bot(
        enterprise_id=None, team_id="T1"
    )
    assert found is not None
    assert found.bot_token == TOKEN
    result = await encrypt_again(engine, both)
    assert (result.changed, result.unreadable) == (2 * (BATCH + 1), 0)
    assert (await encrypt_again(engine, both)).changed == 0
    newer = Installations("client", engine, SecretCipher([KEY]))
    last = await newer.async_find_bot(enterprise_id=None, team_id=f"T{BATCH}")
    assert last is not None
    assert last.bot_token == TOKEN
    with pytest.raises(UnreadableSecretError):
        await older.async_find_bot(enterprise_id=None, team_id="T1")
    assert (await encrypt_again(engine, SecretCipher([OLDER_KEY]))).unreadable == 2 * (BATCH + 1)


async def test_one_process_at_a_time_holds_the_lock_of_a_workspace(store: Installations) -> None:
    async with store.rotation_lock("T1", wait=True) as first:
        async with store.rotation_lock("T1", wait=False) as second:
            assert (first, second) == (True, False)
        async with store.rotation_lock("T2", wait=False) as another:
            assert another
    async with store.rotation_lock("T1", wait=False) as later:
        assert later


async def test_a_state_is_used_once_however_many_try(engine: AsyncEngine) -> None:
    states = OAuthStates(engine)
    state = await states.async_issue()
    used = await asyncio.gather(*(states.async_consume(state) for _ in range(8)))
    assert sorted(used) == [False] * 7 + [True]
    assert not await states.async_consume("never issued")


async def test_an_expired_state_is_refused_and_then_deleted(engine: AsyncEngine) -> None:
    states = OAuthStates(engine)
    state = await states.async_issue()
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE slack_oauth_states SET expire_at = now()"))
    assert not await states.async_consume(state)
    kept = await states.async_issue()
    assert await states.forget_expired() == 1
    assert await states.async_consume(kept)


async def test_no_more_installations_begin_than_the_table_may_hold(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO slack_oauth_states (state, expire_at) "
                "SELECT n::text, now() + interval '1 minute' FROM generate_series(1, :n) AS n"
            ),
            {"n": MAX_STATES},
        )
    with pytest.raises(TooManyStatesError):
        await OAuthStates(engine).async_issue()


@pytest.mark.parametrize("enterprise", [None, "E1"])
async def test_a_person_who_is_erased_leaves_no_installation_of_theirs(
    store: Installations, engine: AsyncEngine, enterprise: str | None
) -> None:
    for second, (team, user) in enumerate([("T1", "U1"), ("T1", "U2"), ("T2", "U1")]):
        await store.async_save(
            installed(
                team_id=team, user_id=user, enterprise_id=enterprise, installed_at=NOW + second
            )
        )
    tenant = "T1" if enterprise is None else "E1/T1"
    async with engine.begin() as connection:
        person = Person(messenger="slack", tenant=tenant, sender="U1")
        assert await erase_installer(connection, person) == 1
        elsewhere = Person(messenger="generic", tenant="T2", sender="U1")
        assert await erase_installer(connection, elsewhere) == 0
    left = [(row["team_id"], row["user_id"]) for row in await rows(engine, "slack_installations")]
    assert left == [("T1", "U2"), ("T2", "U1")]
    assert await store.find_at("T1") is not None
