"""A person with turns, and the address of the person's pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.password import Password
from bot.admin.reading.keys import ObjectKeys
from bot.domain.turns import Person
from tests.support.admin import HASHED
from tests.support.sample_turns import add_turn

PERSON = Person(messenger="kakao", tenant="shop", sender="person-1")


@pytest.fixture
async def person(database: AsyncEngine) -> Person:
    await add_turn(database, "제 번호는 010-1234-5678이에요", "네, “확인”했어요 😀")
    await add_turn(database, "남의 것", sender="person-2", key="room-2")
    return PERSON


@pytest.fixture
def path_of() -> Callable[[Person], str]:
    keys = ObjectKeys(Password("admin", HASHED).session_key())

    def path(person: Person) -> str:
        return f"/admin/people/{keys.of_person(person)}"

    return path
