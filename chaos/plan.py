"""The parameters of a run, and what follows from its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from chaos.injections import InjectionKind
from chaos.versions import knows_photos, knows_rooms

#: Messages of a conversation at most, and their average distance.
MAX_PER_CONVERSATION, DISTANCE_S = 25, 5.0
#: Where messages are merged: the share of messages that follow another one closely.
SHARE_IN_BURSTS = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of a run."""

    seed: int
    messages: int
    seconds: float
    every_s: float  #: average distance of two injections
    merge_s: float = 0.0  #: messages at this distance are answered together
    previous_version: Path | None = None  #: a checkout that a bot and a worker run
    kinds: tuple[InjectionKind, ...] = tuple(InjectionKind)

    @property
    def conversations(self) -> list[str]:
        """Their names: a kind of ``surfaces`` and a number; each kind has the same share."""
        concurrent = self.messages * DISTANCE_S / self.seconds
        count = max(10, self.messages // MAX_PER_CONVERSATION, round(concurrent))
        kinds = self.surfaces
        return [f"{kinds[number % len(kinds)]}{number}" for number in range(count)]

    @property
    def background_jobs(self) -> int:
        """Background jobs that wait from the start on: the lane is seldom empty."""
        return max(20, self.messages // 10)

    @property
    def surfaces(self) -> str:
        """The kinds of conversations. Slack sends events once every bot's guarantee covers them.

        k: Kakao, s: Slack's command, g: the generic webhook, d: Slack's direct messages, c: threads
        of its channels.
        """
        return "ksgdc" if self.covers_new_ways else "ksg"

    @property
    def covers_new_ways(self) -> bool:
        """Whether every bot's guarantee covers Slack's rooms, and commands and votes on Kakao."""
        return self.previous_version is None or knows_rooms(self.previous_version)

    @property
    def covers_photos(self) -> bool:
        """Whether every worker leaves photos to those that see them."""
        return self.previous_version is None or knows_photos(self.previous_version)

    def rng(self, stream: str) -> random.Random:
        """A random stream of its own. Another name gives every seed another run."""
        return random.Random(f"{self.seed} {stream}")

    def send_times(self, start: float) -> dict[str, list[float]]:
        """When each conversation's messages are due."""
        rng = self.rng("send times")
        conversations = self.conversations
        times: dict[str, list[float]] = {name: [] for name in conversations}
        for _ in range(self.messages):
            name = rng.choice(conversations)
            if times[name] and rng.random() < SHARE_IN_BURSTS * bool(self.merge_s):
                times[name].append(times[name][-1] + rng.random() * self.merge_s)
            else:
                times[name].append(start + rng.random() * self.seconds)
        return times
