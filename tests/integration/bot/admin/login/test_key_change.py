"""A new key of BOT_ADMIN_SECRET_KEYS: the older one is needed until all secrets are under it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.key_change import KeyChange
from bot.store import dashboard_users
from bot.store.encrypted_text import SecretCipher
from tests.integration.bot.admin.login.test_second_factor import OTHER_KEY
from tests.support.admin import SECRET_KEY, add_user


async def secret_of(database: AsyncEngine, name: str) -> str:
    async with database.connect() as connection:
        user = await dashboard_users.find(connection, name)
    assert user
    assert user.totp_secret
    return user.totp_secret


async def test_the_first_key_encrypts_again_what_an_older_one_has(database: AsyncEngine) -> None:
    older, newer = SecretCipher([SECRET_KEY]), SecretCipher([OTHER_KEY])
    strange = "gAAAAABunreadable"
    for name, stored in (("lee", older.encrypt("JBSWY3DP")), ("kim", strange)):
        user_id = await add_user(database, name)
        async with database.begin() as connection:
            await dashboard_users.begin_second_factor(connection, user_id, stored)
    await add_user(database, "nobody")
    change = KeyChange(database, [OTHER_KEY, SECRET_KEY])
    await change.encrypt()
    again = await secret_of(database, "lee")
    assert newer.decrypt(again) == "JBSWY3DP"
    assert await secret_of(database, "kim") == strange
    await change.encrypt()
    assert await secret_of(database, "lee") == again


async def test_without_keys_nothing_is_touched(database: AsyncEngine) -> None:
    user_id = await add_user(database, "lee")
    async with database.begin() as connection:
        await dashboard_users.begin_second_factor(connection, user_id, "stored")
    await KeyChange(database, []).encrypt()
    async with database.connect() as connection:
        stored = "SELECT totp_secret FROM dashboard_users WHERE name = 'lee'"
        assert await connection.scalar(text(stored)) == "stored"
