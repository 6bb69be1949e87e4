"""Wrong settings, named as the environment variables they come from."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, ValidationError

from runtime.settings_errors import invalid_settings, settings_errors


class Example(BaseModel):
    slots: int = Field(1, ge=1)
    hosts: list[int] = []


def error_of(**values: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate(values)
    return caught.value


def test_each_line_names_the_variable_and_the_reason_but_not_the_value() -> None:
    error = error_of(slots="a secret")
    [line] = settings_errors(error, "WORKER_")
    assert line.startswith("WORKER_SLOTS: Input should be a valid integer")
    assert "secret" not in line


def test_several_mistakes_in_one_value_are_one_variable() -> None:
    error = error_of(hosts=["a", "b"], slots=0)
    assert len(settings_errors(error, "BOT_")) == 3
    assert sorted(invalid_settings(error, "BOT_")) == ["BOT_HOSTS", "BOT_SLOTS"]
