"""What becomes of odd answers of a model on their way to people and into the log."""

from __future__ import annotations

from typing import Any

import pytest

from bot.text.catalog import TEXTS
from tests.support.stack import running_stack, served

TEXT = TEXTS["ko"]


async def test_reasoning_is_logged_and_neither_shown_nor_remembered(
    database_url: str, redis_url: str
) -> None:
    switches: dict[str, Any] = {"pieces": ["<think>비밀이다", "</think>\n\n", "네, 반가워요."]}
    async with (
        served(**switches) as (server, engine),
        running_stack(database_url, redis_url, engine) as stack,
    ):
        shown = await stack.say_kakao("안녕")
        assert shown.bubbles[0] == "네, 반가워요."
        turn = await stack.until("SELECT * FROM turns WHERE status = 'answered'")
        assert (turn.answer, turn.reasoning) == ("네, 반가워요.", "비밀이다")
        await stack.say_kakao("또 왔어")
        assert server.requests[-1].contents[1:] == ["안녕", "네, 반가워요.", "또 왔어"]


async def test_a_stopped_repetition_is_told_and_marked_but_not_remembered(
    database_url: str, redis_url: str
) -> None:
    switches: dict[str, Any] = {"pieces": ["네, 좋아요. "] * 400}
    async with (
        served(**switches) as (server, engine),
        running_stack(database_url, redis_url, engine) as stack,
    ):
        shown = await stack.say_kakao("안녕")
        assert shown.bubbles[0].startswith("네, 좋아요.")
        assert shown.bubbles[0].count("좋아요") == 1
        assert TEXT.repetition_note in "\n".join(shown.bubbles)
        turn = await stack.until("SELECT * FROM turns WHERE status = 'answered'")
        assert (turn.answer, turn.finish_reason) == ("네, 좋아요.", "repetition")
        await stack.say_kakao("또")
        assert server.requests[-1].contents[1:] == ["안녕", "네, 좋아요.", "또"]


@pytest.mark.parametrize("answer", ["\u200b", "\u3164", " \n\u2800\ufeff", "\u202e\u200d"])
async def test_an_answer_that_nobody_can_see_becomes_a_sentence(
    database_url: str, redis_url: str, answer: str
) -> None:
    async with (
        served(pieces=[answer]) as (_, engine),
        running_stack(database_url, redis_url, engine) as stack,
    ):
        shown = await stack.say_kakao("안녕")
        assert shown.bubbles[0] == TEXT.failed
