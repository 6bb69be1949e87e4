"""Which kept prefixes go to make room for the next one."""

from __future__ import annotations

import torch

from inference_worker.engines.local.batch_memory import CHUNK, BatchMemory, Slot
from inference_worker.engines.local.kv_cache import RowCache

LENGTH = 200


def ended(memory: BatchMemory, key: str, *, first: int) -> Slot:
    """A slot in the only row that has computed ``LENGTH`` tokens, from this one on."""
    slot = Slot([*range(first, first + LENGTH + 1)], CHUNK, key)
    memory.restore(0, slot, [])
    found = slot.cached
    memory.cache.write(0, [torch.zeros(1, LENGTH, 4)] * 2, LENGTH)
    slot.cached = LENGTH
    memory.keep(0, slot)
    slot.cached = found
    return slot


def test_a_conversation_that_begins_anew_takes_the_place_of_its_own_prefix() -> None:
    memory = BatchMemory(RowCache(1), max_slots=1, budget=3 * CHUNK)
    ended(memory, "mine", first=0)
    ended(memory, "theirs", first=0)
    assert ended(memory, "mine", first=7).cached == 0, "another prompt"
    assert memory.kept_tokens == 2 * LENGTH
    assert ended(memory, "theirs", first=0).cached == LENGTH
