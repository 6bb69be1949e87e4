"""Dead letters: shown, sent again singly and many at a time, whatever restarts meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.admin.dead_letters.resender import BATCH, BulkResender
from bot.store import bulk_resends
from bot.store.dead_letters import Choice
from tests.support.admin import Client, csrf_of
from tests.support.audit import logged
from tests.support.sample_turns import add_turn

PAGE = "/admin/dead-letters"


@pytest.fixture
async def transactions(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


async def add_dead(database: AsyncEngine, count: int = 1, **columns: object) -> None:
    """Dead letters whose life has half an hour left."""
    until = datetime.now(UTC) + timedelta(minutes=30)
    given: dict[str, object] = {"delivery": "failed", "messenger": "slack", "expires_at": until}
    for number in range(count):
        await add_turn(database, key=f"room-{number}", **(given | columns))  # type: ignore[arg-type]


async def shown(client: Client, query: str = "", status: int = 200) -> str:
    response = await client.get(f"{PAGE}{query}")
    assert response.status == status
    return await response.text()


async def send(client: Client, path: str, **fields: str) -> ClientResponse:
    token = csrf_of(await shown(client))
    data = {"csrf": token, **fields}
    return await client.post(f"{PAGE}{path}", data=data, allow_redirects=False)


async def states(database: AsyncEngine) -> list[str]:
    async with database.connect() as connection:
        rows = await connection.execute(text("SELECT state FROM deliveries ORDER BY state"))
        return list(rows.scalars())


async def test_without_any_the_page_says_so(operator: Client) -> None:
    page = await shown(operator)
    assert "전송에 실패한 답변이 없습니다" in page
    assert "모두 다시 보내기" not in page


async def test_one_is_shown_masked_and_sent_again(operator: Client, database: AsyncEngine) -> None:
    await add_dead(database, question="제 번호는 010-1234-5678입니다")
    page = await shown(operator)
    assert "010-1234-5678" not in page
    [read] = [one for one in await logged(database) if one.action == "turns_read"]
    assert json.loads(read.details)["people"] == re.findall(r"사용자 <code>(\w+)</code>", page)
    address = re.findall(r'action="(/admin/turns/[^"]+/send-again)"', page)
    assert len(address) == 1
    data = {"csrf": csrf_of(page)}
    assert (await operator.post(address[0], data=data, allow_redirects=False)).status == 303
    assert await states(database) == ["pending"]


async def test_all_of_a_choice_are_sent_again(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_dead(database, 3)
    await add_dead(database, messenger="kakao", sender="k")
    await add_dead(database, delivery="unconfirmed")
    page = await shown(operator, "?messenger=slack&state=failed")
    assert "3건 모두 다시 보내기" in page
    response = await send(operator, "/send-again", messenger="slack", state="failed")
    assert response.status == 303
    assert response.headers["Location"] == f"{PAGE}?messenger=slack&state=failed"
    assert "3건 남음" in await shown(operator)
    await BulkResender(database=transactions, pause_s=0).send()
    assert await states(database) == ["failed", "pending", "pending", "pending", "unconfirmed"]
    page = await shown(operator)
    assert "끝남: 3건 다시 보냄" in page
    [act] = [one for one in await logged(database) if one.action == "dead_letters_sent_again"]
    assert act.actor == "admin"
    assert json.loads(act.details) == {"messenger": "slack", "state": "failed"}


async def test_an_answer_whose_life_has_ended_is_left_alone(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_dead(database, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    page = await shown(operator)
    assert "기한이 지났습니다" in page
    assert "다시 보내기</button>" not in page
    async with transactions.begin() as connection:
        await bulk_resends.order(connection, Choice(), author="")
    await BulkResender(database=transactions, pause_s=0).send()
    assert await states(database) == ["failed"]


async def test_after_a_restart_the_rest_is_sent_and_none_twice(
    database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_dead(database, BATCH + 5)
    async with transactions.begin() as connection:
        await bulk_resends.order(connection, Choice(), author="")
    async with transactions.begin() as connection:
        first = await bulk_resends.send_some(connection, batch=BATCH)
    assert first is not None
    assert (first.sent, first.more) == (BATCH, True)
    # They fail once more before the bot comes back: younger than the order, so not its business.
    async with transactions.begin() as connection:
        again = "UPDATE deliveries SET state = 'failed', updated_at = now() WHERE state = 'pending'"
        await connection.execute(text(again))
    await BulkResender(database=transactions, pause_s=0).send()
    async with transactions.connect() as connection:
        [order] = await bulk_resends.newest(connection, limit=5)
    assert (order.sent, order.left) == (BATCH + 5, 0)
    assert order.ended_at is not None
    assert (await states(database)).count("pending") == 5


async def test_two_bots_do_not_work_on_one_order(
    database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_dead(database, 2)
    async with transactions.begin() as connection:
        await bulk_resends.order(connection, Choice(), author="")
    async with transactions.begin() as first, transactions.begin() as second:
        assert await bulk_resends.send_some(first, batch=1)
        assert await bulk_resends.send_some(second, batch=1) is None


async def test_an_order_can_be_stopped(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_dead(database, 2)
    await send(operator, "/send-again")
    [number] = re.findall(r"/orders/(\d+)/stop", await shown(operator))
    assert (await send(operator, f"/orders/{number}/stop")).status == 303
    await BulkResender(database=transactions, pause_s=0).send()
    assert await states(database) == ["failed", "failed"]
    assert "멈춤" in await shown(operator)
    stopped = [one.object for one in await logged(database) if one.action == "order_stopped"]
    assert stopped == [f"order:{number}"]
    assert (await send(operator, f"/orders/{number}/stop")).status == 404


async def test_pages_follow_each_other_without_gap_or_repeat(
    operator: Client, database: AsyncEngine
) -> None:
    await add_dead(database, 53)
    page = await shown(operator)
    first = re.findall(r"#turn-([0-9a-f-]+)", page)
    [older] = re.findall(r'href="/admin/dead-letters(\?after=[^"]+)"', page)
    second = re.findall(r"#turn-([0-9a-f-]+)", await shown(operator, older.replace("&amp;", "&")))
    assert (len(first), len(second)) == (50, 3)
    assert not set(first) & set(second)


@pytest.mark.parametrize("query", ["?state=delivered", "?messenger=line", "?after=x", "?state=%00"])
async def test_an_address_that_cannot_be_read_is_told(operator: Client, query: str) -> None:
    await shown(operator, query, 400)


async def test_forms_without_a_token_change_nothing(
    operator: Client, database: AsyncEngine
) -> None:
    await add_dead(database)
    for path in ("/send-again", "/orders/1/stop"):
        response = await operator.post(f"{PAGE}{path}", data={"csrf": "x"}, allow_redirects=False)
        assert response.status == 403
    for path in ("/orders/x/stop", "/orders/99999999999999999999/stop", "/orders/7/stop"):
        assert (await send(operator, path)).status == 404
    assert "진행 중" not in await shown(operator)


async def test_hostile_words_stay_text(operator: Client, database: AsyncEngine) -> None:
    attack = "<script>alert(1)</script>"
    await add_dead(database, question=attack, sender=attack)
    async with database.connect() as connection:
        await connection.execute(text("UPDATE deliveries SET detail = :d"), {"d": attack})
    page = await shown(operator)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
