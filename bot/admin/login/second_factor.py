"""The second factor of a login: codes of an app, or recovery codes; each is good once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.login import one_time_codes, recovery_codes
from bot.domain.dashboard_users import DashboardUser
from bot.store import dashboard_users
from bot.store.encrypted_text import SecretCipher, UnreadableSecretError

#: Longer input is no code.
_MAX_CHARS = 64


class Code(StrEnum):
    """What a typed code is."""

    APP = "app"
    RECOVERY = "recovery"
    WRONG = "wrong"  #: or used already
    UNREADABLE = "unreadable"  #: no key of the settings opens the user's secret


class SecondFactor:
    """Enrols users and checks their codes.

    ``keys``: of BOT_ADMIN_SECRET_KEYS; without any nobody can enrol. ``clock``: seconds since the
    epoch.
    """

    def __init__(self, keys: Sequence[str], clock: Callable[[], float]) -> None:
        self._cipher = SecretCipher(keys) if keys else None
        self._clock = clock

    @property
    def is_available(self) -> bool:
        """Whether users can enrol."""
        return self._cipher is not None

    def new_secret(self) -> str:
        """A new secret, encrypted."""
        assert self._cipher is not None  # noqa: S101 - asked for only where it is available
        return self._cipher.encrypt(one_time_codes.new_secret())

    def shown(self, user: DashboardUser) -> str | None:
        """The user's secret in base32; None: there is none, or no key opens it."""
        if self._cipher is None or user.totp_secret is None:
            return None
        try:
            return self._cipher.decrypt(user.totp_secret)
        except UnreadableSecretError:
            return None

    def matching_step(self, user: DashboardUser, typed: str) -> int | None:
        """The time step of a typed code of the app; None: the code is wrong."""
        secret, digits = self.shown(user), one_time_codes.cleaned(typed[:_MAX_CHARS])
        if secret is None or not digits:
            return None
        return one_time_codes.matching_step(secret, digits, self._clock())

    async def use(self, connection: AsyncConnection, user: DashboardUser, typed: str) -> Code:
        """Check a code and use it up; the commit is the caller's."""
        if user.id is None:
            return Code.WRONG
        if one_time_codes.cleaned(typed[:_MAX_CHARS]):
            return await self._use_app_code(connection, user, user.id, typed)
        wanted = recovery_codes.code_hash(typed[:_MAX_CHARS])
        used = await dashboard_users.use_recovery_code(connection, user.id, wanted)
        return Code.RECOVERY if used else Code.WRONG

    async def _use_app_code(
        self, connection: AsyncConnection, user: DashboardUser, user_id: int, typed: str
    ) -> Code:
        if self.shown(user) is None:
            return Code.UNREADABLE
        step = self.matching_step(user, typed)
        used = step is not None and await dashboard_users.use_step(connection, user_id, step)
        return Code.APP if used else Code.WRONG
