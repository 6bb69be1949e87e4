"""What a model's answers teach about its reasoning, and what no person can teach it."""

from __future__ import annotations

import pytest

from inference_queue.protocol import FinishReason
from inference_worker.answer.answer_text import AnswerText, WrittenAnswer
from inference_worker.answer.reasoning import ThinkingHabit


def an_answer(
    habit: ThinkingHabit, text: str, reason: FinishReason = FinishReason.STOP
) -> WrittenAnswer:
    answer = AnswerText(habit)
    answer.push(text)
    answer.flush(reason)
    return answer.written(reason)


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.DEADLINE])
@pytest.mark.parametrize("begins_inside", [False, None])
def test_an_answer_about_the_tag_costs_nobody_a_cut_answer(
    begins_inside: bool | None, reason: FinishReason
) -> None:
    habit = ThinkingHabit(begins_inside)
    an_answer(habit, "안녕하세요.")
    an_answer(habit, "닫는 태그는 </think> 예요.")
    assert an_answer(habit, "길고 긴 답변", reason).text == "길고 긴 답변"


def test_the_next_answer_makes_up_for_one_about_the_tag() -> None:
    habit = ThinkingHabit(False)
    for _ in range(5):
        an_answer(habit, "닫는 태그는 </think> 예요.")
    for _ in range(2):
        an_answer(habit, "안녕하세요.")
    assert AnswerText(habit).push("안녕하세요.") == "안녕하세요."


def test_a_model_that_is_seen_to_think_shows_nothing_of_a_cut_answer() -> None:
    habit = ThinkingHabit()
    an_answer(habit, "인사한다.</think>안녕하세요.")
    answer = AnswerText(habit)
    assert not answer.push("길고 긴 생각")
    assert not answer.flush(FinishReason.LENGTH)


def test_a_cut_answer_does_not_tell_that_a_model_does_not_think() -> None:
    habit = ThinkingHabit()
    an_answer(habit, "길고 긴 생각", FinishReason.LENGTH)
    answer = AnswerText(habit)
    assert not answer.push("인사한다.</think>")
    assert answer.push("안녕하세요.") == "안녕하세요."
