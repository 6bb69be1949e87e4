"""What an error of the database tells the log."""

from __future__ import annotations

import pytest
from sqlalchemy import exc, text

from runtime.database import BY_KEY, CannotConnectError, connect_database, fault_fields


async def test_an_error_does_not_repeat_what_people_wrote(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1)
    async with database.connect() as connection:
        with pytest.raises(exc.ProgrammingError) as raised:
            await connection.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": "비밀"})
    await database.dispose()
    assert "비밀" not in str(raised.value)


async def test_settings_of_postgres_are_those_of_this_pool_alone(database_url: str) -> None:
    by_key = connect_database(database_url, pool_size=1, server_settings=BY_KEY)
    other = connect_database(database_url, pool_size=1)
    for database, expected in ((by_key, set(BY_KEY.items())), (other, set())):
        async with database.connect() as connection:
            rows = await connection.execute(
                text("SELECT name, setting FROM pg_settings WHERE source = 'session'")
            )
            found = {(row.name, row.setting) for row in rows if row.name in BY_KEY}
        await database.dispose()
        assert found == expected


async def test_a_setting_that_postgres_refuses_leaves_no_connection(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1, server_settings={"jit": "perhaps"})
    with pytest.raises(CannotConnectError):
        async with database.connect():
            pass
    await database.dispose()


async def test_a_fault_names_its_constraint_and_no_value(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1)
    statement = text(
        "INSERT INTO conversations (messenger, tenant, key) "
        "VALUES ('m', 't', :key), ('m', 't', :key)"
    )
    async with database.connect() as connection:
        with pytest.raises(exc.IntegrityError) as raised:
            await connection.execute(statement, {"key": "비밀"})
    await database.dispose()
    fields = fault_fields(raised.value)
    assert fields["constraint"] == "uq_conversations_messenger_tenant_key"
    assert fields["sqlstate"] == "23505"
    assert "비밀" not in str(fields)
