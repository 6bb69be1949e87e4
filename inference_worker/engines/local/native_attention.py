"""Rotary positions, the cache and the attention of a step's tokens, compiled for one model's sizes.

Each token attends to its own row up to its own position, so that a row is as long as it is and not
as the longest, and keys and values are read once for all query heads that share them.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference_worker.engines.local.heads import Heads
from inference_worker.engines.local.native import (
    SHARED,
    Kernel,
    compiled,
    exponential,
    floats,
    integers,
)

#: Bytes of a number.
_SIZE = 4
#: Positions whose values are summed up at a time, between reading a sum and writing it.
_AT_ONCE = 4

_ZERO, _ONE = np.float32(0), np.float32(1)


class Attending(ctypes.Structure):
    """The arguments of ``RowAttention`` by their addresses, all of them contiguous.

    ``scratch`` has room for (threads, query heads of a key head, width) numbers.
    """

    _fields_ = [
        *SHARED,
        *(
            (name, ctypes.c_int64)
            for name in (
                "states",
                "cosines",
                "sines",
                "rows",
                "positions",
                "keys",
                "values",
                "width",
                "out",
                "scratch",
            )
        ),
        ("scaling", ctypes.c_float),
    ]


class RowAttention:
    """Keys and values into the cache, and the attention of tokens over their rows."""

    def __init__(self, heads: Heads, scaling: float) -> None:
        self._heads = heads
        self._work = Attending(scaling=scaling)
        self._store, self._attend = _storing(heads), _attending(heads)

    def __call__(
        self,
        states: Tensor,
        turned: tuple[Tensor, Tensor],
        places: Tensor,
        storage: tuple[Tensor, Tensor],
        count: int,
    ) -> Tensor:
        """What the heads of the first ``count`` tokens say: (tokens, query heads times size).

        ``states`` (tokens, queries, keys and values of the heads); its queries are turned in place.
        ``turned`` are cosines and sines (tokens, size), the latter negative in their first half;
        ``places`` (2, tokens) rows and positions; ``storage`` keys and values, (rows, heads, width,
        size). The tokens behind the first are stored, and what is said of them is undefined.
        """
        heads, work, (keys, values) = self._heads, self._work, storage
        out = states.new_empty(len(states), heads.queries * heads.size)
        work.width = keys.shape[2]
        threads, group = torch.get_num_threads(), heads.queries // heads.keys
        scratch = states.new_empty(threads, group, work.width)
        cosines, sines, places = (one.contiguous() for one in (*turned, places))
        work.states, work.out, work.scratch = _at(states), _at(out), _at(scratch)
        work.cosines, work.sines = _at(cosines), _at(sines)
        work.rows, work.positions = _at(places[0]), _at(places[1])
        work.keys, work.values = _at(keys), _at(values)
        self._store.run(work, len(states))
        self._attend.run(work, count * heads.keys)
        return out


def _at(tensor: Tensor) -> int:
    return tensor.data_ptr()


@cache
def _storing(heads: Heads) -> Kernel:
    """Per token: turns its queries in place, and its keys on their way into the storage."""
    queries, keys, size = heads.queries, heads.keys, heads.size
    token_bytes, head_bytes = (queries + 2 * keys) * size * _SIZE, size * _SIZE
    turn = _turn(size)

    def store(work: Any, at: int, _thread: int) -> None:
        state = work.states + at * token_bytes
        cosines = floats(work.cosines + at * head_bytes)
        sines = floats(work.sines + at * head_bytes)
        place = integers(work.rows)[at] * keys * work.width + integers(work.positions)[at]
        for _ in range(queries):
            turn(floats(state), floats(state), cosines, sines)
            state += head_bytes
        for head in range(keys):
            stored = (place + head * work.width) * head_bytes
            turn(floats(state), floats(work.keys + stored), cosines, sines)
            value = floats(state + keys * head_bytes)
            kept = floats(work.values + stored)
            for d in range(size):
                kept[d] = value[d]
            state += head_bytes

    return Kernel(Attending, compiled(store), grain=4)


@cache
def _attending(heads: Heads) -> Kernel:
    """Per token and key head: what its query heads find in the row."""
    queries, keys, size = heads.queries, heads.keys, heads.size
    token_bytes, head_bytes = (queries + 2 * keys) * size * _SIZE, size * _SIZE
    group = queries // keys
    score, weigh, add_up = _score(group, size), _weigh(), _add_up(group, size)

    def attend(work: Any, at: int, thread: int) -> None:
        token, head = at // keys, at % keys
        length = integers(work.positions)[token] + 1
        stored = (integers(work.rows)[token] * keys + head) * work.width * head_bytes
        scratch = work.scratch + thread * group * work.width * _SIZE
        query = work.states + token * token_bytes + head * group * head_bytes
        score(floats(query), work.keys + stored, scratch, work.width, length, work.scaling)
        for one in range(group):
            weigh(floats(scratch + one * work.width * _SIZE), length)
        out = work.out + (token * queries + head * group) * head_bytes
        add_up(floats(out), work.values + stored, floats(scratch), work.width, length)

    return Kernel(Attending, compiled(attend))


def _turn(size: int) -> Any:
    half = size // 2

    def turn(state: Any, out: Any, cosines: Any, sines: Any) -> None:
        for d in range(half):
            low, high = state[d], state[d + half]
            out[d] = low * cosines[d] + high * sines[d]
            out[d + half] = high * cosines[d + half] + low * sines[d + half]

    return compiled(turn)


def _score(group: int, size: int) -> Any:
    """Queries by keys, as (query heads, width)."""

    def score(query: Any, keys: int, scores: int, width: int, length: int, scaling: float) -> None:
        out = floats(scores)
        for at in range(length):
            key = floats(keys + at * size * _SIZE)
            for one in range(group):
                found = _ZERO
                for d in range(size):
                    found += query[one * size + d] * key[d]
                out[one * width + at] = found * scaling

    return compiled(score)


def _weigh() -> Any:
    """Scores to weights, in place."""

    def weigh(scores: Any, length: int) -> None:
        highest = scores[0]
        for at in range(length):
            highest = max(highest, scores[at])
        total = _ZERO
        for at in range(length):
            weight = exponential(scores[at] - highest)
            scores[at] = weight
            total += weight
        part = _ONE / total
        for at in range(length):
            scores[at] *= part

    return compiled(weigh)


def _add_up(group: int, size: int) -> Any:
    """The sum of the values by their weights, a few positions at a time."""

    def add_up(out: Any, values: int, weights: Any, width: int, length: int) -> None:
        for d in range(group * size):
            out[d] = _ZERO
        even = length - length % _AT_ONCE
        for at in range(0, even, _AT_ONCE):
            value = floats(values + at * size * _SIZE)
            for one in range(group):
                place = one * width + at
                a, b, c, e = (
                    weights[place],
                    weights[place + 1],
                    weights[place + 2],
                    weights[place + 3],
                )
                for d in range(size):
                    out[one * size + d] += (
                        a * value[d]
                        + b * value[size + d]
                        + c * value[2 * size + d]
                        + e * value[3 * size + d]
                    )
        for at in range(even, length):
            value = floats(values + at * size * _SIZE)
            for one in range(group):
                weight = weights[one * width + at]
                for d in range(size):
                    out[one * size + d] += weight * value[d]

    return compiled(add_up)
