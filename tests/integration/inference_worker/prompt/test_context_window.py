from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_queue.protocol import FailureReason, Message, Role
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.context_window import Fitted, fit, prompt_budget

SYSTEM = Message(Role.SYSTEM, "s" * 10)


def count_chars(messages: Sequence[Message]) -> int:
    """A character is a token, a message costs two more, and the open header three."""
    return 3 + sum(2 + len(m.content) for m in messages)


def talk(turns: int, size: int = 20) -> list[Message]:
    """``turns`` answered turns and one new question; each message ``size`` characters."""
    said = [
        Message(role, f"{turn:02d}".ljust(size, "."))
        for turn in range(turns)
        for role in (Role.USER, Role.ASSISTANT)
    ]
    return [SYSTEM, *said, Message(Role.USER, "new".ljust(size, "."))]


def test_messages_within_the_budget_are_unchanged() -> None:
    messages = talk(3)
    assert fit(messages, count_chars(messages), count_chars) == Fitted(messages=tuple(messages))


def test_oldest_whole_turns_go_and_the_system_prompt_stays() -> None:
    messages = talk(9)
    fitted = fit(messages, 300, count_chars)
    assert fitted.messages[0] == SYSTEM
    assert fitted.messages[1].role is Role.USER
    assert fitted.messages[1:] == tuple(messages[1 + fitted.dropped :])
    assert fitted.dropped % 2 == 0
    assert 0 < count_chars(fitted.messages) <= 300
    assert fitted.cut_chars == 0


def test_turns_go_in_portions_so_that_the_prefix_survives_several_turns() -> None:
    budget = 1000
    dropped = [fit(talk(turns), budget, count_chars).dropped for turns in range(60)]
    sizes = [count_chars(fit(talk(turns), budget, count_chars).messages) for turns in range(60)]
    changes = sum(a != b for a, b in pairwise(dropped))
    # A turn is 44 tokens and a portion 250: five or six turns between two changes.
    assert dropped == sorted(dropped)
    assert 5 <= changes <= 8
    assert all(700 <= size <= budget for size in sizes[25:])


def test_a_too_long_newest_message_keeps_its_head() -> None:
    newest = Message(Role.USER, "".join(chr(0xAC00 + i) for i in range(1000)))
    fitted = fit([SYSTEM, *talk(2)[1:-1], newest], 100, count_chars)
    assert [m.role for m in fitted.messages] == [Role.SYSTEM, Role.USER]
    assert newest.content.startswith(fitted.messages[-1].content)
    assert count_chars(fitted.messages) == 100
    assert fitted.dropped == 4
    assert fitted.cut_chars == 1000 - len(fitted.messages[-1].content)


def test_an_open_answer_stays_with_its_question() -> None:
    said = [*talk(9), Message(Role.ASSISTANT, "하나, 둘")]
    fitted = fit(said, 150, count_chars)
    assert fitted.messages[-2:] == tuple(said[-2:])
    assert fitted.dropped > 0
    assert (fitted.dropped % 2, fitted.cut_chars) == (0, 0)


def test_a_too_long_open_answer_keeps_its_end() -> None:
    written = Message(Role.ASSISTANT, "".join(chr(0xAC00 + i) for i in range(1000)))
    fitted = fit([*talk(2), written], 100, count_chars)
    assert [m.role for m in fitted.messages] == [Role.SYSTEM, Role.USER, Role.ASSISTANT]
    assert written.content.endswith(fitted.messages[-1].content)
    assert count_chars(fitted.messages) == 100
    assert fitted.cut_chars == 1000 - len(fitted.messages[-1].content)


def test_no_room_for_the_newest_message_at_all() -> None:
    with pytest.raises(EngineError) as raised:
        fit([Message(Role.SYSTEM, "s" * 200), Message(Role.USER, "hi")], 100, count_chars)
    assert raised.value.failure.reason is FailureReason.PROMPT_TOO_LONG
    assert not raised.value.failure.retryable


@given(
    sizes=st.lists(st.integers(0, 60), max_size=12),
    newest=st.integers(0, 400),
    budget=st.integers(20, 300),
)
@settings(deadline=None)
def test_always_within_the_budget_and_always_a_suffix(
    sizes: list[int], newest: int, budget: int
) -> None:
    said = [
        Message(Role.USER if i % 2 == 0 else Role.ASSISTANT, "x" * n) for i, n in enumerate(sizes)
    ]
    messages = [SYSTEM, *said, Message(Role.USER, "y" * newest)]
    fitted = fit(messages, budget, count_chars)
    assert count_chars(fitted.messages) <= budget
    assert fitted.messages[0] == SYSTEM
    assert fitted.messages[1:-1] == tuple(messages[1 + fitted.dropped : -1])
    assert len(fitted.messages) + fitted.dropped == len(messages)
    assert fitted.messages[-1].content == "y" * (newest - fitted.cut_chars)


def test_with_the_true_tokenizer(llama3_template: ChatTemplate) -> None:
    korean = "서울의 유명한 관광 코스를 만들어줄래? " * 20
    messages = [
        Message(Role.SYSTEM, "당신은 유능한 AI 어시스턴트 입니다."),
        *[Message(role, korean) for _ in range(12) for role in (Role.USER, Role.ASSISTANT)],
        Message(Role.USER, korean * 2),
    ]
    fitted = fit(messages, 2000, llama3_template.count)
    assert 1200 < llama3_template.count(fitted.messages) <= 2000
    cut = fit(messages[-1:], 300, llama3_template.count)
    assert 295 <= llama3_template.count(cut.messages) <= 300
    assert cut.cut_chars > 0


@pytest.mark.parametrize(
    ("window", "asked", "budget"), [(8192, 2048, 6144), (8192, 200, 7992), (512, 2048, 384)]
)
def test_prompt_budget(window: int, asked: int, budget: int) -> None:
    assert prompt_budget(window, asked) == budget
