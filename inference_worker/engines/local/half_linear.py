"""Linear layers in float32 on a CPU whose weights lie in memory as half precision, without a loss.

Published weights are bfloat16 or float16: eight to eleven digits, which half precision holds too
once all are multiplied by one power of two. Half the bytes are read at each product; the products
and their sums are float32, and a row's are the same beside any others. The operators are FBGEMM's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

#: Of torch's kernels for quantized numbers, the one that has these products.
ENGINE = "fbgemm"
#: How far a weight may be from its half, as a part of the largest of its matrix: float32 itself
#: rounds a sum of that size by more. Only weights that are nearly zero are off at all.
MAX_LOSS = 2.0**-30


class HalfLinear:
    """Layers that read the same input, as one: from (tokens, in) to (tokens, all their outputs).

    ``scale`` is the power of two by which the weights are multiplied; the input of all methods but
    ``plus`` has been divided by it.
    """

    def __init__(self, layers: Sequence[nn.Linear], scale: float) -> None:
        self._scale = scale
        whole = torch.cat([layer.weight.detach() for layer in layers]) * scale
        self._packed: Any = torch.ops.quantized.linear_prepack_fp16(whole, None)

    def __call__(self, x: Tensor) -> Tensor:
        """The outputs side by side."""
        out: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._packed)
        return out

    def silu(self, x: Tensor) -> Tensor:
        """``silu`` of the outputs."""
        return nn.functional.silu(self(x), inplace=True)

    def times(self, x: Tensor, other: Tensor) -> Tensor:
        """The outputs times ``other``."""
        return self(x).mul_(other)

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The outputs plus ``other``."""
        return torch.add(other, self(x), alpha=1 / self._scale)


def half_scale(layers: Sequence[nn.Linear]) -> float | None:
    """By what all weights can be multiplied to be halves; None where these have too few digits.

    None, too, on a processor that has no such products.
    """
    if ENGINE not in torch.backends.quantized.supported_engines:
        return None
    weights = [layer.weight.detach() for layer in layers]
    largest = max(_largest(weight) for weight in weights)
    if not 0 < largest < math.inf:
        return None
    scale = 2.0 ** math.floor(math.log2(torch.finfo(torch.float16).max / largest))
    return scale if all(_loss(weight, scale) <= MAX_LOSS for weight in weights) else None


def _largest(weight: Tensor) -> float:
    low, high = weight.aminmax()
    return max(-float(low), float(high))


def _loss(weight: Tensor, scale: float) -> float:
    """How far the worst weight is from its half, as a part of the largest."""
    scaled = weight * scale
    return _largest(scaled.half().float() - scaled) / (_largest(scaled) or 1.0)
