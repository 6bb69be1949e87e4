"""Wrong settings, named as the environment variables they come from."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError

from runtime.settings_errors import invalid_settings, settings_errors


class Example(BaseModel):
    slots: int = Field(1, ge=1, le=64)
    pause_s: float = Field(1.0, gt=0)
    share: float = Field(0.5, gt=0, lt=1)
    on: bool = False
    language: Literal["ko", "en"] = "ko"
    api_key: int = 0
    base_url: str = Field("", max_length=3)
    token: SecretStr = Field(SecretStr(""), max_length=3)
    hosts: list[int] = []


def error_of(**values: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate(values)
    return caught.value


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("slots", "abc", "BOT_SLOTS=abc: a whole number from 1 to 64 is needed"),
        ("slots", "65", "BOT_SLOTS=65: a whole number from 1 to 64 is needed"),
        ("pause_s", "0", "BOT_PAUSE_S=0: a number above 0 is needed"),
        ("share", "2", "BOT_SHARE=2: a number above 0 below 1 is needed"),
        ("on", "maybe", "BOT_ON=maybe: true or false is needed"),
        ("language", "fr", "BOT_LANGUAGE=fr: ko or en is needed"),
    ],
)
def test_each_line_says_what_is_needed(name: str, value: str, line: str) -> None:
    assert settings_errors(error_of(**{name: value}), Example, "BOT_") == [line]


@pytest.mark.parametrize("name", ["api_key", "base_url", "token"])
def test_a_value_that_may_hold_a_secret_is_not_shown(name: str) -> None:
    [line] = settings_errors(error_of(**{name: "sekret"}), Example, "BOT_")
    assert line.startswith(f"BOT_{name.upper()}: ")
    assert "sekret" not in line


@pytest.mark.parametrize("value", ["x" * 41, "a\nb"])
def test_a_long_or_unprintable_value_is_not_shown(value: str) -> None:
    [line] = settings_errors(error_of(slots=value), Example, "BOT_")
    assert line == "BOT_SLOTS: a whole number from 1 to 64 is needed"


def test_several_mistakes_in_one_value_are_one_variable() -> None:
    error = error_of(hosts=["a", "b"], slots=0)
    assert len(settings_errors(error, Example, "BOT_")) == 3
    assert sorted(invalid_settings(error, "BOT_")) == ["BOT_HOSTS", "BOT_SLOTS"]
