"""The attention of a GPU's steps: single tokens by our own kernel, all else by torch's flash one.

The flash kernel computes a tile of 128 queries for the four that share a key, in one block for each
row and key head. A single token is bound by reading its row, once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from inference_worker.engines.local.cuda.kernels import AT_ONCE, compiled
from inference_worker.engines.local.ragged import Sequences, flash

THREADS = 128
#: Blocks that keep a GPU busy: about four for each of its multiprocessors.
BLOCKS = 528
#: Parts of a row at most, and tokens of a part at least: where blocks are wanted, and where not.
MAX_PARTS = 32
SHORT_PART, LONG_PART = 64, 512
#: Query heads of a key head, at most: each takes registers.
MAX_GROUP = 8


class CudaAttention:
    """A ``Kernel`` for heads of one number and size, on the device and in the format of ``like``.

    Raises ValueError for heads that it cannot compute, and what ``compiled`` does.
    """

    def __init__(self, heads: int, key_heads: int, size: int, like: Tensor) -> None:
        if heads % key_heads or heads // key_heads > MAX_GROUP or size not in (64, 128, 256):
            raise ValueError(f"no kernel for {heads} heads, {key_heads} of keys, of {size} numbers")
        self._dtype = like.dtype
        self._heads, self._key_heads, self._size = heads, key_heads, size
        self._attend, self._unite = compiled(
            "attention", ("attend", "unite"), like, GROUP=heads // key_heads, SIZE=size
        )

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        sequences: Sequences,
        scale: float | None,
        window: int | None,
    ) -> Tensor:
        """See ``Kernel``."""
        is_single = sequences.longest == 1 and window is None
        if not is_single or not self._can_read(query, key, value):
            return flash(query, key, value, sequences, scale, window)
        (tokens, heads, size), (_, key_heads, width, _) = query.shape, key.shape
        wanted = BLOCKS // (tokens * key_heads)
        least = SHORT_PART if wanted > 1 else LONG_PART
        parts = max(1, min(MAX_PARTS, -(-width // least), max(wanted, -(-width // LONG_PART))))
        out = query.new_empty(tokens, heads, size)
        found = query.new_empty(
            (tokens * heads * parts * (size + 2)) if parts > 1 else 0, dtype=torch.float32
        )
        rows, used = sequences.rows, sequences.used
        given = [query, key, value, rows, used, out, found, query.stride(0), width, least]
        self._attend(
            (tokens, key_heads, parts),
            (THREADS, 1, 1),
            [*given, float(scale if scale is not None else size**-0.5)],
        )
        if parts > 1:
            self._unite((tokens, heads, 1), (size, 1, 1), [found, used, out, parts, least])
        return out

    def _can_read(self, query: Tensor, key: Tensor, value: Tensor) -> bool:
        """Whether a layer's heads are those of the configuration: a few models mix them."""
        by_token, *inside = query.stride()
        stored = self._key_heads, key.shape[2], self._size
        return (
            {query.dtype, key.dtype, value.dtype} == {self._dtype}
            and query.shape[1:] == (self._heads, self._size)
            and key.shape[1:] == value.shape[1:] == stored
            and inside == [self._size, 1]
            and by_token % AT_ONCE == 0
        )
