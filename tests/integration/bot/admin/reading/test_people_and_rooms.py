"""The pages of people and rooms."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.privacy.masking import pseudonym
from bot.store.reading import person as people
from bot.store.reading import room as rooms
from tests.integration.bot.admin.reading.test_conversation import link, read
from tests.integration.bot.admin.reading.test_turn import add_vote
from tests.support.admin import Client
from tests.support.audit import logged
from tests.support.sample_turns import NOON, add_turn, conversation_of


async def page_of(client: Client, turn_id: object, what: str) -> str:
    """The address of the turn's person or room."""
    found = re.search(
        rf'href="(/admin/{what}/[^"]+)"', await read(client, f"/admin/turns/{turn_id}")
    )
    assert found
    return found[1]


async def test_a_person_has_their_conversations_and_their_votes_and_nobody_elses(
    operator: Client, database: AsyncEngine
) -> None:
    mine = await add_turn(
        database, messenger="slack", key="thread:1", room="C1", sender="U1-of-slack"
    )
    await add_turn(database, messenger="slack", key="thread:1", room="C1", sender="U1-of-slack")
    await add_turn(
        database, messenger="slack", key="thread:2", sender="U1-of-slack",
        received_at=NOON + timedelta(hours=1),
    )  # fmt: skip
    theirs = await add_turn(database, messenger="slack", key="thread:3", sender="U2-of-slack")
    await add_turn(database, messenger="kakao", key="chat", sender="U1-of-slack")
    await add_vote(database, mine, "U2-of-slack", note="남의 말")
    await add_vote(
        database, theirs, "U1-of-slack", note="내 번호 010-1234-5678", reasons=["unsafe"]
    )
    url = await page_of(operator, mine, "people")
    html = await read(operator, url)
    ids = [await conversation_of(database, key) for key in ("thread:2", "thread:1")]
    assert re.findall(r"/admin/conversations/(\d+)", html) == [str(one) for one in ids]
    assert re.findall("질문 ([0-9]+)개", html) == ["3", "1", "2"]
    assert pseudonym("slack", "shop", "U1-of-slack") in html
    assert "U1-of-slack" not in html
    assert "불쾌하거나 위험함" in html
    assert "[전화번호]" in html
    assert f"/admin/turns/{theirs}" in html
    assert "남의 말" not in html
    assert "/admin/rooms/" in html
    entry = (await logged(database))[-1]
    assert entry.action == AuditAction.PERSON_READ
    assert entry.object == f"person:{pseudonym('slack', 'shop', 'U1-of-slack')}"


async def test_a_person_with_many_turns_is_paged(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PART", 4)
    monkeypatch.setattr(people, "MAX_COUNTED", 9)
    for number in range(10):
        turn_id = await add_turn(
            database, key=f"chat-{number}", received_at=NOON + timedelta(minutes=number // 3)
        )
    url, seen, pages = await page_of(operator, turn_id, "people"), list[str](), 0
    assert "질문 9개 이상" in await read(operator, url)
    while url:
        html = await read(operator, url)
        seen += re.findall(r"/admin/conversations/(\d+)", html)
        url, pages = link(html, "next"), pages + 1
    assert pages == 3
    assert sorted(seen, key=int) == sorted(set(seen), key=int)
    assert len(seen) == 10


async def test_a_page_of_a_person_in_many_conversations_is_bounded_without_a_gap(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "MAX_CONVERSATIONS", 3)
    for number in range(8):
        for _ in range(2):
            turn_id = await add_turn(
                database, key=f"chat-{number}", received_at=NOON + timedelta(minutes=number)
            )
    url, counts = await page_of(operator, turn_id, "people"), list[str]()
    while url:
        html = await read(operator, url)
        counts += re.findall("<span>질문 ([0-9]+)개", html)
        url = link(html, "next")
    assert counts == ["2"] * 8


async def test_a_person_of_whom_nothing_is_left_says_so(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    url = await page_of(operator, turn_id, "people")
    async with database.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM turns")
    assert "이 사용자의 질문이 남아 있지 않습니다" in await read(operator, url)


async def test_a_room_lists_its_conversations_newest_first(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "PAGE_SIZE", 3)
    for number in range(5):
        turn_id = await add_turn(database, messenger="slack", key=f"thread:{number}", room="C1")
    await add_turn(database, messenger="slack", key="elsewhere", room="C2")
    url, seen = await page_of(operator, turn_id, "rooms"), list[str]()
    html = await read(operator, url)
    assert "대화 5개" in html
    assert (await logged(database))[-1].action == AuditAction.ROOM_READ
    while url:
        html = await read(operator, url)
        seen += re.findall(r"/admin/conversations/(\d+)", html)
        url = link(html, "next")
    expected = [await conversation_of(database, f"thread:{number}") for number in range(5)]
    assert seen == [str(one) for one in reversed(expected)]


async def test_a_messenger_without_rooms_links_to_none(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    assert "/admin/rooms/" not in await read(operator, f"/admin/turns/{turn_id}")


@pytest.mark.parametrize("what", ["people", "rooms"])
@pytest.mark.parametrize("key", ["x", "1", "%ea%b0%80", "A" * 4_000])
async def test_a_made_up_address_is_a_404_page(operator: Client, what: str, key: str) -> None:
    response = await operator.get(f"/admin/{what}/{key}")
    assert response.status == 404
    assert "대시보드 비밀번호가 바뀌었습니다" in await response.text()


async def test_a_bad_cursor_is_a_400_page(operator: Client, database: AsyncEngine) -> None:
    turn_id = await add_turn(database, messenger="slack", room="C1")
    for what, name in (("people", "after"), ("rooms", "before")):
        url = await page_of(operator, turn_id, what)
        assert (await operator.get(url, params={name: "x"})).status == 400
