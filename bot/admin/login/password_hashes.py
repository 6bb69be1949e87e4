"""Argon2 hashes of passwords: made and checked in threads, few at a time."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.domain.normal_form import nfc

#: A check takes 64 MiB, so only this many run concurrently.
_MAX_CONCURRENT = 2

#: Longer input is refused without a check.
MAX_CHARS = 1024


class PasswordHashes:
    """Makes and checks hashes with the parameters of RFC 9106 for little memory."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)
        self._nobodys = ""

    async def make(self, password: str) -> str:
        """The hash of a password."""
        async with self._slots:
            return await asyncio.to_thread(PasswordHasher().hash, encoded(password))

    async def matches(self, stored: str | None, typed: str) -> bool:
        """Whether the typed password has the hash.

        None: there is no such user, which takes as long to say as a wrong password.
        """
        if len(typed) > MAX_CHARS:
            return False
        if stored is None and not self._nobodys:
            self._nobodys = await self.make(secrets.token_urlsafe())
        async with self._slots:
            right = await asyncio.to_thread(_verified, stored or self._nobodys, typed)
        return right and stored is not None


def encoded(password: str) -> bytes:
    """UTF-8 of the NFC form: macOS types Hangul decomposed."""
    return nfc(password).encode("utf-8", "replace")


def _verified(hashed: str, typed: str) -> bool:
    try:
        return PasswordHasher().verify(hashed, encoded(typed))
    except (VerificationError, InvalidHashError):
        return False
