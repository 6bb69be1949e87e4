"""Products with weights that are read as halves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from inference_worker.engines.local import half_linear
from inference_worker.engines.local.half_linear import HalfLinear, half_scale


def layer(weight: torch.Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    made.requires_grad_(False)
    made.weight.copy_(weight)
    return made


def published(*, spread: float = 0.05) -> torch.Tensor:
    """Random weights with the digits of bfloat16."""
    chance = torch.Generator().manual_seed(3)
    return (torch.randn(40, 64, generator=chance) * spread).bfloat16().float()


def inputs(tokens: int) -> torch.Tensor:
    return torch.randn(tokens, 64, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("spread", [1e-6, 0.05, 3e4], ids=["tiny", "usual", "huge"])
@pytest.mark.parametrize("tokens", [1, 3, 40])
def test_products_are_as_exact_as_those_of_float32(spread: float, tokens: int) -> None:
    layers = [layer(published(spread=spread)), layer(published(spread=spread / 8))]
    scale = half_scale(layers)
    assert scale is not None
    both, x, other = HalfLinear(layers, scale), inputs(tokens), inputs(tokens)[:, :1]
    exact = torch.cat([x.double() @ one.weight.double().T for one in layers], dim=1)
    for found, wanted in (
        (both(x / scale), exact),
        (both.times(x / scale, other), exact * other),
        (both.plus(x, other * spread), exact + other * spread),
        (both.silu(x / scale), nn.functional.silu(exact)),
    ):
        torch.testing.assert_close(found, wanted.float(), rtol=1e-5, atol=1e-5 * spread)


def test_a_row_is_the_same_beside_any_others() -> None:
    weights = [layer(published())]
    product, x = HalfLinear(weights, half_scale(weights) or 0.0), inputs(70)
    every = product(x)
    for tokens in (1, 2, 7, 16, 33):
        assert torch.equal(product(x[:tokens].contiguous()), every[:tokens])


@pytest.mark.parametrize(
    "weights",
    [
        [published() * 1.0001],
        [published(spread=1e-12), published(spread=100.0)],
        [torch.zeros(4, 4)],
        [torch.full((4, 4), torch.inf)],
        [torch.full((4, 4), torch.nan)],
    ],
    ids=["more digits", "far apart", "nothing", "infinite", "no numbers"],
)
def test_weights_that_are_no_halves_have_no_scale(weights: list[torch.Tensor]) -> None:
    assert half_scale([layer(weight) for weight in weights]) is None


def test_what_is_lost_of_nearly_nothing_does_not_count() -> None:
    weight = published()
    weight[0, 0] = 2.0**-60
    assert half_scale([layer(weight)]) is not None


def test_a_processor_without_such_products_has_no_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half_linear, "ENGINE", "of another processor")
    assert half_scale([layer(published())]) is None
