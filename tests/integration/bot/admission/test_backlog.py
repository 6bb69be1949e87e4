"""The bound of a person's turns, in scopes with bounds of their own."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admission.backlog import FULL_CONVERSATIONS, Backlog
from bot.domain.turns import Person
from runtime.database import connect_database
from tests.support.sample_turns import add_turn


@pytest.mark.parametrize(("own", "full"), [(None, False), (0, False), (2, True), (3, False)])
async def test_a_person_has_as_many_turns_as_the_scope_allows(
    database_url: str, own: int | None, full: bool
) -> None:
    """Even where the bound of all is higher, below which nobody else is counted."""
    database: AsyncEngine = connect_database(database_url, pool_size=1)
    backlog = Backlog(database, 0, max_waiting_turns=100)
    person = Person(messenger="slack", tenant="T", sender="철수")
    for number in range(2 * FULL_CONVERSATIONS):
        await add_turn(
            database,
            key=f"room-{number}",
            messenger="slack",
            tenant="T",
            sender="철수",
            answer=None,
            delivery=None,
        )
    backlog.has_too_many(person, own)  # from now on such a number is counted
    await backlog.count()
    assert backlog.has_too_many(person, own) is full
    await database.dispose()
