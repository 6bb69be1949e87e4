"""Today's date in a system prompt of one's own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from bot.conversation.prompt_date import PromptDate, read_zone
from bot.settings import Settings
from inference_queue.presets import PRESETS

LATE = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)  # in Seoul it is already Friday


def date(language: str = "ko", zone: str = "Asia/Seoul") -> PromptDate:
    return PromptDate(read_zone(zone), language, lambda: LATE)


@pytest.mark.parametrize(
    ("language", "zone", "filled"),
    [
        ("ko", "Asia/Seoul", "오늘은 2026년 11월 27일 금요일입니다."),
        ("ko", "Europe/Berlin", "오늘은 2026년 11월 26일 목요일입니다."),
        ("en", "Asia/Seoul", "오늘은 2026-11-27 Friday입니다."),
    ],
)
def test_the_placeholders_become_today(language: str, zone: str, filled: str) -> None:
    assert date(language, zone).fill("오늘은 {date} {weekday}입니다.") == filled


@pytest.mark.parametrize("prompt", ["", "{}", '{"a": {"b": 1}}', "{date", "{day} {0}", "100%"])
def test_other_braces_stay(prompt: str) -> None:
    assert date().fill(prompt) == prompt
    assert date().fill(f"{prompt}{{weekday}}") == f"{prompt}금요일"


def test_the_presets_prompts_stay_exact() -> None:
    for preset in PRESETS.values():
        assert date().fill(preset.system_prompt) == preset.system_prompt


def test_an_unknown_time_zone_is_refused() -> None:
    assert Settings(timezone="Europe/Berlin").timezone == "Europe/Berlin"
    with pytest.raises(ValidationError, match="time zone"):
        Settings(timezone="Asia/Seol")
