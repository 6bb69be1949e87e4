"""Erasing a person from the dashboard: ordered, carried out by any bot, with a receipt."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.domain.turns import Person
from bot.store import blocked_people
from bot.store.erasure import write_receipt
from bot.store.search import saved
from tests.integration.bot.privacy.erasers import ordered_erasures
from tests.support.admin import Client, send
from tests.support.audit import logged

PathOf = Callable[[Person], str]


async def scalar(database: AsyncEngine, statement: str) -> object:
    async with database.connect() as connection:
        return await connection.scalar(text(statement))


async def test_an_order_erases_the_person_and_leaves_a_receipt(
    operator: Client, database: AsyncEngine, redis_url: str, person: Person, path_of: PathOf
) -> None:
    path = path_of(person)
    answer = await send(operator, f"{path}/erase", reason="본인 요청", sure="yes")
    assert (answer.status, answer.headers["Location"]) == (303, f"{path}/rights")
    assert "시작해 지금까지" in await (await operator.get(f"{path}/rights")).text()
    async with ordered_erasures(database, redis_url) as erasures:
        await erasures.erase()
    assert await scalar(database, "SELECT string_agg(sender, ',') FROM turns") == "person-2"
    shown = await (await operator.get(f"{path}/rights")).text()
    assert "삭제를 마쳤습니다" in shown
    link = shown.split('href="/admin/erasures/')[1].split('"')[0]
    receipt = await (await operator.get(f"/admin/erasures/{link}")).text()
    assert "질문과 답변" in receipt
    assert person.key in receipt
    assert "admin" in receipt
    assert person.sender not in receipt
    assert link in await (await operator.get("/admin/erasures")).text()
    assert await scalar(database, "SELECT sender FROM erasure_orders") == ""
    (row,) = [r for r in await logged(database) if r.action == AuditAction.PERSON_ERASED]
    assert row.reason == "본인 요청"
    assert person.sender not in row.object + row.details


@pytest.mark.parametrize("form", [{"sure": "yes"}, {"reason": "본인 요청"}])
async def test_without_a_reason_or_a_confirmation_nothing_is_ordered(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf, form: dict[str, str]
) -> None:
    assert (await send(operator, f"{path_of(person)}/erase", **form)).status == 400
    assert await scalar(database, "SELECT count(*) FROM erasure_orders") == 0


async def test_a_second_order_joins_the_first(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    for _ in range(2):
        await send(operator, f"{path_of(person)}/erase", reason="본인 요청", sure="yes")
    assert await scalar(database, "SELECT count(*) FROM erasure_orders") == 1


async def test_searches_for_the_person_are_deleted_and_a_block_stays_without_a_name(
    operator: Client, database: AsyncEngine, redis_url: str, person: Person, path_of: PathOf
) -> None:
    queries = {
        "그 사람": 'person:"person-1"',
        "또": "환불 사람:person-1",
        "다른 사람": "person:person-10 환불",
        "낱말": "person-1",
    }
    async with database.begin() as connection:
        for name, query in queries.items():
            await saved.save(connection, "lee", name, query)
    await send(operator, f"{path_of(person)}/block", reason="person-1의 욕설")
    await send(operator, f"{path_of(person)}/erase", reason="본인 요청", sure="yes")
    async with ordered_erasures(database, redis_url) as erasures:
        await erasures.erase()
    async with database.connect() as connection:
        left = {one.name for one in await saved.list_saved(connection, "lee")}
        block = await blocked_people.find(connection, person.key)
    assert left == {"다른 사람", "낱말"}
    assert block
    assert (block.sender, block.reason) == ("", "")
    assert "삭제됨" in await (await operator.get("/admin/blocked")).text()


async def test_an_order_whose_bot_died_is_carried_out_by_another(
    operator: Client, database: AsyncEngine, redis_url: str, person: Person, path_of: PathOf
) -> None:
    await send(operator, f"{path_of(person)}/erase", reason="본인 요청", sure="yes")
    async with database.begin() as connection:
        await connection.execute(
            text(
                "UPDATE erasure_orders SET counts = '{\"turns\": 7}',"
                " taken_until = now() + interval '1 minute'"
            )
        )
    async with ordered_erasures(database, redis_url) as erasures:
        await erasures.erase()
        assert await scalar(database, "SELECT count(*) FROM turns") == 2
        async with database.begin() as connection:
            await connection.execute(text("UPDATE erasure_orders SET taken_until = now()"))
        await erasures.erase()
    assert await scalar(database, "SELECT counts ->> 'turns' FROM erasures") == "8"
    assert await scalar(database, "SELECT count(*) FROM turns") == 1


@pytest.mark.parametrize("receipt", ["x", "00000000-0000-4000-8000-000000000000"])
async def test_an_unknown_receipt_is_404(operator: Client, receipt: str) -> None:
    assert (await operator.get(f"/admin/erasures/{receipt}")).status == 404


async def test_receipts_come_in_pages(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.admin.people.list_views.PAGE_SIZE", 2)
    people = [Person(messenger="kakao", tenant="shop", sender=f"p{n}") for n in range(5)]
    written = set()
    for one in people:
        async with database.begin() as connection:
            written.add(str(await write_receipt(connection, one, {"turns": 1}, "")))
    seen, path = set[str](), "/admin/erasures"
    while path:
        html = await (await operator.get(path)).text()
        assert "사용자 본인" in html
        seen |= set(re.findall(r'href="/admin/erasures/([0-9a-f-]{36})"', html))
        older = re.search(r'rel="next" href="([^"]+)"', html)
        path = older[1] if older else ""
    assert seen == written


@pytest.mark.parametrize("page", ["blocked", "erasures"])
@pytest.mark.parametrize("after", ["x", "AAAA", "가", "%00"])
async def test_a_place_that_cannot_be_read_is_said(operator: Client, page: str, after: str) -> None:
    answer = await operator.get(f"/admin/{page}?after={after}")
    assert answer.status == 400
    assert "첫 페이지부터" in await answer.text()
