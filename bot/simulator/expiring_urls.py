"""URLs with a lifetime and a number of uses, such as a platform gives out for answers."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class UnknownUrlError(LookupError):
    """The URL was never issued, or is already forgotten."""


class ExpiredUrlError(LookupError):
    """The URL's lifetime is over."""


class UsedUrlError(LookupError):
    """The URL has no uses left."""


@dataclass(slots=True)
class _Entry(Generic[Owner]):
    owner: Owner
    expires_at: float
    uses_left: int


class ExpiringUrls(Generic[Owner]):
    """Unguessable tokens of URLs, each good for ``uses`` uses within ``lifetime_s`` seconds.

    The newest ``capacity`` are kept, used or not, so that a late use gets the right refusal.
    """

    def __init__(
        self,
        *,
        lifetime_s: float,
        uses: int,
        capacity: int = 2000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime_s = lifetime_s
        self._uses = uses
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[str, _Entry[Owner]] = OrderedDict()

    def issue(self, owner: Owner, token: str | None = None) -> str:
        """A new token for the owner; beyond the capacity the oldest token is forgotten."""
        token = token or secrets.token_urlsafe(32)
        expires_at = self._clock() + self._lifetime_s
        self._entries[token] = _Entry(owner, expires_at, self._uses)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return token

    def use(self, token: str) -> Owner:
        """Spend one use; raises UnknownUrlError, ExpiredUrlError or UsedUrlError."""
        entry = self._entries.get(token)
        if entry is None:
            raise UnknownUrlError
        if self._clock() > entry.expires_at:
            raise ExpiredUrlError
        if not entry.uses_left:
            raise UsedUrlError
        entry.uses_left -= 1
        return entry.owner
