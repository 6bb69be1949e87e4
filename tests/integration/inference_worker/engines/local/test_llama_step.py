"""Steps with packed weights against the same through transformers' own layers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local import packed_linear, step_choice
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.kv_cache import ATTENTION, Plan, RowCache, Span
from inference_worker.engines.local.llama_step import LlamaStep
from inference_worker.engines.local.step_choice import packed_step_for

SIZES: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
}
LLAMA_3 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
GREEDY = SamplingParams(temperature=0)


def without_numba(model: Any) -> Any:
    raise ModuleNotFoundError("No module named 'numba'")


@pytest.fixture(params=["kernels", "kernels, chunks by torch", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the ways in which a step is computed."""
    if request.param == "torch":
        monkeypatch.setattr(step_choice, "_fused", without_numba)
        return
    pytest.importorskip("numba")
    if request.param != "kernels":
        monkeypatch.setattr("inference_worker.engines.local.fused_step.LONG_SPAN", 4)


def llama(*, published: bool = False, **others: Any) -> Any:
    """``published``: its weights have the digits of bfloat16, so that they are read as halves."""
    torch.manual_seed(5)
    model: Any = LlamaForCausalLM(LlamaConfig(**{**SIZES, **others}))
    model.eval().requires_grad_(False)
    if published:
        model.to(torch.bfloat16).float()
    model.set_attn_implementation(ATTENTION)
    return model


def compute(model: Any, cache: RowCache, plan: Plan, ids: torch.Tensor) -> torch.Tensor:
    """All logits, as transformers computes them."""
    cache.plan = plan
    with torch.inference_mode():
        logits: torch.Tensor = model(
            ids, position_ids=plan.places[1:], use_cache=True, plan=plan, cache=cache
        ).logits
    return logits[0]


def mixed_step() -> tuple[Plan, torch.Tensor]:
    """The newest tokens of two rows of different lengths, and chunks of two prompts."""
    rows = [0, 1, *[2] * 5, *[3] * 3]
    positions = [4, 9, *range(2, 7), *range(3)]
    plan = Plan([4, 9], [Span(2, 2, 7), Span(3, 0, 3)], torch.tensor([rows, positions]))
    return plan, (torch.arange(len(rows)) * 11 % 300)[None]


def single_token() -> tuple[Plan, torch.Tensor]:
    return Plan([4], [], torch.tensor([[0], [4]])), torch.tensor([[17]])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("step_of", [mixed_step, single_token])
@pytest.mark.parametrize(
    "others",
    [
        {},
        {"published": True},
        {"tie_word_embeddings": True, "published": True},
        {"rope_parameters": LLAMA_3},
        {"head_dim": 16},
    ],
    ids=["plain", "halves", "one matrix for both ends", "positions of Llama 3", "other heads"],
)
def test_logits_and_memory_are_those_of_transformers(
    others: dict[str, Any], step_of: Callable[[], tuple[Plan, torch.Tensor]]
) -> None:
    model = llama(**others)
    step = packed_step_for(model)
    assert step is not None
    plan, ids = step_of()
    caches = [RowCache(3), RowCache(3)]
    for cache in caches:
        cache.resize(4, 32)
        chance = torch.Generator().manual_seed(2)
        size = others.get("head_dim", 8)
        before = [torch.randn(2, 10, size, generator=chance) for _ in range(6)]
        for row in range(4):
            cache.write(row, before, 10)
    exact = compute(model, caches[0], plan, ids)
    last = torch.arange(ids.shape[1])
    found = step(ids, plan, last, caches[1])
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-4)
    for row in range(4):
        for ours, theirs in zip(caches[1].read(row, 10), caches[0].read(row, 10), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_only_the_wanted_tokens_have_logits() -> None:
    step = packed_step_for(llama())
    assert step is not None
    plan, ids = mixed_step()
    cache = RowCache(3)
    cache.resize(4, 32)
    every = step(ids, plan, torch.arange(10), cache)
    some = step(ids, plan, torch.tensor([0, 1, 9]), cache)
    torch.testing.assert_close(some, every[[0, 1, 9]], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("published", [False, True], ids=["plain", "halves"])
def test_a_batch_writes_the_answers_of_generate(*, published: bool) -> None:
    model, alone = llama(published=published), llama(published=published)
    alone.set_attn_implementation("sdpa")
    batch = Batch(model, max_slots=4, budget=4 * 512, prefill_chunk=16)
    prompts = [[(7 * at + number) % 300 for at in range(3 + 9 * number)] for number in range(4)]
    slots = []
    for prompt in prompts:
        slots.append(batch.add(prompt, GREEDY, need=len(prompt) + 40))
        batch.step()
    while min(len(slot.tokens) - len(p) for slot, p in zip(slots, prompts, strict=True)) < 20:
        batch.step()
    for slot, prompt in zip(slots, prompts, strict=True):
        whole = alone.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=20,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert slot.tokens[: len(prompt) + 20] == whole[0].tolist()


def test_the_fastest_way_is_taken_and_the_next_where_it_is_missing_or_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("numba")
    fused_step = importlib.import_module("inference_worker.engines.local.fused_step")
    assert isinstance(packed_step_for(llama()), fused_step.FusedStep)
    with monkeypatch.context() as patch:
        patch.setattr(step_choice, "_fused", without_numba)
        assert isinstance(packed_step_for(llama()), LlamaStep)
    monkeypatch.setattr(fused_step, "Gate", lambda size: lambda x: x[:, :size])
    assert isinstance(packed_step_for(llama()), LlamaStep)


def a_mistral() -> Any:
    return MistralForCausalLM(MistralConfig(**SIZES))


def with_a_hook() -> Any:
    model = llama()
    model.model.layers[1].mlp.up_proj.register_forward_hook(lambda *_: None)
    return model


#: No step of ours computes them.
OTHER_MODELS: dict[str, Callable[[], Any]] = {
    "a Mistral": a_mistral,
    "a hook": with_a_hook,
    "attention with biases": lambda: llama(attention_bias=True),
    "biases": lambda: llama(mlp_bias=True),
    "gelu": lambda: llama(hidden_act="gelu"),
}
HALVES: dict[str, Callable[[], Any]] = {"bfloat16": lambda: llama().to(torch.bfloat16)}


@pytest.mark.parametrize("name", [*OTHER_MODELS, *HALVES])
def test_other_models_go_through_transformers(name: str) -> None:
    assert packed_step_for((OTHER_MODELS | HALVES)[name]()) is None


def test_a_model_that_computes_otherwise_goes_through_transformers() -> None:
    model = llama()
    model.model.norm.register_forward_hook(lambda _layer, _given, out: out + 0.1)
    assert packed_step_for(model) is None


def test_weights_that_do_not_fit_twice_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_linear, "MEMORY_SHARE", 0.0)
    assert packed_step_for(llama()) is None
