"""Whether the local engine's batch writes the same as ``generate``, on the device of the bench."""

from __future__ import annotations

import random
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.figures import Figure
from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.ragged import Kernel, gathered

GREEDY = SamplingParams(temperature=0)


def sameness(small: LlamaConfig, device: torch.device) -> list[Figure]:
    """The part of greedy tokens that are the same as those of ``generate``: at best 1."""
    prompts = [_words(small, random.Random(n), 3 + 11 * n) for n in range(20)]
    kernels: dict[str, Kernel | None] = {"plain.float32": None, "fixed.float32": gathered}
    if device.type == "cuda":
        kernels["flash.bfloat16"] = None
    figures = []
    for name, kernel in kernels.items():
        torch.manual_seed(1)
        config = LlamaConfig(**{**small.to_dict(), "initializer_range": 0.2})
        dtype = getattr(torch, name.partition(".")[2])
        model: Any = LlamaForCausalLM(config)
        model = model.to(device, dtype).requires_grad_(False)
        alone = [_alone(model, prompt) for prompt in prompts]
        batch = Batch(model, max_slots=20, budget=1 << 16, prefill_chunk=512, kernel=kernel)
        same = [
            one == other
            for ours, theirs in zip(_together(batch, prompts), alone, strict=True)
            for one, other in zip(ours, theirs, strict=False)
        ]
        figures.append(Figure(f"gpu.same.{name}", sum(same) / len(same), "of all tokens"))
    return figures


def _alone(model: Any, prompt: list[int]) -> list[int]:
    ids = torch.tensor([prompt], device=model.device)
    whole = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=40,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    answer: list[int] = whole[0, len(prompt) :].tolist()
    return answer


def _together(batch: Batch, prompts: list[list[int]]) -> list[list[int]]:
    """The answers of rows that begin one after the other."""
    slots = []
    for prompt in prompts:
        slots.append(batch.add(prompt, GREEDY, need=len(prompt) + 99))
        batch.step()
    for _ in range(40):
        batch.step()
    return [slot.tokens[len(prompt) :] for slot, prompt in zip(slots, prompts, strict=True)]


def _words(config: LlamaConfig, rng: random.Random, count: int) -> list[int]:
    return [rng.randrange(config.vocab_size) for _ in range(count)]
