"""What a step computes, as one vector of numbers of a length that only its shape decides.

A shape may be larger than the step: padding attends to nothing, and writes its keys and values to
the next place of the first row, which that row writes itself before it reads there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from inference_worker.engines.local.ragged import Kernel, RaggedPlan, Sequences

#: Spans in a fixed shape. Prompts are longer than a fraction of a chunk, so more are rare.
SPANS = 8
#: Tokens of spans in a fixed shape, up to the chunk that a GPU computes in a step.
SPAN_TOKENS = (64, 128, 256, 512, 768, 1024)
#: Single tokens beside spans: padding costs a GPU little there, and every shape a graph.
SINGLES_BESIDE_SPANS = (0, 16, 64)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one row's prompt, from the position ``start`` on."""

    row: int
    start: int
    tokens: Sequence[int]

    @property
    def stop(self) -> int:
        """The position after the last."""
        return self.start + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Work:
    """One step: the newest token of each row from 0 on, its position, and chunks of prompts."""

    newest: list[int]
    positions: list[int]
    chunks: list[Chunk]
    adapted: bool = False  #: some of the rows have an adapter


class Shape(NamedTuple):
    """How many single tokens, tokens of spans, and spans there is room for."""

    singles: int
    tokens: int
    spans: int
    adapted: bool = False  #: adapters are applied: another step to compute

    @property
    def outcomes(self) -> int:
        """Tokens whose logits are computed."""
        return self.singles + self.spans

    def parts(self) -> list[int]:
        """The lengths of the parts of the vector, in the order of ``pack``."""
        every, spans = self.singles + self.tokens, self.spans + 1  # one span is the padding
        return [every, every, every, self.outcomes, self.singles, spans + 1, spans, spans]


def exact_shape(work: Work) -> Shape:
    """The shape without any padding."""
    tokens = sum(len(chunk.tokens) for chunk in work.chunks)
    return Shape(len(work.newest), tokens, len(work.chunks), work.adapted)


def fixed_shape(work: Work, max_rows: int) -> Shape | None:
    """The one of a few shapes that holds the step; None where it is too large for them."""
    exact = exact_shape(work)
    if not exact.tokens:
        singles = min(1 << (exact.singles - 1).bit_length(), max_rows)
        return Shape(singles, 0, 0, work.adapted)
    tokens = next((size for size in SPAN_TOKENS if size >= exact.tokens), None)
    if tokens is None or exact.spans > SPANS:
        return None
    sizes = (*(size for size in SINGLES_BESIDE_SPANS if size < max_rows), max_rows)
    singles = next(size for size in sizes if size >= exact.singles)
    return Shape(singles, tokens, SPANS, work.adapted)


def pack(work: Work, shape: Shape) -> list[int]:
    """The vector: ids, rows and positions of the tokens, then what ``unpack`` reads."""
    count, exact = len(work.newest), exact_shape(work)
    free_row, free_position = (
        (0, work.positions[0] + 1) if count else (work.chunks[0].row, work.chunks[0].stop)
    )
    more, rest = shape.singles - count, shape.tokens - exact.tokens
    chunks, spare = work.chunks, shape.spans - exact.spans
    lengths = [len(chunk.tokens) for chunk in chunks]
    ends = list(itertools.accumulate(lengths))
    last = [*range(count), *(shape.singles + end - 1 for end in ends)]
    return [
        *work.newest,
        *[0] * more,
        *itertools.chain.from_iterable(chunk.tokens for chunk in chunks),
        *[0] * rest,
        *range(count),
        *[free_row] * more,
        *itertools.chain.from_iterable(itertools.repeat(c.row, len(c.tokens)) for c in chunks),
        *[free_row] * rest,
        *work.positions,
        *[free_position] * more,
        *itertools.chain.from_iterable(range(chunk.start, chunk.stop) for chunk in chunks),
        *[free_position] * rest,
        *last,
        *[0] * (shape.outcomes - len(last)),
        *(position + 1 for position in work.positions),
        *[0] * more,
        0,
        *ends,
        *[exact.tokens] * spare,
        shape.tokens,
        *(chunk.row for chunk in chunks),
        *[0] * (spare + 1),
        *(chunk.stop for chunk in chunks),
        *[0] * (spare + 1),
    ]


def unpack(vector: Tensor, shape: Shape, kernel: Kernel) -> tuple[Tensor, RaggedPlan, Tensor]:
    """Ids (1, tokens), the plan, and of which tokens the logits are wanted, (outcomes)."""
    ids, rows, _, last, *others = torch.split(vector, shape.parts())
    used, starts, span_rows, span_used = (part.int() for part in others)
    count = shape.singles
    singles = Sequences(
        torch.arange(count + 1, device=vector.device, dtype=torch.int32),
        rows[:count].int(),
        used,
        longest=1,
    )
    spans = Sequences(starts, span_rows, span_used, longest=shape.tokens)
    every = vector[len(ids) : 3 * len(ids)].view(2, -1)
    plan = RaggedPlan(every, singles if count else None, spans if shape.tokens else None, kernel)
    return ids[None], plan, last
