"""Prompts whose every token is scored, in a batch with others that are not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.batch_memory import Slot
from inference_worker.engines.local.ragged import gathered
from inference_worker.engines.local.token_scorer import ScoreSheet
from inference_worker.engines.token_scores import WantedScores

GREEDY = SamplingParams(temperature=0)


@pytest.fixture(scope="module")
def model(noise_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)


@pytest.fixture(scope="module")
def reference(noise_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)


def noise(seed: int, length: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randrange(128_000) for _ in range(length)]


def scored(batch: Batch, prompt: Sequence[int], *, prompts: bool = True) -> Slot:
    sheet = ScoreSheet(WantedScores(top=2, prompt=prompts))
    return batch.add(prompt, GREEDY, need=len(prompt) + 50, sheet=sheet)


@torch.inference_mode()
def is_right(reference: Any, slot: Slot, begins: int) -> None:
    """The scores of the slot's tokens from the place ``begins`` on are those of the whole text."""
    assert slot.sheet is not None
    rows = reference(torch.tensor([slot.tokens])).logits[0].log_softmax(-1)[begins - 1 : -1]
    own = rows.gather(1, torch.tensor(slot.tokens[begins:])[:, None])[:, 0]
    assert [one.logprob for one in slot.sheet.found] == pytest.approx(own.tolist(), abs=1e-3)
    for one, row in zip(slot.sheet.found, rows, strict=True):
        assert [token for token, _ in one.top] == row.topk(2).indices.tolist()


def test_a_short_prompt_overtakes_a_long_one_that_is_scored(model: Any, reference: Any) -> None:
    batch = Batch(model, max_slots=4, budget=4 * 512, prefill_chunk=32)
    long = scored(batch, noise(1, 300))
    batch.step()
    assert batch.fits(90)
    short = batch.add(noise(2, 40), GREEDY, need=90)
    for _ in range(2):
        batch.step()
    assert short.writing
    assert not long.writing
    while len(short.tokens) < 60:
        batch.step()
    while len(long.tokens) < 303:
        batch.step()
    is_right(reference, long, 1)


@pytest.mark.parametrize("with_kernel", [False, True])
def test_scores_are_right_among_rows_that_come_and_go(
    model: Any, reference: Any, with_kernel: bool
) -> None:
    chance = random.Random(7)
    kernel = gathered if with_kernel else None
    batch = Batch(model, max_slots=6, budget=6 * 256, prefill_chunk=16, kernel=kernel)
    known: list[tuple[Slot, int]] = []
    for number in range(70):
        prompt = noise(number, chance.randint(1, 60))
        if chance.random() < 0.6 and batch.fits(len(prompt) + 50):
            kind = chance.choice(["plain", "answer", "prompt"])
            if kind == "plain":
                slot = batch.add(prompt, GREEDY, need=len(prompt) + 50)
            else:
                slot = scored(batch, prompt, prompts=kind == "prompt")
            known.append((slot, 1 if kind == "prompt" else len(prompt)))
        if batch.slots:
            batch.step()
        assert [one.scores_prompt for one in batch.prefilling] == sorted(
            one.scores_prompt for one in batch.prefilling
        )
        for gone in [one for one in known if chance.random() < 0.06 or len(one[0].tokens) > 90]:
            known.remove(gone)
            batch.remove(gone[0])
            if gone[0].writing and gone[0].sheet is not None:
                is_right(reference, *gone)


def test_no_step_computes_more_logits_than_fit(model: Any) -> None:
    """Three long prompts at once: a step has at most a chunk of rows, and one for each slot."""
    batch = Batch(model, max_slots=3, budget=3 * 512, prefill_chunk=64)
    slots = [scored(batch, noise(number, 200)) for number in range(3)]
    sizes = [0] * 3
    while not all(slot.writing for slot in slots):
        batch.step()
        found = [len(slot.sheet.found) for slot in slots if slot.sheet]
        assert sum(found) - sum(sizes) <= 64 + 3
        sizes = found


def test_a_conversation_with_its_kept_prefix_overtakes_a_scored_prompt(
    model: Any, reference: Any
) -> None:
    batch = Batch(model, max_slots=4, budget=8 * 512, prefill_chunk=32)
    first = batch.add(noise(3, 50), GREEDY, need=100, key="room")
    while len(first.tokens) < 55:
        batch.step()
    batch.remove(first)
    long = scored(batch, noise(4, 200))
    batch.step()
    again = batch.add([*first.tokens, *noise(5, 20)], GREEDY, need=150, key="room")
    assert batch.reused > 0
    while len(again.tokens) < 85:
        batch.step()
    rows = reference(torch.tensor([again.tokens])).logits[0]
    assert again.tokens[75:] == rows[74:-1].argmax(-1).tolist()
    while not long.writing:
        batch.step()
    is_right(reference, long, 1)


def test_a_step_that_fails_over_scores_changes_no_others_answer(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again: the seed and the penalty know nothing of the first time."""
    sampling = SamplingParams(temperature=1.0, seed=5, repetition_penalty=1.5)

    def written(*, fails: bool) -> list[int]:
        batch = Batch(model, max_slots=2, budget=2 * 256, prefill_chunk=64)
        slot = batch.add(noise(6, 20), sampling, need=100)
        batch.step()
        other = scored(batch, noise(7, 10))
        if fails:
            with monkeypatch.context() as patched:
                patched.setattr(ScoreSheet, "measure", _out_of_memory)
                for _ in range(3):
                    with pytest.raises(torch.OutOfMemoryError):
                        batch.step()
        batch.remove(other, keep=False)
        while len(slot.tokens) < 40:
            batch.step()
        return slot.tokens

    assert written(fails=True) == written(fails=False)


def _out_of_memory(*_: Any) -> Any:
    raise torch.OutOfMemoryError
