"""Token buckets against password guessing: one per address and one for all together."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

#: Size of the burst, and the seconds until one more attempt is allowed.
PER_ADDRESS = (5, 60.0)
OVERALL = (30, 6.0)

#: Remembered addresses; the least recently used one is forgotten first.
MAX_ADDRESSES = 4096


class Throttle:
    """Rate limit for login attempts, with bounded memory.

    ``clock``: seconds; after a step back the refill pauses for as long.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._overall = _Bucket(*OVERALL, clock())
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Take one attempt: 0 if it is allowed, else whole seconds until the next one is."""
        now = self._clock()
        bucket = self._bucket(network(address), now)
        wait = round(max(bucket.wait_s(now), self._overall.wait_s(now)), 3)
        if wait > 0:
            return math.ceil(wait)
        bucket.take()
        self._overall.take()
        return 0

    def forgive(self, address: str) -> None:
        """Forget the attempts of an address after a successful login."""
        self._addresses.pop(network(address), None)

    def _bucket(self, key: str, now: float) -> _Bucket:
        bucket = self._addresses.setdefault(key, _Bucket(*PER_ADDRESS, now))
        self._addresses.move_to_end(key)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        return bucket


class _Bucket:
    """``size`` tokens; one is refilled every ``refill_s``."""

    def __init__(self, size: int, refill_s: float, now: float) -> None:
        self._size = size
        self._refill_s = refill_s
        self._tokens = float(size)
        self._at = now

    def wait_s(self, now: float) -> float:
        self._tokens = min(self._size, self._tokens + max(0.0, now - self._at) / self._refill_s)
        self._at = now
        return max(0.0, (1 - self._tokens) * self._refill_s)

    def take(self) -> None:
        self._tokens -= 1


def network(address: str) -> str:
    """The block that one caller holds: the address itself, or its /64 for IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> 64)
    return str(parsed)
