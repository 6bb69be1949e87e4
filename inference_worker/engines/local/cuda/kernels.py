"""How the kernels are compiled: when a model is loaded, by NVRTC, which comes with torch.

No compiler is needed on the machine, and the sources include no header.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import torch

#: Numbers that a thread reads at once: what is read must be multiples of it.
AT_ONCE = 8


def compiled(
    source: str, names: tuple[str, ...], dtype: torch.dtype, **constants: int
) -> list[Any]:
    """The kernels of a source beside this: called with the grid, the block, and the arguments.

    Raises RuntimeError or AttributeError where torch cannot compile them.
    """
    constants["BFLOAT16"] = int(dtype == torch.bfloat16)
    parts = [f"#define {name} {value}" for name, value in constants.items()]
    here = resources.files(__package__)
    parts += [here.joinpath(f"{file}.cu").read_text(encoding="utf-8") for file in ("half", source)]
    # Public, as compile_kernel, only in a later torch than 2.13.
    compile_kernel: Any = torch.cuda._compile_kernel
    return [compile_kernel("\n".join(parts), name) for name in names]
