"""Samples of a stream of turns, of which nobody knows beforehand how long it is.

Each turn has a number that is made of the sample's seed and its id alone; the turns with the
smallest ones are the sample. So each has the same chance, the order of the stream means nothing,
and the same seed chooses the same turns of the same log.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Protocol
from uuid import UUID

#: Strata beyond this many are one: none of them would get a share worth looking at.
MAX_STRATA = 40
_OTHERS = "…"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A turn that may be put into a queue."""

    turn_id: UUID
    received_at: datetime
    stratum: str = ""


class Sampler(Protocol):
    """Takes a stream of candidates, and says at any time which of them are chosen."""

    def add(self, candidate: Candidate) -> None:
        """Consider a candidate."""

    def is_full(self) -> bool:
        """Whether no further candidate can change the sample."""

    def chosen(self) -> list[Candidate]:
        """The sample, in the order of its review."""


class FirstSampler:
    """The first of the stream."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: list[Candidate] = []

    def add(self, candidate: Candidate) -> None:
        """Consider a candidate."""
        if not self.is_full():
            self._found.append(candidate)

    def is_full(self) -> bool:
        """Whether it has as many as it may have."""
        return len(self._found) >= self._size

    def chosen(self) -> list[Candidate]:
        """The sample, in the order of the stream."""
        return list(self._found)


class RandomSampler:
    """Of all candidates ``size``, each with the same chance."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._heap: list[tuple[int, int, Candidate]] = []

    def add(self, candidate: Candidate) -> None:
        """Consider a candidate."""
        place = sample_place(self._seed, candidate.turn_id)
        # The largest is on top: heapq knows small ones only. Ids are distinct, so none compares on.
        entry = (-place, -candidate.turn_id.int, candidate)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def is_full(self) -> bool:
        """Never: the last candidate may have the smallest number."""
        return False

    def chosen(self) -> list[Candidate]:
        """The sample, by its numbers."""
        return [candidate for *_, candidate in sorted(self._heap, reverse=True)]


class StratifiedSampler:
    """Of each stratum the same number, ``size`` in all; what a small one lacks the others give."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._strata: dict[str, RandomSampler] = {}

    def add(self, candidate: Candidate) -> None:
        """Consider a candidate."""
        name = candidate.stratum
        if name not in self._strata and len(self._strata) >= MAX_STRATA:
            name = _OTHERS
        known = self._strata.setdefault(name, RandomSampler(self._size, self._seed))
        known.add(candidate)

    def is_full(self) -> bool:
        """Never, as for a random one."""
        return False

    def chosen(self) -> list[Candidate]:
        """The sample: one of each stratum in turn, so that its beginning is stratified as well."""
        strata = [self._strata[name].chosen() for name in sorted(self._strata)]
        rounds = range(max(map(len, strata), default=0))
        dealt = [found[place] for place in rounds for found in strata if place < len(found)]
        return dealt[: self._size]


def sample_place(seed: int, turn_id: UUID) -> int:
    """The turn's number in a sample with this seed: 64 bits."""
    key = seed.to_bytes(8, signed=True)
    return int.from_bytes(blake2b(turn_id.bytes, key=key, digest_size=8).digest())
