"""Attention over rows of different lengths without masks: a kernel reads the lengths from tensors.

So nothing about a step has to be planned on the CPU, and a CUDA graph of it stays true while the
rows grow. ``flash_for`` says whether torch's flash kernel can do it for a model.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

#: How far a kernel may be from ``gathered``, in bfloat16: the flash one rounds more.
TOLERANCE = 0.02

#: What a model's configuration calls a size of values that differs from that of keys.
OTHER_VALUE_SIZES = ("v_head_dim", "kv_lora_rank")


@dataclass(frozen=True, slots=True)
class Sequences:
    """The queries of several rows, one row's after the other's.

    ``starts`` (n + 1) is where each row's begin, ``rows`` (n) are the rows of the storage, and
    ``used`` (n) is how many of a row's tokens its last query attends to; 0 gives zeros. All are
    int32 on the storage's device. No row has more than ``longest`` queries.
    """

    starts: Tensor
    rows: Tensor
    used: Tensor
    longest: int
    _offsets: dict[int, Tensor] = field(default_factory=dict)

    def offsets(self, stride: int) -> Tensor:
        """Where each row's tokens begin, (n + 1), for rows that are ``stride`` tokens apart."""
        if stride not in self._offsets:
            self._offsets[stride] = torch.nn.functional.pad(self.rows * stride, (0, 1))
        return self._offsets[stride]


#: From the queries (tokens, heads, size), the storage's keys and values (rows, key heads, width,
#: size), the sequences, a scale and a sliding window to the outcome, (tokens, heads, size).
Kernel = Callable[[Tensor, Tensor, Tensor, Sequences, float | None, int | None], Tensor]


@dataclass(frozen=True, slots=True)
class RaggedPlan:
    """The tokens of one step: one of each row in ``singles``, and then those of the ``spans``.

    ``places`` (2, tokens) says for every token of the step its row and its position.
    """

    places: Tensor
    singles: Sequences | None
    spans: Sequences | None
    kernel: Kernel

    def places_on(self, device: torch.device) -> Tensor:  # noqa: ARG002 - there is one device
        """``places``, as of a plan for several devices."""
        return self.places

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, scale: float | None, window: int | None
    ) -> Tensor:
        """``query`` (1, heads, tokens, size) to (1, tokens, heads, size)."""
        queries = query[0].transpose(0, 1)
        count = len(self.singles.rows) if self.singles else 0
        parts = [
            self.kernel(part, key, value, sequences, scale, window)
            for part, sequences in ((queries[:count], self.singles), (queries[count:], self.spans))
            if sequences
        ]
        return (parts[0] if len(parts) == 1 else torch.cat(parts))[None]


def flash(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    sequences: Sequences,
    scale: float | None,
    window: int | None,
) -> Tensor:
    """The ``Kernel`` of a GPU, for half precision."""
    _, heads, width, _ = key.shape
    is_single = sequences.longest == 1
    # The public varlen_attn of torch 2.11 has no lengths besides the offsets.
    out: Tensor = torch.ops.aten._flash_attention_forward(
        query,
        _by_token(key),
        _by_token(value),
        sequences.starts,
        sequences.offsets(heads * width),
        sequences.longest,
        width,
        0.0,
        # One query is causal by its length; saying so keeps the kernel from sharing its keys.
        not is_single or window is not None,
        False,
        scale=scale,
        window_size_left=-1 if window is None else window - 1,
        window_size_right=-1 if is_single and window is None else 0,
        seqused_k=sequences.used,
    )[0]
    return out


def _by_token(states: Tensor) -> Tensor:
    """(rows, heads, width, size) as (tokens, heads, size); row n begins at n * heads * width."""
    rows, heads, width, size = states.shape
    tokens = (rows - 1) * heads * width + width
    return states.as_strided((tokens, heads, size), (size, width * size, 1))


def gathered(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    sequences: Sequences,
    scale: float | None,
    window: int | None,
) -> Tensor:
    """The ``Kernel`` in plain torch, for every device and precision; copies what it reads."""
    at = torch.arange(len(query), device=query.device, dtype=torch.int32)
    owner = torch.searchsorted(sequences.starts[1:].contiguous(), at, right=True)
    used, end = sequences.used[owner], sequences.starts[1:][owner]
    last = (used - end + at)[:, None]  # the position up to which each query attends, (tokens, 1)
    position = torch.arange(key.shape[2], device=query.device)
    seen = (position <= last) & (used > 0)[:, None]
    if window is not None:
        seen &= position > last - window
    rows, groups = sequences.rows[owner], query.shape[1] // key.shape[1]
    out = torch.nn.functional.scaled_dot_product_attention(
        query.view(len(query), key.shape[1], groups, -1),
        key[rows],
        value[rows],
        # A query that attends to nothing would divide by zero.
        attn_mask=(seen | (used == 0)[:, None])[:, None, None],
        scale=scale,
    )
    return out.reshape(query.shape).masked_fill((used == 0)[:, None, None], 0)


def flash_for(model: Any) -> Kernel | None:
    """``flash`` where the model is whole on one GPU and the kernel computes what it should."""
    device, config = model.device, model.config.get_text_config()
    tensors = itertools.chain(model.parameters(), model.buffers())
    if (
        device.type != "cuda"
        or torch.version.hip
        or model.dtype not in (torch.float16, torch.bfloat16)
        or any(tensor.device != device for tensor in tensors)
        or any(getattr(config, name, None) for name in OTHER_VALUE_SIZES)
    ):
        return None
    try:
        is_right = agrees(flash, sizes_of(config), device, model.dtype)
    except RuntimeError:  # an older GPU, or a size that the kernel does not know
        return None
    return flash if is_right else None


def sizes_of(config: Any) -> tuple[int, int, int]:
    """Query heads, key heads, and the length of their vectors, of a text model's configuration."""
    heads = config.num_attention_heads
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    return heads, key_heads, getattr(config, "head_dim", None) or config.hidden_size // heads


@torch.inference_mode()
def agrees(
    kernel: Kernel, sizes: tuple[int, int, int], device: torch.device, dtype: torch.dtype
) -> bool:
    """Whether a kernel computes what ``gathered`` does, of single queries and of spans."""
    heads, key_heads, size = sizes
    chance = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance).to(device, dtype)

    key, value = noise(4, key_heads, 256, size), noise(4, key_heads, 256, size)
    rows = torch.tensor([2, 0, 3], device=device, dtype=torch.int32)
    for lengths, used in (((1, 1, 1), (200, 1, 0)), ((5, 40, 3), (200, 40, 0))):
        starts = torch.tensor([0, *itertools.accumulate(lengths)], device=device)
        ends = torch.tensor(used, device=device, dtype=torch.int32)
        sequences = Sequences(starts.int(), rows, ends, max(lengths))
        query = noise(sum(lengths), heads, size)
        for window in (None, 30):
            ours, exact = (
                one(query, key, value, sequences, None, window) for one in (kernel, gathered)
            )
            if not bool((ours - exact).norm() <= TOLERANCE * exact.norm()):
                return False
    return True
