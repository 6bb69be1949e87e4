"""What a Llama's step computes between its matrix products, number by number, in plain torch.

Each operation rounds where transformers does, so that answers do not depend on which computes them.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from inference_worker.engines.local.heads import Heads


class Elementwise(Protocol):
    """The operations. They may write into what they are given."""

    def sum_and_norm(
        self, x: Tensor, added: Tensor | None, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """``x`` plus ``added``, (tokens, hidden size), and its norm (Zhang and Sennrich, 2019)."""

    def turn_and_store(
        self,
        states: Tensor,
        turned: tuple[Tensor, Tensor],
        places: Tensor,
        keys: Tensor,
        values: Tensor,
    ) -> Tensor:
        """Turn queries and keys to their positions (Su et al., 2021), and store keys and values.

        ``states``: queries, keys and values, (tokens, heads, size). ``turned``: cosines, and sines
        negative in their first half, (tokens, size). ``places`` (2, tokens): each token's row and
        position in the storage, (rows, key heads, width, size). Returns the queries.
        """

    def gate(self, states: Tensor) -> Tensor:
        """The first half of each token's numbers, through SiLU, times the second."""


class TorchElementwise:
    """On every device, in every number format."""

    def __init__(self, heads: Heads, epsilon: float) -> None:
        self._heads = heads
        self._epsilon = epsilon

    def sum_and_norm(
        self, x: Tensor, added: Tensor | None, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See ``Elementwise``."""
        x = x if added is None else x + added
        exact = x.float()
        scale = torch.rsqrt(exact.pow(2).mean(-1, keepdim=True) + self._epsilon)
        return x, weight * (exact * scale).to(x.dtype)

    def turn_and_store(
        self,
        states: Tensor,
        turned: tuple[Tensor, Tensor],
        places: Tensor,
        keys: Tensor,
        values: Tensor,
    ) -> Tensor:
        """See ``Elementwise``."""
        cosines, sines = (one[:, None] for one in turned)
        turning = self._heads.queries + self._heads.keys
        plain, kept = states[:, :turning], states[:, turning:]
        both = plain * cosines + plain.roll(self._heads.size // 2, -1) * sines
        row, position = places
        keys[row, :, position] = both[:, self._heads.queries :]
        values[row, :, position] = kept
        return both[:, : self._heads.queries]

    def gate(self, states: Tensor) -> Tensor:
        """See ``Elementwise``."""
        gate, up = states.chunk(2, -1)
        out: Tensor = torch.nn.functional.silu(gate) * up
        return out
