"""Small tensors from Python's numbers, to a device that may be busy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def to_device(values: Any, device: torch.device) -> Tensor:
    """``torch.tensor(values)`` there; on a GPU without waiting for what it still computes."""
    is_gpu = device.type == "cuda"
    return torch.tensor(values, pin_memory=is_gpu).to(device, non_blocking=is_gpu)
