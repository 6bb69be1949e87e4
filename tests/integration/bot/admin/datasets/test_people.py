"""People leave data sets: erased, or left out of training, also while one is being built."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from yarl import URL

from bot.admin.datasets import builder
from bot.admin.datasets.judged import Judged, read_page
from bot.domain.turns import Person
from bot.privacy.erasure import Eraser
from tests.support.admin import Client, csrf_of, send
from tests.support.audit import logged
from tests.support.datasets import build, contents, order_dataset, stored
from tests.support.exporting import REASON, an_exporter, page_of, transactions
from tests.support.judging import judge
from tests.support.sample_turns import add_turn

__all__ = ["transactions"]


async def two_people(database: AsyncEngine) -> UUID:
    """A judged turn of each; that of person-1."""
    turns = [
        await add_turn(
            database, f"질문 {number}", f"답 {number}", sender=f"person-{number}", key=f"{number}"
        )
        for number in (1, 2)
    ]
    for turn in turns:
        await judge(database, turn)
    return turns[0]


async def opt_out(client: Client, turn: UUID | str, reason: str = "본인 요청") -> int:
    return (await send(client, "/admin/opt-outs", turn=str(turn), reason=reason)).status


async def test_a_person_who_is_left_out_is_in_no_later_data_set(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    turn = await two_people(database)
    assert await opt_out(operator, turn) == 303
    await order_dataset(operator)
    await build(transactions)
    [item] = await contents(database)
    assert item["messages"][0]["content"] == "질문 2"
    assert (await stored(database)).left_out == {"opted_out": 1}


async def test_leaving_out_deletes_items_and_files_that_exist_and_is_written_down(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    turn = await two_people(database)
    address = await order_dataset(operator)
    await build(transactions)
    ordered = await send(operator, f"{address}/export", reason=REASON)
    await an_exporter(transactions, tmp_path).export()
    assert await opt_out(operator, turn) == 303
    assert len(await contents(database)) == 1
    assert "회수됨" in await page_of(operator, ordered.headers["Location"])
    newest = (await logged(database))[-1]
    assert (newest.action, newest.reason) == ("opt_out_recorded", "본인 요청")
    details = json.loads(newest.details)
    assert (details["items"], details["files"]) == (1, 1)
    assert "person-1" not in newest.details + newest.object
    page = await page_of(operator, "/admin/opt-outs")
    assert "본인 요청" in page
    assert "person-1" not in page


async def test_an_opt_out_can_be_revoked_and_is_recorded_once(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    turn = await two_people(database)
    assert await opt_out(operator, turn) == 303
    assert await opt_out(operator, turn) == 409
    person = Person(messenger="kakao", tenant="shop", sender="person-1").key
    assert (await send(operator, f"/admin/opt-outs/{person}/revoke")).status == 303
    assert (await send(operator, f"/admin/opt-outs/{person}/revoke")).status == 404
    await order_dataset(operator)
    await build(transactions)
    assert len(await contents(database)) == 2


@pytest.mark.parametrize(
    ("turn", "reason", "status"),
    [("x", "요청", 404), ("00000000-0000-4000-8000-000000000000", "요청", 404), ("x", "  ", 400)],
)
async def test_an_opt_out_without_a_turn_or_a_reason_is_refused(
    operator: Client, turn: str, reason: str, status: int
) -> None:
    assert await opt_out(operator, turn, reason) == status


async def test_an_opt_out_waits_for_the_step_that_runs(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the step read before the opt-out is deleted behind it."""
    turn = await two_people(database)
    await order_dataset(operator)
    read, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Judged]:
        found = await read_page(connection, ids)
        read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(builder, "read_page", slow)
    building = asyncio.create_task(build(transactions))
    await asyncio.wait_for(read.wait(), 30)
    leaving = asyncio.create_task(opt_out(operator, turn))
    async with asyncio.timeout(30):
        while not await _waiting(database):
            await asyncio.sleep(0.02)
    go_on.set()
    assert await leaving == 303
    await building
    [item] = await contents(database)
    assert item["messages"][0]["content"] == "질문 2"


async def test_an_erased_person_leaves_items_and_files_and_the_receipt_counts_them(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    redis_url: str,
) -> None:
    await two_people(database)
    address = await order_dataset(operator)
    await build(transactions)
    ordered = await send(operator, f"{address}/export", reason=REASON)
    await an_exporter(transactions, tmp_path).export()

    async def nothing(*_: object) -> bool:
        return True

    async with Redis.from_url(redis_url) as redis:
        eraser = Eraser(database=transactions, redis=redis, cancel=nothing, withdraw=nothing)  # type: ignore[arg-type]
        await eraser.erase_all(Person(messenger="kakao", tenant="shop", sender="person-1"))
    assert len(await contents(database)) == 1
    assert "회수됨" in await page_of(operator, ordered.headers["Location"])
    async with database.connect() as connection:
        counts = await connection.scalar(text("SELECT counts FROM erasures"))
    assert (counts["items"], counts["exports"]) == (1, 1)
    assert "만든 뒤 삭제된 항목 | 1" in await page_of(operator, address)


@pytest.mark.parametrize("which", ["turn", "history", "other"])
async def test_an_item_goes_with_each_turn_whose_words_it_holds(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, which: str
) -> None:
    history = await add_turn(database, "먼저", "그래요")
    other = await add_turn(database, "질문", "틀린 답")
    turn = await add_turn(database, "질문", "맞는 답", regenerates=other)
    await order_dataset(operator, "dpo")
    await build(transactions)
    assert len(await contents(database)) == 1
    deleted = {"turn": turn, "history": history, "other": other}[which]
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM turns WHERE id = :id"), {"id": deleted})
    assert await contents(database) == []


async def _waiting(database: AsyncEngine) -> bool:
    """Whether some statement waits for a lock."""
    statement = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with database.connect() as connection:
        return bool(await connection.scalar(statement))


async def test_no_person_has_a_key_with_nul_bytes(operator: Client) -> None:
    address = URL(f"/admin/opt-outs/{'%00' * 32}/revoke", encoded=True)
    csrf = csrf_of(await (await operator.get("/admin/opt-outs")).text())
    answer = await operator.post(address, data={"csrf": csrf, "reason": "본인 요청"})
    assert answer.status == 404
