"""How the kernels are compiled: when a model is loaded, by NVRTC, which comes with torch.

No compiler is needed on the machine, and the sources include no header.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any, TypeAlias

import torch
from torch import Tensor

#: How many blocks, or threads: along three axes.
Blocks: TypeAlias = tuple[int, int, int]

#: Numbers that a thread reads at once: what is read must be multiples of it.
AT_ONCE = 8


class CudaKernel:
    """One kernel, on the device that it has been compiled for, whichever is the current one."""

    def __init__(self, kernel: Any, device: torch.device) -> None:
        self._kernel = kernel
        self._device = device

    def __call__(self, grid: Blocks, block: Blocks, given: Sequence[object]) -> None:
        """Start it on the current stream: its tensors, whole numbers (int) and others (double)."""
        with torch.cuda.device(self._device):
            self._kernel(grid, block, list(given))


def compiled(
    source: str, names: tuple[str, ...], like: Tensor, **constants: int
) -> list[CudaKernel]:
    """The kernels of a source beside this, for the device and the number format of ``like``.

    Raises RuntimeError where torch cannot compile them, and AttributeError or ImportError where it
    has no compiler.
    """
    constants["BFLOAT16"] = int(like.dtype == torch.bfloat16)
    parts = [f"#define {name} {value}" for name, value in constants.items()]
    here = resources.files(__package__)
    parts += [here.joinpath(f"{file}.cu").read_text(encoding="utf-8") for file in ("half", source)]
    # Public, as compile_kernel, only in a later torch than 2.13.
    compile_kernel: Any = torch.cuda._compile_kernel
    with torch.cuda.device(like.device):
        return [CudaKernel(compile_kernel("\n".join(parts), name), like.device) for name in names]
