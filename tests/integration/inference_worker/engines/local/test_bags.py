"""Sums of embeddings as attention, beside torch's own attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from inference_worker.engines.local.bags import MAX_WIDTH, suits
from inference_worker.engines.local.kv_cache import Plan, attend

HEADS, SIZE, STORED = 2, 8, 40


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def row_by_row(query: Any, keys: Any, values: Any, lengths: list[int], window: int | None) -> Any:
    """What each single token attends to and nothing else: (1, tokens, heads, size)."""
    said = []
    for row, length in enumerate(lengths):
        first = 0 if window is None else max(0, length + 1 - window)
        key, value = (states[row, None, :, first : length + 1] for states in (keys, values))
        one = query[:, :, row : row + 1]
        said.append(
            torch.nn.functional.scaled_dot_product_attention(
                one, key, value, scale=0.3, enable_gqa=True
            )
        )
    return torch.cat(said, dim=2).transpose(1, 2)


@pytest.mark.parametrize("window", [None, 4], ids=["all", "a window"])
@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize(
    "lengths",
    [[0, 39], [7, 7, 7], [3, 0, 12, 5], [5]],
    ids=["shortest and longest", "of the same length", "of different lengths", "one alone"],
)
def test_every_row_attends_to_its_own_tokens(
    lengths: list[int], queries: int, window: int | None
) -> None:
    # One more row in the storage than in the step, with what an ended answer left.
    stored = len(lengths) + 1
    keys, values = (drawn(stored, HEADS, STORED, SIZE, seed=seed) for seed in (1, 2))
    query = drawn(1, HEADS * queries, len(lengths), SIZE, seed=3)
    plan = Plan(lengths, [], torch.tensor([list(range(len(lengths))), lengths]))
    found, _ = attend(
        None, query, keys, values, None, plan=plan, scaling=0.3, sliding_window=window
    )
    torch.testing.assert_close(
        found, row_by_row(query, keys, values, lengths, window), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("queries", "width", "suited"),
    [
        (torch.zeros(2, 1), MAX_WIDTH, True),
        (torch.zeros(2, 1), MAX_WIDTH + 1, False),
        (torch.zeros(1, 1), 10, False),
        (torch.zeros(2, 1, dtype=torch.bfloat16), 10, False),
        (torch.zeros(2, 1, device="meta"), 10, False),
    ],
    ids=["short rows", "long rows", "one row", "bfloat16", "another device"],
)
def test_only_short_rows_of_float32_on_a_cpu_suit(
    queries: torch.Tensor, width: int, *, suited: bool
) -> None:
    assert suits(queries, width) is suited
