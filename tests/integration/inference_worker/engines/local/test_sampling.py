"""Rows together against transformers' own processors, one row at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
import torch
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.sampling import BLOCK, INVALID_TOKEN, Sampler, scored

PROMPT = [0, 3, 3]
LOGITS = torch.tensor([2.0, 1.0, 0.5, 2.2, -1.0, -8.0])
MIXED = (
    SamplingParams(temperature=0.6, top_p=0.9, seed=1),
    SamplingParams(temperature=1.5, top_p=1, top_k=40, seed=2),
    SamplingParams(temperature=1, top_p=1, seed=3),
    SamplingParams(temperature=1.2, top_p=0.95, repetition_penalty=1.4, seed=4),
    SamplingParams(temperature=2, top_p=0.7, top_k=400, repetition_penalty=0.8, seed=5),
)


def draws(sampling: SamplingParams, times: int = 400) -> Counter[int]:
    """As many rows as draws would all have the same seed, so one row draws again and again."""
    sampler = Sampler(torch.device("cpu"))
    counts: Counter[int] = Counter()
    sampler.begin(0, sampling, PROMPT)
    for _ in range(times):
        counts.update(sampler.choose(LOGITS[None]))
    return counts


def first(sampling: SamplingParams, prompt: list[int], logits: list[float]) -> int:
    sampler = Sampler(torch.device("cpu"))
    sampler.begin(0, sampling, prompt)
    return sampler.choose(torch.tensor([logits]))[0]


def as_transformers(sampling: SamplingParams, seen: list[int], logits: torch.Tensor) -> Any:
    """The probabilities of ``generate`` for each token."""
    processors = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    processors.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    scores: Any = processors(
        cast("torch.LongTensor", torch.tensor([seen])), cast("Any", logits[None].clone())
    )
    return scores.softmax(-1)[0]


def test_temperature_zero_takes_the_most_likely() -> None:
    assert draws(SamplingParams(temperature=0, seed=1)) == {3: 400}
    assert draws(SamplingParams(temperature=1e-30, seed=1)) == {3: 400}


def test_repetition_penalty_counts_prompt_and_answer_in_greedy_choice_too() -> None:
    # 2.2 / 1.3 and 2.0 / 1.3 stay above 1.0; with 3.0 they fall below, and then 1.0 / 3.0 does.
    assert draws(SamplingParams(temperature=0, repetition_penalty=1.3)) == {3: 400}
    assert draws(SamplingParams(temperature=0, repetition_penalty=3.0), 2) == {1: 1, 3: 1}


def test_repetition_penalty_pushes_negative_logits_down() -> None:
    assert first(SamplingParams(temperature=0, repetition_penalty=2.0), [0], [-1.0, -1.5]) == 1


def test_top_k_and_top_p_cut_the_tail() -> None:
    assert set(draws(SamplingParams(temperature=5, top_p=1, top_k=2, seed=1))) == {0, 3}
    assert set(draws(SamplingParams(temperature=1, top_p=0.6, seed=1))) == {0, 3}
    assert set(draws(SamplingParams(temperature=1, top_p=0.1, seed=1))) == {3}
    everything = draws(SamplingParams(temperature=10, top_p=1, top_k=1000, seed=1))
    assert set(everything) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("peaked", [True, False], ids=["peaked", "flat"])
def test_mixed_rows_follow_the_distributions_of_transformers(peaked: bool) -> None:
    """A chi-squared test for each row of one batch, over a vocabulary of 1,000.

    Flat logits make the first 256 candidates too few. The bound is six standard deviations above
    the statistic's mean; without the penalty, or with top_p off by 0.05, it is far exceeded.
    """
    torch.manual_seed(11)
    logits = torch.randn(len(MIXED), 1000) * (3.0 if peaked else 0.5)
    prompts = [torch.randint(0, 1000, (200,)).tolist() for _ in MIXED]
    times = 4000
    sampler = Sampler(torch.device("cpu"))
    counts = torch.zeros(len(MIXED), 1000)
    for row, (sampling, prompt) in enumerate(zip(MIXED, prompts, strict=True)):
        sampler.begin(row, sampling, prompt)
    for _ in range(times):
        chosen = sampler.choose(logits)
        for row, sampling in enumerate(MIXED):
            counts[row, chosen[row]] += 1
            if sampling.repetition_penalty != 1:  # the answer so far changes nothing
                sampler._rows[row].fresh.clear()
    for row, (sampling, prompt) in enumerate(zip(MIXED, prompts, strict=True)):
        expected = as_transformers(sampling, prompt, logits[row]) * times
        assert counts[row][expected == 0].sum() == 0
        common = expected >= 5
        statistic = float(((counts[row] - expected)[common] ** 2 / expected[common]).sum())
        free = int(common.sum())
        assert statistic < free + 6 * (2 * free) ** 0.5 + 6
        rest = float(expected[~common].sum())
        assert abs(float(counts[row][~common].sum()) - rest) < 6 * rest**0.5 + 6


@pytest.mark.parametrize("seed", [0, -1, 2**70])
def test_a_seed_repeats_the_choices_in_any_company(seed: int) -> None:
    def choices(seed: int | None, place: int) -> list[int]:
        sampler = Sampler(torch.device("cpu"))
        for row in range(place):
            sampler.begin(row, SamplingParams(temperature=0.5, repetition_penalty=1.2), PROMPT)
        sampler.begin(place, SamplingParams(temperature=2, top_p=1, seed=seed), PROMPT)
        return [sampler.choose(LOGITS.expand(place + 1, -1))[place] for _ in range(40)]

    assert choices(seed, 0) == choices(seed, 0) == choices(seed, 3)
    assert choices(None, 0) != choices(None, 0)
    assert choices(-1, 0) != choices(1, 0)


def test_a_row_that_moves_takes_its_history_along() -> None:
    penalised = SamplingParams(temperature=0, repetition_penalty=3.0)
    sampler = Sampler(torch.device("cpu"))
    sampler.begin(0, SamplingParams(temperature=0, repetition_penalty=3.0), [])
    sampler.begin(1, penalised, PROMPT)
    assert sampler.choose(LOGITS.expand(2, -1)) == [3, 1]
    sampler.move(1, 0)
    assert sampler.choose(LOGITS[None]) == [3]
    sampler.begin(0, penalised, [0])
    assert sampler.choose(LOGITS[None]) == [3]


def test_nan_logits_are_distinguished_from_tokens() -> None:
    sampler = Sampler(torch.device("cpu"))
    for row, temperature in enumerate((0, 1, 1)):
        sampler.begin(row, SamplingParams(temperature=temperature), PROMPT)
    bad = LOGITS.expand(3, -1).clone()
    bad[:2, 4] = torch.nan
    *broken, good = sampler.choose(bad)
    assert broken == [INVALID_TOKEN, INVALID_TOKEN]
    assert good >= 0


@pytest.mark.parametrize("vocabulary", [3 * BLOCK, 3 * BLOCK + 1], ids=["in blocks", "not"])
def test_the_first_of_the_largest_is_taken_wherever_it_stands(vocabulary: int) -> None:
    logits = torch.zeros(4, vocabulary)
    logits[0, [2 * BLOCK, BLOCK + 5, BLOCK + 9]] = 2.0
    logits[1, vocabulary - 1] = 1.0
    logits[2] = -torch.inf
    logits[2, 0] = -5.0
    logits[3, 7] = torch.nan
    sampler = Sampler(torch.device("cpu"))
    for row in range(4):
        sampler.begin(row, SamplingParams(temperature=0), [])
    assert sampler.choose(logits) == [BLOCK + 5, vocabulary - 1, 0, INVALID_TOKEN]


def test_a_score_is_given_floats_where_a_request_has_whole_numbers() -> None:
    kinds: list[torch.dtype] = []

    def score(
        logits: torch.Tensor,
        seen: torch.Tensor | None,
        penalty: torch.Tensor,
        temperature: torch.Tensor | None,
    ) -> torch.Tensor:
        assert temperature is not None
        kinds.extend((penalty.dtype, temperature.dtype))
        return scored(logits, seen, penalty, temperature)

    sampler = Sampler(torch.device("cpu"), score)
    sampler.begin(0, SamplingParams(temperature=1, top_p=1, repetition_penalty=2, seed=1), [3])
    assert 0 <= sampler.choose(torch.zeros(1, 64))[0] < 64
    assert kinds == [torch.float32, torch.float32]
