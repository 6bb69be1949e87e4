"""Slack's rate limits: calls a minute for each method, messages a second for each channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bot.messengers.slack.simulated_workspace.errors import RateLimitedError


@dataclass(frozen=True, slots=True)
class Limit:
    """``burst`` calls at once, ``per_s`` a second in the long run."""

    per_s: float
    burst: int


def _tier(per_minute: int) -> Limit:
    return Limit(per_minute / 60, per_minute)


#: Calls a minute of a workspace and method.
TIERS = {1: _tier(1), 2: _tier(20), 3: _tier(50), 4: _tier(100)}
#: About one message a second and channel, with short bursts.
POST_LIMIT = Limit(1.0, 5)
_BY_CHANNEL = frozenset({"chat.postMessage", "chat.postEphemeral"})


class RateLimits:
    """The token buckets of one workspace, by method, and by channel where that counts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def spend(self, method: str, tier: int, channel: str) -> None:
        """Count one call; raises RateLimitedError."""
        by_channel = method in _BY_CHANNEL
        limit = POST_LIMIT if by_channel else TIERS[tier]
        key = (method, channel if by_channel else "")
        now = self._clock()
        tokens, since = self._buckets.get(key, (float(limit.burst), now))
        tokens = min(limit.burst, tokens + (now - since) * limit.per_s)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            raise RateLimitedError(max(1, math.ceil((1 - tokens) / limit.per_s)))
        self._buckets[key] = (tokens - 1, now)
