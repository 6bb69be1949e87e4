"""Rows of a batch against the same sequences alone through transformers' ``generate``."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.batch_memory import CHUNK, Slot
from inference_worker.engines.local.kv_cache import RowCache


@pytest.fixture(scope="module")
def model(noise_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)


@pytest.fixture(scope="module")
def reference(noise_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)


def new_batch(model: Any, *, rows: int = 16, budget: int = 16 * 512, piece: int = 32) -> Batch:
    return Batch(model, max_slots=rows, budget=budget, prefill_chunk=piece)


def alone(model: Any, prompt: Sequence[int], tokens: int, penalty: float = 1.0) -> list[int]:
    ids = torch.tensor([prompt])
    whole = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        do_sample=False,
        repetition_penalty=penalty,
        eos_token_id=None,
        pad_token_id=0,
    )
    return [int(token) for token in whole[0, len(prompt) :]]


def greedy(penalty: float = 1.0) -> SamplingParams:
    return SamplingParams(temperature=0, repetition_penalty=penalty)


def written(batch: Batch, row: Slot, prompt: Sequence[int], tokens: int) -> list[int]:
    """Advance until a row has so many tokens more than its prompt."""
    while len(row.tokens) < len(prompt) + tokens:
        batch.step()
    return row.tokens[len(prompt) :]


@pytest.mark.parametrize("seed", range(3))
def test_sixteen_rows_that_come_and_go_are_the_same_as_alone(
    model: Any, reference: Any, seed: int
) -> None:
    chance = random.Random(seed)
    batch = new_batch(model)
    known: dict[int, tuple[Slot, int, float]] = {}
    most = 0

    def check(row: Slot, length: int, penalty: float) -> None:
        said = row.tokens[length:]
        if said:
            assert said == alone(reference, row.tokens[:length], len(said), penalty)

    for number in range(60):
        prompt = [chance.randrange(128_000) for _ in range(chance.randint(1, 90))]
        if chance.random() < 0.7 and batch.fits(len(prompt) + 100):
            penalty = chance.choice([1.0, 1.3])
            row = batch.add(prompt, greedy(penalty), need=len(prompt) + 100)
            known[number] = (row, len(prompt), penalty)
        if batch.slots:
            assert all(row.tokens[-1] == token for row, token in batch.step())
        most = max(most, len(batch.slots))
        for gone in [at for at in known if chance.random() < 0.015]:
            batch.remove(known[gone][0])
            check(*known.pop(gone))
    assert most == 16
    for entry in known.values():
        check(*entry)


def test_a_long_prompt_does_not_stall_the_others(model: Any, reference: Any) -> None:
    batch = new_batch(model, piece=32)
    short, long = [5, 6, 7], list(range(1, 301))
    first = batch.add(short, greedy(), need=100)
    batch.step()
    second = batch.add(long, greedy(), need=400)
    for step in range(1, 10):
        assert [row for row, _ in batch.step()] == [first]
        assert second.cached == 32 * step
    assert {id(row) for row, _ in batch.step()} == {id(first), id(second)}
    assert written(batch, second, long, 8) == alone(reference, long, 8)
    assert written(batch, first, short, 11) == alone(reference, short, len(first.tokens) - 3)


def test_several_short_prompts_share_one_step(model: Any) -> None:
    batch = new_batch(model, piece=32)
    rows = [batch.add([n, n + 1, n + 2], greedy(), need=50) for n in range(1, 11)]
    assert [row for row, _ in batch.step()] == rows


def test_the_budget_bounds_what_is_let_in_and_is_never_exceeded(model: Any) -> None:
    batch = new_batch(model, budget=4 * CHUNK, piece=1000)
    assert not batch.fits(4 * CHUNK + 1)
    long = batch.add(list(range(1, 300)), greedy(), need=2 * CHUNK)
    assert batch.fits(CHUNK)
    batch.add([1, 2], greedy(), need=CHUNK)
    assert not batch.fits(1)  # three rows as wide as the long one
    batch.step()
    assert batch.cached_tokens == 4 * CHUNK
    batch.remove(long)
    assert batch.fits(CHUNK)
    for _ in range(3):
        batch.add([1, 2], greedy(), need=CHUNK)
        batch.step()
        assert batch.cached_tokens <= 4 * CHUNK
    assert len(batch.slots) == 4
    for row in batch.slots.copy():
        batch.remove(row)
    assert batch.cached_tokens == 0


def test_what_a_token_takes_is_known_after_the_first_answer_has_gone(model: Any) -> None:
    batch = new_batch(model)
    assert batch.token_bytes() == {}
    row = batch.add([1, 2, 3], greedy(), need=10)
    batch.step()
    taken = batch.token_bytes()
    batch.remove(row)
    assert batch.cached_tokens == 0
    assert batch.token_bytes() == taken != {}


def test_the_next_turn_computes_only_what_is_new(model: Any, reference: Any) -> None:
    batch = new_batch(model, piece=500)
    history = list(range(1, 301))
    first = batch.add(history, greedy(), need=400, key="kakao:me")
    written(batch, first, history, 6)
    batch.remove(first)
    assert (batch.cached_tokens, batch.kept_tokens) == (0, 305)
    longer = [*first.tokens, 77, 78]
    again = batch.add(longer, greedy(), need=400, key="kakao:me")
    assert again.cached == batch.reused == 305
    assert written(batch, again, longer, 6) == alone(reference, longer, 6)


def test_a_prefix_that_finds_no_memory_is_not_kept_and_costs_no_other_row(
    model: Any, reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: RowCache, row: int, length: int) -> None:
        raise torch.OutOfMemoryError("no block of this size")

    batch, prompt, other = new_batch(model), list(range(1, 41)), list(range(50, 90))
    first = batch.add(prompt, greedy(), need=100, key="kakao:me")
    second = batch.add(other, greedy(), need=100)
    written(batch, first, prompt, 3)
    monkeypatch.setattr(RowCache, "read", full)
    batch.remove(first)
    assert batch.slots == [second]
    assert batch.kept_tokens == 0
    assert written(batch, second, other, 8) == alone(reference, other, 8)
    again = batch.add([*first.tokens, 7], greedy(), need=100, key="kakao:me")
    assert again.cached == 0


def test_only_the_common_beginning_is_reused(model: Any, reference: Any) -> None:
    batch = new_batch(model, piece=500)
    first = batch.add(list(range(1, 101)), greedy(), need=200, key="a")
    batch.step()
    batch.remove(first)
    edited = [*range(1, 61), 5, *range(62, 90)]
    row = batch.add(edited, greedy(), need=200, key="a")
    assert row.cached == 60
    assert written(batch, row, edited, 6) == alone(reference, edited, 6)


def test_prefix_is_reused_only_under_the_same_key(model: Any) -> None:
    batch = new_batch(model, piece=500)
    prompt = list(range(1, 101))
    for key in ("tenant-a:me", "", "tenant-b:me", ""):
        row = batch.add(prompt, greedy(), need=200, key=key)
        assert row.cached == 0
        batch.step()
        batch.remove(row)


def test_the_least_recently_used_prefix_makes_room(model: Any) -> None:
    batch = new_batch(model, budget=3 * CHUNK, piece=500)

    def turn(key: str) -> int:
        prompt = list(range(1, 201))
        row = batch.add(prompt, greedy(), need=CHUNK, key=key)
        reused = row.cached
        batch.step()
        batch.remove(row)
        assert batch.cached_tokens + batch.kept_tokens <= batch.budget
        return reused

    assert [turn(key) for key in ("a", "b", "a", "c", "a", "b")] == [0, 0, 199, 0, 199, 0]


def test_a_window_that_slides_is_kept(tmp_path: Path) -> None:
    torch.manual_seed(3)
    config = MistralConfig(
        vocab_size=300,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=20,
        initializer_range=0.2,
    )
    MistralForCausalLM(config).save_pretrained(tmp_path)
    model, reference = (AutoModelForCausalLM.from_pretrained(tmp_path) for _ in range(2))
    batch = new_batch(model, piece=16)
    prompts = [list(range(1, 51)), [7, 8]]
    rows = [batch.add(prompt, greedy(), need=100) for prompt in prompts[:1]]
    batch.step()
    while not batch.fits(100):
        batch.step()
    rows.append(batch.add(prompts[1], greedy(), need=100))
    for row, prompt in zip(rows, prompts, strict=True):
        assert written(batch, row, prompt, 30)[:30] == alone(reference, prompt, 30)


def test_a_model_spread_over_places_writes_the_same(
    noise_llama_dir: Path, reference: Any, tmp_path: Path
) -> None:
    """As accelerate spreads it over GPUs: every layer gets its inputs from a hook."""
    places = {"model.embed_tokens": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu"}
    places |= {"model.layers.0": "cpu", "model.layers.1": "disk", "lm_head": "cpu"}
    spread = AutoModelForCausalLM.from_pretrained(
        noise_llama_dir, dtype=torch.float32, device_map=places, offload_folder=tmp_path
    )
    batch, prompts = new_batch(spread), [list(range(100, 100 + 7 * n)) for n in (1, 6, 3)]
    rows = [batch.add(prompt, greedy(), need=80) for prompt in prompts]
    for row, prompt in zip(rows, prompts, strict=True):
        assert written(batch, row, prompt, 8)[:8] == alone(reference, prompt, 8)
