"""Keys and values: one row for each slot, written in place, and the attention over them.

A step computes the tokens of many slots as one sequence, (1, tokens): layers that work on single
tokens run once for all of them, and only the attention tells the rows apart. transformers calls
``attend`` as the model's attention, under the name ``ATTENTION``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin

from inference_worker.engines.local.bags import Bags, attend_in_bags, bags_of, suits
from inference_worker.engines.local.ragged import RaggedPlan
from inference_worker.engines.local.row_copies import RowCopies, States, TorchRowCopies

ATTENTION = "rows_in_place"

#: Arguments that some models pass to their attention, and this one does not support.
UNSUPPORTED = ("softcap", "s_aux", "position_bias")

#: The names of the cache argument of a model's forward, the newest (transformers 5.24) first.
CACHE_NAMES = ("cache", "past_key_values")


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens ``start`` to ``stop`` of row ``row``: a chunk of its prompt."""

    row: int
    start: int
    stop: int


@dataclass(slots=True)
class Plan:
    """The tokens of one step: one of each row in ``lengths``, and then those of the spans.

    ``lengths`` are the tokens that the rows from 0 on have in the cache already; ``places`` (2,
    tokens) says for every token of the step its row and its position.
    """

    lengths: list[int]
    spans: list[Span]
    places: Tensor
    _known: dict[Any, Any] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Positions that the longest row attends to."""
        return max(self.lengths, default=0) + 1

    def places_on(self, device: torch.device) -> Tensor:
        """``places`` there; the layers of one model may be on several devices."""
        if device == self.places.device:
            return self.places
        if device not in self._known:
            self._known[device] = self.places.to(device)
        found: Tensor = self._known[device]
        return found

    def mask_of_rows(self, like: Tensor, window: int | None) -> Tensor | None:
        """What each single token may attend to: (rows, 1, 1, width), to be added; None for all."""
        if window is None and min(self.lengths) == max(self.lengths):
            return None
        key = ("rows", like.device, like.dtype, window)
        if key not in self._known:
            last = self.places_on(like.device)[1, : len(self.lengths), None]
            self._known[key] = _mask(last, self.width, window, like)[:, None, None]
        mask: Tensor = self._known[key]
        return mask

    def bags_of_rows(self, stored: Tensor, queries: int) -> Bags:
        """Which values of the storage the single tokens' queries, so many of a head, sum up."""
        key = ("bags", stored.shape, queries)
        if key not in self._known:
            heads = len(self.lengths) * stored.shape[1]
            self._known[key] = bags_of(heads, queries, width=self.width, stored=stored.shape[2])
        bags: Bags = self._known[key]
        return bags

    def mask_of_span(self, span: Span, like: Tensor, window: int | None) -> Tensor | None:
        """What each of its tokens may attend to: (length, stop); None for plainly causal."""
        if window is None and span.start == 0:
            return None
        key = (span, like.device, like.dtype, window)
        if key not in self._known:
            last = torch.arange(span.start, span.stop, device=like.device)[:, None]
            self._known[key] = _mask(last, span.stop, window, like)
        mask: Tensor = self._known[key]
        return mask


def _mask(last: Tensor, width: int, window: int | None, like: Tensor) -> Tensor:
    """0 up to the position in ``last``, (tokens, 1), and minus infinity elsewhere."""
    at = torch.arange(width, device=like.device)
    hidden = at > last
    if window is not None:
        hidden |= at <= last - window
    zeros = torch.zeros(hidden.shape, device=like.device, dtype=like.dtype)
    return zeros.masked_fill(hidden, -torch.inf)


class _Layer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, (rows, heads, width, size) each."""

    def __init__(self, cache: RowCache) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._cache = cache

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        # Zeros: masked values are multiplied by zero, and NaN would stay NaN.
        rows, width = self._cache.rows, self._cache.width
        self.keys, self.values = (
            states.new_zeros(rows, states.shape[1], width, states.shape[3])
            for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ARG002 - the base class's
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Write (1, heads, tokens, size) to the plan's places; returns the whole storage."""
        keys, values = self.prepared(key_states, value_states)
        row, position = self._cache.plan.places_on(keys.device)
        keys[row, :, position] = key_states[0].transpose(0, 1)
        values[row, :, position] = value_states[0].transpose(0, 1)
        return keys, values

    def prepared(self, key_states: Tensor, value_states: Tensor) -> tuple[Tensor, Tensor]:
        """The whole storage, as large as the cache asks for, of states like these."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.resize()
        return self.stored()

    def stored(self) -> tuple[Tensor, Tensor]:
        """Keys and values."""
        keys, values = self.keys, self.values
        if keys is None or values is None:
            raise RuntimeError("the layer has not been written to")
        return keys, values

    def resize(self) -> None:
        """Take the size that the cache asks for, one tensor at a time."""
        rows, width = self._cache.rows, self._cache.width
        if self.is_initialized:
            self.keys = _resized(self.stored()[0], rows, width)
            self.values = _resized(self.stored()[1], rows, width)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:  # noqa: ARG002
        return self._cache.width, 0

    def get_seq_length(self) -> int:
        return 0  # for models that compute positions themselves; ours are passed in

    def get_max_length(self) -> int:
        return -1


def _resized(states: Tensor, rows: int, width: int) -> Tensor:
    if states.shape[0] == rows and states.shape[2] == width:
        return states
    grown = states.new_zeros(rows, states.shape[1], width, states.shape[3])
    both = min(rows, states.shape[0]), min(width, states.shape[2])
    grown[: both[0], :, : both[1]] = states[: both[0], :, : both[1]]
    return grown


class RowCache(Cache):
    """The storage of all rows of a model, ``rows`` times ``width`` tokens, on its devices.

    ``resize`` only sets the target; each layer follows at its next write, so that a failed
    allocation leaves a consistent cache.
    """

    def __init__(self, layers: int, copies: RowCopies | None = None) -> None:
        self.rows = self.width = 0
        self._copies = copies or TorchRowCopies()
        self._token_bytes: dict[torch.device, int] = {}
        self.generation = 0  #: changes whenever the storage does
        self.plan: Plan | RaggedPlan = Plan([], [], torch.empty(2, 0, dtype=torch.long))
        self._layers = [_Layer(self) for _ in range(layers)]
        super().__init__(layers=list(self._layers))

    @property
    def tokens(self) -> int:
        """Tokens that there is memory for."""
        return self.rows * self.width

    def resize(self, rows: int, width: int) -> None:
        """Set the target size; tokens outside of it are dropped."""
        self.generation += (rows, width) != (self.rows, self.width)
        self.rows, self.width = rows, width

    def clear(self) -> None:
        """Give all memory back."""
        self.token_bytes()
        self.generation += 1
        self.rows = self.width = 0
        for layer in self._layers:
            layer.keys = layer.values = None
            layer.is_initialized = False

    def token_bytes(self) -> dict[torch.device, int]:
        """What one token takes on each device, also after ``clear``; nothing before a step."""
        taken: dict[torch.device, int] = {}
        for layer in self._layers:
            for states in layer.stored() if layer.is_initialized else ():
                size = states[0, :, 0].numel() * states.element_size()
                taken[states.device] = taken.get(states.device, 0) + size
        self._token_bytes = taken or self._token_bytes
        return self._token_bytes

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first ``length`` tokens over another row."""
        self._copies.move(self._storage(), source, target, length)

    def read(self, row: int, length: int) -> States:
        """A copy of a row's first ``length`` tokens."""
        return self._copies.read(self._storage(), row, length)

    def write(self, row: int, states: States, length: int) -> None:
        """Put the first ``length`` tokens of what was read into a row."""
        for number, layer in enumerate(self._layers):
            if not layer.is_initialized:
                layer.lazy_initialization(states[2 * number][None], states[2 * number + 1][None])
            layer.resize()
        self._copies.write(self._storage(), row, states, length)

    def _storage(self) -> list[Tensor]:
        """Keys and values of each layer in turn."""
        return [states for layer in self._layers for states in layer.stored()]


def attend(
    module: Any,  # noqa: ARG001 - what transformers passes
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001
    *,
    plan: Plan | RaggedPlan,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """The attention of a step: ``query`` (1, heads, tokens, size) to (1, tokens, heads, size).

    ``key`` and ``value`` are the whole storage. Raises ValueError for an unsupported argument.
    """
    if wanted := [name for name in UNSUPPORTED if others.get(name) is not None]:
        raise ValueError(f"the local engine's attention does not support {', '.join(wanted)}")
    if isinstance(plan, RaggedPlan):
        return plan.attend(query, key, value, scaling, sliding_window), None
    parts = []
    if plan.lengths:
        parts.append(_attend_rows(query, key, value, plan, scaling, sliding_window))
    parts += attend_spans(query, key, value, plan, scaling, sliding_window)
    out = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return out.transpose(1, 2).contiguous(), None


def attend_spans(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    plan: Plan,
    scaling: float | None,
    window: int | None = None,
) -> Iterator[Tensor]:
    """The chunks of prompts, each over its own row: (1, heads, tokens, size) of each span."""
    at = len(plan.lengths)
    for span in plan.spans:
        until = at + span.stop - span.start
        keys, values = (states[span.row, None, :, : span.stop] for states in (key, value))
        mask = plan.mask_of_span(span, query, window)
        yield _attend_span(query[:, :, at:until], keys, values, mask, scaling)
        at = until


def _attend_rows(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    plan: Plan,
    scaling: float | None,
    window: int | None,
) -> Tensor:
    """One token of each row over its own row: (1, heads, rows, size)."""
    count, heads = len(plan.lengths), key.shape[1]
    # The query heads of one key head stand in for several tokens: nothing is repeated.
    single = query[0, :, :count].transpose(0, 1).reshape(count, heads, -1, query.shape[-1])
    mask = plan.mask_of_rows(query, window)
    if scaling is not None and suits(single, plan.width):
        bags = plan.bags_of_rows(value, single.shape[2])
        out = attend_in_bags(single, key, value, mask, bags, scaling)
    else:
        out = torch.nn.functional.scaled_dot_product_attention(
            single,
            key[:count, :, : plan.width],
            value[:count, :, : plan.width],
            attn_mask=mask,
            scale=scaling,
        )
    # (rows, key heads, query heads of each, size)
    return out.reshape(1, count, query.shape[1], -1).transpose(1, 2)


def _attend_span(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None
) -> Tensor:
    """A chunk of a prompt over its own row: (1, heads, tokens, size)."""
    groups = query.shape[1] // key.shape[1]
    return torch.nn.functional.scaled_dot_product_attention(
        query,
        key.repeat_interleave(groups, dim=1),
        value.repeat_interleave(groups, dim=1),
        attn_mask=mask,
        is_causal=mask is None,
        scale=scaling,
    )


def cache_name(model: Any) -> str:
    """The argument by which the model takes its cache. Raises ValueError where it takes none."""
    taken = inspect.signature(model.forward).parameters
    name = next((name for name in CACHE_NAMES if name in taken), None)
    if name is None:
        raise ValueError(f"{type(model).__name__} takes no cache")
    return name


AttentionInterface.register(ATTENTION, attend)
