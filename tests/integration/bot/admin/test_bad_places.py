"""Every list says in words that an address names no place of it, and where to go on."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.password import Password
from bot.admin.reading.keys import ObjectKeys
from bot.store.reading.room import Room
from tests.support.admin import HASHED, Client
from tests.support.sample_turns import add_turn

SENTENCE = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
BY_BEFORE = ["exports", "replays", "evaluations", "datasets", "opt-outs", "reviews", "audit"]
BY_AFTER = ["", "dead-letters", "blocked", "erasures"]
#: No digits, too many of them, digits of another script, a number below zero, and a NUL.
ODD = ["x", "9" * 30, "１２", "-1", "1%00"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    ("path", "cursor"),
    [*((path, "before") for path in BY_BEFORE), *((path, "after") for path in BY_AFTER)],
)
async def test_an_odd_cursor_is_answered_with_a_sentence(
    operator: Client, path: str, cursor: str, odd: str
) -> None:
    response = await operator.get(f"/admin/{path}?{cursor}={odd}")
    assert response.status == 400
    assert SENTENCE in await response.text()


async def test_an_odd_cursor_of_a_room_is_answered_with_a_sentence(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, room="C7", messenger="slack", key="room")
    keys = ObjectKeys(Password("admin", HASHED).session_key())
    key = keys.of_room(Room(messenger="slack", tenant="shop", name="C7"))
    response = await operator.get(f"/admin/rooms/{key}?before=x")
    assert response.status == 400
    assert SENTENCE in await response.text()


@pytest.mark.parametrize("path", BY_BEFORE)
async def test_a_cursor_below_every_row_shows_an_empty_page_with_the_way_back(
    operator: Client, path: str
) -> None:
    lowest = "0-" + "0" * 32 if path == "opt-outs" else "0"
    response = await operator.get(f"/admin/{path}?before={lowest}")
    assert response.status == 200
    assert "첫 페이지" in await response.text()
