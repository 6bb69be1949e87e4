"""How the keys and values of a row are copied: within the storage, out of it, and back.

A storage is a list of tensors, (rows, heads, width, size): keys and values of each layer in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from torch import Tensor

#: What has been read of a row: of each of the storage's tensors the same, (heads, length, size).
#: A list, or one tensor of one more dimension.
States: TypeAlias = Any


class RowCopies(Protocol):
    """The copies. ``length``: of so many of the row's tokens, the first ones."""

    def move(self, storage: Sequence[Tensor], source: int, target: int, length: int) -> None:
        """Copy a row over another one."""

    def read(self, storage: Sequence[Tensor], row: int, length: int) -> States:
        """A copy of a row."""

    def write(self, storage: Sequence[Tensor], row: int, states: States, length: int) -> None:
        """Put the beginning of what was read into a row."""


class TorchRowCopies:
    """Tensor by tensor, on any devices."""

    def move(self, storage: Sequence[Tensor], source: int, target: int, length: int) -> None:
        """See ``RowCopies``."""
        for stored in storage:
            stored[target, :, :length] = stored[source, :, :length]

    def read(self, storage: Sequence[Tensor], row: int, length: int) -> States:
        """See ``RowCopies``."""
        return [stored[row, :, :length].clone() for stored in storage]

    def write(self, storage: Sequence[Tensor], row: int, states: States, length: int) -> None:
        """See ``RowCopies``."""
        for stored, read in zip(storage, states, strict=True):
            stored[row, :, :length] = read[:, :length]
