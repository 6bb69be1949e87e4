"""Every setting of the bot, read once from the environment (or a .env file) and then frozen."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference_queue.presets import PRESETS


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _known_preset(name: str) -> str:
    if name != "auto" and name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; known are auto, {', '.join(PRESETS)}")
    return name


Hosts = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The bot's settings; each field is the environment variable ``BOT_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix="BOT_", env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    data_dir: Path = Path("data")
    simulator: bool = False
    language: Literal["ko", "en"] = "ko"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    kakao_secret: SecretStr = SecretStr("")
    kakao_callback_hosts: Hosts = (".kakao.com",)
    #: Seconds from receipt to the webhook's own answer; Kakao gives up at 5 (kakao.md D1).
    kakao_sync_budget_s: float = Field(3.8, ge=0, le=4.8)
    #: Seconds from receipt in which the callback URL is used; Kakao's guides say 60, or 300.
    kakao_callback_budget_s: float = Field(48.0, gt=0, le=290)
    #: A callback POST right after the acknowledgement can be refused (seen in the field).
    kakao_callback_gap_s: float = Field(1.0, ge=0, le=10)
    #: How long an answer waits for its button.
    kakao_hold_s: float = Field(1800.0, gt=0)

    #: Tokens of an answer on Kakao: three bubbles hold about 2,700 characters.
    kakao_max_new_tokens: int = Field(1300, ge=1, le=8192)

    slack_signing_secret: SecretStr = SecretStr("")
    slack_bot_token: SecretStr = SecretStr("")
    slack_api_url: str = "https://slack.com/api/"
    slack_response_hosts: Hosts = ("hooks.slack.com",)
    #: Who sees the answer to a slash command: the whole channel, or only who asked.
    slack_command_visibility: Literal["in_channel", "ephemeral"] = "in_channel"

    admin_user: str = "admin"
    #: Plain, or an argon2 hash; empty: there is no dashboard.
    admin_password: SecretStr = SecretStr("")
    #: The dashboard is reached only through a proxy that sets X-Forwarded-For and -Proto itself.
    admin_behind_proxy: bool = False

    #: A key of presets.PRESETS, or "auto": the preset of the model the workers announce.
    preset: Annotated[str, AfterValidator(_known_preset)] = "auto"
    #: Replaces the preset's system prompt where set.
    system_prompt: str = ""
    #: Earlier turns that go into a prompt, at most.
    history_turns: int = Field(20, ge=0, le=200)
    max_utterance_chars: int = Field(4000, ge=1, le=20_000)
    #: Messages sent so close to each other are answered together; 0 = each on its own.
    merge_window_s: float = Field(0.0, ge=0, le=10)
    #: Messages a person may send in a minute; 0 = no limit.
    rate_limit_per_minute: int = Field(0, ge=0)
    #: Turns of one messenger and tenant that may wait for the model; 0 = no bound.
    max_waiting: int = Field(1000, ge=0)
    #: Tell once per conversation that an AI answers (Korean AI Basic Act).
    ai_notice: bool = True

    _split_hosts = field_validator("kakao_callback_hosts", "slack_response_hosts", mode="before")(
        _comma_separated
    )

    @cached_property
    def kakao_secrets(self) -> tuple[str, ...]:
        """The accepted values of X-Bot-Secret: two during a rotation."""
        raw = self.kakao_secret.get_secret_value()
        return tuple(part.strip() for part in raw.split(",") if part.strip())
