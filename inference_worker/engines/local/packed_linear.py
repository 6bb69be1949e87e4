"""Linear layers in float32 on a CPU, their weights laid out once as its matrix products read them.

torch lays a weight out anew at every product. For a handful of tokens that takes longer than the
product itself. The operators are those that torch's own compiler writes, and private.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil
import torch
from torch import Tensor, nn

#: Tokens for which the layout is chosen; it serves any number.
TYPICAL_TOKENS = 16
#: A single token is a product with a vector, which reads the plain weight faster.
PACKED_FROM = 2
#: The part of the free memory that packed weights, which are a second copy, may take.
MEMORY_SHARE = 0.25


class PackedLinear:
    """Layers that read the same input, as one: from (tokens, in) to (tokens, all their outputs)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        self._plain = [layer.weight.detach() for layer in layers]
        whole = self._plain[0] if len(layers) == 1 else torch.cat(self._plain)
        self._packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(whole, TYPICAL_TOKENS)

    def __call__(self, x: Tensor) -> Tensor:
        """The outputs side by side."""
        return self._unary(x, "none") if len(x) >= PACKED_FROM else self._vector(x)

    def silu(self, x: Tensor) -> Tensor:
        """``silu`` of the outputs."""
        if len(x) >= PACKED_FROM:
            return self._unary(x, "swish")
        return nn.functional.silu(self._vector(x))

    def times(self, x: Tensor, other: Tensor) -> Tensor:
        """The outputs times ``other``."""
        if len(x) >= PACKED_FROM:
            return self._binary(x, other, "mul")
        return self._vector(x).mul_(other)

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The outputs plus ``other``."""
        if len(x) >= PACKED_FROM:
            return self._binary(x, other, "add")
        return self._vector(x).add_(other)

    def _vector(self, x: Tensor) -> Tensor:
        parts = [nn.functional.linear(x, weight) for weight in self._plain]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def _unary(self, x: Tensor, function: str) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise.default(
            x, self._packed, None, function, [], ""
        )
        return out

    def _binary(self, x: Tensor, other: Tensor, function: str) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise.binary(
            x, other, self._packed, None, function
        )
        return out


def can_pack(model: Any) -> bool:
    """Whether all weights are float32 on the CPU, and there is memory for a second copy of them."""
    weights = list(model.parameters())
    taken = sum(weight.numel() * weight.element_size() for weight in weights)
    has_products: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    is_suited = all(
        weight.device.type == "cpu" and weight.dtype == torch.float32 for weight in weights
    )
    return has_products and is_suited and taken <= MEMORY_SHARE * psutil.virtual_memory().available


def is_plain(layer: Any) -> bool:
    """Whether it is a linear layer of torch's own, without a bias, and nothing hangs on it."""
    is_hooked = bool(layer._forward_hooks or layer._forward_pre_hooks)
    return not is_hooked and layer.bias is None and type(layer) is nn.Linear
