"""The attention of single tokens in float32 on a CPU, with sums of embeddings as its second half.

torch's own kernel multiplies the few probabilities of a head by its values as if they were a large
matrix. FBGEMM's sums of embeddings are written for vectors of this size, and take half the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: Positions up to which a head's values stay near the processor, though each query reads them anew.
MAX_WIDTH = 1024


@dataclass(frozen=True, slots=True)
class Bags:
    """Which vectors of the storage each query of a step sums up: the first ``width`` of its head.

    ``places``: their numbers in the storage, query by query; ``starts``: where each query's begin.
    """

    places: Tensor
    starts: Tensor
    width: int


def bags_of(heads: int, queries: int, *, width: int, stored: int) -> Bags:
    """Of the first ``heads`` heads, each of ``stored`` positions and ``queries`` queries."""
    every = torch.arange(heads, dtype=torch.int32)[:, None, None] * stored
    places = (every + torch.arange(width, dtype=torch.int32)).expand(heads, queries, width)
    starts = torch.arange(heads * queries, dtype=torch.int32) * width
    return Bags(places.reshape(-1), starts, width)


def suits(queries: Tensor, width: int) -> bool:
    """Whether the attention of these queries, (rows, ...), over ``width`` positions gains by it."""
    is_plain = queries.device.type == "cpu" and queries.dtype == torch.float32
    return is_plain and len(queries) > 1 and width <= MAX_WIDTH


def attend_in_bags(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    bags: Bags,
    scaling: float,
) -> Tensor:
    """``queries`` (rows, heads, queries, size) over their rows: the same shape.

    ``keys`` and ``values`` are the whole storage, (rows, heads, positions, size); ``mask``, to be
    added, is (rows, 1, 1, width).
    """
    rows, heads, _, size = queries.shape
    flat = queries.reshape(rows * heads, -1, size)
    read = keys.view(-1, *keys.shape[2:])[: len(flat), : bags.width].transpose(1, 2)
    if mask is None:
        scores = torch.bmm(flat, read).mul_(scaling)
    else:
        of_heads = mask.expand(rows, heads, 1, bags.width).reshape(len(flat), 1, -1)
        scores = torch.baddbmm(of_heads, flat, read, alpha=scaling)
    weights = torch.softmax(scores, -1).view(-1)
    out: Tensor = torch.embedding_bag(
        values.view(-1, size), bags.places, bags.starts, mode=0, per_sample_weights=weights
    )[0]
    return out.view(queries.shape)
