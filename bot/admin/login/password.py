"""The first admin's password: BOT_ADMIN_PASSWORD in plain text, or as an argon2 hash."""

from __future__ import annotations

import hmac
import secrets
from hashlib import blake2s

from argon2 import PasswordHasher, extract_parameters, low_level
from argon2.exceptions import InvalidHashError

from bot.admin.login.password_hashes import PasswordHashes, encoded

_SESSION_SALT = b"bllossom-messenger admin"


class Password:
    """The user name and password of the settings. An empty password closes the dashboard.

    Raises ValueError for a setting that begins like an argon2 hash but is malformed.
    """

    def __init__(self, user: str, setting: str) -> None:
        self._user = encoded(user)
        self._setting = setting
        self._hash = _as_hash(setting) if setting else ""
        self.hashes = PasswordHashes()

    @property
    def is_set(self) -> bool:
        """Whether a password is set."""
        return bool(self._hash)

    @property
    def user(self) -> str:
        """The first admin's name."""
        return self._user.decode()

    def is_of(self, user: str) -> bool:
        """Whether the password is that user's."""
        return hmac.compare_digest(encoded(user), self._user)

    async def matches(self, typed: str) -> bool:
        """Whether the typed password is right."""
        return await self.hashes.matches(self._hash or None, typed)

    def session_key(self) -> bytes:
        """32 bytes for the session cookies; another password or name invalidates every session.

        Deriving it from a password in plain text is as slow as a check, so that a stolen cookie
        is no fast oracle for guesses. A hash cannot be guessed. Random without a password.
        """
        if not self._setting:
            return secrets.token_bytes(32)
        secret = self._user + b"\0" + encoded(self._setting)
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
        return PasswordHasher().hash(encoded(setting))
    try:
        extract_parameters(setting)
    except InvalidHashError:
        raise ValueError(
            "BOT_ADMIN_PASSWORD begins with $argon2 but is not a whole argon2 hash"
            " (quote it: shells and compose files replace $)"
        ) from None
    return setting
