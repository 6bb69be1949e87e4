"""The settings of the generic webhook: ``BOT_GENERIC_...``."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from bot.messengers.plugin import MAX_HOLD_S, MessengerSettings
from bot.settings import CommaSeparated


class GenericSettings(MessengerSettings):
    """The generic webhook's settings; without a secret it is off."""

    model_config = SettingsConfigDict(env_prefix="BOT_GENERIC_")

    #: The key of the signatures; two, separated by a comma, during a rotation.
    secret: SecretStr = SecretStr("")
    #: The allowed hosts of callbacks; empty: no callbacks.
    callback_hosts: CommaSeparated = ()
    #: Seconds from receipt after which an answer expires.
    hold_s: float = Field(1800.0, gt=0, le=MAX_HOLD_S)
    #: The maximum wait of a request for its answer (?wait=), in seconds.
    max_wait_s: float = Field(30.0, ge=0, le=60)
    #: The maximum of concurrent event streams of one bot.
    max_streams: int = Field(256, ge=0, le=4096)

    @cached_property
    def secrets(self) -> tuple[bytes, ...]:
        """The accepted secrets, the one to sign with first."""
        raw = self.secret.get_secret_value()
        parts = (part.strip() for part in raw.split(","))
        return tuple(part.encode("utf-8", "surrogatepass") for part in parts if part)
