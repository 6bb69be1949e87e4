"""What an error of the database tells the log."""

from __future__ import annotations

import pytest
from sqlalchemy import exc, text

from runtime.database import connect_database


async def test_an_error_does_not_repeat_what_people_wrote(database_url: str) -> None:
    database = connect_database(database_url, pool_size=1)
    async with database.connect() as connection:
        with pytest.raises(exc.ProgrammingError) as raised:
            await connection.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": "비밀"})
    await database.dispose()
    assert "비밀" not in str(raised.value)
