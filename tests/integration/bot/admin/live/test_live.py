"""The live tail: turns appear as they come in and end, for viewers who read and are logged in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.live.feed import (
    MAX_STREAMS_OF_A_VIEWER,
    MAX_UNREAD,
    Follower,
    LiveFeed,
)
from bot.admin.live.items import LiveItem, live_item
from bot.store.latest_turns import newest_turns
from tests.support.admin import (
    MESSENGER_LABELS,
    Client,
    StartAdmin,
    add_user,
    csrf_of,
    log_in,
    send,
)
from tests.support.audit import logged
from tests.support.sample_turns import add_turn

EVENTS = "/admin/live/events"
WAIT_S = 20


async def event(response: ClientResponse) -> tuple[str, dict[str, Any]]:
    """The next event of a stream; comments are skipped."""
    name = ""
    async with asyncio.timeout(WAIT_S):
        async for line in response.content:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
    raise AssertionError("the stream ended")


@contextlib.asynccontextmanager
async def following(client: Client, query: str = "") -> AsyncIterator[ClientResponse]:
    async with client.get(EVENTS + query) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield response


async def arrive(database: AsyncEngine, question: str = "새 질문", **columns: Any) -> UUID:
    columns = {"answer": None, "delivery": None, "received_at": datetime.now(UTC)} | columns
    return await add_turn(database, question, **columns)


async def answer(database: AsyncEngine, turn: UUID) -> None:
    async with database.connect() as connection:
        end = "UPDATE turns SET status = 'answered', answer = '답변', settled_at = now()"
        await connection.execute(text(f"{end} WHERE id = :id"), {"id": turn})


async def test_a_turn_appears_when_it_comes_and_changes_when_it_ends(
    operator: Client, database: AsyncEngine
) -> None:
    async with following(operator) as stream:
        turn = await arrive(database, "연락처는 010-1234-5678입니다")
        name, document = await event(stream)
        assert (name, document["id"], document["status"]) == ("turn", str(turn), "접수됨")
        assert "010-1234-5678" not in document["question"]
        await answer(database, turn)
        _, document = await event(stream)
        assert (document["id"], document["answer"]) == (str(turn), "답변")
        assert document["status"] == "답변 완료"
    assert [one.details for one in await logged(database)][-1] == '{"messenger": "*"}'


async def test_each_viewer_reads_in_the_own_language(
    operator: Client, database: AsyncEngine
) -> None:
    headers = {"Accept-Language": "en"}
    async with following(operator) as korean, operator.get(EVENTS, headers=headers) as english:
        await arrive(database)
        documents = [(await event(stream))[1] for stream in (korean, english)]
    assert [document["status"] for document in documents] == ["접수됨", "received"]
    assert [document["messenger"] for document in documents] == ["카카오톡", "KakaoTalk"]


async def test_only_the_messenger_asked_for_appears(
    operator: Client, database: AsyncEngine
) -> None:
    async with following(operator, "?messenger=slack") as stream:
        await arrive(database, messenger="kakao")
        wanted = await arrive(database, messenger="slack", key="C1")
        assert (await event(stream))[1]["id"] == str(wanted)


async def test_two_viewers_see_the_same(operator: Client, database: AsyncEngine) -> None:
    async with following(operator) as first, following(operator) as second:
        turn = await arrive(database)
        assert (await event(first))[1]["id"] == (await event(second))[1]["id"] == str(turn)


async def test_a_stream_ends_at_the_logout(operator: Client, database: AsyncEngine) -> None:
    async with following(operator) as stream:
        shown = await operator.get("/admin/live")
        await operator.post("/admin/logout", data={"csrf": csrf_of(await shown.text())})
        async with asyncio.timeout(WAIT_S):
            assert await stream.content.read() == b""


async def test_a_stream_ends_when_its_user_is_disabled(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    user_id = await add_user(database, "lee")
    admin, lee = await start_admin(database), await start_admin(database)
    await log_in(admin)
    await log_in(lee, user="lee")
    async with following(lee) as stream:
        await send(admin, f"/admin/users/{user_id}/state", state="disabled")
        async with asyncio.timeout(WAIT_S):
            assert await stream.content.read() == b""


async def test_to_watch_does_not_keep_a_session_awake(
    start_admin: StartAdmin, database: AsyncEngine, clock: Any
) -> None:
    client = await start_admin(database)
    await log_in(client)
    async with following(client) as stream:
        clock.now += 3601
        async with asyncio.timeout(WAIT_S):
            assert await stream.content.read() == b""


async def test_a_viewer_opens_few_streams_only(operator: Client) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_STREAMS_OF_A_VIEWER):
            await stack.enter_async_context(following(operator))
        refused = await operator.get(EVENTS)
        assert refused.status == 503
        assert "실시간 페이지가 너무 많이" in await refused.text()


async def test_another_session_of_the_same_user_opens_no_more(operator: Client) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_STREAMS_OF_A_VIEWER):
            await stack.enter_async_context(following(operator))
        operator.session.cookie_jar.clear()
        await log_in(operator)
        assert (await operator.get(EVENTS)).status == 503


async def test_a_stream_that_was_left_makes_room(operator: Client) -> None:
    for _ in range(MAX_STREAMS_OF_A_VIEWER + 2):
        async with asyncio.timeout(WAIT_S):
            while True:
                response = await operator.get(EVENTS)
                response.close()
                if response.status == 200:
                    break
                await asyncio.sleep(0.2)


async def test_nobody_follows_without_a_login(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    client = await start_admin(database)
    for path in ("/admin/live", EVENTS):
        response = await client.get(path, allow_redirects=False)
        assert response.status == 303


@pytest.mark.parametrize("path", ["/admin/live", EVENTS])
async def test_an_unknown_messenger_is_told(operator: Client, path: str) -> None:
    assert (await operator.get(f"{path}?messenger=line")).status == 400


async def test_the_page_alone_shows_the_newest(operator: Client, database: AsyncEngine) -> None:
    page = await (await operator.get("/admin/live")).text()
    assert "아직 질문이 없습니다" in page
    now = datetime.now(UTC)
    for number in range(3):
        moment = now - timedelta(minutes=number)
        await arrive(database, f"질문 {number}", key=f"r{number}", received_at=moment)
    page = await (await operator.get("/admin/live")).text()
    places = [page.index(f"질문 {number}") for number in range(3)]
    assert places == sorted(places)
    assert "새로고침하면" in page
    slack = await (await operator.get("/admin/live?messenger=slack")).text()
    assert "질문 0" not in slack


async def test_hostile_words_stay_text(operator: Client, database: AsyncEngine) -> None:
    attack = "</script><script>alert(1)</script>"
    await arrive(database, attack, sender=attack, status="failed", failure_reason=attack)
    page = await (await operator.get("/admin/live")).text()
    assert "<script>alert" not in page


async def item_of(database: AsyncEngine) -> LiveItem:
    async with database.connect() as connection:
        [turn] = await newest_turns(connection, messenger="", limit=1)
    return live_item(turn, MESSENGER_LABELS)


async def test_a_viewer_that_does_not_read_misses_the_oldest_and_is_told(
    database: AsyncEngine,
) -> None:
    await arrive(database)
    item = await item_of(database)
    follower = Follower("")
    for _ in range(MAX_UNREAD + 7):
        follower.tell([item])
    items, skipped = await follower.next(0.0)
    assert (len(items), skipped) == (MAX_UNREAD, 7)
    assert await follower.next(0.0) == ([], 0)


async def test_who_follows_later_gets_what_was_told_a_moment_ago(database: AsyncEngine) -> None:
    feed = LiveFeed(database, MESSENGER_LABELS)
    await arrive(database)
    with feed.follow("a", "") as first:
        await first.next(WAIT_S)
        with feed.follow("b", "") as second:
            items, _ = await second.next(WAIT_S)
    assert [item.question for item in items] == ["새 질문"]
    await feed.close()


async def test_a_closed_feed_takes_no_followers(database: AsyncEngine) -> None:
    feed = LiveFeed(database, MESSENGER_LABELS)
    assert feed.has_room("a")
    await feed.close()
    assert not feed.has_room("a")
