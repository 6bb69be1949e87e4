"""A row's keys and values copied by one kernel, instead of one for each of a model's tensors.

Starting those takes the CPU some milliseconds, in which the GPU has nothing to do, at every answer
that ends or goes on from a kept prefix.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inference_worker.engines.local.cuda.kernels import AT_ONCE, CudaKernel, compiled
from inference_worker.engines.local.row_copies import States, TorchRowCopies
from inference_worker.engines.local.transfer import to_device

THREADS = 128
#: Blocks at most for one head of one tensor: a thousand tokens of 128 numbers each.
BLOCKS = 128


class CudaRowCopies:
    """On one GPU, in half precision; what has been read is one tensor. Belongs to one thread."""

    def __init__(self, like: Tensor) -> None:
        """``like``: one of the model's weights."""
        self._like = like.new_empty(0)
        self._move_row, self._pack_row = compiled(
            "row_copies", ("move_row", "pack_row"), self._like
        )
        self._plainly = TorchRowCopies()
        self._addresses: list[int] = []
        self._table = torch.empty(0)

    def move(self, storage: Sequence[Tensor], source: int, target: int, length: int) -> None:
        """See ``RowCopies``."""
        if not self._is_alike(storage):
            self._plainly.move(storage, source, target, length)
            return
        _, _, width, size = storage[0].shape
        given = [self._table_of(storage), source, target, width, size, length]
        self._start(self._move_row, storage, length, given)

    def read(self, storage: Sequence[Tensor], row: int, length: int) -> States:
        """See ``RowCopies``."""
        if not self._is_alike(storage):
            return self._plainly.read(storage, row, length)
        _, heads, _, size = storage[0].shape
        packed = self._like.new_empty(len(storage), heads, length, size)
        self._pack(storage, row, packed, length, writing=False)
        return packed

    def write(self, storage: Sequence[Tensor], row: int, states: States, length: int) -> None:
        """See ``RowCopies``."""
        if self._is_alike(storage) and isinstance(states, Tensor):
            self._pack(storage, row, states, length, writing=True)
        else:
            self._plainly.write(storage, row, states, length)

    def _pack(
        self, storage: Sequence[Tensor], row: int, packed: Tensor, length: int, *, writing: bool
    ) -> None:
        """Between a row of the storage and (tensors, heads, tokens, size)."""
        width, (kept, size) = storage[0].shape[2], packed.shape[2:]
        given = [self._table_of(storage), packed, row, width, kept, size, length, int(writing)]
        self._start(self._pack_row, storage, length, given)

    def _start(
        self, kernel: CudaKernel, storage: Sequence[Tensor], length: int, given: Sequence[object]
    ) -> None:
        _, heads, _, size = storage[0].shape
        blocks = min(-(-length * size // (THREADS * AT_ONCE)), BLOCKS)
        kernel((max(blocks, 1), heads, len(storage)), (THREADS, 1, 1), given)

    def _table_of(self, storage: Sequence[Tensor]) -> Tensor:
        """Where each tensor lies, on the GPU."""
        addresses = [stored.data_ptr() for stored in storage]
        if addresses != self._addresses:
            self._table = to_device(addresses, self._like.device)
            self._addresses = addresses
        return self._table

    def _is_alike(self, storage: Sequence[Tensor]) -> bool:
        """Whether all tensors have one size: not so while a storage grows, or keys are longer."""
        first = storage[0]
        is_known = (first.device, first.dtype) == (self._like.device, self._like.dtype)
        return (
            is_known
            and first.shape[3] % AT_ONCE == 0
            and all(stored.shape == first.shape for stored in storage)
        )
