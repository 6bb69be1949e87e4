"""vLLM on the same GPU and the same random weights' shape, for ``python -m benchmarks.gpu``.

It runs where ``BENCH_VLLM_PYTHON`` names an interpreter that has vLLM; once our own engine has
given its memory back, because vLLM takes most of it.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import LlamaConfig

from benchmarks.figures import Figure, median, say
from benchmarks.side_process import Side, vllm_side

VLLM = "vLLM on the same GPU"
OPTIONS = {
    "load_format": "dummy",
    "skip_tokenizer_init": True,
    "enable_prefix_caching": True,
    "gpu_memory_utilization": 0.85,
}
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """What our engine reached, by the same work: tokens a second by rows, and of prompts."""

    config: LlamaConfig
    dtype: str
    prompt: int
    steps: int
    sampling: Mapping[str, float]
    rates: Mapping[int, float]
    prefill: tuple[int, float]  #: tokens, and tokens a second
    second_turns: Mapping[int, float]  #: milliseconds, by the tokens before


def beside_vllm(ours: Compared) -> list[Figure]:
    """vLLM's figures, and ours as a multiple of them; nothing where there is no vLLM."""
    python = os.environ.get("BENCH_VLLM_PYTHON", "")
    if not python:
        say("no vLLM: BENCH_VLLM_PYTHON names no interpreter that has it")
        return []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        _write_config(Path(name), ours)
        options = {
            **OPTIONS,
            "dtype": ours.dtype,
            "max_num_seqs": max(ours.rates),
            "max_model_len": ours.config.max_position_embeddings,
        }
        side = vllm_side(Path(name), python, options)
        try:
            side.wait_until_loaded()
            return _measured(side, ours)
        finally:
            side.close()


def _write_config(folder: Path, ours: Compared) -> None:
    described = {**ours.config.to_dict(), "architectures": ["LlamaForCausalLM"]}
    (folder / "config.json").write_text(json.dumps({**described, "dtype": ours.dtype}))


def _measured(side: Side, ours: Compared) -> list[Figure]:
    rng = random.Random(2)
    figures = []
    for rows, rate in ours.rates.items():
        theirs = _decoded(side, ours, rows, rng)
        figures += [
            Figure(f"gpu.{rows}.vllm", theirs, "tokens/s"),
            Figure(f"gpu.{rows}.over_vllm", rate, "tokens/s", VLLM, rate / theirs),
        ]
    length, rate = ours.prefill
    waits = [_first_ms(side, ours, _words(ours, rng, length)) for _ in range(REPEATS)]
    theirs = 1000 * length / median(waits[1:])
    figures += [
        Figure(f"gpu.prefill.{length}.vllm", theirs, "tokens/s"),
        Figure(f"gpu.prefill.{length}.over_vllm", rate, "tokens/s", VLLM, rate / theirs),
    ]
    for length, took in ours.second_turns.items():
        theirs = _second_turn(side, ours, length, rng)
        figures += [
            Figure(f"gpu.second_turn.{length}.vllm", theirs, "ms"),
            Figure(f"gpu.second_turn.{length}.over_vllm", took, "ms", VLLM, took / theirs),
        ]
    return figures


def _decoded(side: Side, ours: Compared, rows: int, rng: random.Random) -> float:
    """Tokens a second of decoding alone: what ``steps`` more tokens of every row take."""
    prompts = [_words(ours, rng, ours.prompt) for _ in range(rows)]
    long = _requests(ours, prompts, 1 + ours.steps)
    side.answer(long, at_once=rows)  # warm; and the prompts are computed
    whole = side.answer(long, at_once=rows).seconds
    first = side.answer(_requests(ours, prompts, 1), at_once=rows).seconds
    return rows * ours.steps / max(whole - first, 1e-9)


def _second_turn(side: Side, ours: Compared, length: int, rng: random.Random) -> float:
    waits = []
    for _ in range(REPEATS):
        history = _words(ours, rng, length)
        _first_ms(side, ours, history)
        waits.append(_first_ms(side, ours, [*history, *_words(ours, rng, 30)]))
    return median(waits[1:])


def _first_ms(side: Side, ours: Compared, prompt: list[int]) -> float:
    return side.answer(_requests(ours, [prompt], 1), at_once=1).first_ms[0]


def _requests(ours: Compared, prompts: Sequence[list[int]], tokens: int) -> list[dict[str, Any]]:
    sampling = dict(ours.sampling)
    return [{"prompt": one, "tokens": tokens, "sampling": sampling} for one in prompts]


def _words(ours: Compared, rng: random.Random, count: int) -> list[int]:
    return [rng.randrange(ours.config.vocab_size) for _ in range(count)]
