"""Questions with pictures are asked again with them, as long as an operator keeps the pictures."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.replay.feeder import MAX_WITH_PICTURES
from bot.domain.replays import ReplayOptions
from bot.store import prompt_settings
from bot.store.prompt_settings import PromptSettings
from inference_queue.background.leases import BackgroundLeases
from inference_queue.background.protocol import Target
from inference_queue.presets import PRESETS
from inference_queue.protocol import Failure, FailureReason, Job
from tests.support.replays import (
    OFFER,
    a_feeder,
    answer_all,
    counts_of,
    feed,
    items_of,
    order_replay,
    state_of,
)
from tests.support.sample_turns import NOON, add_turn

ONE: list[dict[str, Any]] = [{"type": "image"}]
SEEING = replace(OFFER, sees=True)
CAT, DOG = b"\xff\xd8a cat", b"\xff\xd8a dog"


async def keep(database: AsyncEngine, turn: UUID, *pictures: bytes, days: int = 7) -> None:
    statement = text(
        "INSERT INTO turn_pictures (turn_id, position, media_type, data, kept_until) "
        "VALUES (:turn, :position, 'image/jpeg', :data, now() + make_interval(days => :days))"
    )
    async with database.begin() as connection:
        for position, data in enumerate(pictures):
            values = {"turn": turn, "position": position, "data": data, "days": days}
            await connection.execute(statement, values)


async def forget_pictures(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM turn_pictures"))


async def in_the_lane(database: AsyncEngine) -> Sequence[str]:
    async with database.connect() as connection:
        return list(await connection.scalars(text("SELECT kind FROM background_jobs")))


def shown(job: Job) -> list[bytes]:
    return [b64decode(picture.data) for picture in job.messages[-1].pictures]


async def test_kept_pictures_go_to_a_worker_that_sees(database: AsyncEngine) -> None:
    turn = await add_turn(database, "무슨 동물이야?", "고양이예요.", key="a", media=[*ONE, *ONE])
    await keep(database, turn, CAT, DOG)
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    assert await answer_all(database) == []  # a worker that reads text only leaves it
    [job] = await answer_all(database, offer=SEEING)
    assert (job.messages[-1].content, shown(job)) == ("무슨 동물이야?", [CAT, DOG])
    await feed(feeder)
    [item] = await items_of(database, replay_id)
    assert item.answer == "새 답: 무슨 동물이야?"
    assert await state_of(database, replay_id) == "ended"


async def test_a_picture_that_is_not_kept_leaves_its_question_out(database: AsyncEngine) -> None:
    half = await add_turn(database, "둘 다 뭐야?", "동물이에요.", key="a", media=[*ONE, *ONE])
    late = await add_turn(database, "이건?", "개예요.", key="b", media=ONE)
    await keep(database, half, CAT)
    await keep(database, late, DOG, days=0)
    replay_id = await order_replay(database)
    await feed(a_feeder(database))
    assert (await counts_of(database, replay_id)).total == 0


async def test_a_photo_without_words_is_asked_about_as_it_was(database: AsyncEngine) -> None:
    preset = PRESETS["bllossom-8b"]
    settings = PromptSettings(
        preset="bllossom-8b",
        system_prompt="짧게.",
        sampling=preset.sampling,
        picture_prompt="사진을 설명해 주세요.",
    )
    async with database.begin() as connection:
        await prompt_settings.keep(connection, [settings], kept=())
    photo = await add_turn(
        database, "[사진]", "고양이예요.", key="a", media=ONE, prompt_settings=settings.id
    )
    await keep(database, photo, CAT)
    await order_replay(database)
    await feed(a_feeder(database))
    [job] = await answer_all(database, offer=SEEING)
    assert job.messages[-1].content == "사진을 설명해 주세요."


async def test_the_pictures_of_a_burst_belong_to_its_answer(database: AsyncEngine) -> None:
    answered = await add_turn(
        database, "무슨 색이야?", "까만색이에요.", key="a", prompt="[사진]\n무슨 색이야?",
        received_at=NOON + timedelta(seconds=1),
    )  # fmt: skip
    photo = await add_turn(
        database, "[사진]", None, key="a", media=ONE, status="merged", merged_into=answered,
        received_at=NOON,
    )  # fmt: skip
    async with database.begin() as connection:
        swap = "UPDATE turns SET seq = CASE WHEN id = :photo THEN 1001 ELSE 1002 END"
        await connection.execute(text(swap), {"photo": photo})
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    assert (await counts_of(database, replay_id)).total == 0
    await keep(database, photo, CAT)
    await order_replay(database)
    await feed(feeder)
    [job] = await answer_all(database, offer=SEEING)
    assert shown(job) == [CAT]


async def test_a_picture_in_the_lane_goes_when_it_is_not_kept_any_more(
    database: AsyncEngine,
) -> None:
    turn = await add_turn(database, "뭐야?", "고양이예요.", key="a", media=ONE)
    await keep(database, turn, CAT)
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    assert await in_the_lane(database) == ["see"]
    await forget_pictures(database)
    await feed(feeder)
    assert await in_the_lane(database) == []
    [item] = await items_of(database, replay_id)
    assert (item.state, item.failure) == ("failed", "unaskable")


async def test_a_chosen_model_that_sees_nothing_declines_and_the_reason_is_kept(
    database: AsyncEngine,
) -> None:
    turn = await add_turn(database, "뭐야?", "고양이예요.", key="a", media=ONE)
    await keep(database, turn, CAT)
    options = ReplayOptions(target=Target(model=OFFER.model, engine=OFFER.engine))
    replay_id, feeder = await order_replay(database, options=options), a_feeder(database)
    await feed(feeder)
    declined = Failure(reason=FailureReason.NO_VISION, message="text only")
    assert len(await answer_all(database, lambda _: declined)) == 1
    await feed(feeder)
    [item] = await items_of(database, replay_id)
    assert item.failure == "no_vision"


async def test_only_some_pictures_enter_the_lane_in_one_step(database: AsyncEngine) -> None:
    for number in range(MAX_WITH_PICTURES + 3):
        turn = await add_turn(database, f"질문 {number}", "답", key=f"k{number}", media=ONE)
        await keep(database, turn, CAT)
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder, rounds=2)
    assert len(await in_the_lane(database)) <= MAX_WITH_PICTURES * 2
    while await state_of(database, replay_id) != "ended":
        await feed(feeder, rounds=1)
        await answer_all(database, offer=SEEING)
    assert (await counts_of(database, replay_id)).answered == MAX_WITH_PICTURES + 3


async def test_the_lane_carries_pictures_over_the_wire(database: AsyncEngine) -> None:
    turn = await add_turn(database, "뭐야?", "고양이예요.", key="a", media=ONE)
    await keep(database, turn, CAT)
    await order_replay(database)
    await feed(a_feeder(database))
    leases = BackgroundLeases(database, worker="w", lease_s=60)
    [lease] = await leases.claim(1, SEEING)
    assert isinstance(lease.job, Job)
    assert lease.job.has_pictures
    assert lease.job.messages[-1].pictures[0].data == b64encode(CAT).decode()
