"""Our own CUDA kernels, ``kernels.cu``, for one GPU and half precision.

torch compiles them when a model is loaded, by NVRTC, which comes with it: no compiler is needed.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import torch

SOURCE = "kernels.cu"
#: Numbers that a thread reads at once: what is read must be multiples of it.
AT_ONCE = 8


def compiled(name: str, dtype: torch.dtype) -> Any:
    """The kernel of this name: called with the grid, the block, and the arguments.

    Raises RuntimeError or AttributeError where torch cannot compile it.
    """
    source = resources.files(__package__).joinpath(SOURCE).read_text(encoding="utf-8")
    # Public, as compile_kernel, only in a later torch than 2.13.
    compile_kernel: Any = torch.cuda._compile_kernel
    return compile_kernel(f"#define BFLOAT16 {int(dtype == torch.bfloat16)}\n{source}", name)
