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


@pytest.mark.parametrize(
    ("before", "rest", "text"),
    [
        ("안녕하", "세요. 반가워요.", "세요. 반가워요."),
        ("서울의", " 명소는", " 명소는"),
        ("1. 사과\n2. 바", "나나\n3. 체리", "나나\n3. 체리"),
        ("1. 사과\n", "2. 바나나", "2. 바나나"),
        ("예:\n\n```python\nx = 1\ny =", " 2\n```\n끝", "```python\n 2\n```\n끝"),
        ("예:\n\n```python\nx = 1\n", "y = 2\n```\n끝", "```python\ny = 2\n```\n끝"),
        ("예:\n\n```py", "thon\nx = 1\n```", "```python\nx = 1\n```"),
        ("- 예:\n  ~~~~\n  ```\n", "x\n~~~~", "~~~~\nx\n~~~~"),
        ("```\nx\n```\n", "그리고 `y`", "그리고 `y`"),
        ("```\nx\n```", "\n끝", "\n끝"),
        ("`x", "` 는 값", "` 는 값"),
        ("```\nx", " ", " "),
    ],
)
def test_the_rest_of_a_cut_answer_is_markdown_of_its_own(before: str, rest: str, text: str) -> None:
    answer = AnswerText(ThinkingHabit(False), before=before)
    shown = "".join(answer.push(character) for character in rest) + answer.flush(FinishReason.STOP)
    assert shown == answer.written(FinishReason.STOP).text == text


def test_a_tag_in_code_that_was_begun_before_the_cut_is_text() -> None:
    answer = AnswerText(ThinkingHabit(False), before="```html\n")
    text = "<think>\n</think>\n```"
    assert answer.push(text) + answer.flush(FinishReason.STOP) == f"```html\n{text}"


def test_the_rest_of_a_cut_answer_teaches_nothing() -> None:
    habit = ThinkingHabit(False)
    answer = AnswerText(habit, before="닫는 태그는")
    answer.push(" </think> 예요.")
    answer.flush(FinishReason.STOP)
    answer.written(FinishReason.STOP)
    assert habit.begins_inside is False
