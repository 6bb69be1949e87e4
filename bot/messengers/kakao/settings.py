"""The settings of KakaoTalk: ``BOT_KAKAO_...``."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from bot.messengers.plugin import MAX_HOLD_S, MessengerSettings
from bot.settings import CommaSeparated


class KakaoSettings(MessengerSettings):
    """KakaoTalk's settings; without a secret it is off."""

    model_config = SettingsConfigDict(env_prefix="BOT_KAKAO_")

    #: The value of X-Bot-Secret; two, separated by a comma, during a rotation.
    secret: SecretStr = SecretStr("")
    callback_hosts: CommaSeparated = (".kakao.com",)
    #: Seconds from receipt to the webhook's own answer; Kakao gives up at 5 (kakao.md D1).
    sync_budget_s: float = Field(3.8, ge=0, le=4.8)
    #: Seconds from receipt in which the callback URL is used; Kakao's guides say 60, or 300.
    callback_budget_s: float = Field(48.0, gt=0, le=290)
    #: A callback POST right after the acknowledgement can be refused (seen in the field).
    callback_gap_s: float = Field(1.0, ge=0, le=10)
    #: Seconds from receipt in which a held answer can be fetched.
    hold_s: float = Field(1800.0, gt=0, le=MAX_HOLD_S)
    #: Tokens of an answer: three bubbles hold about 2,700 characters.
    max_new_tokens: int = Field(1300, ge=1, le=8192)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The accepted secrets."""
        raw = self.secret.get_secret_value()
        return tuple(part.strip() for part in raw.split(",") if part.strip())
