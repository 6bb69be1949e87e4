"""Text columns that are encrypted at rest: Fernet, which is AES-128-CBC with HMAC-SHA256."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator


class UnreadableSecretError(Exception):
    """A secret in the database was encrypted with none of the keys."""


class SecretCipher:
    """Encrypts with the first key and decrypts with all of them. Raises ValueError.

    A key is 32 random bytes in URL-safe base64, as ``Fernet.generate_key`` makes them.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(key) for key in keys]
        self._all = MultiFernet(fernets)
        self._first = fernets[0]

    def encrypt(self, secret: str) -> str:
        """The secret as printable ASCII, 1.4 times as long and 100 characters more."""
        return self._first.encrypt(secret.encode()).decode("ascii")

    def decrypt(self, stored: str) -> str:
        """The secret. Raises UnreadableSecretError."""
        try:
            return self._all.decrypt(stored).decode()
        except InvalidToken:
            raise UnreadableSecretError("no key of the settings opens this secret") from None

    def is_current(self, stored: str) -> bool:
        """Whether the first key has encrypted it."""
        try:
            self._first.decrypt(stored)
        except InvalidToken:
            return False
        return True


class EncryptedText(TypeDecorator[str]):
    """A Text column whose values only the holder of a key can read; null stays null."""

    impl = Text
    cache_ok = True

    def __init__(self, cipher: SecretCipher) -> None:
        super().__init__()
        self.cipher = cipher

    def process_bind_param(self, value: str | None, _dialect: Any) -> str | None:
        """Encrypt a value on its way into the database."""
        return None if value is None else self.cipher.encrypt(value)

    def process_result_value(self, value: Any | None, _dialect: Any) -> str | None:
        """Decrypt a value of a row. Raises UnreadableSecretError."""
        return None if value is None else self.cipher.decrypt(value)
