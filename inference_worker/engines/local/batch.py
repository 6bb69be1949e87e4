"""The sequences that are being written, advanced together: token ids and tensors, no text.

Slot ``n`` has row ``n`` of the cache. Slots that write come first, then those whose prompts are
still being prefilled in chunks; a slot that leaves is replaced by the last one of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.kv_cache import (
    ATTENTION,
    Plan,
    RowCache,
    Span,
    States,
    cache_name,
)
from inference_worker.engines.local.prefix_cache import Prefix, Prefixes
from inference_worker.engines.local.sampling import Sampler

#: Tokens by which the width of the cache grows.
CHUNK = 256


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence: prompt and answer so far, and how many of its tokens are in the cache."""

    tokens: list[int]
    need: int  #: tokens it may come to
    key: str = ""  #: the conversation that its prefix is kept for
    cached: int = 0
    writing: bool = False  #: its prompt has been prefilled


class Batch:
    """The slots of one model, and its memory. Belongs to one thread.

    ``budget`` bounds the tokens that there is memory for: slots and kept prefixes together. A
    sequence is admitted only where all fit at their full length. ``prefill_chunk`` is the maximum
    of prompt tokens that one step computes.
    """

    def __init__(self, model: Any, *, max_slots: int, budget: int, prefill_chunk: int) -> None:
        if not getattr(model, "_supports_attention_backend", False):
            raise ValueError(f"{type(model).__name__} does not let its attention be chosen")
        model.set_attn_implementation(ATTENTION)
        self._model = model
        self._device = model.device
        self._max_slots = max_slots
        self._cache = RowCache(model.config.get_text_config().num_hidden_layers)
        self._cache_argument = {cache_name(model): self._cache}
        self._prefixes: Prefixes[States] = Prefixes()
        self._sampler = Sampler(self._device)
        self.budget = CHUNK
        self.allow(budget)
        self.prefill_chunk = prefill_chunk
        self.slots: list[Slot] = []
        self.reused = 0  #: tokens of prompts that did not have to be computed, since the start

    @property
    def cached_tokens(self) -> int:
        """Tokens that the slots have memory for; from any thread."""
        return self._cache.tokens

    @property
    def kept_tokens(self) -> int:
        """Tokens of finished sequences that are kept for the next turn; from any thread."""
        return self._prefixes.tokens

    @property
    def prefilling(self) -> list[Slot]:
        """Slots whose prompts have not been computed yet, in their order."""
        return [slot for slot in self.slots if not slot.writing]

    def token_bytes(self) -> dict[torch.device, int]:
        """What a token takes on each device; nothing before the first step."""
        return self._cache.token_bytes()

    def allow(self, budget: int) -> None:
        """Set the budget, in whole chunks and one at least."""
        self.budget = max(budget // CHUNK, 1) * CHUNK

    def fits(self, need: int) -> bool:
        """Whether one more sequence of at most ``need`` tokens can be admitted now."""
        if len(self.slots) == self._max_slots:
            return False
        if sum(len(slot.tokens) - slot.cached for slot in self.prefilling) >= self.prefill_chunk:
            return False
        widest = max([need, *(slot.need for slot in self.slots)])
        return (len(self.slots) + 1) * _rounded(widest) <= self.budget

    @torch.inference_mode()
    def add(
        self, prompt: Sequence[int], sampling: SamplingParams, *, need: int, key: str = ""
    ) -> Slot:
        """Admit a sequence that ``fits``, with the kept prefix of its conversation."""
        slot = Slot(list(prompt), need, key)
        index = len(self.slots)
        found = self._prefixes.find(key, prompt) if key else None
        self._make_room(index + 1, found[1] if found else 1)
        if found:
            prefix, slot.cached = found
            self._cache.write(index, prefix.states, slot.cached)
            self._prefixes.drop(key)
            self.reused += slot.cached
        self._sampler.begin(index, sampling, prompt)
        self.slots.append(slot)
        return slot

    @torch.inference_mode()
    def step(self, *, max_prefilling: int | None = None) -> list[tuple[Slot, int]]:
        """One more token of every slot that writes, and a chunk of the prompts being prefilled.

        ``max_prefilling`` bounds how many prompts take part.

        Returns the tokens chosen, INVALID_TOKEN (see sampling) where the logits were no numbers.
        After an error nothing has changed, and the same step may be tried again.
        """
        prefilling = self.prefilling
        writing = self.slots[: len(self.slots) - len(prefilling)]
        spans = self._spans(len(writing), prefilling[:max_prefilling])
        ends = [slot.cached + 1 for slot in writing] + [span.stop for span in spans]
        self._make_room(len(self.slots), max(ends))
        logits = self._forward(writing, spans)
        pairs = zip(prefilling, spans, strict=False)
        begun = [slot for slot, span in pairs if span.stop == len(slot.tokens)]
        done = [*writing, *begun]
        chosen = self._sampler.choose(logits[: len(done)]) if done else []
        for slot, end in zip(self.slots, ends, strict=False):
            slot.cached = end
        for slot, token in zip(done, chosen, strict=True):
            slot.tokens.append(token)
            slot.writing = True
        return list(zip(done, chosen, strict=True))

    @torch.inference_mode()
    def remove(self, slot: Slot, *, keep: bool = True) -> None:
        """Remove a slot; with a key, its computed prefix is kept while there is room."""
        index = self.slots.index(slot)
        if keep and slot.key and slot.cached:
            self._keep(index, slot)
        writing = len(self.slots) - len(self.prefilling)
        for last in (writing - 1, len(self.slots) - 1):
            if index < last and index < len(self.slots):
                self._move(last, index)
                index = last
        del self.slots[index]
        if not self.slots:
            self._cache.clear()

    def forget(self) -> int:
        """Drop every kept prefix; returns how many tokens were freed."""
        tokens = self._prefixes.tokens
        self._prefixes.shrink(0)
        return tokens

    def clear(self) -> None:
        """Remove everything."""
        self.slots.clear()
        self._cache.clear()
        self.forget()

    def _spans(self, index: int, prefilling: Sequence[Slot]) -> list[Span]:
        left, spans = self.prefill_chunk, []
        for number, slot in enumerate(prefilling):
            stop = min(len(slot.tokens), slot.cached + left)
            if stop > slot.cached:
                spans.append(Span(index + number, slot.cached, stop))
                left -= stop - slot.cached
        return spans

    def _forward(self, writing: Sequence[Slot], spans: Sequence[Span]) -> torch.Tensor:
        """The logits of each slot's last token in this step, (slots, vocabulary)."""
        ids = [slot.tokens[-1] for slot in writing]
        rows = list(range(len(writing)))
        lengths = [slot.cached for slot in writing]
        positions, last = lengths.copy(), rows.copy()
        for span in spans:
            ids += self.slots[span.row].tokens[span.start : span.stop]
            rows += [span.row] * (span.stop - span.start)
            positions += range(span.start, span.stop)
            last.append(len(ids) - 1)
        step = torch.tensor([ids, rows, positions], device=self._device)
        plan = Plan(lengths, list(spans), step[1:])
        self._cache.plan = plan
        logits: torch.Tensor = self._model(
            step[:1],
            position_ids=step[2:],
            use_cache=True,
            # Those of a whole prompt would take gigabytes: 6,144 x 128,256 floats.
            logits_to_keep=torch.tensor(last, device=self._device),
            plan=plan,
            **self._cache_argument,
        ).logits
        return logits[0]

    def _move(self, source: int, target: int) -> None:
        slot = self.slots[source]
        if slot.cached:
            self._cache.move(source, target, slot.cached)
        self._sampler.move(source, target)
        self.slots[target] = slot

    def _keep(self, index: int, slot: Slot) -> None:
        left = self.budget - self._cache.tokens - slot.cached
        if left < 0:
            return
        self._prefixes.shrink(left)
        states = self._cache.read(index, slot.cached)
        self._prefixes.keep(slot.key, Prefix(slot.tokens[: slot.cached], states))

    def _make_room(self, rows: int, width: int) -> None:
        """Let the cache hold so many rows of this width, with spare rows where they fit."""
        cache = self._cache
        width = _rounded(max([width, *(slot.cached for slot in self.slots)]))
        if rows <= cache.rows and width <= cache.width:
            return
        spare = min(max(rows, 2 * cache.rows), self._max_slots) if rows > cache.rows else cache.rows
        sizes = ((spare, max(width, cache.width)), (rows, max(width, cache.width)), (rows, width))
        fitting = [size for size in sizes if size[0] * size[1] <= self.budget]
        chosen = fitting[0] if fitting else sizes[-1]
        self._prefixes.shrink(self.budget - chosen[0] * chosen[1])
        cache.resize(*chosen)


def _rounded(width: int) -> int:
    return -(-width // CHUNK) * CHUNK
