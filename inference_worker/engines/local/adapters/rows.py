"""Adds to each token of a step what the adapter of its row has learnt.

The model computes the whole step first, as if there were no adapters; then every layer adds
``x @ a.T @ b``, with the ranks of all adapters side by side and those of others' tokens zero. So
a step of any mixture has one shape, which a CUDA graph needs, and a row without an adapter gets
zeros added: its numbers stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from inference_worker.engines.local.adapters.weights import LoraPair, LoraWeights

#: Which adapter each column of a layer's ranks is of, as (number, rank) pairs.
Layout = tuple[tuple[int, int], ...]


class RowAdapters:
    """The adapters of a model, in hooks on its layers. Belongs to the thread of its batch.

    They are numbered from 1 in their order; 0 is the model alone.
    """

    def __init__(self, model: Any, adapters: Sequence[LoraWeights], *, rows: int) -> None:
        """``rows``: the maximum of a batch."""
        self._numbers = {adapter.name: at for at, adapter in enumerate(adapters, start=1)}
        self._assigned: list[int] = []
        # One storage for good: graphs read it.
        self._of_rows = torch.zeros(rows, dtype=torch.long, device=model.device)
        self._step = step = _Step()
        layers = dict(model.named_modules())
        for path in sorted({path for adapter in adapters for path in adapter.pairs}):
            pairs = {
                at: adapter.pairs[path]
                for at, adapter in enumerate(adapters, start=1)
                if path in adapter.pairs
            }
            layers[path].register_forward_hook(_Side.of(pairs, step))

    def number(self, name: str) -> int:
        """The adapter's number; 0 for none. Raises ValueError for an unknown one."""
        if name and name not in self._numbers:
            raise ValueError("the model has no such adapter")
        return self._numbers.get(name, 0)

    def assign(self, numbers: Sequence[int]) -> None:
        """Set the adapters of the rows from 0 on."""
        if list(numbers) != self._assigned:
            self._assigned = list(numbers)
            self._of_rows[: len(numbers)] = torch.tensor(numbers, device=self._of_rows.device)

    @contextmanager
    def applied(self, rows: Tensor | None) -> Iterator[None]:
        """Compute a step with the adapters of these rows, one for each token; None: with none."""
        numbers = None if rows is None else self._of_rows[rows.to(self._of_rows.device)]
        self._step.begin(numbers)
        try:
            yield
        finally:
            self._step.begin(None)


class _Step:
    """The adapter of each token, and which ranks of a layer are not for it."""

    def __init__(self) -> None:
        self._numbers: Tensor | None = None
        self._others: dict[tuple[Layout, torch.device], Tensor] = {}

    def begin(self, numbers: Tensor | None) -> None:
        self._numbers = numbers
        self._others.clear()

    def others(self, layout: Layout, columns: Tensor) -> Tensor | None:
        """(tokens, ranks): True where a column is of another adapter; None: there is none."""
        if self._numbers is None:
            return None
        key = (layout, columns.device)
        if key not in self._others:
            self._others[key] = self._numbers.to(columns.device)[:, None] != columns
        return self._others[key]


@dataclass(frozen=True, slots=True)
class _Side:
    """The hook of one layer: the pairs of its adapters, side by side."""

    down: Tensor  #: (ranks, in)
    up: Tensor  #: (ranks, out)
    columns: Tensor  #: (ranks), the adapter that each is of
    layout: Layout
    step: _Step = field(repr=False)

    @classmethod
    def of(cls, pairs: dict[int, LoraPair], step: _Step) -> _Side:
        layout = tuple((number, len(pair.a)) for number, pair in pairs.items())
        device = next(iter(pairs.values())).a.device
        numbers = [number for number, rank in layout for _ in range(rank)]
        return cls(
            torch.cat([pair.a for pair in pairs.values()]),
            torch.cat([pair.b for pair in pairs.values()]),
            torch.tensor(numbers, device=device),
            layout,
            step,
        )

    def __call__(self, _layer: Any, given: tuple[Tensor, ...], output: Tensor) -> None:
        """Add to ``output``, (1, tokens, out), in place."""
        others = self.step.others(self.layout, self.columns)
        if others is None:
            return
        ranks = torch.nn.functional.linear(given[0][0].to(self.down.dtype), self.down)
        # Not a product: infinity times zero is no number.
        output[0] += (ranks.masked_fill_(others, 0) @ self.up).to(output.dtype)
