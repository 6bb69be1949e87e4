"""A replay finds its turns, asks them again in the lane, and goes on whatever ends meanwhile."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.replay.feeder import WINDOW
from bot.domain.replays import ReplayOptions
from bot.domain.turns import Person
from bot.privacy.erasure import Eraser
from bot.store.replays import items, orders, records
from bot.store.replays.orders import NewReplay
from inference_queue.background import client
from inference_queue.background.protocol import BackgroundResult, Target
from inference_queue.protocol import Failure, FailureReason, Role
from runtime.redis_client import connect_redis
from tests.support.replays import (
    a_feeder,
    answer_all,
    completed,
    counts_of,
    feed,
    items_of,
    order_replay,
    state_of,
)
from tests.support.sample_turns import NOON, add_turn


async def add_turns(database: AsyncEngine, count: int, **columns: object) -> None:
    for number in range(count):
        await add_turn(
            database,
            f"질문 {number}",
            f"답 {number}",
            received_at=NOON + timedelta(minutes=number),
            key=f"room-{number}",
            **columns,  # type: ignore[arg-type]
        )


async def test_the_turns_of_a_search_are_asked_again_and_answered(database: AsyncEngine) -> None:
    await add_turn(database, "환불 되나요?", "네.", key="a")
    await add_turn(database, "배송은요?", "이틀요.", key="b")
    await add_turn(database, "환불 규정은?", "칠 일 안에요.", key="c")
    replay_id, feeder = await order_replay(database, query="환불"), a_feeder(database)
    await feed(feeder)
    asked = await answer_all(database)
    assert {job.messages[-1].content for job in asked} == {"환불 되나요?", "환불 규정은?"}
    await feed(feeder)
    assert await state_of(database, replay_id) == "ended"
    found = await items_of(database, replay_id)
    assert {item.answer for item in found} == {"새 답: 환불 되나요?", "새 답: 환불 규정은?"}
    assert {(i.state, i.model, i.completion_tokens, i.total_ms, i.job_id) for i in found} == {
        ("answered", "new-model", 5, 120.0, None)
    }


async def test_the_newest_turns_are_taken_and_no_more_than_ordered(database: AsyncEngine) -> None:
    await add_turns(database, 8)
    replay_id = await order_replay(database, max_turns=3)
    await feed(a_feeder(database))
    assert (await counts_of(database, replay_id)).total == 3
    asked = await answer_all(database)
    assert {job.messages[-1].content for job in asked} == {f"질문 {n}" for n in (5, 6, 7)}


async def test_many_pages_of_turns_are_collected(database: AsyncEngine) -> None:
    await add_turns(database, WINDOW + 56)
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    counts = await counts_of(database, replay_id)
    assert (counts.total, counts.queued) == (WINDOW + 56, WINDOW)
    assert len(await answer_all(database)) == WINDOW
    await feed(feeder)
    assert len(await answer_all(database)) == 56
    await feed(feeder)
    assert await state_of(database, replay_id) == "ended"
    assert (await counts_of(database, replay_id)).answered == WINDOW + 56


async def test_what_has_no_answer_or_a_picture_is_left_out(database: AsyncEngine) -> None:
    await add_turn(database, "사진", "고양이예요.", key="a", media=[{"kind": "image"}])
    await add_turn(database, "아직", None, key="b")
    replay_id = await order_replay(database)
    await feed(a_feeder(database))
    assert (await counts_of(database, replay_id)).total == 0
    assert await state_of(database, replay_id) == "ended"


async def test_a_search_finds_nothing_that_is_masked_for_its_author(database: AsyncEngine) -> None:
    await add_turn(database, "제 번호는 010-1234-5678이에요", "알겠어요.")
    replay_id = await order_replay(database, query="1234")
    await feed(a_feeder(database))
    assert (await counts_of(database, replay_id)).total == 0


async def test_a_restart_loses_nothing_and_asks_nothing_twice(database: AsyncEngine) -> None:
    await add_turns(database, 6)
    replay_id = await order_replay(database)
    await feed(a_feeder(database), rounds=2)
    first = await answer_all(database, at_most=2)
    await feed(a_feeder(database))  # another bot
    second = await answer_all(database)
    await feed(a_feeder(database))
    assert len(first) + len(second) == 6
    assert not {job.id for job in first} & {job.id for job in second}
    assert (await counts_of(database, replay_id)).answered == 6


async def test_a_stopped_replay_takes_its_jobs_back_and_resumes(database: AsyncEngine) -> None:
    await add_turns(database, 4)
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    await answer_all(database, at_most=1)
    await feed(feeder)
    async with database.begin() as connection:
        assert await orders.stop(connection, replay_id)
        assert not await orders.stop(connection, replay_id)
    await feed(feeder)
    assert await answer_all(database) == []
    counts = await counts_of(database, replay_id)
    assert (counts.answered, counts.waiting) == (1, 3)
    async with database.begin() as connection:
        assert await orders.resume(connection, replay_id)
        assert not await orders.resume(connection, replay_id)
    await feed(feeder)
    assert len(await answer_all(database)) == 3
    await feed(feeder)
    assert await state_of(database, replay_id) == "ended"


async def test_a_replay_that_is_stopped_while_it_collects_goes_on_collecting(
    database: AsyncEngine,
) -> None:
    await add_turns(database, 2)
    replay_id = await order_replay(database)
    async with database.begin() as connection:
        assert await orders.stop(connection, replay_id)
        assert await orders.resume(connection, replay_id)
    assert await state_of(database, replay_id) == "collecting"
    await feed(a_feeder(database))
    assert (await counts_of(database, replay_id)).queued == 2


async def test_a_replay_whose_engine_is_gone_waits_and_goes_on(database: AsyncEngine) -> None:
    await add_turns(database, 2)
    wanted = ReplayOptions(target=Target(model="of-tomorrow"))
    replay_id, feeder = await order_replay(database, options=wanted), a_feeder(database)
    await feed(feeder)
    assert await answer_all(database) == []
    await feed(feeder)
    assert await state_of(database, replay_id) == "running"
    async with database.begin() as connection:
        await connection.execute(text("UPDATE background_jobs SET model = 'new-model'"))
    assert len(await answer_all(database)) == 2
    await feed(feeder)
    assert await state_of(database, replay_id) == "ended"


async def test_failures_and_empty_answers_end_their_turns_alone(database: AsyncEngine) -> None:
    await add_turns(database, 3)
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    long = Failure(reason=FailureReason.PROMPT_TOO_LONG, message="too long")
    replies: dict[str, BackgroundResult] = {
        "질문 0": completed("네"),
        "질문 1": long,
        "질문 2": completed("  "),
    }
    await answer_all(database, lambda job: replies[job.messages[-1].content])
    await feed(feeder)
    counts = await counts_of(database, replay_id)
    assert (counts.answered, counts.failed) == (1, 2)
    async with database.connect() as connection:
        assert await items.count_failures(connection, replay_id) == {
            "empty": 1,
            "prompt_too_long": 1,
        }


async def test_options_that_make_no_job_fail_their_own_turns_alone(database: AsyncEngine) -> None:
    await add_turns(database, 2)
    odd, sound = await order_replay(database), await order_replay(database)
    async with database.begin() as connection:
        newer = """UPDATE replays SET options = '{"max_new_tokens": "many"}' WHERE id = :id"""
        await connection.execute(text(newer), {"id": odd})
    feeder = a_feeder(database)
    await feed(feeder)
    assert await state_of(database, odd) == "ended"
    assert (await counts_of(database, odd)).failed == 2
    assert len(await answer_all(database)) == 2
    await feed(feeder)
    assert (await counts_of(database, sound)).answered == 2


async def test_a_replay_that_postgres_refuses_holds_up_no_other(database: AsyncEngine) -> None:
    await add_turns(database, 2)
    refused, sound = await order_replay(database), await order_replay(database)
    async with database.begin() as connection:
        await connection.execute(text(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no'; END $$"
        ))  # fmt: skip
        await connection.execute(text(
            "CREATE TRIGGER refuse BEFORE INSERT ON replay_items FOR EACH ROW "
            f"WHEN (NEW.replay_id = {refused}) EXECUTE FUNCTION refuse()"
        ))  # fmt: skip
    feeder = a_feeder(database)
    for _ in range(2):
        with pytest.raises(DBAPIError):
            await feeder.feed()
    assert await state_of(database, refused) == "collecting"
    assert (await counts_of(database, sound)).queued == 2


async def test_given_turns_such_as_a_data_set_s_are_asked_in_their_order(
    database: AsyncEngine,
) -> None:
    ids = [await add_turn(database, f"질문 {n}", "답", key=f"r{n}") for n in range(3)]
    new = NewReplay(name="모음", author="lee", options=ReplayOptions())
    async with database.begin() as connection:
        replay_id = await orders.order_turns(
            connection, new, seed=1, source="데이터 세트 1", turn_ids=[ids[2], uuid4(), ids[0]]
        )
    assert [item.turn_id for item in await items_of(database, replay_id)] == [ids[2], ids[0]]
    await feed(a_feeder(database))
    asked = await answer_all(database)
    assert [job.messages[-1].content for job in asked] == ["질문 2", "질문 0"]


async def test_another_preset_prompt_and_sampling_are_used(database: AsyncEngine) -> None:
    await add_turns(database, 1)
    options = ReplayOptions(
        preset="demo", system_prompt="짧게 답해요.", temperature=0.1, max_new_tokens=64, seed=7
    )
    await order_replay(database, options=options)
    await feed(a_feeder(database))
    [job] = await answer_all(database)
    assert (job.messages[0].role, job.messages[0].content) == (Role.SYSTEM, "짧게 답해요.")
    assert (job.sampling.temperature, job.sampling.max_new_tokens, job.sampling.seed) == (
        0.1,
        64,
        7,
    )
    assert job.sampling.repetition_penalty == 1.1  # the demo preset's


async def test_nothing_of_it_touches_the_turn_or_live_jobs(database: AsyncEngine) -> None:
    await add_turns(database, 1)
    before = await _turns(database)
    feeder = a_feeder(database)
    await order_replay(database)
    await feed(feeder)
    await answer_all(database)
    await feed(feeder)
    assert await _turns(database) == before
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM jobs")) == 0


async def test_an_erased_person_is_gone_from_the_replay_and_the_lane(
    database: AsyncEngine, redis_url: str
) -> None:
    await add_turn(database, "제 이름은 김지민", "네.", key="a", sender="jimin")
    await add_turn(database, "같은 방의 다른 사람", "네.", key="a", sender="other",
                   received_at=NOON + timedelta(minutes=5))  # fmt: skip
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    redis = connect_redis(redis_url)
    transactions = database.execution_options(isolation_level="READ COMMITTED")
    eraser = Eraser(database=transactions, redis=redis, cancel=_never, withdraw=_withdraw)
    await eraser.erase_all(Person(messenger="kakao", tenant="shop", sender="jimin"))
    await redis.aclose()
    await feed(feeder)
    asked = await answer_all(database)
    assert [[m.content for m in job.messages[1:]] for job in asked] == [["같은 방의 다른 사람"]]
    await feed(feeder)
    assert (await counts_of(database, replay_id)).total == 1
    async with database.connect() as connection:
        left = await connection.scalar(text("SELECT count(*) FROM background_jobs"))
    assert left == 0


async def test_turns_whose_jobs_have_vanished_are_asked_anew(database: AsyncEngine) -> None:
    await add_turns(database, 2)
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    async with database.begin() as connection:
        found = await records.find(connection, replay_id)
        assert found is not None
        await client.cancel(connection, found.batch_id)
    await feed(feeder)
    assert len(await answer_all(database)) == 2


async def _turns(database: AsyncEngine) -> list[tuple[object, ...]]:
    async with database.connect() as connection:
        return [tuple(row) for row in await connection.execute(text("SELECT * FROM turns"))]


async def _never(_: object) -> bool:
    return False


async def _withdraw(*_: object) -> None: ...
