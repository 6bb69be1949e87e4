"""Compiled kernels against the same in torch, by one thread and by two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("numba")

from inference_worker.engines.local.heads import Heads
from inference_worker.engines.local.native_attention import RowAttention
from inference_worker.engines.local.native_layers import Gate, SumNorm

WIDTH, SCALING = 40, 0.3
#: Rows and positions of the tokens: two rows that write, and chunks of two prompts.
PLACES = torch.tensor([[0, 1, *[2] * 4, 3], [4, 37, *range(3, 7), 0]])


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"], autouse=True)
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def turned(states: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """(tokens, heads, size)."""
    other_half = states.roll(states.shape[-1] // 2, -1)
    return states * cosines[:, None] + other_half * sines[:, None]


def attended(heads: Heads, queries: Tensor, storage: tuple[Tensor, Tensor], at: int) -> Tensor:
    """What a token of PLACES finds in its row: (query heads times size)."""
    row, position = PLACES[:, at].tolist()
    keys, values = (
        kept[row, :, : position + 1].double().repeat_interleave(heads.queries // heads.keys, 0)
        for kept in storage
    )
    scores = (keys @ queries.double()[..., None])[..., 0] * SCALING
    return (scores.softmax(-1)[:, None] @ values).reshape(-1).float()


@pytest.mark.parametrize(
    "heads",
    [Heads(6, 2, 8), Heads(4, 4, 16), Heads(3, 1, 64), Heads(2, 2, 6)],
    ids=["shared keys", "keys of their own", "one key", "a size of no power of two"],
)
def test_tokens_attend_to_their_own_rows(heads: Heads) -> None:
    count = PLACES.shape[1]
    states = noise(count, (heads.queries + 2 * heads.keys) * heads.size)
    cosines, sines = noise(count, heads.size, seed=2), noise(count, heads.size, seed=3)
    storage = noise(4, heads.keys, WIDTH, heads.size), noise(4, heads.keys, WIDTH, heads.size)
    split = states.clone().view(count, -1, heads.size)
    queries = turned(split[:, : heads.queries], cosines, sines)
    keys = turned(split[:, heads.queries : -heads.keys], cosines, sines)
    expected = storage[0].clone(), storage[1].clone()
    for kept, new in zip(expected, (keys, split[:, -heads.keys :]), strict=True):
        kept[PLACES[0], :, PLACES[1]] = new
    found = RowAttention(heads, SCALING)(states, (cosines, sines), PLACES, storage, count)
    for kept, wanted in zip(storage, expected, strict=True):
        torch.testing.assert_close(kept, wanted, rtol=1e-6, atol=1e-6)
    for at in range(count):
        wanted = attended(heads, queries[at], expected, at)
        torch.testing.assert_close(found[at], wanted, rtol=1e-5, atol=1e-5)


def attend_with(heads: Heads, states: Tensor, places: Tensor, count: int | None = None) -> Tensor:
    """Of a storage that is always the same, without turning."""
    tokens = len(states)
    storage = noise(4, heads.keys, WIDTH, heads.size), noise(4, heads.keys, WIDTH, heads.size)
    turns = torch.ones(tokens, heads.size), torch.zeros(tokens, heads.size)
    attention = RowAttention(heads, SCALING)
    return attention(states.clone(), turns, places, storage, tokens if count is None else count)


def test_a_token_finds_the_same_beside_any_others() -> None:
    heads = Heads(6, 2, 8)
    states = noise(PLACES.shape[1], 80)
    every = attend_with(heads, states, PLACES)
    assert torch.equal(attend_with(heads, states[:2], PLACES[:, :2]), every[:2])
    assert torch.equal(attend_with(heads, states, PLACES, count=2)[:2], every[:2])


def test_what_is_no_number_stays_none_and_stays_in_its_row() -> None:
    heads = Heads(6, 2, 8)
    states = noise(PLACES.shape[1], 80)
    exact = attend_with(heads, states, PLACES)
    states[0] = torch.nan
    found = attend_with(heads, states, PLACES)
    assert found[0].isnan().all()
    assert torch.equal(found[1:], exact[1:])


def test_scores_far_apart_choose_one_value() -> None:
    heads = Heads(1, 1, 8)
    states = torch.cat((noise(1, 8) * 1e4, noise(1, 16)), dim=1)
    found = attend_with(heads, states, torch.tensor([[2], [30]]))
    assert found.isfinite().all()


@pytest.mark.parametrize("size", [48, 7, 576])
def test_a_sum_and_its_norm(size: int) -> None:
    x, added, weight = noise(11, size), noise(11, size, seed=2), noise(size, seed=3)
    norm, exact = SumNorm(size, 1e-5, part=0.25), nn.RMSNorm(size, 1e-5)
    exact.weight = nn.Parameter(weight, requires_grad=False)
    before = x.clone()
    torch.testing.assert_close(norm(x, None, weight), exact(before), rtol=1e-5, atol=1e-5)
    assert torch.equal(x, before)
    total = before + added / 4
    torch.testing.assert_close(norm(x, added, weight), exact(total), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(x, total)


@pytest.mark.parametrize("size", [80, 5, 1536])
def test_gates_are_silu_whatever_their_size(size: int) -> None:
    gates, rest = noise(9, size) * 8, noise(9, size, seed=2)
    gates[0, :4] = torch.tensor([-1e30, -100.0, 100.0, 1e30])
    gates[1, 0] = torch.nan
    found = Gate(size)(torch.cat((gates, rest), dim=1))
    exact = nn.functional.silu(gates) * rest
    torch.testing.assert_close(found, exact, rtol=1e-5, atol=1e-6, equal_nan=True)
