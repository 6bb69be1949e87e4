"""Token buckets against password guessing: one per address and one for all strangers together.

A browser that has logged in before has a bucket of its own instead, so that strangers cannot lock
the operators out: not from a shared address, not from many.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from runtime.ip_address import IpAddress, network

#: Size of the burst, and the seconds until one more attempt is allowed.
PER_CALLER = (5, 60.0)
OVERALL = (30, 6.0)

#: Remembered addresses, and devices; the least recently used one is forgotten first.
MAX_CALLERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who tries to log in."""

    address: IpAddress | None  #: None: unreadable; all of these share one bucket
    device: str = ""  #: the name of a browser that has logged in before
    user: str = ""  #: whose code is typed: all strangers who know a password share its tries

    @property
    def block(self) -> str:
        """What one caller holds of the network."""
        return network(self.address) if self.address else "unknown"


class Throttle:
    """Rate limit for login attempts, with bounded memory.

    ``clock``: seconds; after a step back the refill pauses for as long.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._overall = _Bucket(*OVERALL, clock())
        self._addresses = _Buckets()
        # Apart, so that no flood of addresses refills a bucket by having it forgotten.
        self._devices = _Buckets()
        self._users = _Buckets()

    def wait_s(self, caller: Caller) -> int:
        """Take one attempt: 0 if it is allowed, else whole seconds until the next one is."""
        now = self._clock()
        if caller.device:
            buckets = [self._devices.find(caller.device, now)]
        else:
            buckets = [self._addresses.find(caller.block, now), self._overall]
            if caller.user:
                buckets.append(self._users.find(caller.user, now))
        wait = round(max(bucket.wait_s(now) for bucket in buckets), 3)
        if wait > 0:
            return math.ceil(wait)
        for bucket in buckets:
            bucket.take()
        return 0

    def forgive(self, caller: Caller) -> None:
        """Forget a caller's attempts after a successful login."""
        if caller.device:
            self._devices.forget(caller.device)
        else:
            self._addresses.forget(caller.block)
            self._users.forget(caller.user)


class _Buckets:
    """A bucket per key, for the ``MAX_CALLERS`` most recent keys."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def find(self, key: str, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(key, _Bucket(*PER_CALLER, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return bucket

    def forget(self, key: str) -> None:
        self._buckets.pop(key, None)


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
