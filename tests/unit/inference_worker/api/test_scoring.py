"""How many log-probabilities one request may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from inference_worker.api.errors import ApiError
from inference_worker.api.fields import Fields
from inference_worker.api.scoring import MAX_SCORES, Scoring, read_plain_scoring


def read(prompts: list[Any], max_new_tokens: int, **fields: Any) -> Scoring:
    return read_plain_scoring(Fields(fields), prompts, max_new_tokens=max_new_tokens)


def test_scores_of_answers_count_as_those_of_prompts_do() -> None:
    most = MAX_SCORES // 21 // 32
    assert read(["안녕"] * 32, most, logprobs=20).tells
    with pytest.raises(ApiError, match=r"too many tokens.*fewer prompts"):
        read(["안녕"] * 32, most + 1, logprobs=20)


def test_a_prompt_counts_with_echo_alone() -> None:
    prompt = list(range(MAX_SCORES // 2))
    assert read([prompt], 1, logprobs=1).tells
    with pytest.raises(ApiError, match="too many tokens"):
        read([prompt], 1, logprobs=1, echo=True)


def test_without_probabilities_nothing_is_counted() -> None:
    assert read(["안녕"] * 32, 8192, logprobs=False).wanted is None
    assert read(["안녕"] * 32, MAX_SCORES).wanted is None
