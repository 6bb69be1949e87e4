"""A past turn is asked with the messages that the model read then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.replay.past_prompts import PastPrompts
from bot.domain.bot_config import Scope
from bot.domain.replays import ReplayOptions
from bot.store import bot_configs, prompt_settings
from bot.store.prompt_settings import PromptSettings
from inference_queue.presets import PRESETS
from inference_queue.protocol import Job, SamplingParams
from tests.support.replays import OWN_PROMPT, defaults
from tests.support.sample_turns import NOON, add_turn


async def job_of(
    database: AsyncEngine, turn_id: UUID, options: ReplayOptions | None = None, **changes: Any
) -> Job:
    prompts = PastPrompts(defaults(**changes))
    async with database.connect() as connection:
        jobs = await prompts.jobs(connection, [turn_id], options or ReplayOptions())
    return jobs[turn_id]


def said(job: Job) -> list[str]:
    return [message.content for message in job.messages[1:]]


async def test_the_history_is_that_of_then_and_no_later_one(database: AsyncEngine) -> None:
    ids = [
        await add_turn(database, f"질문 {n}", f"답 {n}", received_at=NOON + timedelta(minutes=n))
        for n in range(4)
    ]
    job = await job_of(database, ids[2])
    assert said(job) == ["질문 0", "답 0", "질문 1", "답 1", "질문 2"]
    assert job.messages[0].content == PRESETS["bllossom-8b"].system_prompt
    assert job.sampling == PRESETS["bllossom-8b"].sampling
    assert said(await job_of(database, ids[3], history_turns=1)) == ["질문 2", "답 2", "질문 3"]


async def test_other_epochs_failures_and_replaced_answers_are_left_out(
    database: AsyncEngine,
) -> None:
    await add_turn(database, "예전", "답", epoch=0)
    replaced = await add_turn(
        database, "처음", "나쁜 답", epoch=1, received_at=NOON + timedelta(minutes=1)
    )
    await add_turn(database, "실패", None, epoch=1, status="failed")
    again = await add_turn(
        database, "처음", "좋은 답", epoch=1, regenerates=replaced,
        received_at=NOON + timedelta(minutes=2),
    )  # fmt: skip
    newest = await add_turn(
        database, "다음", "네", epoch=1, received_at=NOON + timedelta(minutes=3)
    )
    assert said(await job_of(database, again)) == ["처음"]
    assert said(await job_of(database, newest)) == ["처음", "좋은 답", "다음"]


async def test_a_merged_question_is_asked_as_the_model_read_it(database: AsyncEngine) -> None:
    turn_id = await add_turn(database, "둘째 줄", "네", prompt="첫째 줄\n둘째 줄")
    assert said(await job_of(database, turn_id)) == ["첫째 줄\n둘째 줄"]


async def test_a_turn_that_went_on_goes_on_again(database: AsyncEngine) -> None:
    cut = await add_turn(database, "이야기", "옛날에")
    more = await add_turn(
        database, "계속", "그래서", continues=cut, received_at=NOON + timedelta(minutes=1)
    )
    assert (await job_of(database, more)).continues
    assert not (await job_of(database, cut)).continues


async def test_the_date_is_that_of_the_question(database: AsyncEngine) -> None:
    turn_id = await add_turn(database)
    job = await job_of(database, turn_id, system_prompt=OWN_PROMPT)
    assert job.messages[0].content == "오늘은 2026년 11월 20일이에요."


async def test_the_settings_are_those_of_the_turn_s_version(database: AsyncEngine) -> None:
    scope = Scope("kakao", "shop")
    versions = []
    async with database.begin() as connection:
        for words in ("그때의 프롬프트", "오늘의 프롬프트"):
            values = {"system_prompt": words, "max_new_tokens": 99, "history_turns": 0}
            versions.append(await bot_configs.add(connection, scope, values, author="lee"))
    await add_turn(database, "먼저", "네")
    turn_id = await add_turn(
        database, config_version=versions[0], received_at=NOON + timedelta(minutes=1)
    )
    job = await job_of(database, turn_id)
    assert job.messages[0].content == "그때의 프롬프트"
    assert job.sampling.max_new_tokens == 99
    assert len(job.messages) == 2


async def test_another_preset_brings_its_prompt_unless_one_was_set(database: AsyncEngine) -> None:
    turn_id = await add_turn(database)
    demo = ReplayOptions(preset="demo")
    job = await job_of(database, turn_id, demo)
    assert job.messages[0].content == PRESETS["demo"].system_prompt
    job = await job_of(database, turn_id, demo, system_prompt="우리 가게예요.")
    assert job.messages[0].content == "우리 가게예요."


RECORDED = PromptSettings(
    preset="bllossom-8b",
    system_prompt="어제는 2026년 11월 19일이에요.",
    sampling=SamplingParams(temperature=0.3, max_new_tokens=77),
)


async def recorded_turn(database: AsyncEngine, settings: PromptSettings) -> UUID:
    """The third turn of a conversation, whose prompt held the first alone."""
    async with database.begin() as connection:
        await prompt_settings.keep(connection, [settings], kept=())
    for number in range(2):
        at = NOON + timedelta(minutes=number)
        await add_turn(database, f"질문 {number}", f"답 {number}", received_at=at)
    return await add_turn(
        database, "셋째", "네", prompt_settings=settings.id, history_seqs=[1],
        received_at=NOON + timedelta(minutes=5),
    )  # fmt: skip


async def test_what_was_recorded_counts_before_what_the_log_tells(database: AsyncEngine) -> None:
    turn_id = await recorded_turn(database, RECORDED)
    job = await job_of(database, turn_id, system_prompt=OWN_PROMPT, max_new_tokens={"kakao": 5})
    assert [m.content for m in job.messages] == [
        RECORDED.system_prompt,
        "질문 0",
        "답 0",
        "셋째",
    ]
    assert job.sampling == RECORDED.sampling


async def test_another_preset_replaces_a_recorded_one_and_keeps_a_prompt_of_one_s_own(
    database: AsyncEngine,
) -> None:
    demo = ReplayOptions(preset="demo")
    job = await job_of(database, await recorded_turn(database, RECORDED), demo)
    assert job.messages[0].content == RECORDED.system_prompt
    assert job.sampling == PRESETS["demo"].sampling
    preset_s = replace(RECORDED, system_prompt=PRESETS["bllossom-8b"].system_prompt)
    job = await job_of(database, await recorded_turn(database, preset_s), demo)
    assert job.messages[0].content == PRESETS["demo"].system_prompt


async def test_a_messenger_s_longest_answer_is_a_bound(database: AsyncEngine) -> None:
    turn_id = await add_turn(database)
    job = await job_of(database, turn_id, max_new_tokens={"kakao": 300})
    assert job.sampling.max_new_tokens == 300
