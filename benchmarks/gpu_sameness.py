"""Whether the local engine's batch writes the same as ``generate``, on the device of the bench.

Each token is compared after the same text: in half precision two ways of rounding now and then
choose another of two tokens that are about as good, and nothing after it would be comparable. And
whether the kernels of a GPU compute the same numbers as torch, to the last digit.
"""

from __future__ import annotations

import random
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.figures import Figure
from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.cuda.elementwise import CudaElementwise
from inference_worker.engines.local.cuda.row_copies import CudaRowCopies
from inference_worker.engines.local.cuda.scores import CudaScores
from inference_worker.engines.local.elementwise import Elementwise, TorchElementwise
from inference_worker.engines.local.heads import Heads
from inference_worker.engines.local.ragged import Kernel, gathered
from inference_worker.engines.local.row_copies import RowCopies, TorchRowCopies
from inference_worker.engines.local.sampling import Score, scored

GREEDY = SamplingParams(temperature=0)

#: Of the small model: heads that the kernel of single tokens is made for.
OF_SMALL = {"initializer_range": 0.2, "head_dim": 64, "max_position_embeddings": 4096}
#: Tokens of a prompt of many chunks, whose steps nobody waits for.
LONG, CHUNK = 2600, 128
#: Those of a Llama-3-8B, of a SmolLM2-135M, and small ones; then the hidden and the gated size.
SIZES = (
    (Heads(32, 8, 128), (4096, 14_336)),
    (Heads(9, 3, 64), (576, 1536)),
    (Heads(4, 2, 16), (64, 136)),
)
EPSILON = 1e-5
SEEN = 0.3  #: the part of the vocabulary


def sameness(small: LlamaConfig, device: torch.device) -> list[Figure]:
    """The part of greedy tokens that are the same as those of ``generate``: at best 1."""
    lengths = [*range(3, 200, 11), LONG]
    prompts = [_words(small, random.Random(length), length) for length in lengths]
    kernels: dict[str, Kernel | None] = {"plain.float32": None, "fixed.float32": gathered}
    if device.type == "cuda":
        kernels["flash.bfloat16"] = None
    figures = []
    for name, kernel in kernels.items():
        torch.manual_seed(1)
        config = LlamaConfig(**{**small.to_dict(), **OF_SMALL})
        dtype = getattr(torch, name.partition(".")[2])
        model: Any = LlamaForCausalLM(config)
        model = model.to(device, dtype).requires_grad_(False)
        alone = [_alone(model, prompt) for prompt in prompts]
        batch = Batch(model, max_slots=20, budget=1 << 17, prefill_chunk=CHUNK, kernel=kernel)
        figures.append(Figure(f"gpu.same.{name}", _agreed(batch, prompts, alone), "of all tokens"))
    if device.type != "cuda":
        return figures
    return [*figures, *(_same_numbers(dtype, device) for dtype in (torch.bfloat16, torch.float16))]


def _same_numbers(dtype: torch.dtype, device: torch.device) -> Figure:
    """The kernels' numbers beside torch's, for heads and layers of several sizes."""
    like = torch.empty(0, dtype=dtype, device=device)
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
    for heads, sizes in SIZES:
        ways: list[Elementwise] = [
            CudaElementwise(heads, EPSILON, sizes=sizes, like=like),
            TorchElementwise(heads, EPSILON),
        ]
        for tokens in (1, 7, 200):
            found = (_numbers(way, heads, sizes, tokens, dtype, device) for way in ways)
            pairs += zip(*found, strict=True)
        copies: list[RowCopies] = [CudaRowCopies(like), TorchRowCopies()]
        pairs += zip(*(_copied(one, heads, dtype, device) for one in copies), strict=True)
    scores: list[Score] = [CudaScores(like), scored]
    pairs += zip(*(_scored(one, dtype, device) for one in scores), strict=True)
    part = torch.cat([(ours == theirs).flatten() for ours, theirs in pairs]).float().mean().item()
    return Figure(f"gpu.same.kernels.{str(dtype).removeprefix('torch.')}", part, "of all numbers")


def _scored(score: Score, dtype: torch.dtype, device: torch.device) -> list[torch.Tensor]:
    """Scores of random logits, without and with tokens that were seen."""
    chance = torch.Generator(device).manual_seed(1)
    logits = torch.randn(5, 128_256, generator=chance, device=device).to(dtype)
    seen = torch.rand(logits.shape, generator=chance, device=device) < SEEN
    column = torch.tensor([[1.0], [1.1], [2.0], [0.7], [1e-5]], device=device)
    return [score(logits, known, column, column) for known in (None, seen)]


def _numbers(
    elementwise: Elementwise,
    heads: Heads,
    sizes: tuple[int, int],
    tokens: int,
    dtype: torch.dtype,
    device: torch.device,
) -> list[torch.Tensor]:
    """What the operations make of the same random numbers."""
    chance = torch.Generator(device).manual_seed(tokens)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=chance, device=device).to(dtype)

    hidden, gated = sizes
    states = noise(tokens, heads.queries + 2 * heads.keys, heads.size)
    at = torch.arange(tokens, device=device)
    places = torch.stack((at % 3, at.flip(0)))
    keys, values = (
        torch.zeros(3, heads.keys, 256, heads.size, dtype=dtype, device=device) for _ in range(2)
    )
    turned = noise(tokens, heads.size), noise(tokens, heads.size)
    queries = elementwise.turn_and_store(states, turned, places, keys, values)
    x, weight = noise(tokens, hidden), noise(hidden)
    sums = elementwise.sum_and_norm(x.clone(), noise(tokens, hidden), weight)
    alone = elementwise.sum_and_norm(x, None, weight)
    return [queries, keys, values, *sums, *alone, elementwise.gate(noise(tokens, 2 * gated))]


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


def _agreed(batch: Batch, prompts: list[list[int]], alone: list[list[int]]) -> float:
    """The part of the tokens of ``alone`` that the batch chooses too, after the same tokens."""
    left, others = dict.fromkeys(range(len(prompts)), 0), 0  # how far each has been compared
    while left:
        begun = [[*prompts[one], *alone[one][:at]] for one, at in left.items()]
        wanted = [alone[one][at:] for one, at in left.items()]
        found = zip(list(left), wanted, _together(batch, begun, wanted), strict=True)
        for one, theirs, ours in found:
            same = next((n for n, token in enumerate(theirs) if ours[n] != token), len(theirs))
            others += same < len(theirs)
            left[one] += same + 1
            if left[one] >= len(alone[one]):
                del left[one]
    return 1 - others / sum(map(len, alone))


def _together(batch: Batch, prompts: list[list[int]], wanted: list[list[int]]) -> list[list[int]]:
    """As many tokens as are wanted for each, of rows that begin one after the other."""
    slots = []
    for prompt in prompts:
        slots.append(batch.add(prompt, GREEDY, need=len(prompt) + 999))
        batch.step()
    rows = list(zip(slots, prompts, wanted, strict=True))
    while any(len(slot.tokens) < len(prompt) + len(want) for slot, prompt, want in rows):
        batch.step()
    for slot in slots:
        batch.remove(slot)
    return [slot.tokens[len(prompt) :] for slot, prompt, _ in rows]


def _words(config: LlamaConfig, rng: random.Random, count: int) -> list[int]:
    return [rng.randrange(config.vocab_size) for _ in range(count)]


def _copied(
    copies: RowCopies, heads: Heads, dtype: torch.dtype, device: torch.device
) -> list[torch.Tensor]:
    """A storage after rows of it have been moved, read and written, and what was read."""
    chance = torch.Generator(device).manual_seed(1)
    shape = (4, heads.keys, 2048, heads.size)
    storage = [torch.randn(shape, generator=chance, device=device).to(dtype) for _ in range(6)]
    copies.move(storage, 2, 0, 2011)
    states = copies.read(storage, 1, 1905)
    copies.write(storage, 3, states, 1904)
    copies.move(storage, 3, 1, 1)
    return [*storage, *states]
