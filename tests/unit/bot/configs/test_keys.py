"""What each key accepts, and what is ignored in a row of another version."""

from __future__ import annotations

import pytest

from bot.configs.keys import KEYS, MAX_PROMPT_CHARS, MAX_TEXT_CHARS, check, read_values
from bot.configs.kinds import Prose, placeholders
from bot.domain.bot_config import BotConfig, ThreadRule


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("system_prompt", "  너는 상담원이야.\r\n오늘: {date} ", "너는 상담원이야.\n오늘: {date}"),
        ("system_prompt", "가" * MAX_PROMPT_CHARS, "가" * MAX_PROMPT_CHARS),
        ("system_prompt", "\u1100\u1161", "가"),  # NFD of a Mac's file
        ("preset", "auto", "auto"),
        ("preset", "llama3-bllossom", "llama3-bllossom"),
        ("max_new_tokens", "300", 300),
        ("history_turns", "0", 0),
        ("ai_notice", "no", False),
        ("ai_notice", "TRUE", True),
        ("thread_rule", "never", "never"),
        ("rate_limit_per_minute", "5", 5),
        ("max_waiting_turns", "1000000", 1_000_000),
        ("texts.about", "안녕하세요, 가나 은행이에요.", "안녕하세요, 가나 은행이에요."),
    ],
)
def test_a_typed_value_is_read(key: str, typed: str, value: object) -> None:
    assert check(key, KEYS[key].parse(typed)) == value


@pytest.mark.parametrize(
    ("key", "typed", "reason"),
    [
        ("system_prompt", " \x00 ", "the text is empty"),
        ("system_prompt", "\u200b\u3164", "the text is empty"),
        ("texts.failed", "\ufeff \u2800", "the text is empty"),
        ("system_prompt", "가" * 20_001, "20,001 characters, and at most 20,000"),
        (
            "preset",
            "bllossom",
            "one of auto, bllossom-8b, llama3-bllossom, bllossom-vision-8b",
        ),
        ("max_new_tokens", "0", "a whole number from 1 to 32768 is needed"),
        ("max_new_tokens", "-1", "a whole number"),
        ("max_new_tokens", "١٢", "a whole number"),
        ("max_new_tokens", "9" * 5000, "a whole number"),
        ("history_turns", "1.5", "a whole number from 0 to 200 is needed"),
        ("ai_notice", "1", "true or false is needed"),
        ("thread_rule", "sometimes", "one of asked, always, never is needed"),
        ("rate_limit_per_minute", "1000001", "a whole number from 0 to 1000000 is needed"),
        ("texts.failed", "가" * (MAX_TEXT_CHARS + 1), "at most 900"),
        ("texts.busy", "🙂" * 451, "902 characters, and at most 900"),
        ("texts.ai_notice", "가" * 91, "91 characters, and at most 90"),
        ("texts.about", "최대 {max}자", "the sentence must hold no placeholder"),
        ("texts.about", "중괄호 {", "a brace has no partner"),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(key: str, typed: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(key, KEYS[key].parse(typed))


@pytest.mark.parametrize("key", ["", "prompt", "texts", "texts.units", "texts.fetch_label"])
def test_an_unknown_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no such key; there are system_prompt, preset"):
        check(key, "x")


def test_a_sentence_keeps_the_placeholders_of_its_original() -> None:
    assert placeholders("{max:,}자, {limit} 안에") == {"max:,", "limit"}
    assert placeholders("{0.__class__}") == {"0.__class__"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [(True, "a text is needed"), (None, "a text is needed"), ([], "a text is needed")],
)
def test_a_stored_value_of_another_type_is_refused(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Prose(9).check(value)
    with pytest.raises(ValueError, match="a whole number"):
        KEYS["history_turns"].check(value)


def test_a_row_of_a_newer_version_counts_as_far_as_it_is_known() -> None:
    config, ignored = read_values(
        {
            "preset": "bllossom-70b",
            "tone": "warm",
            "thread_rule": "always",
            "texts.about": "저예요",
            "texts.farewell": "안녕히 가세요",
            "ai_notice": "no",
            "history_turns": 3,
        }
    )
    assert config == BotConfig(
        thread_rule=ThreadRule.ALWAYS, history_turns=3, texts={"about": "저예요"}
    )
    assert set(ignored) == {"preset", "tone", "texts.farewell", "ai_notice"}


@pytest.mark.parametrize("stored", [None, [], "preset", 3])
def test_a_row_that_is_no_object_sets_nothing(stored: object) -> None:
    assert read_values(stored) == (BotConfig(), {"": "the row is no JSON object"})
