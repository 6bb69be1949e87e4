"""How the kernels are compiled: when a model is loaded, by NVRTC, which comes with torch.

No compiler is needed on the machine, and the sources include no header.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
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
        """Start it on the current stream: its tensors, whole numbers (int) and others (double).

        Raises torch.AcceleratorError where the device is lost.
        """
        with torch.cuda.device(self._device):
            try:
                self._kernel(grid, block, list(given))
            except RuntimeError:
                if not torch.cuda.is_current_stream_capturing():
                    torch.cuda.synchronize()  # says by its own error what is the device's fault
                raise


def compiled(
    source: str, names: tuple[str, ...], like: Tensor, **constants: int
) -> list[CudaKernel]:
    """The kernels of a source beside this, for the device and the number format of ``like``.

    Raises ValueError for a format of other than 16 bits, RuntimeError where torch cannot compile
    them, and AttributeError, ImportError or OSError where it has no compiler.
    """
    if like.dtype not in (torch.bfloat16, torch.float16):
        raise ValueError(f"no kernels for {like.dtype}")
    constants["BFLOAT16"] = int(like.dtype == torch.bfloat16)
    parts = [f"#define {name} {value}" for name, value in constants.items()]
    here = resources.files(__package__)
    parts += [here.joinpath(f"{file}.cu").read_text(encoding="utf-8") for file in ("half", source)]
    # Public, as compile_kernel, only in a later torch than 2.13.
    compile_kernel: Any = torch.cuda._compile_kernel
    with torch.cuda.device(like.device), without_toolkit():
        return [CudaKernel(compile_kernel("\n".join(parts), name), like.device) for name in names]


@contextlib.contextmanager
def without_toolkit() -> Iterator[None]:
    """For torch asks where CUDA's headers lie, even for sources that include none.

    Its wheels bring the compiler alone: a machine with no toolkit has no such folder.
    """
    from torch.utils import cpp_extension  # noqa: PLC0415 - it imports setuptools

    known = cpp_extension.CUDA_HOME
    cpp_extension.CUDA_HOME = known or "/nonexistent"
    try:
        yield
    finally:
        cpp_extension.CUDA_HOME = known
