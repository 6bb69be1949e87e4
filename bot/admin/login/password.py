"""The operators' password: BOT_ADMIN_PASSWORD in plain text, or as an argon2 hash."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from hashlib import blake2s

from argon2 import PasswordHasher, extract_parameters, low_level
from argon2.exceptions import InvalidHashError, VerificationError

from bot.domain.normal_form import nfc

#: A check takes 64 MiB, so only this many run concurrently.
_MAX_CONCURRENT_CHECKS = 2

#: Longer input is refused without a check.
MAX_CHARS = 1024

_SESSION_SALT = b"bllossom-messenger admin"


class Password:
    """The operators' user name and password. An empty password closes the dashboard.

    Raises ValueError for a setting that begins like an argon2 hash but is malformed.
    """

    def __init__(self, user: str, setting: str) -> None:
        self._user = _bytes(user)
        self._setting = setting
        self._hash = _as_hash(setting) if setting else ""
        self._checks = asyncio.Semaphore(_MAX_CONCURRENT_CHECKS)

    @property
    def is_set(self) -> bool:
        """Whether a password is set."""
        return bool(self._hash)

    async def matches(self, user: str, typed: str) -> bool:
        """Whether user and password match; the time does not depend on the user name."""
        if not self._hash or len(typed) > MAX_CHARS:
            return False
        async with self._checks:
            right = await asyncio.to_thread(_verified, self._hash, typed)
        return hmac.compare_digest(_bytes(user), self._user) and right

    def session_key(self) -> bytes:
        """32 bytes for the session cookies; another password or name invalidates every session.

        Deriving it from a password in plain text is as slow as a check, so that a stolen cookie
        is no fast oracle for guesses. A hash cannot be guessed. Random without a password.
        """
        if not self._setting:
            return secrets.token_bytes(32)
        secret = self._user + b"\0" + _bytes(self._setting)
        if self._hash == self._setting:
            return blake2s(secret, key=_SESSION_SALT).digest()
        hasher = PasswordHasher()
        return low_level.hash_secret_raw(
            secret,
            _SESSION_SALT,
            time_cost=hasher.time_cost,
            memory_cost=hasher.memory_cost,
            parallelism=hasher.parallelism,
            hash_len=32,
            type=low_level.Type.ID,
        )


def _as_hash(setting: str) -> str:
    if not setting.startswith("$argon2"):
        return PasswordHasher().hash(_bytes(setting))
    try:
        extract_parameters(setting)
    except InvalidHashError:
        raise ValueError(
            "BOT_ADMIN_PASSWORD begins with $argon2 but is not a whole argon2 hash"
            " (quote it: shells and compose files replace $)"
        ) from None
    return setting


def _verified(hashed: str, typed: str) -> bool:
    try:
        return PasswordHasher().verify(hashed, _bytes(typed))
    except (VerificationError, InvalidHashError):
        return False


def _bytes(text: str) -> bytes:
    """UTF-8 of the NFC form: macOS types Hangul decomposed."""
    return nfc(text).encode("utf-8", "replace")
