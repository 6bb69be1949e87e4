"""The operations of ``elementwise`` as one CUDA kernel each, in half precision."""

from __future__ import annotations

import torch
from torch import Tensor

from inference_worker.engines.local.cuda.kernels import AT_ONCE, compiled
from inference_worker.engines.local.heads import Heads

NORM_THREADS = 512
GATE_THREADS = 128
#: Pairs of a head, and heads.
TURN_THREADS = (32, 8)


class CudaElementwise:
    """On one GPU, in bfloat16 or float16. Sums and queries are written in place.

    Raises ValueError for sizes that it cannot compute, and what ``compiled`` does.
    """

    def __init__(
        self, heads: Heads, epsilon: float, *, sizes: tuple[int, int], like: Tensor
    ) -> None:
        """``sizes``: hidden size and size of the gates. ``like``: one of the model's weights."""
        if any(size % AT_ONCE for size in sizes) or heads.size % 2:
            raise ValueError(f"sizes must be multiples of {AT_ONCE}: {sizes}")
        self._heads = heads
        self._epsilon = epsilon
        self._sum_and_norm, self._turn_and_store, self._gate = compiled(
            "elementwise", ("sum_and_norm", "turn_and_store", "gate"), like
        )

    def sum_and_norm(
        self, x: Tensor, added: Tensor | None, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See ``Elementwise``."""
        tokens, size = x.shape
        normed = torch.empty_like(x)
        more = x if added is None else added
        self._sum_and_norm(
            (tokens, 1, 1),
            (NORM_THREADS, 1, 1),
            [x, more, weight, normed, size, int(added is not None), self._epsilon],
        )
        return x, normed

    def turn_and_store(
        self,
        states: Tensor,
        turned: tuple[Tensor, Tensor],
        places: Tensor,
        keys: Tensor,
        values: Tensor,
    ) -> Tensor:
        """See ``Elementwise``."""
        tokens, heads, size = states.shape
        wide, high = TURN_THREADS
        queries, kept, _ = self._heads
        self._turn_and_store(
            (tokens, -(-heads // high), 1),
            (wide, high, 1),
            [states, *turned, places, keys, values, queries, kept, size, keys.shape[2]],
        )
        return states[:, :queries]

    def gate(self, states: Tensor) -> Tensor:
        """See ``Elementwise``."""
        tokens, both = states.shape
        out = states.new_empty(tokens, both // 2)
        blocks = -(-both // 2 // (AT_ONCE * GATE_THREADS))
        self._gate((blocks, tokens, 1), (GATE_THREADS, 1, 1), [states, out, both // 2])
        return out
