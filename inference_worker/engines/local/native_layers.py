"""What a layer computes of single tokens besides its products, compiled for one model's sizes."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference_worker.engines.local.native import SHARED, Kernel, compiled, exponential, floats

#: Bytes of a number.
_SIZE = 4

_ZERO, _ONE = np.float32(0), np.float32(1)


class Norming(ctypes.Structure):
    """The arguments of ``SumNorm`` by their addresses; ``added`` is 0 for nothing."""

    _fields_ = [
        *SHARED,
        ("x", ctypes.c_int64),
        ("added", ctypes.c_int64),
        ("weight", ctypes.c_int64),
        ("out", ctypes.c_int64),
        ("part", ctypes.c_float),
        ("epsilon", ctypes.c_float),
    ]


class Gating(ctypes.Structure):
    """The arguments of ``Gate`` by their addresses."""

    _fields_ = [
        *SHARED,
        ("x", ctypes.c_int64),
        ("out", ctypes.c_int64),
    ]


class SumNorm:
    """Adds a layer's outcome, multiplied by ``part``, and computes the sum's norm."""

    def __init__(self, size: int, epsilon: float, *, part: float) -> None:
        self._work = Norming(epsilon=epsilon, part=part)
        self._kernel = _norming(size)

    def __call__(self, x: Tensor, added: Tensor | None, weight: Tensor) -> Tensor:
        """The root mean square norm of ``x``, (tokens, size), to which ``added`` is added first.

        ``x`` becomes the sum. All are contiguous.
        """
        work, out = self._work, torch.empty_like(x)
        work.x, work.out, work.weight = x.data_ptr(), out.data_ptr(), weight.data_ptr()
        work.added = 0 if added is None else added.data_ptr()
        self._kernel.run(work, len(x))
        return out


class Gate:
    """Lets through what the gates let through: silu of them, times the rest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._work = Gating()
        self._kernel = _gating(size)

    def __call__(self, x: Tensor) -> Tensor:
        """Of gates and the rest side by side, (tokens, 2 times size): (tokens, size)."""
        work, out = self._work, x.new_empty(len(x), self._size)
        work.x, work.out = x.data_ptr(), out.data_ptr()
        self._kernel.run(work, len(x))
        return out


@cache
def _norming(size: int) -> Kernel:
    """Per token: the sum and its root mean square norm."""
    token_bytes, share = size * _SIZE, np.float32(1 / size)

    def norm(work: Any, at: int, _thread: int) -> None:
        x, out = floats(work.x + at * token_bytes), floats(work.out + at * token_bytes)
        weight, part = floats(work.weight), work.part
        if work.added != 0:
            added = floats(work.added + at * token_bytes)
            for d in range(size):
                x[d] += added[d] * part
        squares = _ZERO
        for d in range(size):
            squares += x[d] * x[d]
        scale = _ONE / np.sqrt(squares * share + work.epsilon)
        for d in range(size):
            out[d] = x[d] * scale * weight[d]

    return Kernel(Norming, compiled(norm), grain=4)


@cache
def _gating(size: int) -> Kernel:
    """Per token: silu of the gates, times the rest."""
    token_bytes = size * _SIZE

    def gate(work: Any, at: int, _thread: int) -> None:
        gates = floats(work.x + 2 * at * token_bytes)
        rest = floats(work.x + (2 * at + 1) * token_bytes)
        out = floats(work.out + at * token_bytes)
        for d in range(size):
            out[d] = gates[d] / (_ONE + exponential(-gates[d])) * rest[d]

    return Kernel(Gating, compiled(gate), grain=2)
