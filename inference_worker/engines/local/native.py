"""Functions that numba compiles for this processor and torch's own threads run.

Such a function gets the address of a structure that says what there is to do, as integers: numbers,
and where in memory the tensors lie. It handles one item; the threads take the next ones by turns,
so that long rows hold no short ones up, and an item is the same whoever handles it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba.extending import intrinsic

#: Sums may be taken in any order; numbers that are none stay none.
OPTIONS = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}

#: The first fields of every structure of work: items that were taken, threads that take part.
SHARED = [("taken", ctypes.c_int64), ("threads", ctypes.c_int64), ("items", ctypes.c_int64)]

_INTEGER, _FLOAT = ir.IntType(32), ir.FloatType()


class Kernel:
    """A compiled function over the items of a structure of type ``work``.

    ``item`` gets the structure, the item's number and the thread's; ``grain`` items are taken at a
    time.
    """

    def __init__(self, work: type[ctypes.Structure], item: Any, *, grain: int = 1) -> None:
        pointer = numba.types.CPointer(numba.from_dtype(np.dtype(work)))

        def run(address: Any) -> None:
            todo = numba.carray(address, (1,))[0]
            thread = _added(address, 1, 1)
            items = todo.items
            while True:
                first = _added(address, 0, grain)
                if first >= items:
                    break
                for at in range(first, min(first + grain, items)):
                    item(todo, at, thread)

        self._compiled = numba.cfunc(numba.types.void(pointer), **OPTIONS)(run)
        self._alone = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._compiled.address)

    def run(self, work: Any, items: int) -> None:
        """Handle so many items; without a way to torch's threads, by this one."""
        work.taken = work.threads = 0
        work.items, threads = items, torch.get_num_threads()
        if threads > 1 and _TEAM is not None:
            _TEAM(self._compiled.address, ctypes.addressof(work), threads, 0)
        else:
            self._alone(ctypes.addressof(work))


def compiled(function: Callable[..., Any]) -> Any:
    """A function that others call once it is compiled with them."""
    return numba.njit(**OPTIONS)(function)


def _team() -> Any:
    """OpenMP's entry in the library that torch itself runs its threads by; None without one.

    Threads of our own would take turns with torch's, which wait spinning, on the same cores.
    """
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        entry = ctypes.CDLL(str(library)).GOMP_parallel
    except (OSError, AttributeError):
        return None
    entry.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    entry.restype = None
    return entry


_TEAM = _team()


def _floats(_context: Any, _address: Any) -> Any:
    """The address of 32-bit floating point numbers as a pointer to them."""
    return _pointer(numba.types.float32)


def _integers(_context: Any, _address: Any) -> Any:
    """The same of 64-bit integers."""
    return _pointer(numba.types.int64)


def _pointer(kind: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return numba.types.CPointer(kind)(numba.types.int64), generate


def _add(_context: Any, pointer: Any, _field: Any, _amount: Any) -> Any:
    """Add to an integer of a structure that threads share; what it was before."""
    integer = ir.IntType(64)

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        first = builder.bitcast(values[0], integer.as_pointer())
        return builder.atomic_rmw("add", builder.gep(first, [values[1]]), values[2], "monotonic")

    whole = numba.types.int64
    return whole(pointer, whole, whole), generate


def _floor(_context: Any, _number: Any) -> Any:
    """The largest whole number that is no larger."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.floor", [_FLOAT])
        return builder.call(function, values)

    return numba.types.float32(numba.types.float32), generate


def _power_of_two(_context: Any, _number: Any) -> Any:
    """Two to the power of a whole number from -126 to 127."""

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        biased = builder.add(builder.fptosi(values[0], _INTEGER), ir.Constant(_INTEGER, 127))
        return builder.bitcast(builder.shl(biased, ir.Constant(_INTEGER, 23)), _FLOAT)

    return numba.types.float32(numba.types.float32), generate


_added = intrinsic(_add)
floats, integers = intrinsic(_floats), intrinsic(_integers)
_floored, _two_to = intrinsic(_floor), intrinsic(_power_of_two)

_F = np.float32
_LOWEST, _HIGHEST = _F(-87), _F(88)  # beyond them float32 has no such number
_LOG2_E, _LN_2_HIGH, _LN_2_LOW = _F(1.44269504), _F(0.693359375), _F(-2.12194440e-4)
#: Of Cephes' expf (Moshier, 1992): e^r is 1 + r + r^2 times the polynomial, to a rounding.
_P0, _P1, _P2 = _F(1.9875691500e-4), _F(1.3981999507e-3), _F(8.3334519073e-3)
_P3, _P4, _P5 = _F(4.1665795894e-2), _F(1.6666665459e-1), _F(5.0000001201e-1)
_ONE, _HALF = _F(1), _F(0.5)


def _exponential(x: Any) -> Any:
    """The exponential function, without a call, so that several are computed at once."""
    x = max(x, _LOWEST)
    x = min(x, _HIGHEST)
    whole = _floored(x * _LOG2_E + _HALF)
    rest = x - whole * _LN_2_HIGH - whole * _LN_2_LOW
    series = ((((_P0 * rest + _P1) * rest + _P2) * rest + _P3) * rest + _P4) * rest + _P5
    return (series * rest * rest + rest + _ONE) * _two_to(whole)


exponential = numba.njit(inline="always", **OPTIONS)(_exponential)
