"""Computed prefixes of conversations: the newest one of each, in a bounded LRU cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

States = TypeVar("States")


@dataclass(frozen=True, slots=True)
class Prefix(Generic[States]):
    """The tokens of a conversation, and their computed keys and values."""

    tokens: list[int]
    states: States


class Prefixes(Generic[States]):
    """One prefix for each key; the least recently used is evicted first. Belongs to one thread.

    A key names the conversation with its tenant: no other conversation finds its prefix.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Prefix[States]] = OrderedDict()
        self.tokens = 0  #: in all of them; may be read from any thread

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: str, prefix: Prefix[States]) -> None:
        """Keep the newest state of a conversation, and drop its older one."""
        self.drop(key)
        self._kept[key] = prefix
        self.tokens += len(prefix.tokens)

    def find(self, key: str, prompt: Sequence[int]) -> tuple[Prefix[States], int] | None:
        """The conversation's prefix and how many tokens of ``prompt`` it begins with.

        The prompt's last token never counts: its logits have to be computed anyway.
        """
        prefix = self._kept.get(key)
        if prefix is None:
            return None
        self._kept.move_to_end(key)
        longest = min(len(prefix.tokens), len(prompt) - 1)
        common = longest
        if prefix.tokens[:longest] != prompt[:longest]:  # rare, and the search is slow
            common = next((at for at in range(longest) if prefix.tokens[at] != prompt[at]), longest)
        return (prefix, common) if common > 0 else None

    def drop(self, key: str) -> None:
        """Drop a conversation's prefix."""
        if (old := self._kept.pop(key, None)) is not None:
            self.tokens -= len(old.tokens)

    def shrink(self, tokens: int) -> None:
        """Evict the least recently used until at most so many tokens are left."""
        while self.tokens > max(tokens, 0):
            self.drop(next(iter(self._kept)))
