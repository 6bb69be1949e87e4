"""``python -m benchmarks.gpu [--tiny]``: the local engine's batch on a GPU.

A Llama-3-8B with random bfloat16 weights, which needs no download. The baselines are the model
card's ``generate``, one request after the other, and the bound of the memory bandwidth: a step
reads all weights, and every row's keys and values, once. A small model then writes the same
answers through graphs, through plain steps and through ``generate`` (gpu_sameness.py), and where
the machine has vLLM, it does the same work (gpu_vllm.py). Needs torch, transformers and
``inference_worker``, but no database. ``--tiny``: a tiny model, as a smoke test on a CPU.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.figures import Figure, median, publish, say
from benchmarks.gpu_sameness import sameness
from benchmarks.gpu_vllm import Compared, beside_vllm
from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.kv_budget import prefill_chunk

SAMPLING = SamplingParams(temperature=0.6, top_p=0.9, repetition_penalty=1.1)  # llama3-bllossom's
SEQUENTIAL = "the model card's generate, one after the other"
BOUND = "what the memory's bandwidth allows"

#: Random weights give every token about the same chance, which no trained model does: its
#: sampling would be slower than any real one's.
SHARPNESS = 4
#: Steps and turns before the clock starts: kernels are loaded, and graphs captured.
WARM_UPS = 8
REPEATS = 7
#: Tokens of the question of a next turn, and of a conversation that goes on.
NEXT_QUESTION = 20
CONVERSATION = 512


@dataclass(frozen=True, slots=True)
class Size:
    """The model and the amount of work."""

    config: LlamaConfig
    concurrencies: tuple[int, ...]
    prompt: int
    steps: int
    histories: tuple[int, ...]
    copied: int  #: bytes of the copy that measures the bandwidth


LLAMA_3_8B = Size(
    config=LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
    ),
    concurrencies=(1, 16, 64, 128),
    prompt=128,
    steps=64,
    histories=(2000, 7000),
    copied=4 << 30,
)
TINY = Size(
    config=LlamaConfig(
        vocab_size=1000,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
    ),
    concurrencies=(1, 4),
    prompt=8,
    steps=3,
    histories=(200,),
    copied=1 << 24,
)


def bench(size: Size, device: torch.device) -> None:
    """Sequential ``generate``, then every concurrency, then a conversation's second turn."""
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # float32 weights would take twice the memory at first
    with device:
        model: Any = LlamaForCausalLM(size.config)
    torch.set_default_dtype(usual)
    model.requires_grad_(False)
    model.lm_head.weight *= SHARPNESS
    model.generation_config.eos_token_id = None
    rng = random.Random(1)
    bandwidth = _bandwidth(size, device)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    sequential = _sequential(model, size, rng)
    figures = [
        Figure("gpu.bandwidth", bandwidth / 1e9, "GB/s"),
        Figure("gpu.weights", weights / 1e9, "GB"),
        Figure("gpu.sequential", sequential, "tokens/s"),
    ]
    rows = max(size.concurrencies)
    need = size.prompt + 2 * size.steps
    widest = -(-max(need, max(size.histories) + 64) // 256) * 256
    batch = Batch(
        model,
        max_slots=rows,
        budget=8 * rows * -(-need // 256) * 256 + 4 * widest,
        prefill_chunk=prefill_chunk(device),
    )
    for concurrency in size.concurrencies:
        rate = _decode(batch, concurrency, size, rng)
        context = concurrency * (size.prompt + size.steps / 2)
        bound = concurrency * bandwidth / (weights + context * _token_bytes(size, dtype))
        figures += [
            Figure(f"gpu.{concurrency}", rate, "tokens/s", SEQUENTIAL, rate / sequential),
            Figure(f"gpu.{concurrency}.of_bound", rate, "tokens/s", BOUND, rate / bound),
        ]
    rate = _flow(batch, rows // 2, size, rng)
    turns = _flow(batch, rows // 2, size, rng, goes_on=True)
    figures += [
        Figure(f"gpu.flow.{rows // 2}", rate, "tokens/s", SEQUENTIAL, rate / sequential),
        Figure(f"gpu.turns.{rows // 2}", turns, "tokens/s", SEQUENTIAL, turns / sequential),
        _prefill(batch, size, rng),
    ]
    for length in size.histories:
        figures += _second_turn(batch, length, size, rng)
    found = {figure.bench: figure.value for figure in figures}
    del batch, model
    gc.collect()  # a batch and its graphs refer to each other
    if device.type == "cuda":
        torch.cuda.empty_cache()
    publish([*figures, *sameness(TINY.config, device)])
    publish(beside_vllm(_compared(size, dtype, found)))


def _compared(size: Size, dtype: torch.dtype, found: Mapping[str, float]) -> Compared:
    length = _prefilled(size)
    return Compared(
        config=size.config,
        dtype=str(dtype).removeprefix("torch."),
        prompt=size.prompt,
        steps=size.steps,
        sampling={
            "temperature": SAMPLING.temperature,
            "top_p": SAMPLING.top_p,
            "repetition_penalty": SAMPLING.repetition_penalty,
        },
        rates={rows: found[f"gpu.{rows}"] for rows in size.concurrencies},
        prefill=(length, found[f"gpu.prefill.{length}"]),
        second_turns={one: found[f"gpu.second_turn.{one}"] for one in size.histories},
    )


def _token_bytes(size: Size, dtype: torch.dtype) -> int:
    config: Any = size.config
    head = config.hidden_size // config.num_attention_heads
    values: int = 2 * config.num_hidden_layers * config.num_key_value_heads * head
    return values * dtype.itemsize


def _bandwidth(size: Size, device: torch.device) -> float:
    """Bytes per second of a copy, reads and writes together."""
    source = torch.zeros(size.copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    took = _seconds(device, lambda: [target.copy_(source) for _ in range(5)])
    return 2 * 5 * size.copied / took


def _sequential(model: Any, size: Size, rng: random.Random) -> float:
    ids = torch.tensor([_words(size, rng, size.prompt)], device=model.device)

    def generate() -> None:
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=size.steps,
            do_sample=True,
            temperature=SAMPLING.temperature,
            top_p=SAMPLING.top_p,
            repetition_penalty=SAMPLING.repetition_penalty,
            pad_token_id=0,
        )

    generate()
    return size.steps / _seconds(model.device, generate)


def _decode(batch: Batch, concurrency: int, size: Size, rng: random.Random) -> float:
    """Tokens per second after all prefills."""
    left = concurrency
    while left or batch.prefilling:
        while left and batch.fits(size.prompt + size.steps + WARM_UPS * 4):
            prompt = _words(size, rng, size.prompt)
            batch.add(prompt, SAMPLING, need=size.prompt + size.steps + WARM_UPS * 4)
            left -= 1
        batch.step()
    for _ in range(WARM_UPS):
        batch.step()
    began = time.monotonic()
    for _ in range(size.steps):
        batch.step()
    took = time.monotonic() - began
    for row in batch.slots.copy():
        batch.remove(row)
    return concurrency * size.steps / took


def _flow(
    batch: Batch, concurrency: int, size: Size, rng: random.Random, *, goes_on: bool = False
) -> float:
    """Tokens per second while answers of all lengths end, and others begin in their places.

    ``goes_on``: those are the next turns of the same conversations, while they are short.
    """
    for repeat in range(2):  # the first time is a warm-up
        written, begun, prompts, began = 0, 0, list[tuple[str, list[int]]](), time.monotonic()
        for _ in range(4 * size.steps):
            for slot in batch.slots.copy():
                if len(slot.tokens) == slot.need:
                    batch.remove(slot)
                    longer = [*slot.tokens, *_words(size, rng, NEXT_QUESTION)]
                    if goes_on and len(longer) < CONVERSATION:
                        prompts.append((slot.key, longer))
            while len(batch.slots) < concurrency:
                key, prompt = prompts[0] if prompts else ("", _words(size, rng, size.prompt))
                if not key and goes_on:
                    key, begun = f"{repeat} {begun}", begun + 1
                need = len(prompt) + rng.randint(1, 2 * size.steps)
                if not batch.fits(need):
                    break
                batch.add(prompt, SAMPLING, need=need, key=key)
                del prompts[:1]
            written += len(batch.step())
        took = time.monotonic() - began
        for slot in batch.slots.copy():
            batch.remove(slot, keep=False)
    return written / took


def _prefill(batch: Batch, size: Size, rng: random.Random) -> Figure:
    """A prompt of whole chunks, nothing beside it."""
    length = _prefilled(size)
    times = [_first_token_ms(batch, _words(size, rng, length), "") for _ in range(REPEATS)]
    return Figure(f"gpu.prefill.{length}", 1000 * length / median(times[2:]), "tokens/s")


def _prefilled(size: Size) -> int:
    return size.histories[-1] // 1024 * 1024 or size.histories[-1]


def _second_turn(batch: Batch, length: int, size: Size, rng: random.Random) -> list[Figure]:
    colds, warms = [], []
    for repeat in range(REPEATS + WARM_UPS):
        history = _words(size, rng, length)
        longer = [*history, *_words(size, rng, 30)]
        colds.append(_first_token_ms(batch, longer, ""))
        _first_token_ms(batch, history, f"conversation {repeat}")
        warms.append(_first_token_ms(batch, longer, f"conversation {repeat}"))
    cold, warm = median(colds[WARM_UPS:]), median(warms[WARM_UPS:])
    name = f"gpu.second_turn.{length}"
    return [
        Figure(f"{name}.recomputed", cold, "ms"),
        Figure(name, warm, "ms", "without reuse; goal 0.125", warm / cold),
    ]


def _first_token_ms(batch: Batch, prompt: list[int], key: str) -> float:
    began = time.monotonic()
    row = batch.add(prompt, SAMPLING, need=len(prompt) + 9, key=key)
    while not row.writing:
        batch.step()
    took = time.monotonic() - began
    batch.remove(row)
    return took * 1000


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    wait()
    began = time.monotonic()
    work()
    wait()
    return time.monotonic() - began


def _words(size: Size, rng: random.Random, count: int) -> list[int]:
    return [rng.randrange(size.config.vocab_size) for _ in range(count)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on the CPU too")
    tiny = parser.parse_args().tiny
    if not tiny and not torch.cuda.is_available():
        parser.error("there is no GPU that torch can use; --tiny runs on the CPU")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    say(torch.cuda.get_device_name(device) if device.type == "cuda" else "on the CPU")
    with torch.inference_mode():
        bench(TINY if tiny else LLAMA_3_8B, device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
