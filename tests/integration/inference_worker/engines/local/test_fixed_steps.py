"""Steps at fixed shapes, as a GPU's graphs repeat them, against the same sequences alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from structlog.testing import capture_logs
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM

from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.batch_memory import CHUNK, Slot
from inference_worker.engines.local.kv_cache import RowCache
from inference_worker.engines.local.ragged import Sequences, flash_for, gathered
from inference_worker.engines.local.step_graphs import CAPTURED_AT, StepGraphs
from inference_worker.engines.local.step_inputs import (
    SPANS,
    Chunk,
    Shape,
    Work,
    exact_shape,
    fixed_shape,
    pack,
    unpack,
)
from tests.integration.inference_worker.engines.local.test_batch import alone, greedy, written

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(noise_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)


@pytest.fixture(scope="module")
def reference(noise_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)


def new_batch(model: Any, *, rows: int = 16, budget: int = 16 * 1024, piece: int = 32) -> Batch:
    return Batch(model, max_slots=rows, budget=budget, prefill_chunk=piece, kernel=gathered)


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_come_and_go_are_the_same_as_alone(model: Any, reference: Any, seed: int) -> None:
    chance = random.Random(seed)
    batch = new_batch(model)
    rows: list[tuple[Slot, int]] = []
    most = 0

    def check(row: Slot, length: int) -> None:
        said = row.tokens[length:]
        if said:
            assert said == alone(reference, row.tokens[:length], len(said))

    for _ in range(60):
        prompt = [chance.randrange(128_000) for _ in range(chance.randint(1, 90))]
        if chance.random() < 0.7 and batch.fits(len(prompt) + 100):
            rows.append((batch.add(prompt, greedy(), need=len(prompt) + 100), len(prompt)))
        if batch.slots:
            batch.step()
        most = max(most, len(batch.slots))
        for gone in [at for at in range(len(rows)) if chance.random() < 0.015][::-1]:
            batch.remove(rows[gone][0])
            check(*rows.pop(gone))
    assert most >= 13
    for entry in rows:
        check(*entry)


def test_a_row_grows_over_the_edges_of_the_storage(model: Any, reference: Any) -> None:
    batch, prompt = new_batch(model, rows=2, budget=2 * CHUNK, piece=500), list(range(1, 250))
    row = batch.add(prompt, greedy(), need=2 * CHUNK)
    assert written(batch, row, prompt, 20) == alone(reference, prompt, 20)
    assert batch.cached_tokens == 2 * CHUNK


def test_a_prompt_that_ends_at_the_edge_has_room_for_padding(model: Any, reference: Any) -> None:
    batch, prompt = new_batch(model, piece=500), list(range(1, CHUNK + 1))
    row = batch.add(prompt, greedy(), need=CHUNK + 3)
    assert written(batch, row, prompt, 3) == alone(reference, prompt, 3)


def test_more_prompts_than_a_shape_has_room_for(model: Any, reference: Any) -> None:
    batch = new_batch(model, piece=500)
    prompts = [list(range(n, n + 5)) for n in range(1, SPANS + 4)]
    rows = [batch.add(prompt, greedy(), need=50) for prompt in prompts]
    batch.step()
    for row, prompt in zip(rows, prompts, strict=True):
        assert written(batch, row, prompt, 4)[:4] == alone(reference, prompt, 4)


def test_the_next_turn_computes_only_what_is_new(model: Any, reference: Any) -> None:
    batch, history = new_batch(model, piece=500), list(range(1, 301))
    first = batch.add(history, greedy(), need=400, key="kakao:me")
    written(batch, first, history, 6)
    batch.remove(first)
    longer = [*first.tokens, 77, 78]
    again = batch.add(longer, greedy(), need=400, key="kakao:me")
    assert again.cached == batch.reused == 305
    assert written(batch, again, longer, 6) == alone(reference, longer, 6)


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
    batch, prompts = new_batch(model, piece=100), [list(range(1, 51)), [7, 8]]
    rows = [batch.add(prompt, greedy(), need=100) for prompt in prompts]
    for row, prompt in zip(rows, prompts, strict=True):
        assert written(batch, row, prompt, 30)[:30] == alone(reference, prompt, 30)


def test_memory_lasts_while_it_leaves_half_of_the_budget(model: Any) -> None:
    batch = new_batch(model, rows=4, budget=16 * CHUNK)
    batch.remove(batch.add([1, 2], greedy(), need=CHUNK + 1))
    assert batch.cached_tokens == 8 * CHUNK  # four rows of two chunks: for the next one
    batch.remove(batch.add([1, 2], greedy(), need=3 * CHUNK))
    assert batch.cached_tokens == 8 * CHUNK
    row = batch.add(list(range(600)), greedy(), need=5 * CHUNK)
    for _ in range(20):
        batch.step()
    assert batch.cached_tokens <= 16 * CHUNK
    batch.remove(row)
    assert batch.cached_tokens <= 8 * CHUNK
    batch.forget()  # memory was short: from now on only what is needed
    batch.clear()
    batch.add([1, 2], greedy(), need=CHUNK + 1)
    batch.step()
    assert batch.cached_tokens == CHUNK


def test_a_model_that_the_kernel_does_not_suit_goes_on_with_masks(
    model: Any, reference: Any
) -> None:
    def refuses(*args: Any) -> torch.Tensor:
        raise RuntimeError("head dimension should be a multiple of 8")

    batch = Batch(model, max_slots=2, budget=2048, prefill_chunk=100, kernel=refuses)
    row = batch.add([1, 2, 3], greedy(), need=20)
    with capture_logs() as logs:
        assert written(batch, row, [1, 2, 3], 6) == alone(reference, [1, 2, 3], 6)
    assert [entry["event"] for entry in logs] == ["kernel_off"]


def test_shapes_are_few_and_hold_what_they_are_for() -> None:
    shapes = set()
    for rows in range(49):
        for count in (0, 1, 3, 8):
            chunks = [Chunk(rows + at, 0, [5] * 20) for at in range(count)]
            work = Work([1] * rows, [7] * rows, chunks)
            if rows + count == 0:
                continue
            shape = fixed_shape(work, 48)
            assert shape is not None
            exact = exact_shape(work)
            assert all(has >= wanted for has, wanted in zip(shape, exact, strict=True))
            assert len(pack(work, shape)) == sum(shape.parts())
            shapes.add(shape)
    assert len(shapes) <= 7 + 6 * 4


def test_padding_writes_where_the_first_row_goes_on() -> None:
    work = Work([11, 12], [4, 9], [Chunk(2, 6, [21, 22])])
    shape = Shape(4, 5, 3)
    ids, plan, last = unpack(torch.tensor(pack(work, shape)), shape, gathered)
    assert ids.tolist() == [[11, 12, 0, 0, 21, 22, 0, 0, 0]]
    assert plan.places.tolist() == [[0, 1, 0, 0, 2, 2, 0, 0, 0], [4, 9, 5, 5, 6, 7, 5, 5, 5]]
    assert last.tolist()[:3] == [0, 1, 5]
    assert plan.singles is not None
    assert plan.singles.used.tolist() == [5, 10, 0, 0]
    assert plan.spans is not None
    assert plan.spans.starts.tolist() == [0, 2, 2, 2, 5]
    assert plan.spans.rows.tolist()[:1] == [2]
    assert plan.spans.used.tolist() == [8, 0, 0, 0]


def test_padding_attends_to_nothing() -> None:
    key = torch.randn(2, 1, 8, 4)
    ends = torch.tensor([3, 0], dtype=torch.int32)
    starts, rows = torch.tensor([0, 1, 2]).int(), torch.tensor([0, 1]).int()
    out = gathered(torch.randn(2, 2, 4), key, key, Sequences(starts, rows, ends, 1), None, None)
    assert out[0].abs().sum() > 0
    assert out[1].abs().sum() == 0


def test_a_cpu_has_no_flash_kernel(model: Any) -> None:
    assert flash_for(model) is None


def test_storage_that_changes_is_another_generation() -> None:
    cache = RowCache(1)
    assert cache.generation == 0
    for _ in range(2):
        cache.resize(2, 256)
        assert cache.generation == 1
    cache.clear()
    assert cache.generation == 2


def test_a_capture_that_fails_ends_all_capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[Shape] = []

    def compute(vector: torch.Tensor, shape: Shape) -> torch.Tensor:
        computed.append(shape)
        return torch.zeros(shape.outcomes, 3)

    def fails(work: Work, shape: Shape) -> torch.Tensor:
        raise RuntimeError("operation not permitted when stream is capturing")

    graphs = StepGraphs(compute, lambda: 1, device=CPU, max_rows=8)
    monkeypatch.setattr(graphs, "_captures", True)
    monkeypatch.setattr(graphs, "_capture", fails)
    work = Work([1, 2, 3], [4, 5, 6], [])
    with capture_logs() as logs:
        for _ in range(CAPTURED_AT + 2):
            assert graphs.logits(work).shape == (len(graphs) + computed[-1].outcomes, 3)
    assert [entry["event"] for entry in logs] == ["graphs_off"]
    assert computed[:CAPTURED_AT] == [Shape(3, 0, 0)] * CAPTURED_AT
