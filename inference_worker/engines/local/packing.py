"""How a Llama's weights are laid out for its steps on a CPU, and how positions turn its heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from inference_worker.engines.local.half_linear import HalfLinear, half_scale
from inference_worker.engines.local.packed_linear import PackedLinear

#: Lays out layers that read the same input.
Pack = Callable[[Sequence[nn.Linear]], HalfLinear | PackedLinear]


def packing(model: Any) -> tuple[Pack, float]:
    """The layout of all linear layers, and the scale by which their inputs are to be divided."""
    scale = half_scale(linear_layers(model))
    if scale is None:
        return PackedLinear, 1.0
    return (lambda layers: HalfLinear(layers, scale)), scale


def linear_layers(model: Any) -> list[nn.Linear]:
    """All of them."""
    return [one for one in model.modules() if isinstance(one, nn.Linear)]


def turns(rotary: Any, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines, and sines negative in their first half, of positions (1, tokens): (tokens, size)."""
    cosines, sines = rotary(x[None], positions)
    signed = sines[0].clone()
    signed[:, : signed.shape[1] // 2].neg_()
    return cosines[0], signed
