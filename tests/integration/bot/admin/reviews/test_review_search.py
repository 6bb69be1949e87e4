"""The review field of the search: reviewed turns are found along their own list."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.indexer import SearchIndexer
from bot.admin.turns import finding
from bot.domain.dashboard_users import Role
from tests.support.admin import Client, StartAdmin, add_user, log_in
from tests.support.reviews import judge, new_queue, post
from tests.support.sample_turns import NOON, add_turn
from tests.support.seen_statements import seen_statements

FIXED = "보통 사흘 걸립니다."


async def found(client: Client, query: str) -> list[UUID]:
    page = await (await client.get("/admin/", params={"q": query})).text()
    return [UUID(turn_id) for turn_id in re.findall(r"#turn-([0-9a-f-]+)", page)]


async def test_every_value_finds_its_turns_newest_first(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "kim", Role.REVIEWER)
    kim = await start_admin(database)
    await log_in(kim, user="kim")
    good, wrong, fixed, disputed, decided, left = [
        await add_turn(database, received_at=NOON - timedelta(minutes=number))
        for number in range(6)
    ]
    await new_queue(operator, database)
    await new_queue(operator, database, name="같은 답변들")
    bad = {"verdict": "bad", "reason_wrong": "1"}
    await judge(operator, good)
    await judge(operator, wrong, **bad)
    await judge(operator, fixed, **bad, correction=FIXED)
    await judge(operator, disputed, **bad)
    await judge(kim, disputed)
    word = {"verdict": "bad", "reason_unsafe": "1", "version": "0"}
    await post(operator, f"/admin/reviews/turns/{decided}/verdict", **word)
    for query, expected in {
        "review:good": [good],
        "검토:좋음": [good],
        "review:bad": [wrong, fixed, decided],
        "검토:문제있음": [wrong, fixed, decided],
        "review:wrong": [wrong, fixed],
        "검토:틀림": [wrong, fixed],
        "review:unsafe": [decided],
        "review:corrected": [fixed],
        "review:disputed": [disputed],
        "review:decided": [decided],
        "review:open": [left],
        "검토:검토대기": [left],
        "review:good review:open": [good, left],
        "review:wrong 배송": [wrong, fixed],
        "review:wrong 환불": [],
        "review:wrong messenger:slack": [],
        "review:bad date:2026-11-19": [],
    }.items():
        assert await found(operator, query) == expected, query


async def test_a_review_that_there_is_not_is_told(operator: Client) -> None:
    response = await operator.get("/admin/?q=검토:대단함")
    assert response.status == 400
    assert "검토:대단함" in await response.text()


async def test_pages_of_reviewed_turns_follow_each_other(
    operator: Client, database: AsyncEngine
) -> None:
    every = [
        await add_turn(database, received_at=NOON - timedelta(minutes=number))
        for number in range(53)
    ]
    await new_queue(operator, database)
    page = await (await operator.get("/admin/?q=review:open")).text()
    [older] = re.findall(r'rel="next" href="([^"]+)"', page)
    second = await (await operator.get(older.replace("&amp;", "&"))).text()
    listed = re.findall(r"#turn-([0-9a-f-]+)", page) + re.findall(r"#turn-([0-9a-f-]+)", second)
    assert [UUID(one) for one in listed] == every


async def test_a_long_list_is_read_in_blocks_and_its_rest_by_the_index(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PROBED", 2)
    monkeypatch.setattr(finding, "_LISTED", 2)
    monkeypatch.setattr(finding, "_BLOCK", 2)
    every = [
        await add_turn(
            database,
            "환불 규정은요?" if number in (1, 6) else "배송은요?",
            key=f"k{number}",
            received_at=NOON - timedelta(minutes=number),
        )
        for number in range(7)
    ]
    await new_queue(operator, database)
    await add_turn(database, "환불은요?", key="new", received_at=NOON)
    for _ in range(2):
        assert await found(operator, "review:open") == every
        assert await found(operator, "review:open 규정") == [every[1], every[6]]
        assert await found(operator, "review:open ㅎㅂ") == [every[1], every[6]]
        assert await found(operator, "review:bad 규정") == []
        await SearchIndexer(database=database).index()


async def test_a_list_that_takes_too_long_ends_with_a_way_to_go_on(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PROBED", 1)
    monkeypatch.setattr(finding, "BUDGET_S", -1.0)
    first, second = [
        await add_turn(database, received_at=NOON - timedelta(minutes=number))
        for number in range(2)
    ]
    await new_queue(operator, database)
    page = await (await operator.get("/admin/?q=review:open")).text()
    assert "제한 시간 안에" in page
    [older] = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = await (await operator.get(older.replace("&amp;", "&"))).text()
    listed = re.findall(r"#turn-([0-9a-f-]+)", page) + re.findall(r"#turn-([0-9a-f-]+)", rest)
    assert [UUID(one) for one in listed] == [first, second]


@pytest.mark.parametrize("query", ["review:bad", "review:open", "review:bad review:open"])
async def test_the_log_itself_is_not_walked(
    operator: Client, database: AsyncEngine, query: str
) -> None:
    """Each statement that reads turns begins at the reviews, whatever the size of the log."""
    await judge(operator, await add_turn(database), verdict="bad", reason_wrong="1")
    with seen_statements(database) as statements:
        await found(operator, query)
    reading = [one for one in statements if "FROM" in one and "turns" in one and "left(" in one]
    assert len(reading) == 1
    assert "judged_turns" in reading[0] or "review_items" in reading[0]
