"""What Postgres refuses of one item is left out with a reason; the rest of the set goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from inference_queue.background.leases import BackgroundLeases, Offer
from inference_queue.background.protocol import Rendering, RenderJob
from tests.support.admin import Client
from tests.support.datasets import build, contents, order_dataset, stored
from tests.support.exporting import page_of, transactions
from tests.support.judging import judge
from tests.support.sample_turns import add_turn

__all__ = ["transactions"]

PRESET = "bllossom-8b"
OF_CHECK = "(SELECT content::text FROM dataset_items WHERE id = NEW.item_id)"
REASON = "데이터베이스가 저장하지 못한 글"


async def execute(database: AsyncEngine, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement), values)


async def refuse(database: AsyncEngine, acts: str, table: str, row: str, words: str) -> None:
    """Postgres lets nobody do these acts to the table's rows with such words."""
    await execute(
        database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {row} LIKE '%{words}%' THEN RAISE EXCEPTION 'no'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
    )
    await execute(
        database,
        f"CREATE TRIGGER refuse BEFORE {acts} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()",
    )


async def three_turns(database: AsyncEngine) -> None:
    for name in ("하나", "둘", "셋"):
        await judge(database, await add_turn(database, f"질문 {name}", f"답 {name}", key=name))


async def render_all(database: AsyncEngine) -> int:
    """What a worker does; how many jobs it had."""
    leases = BackgroundLeases(database, worker="w", lease_s=30)
    claimed = await leases.claim(50, Offer(model="m", preset=PRESET, engine="e", renders=True))
    for lease in claimed:
        assert isinstance(lease.job, RenderJob)
        rendering = Rendering(
            text=lease.job.completion, prompt_tokens=5, completion_tokens=2, is_consistent=True
        )
        await leases.finish(lease, rendering)
    return len(claimed)


async def look_again(transactions: AsyncEngine) -> None:
    """The job's next look, without its pause."""
    await execute(transactions, "UPDATE datasets SET claimed_until = NULL")
    await build(transactions)


async def questions(database: AsyncEngine) -> list[Any]:
    return sorted(item["messages"][0]["content"] for item in await contents(database))


@pytest.mark.parametrize(
    ("acts", "table", "row", "jobs"),
    [
        ("INSERT", "dataset_items", "NEW.content::text", 2),
        ("INSERT", "background_jobs", "NEW.payload::text", 2),
        ("INSERT", "dataset_checks", OF_CHECK, 2),
        ("UPDATE", "dataset_items", "NEW.content::text", 3),
    ],
    ids=["adding it", "queueing its job", "noting its job", "storing its length"],
)  # fmt: skip
async def test_an_item_that_postgres_refuses_is_left_out_alone(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    acts: str,
    table: str,
    row: str,
    jobs: int,
) -> None:
    await three_turns(database)
    await refuse(database, acts, table, row, "질문 둘")
    address = await order_dataset(operator, preset=PRESET)
    await build(transactions)
    assert await render_all(transactions) == jobs
    await look_again(transactions)
    ended = await stored(database)
    assert (ended.state, ended.made, ended.left_out) == ("ready", 2, {"refused": 1})
    assert await questions(database) == ["질문 셋", "질문 하나"]
    assert REASON in await page_of(operator, address)


@pytest.mark.parametrize("content", [{}, {"messages": []}, {"messages": [7]}, {"prompt": None}])
async def test_an_item_that_is_none_is_left_out_alone(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, content: Any
) -> None:
    """As another version, or a person at the database, may have left it."""
    await three_turns(database)
    await order_dataset(operator)
    await build(transactions)
    await execute(
        database,
        "UPDATE dataset_items SET content = CAST(:content AS jsonb)"
        " WHERE content::text LIKE '%질문 둘%'",
        content=json.dumps(content),
    )
    await execute(
        database, "UPDATE datasets SET state = 'checking', preset = :preset, cursor = ''",
        preset=PRESET,
    )  # fmt: skip
    await look_again(transactions)
    assert await render_all(transactions) == 2
    await look_again(transactions)
    ended = await stored(database)
    assert (ended.state, ended.left_out) == ("ready", {"refused": 1})
    assert await questions(database) == ["질문 셋", "질문 하나"]


async def test_an_item_that_cannot_even_be_taken_out_stays_unchecked_and_holds_up_no_other(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await three_turns(database)
    await refuse(database, "UPDATE OR DELETE", "dataset_items", "OLD.content::text", "질문 둘")
    address = await order_dataset(operator, preset=PRESET)
    await build(transactions)
    assert await render_all(transactions) == 3
    await look_again(transactions)
    ended = await stored(database)
    assert (ended.state, ended.made, ended.left_out) == ("ready", 3, {})
    assert "검사하지 않은 항목 1" in await page_of(operator, address)
