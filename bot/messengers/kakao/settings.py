"""The settings of KakaoTalk: ``BOT_KAKAO_...``."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from bot.messengers.plugin import MAX_HOLD_S, MessengerSettings
from bot.settings import CommaSeparated


class KakaoSettings(MessengerSettings):
    """KakaoTalk's settings; without a secret it is off."""

    model_config = SettingsConfigDict(env_prefix="BOT_KAKAO_")

    #: The value of X-Bot-Secret; two, separated by a comma, during a rotation.
    secret: SecretStr = SecretStr("")
    #: Bots with a secret of their own: ``id:secret``, separated by commas; an id may have two.
    bot_secrets: SecretStr = SecretStr("")
    callback_hosts: CommaSeparated = (".kakao.com",)
    #: The hosts of people's photos.
    picture_hosts: CommaSeparated = (".kakaocdn.net", ".talk.kakao.com")
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
    #: Hours of silence after which a conversation begins anew; 0: never.
    idle_hours: float = Field(24.0, ge=0, le=8760)
    #: The id of the welcome block; empty: the block named "웰컴 블록".
    welcome_block: str = ""
    #: Offer the human with the quick replies: somebody answers the channel's chats.
    operator: bool = False
    #: Say in one line below each answer that an AI wrote it.
    footer: bool = False

    @field_validator("bot_secrets")
    @classmethod
    def _pairs(cls, value: SecretStr) -> SecretStr:
        for part in _parts(value):
            bot_id, colon, secret = part.partition(":")
            if not (bot_id.strip() and colon and secret.strip()):
                raise ValueError("each bot needs its id, a colon and its secret")
        return value

    @property
    def is_on(self) -> bool:
        """Whether there is any secret."""
        return bool(self.secrets or self.secrets_by_bot)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The accepted secrets of all bots without one of their own."""
        return _parts(self.secret)

    @cached_property
    def secrets_by_bot(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a bot's id and a secret of its own."""
        pairs = (part.partition(":") for part in _parts(self.bot_secrets))
        return tuple((bot_id.strip(), secret.strip()) for bot_id, _, secret in pairs)

    @property
    def first_secret(self) -> tuple[str, str]:
        """A bot's id, "" for any, and a secret that is accepted for it; "" while it is off."""
        if self.secrets:
            return "", self.secrets[0]
        return self.secrets_by_bot[0] if self.secrets_by_bot else ("", "")


def _parts(raw: SecretStr) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.get_secret_value().split(",") if part.strip())
