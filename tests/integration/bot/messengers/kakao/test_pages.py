"""Pages of long answers, asked for by their button."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from structlog.testing import capture_logs

from bot.messengers.kakao.platform_limits import check_skill_response
from bot.messengers.kakao.words import WORDS
from tests.support.stack import Said, Stack

KO = WORDS["ko"]
LONG = " ".join(f"{n}번째 문장을 길게 적어 보았어요." for n in range(160))


def button(said: Said, label: str) -> dict[str, Any]:
    [found] = [r for r in said.body["template"]["quickReplies"] if r["label"] == label]
    return dict(found["extra"])


async def press(stack: Stack, extra: dict[str, Any], *, user: str = "철수") -> Said:
    return await stack.say_kakao("더 보기", user=user, extra=extra)


async def test_the_rest_of_a_long_answer_is_paged_without_the_model(stack: Stack) -> None:
    first = await stack.say_kakao(LONG)
    more = button(first, "더 보기")
    second = await press(stack, more)
    check_skill_response(second.body)
    shown = " ".join([*first.bubbles, *second.bubbles])
    assert [word for word in f"에코: {LONG}".split() if word not in shown.split()] == []
    assert second.bubbles[-1].endswith("159번째 문장을 길게 적어 보았어요.")
    assert "더 보기" not in json.dumps(second.body, ensure_ascii=False)
    assert (await press(stack, more)).body == second.body
    assert "에코: 0번째" in (await press(stack, {**more, "page": 1})).bubbles[0]
    assert len(await stack.rows("SELECT 1 FROM turns")) == 1


async def test_a_page_of_another_person_is_not_shown_and_is_logged(stack: Stack) -> None:
    more = button(await stack.say_kakao(LONG), "더 보기")
    with capture_logs() as logs:
        said = await press(stack, more, user="영희")
    assert said.bubbles == [KO.page_gone]
    [line] = [line for line in logs if line["event"] == "kakao_foreign_press"]
    assert line["turn_id"] == more["page_turn"]


async def test_the_typed_word_shows_the_newest_answers_second_page(stack: Stack) -> None:
    assert (await stack.say_kakao("더 보기")).bubbles == ["에코: 더 보기"]
    first = await stack.say_kakao(LONG)
    second = await press(stack, button(first, "더 보기"))
    assert (await stack.say_kakao("더보기")).body == second.body
    await stack.say_kakao("짧은 질문")
    assert (await stack.say_kakao("더 보기")).bubbles == ["에코: 더 보기"]
    assert len(await stack.rows("SELECT 1 FROM turns")) == 4


async def test_a_page_that_is_not_there_is_a_sentence(stack: Stack) -> None:
    more = button(await stack.say_kakao(LONG), "더 보기")
    for extra in ({**more, "page": 9}, {**more, "page_turn": str(uuid4())}):
        assert (await press(stack, extra)).bubbles == [KO.page_gone]
