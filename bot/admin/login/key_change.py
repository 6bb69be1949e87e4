"""Secrets of second factors that an older key has encrypted: the first key encrypts them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.encrypted_text import SecretCipher
from bot.store.reencryption import encrypt_again

log = structlog.get_logger(__name__)

_SECRETS = {"dashboard_users": ("totp_secret",)}


class KeyChange:
    """Lets an old key of BOT_ADMIN_SECRET_KEYS be thrown away, without anybody enrolling anew."""

    def __init__(self, database: AsyncEngine, keys: Sequence[str]) -> None:
        self._database = database
        self._cipher = SecretCipher(keys) if keys else None

    async def encrypt(self) -> None:
        """Run one round. Raises DATABASE_ERRORS."""
        if self._cipher is None:
            return
        result = await encrypt_again(self._database, self._cipher, _SECRETS)
        if result.changed or result.unreadable:
            log.warning("second_factors_encrypted", **asdict(result))
