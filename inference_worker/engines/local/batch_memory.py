"""The memory of a batch: cache rows for the slots, and kept prefixes, within one budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference_worker.engines.local.kv_cache import RowCache
from inference_worker.engines.local.prefix_cache import Prefix, Prefixes
from inference_worker.engines.local.row_copies import States
from inference_worker.engines.local.token_scorer import ScoreSheet

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
    seen: Tensor | None = None  #: of its pictures' tokens, in order, until they are prefilled
    adapter: int = 0  #: the number of its LoRA weights; 0: none
    sheet: ScoreSheet | None = None  #: how probable its tokens are, where that is wanted

    @property
    def scores_prompt(self) -> bool:
        """Whether the logits of all of its prompt are wanted."""
        return self.sheet is not None and self.sheet.wanted.prompt


class BatchMemory:
    """Where keys and values of at most ``max_slots`` sequences live. Belongs to one thread.

    ``lasting`` memory is taken for more than is needed now, and kept while nothing is written, up
    to half of the budget: graphs are of one storage, and lost with it.
    """

    def __init__(
        self, cache: RowCache, *, max_slots: int, budget: int, lasting: bool = False
    ) -> None:
        self.cache = cache
        self.budget = CHUNK
        self.reused = 0  #: tokens of prompts that did not have to be computed, since the start
        self._max_slots = max_slots
        self._lasting = lasting
        self._prefixes: Prefixes[States] = Prefixes()
        self.allow(budget)

    @property
    def kept_tokens(self) -> int:
        """Tokens of kept prefixes; from any thread."""
        return self._prefixes.tokens

    def allow(self, budget: int) -> None:
        """Set the budget, in whole chunks and one at least."""
        self.budget = max(budget // CHUNK, 1) * CHUNK

    def has_room(self, needs: Sequence[int]) -> bool:
        """Whether sequences that may come to so many tokens fit together."""
        return len(needs) * _rounded(max(needs)) <= self.budget

    def restore(self, index: int, slot: Slot, others: Sequence[Slot]) -> None:
        """Make room for a new slot, and give it the kept prefix of its conversation."""
        found = self._prefixes.find(slot.key, slot.tokens) if slot.key else None
        self.make_room(index + 1, found[1] if found else 1, [*others, slot])
        if found:
            prefix, slot.cached = found
            self.cache.write(index, prefix.states, slot.cached)
            self._prefixes.drop(slot.key)
            self.reused += slot.cached

    def exchange(self, first: int, second: int, slots: Sequence[Slot]) -> None:
        """Let two slots change their rows; after an error the first has its own still."""
        before, after = slots[first].cached, slots[second].cached
        states = self.cache.read(first, before) if before else None
        if after:
            self.cache.move(second, first, after)
        if states is not None:
            self.cache.write(second, states, before)

    def keep(self, index: int, slot: Slot) -> None:
        """Keep what has been computed for the slot, while there is room."""
        left = self.budget - self.cache.tokens - slot.cached
        if left < 0:
            return
        # The conversation's older prefix is replaced anyway: no other is evicted in its stead.
        self._prefixes.drop(slot.key)
        self._prefixes.shrink(left)
        try:
            states = self.cache.read(index, slot.cached)
        except torch.OutOfMemoryError:  # free, but in pieces: its next turn is computed anew
            return
        self._prefixes.keep(slot.key, Prefix(slot.tokens[: slot.cached], states))

    def forget(self) -> int:
        """Drop every kept prefix, and take no more than is needed; returns the freed tokens."""
        self._lasting = False
        tokens = self._prefixes.tokens
        self._prefixes.shrink(0)
        return tokens

    def make_room(self, rows: int, width: int, slots: Sequence[Slot]) -> None:
        """Let the cache hold so many rows of this width, with spare rows where they fit."""
        cache = self.cache
        width = _rounded(max([width, *(slot.cached for slot in slots)]))
        if rows <= cache.rows and width <= cache.width:
            return
        if lasting := self._lasting_size(rows, width, slots):
            cache.resize(*lasting)
            return
        spare = min(max(rows, 2 * cache.rows), self._max_slots) if rows > cache.rows else cache.rows
        sizes = ((spare, max(width, cache.width)), (rows, max(width, cache.width)), (rows, width))
        fitting = [size for size in sizes if size[0] * size[1] <= self.budget]
        chosen = fitting[0] if fitting else sizes[-1]
        self._prefixes.shrink(self.budget - chosen[0] * chosen[1])
        cache.resize(*chosen)

    def clear(self) -> None:
        """Give all memory back, that of kept prefixes too."""
        self.cache.clear()
        self._prefixes.shrink(0)

    def release(self) -> None:
        """Give the rows' memory back, now that nothing is written."""
        if not self._lasting or self.cache.tokens > self.budget // 2:
            self.cache.clear()

    def _lasting_size(self, rows: int, width: int, slots: Sequence[Slot]) -> tuple[int, int] | None:
        """The largest of some sizes, (rows, width), that takes nothing from kept prefixes."""
        if not self._lasting:
            return None
        need = max(width, self.cache.width, _rounded(max(slot.need for slot in slots)))
        doubled = CHUNK << (need // CHUNK - 1).bit_length()
        all_rows, some_rows = self._max_slots, min(max(rows, 2 * self.cache.rows), self._max_slots)
        sizes = ((all_rows, doubled), (all_rows, need), (some_rows, doubled), (some_rows, need))
        most = min(self.budget // 2, self.budget - self._prefixes.tokens)
        return next((size for size in sizes if size[0] * size[1] <= most), None)


def _rounded(width: int) -> int:
    return -(-width // CHUNK) * CHUNK
