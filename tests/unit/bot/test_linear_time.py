"""Every text function takes CPU time linear in its text, up to the largest text that reaches it."""

from __future__ import annotations

import pytest

from bot.http.errors import MAX_BODY_BYTES
from bot.messengers.parsing import digest
from bot.text.splitting import split
from tests.support.linear_time import TextFunction, assert_linear

#: An answer has at most 8,192 tokens; few have more than eight characters.
MAX_ANSWER_CHARS = 65_536

FUNCTIONS = (
    TextFunction("digest", digest, MAX_BODY_BYTES, in_bytes=True),
    TextFunction("split", lambda text: list(split(text, 900)), MAX_ANSWER_CHARS),
)


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_cpu_time_is_linear(function: TextFunction) -> None:
    assert_linear(function)


def test_quadratic_work_is_noticed() -> None:
    def pairs(text: str) -> int:
        return sum(text.count("a") for _ in text)

    with pytest.raises(AssertionError, match="pairs"):
        assert_linear(TextFunction("pairs", pairs, 6_000), examples=1)
