"""Token buckets against guessing of the password: one for each address, and one over all."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

#: Tries at once, and the seconds until one more is allowed.
PER_ADDRESS = (5, 60.0)
OVERALL = (30, 6.0)

#: Addresses remembered; the one that was quiet longest is forgotten first.
MAX_ADDRESSES = 4096


class Throttle:
    """Counts tries to log in; its memory is bounded.

    ``clock``: seconds; a step back stops the refill for as long.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._overall = _Bucket(*OVERALL, clock())
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Take one try: 0 when it may go ahead, else the whole seconds until the next may."""
        now = self._clock()
        bucket = self._bucket(network(address), now)
        wait = round(max(bucket.wait_s(now), self._overall.wait_s(now)), 3)
        if wait > 0:
            return math.ceil(wait)
        bucket.take()
        self._overall.take()
        return 0

    def forgive(self, address: str) -> None:
        """Forget the tries of an address whose password was right."""
        self._addresses.pop(network(address), None)

    def _bucket(self, key: str, now: float) -> _Bucket:
        bucket = self._addresses.setdefault(key, _Bucket(*PER_ADDRESS, now))
        self._addresses.move_to_end(key)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        return bucket


class _Bucket:
    """``size`` tokens; one comes back every ``refill_s``."""

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
    """What one caller holds: the address itself, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(int(parsed) >> 64)
    return str(parsed)
