"""The operators' password: BOT_ADMIN_PASSWORD in plain text, or as an argon2 hash."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import unicodedata
from hashlib import blake2s

from argon2 import PasswordHasher, extract_parameters, low_level
from argon2.exceptions import InvalidHashError, VerificationError

#: A check takes 64 MiB, so only so many run at once; the others wait.
_CHECKS_AT_ONCE = 2

#: Longer input is refused unread.
MAX_CHARS = 1024

_SESSION_SALT = b"bllossom-messenger admin"


class Password:
    """Who may come in. An empty password closes the dashboard.

    Raises ValueError for a setting that begins like an argon2 hash and is none.
    """

    def __init__(self, user: str, setting: str) -> None:
        self._user = _bytes(user)
        self._setting = setting
        self._hash = _as_hash(setting) if setting else ""
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)

    @property
    def is_set(self) -> bool:
        """Whether anybody may come in at all."""
        return bool(self._hash)

    async def admits(self, user: str, typed: str) -> bool:
        """Whether name and password are right; takes as long for a wrong name."""
        if not self._hash or len(typed) > MAX_CHARS:
            return False
        async with self._checks:
            right = await asyncio.to_thread(_verified, self._hash, typed)
        return hmac.compare_digest(_bytes(user), self._user) and right

    def session_key(self) -> bytes:
        """32 bytes for the session cookies: another password or name makes every session void.

        From a plain password it is as slow to compute as a check, so that a stolen cookie is no
        quick test for guesses; a hash cannot be guessed. Random where there is no password.
        """
        if not self._setting:
            return secrets.token_bytes(32)
        secret = self._user + b"\0" + _bytes(self._setting)
        if self._hash == self._setting:
            return blake2s(secret, key=_SESSION_SALT).digest()
        own = PasswordHasher()
        return low_level.hash_secret_raw(
            secret,
            _SESSION_SALT,
            time_cost=own.time_cost,
            memory_cost=own.memory_cost,
            parallelism=own.parallelism,
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
    """NFC, because macOS types Hangul decomposed."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace")
