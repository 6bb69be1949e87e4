"""Every setting has words in both languages, a bound, a field, a sentence and a difference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.admin.bot_settings.comparison import compare_values, shortened
from bot.admin.bot_settings.fields import (
    as_typed,
    bounds_words,
    form_groups,
    problem_words,
    read_fields,
    value_words,
)
from bot.admin.bot_settings.inherited import Deployment
from bot.admin.bot_settings.words import CHOICES, GROUPS, KEYS_IN_WORDS, PROBLEMS, SCOPE_PROBLEMS
from bot.admin.web import language
from bot.configs.keys import KEYS, MAX_PROMPT_CHARS, MAX_TYPED_PROMPT_CHARS, check
from bot.configs.kinds import AdapterName, Choice, Flag, Number, Prose
from bot.configs.problems import BadValueError, Problem
from bot.configs.scopes import ScopeProblem
from bot.configs.text_diff import Side
from bot.conversation.prompt import PromptBuilder
from bot.domain.bot_config import ThreadRule
from bot.settings import Settings
from inference_queue.protocol import NO_ADAPTER
from tests.support.admin import no_workers

HANGUL = re.compile("[가-힣]")
PROMPTS = PromptBuilder.configured(Settings(), no_workers(), max_new_tokens={"kakao": 1300})
DEPLOYMENT = Deployment(Settings(), PROMPTS)


@pytest.fixture(params=["ko", "en"])
def tongue(request: pytest.FixtureRequest) -> Iterator[str]:
    language.choose(request.param)
    yield request.param
    language.choose("ko")


def two_values(key: str) -> tuple[Any, Any]:
    """Two values that the key accepts."""
    match KEYS[key]:
        case Number(low=low, high=high):
            return low, high
        case Flag():
            return True, False
        case Choice(words=words):
            first, second, *_ = words
            return first, second
        case AdapterName():
            return "support", NO_ADAPTER
        case Prose():
            return "첫 문장이에요.", "다른 문장이에요."
    raise AssertionError(key)


def unusable(key: str) -> str:
    """What nobody may type there."""
    kind = KEYS[key]
    return "가" * (kind.max_chars + 1) if isinstance(kind, Prose) else "그런 값은 없어요"


def test_the_form_has_each_setting_once_and_no_other() -> None:
    in_form = [key for group in GROUPS for key in group.keys]
    assert sorted(in_form) == sorted(KEYS)
    assert set(KEYS_IN_WORDS) == set(KEYS)
    assert set(PROBLEMS) == set(Problem)
    assert set(SCOPE_PROBLEMS) == set(ScopeProblem)
    assert set(CHOICES["thread_rule"]) == set(ThreadRule)


@pytest.mark.parametrize("key", KEYS)
def test_a_setting_has_a_field_in_the_users_language(key: str, tongue: str) -> None:
    inherited = {key: DEPLOYMENT.value(key, "kakao") for key in KEYS}
    groups = form_groups({key: "typed"}, {key: "wrong"}, {}, inherited)
    [field] = [field for group in groups for field in group.fields if field.key == key]
    assert (field.typed, field.problem, field.is_changed) == ("typed", "wrong", True)
    for words in (field.label, field.meaning):
        assert words
        assert bool(HANGUL.search(words)) is (tongue == "ko"), words
    is_choice = isinstance(KEYS[key], Choice | Flag)
    assert bool(field.options) is is_choice
    assert (field.control == "choice") is is_choice
    if not is_choice:
        assert re.search(r"\d", bounds_words(key))


@pytest.mark.parametrize("key", KEYS)
def test_a_value_stands_in_its_field_and_is_read_from_it(key: str) -> None:
    for value in two_values(key):
        typed = as_typed({key: value})
        assert read_fields(typed, {}) == ({key: value}, {})
    assert read_fields({key: ""}, {key: two_values(key)[0]}) == ({}, {}), "empty: inherited"
    before = {key: two_values(key)[0]}
    assert read_fields({}, before) == (before, {}), "a form of an older version"


@pytest.mark.parametrize("key", KEYS)
def test_an_unusable_value_is_a_sentence_in_the_users_language(key: str, tongue: str) -> None:
    values, problems = read_fields({key: unusable(key)}, {})
    assert values == {}
    assert bool(HANGUL.search(problems[key])) is (tongue == "ko")
    assert "{" not in problems[key]


@pytest.mark.parametrize("key", KEYS)
async def test_two_values_have_a_difference(key: str) -> None:
    old, new = two_values(key)
    [difference] = await compare_values({key: old}, {key: new})
    assert difference.label == KEYS_IN_WORDS[key].label
    texts = {
        side: "".join(
            part.text for line in difference.lines if line.side is side for part in line.parts
        )
        for side in (Side.OLD, Side.NEW)
    }
    assert texts == {Side.OLD: value_words(key, old), Side.NEW: value_words(key, new)}
    [added] = await compare_values({}, {key: new})
    assert {line.side for line in added.lines} == {Side.NEW}
    assert await compare_values({key: old}, {key: old}) == []


@pytest.mark.parametrize("key", KEYS)
def test_what_a_deployment_has_is_known_to_the_form(key: str) -> None:
    inherited = DEPLOYMENT.value(key, "kakao")
    elsewhere = {"thread_rule", "texts.welcome"}  # the messenger's own
    assert (inherited.value is None) is (key in elsewhere)
    if inherited.value is not None and inherited.value != "":
        check(key, inherited.value)


def test_a_sentence_without_placeholders_says_so() -> None:
    with pytest.raises(BadValueError) as found:
        check("texts.about", "최대 {max}자")
    assert problem_words(found.value) == "이 문구에는 중괄호를 쓸 수 없습니다."


def test_a_prompt_longer_than_can_be_typed_stays_where_it_is_sent_back_unchanged() -> None:
    stored = {"system_prompt": "줄\n" * (MAX_PROMPT_CHARS // 2 - 1) + "끝"}
    sent = {"system_prompt": stored["system_prompt"].replace("\n", "\r\n")}
    assert read_fields(sent, stored) == (stored, {})
    values, problems = read_fields(sent, {})
    assert values == {}
    assert f"{MAX_TYPED_PROMPT_CHARS:,}자까지" in problems["system_prompt"]


async def test_differences_beside_a_form_are_as_long_as_there_is_room() -> None:
    old, new = {"system_prompt": "가" * 3_000, "preset": "demo"}, {"system_prompt": "나" * 3_000}
    whole = await compare_values(old, new)
    short = shortened(whole, 3_000)
    assert [len(one.lines) for one in short] == [2, 0]
    assert [one.left_out for one in short] == [0, 1]
    assert {line.parts[0].text for line in short[0].lines} == {
        "가" * 2_000 + "…",
        "나" * 2_000 + "…",
    }
