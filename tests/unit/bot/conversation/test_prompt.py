"""What the model reads and how it samples."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from bot.conversation.prompt import PromptBuilder, history_window
from bot.domain.bot_config import BotConfig, EffectiveConfig
from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import Person
from bot.store.conversations import ConversationState
from bot.store.history_cache import Exchange, mark, seq_of
from bot.store.waiting_turns import WaitingTurn
from bot.workers import WorkerRegistry
from inference_queue.presets import PRESETS
from inference_queue.protocol import Message, Role

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PRESET = PRESETS["bllossom-8b"]


def builder(
    limits: dict[str, int] | None = None, *, system_prompt: str = "", **values: Any
) -> PromptBuilder:
    """``values``: what the database sets for the room of the conversation."""
    return builder_of(BotConfig(**values), limits, system_prompt=system_prompt)


def builder_of(
    values: BotConfig, limits: dict[str, int] | None = None, *, system_prompt: str = ""
) -> PromptBuilder:
    config = EffectiveConfig(values=values, version=5)

    def config_for(messenger: str, tenant: str, room: str) -> EffectiveConfig:
        assert (messenger, tenant, room) == ("here", "t", "r")
        return config

    return PromptBuilder(
        picture_prompt="사진을 설명해 주세요.",
        preset="auto",
        system_prompt=system_prompt,
        max_new_tokens=limits or {},
        workers=WorkerRegistry(Redis()),
        config_for=config_for,
    )


def waiting(text: str = "안녕", *, messenger: str = "here", epoch: int = 2) -> WaitingTurn:
    return WaitingTurn(
        id=uuid4(),
        conversation_id=7,
        version=1,
        seq=4,
        epoch=epoch,
        person=Person(messenger=messenger, tenant="t", sender="철수"),
        text=text,
        regenerates=None,
        reply_handle=ReplyHandle(via=DeliveryVia.POST, expires_at=NOON + timedelta(minutes=28)),
        received_at=NOON,
        expires_at=NOON + timedelta(minutes=28),
    )


CONVERSATION = ConversationState(
    id=7, version=1, messenger="here", tenant="t", room="r", epoch=2, history_seq=3, history_at=NOON
)


@pytest.mark.parametrize(
    ("limits", "tokens"),
    [({}, 2048), ({"there": 9}, 2048), ({"here": 9}, 9), ({"here": 9000}, 2048)],
)
def test_an_answer_has_no_more_tokens_than_its_messenger_shows(
    limits: dict[str, int], tokens: int
) -> None:
    job = builder(limits).plan(CONVERSATION, [waiting()], []).job
    assert job.sampling.max_new_tokens == tokens


def test_a_burst_is_read_after_the_history() -> None:
    exchanges = [Exchange("1@x", "첫 질문", "첫 답")]
    plan = builder().plan(CONVERSATION, [waiting("하나"), waiting("둘")], exchanges)
    job = plan.job
    assert plan.history == (1,)
    assert job.messages == (
        Message(Role.SYSTEM, PRESET.system_prompt),
        Message(Role.USER, "첫 질문"),
        Message(Role.ASSISTANT, "첫 답"),
        Message(Role.USER, "하나\n둘"),
    )
    assert job.cache_key == "t:7:2"
    assert job.fairness_key == waiting().person.key
    assert job.due == NOON + timedelta(seconds=60)


def test_a_system_prompt_that_is_set_replaces_the_preset_s() -> None:
    job = builder(system_prompt="반말로").plan(CONVERSATION, [waiting()], []).job
    assert job.messages[0].content == "반말로"


def test_a_reset_after_the_turn_leaves_no_history() -> None:
    assert history_window(CONVERSATION, waiting(epoch=2)).newest == mark(3, NOON)
    assert history_window(CONVERSATION, waiting(epoch=1)).newest == ""


def test_a_prompt_of_ones_own_may_hold_the_date() -> None:
    job = builder(system_prompt="오늘: {date}").plan(CONVERSATION, [waiting()], []).job
    assert re.fullmatch(r"오늘: \d{4}년 \d{1,2}월 \d{1,2}일", job.messages[0].content)


def test_a_scope_s_own_prompt_and_preset_count_before_those_of_all() -> None:
    prompts = builder(system_prompt="모두에게")
    usual = prompts.plan(CONVERSATION, [waiting()], [])
    assert (usual.job.messages[0].content, usual.preset) == ("모두에게", "bllossom-8b")
    assert usual.config_version == 5
    own = builder_of(BotConfig(system_prompt="우리에게"), system_prompt="모두에게")
    assert own.plan(CONVERSATION, [waiting()], []).job.messages[0].content == "우리에게"


def test_a_scope_chooses_its_preset() -> None:
    plan = builder(preset="llama3-bllossom").plan(CONVERSATION, [waiting()], [])
    chosen = PRESETS["llama3-bllossom"]
    assert plan.preset == "llama3-bllossom"
    assert plan.job.messages[0].content == chosen.system_prompt
    assert plan.job.sampling.repetition_penalty == chosen.sampling.repetition_penalty


@pytest.mark.parametrize(("own", "tokens"), [(None, 9), (50, 50), (30_000, 2048)])
def test_a_scope_s_own_length_counts_before_the_messenger_s(own: int | None, tokens: int) -> None:
    plan = builder({"here": 9}, max_new_tokens=own).plan(CONVERSATION, [waiting()], [])
    assert plan.job.sampling.max_new_tokens == tokens


@pytest.mark.parametrize(("own", "read"), [(None, "123"), (0, ""), (2, "23"), (9, "123")])
def test_a_scope_may_read_less_history_than_all(own: int | None, read: str) -> None:
    exchanges = [Exchange(f"{n}@x", str(n), "답") for n in (1, 2, 3)]
    job = builder(history_turns=own).plan(CONVERSATION, [waiting("끝")], exchanges).job
    asked = [message.content for message in job.messages if message.role is Role.USER]
    assert asked == [*read, "끝"]


CUT, EARLIER = Exchange("3@x", "세어 줘", "하나, 둘"), Exchange("2@x", "안녕", "네")
PRESS = replace(waiting("이어서 써 주세요"), continues="3@x")


@pytest.mark.parametrize(
    ("burst", "exchanges", "continues"),
    [
        ([PRESS], [EARLIER, CUT], True),
        ([PRESS], [CUT, EARLIER], False),  # other answers came in between
        ([PRESS], [], False),  # a reset
        ([PRESS, waiting("그리고 표로")], [CUT], False),
        ([waiting("그리고"), PRESS], [CUT], False),
        ([waiting("이어서")], [CUT], False),
        ([replace(PRESS, continues="")], [CUT], False),
        ([replace(PRESS, continues="3@y")], [CUT], False),  # answered anew after a crash
    ],
)
def test_a_job_continues_only_the_answer_that_its_history_ends_with(
    burst: list[WaitingTurn], exchanges: list[Exchange], continues: bool
) -> None:
    job = builder().plan(CONVERSATION, burst, exchanges).job
    assert job.continues == continues
    assert job.messages[-1].role is Role.USER


def test_a_scope_without_history_continues_nothing() -> None:
    assert not builder(history_turns=0).plan(CONVERSATION, [PRESS], [CUT]).job.continues


def test_a_prompt_that_is_tried_is_the_prompt_of_a_turn() -> None:
    values = BotConfig(
        system_prompt="오늘은 {date}이야.", preset="demo", max_new_tokens=70, history_turns=1
    )
    exchanges = [Exchange(mark="1", text="하나", answer="1"), Exchange("2", "둘", "2")]
    made = builder_of(values, {"here": 90})
    planned = made.plan(CONVERSATION, [waiting("셋")], exchanges)
    tried = made.compose(values, "here", exchanges, Message(Role.USER, "셋"))
    assert tried.messages == planned.job.messages
    assert (tried.sampling, tried.preset) == (planned.job.sampling, planned.preset)
    assert [message.content for message in tried.messages][1:] == ["둘", "2", "셋"]


@pytest.mark.parametrize("odd", ["", "@", "x@y", "１@y", "9" * 30 + "@y", "-1@y"])
def test_a_mark_that_names_no_turn_counts_as_none(odd: str) -> None:
    assert seq_of(odd) == 0
    assert builder().plan(CONVERSATION, [waiting()], [Exchange(odd, "질문", "답")]).history == (0,)
    assert seq_of(mark(12, NOON)) == 12
