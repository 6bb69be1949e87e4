"""Going on in an answer that was cut: the local engine, on real models."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from inference_queue.protocol import Completion, FinishReason, Job, Message, Role, SamplingParams
from inference_worker import going_on
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.errors import EngineError
from tests.support.tiny_llama import KOREAN_ANSWER

ASK = "방금 답변이 끊겼어요. 이어서 써 주세요."
QUESTION = "Write a numbered list of five fruits. Say a sentence about each."


def job(*contents: str, tokens: int, continues: bool = False, key: str = "") -> Job:
    """Contents by turns, the last one the user's; greedy."""
    roles = [Role.USER if i % 2 == 0 else Role.ASSISTANT for i in range(len(contents))]
    return Job(
        id=uuid4(),
        messages=tuple(map(Message, roles, contents)),
        sampling=SamplingParams(temperature=0, top_p=1, max_new_tokens=tokens),
        cache_key=key,
        continues=continues,
    )


async def complete(engine: LocalEngine, job: Job) -> Completion:
    *deltas, end = [event async for event in engine.generate(job)]
    assert isinstance(end, Completion)
    assert "".join(delta.text for delta in deltas) == end.text
    return end


async def test_a_korean_answer_cut_anywhere_ends_as_the_uncut_one(
    korean_engine: LocalEngine,
) -> None:
    for tokens in range(3, 47):  # the first character takes three
        cut = await complete(korean_engine, job("안녕", tokens=tokens))
        assert cut.finish_reason is FinishReason.LENGTH
        rest = await complete(korean_engine, job("안녕", cut.text, ASK, tokens=64, continues=True))
        # A blank whose word is not begun is written again, with the word.
        assert cut.text.rstrip(" ") + rest.text == KOREAN_ANSWER
        assert rest.finish_reason is FinishReason.STOP


@pytest.mark.parametrize("tokens", [3, 8, 17, 40])
async def test_a_cut_answer_and_its_rest_equal_the_uncut_greedy_answer(
    demo_engine: LocalEngine, tokens: int
) -> None:
    whole = await complete(demo_engine, job(QUESTION, tokens=60))
    cut = await complete(demo_engine, job(QUESTION, tokens=tokens))
    assert whole.text.startswith(cut.text)
    rest = await complete(
        demo_engine, job(QUESTION, cut.text, ASK, tokens=60 - tokens, continues=True)
    )
    assert cut.text + rest.text == whole.text


async def test_a_model_with_nothing_to_add_answers_the_request(
    korean_engine: LocalEngine,
) -> None:
    said = job("안녕", KOREAN_ANSWER, ASK, tokens=64, continues=True)
    assert (await complete(korean_engine, said)).text == ""
    *_, end = [event async for event in going_on.answer(korean_engine, said)]
    assert end.text == KOREAN_ANSWER  # whatever it is asked


async def test_a_question_that_leaves_no_room_for_its_answer_is_left_out(
    korean_engine: LocalEngine,
) -> None:
    said = job("안녕하세요? " * 200, "뷁! 서울의", ASK, tokens=64, continues=True)
    with pytest.raises(EngineError):
        await complete(korean_engine, said)
    *_, end = [event async for event in going_on.answer(korean_engine, said)]
    assert isinstance(end, Completion)
    assert (end.text, end.dropped_messages) == (KOREAN_ANSWER, 2)


async def test_an_answer_goes_on_twice(demo_engine: LocalEngine) -> None:
    first = await complete(demo_engine, job(QUESTION, tokens=10))
    second = await complete(demo_engine, job(QUESTION, first.text, ASK, tokens=9, continues=True))
    said = (QUESTION, first.text, ASK, second.text, ASK)
    third = await complete(demo_engine, job(*said, tokens=9, continues=True))
    assert third.text
    assert not third.text.startswith(first.text[:5])


async def test_going_on_computes_almost_nothing_of_the_prompt(demo_engine: LocalEngine) -> None:
    question = QUESTION * 20
    cut = await complete(demo_engine, job(question, tokens=12, key="kakao:fruits"))
    reused = demo_engine.usage.reused_tokens
    goes_on = job(question, cut.text, ASK, tokens=4, continues=True, key="kakao:fruits")
    rest = await complete(demo_engine, goes_on)
    computed = rest.prompt_tokens - (demo_engine.usage.reused_tokens - reused)
    assert rest.prompt_tokens > 300
    assert computed <= 2


async def test_a_model_that_thinks_first_answers_the_request(
    demo_engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = demo_engine._model
    said = ("Hi", "Hello, how", ASK)
    opened = await complete(demo_engine, job(*said, tokens=4, continues=True))
    monkeypatch.setattr(model.habit, "begins_inside", None)
    asked = await complete(demo_engine, job(*said, tokens=4, continues=True))
    plain = await complete(demo_engine, job(*said, tokens=4))
    assert asked.prompt_tokens == plain.prompt_tokens > opened.prompt_tokens
