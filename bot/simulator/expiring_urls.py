"""Addresses that wear out: Kakao's single-use callback URL, Slack's response_url with five uses."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class UnknownAddressError(LookupError):
    """No such address was given out, or it was long ago."""


class ExpiredAddressError(LookupError):
    """The address was good once; its time is over."""


class UsedAddressError(LookupError):
    """Every use of the address has been made."""


@dataclass(slots=True)
class _Address(Generic[Owner]):
    owner: Owner
    expires_at: float
    uses_left: int


class Addresses(Generic[Owner]):
    """Unguessable tokens, each good for ``uses`` uses within ``lifetime_s`` seconds.

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
        self._addresses: OrderedDict[str, _Address[Owner]] = OrderedDict()

    def issue(self, owner: Owner, token: str | None = None) -> str:
        """A new token for the owner; the oldest one is forgotten where there are too many."""
        token = token or secrets.token_urlsafe(32)
        expires_at = self._clock() + self._lifetime_s
        self._addresses[token] = _Address(owner, expires_at, self._uses)
        while len(self._addresses) > self._capacity:
            self._addresses.popitem(last=False)
        return token

    def use(self, token: str) -> Owner:
        """Spend one use; raises UnknownAddressError, ExpiredAddressError or UsedAddressError."""
        address = self._addresses.get(token)
        if address is None:
            raise UnknownAddressError
        if self._clock() > address.expires_at:
            raise ExpiredAddressError
        if not address.uses_left:
            raise UsedAddressError
        address.uses_left -= 1
        return address.owner
